package userpool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// Users arrive who had a life elsewhere: in a pool on Cognito, or in a file of
// users. They are what they were there, down to the sub and the times, so nothing
// is sent to them and no function is asked about them. To arrive twice is to
// arrive once, so whoever was interrupted begins again.

// ErrSkipped is the outcome of an Arrival whose user is there already: his sub is,
// or his user name where he came without a sub.
var ErrSkipped = errors.New("the user is there already")

var errOtherUsername = fault.New(fault.Conflict, "The sub is that of a user with another user name.")

// arriveBatch is how many users one transaction takes in.
const arriveBatch = 100

// Arrival is a user as another system had him.
type Arrival struct {
	// ID is his sub, "" for a new one. One that was given here is his alone, whether
	// he is there or has been deleted.
	ID UserID
	// Username is his user name. In a pool that is named by contacts it is the
	// contact that names him, or "" or the sub: then he is named by each of his
	// contacts that is verified, and by those he has if none is.
	Username   string
	Attributes map[string]string // without sub
	Status     UserStatus
	Enabled    bool
	Groups     []string // which are there; their order says nothing
	CreatedAt  time.Time
	ModifiedAt time.Time
	MFA        MFAPreference
	// PasswordHash is the hash that the other system kept of his password, in the
	// open; "" for none.
	PasswordHash string
	// Renew brings a user who is there already up to date: his groups become these,
	// and the rest is changed if it was changed there after it was changed here.
	Renew bool
}

// arriving is an Arrival that was read by the pool's rules.
type arriving struct {
	user   User
	names  []string // whose pending sign-ups and sign-ins end
	groups []string
	renew  bool
	isNew  bool   // his sub is of no account
	cost   string // of his password's hash, "" without one
	why    error  // why he cannot come
}

// Arrive takes users in and says of each what became of him: nil, ErrSkipped for
// one who is there already and was not changed, or the fault that kept him out,
// which keeps out nobody else. Required attributes may be missing, as they may of
// users whom an administrator makes. If it fails, the outcomes are those of the
// users who are in the store for good.
func (s *Service) Arrive(ctx context.Context, pool PoolID, users []Arrival) ([]error, error) {
	p, err := s.viewPool(ctx, pool)
	if err != nil {
		return nil, err
	}
	outcomes := make([]error, 0, len(users))
	for batch := range slices.Chunk(users, arriveBatch) {
		told, err := s.arriveTogether(ctx, p, batch)
		if err != nil {
			return outcomes, err
		}
		outcomes = append(outcomes, told...)
	}
	return outcomes, nil
}

// Foresee says of each user what Arrive would, and changes nothing. The pool need not
// be there yet, nor the groups. What the users are to each other it does not see.
func (s *Service) Foresee(ctx context.Context, p Pool, users []Arrival) (outcomes []error, err error) {
	at := s.now()
	err = s.store.View(ctx, func(tx Tx) error {
		outcomes = make([]error, len(users))
		for i, user := range users {
			a := s.readArrival(p, user, at)
			if outcomes[i] = a.why; a.why != nil {
				continue
			}
			old, err := tx.User(ctx, p.ID, a.user.ID)
			switch {
			case err == nil && old.Username != a.user.Username:
				outcomes[i] = errOtherUsername
			case err == nil && (!a.renew || !a.user.ModifiedAt.After(old.ModifiedAt)):
				outcomes[i] = ErrSkipped
			case err == nil || errors.Is(err, ErrNotFound):
				if outcomes[i], err = nameOfAnother(ctx, tx, p, a.user); err != nil {
					return err
				}
			default:
				return err
			}
		}
		return nil
	})
	return outcomes, err
}

// arriveTogether takes in a batch in one transaction, which is one call in the
// audit trail: of the pool, and of nobody in it.
func (s *Service) arriveTogether(ctx context.Context, p Pool, batch []Arrival) (outcomes []error, err error) {
	at := s.now()
	read := make([]arriving, len(batch))
	for i, a := range batch {
		read[i] = s.readArrival(p, a, at)
	}
	ctx = s.beginArrival(ctx)
	err = s.store.Update(ctx, func(tx Tx) error {
		outcomes = make([]error, len(read))
		if _, err := loadPool(ctx, tx, p.ID); err != nil {
			return err
		}
		groups, err := groupsThere(ctx, tx, p.ID, read)
		if err != nil {
			return err
		}
		if err := noteCosts(ctx, tx, p.ID, read); err != nil {
			return err
		}
		for i, a := range read {
			if outcomes[i], err = s.arrive(ctx, tx, p, a, groups, at); err != nil {
				return err
			}
		}
		tellArrivals(ctx, outcomes)
		return nil
	})
	s.End(ctx, err)
	return outcomes, err
}

// noteCosts remembers what the hashes of those who come cost to check.
func noteCosts(ctx context.Context, tx Tx, pool PoolID, users []arriving) error {
	noted := make(map[string]bool)
	for _, a := range users {
		if a.cost == "" || noted[a.cost] {
			continue
		}
		noted[a.cost] = true
		if err := tx.NoteHashCost(ctx, pool, a.cost, maxHashCosts); err != nil {
			return fmt.Errorf("note cost of a password hash: %w", err)
		}
	}
	return nil
}

// operationArrive is what a batch is called in the trail where no call is under way.
const operationArrive = "ArriveUsers"

// beginArrival begins the entry of a batch, which is its caller's.
func (s *Service) beginArrival(ctx context.Context) context.Context {
	call := Call{Operation: operationArrive, Kind: ActorSystem}
	if e := entryOf(ctx); e != nil {
		call = e.call
	}
	ctx = s.Begin(ctx, call)
	entryOf(ctx).crowd = true
	return ctx
}

// tellArrivals notes how many of a batch came, and how many did not.
func tellArrivals(ctx context.Context, outcomes []error) {
	var came, skipped, refused int
	for _, err := range outcomes {
		switch {
		case err == nil:
			came++
		case errors.Is(err, ErrSkipped):
			skipped++
		default:
			refused++
		}
	}
	e := entryOf(ctx)
	e.note("arrived", came)
	e.note("skipped", skipped)
	e.note("refused", refused)
}

// groupsThere are those of the groups that users are to be in which there are.
func groupsThere(ctx context.Context, tx Tx, pool PoolID, users []arriving) (map[string]bool, error) {
	there := make(map[string]bool)
	for _, a := range users {
		for _, name := range a.groups {
			if _, looked := there[name]; looked {
				continue
			}
			_, err := tx.Group(ctx, pool, name)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return nil, err
			}
			there[name] = err == nil
		}
	}
	return there, nil
}

// readArrival reads what is said of a user by the pool's rules.
func (s *Service) readArrival(p Pool, a Arrival, at time.Time) arriving {
	u, err := a.user(p, at)
	if err != nil {
		return arriving{why: err}
	}
	cost := ""
	if a.PasswordHash != "" {
		h, err := knownHash(a.PasswordHash)
		if err != nil {
			return arriving{why: err}
		}
		cost = h.Cost()
		u.PasswordHash = s.ring.Seal(sealHash, []byte(u.ID), []byte(a.PasswordHash))
		u.PasswordAt = u.ModifiedAt
		// Nobody has shown that the contact is his. If it is another's, a code to it
		// must end the password.
		u.Unproved = p.Settings.namedByContact() && !p.Settings.exact() && !u.anyProved()
	}
	names := u.Names
	if !p.Settings.namedByContact() {
		names = []string{u.Username}
	}
	return arriving{user: u, names: names, groups: sorted(a.Groups), renew: a.Renew, cost: cost, isNew: a.ID == "" && !uuidText.MatchString(a.Username)}
}

func sorted(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

func (u User) anyProved() bool {
	return u.Attributes[AttrPhoneVerified] == "true" || u.Attributes[AttrEmailVerified] == "true"
}

// user is the Arrival as a user of the pool.
func (a Arrival) user(p Pool, at time.Time) (User, error) {
	if err := a.statusKept(); err != nil {
		return User{}, err
	}
	attrs, err := anyAttributes(p, a.list())
	if err != nil {
		return User{}, err
	}
	u := User{
		PoolID: p.ID, ID: a.ID, Username: a.Username, Status: a.Status, Enabled: a.Enabled,
		Attributes: attrs, MFA: a.MFA, CreatedAt: earlier(a.CreatedAt, at),
	}
	u.ModifiedAt = later(earlier(a.ModifiedAt, at), u.CreatedAt)
	if a.ID != "" && !uuidText.MatchString(string(a.ID)) {
		return User{}, fault.New(fault.InvalidParameter, "The sub is no UUID.")
	}
	for _, attr := range contactAttributes {
		if u.contact(attr).IsZero() {
			delete(u.Attributes, verifiedName(attr))
		}
	}
	if p.Settings.namedByContact() {
		return u.namedByContact(p)
	}
	l, err := newName(p, a.Username)
	if err != nil {
		return User{}, err
	}
	if l.name == "" {
		return User{}, fault.New(fault.InvalidParameter, "The user has no user name.")
	}
	if u.ID == "" {
		u.ID = UserID(newID())
	}
	u.Username = l.name
	u.Names = signInNames(p, u)
	return u, nil
}

// statusKept refuses statuses that no user has here.
func (a Arrival) statusKept() error {
	switch a.Status {
	case StatusConfirmed, StatusForceChangePassword, StatusResetRequired:
		return nil
	case StatusUnconfirmed:
		return fault.New(fault.UnsupportedUserState, "The sign-up was never confirmed. Whoever it was signs up again.")
	case "EXTERNAL_PROVIDER":
		return fault.New(fault.UnsupportedUserState, "The user signs in by an identity provider, of which there is none here.")
	}
	return fault.New(fault.UnsupportedUserState, "Users of the status %s do not come over.", clip(string(a.Status)))
}

// list are the attributes that have a value, in the order of their names, so that
// the first that is wrong is always the same.
func (a Arrival) list() (list []Attribute) {
	for _, name := range slices.Sorted(maps.Keys(a.Attributes)) {
		if value := a.Attributes[name]; value != "" {
			list = append(list, Attribute{name, value})
		}
	}
	return list
}

// earlier is the time, or the latest that it may be; that too where it is not known.
func earlier(t, latest time.Time) time.Time {
	if t.IsZero() || t.After(latest) {
		return latest
	}
	return t.Truncate(time.Millisecond)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// namedByContact gives the user id and names of a pool that is named by contacts.
func (u User) namedByContact(p Pool) (User, error) {
	given := u.Username
	if uuidText.MatchString(given) {
		if u.ID == "" {
			u.ID = UserID(given)
		}
		if given != string(u.ID) {
			return User{}, fault.New(fault.InvalidParameter, "The user name is another UUID than the sub.")
		}
		given = ""
	}
	if u.ID == "" {
		u.ID = UserID(newID())
	}
	u.Username = string(u.ID)
	if given != "" {
		l, err := newName(p, given)
		if err != nil {
			return User{}, err
		}
		if err := l.claimContact(p.Settings, u.Attributes); err != nil {
			return User{}, err
		}
		u.Names = []string{l.name}
	} else if len(signInNames(p, u)) == 0 {
		u.Names = contactNames(p, u)
	}
	if u.Names = signInNames(p, u); len(u.Names) == 0 {
		return User{}, fault.New(fault.InvalidParameter, "The user has none of the contacts that users of the pool sign in with.")
	}
	return u, nil
}

// contactNames are the names that the user's contacts make, verified or not.
func contactNames(p Pool, u User) (names []string) {
	for _, attr := range p.Settings.UsernameAttributes {
		if c := u.contact(attr); !c.IsZero() {
			names = append(names, p.Settings.nameOfContact(c))
		}
	}
	return names
}

// arrive stores one user. An error ends the batch, the outcome is his alone.
func (s *Service) arrive(ctx context.Context, tx Tx, p Pool, a arriving, groups map[string]bool, at time.Time) (outcome, err error) {
	if a.why != nil {
		return a.why, nil
	}
	for _, g := range a.groups {
		if !groups[g] {
			return fault.New(fault.ResourceNotFound, "There is no group %s.", g), nil
		}
	}
	if len(a.groups) > maxGroupsOfUser {
		return fault.New(fault.LimitExceeded, "A user is in at most %d groups.", maxGroupsOfUser), nil
	}
	switch old, err := tx.User(ctx, p.ID, a.user.ID); {
	case err == nil:
		return s.arriveAgain(ctx, tx, p, a, old, at)
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	if outcome, err := nameOfAnother(ctx, tx, p, a.user); outcome != nil || err != nil {
		if a.isNew && fault.Is(outcome, fault.UsernameExists) {
			outcome = ErrSkipped
		}
		return outcome, err
	}
	for _, name := range a.names {
		if err := tx.DeleteRegistrations(ctx, p.ID, name); err != nil {
			return nil, fmt.Errorf("end registrations: %w", err)
		}
		if err := s.endStandIn(ctx, tx, p.ID, name); err != nil {
			return nil, err
		}
	}
	if err := tx.InsertUser(ctx, a.user); errors.Is(err, ErrExists) {
		return fault.New(fault.Conflict, "The sub was that of a user who has been deleted here, or is a name."), nil
	} else if err != nil {
		return nil, fmt.Errorf("insert user: %w", err)
	}
	// When a pool moves, all its users come at once, and to the guard they would look
	// like a crowd of strangers. The numbers that they proved there are known ones.
	if err := s.signedInBy(ctx, tx, a.user, at); err != nil {
		return nil, fmt.Errorf("note number: %w", err)
	}
	return nil, joinGroups(ctx, tx, a.user, a.groups, at)
}

// nameOfAnother says which of the user's names is somebody else's. Of a user who
// has a name of his own, that is first: where it has come with another sub, it may
// be he.
func nameOfAnother(ctx context.Context, tx Tx, p Pool, u User) (outcome, err error) {
	names := u.Names
	if !p.Settings.namedByContact() {
		names = append([]string{u.Username}, u.Names...)
	}
	for i, name := range names {
		old, err := tx.UserByName(ctx, p.ID, name)
		switch {
		case errors.Is(err, ErrNotFound) || err == nil && old.ID == u.ID:
			continue
		case err != nil:
			return nil, err
		case i == 0 && !p.Settings.namedByContact():
			return errAccountExists, nil
		case p.Settings.namedByContact():
			return nameExists(p, name, errAccountExists), nil
		}
		return errAliasExists(u.attributeOf(p, name)), nil
	}
	return nil, nil
}

func joinGroups(ctx context.Context, tx Tx, u User, groups []string, at time.Time) error {
	for _, g := range groups {
		joined, err := tx.JoinGroup(ctx, Membership{PoolID: u.PoolID, Group: g, User: u.ID, AddedAt: at}, maxGroupsOfUser)
		if err != nil {
			return fmt.Errorf("join group: %w", err)
		}
		if !joined {
			return fmt.Errorf("join group: %s went away within the transaction", g)
		}
	}
	return nil
}

// arriveAgain is the arrival of a user whose sub is there.
func (s *Service) arriveAgain(ctx context.Context, tx Tx, p Pool, a arriving, old User, at time.Time) (outcome, err error) {
	switch {
	case old.Username != a.user.Username:
		return errOtherUsername, nil
	case !a.renew:
		return ErrSkipped, nil
	}
	moved, err := moveGroups(ctx, tx, old, a.groups, at)
	if err != nil {
		return nil, err
	}
	if a.user.ModifiedAt.After(old.ModifiedAt) {
		return s.renewUser(ctx, tx, p, a.user, old, at)
	}
	if !moved {
		return ErrSkipped, nil
	}
	return nil, nil
}

// moveGroups makes the user a member of these groups and of no others, and says
// whether he was not that already.
func moveGroups(ctx context.Context, tx Tx, u User, groups []string, at time.Time) (moved bool, err error) {
	was, err := tx.GroupsOf(ctx, u.PoolID, u.ID)
	if err != nil {
		return false, err
	}
	var names []string
	for _, g := range was {
		names = append(names, g.Name)
		if slices.Contains(groups, g.Name) {
			continue
		}
		if err := tx.LeaveGroup(ctx, u.PoolID, g.Name, u.ID); err != nil {
			return false, err
		}
		moved = true
	}
	joins := slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return slices.Contains(names, g) })
	return moved || len(joins) > 0, joinGroups(ctx, tx, u, joins, at)
}

// renewUser brings a user up to date. A password that was set here stays, with
// what was proved here.
func (s *Service) renewUser(ctx context.Context, tx Tx, p Pool, fresh, old User, at time.Time) (outcome, err error) {
	if outcome, err := nameOfAnother(ctx, tx, p, fresh); outcome != nil || err != nil {
		return outcome, err
	}
	u := old
	u.Names, u.Attributes, u.Enabled = fresh.Names, fresh.Attributes, fresh.Enabled
	u.ModifiedAt, u.Pending = fresh.ModifiedAt, nil
	if fresh.MFA != (MFAPreference{}) { // not every reader learns of it
		u.MFA = fresh.MFA
	}
	if u.Verifier == "" {
		u.Status, u.Unproved = fresh.Status, fresh.Unproved
		if fresh.PasswordHash != "" {
			u.PasswordHash, u.PasswordAt = fresh.PasswordHash, fresh.PasswordAt
		}
	}
	if !maps.Equal(old.Attributes, u.Attributes) {
		if err := endPending(ctx, tx, old); err != nil { // of contacts that may not be his any more
			return nil, err
		}
	}
	if err := tx.UpdateUser(ctx, u); errors.Is(err, ErrExists) {
		return errAccountExists, nil
	} else if err != nil {
		return nil, fmt.Errorf("renew user: %w", err)
	}
	if old.Enabled && !u.Enabled {
		if _, err := signOut(ctx, tx, u, at); err != nil {
			return nil, err
		}
	}
	return nil, s.moveNames(ctx, tx, p, old, u)
}

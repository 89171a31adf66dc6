package userpool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/otp"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// temporaryLength is the length of a password that Bellhop makes for somebody.
const temporaryLength = 14

// loadPool loads the pool that an administrative operation names.
func loadPool(ctx context.Context, tx Tx, id PoolID) (Pool, error) {
	p, err := tx.Pool(ctx, id)
	if err != nil {
		return Pool{}, notFound(err, errNoPool(id))
	}
	return p, nil
}

func errNoPool(id PoolID) *fault.Error {
	return fault.New(fault.ResourceNotFound, "User pool %s does not exist.", id)
}

// AdminCreateUser makes a user for somebody: in a passwordless pool and without
// a temporary password at once CONFIRMED, else with a temporary password that
// must be changed, and is texted unless suppressed.
func (s *Service) AdminCreateUser(ctx context.Context, r NewUser) (UserView, error) {
	at := s.now()
	p, err := s.viewPool(ctx, r.PoolID)
	if err != nil {
		return UserView{}, err
	}
	ctx, cancel := p.patient(ctx)
	defer cancel()
	if r.Resend {
		return s.resendInvitation(ctx, p, r, at)
	}
	u, name, err := newUser(p, r, at)
	if err != nil {
		return UserView{}, err
	}
	if err := s.preCreate(ctx, p, u, r); err != nil {
		return UserView{}, err
	}
	if r.TemporaryPassword == "" && canDoWithout(p, u.Attributes) == nil {
		return s.createByAdmin(ctx, p, u, name, r.ForceAliasCreation, nil, at)
	}
	u.Status = StatusForceChangePassword
	verifier, invitation, err := s.invite(ctx, p, u, r, at)
	if err != nil {
		return UserView{}, err
	}
	u.setPassword(p, verifier, at)
	return s.createByAdmin(ctx, p, u, name, r.ForceAliasCreation, invitation, at)
}

func (s *Service) viewPool(ctx context.Context, id PoolID) (p Pool, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		p, err = loadPool(ctx, tx, id)
		return err
	})
	return p, err
}

// newUser reads what an administrator says of a user, and the name that the user
// is to have.
func newUser(p Pool, r NewUser, at time.Time) (User, string, error) {
	l, err := newName(p, r.Username)
	if err != nil {
		return User{}, "", err
	}
	if slices.ContainsFunc(r.Attributes, func(a Attribute) bool { return a.Name == AttrSub }) {
		return User{}, "", schema("sub: Attribute cannot be updated.\n")
	}
	attrs, err := anyAttributes(p, r.Attributes)
	if err != nil {
		return User{}, "", err
	}
	if err := l.claimContact(p.Settings, attrs); err != nil {
		return User{}, "", err
	}
	u := User{
		PoolID: p.ID, ID: UserID(newID()), Username: l.name, Status: StatusConfirmed, Enabled: true,
		Attributes: attrs, CreatedAt: at, ModifiedAt: at,
	}
	if p.Settings.namedByContact() {
		u.Username, u.Names = string(u.ID), []string{l.name}
	}
	u.Names = signInNames(p, u)
	return u, l.name, nil
}

// invite makes the temporary password of a user: its verifier, and the text
// that tells it, nil where none is wanted.
func (s *Service) invite(ctx context.Context, p Pool, u User, r NewUser, at time.Time) (verifier secret, invitation *Message, err error) {
	password, err := s.temporaryPassword(p, r.TemporaryPassword)
	if err != nil {
		return secret{}, nil, err
	}
	if verifier, err = s.newVerifier(ctx, p, u.ID, u.Username, password); err != nil {
		return secret{}, nil, err
	}
	invitation, err = s.invitation(ctx, p, u, r, password, at)
	return verifier, invitation, err
}

// temporaryPassword checks the one given, or makes one.
func (s *Service) temporaryPassword(p Pool, given string) (string, error) {
	if given == "" {
		length := max(temporaryLength, p.Settings.Password.MinimumLength)
		return otp.DerivePassword(s.ring.Current().Derive(keyCodes), newHandle(), length).Reveal(), nil
	}
	if c := p.Settings.Password.complaint(given); c != "" {
		return "", fault.New(fault.InvalidPassword, "Password did not conform with password policy: %s", c)
	}
	return given, nil
}

// invitation is the message that tells a user his temporary password, nil where
// none is wanted. It goes by SMS unless other media are desired (the service
// model's DesiredDeliveryMediums), and by the one that he has where the first
// is not to be had.
func (s *Service) invitation(ctx context.Context, p Pool, u User, r NewUser, password string, at time.Time) (*Message, error) {
	if r.Suppress {
		return nil, nil
	}
	to, err := invited(u, r.DesiredMediums)
	if err != nil {
		return nil, err
	}
	if err := s.canSend(ctx, &codeRequest{pool: p, purpose: PurposeInvite, to: to, at: at}); err != nil {
		return nil, err
	}
	want := codeRequest{
		pool: p, purpose: PurposeInvite, subject: string(u.ID), to: to, user: u, caller: r.Caller, at: at,
		wording: &wording{metadata: r.ClientMetadata}, source: trigger.CustomMessageAdminCreateUser,
	}
	if p.wordedByFunction(PurposeInvite, to) {
		byFunction, err := s.wordMessage(ctx, occasion{pool: p, userName: u.Username}, want.source, u, to, r.ClientMetadata)
		if err != nil {
			return nil, err
		}
		want.wording.said = map[wish]words{{want.subject, want.to}: byFunction}
	}
	words, err := s.say(&want)
	if err != nil {
		return nil, err
	}
	id := MessageID(newOrderedID(at))
	m, err := s.sealLetter(Message{
		ID: id, PoolID: p.ID, Purpose: PurposeInvite, To: to,
		Template: words.text, Headline: words.headline, Username: u.mainName(),
		Wording: words.wording, Language: words.language, Country: s.countryOf(to), Nth: 1,
		Secret:    s.ring.Seal(sealText, []byte(id), []byte(password)),
		CreatedAt: at, NextAt: at, ExpiresAt: at.Add(time.Hour),
	}, p, want.source, u, r.ClientMetadata)
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// invited is where an invitation goes.
func invited(u User, desired []string) (Contact, error) {
	media := desired
	if len(media) == 0 {
		media = []string{bySMS, byEmail}
	}
	for _, medium := range []string{bySMS, byEmail} {
		for _, attr := range contactAttributes {
			if c := u.contact(attr); slices.Contains(media, medium) && c.fits(medium) {
				return c, nil
			}
		}
	}
	return Contact{}, fault.New(fault.InvalidParameter, "The user has no phone number or e-mail address for an invitation by the desired media. Use MessageAction SUPPRESS.")
}

// createByAdmin stores the user, ends the pending sign-ups of the name, and puts
// the invitation in the outbox.
func (s *Service) createByAdmin(ctx context.Context, p Pool, u User, name string, force bool, invitation *Message, at time.Time) (UserView, error) {
	err := s.store.Update(ctx, func(tx Tx) error {
		switch _, err := holder(ctx, tx, Registration{PoolID: p.ID, Name: name}); {
		case err == nil:
			return nameExists(p, name, errAccountExists)
		case !errors.Is(err, ErrNotFound):
			return err
		}
		if regs, err := tx.Registrations(ctx, p.ID, name, at); err != nil || (len(regs) > 0 && p.Settings.exact()) {
			return cmp.Or(err, error(nameExists(p, name, errAccountExists)))
		}
		if err := s.freeAliases(ctx, tx, p, u, force, at); err != nil {
			return err
		}
		if err := s.createFromSignUp(ctx, tx, p, u, name); err != nil {
			return err
		}
		if invitation == nil {
			return nil
		}
		return tx.InsertMessage(ctx, *invitation)
	})
	if err != nil {
		return UserView{}, err
	}
	return u.view(all), nil
}

func all(string) bool { return true }

// resendInvitation gives a user who has not signed in yet a new temporary
// password.
func (s *Service) resendInvitation(ctx context.Context, p Pool, r NewUser, at time.Time) (UserView, error) {
	l, err := parseLogin(p, r.Username)
	if err != nil {
		return UserView{}, err
	}
	var u User
	find := func(tx Tx) error {
		if u, err = findUser(ctx, tx, p.ID, l); err != nil {
			return notFound(err, errNoUser)
		}
		if u.Status != StatusForceChangePassword {
			return fault.New(fault.UnsupportedUserState, "Resend not possible. %s status is not FORCE_CHANGE_PASSWORD", u.Username)
		}
		return nil
	}
	if err := s.store.View(ctx, find); err != nil {
		return UserView{}, err
	}
	verifier, invitation, err := s.invite(ctx, p, u, r, at)
	if err != nil {
		return UserView{}, err
	}
	err = s.store.Update(ctx, func(tx Tx) error {
		if err := find(tx); err != nil { // he may have changed it meanwhile
			return err
		}
		if err := endPending(ctx, tx, u); err != nil {
			return err
		}
		if err := tx.ClearPasswordLock(ctx, p.ID, string(u.ID)); err != nil {
			return err
		}
		u.setPassword(p, verifier, at)
		if err := tx.UpdateUser(ctx, u); err != nil {
			return err
		}
		if invitation == nil {
			return nil
		}
		return tx.InsertMessage(ctx, *invitation)
	})
	if err != nil {
		return UserView{}, err
	}
	return u.view(all), nil
}

// target is whom an administrative operation means: a user, or the newest
// pending sign-up of the name.
type target struct {
	pool   Pool
	user   User
	known  bool
	newest Registration
	all    []Registration // of the name, newest first
}

func findTarget(ctx context.Context, tx Tx, pool PoolID, username string, at time.Time) (target, error) {
	p, err := loadPool(ctx, tx, pool)
	if err != nil {
		return target{}, err
	}
	l, err := parseLogin(p, username)
	if err != nil {
		return target{}, errNoUser
	}
	u, err := findUser(ctx, tx, pool, l)
	if err == nil {
		return target{pool: p, user: u, known: true}, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return target{}, err
	}
	regs, err := findRegistrations(ctx, tx, pool, l, at)
	if err != nil {
		return target{}, err
	}
	if len(regs) == 0 {
		return target{}, errNoUser
	}
	return target{pool: p, newest: regs[0], all: regs}, nil
}

// pendingView shows a sign-up that nobody confirmed as Cognito shows the user.
func pendingView(p Pool, r Registration) UserView {
	return r.asUser(p).view(all)
}

// AdminGetUser shows a user, or the newest pending sign-up of the name.
func (s *Service) AdminGetUser(ctx context.Context, pool PoolID, username string) (view UserView, err error) {
	at := s.now()
	err = s.store.View(ctx, func(tx Tx) error {
		t, err := findTarget(ctx, tx, pool, username, at)
		if err != nil {
			return err
		}
		view = t.user.view(all)
		if !t.known {
			view = pendingView(t.pool, t.newest)
		}
		return nil
	})
	return view, err
}

// AdminConfirmSignUp makes the newest pending sign-up of the name a user,
// without proof of the number. Its password and attributes stay only if one
// and the same address block and client made all of the name's sign-ups: the
// administrator cannot tell whose the newest is.
func (s *Service) AdminConfirmSignUp(ctx context.Context, pool PoolID, username string, metadata map[string]string) error {
	at := s.now()
	var t target
	var u User
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		if t, err = findTarget(ctx, tx, pool, username, at); err != nil {
			return err
		}
		if t.known {
			return fault.New(fault.NotAuthorized, "User cannot be confirmed. Current status is %s", t.user.Status)
		}
		u, err = s.adminConfirm(ctx, tx, t, at)
		return err
	})
	if err != nil {
		return err
	}
	return s.confirmed(ctx, t.pool, "", u, trigger.PostConfirmationConfirmSignUp, metadata)
}

func (s *Service) adminConfirm(ctx context.Context, tx Tx, t target, at time.Time) (User, error) {
	own := t.pool.Settings.exact() ||
		allBy(t.all, t.newest.Requester, t.newest.ClientID) && t.pool.Settings.Behaviour() != Strict
	if t.newest.Existing != "" {
		return User{}, errNoUser
	}
	return s.confirmUnproved(ctx, tx, t.pool, t.newest, own, at)
}

// confirmUnproved makes a sign-up a user though nobody has shown that its contact
// is his. What it said of him stays if it is his own, until a code proves that it
// was not (see User.Unproved); a contact is verified if PreSignUp called it so. An
// alias of such a contact that somebody has moves only in a pool that is exact.
func (s *Service) confirmUnproved(ctx context.Context, tx Tx, p Pool, reg Registration, own bool, at time.Time) (User, error) {
	u := User{
		PoolID: p.ID, ID: reg.Sub, Username: p.Settings.username(reg), Status: StatusConfirmed, Enabled: true,
		Attributes: map[string]string{}, CreatedAt: reg.CreatedAt, ModifiedAt: at, Unproved: !p.Settings.exact(),
	}
	if own {
		u.Attributes = maps.Clone(reg.Attributes)
		if u.Verifier, u.SRPIdentity = reg.Verifier, reg.SRPIdentity; u.Verifier != "" {
			u.PasswordAt = at
		}
	} else if to := signUpContact(p, reg); !to.IsZero() {
		u.Attributes[to.attribute()] = to.Text()
	}
	if name := p.Settings.loginBy(reg.Name).contact; !name.IsZero() {
		u.Names = []string{reg.Name}
		u.Attributes[name.attribute()] = orElse(reg.Attributes[name.attribute()], name.Text())
	}
	for _, attr := range contactAttributes {
		if c := u.contact(attr); !c.IsZero() {
			u.Attributes[c.verified()] = orElse(u.Attributes[c.verified()], "false")
		}
	}
	u.Names = signInNames(p, u)
	if err := s.freeAliases(ctx, tx, p, u, p.Settings.exact(), at); err != nil {
		return User{}, err
	}
	return u, s.createFromSignUp(ctx, tx, p, u, reg.Name)
}

// AdminSetUserPassword sets a password: permanent, or temporary and to be
// changed at the next sign-in. A pending sign-up becomes a user by it.
func (s *Service) AdminSetUserPassword(ctx context.Context, pool PoolID, username, password string, permanent bool) error {
	at := s.now()
	var t target
	err := s.store.View(ctx, func(tx Tx) (err error) {
		t, err = findTarget(ctx, tx, pool, username, at)
		return err
	})
	if err != nil {
		return err
	}
	if c := t.pool.Settings.Password.complaint(password); c != "" {
		return fault.New(fault.InvalidPassword, "Password does not conform to policy: %s", c)
	}
	whose := t.user
	if !t.known {
		whose = User{ID: t.newest.Sub, Username: t.pool.Settings.username(t.newest)}
	}
	id := whose.ID
	verifier, err := s.replacement(ctx, t.pool, whose, password)
	if err != nil {
		return err
	}
	if verifier.reused {
		return errPasswordUsed
	}
	return s.store.Update(ctx, func(tx Tx) error {
		u, err := tx.User(ctx, pool, id)
		if errors.Is(err, ErrNotFound) && !t.known {
			u, err = s.adminConfirm(ctx, tx, t, at)
		}
		if err != nil {
			return notFound(err, errNoUser)
		}
		if u.Unproved { // the administrator's password is nothing of the stranger's
			u = u.bare(u.mainContact(t.pool))
			u.endAll(at)
			if err := forgetOwned(ctx, tx, u, at); err != nil {
				return err
			}
		}
		u.setPassword(t.pool, verifier, at)
		u.Pending = nil
		u.Status, u.Unproved = StatusConfirmed, false
		if !permanent {
			u.Status = StatusForceChangePassword
		}
		if err := tx.ClearPasswordLock(ctx, pool, string(id)); err != nil {
			return err
		}
		if err := endPending(ctx, tx, u); err != nil {
			return err
		}
		return tx.UpdateUser(ctx, u)
	})
}

// endPending ends what was begun with credentials that no longer hold.
func endPending(ctx context.Context, tx Tx, u User) error {
	if err := tx.DeleteSessions(ctx, u.PoolID, string(u.ID)); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return tx.DeleteChallenges(ctx, u.PoolID, string(u.ID))
}

// AdminDisableUser keeps the user from signing in and ends all tokens.
func (s *Service) AdminDisableUser(ctx context.Context, pool PoolID, username string) error {
	at := s.now()
	return s.updateTarget(ctx, pool, username, at, func(tx Tx, u User) error {
		u.Enabled, u.ModifiedAt = false, at
		_, err := signOut(ctx, tx, u, at)
		return err
	})
}

// AdminEnableUser lets the user sign in again.
func (s *Service) AdminEnableUser(ctx context.Context, pool PoolID, username string) error {
	at := s.now()
	return s.updateTarget(ctx, pool, username, at, func(tx Tx, u User) error {
		u.Enabled, u.ModifiedAt = true, at
		return tx.UpdateUser(ctx, u)
	})
}

func (s *Service) updateTarget(ctx context.Context, pool PoolID, username string, at time.Time, fn func(Tx, User) error) error {
	return s.store.Update(ctx, func(tx Tx) error {
		u, err := userTarget(ctx, tx, pool, username, at)
		if err != nil {
			return err
		}
		return fn(tx, u)
	})
}

// userTarget finds a user where a sign-up that is not confirmed makes no sense.
func userTarget(ctx context.Context, tx Tx, pool PoolID, username string, at time.Time) (User, error) {
	t, err := findTarget(ctx, tx, pool, username, at)
	if err != nil {
		return User{}, err
	}
	if !t.known {
		return User{}, fault.New(fault.InvalidParameter, "The sign-up is not confirmed, so there is no user yet. AdminConfirmSignUp makes it one, AdminDeleteUser removes it.")
	}
	return t.user, nil
}

// AdminDeleteUser removes a user, or all pending sign-ups of the name.
func (s *Service) AdminDeleteUser(ctx context.Context, pool PoolID, username string) error {
	at := s.now()
	return s.store.Update(ctx, func(tx Tx) error {
		t, err := findTarget(ctx, tx, pool, username, at)
		if err != nil {
			return err
		}
		if t.known {
			return deleteUser(ctx, tx, t.user)
		}
		return tx.DeleteRegistrations(ctx, pool, t.newest.Name)
	})
}

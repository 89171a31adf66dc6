package userpool

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// login is what somebody signs in with in a phone-named pool: the number, or
// the sub that the server told him.
type login struct {
	number phone.Number
	id     UserID
}

var uuidText = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// parseLogin reads a user name. What is neither a UUID nor a phone number is
// refused with what is wrong with it.
func parseLogin(username string) (login, error) {
	if uuidText.MatchString(username) {
		return login{id: UserID(username)}, nil
	}
	n, err := phone.Parse(username)
	if err != nil {
		return login{}, err
	}
	return login{number: n}, nil
}

// name is the sign-in name in the store, "" where the sub was given.
func (l login) name() string {
	if l.number.IsZero() {
		return ""
	}
	return l.number.E164()
}

// subject is whom a request speaks of: a user, a number that has only pending
// sign-ups, or nobody.
type subject struct {
	user    User // zero unless known
	known   bool
	pending bool         // a sign-up waits; texted-code sign-in makes the user
	id      UserID       // canonical, or what stands for it
	number  phone.Number // zero if nobody can be texted
	retired int
}

// decoy says that nobody can sign in here, though it must look as if.
func (u subject) decoy() bool { return !u.pending && (!u.known || !u.user.Enabled) }

// findSubject looks up whom the login speaks of. It does the same reads whether
// or not there is such a user.
func (s *Service) findSubject(ctx context.Context, tx Tx, pool Pool, l login, at time.Time) (subject, error) {
	u, err := findUser(ctx, tx, pool.ID, l)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return subject{}, err
	}
	known := err == nil
	sub := subject{user: u, known: known, id: u.ID, number: l.number}
	if known {
		l.number = phone.FromCanonical(u.Attributes[AttrPhone])
		sub.number = l.number
	}
	regs, err := findRegistrations(ctx, tx, pool.ID, l, at)
	if err != nil {
		return subject{}, err
	}
	retired, err := tx.Retired(ctx, pool.ID, l.name())
	if err != nil {
		return subject{}, err
	}
	if known {
		return sub, nil
	}
	sub.retired = retired
	if len(regs) > 0 {
		sub.pending = true
		sub.number = phone.FromCanonical(regs[0].Name)
	}
	sub.id = s.standIn(pool.ID, l, retired)
	return sub, nil
}

// standIn is the id told for a login that has no user: the same at each call,
// and the id of the user whom a texted code makes of a pending sign-up. It is
// another one after a user of that name is gone, since an id is never given
// twice.
func (s *Service) standIn(pool PoolID, l login, retired int) UserID {
	if l.id != "" {
		return l.id
	}
	return UserID(uuidFrom(s.stable(stableDecoy, string(pool), l.name(), strconv.Itoa(retired))))
}

func findUser(ctx context.Context, tx Tx, pool PoolID, l login) (User, error) {
	if l.id != "" {
		return tx.User(ctx, pool, l.id)
	}
	return tx.UserByName(ctx, pool, l.name())
}

// findRegistrations returns the pending sign-ups of the login's name, newest
// first; a login by sub finds the name through the sign-up that was told it.
func findRegistrations(ctx context.Context, tx Tx, pool PoolID, l login, at time.Time) ([]Registration, error) {
	name := l.name()
	if name == "" {
		r, err := tx.RegistrationBySub(ctx, pool, l.id, at)
		if errors.Is(err, ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		name = r.Name
	}
	return tx.Registrations(ctx, pool, name, at)
}

// present turns the subject of a sign-in into a refusal where the client may
// know: no user, or a disabled one. Clients that prevent existence errors get
// none; there the sign-in goes on with a decoy.
func present(c Client, u subject) error {
	if c.Settings.PreventExistence {
		return nil
	}
	if !u.known && !u.pending {
		return fault.New(fault.UserNotFound, "User does not exist.")
	}
	if u.known && !u.user.Enabled {
		return errDisabled
	}
	return nil
}

var errDisabled = fault.New(fault.NotAuthorized, "User is disabled.")

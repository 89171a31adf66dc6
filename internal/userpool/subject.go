package userpool

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

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
	waits   bool         // a sign-up waits for an administrator alone
	id      UserID       // canonical, or what stands for it
	number  phone.Number // zero if nobody can be texted
}

// decoy says that nobody can sign in here, though it must look as if.
func (u subject) decoy() bool { return !u.pending && (!u.known || !u.user.Enabled) }

// slot is whose challenge it is. A decoy's is another than that of the user who
// may come to be: its code was texted to nobody.
func (u subject) slot() string {
	if u.decoy() {
		return "decoy " + string(u.id)
	}
	return string(u.id)
}

// findSubject looks up whom the login speaks of. It does the same reads whether
// or not there is such a user. A login by an id that only stands in for a number
// is one by that number: what a stand-in leads to must look like what a user's
// own id does.
func (s *Service) findSubject(ctx context.Context, tx Tx, pool Pool, l login, at time.Time) (subject, error) {
	if l.id != "" {
		if n, ok := s.standsFor(pool.ID, l.id); ok {
			u, err := s.findSubject(ctx, tx, pool, login{number: n}, at)
			if err != nil || u.id == l.id {
				return u, err
			}
			return subject{id: l.id, number: n}, nil // it has stood in, and does no more
		}
	}
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
	if !known && l.id != "" && len(regs) > 0 {
		// The sub that a sign-up was told: whom it speaks of is its number's,
		// which in a strict pool may have a user.
		return s.findSubject(ctx, tx, pool, login{number: phone.FromCanonical(regs[0].Name)}, at)
	}
	if !known && len(regs) > 0 {
		sub.waits = regs[0].ExpiresAt.IsZero()
		sub.pending = !sub.waits
		sub.number = phone.FromCanonical(regs[0].Name)
	}
	retired := 0
	if !sub.number.IsZero() {
		if retired, err = tx.Retired(ctx, pool.ID, sub.number.E164()); err != nil {
			return subject{}, err
		}
	}
	if known {
		return sub, nil
	}
	sub.id = l.id
	if !sub.number.IsZero() {
		sub.id = s.standIn(pool.ID, sub.number, retired)
	}
	return sub, nil
}

// A stand-in is the id told for a number that has no user: the same at each
// call, and the id of the user whom a texted code makes of a pending sign-up. It
// is another one after a user of that number is gone, since an id is never given
// twice. It is the number itself, enciphered: AES over the sixteen bytes of a
// UUID, again and again until the result is a version 4 UUID too (cycle walking;
// Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002).
const (
	standInTag     = 6 // bytes that say which pool it is of
	standInVersion = 6 // byte with the version, and room for the retired
	standInVariant = 8 // byte with the variant
	standInNumber  = 9 // where the number begins; 10^15 fits in the rest
	maxRetired     = 1 << 12
)

func (s *Service) standInBlock(pool PoolID, n phone.Number, retired int) [16]byte {
	var b [16]byte
	copy(b[:standInTag], s.stable(stableDecoy, "pool", string(pool)))
	retired %= maxRetired
	b[standInVersion] = 0x40 | byte(retired>>8)
	b[standInVersion+1] = byte(retired)
	b[standInVariant] = 0x80
	digits, _ := strconv.ParseUint(strings.TrimPrefix(n.E164(), "+"), 10, 64) // E.164: at most 15
	for i := len(b) - 1; i >= standInNumber; i-- {
		b[i] = byte(digits)
		digits >>= 8
	}
	return b
}

func (s *Service) standInCipher() cipher.Block {
	c, err := aes.NewCipher(s.stable(stableDecoy, "cipher"))
	if err != nil {
		panic("userpool: " + err.Error()) // impossible: 32 bytes are a key
	}
	return c
}

func isUUID4(b [16]byte) bool {
	return b[standInVersion]&0xf0 == 0x40 && b[standInVariant]&0xc0 == 0x80
}

func (s *Service) standIn(pool PoolID, n phone.Number, retired int) UserID {
	b, c := s.standInBlock(pool, n, retired), s.standInCipher()
	for c.Encrypt(b[:], b[:]); !isUUID4(b); {
		c.Encrypt(b[:], b[:])
	}
	return UserID(uuid.UUID(b).String())
}

// standsFor is the number that an id stands in for, if it is a stand-in of the
// pool.
func (s *Service) standsFor(pool PoolID, id UserID) (phone.Number, bool) {
	u, err := uuid.Parse(string(id))
	if err != nil || !isUUID4(u) {
		return phone.Number{}, false
	}
	b, c := [16]byte(u), s.standInCipher()
	for c.Decrypt(b[:], b[:]); !isUUID4(b); {
		c.Decrypt(b[:], b[:])
	}
	var digits uint64
	for _, d := range b[standInNumber:] {
		digits = digits<<8 | uint64(d)
	}
	n := phone.FromCanonical("+" + strconv.FormatUint(digits, 10))
	retired := int(b[standInVersion]&0x0f)<<8 | int(b[standInVersion+1])
	return n, b == s.standInBlock(pool, n, retired)
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
	if !u.known && !u.pending && !u.waits {
		return fault.New(fault.UserNotFound, "User does not exist.")
	}
	if u.known && !u.user.Enabled {
		return errDisabled
	}
	return nil
}

var errUnconfirmed = fault.New(fault.UserNotConfirmed, "User is not confirmed.")

var errDisabled = fault.New(fault.NotAuthorized, "User is disabled.")

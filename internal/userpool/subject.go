package userpool

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// subject is whom a request speaks of: a user, a name that has only pending
// sign-ups, or nobody.
type subject struct {
	user    User // zero unless known
	known   bool
	pending bool           // a sign-up waits; texted-code sign-in makes the user
	waits   bool           // a sign-up waits for an administrator alone
	regs    []Registration // pending sign-ups of the name, newest first
	id      UserID         // the user's, or what stands for one
	name    string         // what was signed in with, "" if nothing is known of it
	contact Contact        // the name as a contact, if it is one
	byID    bool           // the request gave a sub
	byAlias bool           // it gave a contact where users have names of their own

	passkeys []Passkey // those that serve; see loadPasskeys
}

// decoy says that nobody can sign in here, though it must look as if.
func (u subject) decoy() bool { return !u.pending && (!u.known || !u.user.Enabled) }

// nobody says that the name has neither a user nor a sign-up.
func (u subject) nobody() bool { return !u.known && !u.pending && !u.waits }

// forAddress says that the subject is a sub which stands in for an e-mail address,
// where contacts are names: those that stand in for numbers lead back to them.
func (u subject) forAddress(p Pool) bool {
	return u.byID && u.name == "" && p.Settings.namesBy(AttrEmail)
}

// findSubject looks up whom the login speaks of. It does the same reads whether
// or not there is such a user. A login by an id that only stands in for a number
// is one by that number: what a stand-in leads to must look like what a user's
// own id does.
func (s *Service) findSubject(ctx context.Context, tx Tx, p Pool, l login, at time.Time) (subject, error) {
	if n, ok := s.standsFor(p.ID, l.id); ok {
		number := login{name: n.E164()}
		if p.Settings.signsInBy(AttrPhone) {
			number.contact = Contact{Number: n}
		}
		u, err := s.findSubject(ctx, tx, p, number, at)
		if err == nil && u.id != l.id { // it has stood in, and does no more
			u = subject{id: l.id, name: number.name, contact: number.contact}
		}
		u.byID = true
		return u, err
	}
	tx.Ahead(ctx, func(tx Tx) { s.aheadOfSubject(ctx, tx, p, l, at) })
	u, err := findUser(ctx, tx, p.ID, l)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return subject{}, err
	}
	sub := subject{
		user: u, known: err == nil, id: u.ID, name: l.name, contact: l.contact,
		byID: l.id != "", byAlias: !p.Settings.namedByContact() && !l.contact.IsZero(),
	}
	if sub.known && l.id == u.ID {
		sub.name = u.mainName()
		sub.contact = p.Settings.loginBy(sub.name).contact
	}
	if sub.regs, err = findRegistrations(ctx, tx, p.ID, login{name: sub.name, id: l.id}, at); err != nil {
		return subject{}, err
	}
	if !sub.known && sub.name == "" && len(sub.regs) > 0 {
		// The sub that a sign-up was told: whom it speaks of is its name's,
		// which in a strict pool may have a user.
		u, err := s.findSubject(ctx, tx, p, p.Settings.loginBy(sub.regs[0].Name), at)
		u.byID = true
		return u, err
	}
	retired := 0
	if sub.name != "" {
		if retired, err = tx.Retired(ctx, p.ID, sub.name); err != nil {
			return subject{}, err
		}
	}
	if sub.known {
		return sub, nil
	}
	if len(sub.regs) > 0 {
		sub.waits = sub.regs[0].ExpiresAt.IsZero()
		sub.pending = !sub.waits
	}
	sub.id = l.id
	if sub.name != "" {
		sub.id = s.standIn(p.ID, sub.name, retired)
	}
	return sub, nil
}

// aheadOfSubject is what findSubject reads of whoever is named.
func (s *Service) aheadOfSubject(ctx context.Context, tx Tx, p Pool, l login, at time.Time) {
	if l.id != "" || l.name == "" {
		return
	}
	tx.UserByName(ctx, p.ID, l.name)
	tx.Registrations(ctx, p.ID, l.name, at)
	tx.Retired(ctx, p.ID, l.name)
}

// mainName is the name that a user is called by: his own, or where that is the
// sub the first of those he signs in with.
func (u User) mainName() string {
	if u.Username != string(u.ID) || len(u.Names) == 0 {
		return u.Username
	}
	return u.Names[0]
}

// registration is the pending sign-up that the requester means: his own newest,
// since that is whose text his app waits for, else the newest of all.
func (u subject) registration(requester string) (Registration, bool) {
	if len(u.regs) == 0 {
		return Registration{}, false
	}
	if own := slices.IndexFunc(u.regs, func(r Registration) bool { return r.Requester == requester }); own >= 0 {
		return u.regs[own], true
	}
	return u.regs[0], true
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

func (s *Service) standIn(pool PoolID, name string, retired int) UserID {
	if !isNumber(name) {
		return s.hashedStandIn(pool, name, retired)
	}
	b, c := s.standInBlock(pool, phone.FromCanonical(name), retired), s.standInCipher()
	for c.Encrypt(b[:], b[:]); !isUUID4(b); {
		c.Encrypt(b[:], b[:])
	}
	return UserID(uuid.UUID(b).String())
}

// isNumber says whether a name is a number in E.164, which a stand-in can hold.
func isNumber(name string) bool {
	digits, ok := strings.CutPrefix(name, "+")
	return ok && len(digits) >= 5 && len(digits) <= 15 && strings.Trim(digits, "0123456789") == "" && digits[0] != '0'
}

// hashedStandIn is the stand-in for a name that no UUID has room for. It does
// not lead back to the name, so masks of e-mail addresses are not shown to who
// gives a sub (see veiled).
func (s *Service) hashedStandIn(pool PoolID, name string, retired int) UserID {
	b := [16]byte(s.stable(stableDecoy, "name", string(pool), name, strconv.Itoa(retired))[:16])
	b[standInVersion] = 0x40 | b[standInVersion]&0x0f
	b[standInVariant] = 0x80 | b[standInVariant]&0x3f
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

// findRegistrations returns the pending sign-ups of the login's name, newest
// first; a login by sub alone finds the name through the sign-up that was told it.
func findRegistrations(ctx context.Context, tx Tx, pool PoolID, l login, at time.Time) ([]Registration, error) {
	name := l.name
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
// none; there the sign-in goes on with a decoy. (Cognito tells even them that a
// user is disabled.)
func present(c Client, p Pool, u subject) error {
	if c.Settings.PreventExistence && (!p.Settings.exact() || !u.known) {
		return nil
	}
	if u.nobody() {
		return errNoUser
	}
	if u.known && !u.user.Enabled {
		return errDisabled
	}
	return nil
}

var errUnconfirmed = fault.New(fault.UserNotConfirmed, "User is not confirmed.")

var errDisabled = fault.New(fault.NotAuthorized, "User is disabled.")

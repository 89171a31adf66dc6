package userpool

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// A pool is of one of three designs for its life (Cognito developer guide,
// Customizing sign-in attributes):
//
//	plain    a user name of the user's own, and nothing else
//	alias    a user name, and whatever of AliasAttributes was verified
//	contact  UsernameAttributes: the phone number or e-mail address is the name,
//	         and the user name is the sub
//
// All that users of a pool sign in with are names in one space: what is one
// user's name is nobody else's, whatever kind it is of.

const attrPreferred = "preferred_username"

// contactAttributes are the attributes that a code can be sent to.
var contactAttributes = []string{AttrPhone, AttrEmail}

// namedByContact says whether the pool is of the contact design.
func (s PoolSettings) namedByContact() bool { return len(s.UsernameAttributes) > 0 }

func (s PoolSettings) namesBy(attr string) bool  { return slices.Contains(s.UsernameAttributes, attr) }
func (s PoolSettings) aliases(attr string) bool  { return slices.Contains(s.AliasAttributes, attr) }
func (s PoolSettings) verifies(attr string) bool { return slices.Contains(s.AutoVerified, attr) }

// signsInBy says whether values of the attribute can be names at all.
func (s PoolSettings) signsInBy(attr string) bool { return s.namesBy(attr) || s.aliases(attr) }

// nameOf is the name that a value of an attribute makes, or that a user name of
// one's own is (attr ""): in a pool without case in lower case. A number has
// none, and is canonical already.
func (s PoolSettings) nameOf(attr, value string) string {
	if attr == AttrPhone || s.CaseSensitive {
		return value
	}
	return strings.ToLower(value)
}

// nameOfContact is the name that a contact makes.
func (s PoolSettings) nameOfContact(c Contact) string { return s.nameOf(c.attribute(), c.Text()) }

// login is a user name as a request gives it, read by the pool's rules.
type login struct {
	name    string  // what users and sign-ups are found by; "" where only a sub was given
	contact Contact // the name as a contact, if it is one
	id      UserID  // the sub, if the text looks like one
}

// loginBy is the login by a name that the store knows.
func (s PoolSettings) loginBy(name string) login {
	l := login{name: name}
	if s.namedByContact() {
		l.contact = contactOf(name)
	}
	return l
}

var uuidText = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// parseLogin reads a user name. In a pool that is named by contacts, what is
// neither a UUID nor such a contact is refused with what is wrong with it.
func parseLogin(p Pool, username string) (login, error) {
	var l login
	if uuidText.MatchString(username) {
		l.id = UserID(username)
	}
	if p.Settings.namedByContact() {
		if l.id != "" {
			return l, nil
		}
		c, err := p.Settings.contactName(username)
		return login{name: p.Settings.nameOfContact(c), contact: c}, err
	}
	if c, ok := p.Settings.aliasName(username); ok {
		return login{name: p.Settings.nameOfContact(c), contact: c}, nil
	}
	l.name = p.Settings.nameOf("", username)
	return l, nil
}

// contactName reads the name of a user in a pool that is named by contacts.
func (s PoolSettings) contactName(username string) (Contact, error) {
	byPhone, byEmail := s.namesBy(AttrPhone), s.namesBy(AttrEmail)
	switch {
	case byEmail && strings.Contains(username, "@"):
		a, err := email.Parse(username)
		return Contact{Email: a}, err
	case byPhone && (!byEmail || strings.HasPrefix(username, "+")):
		n, err := phone.Parse(username)
		return Contact{Number: n}, err
	case byPhone:
		return Contact{}, fault.New(fault.InvalidParameter, "Username should be either an email or a phone number.")
	}
	return Contact{}, fault.New(fault.InvalidParameter, "Username should be an email.")
}

// aliasName reads a text that looks like a contact in a pool where that kind of
// contact is an alias.
func (s PoolSettings) aliasName(username string) (Contact, bool) {
	switch {
	case s.aliases(AttrEmail) && strings.Contains(username, "@"): // first: an address may start with +
		a, err := email.Parse(username)
		return Contact{Email: a}, err == nil
	case s.aliases(AttrPhone) && strings.HasPrefix(username, "+"):
		n, err := phone.Parse(username)
		return Contact{Number: n}, err == nil
	}
	return Contact{}, false
}

// newName reads the user name of somebody who is to be: a contact of the kinds
// that name users, or a name that no alias could be mistaken for.
func newName(p Pool, username string) (login, error) {
	s := p.Settings
	if s.namedByContact() {
		return newContactName(s, username)
	}
	l := login{name: s.nameOf("", username)}
	if err := s.notAlias("Username", l.name); err != nil {
		return login{}, err
	}
	return l, nil
}

// notAlias refuses a name of somebody's own choice that is a contact where such
// contacts sign in: it would be the name of whoever can prove to have it.
func (s PoolSettings) notAlias(what, name string) error {
	c, ok := s.aliasName(name)
	if !ok {
		return nil
	}
	kind := "email"
	if c.Email.IsZero() {
		kind = "phone number"
	}
	return fault.New(fault.InvalidParameter,
		"%s cannot be of %s format, since user pool is configured for %s alias.", what, kind, kind)
}

func newContactName(s PoolSettings, username string) (login, error) {
	if !s.namesBy(AttrEmail) && !strings.HasPrefix(username, "+") {
		return login{}, fault.New(fault.InvalidParameter,
			"Username should be a phone number. It starts with + and the country code, for example +14155550123.")
	}
	c, err := s.contactName(username)
	return login{name: s.nameOfContact(c), contact: c}, err
}

// claimContact sets the attribute that the name is, in a pool that is named by
// contacts; another value beside it is refused, since only one would be verified.
func (l login) claimContact(s PoolSettings, attrs map[string]string) error {
	if l.contact.IsZero() {
		return nil
	}
	attr := l.contact.attribute()
	if given, ok := attrs[attr]; ok && s.nameOf(attr, given) != l.name {
		return fault.New(fault.InvalidParameter, "The attribute %s differs from the %s that is the user name.", attr, whatIs(attr))
	}
	attrs[attr] = l.contact.Text()
	return nil
}

// username is the canonical user name of whom a sign-up makes.
func (s PoolSettings) username(reg Registration) string {
	if s.namedByContact() {
		return string(reg.Sub)
	}
	return reg.Name
}

// contact is the user's phone number or e-mail address, zero if he has none.
func (u User) contact(attr string) Contact { return attributeContact(u.Attributes, attr) }

func attributeContact(attrs map[string]string, attr string) Contact {
	switch attr {
	case AttrPhone:
		return Contact{Number: phone.FromCanonical(attrs[AttrPhone])}
	case AttrEmail:
		return Contact{Email: email.FromCanonical(attrs[AttrEmail])}
	}
	return Contact{}
}

// mainContact is what a user can be reached by at first: the contact that names
// him, else the one that the pool verifies.
func (u User) mainContact(p Pool) Contact {
	if c := p.Settings.loginBy(u.mainName()).contact; u.has(p, c) {
		return u.contact(c.attribute())
	}
	for _, attr := range contactAttributes {
		if c := u.contact(attr); !c.IsZero() && p.Settings.verifies(attr) {
			return c
		}
	}
	return Contact{}
}

// has says whether the contact is the user's.
func (u User) has(p Pool, c Contact) bool {
	mine := u.contact(c.attribute())
	return !mine.IsZero() && p.Settings.nameOfContact(mine) == p.Settings.nameOfContact(c)
}

// proved says whether the contact is the user's and he has shown that it is.
func (u User) proved(p Pool, c Contact) bool {
	return u.has(p, c) && u.Attributes[c.verified()] == "true"
}

// maxUsername is how many characters a user name has at most (API reference,
// UsernameType).
const maxUsername = 128

// signInNames are the names that the user's attributes make, beside his user
// name: aliases that are verified, and of the contacts that name users the one
// he has as a name already and those that are verified. What nobody proved is
// nobody's name, so that it keeps the one whose it is from nothing.
func signInNames(p Pool, u User) []string {
	var names []string
	for _, attr := range contactAttributes {
		c := u.contact(attr)
		if c.IsZero() || !p.Settings.signsInBy(attr) {
			continue
		}
		name := p.Settings.nameOfContact(c)
		held := p.Settings.namesBy(attr) && slices.Contains(u.Names, name)
		if held || u.Attributes[c.verified()] == "true" {
			names = append(names, name)
		}
	}
	// A longer one could not be sent as USERNAME, so it is no name.
	if v := u.Attributes[attrPreferred]; v != "" && utf8.RuneCountInString(v) <= maxUsername && p.Settings.aliases(attrPreferred) {
		names = append(names, p.Settings.nameOf(attrPreferred, v))
	}
	return names
}

// errAliasExists says that a value is what somebody else signs in with.
func errAliasExists(attr string) *fault.Error {
	return fault.New(fault.AliasExists, "An account with the given %s already exists.", attr)
}

// nameTaken turns a taken name into the fault that the caller gets, where a user
// is written whose names may be somebody else's.
func nameTaken(err error, f *fault.Error) error {
	if errors.Is(err, ErrExists) {
		return f
	}
	return err
}

// findUser finds a user by the sub, else by the name. A sub goes first: it is
// the server's word, and a user name that looks like one is somebody's idea.
func findUser(ctx context.Context, tx Tx, pool PoolID, l login) (User, error) {
	if l.id != "" {
		u, err := tx.User(ctx, pool, l.id)
		if err == nil || !errors.Is(err, ErrNotFound) || l.name == "" {
			return u, err
		}
	}
	return tx.UserByName(ctx, pool, l.name)
}

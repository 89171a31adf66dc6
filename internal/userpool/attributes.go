package userpool

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// The attributes that Bellhop itself knows of.
const (
	AttrSub           = "sub"
	AttrPhone         = "phone_number"
	AttrPhoneVerified = "phone_number_verified"
	AttrEmail         = "email"
	AttrEmailVerified = "email_verified"
	attrIdentities    = "identities"
	attrUpdatedAt     = "updated_at" // the one number
)

// ownedAttributes are those of the schema that no user writes.
var ownedAttributes = []string{AttrSub, AttrPhoneVerified, AttrEmailVerified, attrIdentities}

// standardAttributes are OpenID Connect's, as every pool's schema has them.
var standardAttributes = []string{
	"address", "birthdate", AttrEmail, "family_name", "gender", "given_name", "locale",
	"middle_name", "name", "nickname", AttrPhone, "picture", "preferred_username",
	"profile", attrUpdatedAt, "website", "zoneinfo",
}

// Bounds of the model on attributes.
const (
	maxAttributeName  = 32
	maxAttributeValue = 2048
)

// mayRead and mayWrite are the client's attribute permissions. Unset lists mean
// every standard attribute and no custom one; a pool's required ones can always
// be written.
func (s ClientSettings) mayRead(name string) bool {
	return permits(s.ReadAttributes, name)
}

func (s ClientSettings) mayReadAll(attrs map[string]string) bool {
	for name := range attrs {
		if !s.mayRead(name) {
			return false
		}
	}
	return true
}

func (s ClientSettings) mayWrite(p Pool, name string) bool {
	return permits(s.WriteAttributes, name) || slices.Contains(p.Settings.Required, name)
}

func permits(list []string, name string) bool {
	if list == nil {
		return !strings.HasPrefix(name, customPrefix)
	}
	return slices.Contains(list, name)
}

// ownAttributes checks attributes that a user gives of himself.
func ownAttributes(p Pool, c Client, list []Attribute) (map[string]string, error) {
	for _, a := range list {
		switch {
		case slices.Contains(ownedAttributes, a.Name):
			return nil, fault.New(fault.NotAuthorized, "A client attempted to write unauthorized attribute")
		case p.Settings.writable(a.Name) && !c.Settings.mayWrite(p, a.Name):
			return nil, fault.New(fault.NotAuthorized, "A client attempted to write unauthorized attribute")
		}
	}
	return anyAttributes(p, list)
}

// withinBounds checks values against the pool's own bounds. An empty value
// deletes, so no bound holds for it.
func withinBounds(p Pool, list []Attribute) error {
	for _, a := range list {
		bounds, ok := p.Settings.Bounds[a.Name]
		if !ok || a.Value == "" {
			continue
		}
		if err := bounds.check(a.Name, a.Value); err != nil {
			return err
		}
	}
	return nil
}

// check compares a value with the bounds: updated_at as the number it is, any
// other by its characters.
func (b Bounds) check(name, value string) error {
	if name == attrUpdatedAt {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return schema("%s: The value must be a number of seconds\n", name)
		}
		return b.checkNumber(name, new(big.Rat).SetInt64(n))
	}
	return b.checkLength(name, value)
}

func (b Bounds) checkNumber(name string, n *big.Rat) error {
	switch {
	case b.Min != nil && n.Cmp(new(big.Rat).SetInt64(*b.Min)) < 0:
		return schema("%s: Number must be no less than %d\n", name, *b.Min)
	case b.Max != nil && n.Cmp(new(big.Rat).SetInt64(*b.Max)) > 0:
		return schema("%s: Number must be no greater than %d\n", name, *b.Max)
	}
	return nil
}

func (b Bounds) checkLength(name, value string) error {
	n := int64(utf8.RuneCountInString(value))
	switch {
	case b.Min != nil && n < *b.Min:
		return schema("%s: String must be no shorter than %d characters\n", name, *b.Min)
	case b.Max != nil && n > *b.Max:
		return schema("%s: String must be no longer than %d characters\n", name, *b.Max)
	}
	return nil
}

// anyAttributes checks names and values against the pool's schema. The last of
// two with one name counts.
func anyAttributes(p Pool, list []Attribute) (map[string]string, error) {
	attrs := make(map[string]string, len(list))
	for _, a := range list {
		value, err := p.Settings.attributeValue(a)
		if err != nil {
			return nil, err
		}
		attrs[a.Name] = value
	}
	if p.Settings.aliases(attrPreferred) {
		if err := p.Settings.notAlias(attrPreferred, p.Settings.nameOf(attrPreferred, attrs[attrPreferred])); err != nil {
			return nil, err
		}
	}
	return attrs, withinBounds(p, list)
}

func (s PoolSettings) attributeValue(a Attribute) (string, error) {
	if custom, ok := s.custom(a.Name); ok {
		return custom.canonical(a.Value)
	}
	known := slices.Contains(standardAttributes, a.Name) || a.Name == AttrPhoneVerified || a.Name == AttrEmailVerified
	switch {
	case !known || len(a.Name) > maxAttributeName:
		return "", schema("%s: Attribute does not exist in the schema.\n", clip(a.Name))
	case utf8.RuneCountInString(a.Value) > maxAttributeValue:
		return "", schema("%s: String must be no longer than %d characters\n", a.Name, maxAttributeValue)
	case a.Value == "":
		return "", nil
	}
	switch a.Name {
	case AttrPhone:
		n, err := phone.Parse(a.Value)
		return n.E164(), err
	case AttrEmail:
		addr, err := email.Parse(a.Value)
		return addr.Text(), err
	case AttrPhoneVerified, AttrEmailVerified:
		return boolean(a.Name, a.Value)
	case "birthdate":
		if utf8.RuneCountInString(a.Value) != 10 {
			return "", schema("birthdate: String must be 10 characters long, as 1999-12-31\n")
		}
	case attrUpdatedAt:
		if n, err := strconv.ParseInt(a.Value, 10, 64); err != nil || n < 0 {
			return "", schema("updated_at: The value must be a number of seconds\n")
		}
	}
	return a.Value, nil
}

// boolean is a truth value as it is kept.
func boolean(name, value string) (string, error) {
	b, err := strconv.ParseBool(strings.ToLower(value))
	if err != nil {
		return "", schema("%s: The value must be true or false\n", name)
	}
	return strconv.FormatBool(b), nil
}

func schema(format string, args ...any) error {
	return fault.New(fault.InvalidParameter, "Attributes did not conform to the schema: "+format, args...)
}

// clip keeps a name that somebody made up short enough to show.
func clip(name string) string {
	if r := []rune(name); len(r) > maxAttributeName {
		return string(r[:maxAttributeName]) + "…"
	}
	return name
}

// requiredPresent checks the pool's required attributes at sign-up.
func requiredPresent(p Pool, attrs map[string]string) error {
	var lacking strings.Builder
	for _, name := range p.Settings.Required {
		if name != AttrSub && attrs[name] == "" {
			lacking.WriteString(name + ": The attribute is required\n")
		}
	}
	if lacking.Len() > 0 {
		return schema("%s", lacking.String())
	}
	return nil
}

// view lists a user's attributes: sub first, the rest by name. may says which
// of them the viewer may see.
func (u User) view(may func(name string) bool) UserView {
	list := append(make([]Attribute, 0, 1+len(u.Attributes)), Attribute{AttrSub, string(u.ID)})
	names := make([]string, 0, len(u.Attributes))
	for name, value := range u.Attributes {
		if value != "" && may(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		list = append(list, Attribute{name, u.Attributes[name]})
	}
	return UserView{
		Username: u.Username, Attributes: list, Enabled: u.Enabled, Status: u.Status,
		CreatedAt: u.CreatedAt, ModifiedAt: u.ModifiedAt, MFA: u.MFA.list(), PreferredMFA: u.MFA.Preferred,
	}
}

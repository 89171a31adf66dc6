package userpool

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// The names that a filter may have besides those of attributes.
const (
	SearchUsername   = "username"
	SearchStatus     = "status"
	SearchUserStatus = "cognito:user_status"
)

// The values of SearchStatus.
const (
	searchEnabled  = "Enabled"
	searchDisabled = "Disabled"
)

// searchedAttributes are those that users are searched by, username apart.
var searchedAttributes = []string{AttrEmail, AttrPhone, "name", "given_name", "family_name", attrPreferred}

// SearchedAttributes are all that SearchTerms may have.
func SearchedAttributes() []string { return append([]string{SearchUsername}, searchedAttributes...) }

// Filter is ListUsers' Filter: one condition on one attribute. The zero Filter
// is everybody.
type Filter struct {
	Attribute string // "" for everybody
	Prefix    bool   // ^= instead of =
	Value     string
}

// Spot is where somebody stands in the listing of a filter.
type Spot struct {
	Value string // what ByValue filters go by first, else ""
	Place string
}

// ByValue says whether the filter's listing is in the order of the attribute's values,
// and of places only within one: those who have a prefix stand together then, few or
// many, and a page of them costs the same wherever it is.
func (f Filter) ByValue() bool {
	return f.Prefix && f.Attribute != SearchStatus && f.Attribute != SearchUserStatus
}

// stands says whether the user, who is at the spot's place, has the spot's value: of
// several sign-ups at one place each may have brought its own, and one is shown.
func (f Filter) stands(u UserView, at Spot) bool {
	if !f.ByValue() {
		return true
	}
	value, ok := f.valueOf(u)
	return ok && searchTerm(f.Attribute, value) == at.Value
}

// valueOf is the user's value of the filter's attribute.
func (f Filter) valueOf(u UserView) (string, bool) {
	if f.Attribute == SearchUsername {
		return u.Username, true
	}
	i := slices.IndexFunc(u.Attributes, func(a Attribute) bool { return a.Name == f.Attribute })
	if i < 0 {
		return "", false
	}
	return u.Attributes[i].Value, true
}

var errFilter = fault.New(fault.InvalidParameter, "Error while parsing filter")

// filterForm is an attribute, an operator and a value in double quotes, in which
// a quote and a backslash stand behind a backslash.
var (
	filterForm   = regexp.MustCompile(`^\s*([A-Za-z][\w:-]*)\s*(\^?=)\s*"((?:[^"\\]|\\["\\])*)"\s*$`)
	filterEscape = strings.NewReplacer(`\"`, `"`, `\\`, `\`)
)

// ParseFilter reads a filter (API reference, ListUsers): nothing, or an
// attribute, = or ^= (begins with), and a value in double quotes.
func ParseFilter(text string) (Filter, error) {
	if strings.TrimSpace(text) == "" {
		return Filter{}, nil
	}
	m := filterForm.FindStringSubmatch(text)
	if m == nil {
		return Filter{}, errFilter
	}
	f := Filter{Attribute: m[1], Prefix: m[2] == "^=", Value: filterEscape.Replace(m[3])}
	switch {
	case slices.Contains(searchedAttributes, f.Attribute):
	case slices.Contains([]string{SearchUsername, SearchStatus, SearchUserStatus, AttrSub}, f.Attribute):
	default:
		return Filter{}, fault.New(fault.InvalidParameter, "Invalid search attribute: %s", clip(f.Attribute))
	}
	if f.Attribute == AttrPhone && !f.Prefix {
		f.Value = canonicalNumber(f.Value)
	}
	return f, nil
}

// canonicalNumber is the one spelling of a line that is kept. What is no number
// stays, and is nobody's.
func canonicalNumber(text string) string {
	n, err := phone.Parse(text)
	if err != nil {
		return text
	}
	return n.E164()
}

func (f Filter) holds(value string) bool {
	if f.Prefix {
		return strings.HasPrefix(value, f.Value)
	}
	return value == f.Value
}

// EnabledStates are the states that a filter on SearchStatus asks for.
func (f Filter) EnabledStates() (states []bool) {
	if f.holds(searchEnabled) {
		states = append(states, true)
	}
	if f.holds(searchDisabled) {
		states = append(states, false)
	}
	return states
}

// Statuses are those that a filter on SearchUserStatus asks for, whatever their
// case.
func (f Filter) Statuses() (all []UserStatus) {
	f.Value = strings.ToUpper(f.Value)
	for _, s := range UserStatuses() {
		if f.holds(string(s)) {
			all = append(all, s)
		}
	}
	return all
}

// Term is the filter's value as SearchTerms has the attribute's.
func (f Filter) Term() string { return searchTerm(f.Attribute, f.Value) }

// matches says whether the filter finds the user. Case counts, but in the
// e-mail addresses of a pool in which it does not.
func (f Filter) matches(u UserView, caseSensitive bool) bool {
	switch f.Attribute {
	case "":
		return true
	case SearchStatus:
		return slices.Contains(f.EnabledStates(), u.Enabled)
	case SearchUserStatus:
		return slices.Contains(f.Statuses(), u.Status)
	}
	value, ok := f.valueOf(u)
	if !ok {
		return false
	}
	if f.Attribute == AttrEmail && !caseSensitive {
		f.Value, value = f.Term(), searchTerm(AttrEmail, value)
	}
	return f.holds(value)
}

// SearchTerms are what the store keeps for the search to find the user by:
// e-mail addresses in lower case, since a store does not know whether the pool
// tells cases apart (whoever asks compares what was found once more), and no
// more of a value than a filter can ask for. A user name that is the id is left
// out; there is an index of ids.
func (u User) SearchTerms() []Attribute {
	var terms []Attribute
	for _, name := range searchedAttributes {
		if value := u.Attributes[name]; value != "" {
			terms = append(terms, Attribute{name, searchTerm(name, value)})
		}
	}
	if u.Username != string(u.ID) {
		terms = append(terms, Attribute{SearchUsername, searchTerm(SearchUsername, u.Username)})
	}
	return terms
}

// SearchTerms are those of the user as which the sign-up is shown. Whether its
// name will be the user name is the pool's to say; whoever asks compares.
func (r Registration) SearchTerms() []Attribute {
	return User{ID: r.Sub, Username: r.Name, Attributes: r.Attributes}.SearchTerms()
}

// maxFilter is how long a filter may be, and so the longest term of use.
const maxFilter = 256

func searchTerm(attribute, value string) string {
	if attribute == AttrEmail {
		value = strings.ToLower(value)
	}
	if r := []rune(value); len(r) > maxFilter {
		value = string(r[:maxFilter])
	}
	return value
}

package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MaxAdded is how much may be added to one token, in bytes of names and values.
// The tokens stay short enough to be sent, and to be read by VerifyAccess.
const MaxAdded = 16 << 10

// ErrTooMuch says that Changes add more than MaxAdded to a token.
var ErrTooMuch = errors.New("too much is added to a token")

// Changes are what somebody else has a pair of tokens say, after the claims of
// the Subject. What must not be changed is not, and nothing is said of it, as on
// Cognito (developer guide, Pre token generation Lambda trigger): the claims that
// say whose the tokens are, who made them, for whom and when; names that begin as
// Cognito's own do; scopes of Cognito. What is both added and suppressed is
// suppressed.
type Changes struct {
	ID, Access ClaimChanges
	// Scopes are of the access token. Those of OpenID Connect cannot be added.
	ScopesToAdd, ScopesToSuppress []string
	// Groups are in the place of the subject's; nil leaves those.
	Groups *Groups
}

// Groups are what tokens say of groups: their names in both, the rest in the ID
// token alone.
type Groups struct {
	Names, Roles  []string
	PreferredRole string
}

// ClaimChanges are those of one token. Values are JSON, and kept as they are.
type ClaimChanges struct {
	Set      map[string]json.RawMessage
	Suppress []string
}

// Check says ErrTooMuch of changes that no token should carry.
func (c Changes) Check() error {
	if c.none() {
		return nil
	}
	id, err := sizeOf(c.ID.Set, c.Groups)
	if err != nil {
		return err
	}
	access, err := sizeOf(c.Access.Set, c.ScopesToAdd, c.Groups)
	if err != nil {
		return err
	}
	if id > MaxAdded || access > MaxAdded {
		return ErrTooMuch
	}
	return nil
}

func (c Changes) none() bool {
	return c.ID.Set == nil && c.Access.Set == nil && c.ScopesToAdd == nil && c.Groups == nil
}

// sizeOf is how long the parts are as a token holds them.
func sizeOf(parts ...any) (n int, err error) {
	for _, part := range parts {
		text, err := json.Marshal(part)
		if err != nil {
			return 0, fmt.Errorf("changes of a token: %w", err)
		}
		n += len(text)
	}
	return n, nil
}

// fixed are the claims of any token that cannot be changed, fixedAccess those of
// an access token besides. The scope has changes of its own.
var (
	fixed = []string{
		"acr", "amr", "at_hash", "aud", "auth_time", "azp", "exp", "iat", "identities", "iss", "jti", "nbf", "nonce",
		"origin_jti", "sub", "token_use",
	}
	fixedAccess      = []string{"client_id", "device_key", "event_id", "scope", "username", "version"}
	reservedPrefixes = []string{"aws:", "cognito:", "dev:"}
	openIDScopes     = []string{"openid", "email", "phone", "profile"}
)

const reservedScopes = "aws.cognito"

// changeable says whether a claim of the name may be set or suppressed. A name
// that differs from a fixed one in case only is that one: there are readers, Go's
// encoding/json among them, to whom it is.
func changeable(use Use, name string) bool {
	same := func(other string) bool { return strings.EqualFold(name, other) }
	return !slices.ContainsFunc(fixed, same) &&
		!(use == UseAccess && slices.ContainsFunc(fixedAccess, same)) &&
		!slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return hasPrefixFold(name, prefix) })
}

// hasPrefixFold counts in characters, since a letter may be as another of more
// bytes is (U+017F, the long s).
func hasPrefixFold(text, prefix string) bool {
	runes := []rune(text)
	n := len([]rune(prefix))
	return len(runes) >= n && strings.EqualFold(string(runes[:n]), prefix)
}

// change applies what may be changed. The client is the one audience that an access token
// may be given.
func (c *claims) change(use Use, by ClaimChanges, client string) error {
	for _, name := range slices.Sorted(maps.Keys(by.Set)) {
		value := by.Set[name]
		if !changeable(use, name) && !(use == UseAccess && name == "aud" && string(value) == string(appendText(nil, client))) {
			continue
		}
		text, err := compactJSON(value)
		if err != nil {
			return err
		}
		c.setJSON(name, text)
	}
	if len(by.Suppress) > 0 {
		c.remove(func(name string) bool { return slices.Contains(by.Suppress, name) && changeable(use, name) })
	}
	return nil
}

// changeScope is the scope with those added and without those suppressed.
func changeScope(scope string, by Changes) string {
	if len(by.ScopesToAdd) == 0 && len(by.ScopesToSuppress) == 0 {
		return scope
	}
	scopes := strings.Fields(scope)
	for _, s := range by.ScopesToAdd {
		if addable(s) && !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	scopes = slices.DeleteFunc(scopes, func(s string) bool { return slices.Contains(by.ScopesToSuppress, s) })
	return strings.Join(scopes, " ")
}

// addable says whether the text is one scope (RFC 6749, section 3.3), and none
// that Cognito alone gives.
func addable(scope string) bool {
	return scope != "" && !hasPrefixFold(scope, reservedScopes) && !slices.Contains(openIDScopes, scope) &&
		!strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

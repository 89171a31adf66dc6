package token

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ScopeUserAdmin is the scope that every API sign-in grants, and that the
// operations with an access token ask for.
const ScopeUserAdmin = "aws.cognito.signin.user.admin"

// Subject is whom and what a pair of tokens is about.
type Subject struct {
	Issuer   string
	ClientID string
	Sub      string
	Username string // the canonical user name
	// Attributes are those that the client may read, as Cognito's API gives
	// them. Names that are neither standard nor custom: are left out, so that
	// no attribute can pass for a claim.
	Attributes map[string]string
	Groups     []string // by precedence
	// Roles and PreferredRole are the groups' and go into the ID token alone.
	Roles         []string
	PreferredRole string
	AuthTime      time.Time // of the sign-in, not of a refresh
	OriginJTI     string    // names the sign-in; "" for clients without token revocation
	EventID       string
	Scope         string // "" for ScopeUserAdmin
	DeviceKey     string // "" without a device
	Changes       Changes
}

// Lifetimes are the client's token lifetimes, at most MaxTTL each.
type Lifetimes struct {
	ID, Access time.Duration
}

// Tokens is an ID and an access token. It has no printable form.
type Tokens struct {
	ID, Access string
	ExpiresIn  int // seconds until the access token's end

	by *Key // that has signed the access token
}

// String and the others show a constant.
func (Tokens) String() string             { return printedTokens }
func (Tokens) GoString() string           { return printedTokens }
func (Tokens) Format(s fmt.State, _ rune) { io.WriteString(s, printedTokens) }
func (Tokens) LogValue() slog.Value       { return slog.StringValue(printedTokens) }

const printedTokens = "[tokens]"

// Issue signs a pair of tokens with the claims that Cognito gives to a sign-in
// through its API.
func Issue(set KeySet, s Subject, life Lifetimes, now time.Time) (Tokens, error) {
	if life.ID <= 0 || life.ID > MaxTTL || life.Access <= 0 || life.Access > MaxTTL {
		return Tokens{}, fmt.Errorf("issue tokens: lifetimes %v and %v are not within %v", life.ID, life.Access, MaxTTL)
	}
	if err := s.Changes.Check(); err != nil {
		return Tokens{}, fmt.Errorf("issue tokens: %w", err)
	}
	if g := s.Changes.Groups; g != nil {
		s.Groups, s.Roles, s.PreferredRole = g.Names, g.Roles, g.PreferredRole
	}
	id, _, err := issueOne(set, UseID, s, life.ID, now)
	if err != nil {
		return Tokens{}, err
	}
	access, by, err := issueOne(set, UseAccess, s, life.Access, now)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{ID: id, Access: access, ExpiresIn: int(life.Access / time.Second), by: by}, nil
}

func issueOne(set KeySet, use Use, s Subject, ttl time.Duration, now time.Time) (text string, by *Key, _ error) {
	key := set.Signing(use, now)
	if key == nil {
		return "", nil, fmt.Errorf("issue tokens: no %s key is active", use)
	}
	room := signing.Get().(*signingRoom)
	defer room.leave()
	c := &room.claims
	if use == UseAccess {
		c.setAccess(s)
	} else {
		c.setID(s)
	}
	c.setCommon(s, use, ttl, now) // after them, so that no attribute goes over them
	if err := c.change(use, s.changes(use), s.ClientID); err != nil {
		return "", nil, err
	}
	text, err := key.sign(room)
	return text, key, err
}

func (s Subject) changes(use Use) ClaimChanges {
	if use == UseAccess {
		return s.Changes.Access
	}
	return s.Changes.ID
}

func (c *claims) setCommon(s Subject, use Use, ttl time.Duration, now time.Time) {
	c.setNumber("auth_time", s.AuthTime.Unix())
	if len(s.Groups) > 0 {
		c.setJSON("cognito:groups", listJSON(s.Groups))
	}
	c.setUnlessEmpty("event_id", s.EventID)
	c.setNumber("exp", now.Add(ttl).Unix())
	c.setNumber("iat", now.Unix())
	c.setText("iss", s.Issuer)
	if s.OriginJTI != "" { // Cognito gives neither without token revocation
		c.setText("jti", uuid.NewString())
		c.setText("origin_jti", s.OriginJTI)
	}
	c.setText("sub", s.Sub)
	c.setText("token_use", string(use))
}

func (c *claims) setAccess(s Subject) {
	c.setText("client_id", s.ClientID)
	c.setUnlessEmpty("device_key", s.DeviceKey)
	scope := s.Scope
	if scope == "" {
		scope = ScopeUserAdmin
	}
	c.setUnlessEmpty("scope", changeScope(scope, s.Changes))
	c.setText("username", s.Username)
}

func (c *claims) setID(s Subject) {
	for name, value := range s.Attributes {
		if value != "" && isAttribute(name) {
			c.setAttribute(name, value)
		}
	}
	c.setText("aud", s.ClientID)
	c.setUnlessEmpty("cognito:preferred_role", s.PreferredRole)
	if len(s.Roles) > 0 {
		c.setJSON("cognito:roles", listJSON(s.Roles))
	}
	c.setText("cognito:username", s.Username)
}

// standardAttributes are Cognito's, after OpenID Connect Core, section 5.1.
// sub is set apart.
var standardAttributes = map[string]bool{
	"address": true, "birthdate": true, "email": true, "email_verified": true,
	"family_name": true, "gender": true, "given_name": true, "locale": true,
	"middle_name": true, "name": true, "nickname": true, "phone_number": true,
	"phone_number_verified": true, "picture": true, "preferred_username": true,
	"profile": true, "updated_at": true, "website": true, "zoneinfo": true,
}

func isAttribute(name string) bool {
	return standardAttributes[name] || strings.HasPrefix(name, "custom:")
}

// setAttribute gives an attribute the type that OpenID Connect asks for. Custom
// attributes are strings, whatever their type in the schema.
func (c *claims) setAttribute(name, value string) {
	switch name {
	case "email_verified", "phone_number_verified":
		c.setBool(name, value == "true")
		return
	case "address":
		c.setJSON(name, `{"formatted":`+string(appendText(nil, value))+`}`)
		return
	case "updated_at":
		if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
			c.setNumber(name, seconds)
			return
		}
	}
	c.setText(name, value)
}

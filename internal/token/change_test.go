package token_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bellhop-auth/bellhop/internal/token"
)

// raw decodes a token's claims and leaves their values as they are.
func raw(t interface{ Fatal(...any) }, compact string) map[string]json.RawMessage {
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(compact, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func set(pairs ...string) map[string]json.RawMessage {
	m := map[string]json.RawMessage{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return m
}

func TestIssue_Changes(t *testing.T) {
	for name, c := range map[string]struct {
		changes          token.Changes
		id, access       map[string]string // what claims are then, as JSON
		noID, noneAccess []string          // what is not there
	}{
		"any JSON, as it was given": {
			changes: token.Changes{
				ID:     token.ClaimChanges{Set: set("n", "12345678901234567890.10", "o", `{"k":[true,null]}`, "email", `"b@example.com"`)},
				Access: token.ClaimChanges{Set: set("n", "1e400", "tenant", `"t1"`)},
			},
			id:         map[string]string{"n": "12345678901234567890.10", "o": `{"k":[true,null]}`, "email": `"b@example.com"`},
			access:     map[string]string{"n": "1e400", "tenant": `"t1"`},
			noID:       []string{"tenant"},
			noneAccess: []string{"o", "email"},
		},
		"suppressed, also what was added": {
			changes: token.Changes{
				ID:     token.ClaimChanges{Set: set("a", "1"), Suppress: []string{"a", "email", "custom:tier", "event_id", "never"}},
				Access: token.ClaimChanges{Set: set("a", "1"), Suppress: []string{"a"}},
			},
			noID:       []string{"a", "email", "custom:tier", "event_id"},
			noneAccess: []string{"a"},
		},
		"scopes": {
			changes: token.Changes{
				ScopesToAdd:      []string{"orders.read", "orders.read", "shop/write", "a b", "AWS.Cognito.x", "aws.cognito.signin.user.admin", "openid", "", "é", `q"`, "gone"},
				ScopesToSuppress: []string{"gone"},
			},
			access: map[string]string{"scope": `"aws.cognito.signin.user.admin orders.read shop/write"`},
			noID:   []string{"scope"},
		},
		"no scope is left": {
			changes:    token.Changes{ScopesToSuppress: []string{token.ScopeUserAdmin}},
			noneAccess: []string{"scope"},
		},
		"groups": {
			changes: token.Changes{Groups: &token.Groups{Names: []string{"a"}, Roles: []string{"r"}, PreferredRole: "p"}},
			id:      map[string]string{"cognito:groups": `["a"]`, "cognito:roles": `["r"]`, "cognito:preferred_role": `"p"`},
			access:  map[string]string{"cognito:groups": `["a"]`},
		},
		"no groups": {
			changes:    token.Changes{Groups: &token.Groups{}},
			noID:       []string{"cognito:groups", "cognito:roles", "cognito:preferred_role"},
			noneAccess: []string{"cognito:groups"},
		},
		"the audience of an access token is its client": {
			changes: token.Changes{Access: token.ClaimChanges{Set: set("aud", `"4k2n0example0client0id0abc"`)}},
			access:  map[string]string{"aud": `"4k2n0example0client0id0abc"`},
		},
		"and nobody else": {
			changes:    token.Changes{Access: token.ClaimChanges{Set: set("aud", `"other"`)}},
			noneAccess: []string{"aud"},
		},
		"reserved prefixes": {
			changes: token.Changes{
				ID:     token.ClaimChanges{Set: set("aws:x", "1", "cognito:x", "1", "dev:x", "1", "COGNITO:x", "1", "dev:custom:x", "1"), Suppress: []string{"cognito:groups"}},
				Access: token.ClaimChanges{Set: set("aw\u017f:x", "1"), Suppress: []string{"cognito:groups"}},
			},
			id:         map[string]string{"cognito:groups": `["riders","drivers"]`},
			access:     map[string]string{"cognito:groups": `["riders","drivers"]`},
			noID:       []string{"aws:x", "cognito:x", "dev:x", "COGNITO:x", "dev:custom:x"},
			noneAccess: []string{"aw\u017f:x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := subject()
			s.Changes = c.changes
			tokens := issue(t, keySets()[token.ES256], s, start)
			for _, side := range []struct {
				claims map[string]json.RawMessage
				want   map[string]string
				not    []string
			}{{raw(t, tokens.ID), c.id, c.noID}, {raw(t, tokens.Access), c.access, c.noneAccess}} {
				for name, want := range side.want {
					if got := string(side.claims[name]); got != want {
						t.Errorf("%s is %s, want %s", name, got, want)
					}
				}
				for _, name := range side.not {
					if got, there := side.claims[name]; there {
						t.Errorf("%s is %s", name, got)
					}
				}
			}
			if _, err := token.VerifyAccess(keySets()[token.ES256], issuer, tokens.Access, start); err != nil {
				t.Errorf("VerifyAccess: %v", err)
			}
		})
	}
}

func TestIssue_TooMuchIsAdded_IsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		changes token.Changes
		want    error
	}{
		"the most":           {token.Changes{ID: token.ClaimChanges{Set: set("x", `"`+strings.Repeat("a", token.MaxAdded-20)+`"`)}}, nil},
		"one claim":          {token.Changes{ID: token.ClaimChanges{Set: set("x", `"`+strings.Repeat("a", token.MaxAdded)+`"`)}}, token.ErrTooMuch},
		"what escapes grow":  {token.Changes{Access: token.ClaimChanges{Set: set("x", `"`+strings.Repeat("<", token.MaxAdded/5)+`"`)}}, token.ErrTooMuch},
		"scopes":             {token.Changes{ScopesToAdd: slices.Repeat([]string{"scope"}, token.MaxAdded/5)}, token.ErrTooMuch},
		"groups and a claim": {token.Changes{Groups: &token.Groups{Names: []string{strings.Repeat("g", token.MaxAdded/2)}}, Access: token.ClaimChanges{Set: set("x", `"`+strings.Repeat("a", token.MaxAdded/2)+`"`)}}, token.ErrTooMuch},
	} {
		s := subject()
		s.Changes = c.changes
		tokens, err := token.Issue(keySets()[token.ES256], s, hour, start)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil {
			if _, err := token.VerifyAccess(keySets()[token.ES256], issuer, tokens.Access, start); err != nil {
				t.Errorf("%s: VerifyAccess: %v", name, err)
			}
		}
	}
}

// protected are the claims that a function must never change, by the developer
// guide's lists.
var protected = []string{
	"acr", "amr", "at_hash", "aud", "auth_time", "azp", "exp", "iat", "identities", "iss", "jti", "nbf", "nonce", "origin_jti",
	"sub", "token_use", "cognito:username", "cognito:groups", "cognito:roles", "cognito:preferred_role",
}

var protectedAccess = append([]string{"client_id", "username", "scope", "device_key", "event_id", "version"}, protected...)

// lookalikes draws names: of protected claims, of what a careless reader takes
// for them, and of others.
func lookalikes() *rapid.Generator[string] {
	fold := strings.NewReplacer("s", "\u017f", "k", "\u212a")
	return rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom(append([]string{"email", "tenant", "", "aws:x", "dev:y", "cognito:z", "custom:tier"}, protectedAccess...)).Draw(t, "name")
		switch rapid.IntRange(0, 4).Draw(t, "as") {
		case 0:
			return strings.ToUpper(name)
		case 1:
			return strings.ToUpper(name[:min(1, len(name))]) + name[min(1, len(name)):]
		case 2:
			return fold.Replace(name)
		}
		return name
	})
}

func values() *rapid.Generator[json.RawMessage] {
	return rapid.Custom(func(t *rapid.T) json.RawMessage {
		return json.RawMessage(rapid.SampledFrom([]string{
			`"attacker"`, `""`, `null`, `true`, `0`, `9999999999`, `-1e400`, `123456789012345678901234567890`, `[]`, `["attacker"]`,
			`{"sub":"attacker","iss":{"a":[1,{"scope":"x"}]}}`, `"\u2028<\/script>"`, `"aws.cognito.signin.user.admin"`,
		}).Draw(t, "value"))
	})
}

func claimChanges() *rapid.Generator[token.ClaimChanges] {
	return rapid.Custom(func(t *rapid.T) token.ClaimChanges {
		return token.ClaimChanges{
			Set:      rapid.MapOfN(lookalikes(), values(), 0, 8).Draw(t, "set"),
			Suppress: rapid.SliceOfN(lookalikes(), 0, 5).Draw(t, "suppress"),
		}
	})
}

// careless is how a back end in Go may read a token: names in any case.
type careless struct {
	Sub       json.RawMessage `json:"sub"`
	Issuer    json.RawMessage `json:"iss"`
	Audience  json.RawMessage `json:"aud"`
	TokenUse  json.RawMessage `json:"token_use"`
	Username  json.RawMessage `json:"username"`
	IDName    json.RawMessage `json:"cognito:username"`
	Groups    json.RawMessage `json:"cognito:groups"`
	Expires   json.RawMessage `json:"exp"`
	IssuedAt  json.RawMessage `json:"iat"`
	NotBefore json.RawMessage `json:"nbf"`
	AuthTime  json.RawMessage `json:"auth_time"`
	OriginJTI json.RawMessage `json:"origin_jti"`
	Nonce     json.RawMessage `json:"nonce"`
}

// read leaves out what only one of the two tokens protects.
func read(t *rapid.T, compact string) (c careless) {
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(compact, ".")[1])
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	if string(c.TokenUse) == `"id"` {
		c.Username = nil
	}
	return c
}

// Whatever a function answers, the protected claims are what they were without
// it, to a strict reader, to a careless one and to VerifyAccess.
func TestIssue_WhateverIsChanged_TheProtectedClaimsAreWhatTheyWere(t *testing.T) {
	keys := keySets()[token.ES256]
	rapid.Check(t, func(t *rapid.T) {
		s := subject()
		if rapid.Bool().Draw(t, "without revocation") {
			s.OriginJTI = ""
		}
		plain, err := token.Issue(keys, s, hour, start)
		if err != nil {
			t.Fatal(err)
		}
		s.Changes = token.Changes{ID: claimChanges().Draw(t, "id"), Access: claimChanges().Draw(t, "access")}
		changed, err := token.Issue(keys, s, hour, start)
		if err != nil {
			t.Fatal(err)
		}
		for _, side := range []struct {
			was, is string
			names   []string
		}{{plain.ID, changed.ID, protected}, {plain.Access, changed.Access, protectedAccess}} {
			was, is := raw(t, side.was), raw(t, side.is)
			for _, name := range side.names {
				if name == "jti" && s.OriginJTI != "" {
					if len(is[name]) != 38 {
						t.Fatalf("jti is %s", is[name])
					}
					continue
				}
				if string(was[name]) != string(is[name]) {
					t.Fatalf("%s was %s, is %s", name, was[name], is[name])
				}
			}
			if was, is := read(t, side.was), read(t, side.is); !reflect.DeepEqual(was, is) {
				t.Fatalf("a careless reader reads %+v, was %+v", is, was)
			}
		}
		was, err := token.VerifyAccess(keys, issuer, plain.Access, start)
		if err != nil {
			t.Fatal(err)
		}
		is, err := token.VerifyAccess(keys, issuer, changed.Access, start)
		if err != nil {
			t.Fatalf("VerifyAccess: %v", err)
		}
		was.JTI, is.JTI = "", ""
		if !reflect.DeepEqual(was, is) {
			t.Fatalf("VerifyAccess read %+v, was %+v", is, was)
		}
		for name := range s.Changes.Access.Set {
			_, there := raw(t, changed.Access)[name]
			if name == "tenant" && there == slices.Contains(s.Changes.Access.Suppress, name) {
				t.Fatalf("tenant was added and suppressed, or neither: there %v", there)
			}
		}
	})
}

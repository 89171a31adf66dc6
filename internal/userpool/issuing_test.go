package userpool_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/token"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// deciding are options of a pool whose tokens a function has a say in, by events
// of the version.
func deciding(version string, o options) options {
	o.functions = newFunctions(trigger.PreTokenGeneration)
	o.design = func(s *userpool.PoolSettings) { s.Triggers.TokenVersion = version }
	return o
}

// saying lets the function answer with the text as claimsOverrideDetails, or what
// those are called in the later versions.
func (w *world) saying(details string) {
	w.t.Helper()
	var said any
	w.must(json.Unmarshal([]byte(details), &said))
	w.functions.on(trigger.PreTokenGeneration, func(e event) (map[string]any, error) {
		if e.Version == "1" {
			return map[string]any{"claimsOverrideDetails": said}, nil
		}
		return map[string]any{"claimsAndScopeOverrideDetails": said}, nil
	})
}

// refreshing exchanges a refresh token, with metadata.
func (w *world) refreshing(c userpool.Caller, token string) (userpool.Tokens, error) {
	return w.s.GetTokensFromRefreshToken(w.ctx, userpool.RefreshRequest{
		Caller: c, ClientID: w.client, RefreshToken: token, ClientMetadata: map[string]string{"by": "refresh"},
	})
}

func TestTokens_TheEventOfEachVersion(t *testing.T) {
	const body = `{"version":"VERSION","triggerSource":"TokenGeneration_RefreshTokens","region":"us-east-1","userPoolId":"POOL","userName":"SUB",
		"callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"CLIENT"},
		"request":{
			"userAttributes":{"sub":"SUB","cognito:user_status":"CONFIRMED","phone_number":"+919876543210","phone_number_verified":"true"},
			"groupConfiguration":{"groupsToOverride":["riders"],"iamRolesToOverride":["arn:aws:iam::000000000000:role/one"],"preferredRole":"arn:aws:iam::000000000000:role/one"},
			"clientMetadata":{"by":"refresh"}SCOPES
		},
		"response":{"DETAILS":null}}`
	for _, c := range []struct{ set, version, scopes, details string }{
		{"", "1", "", "claimsOverrideDetails"},
		{"V1_0", "1", "", "claimsOverrideDetails"},
		{"V2_0", "2", `,"scopes":["aws.cognito.signin.user.admin"]`, "claimsAndScopeOverrideDetails"},
		{"V3_0", "3", `,"scopes":["aws.cognito.signin.user.admin"]`, "claimsAndScopeOverrideDetails"},
	} {
		inWorld(t, deciding(c.set, options{}), func(w *world) {
			tokens := w.member(home, asha, "")
			w.group("riders", 1, "arn:aws:iam::000000000000:role/one")
			w.must(w.s.AdminAddUserToGroup(w.ctx, w.pool, asha, "riders"))
			if first := w.functions.last(t, trigger.TokenGenerationAuthentication); !reflect.DeepEqual(first.Request["groupConfiguration"],
				map[string]any{"groupsToOverride": []any{}, "iamRolesToOverride": []any{}, "preferredRole": nil}) {
				t.Errorf("without groups: %v", first.Request["groupConfiguration"])
			}
			_, err := w.refreshing(home, tokens.Refresh)
			w.must(err)
			got, err := json.Marshal(w.functions.last(t, trigger.TokenGenerationRefreshTokens))
			w.must(err)
			want := strings.NewReplacer("VERSION", c.version, "SCOPES", c.scopes, "DETAILS", c.details, "POOL", string(w.pool),
				"CLIENT", string(w.client), "SUB", w.claims(tokens.ID)["sub"].(string)).Replace(body)
			if !sameJSON(t, got, []byte(want)) {
				t.Errorf("version %q: the event is\n%s\nwant\n%s", c.set, got, want)
			}
		})
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

func TestTokens_SourceAndMetadataByHowTheyCameAbout(t *testing.T) {
	o := deciding("V2_0", options{})
	o.flows = []string{userpool.AllowCustom, userpool.AllowPassword, userpool.AllowRefresh}
	inWorld(t, o, func(w *world) {
		const temporary = "Temp-Pass-99"
		_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: asha, TemporaryPassword: temporary, Suppress: true})
		w.must(err)
		begin := func(flow string, parameters ...string) userpool.AuthResult {
			t.Helper()
			r, err := w.s.InitiateAuth(w.ctx, userpool.AuthRequest{
				Caller: home, ClientID: w.client, Flow: flow, Parameters: pairs(parameters), ClientMetadata: map[string]string{"by": "InitiateAuth"},
			})
			w.must(err)
			return r
		}
		answer := func(name, session string, responses ...string) userpool.AuthResult {
			t.Helper()
			r, err := w.s.RespondToAuthChallenge(w.ctx, userpool.AnswerRequest{
				Caller: home, ClientID: w.client, Challenge: name, Session: session, Responses: pairs(responses),
				ClientMetadata: map[string]string{"by": "RespondToAuthChallenge"},
			})
			w.must(err)
			return r
		}
		expect := func(source trigger.Source, metadata any) {
			t.Helper()
			if got := w.functions.sources(); len(got) != 1 || got[0] != source {
				t.Errorf("calls of %v, want one of %s", got, source)
			}
			by, _ := w.functions.last(t, source).Request["clientMetadata"].(map[string]any)
			if by["by"] != metadata {
				t.Errorf("%s: metadata by %v, want %v", source, by["by"], metadata)
			}
			w.functions.forget()
		}
		r := begin("USER_PASSWORD_AUTH", "USERNAME", asha, "PASSWORD", temporary)
		tokens := w.tokens(answer("NEW_PASSWORD_REQUIRED", r.Session, "USERNAME", asha, "NEW_PASSWORD", password))
		expect(trigger.TokenGenerationNewPasswordChallenge, "RespondToAuthChallenge")
		w.tokens(begin("USER_PASSWORD_AUTH", "USERNAME", asha, "PASSWORD", password))
		expect(trigger.TokenGenerationAuthentication, nil)
		r = begin("CUSTOM_AUTH", "USERNAME", asha)
		w.tokens(answer("CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha)))
		expect(trigger.TokenGenerationAuthentication, "RespondToAuthChallenge")
		w.tokens(begin("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", tokens.Refresh))
		expect(trigger.TokenGenerationRefreshTokens, nil)
		_, err = w.refreshing(home, tokens.Refresh)
		w.must(err)
		expect(trigger.TokenGenerationRefreshTokens, "refresh")
	})
}

func TestTokens_WhatTheFunctionSays(t *testing.T) {
	const admin = token.ScopeUserAdmin
	for name, c := range map[string]struct {
		version    string
		says       string
		id, access map[string]any // nil: not there
	}{
		"V1, the ID token alone": {"V1_0", `{"claimsToAddOrOverride":{"tenant":"t1","sub":"x"},"claimsToSuppress":["phone_number"]}`,
			map[string]any{"tenant": "t1", "phone_number": nil, "cognito:groups": []any{"riders"}}, map[string]any{"tenant": nil, "cognito:groups": []any{"riders"}}},
		"V1, groups of both": {"V1_0", `{"groupOverrideDetails":{"groupsToOverride":["a","b"],"iamRolesToOverride":["r"],"preferredRole":"r"}}`,
			map[string]any{"cognito:groups": []any{"a", "b"}, "cognito:roles": []any{"r"}, "cognito:preferred_role": "r"}, map[string]any{"cognito:groups": []any{"a", "b"}, "cognito:roles": nil}},
		"V1, null groups are none": {"V1_0", `{"groupOverrideDetails":null}`, map[string]any{"cognito:groups": nil}, map[string]any{"cognito:groups": nil}},
		"V2, empty groups are none": {"V2_0", `{"groupOverrideDetails":{"groupsToOverride":null,"preferredRole":null}}`,
			map[string]any{"cognito:groups": nil}, map[string]any{"cognito:groups": nil}},
		"V2, both tokens": {"V2_0", `{"idTokenGeneration":{"claimsToAddOrOverride":{"n":2,"o":{"k":true}}},
			"accessTokenGeneration":{"claimsToAddOrOverride":{"l":["x"]},"scopesToAdd":["orders.read","aws.cognito.x"],"claimsToSuppress":["scope"]}}`,
			map[string]any{"n": 2.0, "o": map[string]any{"k": true}, "l": nil}, map[string]any{"l": []any{"x"}, "scope": admin + " orders.read", "n": nil}},
		"V3, nulls change nothing": {"V3_0", `{"idTokenGeneration":null,"accessTokenGeneration":{"claimsToAddOrOverride":null,"scopesToSuppress":null}}`,
			map[string]any{"cognito:groups": []any{"riders"}}, map[string]any{"scope": admin}},
		"V3, nothing at all": {"V3_0", `null`, map[string]any{"cognito:groups": []any{"riders"}}, map[string]any{"scope": admin}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, deciding(c.version, options{}), func(w *world) {
				first := w.member(home, asha, "")
				w.group("riders", 1, "")
				w.must(w.s.AdminAddUserToGroup(w.ctx, w.pool, asha, "riders"))
				w.saying(c.says)
				tokens, err := w.refreshing(home, first.Refresh)
				w.must(err)
				id, access := w.claims(tokens.ID), w.claims(tokens.Access)
				for side, want := range map[*map[string]any]map[string]any{&id: c.id, &access: c.access} {
					for name, value := range want {
						if got := (*side)[name]; !reflect.DeepEqual(got, value) {
							t.Errorf("%s is %v, want %v", name, got, value)
						}
					}
				}
				w.attribute(tokens.Access, "sub")
			})
		})
	}
}

func TestTokens_AnswersThatAreNone_FailTheSignIn(t *testing.T) {
	for name, c := range map[string]struct{ version, says string }{
		"V1 knows texts alone":    {"V1_0", `{"claimsToAddOrOverride":{"n":2}}`},
		"claims are no list":      {"V2_0", `{"idTokenGeneration":{"claimsToAddOrOverride":[]}}`},
		"groups are no text":      {"V2_0", `{"groupOverrideDetails":"a"}`},
		"more than a token holds": {"V2_0", `{"accessTokenGeneration":{"claimsToAddOrOverride":{"x":"` + strings.Repeat("y", token.MaxAdded) + `"}}}`},
	} {
		inWorld(t, deciding(c.version, options{}), func(w *world) {
			w.member(home, asha, "")
			w.saying(c.says)
			r := w.custom(home, asha)
			_, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
			if !fault.Is(err, fault.InvalidLambdaResponse) || err.Error() != "Unrecognizable lambda output" && !strings.HasPrefix(err.Error(), "Unrecognizable lambda output:") {
				t.Errorf("%s: %v", name, err)
			}
			if !strings.Contains(w.log.String(), "trigger failed") {
				t.Errorf("%s: nothing is in the log", name)
			}
		})
	}
}

func TestTokens_WithoutTheScope_CallNothing(t *testing.T) {
	inWorld(t, deciding("V2_0", options{}), func(w *world) {
		first := w.member(home, asha, "")
		w.saying(`{"accessTokenGeneration":{"scopesToSuppress":["aws.cognito.signin.user.admin"],"scopesToAdd":["orders.read"]}}`)
		tokens, err := w.refreshing(home, first.Refresh)
		w.must(err)
		if got := w.claims(tokens.Access)["scope"]; got != "orders.read" {
			t.Errorf("scope is %v", got)
		}
		_, err = w.s.GetUser(w.ctx, tokens.Access)
		w.want(err, fault.NotAuthorized, "Access Token does not have required scopes")
	})
}

func TestTokens_SignedOutWhileTheFunctionRuns_GetsNone(t *testing.T) {
	inWorld(t, deciding("V1_0", options{rotation: true}), func(w *world) {
		first := w.member(home, asha, "")
		w.functions.on(trigger.PreTokenGeneration, func(event) (map[string]any, error) {
			return nil, w.s.AdminUserGlobalSignOut(w.ctx, w.pool, asha)
		})
		r := w.custom(home, asha)
		_, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
		w.want(err, fault.NotAuthorized, "Refresh Token has been revoked")
		_, err = w.refreshing(home, first.Refresh)
		w.want(err, fault.NotAuthorized, "Refresh Token has been revoked")
	})
}

func TestRotation_AFunctionThatFails_UsesNothingUp(t *testing.T) {
	for _, grace := range []time.Duration{0, 30 * time.Second} {
		inWorld(t, deciding("V2_0", options{rotation: true, grace: grace}), func(w *world) {
			first := w.member(home, asha, "")
			fail := func() { w.functions.on(trigger.PreTokenGeneration, throwing("no tenant")) }
			pass := func() { w.functions.on(trigger.PreTokenGeneration, passing) }
			failed := func(c userpool.Caller, token string) {
				t.Helper()
				_, err := w.refreshing(c, token)
				w.want(err, fault.UserLambdaValidation, "PreTokenGeneration failed with error no tenant.")
			}
			again := func(c userpool.Caller, token string) userpool.Tokens {
				t.Helper()
				tokens, err := w.refreshing(c, token)
				w.must(err)
				return tokens
			}
			fail()
			for range 3 {
				failed(tried(home, "1", "body"), first.Refresh)
				w.pass(time.Hour)
			}
			pass()
			second := again(tried(home, "2", "body"), first.Refresh)

			// The repeat of a request whose answer was lost asks the function again, and
			// gets the same successor.
			fail()
			failed(tried(home, "2", "body"), first.Refresh)
			pass()
			if repeat := again(tried(home, "2", "body"), first.Refresh); repeat.Refresh != second.Refresh {
				t.Error("a repeat got another successor")
			}
			if grace > 0 {
				fail()
				failed(home, first.Refresh)
				pass()
				if late := again(home, first.Refresh); late.Refresh != second.Refresh {
					t.Error("another successor within the grace")
				}
			}
			third := again(home, second.Refresh)

			// Nobody asks the function about a token that was rotated away.
			w.pass(time.Minute)
			w.functions.forget()
			_, err := w.refreshing(home, first.Refresh)
			w.want(err, fault.RefreshTokenReuse, "")
			_, err = w.refreshing(home, third.Refresh)
			w.want(err, fault.NotAuthorized, "Refresh Token has been revoked")
			if called := w.functions.sources(); len(called) != 0 {
				t.Errorf("calls of %v", called)
			}
		})
	}
}

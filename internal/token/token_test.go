package token_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/bellhop-auth/bellhop/internal/token"
)

const issuer = "https://auth.example.com/us-east-1_AbC123xyz"

var (
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	hour  = token.Lifetimes{ID: time.Hour, Access: time.Hour}
	algs  = []token.Alg{token.RS256, token.ES256, token.EdDSA}
)

// keySets holds one pair of keys for each algorithm, since RSA keys are slow
// to make. Tests do not write to it.
var keySets = sync.OnceValue(func() map[token.Alg]token.KeySet {
	sets := make(map[token.Alg]token.KeySet)
	for _, alg := range algs {
		for _, use := range []token.Use{token.UseID, token.UseAccess} {
			key, err := token.GenerateKey(alg, use, start)
			if err != nil {
				panic(err)
			}
			sets[alg] = append(sets[alg], key)
		}
	}
	return sets
})

func subject() token.Subject {
	return token.Subject{
		Issuer:   issuer,
		ClientID: "4k2n0example0client0id0abc",
		Sub:      "6a1d0c2e-50b1-70d3-9c6f-1f5f3f0c9a11",
		Username: "6a1d0c2e-50b1-70d3-9c6f-1f5f3f0c9a11",
		Attributes: map[string]string{
			"phone_number": "+14155550123", "phone_number_verified": "true",
			"email": "a@example.com", "email_verified": "false", "name": "Ann <b> & Ünal",
			"address": "1 Main St", "updated_at": "1767225600", "custom:tier": "3", "custom:vip": "true",
			"birthdate": "", "sub": "attacker", "iss": "attacker", "cognito:groups": "admins",
			"token_use": "access", "origin_jti": "attacker", "nonce": "attacker", "aud": "attacker",
		},
		Groups: []string{"riders", "drivers"},
		Roles:  []string{"role of riders"}, PreferredRole: "role of riders",
		AuthTime:  start.Add(-time.Hour),
		OriginJTI: "0d5a7f57-6c43-4d0a-8d58-0f1f4d2b7a10",
		EventID:   "b7c9a6a2-0000-4000-8000-000000000000",
	}
}

func issue(t testing.TB, set token.KeySet, s token.Subject, now time.Time) token.Tokens {
	t.Helper()
	tokens, err := token.Issue(set, s, hour, now)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// payload decodes a token without verifying it.
func payload(t testing.TB, raw string) map[string]any {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestIssue_IDToken_HasExactlyCognitosClaims(t *testing.T) {
	got := payload(t, issue(t, keySets()[token.RS256], subject(), start).ID)
	jti, _ := got["jti"].(string)
	if len(jti) != 36 {
		t.Errorf("jti = %q", jti)
	}
	delete(got, "jti")
	want := map[string]any{
		"sub": "6a1d0c2e-50b1-70d3-9c6f-1f5f3f0c9a11", "iss": issuer, "aud": "4k2n0example0client0id0abc",
		"token_use": "id", "cognito:username": "6a1d0c2e-50b1-70d3-9c6f-1f5f3f0c9a11",
		"auth_time": float64(start.Add(-time.Hour).Unix()), "iat": float64(start.Unix()), "exp": float64(start.Add(time.Hour).Unix()),
		"origin_jti": "0d5a7f57-6c43-4d0a-8d58-0f1f4d2b7a10", "event_id": "b7c9a6a2-0000-4000-8000-000000000000",
		"cognito:groups": []any{"riders", "drivers"},
		"cognito:roles":  []any{"role of riders"}, "cognito:preferred_role": "role of riders",
		"phone_number": "+14155550123", "phone_number_verified": true, "email": "a@example.com", "email_verified": false,
		"name": "Ann <b> & Ünal", "address": map[string]any{"formatted": "1 Main St"}, "updated_at": float64(1767225600),
		"custom:tier": "3", "custom:vip": "true",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("claims\n%v\nwant\n%v", got, want)
	}
}

func TestIssue_AccessToken_HasExactlyCognitosClaims(t *testing.T) {
	s := subject()
	s.DeviceKey = "us-east-1_device"
	tokens := issue(t, keySets()[token.RS256], s, start)
	got, id := payload(t, tokens.Access), payload(t, tokens.ID)
	if got["jti"] == id["jti"] || got["jti"] == nil {
		t.Error("the two tokens share a jti")
	}
	delete(got, "jti")
	want := map[string]any{
		"sub": "6a1d0c2e-50b1-70d3-9c6f-1f5f3f0c9a11", "iss": issuer, "client_id": "4k2n0example0client0id0abc",
		"token_use": "access", "username": "6a1d0c2e-50b1-70d3-9c6f-1f5f3f0c9a11", "scope": "aws.cognito.signin.user.admin",
		"auth_time": float64(start.Add(-time.Hour).Unix()), "iat": float64(start.Unix()), "exp": float64(start.Add(time.Hour).Unix()),
		"origin_jti": "0d5a7f57-6c43-4d0a-8d58-0f1f4d2b7a10", "event_id": "b7c9a6a2-0000-4000-8000-000000000000",
		"cognito:groups": []any{"riders", "drivers"}, "device_key": "us-east-1_device",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("claims\n%v\nwant\n%v", got, want)
	}
	if tokens.ExpiresIn != 3600 {
		t.Errorf("ExpiresIn = %d", tokens.ExpiresIn)
	}
}

func TestIssue_WithoutRevocation_HasNeitherJTI(t *testing.T) {
	s := subject()
	s.OriginJTI, s.Groups, s.EventID = "", nil, ""
	tokens := issue(t, keySets()[token.ES256], s, start)
	for _, raw := range []string{tokens.ID, tokens.Access} {
		for _, name := range []string{"jti", "origin_jti", "cognito:groups", "event_id", "device_key", "nonce"} {
			if v, ok := payload(t, raw)[name]; ok {
				t.Errorf("%s = %v", name, v)
			}
		}
	}
	if _, err := token.VerifyAccess(keySets()[token.ES256], issuer, tokens.Access, start); err != nil {
		t.Error(err)
	}
}

func TestIssue_Header_IsExactlyKidAndAlg(t *testing.T) {
	for alg, set := range keySets() {
		tokens := issue(t, set, subject(), start)
		for raw, key := range map[string]*token.Key{tokens.ID: set[0], tokens.Access: set[1]} {
			header, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[0])
			if want := fmt.Sprintf(`{"kid":"%s","alg":"%s"}`, key.ID, alg); err != nil || string(header) != want {
				t.Errorf("header %s, want %s", header, want)
			}
		}
		for _, key := range set {
			if b, err := base64.StdEncoding.DecodeString(key.ID); err != nil || len(b) != 32 || len(key.ID) != 44 || !strings.HasSuffix(key.ID, "=") {
				t.Errorf("kid %q", key.ID)
			}
		}
	}
}

func TestIssue_ImpossibleLifetimesOrNoKey_IsAnError(t *testing.T) {
	set := keySets()[token.EdDSA]
	for _, life := range []token.Lifetimes{
		{}, {ID: time.Hour}, {Access: time.Hour}, {ID: -1, Access: time.Hour}, {ID: time.Hour, Access: 24*time.Hour + 1},
	} {
		if _, err := token.Issue(set, subject(), life, start); err == nil {
			t.Errorf("lifetimes %v are taken", life)
		}
	}
	for name, set := range map[string]token.KeySet{"none": nil, "only id": set[:1], "only access": set[1:]} {
		if _, err := token.Issue(set, subject(), hour, start); err == nil {
			t.Errorf("keys %s: issued", name)
		}
	}
	for name, set := range map[string]token.KeySet{"none": nil, "only id": set[:1], "only access": set[1:]} {
		if _, err := token.Issue(set, subject(), hour, start.Add(-time.Minute)); err == nil {
			t.Errorf("keys %s: issued", name)
		}
	}
}

// A pool that one node has made is served by another whose clock is behind.
func TestIssue_ByANodeWhoseClockIsBehind_TheFirstKeySigns(t *testing.T) {
	for alg, set := range keySets() {
		early := start.Add(-30 * time.Second)
		tokens := issue(t, set, subject(), early)
		if _, err := token.VerifyAccess(set, issuer, tokens.Access, early); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if plan := set.Plan(alg, early); !plan.IsEmpty() {
			t.Errorf("%s: it plans %+v", alg, plan)
		}
	}
}

func TestIssued_GoOIDCAndGoJOSE_Accept(t *testing.T) {
	for alg, set := range keySets() {
		tokens := issue(t, set, subject(), start)
		var jwks jose.JSONWebKeySet
		if err := json.Unmarshal(set.JWKS(start), &jwks); err != nil {
			t.Fatal(err)
		}
		for use, raw := range map[token.Use]string{token.UseID: tokens.ID, token.UseAccess: tokens.Access} {
			jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
			if err != nil {
				t.Fatalf("%s %s: %v", alg, use, err)
			}
			keys := jwks.Key(jws.Signatures[0].Header.KeyID)
			if len(keys) != 1 {
				t.Fatalf("%s %s: %d keys for the kid", alg, use, len(keys))
			}
			if _, err := jws.Verify(keys[0]); err != nil {
				t.Errorf("%s %s: go-jose: %v", alg, use, err)
			}
		}

		var public []crypto.PublicKey
		for _, key := range jwks.Keys {
			public = append(public, key.Key)
		}
		verifier := oidc.NewVerifier(issuer, &oidc.StaticKeySet{PublicKeys: public}, &oidc.Config{
			ClientID:             subject().ClientID,
			SupportedSigningAlgs: []string{string(alg)},
			Now:                  func() time.Time { return start.Add(time.Minute) },
		})
		id, err := verifier.Verify(context.Background(), tokens.ID)
		if err != nil {
			t.Fatalf("%s: go-oidc: %v", alg, err)
		}
		var claims struct {
			PhoneNumber         string `json:"phone_number"`
			PhoneNumberVerified bool   `json:"phone_number_verified"`
		}
		if err := id.Claims(&claims); err != nil || id.Subject != subject().Sub || claims.PhoneNumber != "+14155550123" || !claims.PhoneNumberVerified {
			t.Errorf("%s: go-oidc reads %+v, %v", alg, claims, err)
		}
	}
}

func TestJWKS_IsCognitosDocument(t *testing.T) {
	set := keySets()[token.RS256]
	doc := string(set.JWKS(start))
	var parsed struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal([]byte(doc), &parsed); err != nil || len(parsed.Keys) != 2 {
		t.Fatalf("%v: %s", err, doc)
	}
	for i, key := range parsed.Keys {
		if key["kid"] != set[i].ID || key["alg"] != "RS256" || key["e"] != "AQAB" || key["kty"] != "RSA" || key["use"] != "sig" ||
			len(key["n"]) != 342 || len(key) != 6 {
			t.Errorf("key %d: %v", i, key)
		}
	}
	if !strings.HasPrefix(doc, `{"keys":[{"alg":"RS256","e":"AQAB","kid":"`) {
		t.Errorf("order of members: %s", doc)
	}
	if got := string(token.KeySet(nil).JWKS(start)); got != `{"keys":[]}` {
		t.Errorf("empty set: %s", got)
	}
	for alg, set := range keySets() {
		for _, secret := range []string{`"d"`, `"p"`, `"q"`, `"k"`, "PRIVATE"} {
			if doc := string(set.JWKS(start)); strings.Contains(doc, secret) {
				t.Errorf("%s: the document has %s", alg, secret)
			}
		}
	}
}

func TestParseKey_PrivateKey_RoundTrips(t *testing.T) {
	for alg, set := range keySets() {
		for _, key := range set {
			der, err := key.MarshalPrivate()
			if err != nil {
				t.Fatal(err)
			}
			back, err := token.ParseKey(der, token.Key{ID: key.ID, Alg: alg, Use: key.Use, CreatedAt: start, ActiveAt: start}, token.GoRSA{})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back.Public(), key.Public()) {
				t.Errorf("%s: another key came back", alg)
			}
			for _, other := range append(algs, "HS256", "none", "") {
				if _, err := token.ParseKey(der, token.Key{ID: key.ID, Alg: other}, token.GoRSA{}); (err == nil) != (other == alg) {
					t.Errorf("a %s key read as %q: %v", alg, other, err)
				}
			}
			if _, err := token.ParseKey(der[:len(der)-1], token.Key{ID: key.ID, Alg: alg}, token.GoRSA{}); err == nil {
				t.Error("a cut key is read")
			}
			if _, err := token.ParseKey(der, token.Key{Alg: alg}, token.GoRSA{}); err == nil {
				t.Error("a key without id is read")
			}
		}
	}
	if _, err := token.GenerateKey("HS256", token.UseID, start); err == nil {
		t.Error("an HS256 key is made")
	}
	if token.Alg("RS512").Valid() || !token.RS256.Valid() {
		t.Error("Valid is wrong")
	}
}

func TestSecrets_PrintedByAnything_ShowNoKeyAndNoToken(t *testing.T) {
	for alg, set := range keySets() {
		key := set[1]
		der, err := key.MarshalPrivate()
		if err != nil {
			t.Fatal(err)
		}
		tokens := issue(t, set, subject(), start)
		var all bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			if got, want := fmt.Sprintf(verb, key), "[signing key "+key.ID+"]"; got != want {
				t.Errorf("%s with %s prints %.80s", alg, verb, got)
			}
			if got := fmt.Sprintf(verb, tokens); got != "[tokens]" {
				t.Errorf("tokens with %s print %.80s", verb, got)
			}
			fmt.Fprintf(&all, verb+verb+verb, *key, set, struct {
				set   token.KeySet
				key   *token.Key
				value token.Key
			}{set, key, *key})
		}
		slog.New(slog.NewJSONHandler(&all, nil)).Info("m", "key", key, "set", set, "tokens", tokens)
		if b, err := json.Marshal(key); err == nil {
			all.Write(b)
		}
		forms := []string{base64.StdEncoding.EncodeToString(der)[52:62], strings.Split(tokens.Access, ".")[1]}
		for _, part := range [][]byte{der[36:42], der[len(der)-6:]} {
			forms = append(forms, fmt.Sprintf("%x", part), fmt.Sprintf("%X", part), strings.Trim(fmt.Sprint(part), "[]"))
		}
		for _, form := range forms {
			if strings.Contains(all.String(), form) {
				t.Errorf("%s: shows %s", alg, form)
			}
		}
	}
}

// A payload is what encoding/json makes of a map: names in order, each once.
func TestIssue_Payload_IsAsEncodingJSONWritesAMap(t *testing.T) {
	s := subject()
	s.Changes = token.Changes{
		ID:     token.ClaimChanges{Set: map[string]json.RawMessage{"email": []byte(` "<" `), "zz": []byte(`{"b": 1}`)}, Suppress: []string{"name"}},
		Access: token.ClaimChanges{Set: map[string]json.RawMessage{"amount": []byte("1.50")}},
	}
	tokens := issue(t, keySets()[token.EdDSA], s, start)
	for _, raw := range []string{tokens.ID, tokens.Access} {
		got, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(got, &members); err != nil {
			t.Fatal(err)
		}
		if want, err := json.Marshal(members); err != nil || string(want) != string(got) {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

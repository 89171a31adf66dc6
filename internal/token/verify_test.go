package token_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/token"
)

func verify(set token.KeySet, raw string, now time.Time) error {
	_, err := token.VerifyAccess(set, issuer, raw, now)
	return err
}

func mustRefuse(t *testing.T, name string, err error, want string) {
	t.Helper()
	if !fault.Is(err, fault.NotAuthorized) || err.Error() != want {
		t.Errorf("%s: %v, want NotAuthorized %q", name, err, want)
	}
}

const invalidAccess = "Invalid Access Token"

func TestVerifyAccess_GoodToken_GivesItsClaims(t *testing.T) {
	for alg, set := range keySets() {
		s := subject()
		s.Scope = token.ScopeUserAdmin + " openid"
		s.DeviceKey = "us-east-1_device"
		now := start.Add(time.Minute + 300*time.Millisecond)
		c, err := token.VerifyAccess(set, issuer, issue(t, set, s, now).Access, now)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if c.Sub != s.Sub || c.Username != s.Username || c.ClientID != s.ClientID || c.OriginJTI != s.OriginJTI ||
			c.EventID != s.EventID || c.DeviceKey != s.DeviceKey || len(c.Groups) != 2 || len(c.JTI) != 36 ||
			!c.AuthTime.Equal(s.AuthTime) || !c.IssuedAt.Equal(start.Add(time.Minute)) || !c.ExpiresAt.Equal(start.Add(61*time.Minute)) {
			t.Errorf("%s: claims %+v", alg, c)
		}
		if !c.HasScope(token.ScopeUserAdmin) || !c.HasScope("openid") || c.HasScope("open") || c.HasScope("") {
			t.Errorf("%s: scope %q", alg, c.Scope)
		}
	}
}

func TestVerifyAccess_AroundItsEnds_HoldsToTheSecond(t *testing.T) {
	set := keySets()[token.ES256]
	raw := issue(t, set, subject(), start).Access
	end := start.Add(time.Hour)
	for _, c := range []struct {
		now  time.Time
		want string
	}{
		{start, ""},
		{end.Add(-time.Nanosecond), ""},
		{end, "Access Token has expired"},
		{end.Add(time.Second), "Access Token has expired"},
		{end.Add(1000 * time.Hour), "Access Token has expired"},
		{start.Add(-60 * time.Second), ""}, // another node's clock is behind
		{start.Add(-61 * time.Second), invalidAccess},
		{start.Add(-24 * time.Hour), invalidAccess},
	} {
		err := verify(set, raw, c.now)
		if c.want == "" && err != nil {
			t.Errorf("at %v: %v", c.now.Sub(start), err)
		}
		if c.want != "" {
			mustRefuse(t, c.now.Sub(start).String(), err, c.want)
		}
	}
}

func TestVerifyAccess_EachChangedByte_IsRefused(t *testing.T) {
	for alg, set := range keySets() {
		raw := issue(t, set, subject(), start).Access
		for i := range raw {
			for _, b := range []byte{raw[i] ^ 1, raw[i] ^ 0x20, '.', '=', 'A', '_', '\n', 0} {
				if b == raw[i] {
					continue
				}
				changed := raw[:i] + string([]byte{b}) + raw[i+1:]
				if err := verify(set, changed, start); err == nil {
					t.Errorf("%s: byte %d changed from %q to %q is accepted", alg, i, raw[i], b)
				}
			}
		}
	}
}

func TestVerifyAccess_CutOrLengthened_IsRefused(t *testing.T) {
	set := keySets()[token.ES256]
	raw := issue(t, set, subject(), start).Access
	for i := range raw {
		mustRefuse(t, fmt.Sprintf("cut at %d", i), verify(set, raw[:i], start), invalidAccess)
		if err := verify(set, raw[:i]+"\n"+raw[i:], start); err == nil {
			t.Errorf("a line end at %d is passed over", i)
		}
	}
}

func TestVerifyAccess_OtherForms_AreRefused(t *testing.T) {
	set := keySets()[token.RS256]
	good := issue(t, set, subject(), start)
	other := issue(t, set, subject(), start.Add(time.Second))
	part := strings.Split(good.Access, ".")
	signature, err := base64.RawURLEncoding.DecodeString(part[2])
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"empty":                 "",
		"dots":                  "..",
		"four dots":             "....",
		"ID token":              good.ID,
		"no signature":          part[0] + "." + part[1] + ".",
		"no signature, no dot":  part[0] + "." + part[1],
		"none, unsigned":        enc(`{"alg":"none"}`) + "." + part[1] + ".",
		"no payload":            part[0] + ".." + part[2],
		"no header":             "." + part[1] + "." + part[2],
		"another's signature":   part[0] + "." + part[1] + "." + strings.Split(other.Access, ".")[2],
		"ID token's payload":    part[0] + "." + strings.Split(good.ID, ".")[1] + "." + part[2],
		"zero signature":        part[0] + "." + part[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 256)),
		"signature of a byte":   part[0] + "." + part[1] + ".AA",
		"longer signature":      part[0] + "." + part[1] + "." + base64.RawURLEncoding.EncodeToString(append(signature, 0)),
		"padded signature":      good.Access + "==",
		"standard base64":       part[0] + "." + part[1] + "." + base64.StdEncoding.EncodeToString(signature),
		"four parts":            good.Access + ".x",
		"five parts":            good.Access + ".x.y",
		"trailing dot":          good.Access + ".",
		"leading dot":           "." + good.Access,
		"leading space":         " " + good.Access,
		"trailing space":        good.Access + " ",
		"trailing line end":     good.Access + "\n",
		"Bearer":                "Bearer " + good.Access,
		"two tokens":            good.Access + good.Access,
		"two with comma":        good.Access + "," + good.Access,
		"JSON serialization":    fmt.Sprintf(`{"protected":"%s","payload":"%s","signature":"%s"}`, part[0], part[1], part[2]),
		"percent encoding":      strings.ReplaceAll(good.Access, ".", "%2e"),
		"full-width dots":       strings.ReplaceAll(good.Access, ".", "．"),
		"upper case":            strings.ToUpper(good.Access),
		"over 8 KB":             part[0] + "." + strings.Repeat("A", 9000) + "." + part[2],
		"a megabyte":            strings.Repeat("A.", 1<<19),
		"refresh token":         token.MintRefresh(make([]byte, 32), "k", token.RefreshToken{FamilyID: "f"}),
		"a session, not a JWT":  "AYABeExampleSession",
		"not UTF-8":             "\xff\xfe." + part[1] + "." + part[2],
		"header, other payload": part[0] + "." + enc(`{"sub":"admin"}`) + "." + part[2],
	} {
		mustRefuse(t, name, verify(set, raw, start), invalidAccess)
	}
}

func TestVerifyAccess_WrongClaims_AreRefusedThoughSigned(t *testing.T) {
	set := keySets()[token.EdDSA]
	key := private(t, set[1])
	missing := new(int)
	for name, change := range map[string]map[string]any{
		"id token":              {"token_use": "id"},
		"refresh token":         {"token_use": "refresh"},
		"token_use upper case":  {"token_use": "ACCESS"},
		"token_use list":        {"token_use": []string{"access"}},
		"no token_use":          {"token_use": missing},
		"another pool":          {"iss": "https://auth.example.com/us-east-1_Other1234"},
		"issuer's prefix":       {"iss": issuer[:len(issuer)-1]},
		"issuer and slash":      {"iss": issuer + "/"},
		"issuer upper case":     {"iss": strings.ToUpper(issuer)},
		"issuer http":           {"iss": strings.Replace(issuer, "https", "http", 1)},
		"issuer list":           {"iss": []string{issuer}},
		"no issuer":             {"iss": missing},
		"no exp":                {"exp": missing},
		"exp null":              {"exp": nil},
		"exp zero":              {"exp": 0},
		"exp negative":          {"exp": -1},
		"exp text":              {"exp": "1799999999"},
		"exp fraction":          {"exp": 1.5},
		"exp beyond int64":      {"exp": json.Number("99999999999999999999")},
		"exp before iat":        {"exp": start.Unix() - 1},
		"exp at iat":            {"exp": start.Unix()},
		"no iat":                {"iat": missing},
		"iat negative":          {"iat": -5},
		"iat in the future":     {"iat": start.Unix() + 61},
		"iat far in the future": {"iat": start.Unix() + 1e9, "exp": start.Unix() + 2e9},
		"no sub":                {"sub": missing},
		"sub number":            {"sub": 7},
		"no username":           {"username": ""},
		"no client":             {"client_id": missing},
	} {
		c := goodClaims()
		maps.Copy(c, change)
		maps.DeleteFunc(c, func(_ string, v any) bool { return v == missing })
		mustRefuse(t, name, verify(set, forge(t, key, goodHeader(set[1]), encodeClaims(t, c)), start), invalidAccess)
	}
	for name, claims := range map[string]string{
		"empty": "", "null": "null", "list": "[]", "text": `"access"`, "cut": `{"sub":"s"`, "trailing": encodeClaims(t, goodClaims()) + "{}",
	} {
		mustRefuse(t, "payload "+name, verify(set, forge(t, key, goodHeader(set[1]), claims), start), invalidAccess)
	}
}

func TestVerifyAccess_OtherKeys_AreRefused(t *testing.T) {
	set := keySets()[token.ES256]
	claims := encodeClaims(t, goodClaims())
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, "ID key, its own header", verify(set, forge(t, private(t, set[0]), goodHeader(set[0]), claims), start), invalidAccess)
	mustRefuse(t, "ID key, access key's header", verify(set, forge(t, private(t, set[0]), goodHeader(set[1]), claims), start), invalidAccess)
	mustRefuse(t, "another pool's key", verify(set, forge(t, foreign, goodHeader(set[1]), claims), start), invalidAccess)
	mustRefuse(t, "no keys", verify(nil, issue(t, set, subject(), start).Access, start), invalidAccess)
	for alg, others := range keySets() {
		if alg != token.ES256 {
			mustRefuse(t, "key of "+string(alg), verify(set, issue(t, others, subject(), start).Access, start), invalidAccess)
		}
	}
	stock := *set[1]
	stock.Use = ""
	mustRefuse(t, "key in stock", verify(token.KeySet{&stock}, issue(t, set, subject(), start).Access, start), invalidAccess)
}

func TestVerifyAccess_EmptyIssuer_AcceptsNothing(t *testing.T) {
	set := keySets()[token.ES256]
	c := goodClaims()
	c["iss"] = ""
	raw := forge(t, private(t, set[1]), goodHeader(set[1]), encodeClaims(t, c))
	_, err := token.VerifyAccess(set, "", raw, start)
	mustRefuse(t, "empty issuer", err, invalidAccess)
}

func TestVerifyAccess_ECDSASignatureOfZeros_IsRefused(t *testing.T) {
	set := keySets()[token.ES256] // CVE-2022-21449
	input := enc(goodHeader(set[1])) + "." + enc(encodeClaims(t, goodClaims()))
	for _, n := range []int{0, 1, 63, 64, 65, 128} {
		raw := input + "." + base64.RawURLEncoding.EncodeToString(make([]byte, n))
		mustRefuse(t, fmt.Sprintf("%d zero bytes", n), verify(set, raw, start), invalidAccess)
	}
}

func TestClaimedIssuer_OfAnyToken(t *testing.T) {
	tokens := issue(t, keySets()[token.ES256], subject(), start)
	if got, ok := token.ClaimedIssuer(tokens.Access); !ok || got != issuer {
		t.Errorf("%q, %v", got, ok)
	}
	for _, raw := range []string{"", "a.b.c", "a.b", "." + enc(`{"iss":"x"}`) + ".", enc("{}") + "." + enc("{}") + ".x",
		"x." + enc(`{"iss":["x"]}`) + ".x", "x." + enc(`[]`) + ".x", "x." + enc(`{"iss":"`+strings.Repeat("x", 40_000)+`"}`) + ".x"} {
		if got, ok := token.ClaimedIssuer(raw); ok {
			t.Errorf("ClaimedIssuer(%.40q) = %.40q", raw, got)
		}
	}
}

func TestLooksLikeJWT_TokensDoRefreshTokensDoNot(t *testing.T) {
	tokens := issue(t, keySets()[token.ES256], subject(), start)
	for _, raw := range []string{tokens.ID, tokens.Access, enc(`{"alg":"none"}`) + ".e30.x"} {
		if !token.LooksLikeJWT(raw) {
			t.Errorf("%.40s… does not look like a JWT", raw)
		}
	}
	for _, raw := range []string{"", "a.b.c", "..", token.MintRefresh(make([]byte, 32), "k", token.RefreshToken{FamilyID: "f"}),
		enc("null") + ".a.b", enc("[1]") + ".a.b", enc("{}") + ".a", enc("{}") + ".a.b.c.d"} {
		if token.LooksLikeJWT(raw) {
			t.Errorf("%.40q looks like a JWT", raw)
		}
	}
}

func FuzzVerifyAccess(f *testing.F) {
	// A fixed key and no jti: the same token in every process of the fuzzer.
	key, err := token.NewKey(ed25519.NewKeyFromSeed(make([]byte, 32)), token.Key{ID: "k", Alg: token.EdDSA, Use: token.UseAccess})
	if err != nil {
		f.Fatal(err)
	}
	set := token.KeySet{key}
	good := forge(f, ed25519.NewKeyFromSeed(make([]byte, 32)), goodHeader(key), encodeClaims(f, goodClaims()))
	if err := verify(set, good, start); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, "", "..", good + ".", good[:50], strings.ToLower(good), enc(`{"alg":"none"}`) + ".e30."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if err := verify(set, raw, start); err == nil && raw != good {
			t.Fatalf("accepted %q", raw)
		}
		token.ClaimedIssuer(raw)
		token.LooksLikeJWT(raw)
	})
}

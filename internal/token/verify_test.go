package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
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

// forge signs any header and claims as an attacker (or a careless issuer)
// would who has this private key.
func forge(t testing.TB, signer crypto.Signer, header, claims string) string {
	t.Helper()
	input := enc(header) + "." + enc(claims)
	digest := sha256.Sum256([]byte(input))
	var signature []byte
	var err error
	switch private := signer.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest[:])
	case *ecdsa.PrivateKey:
		r, s, e := ecdsa.Sign(rand.Reader, private, digest[:])
		signature, err = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), e
	case ed25519.PrivateKey:
		signature = ed25519.Sign(private, []byte(input))
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func enc(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// private returns the private key of one of our keys.
func private(t testing.TB, key *token.Key) crypto.Signer {
	t.Helper()
	der, err := key.MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	p, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return p.(crypto.Signer)
}

// goodClaims is an access token's payload that VerifyAccess accepts.
func goodClaims() map[string]any {
	return map[string]any{
		"sub": "s", "iss": issuer, "client_id": "c", "username": "u", "token_use": "access",
		"scope": token.ScopeUserAdmin, "auth_time": start.Unix(), "iat": start.Unix(), "exp": start.Add(time.Hour).Unix(),
	}
}

func encodeClaims(t testing.TB, c map[string]any) string {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func goodHeader(key *token.Key) string {
	return fmt.Sprintf(`{"kid":"%s","alg":"%s"}`, key.ID, key.Alg)
}

func TestVerifyAccess_TheForgersTool_CanMakeGoodTokens(t *testing.T) {
	// Guards the corpora below: what they refuse is refused for its flaw.
	for alg, set := range keySets() {
		raw := forge(t, private(t, set[1]), goodHeader(set[1]), encodeClaims(t, goodClaims()))
		if err := verify(set, raw, start); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

func TestVerifyAccess_ForgedHeaders_AreRefused(t *testing.T) {
	set := keySets()[token.RS256]
	idKey, key := set[0], set[1]
	mine := private(t, key)
	attacker, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims := encodeClaims(t, goodClaims())
	attackerN := base64.RawURLEncoding.EncodeToString(attacker.N.Bytes())
	h := func(format string, args ...any) string { return fmt.Sprintf(format, args...) }

	// Signed with the pool's own access key: only the header is wrong.
	own := map[string]string{
		"members swapped":    h(`{"alg":"RS256","kid":"%s"}`, key.ID),
		"typ":                h(`{"kid":"%s","alg":"RS256","typ":"JWT"}`, key.ID),
		"typ at+jwt":         h(`{"typ":"at+jwt","kid":"%s","alg":"RS256"}`, key.ID),
		"space":              h(`{"kid": "%s","alg":"RS256"}`, key.ID),
		"alg none":           h(`{"kid":"%s","alg":"none"}`, key.ID),
		"alg None":           h(`{"kid":"%s","alg":"None"}`, key.ID),
		"alg nOnE":           h(`{"kid":"%s","alg":"nOnE"}`, key.ID),
		"alg empty":          h(`{"kid":"%s","alg":""}`, key.ID),
		"alg null":           h(`{"kid":"%s","alg":null}`, key.ID),
		"alg list":           h(`{"kid":"%s","alg":["RS256"]}`, key.ID),
		"alg missing":        h(`{"kid":"%s"}`, key.ID),
		"alg lower case":     h(`{"kid":"%s","alg":"rs256"}`, key.ID),
		"alg RS384":          h(`{"kid":"%s","alg":"RS384"}`, key.ID),
		"alg RS512":          h(`{"kid":"%s","alg":"RS512"}`, key.ID),
		"alg PS256":          h(`{"kid":"%s","alg":"PS256"}`, key.ID),
		"alg ES256":          h(`{"kid":"%s","alg":"ES256"}`, key.ID),
		"alg EdDSA":          h(`{"kid":"%s","alg":"EdDSA"}`, key.ID),
		"alg HS256":          h(`{"kid":"%s","alg":"HS256"}`, key.ID),
		"alg twice":          h(`{"kid":"%s","alg":"none","alg":"RS256"}`, key.ID),
		"kid missing":        `{"alg":"RS256"}`,
		"kid empty":          `{"kid":"","alg":"RS256"}`,
		"kid null":           `{"kid":null,"alg":"RS256"}`,
		"kid number":         `{"kid":1,"alg":"RS256"}`,
		"kid list":           h(`{"kid":["%s"],"alg":"RS256"}`, key.ID),
		"kid of the ID key":  h(`{"kid":"%s","alg":"RS256"}`, idKey.ID),
		"kid path":           `{"kid":"../../../../dev/null","alg":"RS256"}`,
		"kid SQL":            `{"kid":"x' UNION SELECT 'key","alg":"RS256"}`,
		"kid URL":            `{"kid":"https://attacker.example/key","alg":"RS256"}`,
		"kid with NUL":       h(`{"kid":"%s\u0000","alg":"RS256"}`, key.ID),
		"kid without =":      h(`{"kid":"%s","alg":"RS256"}`, strings.TrimRight(key.ID, "=")),
		"kid twice":          h(`{"kid":"x","kid":"%s","alg":"RS256"}`, key.ID),
		"Kid":                h(`{"Kid":"%s","alg":"RS256"}`, key.ID),
		"crit":               h(`{"kid":"%s","alg":"RS256","crit":["exp"]}`, key.ID),
		"crit and b64":       h(`{"kid":"%s","alg":"RS256","b64":false,"crit":["b64"]}`, key.ID),
		"zip":                h(`{"kid":"%s","alg":"RS256","zip":"DEF"}`, key.ID),
		"cty":                h(`{"kid":"%s","alg":"RS256","cty":"JWT"}`, key.ID),
		"jku":                h(`{"kid":"%s","alg":"RS256","jku":"https://attacker.example/jwks"}`, key.ID),
		"x5u":                h(`{"kid":"%s","alg":"RS256","x5u":"https://attacker.example/cert"}`, key.ID),
		"not JSON":           "header",
		"JSON list":          `["RS256"]`,
		"JSON null":          "null",
		"byte order mark":    "\ufeff" + goodHeader(key),
		"trailing line end":  goodHeader(key) + "\n",
		"two headers":        goodHeader(key) + goodHeader(key),
		"JWE":                `{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}`,
		"escaped characters": h(`{"kid":"%s","alg":"\u0052S256"}`, key.ID),
	}
	for name, header := range own {
		mustRefuse(t, name, verify(set, forge(t, mine, header, claims), start), invalidAccess)
	}

	// Signed with a key that the attacker has.
	theirs := map[string]string{
		"attacker's key, our kid": goodHeader(key),
		"attacker's jwk":          h(`{"kid":"%s","alg":"RS256","jwk":{"kty":"RSA","e":"AQAB","n":"%s"}}`, key.ID, attackerN),
		"attacker's kid":          `{"kid":"attacker","alg":"RS256"}`,
		"attacker's jku":          h(`{"kid":"%s","alg":"RS256","jku":"https://attacker.example/jwks"}`, key.ID),
		"attacker's x5c":          h(`{"kid":"%s","alg":"RS256","x5c":["MIIB"]}`, key.ID),
	}
	for name, header := range theirs {
		mustRefuse(t, name, verify(set, forge(t, attacker, header, claims), start), invalidAccess)
	}

	// HS256 with anything public as the secret (CVE-2015-9235 and its kin).
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{
		"PEM":     pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		"DER":     public,
		"modulus": key.Public().(*rsa.PublicKey).N.Bytes(),
		"JWKS":    set.JWKS(start),
		"kid":     []byte(key.ID),
		"empty":   nil,
	}
	for name, secret := range secrets {
		for _, header := range []string{h(`{"kid":"%s","alg":"HS256"}`, key.ID), goodHeader(key)} {
			input := enc(header) + "." + enc(claims)
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(input))
			raw := input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
			mustRefuse(t, "HS256 under "+name, verify(set, raw, start), invalidAccess)
		}
	}
	if n := len(own) + len(theirs) + 2*len(secrets); n < 60 {
		t.Errorf("only %d forgeries", n)
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
		"x." + enc(`{"iss":["x"]}`) + ".x", "x." + enc(`[]`) + ".x", "x." + enc(`{"iss":"`+strings.Repeat("x", 9000)+`"}`) + ".x"} {
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

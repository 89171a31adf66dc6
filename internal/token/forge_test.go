package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/token"
)

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

// encoding/json would take the long s for an s, and the last of two for the value.
func TestVerifyAccess_ClaimsInOtherLetters_AreOthers(t *testing.T) {
	claims := goodClaims()
	for _, name := range []string{"\u017fub", "SUB", "u\u017fername", "i\u017fs", "\u017fcope", "Exp", "to\u212aen_use"} {
		claims[name] = "attacker"
	}
	set := keySets()[token.ES256]
	got, err := token.VerifyAccess(set, issuer, forge(t, private(t, set[1]), goodHeader(set[1]), encodeClaims(t, claims)), start)
	if err != nil || got.Sub != "s" || got.Username != "u" || got.Scope != token.ScopeUserAdmin {
		t.Errorf("%+v, %v", got, err)
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

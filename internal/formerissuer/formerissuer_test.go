package formerissuer_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/formerissuer"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

const (
	pool   = "us-east-1_AbC123xyz"
	client = "3n4b5urk1ft4fl3mg5e62d9ado"
	sub    = "10000000-70c1-4b6e-9d5e-000000000001"
)

// signer is a key of the old issuer.
type signer struct {
	kid string
	key *rsa.PrivateKey
}

func newSigner(t *testing.T, kid string) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return signer{kid, key}
}

func (s signer) jwk() map[string]string {
	return map[string]string{
		"kid": s.kid, "kty": "RSA", "alg": "RS256", "use": "sig",
		"n": base64.RawURLEncoding.EncodeToString(s.key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(s.key.E)).Bytes()),
	}
}

// token is a token as Cognito writes it, under a header that may be another.
func (s signer) token(t *testing.T, header string, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(input))
	mac, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(mac)
}

func (s signer) header() string { return fmt.Sprintf(`{"kid":%q,"alg":"RS256"}`, s.kid) }

// A pool has come over with a user; his access token of the old issuer is still good.
func TestFormerIssuer_TokensAreTakenByTheRulesOfThisServer(t *testing.T) {
	good, stranger := newSigner(t, "old"), newSigner(t, "old")
	asked := make(chan string, 10)
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"keys": []any{good.jwk()}})
		asked <- r.URL.Path
	}))
	defer old.Close()
	issuer, err := formerissuer.Parse(old.URL + "/" + pool + "@2999-12-31")
	must(t, err)
	over, err := formerissuer.Parse(old.URL + "/" + pool + "x@2020-12-31")
	must(t, err)
	log := &told{said: make(chan string, 10)}
	keeper := formerissuer.New([]formerissuer.Issuer{issuer, over}, slog.New(slog.NewTextHandler(log, nil)))

	ctx := t.Context()
	store, err := sqlstore.Open(ctx, worldtest.Database(t), sqlstore.Options{})
	must(t, err)
	defer store.Close()
	ring, _ := seal.Generate()
	worldtest.Stock(t, store, ring)
	s, err := userpool.Open(ctx, userpool.Config{Store: store, Ring: ring, Region: "us-east-1", PublicURL: "http://localhost:9400", Former: keeper})
	must(t, err)
	settings := userpool.DefaultPoolSettings()
	settings.UsernameAttributes = []string{"phone_number"}
	_, err = s.CreateUserPool(ctx, userpool.NewPool{ID: pool, Name: "riders", Settings: settings})
	must(t, err)
	_, err = s.CreateUserPoolClient(ctx, userpool.NewClient{ID: client, PoolID: pool, Name: "app"})
	must(t, err)
	_, err = s.Arrive(ctx, pool, []userpool.Arrival{{
		ID: sub, Status: userpool.StatusConfirmed, Enabled: true, Attributes: map[string]string{"phone_number": "+919876543210", "phone_number_verified": "true"},
	}})
	must(t, err)

	issued := time.Now().Add(-time.Hour) // before the pool was here
	claims := func(change ...any) map[string]any {
		c := map[string]any{
			"sub": sub, "iss": issuer.URL, "client_id": client, "origin_jti": "x", "event_id": "y", "token_use": "access",
			"scope": "aws.cognito.signin.user.admin", "auth_time": issued.Unix(), "exp": issued.Add(24 * time.Hour).Unix(), "iat": issued.Unix(),
			"jti": "z", "username": sub,
		}
		for i := 0; i < len(change); i += 2 {
			c[change[i].(string)] = change[i+1]
		}
		return c
	}
	token := good.token(t, good.header(), claims())
	if _, err := s.GetUser(ctx, token); !fault.Is(err, fault.NotAuthorized) {
		t.Errorf("before its keys are known: %v", err)
	}

	running, stop := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- keeper.Run(running) }()
	if path := <-asked; path != "/"+pool+"/.well-known/jwks.json" {
		t.Errorf("asked for %s", path)
	}
	<-log.said // that they are known
	u, err := s.GetUser(ctx, token)
	must(t, err)
	if u.Username != sub {
		t.Errorf("the token is %s's", u.Username)
	}
	for name, raw := range map[string]string{
		"another's key":          stranger.token(t, stranger.header(), claims()),
		"an unknown key":         stranger.token(t, `{"kid":"new","alg":"RS256"}`, claims()),
		"no signature":           strings.Join(strings.Split(token, ".")[:2], ".") + ".AAAA",
		"algorithm none":         good.token(t, `{"kid":"old","alg":"none"}`, claims()),
		"HMAC by the public key": good.token(t, `{"kid":"old","alg":"HS256"}`, claims()),
		"a key of its own":       good.token(t, `{"kid":"old","alg":"RS256","jku":"http://localhost/"}`, claims()),
		"an ID token":            good.token(t, good.header(), claims("token_use", "id")),
		"expired":                good.token(t, good.header(), claims("exp", time.Now().Unix()-1)),
		"of the future":          good.token(t, good.header(), claims("iat", time.Now().Unix()+600)),
		"of another client":      good.token(t, good.header(), claims("client_id", "another")),
		"of another user":        good.token(t, good.header(), claims("sub", "10000000-70c1-4b6e-9d5e-000000000002")),
		"without the scope":      good.token(t, good.header(), claims("scope", "openid")),
		"of nobody's issuer":     good.token(t, good.header(), claims("iss", old.URL+"/us-east-1_Other")),
		"of an issuer until":     good.token(t, good.header(), claims("iss", over.URL)),
		"of this very server":    good.token(t, good.header(), claims("iss", "http://localhost:9400/"+pool)),
	} {
		if _, err := s.GetUser(ctx, raw); err == nil {
			t.Errorf("a token %s was taken", name)
		}
	}
	must(t, s.AdminDisableUser(ctx, pool, "+919876543210"))
	if _, err := s.GetUser(ctx, token); err == nil {
		t.Error("a disabled user's token was taken")
	}
	must(t, s.AdminEnableUser(ctx, pool, "+919876543210")) // he was signed out by that
	if _, err := s.GetUser(ctx, token); !fault.Is(err, fault.NotAuthorized) {
		t.Errorf("a token from before the sign-out: %v", err)
	}
	later := good.token(t, good.header(), claims("iat", time.Now().Unix()+30))
	_, err = s.GetUser(ctx, later) // signed in there once more
	must(t, err)
	must(t, s.DeleteUser(ctx, later))
	if _, err := s.GetUser(ctx, later); !fault.Is(err, fault.UserNotFound) {
		t.Errorf("a deleted user: %v", err)
	}
	stop()
	must(t, <-done)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestParse_RefusesWhatIsNoIssuer(t *testing.T) {
	for text, want := range map[string]bool{
		"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_x@2026-12-31":           true,
		"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_x@2026-12-31T12:00:00Z": true,
		"http://localhost:9400/us-east-1_x@2026-12-31":                                 true,
		"http://example.org/us-east-1_x@2026-12-31":                                    false,
		"https://example.org/us-east-1_x":                                              false,
		"https://example.org/us-east-1_x@soon":                                         false,
		"https://example.org/@2026-12-31":                                              false,
		"https://user@example.org/us-east-1_x@2026-12-31":                              false,
		"https://example.org/us-east-1_x?y=z@2026-12-31":                               false,
		"us-east-1_x@2026-12-31":                                                       false,
	} {
		if _, err := formerissuer.Parse(text); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Key sets that are none, or too much, leave the one before.
func TestKeeper_BadKeySets(t *testing.T) {
	good := newSigner(t, "old")
	weak := signer{"weak", &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: big.NewInt(0xffffff), E: 65537}}}
	for name, answer := range map[string]string{
		"no JSON": "<html>", "no keys": `{"keys":[]}`, "too long": `{"keys":[` + strings.Repeat(" ", 70<<10) + `]}`,
		"a weak key": keySet(t, weak), "too many": keySet(t, slicesOf(good, 21)...),
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan bool, 10)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, answer)
				asked <- true
			}))
			defer server.Close()
			issuer, err := formerissuer.Parse(server.URL + "/" + pool + "@2999-12-31")
			must(t, err)
			told := &told{said: make(chan string, 10)}
			keeper := formerissuer.New([]formerissuer.Issuer{issuer}, slog.New(slog.NewTextHandler(told, nil)))
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- keeper.Run(ctx) }()
			<-asked
			if said := <-told.said; !strings.Contains(said, "cannot be fetched") {
				t.Errorf("the log says %s", said)
			}
			if _, ok := keeper.Keys(issuer.URL, time.Now()); ok {
				t.Error("it has keys")
			}
			stop()
			must(t, <-done)
		})
	}
}

func slicesOf(s signer, n int) (all []signer) {
	for range n {
		all = append(all, s)
	}
	return all
}

func keySet(t *testing.T, of ...signer) string {
	t.Helper()
	var keys []any
	for _, s := range of {
		keys = append(keys, s.jwk())
	}
	text, err := json.Marshal(map[string]any{"keys": keys})
	must(t, err)
	return string(text)
}

// told is a log that is waited for.
type told struct{ said chan string }

func (l *told) Write(p []byte) (int, error) {
	l.said <- string(p)
	return len(p), nil
}

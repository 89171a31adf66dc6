package cognito_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/coreos/go-oidc/v3/oidc"
)

// A pool that changes its algorithm publishes the new keys for a day before they sign,
// and says meanwhile, and while old tokens live, that it signs by both. A verifier that
// was there before the change takes the tokens of each, and so does the pool.
func TestSDK_TokenAlgChanges_NobodyIsSignedOut(t *testing.T) {
	inWorld(t, func(w *world) {
		ctx := oidc.ClientContext(w.ctx, &http.Client{Transport: w.wire})
		arn := w.describePool().Arn
		verify := func(raw string) {
			t.Helper()
			provider, err := oidc.NewProvider(ctx, endpoint+"/"+w.pool)
			w.must(err)
			_, err = provider.Verifier(&oidc.Config{ClientID: w.client}).Verify(ctx, raw)
			w.must(err)
		}
		expect := func(raw, signedBy string, said ...string) {
			t.Helper()
			verify(raw)
			if got := algOf(w, raw); got != signedBy {
				t.Errorf("signed by %s, want %s", got, signedBy)
			}
			if got := w.algorithms(); !slices.Equal(got, said) {
				t.Errorf("the discovery document names %v, want %v", got, said)
			}
		}
		before := w.member(asha, "")
		expect(*before.IdToken, "ES256", "ES256")

		for _, bad := range []string{"HS256", "none", "es256", ""} {
			_, err := w.sdk.TagResource(w.ctx, &cip.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"bellhop:token-alg": bad}})
			if apiCode(err) != "InvalidParameterException" || !strings.Contains(err.Error(), "bellhop:token-alg (RS256, ES256, EdDSA)") {
				t.Errorf("%q: %v", bad, err)
			}
		}
		_, err := w.sdk.TagResource(w.ctx, &cip.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"bellhop:token-alg": "EdDSA"}})
		w.must(err)
		time.Sleep(time.Minute) // for the upkeep, which makes the keys
		expect(*before.IdToken, "ES256", "ES256", "EdDSA")

		refreshed := func() *string {
			t.Helper()
			out, err := w.initiate("REFRESH_TOKEN_AUTH", nil, map[string]string{"REFRESH_TOKEN": *before.RefreshToken})
			w.must(err)
			_, err = w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: w.tokens(out.AuthenticationResult).AccessToken})
			w.must(err)
			return out.AuthenticationResult.IdToken
		}
		time.Sleep(23*time.Hour + 30*time.Minute)
		last := refreshed()
		expect(*last, "ES256", "ES256", "EdDSA")
		time.Sleep(45 * time.Minute) // the day is over, and the last token alive
		expect(*refreshed(), "EdDSA", "ES256", "EdDSA")
		verify(*last)
		time.Sleep(27 * time.Hour) // nor is there a token of the old keys any more
		expect(*refreshed(), "EdDSA", "EdDSA")
	})
}

// algOf is what the header of a token names.
func algOf(w *world, raw string) string {
	w.t.Helper()
	header, _, _ := strings.Cut(raw, ".")
	text, err := base64.RawURLEncoding.DecodeString(header)
	w.must(err)
	var h struct {
		Alg string `json:"alg"`
	}
	w.must(json.Unmarshal(text, &h))
	return h.Alg
}

// algorithms are those of the pool's discovery document.
func (w *world) algorithms() []string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, endpoint+"/"+w.pool+"/.well-known/openid-configuration", nil)
	w.must(err)
	res, err := w.wire.Do(r)
	w.must(err)
	var d struct {
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
	}
	w.must(json.NewDecoder(res.Body).Decode(&d))
	return d.Algorithms
}

package attest_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/stepup/attest"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

var evidence = stepup.Evidence{Kind: stepup.Attestation, Answer: "integrity-token", Demand: "the-demand", ID: "0102", Pool: "us-east-1_AbC", Client: "c1"}

func TestVerify_TheOperatorsServiceDecides(t *testing.T) {
	t.Parallel()
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	var status int
	var answer string
	ids := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := verifier.Verify(body, r.Header); err != nil {
			t.Error(err)
		}
		ids[r.Header.Get("webhook-id")] = true
		var got map[string]string
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		delete(got, "answer") // which two questions differ in
		if want := map[string]string{"kind": "attestation", "demand": "the-demand", "pool": "us-east-1_AbC", "client": "c1"}; !maps.Equal(got, want) {
			t.Errorf("asked %s", body)
		}
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	defer server.Close()
	h, err := attest.New(stepup.Attester{URL: stepup.Secret(strings.Replace(server.URL, "://", "://hook:pass-of-hook@", 1)), Secret: secret, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	errNone := errors.New("no verdict")
	for _, c := range []struct {
		status int
		answer string
		want   error
	}{
		{200, `{"ok":true}`, nil},
		{202, `{"ok":true,"more":1}`, nil},
		{200, `{"ok":false}`, stepup.ErrWrong},
		{200, `{}`, errNone},
		{200, `{"ok":"yes"}`, errNone},
		{200, `{"ok":true` + strings.Repeat(" ", 20_000) + `}`, errNone},
		{200, ``, errNone},
		{204, ``, errNone},
		{307, `{"ok":true}`, errNone},
		{403, `{"ok":true}`, errNone},
		{500, `{"ok":true}`, errNone},
	} {
		status, answer = c.status, c.answer
		err := h.Verify(t.Context(), evidence)
		if c.want == errNone && (err == nil || errors.Is(err, stepup.ErrWrong)) || c.want != errNone && !errors.Is(err, c.want) {
			t.Errorf("%d %.20q: %v, want %v", c.status, c.answer, err, c.want)
		}
		for _, told := range []string{"pass-of-hook", "127.0.0.1", "integrity-token", secret} {
			if err != nil && strings.Contains(err.Error(), told) {
				t.Errorf("it tells %s: %v", told, err)
			}
		}
	}
	other := evidence
	other.Answer = "another-token"
	h.Verify(t.Context(), other)
	if len(ids) != 2 {
		t.Errorf("two questions had the ids %v", ids)
	}
	server.Close()
	if err := h.Verify(t.Context(), evidence); err == nil || stepup.Faulty(err) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestNew_OnlyAPublicHostAndASecret(t *testing.T) {
	t.Parallel()
	for _, s := range []stepup.Attester{
		{URL: "http://attest.example.com", Secret: secret},
		{URL: "https://10.0.0.1", Secret: secret},
		{URL: "https://attest.example.com"},
		{URL: "https://attest.example.com", Secret: "short"},
		{URL: "attest.example.com", Secret: secret},
	} {
		if _, err := attest.New(s); err == nil || strings.Contains(err.Error(), "example.com") {
			t.Errorf("%v", err)
		}
	}
	h, err := attest.New(stepup.Attester{URL: "https://localhost:1", Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Verify(t.Context(), evidence); err == nil || !strings.Contains(err.Error(), "private address") {
		t.Errorf("a name that leads inside: %v", err)
	}
}

package captcha_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/stepup/captcha"
)

const secret = "0x4AAAA-the-secret"

var evidence = stepup.Evidence{Answer: "token-of-the-client", Demand: "the-demand", ID: "1", Remote: netip.MustParseAddr("203.0.113.7")}

// double is a provider's API that answers as it is told.
type double struct {
	*httptest.Server
	status int
	body   string
	form   url.Values // of the last request
	asked  int
}

func newDouble(t *testing.T) *double {
	d := &double{}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.RawQuery != "" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		d.form = r.PostForm
		d.asked++
		w.Header().Set("Location", d.URL+"/elsewhere")
		w.WriteHeader(d.status)
		io.WriteString(w, d.body)
	}))
	t.Cleanup(d.Close)
	return d
}

func provider(t *testing.T, kind stepup.Kind, change func(*stepup.Captcha), transport http.RoundTripper) *captcha.Provider {
	t.Helper()
	s := stepup.Captcha{SiteKey: "the-site-key", Secret: secret, Hosts: []string{"app.example.com", "com.example.app"}, MinScore: 0.5}
	if change != nil {
		change(&s)
	}
	p, err := captcha.New(kind, s, transport)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// errNone stands for an error that is no verdict.
var errNone = errors.New("no verdict")

// The answers are of the shapes that the providers document, one of each.
func TestVerify_WhatTheProvidersAnswer(t *testing.T) {
	t.Parallel()
	const at = `"challenge_ts":"2026-05-01T12:00:00.000Z"`
	d := newDouble(t)
	for name, c := range map[string]struct {
		kind   stepup.Kind
		status int
		body   string
		want   error
	}{
		"turnstile, good":                  {stepup.Turnstile, 200, `{"success":true,"error-codes":[],` + at + `,"hostname":"app.example.com","action":"","cdata":"the-demand","metadata":{"interactive":false}}`, nil},
		"turnstile, no data":               {stepup.Turnstile, 200, `{"success":true,"error-codes":[],` + at + `,"hostname":"APP.example.com","action":"","cdata":""}`, nil},
		"turnstile, for another demand":    {stepup.Turnstile, 200, `{"success":true,"error-codes":[],` + at + `,"hostname":"app.example.com","cdata":"another-demand"}`, stepup.ErrWrong},
		"turnstile, on another host":       {stepup.Turnstile, 200, `{"success":true,"error-codes":[],` + at + `,"hostname":"evil.example.com","cdata":""}`, stepup.ErrWrong},
		"turnstile, no host":               {stepup.Turnstile, 200, `{"success":true}`, stepup.ErrWrong},
		"turnstile, made up":               {stepup.Turnstile, 200, `{"success":false,"error-codes":["invalid-input-response"],"messages":[]}`, stepup.ErrWrong},
		"turnstile, late or again":         {stepup.Turnstile, 200, `{"success":false,"error-codes":["timeout-or-duplicate"],"messages":[]}`, stepup.ErrSpent},
		"turnstile, a wrong secret":        {stepup.Turnstile, 400, `{"success":false,"error-codes":["invalid-input-secret"],"messages":[]}`, errNone},
		"turnstile, its own fault":         {stepup.Turnstile, 200, `{"success":false,"error-codes":["internal-error"]}`, errNone},
		"turnstile, both at fault":         {stepup.Turnstile, 200, `{"success":false,"error-codes":["invalid-input-response","invalid-input-secret"]}`, errNone},
		"turnstile, a yes with 400":        {stepup.Turnstile, 400, `{"success":true,"hostname":"app.example.com"}`, errNone},
		"hcaptcha, good":                   {stepup.HCaptcha, 200, `{"success":true,` + at + `,"hostname":"app.example.com","credit":false,"score":0.9,"score_reason":[]}`, nil},
		"hcaptcha, seen":                   {stepup.HCaptcha, 200, `{"success":false,"error-codes":["already-seen-response"]}`, stepup.ErrSpent},
		"hcaptcha, seen, in other words":   {stepup.HCaptcha, 200, `{"success":false,"error-codes":["invalid-or-already-seen-response"]}`, stepup.ErrSpent},
		"hcaptcha, expired":                {stepup.HCaptcha, 200, `{"success":false,"error-codes":["expired-input-response"]}`, stepup.ErrSpent},
		"hcaptcha, made up":                {stepup.HCaptcha, 200, `{"success":false,"error-codes":["invalid-input-response"]}`, stepup.ErrWrong},
		"hcaptcha, of another site key":    {stepup.HCaptcha, 200, `{"success":false,"error-codes":["sitekey-secret-mismatch"]}`, errNone},
		"recaptcha v2, good":               {stepup.ReCAPTCHA, 200, `{"success":true,` + at + `,"hostname":"app.example.com"}`, nil},
		"recaptcha v2, on Android":         {stepup.ReCAPTCHA, 200, `{"success":true,` + at + `,"apk_package_name":"com.example.app"}`, nil},
		"recaptcha v2, of another app":     {stepup.ReCAPTCHA, 200, `{"success":true,` + at + `,"apk_package_name":"com.example.evil"}`, stepup.ErrWrong},
		"recaptcha v2, late or again":      {stepup.ReCAPTCHA, 200, `{"success":false,"error-codes":["timeout-or-duplicate"]}`, stepup.ErrSpent},
		"recaptcha v3, sure":               {stepup.ReCAPTCHA, 200, `{"success":true,` + at + `,"hostname":"app.example.com","score":0.5,"action":"sign_in"}`, nil},
		"recaptcha v3, unsure":             {stepup.ReCAPTCHA, 200, `{"success":true,` + at + `,"hostname":"app.example.com","score":0.49,"action":"sign_in"}`, stepup.ErrWrong},
		"recaptcha v3, its browser failed": {stepup.ReCAPTCHA, 200, `{"success":false,"score":0.0,"error-codes":["browser-error"]}`, stepup.ErrSpent},
		"recaptcha, a wrong secret":        {stepup.ReCAPTCHA, 200, `{"success":false,"error-codes":["invalid-input-secret"]}`, errNone},
		"a code of tomorrow":               {stepup.ReCAPTCHA, 200, `{"success":false,"error-codes":["` + secret + `"]}`, errNone},
		"no, and no code":                  {stepup.HCaptcha, 200, `{"success":false}`, errNone},
		"garbage":                          {stepup.HCaptcha, 200, `<html>` + secret, errNone},
		"an endless answer":                {stepup.HCaptcha, 200, `{"success":true,"hostname":"app.example.com","more":"` + strings.Repeat("x", 20_000) + `"}`, errNone},
		"an empty answer":                  {stepup.HCaptcha, 200, ``, errNone},
		"overloaded":                       {stepup.HCaptcha, 503, `{"success":true,"hostname":"app.example.com"}`, errNone},
		"forbidden":                        {stepup.HCaptcha, 403, `{"success":true,"hostname":"app.example.com"}`, errNone},
		"a redirect":                       {stepup.HCaptcha, 307, ``, errNone},
	} {
		t.Run(name, func(t *testing.T) {
			d.status, d.body, d.asked = c.status, c.body, 0
			p := provider(t, c.kind, func(s *stepup.Captcha) { s.VerifyURL = d.URL }, nil)
			err := p.Verify(t.Context(), evidence)
			verdict := errors.Is(err, stepup.ErrWrong) || errors.Is(err, stepup.ErrSpent)
			switch {
			case c.want == errNone && (err == nil || verdict), c.want != errNone && !errors.Is(err, c.want):
				t.Errorf("%v, want %v", err, c.want)
			case d.asked != 1:
				t.Errorf("asked %d times", d.asked)
			case err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), evidence.Answer)):
				t.Errorf("it tells too much: %v", err)
			}
		})
	}
}

func TestVerify_WhatIsPosted(t *testing.T) {
	t.Parallel()
	d := newDouble(t)
	d.status, d.body = 200, `{"success":true,"hostname":"app.example.com"}`
	post := func(kind stepup.Kind, e stepup.Evidence) url.Values {
		p := provider(t, kind, func(s *stepup.Captcha) { s.VerifyURL = d.URL }, nil)
		if err := p.Verify(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		return d.form
	}
	form := post(stepup.ReCAPTCHA, evidence)
	if len(form) != 3 || form.Get("secret") != secret || form.Get("response") != evidence.Answer || form.Get("remoteip") != "203.0.113.7" {
		t.Errorf("%v", form)
	}
	if form = post(stepup.HCaptcha, stepup.Evidence{Answer: "x"}); len(form) != 3 || form.Get("sitekey") != "the-site-key" {
		t.Errorf("hcaptcha, no address: %v", form)
	}
	key := post(stepup.Turnstile, evidence).Get("idempotency_key")
	other := evidence
	other.Demand = "another"
	if len(key) != 36 || post(stepup.Turnstile, evidence).Get("idempotency_key") != key || post(stepup.Turnstile, other).Get("idempotency_key") == key {
		t.Errorf("turnstile's idempotency key is %q", key)
	}
	asked := d.asked
	if err := provider(t, stepup.Turnstile, nil, nil).Verify(t.Context(), stepup.Evidence{Answer: strings.Repeat("x", 9000)}); !errors.Is(err, stepup.ErrWrong) || d.asked != asked {
		t.Errorf("a long token: %v, asked %d times", err, d.asked-asked)
	}
}

// silent is a network on which nobody answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestVerify_NoAnswer_IsGivenUpAfterThreeSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := provider(t, stepup.Turnstile, nil, silent{})
		start := time.Now()
		err := p.Verify(t.Context(), evidence)
		if took := time.Since(start); err == nil || stepup.Faulty(err) || took != 3*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if strings.Contains(err.Error(), "cloudflare") {
			t.Errorf("it tells the URL: %v", err)
		}
	})
}

func TestVerify_TheLeastScore_IsTheOperators(t *testing.T) {
	t.Parallel()
	d := newDouble(t)
	d.status, d.body = 200, `{"success":true,"hostname":"app.example.com","score":0.7}`
	for least, want := range map[float64]error{0.7: nil, 0.8: stepup.ErrWrong} {
		p := provider(t, stepup.ReCAPTCHA, func(s *stepup.Captcha) { s.VerifyURL, s.MinScore = d.URL, least }, nil)
		if err := p.Verify(t.Context(), evidence); !errors.Is(err, want) {
			t.Errorf("least %v: %v", least, err)
		}
	}
}

func TestNew_WhatIsNoCaptcha_IsRefused(t *testing.T) {
	t.Parallel()
	for _, kind := range []stepup.Kind{stepup.Work, stepup.TextUs, ""} {
		if _, err := captcha.New(kind, stepup.Captcha{}, nil); err == nil {
			t.Errorf("%q is taken", kind)
		}
	}
	if _, err := captcha.New(stepup.HCaptcha, stepup.Captcha{VerifyURL: "ftp://x"}, nil); err == nil {
		t.Error("an FTP address is taken")
	}
}

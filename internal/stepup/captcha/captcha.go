// Package captcha has captchas verified by their providers: Turnstile, hCaptcha and
// reCAPTCHA, whose APIs are of one make. What a captcha is worth, and what is done
// when a provider does not answer, is the business of package stepup.
package captcha

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/netcause"
	"github.com/bellhop-auth/bellhop/internal/stepup"
)

const (
	timeout   = 3 * time.Second // for one answer, connecting included
	maxAnswer = 16 << 10
	maxToken  = 8 << 10 // of a client; reCAPTCHA's have some two thousand letters
)

// endpoints are where the providers verify:
// https://developers.cloudflare.com/turnstile/get-started/server-side-validation/
// https://docs.hcaptcha.com/#verify-the-user-response-server-side
// https://developers.google.com/recaptcha/docs/verify
var endpoints = map[stepup.Kind]string{
	stepup.Turnstile: "https://challenges.cloudflare.com/turnstile/v0/siteverify",
	stepup.HCaptcha:  "https://api.hcaptcha.com/siteverify",
	stepup.ReCAPTCHA: "https://www.google.com/recaptcha/api/siteverify",
}

// Provider verifies one provider's captchas. Its errors hold nothing of the secret
// and nothing of what the provider says but the codes that it is known to use. It is
// safe for concurrent use.
type Provider struct {
	kind     stepup.Kind
	settings stepup.Captcha
	url      string
	client   *http.Client
}

// New returns the Provider of a kind of captcha. A nil transport stands for the
// plain network.
func New(kind stepup.Kind, settings stepup.Captcha, transport http.RoundTripper) (*Provider, error) {
	p := &Provider{kind: kind, settings: settings, url: settings.VerifyURL}
	if p.url == "" {
		p.url = endpoints[kind]
	}
	if p.url == "" {
		return nil, fmt.Errorf("%s is no captcha", kind)
	}
	if err := hook.CheckURL(p.url); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	p.client = hook.NewClient(transport, timeout)
	return p, nil
}

// verdict is what all three answer, in as far as anybody looks at it.
type verdict struct {
	Success  bool     `json:"success"`
	Codes    []string `json:"error-codes"`
	Hostname string   `json:"hostname"`
	Package  string   `json:"apk_package_name"` // in the place of a host name, of an Android app
	Data     string   `json:"cdata"`            // Turnstile: what the page gave the widget
	Score    *float64 `json:"score"`            // reCAPTCHA v3
}

// Verify implements stepup.Verifier.
func (p *Provider) Verify(ctx context.Context, e stepup.Evidence) error {
	if len(e.Answer) > maxToken {
		return stepup.ErrWrong
	}
	v, err := p.ask(ctx, e)
	if err != nil {
		return fmt.Errorf("%s: %w", p.kind, err)
	}
	if !v.Success {
		return fmt.Errorf("%s: %w", p.kind, refusal(v.Codes))
	}
	return p.fits(v, e)
}

// fits says whether a captcha that was solved is one of ours.
func (p *Provider) fits(v verdict, e stepup.Evidence) error {
	switch {
	case len(p.settings.Hosts) > 0 && !slices.ContainsFunc(p.settings.Hosts, func(host string) bool {
		return strings.EqualFold(host, v.Hostname) || host == v.Package
	}):
		return fmt.Errorf("%s: %w: it was shown on another host", p.kind, stepup.ErrWrong)
	case v.Data != "" && v.Data != e.Demand:
		return fmt.Errorf("%s: %w: it was shown for another demand", p.kind, stepup.ErrWrong)
	// hCaptcha's score is how sure it is of a machine, and its own verdict has it.
	case p.kind == stepup.ReCAPTCHA && v.Score != nil && *v.Score < p.settings.MinScore:
		return fmt.Errorf("%s: %w: its score is too low", p.kind, stepup.ErrWrong)
	}
	return nil
}

// ask posts the token. An error says that there is no verdict.
func (p *Provider) ask(ctx context.Context, e stepup.Evidence) (verdict, error) {
	form := url.Values{"secret": {string(p.settings.Secret)}, "response": {e.Answer}}
	if e.Remote.IsValid() {
		form.Set("remoteip", e.Remote.String())
	}
	switch p.kind {
	case stepup.HCaptcha:
		form.Set("sitekey", p.settings.SiteKey)
	case stepup.Turnstile:
		// With the same key a token verifies again: on another node, for the same demand.
		form.Set("idempotency_key", uuid.NewSHA1(uuid.NameSpaceURL, []byte(e.Demand+"\n"+e.Answer)).String())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(form.Encode()))
	if err != nil {
		return verdict{}, errors.New("the request cannot be made")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "bellhop")
	res, err := p.client.Do(req)
	if err != nil {
		return verdict{}, netcause.Of(err)
	}
	defer res.Body.Close()
	// Turnstile words some refusals with 400.
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusBadRequest {
		return verdict{}, fmt.Errorf("answered with status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return verdict{}, netcause.Of(err)
	}
	var v verdict
	if len(body) > maxAnswer || json.Unmarshal(body, &v) != nil {
		return verdict{}, errors.New("the answer is no verdict")
	}
	if v.Success && res.StatusCode != http.StatusOK {
		return verdict{}, errors.New("the answer contradicts itself")
	}
	return v, nil
}

// What the codes of a refusal come to. Those that are not here are the operator's or
// the provider's fault, such as a wrong secret.
var (
	wrong = []string{"invalid-input-response", "missing-input-response"}
	spent = []string{"timeout-or-duplicate", "expired-input-response", "already-seen-response", "invalid-or-already-seen-response", "browser-error"}
	other = []string{
		"missing-input-secret", "invalid-input-secret", "bad-request", "internal-error", "sitekey-secret-mismatch",
		"invalid-sitekey", "not-using-dummy-passcode", "not-using-dummy-secret", "missing-remoteip", "invalid-remoteip", "invalid-keys",
	}
)

// refusal is what a refusal's codes come to. A fault of the operator's or the
// provider's goes before the client's, whom it says nothing of.
func refusal(codes []string) error {
	result := errors.New("the provider says no, and not why")
	for _, code := range codes {
		switch {
		case slices.Contains(other, code):
			return fmt.Errorf("the provider says %s", code)
		case slices.Contains(wrong, code):
			result = stepup.ErrWrong
		case slices.Contains(spent, code):
			result = stepup.ErrSpent
		default:
			return errors.New("the provider says no with a code that is not known")
		}
	}
	return result
}

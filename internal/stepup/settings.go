package stepup

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/phone"
)

// Settings are what an operator decides of step-ups. Default has the shipped ones.
type Settings struct {
	// Ways are what is offered, in this order; none makes every step-up a refusal.
	Ways []Kind
	Work Bounds
	// Captchas are the providers, by kind.
	Captchas map[Kind]Captcha
	// Attestation is the operator's own service that judges what a device says of
	// itself.
	Attestation Attester
	// Number is whom users text.
	Number phone.Number
}

// Captcha is an account at a captcha's provider.
type Captcha struct {
	SiteKey string // which the page shows
	Secret  Secret
	// Hosts are the pages that may show it; empty takes every host that the provider
	// takes.
	Hosts []string
	// MinScore is how sure reCAPTCHA v3 must be of a person, from 0 to 1; its other
	// version and the other providers give no score.
	MinScore float64
	// VerifyURL is where its answers are verified; empty is the provider's own
	// address. Where Google is not reached, recaptcha.net is.
	VerifyURL string
}

// Attester is where attestations are judged.
type Attester struct {
	URL          Secret // https; may hold user:password@
	Secret       Secret // whsec_ and base64
	AllowPrivate bool   // also a host of a private address, and http
}

// Default returns the settings that are shipped: proof of work, which needs nobody.
func Default() Settings {
	return Settings{Ways: []Kind{Work}, Work: Bounds{Least: 18, Most: 22}}
}

// Check says what is wrong with the settings, all of it.
func (s Settings) Check() error {
	var all []error
	add := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	for i, kind := range s.Ways {
		switch {
		case !slices.Contains(Kinds(), kind):
			add("%q is no way to more proof", string(kind))
		case slices.Contains(s.Ways[:i], kind):
			add("%s is offered twice", kind)
		case kind == TextUs && s.Number.IsZero():
			add("%s needs a number that users text", kind)
		case kind == Attestation && (s.Attestation.URL == "" || s.Attestation.Secret == ""):
			add("%s needs the URL of who judges it and a secret", kind)
		case kind.captcha() && (s.Captchas[kind].SiteKey == "" || s.Captchas[kind].Secret == ""):
			add("%s needs a site key and a secret", kind)
		}
	}
	for kind, c := range s.Captchas {
		if c.MinScore < 0 || c.MinScore > 1 {
			add("the least score of %s is not between 0 and 1", kind)
		}
	}
	if slices.Contains(s.Ways, Work) && (s.Work.Least < 1 || s.Work.Most < s.Work.Least || s.Work.Most > MostBits) {
		add("the bits of %s must go from 1 or more to %d or less", Work, MostBits)
	}
	return errors.Join(all...)
}

func (k Kind) captcha() bool { return k == Turnstile || k == HCaptcha || k == ReCAPTCHA }

// Secret is text that must not be shown. Convert it to a string to use it.
type Secret string

const hidden = "[hidden]"

func (Secret) Format(s fmt.State, _ rune)   { io.WriteString(s, hidden) }
func (Secret) LogValue() slog.Value         { return slog.StringValue(hidden) }
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

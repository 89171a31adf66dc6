package guardfile

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// way is a way to more proof as the file has it. What is not of its kind is zero.
type way struct {
	work    stepup.Bounds
	captcha stepup.Captcha
	attest  stepup.Attester
	number  phone.Number
}

// kind is a kind of way: its keys, and those without which it is none.
type kind struct {
	name     stepup.Kind
	about    string
	rows     []row[way]
	required []string
	take     func(way, *stepup.Settings)
}

// aSecret is required as one of the keys that give it.
const aSecret = "secret-env or secret-file"

// usualScore is what reCAPTCHA's provider recommends to begin with: reCAPTCHA v3,
// "Interpreting the score".
const usualScore = 0.5

func kinds() []kind {
	return []kind{
		{stepup.Work, "the app computes for about a second", []row[way]{
			{"least", bitsTaken, "bits of work that are asked for at first; each one more doubles it", func(way) string { return fmt.Sprint(stepup.Default().Work.Least) },
				func(r *reader, p place, w *way) { w.work.Least = r.Number(p, stepup.MostBits) }},
			{"most", bitsTaken, "bits that are asked of those who ask again and again", func(way) string { return fmt.Sprint(stepup.Default().Work.Most) },
				func(r *reader, p place, w *way) { w.work.Most = r.Number(p, stepup.MostBits) }},
		}, nil, func(w way, s *stepup.Settings) { s.Work = w.work }},
		captchaKind(stepup.Turnstile, "Cloudflare's captcha"),
		captchaKind(stepup.HCaptcha, "hCaptcha's"),
		captchaKind(stepup.ReCAPTCHA, "Google's", row[way]{"min-score", "0 to 1", "the least score that passes, where the provider gives one", func(way) string { return number(usualScore) },
			func(r *reader, p place, w *way) { w.captcha.MinScore = r.part(p, 0, 1) }}),
		{stepup.Attestation, "a service of yours judges what the device says of itself", append([]row[way]{
			{"url", "URL", "where attestations are posted to", mustHave,
				func(r *reader, p place, w *way) { w.attest.URL = r.url(p) }},
			{"allow-private", "true or false", "also a host of a private address, and http", func(way) string { return "false" },
				func(r *reader, p place, w *way) { w.attest.AllowPrivate = r.Boolean(p) }},
		}, secretRows(func(w *way) *stepup.Secret { return &w.attest.Secret }, config.CheckWebhookSecret)...), []string{"url", aSecret},
			func(w way, s *stepup.Settings) { s.Attestation = w.attest }},
		{stepup.TextUs, "the user texts a code to you", []row[way]{
			{"number", "phone number", "in quotes: the inbound number", mustHave,
				func(r *reader, p place, w *way) { w.number = r.phone(p) }},
		}, []string{"number"}, func(w way, s *stepup.Settings) { s.Number = w.number }},
	}
}

var bitsTaken = fmt.Sprintf("1 to %d", stepup.MostBits)

func mustHave(way) string { return "required" }

func captchaKind(name stepup.Kind, about string, more ...row[way]) kind {
	rows := append([]row[way]{
		{"site-key", "text", "what the widget in the app is given; it is public", mustHave,
			func(r *reader, p place, w *way) { w.captcha.SiteKey = r.Text(p) }},
		{"hosts", "list of names", "pages that may show it", func(way) string { return "those that the provider takes" },
			func(r *reader, p place, w *way) {
				w.captcha.Hosts = list(r, p, func(host string) (string, error) { return host, nil })
			}},
		{"verify-url", "URL", "where answers are verified; where Google is not reached, `https://www.recaptcha.net/recaptcha/api/siteverify`", func(way) string { return "the provider's" },
			func(r *reader, p place, w *way) { w.captcha.VerifyURL = string(r.url(p)) }},
	}, secretRows(func(w *way) *stepup.Secret { return &w.captcha.Secret }, func(string) error { return nil })...)
	return kind{name, about, append(rows, more...), []string{"site-key", aSecret}, func(w way, s *stepup.Settings) {
		if s.Captchas == nil {
			s.Captchas = map[stepup.Kind]stepup.Captcha{}
		}
		s.Captchas[name] = w.captcha
	}}
}

// secretRows are the two keys that give a secret.
func secretRows(of func(*way) *stepup.Secret, check func(string) error) []row[way] {
	take := func(read func(*reader, place) string, other string) func(*reader, place, *way) {
		return func(r *reader, p place, w *way) {
			if *of(w) != "" {
				r.Problem(p, "is set together with %s; set one of them", other)
				return
			}
			secret := read(r, p)
			if secret == "" {
				secret = unread // it was given, and that was reported
			}
			*of(w) = stepup.Secret(secret)
			if err := check(secret); err != nil && secret != unread {
				r.Problem(p, "names a secret that %v", err)
			}
		}
	}
	const oneOfTwo = "one of the two"
	return []row[way]{
		{"secret-env", "name of a variable", "the environment's variable that holds the secret", func(way) string { return oneOfTwo }, take((*reader).fromEnv, "secret-file")},
		{"secret-file", "path, from the file's folder", "the file that holds the secret", func(way) string { return oneOfTwo }, take((*reader).fromFile, "secret-env")},
	}
}

// stepUp reads the list of ways, which replaces the default one.
func (r *reader) stepUp(p place, f *File) {
	s := stepup.Settings{}
	for _, e := range r.Elements(p, "the step-up") {
		pairs, ok := r.Pairs(e)
		if !ok {
			continue
		}
		if len(pairs) != 1 {
			r.Problem(e, "must name one kind, such as proof-of-work: {}")
			continue
		}
		at := pairs[0]
		i := slices.IndexFunc(kinds(), func(k kind) bool { return string(k.name) == at.Key })
		switch {
		case i < 0:
			r.Unknown(at.Place, at.Key, kindNames())
		case slices.Contains(s.Ways, kinds()[i].name):
			r.Problem(at.Place, "is offered twice")
		default:
			s.Ways = append(s.Ways, kinds()[i].name)
			r.way(at.Place, kinds()[i], &s)
		}
	}
	f.StepUp, f.Settings.StepUp = s, names(s.Ways)
}

func (r *reader) way(p place, k kind, into *stepup.Settings) {
	w := way{work: stepup.Default().Work}
	if k.name == stepup.ReCAPTCHA {
		w.captcha.MinScore = usualScore
	}
	g := read(r, p, k.rows, &w)
	for _, key := range k.required {
		if !g.hasOne(strings.Split(key, " or ")) {
			r.Problem(p, "has no %s", key)
		}
	}
	if w.work.Least > w.work.Most {
		r.Problem(p, "asks for %d bits at first and for %d at most", w.work.Least, w.work.Most)
	}
	k.take(w, into)
}

func (g given) hasOne(keys []string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { _, ok := g[k]; return ok })
}

func names(kinds []stepup.Kind) []string {
	var all []string
	for _, k := range kinds {
		all = append(all, string(k))
	}
	return all
}

func kindNames() []string { return names(stepup.Kinds()) }

// url reads the URL of somebody who is posted to. It may hold a password.
func (r *reader) url(p place) stepup.Secret {
	text := r.Text(p)
	if u, err := url.Parse(text); text != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "") {
		r.Problem(p, "must be a whole URL, such as https://attest.example.com/judge")
	}
	return stepup.Secret(text)
}

// unread stands for a secret that was not looked at.
const unread = string(yamlfile.Unread)

func (r *reader) fromEnv(p place) string { return string(r.Variable(p, r.getenv)) }

func (r *reader) fromFile(p place) string {
	if r.getenv == nil {
		return unread
	}
	return string(r.Secret(p))
}

func waysTable() string {
	var b strings.Builder
	b.WriteString("| kind | key | value | default | what it does |\n|---|---|---|---|---|\n")
	for _, k := range kinds() {
		fmt.Fprintf(&b, "| `%s` | | | | %s |\n", k.name, k.about)
		for _, r := range k.rows {
			fmt.Fprintf(&b, "| | `%s` | %s | %s | %s |\n", r.key, r.takes, r.shown(way{}), r.help)
		}
	}
	return b.String()
}

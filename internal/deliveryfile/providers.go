package deliveryfile

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// longestTimeout leaves time for a second provider, within what a text may take.
const longestTimeout = 8 * time.Second

// defaultTimeout is several times what a provider takes that is well.
const defaultTimeout = 4 * time.Second

func (r *reader) providers(p place, f *File) {
	pairs, _ := r.Pairs(p)
	for _, pair := range pairs {
		r.names = append(r.names, pair.Key)
		if r.checkName(pair.Place, pair.Key) {
			f.Providers = append(f.Providers, r.provider(pair.Place, pair.Key))
		}
	}
}

// provider reads one. Where its type is not known its other keys say nothing.
func (r *reader) provider(p place, name string) Provider {
	one := Provider{Name: name, Where: p.Where, Timeout: defaultTimeout, settings: &provider.Values{}}
	pairs, ok := r.Pairs(p)
	if !ok {
		return one
	}
	i := slices.IndexFunc(pairs, func(g yamlfile.Pair) bool { return g.Key == "type" })
	if i < 0 {
		r.Problem(p, "has no type, which is one of %s", listed(r.kindNames()))
		return one
	}
	if one.Kind, ok = r.kind(pairs[i].Place); ok {
		r.settings(p, &one)
	}
	return one
}

func (r *reader) kind(p place) (provider.Kind, bool) {
	name := r.Text(p)
	if name == "" {
		return provider.Kind{}, false
	}
	i := slices.IndexFunc(r.kinds, func(k provider.Kind) bool { return k.Name == name })
	if i < 0 {
		r.Problem(p, "is %q, which is no type of provider%s", name, nearest(name, r.kindNames()))
		return provider.Kind{}, false
	}
	return r.kinds[i], true
}

func (r *reader) kindNames() []string {
	var all []string
	for _, k := range r.kinds {
		all = append(all, k.Name)
	}
	return all
}

// testCredentials is what kinds call the field that says so of their credentials.
const testCredentials = "test-credentials"

// settings reads what every provider has, and what those of its kind have.
func (r *reader) settings(p place, one *Provider) {
	found := given{}
	known := fields{}
	for _, row := range providerRows() {
		known[row.key] = func(p place) { row.set(r, p, one) }
	}
	for _, field := range one.Kind.Fields {
		if field.Secret {
			known[field.Name+"-env"] = func(p place) { r.secret(p, field, found, *one.settings, r.variable) }
			known[field.Name+"-file"] = func(p place) { r.secret(p, field, found, *one.settings, r.secretFile) }
			continue
		}
		known[field.Name] = func(p place) { r.field(p, field, found, *one.settings) }
	}
	before := len(r.Problems)
	r.Object(p, known)
	r.complete(p, one, found)
	if at, ok := found[testCredentials]; ok && (*one.settings)[testCredentials] == "true" && !one.textsTestNumbersAlone() {
		r.Problem(at, "is set, and no only-to of %s keeps the texts of real people from it, who would get none", listed(one.Kind.TestNumbers))
	}
	if check := one.Kind.Check; check != nil && len(r.Problems) == before {
		if wrong := check(*one.settings); wrong != nil {
			r.wrong(p, found, *wrong)
		}
	}
}

// textsTestNumbersAlone says whether only-to keeps every other number from a provider.
func (p *Provider) textsTestNumbersAlone() bool {
	return p.OnlyTo != nil && !slices.ContainsFunc(p.OnlyTo, func(prefix string) bool {
		return !slices.ContainsFunc(p.Kind.TestNumbers, func(test string) bool { return strings.HasPrefix(prefix, test) })
	})
}

// wrong reports what the kind says of settings that go together.
func (r *reader) wrong(p place, found given, w provider.Problem) {
	if at, ok := found[w.Field]; ok {
		r.Problem(at, "%s", w.What)
		return
	}
	r.Problem(place{Where: p.Where + ": " + w.Field}, "%s", w.What)
}

func (r *reader) field(p place, field provider.Field, found given, into provider.Values) {
	found[field.Name] = p
	text := r.Text(p)
	if text == "" {
		return
	}
	if field.Check != nil {
		if err := field.Check(text); err != nil {
			r.Problem(p, "%s", strings.TrimPrefix(err.Error(), "the URL ")) // the place names it
			return
		}
	}
	into[field.Name] = text
}

// secret reads one of the two keys that give a secret.
func (r *reader) secret(p place, field provider.Field, found given, into provider.Values, read func(place) config.Secret) {
	if earlier, twice := found[field.Name]; twice {
		r.Problem(p, "gives a secret that is given already, at %s", earlier.Where)
		return
	}
	found[field.Name] = p
	secret := read(p)
	if secret == "" {
		return
	}
	if r.getenv != nil && strings.ContainsFunc(string(secret), unicode.IsControl) {
		r.Problem(p, "names a secret of more than one line, or with a character that is none")
		return
	}
	if field.Check != nil && r.getenv != nil {
		if err := field.Check(string(secret)); err != nil {
			r.Problem(p, "names a secret that %s", strings.TrimPrefix(err.Error(), "the secret "))
			return
		}
	}
	into[field.Name] = string(secret)
}

// complete reports what the kind requires, and puts defaults in.
func (r *reader) complete(p place, one *Provider, found given) {
	for _, field := range one.Kind.Fields {
		_, is := found[field.Name]
		switch {
		case is:
		case field.Required && field.Secret:
			r.Problem(p, "has no %s-env or %s-file", field.Name, field.Name)
		case field.Required:
			r.Problem(p, "has no %s", field.Name)
		case field.Default != "":
			(*one.settings)[field.Name] = field.Default
		}
	}
}

// variable reads a secret in the environment.
func (r *reader) variable(p place) config.Secret { return r.Variable(p, r.getenv) }

// secretFile reads a secret in a file.
func (r *reader) secretFile(p place) config.Secret {
	if r.getenv == nil {
		return yamlfile.Unread
	}
	return r.Secret(p)
}

// Sender ids are a number, a short code, or up to eleven characters of which one is a
// letter: GSM 03.40, section 9.1.2.5.
var (
	numericSender = regexp.MustCompile(`^\+?[0-9]{3,15}$`)
	lettersSender = regexp.MustCompile(`^[0-9A-Za-z &._-]{0,10}[A-Za-z][0-9A-Za-z &._-]*$`)
)

func checkSenderID(text string) error {
	if numericSender.MatchString(text) || len(text) <= 11 && lettersSender.MatchString(text) {
		return nil
	}
	return errors.New("must be eleven letters and digits at most, a phone number or a short code")
}

var entityID = regexp.MustCompile(`^[0-9A-Za-z._-]{1,64}$`)

func checkID(text string) error {
	if !entityID.MatchString(text) {
		return errors.New("must be an id: letters and digits, 64 at most")
	}
	return nil
}

package deliveryfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/country"
	"github.com/bellhop-auth/bellhop/internal/smstext"
	"github.com/bellhop-auth/bellhop/internal/wording"
)

func (r *reader) messages(p place, f *File) {
	lines := map[string]string{} // of names
	for _, e := range r.Elements(p, "the message") {
		m := wording.Entry{Where: fmt.Sprintf("%s:%d", r.Path, e.Node.Line)}
		found := object(r, e, messageRows(), &m)
		if at, named := found["name"]; named && m.Name != "" {
			if earlier, twice := lines[m.Name]; twice {
				r.Problem(at, "is the name of an earlier one, at %s", earlier)
			}
			lines[m.Name] = m.Where
		}
		r.compare(found["registered"], m)
		r.lint(found["text"], m)
		f.Messages = append(f.Messages, m)
	}
}

func (r *reader) messageName(p place) string {
	name := r.Text(p)
	if name == "" || !r.checkName(p, name) {
		return ""
	}
	return name
}

// longestBody is what Cognito takes: CreateUserPool, "SmsVerificationMessage".
const longestBody = 140

// placeholders are what a text may have filled in.
var placeholders = []string{"{####}", "{app}", "{username}"}

// mostSegments is what a body of letters takes at most, in any script.
const mostSegments = 3

// sample is a body as it may be sent.
func sample(body string) string {
	return strings.NewReplacer("{####}", "123456", "{app}", "Example", "{username}", "someone").Replace(body)
}

// compare reports a body that is not the registered text, letter for letter.
func (r *reader) compare(p place, m wording.Entry) {
	if m.Body == "" || m.Registered == "" {
		return
	}
	off := smstext.MatchRegistered(m.Registered, sample(m.Body))
	switch {
	case off == nil:
	case strings.Contains(m.Body, "{app}"):
		r.Problem(p, "is not what the text says: in %v (for {app} a name was put that is not yours: write yours out, as it is registered)", off)
	default:
		r.Problem(p, "is not what the text says: in %v", off)
	}
}

// said are the linter's rules that the reading of a body has words of its own for.
var said = []string{"no-code", "placeholder", "length", "registered"}

// lint reports what must not be sent.
func (r *reader) lint(p place, m wording.Entry) {
	if m.Body == "" {
		return
	}
	for _, f := range smstext.Lint(draft(m)) {
		if f.Weight == smstext.Wrong && !slices.Contains(said, f.Rule) {
			r.Problem(p, "is not to be sent: %s", f.What)
		}
	}
}

// draft is the message for the linter.
func draft(m wording.Entry) smstext.Draft {
	d := smstext.Draft{Text: m.Body, Registered: m.Registered, ShortHosts: country.ShortHosts()}
	if len(m.Purposes) == 1 {
		d.Purpose = m.Purposes[0]
	}
	return d
}

var braced = regexp.MustCompile(`\{[^{}]*\}?`)

func (r *reader) body(p place) string {
	text := r.Text(p)
	if text == "" {
		return ""
	}
	if !strings.Contains(text, placeholders[0]) {
		r.Problem(p, "has no {####}, which stands for the code")
	}
	if n := utf8.RuneCountInString(text); n > longestBody {
		r.Problem(p, "has %d characters, and may have %d", n, longestBody)
	}
	if n := smstext.Count(sample(text)).Segments; n > mostSegments {
		r.Problem(p, "takes %d segments, each of which is paid for, and may take %d", n, mostSegments)
	}
	for _, in := range braced.FindAllString(text, -1) {
		if !slices.Contains(placeholders, in) {
			r.Problem(p, "has %s, which nothing is filled in for%s", in, nearest(in, placeholders))
		}
	}
	return text
}

// languageTag is as much of BCP 47 as names a language that people read.
var languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$`)

func (r *reader) language(p place) string {
	text := r.Text(p)
	switch {
	case text == "":
	case !languageTag.MatchString(text):
		r.Problem(p, "must be a language tag, such as hi, pt-BR or zh-Hant")
		return ""
	case wording.Canonical(text) == "":
		r.Problem(p, "is the tag of no language, so that nobody reads it")
		return ""
	}
	return text
}

// help reads the answer to HELP, which is paid for as every text is.
func (r *reader) help(p place) string {
	text := r.Text(p)
	if n := smstext.Count(text).Segments; n > mostSegments {
		r.Problem(p, "takes %d segments, each of which is paid for, and may take %d", n, mostSegments)
	}
	return text
}

// ofMessage is the place of a message in the file.
func ofMessage(m wording.Entry) string { return m.Where + ": the message " + m.Name }

// shadowed is the earlier of two messages that serve the same texts, of which the later
// is never used.
func shadowed(m wording.Entry, earlier []wording.Entry) (wording.Entry, bool) {
	same := func(a, b []string) bool {
		a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
		return slices.Equal(a, b)
	}
	for _, e := range earlier {
		if e.Language == m.Language && same(e.Pools, m.Pools) && same(e.Countries, m.Countries) && same(e.Purposes, m.Purposes) {
			return e, true
		}
	}
	return wording.Entry{}, false
}

// templateIDs reads the ids of a message, by providers of the file.
func (r *reader) templateIDs(p place) map[string]string {
	pairs, _ := r.Pairs(p)
	all := map[string]string{}
	for _, pair := range pairs {
		if !slices.Contains(r.names, pair.Key) {
			r.Problem(pair.Place, "is no provider of this file%s", nearest(pair.Key, r.names))
			continue
		}
		text := r.Text(pair.Place)
		if text == "" {
			continue
		}
		if err := checkID(text); err != nil {
			r.Problem(pair.Place, "%v", err)
			continue
		}
		all[pair.Key] = text
	}
	return all
}

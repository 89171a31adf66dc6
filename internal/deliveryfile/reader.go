package deliveryfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// reader reads what only this file has.
type reader struct {
	*yamlfile.Reader
	kinds  []provider.Kind
	getenv func(string) string // nil: secrets are not looked at
	names  []string            // of the file's providers, good or not
}

type (
	place  = yamlfile.Place
	fields = yamlfile.Fields
)

// file reads the sections in an order in which each knows what it names: first the
// providers, whatever stands first.
func (r *reader) file(root place, f *File) {
	note := func(key string) func(place) { return func(p place) { f.found[key] = p } }
	known := fields{}
	for _, row := range fileRows() {
		known[row.key] = note(row.key)
	}
	r.Object(root, known, "providers")
	for _, row := range fileRows() {
		if p, ok := f.found[row.key]; ok {
			row.set(r, p, f)
		}
	}
	if _, ok := f.found["routes"]; !ok {
		f.Rules = []Rule{byAll(f)}
	}
}

// nameOf is what the file's names are made of: they stand in URLs, metrics, reports.
var nameOf = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

func (r *reader) checkName(p place, name string) bool {
	if !nameOf.MatchString(name) {
		r.Problem(p, "is no name: it must be small letters, digits and dashes, 32 at most, such as main")
		return false
	}
	return true
}

func (r *reader) country(text string) (string, error) { return text, yamlfile.CheckCountry(text) }

func (r *reader) pool(text string) (string, error) { return text, yamlfile.CheckPool(text) }

// longestNumber is that of digits of a number: ITU-T E.164, section 6.
const longestNumber = 15

// prefix reads first digits of numbers, or all of them.
func (r *reader) prefix(text string) (string, error) {
	digits, plus := strings.CutPrefix(text, "+")
	switch {
	case !plus || digits == "" || strings.Trim(digits, "0123456789") != "" || digits[0] == '0':
		return "", errors.New("must be + and the first digits of numbers, such as +91")
	case len(digits) > longestNumber:
		return "", fmt.Errorf("has more than %d digits", longestNumber)
	}
	return text, nil
}

func (r *reader) prefixes(p place) []string {
	all := yamlfile.List(r.Reader, p, r.prefix)
	if all == nil {
		r.empty(p, "numbers")
	}
	return all
}

func (r *reader) countries(p place) []string {
	all := yamlfile.List(r.Reader, p, r.country)
	if all == nil {
		r.empty(p, "countries")
	}
	return all
}

func (r *reader) pools(p place) []string {
	all := yamlfile.List(r.Reader, p, r.pool)
	if all == nil {
		r.empty(p, "user pools")
	}
	return all
}

// empty reports a list of none, which would be read as one of all.
func (r *reader) empty(p place, of string) {
	if p.Node.Kind == yaml.SequenceNode && len(p.Node.Content) == 0 {
		r.Problem(p, "is an empty list: name %s, or take the key away, which means all", of)
	}
}

// purposes are those of texts, as the file writes them.
func purposes(all ...userpool.Purpose) []string {
	var names []string
	for _, p := range all {
		names = append(names, strings.ReplaceAll(string(p), "_", "-"))
	}
	return names
}

// codes are the purposes of texts with a code.
func codes() []string {
	return purposes(userpool.PurposeSignUp, userpool.PurposeSignIn, userpool.PurposeOTP, userpool.PurposeFactor, userpool.PurposeReset, userpool.PurposeVerify, userpool.PurposeInvite)
}

// MessagePurposes are what texts with words of the file are for, as the file writes
// them.
func MessagePurposes() []string { return codes() }

// Purposes are what texts are for, as the file writes them.
func Purposes() []string { return append(codes(), purposes(userpool.PurposeNotice)...) }

// purposesOf reads a list of purposes and returns them as texts have them.
func (r *reader) purposesOf(p place, known []string) []string {
	all := yamlfile.List(r.Reader, p, func(text string) (string, error) {
		for _, name := range known {
			if name == text {
				return strings.ReplaceAll(text, "-", "_"), nil
			}
		}
		return "", fmt.Errorf("is no purpose of theirs%s", nearest(text, known))
	})
	if all == nil {
		r.empty(p, "purposes")
	}
	return all
}

func nearest(text string, known []string) string {
	if near := config.Nearest(text, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return ": there are " + strings.Join(known, ", ")
}

// byCountry reads a mapping of countries, or others, to texts that pass the check. Each
// is called what, since a bare IN would read as if it were the text.
func (r *reader) byCountry(p place, what string, check func(string) error) map[string]string {
	pairs, _ := r.Pairs(p)
	all := map[string]string{}
	for _, pair := range pairs {
		country := pair.Key
		if country == others {
			country = ""
		} else if err := yamlfile.CheckCountry(country); err != nil {
			r.Problem(pair.Place, "%v", err)
			continue
		}
		at := r.At(pair.Node, "the "+what+" for "+pair.Key)
		text := r.Text(at)
		if text == "" {
			continue
		}
		if err := check(text); err != nil {
			r.Problem(at, "%v", err)
			continue
		}
		all[country] = text
	}
	return all
}

// others are the countries that a mapping does not name.
const others = "others"

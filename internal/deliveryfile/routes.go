package deliveryfile

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

func (r *reader) routes(p place, f *File) {
	before := len(r.Problems)
	for _, e := range r.Elements(p, "the route") {
		rule := Rule{Line: e.Node.Line, place: e}
		rule.Where = fmt.Sprintf("%s:%d", r.Path, e.Node.Line)
		rule.found = object(r, e, ruleRows(), &rule)
		f.Rules = append(f.Rules, rule)
	}
	if len(r.Problems) > before {
		return // what a rule with a fault takes is not known
	}
	if len(f.Rules) == 0 {
		r.Problem(p, "has no rule, so that every text would be refused")
	}
	for i, rule := range f.Rules {
		r.reached(rule, f.Rules[:i])
		r.priced(rule, f)
	}
}

// byAll is the rule of a file without one.
func byAll(f *File) Rule {
	rule := Rule{Rule: routes.Rule{Where: f.Path}}
	for _, p := range f.Providers {
		rule.By = append(rule.By, p.Name)
	}
	return rule
}

func (r *reader) by(p place) []string {
	return yamlfile.List(r.Reader, p, func(name string) (string, error) {
		if !slices.Contains(r.names, name) {
			return "", fmt.Errorf("is no provider of this file%s", nearest(name, r.names))
		}
		return name, nil
	})
}

func (r *reader) preference(p place) routes.Preference {
	switch text := r.Text(p); text {
	case "price":
		return routes.PreferPrice
	case "order", "":
	default:
		r.Problem(p, "must be order or price")
	}
	return routes.PreferOrder
}

// priced reports providers of a rule that goes by price of which none is known.
func (r *reader) priced(rule Rule, f *File) {
	if rule.Prefer != routes.PreferPrice {
		return
	}
	at := rule.found["prefer"]
	for _, p := range f.Providers {
		if !slices.Contains(rule.By, p.Name) {
			continue
		}
		if p.Prices == nil {
			r.Problem(at, "is price, and %s has no prices", p.Name)
			continue
		}
		if missing := newPrices(p.Prices).uncovered(rule.Countries, rule.Prefixes); len(missing) > 0 && len(p.Prices) > 0 {
			r.Problem(at, "is price, and the prices of %s have none for %s", p.Name, listed(missing))
		}
	}
}

// sort is a sort of texts: what a rule asks of them, "" where it takes any.
type sort struct{ country, prefix, purpose, pool string }

// possible says whether the sort has a text: whether the prefix has numbers of the
// country.
func (s sort) possible() bool {
	return s.country == "" || s.prefix == "" || mayBeOf(s.prefix, s.country)
}

// mayBeOf says whether numbers with the prefix may be of the country.
func mayBeOf(prefix, country string) bool {
	if countries := phone.CountriesOf(prefix); len(countries) > 0 || len(prefix) > longestCode {
		return slices.Contains(countries, country)
	}
	return slices.ContainsFunc([]byte("0123456789"), func(digit byte) bool { return mayBeOf(prefix+string(digit), country) })
}

// longestCode is how long a country calling code is at most with its +: ITU-T E.164,
// section 6.2.1.
const longestCode = len("+") + 3

// sorts are those that a rule takes.
func (rule Rule) sorts() iter.Seq[sort] {
	return func(yield func(sort) bool) {
		for _, country := range orAny(rule.Countries) {
			for _, prefix := range orAny(rule.Prefixes) {
				for _, purpose := range orAny(rule.Purposes) {
					for _, pool := range orAny(rule.Pools) {
						if s := (sort{country, prefix, purpose, pool}); s.possible() && !yield(s) {
							return
						}
					}
				}
			}
		}
	}
}

func orAny(names []string) []string {
	if len(names) == 0 {
		return []string{""}
	}
	return names
}

// takes says whether every text of the sort fits the rule, as far as can be told.
func (rule Rule) takes(s sort) bool {
	return takesName(rule.Purposes, s.purpose) && takesName(rule.Pools, s.pool) && takesCountry(rule.Countries, s) && takesPrefix(rule.Prefixes, s)
}

func takesName(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

func takesCountry(countries []string, s sort) bool {
	if takesName(countries, s.country) {
		return true
	}
	of := phone.CountriesOf(s.prefix)
	return s.country == "" && len(of) > 0 && !slices.ContainsFunc(of, func(c string) bool { return !slices.Contains(countries, c) })
}

func takesPrefix(prefixes []string, s sort) bool {
	return len(prefixes) == 0 || slices.ContainsFunc(prefixes, func(p string) bool {
		if s.prefix != "" && strings.HasPrefix(s.prefix, p) {
			return true
		}
		return s.country != "" && isCallingCode(p) && slices.Contains(phone.CountriesOf(p), s.country)
	})
}

// reached reports a rule that no text comes to.
func (r *reader) reached(rule Rule, earlier []Rule) {
	fits := false
	var by []string
	for s := range rule.sorts() {
		fits = true
		i := slices.IndexFunc(earlier, func(e Rule) bool { return e.takes(s) })
		if i < 0 {
			return
		}
		if line := fmt.Sprint(earlier[i].Line); !slices.Contains(by, line) {
			by = append(by, line)
		}
	}
	switch {
	case !fits:
		r.Problem(rule.place, "fits no number: none of its prefixes is of its countries")
	case len(by) == 1:
		r.Problem(rule.place, "is never reached: the one of line %s takes all of its texts", by[0])
	default:
		r.Problem(rule.place, "is never reached: those of the lines %s take all of its texts", strings.Join(by, ", "))
	}
}

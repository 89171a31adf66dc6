package guardfile

import (
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// contradictions reports settings that cannot all be meant. Those of a pair are
// blamed where the narrower one stands.
func (r *reader) contradictions(f *File, g given) {
	s := &f.Settings
	both(r, g["countries.deny"], s.Countries)
	both(r, g["prefixes.deny"], s.Prefixes)
	both(r, g["addresses.deny"], s.Addresses)
	r.prefixesOfNoCountry(g["prefixes.allow"], s)
	for _, b := range []struct {
		name string
		of   guard.Budget
	}{{"server", s.Budgets.Server}, {"pool", s.Budgets.Pool}, {"client", s.Budgets.Client}, {"country", s.Budgets.Country}} {
		under := given{}
		for _, span := range spans {
			if at, ok := g["budgets."+b.name+"."+span.key]; ok {
				under[span.key] = at
			}
		}
		r.checkBudget(g["budgets."+b.name], under, b.of)
	}
	for _, w := range windows {
		if at, ok := g["tuning."+w.name]; ok {
			r.checkWindow(at, *w.field(&s.Tuning))
		}
	}
	r.testsThatAreRefused(f)
}

// both reports what is allowed and denied alike.
func both[T comparable](r *reader, deny place, c guard.Choice[T]) {
	for _, one := range c.Deny {
		if slices.Contains(c.Allow, one) {
			r.Problem(deny, "denies %v, which is allowed too", one)
		}
	}
}

// prefixesOfNoCountry reports allowed prefixes whose countries are all refused.
func (r *reader) prefixesOfNoCountry(at place, s *guard.Settings) {
	for _, prefix := range s.Prefixes.Allow {
		countries := phone.CountriesOf(prefix)
		if len(countries) > 0 && !slices.ContainsFunc(countries, func(c string) bool { return allows(s.Countries, c) }) {
			r.Problem(at, "allows %s, whose country %s the settings of countries refuse", prefix, strings.Join(countries, ", "))
		}
	}
}

// allows says what a choice makes of one that stands for itself alone.
func allows(c guard.Choice[string], one string) bool {
	return !slices.Contains(c.Deny, one) && (len(c.Allow) == 0 || slices.Contains(c.Allow, one))
}

// checkBudget reports a budget that a longer one leaves no room for. What the file
// does not give is named as such, for nobody has seen it there.
func (r *reader) checkBudget(at place, g given, b guard.Budget) {
	if len(g) == 0 {
		return // as it was, or as those were that it was made of
	}
	unset := func(key string) string {
		if _, ok := g[key]; ok {
			return ""
		}
		return " (not set here)"
	}
	amounts := []guard.Money{b.Hour, b.Day, b.Month}
	for i, short := range amounts {
		for j := i + 1; j < len(amounts); j++ {
			if wide := amounts[j]; wide > 0 && short > wide {
				r.Problem(at, "gives %s %v%s and %s only %v%s", article(spans[i].key), short, unset(spans[i].key), article(spans[j].key), wide, unset(spans[j].key))
				break
			}
		}
	}
}

func article(span string) string {
	if span == "hour" {
		return "an hour"
	}
	return "a " + span
}

func (r *reader) checkWindow(at place, w guard.Window) {
	switch {
	case w.AtLeast > w.AtMost:
		r.Problem(at, "has at-least %s above at-most %s", number(w.AtLeast), number(w.AtMost))
	case w.Cap < w.AtMost:
		r.Problem(at, "has a cap of %s texts below the first credit, which may be %s", number(w.Cap), number(w.AtMost))
	}
}

// testsThatAreRefused reports test numbers that would be refused a text, were they
// not test numbers.
func (r *reader) testsThatAreRefused(f *File) {
	for i, test := range f.Settings.Tests {
		at := place{Where: f.tests[i]}
		n := test.Number
		switch country := n.MainRegion(); {
		case !allows(f.Settings.Countries, country):
			r.Problem(at, "is of %s, whose numbers the settings of countries refuse", country)
		case !allowsPrefix(f.Settings.Prefixes, n.E164()):
			r.Problem(at, "begins as numbers do that the settings of prefixes refuse")
		case f.Settings.Types[n.Kind()]:
			r.Problem(at, "is of the type %s, which number-types denies", typeName(n.Kind()))
		}
	}
}

// allowsPrefix says what a choice of prefixes makes of a number: the longest match
// decides.
func allowsPrefix(c guard.Choice[string], e164 string) bool {
	longest := func(of []string) int {
		n := -1
		for _, prefix := range of {
			if strings.HasPrefix(e164, prefix) {
				n = max(n, len(prefix))
			}
		}
		return n
	}
	allowed, denied := longest(c.Allow), longest(c.Deny)
	if allowed < 0 && denied < 0 {
		return len(c.Allow) == 0
	}
	return allowed > denied
}

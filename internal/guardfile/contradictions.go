package guardfile

import (
	"slices"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// contradictions reports settings that cannot all be meant. Those of a pair are
// blamed where the narrower one stands.
func (r *reader) contradictions(f *File, g given) {
	s := &f.Settings
	both(r, g["countries.deny"], s.Countries)
	both(r, g["prefixes.deny"], s.Prefixes)
	both(r, g["addresses.deny"], s.Addresses)
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
	r.checkTuning(s.Tuning, g)
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

// testsThatAreRefused reports test numbers that would be refused a text, were they
// not test numbers.
func (r *reader) testsThatAreRefused(f *File) {
	for i, test := range f.Settings.Tests {
		if rule, of := f.Settings.Refuses(test.Number); rule != guard.RuleNone {
			r.Problem(place{Where: f.tests[i].where}, "is refused by the settings themselves, by the rule %s: %s", rule, of)
		}
	}
}

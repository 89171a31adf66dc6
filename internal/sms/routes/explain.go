package routes

import (
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// Explanation is what would become of a text, and why.
type Explanation struct {
	Country    string // ISO 3166, "" for none
	Rule       *Rule  // nil: none fits
	Place      int    // of the rule among all, from 1
	Refused    string // why no provider would be asked whatever they say; "" for no such reason
	DryRun     bool
	Candidates []Candidate // in the order in which they would be asked
}

// Candidate is one of the rule's providers.
type Candidate struct {
	Provider string
	Kind     string
	Asked    bool // false: it would not be asked as things are
	Listed   int  // its place in the rule, from 1
	Micros   int64
	Priced   bool
	Why      []string // what put it where it stands, in half sentences
}

// Explain says by whom a text would go now, of a code whose earlier texts went by the
// providers of tried. What it says of providers that do not answer is what this
// process has seen.
func (r *Router) Explain(now time.Time, d sms.Destination, tried ...string) Explanation {
	c := r.choose(now, question{Destination: d, tried: tried})
	e := Explanation{Country: c.country, DryRun: r.dryRun}
	if c.refused != "" {
		e.Refused = c.refused
	}
	if c.rule < 0 {
		return e
	}
	u := r.rules[c.rule]
	e.Rule, e.Place = &u.Rule, c.rule+1
	for _, k := range c.candidates {
		p := r.providers[k.provider]
		e.Candidates = append(e.Candidates, Candidate{
			Provider: p.Name, Kind: p.Kind, Listed: k.listed + 1, Micros: k.price, Priced: k.priced,
			Asked: c.refused == "" && !k.barred && !now.Before(k.openUntil), Why: k.why(now, u.Prefer),
		})
	}
	return e
}

func (k candidate) why(now time.Time, prefer Preference) []string {
	var all []string
	switch {
	case k.barred:
		all = append(all, "its only-to does not allow the number")
	case now.Before(k.openUntil):
		all = append(all, fmt.Sprintf("not asked until %s unless nobody else takes the text: %s", k.openUntil.UTC().Format(time.TimeOnly+" UTC"), k.cause))
	case !k.openUntil.IsZero():
		all = append(all, "it did not answer: one text at a time sees whether it does again")
	}
	if k.demotion != nil {
		all = append(all, fmt.Sprintf("put last since %s, but for one text in %d: %s",
			k.demotion.since.UTC().Format(time.TimeOnly+" UTC"), k.demotion.probes, k.demotion.why))
	}
	if k.tried > 0 {
		all = append(all, "a text of this code went by it before")
	}
	switch {
	case prefer == PreferPrice && k.priced:
		all = append(all, fmt.Sprintf("costs $%.4f a segment", float64(k.price)/1e6))
	case prefer == PreferPrice:
		all = append(all, "what it costs is not known")
	}
	return append(all, fmt.Sprintf("number %d of the rule", k.listed+1))
}

package routes

import (
	"cmp"
	"slices"
	"time"
)

// Standing is a provider that texts to a country do not go by first, whatever the rules
// say.
type Standing struct {
	Provider string
	Country  string // ISO 3166; "" for all countries
	State    string // StateOpen or StateDemoted
}

// The states.
const (
	StateOpen    = "open"    // its breaker is: it failed, and is asked now and then whether it is well
	StateDemoted = "demoted" // known numbers do not use its codes, or its texts do not arrive: it is asked last
)

// Standings are all of them, by provider and country. Breakers are this process's own.
func (r *Router) Standings(now time.Time) []Standing {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Standing
	for i, b := range r.breakers.wide {
		if b.until.After(now) {
			all = append(all, Standing{r.providers[i].Name, "", StateOpen})
		}
	}
	for p, b := range r.breakers.land {
		if b.until.After(now) {
			all = append(all, Standing{r.providers[p.provider].Name, p.country, StateOpen})
		}
	}
	for p, l := range r.lessons {
		if l.demoted != nil {
			all = append(all, Standing{r.providers[p.provider].Name, p.country, StateDemoted})
		}
	}
	slices.SortFunc(all, func(a, b Standing) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Country, b.Country), cmp.Compare(a.State, b.State))
	})
	return all
}

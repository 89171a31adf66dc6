package routes

import (
	"cmp"
	"errors"
	"hash/fnv"
	"io"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// question is by whom a text may go.
type question struct {
	sms.Destination
	id    string   // of the message, "" before there is one
	tried []string // providers of earlier texts of the same code
}

// choice is the answer.
type choice struct {
	country    string
	rule       int         // place of the rule that fits, -1 for none
	refused    string      // why it is, for the operator; "" where it may go by the candidates
	candidates []candidate // in the order in which they are asked
}

// candidate is a provider of the rule, and what is known of it for this text.
type candidate struct {
	provider  int
	listed    int // its place in the rule
	price     int64
	priced    bool
	tried     int // how many texts ago it was tried, 0 for never
	barred    bool
	openUntil time.Time // in the past: the next text is the probe
	hopeAt    time.Time // see breaker
	cause     string    // of its being open
	demotion  *demotion
	asked     bool // by Send
	probe     bool // it is demoted, and this text sees whether it is still so
}

// asked are the candidates that may be asked for this number.
func (c choice) asked() []candidate {
	n := slices.IndexFunc(c.candidates, func(k candidate) bool { return k.barred })
	if n < 0 {
		return c.candidates
	}
	return c.candidates[:n]
}

const (
	noRule  = "No rule of the routes lets texts go to this number."
	outside = "only-to has no beginning of this number: texts go to some numbers only."
)

// refusal is what the caller is told, who is an app's user. Why is for the log.
func (c choice) refusal() *fault.Error {
	return fault.Wrap(fault.CodeDeliveryFailure, errors.New(c.refused), "Texts to this number cannot be sent.")
}

// choose finds the rule and puts its providers in order.
func (r *Router) choose(now time.Time, q question) choice {
	country, _ := q.To.Describe()
	c := choice{country: country, rule: slices.IndexFunc(r.rules, func(u rule) bool { return u.fits(q.Destination, country) })}
	if len(r.onlyTo) > 0 && !startsWithAny(q.To.E164(), r.onlyTo) {
		c.refused = outside
	}
	if c.rule < 0 || len(r.rules[c.rule].by) == 0 {
		if c.refused == "" {
			c.refused = noRule
		}
		return c
	}
	c.candidates = r.candidates(now, q, c)
	if c.refused == "" && len(c.asked()) == 0 {
		c.refused = outside
	}
	return c
}

func (u rule) fits(d sms.Destination, country string) bool {
	return fits(u.Countries, country) && fits(u.Purposes, d.Purpose) && fits(u.Pools, d.PoolID) &&
		(len(u.Prefixes) == 0 || startsWithAny(d.To.E164(), u.Prefixes))
}

func fits(given []string, what string) bool { return len(given) == 0 || slices.Contains(given, what) }

func (r *Router) candidates(now time.Time, q question, c choice) []candidate {
	u := r.rules[c.rule]
	all := make([]candidate, len(u.by))
	for listed, i := range u.by {
		k := candidate{provider: i, listed: listed, tried: textsAgo(q.tried, r.providers[i].Name)}
		p := r.providers[i]
		k.barred = len(p.OnlyTo) > 0 && !startsWithAny(q.To.E164(), p.OnlyTo)
		if p.Price != nil {
			k.price, k.priced = p.Price(q.To.E164())
		}
		all[listed] = k
	}
	r.mu.Lock()
	for n := range all {
		k := &all[n]
		b := r.breakers.longest(pair{k.provider, c.country})
		k.openUntil, k.hopeAt, k.cause = b.until, b.hopeAt(), b.cause
		k.demotion = r.lessons.demotion(k.provider, c.country)
	}
	r.mu.Unlock()
	for n := range all {
		all[n].probe = r.probes(q, all[n])
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return inOrder(now, u.Prefer, a, b) })
	return all
}

// textsAgo is how long ago the provider was tried, in texts.
func textsAgo(tried []string, name string) int {
	for n := range tried {
		if tried[len(tried)-1-n] == name {
			return n + 1
		}
	}
	return 0
}

// A demoted provider is asked in its old place for one text in so many. Which ones
// follows from their ids, so that each try of one asks the same.
const (
	probeOneIn = 16
	hopeOneIn  = 4 // once the last few codes were used
)

func (r *Router) probes(q question, k candidate) bool {
	if k.demotion == nil || q.id == "" || len(q.tried) > 0 {
		return false
	}
	h := fnv.New32a()
	io.WriteString(h, r.providers[k.provider].Name) //nolint:errcheck // a hash takes all
	io.WriteString(h, q.id)                         //nolint:errcheck
	return h.Sum32()%k.demotion.probes == 0
}

// class is the first thing that providers are ordered by.
func (k candidate) class(now time.Time) int {
	switch {
	case k.barred:
		return 5 // is not asked
	case now.Before(k.openUntil):
		return 4 // is not asked unless nobody else takes the text
	case k.demotion != nil && !k.probe && k.tried > 0:
		return 3
	case k.demotion != nil && !k.probe:
		return 2
	case k.tried > 0:
		return 1
	}
	return 0
}

// inOrder compares by class, then who was not tried lately, then the rule's
// preference.
func inOrder(now time.Time, prefer Preference, a, b candidate) int {
	if d := cmp.Compare(a.class(now), b.class(now)); d != 0 {
		return d
	}
	if d := cmp.Compare(b.tried, a.tried); d != 0 {
		return d // both were tried: the one that it is longer ago for
	}
	if prefer == PreferPrice {
		switch {
		case a.priced && !b.priced:
			return -1
		case b.priced && !a.priced:
			return 1
		}
		if d := cmp.Compare(a.price, b.price); d != 0 {
			return d
		}
	}
	return cmp.Compare(a.listed, b.listed)
}

package routes

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

const (
	// defaultTimeout lets two providers that do not answer be waited for, and a third be
	// asked, in the outbox's ten seconds.
	defaultTimeout = 4 * time.Second
	// longestTimeout leaves time for a second provider.
	longestTimeout = 8 * time.Second
)

// Router is an sms.Sender made of senders. It is also an sms.Checker and an
// sms.Learner. What it has seen of providers that do not answer is its process's own.
type Router struct {
	providers []Provider
	rules     []rule
	onlyTo    []string
	dryRun    bool
	log       *slog.Logger

	mu       sync.Mutex // guards the fields below
	breakers breakers
	lessons  lessons
}

// rule is a Rule with its providers found.
type rule struct {
	Rule
	by []int // places in Router.providers
}

// New returns a Router, or an error that names everything that is wrong with c.
func New(c Config) (*Router, error) {
	r := &Router{
		providers: slices.Clone(c.Providers), onlyTo: c.OnlyTo, dryRun: c.DryRun, log: c.Log,
		breakers: newBreakers(len(c.Providers)), lessons: lessons{},
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	problems := slices.Concat(r.readProviders(), r.readRules(c.Rules), badPrefixes("only-to", c.OnlyTo))
	return r, errors.Join(problems...)
}

func (r *Router) readProviders() (problems []error) {
	if len(r.providers) == 0 {
		problems = append(problems, errors.New("there is no provider"))
	}
	for i := range r.providers {
		p := &r.providers[i]
		switch {
		case p.Name == "":
			problems = append(problems, fmt.Errorf("provider %d has no name", i+1))
		case r.place(p.Name) != i:
			problems = append(problems, fmt.Errorf("there are two providers %q", p.Name))
		}
		if p.Sender == nil {
			problems = append(problems, fmt.Errorf("provider %q has no sender", p.Name))
		}
		if p.Timeout < 0 || p.Timeout > longestTimeout {
			problems = append(problems, fmt.Errorf("provider %q has a timeout of %v; it must be more than 0 and at most %v", p.Name, p.Timeout, longestTimeout))
		}
		if p.Timeout == 0 {
			p.Timeout = defaultTimeout
		}
		problems = append(problems, badPrefixes(fmt.Sprintf("only-to of provider %q", p.Name), p.OnlyTo)...)
	}
	return problems
}

func (r *Router) readRules(rules []Rule) (problems []error) {
	if len(rules) == 0 {
		problems = append(problems, errors.New("there is no rule"))
	}
	for _, given := range rules {
		read := rule{Rule: given}
		for _, name := range given.By {
			i := r.place(name)
			switch {
			case i < 0:
				problems = append(problems, fmt.Errorf("%s: there is no provider %q", given.Where, name))
			case slices.Contains(read.by, i):
				problems = append(problems, fmt.Errorf("%s: provider %q is named twice", given.Where, name))
			}
			read.by = append(read.by, i)
		}
		for _, country := range given.Countries {
			if !phone.IsCountry(country) {
				problems = append(problems, fmt.Errorf("%s: no country has the ISO 3166 code %q", given.Where, country))
			}
		}
		problems = append(problems, badPrefixes(given.Where, given.Prefixes)...)
		r.rules = append(r.rules, read)
	}
	return problems
}

var prefixShape = regexp.MustCompile(`^\+[1-9][0-9]{0,14}$`)

func badPrefixes(where string, prefixes []string) (problems []error) {
	for _, p := range prefixes {
		if !prefixShape.MatchString(p) {
			problems = append(problems, fmt.Errorf("%s: %q is no prefix of a number; one is + and digits", where, p))
		}
	}
	return problems
}

func (r *Router) place(name string) int {
	return slices.IndexFunc(r.providers, func(p Provider) bool { return p.Name == name })
}

// Provider returns the provider of that name.
func (r *Router) Provider(name string) (Provider, bool) {
	i := r.place(name)
	if i < 0 {
		return Provider{}, false
	}
	return r.providers[i], true
}

// Check implements sms.Checker. It refuses what Send would refuse whatever the
// providers say, and everything for ten seconds at most after each failure of providers
// none of which is well.
func (r *Router) Check(now time.Time, d sms.Destination) error {
	c := r.choose(now, question{Destination: d})
	switch {
	case c.refused != "":
		return c.refusal()
	case r.dryRun:
		return nil
	}
	var soonest time.Time
	for _, k := range c.asked() {
		if !now.Before(k.hopeAt) {
			return nil
		}
		if soonest.IsZero() || k.hopeAt.Before(soonest) {
			soonest = k.hopeAt
		}
	}
	return fault.New(fault.CodeDeliveryFailure,
		"Texts cannot be sent at the moment: no SMS provider takes them.").After(soonest.Sub(now))
}

func startsWithAny(e164 string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(e164, p) })
}

package guard

import (
	"net/netip"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// lists are what an operator allows and denies, made quick to look up.
type lists struct {
	countries, prefixes map[string]bool // true is allowed
	onlyCountries       bool            // that are allowed by name
	onlyPrefixes        bool
}

func newLists(s Settings) lists {
	return lists{
		countries: choices(s.Countries), onlyCountries: len(s.Countries.Allow) > 0,
		prefixes: choices(s.Prefixes), onlyPrefixes: len(s.Prefixes.Allow) > 0,
	}
}

func choices(c Choice[string]) map[string]bool {
	m := make(map[string]bool, len(c.Allow)+len(c.Deny))
	for _, name := range c.Allow {
		m[name] = true
	}
	for _, name := range c.Deny {
		m[name] = false
	}
	return m
}

// checkLists asks what takes no memory: what the operator allows. The number of an
// ask that is silent may be made up, and whether it is allowed tells nothing.
func (v *view) checkLists() {
	if !v.ask.Silent && !v.ask.Route.none() {
		v.checkLine()
	}
	if !allowedSource(v.settings.Addresses, v.ask.Source) {
		v.deny(RuleSource, "")
	}
}

func (v *view) checkLine() {
	if rule, of := v.lists.refuses(v.ask.Route); rule != RuleNone {
		v.deny(rule, of)
	}
	if v.settings.Types[v.ask.Kind] && !v.ask.trusted() { // who has signed in by a text gets texts
		v.deny(RuleType, v.ask.Kind.String())
	}
}

// Refuses says which of the lists of countries, prefixes and types refuses the number
// texts, and what it names.
func (s Settings) Refuses(n phone.Number) (rule Rule, of string) {
	if rule, of := newLists(s).refuses(RouteOf(n)); rule != RuleNone {
		return rule, of
	}
	if kind := n.Kind(); s.Types[kind] {
		return RuleType, kind.String()
	}
	return RuleNone, ""
}

// refuses asks the lists of prefixes and countries. A prefix that is named decides,
// whatever its country; where only prefixes are allowed by name, no country is.
func (l lists) refuses(r Route) (rule Rule, of string) {
	prefix, allowed, listed := l.prefix(r)
	switch {
	case listed && allowed:
		return RuleNone, ""
	case listed:
		return RulePrefix, prefix
	case l.onlyPrefixes && !l.countries[r.Country]:
		return RulePrefix, prefix
	case !l.country(r.Country):
		return RuleCountry, r.Country
	}
	return RuleNone, ""
}

func (v *view) deny(rule Rule, of string) {
	v.object(objection{verdict: Refuse, rule: rule, of: of, kind: fault.CodeDeliveryFailure})
	v.level(rule, of, 0, 1)
}

func (l lists) country(iso string) bool {
	allowed, listed := l.countries[iso]
	if listed {
		return allowed
	}
	return !l.onlyCountries
}

// prefix is the longest prefix of the number that is listed, as far as a route has
// digits, or all of those where none is.
func (l lists) prefix(r Route) (of string, allowed, listed bool) {
	if len(l.prefixes) == 0 {
		return "", false, false
	}
	whole := r.Prefix(0)
	for n := len(whole); n > 1; n-- {
		if allowed, listed := l.prefixes[whole[:n]]; listed {
			return whole[:n], allowed, true
		}
	}
	return whole, false, false
}

// allowedSource holds an address against the lists: the longest match decides.
func allowedSource(c Choice[netip.Prefix], a netip.Addr) bool {
	if !a.IsValid() {
		return true
	}
	a = a.Unmap()
	allowed, denied := longest(c.Allow, a), longest(c.Deny, a)
	return allowed > denied || denied < 0 && len(c.Allow) == 0
}

func longest(all []netip.Prefix, a netip.Addr) int {
	bits := -1
	for _, p := range all {
		if p.Contains(a) {
			bits = max(bits, p.Bits())
		}
	}
	return bits
}

package deliveryfile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/country"
)

// senderIDs reads what texts come from. What a country surely does not let through is
// a problem; what else is known against it there is kept for the warnings.
func (r *reader) senderIDs(p place, one *Provider) {
	one.SenderIDs, one.senderIDs = r.byCountry(p, "sender id", checkSenderID), given{}
	for i := 0; i+1 < len(p.Node.Content); i += 2 {
		at := r.At(p.Node.Content[i], "the sender id for "+p.Node.Content[i].Value)
		iso := p.Node.Content[i].Value
		if iso == others {
			iso = ""
		}
		id, read := one.SenderIDs[iso]
		if !read {
			continue
		}
		one.senderIDs[iso] = at
		for _, o := range country.CheckSenderID(iso, id) {
			if o.Refused {
				r.Problem(at, "%s", o.What)
			}
		}
	}
}

// countryWarnings says what is known against the sender ids of a provider in the
// countries where it may be asked, and what else is needed there.
func (f *File) countryWarnings(p Provider) []config.Problem {
	var all []config.Problem
	warn := func(at place, format string, args ...any) {
		all = append(all, config.Problem{Where: at.Where, What: fmt.Sprintf(format, args...)})
	}
	for iso, id := range p.SenderIDs {
		if iso == "" {
			continue
		}
		for _, o := range country.CheckSenderID(iso, id) {
			if o.Register && p.EntityIDs[iso] != "" {
				continue // who has an id there has registered, and needs no word of it at each start
			}
			warn(p.senderIDs[iso], "%s", o.What)
		}
		f.warnOfRegister(p, iso, id, warn)
	}
	if id, given := p.SenderIDs[""]; given {
		for _, pack := range country.All() {
			if _, own := p.SenderIDs[pack.Country]; own || !f.mayAsk(p, pack.Country) {
				continue
			}
			for _, o := range pack.CheckSenderID(id) {
				warn(p.senderIDs[""], "%s", o.What)
			}
		}
	}
	slices.SortFunc(all, func(a, b config.Problem) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.What, b.What))
	})
	return slices.Compact(all) // what holds everywhere is said once, not of each country
}

// warnOfRegister says what texts from a name lack in a country where they carry ids
// of a register.
func (f *File) warnOfRegister(p Provider, iso, id string, warn func(place, string, ...any)) {
	pack, ok := country.Lookup(iso)
	if !ok || !country.IsName(id) {
		return
	}
	if pack.Is(country.EntityID) == country.Required && p.EntityIDs[iso] == "" {
		warn(p.senderIDs[iso], "is a name, and there are no entity-ids for %s, which texts there carry; leave them out only if the provider adds them (%v)", iso, pack.Source(country.EntityID))
	}
	if pack.Is(country.RegisteredTexts) != country.Required {
		return
	}
	for _, m := range f.Messages {
		if (m.Countries == nil || slices.Contains(m.Countries, iso)) && (m.Registered != "" || m.TemplateIDs[p.Name] != "") {
			return
		}
	}
	warn(p.senderIDs[iso], "is a name, and no message for %s has template-ids of %s or is said to be registered, while texts there must be (%v)", iso, p.Name, pack.Source(country.RegisteredTexts))
}

// messageWarnings says what is known against the words of messages in the countries
// that they go to.
func (f *File) messageWarnings() []config.Problem {
	var all []config.Problem
	for _, m := range f.Messages {
		for _, pack := range country.All() {
			mayGo := slices.ContainsFunc(f.Providers, func(p Provider) bool { return f.mayAsk(p, pack.Country) })
			if !mayGo || m.Countries != nil && !slices.Contains(m.Countries, pack.Country) {
				continue
			}
			for _, o := range pack.CheckText(m.Body) {
				all = append(all, config.Problem{Where: ofMessage(m), What: o.What})
			}
		}
	}
	return all
}

// mayAsk says whether a rule may have the provider asked for a number of the country.
func (f *File) mayAsk(p Provider, iso string) bool {
	mayBe := func(prefixes []string) bool {
		return len(prefixes) == 0 || slices.ContainsFunc(prefixes, func(prefix string) bool { return mayBeOf(prefix, iso) })
	}
	return mayBe(p.OnlyTo) && mayBe(f.OnlyTo) && slices.ContainsFunc(f.Rules, func(rule Rule) bool {
		return slices.Contains(rule.By, p.Name) && mayBe(rule.Prefixes) && (len(rule.Countries) == 0 || slices.Contains(rule.Countries, iso))
	})
}

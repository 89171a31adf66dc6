package deliveryfile

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
	"github.com/bellhop-auth/bellhop/internal/smstext"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/wording"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// Warnings says what in the file works and deserves a look.
func (f *File) Warnings() []config.Problem {
	var all []config.Problem
	warn := func(where, format string, args ...any) {
		all = append(all, config.Problem{Where: where, What: fmt.Sprintf(format, args...)})
	}
	if f.DryRun {
		warn(f.found["dry-run"].Where, "is on: nobody is texted or mailed")
	}
	if f.OnlyTo != nil {
		warn(f.found["only-to"].Where, "is set: numbers that begin otherwise than %s are not texted", listed(shown(f.OnlyTo)))
	}
	for _, p := range f.Providers {
		switch {
		case !slices.ContainsFunc(f.Rules, func(rule Rule) bool { return slices.Contains(rule.By, p.Name) }):
			warn(p.Where, "is named by no rule, so that no text goes by it")
		case p.Prices != nil:
			if missing := f.unpriced(p); len(missing) > 0 {
				warn(p.Where, "has no price for %s, where it may be asked", abridged(missing))
			}
		}
	}
	for _, p := range f.Providers {
		if host := p.openly(); host != "" {
			warn(p.Where, "has codes go to %s in the open; use https", host)
		}
		if missing := f.untemplated(p); len(missing) > 0 {
			warn(p.Where, "sends templates of its own alone, and no message has template-ids of %s for %s: it refuses such texts, and the next provider is asked if there is one", p.Name, listed(missing))
		}
		all = append(all, f.countryWarnings(p)...)
	}
	for i, m := range f.Messages {
		if earlier, is := shadowed(m, f.Messages[:i]); is {
			warn(ofMessage(m), "is never used: %s is for the same texts", earlier.Name)
		}
		for _, found := range smstext.Lint(draft(m)) {
			if found.Weight == smstext.Warning {
				warn(ofMessage(m)+":", "%s", found.What)
			}
		}
	}
	all = append(all, f.messageWarnings()...)
	if last := f.Rules[len(f.Rules)-1]; !last.takes(sort{}) {
		warn(last.Where, "is the last rule and does not take every text: what no rule fits is refused")
	}
	return all
}

// untemplated are the purposes of texts with a code for which rules name the provider
// and no message has a template of it that it needs. An invitation has no code: nobody
// expects it to go by a template for those.
func (f *File) untemplated(p Provider) (missing []string) {
	if !p.Kind.ByTemplate {
		return nil
	}
	for _, name := range codes() {
		purpose := strings.ReplaceAll(name, "-", "_")
		asked := slices.ContainsFunc(f.Rules, func(rule Rule) bool {
			return slices.Contains(rule.By, p.Name) && takesName(rule.Purposes, purpose)
		})
		has := slices.ContainsFunc(f.Messages, func(m wording.Entry) bool {
			return m.TemplateIDs[p.Name] != "" && takesName(m.Purposes, purpose)
		})
		if asked && !has && name != string(userpool.PurposeInvite) {
			missing = append(missing, name)
		}
	}
	return missing
}

// openly is the host that the provider is reached at by plain HTTP, "" for none. What
// goes to this machine itself nobody reads.
func (p Provider) openly() string {
	for _, field := range p.Kind.Fields {
		u, err := url.Parse((*p.settings)[field.Name])
		if err != nil || field.Secret || u.Scheme != "http" {
			continue
		}
		if addr, _ := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && !addr.IsLoopback() {
			return u.Host
		}
	}
	return ""
}

// unpriced are the countries and prefixes for which rules name the provider and its
// list has no price.
func (f *File) unpriced(p Provider) []string {
	list := newPrices(p.Prices)
	var all []string
	for _, rule := range f.Rules {
		if !slices.Contains(rule.By, p.Name) {
			continue
		}
		countries := rule.Countries
		if len(countries) == 0 && rule.Prefer == routes.PreferPrice {
			countries = phone.Countries()
		}
		all = append(all, list.uncovered(countries, rule.Prefixes)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// shown are prefixes of which none may be a whole number.
func shown(prefixes []string) []string {
	var all []string
	for _, p := range prefixes {
		all = append(all, yamlfile.Quotable(p))
	}
	return all
}

// mostListed is how many names a line holds without being a list.
const mostListed = 8

func abridged(names []string) string {
	if len(names) <= mostListed {
		return listed(names)
	}
	return fmt.Sprintf("%s and %d others", listed(names[:mostListed]), len(names)-mostListed)
}

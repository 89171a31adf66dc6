package guard_test

import (
	"testing"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

func TestSettings_Refuses(t *testing.T) {
	const german, british, jamaican, dear, satellite = "+4915123456789", "+447400123456", "+18762345678", "+19002345678", "+881612345678"
	only := func(names ...string) guard.Choice[string] { return guard.Choice[string]{Allow: names} }
	for name, c := range map[string]struct {
		countries, prefixes guard.Choice[string]
		refused             map[string]guard.Rule
	}{
		"all": {refused: map[string]guard.Rule{dear: guard.RuleType}},
		"countries": {countries: only("DE", "US"), refused: map[string]guard.Rule{
			british: guard.RuleCountry, jamaican: guard.RuleCountry, satellite: guard.RuleCountry, dear: guard.RuleType}},
		"prefixes": {prefixes: only("+4915"), refused: map[string]guard.Rule{
			british: guard.RulePrefix, jamaican: guard.RulePrefix, satellite: guard.RulePrefix, dear: guard.RulePrefix}},
		"both together": {countries: only("GB"), prefixes: only("+4915"), refused: map[string]guard.Rule{
			jamaican: guard.RulePrefix, satellite: guard.RulePrefix, dear: guard.RulePrefix}},
		"but for a prefix": {prefixes: guard.Choice[string]{Deny: []string{"+1876", "+881"}}, refused: map[string]guard.Rule{
			jamaican: guard.RulePrefix, satellite: guard.RulePrefix, dear: guard.RuleType}},
		"a longer one": {countries: guard.Choice[string]{Deny: []string{"GB"}}, prefixes: guard.Choice[string]{Allow: []string{"+49151"}, Deny: []string{"+4915"}}, refused: map[string]guard.Rule{
			british: guard.RulePrefix, jamaican: guard.RulePrefix, satellite: guard.RulePrefix, dear: guard.RulePrefix}},
	} {
		s := guard.Default()
		s.Countries, s.Prefixes = c.countries, c.prefixes
		for _, e164 := range []string{german, british, jamaican, dear, satellite} {
			if rule, of := s.Refuses(phone.FromCanonical(e164)); rule != c.refused[e164] || (rule == guard.RuleNone) != (of == "") && rule != guard.RuleCountry {
				t.Errorf("%s: %s is refused by %q of %q, want %q", name, e164, rule, of, c.refused[e164])
			}
		}
	}
}

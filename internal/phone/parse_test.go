package phone_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// spellings maps what people and programs send to the one canonical form.
var spellings = []struct{ in, want string }{
	// Canonical numbers stay as they are.
	{"+14155550123", "+14155550123"},
	{"+4915112345678", "+4915112345678"},
	{"+33612345678", "+33612345678"},
	{"+447400123456", "+447400123456"},
	{"+919876543210", "+919876543210"},
	{"+8613812345678", "+8613812345678"},
	{"+819012345678", "+819012345678"},
	{"+821012345678", "+821012345678"},
	{"+61412345678", "+61412345678"},
	{"+6591234567", "+6591234567"},
	{"+201012345678", "+201012345678"},
	{"+2348031234567", "+2348031234567"},
	{"+254712345678", "+254712345678"},
	{"+27821234567", "+27821234567"},
	{"+79161234567", "+79161234567"},
	{"+77011234567", "+77011234567"},
	{"+380501234567", "+380501234567"},
	{"+905321234567", "+905321234567"},
	{"+971501234567", "+971501234567"},
	{"+966512345678", "+966512345678"},
	{"+923012345678", "+923012345678"},
	{"+8801712345678", "+8801712345678"},
	{"+628123456789", "+628123456789"},
	{"+84912345678", "+84912345678"},
	{"+34612345678", "+34612345678"},
	{"+351912345678", "+351912345678"},
	{"+31612345678", "+31612345678"},
	{"+46701234567", "+46701234567"},
	{"+48501234567", "+48501234567"},
	{"+41781234567", "+41781234567"},
	{"+573101234567", "+573101234567"},
	{"+56912345678", "+56912345678"},
	{"+51912345678", "+51912345678"},
	{"+878101234567890", "+878101234567890"}, // 15 digits, E.164's longest

	// Numbers that nobody has, as developers use them: Cognito takes them.
	{"+15555550100", "+15555550100"},
	{"+15551234567", "+15551234567"},
	{"+12065550100", "+12065550100"},
	{"+447700900123", "+447700900123"}, // Ofcom's for drama
	{"+33012345678", "+33012345678"},
	{"+491234567890", "+491234567890"},

	// National prefixes left in behind the country code.
	{"+4407400123456", "+447400123456"},
	{"+49015112345678", "+4915112345678"},
	{"+330612345678", "+33612345678"},
	{"+9109876543210", "+919876543210"},
	{"+86013812345678", "+8613812345678"},
	{"+8109012345678", "+819012345678"},
	{"+8201012345678", "+821012345678"},
	{"+610412345678", "+61412345678"},
	{"+6208123456789", "+628123456789"},
	{"+789161234567", "+79161234567"},
	{"+114155550123", "+14155550123"},
	{"+3606201234567", "+36201234567"},
	{"+9720501234567", "+972501234567"},
	{"+2001012345678", "+201012345678"},

	// Mexico: the 1, 01, 044 and 045 of before 2019.
	{"+525512345678", "+525512345678"},
	{"+5215512345678", "+525512345678"},
	{"+52015512345678", "+525512345678"},
	{"+520445512345678", "+525512345678"},
	{"+520455512345678", "+525512345678"},
	{"+528112345678", "+528112345678"},
	{"+5218112345678", "+528112345678"},

	// Argentina: with and without the 9, and the 15 of home.
	{"+5491123456789", "+5491123456789"},
	{"+541123456789", "+5491123456789"},
	{"+54111523456789", "+5491123456789"},
	{"+540111523456789", "+5491123456789"},
	{"+5401123456789", "+5491123456789"},
	{"+5493512345678", "+5493512345678"},
	{"+543512345678", "+5493512345678"},
	{"+54351152345678", "+5493512345678"},
	{"+5403512345678", "+5493512345678"},
	{"+542214123456", "+5492214123456"},
	{"+5492214123456", "+5492214123456"},
	{"+54221154123456", "+5492214123456"},

	// Italy and its neighbours: a fixed line's zero stays, mobiles have none.
	{"+390612345678", "+390612345678"},
	{"+39031234567", "+39031234567"},
	{"+393123456789", "+393123456789"},
	{"+39312345678", "+39312345678"}, // an old, shorter mobile
	{"+3906698123456", "+3906698123456"},
	{"+37866661212", "+37866661212"},
	{"+378886377", "+3780549886377"},
	{"+3780549886377", "+3780549886377"},

	// Brazil: the ninth digit, national prefixes and carrier codes.
	{"+5511987654321", "+5511987654321"},
	{"+551187654321", "+5511987654321"},
	{"+551196123456", "+5511996123456"},
	{"+556187654321", "+5561987654321"},
	{"+555181234567", "+5551981234567"},
	{"+5501187654321", "+5511987654321"},
	{"+55011987654321", "+5511987654321"},
	{"+550151187654321", "+5511987654321"},
	{"+5501511987654321", "+5511987654321"},
	{"+551137654321", "+551137654321"}, // a fixed line
	{"+551123456789", "+551123456789"},
	{"+551176543210", "+551176543210"}, // trunking, kept eight digits

	// Benin: 01 before the old eight digits.
	{"+2290197123456", "+2290197123456"},
	{"+22997123456", "+2290197123456"},
	{"+22961123456", "+2290161123456"},
	{"+22921123456", "+2290121123456"},

	// The rest of the zones, once each.
	{"+2250707123456", "+2250707123456"},
	{"+18765551234", "+18765551234"},
	{"+85291234567", "+85291234567"},
	{"+886912345678", "+886912345678"},
	{"+998901234567", "+998901234567"},
	{"+35699123456", "+35699123456"},
	{"+3584012345678", "+3584012345678"},
	{"+64211234567", "+64211234567"},
	{"+640211234567", "+64211234567"},
	{"+6421123456", "+6421123456"},
}

func TestParse_EverySpelling_HasOneCanonicalForm(t *testing.T) {
	for _, c := range spellings {
		n, err := phone.Parse(c.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.in, err)
			continue
		}
		if n.E164() != c.want {
			t.Errorf("Parse(%q) = %s, want %s", c.in, n.E164(), c.want)
		}
		if again := mustParse(t, n.E164()); again != n {
			t.Errorf("%s is not at rest: it becomes %s", n.E164(), again.E164())
		}
	}
}

func TestParseLine_IsParseAndWhatItsNumberIs(t *testing.T) {
	for _, c := range spellings {
		n, region, kind, err := phone.ParseLine(c.in)
		want := mustParse(t, c.in)
		if err != nil || n != want || region != want.MainRegion() || kind != want.Kind() {
			t.Errorf("ParseLine(%q) = %s, %s, %s, %v", c.in, n.E164(), region, kind, err)
		}
	}
	for _, c := range refusals {
		as := phone.FromCanonical(c.in)
		if n, region, kind, err := phone.ParseLine(c.in); err == nil || !n.IsZero() || region != as.MainRegion() || kind != as.Kind() {
			t.Errorf("ParseLine(%.40q) = %s, %s, %s, %v", c.in, n.E164(), region, kind, err)
		}
	}
}

// refusals maps spellings that are not taken to a word of the hint.
var refusals = []struct{ in, hint string }{
	{"+490000000000000", "country code and the national number alone"},
	{"", "Start with +"},
	{"+", "Start with +"},
	{"4155550123", "Start with +"},
	{"14155550123", "Start with +"},
	{"(415) 555-0123", "Start with +"},
	{" +14155550123", "Start with +"},
	{"\t+14155550123", "Start with +"},
	{"someone@example.com", "Start with +"},
	{"0014155550123", "in place of the leading 00"},
	{"004915112345678", "in place of the leading 00"},
	{"tel:+14155550123", "Leave out tel:"},
	{"TEL:+14155550123", "Leave out tel:"},
	{"tel:+1-415-555-0123;phone-context=+1", "Leave out tel:"},
	{"+14155550123x5", "extension"},
	{"+14155550123;ext=5", "extension"},
	{"+14155550123,5", "extension"},
	{"+14155550123#5", "extension"},
	{"+14155550123ext5", "extension"},
	{"+1 415 555 0123", "digits 0 to 9"},
	{"+1-415-555-0123", "digits 0 to 9"},
	{"+1.415.555.0123", "digits 0 to 9"},
	{"+1(415)5550123", "digits 0 to 9"},
	{"+14155550123 ", "digits 0 to 9"},
	{"+14155550123\n", "digits 0 to 9"},
	{"+14155550123\x00", "digits 0 to 9"},
	{"++14155550123", "digits 0 to 9"},
	{"+1+4155550123", "digits 0 to 9"},
	{"+-14155550123", "digits 0 to 9"},
	{"+1415555o123", "digits 0 to 9"},
	{"+1800FLOWERS", "digits 0 to 9"},
	{"+１４１５５５５０１２３", "digits 0 to 9"},            // full-width digits
	{"＋14155550123", "Start with +"},             // full-width plus
	{"+١٤١٥٥٥٥٠١٢٣", "digits 0 to 9"},            // Arabic-Indic
	{"+१४१५५५५०१२३", "digits 0 to 9"},            // Devanagari
	{"+1415555०123", "digits 0 to 9"},            // one foreign digit
	{"+1\u200b4155550123", "digits 0 to 9"},      // zero-width space
	{"\u202a+14155550123\u202c", "Start with +"}, // as pasted from an address book
	{"+1\u00a04155550123", "digits 0 to 9"},
	{"+\xff\xfe14155550123", "digits 0 to 9"},
	{"+04155550123", "country code"},
	{"+0014155550123", "country code"},
	{"+999123456789", "country code"},
	{"+210123456789", "country code"},
	{"+1", "too few"},
	{"+14", "too few"},
	{"+1415", "too few"},
	{"+15551234", "too few"}, // local only
	{"+1415555012", "too few"},
	{"+49123", "too few"},
	{"+22507123456", "too few"}, // Ivory Coast before 2021: the new prefix depends on the operator
	{"+141555501234", "too many"},
	{"+52551234567890", "too many"},
	{"+4915112345678901234", "too many"},
	{"+49151123456789012345", "too many"},
	{"+" + strings.Repeat("1", 1000), "too many"},
	{"+" + strings.Repeat("1", 1<<20), "too many"},
	{"+" + strings.Repeat(" ", 1<<20), "digits 0 to 9"},
	{strings.Repeat("9", 1<<20), "Start with +"},
	{"+6512345678901234567", "too many"},
	{"+7789161234567", "No number of its country"}, // 10 or 14 digits there, not 12
	{"+378549123456", "No number of its country"},
}

func TestParse_WhatIsNotPlusAndDigits_IsRefusedWithAHint(t *testing.T) {
	for _, c := range refusals {
		n, err := phone.Parse(c.in)
		if err == nil {
			t.Errorf("Parse(%.40q) = %s, want a refusal", c.in, n.E164())
			continue
		}
		if !n.IsZero() {
			t.Errorf("Parse(%.40q) refuses and returns a number", c.in)
		}
		if !fault.Is(err, fault.InvalidParameter) || !strings.Contains(err.Error(), c.hint) {
			t.Errorf("Parse(%.40q): %v, want InvalidParameter with %q", c.in, err, c.hint)
		}
	}
}

func TestSpellingTables_AreAsLargeAsPromised(t *testing.T) {
	if n := len(spellings) + len(refusals); n < 150 {
		t.Errorf("%d spellings, want at least 150", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range spellings {
		f.Add(c.in)
	}
	for _, c := range refusals {
		if len(c.in) < 100 {
			f.Add(c.in)
		}
	}
	// The refusals above have every text that a refusal has; so no refusal has
	// anything of what was refused.
	known := map[string]bool{}
	for _, c := range refusals {
		_, err := phone.Parse(c.in)
		known[err.Error()] = true
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := phone.Parse(s)
		if err != nil {
			if !n.IsZero() || !fault.Is(err, fault.InvalidParameter) || !known[err.Error()] {
				t.Fatalf("Parse(%q): %v", s, err)
			}
			return
		}
		e164 := n.E164()
		if len(s) > 20 || len(e164) > 16 || e164[0] != '+' || strings.Trim(e164[1:], "0123456789") != "" {
			t.Fatalf("Parse(%q) = %q, not E.164", s, e164)
		}
		again, err := phone.Parse(e164)
		if err != nil || again != n {
			t.Fatalf("Parse(%q) = %q, which parses to %q, %v", s, e164, again.E164(), err)
		}
		if phone.FromCanonical(e164) != n {
			t.Fatalf("%q does not survive the store", e164)
		}
		if n.CountryCode() == 0 {
			t.Fatalf("%q has no country code", e164)
		}
		checkMask(t, n)
	})
}

// checkMask holds all that prints a number to its last four digits.
func checkMask(t *testing.T, n phone.Number) {
	t.Helper()
	digits := n.E164()[1:]
	want := "+" + strings.Repeat("*", len(digits)-4) + digits[len(digits)-4:]
	text, err := json.Marshal(n)
	printed := []string{n.Masked(), fmt.Sprint(n), fmt.Sprintf("%#v", n), fmt.Sprintf("%x", n), fmt.Sprintf("%+q", n), n.LogValue().String(), strings.Trim(string(text), `"`)}
	for _, p := range printed {
		if err != nil || p != want || strings.Count(p, "*") < len(digits)-4 {
			t.Fatalf("%s is printed as %q", n.E164(), p)
		}
	}
}

package country_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/country"
)

// A pack as docs/countries.md has it for a beginning.
const smallest = `country: KE
name: Kenya
sources:
  regulator:
    title: The regulator's guidelines
    url: https://regulator.example.com/guidelines
    dated: 2025-04-01
facts:
  sender-names:
    is: needs-registration
    source: regulator
`

func TestParse_WhatIsWrong_IsSaidWithItsLine(t *testing.T) {
	if p, wrong := country.Parse(smallest); len(wrong) > 0 || p.Is(country.SenderNames) != country.NeedsRegistration {
		t.Fatalf("the smallest pack is refused: %v, %+v", wrong, p)
	}
	for _, c := range []struct{ old, new, want string }{
		{smallest, "", "1 is empty; a pack has country, name, sources, facts"},
		{smallest, "# nothing\n", "1 is empty"},
		{smallest, "- KE\n", "1 the file must be a mapping"},
		{smallest, "country: [\n", "is no YAML"},
		{smallest, smallest + "---\ncountry: UG\n", "is no YAML: it must be one document"},
		{"country: KE", "country: Kenya", "1 country is none"},
		{"country: KE", "country:", "1 country must be a text"},
		{"country: KE", "land: KE", "1 land is not known here; known are country, name, sources, facts"},
		{"country: KE\n", "", "1 the file has no country"},
		{"name: Kenya", "name: Kenya\nname: Kenya", "3 name is given twice"},
		{"https://", "http://", "6 url must begin with https://"},
		{"https://regulator.example.com/guidelines", "https://", "6 url must begin with https://"},
		{"    title: The regulator's guidelines\n", "", "5 the source regulator has no title"},
		{"    dated: 2025-04-01\n", "", "5 the source regulator has no date: dated, if it bears one"},
		{"dated: 2025-04-01", "dated: 2025-04-31", "7 dated must be a day as YYYY-MM-DD"},
		{"dated: 2025-04-01", "read: yesterday", "7 read must be a day as YYYY-MM-DD"},
		{"dated: 2025-04-01", "dated: 2025-04-01\n    read: 2025-04-02", "8 read is not given where dated is"},
		{"    source: regulator\n", "", "10 sender-names has no source"},
		{"    source: regulator\n", "", "4 no fact is from the source regulator"},
		{"source: regulator", "source: hearsay", "11 sender-names is from the source hearsay, which is none of sources"},
		{"is: needs-registration", "is: maybe", "10 sender-names must be one of allowed, needs-registration, refused"},
		{"is: needs-registration", "is: [allowed]", "10 is must be a text"},
		{"is: needs-registration", "is: allowed\n    why: it is", "11 why is not known here; known are is, source, note"},
		{"    is: needs-registration\n", "", "10 sender-names has no is"},
		{"sender-names:", "sender-name:", "9 sender-name is not known here; known are sender-names,"},
		{"sender-names:\n    is: needs-registration\n    source: regulator", "sender-names: []", "9 sender-names has no fact"},
		{"sender-names:\n    is: needs-registration", "sender-names: allowed\n  two-way:\n    is: yes", "9 sender-names must be a mapping"},
		{"sender-names:\n    is: needs-registration", "sender-name-length:\n    is: 11-3", "10 sender-name-length must be a number of characters"},
		{"sender-names:\n    is: needs-registration", "recycled-after:\n    is: a year", "10 recycled-after must be a number of days"},
		{"sender-names:\n    is: needs-registration", "stop-words:\n    is: STOP", "10 stop-words must be a list"},
		{"sender-names:\n    is: needs-registration", "stop-words:\n    is: [Stop]", "10 stop-words has \"Stop\", which must be in capital letters"},
		{"sender-names:\n    is: needs-registration", "stop-words:\n    is: [STOP2END]", "10 stop-words has \"STOP2END\", which could be a code"},
		{"sender-names:\n    is: needs-registration", "stop-words:\n    is: [STOP, STOP]", "10 stop-words has \"STOP\" twice"},
		{"sender-names:\n    is: needs-registration", "sender-name-characters:\n    is: [umlauts]", "10 sender-name-characters has \"umlauts\""},
		{"sender-names:\n    is: needs-registration", "short-link-hosts:\n    is: [https://bit.ly]", "10 short-link-hosts has \"https://bit.ly\", which must be a host"},
		{"sender-names:\n    is: needs-registration", "two-way:\n    is: sometimes", "10 two-way is sometimes, and has no note that says when"},
	} {
		text := strings.Replace(smallest, c.old, c.new, 1)
		if text == smallest {
			t.Fatalf("%q is not in the pack", c.old)
		}
		_, wrong := country.Parse(text)
		said := ""
		for _, w := range wrong {
			said += fmt.Sprintf("%d %s\n", w.Line, w.What)
		}
		if !strings.Contains(said, c.want) {
			t.Errorf("%q for %q: %q, want %q", c.new, c.old, said, c.want)
		}
	}
}

// Whatever somebody sends in, it is judged, and nothing that is judged fine lacks what
// others rely on.
func FuzzParse(f *testing.F) {
	f.Add(smallest)
	f.Add("country: &a KE\nname: *a\nsources: {}\nfacts: {stop-words: [{is: [A], source: x}]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, wrong := country.Parse(text)
		if len(wrong) > 0 {
			return
		}
		for _, row := range country.Schema() {
			for _, fact := range p.Facts(row.Key) {
				if fact.Is == "" || fact.Source.URL == "" || fact.Source.Date == "" {
					t.Errorf("%q is fine, and has %+v", text, fact)
				}
			}
		}
		p.CheckSenderID("BELLHOP")
		p.CheckText(text)
	})
}

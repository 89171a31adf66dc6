package country_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/country"
)

func TestCheckSenderID(t *testing.T) {
	for _, c := range []struct{ iso, id, want string }{
		{"US", "BELLHOP", "refused: is a name, from which texts to the United States are not let through (Twilio, SMS guidelines for the United States, read "},
		{"US", "+14155550123", "is a number of the country, which must be registered (A2P 10DLC"},
		{"US", "14155550123", "is a number of the country, which must be registered"},
		{"US", "+18005550123", "is a toll-free number, which must be registered"},
		{"US", "+447400123456", "refused: is a number of another country, from which texts to the United States"},
		{"US", "+15005550006", "is a number of the country, which must be registered"}, // of tests
		{"US", "+16045550123", "is a number of the country, which must be registered"}, // Canadian
		{"US", "12345", "is a short code, which must be registered"},
		// Two sources say that a name must be registered, one that it is refused.
		{"IN", "BELLHP", "is a name, which must be registered (the operators' DLT ledgers, under TRAI's rules) before texts from it reach India (AWS"},
		{"IN", "BELLHP", "; but Twilio, SMS guidelines for India, read 2026-11-27 says refused)"},
		{"IN", "BELLHOP", "refused: is a name of 7 characters, and must have 6 (Creative Point"},
		{"IN", "BELL24", "refused: is a name with other characters than letters (Gupshup"},
		{"IN", "56161", ""},
		// Of Germany nothing is known here but what holds everywhere.
		{"DE", "BELLHOP", ""},
		{"DE", "Bellhop 24", ""},
		{"DE", "Bellhop Hotel", "refused: is a name of 13 characters, and must have 1-11 (Twilio, glossary"},
		{"DE", "Bellhöp", "is a name with other characters than letters, digits, space (Twilio, glossary"},
		{"GB", "Bell & Hop", ""},
		{"GB", "Bell@Hop", "refused: is a name with other characters than letters, digits, space, ., &, _, - (Puzzel"},
		{"GB", "Info", "refused: is a name that is blocked in the United Kingdom (Puzzel"},
		{"GB", "PassCode", "refused: is a name that is blocked in the United Kingdom (Whispir"},
		{"GB", "+447400123456", ""},
		{"GB", "+4915155550100", "refused: is a number of another country"},
		{"BR", "BELLHOP", "is a name, from which texts to Brazil are not let through (AWS End User Messaging, supported countries in South America, read 2026-11-27; but Sent, Brazil SMS guide, questions and answers, read 2026-11-27 says needs-registration)"},
		{"BR", "+5511987654321", "refused: is a number of the country, from which"},
		{"NG", "BELLHOP", "is a name, which must be registered (the operators' sender ids, under the NCC's rules)"},
		{"DE", "49 151", "refused: is neither a number nor a name, which has a letter"},
		{"DE", "", "refused: is a name of 0 characters"},
		{"DE", "+4915155550100", ""},
	} {
		said := ""
		for _, o := range country.CheckSenderID(c.iso, c.id) {
			if o.Refused {
				said += "refused: "
			}
			if o.Register != strings.Contains(o.What, "must be registered") {
				t.Errorf("%s from %q: %+v", c.iso, c.id, o)
			}
			said += o.What + "\n"
		}
		if (c.want == "") != (said == "") || !strings.Contains(said, c.want) {
			t.Errorf("%s from %q: %q, want %q", c.iso, c.id, said, c.want)
		}
	}
}

func TestCheckSenderID_WhereSourcesDisagree_NobodyIsRefused(t *testing.T) {
	const two = smallest + `  short-codes:
    - is: refused
      source: regulator
    - is: allowed
      source: regulator
`
	p, wrong := country.Parse(two)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	got := fmt.Sprint(p.CheckSenderID("12345"))
	want := "[{is a short code, from which texts to Kenya are not let through (The regulator's guidelines, dated 2025-04-01; " +
		"but The regulator's guidelines, dated 2025-04-01 says allowed) false false}]"
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestOptOutWord(t *testing.T) {
	for _, c := range []struct {
		iso, body string
		want      country.Word
	}{
		{"US", "STOP", country.Stop},
		{"US", " stop.\n", country.Stop},
		{"US", "Opt  out", country.Stop},
		{"US", "Revoke", country.Stop},
		{"DE", "Revoke", country.None}, // a word of the United States' rule
		{"DE", "stopall", country.Stop},
		{"", "Unsubscribe!", country.Stop},
		{"IN", "START", country.Start},
		{"IN", "unstop", country.Start},
		{"IN", "'Help'", country.Help},
		{"GB", "info", country.Help},
		// What is not the word alone is none, least of all a code.
		{"US", "STOP 123456", country.None},
		{"US", "please stop", country.None},
		{"US", "123456", country.None},
		{"US", "BELLHOP 42KX7", country.None},
		{"BR", "Sair", country.Stop},
		{"BR", "ajuda", country.Help},
		{"GB", "Sair", country.None},
		{"US", "YES", country.None},
		{"US", "", country.None},
		{"US", "...", country.None},
	} {
		if got := country.OptOutWord(c.iso, c.body); got != c.want {
			t.Errorf("%q from %q means %v, want %v", c.body, c.iso, got, c.want)
		}
	}
}

func TestCheckText(t *testing.T) {
	for _, c := range []struct{ iso, body, want string }{
		{"IN", "{####} is your Shop code. www.example.com", "has a link, of which texts to India may have registered ones only (Summary of TRAI's direction"},
		{"IN", "{####}: example.com/x", "has a link, of which"},
		{"IN", "{####}: http://BIT.LY/x", "has a link of a shortener that is open to all, of which texts to India may have registered ones only (MsgClub, "},
		{"IN", "{####}: Call +91 98765 43210", "has a phone number, of which"},
		{"US", "{####}: https://www.tinyurl.com/x", "has a link of a shortener that is open to all, which texts to the United States may not have (CallTrackingMetrics"},
		{"US", "{####}: https://example.com/x", ""}, // not known
		// What is in a text with a code anyway is neither.
		{"IN", "12345678 is your code.Do not share it.\n\n@example.com #123456", ""},
		{"IN", "{####} is your code. Valid 10 min. FA+9qCX9VSu", ""},
		{"BR", "{####}: https://example.com/x", ""},
	} {
		p, ok := country.Lookup(c.iso)
		if !ok {
			t.Fatal(c.iso)
		}
		said := ""
		for _, o := range p.CheckText(c.body) {
			said += o.What + "\n"
			if o.Refused {
				t.Errorf("%q is refused", c.body)
			}
		}
		if (c.want == "") != (said == "") || !strings.Contains(said, c.want) {
			t.Errorf("%s, %q: %q, want %q", c.iso, c.body, said, c.want)
		}
	}
}

package deliveryfile_test

import (
	"strings"
	"testing"
)

// What a country surely does not let through keeps the server from starting; the rest
// is said, each at its place.
func TestLoad_SenderIDs_AreAskedOfTheirCountries(t *testing.T) {
	_, err := load(t, `providers:
  a:
    type: drum
    sender-ids:
      US: BELLHOP
      IN: BELLHOP
      GB: "+4915155550100"
      DE: BELLHOP
`)
	said := ""
	if err != nil {
		said = err.Error()
	}
	for _, want := range []string{
		":5: the sender id for US is a name, from which texts to the United States are not let through (Twilio, SMS guidelines for the United States, read ",
		":6: the sender id for IN is a name of 7 characters, and must have 6 (",
		":7: the sender id for GB is a number of another country, from which texts to the United Kingdom are not let through (",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said of:\n%s", want, said)
		}
	}
	if n := strings.Count(said, "\n") + 1; n != 3 {
		t.Errorf("%d problems, want 3:\n%s", n, said)
	}
}

func TestWarnings_SenderIDs_OfCountriesThatMayBeAsked(t *testing.T) {
	const file = `providers:
  a: { type: drum, sender-ids: { IN: BELHOP, others: BELLHOP } }
  b: { type: drum, sender-ids: { others: BELLHOP }, only-to: ["+234", "+91"] }
  c: { type: drum, sender-ids: { IN: BELHOP }, entity-ids: { IN: "1101" } }
routes:
  - { countries: [NG, IN], by: [b, c] }
  - { by: [a] }
messages:
  - { name: india, countries: [IN], text: "{####} is your code.", template-ids: { c: "1107" } }
`
	said := ""
	for _, w := range mustLoad(t, file).Warnings() {
		said += w.Where + " " + w.What + "\n"
	}
	for want, times := range map[string]int{
		":2: the sender id for IN is a name, which must be registered (the operators' DLT ledgers, under TRAI's rules) before texts from it reach India (":     1,
		":2: the sender id for IN is a name, and there are no entity-ids for IN, which texts there carry":                                                      1,
		":2: the sender id for IN is a name, and no message for IN has template-ids of a or is said to be registered":                                          1,
		":2: the sender id for others is a name, from which texts to the United States are not let through":                                                    1,
		":2: the sender id for others is a name, which must be registered (the operators' sender ids, under the NCC's rules) before texts from it reach Niger": 1,
		":3: the sender id for others is a name, which must be registered":                                                                                     2, // Nigeria and India
		":3: the sender id for others is a name, from which":                                                                                                   0, // it is asked for neither the USA nor Brazil
		":4: the sender id for IN": 0, // it has its ids
	} {
		if got := strings.Count(said, want); got != times {
			t.Errorf("%q is said %d times, want %d:\n%s", want, got, times, said)
		}
	}
}

func TestWarnings_WordsOfMessages_AreAskedOfTheirCountries(t *testing.T) {
	const file = `providers:
  a: { type: drum, only-to: ["+91", "+1415"] }
messages:
  - { name: all, text: "{####} is your code. Not you? https://example.com/no" }
  - { name: usa, countries: [US], text: "{####}. Not you? example.com/no or call 1-800-555-0123" }
  - { name: gb, countries: [GB], text: "{####} https://example.com/no" }
`
	said := ""
	for _, w := range mustLoad(t, file).Warnings() {
		said += w.Where + " " + w.What + "\n"
	}
	for want, times := range map[string]int{
		":4: the message all has a link, of which texts to India may have registered ones only (": 1,
		":4: the message all has":                               1, // of links in texts to the USA nothing is known
		":5: the message usa: A text with a code needs no link": 1,
		":5: the message usa has":                               0, // nor of phone numbers
		":6: the message gb has":                                0, // nobody is asked for the United Kingdom
	} {
		if got := strings.Count(said, want); got != times {
			t.Errorf("%q is said %d times, want %d:\n%s", want, got, times, said)
		}
	}
}

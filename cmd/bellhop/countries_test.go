package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/country"
)

var update = flag.Bool("update", false, "rewrite the golden files, and the tables of docs/delivery.md")

// kenya is made up: what the shipped packs say changes with the countries.
const kenya = `country: KE
name: Kenya
sources:
  regulator:
    title: The regulator's guidelines
    url: https://regulator.example.com/guidelines
    dated: 2025-04-01
  provider:
    title: A provider, on Kenya
    url: https://provider.example.com/kenya
    read: 2026-01-31
facts:
  sender-names:
    - is: needs-registration
      source: regulator
      note: >-
        Each operator has a register of its own, so that a name has to be brought to all of them, with a letter
        of the business.
    - is: refused
      source: provider
  sender-name-length: { is: 3-11, source: regulator }
  registration: { is: "the operators' registers", source: regulator }
  registration-time:
    - { is: two weeks, source: regulator }
    - { is: a month, source: provider }
  stop-words: { is: [STOP, ACHA], source: provider }
  recycled-after: { is: 90, source: regulator }
`

func TestCountriesShow_Page_IsAsTheGoldenFileHasIt(t *testing.T) {
	p, wrong := country.Parse(kenya)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	var got strings.Builder
	if err := printPage(&got, pageOf(p)); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/country.txt"
	if *update {
		write(t, golden, []byte(got.String()))
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s\n(go test ./cmd/bellhop -run CountriesShow -update rewrites it)", &got, want)
	}
}

func TestCountriesShow_EveryShippedCountry_HasAllKeys(t *testing.T) {
	for _, shipped := range append(country.All(), country.Everywhere()) {
		code, stdout, stderr := once(t, nil, "countries", "show", strings.ToLower(shipped.Country), "--json")
		var page countryPage
		if err := json.Unmarshal([]byte(stdout), &page); err != nil || code != exitOK || stderr != "" {
			t.Fatalf("%s: exit code %d, %v, %s%s", shipped.Country, code, err, stdout, stderr)
		}
		facts := 0
		for i, row := range country.Schema() {
			key := page.Keys[i]
			facts += len(key.Facts)
			if key.Key != row.Key || key.Known != (len(key.Facts) > 0) {
				t.Errorf("%s: key %d is %+v, want %s", shipped.Country, i, key, row.Key)
			}
			for _, f := range key.Facts {
				if f.Is == "" || f.Source == "" || f.URL == "" || (f.Dated == "") == (f.Read == "") {
					t.Errorf("%s: %s has %+v", shipped.Country, key.Key, f)
				}
			}
		}
		if page.Country != shipped.Country || page.Name != shipped.Name || facts == 0 {
			t.Errorf("%+v", page)
		}
		if (len(page.Prices) == 0) != (shipped.Country == country.World) {
			t.Errorf("%s costs %+v", shipped.Country, page.Prices)
		}
		if code, stdout, _ := once(t, nil, "countries", "show", shipped.Country); code != exitOK || !strings.HasPrefix(stdout, shipped.Name+" ("+shipped.Country+"): ") || !strings.Contains(stdout, "not known") {
			t.Errorf("exit code %d, %s", code, stdout)
		}
	}
}

func TestCountriesShow_WhatIsNoCountryOfOurs_IsSaid(t *testing.T) {
	for arg, want := range map[string]struct {
		code int
		text string
	}{
		"":   {exitUsage, "name a country, such as bellhop countries show IN"},
		"UK": {exitUsage, `"UK" is no country: name one by its ISO 3166 code of two letters, such as IN`},
		"fr": {exitFailed, "nothing is known of texts in FR; something is of BR, GB, IN, NG, US"},
	} {
		args := []string{"countries", "show"}
		if arg != "" {
			args = append(args, arg)
		}
		if code, _, stderr := once(t, nil, args...); code != want.code || !strings.Contains(stderr, want.text) {
			t.Errorf("%q: exit code %d, %s", arg, code, stderr)
		}
	}
}

func TestCountriesList_HasThemAll(t *testing.T) {
	code, stdout, _ := once(t, nil, "countries", "list", "--json")
	var lines []packLine
	if err := json.Unmarshal([]byte(stdout), &lines); err != nil || code != exitOK || len(lines) != len(country.All())+1 {
		t.Fatalf("exit code %d, %v, %s", code, err, stdout)
	}
	for _, l := range lines {
		if l.Name == "" || l.Known < 1 || l.Known > l.Of || l.Newest == "" {
			t.Errorf("%+v", l)
		}
	}
	if _, stdout, _ := once(t, nil, "countries", "list"); !strings.Contains(stdout, "\nIN ") {
		t.Errorf("%s", stdout)
	}
}

func TestCountriesCheck_SaysWhatIsWrongWithItsLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "KE.yaml")
	write(t, path, []byte(kenya))
	if code, stdout, stderr := once(t, nil, "countries", "check", path); code != exitOK || !strings.HasPrefix(stdout, "fine: Kenya has 6 of ") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	write(t, path, []byte(strings.Replace(kenya, "read: 2026-01-31", "read: 2999-01-31", 1)))
	if code, _, stderr := once(t, nil, "countries", "check", path); code != exitUsage || !strings.Contains(stderr, path+":19: sender-names is from the source provider, whose date is in the future\n") {
		t.Errorf("of a day to come: exit code %d, %s", code, stderr)
	}
	write(t, path, []byte(strings.Replace(kenya, "source: regulator", "source: hearsay", 1)))
	code, _, stderr := once(t, nil, "countries", "check", path)
	if want := path + ":15: sender-names is from the source hearsay, which is none of sources\n"; code != exitUsage || !strings.Contains(stderr, want) {
		t.Errorf("exit code %d, %s, want %s", code, stderr, want)
	}
	for _, args := range [][]string{{"countries", "check"}, {"countries", "check", path + ".none"}} {
		if code, _, stderr := once(t, nil, args...); code == exitOK || stderr == "" {
			t.Errorf("%s: exit code %d", args, code)
		}
	}
}

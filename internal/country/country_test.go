package country_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/country"
)

// Whoever sends in a country has its file judged by this test.
func TestPacks_EveryFact_HasASourceAndADate(t *testing.T) {
	paths, err := filepath.Glob("packs/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no packs: %v", err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, wrong := country.Parse(string(raw))
		for _, w := range wrong {
			t.Errorf("%s:%d: %s", path, w.Line, w.What)
		}
		if got, want := filepath.Base(path), p.Country+".yaml"; got != want {
			t.Errorf("%s is of %s and must be named %s", path, p.Country, want)
		}
		known := 0
		for _, row := range country.Schema() {
			for _, f := range p.Facts(row.Key) {
				known++
				day, err := time.Parse(time.DateOnly, f.Source.Date)
				if err != nil || day.After(time.Now()) {
					t.Errorf("%s:%d: the source %s has the date %q, which is none that has been", path, f.Line, f.Source.Name, f.Source.Date)
				}
				if f.Is == "" || f.Source.Title == "" || !strings.HasPrefix(f.Source.URL, "https://") {
					t.Errorf("%s:%d: %+v", path, f.Line, f)
				}
			}
		}
		if known == 0 {
			t.Errorf("%s knows nothing", path)
		}
	}
}

func TestDocumentation_HasTheKeysAndTheSmallestPack(t *testing.T) {
	raw, err := os.ReadFile("../../docs/countries.md")
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{"table of keys": country.Markdown(), "smallest pack": "```yaml\n" + smallest + "```\n"} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("the %s of docs/countries.md is not this:\n%s", what, want)
		}
	}
	for _, p := range country.All() {
		if !strings.Contains(string(raw), p.Name) {
			t.Errorf("docs/countries.md does not name %s", p.Name)
		}
	}
}

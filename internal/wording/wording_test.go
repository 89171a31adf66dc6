package wording_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/smstext"
	"github.com/bellhop-auth/bellhop/internal/wording"
)

var update = flag.Bool("update", false, "rewrite the golden file and the table of docs/messages.md")

const (
	code        = "123456"
	longestName = "Wonderful Marketplace of Lagos" // 30 characters
	hash        = "FA+9qCX9VSu"
)

// said is the text of a purpose as a phone gets it.
func said(lang, purpose, app string) string {
	text := wording.New(nil).Choose(wording.Query{Purpose: purpose, Languages: []string{lang}, App: app, Shipped: true})
	return strings.ReplaceAll(text.Body, "{####}", code)
}

func TestShipped_EveryText_IsAsTheGoldenFileHasIt(t *testing.T) {
	var b strings.Builder
	for _, lang := range wording.Languages() {
		for _, purpose := range wording.Purposes() {
			text := said(lang, purpose, longestName)
			size := smstext.Count(text)
			fmt.Fprintf(&b, "%-5s %-7s %-5s %3d units %d segment %3d bytes with a hash | %s\n", lang, purpose,
				size.Encoding, size.Units, size.Segments, len(text+smstext.Lines{Hash: hash}.After(code)), text)
		}
	}
	golden(t, "testdata/texts.golden", b.String())
}

func TestShipped_EveryText_IsOneSegmentThatAnAndroidAppTakes(t *testing.T) {
	if len(wording.Languages()) < 12 {
		t.Fatalf("there are but %d languages", len(wording.Languages()))
	}
	for _, lang := range wording.Languages() {
		for _, purpose := range wording.Purposes() {
			text := said(lang, purpose, longestName)
			if size := smstext.Count(text); size.Segments != 1 {
				t.Errorf("%s %s takes %d segments of %s (%d units)", lang, purpose, size.Segments, size.Encoding, size.Units)
			}
			if n := len(text + smstext.Lines{Hash: hash}.After(code)); n > smstext.RetrieverBytes {
				t.Errorf("%s %s has %d bytes with the hash of an Android app", lang, purpose, n)
			}
			for _, part := range []string{code, longestName} {
				if strings.Count(text, part) != 1 {
					t.Errorf("%s %s: %q is not in it once: %s", lang, purpose, part, text)
				}
			}
			if own := said(lang, purpose, strings.Repeat("न", 30)); strings.Contains(own, "{") || smstext.Count(text).Encoding == smstext.UCS2 && smstext.Count(own).Segments != 1 {
				t.Errorf("%s %s takes more with a name of its own script: %s", lang, purpose, own)
			}
		}
	}
}

func TestShipped_TheTextsOfALanguage_TellThePurposesApart(t *testing.T) {
	for _, lang := range wording.Languages() {
		var texts []string
		for _, purpose := range wording.Purposes() {
			texts = append(texts, said(lang, purpose, "Acme"))
		}
		slices.Sort(texts)
		if len(slices.Compact(texts)) != len(wording.Purposes()) {
			t.Errorf("%s says the same of two purposes", lang)
		}
	}
	if got, want := said("en", "sign_in_otp", "Acme"), said("en", "sign_in", "Acme"); got != want {
		t.Errorf("a one-time code to sign in is told as %q, want %q", got, want)
	}
}

func TestShipped_TableOfTheDocumentation_IsOfTheseTexts(t *testing.T) {
	const path = "../../docs/messages.md"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("\n| language | encoding | units at most | segments | bytes at most, with a hash | to sign in to Acme |\n|---|---|---|---|---|---|\n")
	for _, lang := range wording.Languages() {
		var size smstext.Size
		bytes := 0
		for _, purpose := range wording.Purposes() {
			text := said(lang, purpose, longestName)
			if s := smstext.Count(text); s.Units > size.Units {
				size = s
			}
			bytes = max(bytes, len(text+smstext.Lines{Hash: hash}.After(code)))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %d of %d | %d | %d | %s |\n", lang, size.Encoding, size.Units, size.PerSegment, size.Segments, bytes, said(lang, "sign_in", "Acme"))
	}
	table := regexp.MustCompile(`(?s)(<!-- languages -->\n).*(\n<!-- end of languages -->)`)
	want := table.ReplaceAllString(string(doc), "${1}"+strings.ReplaceAll(b.String(), "$", "$$")+"${2}")
	if !table.Match(doc) {
		t.Fatalf("%s has no place for the table", path)
	}
	if string(doc) == want {
		return
	}
	if !*update {
		t.Fatalf("%s has another table; run go test ./internal/wording -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run go test ./internal/wording -update and read the difference. It is now:\n%s", path, got)
	}
}

func TestChoose_WordsOfSeveral_AreThoseThatNameMostOfWhatIsAskedFor(t *testing.T) {
	entries := []wording.Entry{
		{Name: "any", Body: "any {####}"},
		{Name: "any-hi", Language: "hi", Body: "any-hi {####}"},
		{Name: "reset", Purposes: []string{"reset"}, Body: "reset {####}"},
		{Name: "india", Countries: []string{"IN"}, Body: "india {####}"},
		{Name: "india-hi", Countries: []string{"IN"}, Language: "hi", Body: "india-hi {####} {app}"},
		{Name: "india-ta", Countries: []string{"IN"}, Language: "ta", Body: "india-ta {####}"},
		{Name: "india-reset-ta", Countries: []string{"IN"}, Purposes: []string{"reset"}, Language: "ta", Body: "india-reset-ta {####}"},
		{Name: "pool", Pools: []string{"us-east-1_a"}, Body: "pool {####}"},
		{Name: "pool-again", Pools: []string{"us-east-1_a"}, Body: "pool-again {####}"},
	}
	b := wording.New(entries)
	for name, c := range map[string]struct {
		q    wording.Query
		want string
	}{
		"nothing named":                      {wording.Query{Purpose: "sign_in"}, "any"},
		"the language of many":               {wording.Query{Purpose: "sign_in", Languages: []string{"hi-IN"}}, "any-hi"},
		"a purpose before a language":        {wording.Query{Purpose: "reset", Languages: []string{"hi"}}, "reset"},
		"a country":                          {wording.Query{Purpose: "sign_in", Country: "IN", Languages: []string{"fr"}}, "india"},
		"a country before a purpose":         {wording.Query{Purpose: "reset", Country: "IN"}, "india"},
		"a country and its language":         {wording.Query{Purpose: "sign_in", Country: "IN", Languages: []string{"xx", "hi_IN", "ta"}}, "india-hi"},
		"the second language":                {wording.Query{Purpose: "sign_in", Country: "IN", Languages: []string{"fr", "ta"}}, "india-ta"},
		"a country, a purpose and a tongue":  {wording.Query{Purpose: "reset", Country: "IN", Languages: []string{"ta"}}, "india-reset-ta"},
		"nobody is told what he cannot read": {wording.Query{Purpose: "reset", Country: "IN", Languages: []string{"fr"}}, "india"},
		"a pool before all, the first of two": {wording.Query{
			Pool: "us-east-1_a", Purpose: "reset", Country: "IN", Languages: []string{"ta"}, Own: "own", Shipped: true, App: "A",
		}, "pool"},
	} {
		got := b.Choose(c.q)
		if got.Name != c.want || !strings.HasPrefix(got.Body, c.want+" {####}") || strings.Contains(got.Body, "{app}") {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

func TestChoose_WithoutTheOperators_IsThePoolsThenOursThenNone(t *testing.T) {
	b := wording.New([]wording.Entry{{Name: "hindi", Language: "hi", Body: "hindi {####}"}})
	for name, c := range map[string]struct {
		q    wording.Query
		want wording.Text
	}{
		"the pool's":   {wording.Query{Purpose: "sign_in", Own: "own {####} {app}", Shipped: true, App: "A"}, wording.Text{Body: "own {####} {app}"}},
		"ours":         {wording.Query{Purpose: "verify", Languages: []string{"de-AT"}, Shipped: true, App: "A"}, wording.Text{Name: "verify-de", Language: "de", Body: "{####} ist Ihr Code zur Bestätigung Ihrer Nummer bei A. Geben Sie ihn an niemanden weiter."}},
		"none":         {wording.Query{Purpose: "sign_in", App: "A"}, wording.Text{}},
		"no such":      {wording.Query{Purpose: "invitation", App: "A", Shipped: true}, wording.Text{}},
		"no code":      {wording.Query{Purpose: "invitation", App: "A", Languages: []string{"hi"}, Own: "{username}: {####}"}, wording.Text{Body: "{username}: {####}"}},
		"the operator": {wording.Query{Purpose: "sign_in", Languages: []string{"hi"}, Own: "own {####}"}, wording.Text{Name: "hindi", Language: "hi", Body: "hindi {####}"}},
	} {
		if got := b.Choose(c.q); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"hi", "pt_BR", "zh-Hant-TW", "en_US.UTF-8", "", "x-private", "ar-u-nu-latn", strings.Repeat("a-", 40)} {
		f.Add(seed)
	}
	b := wording.New([]wording.Entry{{Name: "ar", Language: "ar", Body: "{####}"}})
	f.Fuzz(func(t *testing.T, name string) {
		tag := wording.Canonical(name)
		if tag != "" && wording.Canonical(tag) != tag && len(tag) <= 35 {
			t.Errorf("Canonical(%q) = %q, and of that %q", name, tag, wording.Canonical(tag))
		}
		if got := b.Choose(wording.Query{Purpose: "sign_in", Languages: []string{name}, Shipped: true}); got.Body == "" {
			t.Errorf("%q has no words", name)
		}
	})
}

func TestGaps_RegisteredWordsOfOneLanguage_NeedSomeForAll(t *testing.T) {
	india, both := []string{"IN"}, []string{"IN", "LK"}
	hindi := wording.Entry{Name: "hindi", Language: "hi", Countries: india, Registered: "{#numeric#}"}
	for name, c := range map[string]struct {
		beside wording.Entry
		gap    bool
	}{
		"none":                  {wording.Entry{Language: "en"}, true},
		"for all":               {wording.Entry{}, false},
		"for more":              {wording.Entry{Countries: both}, false},
		"for another country":   {wording.Entry{Countries: []string{"LK"}}, true},
		"for one purpose":       {wording.Entry{Countries: india, Purposes: []string{"reset"}}, true},
		"for one pool of many":  {wording.Entry{Pools: []string{"us-east-1_a"}}, true},
		"for the same, by both": {wording.Entry{Countries: india}, false},
	} {
		gaps := wording.Gaps([]wording.Entry{hindi, c.beside})
		if got := len(gaps) == 1 && gaps[0].Name == "hindi"; got != c.gap || len(gaps) > 1 {
			t.Errorf("%s: %+v", name, gaps)
		}
	}
}

package smstext_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/smstext"
	"github.com/bellhop-auth/bellhop/internal/wording"
)

const fine = "{####} is your code to sign in to {app}. Never share it with anyone."

func TestLint_EachRule_FindsWhatItIsFor(t *testing.T) {
	seen := map[string]bool{"language": true, "country": true} // of the program
	for name, c := range map[string]struct {
		draft smstext.Draft
		rules []string // the worst first
		at    string   // what the worst is at
	}{
		"nothing":               {smstext.Draft{Text: fine, App: "Acme"}, nil, ""},
		"no code":               {smstext.Draft{Text: "Welcome to {app}. Never share it."}, []string{"no-code"}, "Welcome"},
		"a word for nothing":    {smstext.Draft{Text: fine + " {name}"}, []string{"placeholder"}, "{name}"},
		"a name anybody makes":  {smstext.Draft{Text: "{username}: " + fine}, []string{"user-name"}, "{username}"},
		"an invitation":         {smstext.Draft{Purpose: "invitation", Text: "{username}, {####} is your password for {app}. Never share it."}, nil, ""},
		"an invitation of none": {smstext.Draft{Purpose: "invitation", Text: "{####} is your password for {app}. Never share it."}, []string{"user-name"}, "{####}"},
		"too long":              {smstext.Draft{Text: fine + strings.Repeat(" a", 40)}, []string{"length", "segments"}, " a a a a"},
		"two segments":          {smstext.Draft{Text: "{app} कोड {####} " + strings.Repeat("आ", 40) + " साझा न करें"}, []string{"segments"}, "{app}"},
		"lines of machines":     {smstext.Draft{Text: fine + strings.Repeat(" ab", 14), Lines: smstext.Lines{Host: "app.example.com", Hash: "FA+9qCX9VSu"}}, []string{"segments", "app-bytes"}, "{####}"},
		"one quote":             {smstext.Draft{Text: strings.ReplaceAll(fine, "Never", "Don’t ever")}, []string{"segments", "encoding"}, "{####}"},
		"a short one":           {smstext.Draft{Text: "{####} – {app}. Never share it.", App: "Acme"}, []string{"encoding"}, "– "},
		"a letter":              {smstext.Draft{Text: "Código {####} de {app}. No compartas.", App: "Acme"}, []string{"encoding"}, "ódigo"},
		"a name":                {smstext.Draft{Text: "{####} for {app}. Never share it.", App: "एक्मे"}, []string{"encoding"}, "{####}"},
		"a link":                {smstext.Draft{Text: fine + " https://app.example/x", App: "Acme"}, []string{"link"}, "https"},
		"a bare link":           {smstext.Draft{Text: fine + " See acme.com/help", App: "Acme"}, []string{"link"}, "acme.com"},
		"a short link, asking":  {smstext.Draft{Text: fine + " https://bit.ly?x=1", App: "Acme", ShortHosts: []string{"bit.ly"}}, []string{"short-link"}, "https://bit.ly?x=1"},
		"a short link, by port": {smstext.Draft{Text: fine + " https://bit.ly:443/a", App: "Acme", ShortHosts: []string{"bit.ly"}}, []string{"short-link"}, "https://bit.ly:443/a"},
		"a short link":          {smstext.Draft{Text: fine + " bit.ly/3x", App: "Acme", ShortHosts: []string{"bit.ly"}}, []string{"short-link"}, "bit.ly"},
		"a number":              {smstext.Draft{Text: fine + " Call +91 98765 43210.", App: "Acme"}, []string{"number"}, "+91"},
		"a casino":              {smstext.Draft{Text: fine + " Your casino.", App: "Acme"}, []string{"barred-word"}, "casino"},
		"shouting":              {smstext.Draft{Text: strings.Replace(strings.ToUpper(fine), "{APP}", "{app}", 1)}, []string{"capitals"}, "{####}"},
		"whose":                 {smstext.Draft{Text: "Your code is {####}. Never share it."}, []string{"nameless"}, "Your"},
		"another's":             {smstext.Draft{Text: "Your code is {####}. Never share it.", App: "Acme"}, []string{"nameless"}, "Your"},
		"its own":               {smstext.Draft{Text: "Your ACME code is {####}. Never share it.", App: "Acme"}, nil, ""},
		"nothing of sharing":    {smstext.Draft{Text: "Your {app} code is {####}."}, []string{"share"}, "Your"},
		"a late code":           {smstext.Draft{Text: "Never share the code of your new account with anybody: it is for {app}, {####}.", App: "Acme"}, []string{"late-code"}, "{####}"},
		"turned round":          {smstext.Draft{Text: "\u202e{####}\u202c {app}. Never share it.", App: "Acme"}, []string{"direction", "encoding"}, "\u202e"},
		"not closed":            {smstext.Draft{Text: "رمز \u2066{####} {app}. لا تشاركه.", App: "Acme"}, []string{"direction", "direction"}, "\u2066"},
		"isolates for nothing":  {smstext.Draft{Text: "\u2066{####}\u2069 {app}. Never share it.", App: "Acme"}, []string{"encoding", "direction"}, "\u2066"},
		"isolates":              {smstext.Draft{Text: "رمز \u2066{####}\u2069 {app}. لا تشاركه.", App: "Acme"}, []string{"direction"}, "\u2066"},
		"from the wrong side":   {smstext.Draft{Text: "{app}: رمز {####}. لا تشاركه.", App: "Acme"}, []string{"direction"}, "{app}"},
		"from the right side":   {smstext.Draft{Text: "رمز {app}: {####}. لا تشاركه.", App: "Acme"}, nil, ""},
		"a line of its own":     {smstext.Draft{Text: fine + "\n@app.example.com #{####}", App: "Acme"}, []string{"host-line"}, "@app"},
		"no line of its own":    {smstext.Draft{Text: fine + " @app.example.com #{####}", App: "Acme"}, []string{"host-line"}, "@app"},
		"not registered":        {smstext.Draft{Text: "{####} is the code for {app}. Never share it. -ACME", App: "Acme", Registered: "{#numeric#} is your code for {#alphanumeric#}. Never share it. -ACME"}, []string{"registered"}, "the code"},
		"registered":            {smstext.Draft{Text: "{####} is your code for {app}. Never share it. -ACME", App: "Acme", Registered: "{#numeric#} is your code for {#alphanumeric#}. Never share it. -ACME"}, nil, ""},
		"registered of old":     {smstext.Draft{Text: "{####} is your code for {app}. Never share it. -ACME", App: "Acme", Registered: "{#var#} is your code for {#var#}. Never share it. -ACME"}, []string{"old-tag"}, "{####}"},
		"registered, and lines": {smstext.Draft{Text: "{####} for {app}. Never share it.", App: "Acme", Registered: "{#numeric#} for {#alphanumeric#}. Never share it.", Lines: smstext.Lines{Host: "a.example"}}, nil, ""},
		"a bell":                {smstext.Draft{Text: fine + "\a", App: "Acme"}, []string{"control", "encoding"}, "\a"},
	} {
		var rules []string
		all := smstext.Lint(c.draft)
		for _, f := range all {
			seen[f.Rule] = true
		}
		for _, f := range all {
			rules = append(rules, f.Rule)
		}
		if !slices.Equal(rules, c.rules) {
			t.Errorf("%s: %q, want %q: %+v", name, rules, c.rules, all)
			continue
		}
		if len(all) > 0 && !strings.HasPrefix(c.draft.Text[all[0].At:], c.at) {
			t.Errorf("%s: it is at %q, want %q", name, c.draft.Text[all[0].At:], c.at)
		}
	}
	wantDocumented(t, seen)
}

// wantDocumented checks that the documentation has the rules, and no others.
func wantDocumented(t *testing.T, rules map[string]bool) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (?:error|warning|advice)").FindAllStringSubmatch(string(doc), -1) {
		rows[m[1]] = true
	}
	if !maps.Equal(rows, rules) {
		t.Errorf("docs/messages.md has the rules %v, there are %v", slices.Sorted(maps.Keys(rows)), slices.Sorted(maps.Keys(rules)))
	}
}

func TestLint_WordsThatComeAlong_AreFine(t *testing.T) {
	for _, lang := range wording.Languages() {
		for _, purpose := range wording.Purposes() {
			text := wording.New(nil).Choose(wording.Query{Purpose: purpose, Languages: []string{lang}, App: "{app}", Shipped: true})
			if all := smstext.Lint(smstext.Draft{Text: text.Body, Purpose: purpose, Lines: smstext.Lines{Hash: "FA+9qCX9VSu"}}); len(all) > 0 {
				for _, f := range all {
					if f.Rule != "segments" { // with the hash, in scripts of which a segment holds 70
						t.Errorf("%s: %+v", text.Name, f)
					}
				}
			}
			if all := smstext.Lint(smstext.Draft{Text: text.Body, Purpose: purpose}); len(all) > 0 {
				t.Errorf("%s: %+v", text.Name, all)
			}
		}
	}
}

func FuzzLint(f *testing.F) {
	f.Add(fine, "Acme", "{#var#} is yours", "sign_in")
	f.Add("\u2066{####}\n\u2069\u202e", "", "", "invitation")
	f.Add("+1 (555) 010-0199 {app}{username}{", "एक", "{#numeric#}", "")
	f.Fuzz(func(t *testing.T, text, app, registered, purpose string) {
		for _, found := range smstext.Lint(smstext.Draft{Text: text, App: app, Registered: registered, Purpose: purpose}) {
			if found.At < 0 || found.At > len(text) || found.What == "" {
				t.Fatalf("%+v of %q", found, text)
			}
			if line, col := smstext.Place(text, found.At); line < 1 || col < 1 || utf8.ValidString(text) && found.At < len(text) && !utf8.RuneStart(text[found.At]) {
				t.Errorf("%+v is at line %d, character %d of %q", found, line, col, text)
			}
		}
	})
}

package smstext

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestMatchRegistered_TextThatIsRegistered_Agrees(t *testing.T) {
	for _, c := range []struct{ registered, text string }{
		{"{#var#} is your OTP for {#var#}. Do not share it. - ACME", "123456 is your OTP for Acme Shop. Do not share it. - ACME"},
		{"{#var#}{#var#}", strings.Repeat("x", 60)},
		{"{#VAR#} ok", "1 ok"},
		{"{#numeric#} is your OTP for {#alphanumeric#}", "123456 is your OTP for " + strings.Repeat("x", 40)},
		{"कोड {#var#} है", "कोड 123456 है"},
		{"{#var#} a {#var#} a", "a a a a"},
		{"{#odd#}", "{#odd#}"},
	} {
		if m := MatchRegistered(c.registered, c.text); m != nil {
			t.Errorf("%q against %q: %v", c.text, c.registered, m)
		}
	}
}

func TestMatchRegistered_TextThatDiffers_ShowsTheFirstPlaceWithoutTheCode(t *testing.T) {
	for name, c := range map[string]struct {
		registered, text, want string
	}{
		"a letter":      {"{#var#} is your OTP. - ACME", "123456 is your Otp. - ACME", `line 1, character 17: the text has "** is your Otp. - ACME" where "{#var#} is your OTP. - ACME" is registered`},
		"an end":        {"{#var#} is yours. - ACME", "123456 is yours.", `line 1, character 17: the text has "** is yours." where "{#var#} is yours. - ACME" is registered`},
		"what follows":  {"{#var#} is yours.", "123456 is yours.\n@a.example #123456", `line 1, character 17: the text has "** is yours.\n@a.example " where "{#var#} is yours." is registered`},
		"a long value":  {"for {#var#}.", "for " + strings.Repeat("x", 31) + ".", `line 1, character 35: the text has "xxxxxxxxxxxxx." where "for {#var#}." is registered`},
		"a nothing":     {"for {#var#}", "for ", `line 1, character 5: the text has "for " where "for {#var#}" is registered`},
		"no number":     {"code {#numeric#}.", "code 12-456.", `line 1, character 8: the text has "code **-***." where " {#numeric#}." is registered`},
		"a second line": {"a\nb {#var#} c", "a\nx 1 c", `line 2, character 1: the text has "a\nx * c" where "a\nb {#var#} c" is registered`},
	} {
		m := MatchRegistered(c.registered, c.text)
		if m == nil {
			t.Errorf("%s: %q agrees with %q", name, c.text, c.registered)
			continue
		}
		if m.Error() != c.want {
			t.Errorf("%s: %s\nwant %s", name, m, c.want)
		}
	}
}

// What agrees is what a regular expression of the registered text takes.
func TestMatchRegistered_AnyTexts_AgreeAsAnExpressionOfThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		registered := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", " ", "{#var#}", "{#numeric#}", "."}), 0, 8).Draw(t, "registered"), "")
		text := rapid.StringMatching(`[ab1 .]{0,12}|[ab1]{25,70}`).Draw(t, "text")
		expression := strings.NewReplacer(
			regexp.QuoteMeta("{#var#}"), `.{1,30}`, regexp.QuoteMeta("{#numeric#}"), `[0-9]{1,30}`,
		).Replace(regexp.QuoteMeta(registered))
		want := regexp.MustCompile(`\A(?s:` + expression + `)\z`).MatchString(text)
		m := MatchRegistered(registered, text)
		if (m == nil) != want {
			t.Errorf("%q against %q: %v, want agreement %t", text, registered, m, want)
		}
		if m != nil && strings.ContainsAny(m.Got, "0123456789") {
			t.Errorf("digits are shown: %q", m.Got)
		}
	})
}

func FuzzMatchRegistered(f *testing.F) {
	f.Add("{#var#} is your OTP", "123456 is your Otp")
	f.Add("{#", "\xff{#var#}\xfe")
	f.Add("{#var#}\xff{#var#}", "1\xff")
	f.Fuzz(func(t *testing.T, registered, text string) {
		if m := MatchRegistered(registered, text); m != nil && (m.At < 0 || m.At > len(text)) {
			t.Errorf("a place at %d of %d bytes", m.At, len(text))
		}
		if !strings.Contains(text, "{#") && utf8.ValidString(text) {
			if m := MatchRegistered(text, text); m != nil {
				t.Errorf("%q is not as itself: %v", text, m)
			}
		}
	})
}

package email_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/fault"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"asha@example.com":             "asha@example.com",
		"Asha.K+news@Mail.EXAMPLE.com": "Asha.K+news@mail.example.com",
		"o'neil@example.ie":            "o'neil@example.ie",
		"用户@例子.公司":                     "用户@例子.公司",
		"":                             "",
		"asha":                         "",
		"@example.com":                 "",
		"asha@":                        "",
		"asha@localhost":               "",
		"asha@@example.com":            "",
		"Asha <asha@example.com>":      "",
		`"asha k"@example.com`:         "",
		"asha@example.com ":            "",
		"asha@exa mple.com":            "",
		"asha@example.com\nBcc: x@y.z": "",
		"asha@[127.0.0.1]":             "",
		"a@b.c,d@e.f":                  "",
		strings.Repeat("a", 250) + "@example.com": "",
		"\xff@example.com":                        "",
	} {
		got, err := email.Parse(text)
		if got.Text() != want {
			t.Errorf("Parse(%q) = %q, want %q", text, got.Text(), want)
		}
		if (err != nil) != (want == "") || (err != nil && (!fault.Is(err, fault.InvalidParameter) || strings.Contains(err.Error(), "asha"))) {
			t.Errorf("Parse(%q): %v", text, err)
		}
	}
}

func TestAddress_EveryPrinterMasks(t *testing.T) {
	a, err := email.Parse("asha@example.com")
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "to", a)
	text, _ := json.Marshal(map[string]any{"to": a})
	all := fmt.Sprintf("%v %+v %#v %s %q %x %v", a, a, a, a, a, a, struct{ A email.Address }{a}) + log.String() + string(text)
	if strings.Contains(all, "asha") || strings.Contains(all, "example") || !strings.Contains(all, "a***@e***") {
		t.Errorf("printed %s", all)
	}
	if (email.Address{}).Masked() != "" || !(email.Address{}).IsZero() || a.IsZero() {
		t.Error("zero address")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"asha@example.com", "a@b", "x@y.z\r\n", "\"q\"@d.e", "用户@例子.公司", "\u212aim@example.com", "a@\u0130.com", "+1@x.y", "a@b@c.d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := email.Parse(text)
		if err != nil {
			return
		}
		again, err := email.Parse(a.Text())
		if err != nil || again != a {
			t.Errorf("%q: its canonical form %q reads as %q, %v", text, a.Text(), again.Text(), err)
		}
		if strings.ContainsAny(a.Text(), "\r\n<>, ") {
			t.Errorf("%q passes", a.Text())
		}
		if low := a.Lower().Text(); low != strings.ToLower(text) || ascii(low) != ascii(text) {
			t.Errorf("%q is %q in lower case, which is another's", text, low)
		}
		if again, err := email.Parse(a.Lower().Text()); err != nil || again != a.Lower() {
			t.Errorf("%q is no address in lower case: %v", text, err)
		}
		if m := a.Masked(); utf8.RuneCountInString(m) != 9 {
			t.Errorf("%q is masked as %q", text, m)
		}
	})
}

// ascii says how many bytes of a text are ASCII.
func ascii(s string) (n int) {
	for i := range len(s) {
		if s[i] < utf8.RuneSelf {
			n++
		}
	}
	return n
}

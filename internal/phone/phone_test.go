package phone_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

func mustParse(t testing.TB, s string) phone.Number {
	t.Helper()
	n, err := phone.Parse(s)
	if err != nil {
		t.Fatalf("Parse(%q): %v", s, err)
	}
	return n
}

func TestNumber_PrintedByAnything_ShowsOnlyTheLastFourDigits(t *testing.T) {
	const whole, masked = "+14155550123", "+*******0123"
	n := mustParse(t, whole)
	type owner struct {
		Number phone.Number
		number phone.Number
		byName map[string]phone.Number
	}
	o := owner{n, n, map[string]phone.Number{"a": n}}

	prints := map[string]string{
		"String":   n.String(),
		"GoString": n.GoString(),
		"Sprint":   fmt.Sprint(n),
		"Errorf":   fmt.Errorf("no such user: %w, %v", fmt.Errorf("%v", n), n).Error(),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%30s", "%T %v"} {
		args := []any{n}
		if verb == "%T %v" {
			args = []any{n, n}
		}
		prints["number "+verb] = fmt.Sprintf(verb, args...)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		prints["struct "+verb] = fmt.Sprintf(verb, o)
		prints["pointer "+verb] = fmt.Sprintf(verb, &o)
		prints["slice "+verb] = fmt.Sprintf(verb, []phone.Number{n})
	}
	for name, v := range map[string]any{"number": n, "struct": o, "key": map[phone.Number]int{n: 1}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		prints["json "+name] = string(b)
	}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("m", "number", n, "owner", o, "pointer", &n)
		prints["slog "+name] = b.String()
	}

	for name, got := range prints {
		for _, secret := range []string{"415555", "5550123", fmt.Sprintf("%x", "5550123"), fmt.Sprintf("%X", "5550123")} {
			if strings.Contains(got, secret) {
				t.Errorf("%s shows the number: %s", name, got)
			}
		}
	}
	for _, name := range []string{"String", "number %v", "number %+v", "number %#v", "number %s", "number %x"} {
		if prints[name] != masked {
			t.Errorf("%s = %q, want %q", name, prints[name], masked)
		}
	}
	if !strings.Contains(prints["slog json"], masked) {
		t.Errorf("slog does not show the mask: %s", prints["slog json"])
	}
}

func TestMasked_IsCognitosMask(t *testing.T) {
	for e164, want := range map[string]string{
		"+14155554444":     "+*******4444",  // 11 digits, as captured
		"+491761234114":    "+********4114", // 12 digits, as captured
		"+6421123456":      "+******3456",
		"+999999999999999": "+***********9999",
		"+1234":            "+****", // never a real number
		"+":                "",
		"":                 "",
	} {
		if got := phone.FromCanonical(e164).Masked(); got != want {
			t.Errorf("mask of %q is %q, want %q", e164, got, want)
		}
	}
}

func TestNumber_Zero_IsNoNumber(t *testing.T) {
	var zero phone.Number
	if !zero.IsZero() || zero.E164() != "" || zero.String() != "" || zero.Region() != "" ||
		zero.CountryCode() != 0 || zero.Kind() != phone.Unknown {
		t.Errorf("zero number: %#v %q %q %d %v", zero, zero.E164(), zero.Region(), zero.CountryCode(), zero.Kind())
	}
	if phone.FromCanonical("") != zero {
		t.Error("FromCanonical of nothing is not the zero number")
	}
	if mustParse(t, "+14155550123").IsZero() {
		t.Error("a parsed number is zero")
	}
}

func TestNumber_SameLine_IsTheSameMapKey(t *testing.T) {
	parsed := mustParse(t, "+5215512345678")
	kept := phone.FromCanonical(parsed.E164())
	if parsed != kept {
		t.Error("a number read back from the store differs from the parsed one")
	}
	seen := map[phone.Number]bool{parsed: true}
	if !seen[kept] || seen[mustParse(t, "+525512345679")] {
		t.Error("map look-up by number is wrong")
	}
}

func TestFromCanonical_KeepsWhatWasStored(t *testing.T) {
	// An old form stays the user's name though Parse would write it anew.
	for _, s := range []string{"+5215512345678", "+22997123456", "not a number"} {
		if got := phone.FromCanonical(s).E164(); got != s {
			t.Errorf("FromCanonical(%q).E164() = %q", s, got)
		}
	}
}

func TestRegionCountryCodeKind_OfKnownNumbers(t *testing.T) {
	for _, c := range []struct {
		number  string
		region  string
		country int
		kind    phone.Kind
	}{
		{"+4915112345678", "DE", 49, phone.Mobile},
		{"+493012345678", "DE", 49, phone.Fixed},
		{"+14155550123", "US", 1, phone.FixedOrMobile},
		{"+16135550123", "CA", 1, phone.FixedOrMobile},
		{"+15555550100", "", 1, phone.Unknown},
		{"+18005550123", "US", 1, phone.TollFree},
		{"+447400123456", "GB", 44, phone.Mobile},
		{"+447911123456", "GG", 44, phone.Mobile},
		{"+449098790123", "GB", 44, phone.PremiumRate},
		{"+33810123456", "FR", 33, phone.SharedCost},
		{"+447012345678", "GB", 44, phone.Personal},
		{"+445512345678", "GB", 44, phone.UAN},
		{"+445612345678", "GB", 44, phone.VoIP},
		{"+447640123456", "GB", 44, phone.Pager},
		{"+77011234567", "KZ", 7, phone.Mobile},
		{"+79161234567", "RU", 7, phone.Mobile},
		{"+878101234567890", "", 878, phone.VoIP},
		{"+80012345678", "", 800, phone.TollFree},
	} {
		n := mustParse(t, c.number)
		if n.Region() != c.region || n.CountryCode() != c.country || n.Kind() != c.kind {
			t.Errorf("%s: %q %d %v, want %q %d %v",
				c.number, n.Region(), n.CountryCode(), n.Kind(), c.region, c.country, c.kind)
		}
	}
}

func TestKind_Names_AreAllThereAndDifferent(t *testing.T) {
	seen := map[string]bool{}
	for k := phone.Unknown; k <= phone.Voicemail; k++ {
		if seen[k.String()] || k.String() == "" {
			t.Errorf("kind %d is called %q", k, k)
		}
		seen[k.String()] = true
	}
	if phone.Kind(200).String() != "unknown" {
		t.Errorf("kind 200 is called %q", phone.Kind(200))
	}
}

func TestParse_Refusal_NamesTheKindAndNeverTheNumber(t *testing.T) {
	const prefix = "Invalid phone number format. "
	for _, s := range []string{"+141555501234567", "4155550123", "+999123456789", "+1 415 555 0123", "+49151123456789012345"} {
		_, err := phone.Parse(s)
		if !fault.Is(err, fault.InvalidParameter) {
			t.Fatalf("Parse(%q): %v, want InvalidParameter", s, err)
		}
		msg := err.Error()
		if !strings.HasPrefix(msg, prefix) || len(msg) == len(prefix) {
			t.Errorf("Parse(%q) says %q", s, msg)
		}
		if strings.Contains(strings.ReplaceAll(msg, "+14155550123", ""), "5550") {
			t.Errorf("Parse(%q) echoes the number: %q", s, msg)
		}
	}
}

package otp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/otp"
)

func testKey(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// chiSquare returns Pearson's statistic of counts against equal chances.
func chiSquare(counts []int) float64 {
	total := 0
	for _, n := range counts {
		total += n
	}
	want := float64(total) / float64(len(counts))
	sum := 0.0
	for _, n := range counts {
		d := float64(n) - want
		sum += d * d / want
	}
	return sum
}

// The codes are a fixed function of fixed inputs, so these figures are the
// same on every run: the bounds are those of a chance of 1 in 10,000 for each
// position, and nothing flickers.
func TestDerive_EveryPosition_IsUniform(t *testing.T) {
	const codes, limit = 200_000, 33.72 // chi-square, 9 degrees of freedom
	for _, digits := range []int{6, 8} {
		counts := make([][]int, digits)
		pairs := make([]int, 100) // the first two digits together
		for i := range counts {
			counts[i] = make([]int, 10)
		}
		for i := range codes {
			code := otp.Derive(testKey(7), strconv.Itoa(i), "signin", "+14155550123", digits).Reveal()
			for p := range counts {
				counts[p][code[p]-'0']++
			}
			pairs[int(code[0]-'0')*10+int(code[1]-'0')]++
		}
		for p := range counts {
			if x := chiSquare(counts[p]); x > limit {
				t.Errorf("%d digits, position %d: chi-square %.1f, counts %v", digits, p, x, counts[p])
			}
		}
		if x := chiSquare(pairs); x > 157 { // 99 degrees of freedom
			t.Errorf("%d digits, first two: chi-square %.1f", digits, x)
		}
	}
}

func TestDerive_LeadingZeros_AreKept(t *testing.T) {
	leading := 0
	for i := range 1000 {
		code := otp.Derive(testKey(1), strconv.Itoa(i), "p", "+1", 6).Reveal()
		if len(code) != 6 || strings.Trim(code, "0123456789") != "" {
			t.Fatalf("code %q is not six digits", code)
		}
		if code[0] == '0' {
			leading++
		}
	}
	if leading < 60 || leading > 140 {
		t.Errorf("%d of 1000 codes start with 0, want about 100", leading)
	}
}

func TestDerive_SameInputs_SameCode(t *testing.T) {
	// The values are fixed: a change of them would void every code in the air
	// while a new version is rolled out over several nodes.
	code := otp.Derive(testKey(1), "challenge", "signin", "+14155550123", 6)
	if got, want := code.Reveal(), "822156"; got != want {
		t.Errorf("code %s, want %s", got, want)
	}
	code = otp.Derive(testKey(1), "challenge", "signin", "+14155550123", 8)
	if got, want := code.Reveal(), "82215610"; got != want {
		t.Errorf("code %s, want %s", got, want)
	}
}

func TestDerive_EachInput_BindsTheCode(t *testing.T) {
	type input struct {
		key                        byte
		challenge, purpose, number string
	}
	base := input{1, "challenge", "signin", "+14155550123"}
	others := map[string]input{
		"key":               {2, "challenge", "signin", "+14155550123"},
		"challenge":         {1, "challengf", "signin", "+14155550123"},
		"purpose":           {1, "challenge", "signup", "+14155550123"},
		"number":            {1, "challenge", "signin", "+14155550124"},
		"moved border":      {1, "challenges", "ignin", "+14155550123"},
		"moved border back": {1, "challeng", "esignin", "+14155550123"},
		"border at number":  {1, "challenge", "signin+", "14155550123"},
		"empty challenge":   {1, "", "challengesignin", "+14155550123"},
		"swapped":           {1, "signin", "challenge", "+14155550123"},
	}
	derive := func(in input) string {
		// Eight digits of ten codes: equal by chance once in 10^80.
		var all strings.Builder
		for i := range 10 {
			all.WriteString(otp.Derive(testKey(in.key), in.challenge+"", in.purpose, in.number, 8).Reveal())
			in.number += strconv.Itoa(i)
		}
		return all.String()
	}
	want := derive(base)
	for name, in := range others {
		if derive(in) == want {
			t.Errorf("another %s gives the same codes", name)
		}
	}
}

func TestMatches_OnlyTheExactDigits(t *testing.T) {
	code := otp.Derive(testKey(1), "challenge", "signin", "+14155550123", 6)
	right := code.Reveal()
	if !code.Matches(right) {
		t.Fatal("the right answer does not match")
	}
	wrong := []string{
		"", " ", right + " ", " " + right, right + "\n", "0" + right, right[1:], right[:5],
		right + right, strings.Repeat("0", 6), strings.Repeat("\x00", 6), "+" + right[1:],
		strings.Map(func(r rune) rune { return r - '0' + '０' }, right), // full-width
	}
	for i := range right {
		changed := []byte(right)
		changed[i] = '0' + (changed[i]-'0'+1)%10
		wrong = append(wrong, string(changed))
	}
	for _, answer := range wrong {
		if code.Matches(answer) {
			t.Errorf("%q matches", answer)
		}
	}
}

func TestMatches_ZeroCode_MatchesNothing(t *testing.T) {
	var none otp.Code
	for _, answer := range []string{"", "000000", "[code]"} {
		if none.Matches(answer) {
			t.Errorf("no code matches %q", answer)
		}
	}
	if none.Reveal() != "" {
		t.Error("no code reveals something")
	}
}

func TestCode_PrintedByAnything_ShowsNothing(t *testing.T) {
	for name, code := range map[string]otp.Code{
		"code":     otp.Derive(testKey(3), "challenge", "signin", "+14155550123", 6),
		"password": otp.DerivePassword(testKey(3), "user", 16),
	} {
		type owner struct {
			Code otp.Code
			code otp.Code
			list []otp.Code
		}
		o := owner{code, code, []otp.Code{code}}
		var all bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%20v"} {
			if got := fmt.Sprintf(verb, code); got != "[code]" {
				t.Errorf("%s with %s prints %q", name, verb, got)
			}
			fmt.Fprintf(&all, verb+verb+verb, code, o, &o)
		}
		fmt.Fprint(&all, code.String(), code.GoString(), code, o, fmt.Errorf("wrong: %v", o))
		for _, v := range []any{code, o, map[string]otp.Code{"a": code}} {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
		slog.New(slog.NewTextHandler(&all, nil)).Info("m", "code", code, "owner", o)
		slog.New(slog.NewJSONHandler(&all, nil)).Info("m", "code", code, "owner", o)
		for _, secret := range []string{code.Reveal(), fmt.Sprintf("%x", code.Reveal()), fmt.Sprintf("%X", code.Reveal())} {
			if strings.Contains(all.String(), secret) {
				t.Errorf("the %s shows itself", name)
			}
		}
	}
}

func TestDerive_WrongUse_Panics(t *testing.T) {
	for name, use := range map[string]func(){
		"five digits":    func() { otp.Derive(testKey(1), "c", "p", "n", 5) },
		"nine digits":    func() { otp.Derive(testKey(1), "c", "p", "n", 9) },
		"short key":      func() { otp.Derive(testKey(1)[:31], "c", "p", "n", 6) },
		"no key":         func() { otp.DerivePassword(nil, "id", 12) },
		"short password": func() { otp.DerivePassword(testKey(1), "id", 11) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			use()
		}()
	}
}

func TestDerivePassword_MeetsThePolicyAndIsUniform(t *testing.T) {
	const passwords = 20_000
	counts := map[rune]int{}
	seen := map[string]bool{}
	for i := range passwords {
		p := otp.DerivePassword(testKey(1), strconv.Itoa(i), 12).Reveal()
		if len(p) != 12 || strings.ContainsAny(p, "0O1Il o\t\"'`\\$&<>") {
			t.Fatalf("password %q", p)
		}
		for _, class := range []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "!#%+=?-"} {
			if !strings.ContainsAny(p, class) {
				t.Fatalf("password %q has none of %s", p, class)
			}
		}
		if seen[p] {
			t.Fatalf("password %q twice", p)
		}
		seen[p] = true
		for _, r := range p {
			counts[r]++
		}
	}
	// Within one class every character is as likely as any other.
	for _, class := range []string{"abcdefghijkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789", "!#%+=?-"} {
		var of []int
		for _, r := range class {
			of = append(of, counts[r])
		}
		if x, limit := chiSquare(of), float64(3*len(class)+12); x > limit {
			t.Errorf("class %s: chi-square %.1f over %.1f, counts %v", class, x, limit, of)
		}
	}
	first := otp.DerivePassword(testKey(1), "0", 12).Reveal()
	if again := otp.DerivePassword(testKey(1), "0", 12).Reveal(); again != first {
		t.Error("the same id gives two passwords")
	}
	if first == otp.DerivePassword(testKey(2), "0", 12).Reveal() {
		t.Error("two keys give the same password")
	}
}

func TestFixed_SixDigitsAndNothingElse(t *testing.T) {
	if code, ok := otp.Fixed("001234"); !ok || !code.Matches("001234") || code.Matches("1234") {
		t.Error("001234 was not taken as it is")
	}
	for _, digits := range []string{"", "12345", "1234567", "12345a", "１23456", " 12345"} {
		if code, ok := otp.Fixed(digits); ok || code.Matches(digits) {
			t.Errorf("%q is a code", digits)
		}
	}
}

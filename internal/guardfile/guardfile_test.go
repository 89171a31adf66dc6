package guardfile_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guardfile"
	"github.com/bellhop-auth/bellhop/internal/otp"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/stepup"
)

// written is the path of a settings file beside a price list and a secret.
func written(t testing.TB, text string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{
		"guard.yaml":     text,
		"prices.csv":     "prefix,country,usd,source,date\n+49,DE,0.08,our contract,2026-09-01\n+1876,JM,fallback,unknown,2026-09-02\n",
		"broken.csv":     "prefix,country,usd,source,date\n+49,DE,-1,x,2026-09-01\n+49,FR,0.1,,soon\n49,,11,x,2026-09-01\n\"+1,US\n",
		"captcha.secret": "captcha-secret\n",
		"empty.secret":   "\n",
		"hook.secret":    hookSecret + "\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "guard.yaml")
}

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func environment(name string) string {
	return map[string]string{"CAPTCHA_SECRET": "secret-of-turnstile"}[name]
}

func number(t *testing.T, e164 string) phone.Number {
	t.Helper()
	n, err := phone.Parse(e164)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRead_NothingSet_IsTheDefault(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "countries: { allow: all }\n"} {
		got, err := guardfile.Read(written(t, text))
		if err != nil || !reflect.DeepEqual(got, guard.Default()) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestLoad_EveryKey(t *testing.T) {
	path := written(t, `countries: { allow: [DE, NO, US], deny: [UZ] }
prefixes: { allow: [+4915, "+1"], deny: ["+1876"] }
number-types: { deny: [premium-rate, voip] }
addresses: { allow: [192.0.2.0/24, "2001:db8::/32"], deny: [192.0.2.7] }
test-numbers:
  - { number: "+15555550100", code: 012345, until: 2026-12-31 }
prices: { file: ./prices.csv, fallback: $0.30 }
budgets:
  pools: { us-east-1_abc: { day: 20 } }
  clients: { 1example23456789: { hour: $1, day: $2, month: $3 } }
  countries: { DE: { hour: none } }
  server: { hour: $5, day: 50.5, month: $500 }
  pool: { hour: $4, day: $40, month: none }
  client: { hour: $3 }
  country: { hour: $2, day: $20, month: $200 }
  earn-back: 50%
step-up:
  - attestation: { url: "https://u:p@attest.example/judge", secret-file: hook.secret, allow-private: true }
  - turnstile: { site-key: 0x4AAA, secret-env: CAPTCHA_SECRET, hosts: [app.example.com] }
  - hcaptcha: { site-key: a, secret-file: captcha.secret }
  - recaptcha: { site-key: b, secret-env: CAPTCHA_SECRET, min-score: 0.7, verify-url: "https://captcha.example/verify" }
  - text-us: { number: "+15555550199" }
  - proof-of-work: { least: 16, most: 20 }
tuning:
  block: { initial: $0.10, at-least: 1, at-most: 5, cap: 10, kappa: 0.5, per-hour: 0.25, stepped: 10%, stretch: 10s, share: 1s }
  range: { initial: $0.11, at-least: 1.5, at-most: 8, cap: 40, kappa: 51%, per-hour: 2, stepped: 0, stretch: 1m, share: 0s }
  area: { initial: $0.12, at-least: 2, at-most: 7, cap: 54, kappa: 52%, per-hour: 4, stepped: 90%, stretch: 2m, share: 2m }
  country: { initial: $0.13, at-least: 3, at-most: 6, cap: 60, kappa: 53%, per-hour: 0, stepped: 11%, stretch: 4h, share: 1h }
  address: { initial: $0.14, at-least: 4, at-most: 9, cap: 70, kappa: 54%, per-hour: 5, stepped: 12%, stretch: 3m, share: 3s }
  network: { initial: $0.15, at-least: 5, at-most: 10, cap: 80, kappa: 55%, per-hour: 6, stepped: 13%, stretch: 4m, share: 4s }
  busy: 100
  soft: 70%
  alarm: { ratio: 0.8, at: 8, again: 7, clear: 3, most: 12, hold: 5m, hold-most: 1h, trusted: 60% }
  probes: { first: 1m, most: 20m, part: 10%, last: 1d, fast: 30s }
  ceiling: { at-least: $1, times: 5, slack: $3 }
  feedback: { known: 20, all: 200, faster: 10 }
  guesses: { per-day: 3000, alarm: 100, earn: 0.2 }
`)
	f, err := guardfile.Load(path, environment)
	if err != nil {
		t.Fatal(err)
	}
	got, want := f.Settings, guard.Default()
	want.Countries = guard.Choice[string]{Allow: []string{"DE", "NO", "US"}, Deny: []string{"UZ"}}
	want.Prefixes = guard.Choice[string]{Allow: []string{"+4915", "+1"}, Deny: []string{"+1876"}}
	want.Types = map[phone.Kind]bool{phone.PremiumRate: true, phone.VoIP: true}
	want.Addresses = guard.Choice[netip.Prefix]{
		Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		Deny:  []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")},
	}
	code, _ := otp.Fixed("012345")
	want.Tests = []guard.TestNumber{{Number: number(t, "+15555550100"), Code: code, Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}}
	want.Prices = guard.NewPriceTable("2026-09-01", guard.Dollars(0.3), map[string]guard.Money{"+49": guard.Dollars(0.08), "+1876": guard.Dollars(0.3)})
	want.Budgets = guard.Budgets{
		Server: guard.Budget{Hour: 5 * guard.Dollar, Day: guard.Dollars(50.5), Month: 500 * guard.Dollar},
		Pool:   guard.Budget{Hour: 4 * guard.Dollar, Day: 40 * guard.Dollar}, Client: guard.Budget{Hour: 3 * guard.Dollar},
		Country:   guard.Budget{Hour: 2 * guard.Dollar, Day: 20 * guard.Dollar, Month: 200 * guard.Dollar},
		Pools:     map[string]guard.Budget{"us-east-1_abc": {Hour: 4 * guard.Dollar, Day: 20 * guard.Dollar}},
		Clients:   map[string]guard.Budget{"1example23456789": {Hour: guard.Dollar, Day: 2 * guard.Dollar, Month: 3 * guard.Dollar}},
		Countries: map[string]guard.Budget{"DE": {Day: 20 * guard.Dollar, Month: 200 * guard.Dollar}},
		EarnBack:  0.5,
	}
	want.Tuning = guard.Tuning{
		Prefix: [3]guard.Window{
			{Initial: guard.Dollars(0.10), AtLeast: 1, AtMost: 5, Cap: 10, Kappa: 0.5, PerHour: 0.25, Stepped: 0.1, Stretch: 10 * time.Second, Share: time.Second},
			{Initial: guard.Dollars(0.11), AtLeast: 1.5, AtMost: 8, Cap: 40, Kappa: 0.51, PerHour: 2, Stretch: time.Minute},
			{Initial: guard.Dollars(0.12), AtLeast: 2, AtMost: 7, Cap: 54, Kappa: 0.52, PerHour: 4, Stepped: 0.9, Stretch: 2 * time.Minute, Share: 2 * time.Minute},
		},
		Country:  guard.Window{Initial: guard.Dollars(0.13), AtLeast: 3, AtMost: 6, Cap: 60, Kappa: 0.53, Stepped: 0.11, Stretch: 4 * time.Hour, Share: time.Hour},
		Address:  guard.Window{Initial: guard.Dollars(0.14), AtLeast: 4, AtMost: 9, Cap: 70, Kappa: 0.54, PerHour: 5, Stepped: 0.12, Stretch: 3 * time.Minute, Share: 3 * time.Second},
		Network:  guard.Window{Initial: guard.Dollars(0.15), AtLeast: 5, AtMost: 10, Cap: 80, Kappa: 0.55, PerHour: 6, Stepped: 0.13, Stretch: 4 * time.Minute, Share: 4 * time.Second},
		Busy:     100,
		Soft:     0.7,
		Alarm:    guard.Alarm{Ratio: 0.8, At: 8, Again: 7, Clear: 3, Most: 12, Hold: 5 * time.Minute, HoldMost: time.Hour, Trusted: 0.6},
		Probes:   guard.Probes{First: time.Minute, Most: 20 * time.Minute, Part: 0.1, Last: 24 * time.Hour, Fast: 30 * time.Second},
		Ceiling:  guard.Ceiling{AtLeast: guard.Dollar, Times: 5, Slack: 3 * guard.Dollar},
		Feedback: guard.Feedback{Known: 20, All: 200, Faster: 10},
		Guesses:  guard.Guesses{PerDay: 3000, Alarm: 100, Earn: 0.2},
	}
	for _, figure := range unchanged(reflect.ValueOf(got.Tuning), reflect.ValueOf(guard.Default().Tuning), "Tuning") {
		t.Errorf("no key of the file sets %s", figure)
	}
	want.StepUp = []string{"attestation", "turnstile", "hcaptcha", "recaptcha", "text-us", "proof-of-work"}
	if told := fmt.Sprintf("%+v", f); strings.Contains(told, "012345") || strings.Contains(told, "secret-of") {
		t.Error("printing the file tells a code or a secret")
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
	wantStepUp := stepup.Settings{
		Ways: []stepup.Kind{stepup.Attestation, stepup.Turnstile, stepup.HCaptcha, stepup.ReCAPTCHA, stepup.TextUs, stepup.Work},
		Work: stepup.Bounds{Least: 16, Most: 20},
		Captchas: map[stepup.Kind]stepup.Captcha{
			stepup.Turnstile: {SiteKey: "0x4AAA", Secret: "secret-of-turnstile", Hosts: []string{"app.example.com"}},
			stepup.HCaptcha:  {SiteKey: "a", Secret: "captcha-secret"},
			stepup.ReCAPTCHA: {SiteKey: "b", Secret: "secret-of-turnstile", MinScore: 0.7, VerifyURL: "https://captcha.example/verify"},
		},
		Attestation: stepup.Attester{URL: "https://u:p@attest.example/judge", Secret: hookSecret, AllowPrivate: true},
		Number:      number(t, "+15555550199"),
	}
	if !reflect.DeepEqual(f.StepUp, wantStepUp) || f.StepUp.Check() != nil {
		t.Errorf("%+v\nwant\n%+v\n%v", f.StepUp, wantStepUp, f.StepUp.Check())
	}
	// Whoever plays through decisions needs no secrets.
	if err := os.Remove(filepath.Join(filepath.Dir(path), "captcha.secret")); err != nil {
		t.Fatal(err)
	}
	if got, err := guardfile.Read(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// unchanged are the figures that are alike in both.
func unchanged(a, b reflect.Value, path string) (alike []string) {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			alike = append(alike, unchanged(a.Field(i), b.Field(i), path+"."+a.Type().Field(i).Name)...)
		}
	case reflect.Array:
		for i := range a.Len() {
			alike = append(alike, unchanged(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", path, i))...)
		}
	default:
		if a.Equal(b) {
			alike = append(alike, path)
		}
	}
	return alike
}

func TestLoad_NoWaysSet_AreTheDefaultOnes(t *testing.T) {
	f, err := guardfile.Load(written(t, "{}"), environment)
	if err != nil || !reflect.DeepEqual(f.StepUp, stepup.Default()) || !slices.Equal(f.Settings.StepUp, []string{string(stepup.Work)}) {
		t.Errorf("%+v, %v", f, err)
	}
	f, err = guardfile.Load(written(t, "step-up: []"), environment)
	if err != nil || len(f.StepUp.Ways) > 0 || len(f.Settings.StepUp) > 0 {
		t.Errorf("%+v, %v", f, err)
	}
}

// Everything is reported at once, each with its line, and nothing is told that is
// nobody's business.
func TestLoad_WhatIsWrong_IsAllReported(t *testing.T) {
	path := written(t, `countries: { allow: [DE, UK, de, XX, DE], deny: [DE] }
prefixes:
  allow: [+44, 49, +4915123456789, +49151234, []]
  deny: [+44, +44]
number-types: { deny: [premium, mobile, unknown] }
adresses: {}
addresses: { allow: [], deny: [300.1.1.1] }
test-numbers:
  - { number: "+15555550100", code: 12345, until: 31.12.2026 }
  - { number: "+1555555010", code: "123456" }
  - { number: "+491511234567", code: "123457", until: 2026-12-31 }
  - { number: "+491511234567", code: "123458", until: 2026-12-31 }
  - { number: "+15555550101", code: "123458", until: 2026-12-31 }
prices: { file: broken.csv, fallback: 11 }
budgets:
  server: { hour: $9, day: $8, month: 0 }
  pool: { hour: -1, week: $1 }
  country: { hour: $1000000 }
  pools: { here: { hour: 1 } }
  countries: { Germany: { hour: 1 }, DE: { hour: 5, day: 4 } }
  earn-back: 150%
tuning:
  block: { cap: 1 }
  range: { at-least: 100, kappa: 0, initial: free }
  area: { per-hour: -3 }
  region: {}
  alarm: { at: 20, hold: 5h }
  probes: { first: 7h, fast: soon, most: 90d }
  guesses: { per-day: 10, earn: -1 }
budgets: {}
step-up:
  - turnstile: { site-key: a, secret-env: NOWHERE, secret-file: captcha.secret }
  - hcaptcha: { secret-file: empty.secret, min-score: 1 }
  - turnstile: {}
  - recaptcha: { site-key: a, secret-env: BELLHOP_X, min-score: 7 }
  - attestation: { url: judge, secret-env: CAPTCHA_SECRET }
  - text-us: { number: 5550199 }
  - proof-of-works: {}
  - proof-of-work: { least: 20, most: 18 }
  - {}
`)
	_, err := guardfile.Load(path, environment)
	if !errors.As(err, new(config.Problems)) {
		t.Fatal(err)
	}
	said := strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", "")
	for _, want := range []string{
		`guard.yaml:1: allow has "UK", which is no ISO 3166 code; did you mean GB?`,
		`guard.yaml:1: allow has "de", which is no ISO 3166 code; did you mean DE?`,
		`guard.yaml:1: allow has "XX", which is no ISO 3166 code`,
		`guard.yaml:1: allow has "DE", which is given twice`,
		"guard.yaml:1: deny denies DE, which is allowed too",
		`guard.yaml:3: allow has "49", which must be + and the first digits`,
		`guard.yaml:3: allow has "+49151234", which has more than 7 digits`,
		"guard.yaml:3: allow must be a text",
		`guard.yaml:3: allow has "+4915…", which has more than 9 digits`,
		"guard.yaml:4: deny denies +44, which is allowed too",
		`guard.yaml:4: deny has "+44", which is given twice`,
		`guard.yaml:5: deny has "premium", which is no type of numbers`,
		`guard.yaml:5: deny has "mobile", which cannot be denied`,
		`guard.yaml:5: deny has "unknown", which cannot be denied`,
		"guard.yaml:6: adresses is not known here; did you mean addresses?",
		"guard.yaml:7: allow is an empty list",
		`guard.yaml:7: deny has "300.1.1.1", which is no network`,
		"guard.yaml:9: code must be six digits",
		"guard.yaml:9: until must be a day",
		"guard.yaml:10: number is no phone number: Invalid phone number format.",
		"guard.yaml:12: the test number is the number of an earlier one",
		"guard.yaml:13: the test number is refused by the settings themselves, by the rule prefix: +1555555",
		"broken.csv:2: has a price that must be dollars from 0 to 10",
		"broken.csv:3: prices +49 a second time, after line 2",
		"broken.csv:3: names no source",
		"broken.csv:3: has a date that is not YYYY-MM-DD",
		"broken.csv:4: has a prefix that must be + and",
		"broken.csv:4: has a price that must be",
		"broken.csv:5: is no line of CSV",
		"guard.yaml:14: fallback is more than any text costs",
		"guard.yaml:16: month must be dollars above 0, such as $5, or none",
		"guard.yaml:16: server gives an hour $9 and a day only $8",
		"guard.yaml:17: hour must be dollars above 0",
		"guard.yaml:17: week is not known here",
		"guard.yaml:18: country gives an hour $1000000 and a day only $400 (not set here)",
		"guard.yaml:19: here is no id of a user pool",
		"guard.yaml:20: Germany is no ISO 3166 code",
		"guard.yaml:20: DE gives an hour $5 and a day only $4",
		"guard.yaml:21: earn-back must be a part from 0% to 100%",
		"guard.yaml:23: block has a cap of 1 texts below the first credit",
		"guard.yaml:24: kappa must be a part from 1% to 100%",
		"guard.yaml:24: initial must be dollars above 0",
		"guard.yaml:24: range has at-least 100 above at-most",
		"guard.yaml:25: per-hour must be a number, 0 or more",
		"guard.yaml:26: region is not known here",
		"guard.yaml:27: alarm must have clear below at, and at not above most; they are 4, 20 and 13",
		"guard.yaml:27: alarm has hold 5h above hold-most 4h",
		"guard.yaml:28: probes has first 7h above last 6h",
		"guard.yaml:28: fast must be a length of time",
		"guard.yaml:28: most must be a length of time",
		"guard.yaml:29: guesses has an alarm at 150 in an hour, above the 10 of a day",
		"guard.yaml:29: earn must be a number, 0 or more",
		"guard.yaml:30: budgets is given twice",
		"guard.yaml:32: secret-env names the variable NOWHERE, which is not set",
		"guard.yaml:32: secret-file is set together with secret-env",
		"guard.yaml:33: hcaptcha has no site-key",
		"guard.yaml:33: min-score is not known here",
		"guard.yaml:33: secret-file names an empty file",
		"guard.yaml:34: turnstile is offered twice",
		"guard.yaml:35: secret-env names a variable that begins as Bellhop's own do",
		"guard.yaml:35: min-score must be a part from 0% to 100%",
		"guard.yaml:36: url must be a whole URL",
		"guard.yaml:36: secret-env names a secret that must be whsec_ followed by base64",
		"guard.yaml:37: number is no phone number",
		"guard.yaml:38: proof-of-works is not known here; did you mean proof-of-work?",
		"guard.yaml:39: proof-of-work asks for 20 bits at first and for 18 at most",
		"guard.yaml:40: the step-up must name one kind",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in:\n%s", want, said)
		}
	}
	for _, told := range []string{"5555550", "1511234567", "491512345", "12345,", "secret-of", "5550199"} {
		if strings.Contains(said, told) {
			t.Errorf("it tells %s:\n%s", told, said)
		}
	}
}

func TestLoad_WhatIsNoFileOfSettings(t *testing.T) {
	for text, want := range map[string]string{
		"a: [":                       "is not YAML",
		"- a":                        "must hold settings",
		"{}\n---\n{}":                "more than one document",
		"budgets: &b { server: *b }": "server is not known here",
		"step-up: &s [*s]":           "the step-up must be a mapping",
		"countries:":                 "countries must be a mapping",
		"test-numbers: 7":            "test-numbers must be a list",
	} {
		if _, err := guardfile.Read(written(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := guardfile.Read(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "--guard names a file that cannot be read") {
		t.Error(err)
	}
}

func TestWarnings_OfTestNumbers(t *testing.T) {
	f, err := guardfile.Load(written(t, `test-numbers:
  - { number: "+15555550100", code: "518302", until: 2026-06-30 }
  - { number: "+15555550101", code: "777777", until: 2026-12-31 }
`), environment)
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string][]string{
		"2025-12-01": {"3: the test number works until 2026-12-31, more than a year from now", "3: the test number has a code"},
		"2026-06-16": {"3: the test number has a code that anybody would try first"},
		"2026-06-20": {"2: the test number works until 2026-06-30 only", "3: the test number has a code"},
		"2026-06-30": {"2: the test number works until 2026-06-30 only", "3: the test number has a code"},
		"2026-07-01": {"2: the test number worked until 2026-06-30; take it away", "3: the test number has a code"},
		"2027-01-01": {"2: the test number worked", "3: the test number worked until 2026-12-31"},
	} {
		now, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		got := f.Warnings(now)
		same := len(got) == len(want)
		for i := range min(len(got), len(want)) {
			same = same && strings.Contains(got[i].Where+" "+got[i].What, "guard.yaml:"+want[i])
		}
		if !same {
			t.Errorf("at %s: %v, want %v", day, got, want)
		}
	}
}

// No text makes the reading panic or run on.
func FuzzRead(f *testing.F) {
	f.Add("countries: { allow: [DE], deny: [DE] }\nbudgets: &b { server: { hour: $5 }, pools: { a_b: *b } }\n")
	f.Add("test-numbers:\n  - &t { number: \"+15555550100\", code: 012345, until: 2026-12-31 }\n  - *t\n")
	f.Add("step-up: [proof-of-work: {}, turnstile: { site-key: a, secret-env: B }]\ntuning: { block: { cap: 1e9 } }\n")
	path := written(f, "")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := guardfile.Read(path)
		if (err == nil) != (s.Prices != nil) {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	})
}

func TestDocumentation_HoldsTheTables(t *testing.T) {
	if page := documentation(t); !strings.Contains(page, guardfile.Markdown()) {
		t.Errorf("docs/guard-settings.md must hold these tables:\n%s", guardfile.Markdown())
	}
}

// The file that the documentation shows is one.
func TestDocumentation_TheExample_IsFine(t *testing.T) {
	_, after, _ := strings.Cut(documentation(t), "```yaml\n")
	example, _, found := strings.Cut(after, "```")
	if _, err := guardfile.Read(written(t, example)); err != nil || !found {
		t.Error(err)
	}
}

func documentation(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/guard-settings.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

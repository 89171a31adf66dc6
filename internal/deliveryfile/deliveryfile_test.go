package deliveryfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/deliveryfile"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
	"github.com/bellhop-auth/bellhop/internal/wording"
)

// fake is a sender that remembers what it was made of.
type fake struct{ options provider.Options }

func (fake) Send(context.Context, sms.Message) (sms.Receipt, error) { return sms.Receipt{}, nil }

// calling is one whose provider calls.
type calling struct{ fake }

func (calling) ReadPost(context.Context, time.Time, sms.Post) ([]sms.Event, error) { return nil, nil }
func (calling) Answer(string) (string, []byte)                                     { return "", nil }

// kinds are two kinds of providers with every sort of field.
func kinds() []provider.Kind {
	return []provider.Kind{
		{Name: "parrot", About: "repeats what it is told", Fields: []provider.Field{
			{Name: "account-sid", Arg: "PA...", About: "the account", Required: true, Check: func(v string) error {
				if !strings.HasPrefix(v, "PA") {
					return errors.New("must begin with PA")
				}
				return nil
			}},
			{Name: "auth-token", Arg: "TOKEN", About: "of the account", Required: true, Secret: true, Check: func(v string) error {
				if len(v) < 8 {
					return errors.New("is too short")
				}
				return nil
			}},
			{Name: "from", Arg: "NUMBER", About: "whom texts come from"},
			{Name: "service", Arg: "ID", About: "which picks from"},
			{Name: "test-credentials", Arg: "true", About: "whether they are"},
			{Name: "region", Arg: "REGION", About: "where it is", Default: "us1"},
		}, TestNumbers: []string{"+1500555"}, Check: func(v provider.Values) *provider.Problem {
			switch {
			case v["from"] != "" && v["service"] != "":
				return &provider.Problem{Field: "service", What: "is set together with from; set one of them"}
			case v["from"] == "" && v["service"] == "":
				return &provider.Problem{Field: "from", What: "is not set, nor is a service"}
			}
			return nil
		}, New: func(o provider.Options) (sms.Sender, error) { return calling{fake{o}}, nil }},
		{Name: "drum", About: "is heard nearby", New: func(o provider.Options) (sms.Sender, error) { return fake{o}, nil }},
	}
}

// written is the path of a delivery file beside price lists and secrets.
func written(t testing.TB, text string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{
		"delivery.yaml": text,
		"prices.csv":    "prefix,country,usd,source,date\n+91,IN,0.002,our contract,2026-09-01\n+1,US,0.0079,our contract,2026-09-01\n+1876,JM,fallback,unknown,2026-09-02\n",
		"broken.csv":    "prefix,country,usd,source,date\n+49,DE,-1,x,2026-09-01\n",
		"nothing.csv":   "prefix,country,usd,source,date\n",
		"token":         "token-of-parrots\n",
		"short":         "abc\n",
		"empty":         "\n",
		"two":           "token-of-parrots\nand another\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "delivery.yaml")
}

func environment(name string) string {
	return map[string]string{"PARROT_TOKEN": "token-of-variables"}[name]
}

func load(t testing.TB, text string) (*deliveryfile.File, error) {
	t.Helper()
	return deliveryfile.Load(written(t, text), kinds(), environment)
}

func mustLoad(t testing.TB, text string) *deliveryfile.File {
	t.Helper()
	f, err := load(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const everything = `# by whom texts go
messages:
  - name: sign-in-hi
    pools: [us-east-1_AbC123xyz]
    countries: [IN]
    purposes: [sign-in, sign-in-otp]
    language: hi
    text: "{####} {app}"
    template-ids: { india: "1107" }
    registered: "{#var#} {#var#}"
  - { name: plain, text: "Your code is {####}." }
providers:
  main:
    type: parrot
    account-sid: PA1
    auth-token-file: token
    from: "+15005550006"
    prices: prices.csv
    sender-ids: { IN: BELHOP, others: "+15005550006" }
    entity-ids: { IN: "1101" }
    only-to: ["+1500555", "+91"]
    timeout: 2500ms
  india: { type: parrot, account-sid: PA2, auth-token-env: PARROT_TOKEN, service: "7", region: in1, prices: prices.csv }
  loud: { type: drum }
routes:
  - { countries: [IN], by: [india, main], prefer: price }
  - { prefixes: ["+1787"], purposes: [sign-up, notice], pools: [us-east-1_AbC123xyz], by: [] }
  - by: [main, loud]
only-to: ["+91", "+15005550001"]
dry-run: true
help: Ask support@example.com.
`

func TestLoad_EveryKey(t *testing.T) {
	f := mustLoad(t, everything)
	opened, err := f.Open(func(name string) string { return "https://auth.example.com/callbacks/" + name })
	if err != nil {
		t.Fatal(err)
	}
	c := opened.Routes
	wantRules := []routes.Rule{
		{Where: f.Path + ":26", Countries: []string{"IN"}, By: []string{"india", "main"}, Prefer: routes.PreferPrice},
		{Where: f.Path + ":27", Prefixes: []string{"+1787"}, Purposes: []string{"sign_up", "notice"}, Pools: []string{"us-east-1_AbC123xyz"}},
		{Where: f.Path + ":28", By: []string{"main", "loud"}},
	}
	if !reflect.DeepEqual(c.Rules, wantRules) || !slices.Equal(c.OnlyTo, []string{"+91", "+15005550001"}) || !c.DryRun {
		t.Errorf("%+v", c)
	}
	wantMessages := []wording.Entry{
		{Name: "sign-in-hi", Where: f.Path + ":3", Pools: []string{"us-east-1_AbC123xyz"}, Countries: []string{"IN"}, Purposes: []string{"sign_in", "sign_in_otp"},
			Language: "hi", Body: "{####} {app}", TemplateIDs: map[string]string{"india": "1107"}, Registered: "{#var#} {#var#}"},
		{Name: "plain", Where: f.Path + ":11", Body: "Your code is {####}."},
	}
	if !reflect.DeepEqual(f.Messages, wantMessages) || f.Help != "Ask support@example.com." {
		t.Errorf("%+v, %q", f.Messages, f.Help)
	}
	wantMain := provider.Options{Callback: "https://auth.example.com/callbacks/main",
		Values: provider.Values{"account-sid": "PA1", "auth-token": "token-of-parrots", "from": "+15005550006", "region": "us1"}}
	wantIndia := provider.Options{Callback: "https://auth.example.com/callbacks/india",
		Values: provider.Values{"account-sid": "PA2", "auth-token": "token-of-variables", "service": "7", "region": "in1"}}
	if main, india := c.Providers[0].Sender.(calling).options, c.Providers[1].Sender.(calling).options; !reflect.DeepEqual(main, wantMain) || !reflect.DeepEqual(india, wantIndia) {
		t.Errorf("%+v, %+v", main, india)
	}
	checkProvider(t, c.Providers[0], routes.Provider{Name: "main", Kind: "parrot", SenderIDs: map[string]string{"IN": "BELHOP", "": "+15005550006"},
		EntityIDs: map[string]string{"IN": "1101"}, TemplateIDs: map[string]string{}, OnlyTo: []string{"+1500555", "+91"}, Timeout: 2500 * time.Millisecond})
	checkProvider(t, c.Providers[1], routes.Provider{Name: "india", Kind: "parrot", TemplateIDs: map[string]string{"sign-in-hi": "1107"}, Timeout: 4 * time.Second})
	checkProvider(t, c.Providers[2], routes.Provider{Name: "loud", Kind: "drum", TemplateIDs: map[string]string{}, Timeout: 4 * time.Second})
	if len(opened.Callers) != 2 || opened.Callers["main"] == nil || opened.Callers["india"] == nil {
		t.Errorf("callers are %v", opened.Callers)
	}
	if shown := fmt.Sprintf("%v %+v %#v", f, f, *f); strings.Contains(shown, "token-of") {
		t.Error("a printed file shows a secret")
	}
}

// checkProvider compares all but what cannot be.
func checkProvider(t *testing.T, got, want routes.Provider) {
	t.Helper()
	got.Sender, got.Price = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestOpen_Prices_AreThoseOfTheLongestPrefix(t *testing.T) {
	opened, err := mustLoad(t, everything).Open(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	price := opened.Routes.Providers[0].Price
	for e164, want := range map[string]int64{"+919876543210": 2000, "+14155550123": 7900, "+18765550123": -1, "+4915155550100": -1} {
		if micros, known := price(e164); known != (want >= 0) || known && micros != want {
			t.Errorf("%s costs %d, %v", e164, micros, known)
		}
	}
	if opened.Routes.Providers[2].Price != nil {
		t.Error("one without a list has prices")
	}
}

func TestLoad_NoRoutes_AreAllProvidersInOrder(t *testing.T) {
	f := mustLoad(t, "providers: { b: { type: drum }, a: { type: drum } }\n")
	if len(f.Rules) != 1 || !slices.Equal(f.Rules[0].By, []string{"b", "a"}) || len(f.Warnings()) > 0 {
		t.Errorf("%+v, %v", f.Rules, f.Warnings())
	}
}

func TestWarnings(t *testing.T) {
	f := mustLoad(t, `providers:
  main: { type: drum, prices: prices.csv }
  idle: { type: drum }
routes:
  - { countries: [IN, DE], by: [main] }
messages:
  - { name: short, text: "Your code is {####}." }
  - { name: dear, text: "Your code – {####} – is for {app} alone, and whoever asks you for it is not one of us." }
only-to: ["+91", "+15005550006"]
dry-run: true
`)
	var got []string
	for _, w := range f.Warnings() {
		got = append(got, strings.TrimPrefix(w.Where, f.Path)+" "+w.What)
	}
	want := []string{
		":10: dry-run is on: nobody is texted or mailed",
		":9: only-to is set: numbers that begin otherwise than +91, +1500… are not texted",
		":2: main has no price for DE, where it may be asked",
		":3: idle is named by no rule, so that no text goes by it",
		":8: the message dear is never used: short is for the same texts",
		":8: the message dear: It takes 2 segments of UCS-2 (111 of 67 each), and every segment is paid as a text: twice the price.",
		":8: the message dear: – (U+2013) is not in GSM-7, so that a segment holds 70 characters and not 160. - does as well.",
		":5 is the last rule and does not take every text: what no rule fits is refused",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWarnings_TemplatesOfAProviderThatSendsNoOtherTexts_MustBeThere(t *testing.T) {
	stiff := kinds()
	stiff[1].ByTemplate = true
	const text = `providers:
  main: { type: parrot, account-sid: PA1, auth-token-file: token, from: a }
  india: { type: drum }
routes:
  - { countries: [IN], purposes: [sign-in, sign-up, reset], by: [india, main] }
  - by: [main]
messages:
  - { name: in, purposes: [sign-in], text: "{####} for {app}", template-ids: { india: "7" } }
  - { name: up, purposes: [sign-up], text: "{####} for {app}", template-ids: { main: "7" } }
`
	f, err := deliveryfile.Load(written(t, text), stiff, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Warnings(); len(got) != 1 || !strings.HasSuffix(got[0].Where, ":3: india") || !strings.Contains(got[0].What, "no message has template-ids of india for sign-up, reset: it refuses such texts") {
		t.Errorf("%v", got)
	}
}

// No text makes the reading panic or run on.
func FuzzLoad(f *testing.F) {
	f.Add(everything)
	f.Add("providers: &p { a: &a { type: drum, sender-ids: { IN: *a } }, b: *a }\nroutes: [*p, { by: [a], prefixes: [\"+\"] }]\n")
	f.Add("messages: [{ name: a, text: \"{####}{{}\", registered: \"{#var#}{#\" }]\nonly-to: [~]\n")
	path := written(f, "")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := deliveryfile.Load(path, kinds(), nil)
		if (err == nil) != (file != nil) {
			t.Errorf("%q: %v, %v", text, file, err)
		}
		if err == nil {
			file.Warnings()
			if c := file.Plan(); len(c.Rules) == 0 || len(c.Providers) == 0 {
				t.Errorf("%q: %+v", text, c)
			}
		}
	})
}

const good = "providers: { main: { type: drum }, priced: { type: drum, prices: prices.csv } }\n"

// What is wrong, and the lines that say so, whole.
func TestLoad_WhatIsWrong_IsAllSaid(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":  {"", []string{" names no providers"}},
		"a list":   {"[a]\n", []string{" must hold settings as name: value"}},
		"no keys":  {"routes: []\n", []string{" has no providers", ":1: routes has no rule, so that every text would be refused"}},
		"a slip":   {good + "rout: []\n", []string{":2: rout is not known here; did you mean routes?"}},
		"no names": {"providers: {}\n", []string{" names no providers"}},
		"names": {"providers: { Main: { type: drum }, a_b: { type: drum }, x: 3 }\n", []string{
			":1: Main is no name: it must be small letters, digits and dashes, 32 at most, such as main",
			":1: a_b is no name: it must be small letters, digits and dashes, 32 at most, such as main",
			":1: x must be a mapping of names to values"}},
		"types": {"providers:\n  a: { type: parot }\n  b: { timeout: 1s }\n  c: { type: twilio, x: 1 }\n", []string{
			`:2: type is "parot", which is no type of provider; did you mean parrot?`,
			":3: b has no type, which is one of parrot, drum",
			`:4: type is "twilio", which is no type of provider: there are parrot, drum`}},
		"fields": {"providers:\n  a:\n    type: parrot\n    acount-sid: PA1\n    account-sid: XX\n    auth-token: abc\n    from: [a]\n", []string{
			":4: acount-sid is not known here; did you mean account-sid?",
			":5: account-sid must begin with PA",
			":6: auth-token is not known here; did you mean auth-token-env?",
			":7: from must be a text",
			":2: a has no auth-token-env or auth-token-file"}},
		"secrets": {`providers:
  a: { type: parrot, account-sid: PA1, service: s, auth-token-env: NOPE }
  b: { type: parrot, account-sid: PA1, service: s, auth-token-env: BELLHOP_X }
  c: { type: parrot, account-sid: PA1, service: s, auth-token-file: short }
  d: { type: parrot, account-sid: PA1, service: s, auth-token-file: empty }
  e: { type: parrot, account-sid: PA1, service: s, auth-token-file: token, auth-token-env: PARROT_TOKEN }
  f: { type: parrot }
  g: { type: parrot, account-sid: PA1, service: s, auth-token-file: two }
`, []string{
			":2: auth-token-env names the variable NOPE, which is not set",
			":3: auth-token-env names a variable that begins as Bellhop's own do; give it another name",
			":4: auth-token-file names a secret that is too short",
			":5: auth-token-file names an empty file",
			":6: auth-token-env gives a secret that is given already, at FILE:6: auth-token-file",
			":7: f has no account-sid",
			":7: f has no auth-token-env or auth-token-file",
			":8: auth-token-file names a secret of more than one line, or with a character that is none"}},
		"settings together": {`providers:
  a: { type: parrot, account-sid: PA1, auth-token-file: token }
  b: { type: parrot, account-sid: PA1, auth-token-file: token, from: a, service: b }
`, []string{
			":2: a: from is not set, nor is a service",
			":3: service is set together with from; set one of them"}},
		"credentials for tests": {"providers:\n  a: { type: parrot, account-sid: PA1, auth-token-file: token, from: x, test-credentials: true }\n" +
			"  b: { type: parrot, account-sid: PA1, auth-token-file: token, from: x, test-credentials: true, only-to: [\"+15005550006\", \"+1500555\"] }\n" +
			"  c: { type: parrot, account-sid: PA1, auth-token-file: token, from: x, test-credentials: true, only-to: [\"+1500555\", \"+1\"] }\n", []string{
			":2: test-credentials is set, and no only-to of +1500555 keeps the texts of real people from it, who would get none",
			":4: test-credentials is set, and no only-to of +1500555 keeps the texts of real people from it, who would get none"}},
		"what all have": {`providers:
  a:
    type: drum
    sender-ids: { UK: X, others: "twelve letter", IN: "", US: "1#2" }
    entity-ids: { IN: "a b" }
    only-to: ["15005550006", "+1500555000612345"]
    timeout: 1h
  b: { type: drum, only-to: [], timeout: 0s, prices: broken.csv }
  c: { type: drum, prices: nothing.csv }
`, []string{
			":4: UK is no ISO 3166 code; did you mean GB?",
			":4: the sender id for others must be eleven letters and digits at most, a phone number or a short code",
			":4: the sender id for IN must be a text",
			":4: the sender id for US must be eleven letters and digits at most, a phone number or a short code",
			":5: the entity id for IN must be an id: letters and digits, 64 at most",
			`:6: only-to has "15005…", which must be + and the first digits of numbers, such as +91`,
			`:6: only-to has "+1500…", which has more than 15 digits`,
			":7: timeout must be a length of time such as 3s or 500ms, 8s at most",
			":8: only-to is an empty list: name numbers, or take the key away, which means all",
			":8: timeout must be a length of time such as 3s or 500ms, 8s at most",
			"broken.csv:2: has a price that must be dollars from 0 to 10, such as 0.0464, or fallback",
			":9: prices names a file without a price"}},
		"rules": {good + `routes:
  - { countries: [IN, UK], purposes: [sign_in, dance], pools: [mine], by: [mian, main, main], prefer: speed }
  - { countries: [], prefixes: [], pools: [], purposes: [], by: [main] }
  - { prefixes: ["91"] }
  - by
`, []string{
			`:3: countries has "UK", which is no ISO 3166 code; did you mean GB?`,
			`:3: purposes has "sign_in", which is no purpose of theirs; did you mean sign-in?`,
			`:3: purposes has "dance", which is no purpose of theirs: there are sign-up, sign-in, sign-in-otp, mfa, reset, verify, invitation, notice`,
			`:3: pools has "mine", which is no id of a user pool, such as us-east-1_EXAMPLE`,
			`:3: by has "mian", which is no provider of this file; did you mean main?`,
			`:3: by has "main", which is given twice`,
			":3: prefer must be order or price",
			":4: countries is an empty list: name countries, or take the key away, which means all",
			":4: prefixes is an empty list: name numbers, or take the key away, which means all",
			":4: pools is an empty list: name user pools, or take the key away, which means all",
			":4: purposes is an empty list: name purposes, or take the key away, which means all",
			`:5: prefixes has "91", which must be + and the first digits of numbers, such as +91`,
			":5: the route has no by",
			":6: the route must be a mapping of names to values"}},
		"rules that are not reached": {good + `routes:
  - { countries: [IN, US], by: [main] }
  - { countries: [IN], purposes: [reset], by: [priced] }
  - { prefixes: ["+9199"], by: [priced] }
  - { prefixes: ["+44", "+4477"], purposes: [reset], by: [priced] }
  - { countries: [GB], by: [main] }
  - { countries: [GB, US], purposes: [reset], by: [priced] }
  - { countries: [FR], prefixes: ["+44", "+1"], by: [main] }
  - { by: [main] }
  - { pools: [us-east-1_a], by: [main] }
`, []string{
			":4: the route is never reached: the one of line 3 takes all of its texts",
			":5: the route is never reached: the one of line 3 takes all of its texts",
			":8: the route is never reached: those of the lines 6, 3 take all of its texts",
			":9: the route fits no number: none of its prefixes is of its countries",
			":11: the route is never reached: the one of line 10 takes all of its texts"}},
		"rules that go by price": {good + `routes:
  - { countries: [IN], by: [priced, main], prefer: price }
  - { countries: [DE, US], by: [priced], prefer: price }
  - { prefixes: ["+1876"], by: [priced], prefer: price }
`, []string{
			":3: prefer is price, and main has no prices",
			":4: prefer is price, and the prices of priced have none for DE",
			":5: prefer is price, and the prices of priced have none for +1876"}},
		"messages": {good + `messages:
  - { text: "Your code" }
  - { name: a, text: "{####} {user} {#####} {app", language: hindi }
  - { name: a, text: "` + strings.Repeat("x", 135) + `{####}", purposes: [notice], language: pt-BR }
  - { name: B, text: "{####}", template-ids: { mian: "1", main: "a b" } }
`, []string{
			":3: text has no {####}, which stands for the code",
			":3: the message has no name",
			":4: text has {user}, which nothing is filled in for: there are {####}, {app}, {username}",
			":4: text has {#####}, which nothing is filled in for; did you mean {####}?",
			":4: text has {app, which nothing is filled in for; did you mean {app}?",
			":4: language must be a language tag, such as hi, pt-BR or zh-Hant",
			":5: text has 141 characters, and may have 140",
			`:5: purposes has "notice", which is no purpose of theirs: there are sign-up, sign-in, sign-in-otp, mfa, reset, verify, invitation`,
			":5: name is the name of an earlier one, at FILE:4",
			":6: name is no name: it must be small letters, digits and dashes, 32 at most, such as main",
			":6: mian is no provider of this file; did you mean main?",
			":6: main must be an id: letters and digits, 64 at most"}},
		"what is not to be sent": {good + `messages:
  - { name: turned, text: "{app}: \u202e{####}" }
  - { name: who, text: "{username}, {app}: {####}", purposes: [invitation, reset] }
  - { name: guest, text: "{username}, {app}: {####}", purposes: [invitation] }
  - { name: link, text: "{app}: {####}, bit.ly/3abc", purposes: [reset] }
  - { name: tongue, text: "{app}: {####}", language: qq }
`, []string{
			":3: text is not to be sent: An override of direction (U+202D, U+202E) has digits read in another order than they stand.",
			":3: text is not to be sent: A control of direction is not closed, or closes none, within its line.",
			":4: text is not to be sent: {username} stands in invitations alone. Whoever signs up chooses his name, and could have you text what he likes to whom he likes.",
			":6: text is not to be sent: bit.ly shortens links for everybody; carriers block such texts.",
			":7: language is the tag of no language, so that nobody reads it"}},
		"registered texts": {good + `messages:
  - { name: same, text: "{####} is your code for {app}.", registered: "{#var#} is your code for {#var#}." }
  - { name: other, text: "{####} is the code for {app}.", registered: "{#var#} is your code for {#var#}." }
  - { name: long, text: "{####} ` + strings.Repeat("😀", 130) + `" }
`, []string{
			`:4: registered is not what the text says: in line 1, character 11: the text has "****** is the code for" where "{#var#} is your code fo" is registered (for {app} a name was put that is not yours: write yours out, as it is registered)`,
			":5: text takes 5 segments, each of which is paid for, and may take 3"}},
		"a long answer to HELP": {good + "help: \"" + strings.Repeat("x", 460) + "\"\n", []string{
			":2: help takes 4 segments, each of which is paid for, and may take 3"}},
		"the rest": {good + "dry-run: maybe\nhelp: []\nonly-to: +91\n", []string{
			":4: only-to must be a list",
			":2: dry-run must be true or false",
			":3: help must be a text"}},
	} {
		path := written(t, c.text)
		_, err := deliveryfile.Load(path, kinds(), environment)
		problems, _ := errors.AsType[config.Problems](err)
		var got []string
		for _, p := range problems {
			line := strings.TrimPrefix(p.Where+" "+p.What, path)
			got = append(got, strings.ReplaceAll(strings.TrimPrefix(line, filepath.Dir(path)+"/"), path, "FILE"))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

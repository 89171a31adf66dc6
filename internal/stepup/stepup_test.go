package stepup_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/stepup"
)

var (
	noon   = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	asha   = stepup.Who{Pool: "us-east-1_AbC", Client: "c1", NumberKey: "k-asha", Address: "203.0.113.0/24"}
	keyOne = []byte(strings.Repeat("1", 32))
	keyTwo = []byte(strings.Repeat("2", 32))
	home   = netip.MustParseAddr("203.0.113.7")
)

// memory is a Memory.
type memory struct {
	used  map[string]bool
	texts map[string]int
}

func (m *memory) UseNonce(_ context.Context, nonce string, _ time.Time) (bool, error) {
	was := m.used[nonce]
	m.used[nonce] = true
	return !was, nil
}

func (m *memory) Count(_ context.Context, key string, _ time.Time) (int, error) {
	return m.texts[key], nil
}

func newMemory() *memory { return &memory{map[string]bool{}, map[string]int{}} }

// judge is a Verifier that says what it is told to.
type judge struct {
	err  error
	seen []stepup.Evidence
}

func (j *judge) Verify(_ context.Context, e stepup.Evidence) error {
	j.seen = append(j.seen, e)
	return j.err
}

// world is a desk of every way, and what stands around it.
type world struct {
	*testing.T
	desk   *stepup.Desk
	memory *memory
	judge  *judge
}

func newWorld(t *testing.T) *world {
	number, err := phone.Parse("+447700900123")
	if err != nil {
		t.Fatal(err)
	}
	captcha := stepup.Captcha{SiteKey: "site", Secret: "secret"}
	s := stepup.Settings{
		Ways: stepup.Kinds(), Work: stepup.Bounds{Least: 4, Most: 9}, Number: number,
		Captchas:    map[stepup.Kind]stepup.Captcha{stepup.Turnstile: captcha, stepup.HCaptcha: captcha, stepup.ReCAPTCHA: captcha},
		Attestation: stepup.Attester{URL: "https://attest.example.com", Secret: "whsec_MTIzNDU2"},
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	j := &judge{}
	verifiers := map[stepup.Kind]stepup.Verifier{stepup.Turnstile: j, stepup.HCaptcha: j, stepup.ReCAPTCHA: j, stepup.Attestation: j}
	return &world{t, stepup.NewDesk(s, stepup.Keys{keyOne}, verifiers), newMemory(), j}
}

// demand is what a client reads of a message.
type demand struct {
	Demand  string
	Expires time.Time
	Seconds int
	Ways    []struct {
		Kind                             stepup.Kind
		Algorithm, SiteKey, Number, Text string
		Bits, Seconds                    int
		Expires                          time.Time
	}
}

func readDemand(t *testing.T, message string) demand {
	t.Helper()
	text, ok := strings.CutPrefix(message, "Step-up required: ")
	if !ok {
		t.Fatalf("message %q", message)
	}
	var d demand
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *world) demand(who stepup.Who) demand { return readDemand(w.T, w.desk.Issue(who, 0, noon)) }

// solve is the counter that meets the demand's work, or one that does not.
func (d demand) solve(t *testing.T, right bool) string {
	opened, err := stepup.Keys{keyOne, keyTwo}.Open(d.Demand)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		if counter := strconv.Itoa(n); stepup.Worked(opened, counter) == right {
			return counter
		}
	}
}

func (d demand) proof(kind stepup.Kind, answer string) string {
	text, _ := json.Marshal(map[string]string{"demand": d.Demand, "kind": string(kind), "answer": answer})
	return string(text)
}

// give checks a proof and uses it.
func (w *world) give(raw string, who stepup.Who, at time.Time) error {
	p, err := w.desk.Check(w.Context(), raw, who, home, at)
	if err != nil {
		return err
	}
	return p.Use(w.Context(), w.memory, who, at)
}

func (w *world) want(err, want error, blamed bool) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("got %v, want %v", err, want)
	}
	if stepup.Blames(err) != blamed || err != nil && !stepup.Faulty(err) {
		w.Errorf("%v: blamed %v, faulty %v", err, stepup.Blames(err), stepup.Faulty(err))
	}
}

func TestIssue_TheMessage_HasAllWaysInTheirOrder(t *testing.T) {
	w := newWorld(t)
	message := w.desk.Issue(asha, 0, noon)
	d := readDemand(t, message)
	var kinds []stepup.Kind
	for _, way := range d.Ways {
		kinds = append(kinds, way.Kind)
	}
	if !slices.Equal(kinds, stepup.Kinds()) || !d.Expires.Equal(noon.Add(2*time.Minute)) || d.Seconds != 120 || len(d.Demand) != 80 {
		t.Errorf("%s", message)
	}
	text := d.Ways[1]
	if text.Number != "+447700900123" || !strings.HasPrefix(text.Text, "BELLHOP ") || len(text.Text) != 16 || !text.Expires.Equal(noon.Add(10*time.Minute)) || text.Seconds != 600 {
		t.Errorf("text-us: %+v", text)
	}
	if work := d.Ways[5]; work.Algorithm != "SHA-256" || work.Bits != 4 {
		t.Errorf("proof of work: %+v", work)
	}
	for _, secret := range []string{asha.NumberKey, asha.Client, asha.Pool, "secret"} {
		if strings.Contains(message, secret) {
			t.Errorf("the message tells %q", secret)
		}
	}
	if other := w.demand(asha); other.Demand == d.Demand || other.Ways[1].Text == text.Text {
		t.Error("two demands are alike")
	}
}

func TestWork_EveryFault_HasItsError(t *testing.T) {
	w := newWorld(t)
	d := w.demand(asha)
	right := d.proof(stepup.Work, d.solve(t, true))
	forged := demand{Demand: "B" + d.Demand[1:]} // another version
	last := "A"
	if strings.HasSuffix(d.Demand, last) {
		last = "B"
	}
	changed := demand{Demand: d.Demand[:79] + last}
	elsewhere := stepup.NewDesk(stepup.Default(), stepup.Keys{keyTwo}, nil)
	foreign := readDemand(t, elsewhere.Issue(asha, 0, noon))

	with := func(change func(*stepup.Who)) stepup.Who { who := asha; change(&who); return who }
	for name, c := range map[string]struct {
		raw    string
		who    stepup.Who
		after  time.Duration
		want   error
		blamed bool
	}{
		"not JSON":          {"x", asha, 0, stepup.ErrMalformed, true},
		"not an object":     {`"x"`, asha, 0, stepup.ErrMalformed, true},
		"too long":          {d.proof(stepup.Work, strings.Repeat("1", 40<<10)), asha, 0, stepup.ErrMalformed, true},
		"no kind":           {d.proof("", "1"), asha, 0, stepup.ErrNotOffered, true},
		"another version":   {forged.proof(stepup.Work, "1"), asha, 0, stepup.ErrForged, true},
		"a changed MAC":     {changed.proof(stepup.Work, "1"), asha, 0, stepup.ErrForged, true},
		"cut":               {demand{Demand: d.Demand[:78]}.proof(stepup.Work, "1"), asha, 0, stepup.ErrForged, true},
		"with a line end":   {demand{Demand: d.Demand[:79] + "\n"}.proof(stepup.Work, "1"), asha, 0, stepup.ErrForged, true},
		"another server's":  {foreign.proof(stepup.Work, "1"), asha, 0, stepup.ErrForged, true},
		"expired":           {right, asha, 2 * time.Minute, stepup.ErrExpired, false},
		"another number":    {right, with(func(w *stepup.Who) { w.NumberKey = "k-ravi" }), 0, stepup.ErrOtherNumber, true},
		"another client":    {right, with(func(w *stepup.Who) { w.Client = "c2" }), 0, stepup.ErrOtherClient, true},
		"another pool":      {right, with(func(w *stepup.Who) { w.Pool = "us-east-1_Xyz" }), 0, stepup.ErrOtherClient, true},
		"another network":   {right, with(func(w *stepup.Who) { w.Address = "198.51.100.0/24" }), 0, stepup.ErrOtherAddress, false},
		"a wrong counter":   {d.proof(stepup.Work, d.solve(t, false)), asha, 0, stepup.ErrWrong, true},
		"no counter":        {d.proof(stepup.Work, ""), asha, 0, stepup.ErrWrong, true},
		"a counter in hex":  {d.proof(stepup.Work, "0x1"), asha, 0, stepup.ErrWrong, true},
		"an endless number": {d.proof(stepup.Work, strings.Repeat("1", 21)), asha, 0, stepup.ErrWrong, true},
		"the right one":     {right, asha, 2*time.Minute - time.Millisecond, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.desk, newMemory(), w.judge}
			w.want(w.give(c.raw, c.who, noon.Add(c.after)), c.want, c.blamed)
		})
	}
}

func TestUse_ADemandIsMetOnce_ByWhateverKind(t *testing.T) {
	w := newWorld(t)
	d := w.demand(asha)
	if err := w.give(d.proof(stepup.Work, d.solve(t, true)), asha, noon); err != nil {
		t.Fatal(err)
	}
	w.want(w.give(d.proof(stepup.Work, d.solve(t, true)), asha, noon), stepup.ErrReplayed, true)
	w.want(w.give(d.proof(stepup.Turnstile, "token"), asha, noon), stepup.ErrReplayed, true)
}

func TestKeys_AfterARotation_OpenWhatTheOldOneMade(t *testing.T) {
	who := asha
	d := readDemand(t, stepup.NewDesk(stepup.Default(), stepup.Keys{keyOne}, nil).Issue(who, 0, noon))
	opened, err := stepup.Keys{keyTwo, keyOne}.Open(d.Demand)
	if err != nil || opened.Bits != 18 || !opened.IssuedAt.Equal(noon) {
		t.Errorf("%+v: %v", opened, err)
	}
	if shown := fmt.Sprintf("%v %+v %#v", opened, opened, opened); strings.Contains(shown, fmt.Sprint(keyOne)[1:20]) {
		t.Error("a printer shows the key")
	}
}

func TestTextUs_OnlyItsOwnNumber_AndOnlyAfterTheText(t *testing.T) {
	w := newWorld(t)
	d := w.demand(asha)
	raw, late := d.proof(stepup.TextUs, ""), noon.Add(10*time.Minute-time.Millisecond)
	w.want(w.give(raw, asha, noon), stepup.ErrNotYet, false)
	for _, body := range []string{d.Ways[1].Text, strings.ToLower(d.Ways[1].Text) + "\nSent from my phone", d.Ways[1].Text[8:], "bellhop: " + d.Ways[1].Text[8:12] + "-" + d.Ways[1].Text[12:]} {
		code, ok := stepup.ReadText(body)
		if !ok || code != d.Ways[1].Text[8:] {
			t.Fatalf("%q is read as %q", body, code)
		}
		w.memory.texts[stepup.TextKey(code, "k-ravi")] = 1
		w.want(w.give(raw, asha, noon), stepup.ErrNotYet, false)
	}
	w.memory.texts[stepup.TextKey(d.Ways[1].Text[8:], asha.NumberKey)] = 1
	w.want(w.give(raw, asha, late.Add(time.Millisecond)), stepup.ErrExpired, false)
	w.want(w.give(raw, asha, late), nil, false)
	w.want(w.give(raw, asha, late), stepup.ErrReplayed, true)
}

func TestReadText_WhatIsNoCode_IsNone(t *testing.T) {
	for _, body := range []string{"", "STOP", "BELLHOP", "BELLHOP 7KQ2", "BELLHOP 7KQ2MX9U", "hello there", "7KQ2MX9D1", strings.Repeat("a", 2000)} {
		if code, ok := stepup.ReadText(body); ok {
			t.Errorf("%q is read as %q", body, code)
		}
	}
	if code, ok := stepup.ReadText("Bellhop oil2mx9d"); !ok || code != "0112MX9D" {
		t.Errorf("letters that look like digits: %q", code)
	}
}

func TestEvidence_ItsJudge_IsToldOfTheDemandAndAskedOnce(t *testing.T) {
	w := newWorld(t)
	d := w.demand(asha)
	raw := d.proof(stepup.HCaptcha, "token")
	for range 2 { // the second is the SDK's, which got no answer
		if _, err := w.desk.Check(t.Context(), raw, asha, home, noon); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.judge.seen) != 1 || w.judge.seen[0] != (stepup.Evidence{Kind: stepup.HCaptcha, Answer: "token", Demand: d.Demand, ID: w.judge.seen[0].ID, Pool: asha.Pool, Client: asha.Client, Remote: home}) {
		t.Errorf("asked %+v", w.judge.seen)
	}
	w.want(w.give(d.proof(stepup.HCaptcha, ""), asha, noon), stepup.ErrWrong, true)

	w.judge.err = fmt.Errorf("%w: invalid", stepup.ErrWrong)
	w.want(w.give(d.proof(stepup.HCaptcha, "bad"), asha, noon), stepup.ErrWrong, true)
	w.judge.err = fmt.Errorf("%w: timeout-or-duplicate", stepup.ErrSpent)
	w.want(w.give(d.proof(stepup.HCaptcha, "old"), asha, noon), stepup.ErrSpent, false)
	w.want(w.give(raw, asha, noon), nil, false) // what was good stays so
}

func TestEvidence_WhereItsJudgeIsDown_OtherWaysAreOffered(t *testing.T) {
	w := newWorld(t)
	d := w.demand(asha)
	w.judge.err = errors.New("connection refused")
	w.want(w.give(d.proof(stepup.Turnstile, "token"), asha, noon), stepup.ErrDown, false)
	offered := func(at time.Time) bool { return strings.Contains(w.desk.Issue(asha, 0, at), "turnstile") }
	if offered(noon.Add(29*time.Second)) || !offered(noon.Add(30*time.Second)) {
		t.Error("it does not rest for half a minute")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.desk.Check(gone, d.proof(stepup.HCaptcha, "token"), asha, home, noon); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that has gone: %v", err)
	}
	if !strings.Contains(w.desk.Issue(asha, 0, noon), "hcaptcha") {
		t.Error("a client that has gone takes a way from others")
	}

	alone := stepup.NewDesk(stepup.Settings{Ways: []stepup.Kind{stepup.Turnstile}}, stepup.Keys{keyOne}, map[stepup.Kind]stepup.Verifier{stepup.Turnstile: w.judge})
	d = readDemand(t, alone.Issue(asha, 0, noon))
	if _, err := alone.Check(t.Context(), d.proof(stepup.Turnstile, "token"), asha, home, noon); !errors.Is(err, stepup.ErrDown) {
		t.Error(err)
	}
	if len(readDemand(t, alone.Issue(asha, 0, noon)).Ways) != 1 {
		t.Error("the only way is taken away")
	}
}

func TestNewDesk_AWayThatNobodyJudges_IsNotOffered(t *testing.T) {
	desk := stepup.NewDesk(stepup.Settings{Ways: []stepup.Kind{stepup.Turnstile, stepup.Attestation}}, stepup.Keys{keyOne}, nil)
	if desk.Offers() || len(readDemand(t, desk.Issue(asha, 0, noon)).Ways) != 0 {
		t.Error("it is offered")
	}
}

func TestBounds_WorkDoublesWithTheDemands_UpToTheMost(t *testing.T) {
	b := stepup.Bounds{Least: 18, Most: 22}
	for asked, want := range map[int]int{-1: 18, 0: 18, 7: 18, 8: 19, 15: 19, 16: 20, 32: 21, 64: 22, 1 << 40: 22} {
		if got := b.Bits(asked); got != want {
			t.Errorf("%d demands: %d bits, want %d", asked, got, want)
		}
	}
}

func TestAddressClass_OneNetwork_IsOneClass(t *testing.T) {
	for text, want := range map[string]string{"203.0.113.7": "203.0.113.0/24", "::ffff:203.0.113.9": "203.0.113.0/24", "2001:db8:1:2::3": "2001:db8:1::/48", "fe80::1%eth0": "fe80::/48"} {
		if got := stepup.AddressClass(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	if stepup.AddressClass(netip.Addr{}) != "" {
		t.Error("no address has a class")
	}
}

func TestSettings_WhatIsWrong_IsSaidAtOnce(t *testing.T) {
	if err := stepup.Default().Check(); err != nil {
		t.Error(err)
	}
	bad := stepup.Settings{
		Ways:     []stepup.Kind{"magic", stepup.Work, stepup.Work, stepup.TextUs, stepup.Attestation, stepup.Turnstile},
		Captchas: map[stepup.Kind]stepup.Captcha{stepup.ReCAPTCHA: {MinScore: 2}, stepup.Turnstile: {Secret: "hush"}},
	}
	err := bad.Check()
	for _, part := range []string{`"magic"`, "offered twice", "a number that users text", "the URL", "a site key", "between 0 and 1", "the bits"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not said: %v", part, err)
		}
	}
	if shown := fmt.Sprintf("%v %+v %#v %s %x", bad, bad, bad, bad.Captchas[stepup.Turnstile].Secret, bad.Captchas[stepup.Turnstile]); strings.Contains(shown, "hush") || strings.Contains(shown, "68757368") {
		t.Errorf("the secret is shown: %s", shown)
	}
}

func BenchmarkCheck(b *testing.B) {
	desk := stepup.NewDesk(stepup.Default(), stepup.Keys{keyOne}, nil)
	var d demand
	if err := json.Unmarshal([]byte(strings.TrimPrefix(desk.Issue(asha, 0, noon), stepup.Prefix)), &d); err != nil {
		b.Fatal(err)
	}
	raw := d.proof(stepup.Work, "12345")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := desk.Check(b.Context(), raw, asha, home, noon); err == nil {
			b.Fatal("a wrong counter passes") // by chance, once in 2^18 runs
		}
	}
}

// goodToken was made under keyOne: it opens as long as tokens are what they are.
const goodToken = "ARRv-Uy_cMKr6Cy_rgGd42j2ABIx6_8V7LM337lMFjPmN3I_ATQ4kIJUejkheAHV74AksEWnunyWkXiY"

// Nothing else opens that the fuzzer makes of it: neither a change nor a second
// spelling.
func FuzzOpen(f *testing.F) {
	keys := stepup.Keys{keyOne}
	if d, err := keys.Open(goodToken); err != nil || d.Bits != 18 || !d.IssuedAt.Equal(noon) {
		f.Fatalf("%+v: %v", d, err)
	}
	f.Add(goodToken)
	f.Add(goodToken[:40])
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := keys.Open(token); err == nil && token != goodToken {
			t.Errorf("%q opens", token)
		}
	})
}

package routes_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
)

const (
	american = "+14155550123"
	nigerian = "+2348031234567"
	kenyan   = "+254712345678"
)

// station is a provider: it keeps what it was asked, and answers as it is told to.
type station struct {
	name   string
	answer func(sms.Message) error // nil takes everything
	after  time.Duration           // how long an answer takes

	mu    sync.Mutex
	asked []sms.Message
	taken []sms.Message
}

// errSilent is the answer of a provider that answers nobody within any time.
var errSilent = errors.New("silent")

// errDeaf is the same, of one that has taken the text.
var errDeaf = errors.New("deaf")

func (s *station) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	s.mu.Lock()
	s.asked = append(s.asked, m)
	var err error
	if s.answer != nil {
		err = s.answer(m)
	}
	if err == nil || err == errDeaf {
		s.taken = append(s.taken, m)
	}
	s.mu.Unlock()
	wait := s.after
	if err == errSilent || err == errDeaf {
		wait, err = time.Hour, nil
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return sms.Receipt{}, &sms.SendError{Outcome: sms.MaybeSent, Cause: ctx.Err()}
	}
	if err != nil {
		return sms.Receipt{}, err
	}
	return sms.Receipt{ProviderID: s.name + "/" + m.ID}, nil
}

func (s *station) count() (asked, taken int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked), len(s.taken)
}

func always(err error) func(sms.Message) error { return func(sms.Message) error { return err } }

func failing(o sms.Outcome) func(sms.Message) error {
	return always(&sms.SendError{Outcome: o, Cause: errors.New("as it was told")})
}

// stations are providers a, b, c, … in one rule for all.
func stations(n int) ([]*station, routes.Config) {
	var all []*station
	c := routes.Config{Rules: []routes.Rule{{Where: "routes[0]"}}}
	for i := range n {
		s := &station{name: string(rune('a' + i))}
		all = append(all, s)
		c.Providers = append(c.Providers, routes.Provider{Name: s.name, Kind: "station", Sender: s})
		c.Rules[0].By = append(c.Rules[0].By, s.name)
	}
	return all, c
}

func newRouter(c routes.Config) (*routes.Router, error) { return routes.New(c) }

func router(t *testing.T, c routes.Config) *routes.Router {
	t.Helper()
	r, err := routes.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(id, to string) sms.Message {
	return sms.Message{ID: id, To: phone.FromCanonical(to), Body: "Your code is 489316.", Code: "489316", Purpose: "sign_in", PoolID: "pool-1"}
}

// send is a Send in the outbox's ten seconds.
func send(r *routes.Router, m sms.Message) (sms.Receipt, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return r.Send(ctx, m)
}

// names are the providers as Explain orders them; those that would not be asked are
// in brackets.
func names(e routes.Explanation) string {
	var all []string
	for _, c := range e.Candidates {
		if !c.Asked {
			c.Provider = "(" + c.Provider + ")"
		}
		all = append(all, c.Provider)
	}
	return strings.Join(all, " ")
}

func TestSend_OneProviderFails_TheNextTakesTheText(t *testing.T) {
	for name, c := range map[string]struct {
		first   func(sms.Message) error
		took    time.Duration
		doubled int
	}{
		"said no":                    {failing(sms.SurelyNotSent), 0, 0},
		"throttles":                  {failing(sms.NotYet), 0, 0},
		"broke down":                 {failing(sms.MaybeSent), 0, 1},
		"does not speak":             {always(errSilent), 4 * time.Second, 1},
		"took it and did not say so": {always(errDeaf), 4 * time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, cfg := stations(2)
				s[0].answer = c.first
				began := time.Now()
				receipt, err := send(router(t, cfg), text("m", american))
				want := sms.Receipt{ProviderID: "b/m", Provider: "b", Doubled: c.doubled}
				if err != nil || receipt != want {
					t.Errorf("Send = %+v, %v; want %+v", receipt, err, want)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
			})
		})
	}
}

func TestSend_ANumberTakesNothingFromUs_NobodyElseIsAsked(t *testing.T) {
	s, cfg := stations(2)
	s[0].answer = failing(sms.RefusedForEver)
	_, err := send(router(t, cfg), text("m", american))
	if asked, _ := s[1].count(); asked != 0 || sms.OutcomeOf(err) != sms.RefusedForEver {
		t.Errorf("the second was asked %d times, and the outcome is %v", asked, sms.OutcomeOf(err))
	}
}

func TestSend_TwoOfWhichNobodyKnows_TheThirdIsNotAsked(t *testing.T) {
	s, cfg := stations(3)
	s[0].answer, s[1].answer = failing(sms.MaybeSent), failing(sms.MaybeSent)
	cfg.Providers[0].Price = func(string) (int64, bool) { return 7900, true }
	receipt, err := send(router(t, cfg), text("m", american))
	if asked, _ := s[2].count(); asked != 0 || sms.OutcomeOf(err) != sms.MaybeSent {
		t.Errorf("the third was asked %d times, and the outcome is %v", asked, sms.OutcomeOf(err))
	}
	if receipt.Provider != "a" || receipt.Doubled != 1 || receipt.Micros != 7900 {
		t.Errorf("the receipt is %+v, want one of a at its price, with 1 text beyond the first", receipt)
	}
}

func TestSend_TheServerStops_NobodyElseIsAskedAndNobodyBlamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := stations(2)
		s[0].answer = always(errSilent)
		r := router(t, cfg)
		for range 5 {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(time.Second, cancel)
			if _, err := r.Send(ctx, text("m", american)); sms.OutcomeOf(err) != sms.MaybeSent {
				t.Errorf("the outcome is %v, want maybe sent", sms.OutcomeOf(err))
			}
		}
		if asked, _ := s[1].count(); asked != 0 {
			t.Errorf("the second was asked %d times", asked)
		}
		if got := names(r.Explain(time.Now(), text("n", american).Destination())); got != "a b" {
			t.Errorf("the order is %q, want a first: what was cut short is not its fault", got)
		}
	})
}

func TestSend_AnotherTextOfTheSameCode_GoesByAnotherProvider(t *testing.T) {
	s, cfg := stations(3)
	r := router(t, cfg)
	for n, want := range []string{"a", "b", "c", "a", "b"} {
		m := text("m", american)
		m.Tried = []string{"a", "b", "c", "a"}[:n]
		if receipt, err := send(r, m); err != nil || receipt.Provider != want {
			t.Errorf("text %d went by %q (%v), want %q", n+1, receipt.Provider, err, want)
		}
	}
	s[1].answer, s[2].answer = failing(sms.NotYet), failing(sms.NotYet)
	m := text("m", american)
	m.Tried = []string{"a"}
	if receipt, err := send(r, m); err != nil || receipt.Provider != "a" {
		t.Errorf("with nobody else well it went by %q (%v), want a", receipt.Provider, err)
	}
}

func TestSend_EachProvider_GetsWhatItNeeds(t *testing.T) {
	s, cfg := stations(2)
	cfg.Providers[0].SenderIDs = map[string]string{"NG": "Shop", "": "+18885550100"}
	cfg.Providers[0].EntityIDs = map[string]string{"NG": "entity-a"}
	cfg.Providers[0].TemplateIDs = map[string]string{"sign-in-ng": "template-a"}
	cfg.Providers[1].TemplateIDs = map[string]string{"sign-in-ng": "template-b"}
	s[0].answer = failing(sms.NotYet)
	r := router(t, cfg)
	m := text("m", nigerian)
	m.Wording, m.SenderID = "sign-in-ng", "Pool"
	if _, err := send(r, m); err != nil {
		t.Fatal(err)
	}
	a, b := s[0].asked[0], s[1].asked[0]
	if a.SenderID != "Shop" || a.EntityID != "entity-a" || a.TemplateID != "template-a" {
		t.Errorf("a got %q, %q, %q", a.SenderID, a.EntityID, a.TemplateID)
	}
	if b.SenderID != "Pool" || b.EntityID != "" || b.TemplateID != "template-b" {
		t.Errorf("b got %q, %q, %q: nothing of a's is for it", b.SenderID, b.EntityID, b.TemplateID)
	}
	if _, err := send(r, text("n", kenyan)); err != nil {
		t.Fatal(err)
	}
	if k := s[0].asked[1]; k.SenderID != "+18885550100" || k.EntityID != "" || k.TemplateID != "" {
		t.Errorf("a got %q, %q, %q for a country that is not named", k.SenderID, k.EntityID, k.TemplateID)
	}
}

func TestSend_DryRun_AsksNobodyAndTellsTheLogWhoWouldBe(t *testing.T) {
	s, cfg := stations(2)
	var log bytes.Buffer
	cfg.DryRun, cfg.Log = true, slog.New(slog.NewTextHandler(&log, nil))
	cfg.Providers[0].OnlyTo = []string{"+1"}
	receipt, err := send(router(t, cfg), text("m-7", nigerian))
	if want := (sms.Receipt{Provider: "b", DryRun: true}); err != nil || receipt != want {
		t.Errorf("Send = %+v, %v; want %+v", receipt, err, want)
	}
	for _, p := range s {
		if asked, _ := p.count(); asked != 0 {
			t.Errorf("%s was asked", p.name)
		}
	}
	if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "m-7") || !strings.Contains(log.String(), "provider=b") {
		t.Errorf("the log is %q, want one line of the message and the provider", log.String())
	}
	for _, secret := range []string{"489316", nigerian[1:]} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
}

func TestRules_TheFirstThatFitsEverything_IsTheOne(t *testing.T) {
	_, cfg := stations(4)
	cfg.Rules = []routes.Rule{
		{Where: "routes[0]", Countries: []string{"NG"}, Purposes: []string{"reset"}, By: []string{"a"}},
		{Where: "routes[1]", Prefixes: []string{"+234803"}, Pools: []string{"pool-1"}, By: []string{"b"}},
		{Where: "routes[2]", Countries: []string{"NG", "KE"}, By: []string{"c"}},
		{Where: "routes[3]", Countries: []string{"GB"}},
		{Where: "routes[4]", Prefixes: []string{"+1"}, By: []string{"d"}},
	}
	cfg.OnlyTo = []string{"+234", "+254", "+44", "+1415", "+49"}
	cfg.Providers[3].OnlyTo = []string{"+14155550"}
	r := router(t, cfg)
	for _, c := range []struct {
		to, purpose, pool string
		place             int
		by, refused       string
	}{
		{nigerian, "reset", "pool-1", 1, "a", ""},
		{nigerian, "sign_in", "pool-1", 2, "b", ""},
		{nigerian, "sign_in", "pool-2", 3, "c", ""},
		{"+2348051234567", "sign_in", "pool-1", 3, "c", ""},
		{"+447400123456", "sign_in", "pool-1", 4, "", "No rule"},
		{"+4915112345678", "sign_in", "pool-1", 0, "", "No rule"},
		{american, "sign_in", "pool-1", 5, "d", ""},
		{"+14156660123", "sign_in", "pool-1", 5, "(d)", "some numbers only"},
		{"+12125550123", "sign_in", "pool-1", 5, "(d)", "some numbers only"},
	} {
		d := sms.Destination{To: phone.FromCanonical(c.to), Purpose: c.purpose, PoolID: c.pool}
		e := r.Explain(time.Now(), d)
		if e.Place != c.place || names(e) != c.by || !strings.Contains(e.Refused, c.refused) || (e.Refused == "") != (c.refused == "") {
			t.Errorf("%s for %s in %s: rule %d by %q, refused %q; want rule %d by %q, refused %q", c.to, c.purpose, c.pool, e.Place, names(e), e.Refused, c.place, c.by, c.refused)
		}
		checked := r.Check(time.Now(), d)
		m := text("m", c.to)
		m.Purpose, m.PoolID = c.purpose, c.pool
		receipt, err := send(r, m)
		switch {
		case c.refused == "" && (checked != nil || err != nil || receipt.Provider != c.by):
			t.Errorf("%s: Check = %v, Send = %+v, %v; want it sent by %s", c.to, checked, receipt, err, c.by)
		case c.refused != "" && (!fault.Is(checked, fault.CodeDeliveryFailure) || err == nil || sms.OutcomeOf(err) != sms.SurelyNotSent):
			t.Errorf("%s: Check = %v, Send = %v; want both to refuse", c.to, checked, err)
		}
	}
}

func TestPreferPrice_TheCheapestGoesFirst_AndWhatIsNotKnownLast(t *testing.T) {
	_, cfg := stations(4)
	for i, micros := range []int64{-1, 50_000, 7_000, 50_000} {
		if micros > 0 {
			cfg.Providers[i].Price = func(string) (int64, bool) { return micros, true }
		}
	}
	cfg.Rules[0].Prefer = routes.PreferPrice
	e := router(t, cfg).Explain(time.Now(), text("m", american).Destination())
	if got := names(e); got != "c b d a" {
		t.Errorf("the order is %q, want c b d a", got)
	}
	if why := e.Candidates[0].Why; !slices.Contains(why, "costs $0.0070 a segment") {
		t.Errorf("the reasons of c are %q", why)
	}
}

func TestNew_WhatDoesNotFit_IsNamed(t *testing.T) {
	s := &station{}
	_, err := routes.New(routes.Config{
		Providers: []routes.Provider{
			{Name: "a", Sender: s}, {Name: "a", Sender: s}, {Sender: s}, {Name: "c"},
			{Name: "d", Sender: s, Timeout: time.Minute, OnlyTo: []string{"234"}},
		},
		Rules:  []routes.Rule{{Where: "routes[0]", By: []string{"a", "z", "a"}, Countries: []string{"Nigeria"}, Prefixes: []string{"+"}}},
		OnlyTo: []string{"+01"},
	})
	for _, want := range []string{
		`two providers "a"`, "provider 3 has no name", `provider "c" has no sender`, "timeout of 1m0s",
		`"234" is no prefix`, `no provider "z"`, `"a" is named twice`, `code "Nigeria"`, `"+" is no prefix`, `"+01" is no prefix`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v; it does not say %q", err, want)
		}
	}
	if _, err := routes.New(routes.Config{}); err == nil {
		t.Error("nothing at all is taken")
	}
}

func TestProvider_ByName(t *testing.T) {
	s, cfg := stations(2)
	r := router(t, cfg)
	if p, ok := r.Provider("b"); !ok || p.Sender != sms.Sender(s[1]) {
		t.Errorf("Provider(b) = %+v, %v", p, ok)
	}
	if _, ok := r.Provider("z"); ok {
		t.Error("there is a provider z")
	}
}

package guard_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	state "github.com/bellhop-auth/bellhop/internal/guard/memory"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// desk is an engine with its state, as its callers use it: what is not sent
// leaves no trace.
type desk struct {
	t      testing.TB
	engine *guard.Engine
	state  *state.State
	now    time.Time
	asked  int
}

// tried are shipped settings without budgets, which have tests of their own.
func tried() guard.Settings {
	s := guard.Default()
	s.Budgets = guard.Budgets{}
	return s
}

func newDesk(t testing.TB, s guard.Settings) *desk {
	return &desk{t: t, engine: guard.NewEngine(s), state: state.New(state.Config{}), now: start}
}

// number is the n-th number of a block of Indonesia, where a text costs 3 cents.
func (d *desk) ask(block uint64, change ...func(*guard.Ask)) guard.Ask {
	d.asked++
	a := guard.Ask{
		Party: guard.Party{Number: string(binary.BigEndian.AppendUint32(nil, uint32(d.asked)))},
		Route: guard.Route{Country: "ID", Block: 62812000 + block, Digits: 8},
		Kind:  phone.Mobile, Pool: "pool", Client: "client", Price: guard.Dollars(0.03),
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

func known(a *guard.Ask)   { a.Known = true }
func stepped(a *guard.Ask) { a.Stepped = true }
func silent(a *guard.Ask)  { a.Silent = true }

func from(n uint64) func(*guard.Ask) {
	return func(a *guard.Ask) {
		a.Address = guard.Key{Kind: guard.CellAddress, Hi: 4, Lo: n}
		a.Network = guard.Key{Kind: guard.CellNetwork, Hi: 4, Lo: n >> 8}
	}
}

func (d *desk) decide(a guard.Ask) guard.Decision {
	d.t.Helper()
	got, err := d.engine.Decide(context.Background(), d.state, a, d.now)
	if err != nil {
		d.t.Fatal(err)
	}
	if (got.Verdict == guard.Send) != (got.Fault == nil) {
		d.t.Fatalf("%s with the fault %v", got.Verdict, got.Fault)
	}
	if got.Verdict == guard.Send {
		d.state.Keep()
	} else {
		d.state.Undo()
	}
	return got
}

func (d *desk) use(r guard.Receipt) {
	d.t.Helper()
	if err := d.engine.Use(context.Background(), d.state, r, d.now); err != nil {
		d.t.Fatal(err)
	}
	d.state.Keep()
}

func (d *desk) mature(r guard.Receipt, used bool) {
	d.t.Helper()
	if err := d.engine.Mature(context.Background(), d.state, []guard.Outcome{{Receipt: r, Used: used}}, d.now); err != nil {
		d.t.Fatal(err)
	}
	d.state.Keep()
}

// text has one asked for, and its code used half a minute later or not at all. It
// takes two minutes.
func (d *desk) text(a guard.Ask, used bool) guard.Decision {
	d.t.Helper()
	got := d.decide(a)
	d.now = d.now.Add(30 * time.Second)
	if got.Verdict == guard.Send && used {
		d.use(got.Receipt)
	}
	d.now = d.now.Add(90 * time.Second)
	if got.Verdict == guard.Send {
		d.mature(got.Receipt, used)
	}
	return got
}

// flood asks so often at once, and returns how many were sent and the last decision.
func (d *desk) flood(n int, ask func(i int) guard.Ask) (sent int, last guard.Decision) {
	d.t.Helper()
	for i := range n {
		last = d.decide(ask(i))
		if last.Verdict == guard.Send {
			sent++
		}
	}
	return sent, last
}

func wants(t *testing.T, got guard.Decision, v guard.Verdict, r guard.Rule) {
	t.Helper()
	if got.Verdict != v || got.Rule != r {
		t.Errorf("%s by %q of %q, want %s by %q\n%+v", got.Verdict, got.Rule, got.Of, v, r, got.Levels)
	}
}

func TestDecide_WhatIsNotAllowed_IsRefusedForEverybody(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*guard.Settings)
		ask    func(*guard.Ask)
		rule   guard.Rule
	}{
		"country":         {func(s *guard.Settings) { s.Countries.Deny = []string{"ID"} }, nil, guard.RuleCountry},
		"country of none": {func(s *guard.Settings) { s.Countries.Allow = []string{"DE"} }, nil, guard.RuleCountry},
		"prefix":          {func(s *guard.Settings) { s.Prefixes.Deny = []string{"+62812"} }, nil, guard.RulePrefix},
		"longest match":   {func(s *guard.Settings) { s.Prefixes.Allow, s.Prefixes.Deny = []string{"+62812"}, []string{"+62"} }, nil, guard.RuleNone},
		"the deeper deny": {func(s *guard.Settings) { s.Prefixes.Allow, s.Prefixes.Deny = []string{"+62"}, []string{"+628120"} }, nil, guard.RulePrefix},
		"type":            {nil, func(a *guard.Ask) { a.Kind, a.Known = phone.PremiumRate, false }, guard.RuleType},
		"type, known":     {nil, func(a *guard.Ask) { a.Kind = phone.PremiumRate }, guard.RuleNone}, // it gets texts
		"an unknown type": {nil, func(a *guard.Ask) { a.Kind = phone.Unknown }, guard.RuleNone},
		"address":         {func(s *guard.Settings) { s.Addresses.Deny = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, nil, guard.RuleSource},
		"address within": {func(s *guard.Settings) {
			s.Addresses.Deny, s.Addresses.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
		}, nil, guard.RuleNone},
		"address of none":  {func(s *guard.Settings) { s.Addresses.Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }, nil, guard.RuleSource},
		"no address known": {func(s *guard.Settings) { s.Addresses.Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }, func(a *guard.Ask) { a.Source = netip.Addr{} }, guard.RuleNone},
	} {
		s := tried()
		if c.change != nil {
			c.change(&s)
		}
		d := newDesk(t, s)
		a := d.ask(0, known, func(a *guard.Ask) { a.Source = netip.MustParseAddr("::ffff:10.1.2.3") })
		if c.ask != nil {
			c.ask(&a)
		}
		got := d.decide(a)
		if got.Rule != c.rule || (got.Verdict == guard.Send) != (c.rule == guard.RuleNone) {
			t.Errorf("%s: %s by %q", name, got.Verdict, got.Rule)
		}
	}
}

func TestDecide_OneNumber_ItsTextsAndThoseOfItsDevice(t *testing.T) {
	d := newDesk(t, tried())
	victim := d.ask(0, known)
	owner := victim
	owner.Device = "phone"
	hour := map[string]int{}
	for range 60 {
		for who, a := range map[string]guard.Ask{"strangers": victim, "owner": owner} {
			if got := d.decide(a); got.Verdict == guard.Send {
				hour[who]++
			} else {
				wants(t, got, guard.Refuse, guard.RuleNumber)
				if !fault.Is(got.Fault, fault.LimitExceeded) || got.Until.Before(d.now) {
					t.Fatalf("%v until %s", got.Fault, got.Until)
				}
			}
		}
		d.now = d.now.Add(time.Minute)
	}
	if hour["strangers"] != 5 || hour["owner"] != 5 {
		t.Errorf("in an hour %v, want 5 each", hour)
	}
}

func TestDecide_OneNumberFromEverywhere_TenMinutesHourAndDay(t *testing.T) {
	for _, c := range []struct {
		length time.Duration
		want   int
	}{{10 * time.Minute, 3}, {time.Hour, 5}, {24 * time.Hour, 10}} {
		d := newDesk(t, tried())
		a, sent := d.ask(0, silent), 0
		for ; d.now.Before(start.Add(c.length)); d.now = d.now.Add(10 * time.Second) {
			if d.decide(a).Verdict == guard.Send {
				sent++
			}
		}
		if sent != c.want {
			t.Errorf("%d texts in %s, want %d", sent, c.length, c.want)
		}
	}
}

func TestDecide_OneAddress_NoMoreThanItEarns(t *testing.T) {
	d := newDesk(t, tried())
	d.busy(900)
	everywhere := func(i int) guard.Ask { return d.ask(uint64(i)*100, from(7)) }
	sent, last := d.flood(200, everywhere)
	if sent > 40 || sent < 8 {
		t.Errorf("%d texts for an address of which nothing is known", sent)
	}
	wants(t, last, guard.StepUp, guard.RuleAddress)
	sent, last = d.flood(200, func(i int) guard.Ask { a := everywhere(i); stepped(&a); return a })
	if sent > 40 {
		t.Errorf("%d more with a step-up", sent)
	}
	wants(t, last, guard.Refuse, guard.RuleAddress)
	if !fault.Is(last.Fault, fault.TooManyRequests) || last.Fault.(*fault.Error).RetryAfter <= 0 {
		t.Errorf("the fault is %#v", last.Fault)
	}

	d = newDesk(t, tried())
	d.busy(900)
	for i := range 300 { // a carrier's address: three of four codes are used
		got := d.decide(d.ask(uint64(i%50)*100, from(7)))
		if got.Verdict != guard.Send {
			t.Fatalf("text %d: %s by %s", i, got.Verdict, got.Rule)
		}
		d.now = d.now.Add(8 * time.Second)
		if i%4 != 0 {
			d.use(got.Receipt)
		}
	}
	if sent, _ := d.flood(200, everywhere); sent < 100 {
		t.Errorf("an address that has earned gets %d at once", sent)
	}
}

func TestDecide_OneNetwork_NoMoreThanItEarns(t *testing.T) {
	d := newDesk(t, tried())
	d.busy(900)
	sent, last := d.flood(1000, func(i int) guard.Ask { return d.ask(uint64(i)*100, from(uint64(i%256))) })
	if sent > 150 {
		t.Errorf("%d texts for a network of which nothing is known", sent)
	}
	wants(t, last, guard.StepUp, guard.RuleNetwork)
}

func TestDecide_OnePrefix_ClosesWithinMessages_ProbesAndOpens(t *testing.T) {
	d := newDesk(t, tried())
	for i := range 100 { // a country with a history, elsewhere
		d.text(d.ask(500000+uint64(i)*100), i%4 != 0)
	}
	sent, last := d.flood(1000, func(i int) guard.Ask { return d.ask(0) })
	if sent > 6 {
		t.Errorf("%d texts into a block", sent)
	}
	wants(t, last, guard.StepUp, guard.RuleBlock)
	if last.Of != "+62812000" || last.Until.IsZero() {
		t.Errorf("of %q until %s", last.Of, last.Until)
	}
	if got := d.decide(d.ask(0, known)); got.Verdict != guard.Send {
		t.Errorf("a known number is %s by %s", got.Verdict, got.Rule)
	}
	probes, wait := 0, time.Duration(0)
	for range 24 * 60 {
		d.now = d.now.Add(time.Minute)
		wait += time.Minute
		if got := d.decide(d.ask(0)); got.Verdict == guard.Send {
			probes++
			if wait < guard.Default().Tuning.Probes.First {
				t.Errorf("a probe after %s", wait)
			}
			wait = 0
		}
	}
	if probes < 12 || probes > 80 {
		t.Errorf("%d probes in a day of which none was answered", probes)
	}
	for range 8 { // the attack is over: real people ask now and then
		d.now = d.now.Add(time.Hour)
		d.text(d.ask(0), true)
	}
	if got := d.decide(d.ask(0)); got.Verdict != guard.Send {
		t.Errorf("after it was over %s by %s", got.Verdict, got.Rule)
	}
}

func TestDecide_ACountryOfWhichLittleIsKnown_HasAWindow(t *testing.T) {
	d := newDesk(t, tried())
	sent, last := d.flood(5000, func(i int) guard.Ask {
		return d.ask(uint64(i)*137, func(a *guard.Ask) { a.Price = guard.Dollars(0.2) })
	})
	if sent > 5 {
		t.Errorf("%d texts into a dear country", sent)
	}
	wants(t, last, guard.StepUp, guard.RuleWindow)
	if last.Of != "ID" {
		t.Errorf("of %q", last.Of)
	}
}

// busy gives the country a history: of so many texts a quarter is not used.
func (d *desk) busy(texts int) {
	for i := range texts {
		got := d.decide(d.ask(uint64(i%400)*100, from(1<<20+uint64(i))))
		d.now = d.now.Add(8 * time.Second)
		if got.Verdict != guard.Send {
			d.t.Fatalf("text %d of the history: %s by %s", i, got.Verdict, got.Rule)
		}
		if used := i%4 != 0; used {
			d.use(got.Receipt)
			d.mature(got.Receipt, true)
		} else {
			d.mature(got.Receipt, false)
		}
	}
}

func TestDecide_ACountryThatConvertsLess_AsksForAStepUp_ButNotWhereCodesAreUsed(t *testing.T) {
	d := newDesk(t, tried())
	d.busy(900)
	for i := range 40 {
		d.text(d.ask(uint64(i)*100, from(7)), true) // a carrier's
	}
	restricted := guard.Decision{}
	attack := 0
	for i := 0; i < 400 && restricted.Verdict != guard.StepUp; i++ { // far apart, from everywhere
		restricted = d.decide(d.ask(100000+uint64(i)*1000, from(1<<30+uint64(i)<<8)))
		d.now = d.now.Add(2 * time.Second)
		if restricted.Verdict == guard.Send {
			attack++
			d.mature(restricted.Receipt, false)
		}
	}
	wants(t, restricted, guard.StepUp, guard.RuleAlarm)
	if attack > 30 {
		t.Errorf("%d texts before the alarm", attack)
	}
	if got := d.decide(d.ask(5, from(7))); got.Verdict != guard.Send {
		t.Errorf("where codes are used: %s by %s", got.Verdict, got.Rule)
	}
	if got := d.decide(d.ask(6, from(1<<29), stepped)); got.Verdict != guard.Send {
		t.Errorf("with a step-up: %s by %s", got.Verdict, got.Rule)
	}
	cleared := 0
	for ; cleared < 200; cleared++ {
		if d.text(d.ask(uint64(cleared%400)*100, from(1<<28+uint64(cleared)<<8), stepped), cleared%5 != 0); d.decide(d.ask(7000+uint64(cleared)*100, from(1<<27+uint64(cleared)<<8))).Verdict == guard.Send {
			break
		}
	}
	if cleared > 60 {
		t.Errorf("%d good texts until the alarm was over", cleared)
	}
}

func TestDecide_AUserWhoCostsTooMuch_ClosesTheStepUpLaneToo(t *testing.T) {
	d := newDesk(t, tried())
	d.busy(900)
	sent, last := 0, guard.Decision{}
	for i := range 3000 { // who passes every step-up and uses no code
		a := d.ask(100000+uint64(i)*1000, from(1<<30+uint64(i)<<8))
		last = d.decide(a)
		if last.Verdict == guard.StepUp {
			stepped(&a)
			last = d.decide(a)
		}
		d.now = d.now.Add(2 * time.Second)
		if last.Verdict == guard.Send {
			sent++
			d.mature(last.Receipt, false)
		}
	}
	wants(t, last, guard.Refuse, guard.RuleCeiling)
	if cost := 0.03 * float64(sent); cost > 8 {
		t.Errorf("%d texts for $%.2f", sent, cost)
	}
}

func TestDecide_Budgets_SoftThenFull_StrangersAndKnownApart(t *testing.T) {
	s := tried()
	s.Budgets = guard.Budgets{Pool: guard.Budget{Hour: guard.Dollar}, EarnBack: 1}
	for i := range s.Tuning.Prefix {
		s.Tuning.Prefix[i] = guard.Window{Initial: guard.Dollar, AtLeast: 1000, AtMost: 1000, Cap: 1000, Kappa: 1}
	}
	s.Tuning.Country = s.Tuning.Prefix[0]
	d := newDesk(t, s)
	var receipts []guard.Receipt
	take := func(n int, change ...func(*guard.Ask)) (sent int, last guard.Decision) {
		for range n {
			if last = d.decide(d.ask(0, change...)); last.Verdict == guard.Send {
				sent++
				receipts = append(receipts, last.Receipt)
			}
		}
		return sent, last
	}
	sent, last := take(100)
	if wants(t, last, guard.StepUp, guard.RuleBudget); sent != 26 || last.Of != "pool/pool/hour" {
		t.Errorf("%d texts for 80 cents, then of %q", sent, last.Of)
	}
	sent, last = take(100, stepped)
	if wants(t, last, guard.Refuse, guard.RuleBudget); sent != 7 || !last.Until.Equal(start.Add(time.Hour)) {
		t.Errorf("%d more until the dollar was spent, then until %s", sent, last.Until)
	}
	if sent, _ := take(10, known); sent != 10 {
		t.Errorf("strangers left known numbers %d texts of 10", sent)
	}
	if sent, last := take(30, known); sent != 16 || last.Verdict != guard.StepUp {
		t.Errorf("known numbers had %d more, then %s", sent, last.Verdict)
	}
	for range 2 { // an address where codes are used
		d.use(d.decide(d.ask(0, stepped, known, from(8))).Receipt)
	}
	if sent, _ := take(3, known, from(8)); sent != 3 {
		t.Errorf("their owners had %d of 3", sent)
	}
	// A used code gives its price back, and as much again.
	d.use(receipts[0])
	if sent, _ := take(100, stepped); sent != 2 {
		t.Errorf("a used code made room for %d", sent)
	}
	if err := d.engine.Return(context.Background(), d.state, receipts[1], d.now); err != nil {
		t.Fatal(err)
	}
	d.state.Keep()
	if sent, _ := take(100, stepped); sent != 1 {
		t.Errorf("a text that was not sent made room for %d", sent)
	}
}

// Who types slowly was scored as one who did not: that is put right.
func TestUse_AfterItsOutcomeWasScored_PutsTheCountryRight(t *testing.T) {
	slow := newDesk(t, tried())
	for i := range 400 {
		a := slow.ask(uint64(i), from(uint64(i)<<8))
		got := slow.decide(a)
		if got.Verdict != guard.Send {
			t.Fatalf("person %d: %s by %s", i, got.Verdict, got.Rule)
		}
		slow.now = slow.now.Add(guard.MatureAfter)
		slow.mature(got.Receipt, false)
		slow.now = slow.now.Add(20 * time.Second)
		got.Receipt.Matured = true
		slow.use(got.Receipt)
		slow.now = slow.now.Add(5 * time.Minute)
	}
}

func TestReturn_IsAsIfItHadNotBeenSent(t *testing.T) {
	d := newDesk(t, guard.Default())
	var sent []guard.Receipt
	ask := func(i int) guard.Ask { return d.ask(0, from(9)) }
	for {
		got := d.decide(ask(0))
		if got.Verdict != guard.Send {
			break
		}
		sent = append(sent, got.Receipt)
	}
	for _, r := range sent {
		if err := d.engine.Return(context.Background(), d.state, r, d.now); err != nil {
			t.Fatal(err)
		}
	}
	d.state.Keep()
	if again, _ := d.flood(100, ask); again != len(sent) {
		t.Errorf("%d texts, and after all were given back %d", len(sent), again)
	}
}

func TestDecide_Silent_DecidesAlikeAndTakesNothingButTheNumbers(t *testing.T) {
	d := newDesk(t, guard.Default())
	a := d.ask(0, from(3))
	for range 3 {
		b := a
		silent(&b)
		if got := d.decide(b); got.Verdict != guard.Send || got.Receipt.Windows {
			t.Fatalf("%+v", got)
		}
	}
	wants(t, d.decide(a), guard.Refuse, guard.RuleNumber)
	open, _ := newDesk(t, guard.Default()).flood(100, func(int) guard.Ask { return d.ask(0, from(3)) })
	if sent, _ := d.flood(100, func(int) guard.Ask { return d.ask(0, from(3)) }); sent != open {
		t.Errorf("after silent asks %d texts, without them %d", sent, open)
	}
	wants(t, d.decide(d.ask(0, from(3), silent)), guard.StepUp, guard.RuleBlock)
}

func TestExplain_IsDecidesVerdictAndChangesNothing(t *testing.T) {
	d := newDesk(t, guard.Default())
	for i := range 60 {
		a := d.ask(uint64(i%3), from(uint64(i%2)))
		if i%5 == 0 {
			known(&a)
		}
		why, err := d.engine.Explain(context.Background(), d.state, a, d.now)
		if err != nil {
			t.Fatal(err)
		}
		d.state.Keep() // there is nothing to keep
		got := d.decide(a)
		if why.Verdict != got.Verdict || why.Rule != got.Rule || why.Of != got.Of {
			t.Errorf("ask %d: %s by %q of %q, explained as %s by %q of %q", i, got.Verdict, got.Rule, got.Of, why.Verdict, why.Rule, why.Of)
		}
		if len(why.Levels) < len(got.Levels) || !reflect.DeepEqual(why.Receipt, guard.Receipt{}) {
			t.Errorf("ask %d: %d levels of %d, and %+v", i, len(why.Levels), len(got.Levels), why.Receipt)
		}
	}
}

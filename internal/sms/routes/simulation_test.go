package routes_test

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// between is the provider's mood from one time until another; else it is fine.
func between(from, until time.Duration, bad func(time.Duration) mood) func(time.Duration) mood {
	return func(at time.Duration) mood {
		if at < from || at >= until {
			return fine
		}
		return bad(at - from)
	}
}

func is(m mood) func(time.Duration) mood { return func(time.Duration) mood { return m } }

var errDown = &sms.SendError{Outcome: sms.NotYet, Cause: errors.New("connection refused")}
var errBroken = &sms.SendError{Outcome: sms.MaybeSent, Cause: errors.New("HTTP 502")}

// bad are moods of providers in trouble.
var (
	liar     = mood{slow: 200 * time.Millisecond, arrives: 0, receipts: "lies"}
	weak     = mood{slow: 200 * time.Millisecond, arrives: 0.3, receipts: "true"}
	unsteady = mood{errs: errSilent, share: 0.5, slow: 200 * time.Millisecond, arrives: 0.97, receipts: "true"}
	tenth    = mood{errs: errBroken, share: 0.1, slow: 200 * time.Millisecond, arrives: 0.97, receipts: "true"}
	throttle = mood{errs: errDown, share: 0.7, slow: 200 * time.Millisecond, arrives: 0.97, receipts: "true"}
)

// fades arrives less and less in an hour, and goes on saying that all do.
func fades(at time.Duration) mood {
	m := fine
	m.receipts = "lies"
	m.arrives = max(0.97-0.9*at.Hours(), 0.07)
	return m
}

func flaps(at time.Duration) mood {
	if at/(2*time.Minute)%2 == 0 {
		return mood{errs: errSilent, share: 1}
	}
	return fine
}

// scenario is some time without trouble, then some with it, then some without.
type scenario struct {
	name    string
	bad     func(time.Duration) mood
	every   time.Duration // somebody signs in
	trouble time.Duration
	alone   bool // there is no second provider

	// What must hold: the least share of people who have the code within ten seconds
	// while the trouble lasts, the most texts of each that go out twice, and how soon the texts
	// go by the other provider, and by the first again.
	soon     float64
	twice    float64
	failover time.Duration // 0: never
	back     time.Duration
	learns   bool // it is what is learned that brings it back, not the breaker
}

var scenarios = []scenario{
	{name: "is well", bad: is(fine), every: 2 * time.Second, trouble: 10 * time.Minute, soon: 0.93},
	{name: "answers nobody", bad: is(mood{errs: errSilent, share: 1}), every: 2 * time.Second, trouble: 10 * time.Minute, soon: 0.93, twice: 0.02, failover: 25 * time.Second, back: 5 * time.Minute},
	{name: "answers nobody, a text in 30 s", bad: is(mood{errs: errSilent, share: 1}), every: 30 * time.Second, trouble: 2 * time.Hour, soon: 0.9, twice: 0.02, failover: 5 * time.Minute, back: 6 * time.Minute},
	{name: "takes texts and does not say so", bad: is(mood{errs: errDeaf, share: 1, arrives: 0.97}), every: 2 * time.Second, trouble: 10 * time.Minute, soon: 0.93, twice: 0.05, failover: 25 * time.Second, back: 5 * time.Minute},
	{name: "cannot be reached", bad: is(mood{errs: errDown, share: 1}), every: 2 * time.Second, trouble: 10 * time.Minute, soon: 0.93, twice: 0.02, failover: 20 * time.Second, back: 5 * time.Minute},
	{name: "answers 502", bad: is(mood{errs: errBroken, share: 1}), every: 2 * time.Second, trouble: 10 * time.Minute, soon: 0.93, twice: 0.02, failover: 20 * time.Second, back: 5 * time.Minute},
	{name: "throttles seven in ten", bad: is(throttle), every: 2 * time.Second, trouble: 10 * time.Minute, soon: 0.93, twice: 0.02, failover: time.Minute, back: 5 * time.Minute},
	{name: "answers every other text", bad: is(unsteady), every: 2 * time.Second, trouble: 10 * time.Minute, soon: 0.93, twice: 0.02, failover: 3 * time.Minute, back: 5 * time.Minute},
	{name: "fails one text in ten", bad: is(tenth), every: 2 * time.Second, trouble: 10 * time.Minute, soon: 0.94, twice: 0.02},
	{name: "two minutes down, two up", bad: flaps, every: 10 * time.Second, trouble: 2 * time.Hour, soon: 0.93, twice: 0.02, failover: 2 * time.Minute, back: 6 * time.Minute},
	{name: "answers every other text, alone", bad: is(unsteady), every: 2 * time.Second, trouble: 10 * time.Minute, alone: true, soon: 0.5, twice: 0.02},
	{name: "lies: all delivered, nothing arrives", bad: is(liar), every: 10 * time.Second, trouble: 2 * time.Hour, soon: 0.8, twice: 0.02, failover: 10 * time.Minute, back: 75 * time.Minute, learns: true},
	{name: "lies, where hardly anybody signs in", bad: is(liar), every: 3 * time.Minute, trouble: 4 * time.Hour, soon: 0.4, twice: 0.02, failover: 90 * time.Minute, learns: true},
	{name: "loses seven in ten, and says so", bad: is(weak), every: 10 * time.Second, trouble: 2 * time.Hour, soon: 0.8, twice: 0.02, failover: 20 * time.Minute, back: 75 * time.Minute, learns: true},
	{name: "fades in an hour", bad: fades, every: 10 * time.Second, trouble: 2 * time.Hour, soon: 0.75, twice: 0.02, failover: time.Hour, back: 75 * time.Minute, learns: true},
}

var seeds = flag.Int("seeds", 1, "how often each scenario is played, each time with other people")

// What people get while a provider is in trouble, in virtual time. The lines of the
// log are the table of docs/routing.md: of all seeds the worst in each column.
func TestSimulation_AProviderInTrouble(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	for _, c := range scenarios {
		t.Run(c.name, func(t *testing.T) {
			worst := played{during: score{soon: 1, ever: 1}, failover: -1, back: -1}
			for seed := range *seeds {
				p := c.play(t, uint64(seed)+1)
				worst = worst.and(p)
				for _, well := range []score{p.before, p.since} {
					if well.people > 200 && well.soon < 0.92 {
						t.Errorf("without trouble: %v", well)
					}
				}
				if c.failover > 0 && p.failover < 0 || c.back > 0 && p.back < 0 {
					t.Errorf("texts never go by the other (%v), or never again by the first (%v)", p.failover, p.back)
				}
			}
			fmt.Fprintf(&table, "| %s | %v | %.1f %% | %.1f %% | %.2f | %.3f | %v | %v |\n", c.name, c.every,
				100*worst.during.soon, 100*worst.during.ever, worst.during.texts, worst.during.twice, shown(worst.failover), shown(worst.back))
			if worst.during.soon < c.soon || worst.during.twice > c.twice {
				t.Errorf("in trouble: %v; want %.1f %% at least, %.3f twice at most", worst.during, 100*c.soon, c.twice)
			}
			if c.failover > 0 && worst.failover > c.failover {
				t.Errorf("texts go by the other after %v, want %v at most", worst.failover, c.failover)
			}
			if c.back > 0 && worst.back > c.back {
				t.Errorf("they go by the first again after %v, want %v at most", worst.back, c.back)
			}
		})
	}
	t.Logf("\n| provider a | a sign-in each | code within 10 s | code at all | texts each | twice | by b after | by a again after |\n%s", &table)
}

// played is what became of a scenario.
type played struct {
	before, during, since score
	failover, back        time.Duration // negative: never
}

// and is the worse of the two in each column.
func (p played) and(q played) played {
	return played{
		during: score{
			people: p.during.people + q.during.people, soon: min(p.during.soon, q.during.soon),
			ever:  min(p.during.ever, q.during.ever),
			texts: max(p.during.texts, q.during.texts), twice: max(p.during.twice, q.during.twice),
		},
		failover: max(p.failover, q.failover), back: max(p.back, q.back),
	}
}

func (c scenario) play(t *testing.T, seed uint64) played {
	quiet, afterwards := 10*time.Minute, 10*time.Minute
	if c.learns {
		quiet, afterwards = time.Hour, 90*time.Minute
	}
	if c.every > time.Minute {
		quiet = 6 * time.Hour
	}
	end := quiet + c.trouble
	w := &world{country: "NG", every: c.every, lasts: end + afterwards, nets: []*network{{name: "a", mood: between(quiet, end, c.bad)}}}
	if !c.alone {
		w.nets = append(w.nets, &network{name: "b", mood: is(fine)})
	}
	w.play(t, seed, 0)
	p := played{
		before: w.score(0, quiet), during: w.score(quiet, end), since: w.score(end, w.lasts),
		failover: w.after(quiet, end, false), back: w.takenAfter(end, "a"),
	}
	if c.alone {
		p.failover = -1
	}
	if c.learns {
		p.back = w.after(end, w.lasts, true)
	}
	return p
}

func shown(d time.Duration) string {
	if d < 0 {
		return "–"
	}
	return d.Round(time.Second).String()
}

// Nine of ten texts are pumped to numbers that do not exist: no code is used, every
// receipt is of a failure, and the provider stays where it is. Nor is one that is well
// put last in hours without trouble, however few or many texts there are.
func TestSimulation_AProviderThatIsWell_StaysFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		every, lasts time.Duration
		pumped       float64
	}{
		{4 * time.Second, 75 * time.Minute, 0.9},
		{30 * time.Second, 8 * time.Hour, 0},
		{5 * time.Minute, 24 * time.Hour, 0},
	} {
		for seed := range *seeds {
			w := &world{country: "NG", every: c.every, lasts: c.lasts, nets: []*network{{name: "a", mood: is(fine)}, {name: "b", mood: is(fine)}}}
			w.play(t, uint64(seed)+2, c.pumped)
			if len(w.turns) != 0 || len(w.users) < 100 {
				t.Errorf("%+v: with %d people it was put last, and back: %v", c, len(w.users), w.turns)
			}
		}
	}
}

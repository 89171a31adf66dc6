package guard_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// pattern is a way to ask for texts into one block: how often, from how many
// addresses, with which part of the codes used and when, and by step-ups or not.
type pattern struct {
	gap     time.Duration
	jitter  float64
	burst   int
	rest    time.Duration
	fakes   float64
	delay   time.Duration
	stepped float64
	chase   bool // asks exactly when told to come again
}

func somePattern(r *rand.Rand) pattern {
	return pattern{
		gap:    time.Duration(math.Exp(r.Float64()*12) * float64(time.Millisecond) * 5),
		jitter: r.Float64(), burst: 1 + r.IntN(60), rest: time.Duration(r.Float64() * float64(40*time.Minute)),
		fakes: r.Float64() * 0.4, delay: time.Duration(math.Exp(r.Float64()*6) * float64(time.Second)),
		stepped: r.Float64() * 1.2, chase: r.IntN(3) == 0,
	}
}

// near changes one thing of a pattern.
func near(p pattern, r *rand.Rand) pattern {
	q := somePattern(r)
	switch r.IntN(6) {
	case 0:
		p.gap = q.gap
	case 1:
		p.burst, p.rest = q.burst, q.rest
	case 2:
		p.fakes = q.fakes
	case 3:
		p.delay = q.delay
	case 4:
		p.stepped = q.stepped
	default:
		p.chase = !p.chase
	}
	return p
}

// attackBlock plays the pattern for some hours against one block of a country in
// good health, and returns what was sent, what was used of it, and for how long.
func attackBlock(healthy desk, p pattern, seed uint64) (sent, used int, lasted time.Duration) {
	r := rand.New(rand.NewPCG(seed, 1))
	d := &healthy
	d.state = d.state.Clone()
	begin := d.now
	type due struct {
		at time.Time
		r  guard.Receipt
	}
	var uses []due
	for asked := 0; asked < 300 && d.now.Sub(begin) < 6*time.Hour; asked++ {
		a := d.ask(0, from(r.Uint64()>>8))
		if r.Float64() < p.stepped {
			stepped(&a)
		}
		got := d.decide(a)
		if got.Verdict == guard.Send {
			sent++
			if r.Float64() < p.fakes {
				uses = append(uses, due{d.now.Add(p.delay), got.Receipt})
			}
		}
		next := d.now.Add(time.Duration(float64(p.gap) * (1 - p.jitter + 2*p.jitter*r.Float64())))
		if asked%p.burst == p.burst-1 {
			next = next.Add(p.rest)
		}
		if p.chase && got.Until.After(d.now) {
			next = got.Until
		}
		for len(uses) > 0 && uses[0].at.Before(next) {
			d.now = uses[0].at
			d.use(uses[0].r)
			used++
			uses = uses[1:]
		}
		d.now = next
	}
	return sent, used, d.now.Sub(begin)
}

// bound is what a block may lose, as docs/guard.md states it.
func bound(used int, lasted time.Duration) float64 {
	s := guard.Default().Tuning
	w, price := s.Prefix[0], 0.03
	first := min(max(w.Initial.Float()/price, w.AtLeast), w.AtMost)
	hours := lasted.Hours()
	health := 1.0 // what a country in good health adds: Share of its flow
	gain := 1 / (w.Kappa * 0.2)
	if used > 0 {
		gain = 1 / (w.Kappa * 0.6) // its usual conversion is three quarters
	}
	return first + first*w.Stepped + health + 2*w.PerHour*hours + lasted.Seconds()/s.Probes.First.Seconds() + 1 + gain*float64(used)
}

func TestProperty_ABlocksLossStaysWithinItsBound_HoweverOneAsks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	healthy := newDesk(t, tried())
	healthy.busy(300)
	worst := math.Inf(-1)
	for restart := range 12 {
		p := somePattern(r)
		best := math.Inf(-1)
		for step := range 12 {
			q := p
			if step > 0 {
				q = near(p, r)
			}
			sent, used, lasted := attackBlock(*healthy, q, uint64(restart*100+step))
			over := float64(sent) - bound(used, lasted)
			if over > 0 {
				t.Fatalf("%d texts, %d used, in %s: %.1f beyond the bound, by %+v", sent, used, lasted, over, q)
			}
			if over > best {
				best, p = over, q
			}
		}
		worst = max(worst, best)
	}
	if worst < -60 {
		t.Errorf("the search came only within %.1f of the bound: it finds nothing", -worst)
	}
}

// wander plays random traffic, and hands each ask to look before it is decided.
func wander(t *testing.T, d *desk, seed uint64, n int, converts float64, look func(guard.Ask)) {
	r := rand.New(rand.NewPCG(seed, 3))
	for range n {
		a := d.ask(uint64(r.IntN(1+r.IntN(300))), from(uint64(r.IntN(40))))
		if r.IntN(4) == 0 {
			stepped(&a)
		}
		if r.IntN(6) == 0 {
			known(&a)
		}
		look(a)
		got := d.decide(a)
		d.now = d.now.Add(time.Duration(r.ExpFloat64() * float64(20*time.Second)))
		if got.Verdict == guard.Send {
			used := r.Float64() < converts
			if used {
				d.use(got.Receipt)
			}
			d.mature(got.Receipt, used)
		}
	}
}

func TestProperty_ABiggerBudget_NeverBlocksMore(t *testing.T) {
	for seed := range uint64(6) {
		small, big := guard.Default(), guard.Default()
		small.Budgets = guard.Budgets{
			Server: guard.Budget{Hour: guard.Dollars(0.4), Day: guard.Dollars(1)}, Country: guard.Budget{Hour: guard.Dollars(0.2)}, EarnBack: 0,
		}
		for i := range small.Tuning.Prefix { // so that money decides more often
			small.Tuning.Prefix[i].Cap, small.Tuning.Prefix[i].AtLeast, small.Tuning.Prefix[i].AtMost = 500, 500, 500
		}
		small.Tuning.Country.AtLeast, small.Tuning.Country.AtMost = 500, 500
		big.Tuning = small.Tuning
		big.Budgets = small.Budgets
		switch seed % 3 {
		case 0:
			big.Budgets.Server.Hour, big.Budgets.Country.Hour = guard.Dollar, guard.Dollar
		case 1:
			big.Budgets.Country.Hour *= 3
		default:
			big.Budgets = guard.Budgets{EarnBack: 0}
		}
		d, richer := newDesk(t, small), guard.NewEngine(big)
		blocked := 0
		wander(t, d, seed, 600, 0.7, func(a guard.Ask) {
			poor, err := d.engine.Explain(context.Background(), d.state, a, d.now)
			if err != nil {
				t.Fatal(err)
			}
			rich, err := richer.Explain(context.Background(), d.state, a, d.now)
			if err != nil {
				t.Fatal(err)
			}
			if rich.Verdict < poor.Verdict {
				t.Fatalf("%s by %s with more money, %s by %s with less", rich.Verdict, rich.Rule, poor.Verdict, poor.Rule)
			}
			if rich.Verdict > poor.Verdict {
				blocked++
			}
		})
		if blocked == 0 {
			t.Error("the small budget stopped nothing")
		}
	}
}

func TestProperty_KnownNumbers_AreNeverRefusedForWhatStrangersDo(t *testing.T) {
	for seed := range uint64(4) {
		d := newDesk(t, tried())
		refused := 0
		wander(t, d, seed, 600, 0.2, func(a guard.Ask) {
			stranger := a
			stranger.Known = false
			if got, _ := d.engine.Explain(context.Background(), d.state, stranger, d.now); got.Verdict != guard.Send {
				refused++
			}
			a.Known = true
			if got, err := d.engine.Explain(context.Background(), d.state, a, d.now); err != nil || got.Verdict != guard.Send {
				t.Fatalf("a known number: %s by %s of %s, %v", got.Verdict, got.Rule, got.Of, err)
			}
		})
		if refused == 0 {
			t.Error("strangers were never restricted")
		}
	}
}

func TestProperty_AClockThatStepsBack_GivesNothing(t *testing.T) {
	d := newDesk(t, guard.Default())
	d.busy(300)
	r := rand.New(rand.NewPCG(9, 9))
	for range 200 {
		d.flood(40, func(i int) guard.Ask { return d.ask(0, from(3)) })
		late := d.now
		for range 4 {
			d.now = late.Add(-time.Duration(r.ExpFloat64() * float64(3*time.Hour)))
			if got := d.decide(d.ask(0, from(3))); got.Verdict == guard.Send {
				t.Fatalf("%s earlier a text was sent", late.Sub(d.now))
			}
		}
		d.now = late
		if got := d.decide(d.ask(0, from(3))); got.Verdict == guard.Send {
			t.Fatal("the step back and forth gave a text")
		}
		d.now = late.Add(time.Duration(r.ExpFloat64() * float64(10*time.Minute)))
	}
}

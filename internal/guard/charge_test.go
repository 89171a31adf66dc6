package guard_test

import (
	"context"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// A text that a second provider sends as well costs as a second text does: after ten
// of 30 cents' worth of texts, of which each was paid twice, the 60 cents are spent.
func TestCharge_TextByTwoProviders_IsPaidTwice(t *testing.T) {
	for name, twice := range map[string]func(*desk, guard.Receipt) bool{
		"asked": func(d *desk, r guard.Receipt) bool {
			ok, err := d.engine.Again(context.Background(), d.state, r, d.now)
			if err != nil {
				d.t.Fatal(err)
			}
			return ok
		},
		"found out": func(d *desk, r guard.Receipt) bool {
			if err := d.engine.Charge(context.Background(), d.state, r, d.now); err != nil {
				d.t.Fatal(err)
			}
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := tried()
			s.Budgets = guard.Budgets{Pool: guard.Budget{Hour: guard.Dollars(0.61)}}
			s.Tuning.Soft = 1
			d := newDesk(t, s)
			for i := range 10 {
				got := d.decide(d.ask(uint64(i)*1000, known, from(uint64(i)<<16)))
				if wants(t, got, guard.Send, guard.RuleNone); !twice(d, got.Receipt) {
					t.Fatalf("no room after %d texts", i)
				}
				d.state.Keep()
				d.now = d.now.Add(time.Second)
			}
			wants(t, d.decide(d.ask(99_000, known, from(99<<16))), guard.Refuse, guard.RuleBudget)
		})
	}
}

// A charge beyond the budget leaves it as it was; one that is asked for is refused.
func TestCharge_BudgetSpent_OneIsRefusedTheOtherExceeds(t *testing.T) {
	s := tried()
	s.Budgets = guard.Budgets{Pool: guard.Budget{Hour: guard.Dollars(0.05)}, Server: guard.Budget{Hour: guard.Dollar}}
	s.Tuning.Soft = 1
	d := newDesk(t, s)
	got := d.decide(d.ask(0, known))
	if ok, err := d.engine.Again(context.Background(), d.state, got.Receipt, d.now); ok || err != nil {
		t.Errorf("a second text for 3 of the 2 cents that are left: %v, %v", ok, err)
	}
	d.state.Undo()
	for range 5 { // of the server's budget, which has room
		if err := d.engine.Charge(context.Background(), d.state, got.Receipt, d.now); err != nil {
			t.Fatal(err)
		}
		d.state.Keep()
	}
	if n, err := d.state.Count(context.Background(), "money/known/server/hour", d.now); err != nil || guard.Money(n) != guard.Dollars(0.18) {
		t.Errorf("the server has spent %v, %v; want six texts' 18 cents", guard.Money(n).Float(), err)
	}
	if n, err := d.state.Count(context.Background(), "money/known/pool/pool/hour", d.now); err != nil || guard.Money(n) != guard.Dollars(0.03) {
		t.Errorf("the pool has spent %v, %v; want 3 cents", guard.Money(n).Float(), err)
	}
}

// Whose network calls every text failed gets no more texts by it than without.
func TestAgain_StrangersOfOnePrefix_GetNoMoreThanItsCredit(t *testing.T) {
	flood := func(fail bool) (texts int) {
		d := newDesk(t, tried())
		for i := range 300 {
			got := d.decide(d.ask(0, from(uint64(i)<<16)))
			if got.Verdict != guard.Send {
				continue
			}
			texts++
			if !fail {
				continue
			}
			ok, err := d.engine.Again(context.Background(), d.state, got.Receipt, d.now)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				d.state.Keep()
				texts++
			} else {
				d.state.Undo()
			}
		}
		return texts
	}
	if once, twice := flood(false), flood(true); once < 2 || twice > once+1 {
		t.Errorf("a prefix gets %d texts, and %d where each is said to have failed", once, twice)
	}
}

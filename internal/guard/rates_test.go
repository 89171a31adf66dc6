package guard_test

import (
	"context"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
)

func TestRates_TextsOfAClient_AreGivenBackWhenUsed(t *testing.T) {
	s := tried()
	s.Rates.ClientTexts.Hour = 3
	d := newDesk(t, s)
	ask := func(i uint64) guard.Ask {
		return d.ask(500+i, known, func(a *guard.Ask) { a.Client, a.Party.Number = "web", string(rune('a'+i)) })
	}
	var last guard.Decision
	for i := range uint64(3) {
		last = d.decide(ask(i))
		wants(t, last, guard.Send, guard.RuleNone)
	}
	wants(t, d.decide(ask(3)), guard.Refuse, guard.RuleRate)
	d.use(last.Receipt)
	wants(t, d.decide(ask(4)), guard.Send, guard.RuleNone)
	other := ask(5)
	other.Client = "app"
	wants(t, d.decide(other), guard.Send, guard.RuleNone)
}

func TestRates_AnswersOfAPool_RightOnesAreGivenBack(t *testing.T) {
	s := tried()
	s.Rates.PoolAnswers.Day = 2
	d, ctx, now := newDesk(t, s), context.Background(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	spend := func() error { return d.engine.SpendAnswer(ctx, d.state, "p", "c", now) }
	for range 2 {
		if err := spend(); err != nil {
			t.Fatal(err)
		}
		d.state.Keep()
	}
	if err := spend(); !fault.Is(err, fault.TooManyRequests) {
		t.Errorf("the third: %v", err)
	}
	d.state.Undo()
	if err := d.engine.ReturnAnswer(ctx, d.state, "p", "c", now); err != nil {
		t.Fatal(err)
	}
	if err := spend(); err != nil {
		t.Errorf("after a right one: %v", err)
	}
}

func TestExposure_HasTheBudgetsOfPoolsAndOfNamedClients(t *testing.T) {
	s := guard.Default()
	s.Budgets.Pool = guard.Budget{Day: guard.Dollars(5)}
	s.Budgets.Clients = map[string]guard.Budget{"client": {Hour: guard.Dollars(2)}, "another": {Hour: guard.Dollars(2)}}
	d := newDesk(t, s)
	d.decide(d.ask(0))
	all, err := d.engine.Exposure(t.Context(), d.state, []string{"ID"}, []string{"pool", "quiet"}, d.now)
	if err != nil {
		t.Fatal(err)
	}
	spent := map[string]float64{}
	for _, l := range all {
		spent[l.Of] = l.Have
	}
	for _, of := range []string{"server/hour", "country/ID/day", "pool/pool/day", "client/client/hour"} {
		if spent[of] != 0.03 {
			t.Errorf("%s: $%v in %v", of, spent[of], spent)
		}
	}
	for _, of := range []string{"pool/quiet/day", "client/another/hour"} {
		if _, there := spent[of]; there {
			t.Errorf("%s is told of, though nothing was spent", of)
		}
	}
}

package guard

import (
	"context"
	"fmt"
	"math"
	"time"
)

// budget is one bound on money and whose it is.
type budget struct {
	of  string // "server/hour"
	max Money
	Payment
}

// budgets are those that bear the ask. Known numbers have a purse of their own, so
// that strangers cannot empty it, and so have known devices, for somebody may have
// a list of known numbers.
func (e *Engine) budgets(a Ask) []budget {
	b := e.settings.Budgets
	all := make([]budget, 0, 12)
	lane := "strangers"
	switch {
	case a.Device != "":
		lane = "devices"
	case a.Known:
		lane = "known"
	}
	add := func(what, id string, b Budget) {
		name := what
		if id != "" {
			name += "/" + id
		}
		for _, w := range [...]struct {
			name   string
			max    Money
			window time.Duration
		}{{"hour", b.Hour, time.Hour}, {"day", b.Day, 24 * time.Hour}, {"month", b.Month, 30 * 24 * time.Hour}} {
			if w.max > 0 {
				of := name + "/" + w.name
				all = append(all, budget{of, w.max, Payment{
					Key:    "money/" + lane + "/" + of,
					Limit:  Limit{Max: int(w.max), Window: w.window, Ahead: int(w.max / 64)},
					Amount: int(a.Price),
				}})
			}
		}
	}
	add("server", "", b.Server)
	add("pool", a.Pool, own(b.Pools, a.Pool, b.Pool))
	add("client", a.Client, own(b.Clients, a.Client, b.Client))
	add("country", a.Route.Country, own(b.Countries, a.Route.Country, b.Country))
	return all
}

func own(named map[string]Budget, name string, otherwise Budget) Budget {
	if b, ok := named[name]; ok {
		return b
	}
	return otherwise
}

// payments are the ask's budgets with an amount of each.
func (e *Engine) payments(a Ask, amount Money) []Payment {
	budgets := e.budgets(a)
	all := make([]Payment, len(budgets))
	for i, b := range budgets {
		all[i] = b.Payment
		all[i].Amount = int(amount)
	}
	return all
}

// earned is what a used code gives back.
func earned(price Money, back float64) Money {
	return price + Money(math.Round(float64(price)*back))
}

// pay takes the text's price from its budgets.
func (v *view) pay(ctx context.Context, s State) error {
	budgets := v.budgets(v.ask)
	if len(budgets) == 0 || v.ask.Price <= 0 {
		return nil
	}
	if v.ask.Silent || v.all {
		return v.lookAtBudgets(ctx, s, budgets)
	}
	payments := make([]Payment, len(budgets))
	for i, b := range budgets {
		payments[i] = b.Payment
	}
	spent, err := s.Pay(ctx, payments, v.now)
	if err != nil {
		return fmt.Errorf("pay: %w", err)
	}
	for i, b := range budgets {
		v.checkBudget(b, spent[i].Count, spent[i].OK, spent[i].ResetAt)
	}
	return nil
}

// lookAtBudgets decides as pay does, and takes nothing.
func (v *view) lookAtBudgets(ctx context.Context, s State, budgets []budget) error {
	for _, b := range budgets {
		n, err := s.Count(ctx, b.Key, v.now)
		if err != nil {
			return fmt.Errorf("pay: %w", err)
		}
		n += b.Amount
		v.checkBudget(b, n, n <= b.Limit.Max, time.Time{})
	}
	return nil
}

func (v *view) checkBudget(b budget, count int, ok bool, reset time.Time) {
	v.levels = append(v.levels, Level{
		Rule: RuleBudget, Of: b.of, Have: (b.max - Money(count)).Float(), Need: v.ask.Price.Float(), Limit: b.max.Float(),
	})
	switch {
	case !ok:
		v.object(objection{verdict: Refuse, rule: RuleBudget, of: b.of, until: reset})
	case v.ask.Device == "" && float64(count) > v.settings.Tuning.Soft*float64(b.Limit.Max):
		v.object(objection{verdict: StepUp, rule: RuleBudget, of: b.of, until: reset})
	}
}

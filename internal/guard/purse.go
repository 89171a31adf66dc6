package guard

import (
	"context"
	"fmt"
	"math"
	"time"
)

// budget is one bound on money and whose it is.
type budget struct {
	of    string // "server/hour"
	key   string
	limit Limit
}

// purses are budgets by lane.
type purses [lanes][]budget

// Known numbers have a purse of their own, so that strangers cannot empty it, and so
// have known devices, for somebody may have a list of known numbers.
const lanes = 3

var laneNames = [lanes]string{"strangers", "known", "devices"}

func (a Ask) lane() int {
	switch {
	case a.Device != "":
		return 2
	case a.Known:
		return 1
	}
	return 0
}

// newPurses are the budgets of one owner.
func newPurses(owner string, b Budget) (p purses) {
	for lane, name := range laneNames {
		add := func(max Money, what string, window time.Duration) {
			if max > 0 {
				of := owner + what
				p[lane] = append(p[lane], budget{of, "money/" + name + "/" + of, Limit{Max: int(max), Window: window, Ahead: int(max / 64)}})
			}
		}
		add(b.Hour, "/hour", time.Hour)
		add(b.Day, "/day", 24*time.Hour)
		add(b.Month, "/month", 30*24*time.Hour)
	}
	return p
}

// budgets are those that bear the ask.
func (e *Engine) budgets(a Ask) []budget {
	b, lane := e.settings.Budgets, a.lane()
	all := append(make([]budget, 0, 12), e.server[lane]...)
	if of := own(b.Pools, a.Pool, b.Pool); of != (Budget{}) {
		all = append(all, newPurses("pool/"+a.Pool, of)[lane]...)
	}
	if of := own(b.Clients, a.Client, b.Client); of != (Budget{}) {
		all = append(all, newPurses("client/"+a.Client, of)[lane]...)
	}
	return append(all, e.country(a.Route.Country)[lane]...)
}

// country are a country's purses, made once.
func (e *Engine) country(iso string) *purses {
	if p, ok := e.countries.Load(iso); ok {
		return p.(*purses)
	}
	b := e.settings.Budgets
	p := newPurses("country/"+iso, own(b.Countries, iso, b.Country))
	e.countries.Store(iso, &p)
	return &p
}

func own(named map[string]Budget, name string, otherwise Budget) Budget {
	if b, ok := named[name]; ok {
		return b
	}
	return otherwise
}

// payments are an amount of each budget.
func payments(budgets []budget, amount Money) []Payment {
	all := make([]Payment, len(budgets))
	for i, b := range budgets {
		all[i] = Payment{Key: b.key, Limit: b.limit, Amount: int(amount)}
	}
	return all
}

// refund gives back what the text was counted as, and an amount of money.
func (e *Engine) refund(ctx context.Context, s State, r Receipt, amount Money, now time.Time) error {
	back := append(ofNumber(r), payments(e.budgets(r.ask()), amount)...)
	return s.Refund(ctx, append(back, payments(e.textRates(r.ask()), 1)...), now)
}

// earned is what a used code gives back.
func earned(price Money, back float64) Money {
	return price + Money(math.Round(float64(price)*back))
}

// pay takes the text's price from its budgets.
func (v *view) pay(ctx context.Context, s State) error {
	if err := v.checkRates(ctx, s); err != nil {
		return err
	}
	budgets := v.budgets(v.ask)
	if len(budgets) == 0 || v.ask.Price <= 0 {
		return nil
	}
	if v.ask.Silent || v.all {
		return v.lookAtBudgets(ctx, s, budgets)
	}
	spent, err := s.Pay(ctx, payments(budgets, v.ask.Price), v.now)
	if err != nil {
		return fmt.Errorf("pay: %w", err)
	}
	for i, b := range budgets {
		v.checkBudget(b, spent[i].Count, spent[i].OK, spent[i].ResetAt)
	}
	return v.spareOwner(ctx, s)
}

// spareOwner drops the demand of a step-up for a known number that is asked for from
// where codes are used: its owner should not pay for those who have a list of such.
func (v *view) spareOwner(ctx context.Context, s State) error {
	if !v.ask.Known || v.verdict() != StepUp {
		return nil
	}
	if err := v.readAll(ctx, s); err != nil {
		return err
	}
	if v.ask.Address != (Key{}) && v.cells[atAddress].used(0, v.at) {
		v.opposed = false
	}
	return nil
}

// lookAtBudgets decides as pay does, and takes nothing.
func (v *view) lookAtBudgets(ctx context.Context, s State, budgets []budget) error {
	for _, b := range budgets {
		n, err := s.Count(ctx, b.key, v.now)
		if err != nil {
			return fmt.Errorf("pay: %w", err)
		}
		n += int(v.ask.Price)
		v.checkBudget(b, n, n <= b.limit.Max, time.Time{})
	}
	return v.spareOwner(ctx, s)
}

func (v *view) checkBudget(b budget, count int, ok bool, reset time.Time) {
	max := Money(b.limit.Max)
	v.noteLevel(Level{Rule: RuleBudget, Of: b.of, Have: (max - Money(count)).Float(), Need: v.ask.Price.Float(), Limit: max.Float()})
	switch {
	case !ok:
		v.object(objection{verdict: Refuse, rule: RuleBudget, of: b.of, until: reset})
	case v.ask.Device == "" && float64(count) > v.settings.Tuning.Soft*float64(b.limit.Max):
		v.object(objection{verdict: StepUp, rule: RuleBudget, of: b.of, until: reset})
	}
}

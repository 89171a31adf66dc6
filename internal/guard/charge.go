package guard

import (
	"context"
	"fmt"
	"time"
)

// Again pays for one more text of the same decision: another provider is to send what
// the first did not bring. False where a budget has no room, or a prefix no credit, and
// the caller must roll its transaction back: whose network says that a text failed can
// have each sent twice. What numbers and addresses may is not asked again: nobody asked
// for more.
func (e *Engine) Again(ctx context.Context, s State, r Receipt, now time.Time) (bool, error) {
	if room, err := e.debitAgain(ctx, s, r, now); err != nil || !room {
		return false, err
	}
	budgets := e.budgets(r.ask())
	if len(budgets) == 0 || r.Price <= 0 {
		return true, nil
	}
	spent, err := s.Pay(ctx, payments(budgets, r.Price), now)
	if err != nil {
		return false, fmt.Errorf("pay again: %w", err)
	}
	for _, one := range spent {
		if !one.OK {
			return false, nil
		}
	}
	return true, nil
}

// debitAgain takes one more text from the windows of its prefixes.
func (e *Engine) debitAgain(ctx context.Context, s State, r Receipt, now time.Time) (room bool, err error) {
	if !r.Windows || r.Route.none() {
		return true, nil
	}
	v := e.view(r.ask(), now)
	if err := v.readAll(ctx, s); err != nil {
		return false, err
	}
	if v.checkPrefixes(); v.verdict() != Send {
		return false, nil
	}
	for i := atBlock; i <= atArea; i++ {
		v.debitWindow(v.prefixWindow(i), i)
	}
	return true, v.store(ctx, s)
}

// Charge takes the price of a text that may have been sent once more, unasked: the
// first provider did not say whether it took it, and a second one did. A budget that
// has no room for it stays as it is, so it is exceeded by no more than such texts.
func (e *Engine) Charge(ctx context.Context, s State, r Receipt, now time.Time) error {
	if r.Price <= 0 {
		return nil
	}
	for _, b := range e.budgets(r.ask()) {
		if _, err := s.Pay(ctx, payments([]budget{b}, r.Price), now); err != nil {
			return fmt.Errorf("charge: %w", err)
		}
	}
	return nil
}

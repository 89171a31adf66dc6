package guard

import (
	"context"
	"time"
)

// Explain is the decision of now with nothing debited, and with all levels behind
// it, those too that Decide would not have come to.
func (e *Engine) Explain(ctx context.Context, s State, a Ask, now time.Time) (Decision, error) {
	v := e.view(a, now)
	v.all = true
	v.checkLists()
	if err := v.lookAtNumber(ctx, s); err != nil {
		return Decision{}, err
	}
	if err := v.read(ctx, s); err != nil {
		return Decision{}, err
	}
	v.check()
	err := v.pay(ctx, s)
	d := v.decision()
	d.Receipt = Receipt{} // nothing was debited that could be given back
	return d, err
}

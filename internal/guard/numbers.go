package guard

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// numberLimits are the exact limits of texts to one number, with their counters'
// keys.
func numberLimits(p Party, device string) ([]Limit, func(Limit) string) {
	if device == "" {
		return numberSends, func(l Limit) string { return p.number("texts", l) }
	}
	return deviceSends, func(l Limit) string { return p.number("device/"+device, l) }
}

// spendNumber counts the text against its number, or its device with that number.
func (v *view) spendNumber(ctx context.Context, s State) error {
	limits, key := numberLimits(v.ask.Party, v.ask.Device)
	for _, l := range limits {
		spent, err := s.Spend(ctx, key(l), l, v.now)
		if err != nil {
			return fmt.Errorf("spend: %w", err)
		}
		v.checkNumber(l, spent.Count, spent.OK, spent.ResetAt)
		if !spent.OK {
			return nil
		}
	}
	return nil
}

// lookAtNumber decides as spendNumber does, and counts nothing.
func (v *view) lookAtNumber(ctx context.Context, s State) error {
	limits, key := numberLimits(v.ask.Party, v.ask.Device)
	for _, l := range limits {
		n, err := s.Count(ctx, key(l), v.now)
		if err != nil {
			return fmt.Errorf("count: %w", err)
		}
		v.checkNumber(l, n+1, n < l.Max, time.Time{})
	}
	return nil
}

func (v *view) checkNumber(l Limit, count int, ok bool, reset time.Time) {
	of := "number/"
	if v.ask.Device != "" {
		of = "device/"
	}
	of += l.Window.String()
	v.levels = append(v.levels, Level{Rule: RuleNumber, Of: of, Have: float64(l.Max - count), Need: 0, Limit: float64(l.Max)})
	if !ok {
		v.object(objection{verdict: Refuse, rule: RuleNumber, of: of, until: reset, kind: fault.LimitExceeded})
	}
}

// returnNumber gives the text back: its code was used, or it surely was not sent.
func returnNumber(ctx context.Context, c Counters, p Party, device string, now time.Time) error {
	limits, key := numberLimits(p, device)
	for _, l := range limits {
		if err := c.GiveBack(ctx, key(l), l, now); err != nil {
			return err
		}
	}
	return nil
}

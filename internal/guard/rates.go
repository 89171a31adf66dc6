package guard

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// Rate is how many in an hour and in a day; zero is no bound.
type Rate struct{ Hour, Day int }

// Rates bound what one user pool and one app client may have, whatever it costs. None
// is bound as shipped: money and conversion tell an attack from a good day, a count
// does not.
type Rates struct {
	PoolTexts, ClientTexts     Rate // texts whose codes are not used
	PoolAnswers, ClientAnswers Rate // wrong answers to codes
}

// counted are the payments that count one by one against the rate.
func (r Rate) counted(what, whose string) []budget {
	var all []budget
	for _, w := range [...]struct {
		max    int
		name   string
		window time.Duration
	}{{r.Hour, "hour", time.Hour}, {r.Day, "day", 24 * time.Hour}} {
		if w.max > 0 {
			of := what + "/" + whose + "/" + w.name
			all = append(all, budget{of: of, key: "rate/" + of, limit: Limit{Max: w.max, Window: w.window, Ahead: w.max / 64}})
		}
	}
	return all
}

func (e *Engine) textRates(a Ask) []budget {
	r := e.settings.Rates
	return append(r.PoolTexts.counted("texts of pool", a.Pool), r.ClientTexts.counted("texts of client", a.Client)...)
}

func (e *Engine) answerRates(pool, client string) []Payment {
	r := e.settings.Rates
	return payments(append(r.PoolAnswers.counted("answers of pool", pool), r.ClientAnswers.counted("answers of client", client)...), 1)
}

// checkRates takes the text from the rates of its pool and client.
func (v *view) checkRates(ctx context.Context, s State) error {
	rates := v.textRates(v.ask)
	if len(rates) == 0 || v.refused() {
		return nil
	}
	if v.ask.Silent || v.all {
		for _, b := range rates {
			n, err := s.Count(ctx, b.key, v.now)
			if err != nil {
				return fmt.Errorf("rates: %w", err)
			}
			v.checkRate(b, n+1, n < b.limit.Max, time.Time{})
		}
		return nil
	}
	spent, err := s.Pay(ctx, payments(rates, 1), v.now)
	if err != nil {
		return fmt.Errorf("rates: %w", err)
	}
	for i, b := range rates {
		v.checkRate(b, spent[i].Count, spent[i].OK, spent[i].ResetAt)
	}
	return nil
}

func (v *view) checkRate(b budget, count int, ok bool, reset time.Time) {
	v.noteLevel(Level{Rule: RuleRate, Of: b.of, Have: float64(b.limit.Max - count), Limit: float64(b.limit.Max)})
	if !ok {
		v.object(objection{verdict: Refuse, rule: RuleRate, of: b.of, until: reset})
	}
}

// SpendAnswer counts an answer against the rates of its pool and client. A spent one
// is TooManyRequests, and the transaction must be rolled back.
func (e *Engine) SpendAnswer(ctx context.Context, s State, pool, client string, now time.Time) error {
	rates := e.answerRates(pool, client)
	if len(rates) == 0 {
		return nil
	}
	spent, err := s.Pay(ctx, rates, now)
	if err != nil {
		return fmt.Errorf("rates: %w", err)
	}
	for _, one := range spent {
		if !one.OK {
			return fault.New(fault.TooManyRequests, "Too many requests").After(one.ResetAt.Sub(now))
		}
	}
	return nil
}

// ReturnAnswer gives an answer back that was right.
func (e *Engine) ReturnAnswer(ctx context.Context, s State, pool, client string, now time.Time) error {
	rates := e.answerRates(pool, client)
	if len(rates) == 0 {
		return nil
	}
	return s.Refund(ctx, rates, now)
}

package guard

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// A limit per number does not bound a spray over many numbers: with codes of six
// digits the expected takeovers a day are a millionth of the wrong answers that
// are compared, over all numbers. So a user pool has a purse of answers. Each one
// costs guessUnit before it is compared, and a right one brings that back and
// something for the mistypes of others.
const guessUnit = 100

// guessPurses are the pool's: the first full, strangers must step up; the second
// full, they wait.
func (e *Engine) guessPurses(pool string) [2]Payment {
	g := e.settings.Tuning.Guesses
	purse := func(name string, n int, window time.Duration) Payment {
		return Payment{
			Key:    "guesses/" + name + "/" + pool,
			Limit:  Limit{Max: n * guessUnit, Window: window, Ahead: 4 * guessUnit},
			Amount: guessUnit,
		}
	}
	return [2]Payment{purse("hour", g.Alarm, time.Hour), purse("day", g.PerDay, 24*time.Hour)}
}

// Guess counts an answer to a code of the user pool before it is compared. A
// verdict other than Send means that it must not be, and the transaction must be
// rolled back. Answers from known devices are counted and never stopped.
func (e *Engine) Guess(ctx context.Context, s State, pool string, trusted, stepped bool, now time.Time) (Decision, error) {
	purses := e.guessPurses(pool)
	pay := purses[:]
	switch {
	case trusted:
		for i := range pay {
			pay[i].Limit.Max = math.MaxInt32
		}
	case stepped:
		pay = pay[1:]
	}
	spent, err := s.Pay(ctx, pay, now)
	if err != nil {
		return Decision{}, fmt.Errorf("count a guess: %w", err)
	}
	d := Decision{Verdict: Send}
	for i, p := range pay {
		d.Levels = append(d.Levels, Level{
			Rule: RuleSpray, Of: pool, Have: float64(p.Limit.Max-spent[i].Count) / guessUnit, Need: 1, Limit: float64(p.Limit.Max / guessUnit),
		})
		if spent[i].OK {
			continue
		}
		d.Rule, d.Of, d.Until = RuleSpray, pool, spent[i].ResetAt
		if p.Key == purses[0].Key {
			d.Verdict, d.Fault = StepUp, fault.New(fault.StepUpRequired, "More proof is needed before this code is looked at.")
			continue
		}
		d.Verdict = Refuse
		d.Fault = fault.New(fault.TooManyRequests, "Too many requests").After(spent[i].ResetAt.Sub(now))
	}
	return d, nil
}

// Right tells that the answer just counted was right.
func (e *Engine) Right(ctx context.Context, s State, pool string, now time.Time) error {
	purses := e.guessPurses(pool)
	for i := range purses {
		purses[i].Amount += int(guessUnit * e.settings.Tuning.Guesses.Earn)
	}
	return s.Refund(ctx, purses[:], now)
}

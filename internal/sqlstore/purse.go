package sqlstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// A payment is a spend of many at once. Each row brings along what it is allowed to
// come to, for the condition to look at: one statement pays all, and returns those
// that had room.
var (
	batchPay = newBatch(`insert into counters (name, spent, reset_at, most) values `, `({1}, {2}, {3}, {4})`,
		` on conflict (name) do update set
			spent    = case when counters.reset_at <= $1 or counters.spent = 0 then excluded.spent else counters.spent + excluded.spent end,
			reset_at = case when counters.reset_at <= $1 or counters.spent = 0 then excluded.reset_at else counters.reset_at end,
			held     = case when counters.reset_at <= $1 or counters.spent = 0 then 0 else counters.held end,
			most     = excluded.most
		where counters.reset_at <= $1 or counters.spent + excluded.spent <= excluded.most
		returning name, spent, reset_at`, 1, 4)
	batchCounters = newBatch(`select name, spent, reset_at from counters where reset_at > $1 and spent > 0 and name in (`, `{1}`, `)`, 1, 1)
	batchRefund   = newBatch(`update counters set spent = case when spent - r.column2 > held then spent - r.column2 else held end
		from (values `, `(cast({1} as text), cast({2} as bigint))`, `) as r
		where counters.name = r.column1 and counters.reset_at > $1`, 1, 2)
)

// Pay pays what is exact with one statement, and what a server may have ahead from
// what it holds.
func (t *tx) Pay(ctx context.Context, payments []guard.Payment, now time.Time) ([]guard.Spent, error) {
	if t.ledger != nil {
		return t.payInLedger(ctx, payments, now)
	}
	if f, ahead := t.conn.(foresight); ahead {
		return make([]guard.Spent, len(payments)), t.lookAhead(f, payments, now)
	}
	done := map[string]guard.Spent{}
	var exact, refused []guard.Payment
	for _, p := range merged(payments) {
		switch {
		case p.Amount > p.Limit.Max:
			refused = append(refused, p)
		case t.ahead != nil && p.Limit.Ahead > 0:
			s, err := t.ahead.spend(ctx, t, p.Key, p.Limit, p.Amount, now)
			if err != nil {
				return nil, err
			}
			done[p.Key] = s
		default:
			exact = append(exact, p)
		}
	}
	if t.foresaw(exact, now) {
		if err := t.payForeseen(ctx, exact, now, done); err != nil {
			return nil, err
		}
		exact = nil
	}
	for part := range slices.Chunk(exact, batchMost) {
		if err := t.pay(ctx, part, now, done); err != nil {
			return nil, err
		}
	}
	for _, p := range exact {
		if !done[p.Key].OK {
			refused = append(refused, p)
		}
	}
	// The decision is made; this only says until when.
	for part := range slices.Chunk(refused, batchMost) {
		if err := t.lookUp(ctx, part, now, done); err != nil {
			return nil, err
		}
	}
	all := make([]guard.Spent, len(payments))
	for i, p := range payments {
		all[i] = done[p.Key]
	}
	return all, nil
}

// payInLedger is Pay on SQLite.
func (t *tx) payInLedger(ctx context.Context, payments []guard.Payment, now time.Time) ([]guard.Spent, error) {
	spent := make([]guard.Spent, len(payments))
	err := t.onLedger(ctx, func() error { return t.ledger.know(namesOf(payments)...) })
	if err != nil {
		return nil, err
	}
	for i, p := range payments {
		spent[i] = t.ledger.pay(p.Key, p.Limit, p.Amount, now)
	}
	return spent, nil
}

func namesOf(payments []guard.Payment) []string {
	names := make([]string, len(payments))
	for i, p := range payments {
		names[i] = p.Key
	}
	return names
}

type namedSpent struct {
	name string
	guard.Spent
}

func scanNamedSpent(r row) (s namedSpent, err error) {
	err = r.Scan(&s.name, &s.Count, moment{&s.ResetAt})
	return s, err
}

func (t *tx) pay(ctx context.Context, payments []guard.Payment, now time.Time, done map[string]guard.Spent) error {
	args := []any{millis(now)}
	for _, p := range payments {
		args = append(args, p.Key, p.Amount, millis(now.Add(p.Limit.Window)), p.Limit.Max)
	}
	paid, err := many(ctx, t, scanNamedSpent, batchPay.text(len(payments)), args...)
	for _, s := range paid {
		s.OK = true
		done[s.name] = s.Spent
	}
	return err
}

func (t *tx) lookUp(ctx context.Context, payments []guard.Payment, now time.Time, done map[string]guard.Spent) error {
	found, err := many(ctx, t, scanNamedSpent, batchCounters.text(len(payments)), countersArgs(payments, now)...)
	for _, s := range found {
		done[s.name] = s.Spent
	}
	return err
}

func (t *tx) Refund(ctx context.Context, payments []guard.Payment, now time.Time) error {
	if t.ledger != nil {
		return t.onLedger(ctx, func() error {
			err := t.ledger.know(namesOf(payments)...)
			for _, p := range payments {
				if err == nil {
					t.ledger.refund(p.Key, p.Amount, now)
				}
			}
			return err
		})
	}
	var exact []guard.Payment
	for _, p := range merged(payments) {
		if t.ahead != nil && p.Limit.Ahead > 0 {
			t.ahead.refund(p.Key, p.Amount, now)
			continue
		}
		if p.Amount = t.takeBack(p.Key, p.Amount); p.Amount > 0 {
			exact = append(exact, p)
		}
	}
	for part := range slices.Chunk(exact, batchMost) {
		args := []any{millis(now)}
		for _, p := range part {
			args = append(args, p.Key, p.Amount)
		}
		if err := t.run(ctx, batchRefund.text(len(part)), args...); err != nil {
			return err
		}
	}
	return nil
}

// merged are the payments in the order of their keys, so that two transactions never
// wait for each other crosswise, with one for each key.
func merged(payments []guard.Payment) []guard.Payment {
	all := slices.Clone(payments)
	slices.SortStableFunc(all, func(a, b guard.Payment) int { return strings.Compare(a.Key, b.Key) })
	n := 0
	for _, p := range all {
		if n > 0 && all[n-1].Key == p.Key {
			all[n-1].Amount += p.Amount
			continue
		}
		all[n] = p
		n++
	}
	return all[:n]
}

package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

const (
	// A conflict that the last condition refuses changes and returns nothing.
	sqlSpend = `insert into counters (name, spent, reset_at, held) values ($1, $5, $3, $6)
		on conflict (name) do update set
			spent    = case when counters.reset_at <= $2 or counters.spent = 0 then excluded.spent else counters.spent + excluded.spent end,
			held     = case when counters.reset_at <= $2 or counters.spent = 0 then excluded.held else counters.held + excluded.held end,
			reset_at = case when counters.reset_at <= $2 or counters.spent = 0 then excluded.reset_at else counters.reset_at end
		where counters.reset_at <= $2 or counters.spent + excluded.spent <= $4
		returning spent, reset_at`
	// Of the window that it was taken from, and of no later one.
	sqlPutBack = `update counters set spent = spent - $3, held = held - $4 where name = $1 and spent >= $3 and reset_at = $2`
	sqlReport  = `update counters set held = held - $3 where name = $1 and reset_at = $2`
	sqlCounter = `select spent, reset_at from counters where name = $1 and reset_at > $2 and spent > 0`
	// Never below what servers hold: they spend that without asking.
	sqlGiveBack = `update counters set spent = case when spent - $3 > held then spent - $3 else held end where name = $1 and reset_at > $2`
)

var batchClear = newBatch(`delete from counters where name in (`, `{1}`, `)`, 0, 1)

func scanSpent(r row) (s guard.Spent, err error) {
	err = r.Scan(&s.Count, moment{&s.ResetAt})
	return s, err
}

func (t *tx) Spend(ctx context.Context, key string, l guard.Limit, now time.Time) (guard.Spent, error) {
	if t.ahead != nil && l.Ahead > 0 {
		return t.ahead.spend(ctx, t, key, l, 1, now)
	}
	if t.ledger != nil {
		s, err := t.Pay(ctx, []guard.Payment{{Key: key, Limit: l, Amount: 1}}, now)
		if err != nil {
			return guard.Spent{}, err
		}
		return s[0], nil
	}
	if l.Max > 0 {
		s, ok, err := maybe(ctx, t, scanSpent, sqlSpend, key, millis(now), millis(now.Add(l.Window)), l.Max, 1, 0)
		if s.OK = ok; err != nil || ok {
			return s, err
		}
	}
	// Refused. The decision is made; this only says until when.
	s, _, err := maybe(ctx, t, scanSpent, sqlCounter, key, millis(now))
	return s, err
}

func (t *tx) Count(ctx context.Context, key string, now time.Time) (int, error) {
	if t.ledger != nil {
		err := t.onLedger(ctx, func() error { return t.ledger.know(key) })
		if err != nil {
			return 0, err
		}
		return t.ledger.counters[key].now.spentAt(false, millis(now)).Count, nil
	}
	s, _, err := maybe(ctx, t, scanSpent, sqlCounter, key, millis(now))
	return s.Count, err
}

func (t *tx) GiveBack(ctx context.Context, key string, l guard.Limit, now time.Time) error {
	if t.ahead != nil && l.Ahead > 0 {
		t.ahead.giveBack(key, now)
		return nil
	}
	if t.ledger != nil {
		return t.Refund(ctx, []guard.Payment{{Key: key, Limit: l, Amount: 1}}, now)
	}
	return t.run(ctx, sqlGiveBack, key, millis(now), 1)
}

func (t *tx) Clear(ctx context.Context, keys ...string) error {
	if t.ledger != nil {
		return t.onLedger(ctx, func() error {
			for _, key := range keys {
				t.ledger.remove(key)
			}
			return nil
		})
	}
	for part := range slices.Chunk(slices.Sorted(slices.Values(keys)), batchMost) {
		args := make([]any, len(part))
		for i, key := range part {
			args[i] = key
		}
		if err := t.run(ctx, batchClear.text(len(part)), args...); err != nil {
			return err
		}
	}
	return nil
}

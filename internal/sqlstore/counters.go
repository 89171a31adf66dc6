package sqlstore

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

const (
	// A conflict that the last condition refuses changes and returns nothing.
	sqlSpend = `insert into counters (name, spent, reset_at) values ($1, 1, $3)
		on conflict (name) do update set
			spent    = case when counters.reset_at <= $2 then 1 else counters.spent + 1 end,
			reset_at = case when counters.reset_at <= $2 then excluded.reset_at else counters.reset_at end
		where counters.reset_at <= $2 or counters.spent < $4
		returning spent, reset_at`
	sqlCounter      = `select spent, reset_at from counters where name = $1 and reset_at > $2`
	sqlGiveBack     = `update counters set spent = spent - 1 where name = $1 and spent > 0 and reset_at > $2`
	sqlClearCounter = `delete from counters where name = $1`
)

func scanSpent(r row) (s guard.Spent, err error) {
	err = r.Scan(&s.Count, moment{&s.ResetAt})
	return s, err
}

func (t *tx) Spend(ctx context.Context, key string, l guard.Limit, now time.Time) (guard.Spent, error) {
	if l.Max > 0 {
		s, ok, err := maybe(ctx, t, scanSpent, sqlSpend, key, millis(now), millis(now.Add(l.Window)), l.Max)
		if s.OK = ok; err != nil || ok {
			return s, err
		}
	}
	// Refused. The decision is made; this only says until when.
	s, _, err := maybe(ctx, t, scanSpent, sqlCounter, key, millis(now))
	return s, err
}

func (t *tx) Count(ctx context.Context, key string, now time.Time) (int, error) {
	s, _, err := maybe(ctx, t, scanSpent, sqlCounter, key, millis(now))
	return s.Count, err
}

func (t *tx) GiveBack(ctx context.Context, key string, now time.Time) error {
	return t.run(ctx, sqlGiveBack, key, millis(now))
}

func (t *tx) Clear(ctx context.Context, key string) error {
	return t.run(ctx, sqlClearCounter, key)
}

package sqlstore

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	sqlPasswordLock         = `select failures, failed_at from password_locks where pool_id = $1 and subject = $2`
	sqlCountPasswordFailure = `insert into password_locks (pool_id, subject, failures, failed_at)
		values ($1, $2, 1, $3)
		on conflict (pool_id, subject) do update set
			failures = case when password_locks.failed_at < $4 then 1 else password_locks.failures + 1 end,
			failed_at = excluded.failed_at
		returning failures, failed_at`
	sqlClearPasswordLock = `delete from password_locks where pool_id = $1 and subject = $2`
)

func scanLock(r row) (l userpool.PasswordLock, err error) {
	err = r.Scan(&l.Failures, moment{&l.FailedAt})
	return l, err
}

func (t *tx) PasswordLock(ctx context.Context, pool userpool.PoolID, subject string) (userpool.PasswordLock, error) {
	l, _, err := maybe(ctx, t, scanLock, sqlPasswordLock, pool, subject)
	return l, err
}

func (t *tx) CountPasswordFailure(ctx context.Context, pool userpool.PoolID, subject string, now, idleSince time.Time) (userpool.PasswordLock, error) {
	return one(ctx, t, scanLock, sqlCountPasswordFailure, pool, subject, millis(now), millis(idleSince))
}

func (t *tx) ClearPasswordLock(ctx context.Context, pool userpool.PoolID, subject string) error {
	return t.run(ctx, sqlClearPasswordLock, pool, subject)
}

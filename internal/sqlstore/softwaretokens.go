package sqlstore

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	softwareTokenColumns = `pool_id, user_id, secret, pending, name, last_step, created_at, verified_at`

	sqlSoftwareToken   = `select ` + softwareTokenColumns + ` from software_tokens where pool_id = $1 and user_id = $2`
	sqlPutPendingToken = `insert into software_tokens (` + softwareTokenColumns + `)
		values ($1, $2, '', $3, '', 0, $4, 0)
		on conflict (pool_id, user_id) do update set pending = excluded.pending`
	sqlVerifyToken = `update software_tokens set secret = pending, pending = '', name = $4, last_step = $5, verified_at = $6
		where pool_id = $1 and user_id = $2 and pending = $3 and pending <> ''`
	sqlUseTokenStep = `update software_tokens set last_step = $3
		where pool_id = $1 and user_id = $2 and secret <> '' and last_step < $3`
	sqlDeleteSoftwareToken = `delete from software_tokens where pool_id = $1 and user_id = $2`
)

func scanSoftwareToken(r row) (k userpool.SoftwareToken, err error) {
	err = r.Scan(&k.PoolID, &k.UserID, &k.Secret, &k.Pending, &k.Name, &k.LastStep, moment{&k.CreatedAt}, moment{&k.VerifiedAt})
	return k, err
}

func (t *tx) SoftwareToken(ctx context.Context, pool userpool.PoolID, user userpool.UserID) (userpool.SoftwareToken, error) {
	return one(ctx, t, scanSoftwareToken, sqlSoftwareToken, pool, user)
}

// PutPendingToken conflicts with whoever changes the user or removes him.
func (t *tx) PutPendingToken(ctx context.Context, pool userpool.PoolID, user userpool.UserID, pending string, now time.Time) error {
	if err := t.touch(ctx, sqlTouchUser, pool, user); err != nil {
		return err
	}
	return t.run(ctx, sqlPutPendingToken, pool, user, pending, millis(now))
}

func (t *tx) VerifyToken(ctx context.Context, k userpool.SoftwareToken) (bool, error) {
	return t.changed(ctx, sqlVerifyToken, k.PoolID, k.UserID, k.Pending, k.Name, k.LastStep, millis(k.VerifiedAt))
}

func (t *tx) UseTokenStep(ctx context.Context, pool userpool.PoolID, user userpool.UserID, step int64) (bool, error) {
	return t.changed(ctx, sqlUseTokenStep, pool, user, step)
}

func (t *tx) DeleteSoftwareToken(ctx context.Context, pool userpool.PoolID, user userpool.UserID) error {
	if err := t.touch(ctx, sqlTouchUser, pool, user); err != nil {
		return err
	}
	return t.run(ctx, sqlDeleteSoftwareToken, pool, user)
}

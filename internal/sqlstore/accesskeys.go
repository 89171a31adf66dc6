package sqlstore

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	accessKeyColumns = `id, name, secret, operations, pools, created_at, expires_at, last_used_at`

	sqlInsertAccessKey = `insert into admin_keys (` + accessKeyColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`
	sqlAccessKey       = `select ` + accessKeyColumns + ` from admin_keys where id = $1`
	sqlAccessKeys      = `select ` + accessKeyColumns + ` from admin_keys order by created_at, id`
	sqlDeleteAccessKey = `delete from admin_keys where id = $1`
	sqlTouchAccessKey  = `update admin_keys set last_used_at = $2 where id = $1 and last_used_at <= $3`
)

func scanAccessKey(r row) (k userpool.AccessKey, err error) {
	err = r.Scan(&k.ID, &k.Name, &k.Secret, decoded{&k.Operations}, decoded{&k.Pools},
		moment{&k.CreatedAt}, moment{&k.ExpiresAt}, moment{&k.LastUsedAt})
	return k, err
}

func (t *tx) InsertAccessKey(ctx context.Context, k userpool.AccessKey) error {
	return t.insert(ctx, sqlInsertAccessKey, k.ID, k.Name, k.Secret, list(k.Operations), list(k.Pools),
		millis(k.CreatedAt), millis(k.ExpiresAt), millis(k.LastUsedAt))
}

func (t *tx) AccessKey(ctx context.Context, id string) (userpool.AccessKey, error) {
	return one(ctx, t, scanAccessKey, sqlAccessKey, id)
}

func (t *tx) AccessKeys(ctx context.Context) ([]userpool.AccessKey, error) {
	return many(ctx, t, scanAccessKey, sqlAccessKeys)
}

func (t *tx) DeleteAccessKey(ctx context.Context, id string) (bool, error) {
	return t.changed(ctx, sqlDeleteAccessKey, id)
}

func (t *tx) TouchAccessKey(ctx context.Context, id string, now, before time.Time) error {
	return t.run(ctx, sqlTouchAccessKey, id, millis(now), millis(before))
}

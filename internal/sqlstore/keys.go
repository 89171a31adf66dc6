package sqlstore

import (
	"cmp"
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	keyColumns = `id, pool_id, purpose, alg, private, created_at, active_at, retired_at`

	sqlInsertKey = `insert into signing_keys (` + keyColumns + `) values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict do nothing`
	sqlKeys = `select ` + keyColumns + ` from signing_keys where pool_id = $1
		order by active_at, created_at, id`
	sqlDeleteKey = `delete from signing_keys where id = $1`

	// The second look at pool_id decides between two that chose the same key.
	sqlClaimStockKey = `update signing_keys
		set pool_id = $2, purpose = $3, created_at = $4, active_at = $5, retired_at = $6
		where pool_id = '' and id = (
			select id from signing_keys where pool_id = '' and alg = $1 order by created_at, id limit 1)
		returning ` + keyColumns
	sqlStockKeys = `select count(*) from signing_keys where pool_id = '' and alg = $1`
)

func scanKey(r row) (k userpool.SigningKey, err error) {
	err = r.Scan(&k.ID, &k.PoolID, &k.Use, &k.Alg, &k.Private,
		moment{&k.CreatedAt}, moment{&k.ActiveAt}, moment{&k.RetiredAt})
	return k, err
}

// InsertKey and ClaimStockKey conflict with whoever changes the keys of the same
// pool, so that a rotation is carried out once.
func (t *tx) InsertKey(ctx context.Context, k userpool.SigningKey) error {
	if err := t.renewConfig(ctx, sqlRenewConfig, k.PoolID); err != nil {
		return err
	}
	return t.insert(ctx, sqlInsertKey, k.ID, k.PoolID, k.Use, k.Alg, k.Private,
		millis(k.CreatedAt), millis(k.ActiveAt), millis(k.RetiredAt))
}

// Keys orders by when the keys begin to sign, then by when they were made.
func (t *tx) Keys(ctx context.Context, pool userpool.PoolID) ([]userpool.SigningKey, error) {
	return cached(ctx, t, &t.config.keys, pool,
		func() ([]userpool.SigningKey, error) { return many(ctx, t, scanKey, sqlKeys, pool) },
		func([]userpool.SigningKey) userpool.PoolID { return pool })
}

func (t *tx) DeleteKey(ctx context.Context, id string) error {
	return cmp.Or(
		t.renewConfig(ctx, sqlRenewConfigOfKey, id),
		t.run(ctx, sqlDeleteKey, id))
}

// ClaimStockKey takes all three times from to.
func (t *tx) ClaimStockKey(ctx context.Context, alg string, to userpool.SigningKey) (userpool.SigningKey, error) {
	if err := t.renewConfig(ctx, sqlRenewConfig, to.PoolID); err != nil {
		return userpool.SigningKey{}, err
	}
	return one(ctx, t, scanKey, sqlClaimStockKey, alg, to.PoolID, to.Use,
		millis(to.CreatedAt), millis(to.ActiveAt), millis(to.RetiredAt))
}

func (t *tx) StockKeys(ctx context.Context, alg string) (int, error) {
	return one(ctx, t, value[int], sqlStockKeys, alg)
}

package sqlstore

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	sqlNoteHashCost = `insert into hash_costs (pool_id, cost)
		select $1, $2 where (select count(*) from hash_costs where pool_id = $1) < $3
		on conflict do nothing`
	sqlHashCosts = `select cost from hash_costs where pool_id = $1
		and exists (select 1 from users where pool_id = $1 and password_hash <> '') order by cost`
)

func (t *tx) NoteHashCost(ctx context.Context, pool userpool.PoolID, cost string, most int) error {
	return t.run(ctx, sqlNoteHashCost, pool, cost, most)
}

func (t *tx) HashCosts(ctx context.Context, pool userpool.PoolID) ([]string, error) {
	return many(ctx, t, value[string], sqlHashCosts, pool)
}

package sqlstore

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// configCache holds pools, app clients and signing keys, decoded, for the transactions
// that come after. Nearly every request needs all three, and they hardly ever change.
//
// Each is held with the version that the configuration of its pool had in the same
// snapshot, and is given to a transaction that reads that version in its own. So a
// transaction finds what the rows hold for it, whoever changed them, and where: a
// client that was deleted through another server, or by a command, is gone at once.
//
// A version is a number by chance, not a count. A count would come again with other
// content: after a pool that was made again with its id, a transaction that was rolled
// back, a backup that was restored. Such a number does not, and of a backup it says
// what it said.
//
// On PostgreSQL a transaction takes it that the version has not changed, and has that
// checked with the next statement that it sends. Where it has, it is run again, and
// asks (see assumption). A View that is the first of an operation, and wants nothing else,
// leaves the check to what the operation asks next (see recite).
//
// On SQLite a version is not even asked for while the file tells that nobody has changed
// any (see fileStates).
//
// Only transactions that read what is committed, and all of it on one snapshot, put into
// it: Views, and on PostgreSQL Updates.
type configCache struct {
	pools   decodedRows[userpool.PoolID, userpool.Pool]
	clients decodedRows[userpool.ClientID, userpool.Client]
	keys    decodedRows[userpool.PoolID, []userpool.SigningKey]
}

// decodedRows are values by their keys, cachedMost at most. Whoever gets one shares
// what it points to, and changes none of that. The zero value is empty.
type decodedRows[K comparable, V any] struct {
	mu    sync.RWMutex // guards byKey
	byKey map[K]*decodedRow[V]
}

type decodedRow[V any] struct {
	pool    userpool.PoolID
	version int64
	value   V
	known   atomic.Uint64 // the configuration of a fileState that it is of, 0 if of none that is known
}

// cachedMost bounds each of a cache's three parts: some ten megabytes in all, where
// the settings are long.
const cachedMost = 500

func (d *decodedRows[K, V]) get(key K) *decodedRow[V] {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.byKey[key]
}

// put lets one go, any, where there are too many.
func (d *decodedRows[K, V]) put(key K, row *decodedRow[V]) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byKey == nil {
		d.byKey = make(map[K]*decodedRow[V])
	}
	if d.byKey[key] == nil && len(d.byKey) >= cachedMost {
		for other := range d.byKey {
			delete(d.byKey, other)
			break
		}
	}
	d.byKey[key] = row
}

// cached is what read reads, or what an earlier View did where nothing has changed
// since.
func cached[K comparable, V any](ctx context.Context, t *tx, rows *decodedRows[K, V], key K,
	read func() (V, error), poolOf func(V) userpool.PoolID,
) (none V, _ error) {
	if t.configured { // what it has written may be taken back in part
		return read()
	}
	if row := rows.get(key); row != nil {
		same, err := t.hasConfig(ctx, row.pool, row.version, row.known.Load())
		if err != nil {
			return none, err
		}
		if same {
			t.file.confirm(&row.known)
			return row.value, nil
		}
	}
	value, err := read()
	if err != nil || !t.fills {
		return value, err
	}
	pool := poolOf(value)
	version, found, err := t.configVersion(ctx, pool)
	if err != nil {
		return none, err
	}
	if found {
		row := &decodedRow[V]{pool: pool, version: version, value: value}
		t.file.confirm(&row.known)
		rows.put(key, row)
	}
	return value, nil
}

const (
	sqlConfigVersion = `select config_version from pools where id = $1`

	sqlRenewConfig         = `update pools set config_version = $2 where id = $1`
	sqlRenewConfigOfClient = `update pools set config_version = $2
		where id = (select pool_id from clients where id = $1)`
	sqlRenewConfigOfKey = `update pools set config_version = $2
		where id = (select pool_id from signing_keys where id = $1)`
	sqlRenewEveryConfig = `update pools set config_version = $1`
)

// hasConfig says whether a pool's configuration has the version, or takes it for so:
// for one, where the version is of the configuration that its file has.
func (t *tx) hasConfig(ctx context.Context, pool userpool.PoolID, version int64, known uint64) (bool, error) {
	if t.file != nil && t.file.config == known {
		t.takeConfig(pool, version)
		return true, t.usable(ctx)
	}
	if t.assumes && !slices.ContainsFunc(t.seen, func(s userpool.ConfigVersion) bool { return s.Pool == pool }) {
		t.seen = append(t.seen, userpool.ConfigVersion{Pool: pool, Version: version})
		t.remote.assume(pool, version)
		return true, t.usable(ctx)
	}
	now, found, err := t.configVersion(ctx, pool)
	return found && now == version, err
}

// takeConfig notes a version that is taken for the present one.
func (t *tx) takeConfig(pool userpool.PoolID, version int64) {
	if !slices.ContainsFunc(t.seen, func(s userpool.ConfigVersion) bool { return s.Pool == pool }) {
		t.seen = append(t.seen, userpool.ConfigVersion{Pool: pool, Version: version})
	}
}

// configVersion reads a pool's version once in a transaction.
func (t *tx) configVersion(ctx context.Context, pool userpool.PoolID) (version int64, found bool, err error) {
	for _, s := range t.seen {
		if s.Pool == pool {
			return s.Version, true, t.usable(ctx)
		}
	}
	version, found, err = maybe(ctx, t, value[int64], sqlConfigVersion, pool)
	if found {
		t.seen = append(t.seen, userpool.ConfigVersion{Pool: pool, Version: version})
	}
	return version, found, err
}

// renewConfig is for whoever changes what is cached of a pool, in the same transaction.
// A new client is a change too: a snapshot that is older has none.
//
// Two that change one pool's configuration at the same time conflict on a snapshot.
func (t *tx) renewConfig(ctx context.Context, query string, key any) error {
	t.configured = true
	return t.run(ctx, query, key, newConfigVersion())
}

func newConfigVersion() int64 { return rand.Int64() }

// fillConfigVersions gives all pools of an earlier schema one version, which none had
// in another database.
func fillConfigVersions(_ context.Context, c conn) error {
	_, err := c.exec(sqlRenewEveryConfig, newConfigVersion())
	return err
}

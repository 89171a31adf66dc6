package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	sqlMeta    = `select value from meta where name = $1`
	sqlPutMeta = `insert into meta (name, value) values ($1, $2)
		on conflict (name) do update set value = excluded.value`
)

func (t *tx) Meta(ctx context.Context, key string) (string, error) {
	v, _, err := maybe(ctx, t, value[string], sqlMeta, key)
	return v, err
}

func (t *tx) PutMeta(ctx context.Context, key, value string) error {
	return t.run(ctx, sqlPutMeta, key, value)
}

const (
	poolColumns = `id, name, settings, created_at, modified_at`

	sqlInsertPool = `insert into pools (` + poolColumns + `, config_version) values ($1, $2, $3, $4, $5, $6)
		on conflict do nothing`
	sqlPool       = `select ` + poolColumns + ` from pools where id = $1`
	sqlPools      = `select ` + poolColumns + ` from pools where id > $1 order by id limit $2`
	sqlUpdatePool = `update pools set name = $2, settings = $3, modified_at = $4, config_version = $5 where id = $1`
	sqlDeletePool = `delete from pools where id = $1`

	// What no foreign key takes along, on PostgreSQL.
	sqlDeletePoolKeys       = `delete from signing_keys where pool_id = $1`
	sqlDeletePoolSessions   = `delete from sessions where pool_id = $1`
	sqlDeletePoolChallenges = `delete from challenges where pool_id = $1`
	sqlDeletePoolMessages   = `delete from messages where pool_id = $1`
	sqlDeletePoolFamilies   = `delete from families where pool_id = $1`
	sqlDeletePoolDevices    = `delete from devices where pool_id = $1`
	sqlDeletePoolForgotten  = `delete from forgotten_devices where pool_id = $1`
)

func scanPool(r row) (p userpool.Pool, err error) {
	err = r.Scan(&p.ID, &p.Name, decoded{&p.Settings}, moment{&p.CreatedAt}, moment{&p.ModifiedAt})
	return p, err
}

// InsertPool ends what a sign-in has left that was beside the end of a pool of the same id.
func (t *tx) InsertPool(ctx context.Context, p userpool.Pool) error {
	t.configured = true
	err := t.insert(ctx, sqlInsertPool, p.ID, p.Name, text(p.Settings), millis(p.CreatedAt), millis(p.ModifiedAt),
		newConfigVersion())
	if err != nil {
		return err
	}
	return t.run(ctx, sqlDeletePoolFamilies, p.ID)
}

func (t *tx) Pool(ctx context.Context, id userpool.PoolID) (userpool.Pool, error) {
	return cached(ctx, t, &t.config.pools, id,
		func() (userpool.Pool, error) { return one(ctx, t, scanPool, sqlPool, id) },
		func(p userpool.Pool) userpool.PoolID { return p.ID })
}

func (t *tx) Pools(ctx context.Context, after userpool.PoolID, limit int) ([]userpool.Pool, error) {
	return many(ctx, t, scanPool, sqlPools, after, limit)
}

// UpdatePool leaves id and creation as they are.
func (t *tx) UpdatePool(ctx context.Context, p userpool.Pool) error {
	t.configured = true
	return t.replace(ctx, sqlUpdatePool, p.ID, p.Name, text(p.Settings), millis(p.ModifiedAt), newConfigVersion())
}

// DeletePool leaves much of the work to the foreign keys. What has none is deleted in the
// order in which a sign-in writes: sessions, challenges, users, and so on.
//
// No device is left behind by a sign-in beside it: who inserts one writes its user, so that
// of the two one fails and runs again. What may be left are a family, which a pool of the
// same id does not get (see InsertPool), and the challenge, the Session and the text of
// somebody who does not exist. Nothing finds them without the pool, and they expire.
func (t *tx) DeletePool(ctx context.Context, id userpool.PoolID) error {
	if id == "" {
		return nil // the stock of keys is no pool's
	}
	t.configured = true
	return cmp.Or( // after a failed statement the rest is refused
		t.run(ctx, sqlDeletePoolKeys, id),
		t.run(ctx, sqlDeletePoolSessions, id),
		t.run(ctx, sqlDeletePoolChallenges, id),
		t.run(ctx, sqlDeletePoolMessages, id),
		t.run(ctx, sqlDeletePool, id),
		t.run(ctx, sqlDeletePoolFamilies, id),
		t.run(ctx, sqlDeletePoolDevices, id),
		t.run(ctx, sqlDeletePoolForgotten, id))
}

const (
	clientColumns = `id, pool_id, name, secrets, settings, created_at, modified_at`

	sqlInsertClient = `insert into clients (` + clientColumns + `) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict do nothing`
	sqlClient       = `select ` + clientColumns + ` from clients where id = $1`
	sqlClients      = `select ` + clientColumns + ` from clients where pool_id = $1 and id > $2 order by id limit $3`
	sqlUpdateClient = `update clients set name = $2, secrets = $3, settings = $4, modified_at = $5 where id = $1`
	sqlDeleteClient = `delete from clients where pool_id = $1 and id = $2`

	// What was begun through a client; of its sign-ups also what was begun for
	// them through others.
	clientSignUps           = `select id from registrations where pool_id = $1 and client_id = $2`
	clientChallenges        = `pool_id = $1 and (client_id = $2 or registration_id in (` + clientSignUps + `))`
	sqlDeleteClientMessages = `delete from messages where pool_id = $1 and (client_id = $2
		or challenge_id in (select id from challenges where ` + clientChallenges + `))`
	sqlDeleteClientChallenges    = `delete from challenges where ` + clientChallenges
	sqlDeleteClientSessions      = `delete from sessions where pool_id = $1 and (client_id = $2 or subject in (` + clientSignUps + `))`
	sqlDeleteClientRegistrations = `delete from registrations where pool_id = $1 and client_id = $2`
	sqlDeleteClientFamilies      = `delete from families where pool_id = $1 and client_id = $2`
)

// keptSecret is how a client's secret is kept; keptSecrets scans a list of them.
type keptSecret struct {
	ID     string `json:"id"`
	Sealed string `json:"sealed"`
	At     int64  `json:"at"` // Unix milliseconds
}

type keptSecrets []userpool.ClientSecret

func secrets(all []userpool.ClientSecret) string {
	kept := make([]keptSecret, len(all))
	for i, s := range all {
		kept[i] = keptSecret{s.ID, s.Sealed, s.CreatedAt.UnixMilli()}
	}
	return list(kept)
}

func (k *keptSecrets) UnmarshalJSON(text []byte) error {
	var all []keptSecret
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*k = make(keptSecrets, len(all))
	for i, s := range all {
		(*k)[i] = userpool.ClientSecret{ID: s.ID, Sealed: s.Sealed, CreatedAt: time.UnixMilli(s.At).UTC()}
	}
	return nil
}

func scanClient(r row) (c userpool.Client, err error) {
	err = r.Scan(&c.ID, &c.PoolID, &c.Name, decoded{(*keptSecrets)(&c.Secrets)}, decoded{&c.Settings}, moment{&c.CreatedAt}, moment{&c.ModifiedAt})
	return c, err
}

func (t *tx) InsertClient(ctx context.Context, c userpool.Client) error {
	if err := t.renewConfig(ctx, sqlRenewConfig, c.PoolID); err != nil {
		return err
	}
	return t.insert(ctx, sqlInsertClient, c.ID, c.PoolID, c.Name, secrets(c.Secrets), text(c.Settings),
		millis(c.CreatedAt), millis(c.ModifiedAt))
}

func (t *tx) Client(ctx context.Context, id userpool.ClientID) (userpool.Client, error) {
	return cached(ctx, t, &t.config.clients, id,
		func() (userpool.Client, error) { return one(ctx, t, scanClient, sqlClient, id) },
		func(c userpool.Client) userpool.PoolID { return c.PoolID })
}

func (t *tx) Clients(ctx context.Context, pool userpool.PoolID, after userpool.ClientID, limit int) ([]userpool.Client, error) {
	return many(ctx, t, scanClient, sqlClients, pool, after, limit)
}

// UpdateClient leaves id, pool and creation as they are.
func (t *tx) UpdateClient(ctx context.Context, c userpool.Client) error {
	if err := t.renewConfig(ctx, sqlRenewConfigOfClient, c.ID); err != nil {
		return err
	}
	return t.replace(ctx, sqlUpdateClient, c.ID, c.Name, secrets(c.Secrets), text(c.Settings), millis(c.ModifiedAt))
}

func (t *tx) DeleteClient(ctx context.Context, pool userpool.PoolID, id userpool.ClientID) error {
	return cmp.Or( // after a failed statement the rest is refused
		t.renewConfig(ctx, sqlRenewConfig, pool),
		t.run(ctx, sqlDeleteClientMessages, pool, id),
		t.run(ctx, sqlDeleteClientChallenges, pool, id),
		t.run(ctx, sqlDeleteClientSessions, pool, id),
		t.run(ctx, sqlDeleteClientRegistrations, pool, id),
		t.run(ctx, sqlDeleteClientFamilies, pool, id),
		t.run(ctx, sqlDeleteClient, pool, id))
}

package sqlstore

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// The statements of fillPlaces name the columns that version 2 has: those of a
// later one are not there yet.
const (
	sqlFillPools         = `select id from pools where id > $1 order by id limit 1`
	sqlUnplacedUsers     = `select id, username, names, attributes, created_at from users where pool_id = $1 and place = '' limit 500`
	sqlPlaceUser         = `update users set place = $3 where pool_id = $1 and id = $2`
	sqlUnplacedRegs      = `select id, name, sub, attributes, existing_id from registrations where pool_id = $1 and place = '' limit 500`
	sqlPlaceRegistration = `update registrations set place = $2 where id = $1`
)

// fillPlaces gives the users and sign-ups of version 1 their places and makes
// the search find them.
func fillPlaces(ctx context.Context, c conn) error {
	t := &tx{conn: c, caller: ctx}
	pool, found, err := maybe(ctx, t, value[userpool.PoolID], sqlFillPools, "")
	for found && err == nil {
		if err = t.fillPool(ctx, pool); err == nil {
			pool, found, err = maybe(ctx, t, value[userpool.PoolID], sqlFillPools, pool)
		}
	}
	return err
}

func (t *tx) fillPool(ctx context.Context, pool userpool.PoolID) error {
	err := batches(ctx, t, func(r row) (u userpool.User, err error) {
		u.PoolID = pool
		return u, r.Scan(&u.ID, &u.Username, decoded{&u.Names}, decoded{&u.Attributes}, moment{&u.CreatedAt})
	}, sqlUnplacedUsers, pool, func(u userpool.User) error {
		place := placeOfUser(u)
		if err := t.run(ctx, sqlPlaceUser, pool, u.ID, place); err != nil {
			return err
		}
		return t.indexUser(ctx, u, place, nil, u.SearchTerms())
	})
	if err != nil {
		return err
	}
	return batches(ctx, t, func(r row) (g userpool.Registration, err error) {
		g.PoolID = pool
		return g, r.Scan(&g.ID, &g.Name, &g.Sub, decoded{&g.Attributes}, &g.Existing)
	}, sqlUnplacedRegs, pool, func(g userpool.Registration) error {
		if err := t.run(ctx, sqlPlaceRegistration, g.ID, placeOfRegistration(g)); err != nil {
			return err
		}
		return t.indexRegistration(ctx, g)
	})
}

// batches calls fn for each row of a query that does not find again what fn has
// dealt with.
func batches[T any](ctx context.Context, t *tx, scan func(row) (T, error), query string, pool userpool.PoolID, fn func(T) error) error {
	for {
		all, err := many(ctx, t, scan, query, pool)
		if err != nil || len(all) == 0 {
			return err
		}
		for _, v := range all {
			if err := fn(v); err != nil {
				return err
			}
		}
	}
}

// rekeyDevices puts the devices of a user together. SQLite keeps them in the order of
// their key, so that a sign-in reads and writes one page of them; there a key is changed
// by making the table anew.
func rekeyDevices(_ context.Context, c conn) error {
	if !c.engine().alone {
		return c.script(`
			alter table devices drop constraint devices_pkey;
			drop index devices_by_user;
			alter table devices add primary key (pool_id, user_id, device_key);` + indexDevicesByKey)
	}
	return c.script(`
		create table devices_by_user_and_key (
			pool_id          text    not null references pools (id) on delete cascade,
			device_key       text    not null,
			user_id          text    not null,
			group_key        text    not null,
			name             text    not null,
			verifier         text    not null,
			remembered       boolean not null,
			address          text    not null,
			created_at       bigint  not null,
			modified_at      bigint  not null,
			confirmed_at     bigint  not null,
			authenticated_at bigint  not null,
			primary key (pool_id, user_id, device_key)
		) without rowid;
		insert into devices_by_user_and_key (` + deviceColumnsOf9 + `)
			select ` + deviceColumnsOf9 + ` from devices order by pool_id, user_id, device_key;
		drop table devices;
		alter table devices_by_user_and_key rename to devices;` + indexDevicesByKey)
}

const (
	deviceColumnsOf9 = `pool_id, device_key, user_id, group_key, name, verifier, remembered, address,
		created_at, modified_at, confirmed_at, authenticated_at`
	// By which those that have something sealed are found one after the other.
	indexDevicesByKey = `
		create unique index devices_by_key on devices (pool_id, device_key) where confirmed_at > 0;`
)

// detachHotRows takes the foreign keys from the tables that every sign-in inserts into. On
// PostgreSQL each costs the insert a statement that locks the pool's row, which all
// sign-ins share; DeletePool deletes the rows. SQLite looks for the pool in no time, and
// would have to make the tables anew.
//
// The tables are in the order in which a sweep writes them.
func detachHotRows(_ context.Context, c conn) error {
	if c.engine().alone {
		return nil
	}
	return c.script(`
		alter table sessions   drop constraint sessions_pool_id_fkey;
		alter table challenges drop constraint challenges_pool_id_fkey;
		alter table families   drop constraint families_pool_id_fkey;
		alter table messages   drop constraint messages_pool_id_fkey;
		alter table devices    drop constraint devices_pool_id_fkey`)
}

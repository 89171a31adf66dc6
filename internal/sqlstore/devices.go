package sqlstore

import (
	"cmp"
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	deviceColumns = `pool_id, device_key, user_id, group_key, name, verifier, remembered, address,
		created_at, modified_at, confirmed_at, authenticated_at`

	sqlInsertDevice = `insert into devices (` + deviceColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing`
	sqlDevice       = `select ` + deviceColumns + ` from devices where pool_id = $1 and device_key = $2 and user_id = $3`
	sqlUpdateDevice = `update devices set name = $4, verifier = $5, remembered = $6, address = $7,
		modified_at = $8, authenticated_at = $9
		where pool_id = $1 and device_key = $2 and user_id = $3`
	sqlConfirmDevice = `update devices set name = $4, verifier = $5, remembered = $6, modified_at = $7, confirmed_at = $8
		where pool_id = $1 and device_key = $2 and user_id = $3 and confirmed_at = 0`
	sqlDevices = `select ` + deviceColumns + ` from devices
		where pool_id = $1 and user_id = $2 and device_key > $3 and confirmed_at > 0 order by device_key limit $4`
	sqlDeleteDevice  = `delete from devices where pool_id = $1 and device_key = $2 and user_id = $3`
	sqlDeleteDevices = `delete from devices where pool_id = $1 and user_id = $2`

	sqlForgotten       = `select up_to, device_keys from forgotten_devices where pool_id = $1 and user_id = $2`
	sqlDeleteForgotten = `delete from forgotten_devices where pool_id = $1 and user_id = $2`
	sqlPutForgotten    = `insert into forgotten_devices (pool_id, user_id, up_to, device_keys) values ($1, $2, $3, $4)
		on conflict (pool_id, user_id) do update set up_to = excluded.up_to, device_keys = excluded.device_keys`

	// Who has too many has one too many, or what a lower bound left.
	sqlTrimConfirmed = `delete from devices where pool_id = $1 and user_id = $2 and device_key in (
		select device_key from devices where pool_id = $1 and user_id = $2 and confirmed_at > 0
			order by remembered desc, authenticated_at desc, device_key limit 1000 offset $3)
		returning device_key`
	sqlTrimFresh = `delete from devices where pool_id = $1 and user_id = $2 and device_key in (
		select device_key from devices where pool_id = $1 and user_id = $2 and confirmed_at = 0
			order by authenticated_at desc, device_key limit 1000 offset $3)
		returning device_key`
)

func scanDevice(r row) (d userpool.Device, err error) {
	err = r.Scan(&d.PoolID, &d.Key, &d.UserID, &d.GroupKey, &d.Name, &d.Verifier, &d.Remembered, &d.Address,
		moment{&d.CreatedAt}, moment{&d.ModifiedAt}, moment{&d.ConfirmedAt}, moment{&d.AuthenticatedAt})
	return d, err
}

// InsertDevice conflicts with whoever changes the user or ends his devices.
func (t *tx) InsertDevice(ctx context.Context, d userpool.Device) error {
	if err := t.touch(ctx, sqlTouchUser, d.PoolID, d.UserID); err != nil {
		return err
	}
	return t.insertNew(ctx, sqlInsertDevice, deviceRow(d)...)
}

func deviceRow(d userpool.Device) []any {
	return []any{string(d.PoolID), d.Key, string(d.UserID), d.GroupKey, d.Name, d.Verifier, d.Remembered, d.Address,
		millis(d.CreatedAt), millis(d.ModifiedAt), millis(d.ConfirmedAt), millis(d.AuthenticatedAt)}
}

func (t *tx) Device(ctx context.Context, pool userpool.PoolID, user userpool.UserID, key string) (userpool.Device, error) {
	return one(ctx, t, scanDevice, sqlDevice, pool, key, user)
}

func (t *tx) UpdateDevice(ctx context.Context, d userpool.Device) error {
	return t.replace(ctx, sqlUpdateDevice, d.PoolID, d.Key, d.UserID, d.Name, d.Verifier, d.Remembered, d.Address,
		millis(d.ModifiedAt), millis(d.AuthenticatedAt))
}

func (t *tx) ConfirmDevice(ctx context.Context, d userpool.Device) (bool, error) {
	return t.changed(ctx, sqlConfirmDevice, d.PoolID, d.Key, d.UserID, d.Name, d.Verifier, d.Remembered,
		millis(d.ModifiedAt), millis(d.ConfirmedAt))
}

func (t *tx) Devices(ctx context.Context, pool userpool.PoolID, user userpool.UserID, after string, limit int) ([]userpool.Device, error) {
	return many(ctx, t, scanDevice, sqlDevices, pool, user, after, limit)
}

func (t *tx) DeleteDevice(ctx context.Context, pool userpool.PoolID, user userpool.UserID, key string) (bool, error) {
	return t.changed(ctx, sqlDeleteDevice, pool, key, user)
}

func (t *tx) DeleteDevices(ctx context.Context, pool userpool.PoolID, user userpool.UserID) error {
	if err := t.touch(ctx, sqlTouchUser, pool, user); err != nil {
		return err
	}
	return cmp.Or( // after a failed statement the rest is refused
		t.run(ctx, sqlDeleteDevices, pool, user),
		t.run(ctx, sqlDeleteForgotten, pool, user))
}

func (t *tx) TrimDevices(ctx context.Context, pool userpool.PoolID, user userpool.UserID, confirmed bool, most int) ([]string, error) {
	if err := t.touch(ctx, sqlTouchUser, pool, user); err != nil {
		return nil, err
	}
	query := sqlTrimFresh
	if confirmed {
		query = sqlTrimConfirmed
	}
	return many(ctx, t, value[string], query, pool, user, most)
}

func (t *tx) ForgottenDevices(ctx context.Context, pool userpool.PoolID, user userpool.UserID) (f userpool.ForgottenDevices, err error) {
	scan := func(r row) (f userpool.ForgottenDevices, err error) {
		return f, r.Scan(moment{&f.UpTo}, decoded{&f.Keys})
	}
	f, _, err = maybe(ctx, t, scan, sqlForgotten, pool, user)
	return f, err
}

// PutForgottenDevices conflicts with whoever inserts a device of the user, which may be
// one of them.
func (t *tx) PutForgottenDevices(ctx context.Context, pool userpool.PoolID, user userpool.UserID, f userpool.ForgottenDevices) error {
	if err := t.touch(ctx, sqlTouchUser, pool, user); err != nil {
		return err
	}
	return t.run(ctx, sqlPutForgotten, pool, user, millis(f.UpTo), list(f.Keys))
}

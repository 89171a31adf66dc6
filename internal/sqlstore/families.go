package sqlstore

import (
	"cmp"
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	familyColumns = `id, pool_id, client_id, user_id, generation, auth_time, created_at, expires_at,
		rotated_at, revoked_at, device_key, sign_outs`

	sqlInsertFamily = `insert into families (` + familyColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing`
	sqlFamily         = `select ` + familyColumns + ` from families where id = $1`
	poolOfFamily      = `(select pool_id from families where id = $1)`
	userOfFamily      = `(select user_id from families where id = $1)`
	sqlHolder         = `select ` + userColumns + ` from users where pool_id = ` + poolOfFamily + ` and id = ` + userOfFamily
	sqlGroupsOfHolder = `select ` + groupColumns + ` from user_groups where pool_id = ` + poolOfFamily + `
		and name in (select group_name from group_members where pool_id = ` + poolOfFamily + ` and user_id = ` + userOfFamily + `) order by name`
	sqlRotateRefresh = `update families set generation = generation + 1, rotated_at = $3
		where id = $1 and generation = $2 and revoked_at = 0 and expires_at - $3 > 0`
	sqlRevokeFamily = `update families set revoked_at = $2 where id = $1 and revoked_at = 0`
	// familyStands is for who looks at many: not revoked, and its user is there and was not
	// signed out everywhere since.
	familyStands = `revoked_at = 0 and exists (
		select 1 from users where pool_id = families.pool_id and id = families.user_id and sign_outs = families.sign_outs)`
	sqlLastFamilyEnd = `select coalesce(max(expires_at), 0) from families where created_at < $1 and ` + familyStands
)

func scanFamily(r row) (f userpool.Family, err error) {
	err = r.Scan(&f.ID, &f.PoolID, &f.ClientID, &f.UserID, &f.Generation, moment{&f.AuthTime},
		moment{&f.CreatedAt}, moment{&f.ExpiresAt}, moment{&f.RotatedAt}, moment{&f.RevokedAt}, &f.DeviceKey, &f.SignOuts)
	return f, err
}

// InsertFamily conflicts with nobody: who ends all families of the user meanwhile ends this
// one too, which has the sign_outs that were before. A sign-in that does not see what is
// done to its user at the same time comes before that.
func (t *tx) InsertFamily(ctx context.Context, f userpool.Family) error {
	return t.insertNew(ctx, sqlInsertFamily, familyRow(f)...)
}

func familyRow(f userpool.Family) []any {
	return []any{string(f.ID), string(f.PoolID), string(f.ClientID), string(f.UserID), int64(f.Generation), millis(f.AuthTime),
		millis(f.CreatedAt), millis(f.ExpiresAt), millis(f.RotatedAt), millis(f.RevokedAt), f.DeviceKey, f.SignOuts}
}

func (t *tx) Family(ctx context.Context, id userpool.FamilyID) (userpool.Family, error) {
	return one(ctx, t, scanFamily, sqlFamily, id)
}

// Holder finds him by the family's id where that spares a round trip.
func (t *tx) Holder(ctx context.Context, f userpool.Family) (userpool.User, []userpool.Group, error) {
	if t.conn.engine().alone {
		u, err := t.User(ctx, f.PoolID, f.UserID)
		groups, groupsErr := t.GroupsOf(ctx, f.PoolID, f.UserID)
		return u, groups, cmp.Or(err, groupsErr)
	}
	u, err := one(ctx, t, scanUser, sqlHolder, f.ID)
	groups, groupsErr := many(ctx, t, scanGroup, sqlGroupsOfHolder, f.ID)
	return u, groups, cmp.Or(err, groupsErr)
}

func (t *tx) RotateRefresh(ctx context.Context, id userpool.FamilyID, from uint32, now time.Time) (bool, error) {
	return t.changed(ctx, sqlRotateRefresh, id, from, millis(now))
}

// RevokeFamily keeps the time of the first revocation.
func (t *tx) RevokeFamily(ctx context.Context, id userpool.FamilyID, now time.Time) error {
	return t.run(ctx, sqlRevokeFamily, id, millis(now))
}

func (t *tx) LastFamilyEnd(ctx context.Context, begunBefore time.Time) (time.Time, error) {
	return one(ctx, t, scanMoment, sqlLastFamilyEnd, millis(begunBefore))
}

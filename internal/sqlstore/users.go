package sqlstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	userColumns = `pool_id, id, username, names, status, enabled, attributes, verifier, created_at,
		modified_at, password_at, signed_in_at, signed_out_at, unproved, srp_identity, pending, password_history, active_at,
		password_hash, mfa, sign_outs`

	// An id that was somebody's is nobody else's.
	sqlInsertUser = `insert into users (` + userColumns + `, place)
		select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22
		where not exists (select 1 from retired_users where pool_id = $1 and user_id = $2)
		on conflict do nothing`
	sqlUser       = `select ` + userColumns + ` from users where pool_id = $1 and id = $2`
	sqlUserByName = `select ` + userColumns + ` from users where pool_id = $1
		and id = (select user_id from user_names where pool_id = $1 and name = $2)`
	sqlUpdateUser = `update users set names = $3, status = $4, enabled = $5, attributes = $6, verifier = $7,
		modified_at = $8, password_at = $9, signed_in_at = $10, signed_out_at = $11, unproved = $12,
		srp_identity = $13, pending = $14, password_history = $15, active_at = $16,
		password_hash = $17, mfa = $18, sign_outs = $19
		where pool_id = $1 and id = $2`
	sqlDeleteUser = `delete from users where pool_id = $1 and id = $2`

	// An id that is or was somebody's is nobody else's name: see findUser.
	sqlClaimName = `insert into user_names (pool_id, name, user_id)
		select $1, $2, $3
		where not exists (select 1 from users where pool_id = $1 and id = $2 and id <> $3)
			and not exists (select 1 from retired_users where pool_id = $1 and user_id = $2)
		on conflict do nothing`
	sqlReleaseName = `delete from user_names where pool_id = $1 and name = $2 and user_id = $3`

	sqlRetireUser = `insert into retired_users (pool_id, user_id) values ($1, $2) on conflict do nothing`
	sqlRetireName = `insert into retired_names (pool_id, name_hash, users) values ($1, $2, 1)
		on conflict (pool_id, name_hash) do update set users = retired_names.users + 1`
	sqlRetired = `select users from retired_names where pool_id = $1 and name_hash = $2`
)

func scanUser(r row) (u userpool.User, err error) {
	err = r.Scan(&u.PoolID, &u.ID, &u.Username, decoded{&u.Names}, &u.Status, &u.Enabled,
		decoded{&u.Attributes}, &u.Verifier, moment{&u.CreatedAt}, moment{&u.ModifiedAt},
		moment{&u.PasswordAt}, moment{&u.SignedInAt}, moment{&u.SignedOutAt}, &u.Unproved,
		&u.SRPIdentity, decoded{&u.Pending}, decoded{&u.PasswordHistory}, moment{&u.ActiveAt},
		&u.PasswordHash, decoded{&u.MFA}, &u.SignOuts)
	return u, err
}

// userRow is a user's row: userColumns, and the place.
func userRow(u userpool.User, place string) []any {
	return []any{string(u.PoolID), string(u.ID), u.Username, list(u.Names), string(u.Status), u.Enabled,
		dict(u.Attributes), u.Verifier, millis(u.CreatedAt), millis(u.ModifiedAt), millis(u.PasswordAt),
		millis(u.SignedInAt), millis(u.SignedOutAt), u.Unproved,
		u.SRPIdentity, dict(u.Pending), list(u.PasswordHistory), millis(u.ActiveAt),
		u.PasswordHash, unlessZero(u.MFA), u.SignOuts, place}
}

// foundBy lists what UserByName finds the user by. A user name that is the id
// is none of it.
func foundBy(u userpool.User) []string {
	names := slices.Clone(u.Names)
	if u.Username != string(u.ID) {
		names = append(names, u.Username)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (t *tx) InsertUser(ctx context.Context, u userpool.User) error {
	place := placeOfUser(u)
	return t.part(ctx, func() error {
		if err := t.insert(ctx, sqlInsertUser, userRow(u, place)...); err != nil {
			return err
		}
		if err := t.claimNames(ctx, u, foundBy(u)); err != nil {
			return err
		}
		return t.indexUser(ctx, u, place, nil, u.SearchTerms())
	})
}

func (t *tx) claimNames(ctx context.Context, u userpool.User, names []string) error {
	for _, name := range names {
		if err := t.insert(ctx, sqlClaimName, u.PoolID, name, u.ID); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) releaseNames(ctx context.Context, u userpool.User, names []string) error {
	for _, name := range names {
		if err := t.run(ctx, sqlReleaseName, u.PoolID, name, u.ID); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) User(ctx context.Context, pool userpool.PoolID, id userpool.UserID) (userpool.User, error) {
	return one(ctx, t, scanUser, sqlUser, pool, id)
}

func (t *tx) UserByName(ctx context.Context, pool userpool.PoolID, name string) (userpool.User, error) {
	return one(ctx, t, scanUser, sqlUserByName, pool, name)
}

// UpdateUser leaves id, user name, creation and place as they are. If another user
// holds one of the names nothing is changed.
func (t *tx) UpdateUser(ctx context.Context, u userpool.User) error {
	old, err := t.User(ctx, u.PoolID, u.ID)
	if err != nil {
		return err
	}
	u.Username = old.Username
	before, after := foundBy(old), foundBy(u)
	return t.part(ctx, func() error {
		if err := t.releaseNames(ctx, u, without(before, after)); err != nil {
			return err
		}
		if err := t.retireNames(ctx, u.PoolID, without(before, after)); err != nil {
			return err
		}
		if err := t.claimNames(ctx, u, without(after, before)); err != nil {
			return err
		}
		if err := t.reindexUser(ctx, u, old.SearchTerms(), u.SearchTerms()); err != nil {
			return err
		}
		return t.replace(ctx, sqlUpdateUser, u.PoolID, u.ID, list(u.Names), u.Status, u.Enabled,
			dict(u.Attributes), u.Verifier, millis(u.ModifiedAt), millis(u.PasswordAt),
			millis(u.SignedInAt), millis(u.SignedOutAt), u.Unproved,
			u.SRPIdentity, dict(u.Pending), list(u.PasswordHistory), millis(u.ActiveAt),
			u.PasswordHash, unlessZero(u.MFA), u.SignOuts)
	})
}

// without returns the names that are not among the others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(others, n) })
}

func (t *tx) DeleteUser(ctx context.Context, pool userpool.PoolID, id userpool.UserID) error {
	u, err := t.User(ctx, pool, id)
	if errors.Is(err, userpool.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	names := foundBy(u)
	return cmp.Or( // after a failed statement the rest is refused
		t.retireNames(ctx, pool, names),
		t.releaseNames(ctx, u, names),
		t.reindexUser(ctx, u, u.SearchTerms(), nil),
		t.run(ctx, sqlLeaveGroups, pool, id),
		t.DeleteSessions(ctx, pool, string(id)),
		t.DeleteChallenges(ctx, pool, string(id)),
		t.DeleteDevices(ctx, pool, id),
		t.DeletePasskeys(ctx, pool, id),
		t.DeleteSoftwareToken(ctx, pool, id),
		t.ClearPasswordLock(ctx, pool, string(id)),
		t.run(ctx, sqlForgetMasks, id, pool),
		t.run(ctx, sqlRetireUser, pool, id),
		t.run(ctx, sqlDeleteUser, pool, id))
}

// retireNames counts a holder of the names who holds them no more.
func (t *tx) retireNames(ctx context.Context, pool userpool.PoolID, names []string) error {
	for _, name := range names {
		if err := t.run(ctx, sqlRetireName, pool, hashName(pool, name)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) Retired(ctx context.Context, pool userpool.PoolID, name string) (int, error) {
	n, _, err := maybe(ctx, t, value[int], sqlRetired, pool, hashName(pool, name))
	return n, err
}

func hashName(pool userpool.PoolID, name string) string {
	sum := sha256.Sum256([]byte(string(pool) + "\x00" + name))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

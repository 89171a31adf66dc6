package sqlstore

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	passkeyColumns = `pool_id, credential_id, user_id, relying_party, name, public_key, sign_count, transports, attachment,
		backup_eligible, backed_up, created_at, used_at`

	sqlInsertPasskey = `insert into passkeys (` + passkeyColumns + `)
		select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
		where exists (select 1 from users where pool_id = $1 and id = $3)
			and (select count(*) from passkeys where pool_id = $1 and user_id = $3) < $14
		on conflict do nothing`
	sqlPasskeyTaken = `select user_id from passkeys where pool_id = $1 and credential_id = $2`
	sqlPasskeys     = `select ` + passkeyColumns + ` from passkeys where pool_id = $1 and user_id = $2
		order by created_at, credential_id`
	sqlUsePasskey = `update passkeys set sign_count = $4, backed_up = $5, used_at = $6
		where pool_id = $1 and credential_id = $2 and user_id = $3
			and (sign_count < $4 or (sign_count = 0 and $4 = 0))`
	sqlDeletePasskey  = `delete from passkeys where pool_id = $1 and credential_id = $2 and user_id = $3`
	sqlDeletePasskeys = `delete from passkeys where pool_id = $1 and user_id = $2`
)

// binary scans what base64url made.
type binary struct{ to *[]byte }

func (b binary) Scan(src any) (err error) {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("bytes are kept as %T", src)
	}
	*b.to, err = base64.RawURLEncoding.DecodeString(text)
	return err
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func scanPasskey(r row) (k userpool.Passkey, err error) {
	err = r.Scan(&k.PoolID, binary{&k.ID}, &k.UserID, &k.RelyingParty, &k.Name, binary{&k.Public}, &k.Count,
		decoded{&k.Transports}, &k.Attachment, &k.BackupEligible, &k.BackedUp, moment{&k.CreatedAt}, moment{&k.UsedAt})
	return k, err
}

// InsertPasskey conflicts with whoever changes the user, adds a passkey of his or
// ends them all.
func (t *tx) InsertPasskey(ctx context.Context, k userpool.Passkey, most int) (bool, error) {
	if err := t.touch(ctx, sqlTouchUser, k.PoolID, k.UserID); err != nil {
		return false, err
	}
	inserted, err := t.changed(ctx, sqlInsertPasskey, k.PoolID, base64url(k.ID), k.UserID, k.RelyingParty, k.Name,
		base64url(k.Public), int64(k.Count), list(k.Transports), k.Attachment, k.BackupEligible, k.BackedUp,
		millis(k.CreatedAt), millis(k.UsedAt), most)
	if err != nil || inserted {
		return inserted, err
	}
	_, err = one(ctx, t, value[string], sqlPasskeyTaken, k.PoolID, base64url(k.ID))
	switch {
	case err == nil:
		return false, userpool.ErrExists
	case errors.Is(err, userpool.ErrNotFound):
		return false, nil
	}
	return false, err
}

func (t *tx) Passkeys(ctx context.Context, pool userpool.PoolID, user userpool.UserID) ([]userpool.Passkey, error) {
	return many(ctx, t, scanPasskey, sqlPasskeys, pool, user)
}

func (t *tx) UsePasskey(ctx context.Context, k userpool.Passkey) (bool, error) {
	return t.changed(ctx, sqlUsePasskey, k.PoolID, base64url(k.ID), k.UserID, int64(k.Count), k.BackedUp, millis(k.UsedAt))
}

func (t *tx) DeletePasskey(ctx context.Context, pool userpool.PoolID, user userpool.UserID, id []byte) (bool, error) {
	return t.changed(ctx, sqlDeletePasskey, pool, base64url(id), user)
}

func (t *tx) DeletePasskeys(ctx context.Context, pool userpool.PoolID, user userpool.UserID) error {
	return cmp.Or(t.touch(ctx, sqlTouchUser, pool, user), t.run(ctx, sqlDeletePasskeys, pool, user))
}

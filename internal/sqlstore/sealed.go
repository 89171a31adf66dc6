package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Each statement that lists sealed texts gives pool, id, owner and the column,
// rows without any left out, after an id ($1; of users a pool and an id) and at
// most so many. Each that replaces one takes the new column, the one that must
// still be there, and the key.
const (
	sqlSealedMeta = `select '', name, '', value from meta
		where name = 'server_secret' and value <> '' and name > $1 limit $2`
	sqlReplaceMeta = `update meta set value = $1 where value = $2 and name = $3`

	sqlSealedAccessKeys  = `select '', id, id, secret from admin_keys where id > $1 order by id limit $2`
	sqlReplaceAccessKey  = `update admin_keys set secret = $1 where secret = $2 and id = $3`
	sqlSealedSigningKeys = `select '', id, id, private from signing_keys where id > $1 order by id limit $2`
	sqlReplaceSigningKey = `update signing_keys set private = $1 where private = $2 and id = $3`

	sqlSealedClients = `select '', id, id, secrets from clients
		where secrets <> '' and id > $1 order by id limit $2`
	sqlReplaceClient  = `update clients set secrets = $1 where secrets = $2 and id = $3`
	sqlSealedMessages = `select '', id, id, secret from messages
		where secret <> '' and id > $1 order by id limit $2`
	sqlReplaceMessage = `update messages set secret = $1 where secret = $2 and id = $3`
	sqlSealedLetters  = `select '', id, id, letter from messages
		where letter <> '' and id > $1 order by id limit $2`
	sqlReplaceLetter       = `update messages set letter = $1 where letter = $2 and id = $3`
	sqlSealedRegistrations = `select '', id, sub, verifier from registrations
		where verifier <> '' and id > $1 order by id limit $2`
	sqlReplaceRegistration = `update registrations set verifier = $1 where verifier = $2 and id = $3`

	sqlSealedUsers = `select pool_id, id, id, verifier from users
		where verifier <> '' and (pool_id, id) > ($1, $2) order by pool_id, id limit $3`
	sqlReplaceUser     = `update users set verifier = $1 where verifier = $2 and id = $3 and pool_id = $4`
	sqlSealedHistories = `select pool_id, id, id, password_history from users
		where password_history <> '' and (pool_id, id) > ($1, $2) order by pool_id, id limit $3`
	sqlReplaceHistory = `update users set password_history = $1 where password_history = $2 and id = $3 and pool_id = $4`
	sqlSealedHashes   = `select pool_id, id, id, password_hash from users
		where password_hash <> '' and (pool_id, id) > ($1, $2) order by pool_id, id limit $3`
	sqlReplaceHash   = `update users set password_hash = $1 where password_hash = $2 and id = $3 and pool_id = $4`
	sqlSealedDevices = `select pool_id, device_key, device_key, verifier from devices
		where verifier <> '' and confirmed_at > 0 and (pool_id, device_key) > ($1, $2) order by pool_id, device_key limit $3`
	sqlSealedImports = `select '', id, id, sealed from import_files where id > $1 order by id limit $2`
	sqlReplaceImport = `update import_files set sealed = $1 where sealed = $2 and id = $3`
	sqlReplaceDevice = `update devices set verifier = $1 where verifier = $2 and confirmed_at > 0 and device_key = $3 and pool_id = $4`
	sqlSealedTokens  = `select pool_id, user_id, user_id, secret from software_tokens
		where secret <> '' and (pool_id, user_id) > ($1, $2) order by pool_id, user_id limit $3`
	sqlReplaceToken        = `update software_tokens set secret = $1 where secret = $2 and user_id = $3 and pool_id = $4`
	sqlSealedPendingTokens = `select pool_id, user_id, user_id, pending from software_tokens
		where pending <> '' and (pool_id, user_id) > ($1, $2) order by pool_id, user_id limit $3`
	sqlReplacePendingToken = `update software_tokens set pending = $1 where pending = $2 and user_id = $3 and pool_id = $4`
)

// sealedColumn is how a column of sealed texts is read and written.
type sealedColumn struct {
	list, replace string
	byPool        bool // the key is pool and id
	split         func(column string) ([]string, error)
	join          func(was string, texts []string) (string, error)
}

var sealedColumns = map[userpool.SealedKind]sealedColumn{
	userpool.SealedServerSecret:     {sqlSealedMeta, sqlReplaceMeta, false, splitText, joinText},
	userpool.SealedAccessKeys:       {sqlSealedAccessKeys, sqlReplaceAccessKey, false, splitText, joinText},
	userpool.SealedSigningKeys:      {sqlSealedSigningKeys, sqlReplaceSigningKey, false, splitText, joinText},
	userpool.SealedClientSecrets:    {sqlSealedClients, sqlReplaceClient, false, splitSecrets, joinSecrets},
	userpool.SealedTextSecrets:      {sqlSealedMessages, sqlReplaceMessage, false, splitText, joinText},
	userpool.SealedLetters:          {sqlSealedLetters, sqlReplaceLetter, false, splitText, joinText},
	userpool.SealedSignUpPasswords:  {sqlSealedRegistrations, sqlReplaceRegistration, false, splitText, joinText},
	userpool.SealedPasswords:        {sqlSealedUsers, sqlReplaceUser, true, splitText, joinText},
	userpool.SealedPasswordHashes:   {sqlSealedHashes, sqlReplaceHash, true, splitText, joinText},
	userpool.SealedEarlierPasswords: {sqlSealedHistories, sqlReplaceHistory, true, splitList, joinList},
	userpool.SealedDevices:          {sqlSealedDevices, sqlReplaceDevice, true, splitText, joinText},
	userpool.SealedSoftwareTokens:   {sqlSealedTokens, sqlReplaceToken, true, splitText, joinText},
	userpool.SealedPendingTokens:    {sqlSealedPendingTokens, sqlReplacePendingToken, true, splitText, joinText},
	userpool.SealedImportFiles:      {sqlSealedImports, sqlReplaceImport, false, splitText, joinText},
}

// renewsConfig are the kinds that are in what is cached, each with how the pool's
// version is renewed.
var renewsConfig = map[userpool.SealedKind]string{
	userpool.SealedSigningKeys:   sqlRenewConfigOfKey,
	userpool.SealedClientSecrets: sqlRenewConfigOfClient,
}

func splitText(column string) ([]string, error)         { return []string{column}, nil }
func joinText(_ string, texts []string) (string, error) { return texts[0], nil }
func splitList(column string) (texts []string, err error) {
	return texts, json.Unmarshal([]byte(column), &texts)
}
func joinList(_ string, texts []string) (string, error) { return list(texts), nil }

func splitSecrets(column string) ([]string, error) {
	var kept []keptSecret
	err := json.Unmarshal([]byte(column), &kept)
	texts := make([]string, len(kept))
	for i, s := range kept {
		texts[i] = s.Sealed
	}
	return texts, err
}

func joinSecrets(was string, texts []string) (string, error) {
	var kept []keptSecret
	if err := json.Unmarshal([]byte(was), &kept); err != nil {
		return "", err
	}
	for i := range kept {
		kept[i].Sealed = texts[i]
	}
	return list(kept), nil
}

func (t *tx) SealedRows(ctx context.Context, kind userpool.SealedKind, after userpool.SealedRow, limit int) ([]userpool.SealedRow, error) {
	column := sealedColumns[kind]
	scan := func(r row) (s userpool.SealedRow, err error) {
		s.Kind = kind
		if err := r.Scan(&s.Pool, &s.ID, &s.Owner, &s.Was); err != nil {
			return s, err
		}
		if s.Texts, err = column.split(s.Was); err != nil {
			return s, fmt.Errorf("%s of %s: %w", kind, s.ID, err)
		}
		return s, nil
	}
	if column.byPool {
		return many(ctx, t, scan, column.list, after.Pool, after.ID, limit)
	}
	return many(ctx, t, scan, column.list, after.ID, limit)
}

// ReplaceSealed leaves what else is in the column as it is.
func (t *tx) ReplaceSealed(ctx context.Context, row userpool.SealedRow, texts []string) (bool, error) {
	column := sealedColumns[row.Kind]
	if renew := renewsConfig[row.Kind]; renew != "" {
		if err := t.renewConfig(ctx, renew, row.ID); err != nil {
			return false, err
		}
	}
	if len(texts) != len(row.Texts) {
		return false, fmt.Errorf("%s of %s: %d texts in the place of %d", row.Kind, row.ID, len(texts), len(row.Texts))
	}
	fresh, err := column.join(row.Was, texts)
	if err != nil {
		return false, err
	}
	if column.byPool {
		return t.changed(ctx, column.replace, fresh, row.Was, row.ID, row.Pool)
	}
	return t.changed(ctx, column.replace, fresh, row.Was, row.ID)
}

package sqlstore

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	sessionColumns = `hash, pool_id, client_id, subject, decoy, step, username, name, challenge_id, history,
		pending, by_id, sealed, device_key, proof, created_at, expires_at, used_at`

	sqlInsertSession = `insert into sessions (` + sessionColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) on conflict do nothing`
	sqlSession = `select ` + sessionColumns + ` from sessions where hash = $1`
	// What is asked of a Session's holder, by the Session: see foresight.
	holderOfSession    = `(select pool_id, subject from sessions where hash = $1)`
	sqlUserOfSession   = `select ` + userColumns + ` from users where (pool_id, id) = ` + holderOfSession
	sqlGroupsOfSession = `select ` + groupColumns + ` from user_groups where pool_id = (select pool_id from sessions where hash = $1)
		and name in (select group_name from group_members where (pool_id, user_id) = ` + holderOfSession + `) order by name`
	sqlChallengeOfSession = `select ` + challengeColumns + ` from challenges
		where id = (select challenge_id from sessions where hash = $1)`
	// Not expires_at > $2: see sqlChallenge.
	sqlConsumeSession = `update sessions set used_at = $2 where hash = $1 and used_at = 0 and expires_at - $2 > 0`
	sqlDeleteSessions = `delete from sessions where pool_id = $1 and subject = $2
		and (challenge_id = '' or proof <> '' or sealed <> '')`
)

func scanSession(r row) (s userpool.Session, err error) {
	err = r.Scan(&s.Hash, &s.PoolID, &s.ClientID, &s.Subject, &s.Decoy, &s.Step, &s.Username, &s.Name,
		&s.Challenge, decoded{&s.History}, &s.Pending, &s.ByID, &s.Sealed, &s.Device, &s.Proof, moment{&s.CreatedAt}, moment{&s.ExpiresAt}, moment{&s.UsedAt})
	return s, err
}

// InsertSession of somebody who has proved something already conflicts with
// whoever changes the user or ends his sessions.
func (t *tx) InsertSession(ctx context.Context, s userpool.Session) error {
	if s.Proves() {
		if err := t.touch(ctx, sqlTouchUser, s.PoolID, s.Subject); err != nil {
			return err
		}
	}
	return t.insertNew(ctx, sqlInsertSession, sessionRow(s)...)
}

func sessionRow(s userpool.Session) []any {
	return []any{
		s.Hash, s.PoolID, s.ClientID, s.Subject, s.Decoy, s.Step, s.Username,
		s.Name, s.Challenge, list(s.History), s.Pending, s.ByID, s.Sealed, s.Device, s.Proof, millis(s.CreatedAt), millis(s.ExpiresAt), millis(s.UsedAt),
	}
}

func (t *tx) Session(ctx context.Context, hash string) (userpool.Session, error) {
	s, err := one(ctx, t, scanSession, sqlSession, hash)
	if err == nil && t.remote != nil {
		t.remote.knownAs(sqlUserOfSession, hash, sqlUser, s.PoolID, userpool.UserID(s.Subject))
		t.remote.knownAs(sqlGroupsOfSession, hash, sqlGroupsOf, s.PoolID, userpool.UserID(s.Subject))
		t.remote.knownAs(sqlChallengeOfSession, hash, sqlChallenge, s.Challenge)
	}
	if err == nil && s.UsedAt.IsZero() {
		t.learn(fact{"sessions", hash, millis(s.ExpiresAt)})
	}
	return s, err
}

func (t *tx) ConsumeSession(ctx context.Context, hash string, now time.Time) (bool, error) {
	until, unused := t.knows("sessions", hash)
	return t.surely(ctx, unused && millis(now) < until, sqlConsumeSession, hash, millis(now))
}

func (t *tx) UseSession(ctx context.Context, s userpool.Session) (bool, error) {
	return t.changed(ctx, sqlInsertSession, sessionRow(s)...)
}

func (t *tx) DeleteSessions(ctx context.Context, pool userpool.PoolID, subject string) error {
	if err := t.touch(ctx, sqlTouchUser, pool, subject); err != nil {
		return err
	}
	return t.run(ctx, sqlDeleteSessions, pool, subject)
}

const (
	sqlUseNonce = `insert into nonces (nonce, expires_at) values ($1, $2) on conflict do nothing`

	sqlRepeat    = `select answer from repeats where request = $1 and expires_at - $2 > 0`
	sqlPutRepeat = `insert into repeats (request, answer, expires_at) values ($1, $2, $3)
		on conflict (request) do update set answer = excluded.answer, expires_at = excluded.expires_at`
)

// UseNonce is false for a used value until Sweep forgets it, at its expiry or
// later.
func (t *tx) UseNonce(ctx context.Context, nonce string, expires time.Time) (bool, error) {
	return t.changed(ctx, sqlUseNonce, nonce, millis(expires))
}

func (t *tx) Repeat(ctx context.Context, key string, now time.Time) (string, error) {
	return one(ctx, t, value[string], sqlRepeat, key, millis(now))
}

func (t *tx) PutRepeat(ctx context.Context, key, answer string, expires time.Time) error {
	return t.run(ctx, sqlPutRepeat, key, answer, millis(expires))
}

package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	challengeColumns = `id, pool_id, client_id, subject, purpose, requester, registration_id, contact, key_id,
		digits, max_tries, tries, sends, created_at, expires_at, sent_at, used_at`

	// The steps of OpenChallenge: one insert wins a slot that is free, and else whoever
	// has it is the one, unless he is dead and leaves it. Who is used is in no slot.
	sqlCloseChallenge = `update challenges set closed = id where id = $1 and closed = ''`
	sqlLeaveSlot      = `update challenges set closed = id
		where pool_id = $1 and subject = $2 and client_id = $3 and purpose = $4 and requester = $5 and closed = '' and used_at = 0`
	sqlInsertChallenge = `insert into challenges (` + challengeColumns + `, closed)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, '') on conflict do nothing`
	sqlOpenChallenge = `select ` + challengeColumns + ` from challenges
		where pool_id = $1 and subject = $2 and client_id = $3 and purpose = $4 and requester = $5 and closed = '' and used_at = 0`

	// Who looks for an id, or for a sign-up's, says < 1: by = 0, which is the condition of
	// the index of slots, PostgreSQL reads all of that where nobody has counted its rows. So it
	// does with all that has not expired where they were counted when there were none, and
	// expires_at > $2 is what the index by expiry is for.
	sqlChallenge        = `select ` + challengeColumns + ` from challenges where id = $1`
	sqlSignUpChallenges = `select ` + challengeColumns + ` from challenges
		where registration_id <> '' and purpose = 'sign_up' and used_at < 1 and expires_at > $3 and registration_id in (
			select id from registrations where pool_id = $1 and name = $2 and (expires_at = 0 or expires_at > $3))
		order by created_at desc, id desc`
	sqlChallenges = `select ` + challengeColumns + ` from challenges
		where pool_id = $1 and subject = $2 and purpose = $3 and used_at = 0 and expires_at > $4
		order by created_at desc, id desc`
	sqlMarkSent = `update challenges set sends = sends + 1, sent_at = $3 where id = $1 and sends = $2`
	// Nothing was sent, so the next text has no gap to wait for.
	sqlUnmarkSent   = `update challenges set sends = sends - 1, sent_at = 0 where id = $1 and used_at < 1 and sends > 0`
	sqlClaimAttempt = `update challenges set tries = tries + 1
		where id = $1 and used_at < 1 and expires_at - $2 > 0 and tries < max_tries
		returning ` + challengeColumns
	// The same where nobody else writes. An update that returns its row makes a table
	// for it, which costs SQLite more than a look.
	sqlClaimable = `select ` + challengeColumns + ` from challenges
		where id = $1 and used_at < 1 and expires_at - $2 > 0 and tries < max_tries`
	sqlCountTry = `update challenges set tries = tries + 1 where id = $1`

	sqlConsumeAttempt = `update challenges set tries = tries + 1, used_at = $2
		where id = $1 and used_at < 1 and expires_at - $2 > 0 and tries < max_tries`
	sqlConsumeChallenge = `update challenges set used_at = $2 where id = $1 and used_at < 1`

	sqlDeleteSubjectMessages = `delete from messages where challenge_id <> '' and challenge_id in (
		select id from challenges where pool_id = $1 and subject = $2 and used_at = 0)`
	sqlDeleteChallenges = `delete from challenges where pool_id = $1 and subject = $2 and used_at = 0`
)

func scanChallenge(r row) (c userpool.Challenge, err error) {
	var contact string
	err = r.Scan(&c.ID, &c.PoolID, &c.ClientID, &c.Subject, &c.Purpose, &c.Requester, &c.Registration, &contact,
		&c.KeyID, &c.Digits, &c.MaxTries, &c.Tries, &c.Sends, moment{&c.CreatedAt}, moment{&c.ExpiresAt},
		moment{&c.SentAt}, moment{&c.UsedAt})
	c.To = userpool.ContactOf(contact)
	return c, err
}

func (t *tx) OpenChallenge(ctx context.Context, c userpool.Challenge, now time.Time) (userpool.Challenge, bool, error) {
	row := []any{
		c.ID, c.PoolID, c.ClientID, c.Subject, c.Purpose, c.Requester, c.Registration, c.To.Text(),
		c.KeyID, c.Digits, c.MaxTries, c.Tries, c.Sends,
		millis(c.CreatedAt), millis(c.ExpiresAt), millis(c.SentAt), millis(c.UsedAt),
	}
	for {
		isNew, err := t.assumedNew(ctx, sqlInsertChallenge, row...)
		if err == nil && !isNew {
			isNew, err = t.changed(ctx, sqlInsertChallenge, row...)
		}
		if err != nil {
			return userpool.Challenge{}, false, err
		}
		if isNew { // it conflicts with whoever changes its user or sign-up, or ends them
			err := t.touch(ctx, sqlTouchUser, c.PoolID, c.Subject)
			if c.Registration != "" {
				err = t.touch(ctx, sqlTouchRegistration, c.Registration)
			}
			t.learn(fact{"challenges", sendsOf(c.ID), int64(c.Sends)})
			return c, err == nil, err
		}
		live, err := one(ctx, t, scanChallenge, sqlOpenChallenge, c.PoolID, c.Subject, c.ClientID, c.Purpose, c.Requester)
		if errors.Is(err, userpool.ErrNotFound) {
			err = userpool.ErrExists // the slot is free, so it is the id that is taken
		}
		if err != nil || live.Tries < live.MaxTries && now.Before(live.ExpiresAt) {
			return live, false, err
		}
		if err := t.run(ctx, sqlCloseChallenge, live.ID); err != nil {
			return userpool.Challenge{}, false, err
		}
	}
}

// sendsOf is the key of what is known of a challenge's count of texts.
type sendsOf userpool.ChallengeID

func (t *tx) LeaveSlot(ctx context.Context, c userpool.Challenge) error {
	return t.run(ctx, sqlLeaveSlot, c.PoolID, c.Subject, c.ClientID, c.Purpose, c.Requester)
}

func (t *tx) Challenge(ctx context.Context, id userpool.ChallengeID) (userpool.Challenge, error) {
	return one(ctx, t, scanChallenge, sqlChallenge, id)
}

func (t *tx) SignUpChallenges(ctx context.Context, pool userpool.PoolID, name string, now time.Time) ([]userpool.Challenge, error) {
	return many(ctx, t, scanChallenge, sqlSignUpChallenges, pool, name, millis(now))
}

func (t *tx) Challenges(ctx context.Context, pool userpool.PoolID, subject string, purpose userpool.Purpose, now time.Time) ([]userpool.Challenge, error) {
	return many(ctx, t, scanChallenge, sqlChallenges, pool, subject, purpose, millis(now))
}

func (t *tx) MarkSent(ctx context.Context, id userpool.ChallengeID, sends int, now time.Time) (bool, error) {
	had, known := t.knows("challenges", sendsOf(id))
	return t.surely(ctx, known && had == int64(sends), sqlMarkSent, id, sends, millis(now))
}

func (t *tx) UnmarkSent(ctx context.Context, id userpool.ChallengeID) (bool, error) {
	return t.changed(ctx, sqlUnmarkSent, id)
}

// ClaimAttempt returns the challenge with the try counted.
func (t *tx) ClaimAttempt(ctx context.Context, id userpool.ChallengeID, now time.Time) (userpool.Challenge, bool, error) {
	if !t.conn.engine().alone {
		c, found, err := maybe(ctx, t, scanChallenge, sqlClaimAttempt, id, millis(now))
		if found {
			t.learn(fact{"challenges", id, 0}) // it is not used, and held until the end
		}
		return c, found, err
	}
	c, open, err := maybe(ctx, t, scanChallenge, sqlClaimable, id, millis(now))
	if err != nil || !open {
		return userpool.Challenge{}, false, err
	}
	c.Tries++
	return c, true, t.run(ctx, sqlCountTry, id)
}

// Answerable is a look alone. What is counted after it looks again.
func (t *tx) Answerable(ctx context.Context, id userpool.ChallengeID, now time.Time) (userpool.Challenge, bool, error) {
	c, found, err := maybe(ctx, t, scanChallenge, sqlChallenge, id)
	open := found && c.UsedAt.IsZero() && now.Before(c.ExpiresAt) && c.Tries < c.MaxTries
	if !open {
		return userpool.Challenge{}, false, err
	}
	t.learn(fact{"challenges", answerable(id), millis(now)})
	return c, true, nil
}

// answerable is the key of what is known of a challenge's state: when it could be
// answered.
type answerable userpool.ChallengeID

func (t *tx) ConsumeAttempt(ctx context.Context, id userpool.ChallengeID, now time.Time) (bool, error) {
	at, known := t.knows("challenges", answerable(id))
	return t.surely(ctx, known && at == millis(now), sqlConsumeAttempt, id, millis(now))
}

func (t *tx) ConsumeChallenge(ctx context.Context, id userpool.ChallengeID, now time.Time) (bool, error) {
	_, unused := t.knows("challenges", id)
	return t.surely(ctx, unused, sqlConsumeChallenge, id, millis(now))
}

// DeleteChallenges takes their unsent texts with them.
func (t *tx) DeleteChallenges(ctx context.Context, pool userpool.PoolID, subject string) error {
	return cmp.Or( // after a failed statement the rest is refused
		t.touch(ctx, sqlTouchUser, pool, subject),
		t.run(ctx, sqlDeleteSubjectMessages, pool, subject),
		t.run(ctx, sqlDeleteChallenges, pool, subject))
}

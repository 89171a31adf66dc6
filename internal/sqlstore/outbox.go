package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	messageColumns = `id, pool_id, client_id, purpose, challenge_id, key_id, digits, template, app_host, headline,
		contact, secret, username, letter, decoy, requester, created_at, expires_at, next_at, attempts,
		wording, language, country, known, nth, unsent, parked`

	sqlInsertMessage = `insert into messages (` + messageColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
			$21, $22, $23, $24, $25, $26, $27) on conflict do nothing`
	// The second look at next_at decides between two that chose the same row.
	sqlClaimMessages = `update messages set next_at = $2, attempts = attempts + 1
		where next_at <= $1 and id in (
			select id from messages where next_at <= $1 order by next_at, created_at, id limit $3)
		returning ` + messageColumns
	sqlFreeMessages    = `update messages set next_at = $1 where next_at > $1 and next_at <= $2 and not parked`
	sqlDeleteMessage   = `delete from messages where id = $1`
	pgDeleteMessages   = `delete from messages where id = any($1::text[])`
	sqlPostponeMessage = `update messages set next_at = $2, unsent = unsent + $3 where id = $1`
	sqlUnclaimMessage  = `update messages set next_at = $3, attempts = attempts - 1 where id = $1 and next_at = $2`
	sqlParkMessage     = `update messages set next_at = $2, parked = true where id = $1`
	// What became of its tries so far is known.
	sqlWakeMessage   = `update messages set next_at = $2, parked = false, unsent = attempts where id = $1 and parked`
	sqlNextMessageAt = `select coalesce(min(next_at), 0) from messages`
	sqlOutboxDepth   = `select count(*), coalesce(min(created_at), 0) from messages where next_at >= 0 and not parked`
)

func scanMessage(r row) (m userpool.Message, err error) {
	var contact string
	err = r.Scan(&m.ID, &m.PoolID, &m.ClientID, &m.Purpose, &m.Challenge, &m.KeyID, &m.Digits, &m.Template,
		&m.AppHost, &m.Headline, &contact, &m.Secret, &m.Username, &m.Letter, &m.Decoy, &m.Requester, moment{&m.CreatedAt},
		moment{&m.ExpiresAt}, moment{&m.NextAt}, &m.Attempts,
		&m.Wording, &m.Language, &m.Country, &m.Known, &m.Nth, &m.Unsent, &m.Parked)
	m.To = userpool.ContactOf(contact)
	return m, err
}

func (t *tx) InsertMessage(ctx context.Context, m userpool.Message) error {
	return t.insertNew(ctx, sqlInsertMessage, m.ID, m.PoolID, m.ClientID, m.Purpose, m.Challenge, m.KeyID, m.Digits,
		m.Template, m.AppHost, m.Headline, m.To.Text(), m.Secret, m.Username, m.Letter, m.Decoy, m.Requester, millis(m.CreatedAt),
		millis(m.ExpiresAt), millis(m.NextAt), m.Attempts,
		m.Wording, m.Language, m.Country, m.Known, m.Nth, m.Unsent, m.Parked)
}

// ClaimMessages takes those that have been due longest, and returns them as
// they now stand, oldest first.
func (t *tx) ClaimMessages(ctx context.Context, now, leaseUntil time.Time, limit int) ([]userpool.Message, error) {
	all, err := many(ctx, t, scanMessage, sqlClaimMessages, millis(now), millis(leaseUntil), limit)
	slices.SortFunc(all, func(a, b userpool.Message) int { // RETURNING promises no order
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return all, err
}

func (t *tx) FreeMessages(ctx context.Context, now, until time.Time) error {
	return t.run(ctx, sqlFreeMessages, millis(now), millis(until))
}

func (t *tx) DeleteMessage(ctx context.Context, ids ...userpool.MessageID) error {
	if !t.conn.engine().alone && len(ids) > 1 {
		return t.run(ctx, pgDeleteMessages, column(ids, func(id userpool.MessageID) string { return string(id) }))
	}
	for _, id := range ids {
		if err := t.run(ctx, sqlDeleteMessage, id); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) PostponeMessage(ctx context.Context, id userpool.MessageID, next time.Time, unsent bool) error {
	more := 0
	if unsent {
		more = 1
	}
	return t.run(ctx, sqlPostponeMessage, id, millis(next), more)
}

func (t *tx) UnclaimMessage(ctx context.Context, id userpool.MessageID, leaseUntil, next time.Time) error {
	return t.run(ctx, sqlUnclaimMessage, id, millis(leaseUntil), millis(next))
}

func (t *tx) ParkMessage(ctx context.Context, id userpool.MessageID, until time.Time) error {
	return t.run(ctx, sqlParkMessage, id, millis(until))
}

func (t *tx) WakeMessage(ctx context.Context, id userpool.MessageID, now time.Time) (bool, error) {
	return t.changed(ctx, sqlWakeMessage, id, millis(now))
}

func (t *tx) NextMessageAt(ctx context.Context) (time.Time, error) {
	return one(ctx, t, scanMoment, sqlNextMessageAt)
}

func (t *tx) OutboxDepth(ctx context.Context) (userpool.OutboxDepth, error) {
	return one(ctx, t, func(r row) (d userpool.OutboxDepth, err error) {
		err = r.Scan(&d.Messages, moment{&d.Oldest})
		return d, err
	}, sqlOutboxDepth)
}

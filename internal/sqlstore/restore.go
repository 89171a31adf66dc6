package sqlstore

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	sqlEndChallenges     = `delete from challenges`
	sqlEndSessions       = `delete from sessions`
	sqlEndRepeats        = `delete from repeats`
	sqlEndMessages       = `delete from messages`
	sqlEndClientFamilies = `update families set revoked_at = $3
		where pool_id = $1 and client_id = $2 and expires_at > $3 and ` + familyStands
	sqlEndAllFamilies = `update families set revoked_at = $1 where expires_at > $1 and ` + familyStands
)

func (t *tx) EndPending(ctx context.Context) (p userpool.Pending, err error) {
	for _, s := range []struct {
		sql   string
		count *int
	}{
		{sqlEndMessages, &p.Messages},
		{sqlEndSessions, &p.Sessions},
		{sqlEndChallenges, &p.Challenges},
		{sqlEndRepeats, &p.Repeats},
	} {
		n, err := t.exec(ctx, s.sql)
		if err != nil {
			return userpool.Pending{}, err
		}
		*s.count = int(n)
	}
	if err := t.run(ctx, sqlScoreNoMore); err != nil {
		return userpool.Pending{}, err
	}
	return p, nil
}

func (t *tx) EndClientFamilies(ctx context.Context, pool userpool.PoolID, client userpool.ClientID, now time.Time) (int, error) {
	n, err := t.exec(ctx, sqlEndClientFamilies, pool, client, millis(now))
	return int(n), err
}

func (t *tx) EndAllFamilies(ctx context.Context, now time.Time) (int, error) {
	n, err := t.exec(ctx, sqlEndAllFamilies, millis(now))
	return int(n), err
}

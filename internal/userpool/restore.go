package userpool

import (
	"context"
	"fmt"
	"time"
)

// A restored store is as old as its backup: what was used, rotated or sent since
// stands there as if it were not. So a restore ends whatever a second use of would
// do harm.

// Ended is what EndAfterRestore has ended.
type Ended struct {
	Pending
	SignIns int // families of refresh tokens
}

// EndAfterRestore ends, in one transaction, what must not come back with a restored
// store: every code, Session, exchange of a password, kept answer and unsent
// message, and the sign-ins of app clients that rotate refresh tokens, since a
// token that was rotated out would serve again. With everySignIn it ends the
// sign-ins of all clients, which may have been revoked since the backup too.
func (s *Service) EndAfterRestore(ctx context.Context, everySignIn bool) (ended Ended, err error) {
	at := s.now()
	err = s.store.Update(ctx, func(tx Tx) error {
		ended = Ended{}
		if ended.Pending, err = tx.EndPending(ctx); err != nil {
			return fmt.Errorf("end what is pending: %w", err)
		}
		if everySignIn {
			ended.SignIns, err = tx.EndAllFamilies(ctx, at)
		} else {
			ended.SignIns, err = endRotating(ctx, tx, at)
		}
		if err != nil {
			return fmt.Errorf("end sign-ins: %w", err)
		}
		Note(ctx, "codes", ended.Challenges)
		Note(ctx, "sessions", ended.Sessions)
		Note(ctx, "messages", ended.Messages)
		Note(ctx, "sign_ins", ended.SignIns)
		Note(ctx, "every_sign_in", everySignIn)
		return tx.PutMeta(ctx, metaRestored, at.Format(time.RFC3339Nano))
	})
	return ended, err
}

// endRotating ends the families of the clients that rotate refresh tokens.
func endRotating(ctx context.Context, tx Tx, at time.Time) (total int, err error) {
	const page = 100
	for after := PoolID(""); ; {
		pools, err := tx.Pools(ctx, after, page)
		if err != nil || len(pools) == 0 {
			return total, err
		}
		for _, p := range pools {
			n, err := endRotatingOf(ctx, tx, p.ID, at)
			if err != nil {
				return 0, err
			}
			total, after = total+n, p.ID
		}
	}
}

func endRotatingOf(ctx context.Context, tx Tx, pool PoolID, at time.Time) (total int, err error) {
	const page = 100
	for after := ClientID(""); ; {
		clients, err := tx.Clients(ctx, pool, after, page)
		if err != nil || len(clients) == 0 {
			return total, err
		}
		for _, c := range clients {
			after = c.ID
			if !c.Settings.Rotation {
				continue
			}
			n, err := tx.EndClientFamilies(ctx, pool, c.ID, at)
			if err != nil {
				return 0, err
			}
			total += n
		}
	}
}

// begunSinceRestore refuses an exchange that travels sealed and was begun before a
// restore: whether it was used is not known any more.
func begunSinceRestore(ctx context.Context, tx Tx, begun time.Time) error {
	restored, err := restoredAt(ctx, tx)
	if err != nil || restored.IsZero() {
		return err
	}
	if !begun.After(restored) {
		return errSessionExpired
	}
	return nil
}

// restoredAt is when the store was restored last, zero for never.
func restoredAt(ctx context.Context, tx Tx) (time.Time, error) {
	text, err := tx.Meta(ctx, metaRestored)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	restored, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("time of the restore: %w", err)
	}
	return restored, nil
}

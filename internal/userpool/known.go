package userpool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A store that is older than the log of numbers has users who signed in and numbers
// of which nothing is known. They are filled in by and by, in the background: until
// that is done a user's own number is known by when he was last active.

// metaKnown is how far the filling in has come: a pool and a place in it, or
// knownFilled.
const (
	metaKnown   = "known numbers"
	knownFilled = "filled"
	knownBatch  = 200
)

// fillKnown fills in what it can within one run of the job.
func (s *Service) fillKnown(ctx context.Context) error {
	var cursor string
	err := s.store.View(ctx, func(tx Tx) (err error) {
		cursor, err = tx.Meta(ctx, metaKnown)
		return err
	})
	if err != nil || cursor == knownFilled { // as in every run but the first ones
		return err
	}
	for ctx.Err() == nil {
		var done bool
		err := s.store.Update(ctx, func(tx Tx) (err error) {
			done, err = s.fillKnownBatch(ctx, tx, s.now())
			return err
		})
		if err != nil || done {
			return err
		}
	}
	return nil
}

// fillKnownBatch does the next users, and says whether all are done.
func (s *Service) fillKnownBatch(ctx context.Context, tx Tx, at time.Time) (bool, error) {
	cursor, err := tx.Meta(ctx, metaKnown)
	if err != nil || cursor == knownFilled {
		return true, err
	}
	pool, place, err := s.knownCursor(ctx, tx, cursor)
	if err != nil {
		return false, err
	}
	if pool == "" {
		return true, tx.PutMeta(ctx, metaKnown, knownFilled)
	}
	spots, err := tx.Places(ctx, pool, Filter{}, Spot{Place: place}, knownBatch, at)
	if err != nil {
		return false, fmt.Errorf("places of %s: %w", pool, err)
	}
	for _, spot := range spots {
		place = spot.Place
		u, err := tx.UserAt(ctx, pool, place)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		if u.SignedInAt.IsZero() || !at.Before(u.ActiveAt.Add(knownFor)) {
			continue
		}
		if err := s.signedInBy(ctx, tx, u, u.ActiveAt); err != nil {
			return false, err
		}
	}
	if len(spots) < knownBatch {
		place = knownPoolDone
	}
	return false, tx.PutMeta(ctx, metaKnown, string(pool)+" "+place)
}

// knownPoolDone stands for the place behind a pool's last.
const knownPoolDone = "\x7f"

// knownCursor reads where to go on: the pool, "" if there is none more, and the place.
func (s *Service) knownCursor(ctx context.Context, tx Tx, cursor string) (PoolID, string, error) {
	var after PoolID
	if id, place, ok := strings.Cut(cursor, " "); ok {
		if place != knownPoolDone {
			return PoolID(id), place, nil
		}
		after = PoolID(id)
	}
	next, err := tx.Pools(ctx, after, 1)
	if err != nil || len(next) == 0 {
		return "", "", err
	}
	return next[0].ID, "", nil
}

package userpool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellhop-auth/bellhop/internal/token"
)

// RSA keys wait for the next pools, two a pool: making one takes as long as hundreds of
// signatures, creating a pool should not. Those of the first pools are made at once, the
// others one by one with a long rest between: while a key is made everybody else has a
// processor less, which doubled the longest waits of sign-ins where it was every second.
const (
	stockSize   = 8
	stockAtOnce = 4
	stockPause  = 30 * time.Second // between the others
)

// fillStock makes keys until the stock is full. Where somebody lacks keys meanwhile it
// ends, and leaves him the processors; he asks for upkeep when he has them.
func (s *Service) fillStock(ctx context.Context) error {
	for ctx.Err() == nil && s.lacking.Load() == 0 {
		var have int
		err := s.store.View(ctx, func(tx Tx) (err error) {
			have, err = tx.StockKeys(ctx, string(token.RS256))
			return err
		})
		if err != nil || have >= stockSize {
			return err
		}
		if have >= stockAtOnce && !s.restUntilChore(ctx, stockPause) {
			return ctx.Err()
		}
		k, err := s.newKey(token.RS256, s.now())
		if err != nil {
			return err
		}
		if err := s.store.Update(ctx, func(tx Tx) error { return tx.InsertKey(ctx, k) }); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// restUntilChore rests, and says whether nothing of the keys came to be done meanwhile.
func (s *Service) restUntilChore(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-s.chore:
		s.upkeep() // whoever rests looks after it in time
		return false
	case <-timer.C:
		return true
	}
}

// errNoStock says that there were fewer keys in stock than were wanted.
var errNoStock = errors.New("no signing key in stock")

// withKeys runs an Update that needs new keys of an algorithm: from the stock, and what
// that is short of freshly made.
func (s *Service) withKeys(ctx context.Context, alg token.Alg, need int, at time.Time, fn func(tx Tx, take func(SigningKey) error) error) error {
	var fresh []SigningKey
	for {
		taken := 0
		err := s.store.Update(ctx, func(tx Tx) error {
			taken = 0
			return fn(tx, func(to SigningKey) error {
				to.CreatedAt = at
				err := takeKey(ctx, tx, alg, fresh, taken, to)
				if err == nil {
					taken++
				}
				return err
			})
		})
		if !errors.Is(err, errNoStock) {
			return err
		}
		made, err := s.newKeys(alg, max(need-max(taken, len(fresh)), 1), at)
		if err != nil {
			return err
		}
		fresh = append(fresh, made...)
	}
}

// takeKey puts the nth key that an Update wants to where it is wanted: a fresh one while
// there are such, then one of the stock.
func takeKey(ctx context.Context, tx Tx, alg token.Alg, fresh []SigningKey, n int, to SigningKey) error {
	if n < len(fresh) {
		k := fresh[n]
		k.PoolID, k.Use, k.CreatedAt, k.ActiveAt = to.PoolID, to.Use, to.CreatedAt, to.ActiveAt
		return tx.InsertKey(ctx, k)
	}
	_, err := tx.ClaimStockKey(ctx, string(alg), to)
	if errors.Is(err, ErrNotFound) {
		return errNoStock
	}
	return err
}

// newKeys makes n keys side by side, for somebody who waits for them.
func (s *Service) newKeys(alg token.Alg, n int, at time.Time) ([]SigningKey, error) {
	s.lacking.Add(1)
	defer s.upkeep()
	defer s.lacking.Add(-1)
	keys := make([]SigningKey, n)
	var g errgroup.Group
	for i := range keys {
		g.Go(func() (err error) {
			keys[i], err = s.newKey(alg, at)
			return err
		})
	}
	return keys, g.Wait()
}

// newKey makes a signing key, sealed, of no pool.
func (s *Service) newKey(alg token.Alg, at time.Time) (SigningKey, error) {
	key, err := token.GenerateKey(alg, token.UseID, at)
	if err != nil {
		return SigningKey{}, fmt.Errorf("make signing key: %w", err)
	}
	der, err := key.MarshalPrivate()
	if err != nil {
		return SigningKey{}, err
	}
	return SigningKey{
		ID: key.ID, Alg: string(alg), Private: s.ring.Seal(sealSigning, []byte(key.ID), der), CreatedAt: at,
	}, nil
}

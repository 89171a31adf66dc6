package userpool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/token"
)

// stockSize is how many RSA keys wait for the next pools, two a pool: making
// one takes a good part of a second, creating a pool should not.
const stockSize = 4

// keySet reads and opens the pool's signing keys.
func (s *Service) keySet(ctx context.Context, tx Tx, pool PoolID) (token.KeySet, error) {
	rows, err := tx.Keys(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	set := make(token.KeySet, len(rows))
	for i, row := range rows {
		if set[i], err = s.openKey(row); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// openKey unseals a key, or finds it among those opened before: parsing an RSA
// key costs as much as using it. Times and use are the row's.
func (s *Service) openKey(row SigningKey) (*token.Key, error) {
	s.mu.Lock()
	kept := s.keys[row.ID]
	s.mu.Unlock()
	record := token.Key{
		ID: row.ID, Alg: token.Alg(row.Alg), Use: token.Use(row.Use),
		CreatedAt: row.CreatedAt, ActiveAt: row.ActiveAt, RetiredAt: row.RetiredAt,
	}
	if kept != nil {
		if kept.Use == record.Use && kept.ActiveAt.Equal(row.ActiveAt) && kept.RetiredAt.Equal(row.RetiredAt) {
			return kept, nil
		}
	}
	der, err := s.ring.Open(sealSigning, []byte(row.ID), row.Private)
	if err != nil {
		return nil, fmt.Errorf("open signing key %s: %w", row.ID, err)
	}
	key, err := token.ParseKey(der, record, s.rsa)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", row.ID, err)
	}
	s.mu.Lock()
	s.keys[row.ID] = key
	s.mu.Unlock()
	return key, nil
}

func (s *Service) forgetKey(id string) {
	s.mu.Lock()
	delete(s.keys, id)
	s.mu.Unlock()
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

// errNoStock says that there were fewer keys in stock than there had been.
var errNoStock = errors.New("no signing key in stock")

// withKeys runs an Update that needs new keys of an algorithm: from the stock,
// or where that is short from freshly made ones.
func (s *Service) withKeys(ctx context.Context, alg token.Alg, need int, at time.Time, fn func(tx Tx, take func(SigningKey) error) error) error {
	run := func(fresh []SigningKey) error {
		return s.store.Update(ctx, func(tx Tx) error {
			left := fresh
			return fn(tx, func(to SigningKey) error {
				to.CreatedAt = at
				if len(left) > 0 {
					k := left[0]
					left = left[1:]
					k.PoolID, k.Use, k.CreatedAt, k.ActiveAt = to.PoolID, to.Use, at, to.ActiveAt
					return tx.InsertKey(ctx, k)
				}
				_, err := tx.ClaimStockKey(ctx, string(alg), to)
				if errors.Is(err, ErrNotFound) {
					return errNoStock
				}
				return err
			})
		})
	}
	err := run(nil)
	if !errors.Is(err, errNoStock) {
		return err
	}
	fresh := make([]SigningKey, need)
	for i := range fresh {
		if fresh[i], err = s.newKey(alg, at); err != nil {
			return err
		}
	}
	return run(fresh)
}

// JWKS is the pool's key set document.
func (s *Service) JWKS(ctx context.Context, pool PoolID) (doc []byte, err error) {
	at := s.now()
	err = s.store.View(ctx, func(tx Tx) error {
		if _, err := loadPool(ctx, tx, pool); err != nil {
			return err
		}
		set, err := s.keySet(ctx, tx, pool)
		doc = set.JWKS(at)
		return err
	})
	return doc, err
}

// fillStock makes keys until the stock is full.
func (s *Service) fillStock(ctx context.Context) error {
	for ctx.Err() == nil {
		var have int
		err := s.store.View(ctx, func(tx Tx) (err error) {
			have, err = tx.StockKeys(ctx, string(token.RS256))
			return err
		})
		if err != nil || have >= stockSize {
			return err
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

// rotateAll carries out the rotation that the time and the pools' algorithms
// want, pool by pool.
func (s *Service) rotateAll(ctx context.Context) error {
	return s.eachPool(ctx, func(p Pool) error {
		_, err := s.rotateKeys(ctx, p, token.KeySet.Plan)
		return err
	})
}

// eachPool does fn for one pool after the other, in the order of their ids.
func (s *Service) eachPool(ctx context.Context, fn func(Pool) error) error {
	for after := PoolID(""); ; {
		var pools []Pool
		err := s.store.View(ctx, func(tx Tx) (err error) {
			pools, err = tx.Pools(ctx, after, 100)
			return err
		})
		if err != nil || len(pools) == 0 {
			return err
		}
		for _, p := range pools {
			if err := fn(p); err != nil {
				return fmt.Errorf("pool %s: %w", p.ID, err)
			}
			after = p.ID
		}
	}
}

// planner says what a rotation wants done with a key set.
type planner func(set token.KeySet, alg token.Alg, at time.Time) token.Plan

// rotateKeys carries out what plan wants for the pool and returns its keys as
// they are then, and whether new ones are among them.
func (s *Service) rotateKeys(ctx context.Context, p Pool, plan planner) (rotated RotatedKeys, err error) {
	at := s.now()
	alg := token.Alg(p.Settings.TokenAlg())
	rotated, wanted, err := s.planOf(ctx, p.ID, alg, at, plan)
	if err != nil || wanted.IsEmpty() {
		return rotated, err
	}
	err = s.withKeys(ctx, alg, len(wanted.Create), at, func(tx Tx, take func(SigningKey) error) error {
		if _, err := tx.Pool(ctx, p.ID); err != nil {
			return err
		}
		set, err := s.keySet(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		due := plan(set, alg, at)
		if err := s.tellRotation(ctx, tx, p.ID, due, at); err != nil {
			return err
		}
		if err := carryOut(ctx, tx, p.ID, due, take); err != nil {
			return err
		}
		rows, err := tx.Keys(ctx, p.ID)
		rotated = RotatedKeys{Pool: p.ID, Made: len(due.Create), SignsFrom: lastActive(rows)}
		return err
	})
	if errors.Is(err, ErrNotFound) { // the pool went meanwhile
		return RotatedKeys{Pool: p.ID}, nil
	}
	for _, id := range wanted.Drop {
		s.forgetKey(id)
	}
	return rotated, err
}

// tellRotation writes the audit row of a rotation that nobody asked for; one that
// somebody did is the row of his call.
func (s *Service) tellRotation(ctx context.Context, tx Tx, pool PoolID, due token.Plan, at time.Time) error {
	if due.IsEmpty() || entryOf(ctx) != nil {
		return nil
	}
	made := map[string]any{"created": len(due.Create), "retired": len(due.Retire), "dropped": len(due.Drop)}
	return s.putSystem(ctx, tx, "RotateSigningKeys", pool, made, at)
}

// planOf is what plan wants, read without writing, and the keys as they are.
func (s *Service) planOf(ctx context.Context, pool PoolID, alg token.Alg, at time.Time, plan planner) (kept RotatedKeys, wanted token.Plan, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		rows, err := tx.Keys(ctx, pool)
		if err != nil {
			return err
		}
		kept = RotatedKeys{Pool: pool, SignsFrom: lastActive(rows)}
		set, err := s.keySet(ctx, tx, pool)
		wanted = plan(set, alg, at)
		return err
	})
	return kept, wanted, err
}

// lastActive is when the newest of the keys begins to sign.
func lastActive(rows []SigningKey) time.Time {
	var last time.Time
	for _, row := range rows {
		if row.ActiveAt.After(last) {
			last = row.ActiveAt
		}
	}
	return last
}

// carryOut does what a rotation plan says. Another node may have done it: then
// the plan, made again in this transaction, is empty.
func carryOut(ctx context.Context, tx Tx, pool PoolID, plan token.Plan, take func(SigningKey) error) error {
	for _, spec := range plan.Create {
		if err := take(SigningKey{PoolID: pool, Use: string(spec.Use), ActiveAt: spec.ActiveAt}); err != nil {
			return err
		}
	}
	rows, err := tx.Keys(ctx, pool)
	if err != nil {
		return err
	}
	for _, r := range plan.Retire {
		for _, row := range rows {
			if row.ID != r.ID {
				continue
			}
			row.RetiredAt = r.RetiredAt
			if err := tx.DeleteKey(ctx, row.ID); err != nil {
				return err
			}
			if err := tx.InsertKey(ctx, row); err != nil {
				return err
			}
		}
	}
	for _, id := range plan.Drop {
		if err := tx.DeleteKey(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

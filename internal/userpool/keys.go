package userpool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/token"
)

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

package userpool

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/token"
)

// KeyRotation says how RotateKeys goes about it. The zero value is the rotation
// that comes by itself every 90 days, begun now: new keys are published for a
// day before they sign.
type KeyRotation struct {
	// AtOnce lets the new keys sign at once, for keys that have become known.
	// Verifiers that keep a fetched key set must fetch it again when they meet
	// a key that is not in it.
	AtOnce bool
	// RevokeOld, only with AtOnce, takes every older key out of the key set:
	// the tokens that they signed are valid nowhere from then on. Refresh
	// tokens are not signed by them and go on.
	RevokeOld bool
}

// RotatedKeys is what a rotation did in one pool.
type RotatedKeys struct {
	Pool      PoolID
	Made      int       // new keys; 0 where a rotation was under way
	SignsFrom time.Time // when the newest key begins to sign
}

// RotateKeys begins a rotation of the signing keys of one pool, or of all for
// "". While one is under way it begins no other and says when that will be done;
// AtOnce begins a new one each time. Servers on the store take part at once.
func (s *Service) RotateKeys(ctx context.Context, pool PoolID, how KeyRotation) ([]RotatedKeys, error) {
	plan := token.KeySet.PlanRotation
	switch {
	case how.AtOnce:
		plan = func(set token.KeySet, alg token.Alg, at time.Time) token.Plan {
			return set.PlanReplacement(alg, at, how.RevokeOld)
		}
	case how.RevokeOld:
		return nil, fault.New(fault.InvalidParameter, "Old keys can be revoked only where new ones sign at once.")
	}
	var all []RotatedKeys
	err := s.somePools(ctx, pool, func(p Pool) error {
		rotated, err := s.rotateKeys(ctx, p, plan)
		if err != nil { // what it says was not committed
			return err
		}
		if !rotated.SignsFrom.IsZero() { // else the pool went meanwhile
			all = append(all, rotated)
		}
		return nil
	})
	return all, err
}

// somePools does fn for the pool, or for all for "".
func (s *Service) somePools(ctx context.Context, id PoolID, fn func(Pool) error) error {
	if id == "" {
		return s.eachPool(ctx, fn)
	}
	var p Pool
	err := s.store.View(ctx, func(tx Tx) (err error) {
		p, err = loadPool(ctx, tx, id)
		return err
	})
	if err != nil {
		return err
	}
	return fn(p)
}

// KeyState is a signing key's place in the rotation.
type KeyState string

// The states, in the order in which a key goes through them.
const (
	KeyWaits   KeyState = "waits"   // published, does not sign yet
	KeySigns   KeyState = "signs"   // signs what its pool issues
	KeyRetired KeyState = "retired" // published for the tokens that it signed
	KeyOver    KeyState = "over"    // not published any more, about to go
)

// KeyView is a signing key without its secret.
type KeyView struct {
	Pool           PoolID
	ID             string // kid
	Use            string // id, access
	Alg            string
	State          KeyState
	CreatedAt      time.Time // published from here on
	ActiveAt       time.Time // signs from here on
	RetiredAt      time.Time // its successor signs from here on; zero while there is none
	PublishedUntil time.Time // zero while there is no successor
}

// Overdue says that the key signs a day longer than it should, with no successor:
// no server has looked after the keys.
func (k KeyView) Overdue(at time.Time) bool {
	return k.State == KeySigns && k.RetiredAt.IsZero() && at.After(k.ActiveAt.Add(token.RotateAfter+24*time.Hour))
}

// SigningKeys lists the signing keys of one pool, or of all for "", those of a
// pool in the order in which they sign.
func (s *Service) SigningKeys(ctx context.Context, pool PoolID) ([]KeyView, error) {
	at := s.now()
	var all []KeyView
	err := s.somePools(ctx, pool, func(p Pool) error {
		var views []KeyView
		err := s.store.View(ctx, func(tx Tx) error {
			set, err := s.keySet(ctx, tx, p.ID)
			views = viewKeys(p.ID, set, at)
			return err
		})
		all = append(all, views...)
		return err
	})
	return all, err
}

func viewKeys(pool PoolID, set token.KeySet, at time.Time) []KeyView {
	views := make([]KeyView, len(set))
	for i, k := range set {
		views[i] = KeyView{
			Pool: pool, ID: k.ID, Use: string(k.Use), Alg: string(k.Alg), State: stateOf(set, k, at),
			CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt, RetiredAt: k.RetiredAt, PublishedUntil: k.PublishedUntil(),
		}
	}
	return views
}

func stateOf(set token.KeySet, k *token.Key, at time.Time) KeyState {
	until := k.PublishedUntil()
	switch {
	case k.ActiveAt.After(at):
		return KeyWaits
	case set.Signing(k.Use, at) == k:
		return KeySigns
	case !until.IsZero() && !at.Before(until):
		return KeyOver
	}
	return KeyRetired
}

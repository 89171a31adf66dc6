package userpool

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/passwordhash"
)

// A user who came from elsewhere may have brought the hash of his password. SRP
// needs a verifier, which no hash can be turned into, so he signs in with the
// password in the open once; from then on he is like everybody else. A check of such
// a hash takes up to a hundred times as long as one of a verifier. Where a client
// must not learn who has an account, everybody's password costs that for as long as
// anybody in the pool has a hash.

// hashTx knows what the hashes of a pool cost to check.
type hashTx interface {
	// NoteHashCost remembers that a user of the pool came with a hash of the cost,
	// unless as many as most are remembered.
	NoteHashCost(ctx context.Context, pool PoolID, cost string, most int) error
	// HashCosts are the costs that were noted, in order; none where no user of the
	// pool has a hash any more.
	HashCosts(ctx context.Context, pool PoolID) ([]string, error)
}

// maxHashCosts is how many costs a pool remembers. A directory has one or two.
const maxHashCosts = 8

// hashParallel is how many hashes are checked at once: half of the processors, so
// that those who guess passwords leave the other half to everybody else, and no more
// than 8, since one may take 64 MiB.
func hashParallel() int { return min(max(runtime.GOMAXPROCS(0)/2, 1), 8) }

// errHashReplaced says that a hash gave way to a verifier while it was checked: the
// password is to be compared with that.
var errHashReplaced = errors.New("the password hash was replaced meanwhile")

// hashed is the hash that a password is checked against. Where it is not real there
// is none, and it stands in for one.
type hashed struct {
	hash passwordhash.Hash
	real bool
}

func (h hashed) none() bool { return h.hash.Algorithm() == "" }

// knownHash reads a hash that came along with a user, and says in words that repeat
// none of it why it cannot be used.
func knownHash(text string) (passwordhash.Hash, error) {
	h, err := passwordhash.Parse(text)
	switch {
	case errors.Is(err, passwordhash.ErrTooDear):
		return h, fault.New(fault.InvalidParameter, "The password hash has parameters above the maximum of its algorithm.")
	case err != nil:
		return h, fault.New(fault.InvalidParameter, "The password hash is malformed.")
	}
	return h, nil
}

// hashOf is the hash that a password of the user's is checked against. Hides says
// that whoever has none must not be told apart from those who have one.
func (s *Service) hashOf(ctx context.Context, tx Tx, p Pool, id UserID, u User, hides bool) (hashed, error) {
	if u.Verifier == "" && u.PasswordHash != "" {
		plain, err := s.ring.Open(sealHash, []byte(u.ID), u.PasswordHash)
		if err != nil {
			return hashed{}, fmt.Errorf("open password hash: %w", err)
		}
		h, err := passwordhash.Parse(string(plain))
		return hashed{h, true}, err
	}
	if !hides {
		return hashed{}, nil
	}
	costs, err := tx.HashCosts(ctx, p.ID)
	if err != nil || len(costs) == 0 {
		return hashed{}, err
	}
	cost := costs[int(s.stable(stableDecoy, "hash", string(p.ID), string(id))[0])%len(costs)]
	h, err := passwordhash.Stand(cost)
	return hashed{h, false}, err
}

// matchesHash checks the password against the hash, when there is room for it.
func (s *Service) matchesHash(ctx context.Context, h hashed, password string) (right bool, err error) {
	if h.none() {
		return false, nil
	}
	select {
	case s.hashes <- struct{}{}:
	case <-ctx.Done():
		return false, fault.Wrap(fault.Unavailable, ctx.Err(), "The server is busy.")
	}
	defer func() { <-s.hashes }()
	return h.hash.Matches(password) && h.real, nil
}

// mayCheckHash counts a sign-in before its password is checked against a hash, and
// refuses it where the lock of the account does: neither strangers nor those who
// guess are to take more of the server's time than of others'.
func (s *Service) mayCheckHash(ctx context.Context, st *start, a account) error {
	if err := s.countStart(ctx, &st.request.Caller, st.at); err != nil {
		return err
	}
	var lock PasswordLock
	err := s.store.View(ctx, func(tx Tx) (err error) {
		lock, err = tx.PasswordLock(ctx, st.pool.ID, string(a.id))
		return err
	})
	if err != nil {
		return fmt.Errorf("password lock: %w", err)
	}
	if lock.locked(st.at) {
		return errLocked
	}
	return nil
}

// tryHash checks the password against the hash of the account, and makes the verifier
// that takes its place if it is right.
func (s *Service) tryHash(ctx context.Context, st *start, a *account, password string) (right bool, err error) {
	if a.hash.none() {
		return false, nil
	}
	if err := s.mayCheckHash(ctx, st, *a); err != nil {
		return false, err
	}
	if right, err = s.matchesHash(ctx, a.hash, password); err != nil || !right {
		return false, err
	}
	a.replacement, err = s.newVerifier(ctx, st.pool, a.user.ID, a.user.Username, password)
	return true, err
}

// replaceHash puts the verifier in the place of the hash that the password was right
// by. It is the same password, so nothing else of it changes.
func replaceHash(ctx context.Context, tx Tx, u User, made secret) (User, error) {
	u.Verifier, u.SRPIdentity, u.PasswordHash = made.sealed, made.identity, ""
	if err := tx.UpdateUser(ctx, u); err != nil {
		return u, fmt.Errorf("replace password hash: %w", err)
	}
	return u, nil
}

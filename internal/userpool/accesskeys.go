package userpool

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// firstStart is the name of the access key that the server makes for itself.
const firstStart = "first start"

// touchEvery is how exactly the last use of an access key is noted.
const touchEvery = time.Minute

// Credential is an access key opened: the secret that requests are signed with,
// and what they may do.
type Credential struct {
	ID, Secret string
	Operations []string  // patterns of names; none for all
	Pools      []PoolID  // none for all, and what belongs to no pool
	ExpiresAt  time.Time // zero: never

	kept       bool // it has a row in the store
	lastUsedAt time.Time
}

// MayCall says whether the key's operations include one of that name. A pattern
// is a name, or the beginning of names and a star.
func (c Credential) MayCall(operation string) bool {
	return len(c.Operations) == 0 || slices.ContainsFunc(c.Operations, func(pattern string) bool {
		return MatchesOperation(pattern, operation)
	})
}

// MayTouch says whether the key's pools include the pool, "" for what belongs
// to none.
func (c Credential) MayTouch(pool PoolID) bool {
	return len(c.Pools) == 0 || slices.Contains(c.Pools, pool)
}

// MatchesOperation says whether a pattern of an access key includes an operation.
func MatchesOperation(pattern, operation string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	if open {
		return strings.HasPrefix(operation, prefix)
	}
	return pattern == operation
}

// Credential opens the access key of that id: the configured one, or one of the
// store; ErrNotFound if there is none. It is read at each call, so that a
// deleted key is of no use from then on. The key that the server made serves only
// while none is configured.
func (s *Service) Credential(ctx context.Context, id string) (Credential, error) {
	configured := s.adminKey.ID != ""
	if configured && id == s.adminKey.ID {
		return Credential{ID: id, Secret: s.adminKey.Secret}, nil
	}
	var k AccessKey
	err := s.store.View(ctx, func(tx Tx) error {
		first, err := tx.Meta(ctx, metaAdminID)
		if err != nil {
			return err
		}
		if configured && id == first {
			return ErrNotFound
		}
		k, err = tx.AccessKey(ctx, id)
		return err
	})
	if err != nil {
		return Credential{}, err
	}
	secret, err := s.ring.Open(sealAccessKey, []byte(k.ID), k.Secret)
	if err != nil {
		return Credential{}, fmt.Errorf("open access key %s: %w", k.ID, err)
	}
	return Credential{
		ID: k.ID, Secret: string(secret), Operations: k.Operations, Pools: k.Pools, ExpiresAt: k.ExpiresAt,
		kept: true, lastUsedAt: k.LastUsedAt,
	}, nil
}

// NoteUse notes that a request signed with the key came, at most once a minute.
// That it cannot be noted is no reason to refuse the request.
func (s *Service) NoteUse(ctx context.Context, c Credential, at time.Time) {
	if !c.kept || at.Before(c.lastUsedAt.Add(touchEvery)) {
		return
	}
	err := s.store.Update(apart(ctx), func(tx Tx) error {
		return tx.TouchAccessKey(ctx, c.ID, at, at.Add(-touchEvery))
	})
	if err != nil {
		s.log.WarnContext(ctx, "the use of an access key was not noted", "key", c.ID, "error", err)
	}
}

// NewAccessKey asks for an access key.
type NewAccessKey struct {
	Name       string
	Lifetime   time.Duration // 0: no end
	Operations []string      // names, or beginnings of names and a star; none for all
	Pools      []PoolID      // none for all, and what belongs to no pool
}

// CreateAccessKey makes an access key. Its secret is told here and nowhere else.
func (s *Service) CreateAccessKey(ctx context.Context, n NewAccessKey) (k AccessKey, secret string, err error) {
	at := s.now()
	if err := checkAccessKey(n); err != nil {
		return AccessKey{}, "", err
	}
	fresh := newAdminKey()
	k = AccessKey{ID: fresh.ID, Name: n.Name, Secret: s.sealAccessKey(fresh), Operations: n.Operations, Pools: n.Pools, CreatedAt: at}
	if n.Lifetime > 0 {
		k.ExpiresAt = at.Add(n.Lifetime)
	}
	Note(ctx, "key", k.ID)
	err = s.store.Update(ctx, func(tx Tx) error {
		for _, pool := range n.Pools {
			if _, err := loadPool(ctx, tx, pool); err != nil {
				return err
			}
		}
		return tx.InsertAccessKey(ctx, k)
	})
	return k, fresh.Secret, err
}

// maxKeyName is how long the name of an access key may be.
const maxKeyName = 128

func checkAccessKey(n NewAccessKey) error {
	switch {
	case n.Name == "" || len(n.Name) > maxKeyName || strings.ContainsFunc(n.Name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fault.New(fault.InvalidParameter, "An access key has a name of 1 to %d printable characters.", maxKeyName)
	case n.Lifetime < 0:
		return fault.New(fault.InvalidParameter, "An access key cannot have expired before it is made.")
	}
	return nil
}

// AccessKeys lists the access keys of the store, oldest first.
func (s *Service) AccessKeys(ctx context.Context) (all []AccessKey, err error) {
	err = s.store.View(ctx, func(tx Tx) (err error) {
		all, err = tx.AccessKeys(ctx)
		return err
	})
	return all, err
}

// DeleteAccessKey ends an access key at once, on every server on the store.
func (s *Service) DeleteAccessKey(ctx context.Context, id string) error {
	return s.store.Update(ctx, func(tx Tx) error {
		deleted, err := tx.DeleteAccessKey(ctx, id)
		if err == nil && !deleted {
			return fault.New(fault.ResourceNotFound, "Access key %s does not exist.", id)
		}
		return err
	})
}

// EnsureAdminKey returns the key that operators sign with: the configured one,
// or the one that is made for a new store. Where that was deleted there is none,
// and the zero key is returned.
func (s *Service) EnsureAdminKey(ctx context.Context) (key AdminKey, made bool, err error) {
	if s.adminKey.ID != "" {
		return s.adminKey, false, nil
	}
	at, fresh := s.now(), newAdminKey()
	sealed := s.sealAccessKey(fresh)
	var kept AccessKey
	err = s.store.Update(ctx, func(tx Tx) error {
		made = false
		id, err := tx.Meta(ctx, metaAdminID)
		if err != nil {
			return err
		}
		if id != "" {
			kept, err = tx.AccessKey(ctx, id)
			return err
		}
		made = true
		kept = AccessKey{ID: fresh.ID, Name: firstStart, Secret: sealed, CreatedAt: at}
		return cmp.Or(
			tx.PutMeta(ctx, metaAdminID, fresh.ID), tx.InsertAccessKey(ctx, kept),
			s.putSystem(ctx, tx, "MakeAdminKey", "", map[string]any{"key": fresh.ID}, at))
	})
	if errors.Is(err, ErrNotFound) {
		return AdminKey{}, false, nil
	}
	if err != nil {
		return AdminKey{}, false, fmt.Errorf("admin key: %w", err)
	}
	secret, err := s.ring.Open(sealAccessKey, []byte(kept.ID), kept.Secret)
	if err != nil {
		return AdminKey{}, false, fmt.Errorf("admin key: %w", err)
	}
	return AdminKey{ID: kept.ID, Secret: string(secret)}, made, nil
}

// moveFirstKey makes the key that an earlier version kept among the server's
// settings one of the access keys.
func (s *Service) moveFirstKey(ctx context.Context) error {
	at := s.now()
	err := s.store.Update(ctx, func(tx Tx) error {
		kept, err := tx.Meta(ctx, metaAdminSecret)
		if err != nil || kept == "" {
			return err
		}
		id, err := tx.Meta(ctx, metaAdminID)
		if err != nil {
			return err
		}
		secret, err := s.ring.Open(sealServer, []byte(id), kept)
		if err != nil {
			return err
		}
		moved := AccessKey{ID: id, Name: firstStart, Secret: s.sealAccessKey(AdminKey{ID: id, Secret: string(secret)}), CreatedAt: at}
		return cmp.Or(tx.InsertAccessKey(ctx, moved), tx.PutMeta(ctx, metaAdminSecret, ""))
	})
	if err != nil {
		return fmt.Errorf("move the admin key to the access keys: %w", err)
	}
	return nil
}

func (s *Service) sealAccessKey(k AdminKey) string {
	return s.ring.Seal(sealAccessKey, []byte(k.ID), []byte(k.Secret))
}

// newAdminKey has the look of an AWS access key, so that every tool takes it.
func newAdminKey() AdminKey {
	var id [10]byte
	rand.Read(id[:])
	return AdminKey{
		ID:     "BHAK" + base32.StdEncoding.EncodeToString(id[:]),
		Secret: newHandle()[:40],
	}
}

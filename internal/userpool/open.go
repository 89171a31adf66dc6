package userpool

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// ErrWrongMasterKey says that the store was written under another master key.
var ErrWrongMasterKey = errors.New("the database was written under another master key")

// ErrIssuerChange says that the pools in the store were made under another
// public URL, which is in their tokens and in everything that checks them.
var ErrIssuerChange = errors.New("the public URL differs from the one that existing pools were made with")

// Settings that the server keeps for itself.
const (
	metaServerSecret = "server_secret"           // sealed
	metaAdminID      = "admin_access_key_id"     // of the access key made at first start
	metaAdminSecret  = "admin_secret_access_key" // sealed; moved to the access keys at start
	metaMasterKeys   = "master_keys"             // keyUses
	metaPublicURL    = "public_url"
	metaReady        = "ready_at"
	metaRestored     = "restored_at" // what was begun before is over; see restore.go
)

// IsNew says whether no Service was ever opened on the store. Only then may a
// missing master key be made.
func IsNew(ctx context.Context, store Store) (isNew bool, err error) {
	err = store.View(ctx, func(tx Tx) error {
		v, err := tx.Meta(ctx, metaServerSecret)
		isNew = v == ""
		return err
	})
	return isNew, err
}

// openSecrets reads the server's secret, or makes it on a new store. That it
// opens is the proof that the master key is the right one.
func (s *Service) openSecrets(ctx context.Context) error {
	made := make([]byte, 32)
	rand.Read(made)
	sealed := s.ring.Seal(sealServer, nil, made)
	err := s.store.Update(ctx, func(tx Tx) error {
		v, err := tx.Meta(ctx, metaServerSecret)
		if err != nil {
			return err
		}
		if v == "" {
			s.stableKey = made
			return tx.PutMeta(ctx, metaServerSecret, sealed)
		}
		s.stableKey, err = s.ring.Open(sealServer, nil, v)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrWrongMasterKey, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("open server secret: %w", err)
	}
	return nil
}

// PublicURL is the URL that issuers were made of when a server last ran on the
// store, "" if none did.
func PublicURL(ctx context.Context, store Store) (url string, err error) {
	err = store.View(ctx, func(tx Tx) error {
		url, err = tx.Meta(ctx, metaPublicURL)
		return err
	})
	return url, err
}

// ClaimPublicURL records the URL that issuers are made of. Where pools exist
// and were made under another one, it refuses unless the operator accepts that
// every token in use and every back end's issuer setting turns invalid.
func (s *Service) ClaimPublicURL(ctx context.Context, accept bool) error {
	at := s.now()
	return s.store.Update(ctx, func(tx Tx) error {
		old, err := tx.Meta(ctx, metaPublicURL)
		if err != nil {
			return err
		}
		if strings.EqualFold(old, s.publicURL) {
			return nil
		}
		pools, err := tx.Pools(ctx, "", 1)
		if err != nil {
			return err
		}
		if old != "" && len(pools) > 0 && !accept {
			return fmt.Errorf("%w: it was %s and is to be %s", ErrIssuerChange, old, s.publicURL)
		}
		if err := s.putSystem(ctx, tx, "ChangePublicURL", "", map[string]any{"from": old, "to": s.publicURL}, at); err != nil {
			return err
		}
		return tx.PutMeta(ctx, metaPublicURL, s.publicURL)
	})
}

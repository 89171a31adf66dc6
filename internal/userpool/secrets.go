package userpool

import (
	"context"
	"crypto/hmac"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// maxSecrets is how many secrets a client may have at once: an old and a new one
// while they are exchanged.
const maxSecrets = 2

// AddUserPoolClientSecret gives a confidential app client a second secret, which
// serves beside the first: the one given, or a new one if that is "". Only a new
// one is shown.
func (s *Service) AddUserPoolClientSecret(ctx context.Context, pool PoolID, id ClientID, secret string) (ClientSecretView, error) {
	at := s.now()
	made := ""
	if secret == "" {
		made = randomText(clientIDAlphabet, secretLength)
		secret = made
	}
	var added ClientSecret
	err := s.store.Update(ctx, func(tx Tx) error {
		c, _, err := clientOf(ctx, tx, pool, id)
		if err != nil {
			return err
		}
		if err := s.checkNewSecret(c, secret); err != nil {
			return err
		}
		added = s.sealClientSecret(c, secret, at)
		c.Secrets, c.ModifiedAt = append(slices.Clip(c.Secrets), added), at
		return tx.UpdateClient(ctx, c)
	})
	if err != nil {
		return ClientSecretView{}, err
	}
	return ClientSecretView{ID: added.ID, Value: made, CreatedAt: added.CreatedAt}, nil
}

func (s *Service) checkNewSecret(c Client, secret string) error {
	switch {
	case len(c.Secrets) == 0:
		return fault.New(fault.InvalidParameter, "Client %s has no secret, and a client that was made without one stays so.", c.ID)
	case len(c.Secrets) >= maxSecrets:
		return fault.New(fault.LimitExceeded, "Client %s has %d secrets already. Delete one first.", c.ID, maxSecrets)
	}
	for _, kept := range c.Secrets {
		have, err := s.openClientSecret(c.ID, kept)
		if err != nil {
			return err
		}
		if hmac.Equal(have, []byte(secret)) {
			return fault.New(fault.InvalidParameter, "The secret is one that the client has already.")
		}
	}
	return nil
}

// UserPoolClientSecrets lists an app client's secrets without their values,
// oldest first.
func (s *Service) UserPoolClientSecrets(ctx context.Context, pool PoolID, id ClientID) ([]ClientSecretView, error) {
	var c Client
	err := s.store.View(ctx, func(tx Tx) (err error) {
		c, _, err = clientOf(ctx, tx, pool, id)
		return err
	})
	views := make([]ClientSecretView, len(c.Secrets))
	for i, kept := range c.Secrets {
		views[i] = ClientSecretView{ID: kept.ID, CreatedAt: kept.CreatedAt}
	}
	return views, err
}

// DeleteUserPoolClientSecret ends one of an app client's secrets. The last one
// stays: a client that had to prove itself must not turn into one that need not.
func (s *Service) DeleteUserPoolClientSecret(ctx context.Context, pool PoolID, id ClientID, secret string) error {
	at := s.now()
	return s.store.Update(ctx, func(tx Tx) error {
		c, _, err := clientOf(ctx, tx, pool, id)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(c.Secrets, func(kept ClientSecret) bool { return kept.ID == secret })
		switch {
		case i < 0:
			return fault.New(fault.ResourceNotFound, "The client has no secret of this id.")
		case len(c.Secrets) == 1:
			return fault.New(fault.InvalidParameter, "The last secret of a client cannot be deleted. Add another one first.")
		}
		c.Secrets, c.ModifiedAt = slices.Delete(slices.Clone(c.Secrets), i, i+1), at
		return tx.UpdateClient(ctx, c)
	})
}

// sealClientSecret makes the record of a new secret of the client. Its id is as
// the service model's example: client id, two dashes, Unix seconds, here the
// first that no other secret of the client has.
func (s *Service) sealClientSecret(c Client, secret string, at time.Time) ClientSecret {
	id, second := "", at.Unix()
	for taken := true; taken; second++ {
		id = fmt.Sprintf("%s--%d", c.ID, second)
		taken = slices.ContainsFunc(c.Secrets, func(kept ClientSecret) bool { return kept.ID == id })
	}
	return ClientSecret{ID: id, Sealed: s.ring.Seal(sealSecret, []byte(c.ID), []byte(secret)), CreatedAt: at}
}

func (s *Service) openClientSecret(id ClientID, kept ClientSecret) ([]byte, error) {
	secret, err := s.ring.Open(sealSecret, []byte(id), kept.Sealed)
	if err != nil {
		return nil, fmt.Errorf("open client secret: %w", err)
	}
	return secret, nil
}

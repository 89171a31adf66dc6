package userpool

import (
	"context"
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// confirmed tells the pool's PostConfirmation function of a user who is stored:
// he was confirmed, or has a new password by a code. What it says changes nothing
// about him, and a client that has gone does not keep it from being told. A repeat
// of the request tells it again where it failed: a function may be told twice, on
// Cognito too.
func (s *Service) confirmed(ctx context.Context, p Pool, c ClientID, u User, source trigger.Source, metadata map[string]string) error {
	if !p.Settings.Triggers.has(trigger.PostConfirmation) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), triggersWithin)
	defer cancel()
	_, err := ask(ctx, s, occasion{p, c, u.Username}, source, trigger.PostConfirmationRequest{
		UserAttributes: u.eventAttributes(p), ClientMetadata: metadata,
	}, trigger.None{})
	return err
}

// confirmedByID is confirmed for a user of whom a kept answer may tell; one who is
// not there any more is nobody's news.
func (s *Service) confirmedByID(ctx context.Context, p Pool, c ClientID, id UserID, source trigger.Source, metadata map[string]string) error {
	if id == "" || !p.Settings.Triggers.has(trigger.PostConfirmation) {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	var u User
	err := s.store.View(ctx, func(tx Tx) (err error) {
		u, err = tx.User(ctx, p.ID, id)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.confirmed(ctx, p, c, u, source, metadata)
}

// countStart counts the start of a request in a transaction of its own, before a
// function of the pool is called for it: how often functions run is bounded by
// what an address may begin. What the request itself would count is counted then.
func (s *Service) countStart(ctx context.Context, c *Caller, at time.Time) error {
	if s.limitsOff || c.Backend || c.counted {
		return nil
	}
	err := s.store.Update(ctx, func(tx Tx) error { return s.spendStart(ctx, tx, *c, at) })
	c.counted = err == nil
	return err
}

package userpool

import (
	"context"
	"fmt"
)

// GetUser shows the holder of an access token what the client may read of him.
func (s *Service) GetUser(ctx context.Context, accessToken string) (view UserView, err error) {
	at := s.now()
	err = s.store.View(ctx, func(tx Tx) error {
		b, err := s.authenticate(ctx, tx, accessToken, at)
		if err != nil {
			return err
		}
		view = b.user.view(b.client.Settings.mayRead)
		return nil
	})
	return view, err
}

// DeleteUser removes the holder of an access token and all that is his.
func (s *Service) DeleteUser(ctx context.Context, accessToken string) error {
	at := s.now()
	return s.store.Update(ctx, func(tx Tx) error {
		b, err := s.authenticate(ctx, tx, accessToken, at)
		if err != nil {
			return err
		}
		return deleteUser(ctx, tx, b.user)
	})
}

// deleteUser removes a user; his number is free at once, his id never again.
func deleteUser(ctx context.Context, tx Tx, u User) error {
	for _, name := range u.Names { // strict sign-ups of the user
		if err := tx.DeleteRegistrations(ctx, u.PoolID, name); err != nil {
			return fmt.Errorf("delete user: %w", err)
		}
	}
	if err := tx.DeleteUser(ctx, u.PoolID, u.ID); err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return nil
}

package userpool

import (
	"context"
	"fmt"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// GetUser shows the holder of an access token what the client may read of him.
func (s *Service) GetUser(ctx context.Context, accessToken string) (view UserView, err error) {
	at := now()
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

// UpdateUserAttributes changes what the client may write. The phone number is
// what the user signs in with, and changing it needs a proof of the new one,
// which this version does not take; an empty value deletes.
func (s *Service) UpdateUserAttributes(ctx context.Context, _ Caller, accessToken string, list []Attribute) ([]Delivery, error) {
	at := now()
	err := s.store.Update(ctx, func(tx Tx) error {
		b, err := s.authenticate(ctx, tx, accessToken, at)
		if err != nil {
			return err
		}
		attrs, err := ownAttributes(b.pool, b.client, list)
		if err != nil {
			return err
		}
		if err := b.pool.Settings.changeable(list); err != nil {
			return err
		}
		u := b.user
		if err := changeAttributes(b.pool, &u, attrs); err != nil {
			return err
		}
		u.ModifiedAt = at
		if err := tx.UpdateUser(ctx, u); err != nil {
			return fmt.Errorf("update attributes: %w", err)
		}
		return nil
	})
	return []Delivery{}, err
}

func changeAttributes(p Pool, u *User, attrs map[string]string) error {
	for name, value := range attrs {
		if name == AttrPhone && value != u.Attributes[AttrPhone] {
			return fault.New(fault.InvalidParameter, "phone_number: Changing the phone number is not served by this version of Bellhop.")
		}
		if name == AttrEmail && value != u.Attributes[AttrEmail] {
			delete(u.Attributes, AttrEmailVerified)
			if value != "" {
				u.Attributes[AttrEmailVerified] = "false"
			}
		}
		if value == "" {
			delete(u.Attributes, name)
			continue
		}
		u.Attributes[name] = value
	}
	return requiredPresent(p, u.Attributes)
}

// DeleteUser removes the holder of an access token and all that is his.
func (s *Service) DeleteUser(ctx context.Context, accessToken string) error {
	at := now()
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

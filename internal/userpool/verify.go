package userpool

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// UpdateUserAttributes changes what the client may write; an empty value
// deletes. It says where codes went for what changes only when they are given.
func (s *Service) UpdateUserAttributes(ctx context.Context, c Caller, accessToken string, list []Attribute, metadata map[string]string) ([]Delivery, error) {
	at := s.now()
	if err := s.provenBearer(ctx, &c, accessToken, at); err != nil {
		return nil, err
	}
	w := &wording{caller: c.guessable(), metadata: metadata}
	sent, err := worded(ctx, s, w, at, func(ctx context.Context) ([]Delivery, error) {
		return once(ctx, s, w.caller, at, nil, func(tx Tx) ([]Delivery, *fault.Error, error) {
			sent, err := s.updateOwn(ctx, tx, w, accessToken, list, at)
			return sent, nil, err
		})
	})
	return sent, err
}

func (s *Service) updateOwn(ctx context.Context, tx Tx, w *wording, accessToken string, list []Attribute, at time.Time) ([]Delivery, error) {
	b, err := s.authenticate(ctx, tx, accessToken, at)
	if err != nil {
		return nil, err
	}
	attrs, err := ownAttributes(b.pool, b.client, list)
	if err != nil {
		return nil, err
	}
	if err := b.pool.Settings.changeable(list); err != nil {
		return nil, err
	}
	k := newChange(b.pool, b.user, w, at)
	k.client = b.client
	if err := k.apply(attrs); err != nil {
		return nil, err
	}
	return s.made(ctx, tx, k)
}

// DeleteUserAttributes deletes attributes that the client may write.
func (s *Service) DeleteUserAttributes(ctx context.Context, c Caller, accessToken string, names []string) error {
	_, err := s.UpdateUserAttributes(ctx, c, accessToken, emptied(names), nil)
	return err
}

// emptied is the wish to delete the attributes.
func emptied(names []string) []Attribute {
	list := make([]Attribute, len(names))
	for i, name := range names {
		list[i].Name = name
	}
	return list
}

// AdminUpdateUserAttributes changes attributes of a user. A contact that comes
// with its verified flag is taken as proved; without it, it is the user's at
// once and unverified, unless the pool wants it verified before.
func (s *Service) AdminUpdateUserAttributes(ctx context.Context, c Caller, pool PoolID, username string, list []Attribute, metadata map[string]string) error {
	at := s.now()
	c.Backend = true // the address is the administrator's
	w := &wording{caller: c.guessable(), metadata: metadata}
	_, err := worded(ctx, s, w, at, func(ctx context.Context) (struct{}, error) {
		return once(ctx, s, w.caller, at, nil, func(tx Tx) (struct{}, *fault.Error, error) {
			return struct{}{}, nil, s.updateByAdmin(ctx, tx, w, pool, username, list, at)
		})
	})
	return err
}

func (s *Service) updateByAdmin(ctx context.Context, tx Tx, w *wording, pool PoolID, username string, list []Attribute, at time.Time) error {
	p, err := loadPool(ctx, tx, pool)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(a Attribute) bool { return a.Name == AttrSub }) {
		return fault.New(fault.InvalidParameter, "user.sub: Attribute cannot be updated.")
	}
	attrs, err := anyAttributes(p, list)
	if err != nil {
		return err
	}
	if err := p.Settings.changeable(list); err != nil {
		return err
	}
	u, err := userTarget(ctx, tx, pool, username, at)
	if err != nil {
		return err
	}
	k := newChange(p, u, w, at)
	k.byAdmin = true
	if err := k.apply(attrs); err != nil {
		return err
	}
	_, err = s.made(ctx, tx, k)
	return err
}

// AdminDeleteUserAttributes deletes attributes of a user.
func (s *Service) AdminDeleteUserAttributes(ctx context.Context, c Caller, pool PoolID, username string, names []string) error {
	return s.AdminUpdateUserAttributes(ctx, c, pool, username, emptied(names), nil)
}

// waiting is what a code for the attribute proves: the value that waits for it,
// else the one that the user has.
func (u User) waiting(attr string) Contact {
	if c := attributeContact(u.Pending, attr); !c.IsZero() {
		return c
	}
	return u.contact(attr)
}

// checkVerifiable says that codes can be sent to the attribute at all.
func checkVerifiable(attr string) error {
	if !slices.Contains(contactAttributes, attr) {
		return fault.New(fault.InvalidParameter, "%s: Only phone_number and email can be verified.", clip(attr))
	}
	return nil
}

// GetUserAttributeVerificationCode sends the code for the value that waits, or
// for the one that the user has and that is not verified.
func (s *Service) GetUserAttributeVerificationCode(ctx context.Context, c Caller, accessToken, attr string, metadata map[string]string) (Delivery, error) {
	at := s.now()
	if err := checkVerifiable(attr); err != nil {
		return Delivery{}, err
	}
	if err := s.provenBearer(ctx, &c, accessToken, at); err != nil {
		return Delivery{}, err
	}
	w := &wording{caller: c.guessable(), metadata: metadata}
	d, err := worded(ctx, s, w, at, func(ctx context.Context) (Delivery, error) {
		return once(ctx, s, w.caller, at, nil, func(tx Tx) (Delivery, *fault.Error, error) {
			d, err := s.verification(ctx, tx, w, accessToken, attr, at)
			return d, nil, err
		})
	})
	return d, err
}

func (s *Service) verification(ctx context.Context, tx Tx, w *wording, accessToken, attr string, at time.Time) (Delivery, error) {
	b, err := s.authenticate(ctx, tx, accessToken, at)
	if err != nil {
		return Delivery{}, err
	}
	to := b.user.waiting(attr)
	switch {
	case to.IsZero():
		return Delivery{}, fault.New(fault.InvalidParameter, "%s: The user has none that could be verified.", attr)
	case to == b.user.contact(attr) && b.user.proved(b.pool, to):
		return Delivery{}, fault.New(fault.InvalidParameter, "%s: It is verified already.", attr)
	}
	return s.sendVerification(ctx, tx, codeRequest{
		pool: b.pool, client: b.client, subject: string(b.user.ID), to: to, caller: w.caller, at: at,
		wording: w, source: trigger.CustomMessageVerifyUserAttribute, user: b.user,
	})
}

// VerifyUserAttribute takes the code for a contact: the value that waits moves
// in, or the one that is there is verified. The contact that it replaces is told.
func (s *Service) VerifyUserAttribute(ctx context.Context, c Caller, accessToken, attr, code string) error {
	at := s.now()
	if err := checkVerifiable(attr); err != nil {
		return err
	}
	_, err := once(ctx, s, c, at, nil, func(tx Tx) (struct{}, *fault.Error, error) {
		b, err := s.authenticate(ctx, tx, accessToken, at)
		if err != nil {
			return struct{}{}, nil, err
		}
		live, err := tx.Challenges(ctx, b.pool.ID, string(b.user.ID), PurposeVerify.by(attr), at)
		if err != nil {
			return struct{}{}, nil, fmt.Errorf("verification codes: %w", err)
		}
		matched, err := s.match(ctx, tx, live, code, c, at)
		if err != nil {
			return struct{}{}, nil, err
		}
		if matched.verdict != right {
			return struct{}{}, matched.verdict.refusal(), nil
		}
		if err := s.settle(ctx, tx, matched.challenge, matched.party, at); err != nil {
			return struct{}{}, nil, err
		}
		return struct{}{}, nil, s.moveIn(ctx, tx, b, matched.challenge.To, at)
	})
	return err
}

// moveIn makes a contact that answered its code the user's, in the place of the
// one that he had. That it is somebody else's name is told to him alone.
func (s *Service) moveIn(ctx context.Context, tx Tx, b bearer, to Contact, at time.Time) error {
	attr := to.attribute()
	if to != b.user.waiting(attr) {
		return errExpiredCode // its place was taken
	}
	u := b.user.apart()
	u.Attributes[attr] = to.Text()
	delete(u.Pending, attr)
	u, err := s.prove(ctx, tx, b.pool, u, to, at)
	if err != nil {
		return err
	}
	return s.follow(ctx, tx, b.pool, b.user, u, true, at)
}

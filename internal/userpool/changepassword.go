package userpool

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/srp"
)

var (
	errPasswordUsed  = fault.New(fault.PasswordHistory, "Password has previously been used.")
	errResetRequired = fault.New(fault.PasswordResetRequired, "Password reset required for the user")
)

// checkNewPassword checks a password that is to replace another.
func checkNewPassword(p Pool, password string) error {
	if c := p.Settings.Password.complaint(password); c != "" {
		return fault.New(fault.InvalidPassword, "Password does not conform to policy: %s", c)
	}
	return nil
}

// replacement is newVerifier for somebody who may have a password: it also finds
// out whether the new one is among the last that the pool remembers. That costs
// the same for everybody, whatever he had, since it is done before it is known
// who asks.
func (s *Service) replacement(ctx context.Context, p Pool, u User, password string) (secret, error) {
	made, err := s.newVerifier(ctx, p, u.ID, u.Username, password)
	if err != nil || p.Settings.Password.HistorySize == 0 {
		return made, err
	}
	had, err := s.passwordsOf(p, u)
	if err != nil {
		return secret{}, err
	}
	byHash, err := s.isHashOf(ctx, p, u, password)
	if err != nil {
		return secret{}, err
	}
	made.reused = byHash
	err = s.exponentiate(ctx, func() {
		for _, v := range had {
			for _, identity := range identities(p, u) {
				if s.group.Matches(v, poolName(p.ID), identity, password) {
					made.reused = true
				}
			}
		}
	})
	return made, err
}

// isHashOf says whether the text is the password that the user's hash is of, at the
// same cost for those in the pool who have none.
func (s *Service) isHashOf(ctx context.Context, p Pool, u User, text string) (bool, error) {
	var h hashed
	err := s.store.View(ctx, func(tx Tx) (err error) {
		h, err = s.hashOf(ctx, tx, p, u.ID, u, true)
		return err
	})
	if err != nil {
		return false, err
	}
	return s.matchesHash(ctx, h, text)
}

// passwordsOf are the verifiers of the user's password and of the ones before,
// as many as the pool remembers, with ones that nobody has where he had fewer.
func (s *Service) passwordsOf(p Pool, u User) ([]srp.Verifier, error) {
	had := make([]srp.Verifier, p.Settings.Password.HistorySize)
	kept := u.PasswordHistory
	if u.Verifier != "" {
		kept = append([]string{u.Verifier}, kept...)
	}
	for i := range had {
		if i >= len(kept) {
			had[i] = srp.FakeVerifier(s.stable(stableDecoy, "verifier"), poolName(p.ID), string(u.ID))
			continue
		}
		v, err := s.openVerifier(u.ID, kept[i])
		if err != nil {
			return nil, err
		}
		had[i] = v
	}
	return had, nil
}

// identities are what verifiers of the user may have been made with: see
// srpIdentity, whose answer changes with the pool's behaviour.
func identities(p Pool, u User) []string {
	if len(p.Settings.AliasAttributes) == 0 {
		return []string{u.Username}
	}
	return []string{u.Username, string(u.ID)}
}

// PasswordChange is a signed-in user's wish for another password.
type PasswordChange struct {
	Caller      Caller
	AccessToken string
	Previous    string // "" where the user has none
	Proposed    string
}

// ChangePassword replaces the password of the holder of an access token, who
// must know the one before if he has one. His tokens stay; all else that was
// begun with the old password ends.
func (s *Service) ChangePassword(ctx context.Context, r PasswordChange) error {
	at := s.now()
	var b bearer
	err := s.store.View(ctx, func(tx Tx) (err error) {
		b, err = s.authenticate(ctx, tx, r.AccessToken, at)
		return err
	})
	if err != nil {
		return err
	}
	if err := checkNewPassword(b.pool, r.Proposed); err != nil {
		return err
	}
	right, err := s.isPassword(ctx, b.pool, b.user, r.Previous)
	if err != nil {
		return err
	}
	made, err := s.replacement(ctx, b.pool, b.user, r.Proposed)
	if err != nil {
		return err
	}
	var byHash secret
	if right && b.user.Verifier == "" && b.user.PasswordHash != "" {
		if byHash, err = s.newVerifier(ctx, b.pool, b.user.ID, b.user.Username, r.Previous); err != nil {
			return err
		}
	}
	_, err = once(ctx, s, r.Caller, at, nil, func(tx Tx) (struct{}, *fault.Error, error) {
		again, err := s.authenticate(ctx, tx, r.AccessToken, at)
		switch {
		case err != nil:
			return struct{}{}, nil, err
		case again.user.Verifier != b.user.Verifier, again.user.PasswordHash != b.user.PasswordHash: // changed while it was compared
			return struct{}{}, nil, errCredentials
		case again.user.hasPassword() && r.Previous == "":
			return struct{}{}, nil, missing("PreviousPassword")
		}
		if byHash.sealed != "" { // one of those that must not come again
			again.user.Verifier, again.user.SRPIdentity = byHash.sealed, byHash.identity
		}
		refusal, err := s.changePassword(ctx, tx, again, right, made, at)
		return struct{}{}, refusal, err
	})
	return err
}

// isPassword says whether the text is the user's password. Where he has none it
// is one that he does not give.
func (s *Service) isPassword(ctx context.Context, p Pool, u User, text string) (right bool, err error) {
	if !u.hasPassword() {
		return text == "", nil
	}
	if u.Verifier == "" {
		return s.isHashOf(ctx, p, u, text)
	}
	v, err := s.openVerifier(u.ID, u.Verifier)
	if err != nil {
		return false, err
	}
	err = s.exponentiate(ctx, func() {
		right = s.group.Matches(v, poolName(p.ID), orElse(u.SRPIdentity, u.Username), text)
	})
	return right, err
}

func (s *Service) changePassword(ctx context.Context, tx Tx, b bearer, right bool, made secret, at time.Time) (*fault.Error, error) {
	u, first := b.user, !b.user.hasPassword()
	if !s.limitsOff {
		if err := guard.SpendPasswordChange(ctx, tx, string(u.ID), at); err != nil {
			return nil, err
		}
	}
	if err := settlePassword(ctx, tx, b.pool, u.ID, right, at); err != nil {
		return nil, err
	}
	switch {
	case !right:
		return errCredentials, nil
	case made.reused:
		return errPasswordUsed, nil
	}
	u.setPassword(b.pool, made, at)
	u.Status, u.Pending = StatusConfirmed, nil
	if err := endPending(ctx, tx, u); err != nil {
		return nil, err
	}
	if err := tx.UpdateUser(ctx, u); err != nil {
		return nil, fmt.Errorf("change password: %w", err)
	}
	// A first password takes nothing to give but the session, and opens the
	// account for good, so its owner hears of it.
	if to := u.provedContact(b.pool, []string{bySMS, byEmail}); first && !to.IsZero() && !b.pool.Settings.exact() {
		return nil, s.notify(ctx, tx, b.pool, to, noticePasswordMade, at)
	}
	return nil, nil
}

package userpool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/challenge"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
)

// provedApp is the history of a Session of MFA_SETUP whose app has given its first
// code.
var provedApp = []challenge.Entry{{Name: nameTokenMFA, Result: true}}

// FactorChoice is what somebody wants of one second factor.
type FactorChoice struct {
	Factor    string // SMS_MFA, SOFTWARE_TOKEN_MFA or EMAIL_OTP
	Enabled   bool
	Preferred bool
}

var errTwoPreferred = fault.New(fault.InvalidParameter, "Only one MFA method can be preferred.")

// SetUserMFAPreference turns second factors of the holder of an access token on and
// off, and says which is asked for where several are on. Those not named stay.
func (s *Service) SetUserMFAPreference(ctx context.Context, accessToken string, choices []FactorChoice) error {
	at := s.now()
	err := s.store.Update(ctx, func(tx Tx) error {
		b, err := s.authenticate(ctx, tx, accessToken, at)
		if err != nil {
			return err
		}
		return s.setFactors(ctx, tx, b.pool, b.user, choices, true, at)
	})
	return err
}

// AdminSetUserMFAPreference is SetUserMFAPreference of a user.
func (s *Service) AdminSetUserMFAPreference(ctx context.Context, pool PoolID, username string, choices []FactorChoice) error {
	at := s.now()
	err := s.store.Update(ctx, func(tx Tx) error {
		p, err := loadPool(ctx, tx, pool)
		if err != nil {
			return err
		}
		u, err := userTarget(ctx, tx, pool, username, at)
		if err != nil {
			return err
		}
		return s.setFactors(ctx, tx, p, u, choices, false, at)
	})
	return err
}

// setFactors stores what is wanted, if the user has what each factor needs. Who loses
// or gains a factor is told by another way than that factor. What users change
// themselves is counted, since they are told of it by texts too.
func (s *Service) setFactors(ctx context.Context, tx Tx, p Pool, u User, choices []FactorChoice, own bool, at time.Time) error {
	was, preferred := u.MFA, 0
	for _, c := range choices {
		if c.Enabled && !was.has(c.Factor) {
			if err := s.mayTurnOn(ctx, tx, p, u, c.Factor); err != nil {
				return err
			}
		}
		u.MFA.set(c.Factor, c.Enabled)
	}
	for _, c := range choices {
		switch {
		case c.Preferred && !c.Enabled:
			return fault.New(fault.InvalidParameter, "%s cannot be preferred, as it is not enabled.", clip(c.Factor))
		case c.Preferred:
			preferred++
			u.MFA.Preferred = c.Factor
		case u.MFA.Preferred == c.Factor:
			u.MFA.Preferred = ""
		}
	}
	if preferred > 1 {
		return errTwoPreferred
	}
	if u.MFA == was {
		return nil
	}
	u.ModifiedAt = at
	if err := tx.UpdateUser(ctx, u); err != nil {
		return fmt.Errorf("set second factors: %w", err)
	}
	if slices.ContainsFunc(was.list(), func(f string) bool { return !u.MFA.has(f) }) { // and what waits for it ends
		if err := tx.DeleteSessions(ctx, p.ID, string(u.ID)); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
	}
	for _, c := range choices {
		if was.has(c.Factor) == c.Enabled {
			continue
		}
		if own {
			if err := s.spendFactorChange(ctx, tx, u, at); err != nil {
				return err
			}
		}
		if err := s.tellFactor(ctx, tx, p, u, c.Factor, c.Enabled, at); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) spendFactorChange(ctx context.Context, tx Tx, u User, at time.Time) error {
	if s.limitsOff {
		return nil
	}
	return guard.SpendFactorChange(ctx, tx, string(u.ID), at)
}

// mayTurnOn says whether the factor would be one.
func (s *Service) mayTurnOn(ctx context.Context, tx Tx, p Pool, u User, factor string) error {
	if factor == nameTokenMFA {
		app, err := tx.SoftwareToken(ctx, p.ID, u.ID)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("authenticator app: %w", err)
		}
		if app.Secret == "" {
			return fault.New(fault.InvalidParameter, "User has not verified software token mfa")
		}
	} else if u.factorContact(p, factor).IsZero() {
		return fault.New(fault.InvalidParameter, "User does not have delivery config set to turn on %s", factor)
	}
	if !p.Settings.hasFactor(factor) {
		return fault.New(fault.InvalidParameter, "%s is no second factor of this user pool.", clip(factor))
	}
	return nil
}

// The notices of factors. Words name what was changed.
var (
	noticeFactorAdded = notice{
		"%s was added to your %s account as a second step of signing in. If it was not you, get in touch with those who run it.",
		"Your account was changed",
	}
	noticeFactorRemoved = notice{
		"%s is no longer a second step of signing in to your %s account. If it was not you, get in touch with those who run it.",
		"Your account was changed",
	}
)

// factorWords name the factors in a sentence.
var factorWords = map[string]string{
	nameSMSMFA: "A code by text message", nameTokenMFA: "An authenticator app", nameEmailOTP: "A code by e-mail",
}

// tellFactor tells the user of a factor that came or went, by a contact that he has
// proved: by e-mail, unless the factor is that, and there else where the other is not
// to be had. Cognito tells nobody.
func (s *Service) tellFactor(ctx context.Context, tx Tx, p Pool, u User, factor string, added bool, at time.Time) error {
	media := []string{byEmail, bySMS}
	if factor == nameEmailOTP {
		slices.Reverse(media)
	}
	to := u.provedContact(p, media)
	if to.IsZero() || p.Settings.exact() {
		return nil
	}
	n := noticeFactorAdded
	if !added {
		n = noticeFactorRemoved
	}
	return s.notify(ctx, tx, p, to, n, at, factorWords[factor])
}

// AuthFactors are what a user can prove himself by.
type AuthFactors struct {
	Username   string
	MFA        []string // that are on
	Preferred  string
	Configured []string // PASSWORD, SMS_OTP, EMAIL_OTP, SOFTWARE_TOKEN, WEB_AUTHN
}

// GetUserAuthFactors lists the factors of the holder of an access token.
func (s *Service) GetUserAuthFactors(ctx context.Context, accessToken string) (f AuthFactors, err error) {
	at := s.now()
	err = s.store.View(ctx, func(tx Tx) error {
		b, err := s.authenticate(ctx, tx, accessToken, at)
		if err != nil {
			return err
		}
		f, err = authFactors(ctx, tx, b.pool, b.user)
		return err
	})
	return f, err
}

// AdminGetUserAuthFactors is GetUserAuthFactors of a user.
func (s *Service) AdminGetUserAuthFactors(ctx context.Context, pool PoolID, username string) (f AuthFactors, err error) {
	at := s.now()
	err = s.store.View(ctx, func(tx Tx) error {
		p, err := loadPool(ctx, tx, pool)
		if err != nil {
			return err
		}
		u, err := userTarget(ctx, tx, pool, username, at)
		if err != nil {
			return err
		}
		f, err = authFactors(ctx, tx, p, u)
		return err
	})
	return f, err
}

func authFactors(ctx context.Context, tx Tx, p Pool, u User) (AuthFactors, error) {
	f := AuthFactors{Username: u.Username, MFA: u.MFA.list(), Preferred: u.MFA.Preferred}
	if u.hasPassword() {
		f.Configured = append(f.Configured, FactorPassword)
	}
	for _, way := range []struct{ factor, attr string }{{FactorEmailOTP, AttrEmail}, {FactorSMSOTP, AttrPhone}} {
		if c := u.contact(way.attr); p.Settings.offers(way.factor) && !c.IsZero() && u.takesCodes(p, c) {
			f.Configured = append(f.Configured, way.factor)
		}
	}
	app, err := tx.SoftwareToken(ctx, p.ID, u.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return f, fmt.Errorf("authenticator app: %w", err)
	}
	if app.Secret != "" {
		f.Configured = append(f.Configured, "SOFTWARE_TOKEN")
	}
	keys, err := tx.Passkeys(ctx, p.ID, u.ID)
	if err != nil {
		return f, fmt.Errorf("passkeys: %w", err)
	}
	if len(keys) > 0 {
		f.Configured = append(f.Configured, FactorWebAuthn)
	}
	return f, nil
}

package userpool

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/passkey"
)

// A passkey is a key pair that an authenticator made for the pool's relying party: a
// phone, a computer, a security key. Who is signed in adds one, and signs in by it
// from then on: nothing is sent, and no page of another domain can ask for it.

// Passkey is a user's passkey as it is stored.
type Passkey struct {
	passkey.Key
	PoolID       PoolID
	UserID       UserID
	RelyingParty string // the domain that it was made for
	CreatedAt    time.Time
	UsedAt       time.Time // zero before the first sign-in
}

// Label is the passkey's id as clients have it.
func (k Passkey) Label() string { return base64.RawURLEncoding.EncodeToString(k.ID) }

// maxPasskeys is how many a user may have, as on Cognito.
const maxPasskeys = 20

// A passkey opens an account for good, so the sign-in that adds one must be a fresh
// one: whoever gets hold of a refresh token, or of a phone that was left unlocked,
// must not be able to stay. (Cognito asks for none.)
const freshSignIn, freshSignInStrict = time.Hour, 15 * time.Minute

// What is said of passkeys that cannot be.
var (
	errNoPasskeys     = fault.New(fault.WebAuthnNotEnabled, "Passkeys are not enabled for the user pool: AllowedFirstAuthFactors lacks WEB_AUTHN.")
	errNoRelyingParty = fault.New(fault.WebAuthnConfigurationMissing, "The user pool has no relying party: set WebAuthnConfiguration.RelyingPartyId, or the tag bellhop:app-host.")
	errStaleSignIn    = fault.New(fault.NotAuthorized, "Sign in again to add a passkey: the sign-in is too long ago.")
	errNoRegistration = fault.New(fault.WebAuthnChallengeNotFound, "The challenge of the passkey's registration is not known, was used, or has expired.")
	errOtherClient    = fault.New(fault.WebAuthnClientMismatch, "The passkey's registration was begun by another app client.")
	errPasskeyTaken   = fault.New(fault.WebAuthnCredentialNotSupported, "The passkey is registered already.")
	errManyPasskeys   = fault.New(fault.LimitExceeded, "A user may have at most %d passkeys.", maxPasskeys)
	errNoPasskey      = fault.New(fault.ResourceNotFound, "Passkey does not exist.")
)

// check says why a pool cannot have the settings.
func (w WebAuthnSettings) check() error {
	if w.RelyingPartyID == "" {
		return nil
	}
	if err := passkey.CheckID(w.RelyingPartyID); err != nil {
		return fault.Wrap(fault.InvalidParameter, err, "WebAuthnConfiguration: RelyingPartyId must be a domain, in small letters, without https:// and port.")
	}
	return nil
}

// areOrigins says whether the text is a list of origins with blanks between them.
func areOrigins(text string) bool {
	list := strings.Fields(text)
	return len(list) > 0 && !slices.ContainsFunc(list, func(o string) bool { return !passkey.IsOrigin(o) })
}

// relyingPartyID is the domain that the pool's passkeys are for, "" for none.
func (s PoolSettings) relyingPartyID() string {
	return orElse(s.WebAuthn.RelyingPartyID, s.AppHost())
}

// hasPasskeys says whether users of the pool can sign in by passkeys.
func (p Pool) hasPasskeys() bool {
	return p.Settings.offers(FactorWebAuthn) && p.Settings.relyingPartyID() != ""
}

func (p Pool) relyingParty() passkey.RelyingParty {
	set := p.Settings
	return passkey.RelyingParty{
		ID: set.relyingPartyID(), Name: orElse(set.AppName(), p.Name),
		Origins: strings.Fields(set.Tags[tagPasskeyOrigins]),
		Verify:  set.WebAuthn.UserVerification == verifyRequired || set.WebAuthn.MultiFactor,
	}
}

// verifyRequired is UserVerification's value that insists.
const verifyRequired = "required"

// servesPasskeys says why no passkey can be added.
func (p Pool) servesPasskeys() error {
	switch {
	case !p.Settings.offers(FactorWebAuthn):
		return errNoPasskeys
	case p.Settings.relyingPartyID() == "":
		return errNoRelyingParty
	}
	return nil
}

// isFresh says whether the sign-in is recent enough to add to the ways in.
func (b bearer) isFresh(at time.Time) bool {
	switch b.pool.Settings.Behaviour() {
	case CognitoExact:
		return true
	case Strict:
		return at.Before(b.signedInAt.Add(freshSignInStrict))
	}
	return at.Before(b.signedInAt.Add(freshSignIn))
}

// StartWebAuthnRegistration begins the registration of a passkey of the holder of an
// access token, and returns the options to make it by. Their challenge is the handle
// of a Session.
func (s *Service) StartWebAuthnRegistration(ctx context.Context, c Caller, accessToken string) (options []byte, err error) {
	at := s.now()
	err = s.store.Update(ctx, func(tx Tx) error {
		b, err := s.authenticate(ctx, tx, accessToken, at)
		if err != nil {
			return err
		}
		if err := b.pool.servesPasskeys(); err != nil {
			return err
		}
		if !b.isFresh(at) {
			return errStaleSignIn
		}
		if err := s.spendStart(ctx, tx, c, at); err != nil {
			return err
		}
		has, err := tx.Passkeys(ctx, b.pool.ID, b.user.ID)
		if err != nil {
			return fmt.Errorf("passkeys: %w", err)
		}
		if len(has) >= maxPasskeys {
			return errManyPasskeys
		}
		life := b.client.Settings.sessionTTL()
		challenge, err := s.openSession(ctx, tx, Session{
			PoolID: b.pool.ID, ClientID: b.client.ID, Subject: string(b.user.ID), Step: StepNewPasskey,
			CreatedAt: at, ExpiresAt: s.after(at, life),
		})
		if err != nil {
			return err
		}
		rp := b.pool.relyingParty()
		options, err = rp.CreationOptions([]byte(challenge), b.user.forPasskey(), keysOf(servingAt(has, rp.ID)), life)
		return err
	})
	return options, err
}

// forPasskey is the user as an authenticator is told of him: it shows the names when
// he is to choose.
func (u User) forPasskey() passkey.User {
	name := orElse(mainName(u), u.Username)
	return passkey.User{Handle: u.handle(), Name: name, DisplayName: orElse(u.Attributes["name"], name)}
}

// handle is what authenticators keep of the user: it must tell nothing of him.
func (u User) handle() []byte { return []byte(u.ID) }

func servingAt(all []Passkey, relyingParty string) []Passkey {
	return slices.DeleteFunc(all, func(k Passkey) bool { return k.RelyingParty != relyingParty })
}

func keysOf(all []Passkey) []passkey.Key {
	keys := make([]passkey.Key, len(all))
	for i, k := range all {
		keys[i] = k.Key
	}
	return keys
}

// NewPasskey is what a client hands over to register a passkey: Credential is a
// RegistrationResponseJSON.
type NewPasskey struct {
	Caller      Caller
	AccessToken string
	Credential  []byte
}

// CompleteWebAuthnRegistration registers a passkey. Its challenge serves once,
// whether the passkey is taken or not, and the user hears of a new way into his
// account.
func (s *Service) CompleteWebAuthnRegistration(ctx context.Context, r NewPasskey) error {
	at := s.now()
	registration, err := passkey.ReadRegistration(r.Credential)
	if err != nil {
		return err
	}
	_, err = once(ctx, s, r.Caller, at, nil, func(tx Tx) (struct{}, *fault.Error, error) {
		b, err := s.authenticate(ctx, tx, r.AccessToken, at)
		if err != nil {
			return struct{}{}, nil, err
		}
		if err := b.pool.servesPasskeys(); err != nil {
			return struct{}{}, nil, err
		}
		challenge := registration.Challenge()
		if err := s.useRegistration(ctx, tx, b, string(challenge), at); err != nil {
			return struct{}{}, nil, err
		}
		rp := b.pool.relyingParty()
		made, err := rp.Accept(registration, challenge, b.user.handle())
		if refusal, ok := errors.AsType[*fault.Error](err); ok {
			return struct{}{}, refusal, nil
		}
		if err != nil {
			return struct{}{}, nil, fmt.Errorf("accept passkey: %w", err)
		}
		refusal, err := s.addPasskey(ctx, tx, b, Passkey{
			Key: made, PoolID: b.pool.ID, UserID: b.user.ID, RelyingParty: rp.ID, CreatedAt: at,
		}, at)
		if err == nil && refusal == nil {
			err = s.returnStart(ctx, tx, r.Caller, at)
		}
		return struct{}{}, refusal, err
	})
	return err
}

// useRegistration uses up the challenge that the holder of the token was given.
func (s *Service) useRegistration(ctx context.Context, tx Tx, b bearer, challenge string, at time.Time) error {
	session, err := tx.Session(ctx, sessionKey(challenge))
	switch {
	case err != nil:
		return notFound(err, errNoRegistration)
	case session.Step != StepNewPasskey, session.PoolID != b.pool.ID, session.Subject != string(b.user.ID):
		return errNoRegistration
	case session.ClientID != b.client.ID:
		return errOtherClient
	}
	used, err := tx.ConsumeSession(ctx, session.Hash, at)
	if err != nil {
		return fmt.Errorf("use challenge: %w", err)
	}
	if !used {
		return errNoRegistration
	}
	return nil
}

func (s *Service) addPasskey(ctx context.Context, tx Tx, b bearer, k Passkey, at time.Time) (*fault.Error, error) {
	if !s.limitsOff {
		if err := guard.SpendPasskey(ctx, tx, string(b.user.ID), at); err != nil {
			return nil, err
		}
	}
	added, err := tx.InsertPasskey(ctx, k, maxPasskeys)
	switch {
	case errors.Is(err, ErrExists):
		return errPasskeyTaken, nil
	case err != nil:
		return nil, fmt.Errorf("add passkey: %w", err)
	case !added:
		return errManyPasskeys, nil
	}
	Note(ctx, "passkey", "added")
	Note(ctx, "keeper", k.Name)
	// An e-mail costs nothing, and may be read elsewhere than on what has the passkey.
	if to := b.user.provedContact(b.pool, []string{byEmail, bySMS}); !to.IsZero() && !b.pool.Settings.exact() {
		return nil, s.notify(ctx, tx, b.pool, to, noticePasskeyAdded, at)
	}
	return nil, nil
}

// PasskeyPage is one page of a user's passkeys. Next is "" on the last.
type PasskeyPage struct {
	Passkeys []Passkey
	Next     string
}

// ListWebAuthnCredentials returns a page of the passkeys of the holder of an access
// token, oldest first, those too that were made for another relying party. A limit
// of 0 is for all.
func (s *Service) ListWebAuthnCredentials(ctx context.Context, accessToken string, limit int, token string) (page PasskeyPage, err error) {
	at := s.now()
	if limit <= 0 || limit > maxPasskeys {
		limit = maxPasskeys
	}
	err = s.store.View(ctx, func(tx Tx) error {
		b, err := s.authenticate(ctx, tx, accessToken, at)
		if err != nil {
			return err
		}
		list := []string{string(b.pool.ID), string(b.user.ID)}
		after, err := s.openPage(listPasskeys, token, list...)
		if err != nil {
			return err
		}
		all, err := tx.Passkeys(ctx, b.pool.ID, b.user.ID)
		if err != nil {
			return fmt.Errorf("passkeys: %w", err)
		}
		all = slices.DeleteFunc(all, func(k Passkey) bool { return after != "" && k.place() <= after })
		page.Passkeys, after = cutPage(all, limit, Passkey.place)
		if page.Next = ""; after != "" {
			page.Next = s.sealPage(listPasskeys, after, list...)
		}
		return nil
	})
	return page, err
}

// place is where the passkey stands in the list, whatever else comes or goes.
func (k Passkey) place() string { return k.CreatedAt.Format(placeTime) + " " + k.Label() }

// placeTime is in the order of time, to the millisecond.
const placeTime = "2006-01-02T15:04:05.000"

// DeleteWebAuthnCredential removes a passkey of the holder of an access token. From
// then on it signs nobody in.
func (s *Service) DeleteWebAuthnCredential(ctx context.Context, accessToken, label string) error {
	at := s.now()
	return s.store.Update(ctx, func(tx Tx) error {
		b, err := s.authenticate(ctx, tx, accessToken, at)
		if err != nil {
			return err
		}
		id, err := base64.RawURLEncoding.DecodeString(label)
		if err != nil {
			return errNoPasskey
		}
		removed, err := tx.DeletePasskey(ctx, b.pool.ID, b.user.ID, id)
		if err != nil {
			return fmt.Errorf("remove passkey: %w", err)
		}
		if !removed {
			return errNoPasskey
		}
		Note(ctx, "passkey", "removed")
		return nil
	})
}

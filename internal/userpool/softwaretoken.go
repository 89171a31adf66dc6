package userpool

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/totp"
)

// An authenticator app is set up in two calls: AssociateSoftwareToken draws its
// secret, and VerifySoftwareToken takes its first code. Each may come with an access
// token, and then the factor has still to be turned on, or with the Session of
// MFA_SETUP, and then it is on. What was verified before serves until then.

// PurposeToken is that of challenges which an authenticator app answers: they hold
// the tries, and no code.
const PurposeToken Purpose = "software_token"

var (
	errNoTokens   = fault.New(fault.SoftwareTokenNotFound, "Software Token MFA has not been enabled by the userPool")
	errTokenCode  = fault.New(fault.CodeMismatch, "Invalid code received for user")
	errTokenUsed  = fault.New(fault.ExpiredCode, "Your software token has already been used once.")
	errFirstCode  = fault.New(fault.EnableSoftwareToken, "Code mismatch")
	errNoAppYet   = fault.New(fault.InvalidParameter, "No software token waits for its first code. AssociateSoftwareToken makes one.")
	errTwoHolders = fault.New(fault.InvalidParameter, "Give either an AccessToken or a Session.")
)

// TokenHolder is who sets up an authenticator app: the holder of an access token, or
// of a Session of MFA_SETUP.
type TokenHolder struct {
	Caller      Caller
	AccessToken string
	Session     string
}

func (h TokenHolder) check() error {
	if (h.AccessToken == "") == (h.Session == "") {
		return errTwoHolders
	}
	return nil
}

// AssociatedToken is a secret that waits for its first code. Session is "" where the
// holder came with an access token.
type AssociatedToken struct {
	Secret  string `json:"secret"` // base32
	Session string `json:"session,omitempty"`
}

// AssociateSoftwareToken draws the secret of a new app. One that waits is replaced.
func (s *Service) AssociateSoftwareToken(ctx context.Context, h TokenHolder) (AssociatedToken, error) {
	at := s.now()
	if err := h.check(); err != nil {
		return AssociatedToken{}, err
	}
	return once(ctx, s, h.Caller.guessable(), at, s.associationServes(ctx, at), func(tx Tx) (AssociatedToken, *fault.Error, error) {
		if err := s.spendStart(ctx, tx, h.Caller, at); err != nil {
			return AssociatedToken{}, nil, err
		}
		secret := totp.NewSecret()
		if h.Session != "" {
			made, err := s.associateInSession(ctx, tx, h, secret, at)
			return made, nil, err
		}
		b, err := s.authenticate(ctx, tx, h.AccessToken, at)
		if err != nil {
			return AssociatedToken{}, nil, err
		}
		if !b.pool.Settings.hasFactor(nameTokenMFA) {
			return AssociatedToken{}, nil, errNoTokens
		}
		sealed := s.ring.Seal(sealToken, []byte(b.user.ID), secret)
		if err := tx.PutPendingToken(ctx, b.pool.ID, b.user.ID, sealed, at); err != nil {
			return AssociatedToken{}, nil, fmt.Errorf("keep authenticator app: %w", err)
		}
		return AssociatedToken{Secret: secret.Text()}, nil, nil
	})
}

// associationServes says whether a kept secret is still to be verified.
func (s *Service) associationServes(ctx context.Context, at time.Time) func(Tx, AssociatedToken) (bool, error) {
	return func(tx Tx, a AssociatedToken) (bool, error) {
		return s.unused(ctx, Client{}, at)(tx, step{Session: a.Session})
	}
}

// associateInSession keeps the secret in the next Session: of two who set up at once,
// neither verifies what the other was shown.
func (s *Service) associateInSession(ctx context.Context, tx Tx, h TokenHolder, secret totp.Secret, at time.Time) (AssociatedToken, error) {
	session, _, err := s.setUpSession(ctx, tx, h, at)
	if err != nil {
		return AssociatedToken{}, err
	}
	if err := s.consume(ctx, tx, session, at); err != nil {
		return AssociatedToken{}, err
	}
	handle, err := s.nextSetUp(ctx, tx, session, at, func(next *Session) {
		next.Sealed = s.ring.Seal(sealToken, []byte(next.Hash), secret)
	})
	return AssociatedToken{Secret: secret.Text(), Session: handle}, err
}

// setUpSession finds the Session of somebody who has to set a factor up and may set
// up an app. Who has one by now is held to that.
func (s *Service) setUpSession(ctx context.Context, tx Tx, h TokenHolder, at time.Time) (Session, User, error) {
	session, err := tx.Session(ctx, sessionKey(h.Session))
	if err != nil {
		return Session{}, User{}, notFound(err, errSession)
	}
	c, err := tx.Client(ctx, session.ClientID)
	if err != nil {
		return Session{}, User{}, notFound(err, errSession)
	}
	if session, err = s.session(ctx, tx, h.Session, c, at); err != nil {
		return Session{}, User{}, err
	}
	if session.Step != nameMFASetup || len(session.History) > 0 {
		return Session{}, User{}, errSession
	}
	p, err := tx.Pool(ctx, session.PoolID)
	if err != nil {
		return Session{}, User{}, notFound(err, errSession)
	}
	u, err := tx.User(ctx, p.ID, UserID(session.Subject))
	if err != nil {
		return Session{}, User{}, notFound(err, errSession)
	}
	if !u.Enabled {
		return Session{}, User{}, errDisabled
	}
	d, err := s.demanded(ctx, tx, p, u, proof(session.Proof))
	switch {
	case err != nil:
		return Session{}, User{}, err
	case len(d.setUp) == 0:
		return Session{}, User{}, errSession
	case !p.Settings.hasFactor(nameTokenMFA):
		return Session{}, User{}, errNoTokens
	}
	return session, u, nil
}

// hasFactor says whether the pool has the second factor.
func (s PoolSettings) hasFactor(factor string) bool {
	return len(without(s.secondFactors(), factor)) < len(s.secondFactors())
}

// nextSetUp opens the Session that follows one of MFA_SETUP.
func (s *Service) nextSetUp(ctx context.Context, tx Tx, session Session, at time.Time, change func(*Session)) (string, error) {
	c, err := tx.Client(ctx, session.ClientID)
	if err != nil {
		return "", notFound(err, errSession)
	}
	handle := newSessionHandle(at)
	session.Hash, session.Sealed, session.UsedAt = sessionKey(handle), "", time.Time{}
	session.CreatedAt, session.ExpiresAt = at, s.after(at, c.Settings.sessionTTL())
	change(&session)
	if err := tx.InsertSession(ctx, session); err != nil {
		return "", fmt.Errorf("open session: %w", err)
	}
	return handle, nil
}

// VerifySoftwareToken takes the first code of an app, which then is the user's. name
// is what its client calls it. With a Session the factor is on from then, and what is
// returned answers MFA_SETUP.
func (s *Service) VerifySoftwareToken(ctx context.Context, h TokenHolder, code, name string) (session string, err error) {
	at := s.now()
	if err := h.check(); err != nil {
		return "", err
	}
	session, err = once(ctx, s, h.Caller, at, func(tx Tx, session string) (bool, error) {
		return s.unused(ctx, Client{}, at)(tx, step{Session: session})
	}, func(tx Tx) (string, *fault.Error, error) {
		if h.Session != "" {
			return s.verifyInSession(ctx, tx, h, code, name, at)
		}
		refusal, err := s.verifyOwnToken(ctx, tx, h, code, name, at)
		return "", refusal, err
	})
	return session, err
}

func (s *Service) verifyOwnToken(ctx context.Context, tx Tx, h TokenHolder, code, name string, at time.Time) (*fault.Error, error) {
	b, err := s.authenticate(ctx, tx, h.AccessToken, at)
	if err != nil {
		return nil, err
	}
	if !b.pool.Settings.hasFactor(nameTokenMFA) {
		return nil, errNoTokens
	}
	app, err := tx.SoftwareToken(ctx, b.pool.ID, b.user.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("authenticator app: %w", err)
	}
	if app.Pending == "" {
		return nil, errNoAppYet
	}
	plain, err := s.ring.Open(sealToken, []byte(b.user.ID), app.Pending)
	if err != nil {
		return nil, fmt.Errorf("open authenticator app: %w", err)
	}
	refusal, err := s.firstCode(ctx, tx, b.client, h.Caller, b.user, plain, code, at, func(n int64) error {
		return s.verified(ctx, tx, app, name, n, at)
	})
	if err != nil || refusal != nil || !b.user.MFA.SoftwareToken && !b.pool.Settings.demandsFactor() {
		return refusal, err // of one that is not asked for yet the user hears when it is turned on
	}
	if err := s.spendFactorChange(ctx, tx, b.user, at); err != nil {
		return nil, err
	}
	return nil, s.tellFactor(ctx, tx, b.pool, b.user, nameTokenMFA, true, at)
}

// firstCode judges the first code of a secret, and hands its step on if it is right.
func (s *Service) firstCode(ctx context.Context, tx Tx, c Client, from Caller, u User, secret totp.Secret, code string, at time.Time, then func(step int64) error) (*fault.Error, error) {
	party, err := s.countFactorTry(ctx, tx, c, from, u, at)
	if err != nil {
		return nil, err
	}
	n, ok := secret.Match(code, at)
	if !ok {
		answered(ctx, PurposeToken, wrong)
		return errFirstCode, nil
	}
	answered(ctx, PurposeToken, right)
	if !s.limitsOff {
		if err := s.rightTry(ctx, tx, u.PoolID, c.ID, party, at); err != nil {
			return nil, err
		}
	}
	return nil, then(n)
}

// verified makes the pending secret the user's.
func (s *Service) verified(ctx context.Context, tx Tx, app SoftwareToken, name string, n int64, at time.Time) error {
	app.Name, app.LastStep, app.VerifiedAt = name, n, at
	ok, err := tx.VerifyToken(ctx, app)
	if err != nil {
		return fmt.Errorf("verify authenticator app: %w", err)
	}
	if !ok {
		return errNoAppYet // another call was first
	}
	Note(ctx, "authenticator_app", "set up")
	return nil
}

func (s *Service) verifyInSession(ctx context.Context, tx Tx, h TokenHolder, code, name string, at time.Time) (string, *fault.Error, error) {
	session, u, err := s.setUpSession(ctx, tx, h, at)
	if err != nil {
		return "", nil, err
	}
	if session.Sealed == "" {
		return "", nil, errNoAppYet
	}
	plain, err := s.ring.Open(sealToken, []byte(session.Hash), session.Sealed)
	if err != nil {
		return "", nil, fmt.Errorf("open authenticator app: %w", err)
	}
	next := ""
	refusal, err := s.firstCode(ctx, tx, Client{ID: session.ClientID, PoolID: session.PoolID}, h.Caller, u, plain, code, at, func(n int64) error {
		next, err = s.enrol(ctx, tx, session, u, plain, name, n, at)
		return err
	})
	return next, refusal, err
}

// enrol makes the app of a Session the user's, and turns the factor on.
func (s *Service) enrol(ctx context.Context, tx Tx, session Session, u User, secret totp.Secret, name string, n int64, at time.Time) (string, error) {
	if err := s.consume(ctx, tx, session, at); err != nil {
		return "", err
	}
	app := SoftwareToken{PoolID: u.PoolID, UserID: u.ID, Pending: s.ring.Seal(sealToken, []byte(u.ID), secret)}
	if err := tx.PutPendingToken(ctx, u.PoolID, u.ID, app.Pending, at); err != nil {
		return "", fmt.Errorf("keep authenticator app: %w", err)
	}
	if err := s.verified(ctx, tx, app, name, n, at); err != nil {
		return "", err
	}
	u.MFA.set(nameTokenMFA, true)
	u.ModifiedAt = at
	if err := tx.UpdateUser(ctx, u); err != nil {
		return "", fmt.Errorf("turn on authenticator app: %w", err)
	}
	p, err := tx.Pool(ctx, u.PoolID)
	if err != nil {
		return "", err
	}
	if err := s.tellFactor(ctx, tx, p, u, nameTokenMFA, true, at); err != nil {
		return "", err
	}
	return s.nextSetUp(ctx, tx, session, at, func(next *Session) { next.History = provedApp })
}

// tokenChallenge is the requester's challenge of the user's app: while it lives, its
// tries are those of all Sessions.
func (s *Service) tokenChallenge(ctx context.Context, tx Tx, t turn, u User) (Challenge, error) {
	requester, err := s.requesterOf(ctx, tx, u.PoolID, u.ID, t.caller, t.at)
	if err != nil {
		return Challenge{}, err
	}
	ch, _, err := tx.OpenChallenge(ctx, Challenge{
		ID: ChallengeID(newOrderedID(t.at)), PoolID: u.PoolID, ClientID: t.client.ID, Subject: string(u.ID), Purpose: PurposeToken,
		Requester: requester, KeyID: s.ring.Current().ID(), Digits: totp.Digits, MaxTries: codeTries,
		CreatedAt: t.at, ExpiresAt: s.after(t.at, codeTTL),
	}, t.at)
	if err != nil {
		return Challenge{}, fmt.Errorf("open challenge: %w", err)
	}
	return ch, nil
}

// answerToken judges a code of the user's app.
func (s *Service) answerToken(ctx context.Context, rep reply) (AuthResult, error) {
	code, ok := rep.request.Responses["SOFTWARE_TOKEN_MFA_CODE"]
	if !ok {
		return AuthResult{}, missing("SOFTWARE_TOKEN_MFA_CODE")
	}
	return s.take(ctx, rep.turn(), func(tx Tx) (step, *fault.Error, error) {
		session, err := s.stepSession(ctx, tx, rep)
		if err != nil {
			return step{}, nil, err
		}
		rep := rep.heldBy(session)
		u, refusal, err := s.factorUser(ctx, tx, rep, session)
		if err != nil || refusal != nil {
			return step{}, refusal, err
		}
		refusal, err = s.tokenCode(ctx, tx, rep, session, u, code)
		if err != nil || refusal != nil {
			return step{}, refusal, err
		}
		if err := s.consume(ctx, tx, session, rep.at); err != nil {
			return step{}, nil, err
		}
		return s.factorDone(ctx, tx, rep, u)
	})
}

// tokenCode counts a try at the Session's challenge and at the user, and uses the
// code up if it is right.
func (s *Service) tokenCode(ctx context.Context, tx Tx, rep reply, session Session, u User, code string) (*fault.Error, error) {
	_, ok, err := tx.ClaimAttempt(ctx, session.Challenge, rep.at)
	if err != nil {
		return nil, fmt.Errorf("claim attempt: %w", err)
	}
	if !ok {
		answered(ctx, PurposeToken, dead)
		return s.whyDead(ctx, tx, session, rep.at)
	}
	party, err := s.countFactorTry(ctx, tx, rep.client, rep.request.Caller, u, rep.at)
	if err != nil {
		return nil, err
	}
	app, err := tx.SoftwareToken(ctx, u.PoolID, u.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("authenticator app: %w", err)
	}
	if app.Secret == "" {
		return errSession, nil // an administrator took it away
	}
	plain, err := s.ring.Open(sealToken, []byte(u.ID), app.Secret)
	if err != nil {
		return nil, fmt.Errorf("open authenticator app: %w", err)
	}
	n, ok := totp.Secret(plain).Match(code, rep.at)
	if !ok {
		answered(ctx, PurposeToken, wrong)
		return errTokenCode, nil
	}
	fresh, err := tx.UseTokenStep(ctx, u.PoolID, u.ID, n)
	if err != nil {
		return nil, fmt.Errorf("use code: %w", err)
	}
	if !fresh {
		answered(ctx, PurposeToken, dead)
		return errTokenUsed, nil
	}
	answered(ctx, PurposeToken, right)
	if _, err := tx.ConsumeChallenge(ctx, session.Challenge, rep.at); err != nil {
		return nil, fmt.Errorf("consume challenge: %w", err)
	}
	if s.limitsOff {
		return nil, nil
	}
	return nil, s.rightTry(ctx, tx, u.PoolID, rep.client.ID, party, rep.at)
}

// countFactorTry counts an answer by the user's app: the app stands for the number
// that a texted code would have. What his known device gets wrong is its own, so a
// stranger who has the password uses up no more than strangers' tries.
func (s *Service) countFactorTry(ctx context.Context, tx Tx, c Client, from Caller, u User, at time.Time) (guard.Party, error) {
	requester, err := s.requesterOf(ctx, tx, u.PoolID, u.ID, from, at)
	if err != nil {
		return guard.Party{}, err
	}
	p := s.trying(Contact{}, requester, from)
	p.Number = hex.EncodeToString(s.stable(stableNumber, "app", string(u.PoolID), string(u.ID))[:16])
	if s.limitsOff {
		return p, nil
	}
	if _, err := s.permitTry(ctx, tx, answering{u.PoolID, c.ID, from, p, requester != from.requester(), at}); err != nil {
		return p, err
	}
	return p, guard.SpendTry(ctx, tx, p, at)
}

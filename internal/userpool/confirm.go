package userpool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// ConfirmSignUp compares a code with the live ones of all pending sign-ups of
// the name and counts one try. The match wins and becomes the user, the others
// end. The answer is a Session for the winner's first sign-in, "" where the
// client has no flow to use it in.
//
// The winner keeps the password and attributes of its sign-up only if nobody
// else can have made them: the Session of that SignUp is presented, or every
// live sign-up of the name came from the confirmer's own address block and
// client (strict: only by the Session).
func (s *Service) ConfirmSignUp(ctx context.Context, r ConfirmSignUpRequest) (string, error) {
	at := now()
	c, p, err := s.loadClient(ctx, r.ClientID)
	if err != nil {
		return "", err
	}
	if err := s.checkSecretHash(c, r.SecretHash, r.Username); err != nil {
		return "", err
	}
	l, err := parseLogin(r.Username)
	if err != nil {
		return "", err
	}
	caller := r.Caller
	if r.Session == "" {
		caller = caller.guessable()
	}
	return once(ctx, s, caller, at, nil, func(tx Tx) (string, *fault.Error, error) {
		u, err := s.findSubject(ctx, tx, p, l, at)
		if err != nil {
			return "", nil, err
		}
		return s.confirm(ctx, tx, confirmation{request: r, client: c, pool: p, subject: u, at: at})
	})
}

// confirmation is a ConfirmSignUp under way.
type confirmation struct {
	request ConfirmSignUpRequest
	client  Client
	pool    Pool
	subject subject
	at      time.Time
}

func (s *Service) confirm(ctx context.Context, tx Tx, k confirmation) (string, *fault.Error, error) {
	live, err := s.liveSignUps(ctx, tx, k)
	if err != nil {
		return "", nil, err
	}
	if len(live) == 0 {
		return "", nil, nothingToConfirm(k)
	}
	bearer, err := s.bearsSignUp(ctx, tx, k)
	if err != nil {
		return "", nil, err
	}
	matched, err := s.matchSignUp(ctx, tx, k, live)
	if err != nil {
		return "", nil, err
	}
	switch matched.verdict {
	case dead:
		return "", errExpiredCode, nil
	case wrong:
		return "", errWrongCode, nil
	}
	session, err := s.win(ctx, tx, k, matched.challenge.Registration, live, bearer)
	return session, nil, err
}

// liveSignUps are the unexpired codes of the name's pending sign-ups.
func (s *Service) liveSignUps(ctx context.Context, tx Tx, k confirmation) ([]Challenge, error) {
	if k.subject.number.IsZero() {
		return nil, nil
	}
	return tx.SignUpChallenges(ctx, k.pool.ID, k.subject.number.E164(), k.at)
}

// nothingToConfirm words that no code waits. Clients that prevent existence
// errors are told the same of everybody.
func nothingToConfirm(k confirmation) error {
	switch {
	case k.client.Settings.PreventExistence, k.subject.pending:
		return errExpiredCode
	case k.subject.known:
		return errIsConfirmed
	}
	return errNotUserClient
}

// bearsSignUp returns the sign-up whose Session the confirmer presents, "" for
// none. An expired one proves nothing any more, and costs nothing either: the
// code may be of a later text. A Session that is no such thing is refused.
func (s *Service) bearsSignUp(ctx context.Context, tx Tx, k confirmation) (RegistrationID, error) {
	if k.request.Session == "" {
		return "", nil
	}
	session, err := s.session(ctx, tx, k.request.Session, k.client, k.at)
	if errors.Is(err, errSessionExpired) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if session.Step != StepConfirmSignUp || session.Name != k.subject.number.E164() {
		return "", errSession
	}
	return RegistrationID(session.Subject), nil
}

type signUpMatch struct {
	verdict   verdict
	challenge Challenge
}

// matchSignUp counts one try on each live code and looks for the one that
// matches.
func (s *Service) matchSignUp(ctx context.Context, tx Tx, k confirmation, live []Challenge) (signUpMatch, error) {
	result := signUpMatch{verdict: dead}
	counted := false
	for _, ch := range live {
		claimed, ok, err := tx.ClaimAttempt(ctx, ch.ID, k.at)
		if err != nil {
			return result, fmt.Errorf("claim attempt: %w", err)
		}
		if !ok {
			continue
		}
		if !counted {
			if err := s.spendTry(ctx, tx, claimed.To, k.request.Caller, k.at); err != nil {
				return result, err
			}
			counted = true
		}
		code, err := s.code(ch.ID, ch.Purpose, ch.To, ch.KeyID, ch.Digits)
		if err != nil {
			return result, err
		}
		if code.Matches(k.request.Code) {
			result = signUpMatch{verdict: right, challenge: claimed}
		} else if result.verdict == dead {
			result.verdict = wrong
		}
	}
	if result.verdict != right {
		return result, nil
	}
	return result, s.settle(ctx, tx, result.challenge, s.party(result.challenge.To, k.request.Caller.requester()), k.at)
}

// win makes the sign-up with the matching code the user.
func (s *Service) win(ctx context.Context, tx Tx, k confirmation, id RegistrationID, live []Challenge, bearer RegistrationID) (string, error) {
	reg, err := tx.Registration(ctx, id)
	if err != nil {
		return "", fmt.Errorf("winning registration: %w", err)
	}
	regs, err := tx.Registrations(ctx, reg.PoolID, reg.Name, k.at)
	if err != nil {
		return "", err
	}
	own := bearer == id
	if !own && k.pool.Settings.Behaviour() != Strict && k.at.Before(reg.CreatedAt.Add(codeTTL)) {
		own = allBy(liveAmong(regs, live), k.request.Caller.requester(), k.client.ID)
	}
	step := StepSignedUp
	var u User
	if reg.Existing != "" {
		step = StepReturned
		u, err = s.confirmExisting(ctx, tx, reg, k.at)
	} else {
		u, err = s.confirmUser(ctx, tx, k.pool, reg, own, k.at)
	}
	if err != nil {
		return "", err
	}
	user := u.ID
	if !k.client.Settings.Allows(AllowUserAuth) && !k.client.Settings.Allows(AllowCustom) {
		return "", nil
	}
	return s.openSession(ctx, tx, Session{
		PoolID: reg.PoolID, ClientID: k.client.ID, Subject: string(user), Step: step,
		Username: string(user), Name: reg.Name, CreatedAt: k.at,
		ExpiresAt: k.at.Add(min(signedUpTTL, k.client.Settings.sessionTTL())),
	})
}

// confirmExisting ends a strict sign-up of somebody who is a user already: what
// it said of him is dropped, and the code proves his number like any other.
func (s *Service) confirmExisting(ctx context.Context, tx Tx, reg Registration, at time.Time) (User, error) {
	u, err := tx.User(ctx, reg.PoolID, reg.Existing)
	if err != nil {
		return User{}, notFound(err, errExpiredCode)
	}
	if !u.Enabled {
		return User{}, errExpiredCode
	}
	if err := tx.DeleteRegistrations(ctx, reg.PoolID, reg.Name); err != nil {
		return User{}, err
	}
	if u.Attributes[AttrPhoneVerified] == "true" {
		return u, nil
	}
	return verifyNumber(ctx, tx, u, at)
}

// liveAmong keeps the registrations whose codes have not expired.
func liveAmong(regs []Registration, live []Challenge) []Registration {
	alive := make(map[RegistrationID]bool, len(live))
	for _, ch := range live {
		alive[ch.Registration] = true
	}
	var kept []Registration
	for _, r := range regs {
		if alive[r.ID] {
			kept = append(kept, r)
		}
	}
	return kept
}

// allBy says whether one requester, through one client, made all of them.
func allBy(regs []Registration, requester string, client ClientID) bool {
	for _, r := range regs {
		if r.Requester != requester || r.ClientID != client {
			return false
		}
	}
	return len(regs) > 0
}

// confirmUser turns a sign-up into a user whose number is proved, and ends all
// sign-ups of the name. Unless they are his own, password and attributes of the
// sign-up are dropped.
func (s *Service) confirmUser(ctx context.Context, tx Tx, p Pool, reg Registration, own bool, at time.Time) (User, error) {
	u := User{
		PoolID: p.ID, ID: reg.Sub, Username: string(reg.Sub), Names: []string{reg.Name},
		Status: StatusConfirmed, Enabled: true, CreatedAt: reg.CreatedAt, ModifiedAt: at,
		Attributes: map[string]string{AttrPhone: reg.Name},
	}
	if own {
		u.Attributes = maps.Clone(reg.Attributes)
		u.Attributes[AttrPhone] = reg.Name
		if reg.Verifier != "" {
			u.Verifier, u.PasswordAt = reg.Verifier, at
		}
	}
	u.Attributes[AttrPhoneVerified] = "true"
	return u, s.createFromSignUp(ctx, tx, u, reg.Name)
}

// createFromSignUp stores the user and ends the pending sign-ups of the name.
func (s *Service) createFromSignUp(ctx context.Context, tx Tx, u User, name string) error {
	if err := tx.DeleteRegistrations(ctx, u.PoolID, name); err != nil {
		return fmt.Errorf("end registrations: %w", err)
	}
	if err := s.endStandIn(ctx, tx, u.PoolID, name); err != nil {
		return err
	}
	err := tx.InsertUser(ctx, u)
	if errors.Is(err, ErrExists) {
		return errUserExists
	}
	if err != nil {
		return fmt.Errorf("insert user: %w", err)
	}
	return nil
}

// endStandIn ends the sign-ins that began while the name had no user: they speak
// of a subject that is no more, and nothing that happens to the user would end
// them.
func (s *Service) endStandIn(ctx context.Context, tx Tx, pool PoolID, name string) error {
	retired, err := tx.Retired(ctx, pool, name)
	if err != nil {
		return err
	}
	id := s.standIn(pool, phone.FromCanonical(name), retired)
	return endPending(ctx, tx, User{PoolID: pool, ID: id})
}

// userByTextedCode is whom a right texted code signs in: the user, or, where
// only sign-ups wait, the user that it makes. A password and attributes of a
// sign-up never come along, as nobody proved to have made them.
func (s *Service) userByTextedCode(ctx context.Context, tx Tx, p Pool, session Session, number phone.Number, at time.Time) (User, error) {
	if !session.Pending {
		return tx.User(ctx, p.ID, UserID(session.Subject))
	}
	u, err := tx.UserByName(ctx, p.ID, number.E164())
	if err == nil || !errors.Is(err, ErrNotFound) {
		return u, err
	}
	regs, err := tx.Registrations(ctx, p.ID, number.E164(), at)
	if err != nil {
		return User{}, err
	}
	if len(regs) == 0 { // an administrator has deleted them since
		return User{}, ErrNotFound
	}
	return s.confirmUser(ctx, tx, p, Registration{Sub: UserID(session.Subject), Name: number.E164(), CreatedAt: at}, false, at)
}

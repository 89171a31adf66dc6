package userpool

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/challenge"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// The challenge names that Bellhop presents, in Cognito's spelling.
const (
	nameCustom           = string(challenge.Custom)
	namePasswordVerifier = string(challenge.PasswordVerifier)
	nameSMSOTP           = "SMS_OTP"
	nameSelect           = "SELECT_CHALLENGE"
	namePassword         = "PASSWORD"
	namePasswordSRP      = "PASSWORD_SRP"
	nameNewPassword      = "NEW_PASSWORD_REQUIRED"
)

// start is a sign-in that begins: what every flow needs to know.
type start struct {
	request AuthRequest
	client  Client
	pool    Pool
	login   login
	at      time.Time
}

// InitiateAuth begins a sign-in, or exchanges a refresh token.
func (s *Service) InitiateAuth(ctx context.Context, r AuthRequest) (AuthResult, error) {
	at := now()
	c, p, err := s.loadClient(ctx, r.ClientID)
	if err != nil {
		return AuthResult{}, err
	}
	st := start{request: r, client: c, pool: p, at: at}
	switch r.Flow {
	case "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN":
		return s.refreshFlow(ctx, st)
	case "CUSTOM_AUTH", "USER_SRP_AUTH", "USER_AUTH":
	case "USER_PASSWORD_AUTH":
		return AuthResult{}, fault.New(fault.InvalidParameter, "USER_PASSWORD_AUTH is not served by this version of Bellhop. USER_SRP_AUTH and USER_AUTH with PASSWORD are.")
	default:
		return AuthResult{}, fault.New(fault.InvalidParameter, "Initiate Auth method not supported")
	}
	if err := flowAllowed(c, r); err != nil {
		return AuthResult{}, err
	}
	if err := s.checkSecretHash(c, r.Parameters["SECRET_HASH"], r.Parameters["USERNAME"]); err != nil {
		return AuthResult{}, err
	}
	if st.login, err = parameterLogin(r.Parameters); err != nil {
		return AuthResult{}, err
	}
	switch r.Flow {
	case "USER_SRP_AUTH":
		return s.startSRP(ctx, st, nil)
	case "USER_AUTH":
		return s.startUserAuth(ctx, st)
	}
	return s.startCustom(ctx, st)
}

// flowAllowed checks the client's ExplicitAuthFlows. The Session of
// ConfirmSignUp may be used through USER_AUTH by a CUSTOM_AUTH client too:
// Amplify's autoSignIn knows no other way.
func flowAllowed(c Client, r AuthRequest) error {
	need := map[string]string{"CUSTOM_AUTH": AllowCustom, "USER_SRP_AUTH": AllowSRP, "USER_AUTH": AllowUserAuth}[r.Flow]
	if c.Settings.Allows(need) || (r.Flow == "USER_AUTH" && r.Session != "" && c.Settings.Allows(AllowCustom)) {
		return nil
	}
	if r.Flow == "USER_SRP_AUTH" {
		return fault.New(fault.InvalidParameter, "USER_SRP is not enabled for the client.")
	}
	return fault.New(fault.InvalidParameter, "%s flow not enabled for this client", r.Flow)
}

func parameterLogin(parameters map[string]string) (login, error) {
	if parameters["USERNAME"] == "" {
		return login{}, missing("USERNAME")
	}
	return parseLogin(parameters["USERNAME"])
}

func missing(key string) error {
	return fault.New(fault.InvalidParameter, "Missing required parameter %s", key)
}

// startCustom begins CUSTOM_AUTH: with the password where the client sends
// SRP_A, else with the texted code.
func (s *Service) startCustom(ctx context.Context, st start) (AuthResult, error) {
	var history []challenge.Entry
	if st.request.Parameters["SRP_A"] != "" {
		history = []challenge.Entry{{Name: challenge.SRPA, Result: true}}
	}
	switch d := challenge.Define(history, customTries); d.Next {
	case challenge.PasswordVerifier:
		return s.startSRP(ctx, st, history)
	case challenge.Custom:
		return s.startTexted(ctx, st, PurposeSignIn)
	}
	return AuthResult{}, errCredentials
}

// startTexted opens a texted-code challenge and the Session that answers it.
func (s *Service) startTexted(ctx context.Context, st start, purpose Purpose) (AuthResult, error) {
	if st.client.Settings.PreventExistence && !st.login.number.IsZero() {
		if err := s.canSend(st.code(purpose, subject{number: st.login.number})); err != nil {
			return AuthResult{}, err
		}
	}
	return s.begin(ctx, st, func(tx Tx, u subject) (step, error) {
		if u.waits && !st.client.Settings.PreventExistence {
			return step{}, errUnconfirmed
		}
		if purpose == PurposeOTP && exactForcesPassword(st.pool, u) {
			return s.presentChoice(ctx, tx, st, u, nameSelect)
		}
		return s.presentCode(ctx, tx, st, u, purpose, nil)
	})
}

// begin takes the first step of a sign-in for the subject of its login. Each
// counts against the address, since each leaves something in the store.
func (s *Service) begin(ctx context.Context, st start, fn func(Tx, subject) (step, error)) (AuthResult, error) {
	return s.take(ctx, st.client, st.request.Caller.guessable(), st.at, func(tx Tx) (step, *fault.Error, error) {
		if err := s.spendStart(ctx, tx, st.request.Caller, st.at); err != nil {
			return step{}, nil, err
		}
		u, err := s.findSubject(ctx, tx, st.pool, st.login, st.at)
		if err != nil {
			return step{}, nil, err
		}
		if err := present(st.client, u); err != nil {
			return step{}, nil, err
		}
		u.number = s.numberOf(u)
		next, err := fn(tx, u)
		return next, nil, err
	})
}

// take runs one step of a sign-in once, and finishes it outside the
// transaction: tokens are signed after the commit.
func (s *Service) take(ctx context.Context, c Client, caller Caller, at time.Time, fn func(Tx) (step, *fault.Error, error)) (AuthResult, error) {
	next, err := once(ctx, s, caller, at, unused(ctx, at), fn)
	if err != nil {
		return AuthResult{}, err
	}
	if next.Family == "" {
		s.wake()
		return AuthResult{
			Challenge: next.Challenge, Session: next.Session,
			Parameters: next.Parameters, Available: next.Available,
		}, nil
	}
	tokens, err := s.sign(ctx, c, next, at)
	if err != nil {
		return AuthResult{}, err
	}
	return AuthResult{Tokens: &tokens, Parameters: map[string]string{}}, nil
}

func (st start) code(purpose Purpose, u subject) codeRequest {
	return codeRequest{
		pool: st.pool, client: st.client, subject: u.slot(), purpose: purpose,
		to: Contact{Number: u.number}, caller: st.request.Caller, decoy: u.decoy(), at: st.at,
	}
}

// presentCode opens the challenge, texts its code if one is due, and opens the
// Session that answers it.
func (s *Service) presentCode(ctx context.Context, tx Tx, st start, u subject, purpose Purpose, history []challenge.Entry) (step, error) {
	want := st.code(purpose, u)
	if err := s.canSend(want); err != nil {
		return step{}, err
	}
	ch, err := s.textCode(ctx, tx, want)
	if err != nil {
		return step{}, err
	}
	name := nameCustom
	if purpose == PurposeOTP {
		name = nameSMSOTP
	}
	next := step{Challenge: name, Parameters: map[string]string{
		"CODE_DELIVERY_DELIVERY_MEDIUM": "SMS",
		"CODE_DELIVERY_DESTINATION":     u.number.Masked(),
	}}
	if purpose == PurposeOTP {
		next.Available = []string{nameSMSOTP}
	} else {
		next.Parameters["USERNAME"] = string(u.id)
	}
	next.Session, err = s.openSession(ctx, tx, st.session(u, SessionStep(name), ch.ID, history))
	return next, err
}

func (st start) session(u subject, next SessionStep, ch ChallengeID, history []challenge.Entry) Session {
	name := st.login.name()
	if u.known || u.pending {
		name = u.number.E164()
	}
	return Session{
		PoolID: st.pool.ID, ClientID: st.client.ID, Subject: string(u.id), Decoy: u.decoy(),
		Step: next, Username: string(u.id), Name: name, Challenge: ch,
		History: history, Pending: u.pending,
		CreatedAt: st.at, ExpiresAt: st.at.Add(st.client.Settings.sessionTTL()),
	}
}

// numberOf is where the subject's texts go. Who has no number gets one that
// looks like any other, for the mask; nothing is ever sent there.
func (s *Service) numberOf(u subject) phone.Number {
	if !u.number.IsZero() {
		return u.number
	}
	n := binary.BigEndian.Uint64(s.stable(stableDecoy, "number", string(u.id)))
	return phone.FromCanonical(fmt.Sprintf("+1%010d", n%1e10))
}

// startUserAuth is choice-based sign-in: straight on after a sign-up, the
// preferred challenge, or the choice.
func (s *Service) startUserAuth(ctx context.Context, st start) (AuthResult, error) {
	if st.request.Session != "" {
		return s.signInSignedUp(ctx, st)
	}
	p := st.request.Parameters
	switch p["PREFERRED_CHALLENGE"] {
	case nameSMSOTP:
		if st.pool.Settings.Passwordless() {
			return s.startTexted(ctx, st, PurposeOTP)
		}
	case namePasswordSRP:
		if p["SRP_A"] != "" {
			return s.startSRP(ctx, st, nil)
		}
		return s.startChoice(ctx, st, namePasswordSRP)
	case namePassword:
		if p["PASSWORD"] != "" {
			return s.signInByPassword(ctx, st, nil)
		}
		return s.startChoice(ctx, st, namePassword)
	}
	return s.startChoice(ctx, st, nameSelect)
}

// startChoice opens a Session for SELECT_CHALLENGE, or for a chosen challenge
// whose answer did not come along.
func (s *Service) startChoice(ctx context.Context, st start, name string) (AuthResult, error) {
	return s.begin(ctx, st, func(tx Tx, u subject) (step, error) {
		return s.presentChoice(ctx, tx, st, u, name)
	})
}

func (s *Service) presentChoice(ctx context.Context, tx Tx, st start, u subject, name string) (next step, err error) {
	next = step{Challenge: name, Available: factors(st.client, st.pool, u), Parameters: map[string]string{}}
	next.Session, err = s.openSession(ctx, tx, st.session(u, SessionStep(name), "", nil))
	return next, err
}

// factors are the first factors that the subject may choose from. A client that
// prevents existence errors is offered all that the pool allows, whoever asks:
// a password that is not there is wrong like any other.
func factors(c Client, p Pool, u subject) []string {
	password := u.user.Verifier != "" || c.Settings.PreventExistence
	var list []string
	if password && slices.Contains(p.Settings.FirstFactors, FactorPassword) {
		list = append(list, namePassword, namePasswordSRP)
	}
	if p.Settings.Passwordless() && !exactForcesPassword(p, u) {
		list = append(list, nameSMSOTP)
	}
	return list
}

// exactForcesPassword: on Cognito a user with a temporary password is offered
// no one-time code. Elsewhere a texted code serves him as CUSTOM_AUTH does.
func exactForcesPassword(p Pool, u subject) bool {
	return p.Settings.Behaviour() == CognitoExact && u.known && u.user.Status == StatusForceChangePassword
}

// signInSignedUp exchanges the Session of ConfirmSignUp for tokens: the number
// was proved a moment ago, and a second text would prove nothing more.
func (s *Service) signInSignedUp(ctx context.Context, st start) (AuthResult, error) {
	return s.take(ctx, st.client, st.request.Caller, st.at, func(tx Tx) (step, *fault.Error, error) {
		session, err := s.session(ctx, tx, st.request.Session, st.client, st.at)
		if err != nil {
			return step{}, nil, err
		}
		if session.Step != StepSignedUp && session.Step != StepReturned {
			return step{}, nil, errSession
		}
		if !session.names(st.request.Parameters["USERNAME"]) {
			return step{}, nil, errSession
		}
		u, err := tx.User(ctx, st.pool.ID, UserID(session.Subject))
		if err != nil {
			return step{}, nil, notFound(err, errSession)
		}
		if !u.Enabled {
			return step{}, nil, errDisabled
		}
		if session.Step == StepSignedUp && !u.SignedInAt.IsZero() {
			return step{}, nil, errSession
		}
		if err := s.consume(ctx, tx, session, st.at); err != nil {
			return step{}, nil, err
		}
		if err := s.returnStart(ctx, tx, st.request.Caller, st.at); err != nil {
			return step{}, nil, err
		}
		next, err := s.grant(ctx, tx, st.client, u, st.at)
		return next, nil, err
	})
}

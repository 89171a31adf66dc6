package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// The Session of a second factor says by what the first was proved (Session.Proof),
// so that an answer needs nothing that the client says of it. Wrong codes leave the
// Session as it is, until its challenge has no tries left.

// passed goes on with a sign-in whose first factor is proved.
func (s *Service) passed(ctx context.Context, tx Tx, t turn, u User, by proof) (step, error) {
	d, err := s.demanded(ctx, tx, t.pool, u, by)
	if err != nil {
		return step{}, err
	}
	if d.none() {
		return s.grant(ctx, tx, t, u)
	}
	Note(ctx, "first_factor", string(by))
	if len(d.ask) > 0 {
		device, stands, err := s.deviceStandsIn(ctx, tx, t, u)
		if err != nil {
			return step{}, err
		}
		if stands {
			return s.presentDevice(ctx, tx, t, u, by, device)
		}
	}
	return s.askFactor(ctx, tx, t, u, by, d)
}

// askFactor presents what is demanded.
func (s *Service) askFactor(ctx context.Context, tx Tx, t turn, u User, by proof, d demand) (step, error) {
	switch {
	case len(d.ask) == 0:
		return s.presentOptions(ctx, tx, t, u, by, nameMFASetup, "MFAS_CAN_SETUP", d.setUp)
	case len(d.ask) == 1:
		return s.presentFactor(ctx, tx, t, u, by, d.ask[0], d.token)
	case slices.Contains(d.ask, d.preferred):
		return s.presentFactor(ctx, tx, t, u, by, d.preferred, d.token)
	}
	return s.presentOptions(ctx, tx, t, u, by, nameSelectMFA, "MFAS_CAN_CHOOSE", d.ask)
}

// presentOptions lets the user choose which factor to give, or to set up.
func (s *Service) presentOptions(ctx context.Context, tx Tx, t turn, u User, by proof, name, key string, options []string) (step, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return step{}, fmt.Errorf("%s: %w", name, err)
	}
	return s.openFactor(ctx, tx, t, s.factorSession(t, u, by, name), map[string]string{key: string(text)}, u)
}

// presentFactor asks for one factor, and sends its code if it has one.
func (s *Service) presentFactor(ctx context.Context, tx Tx, t turn, u User, by proof, factor string, app SoftwareToken) (step, error) {
	session := s.factorSession(t, u, by, factor)
	if factor == nameTokenMFA {
		ch, err := s.tokenChallenge(ctx, tx, t, u)
		if err != nil {
			return step{}, err
		}
		session.Challenge = ch.ID
		parameters := map[string]string{}
		if app.Name != "" {
			parameters["FRIENDLY_DEVICE_NAME"] = app.Name
		}
		return s.openFactor(ctx, tx, t, session, parameters, u)
	}
	return s.presentFactorCode(ctx, tx, t, u, session, u.factorContact(t.pool, factor))
}

// presentFactorCode sends a code as the second factor.
func (s *Service) presentFactorCode(ctx context.Context, tx Tx, t turn, u User, session Session, to Contact) (step, error) {
	want := codeRequest{
		pool: t.pool, client: t.client, subject: string(u.ID), purpose: PurposeFactor, to: to, caller: t.caller,
		at: t.at, wording: t.wording, source: trigger.CustomMessageAuthentication, user: u,
	}
	if err := s.canSend(ctx, &want); err != nil {
		return step{}, err
	}
	ch, err := s.textCode(ctx, tx, &want)
	if err != nil {
		return step{}, err
	}
	session.Challenge = ch.ID
	return s.openFactor(ctx, tx, t, session, map[string]string{
		"CODE_DELIVERY_DELIVERY_MEDIUM": to.medium(), "CODE_DELIVERY_DESTINATION": to.Masked(),
	}, u)
}

func (s *Service) factorSession(t turn, u User, by proof, name string) Session {
	return Session{
		PoolID: t.pool.ID, ClientID: t.client.ID, Subject: string(u.ID), Step: SessionStep(name),
		Username: u.Username, Name: u.mainName(), Device: clipKey(t.caller.Device), Proof: string(by),
	}
}

// openFactor opens the Session for its time, and says what the client is told.
func (s *Service) openFactor(ctx context.Context, tx Tx, t turn, session Session, parameters map[string]string, u User) (next step, err error) {
	session.CreatedAt, session.ExpiresAt = t.at, s.after(t.at, t.client.Settings.sessionTTL())
	next = step{Challenge: string(session.Step), Parameters: parameters, User: u.ID}
	next.Parameters["USER_ID_FOR_SRP"] = orElse(u.SRPIdentity, u.Username)
	next.Session, err = s.openSession(ctx, tx, session)
	return next, err
}

// asksFactor says whether the step asks for a second factor.
func (st step) asksFactor() bool {
	switch st.Challenge {
	case nameSMSMFA, nameTokenMFA, nameSelectMFA, nameMFASetup, nameDeviceSRP:
		return true
	case nameEmailOTP:
		return st.User != ""
	}
	return false
}

// factorUser is whose second factor the Session is about.
func (s *Service) factorUser(ctx context.Context, tx Tx, rep reply, session Session) (User, *fault.Error, error) {
	u, err := tx.User(ctx, rep.pool.ID, UserID(session.Subject))
	if err != nil {
		return User{}, nil, notFound(err, errSession)
	}
	if !u.Enabled {
		return User{}, errDisabled, nil
	}
	return u, nil, nil
}

// factorProved ends a sign-in whose second factor was a code to the contact. One
// that was not proved before is now: on Cognito a number, elsewhere an address that
// was set up a moment ago.
func (s *Service) factorProved(ctx context.Context, tx Tx, rep reply, session Session, to Contact) (step, *fault.Error, error) {
	u, refusal, err := s.factorUser(ctx, tx, rep, session)
	if err != nil || refusal != nil {
		return step{}, refusal, err
	}
	was := u
	u = u.apart()
	if to.attribute() == AttrEmail && u.factorContact(rep.pool, nameEmailOTP) != to {
		if u, err = s.setUpAddress(ctx, tx, rep, u, session, to); err != nil {
			return step{}, nil, err
		}
	}
	if !u.has(rep.pool, to) {
		return step{}, errCredentials, nil
	}
	if u.unsettled(rep.pool, to) {
		if u, err = s.prove(ctx, tx, rep.pool, u, to, rep.at); err != nil {
			return step{}, nil, err
		}
		if err := s.follow(ctx, tx, rep.pool, was, u, true, rep.at); err != nil {
			return step{}, nil, err
		}
	}
	return s.factorDone(ctx, tx, rep, u)
}

// factorDone grants the tokens of a sign-in with two factors.
func (s *Service) factorDone(ctx context.Context, tx Tx, rep reply, u User) (step, *fault.Error, error) {
	if err := s.returnStart(ctx, tx, rep.request.Caller, rep.at); err != nil {
		return step{}, nil, err
	}
	next, err := s.grant(ctx, tx, rep.turn(), u)
	return next, nil, err
}

// setUpAddress gives the user the address that answered its code. Somebody who set
// up another factor meanwhile has one.
func (s *Service) setUpAddress(ctx context.Context, tx Tx, rep reply, u User, session Session, to Contact) (User, error) {
	d, err := s.demanded(ctx, tx, rep.pool, u, proof(session.Proof))
	if err != nil {
		return u, err
	}
	if !slices.Contains(d.setUp, nameEmailOTP) {
		return u, errSession
	}
	u.Attributes[AttrEmail] = to.Text()
	delete(u.Pending, AttrEmail)
	u.MFA.set(nameEmailOTP, true)
	return u, s.tellFactor(ctx, tx, rep.pool, u, nameEmailOTP, true, rep.at)
}

// answerFactorChoice goes on with the factor that was chosen.
func (s *Service) answerFactorChoice(ctx context.Context, rep reply) (AuthResult, error) {
	choice := rep.request.Responses["ANSWER"]
	if choice == "" {
		return AuthResult{}, missing("ANSWER")
	}
	return s.takeFactor(ctx, rep, func(tx Tx, rep reply, session Session, u User, d demand) (step, *fault.Error, error) {
		if !slices.Contains(d.ask, choice) {
			return step{}, nil, errNotChoice
		}
		if err := s.consume(ctx, tx, session, rep.at); err != nil {
			return step{}, nil, err
		}
		next, err := s.presentFactor(ctx, tx, rep.turn(), u, proof(session.Proof), choice, d.token)
		return next, nil, err
	})
}

// answerSetUp ends a sign-in that had to set a factor up: an app that gave its first
// code to VerifySoftwareToken, or an address, whose code comes next.
func (s *Service) answerSetUp(ctx context.Context, rep reply) (AuthResult, error) {
	address := rep.request.Responses["EMAIL"]
	return s.takeFactor(ctx, rep, func(tx Tx, rep reply, session Session, u User, d demand) (step, *fault.Error, error) {
		if len(session.History) > 0 { // the app's first code
			if err := s.consume(ctx, tx, session, rep.at); err != nil {
				return step{}, nil, err
			}
			return s.factorDone(ctx, tx, rep, u)
		}
		if address == "" {
			return step{}, nil, missing("EMAIL, or the Session of VerifySoftwareToken")
		}
		if !slices.Contains(d.setUp, nameEmailOTP) {
			return step{}, nil, errNotChoice
		}
		to, err := email.Parse(address)
		if err != nil {
			return step{}, nil, err
		}
		if err := s.consume(ctx, tx, session, rep.at); err != nil {
			return step{}, nil, err
		}
		t := rep.turn()
		next, err := s.presentFactorCode(ctx, tx, t, u, s.factorSession(t, u, proof(session.Proof), nameEmailOTP), Contact{Email: to})
		return next, nil, err
	})
}

// takeFactor runs a step between the factors, which may send a code. What is
// demanded of the user is decided anew: it may have changed since the Session began.
func (s *Service) takeFactor(ctx context.Context, rep reply,
	fn func(Tx, reply, Session, User, demand) (step, *fault.Error, error),
) (AuthResult, error) {
	return s.take(ctx, rep.turn(), func(tx Tx) (step, *fault.Error, error) {
		session, err := s.stepSession(ctx, tx, rep)
		if err != nil {
			return step{}, nil, err
		}
		if session.Proof == "" {
			return step{}, nil, errSession
		}
		rep := rep.heldBy(session)
		u, refusal, err := s.factorUser(ctx, tx, rep, session)
		if err != nil || refusal != nil {
			return step{}, refusal, err
		}
		d, err := s.demanded(ctx, tx, rep.pool, u, proof(session.Proof))
		if err != nil && !errors.Is(err, errNoFactor) {
			return step{}, nil, err
		}
		return fn(tx, rep, session, u, d)
	})
}

// namesUser says whether the text that came as USERNAME is a name of the Session's
// user: who has given his first factor may be called by each of them.
func namesUser(ctx context.Context, tx Tx, p Pool, session Session, username string) (bool, error) {
	l, err := parseLogin(p, username)
	if err != nil {
		return false, nil
	}
	u, err := findUser(ctx, tx, p.ID, l)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && string(u.ID) == session.Subject, err
}

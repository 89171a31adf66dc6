package userpool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/challenge"
	"github.com/bellhop-auth/bellhop/internal/fault"
)

// reply is an answer to a challenge under way.
type reply struct {
	request AnswerRequest
	client  Client
	pool    Pool
	at      time.Time
	wording *wording // of the code that it may send
	carried *Session // that it answers, where that was read before
}

// start sees the reply as the start of the challenge that comes next.
func (r reply) start() start {
	return start{
		request: AuthRequest{Caller: r.request.Caller, ClientID: r.client.ID, Parameters: r.request.Responses},
		client:  r.client, pool: r.pool, at: r.at, metadata: r.request.ClientMetadata, wording: r.wording,
	}
}

var (
	errWrongOTP   = fault.New(fault.CodeMismatch, "Invalid code or auth state for the user.")
	errLateOTP    = fault.New(fault.ExpiredCode, "Invalid code provided, please request a code again.")
	errNotChoice  = fault.New(fault.InvalidParameter, "The ANSWER is not one of the available challenges.")
	errNoSuchStep = fault.New(fault.InvalidParameter, "This challenge is not served by this version of Bellhop.")
)

// RespondToAuthChallenge answers a challenge: the count of the try, the
// comparison, the end of the Session and the start of the tokens' family are
// one transaction, and two racing right answers have one winner. With a pool in
// the request it is AdminRespondToAuthChallenge.
func (s *Service) RespondToAuthChallenge(ctx context.Context, r AnswerRequest) (AuthResult, error) {
	return Relying(ctx, s.store, func(ctx context.Context) (AuthResult, error) { return s.respond(ctx, r) })
}

func (s *Service) respond(ctx context.Context, r AnswerRequest) (AuthResult, error) {
	at := s.now()
	r.Caller.begun = sessionTime(r.Session)
	c, p, err := s.loadClientIn(ctx, r.PoolID, r.ClientID, keysToo(ctx))
	if err != nil {
		return AuthResult{}, err
	}
	ctx, cancel := p.patient(ctx)
	defer cancel()
	username := r.Responses["USERNAME"]
	if err := s.checkSecretHash(c, r.Responses["SECRET_HASH"], username); err != nil {
		return AuthResult{}, err
	}
	if username == "" {
		return AuthResult{}, missing("USERNAME")
	}
	if err := s.proven(ctx, &r.Caller, c, at); err != nil {
		return AuthResult{}, err
	}
	rep := reply{request: r, client: c, pool: p, at: at, wording: &wording{caller: r.Caller, metadata: r.ClientMetadata}}
	if r.Challenge == namePasswordVerifier {
		return s.answerSRP(ctx, rep)
	}
	if r.Session == "" {
		return AuthResult{}, missing("Session")
	}
	switch r.Challenge {
	case nameCustom:
		if p.Settings.Triggers.decidesCustomAuth() {
			return s.answerOwn(ctx, rep)
		}
		return s.answerCode(ctx, rep, "ANSWER", s.customAnswered)
	case nameSMSOTP:
		return s.answerCode(ctx, rep, "SMS_OTP_CODE", s.otpAnswered)
	case nameEmailOTP:
		key := "EMAIL_OTP_CODE"
		if _, ok := r.Responses[key]; !ok && r.Responses["EMAIL_MFA_CODE"] != "" { // as the guide has it
			key = "EMAIL_MFA_CODE"
		}
		return s.answerCode(ctx, rep, key, s.otpAnswered)
	case nameSMSMFA:
		return s.answerCode(ctx, rep, "SMS_MFA_CODE", s.otpAnswered)
	case nameTokenMFA:
		return s.answerToken(ctx, rep)
	case nameSelectMFA:
		return s.answerFactorChoice(ctx, rep)
	case nameMFASetup:
		return s.answerSetUp(ctx, rep)
	case nameWebAuthn:
		return s.answerPasskey(ctx, rep)
	case nameDeviceSRP:
		return s.startDeviceSRP(ctx, rep)
	case nameDeviceVerifier:
		return s.answerDeviceSRP(ctx, rep)
	case nameSelect:
		return s.answerChoice(ctx, rep, r.Responses["ANSWER"])
	case namePassword, namePasswordSRP:
		return s.answerChoice(ctx, rep, r.Challenge)
	case nameNewPassword:
		return s.answerNewPassword(ctx, rep)
	}
	return AuthResult{}, errNoSuchStep
}

// stepSession finds the Session of the reply and checks that it waits for this
// challenge and speaks of this user.
func (s *Service) stepSession(ctx context.Context, tx Tx, rep reply) (Session, error) {
	session, err := s.sessionOfReply(ctx, tx, rep)
	if session, err = session.usable(err, rep.client, rep.at); err != nil {
		return Session{}, err
	}
	username := rep.request.Responses["USERNAME"]
	switch {
	case session.Step != SessionStep(rep.request.Challenge):
		return Session{}, errSession
	case session.names(rep.pool, username):
		return session, nil
	case session.Proof == "":
		return Session{}, errSession
	}
	if ok, err := namesUser(ctx, tx, rep.pool, session, username); err != nil || !ok {
		return Session{}, orElse(err, error(errSession))
	}
	return session, nil
}

// answerCode tries a texted code and hands the verdict to what the flow makes
// of it.
func (s *Service) answerCode(ctx context.Context, rep reply, key string,
	then func(context.Context, Tx, reply, Session, Challenge, verdict) (step, *fault.Error, error),
) (AuthResult, error) {
	answer, ok := rep.request.Responses[key]
	if !ok {
		return AuthResult{}, missing(key)
	}
	t := rep.turn()
	if session, ok := s.uncarry(rep.request.Session, rep.client); ok {
		rep.carried = &session
	}
	t.ahead = func(tx Tx) { rep.aheadOfSession(ctx, tx) }
	return s.take(ctx, t, func(tx Tx) (step, *fault.Error, error) {
		session, err := s.stepSession(ctx, tx, rep)
		if err != nil {
			return step{}, nil, err
		}
		rep := rep.heldBy(session)
		// Of who gives the right answer; and of nobody, since a wrong one must not tell
		// by what it costs the store whether there is somebody.
		tx.Ahead(ctx, func(tx Tx) {
			tx.User(ctx, session.PoolID, UserID(session.Subject))
			tx.GroupsOf(ctx, session.PoolID, UserID(session.Subject))
		})
		ch, v, err := s.try(ctx, tx, session, answer, rep.request.Caller, rep.at)
		if err != nil {
			return step{}, nil, err
		}
		answered(ctx, session.purpose(), v)
		return then(ctx, tx, rep, session, ch, v)
	})
}

// customAnswered goes on as Define decides: tokens, the same code asked again
// under a new Session, or the end. A challenge that is used up or expired ends
// the sign-in at once, since no answer can be right any more.
func (s *Service) customAnswered(ctx context.Context, tx Tx, rep reply, session Session, ch Challenge, v verdict) (step, *fault.Error, error) {
	if err := s.consumeTried(ctx, tx, session, v, rep.at); err != nil {
		return step{}, nil, err
	}
	if v == dead {
		return step{}, errCredentials, nil
	}
	session.History = append(slices.Clone(session.History), challenge.Entry{Name: challenge.Custom, Result: v == right})
	d := challenge.Define(session.History, customTries)
	switch {
	case d.Tokens:
		return s.codeProved(ctx, tx, rep, session, ch)
	case d.Next == challenge.Custom:
		next, err := s.askAgain(ctx, tx, rep, session, ch)
		return next, nil, err
	}
	return step{}, errCredentials, nil
}

// askAgain presents the same challenge under a new Session; nothing is sent.
func (s *Service) askAgain(ctx context.Context, tx Tx, rep reply, session Session, ch Challenge) (step, error) {
	asked := subject{contact: session.login(rep.pool).contact, byID: session.ByID}
	shown := codeRequest{pool: rep.pool, to: ch.To}.veiled(rep.client, asked)
	mask := shown.masked()
	next := step{Challenge: nameCustom, Parameters: map[string]string{
		"USERNAME":                      session.Username,
		"CODE_DELIVERY_DELIVERY_MEDIUM": ch.To.medium(),
		"CODE_DELIVERY_DESTINATION":     mask,
	}}
	session.CreatedAt = rep.at
	session.ExpiresAt = s.after(rep.at, rep.client.Settings.sessionTTL())
	var err error
	next.Session, err = s.openSession(ctx, tx, session)
	return next, err
}

// otpAnswered: a wrong one-time code leaves the Session as it is, until the
// challenge has no tries left.
func (s *Service) otpAnswered(ctx context.Context, tx Tx, rep reply, session Session, ch Challenge, v verdict) (step, *fault.Error, error) {
	switch v {
	case wrong:
		return step{}, errWrongOTP, nil
	case dead:
		refusal, err := s.whyDead(ctx, tx, session, rep.at)
		return step{}, refusal, err
	}
	if err := s.consumeTried(ctx, tx, session, v, rep.at); err != nil {
		return step{}, nil, err
	}
	if session.Proof != "" {
		return s.factorProved(ctx, tx, rep, session, ch.To)
	}
	return s.codeProved(ctx, tx, rep, session, ch)
}

// whyDead words the end of a one-time code: it expired, or it was used or tried
// too often.
func (s *Service) whyDead(ctx context.Context, tx Tx, session Session, at time.Time) (*fault.Error, error) {
	ch, err := tx.Challenge(ctx, session.Challenge)
	if errors.Is(err, ErrNotFound) {
		return errSession, nil
	}
	if err != nil {
		return nil, fmt.Errorf("dead challenge: %w", err)
	}
	if !at.Before(ch.ExpiresAt) {
		return errLateOTP, nil
	}
	return errSessionExpired, nil
}

// codeProved grants tokens to whom the code was texted.
func (s *Service) codeProved(ctx context.Context, tx Tx, rep reply, session Session, ch Challenge) (step, *fault.Error, error) {
	u, made, err := s.userByTextedCode(ctx, tx, rep.pool, session, ch.To, rep.at)
	if err != nil {
		return step{}, nil, notFound(err, errCredentials)
	}
	if !u.Enabled {
		return step{}, errDisabled, nil
	}
	if !u.has(rep.pool, ch.To) {
		return step{}, errCredentials, nil
	}
	if u.unsettled(rep.pool, ch.To) {
		if u, err = s.prove(ctx, tx, rep.pool, u, ch.To, rep.at); err != nil {
			return step{}, nil, err
		}
	}
	next, err := s.passed(ctx, tx, rep.turn(), u, proofOf(ch.To))
	if err == nil {
		err = s.returnIfDone(ctx, tx, rep.request.Caller, next, rep.at)
	}
	next.Confirmed = made
	return next, nil, err
}

// unsettled says whether a proof of the contact changes anything about the user.
// That an administrator calls it verified is no proof.
func (u User) unsettled(p Pool, to Contact) bool {
	return !u.proved(p, to) || u.firstProof(p, to)
}

// firstProof says whether a proof of the contact is the one that the user lacks
// since an administrator confirmed him. Where contacts are names it must be of a
// name: one that somebody else may own is not proved by another contact's code.
func (u User) firstProof(p Pool, to Contact) bool {
	if !u.Unproved || !p.Settings.namedByContact() {
		return u.Unproved
	}
	return p.Settings.namesBy(to.attribute()) && !slices.ContainsFunc(contactAttributes, func(attr string) bool {
		c := u.contact(attr)
		return attr != to.attribute() && !c.IsZero() && !u.proved(p, c) && slices.Contains(u.Names, p.Settings.nameOfContact(c))
	})
}

// prove notes that the contact, which is the user's, is his. Where that is the
// proof that the user lacked, what somebody said at sign-up goes. A verified
// contact may be an alias; somebody else's is AliasExists. Where it is a name of
// the user from now on, sign-ups that wait for it end.
func (s *Service) prove(ctx context.Context, tx Tx, p Pool, u User, to Contact, at time.Time) (User, error) {
	was := u
	if u.firstProof(p, to) {
		var err error
		if u, err = signOut(ctx, tx, u.bare(to), at); err != nil {
			return u, err
		}
		if err := forgetOwned(ctx, tx, u, at); err != nil { // somebody else's, for all that is known
			return u, err
		}
	}
	u.Attributes[to.verified()] = "true"
	u.ModifiedAt, u.Names = at, signInNames(p, u)
	if err := tx.UpdateUser(ctx, u); err != nil {
		return u, fmt.Errorf("verify %s: %w", to.attribute(), nameTaken(err, errAliasExists(to.attribute())))
	}
	return u, s.moveNames(ctx, tx, p, was, u)
}

// forgetOwned removes what the user has set up to be known by. A device that signs in at
// that very moment is not meant.
func forgetOwned(ctx context.Context, tx Tx, u User, at time.Time) error {
	if err := forgetDevices(ctx, tx, u, at.Add(-time.Second)); err != nil {
		return fmt.Errorf("forget devices: %w", err)
	}
	if err := tx.DeleteSoftwareToken(ctx, u.PoolID, u.ID); err != nil {
		return fmt.Errorf("forget authenticator app: %w", err)
	}
	if err := tx.DeletePasskeys(ctx, u.PoolID, u.ID); err != nil {
		return fmt.Errorf("remove passkeys: %w", err)
	}
	return nil
}

// bare is the user without what a sign-up said of him that nobody proved: of
// the attributes the contact stays alone.
func (u User) bare(to Contact) User {
	u.Attributes = map[string]string{}
	if !to.IsZero() {
		u.Attributes[to.attribute()], u.Attributes[to.verified()] = to.Text(), "false"
	}
	u.Verifier, u.SRPIdentity, u.PasswordHash, u.Unproved = "", "", "", false
	u.MFA = MFAPreference{}
	u.Pending, u.PasswordHistory = nil, nil
	return u
}

// answerChoice goes on with the first factor that was chosen.
func (s *Service) answerChoice(ctx context.Context, rep reply, choice string) (AuthResult, error) {
	session, u, l, err := s.chosen(ctx, rep, choice)
	if err != nil {
		return AuthResult{}, err
	}
	rep = rep.heldBy(session)
	st := rep.start()
	st.login = l
	switch choice {
	case nameSMSOTP, nameEmailOTP:
		medium := bySMS
		if choice == nameEmailOTP {
			medium = byEmail
		}
		st.wording = &wording{caller: rep.request.Caller, metadata: rep.request.ClientMetadata}
		return s.takeWorded(ctx, rep.turn(), st.wording, func(tx Tx) (step, *fault.Error, error) {
			if err := s.consume(ctx, tx, session, rep.at); err != nil {
				return step{}, nil, err
			}
			next, err := s.presentCode(ctx, tx, &st, u, PurposeOTP, medium, nil)
			next.Available = nil // a member of InitiateAuth's response only
			return next, nil, err
		})
	case nameWebAuthn:
		if st.request.Parameters["CREDENTIAL"] != "" {
			return s.tryPasskey(ctx, rep, session, u)
		}
		return s.take(ctx, rep.turn(), func(tx Tx) (step, *fault.Error, error) {
			if err := s.consume(ctx, tx, session, rep.at); err != nil {
				return step{}, nil, err
			}
			next, err := s.presentPasskey(ctx, tx, &st, u)
			next.Available = nil
			return next, nil, err
		})
	case namePasswordSRP:
		if st.request.Parameters["SRP_A"] == "" {
			return AuthResult{}, missing("SRP_A")
		}
		return s.startSRP(ctx, st, nil)
	}
	if st.request.Parameters["PASSWORD"] == "" {
		return AuthResult{}, missing("PASSWORD")
	}
	if err := s.migrateBefore(ctx, &st, &session, rep.request.ClientMetadata); err != nil {
		return AuthResult{}, err
	}
	return s.signInByPassword(ctx, st, &session)
}

// chosen checks the Session of a choice, and that its subject has that choice.
func (s *Service) chosen(ctx context.Context, rep reply, choice string) (Session, subject, login, error) {
	session, u, l, err := s.asked(ctx, rep, choice != namePasswordSRP)
	if err != nil {
		return Session{}, subject{}, login{}, err
	}
	if !slices.Contains(factors(rep.client, rep.pool, u), choice) {
		return Session{}, subject{}, login{}, errNotChoice
	}
	return session, u, l, nil
}

// asked finds the Session of a reply and whom it speaks of. A used Session passes
// where the transaction that follows consumes it: the repeat of an answer finds its
// own Session used, and gets its own answer.
func (s *Service) asked(ctx context.Context, rep reply, consumed bool) (session Session, u subject, l login, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		session, err = s.stepSession(ctx, tx, rep)
		if errors.Is(err, errSessionUsed) && consumed {
			session, err = s.sessionOfReply(ctx, tx, rep)
		}
		if err != nil {
			return err
		}
		l = session.login(rep.pool)
		if u, err = s.findSubject(ctx, tx, rep.pool, l, rep.at); err != nil {
			return err
		}
		u.byID = session.ByID
		return loadPasskeys(ctx, tx, rep.pool, &u)
	})
	return session, u, l, err
}

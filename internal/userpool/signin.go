package userpool

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/challenge"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// The challenge names that Bellhop presents, in Cognito's spelling.
const (
	nameCustom           = string(challenge.Custom)
	namePasswordVerifier = string(challenge.PasswordVerifier)
	nameSMSOTP           = "SMS_OTP"
	nameEmailOTP         = "EMAIL_OTP"
	nameSelect           = "SELECT_CHALLENGE"
	namePassword         = "PASSWORD"
	namePasswordSRP      = "PASSWORD_SRP"
	nameNewPassword      = "NEW_PASSWORD_REQUIRED"
	nameWebAuthn         = "WEB_AUTHN"
)

// start is a sign-in that begins: what every flow needs to know.
type start struct {
	request AuthRequest
	client  Client
	pool    Pool
	login   login
	wording *wording // of the code that it sends, nil for none
	texts   bool     // it sends one to whoever it is that the login names
	guessed bool     // its password has counted as a wrong one of nobody's: see migrate
	at      time.Time
	// metadata is the ClientMetadata of an answer; InitiateAuth's reaches no
	// function as such.
	metadata map[string]string
}

// The flows, Cognito's AuthFlow.
const (
	flowCustom       = "CUSTOM_AUTH"
	flowSRP          = "USER_SRP_AUTH"
	flowUserAuth     = "USER_AUTH"
	flowPassword     = "USER_PASSWORD_AUTH"
	flowAdmin        = "ADMIN_USER_PASSWORD_AUTH"
	flowAdminOld     = "ADMIN_NO_SRP_AUTH" // the same, in older code
	flowRefresh      = "REFRESH_TOKEN_AUTH"
	flowRefreshOlder = "REFRESH_TOKEN"
)

// InitiateAuth begins a sign-in, or exchanges a refresh token. With a pool in
// the request it is AdminInitiateAuth, for a backend that was asked by somebody.
func (s *Service) InitiateAuth(ctx context.Context, r AuthRequest) (AuthResult, error) {
	if r.refreshes() { // which reads by its first View
		return s.initiateAuth(ctx, r)
	}
	return Relying(ctx, s.store, func(ctx context.Context) (AuthResult, error) { return s.initiateAuth(ctx, r) })
}

func (r AuthRequest) refreshes() bool { return r.Flow == flowRefresh || r.Flow == flowRefreshOlder }

func (s *Service) initiateAuth(ctx context.Context, r AuthRequest) (AuthResult, error) {
	at := s.now()
	var t presented
	refreshes := r.refreshes()
	c, p, err := s.loadClientIn(ctx, r.PoolID, r.ClientID, func(tx Tx, c Client) (err error) {
		if refreshes && c.refreshesByFlow() {
			t, err = s.show(ctx, tx, c, r.Parameters["REFRESH_TOKEN"])
		}
		return err
	})
	if err != nil {
		return AuthResult{}, err
	}
	ctx, cancel := p.patient(ctx)
	defer cancel()
	st := start{request: r, client: c, pool: p, at: at}
	if err := s.proven(ctx, &st.request.Caller, c, at); err != nil {
		return AuthResult{}, err
	}
	if refreshes {
		return s.refreshFlow(ctx, st, t)
	}
	if err := flowAllowed(c, r); err != nil {
		return AuthResult{}, err
	}
	if err := s.checkSecretHash(c, r.Parameters["SECRET_HASH"], r.Parameters["USERNAME"]); err != nil {
		return AuthResult{}, err
	}
	if st.login, err = parameterLogin(p, r.Parameters); err != nil {
		return AuthResult{}, err
	}
	spelt(ctx, r.Parameters["USERNAME"], st.login.contact)
	if st.tellsPassword() {
		if err := s.migrateBefore(ctx, &st, nil, nil); err != nil {
			return AuthResult{}, err
		}
	}
	triggers := p.Settings.Triggers
	if triggers.has(trigger.PreAuthentication) && !(r.Flow == flowCustom && triggers.decidesCustomAuth()) {
		if result, found, err := s.begunBefore(ctx, st); found || err != nil {
			return result, err
		}
		if err := s.preAuthenticate(ctx, &st); err != nil {
			return AuthResult{}, err
		}
		st.at = s.now() // the function may have ended what was before
	}
	switch r.Flow {
	case flowSRP:
		return s.startSRP(ctx, st, nil)
	case flowUserAuth:
		return s.startUserAuth(ctx, st)
	case flowCustom:
		return s.startCustom(ctx, st)
	}
	if r.Parameters["PASSWORD"] == "" {
		return AuthResult{}, missing("PASSWORD")
	}
	return s.signInByPassword(ctx, st, nil)
}

// flowsNeed is what a client must allow for a flow.
var flowsNeed = map[string]string{
	flowCustom: AllowCustom, flowSRP: AllowSRP, flowUserAuth: AllowUserAuth,
	flowPassword: AllowPassword, flowAdmin: AllowAdminPassword, flowAdminOld: AllowAdminPassword,
}

// flowAllowed checks the client's ExplicitAuthFlows. The Session of
// ConfirmSignUp may be used through USER_AUTH by a CUSTOM_AUTH client too:
// Amplify's autoSignIn knows no other way.
func flowAllowed(c Client, r AuthRequest) error {
	need := flowsNeed[r.Flow]
	byAdmin := need == AllowAdminPassword
	switch {
	case need == "", byAdmin && r.PoolID == "":
		return fault.New(fault.InvalidParameter, "Initiate Auth method not supported")
	case c.Settings.Allows(need), r.Flow == flowUserAuth && r.Session != "" && c.Settings.Allows(AllowCustom):
		return nil
	case byAdmin:
		return fault.New(fault.InvalidParameter, "Auth flow not enabled for this client")
	case r.Flow == flowSRP:
		return fault.New(fault.InvalidParameter, "USER_SRP is not enabled for the client.")
	}
	return fault.New(fault.InvalidParameter, "%s flow not enabled for this client", r.Flow)
}

func parameterLogin(p Pool, parameters map[string]string) (login, error) {
	if parameters["USERNAME"] == "" {
		return login{}, missing("USERNAME")
	}
	return parseLogin(p, parameters["USERNAME"])
}

func missing(key string) error {
	return fault.New(fault.InvalidParameter, "Missing required parameter %s", key)
}

// startCustom begins CUSTOM_AUTH, where no function of the pool's own decides: with
// the password where the client sends SRP_A, else with the texted code.
func (s *Service) startCustom(ctx context.Context, st start) (AuthResult, error) {
	if st.pool.Settings.Triggers.decidesCustomAuth() {
		return s.startOwn(ctx, st)
	}
	var history []challenge.Entry
	if st.request.Parameters["SRP_A"] != "" {
		history = []challenge.Entry{{Name: challenge.SRPA, Result: true}}
	}
	switch d := challenge.Define(history, customTries); d.Next {
	case challenge.PasswordVerifier:
		return s.startSRP(ctx, st, history)
	case challenge.Custom:
		return s.startCode(ctx, st, PurposeSignIn, anyMedium)
	}
	return AuthResult{}, errCredentials
}

// startCode opens a challenge by a code, and the Session that answers it.
func (s *Service) startCode(ctx context.Context, st start, purpose Purpose, medium string) (AuthResult, error) {
	if to := st.login.contact; st.client.Settings.PreventExistence && to.fits(medium) {
		if err := s.canSend(ctx, &codeRequest{pool: st.pool, client: st.client, purpose: purpose, to: to, caller: st.request.Caller, at: st.at}); err != nil {
			return AuthResult{}, err
		}
	}
	st.wording = &wording{caller: st.request.Caller.guessable()} // ClientMetadata reaches no message here
	st.texts = true
	return s.begin(ctx, &st, func(tx Tx, u subject) (step, error) {
		switch {
		case u.waits && !st.client.Settings.PreventExistence:
			return step{}, errUnconfirmed
		case u.pending && st.pool.Settings.exact() && purpose == PurposeSignIn:
			return step{}, errUnconfirmed
		case purpose == PurposeOTP && !slices.Contains(factors(st.client, st.pool, u), otpName(medium)):
			return s.presentChoice(ctx, tx, &st, u, nameSelect)
		}
		return s.presentCode(ctx, tx, &st, u, purpose, medium, nil)
	})
}

// otpName is the challenge of a one-time code by the medium.
func otpName(medium string) string {
	if medium == byEmail {
		return nameEmailOTP
	}
	return nameSMSOTP
}

// begin takes the first step of a sign-in for the subject of its login. Each
// counts against the address, since each leaves something in the store.
func (s *Service) begin(ctx context.Context, st *start, fn func(Tx, subject) (step, error)) (AuthResult, error) {
	t := st.turn()
	t.caller = t.caller.guessable()
	t.ahead = func(tx Tx) {
		s.aheadOfSubject(ctx, tx, st.pool, st.login, st.at)
		if st.texts && !st.login.contact.Number.IsZero() {
			text := &codeRequest{to: st.login.contact, caller: t.caller, at: st.at}
			s.stopped(ctx, tx, text, t.caller.requester())
			s.aheadOfPermit(ctx, tx, text, t.caller.requester())
		}
	}
	w := st.wording
	if w == nil {
		w = &wording{caller: t.caller}
	}
	return s.takeWorded(ctx, t, w, func(tx Tx) (step, *fault.Error, error) {
		if err := s.spendStart(ctx, tx, w.caller, st.at); err != nil {
			return step{}, nil, err
		}
		u, err := s.findSubject(ctx, tx, st.pool, st.login, st.at)
		if err != nil {
			return step{}, nil, err
		}
		if err := present(st.client, st.pool, u); err != nil {
			return step{}, nil, err
		}
		if err := loadPasskeys(ctx, tx, st.pool, &u); err != nil {
			return step{}, nil, err
		}
		next, err := fn(tx, u)
		return next, nil, err
	})
}

// presentCode opens the challenge, sends its code if one is due, and opens the
// Session that answers it.
func (s *Service) presentCode(ctx context.Context, tx Tx, st *start, u subject, purpose Purpose, medium string, history []challenge.Entry) (step, error) {
	who, err := s.codeFor(st, u, purpose, medium)
	if err != nil {
		return step{}, err
	}
	ch, err := s.textCode(ctx, tx, &who)
	if err != nil {
		return step{}, err
	}
	next := step{Challenge: nameCustom, Parameters: map[string]string{
		"CODE_DELIVERY_DELIVERY_MEDIUM": who.to.medium(),
		"CODE_DELIVERY_DESTINATION":     who.masked(),
	}}
	if purpose == PurposeOTP {
		next.Challenge = otpName(medium)
		next.Available = []string{next.Challenge}
	}
	session := s.sessionOf(st, u, SessionStep(next.Challenge), ch.ID, history)
	if purpose == PurposeSignIn {
		next.Parameters["USERNAME"] = s.told(st.client, st.pool, u)
	}
	session.Username, session.Decoy = s.told(st.client, st.pool, u), who.decoy
	if u.pending && who.registration != "" {
		session.Subject = string(who.registration)
	}
	next.Session, err = s.openCodeSession(ctx, tx, st.pool, session, ch)
	return next, err
}

// codeFor is the code that the subject is to be sent by the medium. Where users
// sign up under a name of their own the code of a pending sign-up is that
// sign-up's; where contacts are names it is the contact's, whoever signed up.
func (s *Service) codeFor(st *start, u subject, purpose Purpose, medium string) (codeRequest, error) {
	requester := st.request.Caller.requester()
	to, real := s.destination(st.pool, u, requester, medium)
	if !real && !u.decoy() && !st.client.Settings.PreventExistence {
		return codeRequest{}, fault.New(fault.InvalidParameter, "The user has no phone number or e-mail address that a code could be sent to.")
	}
	want := codeRequest{
		pool: st.pool, client: st.client, subject: string(u.id), purpose: purpose, to: to,
		caller: st.request.Caller, decoy: !real, at: st.at,
		wording: st.wording, source: trigger.CustomMessageAuthentication, user: u.user,
	}.veiled(st.client, u)
	if err := s.sendable(&want); err != nil {
		// Where it would go is told only of what was typed: whether a made-up
		// contact could be sent to is another answer than whether a user's can.
		if !st.client.Settings.PreventExistence || u.contact.fits(medium) {
			return codeRequest{}, err
		}
		want.decoy = true
	}
	if want.decoy {
		want = want.ofNobody(u)
		want.subject = decoySubject(u.id)
	}
	reg, ok := u.registration(requester)
	if ok && !u.known {
		want.user = reg.asUser(st.pool)
	}
	if ok && u.pending && !want.decoy &&
		(!st.pool.Settings.namedByContact() || st.pool.Settings.exact()) {
		want.subject, want.registration = string(reg.ID), reg.ID
	}
	return want, nil
}

// told is the user name that the client is told of the subject: the canonical
// one, or what looks like one. In a strict pool with aliases every name leads to
// a sub, as one of nobody's does, and not to a name that only a user has; so does
// SRP there, see srpIdentity. Without aliases only a sub leads to a sub.
func (s *Service) told(c Client, p Pool, u subject) string {
	hides := p.Settings.Behaviour() == Strict && c.Settings.PreventExistence
	switch {
	case p.Settings.namedByContact(), hides && (u.byID || len(p.Settings.AliasAttributes) > 0):
		return string(u.id)
	case hides && u.known: // as it was typed: the user's own case would tell
		return u.name
	case u.known:
		return u.user.Username
	case u.byAlias || u.name == "":
		return string(u.id)
	}
	return u.name
}

func (s *Service) sessionOf(st *start, u subject, next SessionStep, ch ChallengeID, history []challenge.Entry) Session {
	return Session{
		PoolID: st.pool.ID, ClientID: st.client.ID, Subject: string(u.id), Decoy: u.decoy(),
		Step: next, Username: string(u.id), Name: u.name, ByID: u.byID, Challenge: ch,
		History: history, Pending: u.pending, Device: clipKey(st.request.Caller.Device),
		CreatedAt: st.at, ExpiresAt: s.after(st.at, st.client.Settings.sessionTTL()),
	}
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
		if st.pool.Settings.offers(FactorSMSOTP) {
			return s.startCode(ctx, st, PurposeOTP, bySMS)
		}
	case nameEmailOTP:
		if st.pool.Settings.offers(FactorEmailOTP) {
			return s.startCode(ctx, st, PurposeOTP, byEmail)
		}
	case nameWebAuthn:
		return s.startPasskey(ctx, st)
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
	return s.begin(ctx, &st, func(tx Tx, u subject) (step, error) {
		return s.presentChoice(ctx, tx, &st, u, name)
	})
}

func (s *Service) presentChoice(ctx context.Context, tx Tx, st *start, u subject, name string) (next step, err error) {
	next = step{Challenge: name, Available: factors(st.client, st.pool, u), Parameters: map[string]string{}}
	session := s.sessionOf(st, u, SessionStep(name), "", nil)
	session.Username = s.told(st.client, st.pool, u)
	if next.Session, err = s.openSession(ctx, tx, session); err != nil || name != nameSelect {
		return next, err
	}
	if slices.Contains(next.Available, nameWebAuthn) { // which may be chosen and answered in one
		next.Parameters[keyRequestOptions], err = s.passkeyOptions(st.client, st.pool, u, next.Session)
	}
	return next, err
}

// factors are the first factors that the subject may choose from. A client that
// prevents existence errors is offered all that the pool allows, whoever asks:
// a password that is not there is wrong like any other, and a code for it goes
// nowhere. (On Cognito, and in a pool that is exact, a user's own ones show.)
func factors(c Client, p Pool, u subject) []string {
	all := c.Settings.PreventExistence && (!p.Settings.exact() || u.nobody())
	var list []string
	if p.Settings.offers(FactorPassword) && (all || u.hasPassword()) {
		list = append(list, namePassword)
		if all || !u.hashAlone() {
			list = append(list, namePasswordSRP)
		}
	}
	if exactForcesPassword(p, u) {
		return list
	}
	if p.Settings.offers(FactorSMSOTP) && (all || u.reachable(p, bySMS) && u.user.codesFor(p, bySMS)) {
		list = append(list, nameSMSOTP)
	}
	if p.Settings.offers(FactorEmailOTP) && (all || u.reachable(p, byEmail) && u.user.codesFor(p, byEmail)) {
		list = append(list, nameEmailOTP)
	}
	if p.hasPasskeys() && (all || len(u.passkeys) > 0) && !exactWantsMore(p, u) {
		list = append(list, nameWebAuthn)
	}
	return list
}

// hasPassword says whether there is a password that the subject might know.
func (u subject) hasPassword() bool {
	return u.user.hasPassword() || slices.ContainsFunc(u.regs, func(r Registration) bool { return r.Verifier != "" })
}

// hashAlone says that the subject's password is a hash, which SRP cannot prove.
func (u subject) hashAlone() bool { return u.user.Verifier == "" && u.user.PasswordHash != "" }

// reachable says whether the subject has what a code can be sent to.
func (u subject) reachable(p Pool, medium string) bool {
	attrs := u.user.Attributes
	if !u.known && len(u.regs) > 0 && !p.Settings.namedByContact() {
		attrs = u.regs[0].Attributes
	}
	return u.contact.fits(medium) || slices.ContainsFunc(contactAttributes, func(attr string) bool {
		c := attributeContact(attrs, attr)
		return c.fits(medium) && (!u.known || u.user.takesCodes(p, c))
	})
}

// exactWantsMore: on Cognito a user with a second factor is offered no passkey, unless
// that is two factors in one. Elsewhere the second follows.
func exactWantsMore(p Pool, u subject) bool {
	return p.Settings.exact() && u.known && len(u.user.turnedOn(p)) > 0 && !p.Settings.WebAuthn.MultiFactor
}

// exactForcesPassword: on Cognito a user with a temporary password is offered
// no one-time code. Elsewhere a texted code serves him as CUSTOM_AUTH does.
func exactForcesPassword(p Pool, u subject) bool {
	return p.Settings.exact() && u.known && u.user.Status == StatusForceChangePassword
}

// signInSignedUp exchanges the Session of ConfirmSignUp for tokens: the number
// was proved a moment ago, and a second text would prove nothing more.
func (s *Service) signInSignedUp(ctx context.Context, st start) (AuthResult, error) {
	st.wording = &wording{caller: st.request.Caller}
	return s.take(ctx, st.turn(), func(tx Tx) (step, *fault.Error, error) {
		session, err := s.session(ctx, tx, st.request.Session, st.client, st.at)
		if err != nil {
			return step{}, nil, err
		}
		if session.Step != StepSignedUp && session.Step != StepReturned {
			return step{}, nil, errSession
		}
		if !session.names(st.pool, st.request.Parameters["USERNAME"]) {
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
		next, err := s.passed(ctx, tx, st.turn(), u, proof(session.Proof))
		if err == nil {
			err = s.returnIfDone(ctx, tx, st.request.Caller, next, st.at)
		}
		return next, nil, err
	})
}

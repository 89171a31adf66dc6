package userpool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
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
	at := s.now()
	c, p, err := s.loadClient(ctx, r.ClientID)
	if err != nil {
		return "", err
	}
	if err := s.checkSecretHash(c, r.SecretHash, r.Username); err != nil {
		return "", err
	}
	l, err := parseLogin(p, r.Username)
	if err != nil {
		return "", err
	}
	spelt(ctx, r.Username, l.contact)
	if err := s.proven(ctx, &r.Caller, c, at); err != nil {
		return "", err
	}
	caller := r.Caller
	if r.Session == "" {
		caller = caller.guessable()
	}
	again := false
	result, err := once(ctx, s, caller, at, noticed[signedUp](&again, nil), func(tx Tx) (signedUp, *fault.Error, error) {
		u, err := s.findSubject(ctx, tx, p, l, at)
		if err != nil {
			return signedUp{}, nil, err
		}
		return s.confirm(ctx, tx, confirmation{request: r, client: c, pool: p, subject: u, at: at})
	})
	if err == nil && p.Settings.Triggers.has(trigger.PostConfirmation) {
		err = s.tellOnce(ctx, caller, again, string(result.User), at, func(ctx context.Context) error {
			return s.confirmedByID(ctx, p, c.ID, result.User, trigger.PostConfirmationConfirmSignUp, r.ClientMetadata)
		})
	}
	if err != nil {
		return "", err
	}
	return result.Session, nil
}

// signedUp is what ConfirmSignUp came to.
type signedUp struct {
	Session string `json:"s,omitempty"`
	User    UserID `json:"u,omitempty"` // who came to be; "" where he was there already
}

// confirmation is a ConfirmSignUp under way.
type confirmation struct {
	request ConfirmSignUpRequest
	client  Client
	pool    Pool
	subject subject
	at      time.Time
}

func (s *Service) confirm(ctx context.Context, tx Tx, k confirmation) (signedUp, *fault.Error, error) {
	live, err := s.liveSignUps(ctx, tx, k)
	if err != nil {
		return signedUp{}, nil, err
	}
	if len(live) == 0 {
		return signedUp{}, nil, nothingToConfirm(k)
	}
	bearer, err := s.bearsSignUp(ctx, tx, k)
	if err != nil {
		return signedUp{}, nil, err
	}
	caller := k.request.Caller
	matched, err := s.match(ctx, tx, live, k.request.Code, caller, k.at)
	if err != nil {
		return signedUp{}, nil, err
	}
	if matched.verdict != right {
		return signedUp{}, matched.verdict.refusal(), nil
	}
	if err := s.settle(ctx, tx, matched.challenge, matched.party, k.at); err != nil {
		return signedUp{}, nil, err
	}
	result, err := s.win(ctx, tx, k, matched.challenge, live, bearer)
	return result, nil, err
}

// liveSignUps are the unexpired codes of the name's pending sign-ups.
func (s *Service) liveSignUps(ctx context.Context, tx Tx, k confirmation) ([]Challenge, error) {
	if k.subject.name == "" {
		return nil, nil
	}
	return tx.SignUpChallenges(ctx, k.pool.ID, k.subject.name, k.at)
}

// nothingToConfirm words that no code waits. Clients that prevent existence
// errors are told the same of everybody.
func nothingToConfirm(k confirmation) error {
	switch {
	case k.client.Settings.PreventExistence, k.subject.pending, k.subject.waits:
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
	if session.Step != StepConfirmSignUp || session.Name != k.subject.name {
		return "", errSession
	}
	return RegistrationID(session.Subject), nil
}

// win makes the sign-up with the matching code the user.
func (s *Service) win(ctx context.Context, tx Tx, k confirmation, code Challenge, live []Challenge, bearer RegistrationID) (result signedUp, err error) {
	id := code.Registration
	reg, err := tx.Registration(ctx, id)
	if err != nil {
		return signedUp{}, fmt.Errorf("winning registration: %w", err)
	}
	regs, err := tx.Registrations(ctx, reg.PoolID, reg.Name, k.at)
	if err != nil {
		return signedUp{}, err
	}
	own := bearer == id || k.pool.Settings.exact()
	if !own && k.pool.Settings.Behaviour() != Strict && k.at.Before(reg.CreatedAt.Add(codeTTL)) {
		own = allBy(liveAmong(regs, live), k.request.Caller.requester(), k.client.ID)
	}
	step := StepSignedUp
	var u User
	if reg.Existing != "" {
		step = StepReturned
		u, err = s.confirmExisting(ctx, tx, k.pool, reg, code.To, k.at)
	} else {
		u, err = s.confirmUser(ctx, tx, newcomer{
			pool: k.pool, reg: reg, proved: code.To, own: own, force: k.request.ForceAliasCreation, at: k.at,
		})
		result.User = u.ID
	}
	if err != nil || !usesSession(k.pool, k.client) {
		return result, err
	}
	result.Session, err = s.openSession(ctx, tx, Session{
		PoolID: reg.PoolID, ClientID: k.client.ID, Subject: string(u.ID), Step: step,
		Username: u.Username, Name: reg.Name, Proof: string(proofOf(code.To)), CreatedAt: k.at,
		ExpiresAt: s.after(k.at, min(signedUpTTL, k.client.Settings.sessionTTL())),
	})
	return result, err
}

// confirmExisting ends a strict sign-up of somebody who is a user already: what
// it said of him is dropped, and the code proves his number like any other.
func (s *Service) confirmExisting(ctx context.Context, tx Tx, p Pool, reg Registration, code Contact, at time.Time) (User, error) {
	u, err := tx.User(ctx, reg.PoolID, reg.Existing)
	if err != nil {
		return User{}, notFound(err, errExpiredCode)
	}
	if !u.Enabled || !u.has(p, code) {
		return User{}, errExpiredCode
	}
	if err := tx.DeleteRegistrations(ctx, reg.PoolID, reg.Name); err != nil {
		return User{}, err
	}
	if !u.unsettled(p, code) {
		return u, nil
	}
	return s.prove(ctx, tx, p, u, code, at)
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

// newcomer is a user who comes to be by a code: which sign-up it was, what the
// code proved, and whether the sign-up is his own.
type newcomer struct {
	pool   Pool
	reg    Registration
	proved Contact
	own    bool // password and attributes stay
	force  bool // ForceAliasCreation
	at     time.Time
}

// confirmUser turns a sign-up into a user whose contact is proved, and ends all
// sign-ups of the name. Unless they are his own, password and attributes of the
// sign-up are dropped.
func (s *Service) confirmUser(ctx context.Context, tx Tx, n newcomer) (User, error) {
	reg := n.reg
	u := User{
		PoolID: n.pool.ID, ID: reg.Sub, Username: n.pool.Settings.username(reg),
		Status: StatusConfirmed, Enabled: true, CreatedAt: reg.CreatedAt, ModifiedAt: n.at,
		Attributes: map[string]string{},
	}
	if n.own {
		u.Attributes = maps.Clone(reg.Attributes)
		if reg.Verifier != "" {
			u.Verifier, u.SRPIdentity, u.PasswordAt = reg.Verifier, reg.SRPIdentity, n.at
		}
	}
	if name := n.pool.Settings.loginBy(reg.Name).contact; !name.IsZero() {
		u.Names = []string{reg.Name}
		u.Attributes[name.attribute()] = orElse(reg.Attributes[name.attribute()], name.Text())
	}
	u.Attributes[n.proved.attribute()] = n.proved.Text()
	u.Attributes[n.proved.verified()] = "true"
	u.Names = signInNames(n.pool, u)
	if err := s.freeAliases(ctx, tx, n.pool, u, n.force, n.at); err != nil {
		return User{}, err
	}
	return u, s.createFromSignUp(ctx, tx, n.pool, u, reg.Name)
}

// createFromSignUp stores the user and ends the pending sign-ups of the name,
// which becomes the first of his: his place in lists is theirs.
func (s *Service) createFromSignUp(ctx context.Context, tx Tx, p Pool, u User, name string) error {
	if err := tx.DeleteRegistrations(ctx, u.PoolID, name); err != nil {
		return fmt.Errorf("end registrations: %w", err)
	}
	if err := s.endStandIn(ctx, tx, u.PoolID, name); err != nil {
		return err
	}
	if slices.Contains(u.Names, name) {
		others := slices.DeleteFunc(slices.Clone(u.Names), func(n string) bool { return n == name })
		u.Names = append([]string{name}, others...)
	}
	if err := tx.InsertUser(ctx, u); err != nil {
		return fmt.Errorf("insert user: %w", nameTaken(err, nameExists(p, name, errUserExists)))
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
	return endPending(ctx, tx, User{PoolID: pool, ID: s.standIn(pool, name, retired)})
}

// userByTextedCode is whom a right code signs in: the user, or, where only
// sign-ups wait, the user that it makes. A password and attributes of a sign-up
// never come along, as nobody proved to have made them. It says whether it made him.
func (s *Service) userByTextedCode(ctx context.Context, tx Tx, p Pool, session Session, code Contact, at time.Time) (u User, made bool, err error) {
	if !session.Pending {
		u, err = tx.User(ctx, p.ID, UserID(session.Subject))
		return u, false, err
	}
	n := newcomer{pool: p, proved: code, own: p.Settings.exact(), at: at}
	if !p.Settings.namedByContact() || n.own {
		reg, err := tx.Registration(ctx, RegistrationID(session.Subject))
		if err != nil {
			return User{}, false, err
		}
		n.reg = reg
		u, err = s.confirmUser(ctx, tx, n)
		return u, true, err
	}
	u, err = tx.UserByName(ctx, p.ID, session.Name)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return u, false, err
	}
	regs, err := tx.Registrations(ctx, p.ID, session.Name, at)
	if err != nil {
		return User{}, false, err
	}
	if len(regs) == 0 { // an administrator has deleted them since
		return User{}, false, ErrNotFound
	}
	n.reg = Registration{PoolID: p.ID, Sub: UserID(session.Subject), Name: session.Name, CreatedAt: at}
	u, err = s.confirmUser(ctx, tx, n)
	return u, true, err
}

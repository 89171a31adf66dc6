package userpool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

const (
	// registrationTTL is how long a pending sign-up can be resent to or
	// confirmed by an administrator. Its codes live codeTTL. One to which no
	// code was sent waits for an administrator and never ends by itself.
	registrationTTL = 7 * 24 * time.Hour
	// Of the pending sign-ups of one name that a requester made, and of all of
	// the name, so many stand beside each other.
	maxOwn, maxRegistrations = 3, 20
	// signedUpTTL bounds the Session that ConfirmSignUp returns.
	signedUpTTL = 3 * time.Minute
)

var (
	errExpiredCode   = fault.New(fault.ExpiredCode, "Invalid code provided, please request a code again.")
	errWrongCode     = fault.New(fault.CodeMismatch, "Invalid verification code provided, please try again.")
	errUserExists    = fault.New(fault.UsernameExists, "An account with the given phone_number already exists.")
	errNotUserClient = fault.New(fault.UserNotFound, "Username/client id combination not found.")
	errIsConfirmed   = fault.New(fault.NotAuthorized, "User cannot be confirmed. Current status is CONFIRMED")
)

// SignUp makes a pending registration and texts its code. Whoever signs up
// owns nothing by it: others for the same number stand beside it, and the code
// decides. Without limits to spend it answers LimitExceeded or TooManyRequests;
// a number with a confirmed user answers UsernameExists, but not in a strict
// pool, where it answers like a new one and the code signs the user in.
func (s *Service) SignUp(ctx context.Context, r SignUpRequest) (SignUpResult, error) {
	at := now()
	c, p, err := s.loadClient(ctx, r.ClientID)
	if err != nil {
		return SignUpResult{}, err
	}
	if err := s.checkSecretHash(c, r.SecretHash, r.Username); err != nil {
		return SignUpResult{}, err
	}
	if p.Settings.AdminCreateOnly {
		return SignUpResult{}, fault.New(fault.NotAuthorized, "SignUp is not permitted for this user pool")
	}
	reg, err := s.newRegistration(c, p, r, at)
	if err != nil {
		return SignUpResult{}, err
	}
	number := phone.FromCanonical(reg.Name)
	want := codeRequest{
		pool: p, client: c, subject: string(reg.ID), registration: reg.ID,
		purpose: PurposeSignUp, to: Contact{Number: number}, caller: r.Caller, at: at,
	}
	texts := p.Settings.AutoVerifiesPhone()
	if texts {
		if err := s.canSend(want); err != nil {
			return SignUpResult{}, err
		}
	}
	if err := s.setRegistrationPassword(ctx, &reg, p, r.Password); err != nil {
		return SignUpResult{}, err
	}
	result, err := once(ctx, s, r.Caller, at, stillPending(ctx, p.ID, at), func(tx Tx) (SignUpResult, *fault.Error, error) {
		if err := s.spendStart(ctx, tx, r.Caller, at); err != nil {
			return SignUpResult{}, nil, err
		}
		result, err := s.register(ctx, tx, reg, want, texts)
		if errors.Is(err, errUserExists) { // committed: asking counts
			return SignUpResult{}, errUserExists, nil
		}
		return result, nil, err
	})
	if err == nil {
		s.wake()
	}
	return result, err
}

// stillPending says whether the sign-up that a kept answer tells of is there.
func stillPending(ctx context.Context, pool PoolID, at time.Time) func(Tx, SignUpResult) (bool, error) {
	return func(tx Tx, r SignUpResult) (bool, error) {
		_, err := tx.RegistrationBySub(ctx, pool, r.Sub, at)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
}

// newRegistration checks what a sign-up says and makes the row of it.
func (s *Service) newRegistration(c Client, p Pool, r SignUpRequest, at time.Time) (Registration, error) {
	number, err := signUpNumber(r.Username)
	if err != nil {
		return Registration{}, err
	}
	attrs, err := ownAttributes(p, c, r.Attributes)
	if err != nil {
		return Registration{}, err
	}
	if err := claimNumber(attrs, number); err != nil {
		return Registration{}, err
	}
	if err := requiredPresent(p, attrs); err != nil {
		return Registration{}, err
	}
	if err := checkSignUpPassword(p, r.Password); err != nil {
		return Registration{}, err
	}
	var ends time.Time
	if p.Settings.AutoVerifiesPhone() {
		ends = at.Add(registrationTTL)
	}
	return Registration{
		ID: RegistrationID(newID()), PoolID: p.ID, ClientID: c.ID, Name: number.E164(),
		Sub: UserID(newID()), Requester: r.Caller.requester(), Attributes: attrs,
		CreatedAt: at, ExpiresAt: ends,
	}, nil
}

func signUpNumber(username string) (phone.Number, error) {
	if username == "" || username[0] != '+' {
		return phone.Number{}, fault.New(fault.InvalidParameter,
			"Username should be a phone number. It starts with + and the country code, for example +14155550123.")
	}
	return phone.Parse(username)
}

// claimNumber sets phone_number from the user name; another number beside it
// is refused, since only one would be verified.
func claimNumber(attrs map[string]string, number phone.Number) error {
	if given, ok := attrs[AttrPhone]; ok && given != number.E164() {
		return fault.New(fault.InvalidParameter, "The attribute phone_number differs from the phone number that is the user name.")
	}
	attrs[AttrPhone] = number.E164()
	return nil
}

// register stores the sign-up beside the others of its name and puts its text
// in the outbox.
func (s *Service) register(ctx context.Context, tx Tx, reg Registration, want codeRequest, texts bool) (SignUpResult, error) {
	u, err := tx.UserByName(ctx, reg.PoolID, reg.Name)
	switch {
	case err == nil && want.pool.Settings.Behaviour() == Strict:
		reg.Existing, reg.Verifier = u.ID, ""
		want.decoy = !u.Enabled
	case err == nil:
		return SignUpResult{}, errUserExists
	case !errors.Is(err, ErrNotFound):
		return SignUpResult{}, err
	}
	if err := makeRoom(ctx, tx, reg, want.at); err != nil {
		return SignUpResult{}, err
	}
	if err := tx.InsertRegistration(ctx, reg); err != nil {
		return SignUpResult{}, fmt.Errorf("insert registration: %w", err)
	}
	result := SignUpResult{Sub: reg.Sub}
	if texts {
		if _, err := s.textCode(ctx, tx, want); err != nil {
			return SignUpResult{}, err
		}
		d := want.delivery()
		result.Delivery = &d
	}
	if !want.client.Settings.Allows(AllowUserAuth) && !want.client.Settings.Allows(AllowCustom) {
		return result, nil
	}
	result.Session, err = s.openSession(ctx, tx, Session{
		PoolID: reg.PoolID, ClientID: reg.ClientID, Subject: string(reg.ID),
		Step: StepConfirmSignUp, Username: string(reg.Sub), Name: reg.Name,
		CreatedAt: want.at, ExpiresAt: want.at.Add(codeTTL),
	})
	return result, err
}

// makeRoom ends a pending sign-up where too many stand: the requester's own
// oldest, else the oldest of all. One that waits for an administrator is ended
// by nobody else's.
func makeRoom(ctx context.Context, tx Tx, reg Registration, at time.Time) error {
	regs, err := tx.Registrations(ctx, reg.PoolID, reg.Name, at)
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(slices.Clone(regs), func(r Registration) bool { return r.Requester != reg.Requester })
	switch {
	case len(own) >= maxOwn:
		err = tx.DeleteRegistration(ctx, own[len(own)-1].ID)
	case len(regs) >= maxRegistrations && reg.ExpiresAt.IsZero():
		return fault.New(fault.LimitExceeded, "Attempt limit exceeded, please try after some time.")
	case len(regs) >= maxRegistrations:
		err = tx.DeleteRegistration(ctx, regs[len(regs)-1].ID)
	}
	return err
}

// openSession stores a session under a new handle and returns the handle.
func (s *Service) openSession(ctx context.Context, tx Tx, session Session) (string, error) {
	handle := newHandle()
	session.Hash = hashHandle(handle)
	if err := tx.InsertSession(ctx, session); err != nil {
		return "", fmt.Errorf("open session: %w", err)
	}
	return handle, nil
}

// ResendConfirmationCode texts the newest pending sign-up's code once more:
// the same code to the same requester while it lives, a new one otherwise.
func (s *Service) ResendConfirmationCode(ctx context.Context, r ResendRequest) (Delivery, error) {
	at := now()
	c, p, err := s.loadClient(ctx, r.ClientID)
	if err != nil {
		return Delivery{}, err
	}
	if err := s.checkSecretHash(c, r.SecretHash, r.Username); err != nil {
		return Delivery{}, err
	}
	if !p.Settings.AutoVerifiesPhone() {
		return Delivery{}, fault.New(fault.NotAuthorized, "Cannot resend codes. Auto verification not turned on.")
	}
	l, err := parseLogin(r.Username)
	if err != nil {
		return Delivery{}, err
	}
	want := codeRequest{pool: p, client: c, purpose: PurposeSignUp, caller: r.Caller, at: at}
	want.to.Number = l.number
	if c.Settings.PreventExistence {
		if err := s.canSend(want); err != nil {
			return Delivery{}, err
		}
	}
	// Without an invocation a repeat cannot be told from a person who asks
	// again after the gap; within it the living challenge sends nothing.
	d, err := once(ctx, s, r.Caller.guessable(), at, nil, func(tx Tx) (Delivery, *fault.Error, error) {
		want, err := s.resendTo(ctx, tx, want, l)
		if err != nil {
			return Delivery{}, nil, err
		}
		if err := s.canSend(want); err != nil {
			return Delivery{}, nil, err
		}
		_, err = s.textCode(ctx, tx, want)
		return want.delivery(), nil, err
	})
	if err == nil {
		s.wake()
	}
	return d, err
}

// resendTo fills in whom a resend goes to: the newest pending sign-up, or a
// decoy where the client must not learn that there is none.
func (s *Service) resendTo(ctx context.Context, tx Tx, want codeRequest, l login) (codeRequest, error) {
	u, err := s.findSubject(ctx, tx, want.pool, l, want.at)
	if err != nil {
		return want, err
	}
	regs, err := findRegistrations(ctx, tx, want.pool.ID, login{number: u.number, id: loginID(u, l)}, want.at)
	if err != nil {
		return want, err
	}
	want.to = Contact{Number: s.numberOf(u)}
	if len(regs) > 0 {
		reg := regs[0]
		if own := slices.IndexFunc(regs, func(r Registration) bool { return r.Requester == want.caller.requester() }); own >= 0 {
			reg = regs[own] // whose text his app waits for
		}
		want.subject, want.registration = string(reg.ID), reg.ID
		want.decoy = reg.Existing != "" && !u.user.Enabled
		return want, nil
	}
	if !want.client.Settings.PreventExistence {
		if u.known {
			return want, fault.New(fault.InvalidParameter, "User is already confirmed.")
		}
		return want, errNotUserClient
	}
	want.subject, want.decoy = "decoy "+string(u.id), true
	return want, nil
}

// loginID keeps a login by sub where no number was found for it.
func loginID(u subject, l login) UserID {
	if u.number.IsZero() {
		return l.id
	}
	return ""
}

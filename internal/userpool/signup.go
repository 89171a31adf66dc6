package userpool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

const (
	// registrationTTL is how long a pending sign-up can be resent to or
	// confirmed by an administrator. Its codes live codeTTL. One to which no
	// code was sent waits for an administrator and never ends by itself.
	registrationTTL = 7 * 24 * time.Hour
	// On Cognito a sign-up stays until somebody deletes it.
	exactRegistrationTTL = 10 * 365 * 24 * time.Hour
	// Of the pending sign-ups of one name that a requester made, and of all of
	// the name, so many stand beside each other.
	maxOwn, maxRegistrations = 3, 20
	// signedUpTTL bounds the Session that ConfirmSignUp returns.
	signedUpTTL = 3 * time.Minute
)

var (
	errExpiredCode   = fault.New(fault.ExpiredCode, "Invalid code provided, please request a code again.")
	errWrongCode     = fault.New(fault.CodeMismatch, "Invalid verification code provided, please try again.")
	errUserExists    = fault.New(fault.UsernameExists, "User already exists")
	errAccountExists = fault.New(fault.UsernameExists, "User account already exists")
	errNotUserClient = fault.New(fault.UserNotFound, "Username/client id combination not found.")
	errIsConfirmed   = fault.New(fault.NotAuthorized, "User cannot be confirmed. Current status is CONFIRMED")
)

// SignUp makes a pending registration and texts its code. Whoever signs up
// owns nothing by it: others for the same number stand beside it, and the code
// decides. Without limits to spend it answers LimitExceeded or TooManyRequests;
// a number with a confirmed user answers UsernameExists, but not in a strict
// pool, where it answers like a new one and the code signs the user in.
func (s *Service) SignUp(ctx context.Context, r SignUpRequest) (SignUpResult, error) {
	at := s.now()
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
	ctx, cancel := p.patient(ctx)
	defer cancel()
	if err := s.proven(ctx, &r.Caller, c, at); err != nil {
		return SignUpResult{}, err
	}
	up := signingUp{request: r, client: c, pool: p, reg: reg, at: at}
	if p.Settings.Triggers.has(trigger.PreSignUp) {
		return s.signUpAsked(ctx, up)
	}
	return s.storeSignUp(ctx, up)
}

// signingUp is a SignUp under way.
type signingUp struct {
	request  SignUpRequest
	client   Client
	pool     Pool
	reg      Registration
	apart    bool // it is kept apart from its repeats
	confirms bool // PreSignUp said autoConfirmUser
	at       time.Time
}

// storeSignUp stores the sign-up and puts its text in the outbox.
func (s *Service) storeSignUp(ctx context.Context, up signingUp) (SignUpResult, error) {
	r, p, at := up.request, up.pool, up.at
	w := &wording{caller: r.Caller, metadata: r.ClientMetadata, apart: up.apart}
	want := codeRequest{
		pool: p, client: up.client, subject: string(up.reg.ID), registration: up.reg.ID,
		purpose: PurposeSignUp, to: signUpContact(p, up.reg), caller: r.Caller, at: at,
		wording: w, source: trigger.CustomMessageSignUp, user: up.reg.asUser(p),
	}
	if !want.to.IsZero() && !up.confirms {
		if err := s.canSend(ctx, &want); err != nil {
			return SignUpResult{}, err
		}
	}
	if err := s.setRegistrationPassword(ctx, &up.reg, p, r.Password); err != nil {
		return SignUpResult{}, err
	}
	result, err := worded(ctx, s, w, at, func(ctx context.Context) (SignUpResult, error) {
		return once(ctx, s, r.Caller, at, up.stands(ctx), func(tx Tx) (SignUpResult, *fault.Error, error) {
			if err := s.spendStart(ctx, tx, w.caller, at); err != nil {
				return SignUpResult{}, nil, err
			}
			if up.confirms {
				result, err := s.confirmAtOnce(ctx, tx, up)
				return result, nil, err
			}
			result, err := s.register(ctx, tx, up.reg, want)
			if taken, ok := errors.AsType[*fault.Error](err); ok && taken.Kind == fault.UsernameExists {
				return SignUpResult{}, taken, nil // committed: asking counts
			}
			return result, nil, err
		})
	})
	return result, err
}

// stands says whether what a kept answer tells of is there: the pending sign-up,
// or, where it was confirmed at once, somebody of the name.
func (up signingUp) stands(ctx context.Context) func(Tx, SignUpResult) (bool, error) {
	return func(tx Tx, r SignUpResult) (bool, error) {
		var err error
		if r.Confirmed {
			_, err = holder(ctx, tx, up.reg)
		} else {
			_, err = tx.RegistrationBySub(ctx, up.pool.ID, r.Sub, up.at)
		}
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
}

// newRegistration checks what a sign-up says and makes the row of it.
func (s *Service) newRegistration(c Client, p Pool, r SignUpRequest, at time.Time) (Registration, error) {
	l, err := newName(p, r.Username)
	if err != nil {
		return Registration{}, err
	}
	attrs, err := ownAttributes(p, c, r.Attributes)
	if err != nil {
		return Registration{}, err
	}
	if attrs[attrPreferred] != "" && p.Settings.aliases(attrPreferred) {
		return Registration{}, fault.New(fault.InvalidParameter, "preferred_username can be set only after the user is confirmed, where it is an alias.")
	}
	if err := l.claimContact(p.Settings, attrs); err != nil {
		return Registration{}, err
	}
	if err := requiredPresent(p, attrs); err != nil {
		return Registration{}, err
	}
	if err := checkSignUpPassword(p, r.Password, attrs); err != nil {
		return Registration{}, err
	}
	reg := Registration{
		ID: RegistrationID(newOrderedID(at)), PoolID: p.ID, ClientID: c.ID, Name: l.name,
		Sub: UserID(newID()), Requester: r.Caller.requester(), Attributes: attrs, CreatedAt: at,
	}
	switch {
	case signUpContact(p, reg).IsZero(): // waits for an administrator
	case p.Settings.exact():
		reg.ExpiresAt = at.Add(exactRegistrationTTL)
	default:
		reg.ExpiresAt = at.Add(registrationTTL)
	}
	return reg, nil
}

// signUpContact is where the sign-up's code goes, zero for nowhere: to what is
// to be the name, since that is what must be proved, and else to the number or
// the address, whichever the pool verifies. Cognito takes the number before the
// address whichever the name is.
func signUpContact(p Pool, reg Registration) Contact {
	s := p.Settings
	if len(s.AutoVerified) == 0 {
		return Contact{}
	}
	if name := s.loginBy(reg.Name).contact; !name.IsZero() && !s.exact() {
		return attributeContact(reg.Attributes, name.attribute())
	}
	for _, attr := range contactAttributes {
		if c := attributeContact(reg.Attributes, attr); s.verifies(attr) && !c.IsZero() {
			return c
		}
	}
	return Contact{}
}

// register stores the sign-up beside the others of its name and puts its text
// in the outbox.
func (s *Service) register(ctx context.Context, tx Tx, reg Registration, want codeRequest) (SignUpResult, error) {
	u, err := holder(ctx, tx, reg)
	switch {
	case err == nil && hidesNames(want.pool):
		reg.Existing, reg.Verifier = u.ID, ""
		want.decoy, want.existing = !u.Enabled, u.ID
	case err == nil:
		return SignUpResult{}, nameExists(want.pool, reg.Name, errUserExists)
	case !errors.Is(err, ErrNotFound):
		return SignUpResult{}, err
	}
	if err := makeRoom(ctx, tx, want.pool, reg, want.at); err != nil {
		return SignUpResult{}, err
	}
	if err := tx.InsertRegistration(ctx, reg); err != nil {
		return SignUpResult{}, fmt.Errorf("insert registration: %w", err)
	}
	result := SignUpResult{Sub: reg.Sub}
	if !want.to.IsZero() {
		if _, err := s.textCode(ctx, tx, &want); err != nil {
			return SignUpResult{}, err
		}
		d := want.delivery()
		result.Delivery = &d
	}
	if !usesSession(want.pool, want.client) {
		return result, nil
	}
	result.Session, err = s.openSession(ctx, tx, Session{
		PoolID: reg.PoolID, ClientID: reg.ClientID, Subject: string(reg.ID),
		Step: StepConfirmSignUp, Username: want.pool.Settings.username(reg), Name: reg.Name,
		CreatedAt: want.at, ExpiresAt: s.after(want.at, codeTTL),
	})
	return result, err
}

// holder finds the user that has the name already, or the sub that looks like it.
func holder(ctx context.Context, tx Tx, reg Registration) (User, error) {
	l := login{name: reg.Name}
	if uuidText.MatchString(reg.Name) {
		l.id = UserID(reg.Name)
	}
	return findUser(ctx, tx, reg.PoolID, l)
}

// hidesNames: in a strict pool that is named by contacts a sign-up of a user
// answers like one of nobody. Where people choose names a taken one must be told.
func hidesNames(p Pool) bool {
	return p.Settings.Behaviour() == Strict && p.Settings.namedByContact()
}

// nameExists words a taken name as Cognito does. Of a name that is no contact the
// operations say it differently.
func nameExists(p Pool, name string, chosen *fault.Error) *fault.Error {
	if c := p.Settings.loginBy(name).contact; !c.IsZero() {
		return fault.New(fault.UsernameExists, "An account with the given %s already exists.", c.attribute())
	}
	return chosen
}

// usesSession says whether the client has a flow for the Session that follows a
// sign-up.
func usesSession(p Pool, c Client) bool {
	return c.Settings.Allows(AllowUserAuth) || (c.Settings.Allows(AllowCustom) && !p.Settings.exact())
}

// makeRoom ends a pending sign-up where too many stand: the requester's own
// oldest, else the oldest of all. One that waits for an administrator is ended
// by nobody else's. On Cognito there is room for one, which stays.
func makeRoom(ctx context.Context, tx Tx, p Pool, reg Registration, at time.Time) error {
	regs, err := tx.Registrations(ctx, reg.PoolID, reg.Name, at)
	if err != nil {
		return err
	}
	if len(regs) > 0 && p.Settings.exact() {
		return errUserExists
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
	handle := newSessionHandle(session.CreatedAt)
	session.Hash = sessionKey(handle)
	if err := tx.InsertSession(ctx, session); err != nil {
		return "", fmt.Errorf("open session: %w", err)
	}
	return handle, nil
}

// ResendConfirmationCode texts the newest pending sign-up's code once more:
// the same code to the same requester while it lives, a new one otherwise.
func (s *Service) ResendConfirmationCode(ctx context.Context, r ResendRequest) (Delivery, error) {
	at := s.now()
	c, p, err := s.loadClient(ctx, r.ClientID)
	if err != nil {
		return Delivery{}, err
	}
	if err := s.checkSecretHash(c, r.SecretHash, r.Username); err != nil {
		return Delivery{}, err
	}
	if len(p.Settings.AutoVerified) == 0 {
		return Delivery{}, fault.New(fault.NotAuthorized, "Cannot resend codes. Auto verification not turned on.")
	}
	l, err := parseLogin(p, r.Username)
	if err != nil {
		return Delivery{}, err
	}
	ctx, cancel := p.patient(ctx)
	defer cancel()
	if err := s.proven(ctx, &r.Caller, c, at); err != nil {
		return Delivery{}, err
	}
	w := &wording{caller: r.Caller.guessable(), metadata: r.ClientMetadata}
	want := codeRequest{
		pool: p, client: c, purpose: PurposeSignUp, to: l.contact, caller: r.Caller, at: at,
		wording: w, source: trigger.CustomMessageResendCode,
	}
	if c.Settings.PreventExistence && !want.to.IsZero() {
		if err := s.canSend(ctx, &want); err != nil {
			return Delivery{}, err
		}
	}
	// Without an invocation a repeat cannot be told from a person who asks
	// again after the gap; within it the living challenge sends nothing.
	d, err := worded(ctx, s, w, at, func(ctx context.Context) (Delivery, error) {
		return once(ctx, s, w.caller, at, nil, func(tx Tx) (Delivery, *fault.Error, error) {
			d, err := s.resend(ctx, tx, want, l)
			return d, nil, err
		})
	})
	return d, err
}

func (s *Service) resend(ctx context.Context, tx Tx, want codeRequest, l login) (Delivery, error) {
	if err := s.countWorded(ctx, tx, &want); err != nil {
		return Delivery{}, err
	}
	want, err := s.resendTo(ctx, tx, want, l)
	if err != nil {
		return Delivery{}, err
	}
	if err := s.canSend(ctx, &want); err != nil {
		if !want.client.Settings.PreventExistence {
			return Delivery{}, err
		}
		want.decoy = true // what was typed can be sent to, or it was told before
	}
	_, err = s.textCode(ctx, tx, &want)
	return want.delivery(), err
}

// resendTo fills in whom a resend goes to: a pending sign-up, or a decoy where
// the client must not learn that there is none.
func (s *Service) resendTo(ctx context.Context, tx Tx, want codeRequest, l login) (codeRequest, error) {
	u, err := s.findSubject(ctx, tx, want.pool, l, want.at)
	if err != nil {
		return want, err
	}
	if reg, ok := u.registration(want.caller.requester()); ok {
		want.to = signUpContact(want.pool, reg)
		if want.to.IsZero() {
			return want, fault.New(fault.InvalidParameter, "The sign-up waits for an administrator: it has nothing that the pool verifies.")
		}
		want.subject, want.registration, want.user = string(reg.ID), reg.ID, reg.asUser(want.pool)
		want.decoy, want.existing = reg.Existing != "" && !u.user.Enabled, reg.Existing
		return want.veiled(want.client, u), nil
	}
	if !want.client.Settings.PreventExistence {
		if u.known {
			return want, fault.New(fault.InvalidParameter, "User is already confirmed.")
		}
		return want, errNotUserClient
	}
	want.to, _ = s.destination(want.pool, u, want.caller.requester(), anyMedium)
	want.subject = decoySubject(u.id)
	return want.ofNobody(u).veiled(want.client, u), nil
}

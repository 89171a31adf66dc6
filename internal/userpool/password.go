package userpool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/srp"
)

// maxPassword is the model's bound on a password, in characters.
const maxPassword = 256

// passwordSymbols are what counts as a symbol (developer guide, password
// requirements); a blank counts too, but not at the ends.
const passwordSymbols = "^$*.[]{}()?-\"!@#%&/\\,><':;|_~`+= "

// complaint says what a password lacks under the policy, "" for nothing.
func (p PasswordPolicy) complaint(password string) string {
	switch {
	case len([]rune(password)) < p.MinimumLength:
		return "Password not long enough"
	case len([]rune(password)) > maxPassword:
		return "Password too long"
	case p.RequireUppercase && !strings.ContainsFunc(password, asciiUpper):
		return "Password must have uppercase characters"
	case p.RequireLowercase && !strings.ContainsFunc(password, asciiLower):
		return "Password must have lowercase characters"
	case p.RequireNumbers && !strings.ContainsAny(password, "0123456789"):
		return "Password must have numeric characters"
	case p.RequireSymbols && !strings.ContainsAny(strings.Trim(password, " "), passwordSymbols):
		return "Password must have symbol characters"
	}
	return ""
}

func asciiUpper(r rune) bool { return r <= unicode.MaxASCII && unicode.IsUpper(r) }
func asciiLower(r rune) bool { return r <= unicode.MaxASCII && unicode.IsLower(r) }

// checkSignUpPassword checks the password of a sign-up, which a passwordless
// pool does without.
func checkSignUpPassword(p Pool, password string, attrs map[string]string) error {
	if password == "" {
		return canDoWithout(p, attrs)
	}
	if c := p.Settings.Password.complaint(password); c != "" {
		return fault.New(fault.InvalidPassword, "Password did not conform with policy: %s", c)
	}
	return nil
}

// canDoWithout says whether a user with the attributes needs no password: the
// pool allows a one-time code by a medium that he can be reached by.
func canDoWithout(p Pool, attrs map[string]string) error {
	switch {
	case !p.Settings.Passwordless():
		return fault.New(fault.InvalidParameter, "Password is required: the pool does not allow SMS_OTP or EMAIL_OTP as a first factor.")
	case attrs[AttrPhone] == "" && !p.Settings.offers(FactorEmailOTP):
		return fault.New(fault.InvalidParameter, "Password is required: without a phone number the user could not sign in by SMS_OTP.")
	case attrs[AttrEmail] == "" && !p.Settings.offers(FactorSMSOTP):
		return fault.New(fault.InvalidParameter, "Password is required: without an e-mail address the user could not sign in by EMAIL_OTP.")
	case attrs[AttrPhone] == "" && attrs[AttrEmail] == "":
		return fault.New(fault.InvalidParameter, "Password is required: without a phone number or e-mail address the user could not sign in by a code.")
	}
	return nil
}

// srpIdentity is what the verifier of a user is made with where it is not the
// user name: in a strict pool with aliases the sub, so that who asks by an alias
// learns no user name. It is kept with the verifier; see User.SRPIdentity.
func srpIdentity(p Pool, id UserID) string {
	if p.Settings.Behaviour() == Strict && len(p.Settings.AliasAttributes) > 0 {
		return string(id)
	}
	return ""
}

// poolName is what SRP calls the pool: its id after the first underscore.
func poolName(id PoolID) string {
	_, name, _ := strings.Cut(string(id), "_")
	return name
}

// newVerifier makes the sealed SRP verifier of a password. It costs an
// exponentiation, so it is made outside transactions and waits for room.
func (s *Service) newVerifier(ctx context.Context, p Pool, id UserID, username, password string) (secret, error) {
	made := secret{identity: srpIdentity(p, id)}
	var v srp.Verifier
	err := s.exponentiate(ctx, func() { v = s.group.NewVerifier(poolName(p.ID), orElse(made.identity, username), password) })
	if err != nil {
		return secret{}, err
	}
	plain, err := v.MarshalBinary()
	if err != nil {
		return secret{}, fmt.Errorf("verifier: %w", err)
	}
	made.sealed = s.ring.Seal(sealVerifier, []byte(id), plain)
	return made, nil
}

// secret is a password as it is kept: the sealed verifier, and what it was made
// with beside the password, "" for the user name.
type secret struct {
	sealed, identity string
	reused           bool // see replacement
}

// setPassword replaces the user's password, and remembers the one before if the
// pool wants it.
func (u *User) setPassword(p Pool, made secret, at time.Time) {
	if u.Verifier != "" {
		u.PasswordHistory = append([]string{u.Verifier}, u.PasswordHistory...)
	}
	// The current password is one of those that must not come again.
	u.PasswordHistory = first(u.PasswordHistory, p.Settings.Password.HistorySize-1)
	u.Verifier, u.SRPIdentity, u.PasswordHash = made.sealed, made.identity, ""
	u.PasswordAt, u.ModifiedAt = at, at
}

// first are at most n of the list, none where n is negative.
func first(list []string, n int) []string { return list[:max(min(n, len(list)), 0)] }

func (s *Service) openVerifier(id UserID, sealed string) (v srp.Verifier, err error) {
	plain, err := s.ring.Open(sealVerifier, []byte(id), sealed)
	if err != nil {
		return v, fmt.Errorf("open verifier: %w", err)
	}
	return v, v.UnmarshalBinary(plain)
}

// exponentiate runs fn when there is room for it. Big exponentiations are the
// dearest thing that a stranger can ask for, so only a few run at once.
func (s *Service) exponentiate(ctx context.Context, fn func()) error {
	select {
	case s.srp <- struct{}{}:
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "The server is busy.")
	}
	defer func() { <-s.srp }()
	fn()
	return nil
}

func (s *Service) setRegistrationPassword(ctx context.Context, reg *Registration, p Pool, password string) error {
	if password == "" {
		return nil
	}
	made, err := s.newVerifier(ctx, p, reg.Sub, p.Settings.username(*reg), password)
	reg.Verifier, reg.SRPIdentity = made.sealed, made.identity
	return err
}

// The password lock (developer guide, lockout behaviour): after the fifth
// failure in a row one second, then twice as long with each, up to 15 minutes;
// 15 minutes without a try forget all.
const (
	lockAfter = 5
	lockMax   = 15 * time.Minute
	lockIdle  = 15 * time.Minute
)

var errLocked = fault.New(fault.NotAuthorized, "Password attempts exceeded")

// locked says whether password tries are refused at a time.
func (l PasswordLock) locked(at time.Time) bool {
	if l.Failures < lockAfter {
		return false
	}
	wait := lockMax
	if n := l.Failures - lockAfter; n < 10 {
		wait = min(time.Second<<n, lockMax)
	}
	return at.Before(l.FailedAt.Add(wait))
}

// account is whose password is tried: a user, a pending sign-up, or nobody.
type account struct {
	id       UserID // the lock's subject
	identity string // what SRP calls the user, USER_ID_FOR_SRP
	verifier srp.Verifier
	real     bool // there is a password, which may be right
	user     User
	pending  bool
	hash     hashed // that the password is checked against as well
	bySRP    bool   // which a hash cannot answer
	// replacement is the verifier that takes the place of the hash: the password was
	// right by it.
	replacement secret
}

// accountOf finds the password that the subject would sign in with. Where there
// is none it makes one up, the same at each call, which no answer matches.
func (s *Service) accountOf(c Client, p Pool, u subject) (account, error) {
	a := account{id: u.id, identity: orElse(srpIdentity(p, u.id), s.told(c, p, u)), user: u.user}
	sealed := ""
	switch {
	case u.known && u.user.Enabled && u.user.Verifier != "":
		sealed, a.identity = u.user.Verifier, orElse(u.user.SRPIdentity, u.user.Username)
	case (u.pending || u.waits) && !hidesSignUps(c, p) && u.regs[0].Verifier != "":
		reg := u.regs[0]
		a.id, sealed, a.pending = reg.Sub, reg.Verifier, true
		a.identity = orElse(reg.SRPIdentity, p.Settings.username(reg))
	}
	if sealed == "" {
		return a, nil
	}
	v, err := s.openVerifier(a.id, sealed)
	a.verifier, a.real = v, true
	return a, err
}

// hidesSignUps: in a strict pool a sign-up of a user answers like one of a new
// number, so the password of a pending one must not tell the two apart.
func hidesSignUps(c Client, p Pool) bool {
	return c.Settings.PreventExistence && p.Settings.Behaviour() == Strict
}

// dummy gives an account without a password a verifier of equal work.
func (s *Service) dummy(p Pool, a *account) {
	if !a.real {
		a.verifier = srp.FakeVerifier(s.stable(stableDecoy, "verifier"), poolName(p.ID), a.identity)
	}
}

// settlePassword counts a tried password against the lock. During the lock no
// try is looked at, a right one neither; that is an error, which rolls back.
func settlePassword(ctx context.Context, tx Tx, p Pool, id UserID, right bool, at time.Time) error {
	lock, err := tx.PasswordLock(ctx, p.ID, string(id))
	if err != nil {
		return fmt.Errorf("password lock: %w", err)
	}
	if lock.locked(at) {
		return errLocked
	}
	if right {
		return tx.ClearPasswordLock(ctx, p.ID, string(id))
	}
	_, err = tx.CountPasswordFailure(ctx, p.ID, string(id), at, at.Add(-lockIdle))
	return err
}

// signInByPassword is USER_AUTH with PASSWORD: the password in the open, over
// TLS, checked against the verifier.
func (s *Service) signInByPassword(ctx context.Context, st start, session *Session) (AuthResult, error) {
	for {
		result, err := s.tryPassword(ctx, &st, session)
		if !errors.Is(err, errHashReplaced) {
			return result, err
		}
	}
}

// tryPassword is signInByPassword, but for an error where a hash was replaced by
// another sign-in with the same password.
func (s *Service) tryPassword(ctx context.Context, start *start, session *Session) (AuthResult, error) {
	st := *start
	a, err := s.findAccount(ctx, st)
	if err != nil {
		return AuthResult{}, err
	}
	var right bool
	err = s.exponentiate(ctx, func() {
		s.dummy(st.pool, &a)
		right = s.group.Matches(a.verifier, poolName(st.pool.ID), a.identity, st.request.Parameters["PASSWORD"]) && a.real
	})
	if err != nil {
		return AuthResult{}, err
	}
	byHash, err := s.tryHash(ctx, &st, &a, st.request.Parameters["PASSWORD"])
	start.request.Caller.counted = st.request.Caller.counted
	if err != nil {
		return AuthResult{}, err
	}
	right = right || byHash
	if st.wording == nil {
		st.wording = &wording{caller: st.request.Caller}
	}
	t := st.turn()
	if session == nil {
		t.caller = t.caller.guessable()
		t.wording.caller = t.caller
	}
	return s.take(ctx, t, func(tx Tx) (step, *fault.Error, error) {
		if err := s.spendStart(ctx, tx, st.request.Caller, st.at); err != nil {
			return step{}, nil, err
		}
		if session != nil {
			if err := s.consume(ctx, tx, *session, st.at); err != nil {
				return step{}, nil, err
			}
		}
		next, refusal, err := s.passwordTried(ctx, tx, st, a, right)
		if err == nil && refusal == nil {
			err = s.returnIfDone(ctx, tx, st.request.Caller, next, st.at)
		}
		return next, refusal, err
	})
}

func (s *Service) findAccount(ctx context.Context, st start) (a account, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		u, err := s.findSubject(ctx, tx, st.pool, st.login, st.at)
		if err != nil {
			return err
		}
		if err := present(st.client, st.pool, u); err != nil {
			return err
		}
		if a, err = s.accountOf(st.client, st.pool, u); err != nil {
			return err
		}
		owner := User{}
		if u.known && u.user.Enabled {
			owner = u.user
		}
		a.hash, err = s.hashOf(ctx, tx, st.pool, a.id, owner, st.client.Settings.PreventExistence)
		return err
	})
	return a, err
}

// passwordTried goes on after a password was compared: a failure counts, a
// pending sign-up is told so, a temporary password must be replaced, and else
// there are tokens.
func (s *Service) passwordTried(ctx context.Context, tx Tx, st start, a account, right bool) (step, *fault.Error, error) {
	u, refusal, err := s.passwordMatched(ctx, tx, st, a, right)
	switch {
	case err != nil, refusal != nil:
		return step{}, refusal, err
	case u.Status == StatusResetRequired:
		return step{}, errResetRequired, nil
	case u.Status == StatusForceChangePassword:
		return s.demandNewPassword(ctx, tx, st, u)
	}
	next, err := s.passed(ctx, tx, st.turn(), u, proofPassword)
	return next, nil, err
}

// passwordMatched counts a password that was compared, and finds the user whose it
// is.
func (s *Service) passwordMatched(ctx context.Context, tx Tx, st start, a account, right bool) (User, *fault.Error, error) {
	if !st.guessed || a.user.ID != "" || a.pending { // else it has counted: see guess
		if err := settlePassword(ctx, tx, st.pool, a.id, right, st.at); err != nil {
			return User{}, nil, err
		}
	}
	answeredPassword(ctx, right)
	if !right {
		refuse(ctx, reasonWrongPassword)
		if a.bySRP && a.hash.real && !st.client.Settings.PreventExistence {
			// No proof by SRP can be right. He is shown the way that ends well.
			return User{}, errResetRequired, nil
		}
		return User{}, errCredentials, nil
	}
	if a.pending {
		return User{}, errUnconfirmed, nil
	}
	u, err := tx.User(ctx, st.pool.ID, a.user.ID)
	if err != nil {
		return User{}, nil, notFound(err, errCredentials)
	}
	switch {
	case !u.Enabled:
		return User{}, errDisabled, nil
	case a.hash.real && u.PasswordHash == "" && u.Verifier != "":
		return User{}, nil, errHashReplaced
	case u.Verifier != a.user.Verifier, u.PasswordHash != a.user.PasswordHash:
		return User{}, errCredentials, nil // changed while it was compared
	case a.hash.real:
		u, err = replaceHash(ctx, tx, u, a.replacement)
	}
	return u, nil, err
}

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

// A forgotten password is reset by a code to a contact that the user has proved
// to be his. Asking for the code changes nothing about the user: whoever asks,
// the owner goes on as before.

var (
	errNoRecovery = fault.New(fault.InvalidParameter, "Cannot reset password for the user as there is no registered/verified email or phone_number")
	errResetState = fault.New(fault.NotAuthorized, "User password cannot be reset in the current state.")
	errAskAdmin   = fault.New(fault.NotAuthorized, "Contact administrator to reset password.")
)

// recoveryMedia are the media that a reset code may go by, the first to try
// first; none where only an administrator resets.
func (s PoolSettings) recoveryMedia() []string {
	if s.Recovery == nil {
		return []string{bySMS, byEmail}
	}
	var media []string
	for _, way := range s.Recovery {
		switch way {
		case "verified_phone_number":
			media = append(media, bySMS)
		case "verified_email":
			media = append(media, byEmail)
		}
	}
	return media
}

// provedContact is the first of the media by which the user has a contact that is
// proved to be his; zero for none.
func (u User) provedContact(p Pool, media []string) Contact {
	for _, medium := range media {
		for _, attr := range contactAttributes {
			if c := u.contact(attr); c.fits(medium) && u.proved(p, c) {
				return c
			}
		}
	}
	return Contact{}
}

// resettable says why the subject's password cannot be reset, nil if it can.
func resettable(u subject) *fault.Error {
	switch {
	case u.nobody():
		return errNotUserClient
	case u.known && !u.user.Enabled:
		return errDisabled
	case !u.known, u.user.Status == StatusForceChangePassword:
		return errResetState
	}
	return nil
}

// hidesReset says that the client is told nothing of why a password cannot be
// reset: every name looks alike. Cognito tells of users that are not confirmed.
func hidesReset(c Client, p Pool, why *fault.Error) bool {
	return c.Settings.PreventExistence && (!p.Settings.exact() || why != errResetState)
}

// recovery is where a reset code goes, and where the client is told it goes.
type recovery struct {
	to    Contact
	shown Contact
	why   *fault.Error // no code can be sent, and shown is for show
}

// recoveryOf finds where a reset code for the subject goes. A client that must
// not learn who has an account is shown what was typed, whoever that is, and the
// code goes there first; else it goes by the pool's order, as Cognito's does.
func (s *Service) recoveryOf(ctx context.Context, tx Tx, c Client, p Pool, u subject) (recovery, error) {
	media := p.Settings.recoveryMedia()
	typed := u.contact
	if !slices.Contains(media, typed.medium()) {
		typed = Contact{}
	}
	hides := c.Settings.PreventExistence && !p.Settings.exact()
	r := recovery{why: resettable(u)}
	if r.why == nil {
		order := media
		if hides && !typed.IsZero() {
			order = append([]string{typed.medium()}, media...)
		}
		order, err := s.resetMedia(ctx, tx, p, u.user, order)
		if err != nil {
			return r, err
		}
		if r.to = u.user.provedContact(p, order); r.to.IsZero() {
			r.why = errNoRecovery
		}
	}
	switch {
	case !typed.IsZero() && (hides || r.why != nil):
		r.shown = typed
	case r.why != nil:
		r.shown = s.madeUp(p, u, s.likelyMedium(p, u, media))
	default:
		r.shown = r.to
	}
	return r, nil
}

// resetMedia are those of the media that a reset code may go by: a factor that
// follows on the password must not give the password too. Where a second factor is
// asked of everybody that is what who has turned none on is asked for; only if he has
// no other way is he reset by it all the same, as on Cognito, and not even then where
// the pool has the tag.
func (s *Service) resetMedia(ctx context.Context, tx Tx, p Pool, u User, media []string) ([]string, error) {
	media = slices.DeleteFunc(slices.Clone(media), func(medium string) bool { return u.secondBy(p, medium) })
	if !p.Settings.demandsFactor() || p.Settings.exact() || !u.hasPassword() {
		return media, nil
	}
	d, err := s.demanded(ctx, tx, p, u, proofPassword)
	if errors.Is(err, errNoFactor) {
		return media, nil
	}
	if err != nil {
		return nil, err
	}
	other := slices.DeleteFunc(slices.Clone(media), func(medium string) bool { return slices.Contains(d.ask, factorBy(medium)) })
	if u.provedContact(p, other).IsZero() && p.Settings.secondFactor() != secondRequired {
		return media, nil
	}
	return other, nil
}

// likelyMedium is how a code for nobody is said to go: by one of the media that
// users of the pool have, the same at each call and whatever the code is for.
func (s *Service) likelyMedium(p Pool, u subject, media []string) string {
	if u.forAddress(p) && slices.Contains(media, byEmail) {
		return byEmail
	}
	media = slices.Sorted(slices.Values(media))
	likely := slices.DeleteFunc(slices.Clone(media), func(medium string) bool {
		attr := AttrPhone
		if medium == byEmail {
			attr = AttrEmail
		}
		if p.Settings.namedByContact() {
			return !p.Settings.namesBy(attr) // whoever is there is reached by his name
		}
		return !p.Settings.verifies(attr) && !p.Settings.aliases(attr)
	})
	if len(likely) == 0 {
		likely = media
	}
	return likely[int(s.stable(stableDecoy, "recovery", string(u.id))[0])%len(likely)]
}

// decoySubject is what challenges of a code for nobody are kept under, so that
// they are not the user's who may come to be.
func decoySubject(id UserID) string { return "decoy " + string(id) }

// ForgotPasswordRequest asks for a code to reset a password.
type ForgotPasswordRequest struct {
	Caller         Caller
	ClientID       ClientID
	SecretHash     string
	Username       string
	ClientMetadata map[string]string
}

// ForgotPassword sends a code to a contact that the user has proved. Nothing else
// about the user changes. A client that must not learn who has an account gets
// the same answer for everybody.
func (s *Service) ForgotPassword(ctx context.Context, r ForgotPasswordRequest) (Delivery, error) {
	at := s.now()
	c, p, err := s.loadClient(ctx, r.ClientID)
	if err != nil {
		return Delivery{}, err
	}
	if err := s.checkSecretHash(c, r.SecretHash, r.Username); err != nil {
		return Delivery{}, err
	}
	if len(p.Settings.recoveryMedia()) == 0 {
		return Delivery{}, errAskAdmin
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
		pool: p, client: c, purpose: PurposeReset, to: l.contact, caller: r.Caller, at: at,
		wording: w, source: trigger.CustomMessageForgotPassword,
	}
	if c.Settings.PreventExistence && slices.Contains(p.Settings.recoveryMedia(), want.to.medium()) && !want.to.IsZero() {
		if err := s.canSend(ctx, &want); err != nil {
			return Delivery{}, err
		}
	}
	err = migrate[Delivery](ctx, s, &migration{
		pool: p, client: c, login: l, typed: r.Username, source: trigger.UserMigrationForgotPassword,
		metadata: r.ClientMetadata, at: at,
	}, &w.caller, nil)
	if err != nil {
		return Delivery{}, err
	}
	d, err := worded(ctx, s, w, at, func(ctx context.Context) (Delivery, error) {
		return once(ctx, s, w.caller, at, nil, func(tx Tx) (Delivery, *fault.Error, error) {
			d, err := s.forgot(ctx, tx, want, l)
			return d, nil, err
		})
	})
	return d, err
}

func (s *Service) forgot(ctx context.Context, tx Tx, want codeRequest, l login) (Delivery, error) {
	if err := s.countWorded(ctx, tx, &want); err != nil {
		return Delivery{}, err
	}
	u, err := s.findSubject(ctx, tx, want.pool, l, want.at)
	if err != nil {
		return Delivery{}, err
	}
	return s.sendReset(ctx, tx, want, u)
}

// sendReset puts the code in the outbox, or one that goes to nobody.
func (s *Service) sendReset(ctx context.Context, tx Tx, want codeRequest, u subject) (Delivery, error) {
	where, err := s.recoveryOf(ctx, tx, want.client, want.pool, u)
	if err != nil {
		return Delivery{}, err
	}
	if where.why != nil && !hidesReset(want.client, want.pool, where.why) {
		return Delivery{}, where.why
	}
	shown := codeRequest{pool: want.pool, to: where.shown}.veiled(want.client, u)
	want.to, want.subject, want.user = where.to, string(u.id), u.user
	if where.why == nil {
		err := s.sendable(&want)
		if err != nil && !want.client.Settings.PreventExistence {
			return Delivery{}, err
		}
		want.decoy = err != nil // what was typed can be sent to, or it was told before
	}
	if where.why != nil {
		want.to, want.subject = where.shown, decoySubject(u.id)
		want = want.ofNobody(u)
	}
	_, err = s.textCode(ctx, tx, &want)
	return shown.delivery(), err
}

// ConfirmForgotPasswordRequest answers a reset code with a new password.
type ConfirmForgotPasswordRequest struct {
	Caller     Caller
	ClientID   ClientID
	SecretHash string
	Username   string
	Code       string
	Password   string

	ClientMetadata map[string]string
}

// ConfirmForgotPassword sets the password of whom a reset code was sent to,
// whichever device asked for it. All that was begun before ends, and outside a
// pool that is exact all sign-ins too.
func (s *Service) ConfirmForgotPassword(ctx context.Context, r ConfirmForgotPasswordRequest) error {
	at := s.now()
	c, p, err := s.loadClient(ctx, r.ClientID)
	if err != nil {
		return err
	}
	if err := s.checkSecretHash(c, r.SecretHash, r.Username); err != nil {
		return err
	}
	if err := checkNewPassword(p, r.Password); err != nil {
		return err
	}
	l, err := parseLogin(p, r.Username)
	if err != nil {
		return err
	}
	if err := s.proven(ctx, &r.Caller, c, at); err != nil {
		return err
	}
	made, err := s.resetPassword(ctx, p, l, r.Password, at)
	if err != nil {
		return err
	}
	again, caller := false, r.Caller.guessable()
	result, err := once(ctx, s, caller, at, noticed[wasReset](&again, nil), func(tx Tx) (wasReset, *fault.Error, error) {
		return s.reset(ctx, tx, resetting{request: r, client: c, pool: p, login: l, made: made, at: at})
	})
	if err != nil || !p.Settings.Triggers.has(trigger.PostConfirmation) {
		return err
	}
	return s.tellOnce(ctx, caller, again, string(result.User), at, func(ctx context.Context) error {
		return s.confirmedByID(ctx, p, c.ID, result.User, trigger.PostConfirmationConfirmForgotPassword, r.ClientMetadata)
	})
}

// wasReset is what ConfirmForgotPassword came to.
type wasReset struct {
	User UserID `json:"u,omitempty"`
}

// resetPassword makes the verifier for whoever the login speaks of, at the same
// cost where that is nobody.
func (s *Service) resetPassword(ctx context.Context, p Pool, l login, password string, at time.Time) (secret, error) {
	var u subject
	err := s.store.View(ctx, func(tx Tx) (err error) {
		u, err = s.findSubject(ctx, tx, p, l, at)
		return err
	})
	if err != nil {
		return secret{}, err
	}
	if !u.known {
		u.user = User{ID: u.id, Username: string(u.id)}
	}
	return s.replacement(ctx, p, u.user, password)
}

// resetting is a ConfirmForgotPassword under way.
type resetting struct {
	request ConfirmForgotPasswordRequest
	client  Client
	pool    Pool
	login   login
	made    secret
	at      time.Time
}

// hushed says that a code that expired, was used or never sent is wrong like any
// other, so that it does not tell whether there is a user.
func (r resetting) hushed() bool {
	return r.pool.Settings.Behaviour() == Strict || (r.client.Settings.PreventExistence && !r.pool.Settings.exact())
}

func (s *Service) reset(ctx context.Context, tx Tx, r resetting) (wasReset, *fault.Error, error) {
	if err := s.spendStart(ctx, tx, r.request.Caller, r.at); err != nil {
		return wasReset{}, nil, err
	}
	u, err := s.findSubject(ctx, tx, r.pool, r.login, r.at)
	if err != nil {
		return wasReset{}, nil, err
	}
	why := resettable(u)
	if why != nil && !hidesReset(r.client, r.pool, why) {
		return wasReset{}, nil, why
	}
	live, err := resetCodes(ctx, tx, r.pool, u, r.at)
	if err != nil {
		return wasReset{}, nil, err
	}
	caller := r.request.Caller
	matched, err := s.match(ctx, tx, live, r.request.Code, caller, r.at)
	if err != nil {
		return wasReset{}, nil, err
	}
	code := matched.challenge
	switch {
	case matched.verdict == right && (why != nil || code.Subject != string(u.id) || !u.user.has(r.pool, code.To)):
		return wasReset{}, errWrongCode, nil // it was sent to nobody
	case matched.verdict == right && r.made.reused:
		return wasReset{}, errPasswordUsed, nil // the code is good for another one
	case matched.verdict != right && r.hushed():
		return wasReset{}, errWrongCode, nil
	case matched.verdict != right:
		return wasReset{}, matched.verdict.refusal(), nil
	}
	if err := s.settle(ctx, tx, code, matched.party, r.at); err != nil {
		return wasReset{}, nil, err
	}
	if err := s.replaceForgotten(ctx, tx, r, u.user, code.To); err != nil {
		return wasReset{}, nil, err
	}
	return wasReset{User: u.user.ID}, nil, s.returnStart(ctx, tx, caller, r.at)
}

// resetCodes are the live reset codes of the subject, and those that were sent to
// nobody while he was, or seemed, nobody.
func resetCodes(ctx context.Context, tx Tx, p Pool, u subject, at time.Time) ([]Challenge, error) {
	var live []Challenge
	for _, who := range []string{string(u.id), decoySubject(u.id)} {
		for _, attr := range contactAttributes {
			some, err := tx.Challenges(ctx, p.ID, who, PurposeReset.by(attr), at)
			if err != nil {
				return nil, fmt.Errorf("reset codes: %w", err)
			}
			live = append(live, some...)
		}
	}
	return live, nil
}

// replaceForgotten sets the password of a user who gave the code that was sent to
// the contact.
func (s *Service) replaceForgotten(ctx context.Context, tx Tx, r resetting, u User, to Contact) error {
	if u.unsettled(r.pool, to) {
		var err error
		if u, err = s.prove(ctx, tx, r.pool, u, to, r.at); err != nil {
			return err
		}
	}
	if err := tx.ClearPasswordLock(ctx, u.PoolID, string(u.ID)); err != nil {
		return err
	}
	u.setPassword(r.pool, r.made, r.at)
	u.Status, u.Pending = StatusConfirmed, nil
	return endSignIns(ctx, tx, r.pool, u, r.at)
}

// endSignIns stores a user whose password is no more, and ends what it opened:
// what is pending, and where Cognito's documentation leaves the tokens alone but
// the pool need not do as Cognito, those too.
func endSignIns(ctx context.Context, tx Tx, p Pool, u User, at time.Time) error {
	if !p.Settings.exact() {
		_, err := signOut(ctx, tx, u, at)
		return err
	}
	if err := tx.UpdateUser(ctx, u); err != nil {
		return fmt.Errorf("reset password: %w", err)
	}
	return endPending(ctx, tx, u)
}

// AdminResetUserPassword makes the user's password good for nothing but a reset,
// and sends him the code for that.
func (s *Service) AdminResetUserPassword(ctx context.Context, caller Caller, pool PoolID, username string, metadata map[string]string) error {
	at := s.now()
	caller.Backend = true // the address is the administrator's
	w := &wording{caller: caller.guessable(), metadata: metadata}
	_, err := worded(ctx, s, w, at, func(ctx context.Context) (struct{}, error) {
		return once(ctx, s, w.caller, at, nil, func(tx Tx) (struct{}, *fault.Error, error) {
			t, err := findTarget(ctx, tx, pool, username, at)
			if err != nil {
				return struct{}{}, nil, err
			}
			return struct{}{}, nil, s.demandReset(ctx, tx, t, w, at)
		})
	})
	return err
}

func (s *Service) demandReset(ctx context.Context, tx Tx, t target, w *wording, at time.Time) error {
	media := t.pool.Settings.recoveryMedia()
	if len(media) == 0 {
		return errAskAdmin
	}
	if why := resettable(subject{user: t.user, known: t.known, waits: !t.known}); why != nil {
		return why
	}
	u := t.user
	want := codeRequest{
		pool: t.pool, purpose: PurposeReset, subject: string(u.ID), to: u.provedContact(t.pool, media), caller: w.caller, at: at,
		wording: w, source: trigger.CustomMessageForgotPassword, byAdmin: true,
	}
	if want.to.IsZero() {
		return errNoRecovery
	}
	if err := s.canSend(ctx, &want); err != nil {
		return err
	}
	u.Status, u.ModifiedAt, u.Pending = StatusResetRequired, at, nil
	if err := endSignIns(ctx, tx, t.pool, u, at); err != nil {
		return err
	}
	want.user = u
	_, err := s.textCode(ctx, tx, &want)
	return err
}

// AdminUserGlobalSignOut ends all of the user's sign-ins, and what is pending.
func (s *Service) AdminUserGlobalSignOut(ctx context.Context, pool PoolID, username string) error {
	at := s.now()
	return s.updateTarget(ctx, pool, username, at, func(tx Tx, u User) error {
		_, err := signOut(ctx, tx, u, at)
		return err
	})
}

package userpool

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// turn is a request of a sign-in, as what ends it needs to know it.
type turn struct {
	client   Client
	pool     Pool
	caller   Caller
	at       time.Time
	metadata map[string]string // ClientMetadata, for the functions that it reaches
	source   trigger.Source    // of PreTokenGeneration, if it ends in tokens
	again    bool              // it is a repeat, whose outcome was kept
	wording  *wording          // of the code that it sends, nil for none
	ahead    func(Tx)          // what its transaction reads first, nil where it does not say
}

func (st *start) turn() turn {
	return turn{
		client: st.client, pool: st.pool, caller: st.request.Caller, at: st.at, metadata: st.metadata,
		source: trigger.TokenGenerationAuthentication, wording: st.wording,
	}
}

func (r reply) turn() turn {
	st := r.start()
	t := st.turn()
	if r.request.Challenge == nameNewPassword {
		t.source = trigger.TokenGenerationNewPasswordChallenge
	}
	return t
}

// between runs a request that calls functions between its transactions: apart from
// a repeat of itself, and not at all where its outcome was kept.
func (s *Service) between(ctx context.Context, t turn, fn func(context.Context) (step, error)) (AuthResult, error) {
	end, err := s.alone(ctx, t.caller)
	if err != nil {
		return AuthResult{}, err
	}
	defer end()
	ctx, cancel := lasting(ctx)
	defer cancel()
	next, found, err := recalled(ctx, s, t.caller, t.at, s.unused(ctx, t.client, t.at))
	if err == nil && !found {
		next, err = fn(ctx)
	}
	if err != nil {
		return AuthResult{}, err
	}
	t.at, t.again = s.now(), found
	return s.finish(ctx, t, next)
}

// takeWorded is take for a step that may send a code.
func (s *Service) takeWorded(ctx context.Context, t turn, w *wording, fn func(Tx) (step, *fault.Error, error)) (AuthResult, error) {
	next, err := worded(ctx, s, w, t.at, func(ctx context.Context) (step, error) {
		return onceAhead(ctx, s, t.caller, t.at, t.ahead, noticed(&t.again, s.unused(ctx, t.client, t.at)), fn)
	})
	if err != nil {
		return AuthResult{}, err
	}
	return s.finish(ctx, t, next)
}

// take runs one step of a sign-in once, and finishes it outside the
// transaction. What it sends as a second factor is worded as t says.
func (s *Service) take(ctx context.Context, t turn, fn func(Tx) (step, *fault.Error, error)) (AuthResult, error) {
	w := t.wording
	if w == nil {
		w = &wording{caller: t.caller}
	}
	return s.takeWorded(ctx, t, w, fn)
}

// finish turns a step that is stored into its answer. Tokens are signed here, after
// the commit, and after the pool's PostAuthentication has agreed to the sign-in. A
// user who was made on the way is there whatever becomes of a second factor, so the
// pool is told of him at once.
func (s *Service) finish(ctx context.Context, t turn, next step) (AuthResult, error) {
	if next.Confirmed && t.pool.Settings.Triggers.has(trigger.PostConfirmation) {
		next.recipient = nil // the function may end what was granted
		err := s.tellOnce(ctx, t.caller, t.again, string(next.User), t.at, func(ctx context.Context) error {
			return s.confirmedByID(ctx, t.pool, t.client.ID, next.User, trigger.PostConfirmationConfirmSignUp, t.metadata)
		})
		if err != nil {
			return AuthResult{}, err
		}
	}
	if next.Family == "" {
		return AuthResult{
			Challenge: next.Challenge, Session: next.Session,
			Parameters: next.Parameters, Available: next.Available,
		}, nil
	}
	if t.pool.Settings.Triggers.has(trigger.PostAuthentication) {
		next.recipient = nil
		err := s.tellOnce(ctx, t.caller, t.again, string(next.Family), t.at, func(ctx context.Context) (err error) {
			next, err = s.postAuthenticate(ctx, t, next)
			return err
		})
		if err != nil {
			return AuthResult{}, err
		}
		t.at = s.now()
	}
	if t.again && t.pool.Settings.Triggers.has(trigger.PreTokenGeneration) { // which is called again
		if err := s.countStart(ctx, &t.caller, t.at); err != nil {
			return AuthResult{}, err
		}
	}
	tokens, err := s.sign(ctx, t.client, next, issuing{t.source, t.metadata}, t.at)
	if err != nil {
		return AuthResult{}, err
	}
	return AuthResult{Tokens: &tokens, Parameters: map[string]string{}}, nil
}

// postAuthenticate tells the pool's function of a sign-in. Where it says no the
// tokens that were to be are ended, and nobody has seen them. The sign-in has used
// its challenge up, so that its client is gone does not end it.
func (s *Service) postAuthenticate(ctx context.Context, t turn, next step) (step, error) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	var u User
	err := s.store.View(ctx, func(tx Tx) (err error) {
		u, err = tx.User(ctx, t.pool.ID, next.User)
		return notFound(err, errNoUser)
	})
	if err != nil {
		return step{}, err
	}
	_, err = ask(ctx, s, occasion{t.pool, t.client.ID, u.Username}, trigger.PostAuthenticationAuthentication, trigger.PostAuthenticationRequest{
		UserAttributes: u.eventAttributes(t.pool), ClientMetadata: t.metadata,
		NewDeviceUsed: next.NewDevice != nil && t.pool.Settings.Devices != nil, // said of pools that are to remember devices
	}, trigger.None{})
	if err == nil {
		return s.outlast(ctx, t, next, u)
	}
	ended := s.store.Update(context.WithoutCancel(ctx), func(tx Tx) error { return tx.RevokeFamily(ctx, next.Family, t.at) })
	if ended != nil {
		s.log.WarnContext(ctx, "the tokens of a sign-in that PostAuthentication refused are not ended; nobody was given them", "error", ended)
	}
	return step{}, err
}

// outlast begins the family anew where it was ended while the function ran: one that
// lets people be signed in once ends all sign-ins, and on Cognito has no tokens of
// this one before it. A password that was replaced meanwhile ends it all the same,
// and what was ended before a repeat came stays so.
func (s *Service) outlast(ctx context.Context, t turn, next step, was User) (step, error) {
	var (
		f  Family
		is User
	)
	err := s.store.View(ctx, func(tx Tx) (err error) {
		if f, err = tx.Family(ctx, next.Family); err == nil {
			is, _, err = tx.Holder(ctx, f)
		}
		return notFound(err, errInvalidRefresh)
	})
	if err != nil || t.again || !f.over(is) {
		return next, err
	}
	t.at, t.caller.Device = s.now(), f.DeviceKey // the one that it began with
	made := next.NewDevice
	err = s.store.Update(ctx, func(tx Tx) error {
		u, err := tx.User(ctx, t.pool.ID, was.ID)
		switch {
		case err != nil:
			return notFound(err, errNoUser)
		case !u.Enabled:
			return errDisabled
		case u.Verifier != was.Verifier, u.PasswordHash != was.PasswordHash:
			return errRevokedRefresh
		}
		if next, err = s.grant(ctx, tx, t, u); next.NewDevice == nil {
			next.NewDevice = made
		}
		return err
	})
	return next, err
}

// begunBefore is the answer that was kept for an earlier request of the same user
// action, for which PreAuthentication has been asked.
func (s *Service) begunBefore(ctx context.Context, st start) (AuthResult, bool, error) {
	t := st.turn()
	if st.request.Session == "" {
		t.caller = t.caller.guessable()
	}
	return s.answeredBefore(ctx, t)
}

// answeredBefore is the answer that was kept for an earlier request of the same user
// action.
func (s *Service) answeredBefore(ctx context.Context, t turn) (AuthResult, bool, error) {
	next, found, err := recalled(ctx, s, t.caller, t.at, s.unused(ctx, t.client, t.at))
	if err != nil || !found {
		return AuthResult{}, found, err
	}
	t.again = true
	result, err := s.finish(ctx, t, next)
	return result, true, err
}

// preAuthenticate asks the pool's function whether somebody may try to sign in. It
// comes before everything that a sign-in sets off, and counts as one itself.
func (s *Service) preAuthenticate(ctx context.Context, st *start) error {
	var u subject
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		if err := s.spendStart(ctx, tx, st.request.Caller, st.at); err != nil {
			return err
		}
		if u, err = s.findSubject(ctx, tx, st.pool, st.login, st.at); err != nil {
			return err
		}
		return present(st.client, st.pool, u)
	})
	if err != nil {
		return err
	}
	st.request.Caller.counted = true
	who := u.user
	if !u.known && len(u.regs) > 0 {
		who = u.regs[0].asUser(st.pool)
	}
	request := trigger.PreAuthenticationRequest{ValidationData: st.request.ClientMetadata, UserNotFound: u.nobody() || u.known && !u.user.Enabled}
	if !request.UserNotFound {
		request.UserAttributes = who.eventAttributes(st.pool)
	}
	_, err = ask(ctx, s, occasion{st.pool, st.client.ID, s.told(st.client, st.pool, u)}, trigger.PreAuthenticationAuthentication, request, trigger.None{})
	return err
}

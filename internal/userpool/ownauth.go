package userpool

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/challenge"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// CUSTOM_AUTH where functions of the pool's own decide goes in rounds: Define says
// what comes next, Create makes the challenge, Verify judges the answer. Functions
// run between transactions. One transaction counts the answer and uses the Session
// up before Verify is asked, so that of two racing answers one is judged; another
// stores what came of it.

// The functions decide how many wrong answers they take. One that never ends a
// sign-in is ended here.
const (
	maxWrong   = 10 // wrong answers of a sign-in
	maxAnswers = 25 // answers of a sign-in

	// What a Session keeps of a function's challenges, and what the app is shown of
	// one, in bytes of JSON. Whoever can begin a sign-in has one stored.
	maxKept, maxShown = 64 << 10, 64 << 10
)

var errNoCustomAuth = fault.New(fault.InvalidParameter, "Custom auth lambda trigger is not configured for the user pool.")

// round is such a sign-in between two of its requests.
type round struct {
	start    start
	subject  subject
	history  []challenge.Entry // with the functions' notes
	metadata map[string]string // of the answer
	kept     Caller            // whose repeats get the same outcome

	// Of an answer to the built-in challenge: how it was judged, and what for.
	answered *Session
	code     Challenge
	verdict  verdict
	byCode   bool // the last answer was to it

	text string // under which the guard knows the text that Create is taken to have sent
}

// ownState is what a Session keeps of a function's challenge, sealed: Create's
// private parameters, which often hold the code, and its notes, which often do too.
type ownState struct {
	Private trigger.Texts `json:"p,omitempty"`
	Note    string        `json:"n,omitempty"`
	Notes   []string      `json:"h,omitempty"` // of the entries of the history, in order
	Text    string        `json:"t,omitempty"` // under which the guard knows the sign-in's text
}

// startOwn begins CUSTOM_AUTH where the pool's functions decide.
func (s *Service) startOwn(ctx context.Context, st start) (AuthResult, error) {
	for _, name := range customAuth {
		if !st.pool.Settings.Triggers.has(name) {
			return AuthResult{}, errNoCustomAuth
		}
	}
	t := st.turn()
	t.caller = t.caller.guessable()
	r := round{start: st, history: []challenge.Entry{}, kept: t.caller}
	if st.request.Parameters["SRP_A"] != "" {
		r.history = append(r.history, challenge.Entry{Name: challenge.SRPA, Result: true})
	}
	var srp *AuthResult // which is kept for no repeat: it is stored nowhere
	result, err := s.between(ctx, t, func(ctx context.Context) (next step, err error) {
		if r.subject, err = s.beginOwn(ctx, st); err != nil {
			return step{}, err
		}
		d, err := s.define(ctx, r)
		if err == nil && d.Next == challenge.PasswordVerifier && len(r.history) > 0 {
			asked, err := s.startSRP(ctx, st, r.history)
			srp = &asked
			return step{}, err
		}
		if err != nil {
			return step{}, err
		}
		return s.proceed(ctx, r, d)
	})
	if err == nil && srp != nil {
		return *srp, nil
	}
	return result, err
}

// beginOwn counts the sign-in, and finds whom it speaks of.
func (s *Service) beginOwn(ctx context.Context, st start) (u subject, err error) {
	err = s.store.Update(ctx, func(tx Tx) error {
		if err := s.spendStart(ctx, tx, st.request.Caller, st.at); err != nil {
			return err
		}
		if u, err = s.findSubject(ctx, tx, st.pool, st.login, st.at); err != nil {
			return err
		}
		if err := present(st.client, st.pool, u); err != nil {
			return err
		}
		switch {
		case !u.pending && !u.waits:
			return nil
		case !hidesSignUps(st.client, st.pool):
			return errUnconfirmed
		}
		// Where a sign-up of a number answers alike whether or not it is a user's, this
		// must not tell the two apart: it is nobody's sign-in.
		u.pending, u.waits, u.regs = false, false, nil
		return nil
	})
	return u, err
}

// define asks what comes next. A response that says nothing is no decision.
func (s *Service) define(ctx context.Context, r round) (challenge.Decision, error) {
	if trigger.IsBuiltIn(r.start.pool.Settings.Triggers.Functions[trigger.DefineAuthChallenge]) {
		return challenge.Define(r.history, customTries), nil
	}
	response, err := ask(ctx, s, r.occasion(s), trigger.DefineAuthChallengeAuthentication, trigger.DefineRequest{
		UserAttributes: r.attributes(), Session: steps(r.history), ClientMetadata: r.metadata, UserNotFound: r.subject.decoy(),
	}, trigger.DefineResponse{})
	if err != nil {
		return challenge.Decision{}, err
	}
	switch {
	case said(response.FailAuthentication):
		return challenge.Decision{Fail: true}, nil
	case said(response.IssueTokens):
		return challenge.Decision{Tokens: true}, nil
	case response.ChallengeName != nil && *response.ChallengeName != "":
		return challenge.Decision{Next: challenge.Name(*response.ChallengeName)}, nil
	}
	return challenge.Decision{}, s.unusable(ctx, r.start.pool, trigger.DefineAuthChallenge, "it names no challenge, and neither issues tokens nor fails")
}

func said(b *bool) bool { return b != nil && *b }

// occasion is the sign-in as events name it.
func (r round) occasion(s *Service) occasion {
	return occasion{pool: r.start.pool, client: r.start.client.ID, userName: s.told(r.start.client, r.start.pool, r.subject)}
}

// attributes are the user's, none where nobody can sign in.
func (r round) attributes() trigger.Attributes {
	if r.subject.decoy() {
		return nil
	}
	return r.subject.user.eventAttributes(r.start.pool)
}

// steps is the history as functions see it.
func steps(history []challenge.Entry) []trigger.Step {
	list := make([]trigger.Step, len(history))
	for i, e := range history {
		list[i] = trigger.Step{ChallengeName: string(e.Name), ChallengeResult: e.Result}
		if e.Metadata != "" {
			list[i].ChallengeMetadata = &e.Metadata
		}
	}
	return list
}

// proceed carries a decision out.
func (s *Service) proceed(ctx context.Context, r round, d challenge.Decision) (step, error) {
	switch {
	case d.Fail:
		return s.closeRound(ctx, r, func(Tx) (step, *fault.Error, error) { return step{}, errCredentials, nil })
	case d.Tokens:
		// The tokens are of this time: what a function has ended while it ran, so that
		// this sign-in is the only one, was before them.
		r.start.at = s.now()
		w := &wording{caller: r.start.request.Caller, metadata: r.metadata, apart: true}
		w.caller.counted = true // as a start, or as an answer
		r.start.wording = w
		return worded(ctx, s, w, r.start.at, func(ctx context.Context) (step, error) {
			return s.closeRound(ctx, r, func(tx Tx) (step, *fault.Error, error) { return s.grantOwn(ctx, tx, r) })
		})
	case d.Next == challenge.Custom:
		return s.createOwn(ctx, r)
	}
	return step{}, s.unusable(ctx, r.start.pool, trigger.DefineAuthChallenge, fmt.Sprintf("it asks for %s, which cannot come next here", clip(string(d.Next))))
}

// nextRound decides what comes after an answer.
func (s *Service) nextRound(ctx context.Context, r round) (step, error) {
	wrong := 0
	for _, e := range r.history {
		if e.Name == challenge.Custom && !e.Result {
			wrong++
		}
	}
	d := challenge.Decision{Fail: true}
	if wrong < maxWrong && len(r.history) < maxAnswers {
		var err error
		if d, err = s.define(ctx, r); err != nil {
			return step{}, err
		}
	} else {
		s.log.WarnContext(ctx, "a sign-in was ended that its DefineAuthChallenge goes on with", "pool", r.start.pool.ID, "answers", len(r.history), "wrong", wrong)
	}
	return s.proceed(ctx, r, d)
}

// closeRound stores what came of a request, and keeps it for its repeats.
func (s *Service) closeRound(ctx context.Context, r round, fn func(Tx) (step, *fault.Error, error)) (step, error) {
	return once(ctx, s, r.kept, r.start.at, s.unused(ctx, r.start.client, r.start.at), func(tx Tx) (step, *fault.Error, error) {
		if last := len(r.history) - 1; last >= 0 && r.history[last].Name == challenge.Custom {
			answered(ctx, PurposeSignIn, r.verdict)
			if r.verdict != right {
				refuse(ctx, fault.CodeMismatch.String())
			}
		}
		return fn(tx)
	})
}

// party is whom the round's texts and tries count against: the user's number, or
// the user where he has none.
func (s *Service) ownParty(r round) guard.Party {
	requester := r.start.request.Caller.requester()
	if to, _ := s.destination(r.start.pool, r.subject, requester, anyMedium); !to.IsZero() {
		return s.party(to, requester)
	}
	p := s.party(Contact{}, requester)
	p.Number = hex.EncodeToString(s.stable(stableNumber, "user", string(r.start.pool.ID), string(r.subject.id))[:16])
	return p
}

// permitOwn asks the guard for the text that Create may send: to the user's number,
// which it most likely goes to.
func (s *Service) permitOwn(ctx context.Context, tx Tx, r round) error {
	to, real := s.destination(r.start.pool, r.subject, r.start.request.Caller.requester(), anyMedium)
	lane, err := s.ownDevice(ctx, tx, r)
	if err != nil {
		return err
	}
	want := codeRequest{
		pool: r.start.pool, client: r.start.client, purpose: PurposeSignIn, to: to, user: r.subject.user,
		caller: r.start.request.Caller, device: lane, at: r.start.at,
	}
	if !real {
		want = want.ofNobody(r.subject)
	}
	_, err = s.permitText(ctx, tx, &want, s.ownParty(r), r.text)
	return err
}

// ownDevice is the known device of the round's user that asks, "" for none.
func (s *Service) ownDevice(ctx context.Context, tx Tx, r round) (string, error) {
	device, err := s.knownDevice(ctx, tx, r.start.pool.ID, r.subject.user.ID, r.start.request.Caller.Device, r.start.at)
	if err != nil || device == "" {
		return "", err
	}
	return s.addressKey(device), nil
}

// createOwn makes the next challenge and opens the Session that answers it. The
// first of a sign-in counts as a text, since most functions send one then.
func (s *Service) createOwn(ctx context.Context, r round) (step, error) {
	if trigger.IsBuiltIn(r.start.pool.Settings.Triggers.Functions[trigger.CreateAuthChallenge]) {
		w := &wording{caller: r.start.request.Caller, metadata: r.metadata, apart: true}
		w.caller.counted = true // as a start, or as an answer
		r.start.wording = w
		return worded(ctx, s, w, r.start.at, func(ctx context.Context) (step, error) {
			return s.closeRound(ctx, r, func(tx Tx) (step, *fault.Error, error) {
				if r.answered != nil && r.byCode {
					next, err := s.askAgain(ctx, tx, r.reply(), *r.answered, r.code)
					return next, nil, err
				}
				next, err := s.presentCode(ctx, tx, &r.start, r.subject, PurposeSignIn, anyMedium, unnoted(r.history))
				return next, nil, err
			})
		})
	}
	first := !slices.ContainsFunc(r.history, func(e challenge.Entry) bool { return e.Name == challenge.Custom })
	if first && !s.limitsOff {
		r.text = newID()
		err := s.store.Update(ctx, func(tx Tx) error { return s.permitOwn(ctx, tx, r) })
		if err != nil {
			return step{}, err
		}
	}
	response, err := ask(ctx, s, r.occasion(s), trigger.CreateAuthChallengeAuthentication, trigger.CreateRequest{
		UserAttributes: r.attributes(), ChallengeName: nameCustom, Session: steps(r.history),
		ClientMetadata: r.metadata, UserNotFound: r.subject.decoy(),
	}, trigger.CreateResponse{})
	if err != nil {
		return step{}, err
	}
	state := ownState{Private: response.PrivateChallengeParameters, Note: orNone(response.ChallengeMetadata), Text: r.text}
	for _, e := range r.history {
		state.Notes = append(state.Notes, e.Metadata)
	}
	kept, err := json.Marshal(state)
	if err != nil {
		return step{}, fmt.Errorf("keep challenge: %w", err)
	}
	shown, err := json.Marshal(response.PublicChallengeParameters)
	if err != nil {
		return step{}, fmt.Errorf("show challenge: %w", err)
	}
	if len(kept) > maxKept || len(shown) > maxShown {
		return step{}, s.unusable(ctx, r.start.pool, trigger.CreateAuthChallenge, "its parameters, or they and the notes so far, are too long")
	}
	return s.closeRound(ctx, r, func(tx Tx) (step, *fault.Error, error) {
		next, err := s.presentOwn(ctx, tx, r, response.PublicChallengeParameters, kept)
		return next, nil, err
	})
}

// presentOwn opens the Session of a function's challenge. What is private of it is
// sealed into the Session, and goes to Verify alone.
func (s *Service) presentOwn(ctx context.Context, tx Tx, r round, public map[string]string, plain []byte) (step, error) {
	told := s.told(r.start.client, r.start.pool, r.subject)
	next := step{Challenge: nameCustom, Parameters: map[string]string{}}
	maps.Copy(next.Parameters, public)
	next.Parameters["USERNAME"] = told

	session := s.sessionOf(&r.start, r.subject, SessionStep(nameCustom), "", unnoted(r.history))
	session.Username = told
	next.Session = newSessionHandle(session.CreatedAt)
	session.Hash = sessionKey(next.Session)
	session.Sealed = s.ring.Seal(sealChallenge, []byte(session.Hash), plain)
	if err := tx.InsertSession(ctx, session); err != nil {
		return step{}, fmt.Errorf("open session: %w", err)
	}
	return next, nil
}

// unnoted is the history without the functions' notes, which are stored sealed only.
func unnoted(history []challenge.Entry) []challenge.Entry {
	list := slices.Clone(history)
	for i := range list {
		list[i].Metadata = ""
	}
	return list
}

// ownStateOf reads what presentOwn sealed.
func (s *Service) ownStateOf(session Session) (state ownState, err error) {
	if session.Sealed == "" { // of the built-in challenge
		return ownState{Notes: make([]string, len(session.History))}, nil
	}
	plain, err := s.ring.Open(sealChallenge, []byte(session.Hash), session.Sealed)
	if err != nil {
		return state, fmt.Errorf("open challenge: %w", err)
	}
	if err := json.Unmarshal(plain, &state); err != nil {
		return state, fmt.Errorf("read challenge: %w", err)
	}
	if len(state.Notes) != len(session.History) {
		return state, errors.New("read challenge: the notes are not those of the history")
	}
	return state, nil
}

// answerOwn judges an answer to a CUSTOM_CHALLENGE of the pool's own.
func (s *Service) answerOwn(ctx context.Context, rep reply) (AuthResult, error) {
	answer, ok := rep.request.Responses["ANSWER"]
	if !ok {
		return AuthResult{}, missing("ANSWER")
	}
	return s.between(ctx, rep.turn(), func(ctx context.Context) (step, error) {
		r, session, err := s.claimOwn(ctx, rep, answer)
		if err != nil {
			return step{}, err
		}
		state, err := s.ownStateOf(session)
		if err != nil {
			return step{}, err
		}
		for i := range r.history {
			r.history[i].Metadata = state.Notes[i]
		}
		r.text = state.Text
		if !r.byCode {
			if r.verdict, err = s.verifyOwn(ctx, r, state, answer); err != nil {
				return step{}, err
			}
		}
		r.history = append(r.history, challenge.Entry{Name: challenge.Custom, Result: r.verdict == right, Metadata: state.Note})
		if r.verdict == dead {
			return s.proceed(ctx, r, challenge.Decision{Fail: true})
		}
		if r.answered != nil {
			r.answered.History = unnoted(r.history)
		}
		return s.nextRound(ctx, r)
	})
}

// claimOwn uses the Session up and counts the answer. One to the built-in
// challenge is judged there and then.
func (s *Service) claimOwn(ctx context.Context, rep reply, answer string) (r round, session Session, err error) {
	err = s.store.Update(ctx, func(tx Tx) error {
		if session, err = s.stepSession(ctx, tx, rep); err != nil {
			return err
		}
		rep := rep.heldBy(session)
		r = round{
			start: rep.start(), history: slices.Clone(session.History),
			metadata: rep.request.ClientMetadata, kept: rep.request.Caller,
		}
		r.start.login = session.login(rep.pool)
		if r.subject, err = s.findSubject(ctx, tx, rep.pool, r.start.login, rep.at); err != nil {
			return err
		}
		r.subject.byID = session.ByID
		if session.Decoy || string(r.subject.id) != session.Subject {
			// Whoever came to be since then, this sign-in is nobody's.
			r.subject = subject{id: UserID(session.Subject), name: session.Name, contact: r.start.login.contact, byID: session.ByID}
		}
		if err := s.consume(ctx, tx, session, rep.at); err != nil {
			return err
		}
		if session.Sealed != "" {
			if s.limitsOff {
				return nil
			}
			return s.countOwnTry(ctx, tx, r)
		}
		r.byCode, r.answered = true, &session
		r.code, r.verdict, err = s.try(ctx, tx, session, answer, rep.request.Caller, rep.at)
		return err
	})
	return r, session, err
}

// countOwnTry counts an answer to a function's challenge.
func (s *Service) countOwnTry(ctx context.Context, tx Tx, r round) error {
	lane, err := s.ownDevice(ctx, tx, r)
	if err != nil {
		return err
	}
	p := s.ownParty(r)
	p.Device = lane
	if _, err := s.permitTry(ctx, tx, answering{r.start.pool.ID, r.start.client.ID, r.start.request.Caller, p, lane != "", r.start.at}); err != nil {
		return err
	}
	return guard.SpendTry(ctx, tx, p, r.start.at)
}

// verifyOwn asks whether the answer is right. Only true says so.
func (s *Service) verifyOwn(ctx context.Context, r round, state ownState, answer string) (verdict, error) {
	private := state.Private
	if private == nil {
		private = trigger.Texts{}
	}
	response, err := ask(ctx, s, r.occasion(s), trigger.VerifyAuthChallengeAuthentication, trigger.VerifyRequest{
		UserAttributes: r.attributes(), PrivateChallengeParameters: private, ChallengeAnswer: answer,
		ClientMetadata: r.metadata, UserNotFound: r.subject.decoy(),
	}, trigger.VerifyResponse{})
	if err == nil && said(response.AnswerCorrect) {
		return right, nil
	}
	return wrong, err
}

// grantOwn starts the tokens of a sign-in that its Define says is finished. Of
// somebody who is not there, or not any more, there are none, whatever it says.
func (s *Service) grantOwn(ctx context.Context, tx Tx, r round) (step, *fault.Error, error) {
	if r.subject.decoy() {
		return step{}, errCredentials, nil
	}
	if r.byCode && r.verdict == right {
		return s.codeProved(ctx, tx, r.reply(), *r.answered, r.code)
	}
	u, err := tx.User(ctx, r.start.pool.ID, r.subject.user.ID)
	if err != nil {
		return step{}, nil, notFound(err, errCredentials)
	}
	if !u.Enabled {
		return step{}, errDisabled, nil
	}
	next, err := s.passed(ctx, tx, r.start.turn(), u, proofOwn)
	if err == nil {
		err = s.returnOwn(ctx, tx, r, next)
	}
	return next, nil, err
}

// returnOwn gives back what a sign-in that ends in tokens has counted.
func (s *Service) returnOwn(ctx context.Context, tx Tx, r round, next step) error {
	if err := s.returnIfDone(ctx, tx, r.start.request.Caller, next, r.start.at); err != nil || s.limitsOff {
		return err
	}
	if slices.ContainsFunc(r.history, func(e challenge.Entry) bool { return e.Name == challenge.PasswordVerifier }) {
		// That answer counted as a start too: see claimSRP.
		if err := s.returnStart(ctx, tx, r.start.request.Caller, r.start.at); err != nil {
			return err
		}
	}
	last := len(r.history) - 1
	if last < 0 || r.history[last].Name != challenge.Custom || !r.history[last].Result {
		return nil
	}
	lane, err := s.ownDevice(ctx, tx, r)
	if err != nil {
		return err
	}
	p := s.ownParty(r)
	p.Device = lane
	if err := s.rightTry(ctx, tx, r.start.pool.ID, r.start.client.ID, p, r.start.at); err != nil || r.text == "" {
		return err
	}
	return s.credit(ctx, tx, ChallengeID(r.text), r.start.at)
}

// reply is the answer that the round came by, for what the built-in challenge does
// with one.
func (r round) reply() reply {
	q := r.start.request
	return reply{
		request: AnswerRequest{Caller: q.Caller, ClientID: r.start.client.ID, Responses: q.Parameters, ClientMetadata: r.metadata},
		client:  r.start.client, pool: r.start.pool, at: r.start.at, wording: r.start.wording,
	}
}

// answerOwnSRP goes on after the password of a CUSTOM_AUTH sign-in was compared.
func (s *Service) answerOwnSRP(ctx context.Context, rep reply, st start, claim srpClaim, a account, matches bool) (AuthResult, error) {
	return s.between(ctx, rep.turn(), func(ctx context.Context) (step, error) {
		r := round{start: st, metadata: rep.request.ClientMetadata, kept: rep.request.Caller}
		var refusal *fault.Error
		err := s.store.Update(ctx, func(tx Tx) (err error) {
			refusal = nil
			if err := s.claimSRP(ctx, tx, rep, claim); err != nil {
				return err
			}
			if r.subject, err = s.findSubject(ctx, tx, st.pool, st.login, st.at); err != nil {
				return err
			}
			var u User
			u, refusal, err = s.passwordMatched(ctx, tx, st, a, matches)
			if err == nil && refusal == nil && u.Status == StatusResetRequired {
				refusal = errResetRequired // such a password is good for nothing but to be told so
			}
			return err
		})
		if err != nil {
			return step{}, err
		}
		if refusal != nil {
			return s.closeRound(ctx, r, func(Tx) (step, *fault.Error, error) { return step{}, refusal, nil })
		}
		r.history = append(slices.Clone(claim.block.History), challenge.Entry{Name: challenge.PasswordVerifier, Result: true})
		return s.nextRound(ctx, r)
	})
}

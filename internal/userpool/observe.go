package userpool

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// Observer is told what becomes of calls, transactions and messages, for whoever counts or
// traces them. Many goroutines call its methods, which must not wait. What they
// are told are words of the service model and of this package, and ids of pools:
// never a number, a name, a code or a token.
type Observer interface {
	// CallEnded is told of each call that Begin began, when End ends it.
	CallEnded(ctx context.Context, r Report)
	// Sending is told that a message is about to be handed to its sender. The
	// sender gets the context, and the function what became of it: who took it, as
	// far as that is known, and nil or an error that sms.OutcomeOf understands.
	Sending(ctx context.Context, h Handover) (context.Context, func(r sms.Receipt, err error))
	// Told is told of what a provider tells of a text.
	Told(t Telling)
	// Texted is told of a text that is written down: it was sent, or given up. One that
	// may have been sent, and is tried again, may be told of twice.
	Texted(t Text)
	// Used is told of a text whose code was used. On a store of one server it is not told of
	// one that was used before it was written down, which takes some milliseconds.
	Used(t Text)
	// Dropped is told of a message that expired before it could be sent.
	Dropped(h Handover)
	// Calling is told that a trigger of the pool is about to be called. The
	// function gets the context, and what the observer returns how it ended.
	Calling(ctx context.Context, c TriggerCall) (context.Context, func(outcome string))
	// Storing is told that a transaction is about to begin, StoreView or
	// StoreUpdate. The store gets the context, and the function how it ended.
	Storing(ctx context.Context, call string) (context.Context, func(Transaction))
}

// The calls of a Store.
const (
	StoreView   = "view"
	StoreUpdate = "update"
)

// Transaction is how a call of the store ended.
type Transaction struct {
	Runs    int    // of its function
	Failure string // "" for none; what the function itself rolls back by is none
}

// The failures of a store.
const (
	FailureUnavailable = "unavailable" // busy, full, or out of reach
	FailureCanceled    = "canceled"    // the caller went, or its time was over
	FailureInternal    = "internal"    // anything else, a damaged file for one
)

// StoreFailures are all of them.
func StoreFailures() []string {
	return []string{FailureUnavailable, FailureCanceled, FailureInternal}
}

// Report is what a call has done that stands: what was rolled back is not in it,
// nor what a repeat was answered again.
type Report struct {
	Operation string
	Pool      PoolID
	Outcome   Outcome
	Reason    string    // why not success
	Flow      string    // the AuthFlow of the request, "" for none that is known
	Answered  string    // the challenge that the request answers, "" for none that is known
	Repeat    bool      // the first answer was given again
	SignedIn  bool      // a family of tokens was begun
	Queued    []Purpose // of the messages that were put in the outbox
	Answers   []Answer  // the codes and passwords that were tried
	Guarded   []Guarded // what the guard decided of texts
}

// Guarded is a decision of the guard.
type Guarded struct {
	Verdict guard.Verdict
	Rule    guard.Rule // guard.RuleNone where nothing was against it
}

// Refreshes says whether the call exchanges a refresh token.
func (r Report) Refreshes() bool {
	return r.Flow == flowRefresh || r.Flow == flowRefreshOlder || r.Operation == "GetTokensFromRefreshToken"
}

// Answer is what was given for a code or a password.
type Answer struct {
	To     Purpose // of the code, or AnswerPassword
	Result string  // AnswerRight, AnswerWrong or AnswerOver
}

// AnswerPassword is what a password answers to.
const AnswerPassword Purpose = "password"

// AnswerDevice is what the proof of a device answers to.
const AnswerDevice Purpose = "device"

// AnswerPasskey is what the signature of a passkey answers to.
const AnswerPasskey Purpose = "passkey"

// The results of answers. Over is one that was not compared: the code had
// expired, was used, or had no tries left.
const (
	AnswerRight = "right"
	AnswerWrong = "wrong"
	AnswerOver  = "over"
)

// Handover is a message on its way to a sender.
type Handover struct {
	Pool    PoolID
	Purpose Purpose // without its medium
	Medium  string  // SMS or EMAIL
	Attempt int     // from 1
	Country string  // ISO 3166, of a text; "" for none
}

// Telling is what a provider tells of a text.
type Telling struct {
	Provider string     // by name
	Country  string     // ISO 3166, "" for none
	Status   TextStatus // TextDelivered or TextFailed
	New      bool       // it was not known, nor anything later
}

// TriggerCall is one try to call a trigger.
type TriggerCall struct {
	Pool    PoolID
	Trigger trigger.Name
	Attempt int // from 1
}

// The outcomes of a trigger's call, besides the names of trigger.Fault.
const (
	TriggerAnswered = "answered"
	TriggerFailed   = "failed" // the function says so itself
)

func handoverOf(m Message) Handover {
	return Handover{Pool: m.PoolID, Purpose: m.Purpose.plain(), Medium: m.To.medium(), Attempt: m.Attempts, Country: m.Country}
}

func (v verdict) result() string {
	switch v {
	case right:
		return AnswerRight
	case wrong:
		return AnswerWrong
	}
	return AnswerOver
}

// answered tells the call's entry, inside the transaction, that a code or a
// password was tried.
func answered(ctx context.Context, to Purpose, v verdict) {
	if e := entryOf(ctx); e != nil {
		e.done.answers = append(e.done.answers, Answer{To: to.plain(), Result: v.result()})
		if to.plain() == PurposeFactor || to == PurposeToken {
			e.note(noteFactor, v.result())
		}
	}
}

// answeredPassword is answered for a password.
func answeredPassword(ctx context.Context, matches bool) {
	v := answeredBy(ctx, AnswerPassword, matches)
	Note(ctx, notePassword, v.result())
}

// answeredBy is answered for what is tried once and is right or wrong.
func answeredBy(ctx context.Context, by Purpose, matches bool) verdict {
	v := wrong
	if matches {
		v = right
	}
	answered(ctx, by, v)
	return v
}

// The details of a call in which a password or a second factor was tried.
const (
	notePassword = "tried_password"
	noteFactor   = "tried_mfa"
)

// report is what the entry tells observers, given how it ends.
func (e *entry) report(outcome Outcome, reason string) Report {
	return Report{
		Operation: e.call.Operation, Pool: e.pool, Outcome: outcome, Reason: reason,
		Flow: e.known("flow", knownFlow), Answered: e.known("answered", knownChallenge),
		Repeat: e.done.detail["repeat"] == true, SignedIn: e.done.detail["signed_in"] == true,
		Queued: e.done.queued, Answers: e.done.answers, Guarded: e.guarded(),
	}
}

// guarded is what the guard decided: the texts that were sent, and the last that was
// not.
func (e *entry) guarded() []Guarded {
	if e.decision == nil {
		return e.done.guarded
	}
	return append(slices.Clip(e.done.guarded), Guarded{e.decision.Verdict, e.decision.Rule})
}

// known is a word that a face has noted, if it is one of ours.
func (e *entry) known(key string, ours func(string) bool) string {
	word, _ := e.done.detail[key].(string)
	if !ours(word) {
		return ""
	}
	return word
}

func knownFlow(flow string) bool {
	return flowsNeed[flow] != "" || flow == flowRefresh || flow == flowRefreshOlder
}

var challengesServed = []string{
	nameCustom, namePasswordVerifier, nameSMSOTP, nameEmailOTP, nameSelect, namePassword, namePasswordSRP, nameNewPassword,
	nameWebAuthn, nameDeviceSRP, nameDeviceVerifier,
	nameSMSMFA, nameTokenMFA, nameSelectMFA, nameMFASetup,
}

func knownChallenge(name string) bool { return slices.Contains(challengesServed, name) }

// storing runs a transaction and tells every observer of it.
func (s *Service) storing(ctx context.Context, call string, run func(context.Context, func(Tx) error) error, fn func(Tx) error) error {
	if len(s.observers) == 0 {
		return run(ctx, fn)
	}
	ends := make([]func(Transaction), len(s.observers))
	for i, o := range s.observers {
		ctx, ends[i] = o.Storing(ctx, call)
	}
	var t Transaction
	var own error
	var noted *notedTexts
	err := run(ctx, func(tx Tx) error {
		t.Runs++
		noted = &notedTexts{Tx: tx} // an earlier run was for nothing
		own = fn(noted)
		return own
	})
	if !RelianceOf(ctx).Mistaken() { // else the call runs again
		t.Failure = failureOf(err, own != nil)
	}
	if err == nil {
		s.tellOfTexts(noted)
	}
	for _, end := range slices.Backward(ends) {
		end(t)
	}
	return err
}

// notedTexts is a transaction that notes, for observers, what it writes of texts.
type notedTexts struct {
	Tx
	put, used []Text
}

func (n *notedTexts) PutText(ctx context.Context, texts ...Text) error {
	err := n.Tx.PutText(ctx, texts...)
	if err == nil {
		n.put = append(n.put, texts...)
	}
	return err
}

func (n *notedTexts) UseTexts(ctx context.Context, codes []UsedCode, used func(Text)) error {
	return n.Tx.UseTexts(ctx, codes, func(t Text) {
		n.used = append(n.used, t)
		used(t)
	})
}

// tellOfTexts tells the observers of the texts of a transaction that was committed.
func (s *Service) tellOfTexts(n *notedTexts) {
	for _, o := range s.observers {
		for _, t := range n.put {
			o.Texted(t)
		}
		for _, t := range n.used {
			o.Used(t)
		}
	}
}

// failureOf sorts the error of a transaction. What a store fails by is a fault,
// within the function too; other errors of the function are its own.
func failureOf(err error, byFn bool) string {
	_, isFault := errors.AsType[*fault.Error](err)
	switch {
	case err == nil, errors.Is(err, ErrNotFound), errors.Is(err, ErrExists):
		return ""
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return FailureCanceled
	case byFn && !isFault:
		return ""
	}
	switch fault.KindOf(err) {
	case fault.Internal:
		return FailureInternal
	case fault.Unavailable:
		return FailureUnavailable
	}
	return ""
}

// sending tells every observer of a message that is about to be handed over. The
// function that it returns tells them what became of it.
func (s *Service) sending(ctx context.Context, m Message) (context.Context, func(sms.Receipt, error)) {
	ends := make([]func(sms.Receipt, error), len(s.observers))
	for i, o := range s.observers {
		ctx, ends[i] = o.Sending(ctx, handoverOf(m))
	}
	return ctx, func(r sms.Receipt, err error) {
		for _, end := range slices.Backward(ends) {
			end(r, err)
		}
	}
}

// Insight is what a face may add to its log of a call.
type Insight struct {
	Pool   PoolID
	Store  time.Duration // in the store, waiting for it included
	Reason string        // why the call is refused, where that is known more precisely than its error tells
	Repeat bool          // the first answer was given again
}

// InsightInto returns what is known of the call under way. Without one it is
// zero.
func InsightInto(ctx context.Context) Insight {
	e := entryOf(ctx)
	if e == nil {
		return Insight{}
	}
	return Insight{Pool: e.pool, Store: e.inStore, Reason: e.reason, Repeat: e.done.detail["repeat"] == true}
}

// Backlog is what waits in memory and in the store.
type Backlog struct {
	AuditWaiting int    // rows of the audit trail that are in memory alone
	AuditDropped uint64 // rows that were dropped since the start
	// Overdue is for how long the message that has been due longest has been so;
	// zero if none is. One that is under way, or waits for its next try, is not.
	Overdue time.Duration
	Waiting int // messages in the outbox
	// Restricted is how many cells of the guard stand otherwise than open, by their
	// standing; of a kind no more than some hundred are counted.
	Restricted map[string]int
	Oldest     time.Duration // how long ago the oldest of them was put in
	Logs       LogBacklog
}

// Backlog looks at the queues. If the store cannot be read, the error says so and
// what is in memory is there all the same.
func (s *Service) Backlog(ctx context.Context) (b Backlog, err error) {
	b = Backlog{AuditWaiting: len(s.trail.late), AuditDropped: s.trail.lost.Load()}
	at, inMemory := s.now(), b
	err = s.store.View(ctx, func(tx Tx) error {
		b = inMemory
		if b.Restricted, err = restricted(ctx, tx); err != nil {
			return err
		}
		if b.Logs, err = s.logBacklog(ctx, tx, at); err != nil {
			return err
		}
		next, err := tx.NextMessageAt(ctx)
		if err != nil {
			return err
		}
		depth, err := tx.OutboxDepth(ctx)
		if err != nil || depth.Messages == 0 {
			return err
		}
		b.Overdue, b.Oldest = max(at.Sub(next), 0), max(at.Sub(depth.Oldest), 0)
		b.Waiting = depth.Messages
		return nil
	})
	return b, err
}

func restricted(ctx context.Context, tx Tx) (map[string]int, error) {
	n := map[string]int{}
	for _, standing := range []guard.Standing{guard.Watched, guard.Closed, guard.Outage} {
		n[standing.String()] = 0
	}
	for _, kind := range standingKinds {
		cells, err := tx.Standings(ctx, kind, true, statusStandings)
		if err != nil {
			return nil, err
		}
		for _, c := range cells {
			n[c.Cell.Standing.String()]++
		}
	}
	return n, nil
}

package userpool

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstext"
)

const (
	outboxBatch   = 32               // messages claimed at once
	outboxWorkers = 32               // sends under way at once
	outboxLease   = 30 * time.Second // a claimed message is another node's after that
	outboxPoll    = 30 * time.Second // what commands beside the server left is looked for this often
	nodesPoll     = 5 * time.Second  // and what other servers left behind
	claimAgain    = time.Second      // after a claim that failed
	recordAfter   = 20 * time.Millisecond
	// sendTimeout is below half of the lease: a claimed message may wait for
	// one send to end before its own begins.
	sendTimeout = 10 * time.Second
)

// retryAfter is the wait before the next try of a text that the sender may yet
// take.
func retryAfter(attempts int) time.Duration {
	return min(2*time.Second<<max(attempts-1, 0), time.Minute)
}

// Who waits for a code has asked for another, or gone, when a text comes later than
// textTries. One that may have been sent is tried no more than doubtTries times in all.
const (
	textTries  = time.Minute
	doubtTries = 3
)

// sent is what became of one message.
type sent struct {
	message  Message
	id       MessageID // of the text: the message's, or that of its second text
	err      error     // nil: handed over
	drop     bool      // not sent, and not to be
	expired  bool      // dropped since its time was over
	receipt  sms.Receipt
	segments int
	doubt    int  // tries by which it may have been sent that its budgets have not paid
	doubted  bool // an earlier try may have sent it
}

// runOutbox claims the messages that wait, hands them to the sender and writes down what
// became of them and of those that were claimed as they were put in (see handover), the
// claims and the results in batches.
func (s *Service) runOutbox(ctx context.Context) error {
	var recorder sync.WaitGroup
	recording, cancel := outlasting(ctx, sendTimeout+finishWithin) // of sends that end last
	defer cancel()
	// Of a text that is cut off nobody knows whether it was sent, and it is sent again.
	sending, cut := outlasting(ctx, finishWithin)
	defer cut()
	results := s.sends.begin()
	recorder.Go(func() { s.recordResults(recording, results) })
	s.freeMessages(ctx)
	s.sends.open(sending)
	for ctx.Err() == nil {
		batch, next, err := s.claimMessages(ctx)
		s.noteDue(batch, next)
		if err != nil && ctx.Err() == nil {
			s.log.Error("outbox: claim messages", "error", err)
			pause(ctx, claimAgain) // whatever wakes it: a store in trouble is not asked at once
			continue
		}
		for i, m := range batch {
			if !s.roomFor(m) { // transactions have it; those behind have the same lease
				if err := s.unclaim(sending, batch[i:]); err != nil {
					s.log.Warn("outbox: messages wait for their lease to be over", "messages", len(batch)-i, "error", err)
				}
				break
			}
			s.sends.all.Go(func() {
				defer func() { <-s.sends.room }()
				s.sends.results <- s.send(sending, m)
			})
		}
		if len(batch) == 0 {
			s.awaitMessages(ctx, next)
		}
	}
	s.sends.close()
	recorder.Wait()
	return nil
}

// awaitMessages waits for a message of this node, for the next that is due, or
// for the time to look for those of others.
func (s *Service) awaitMessages(ctx context.Context, next time.Time) {
	wait := outboxPoll
	if s.shared {
		wait = nodesPoll
	}
	if !next.IsZero() {
		wait = min(wait, max(next.Sub(s.now()), time.Millisecond))
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-s.kick:
	case <-timer.C:
	}
}

// freeMessages is for a server that starts and has the store for itself: what is claimed
// then was claimed by one that died over it. Its own claims come after that.
func (s *Service) freeMessages(ctx context.Context) {
	for !s.shared && ctx.Err() == nil {
		at := s.now()
		err := s.store.Update(ctx, func(tx Tx) error { return tx.FreeMessages(ctx, at, at.Add(outboxLease)) })
		if err == nil {
			return
		}
		s.log.Error("outbox: free messages", "error", err)
		pause(ctx, claimAgain)
	}
}

// claimMessages takes what is due, and says when something will be. A look comes before
// the claim, since an idle server should not write.
func (s *Service) claimMessages(ctx context.Context) (batch []Message, next time.Time, err error) {
	at := s.now()
	err = s.store.View(ctx, func(tx Tx) (err error) {
		next, err = tx.NextMessageAt(ctx)
		return err
	})
	if err != nil || next.IsZero() || next.After(at) {
		return nil, next, err
	}
	err = s.store.Update(ctx, func(tx Tx) (err error) {
		batch, err = tx.ClaimMessages(ctx, at, at.Add(outboxLease), outboxBatch)
		return err
	})
	if err != nil {
		return nil, next, err // what was not committed is not claimed, and must not be sent
	}
	return batch, next, nil
}

// noteDue notes when the first message was due of those that are to be handed over.
func (s *Service) noteDue(batch []Message, due time.Time) {
	at := int64(0)
	if len(batch) > 0 {
		at = due.UnixNano()
	}
	s.due.Store(at)
}

// TextsLate is how long the first text that is due waits to be handed to its sender,
// for this machine or for senders that are slow; 0 while none is due.
func (s *Service) TextsLate() time.Duration {
	due := s.due.Load()
	if due == 0 {
		return 0
	}
	return max(0, s.now().Sub(time.Unix(0, due)))
}

// send renders one message and hands it to the sender. Decoys, messages whose time
// is over and those that were kept for a failure of which nobody told are dropped.
func (s *Service) send(ctx context.Context, m Message) sent {
	if _, test := s.testCode(m.To, s.now()); test {
		m.Decoy = true // an invitation, or a notice: nothing else to a test number comes here
	}
	if m.Decoy || m.Parked {
		return sent{message: m, drop: true}
	}
	p, err := s.plan(ctx, m)
	switch {
	case err != nil:
		return sent{message: m, id: m.ID, err: &sms.SendError{Outcome: sms.NotYet, Cause: err}}
	case p.over:
		return sent{message: m, drop: true}
	case p.stopped:
		return sent{message: m, id: p.id, doubted: p.doubt, err: &sms.SendError{Outcome: sms.RefusedForEver, Code: string(guard.RuleStopped), Cause: errStopped}}
	case !s.now().Before(m.ExpiresAt):
		for _, o := range s.observers {
			o.Dropped(handoverOf(m))
		}
		return sent{message: m, id: p.id, drop: true, expired: true, doubted: p.doubt}
	}
	ctx, end := s.sending(ctx, m)
	r := s.handOver(ctx, m, p)
	end(r.receipt, r.err)
	return r
}

// plan is how a message is sent now.
type plan struct {
	id    MessageID // of the text
	tried []string  // providers by which earlier texts of the code went
	doubt bool      // an earlier try may have sent it
	over  bool      // it is sent, and nothing more is to be done
	// stopped says of a text that nobody asked for, as of every second one, that its
	// number wants none.
	stopped bool
}

// second is the id of the text by which a message goes again, by another provider.
func (id MessageID) second() MessageID { return id + "-2" }

// plan looks at what became of earlier texts of the message and of its code. The
// first text of a code, which most are, needs no look. A try whose end nobody wrote
// down was of a server that was killed over it. Where the first text is said to have
// failed after a try that may have sent it, the second is paid for as one that doubles.
func (s *Service) plan(ctx context.Context, m Message) (plan, error) {
	p := plan{id: m.ID, doubt: m.Attempts > 1 && m.Unsent < m.Attempts-1}
	if m.Challenge != "" && m.Attempts <= 1 && m.Nth <= 1 || m.To.Number.IsZero() {
		return p, nil
	}
	var texts []Text
	err := s.store.View(ctx, func(tx Tx) (err error) {
		if texts, err = textsOf(ctx, tx, m); err != nil {
			return err
		}
		p.stopped, err = tx.OptedOut(ctx, s.party(m.To, "").Number)
		return err
	})
	if err != nil {
		return p, err
	}
	for _, t := range texts {
		if t.Provider != "" && t.Status.MayBeSent() {
			p.tried = append(p.tried, t.Provider)
		}
		switch {
		case t.ID == m.ID && t.Status == TextFailed:
			p.id = m.ID.second()
		case t.ID == m.ID || t.ID == m.ID.second():
			p.over = t.Status != TextMaybe
		}
	}
	p.stopped = p.stopped && (m.Challenge == "" || p.id != m.ID)
	return p, nil
}

// textsOf are the texts of the message's code, or else its own.
func textsOf(ctx context.Context, tx Tx, m Message) ([]Text, error) {
	if m.Challenge != "" {
		return tx.TextsOf(ctx, m.Challenge)
	}
	t, found, err := tx.Text(ctx, m.ID)
	if err != nil || !found {
		return nil, err
	}
	return []Text{t}, nil
}

func (s *Service) handOver(ctx context.Context, m Message, plan plan) sent {
	r := sent{message: m, id: plan.id, doubted: plan.doubt}
	secret, err := s.secretOf(m)
	if err != nil {
		r.err = &sms.SendError{Outcome: sms.SurelyNotSent, Cause: err}
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	p, byFunction, err := s.deliverer(ctx, m)
	switch {
	case err != nil:
		r.err = &sms.SendError{Outcome: sms.NotYet, Cause: err}
	case byFunction:
		r.receipt.Provider = providerFunction
		r.err = s.handOverToFunction(ctx, p, m, secret)
	case m.To.Email.IsZero():
		text := renderText(m, secret)
		text.ID, text.Tried = string(plan.id), plan.tried
		r.segments = smstext.Count(text.Body).Segments
		r.receipt, r.err = s.sender.Send(ctx, text)
		r.doubt = r.receipt.Doubled
		if r.doubted && (r.err == nil || sms.OutcomeOf(r.err) == sms.MaybeSent) {
			r.doubt++
		}
	default:
		r.err = s.post(ctx, m, secret)
	}
	return r
}

// providerFunction names the pool's function as the provider of texts that it sends.
const providerFunction = "function"

// fill puts code or password and user name into a template.
func (m Message) fill(template, secret string) string {
	if !strings.Contains(template, "{username}") { // as in all texts but invitations; a Replacer takes ten times as long
		return strings.ReplaceAll(template, "{####}", secret)
	}
	return strings.NewReplacer("{####}", secret, "{username}", m.Username).Replace(template)
}

// secretOf is what stands for {####}: the code, a temporary password, or nothing
// in a notice.
func (s *Service) secretOf(m Message) (string, error) {
	if m.Purpose == PurposeNotice {
		return "", nil
	}
	if m.Challenge == "" {
		password, err := s.ring.Open(sealText, []byte(m.ID), m.Secret)
		return string(password), err
	}
	code, err := s.code(m.Challenge, m.Purpose, m.To, m.KeyID, m.Digits)
	if err != nil {
		return "", err
	}
	return code.Reveal(), nil
}

// recordResults writes results down, those of a moment in one transaction. A
// text that failed is written down at once, since a budget waits for it. For the
// others the moment also keeps the work for a decoy, which is dropped as soon as
// it is claimed, from showing in the time of the answer that made it.
func (s *Service) recordResults(ctx context.Context, results <-chan sent) {
	for first := range results {
		s.record(ctx, gather(first, results))
	}
}

// gather collects the results that come within recordAfter of the first.
func gather(first sent, results <-chan sent) []sent {
	batch := []sent{first}
	timer := time.NewTimer(recordAfter)
	defer timer.Stop()
	for len(batch) < outboxBatch && batch[len(batch)-1].err == nil {
		select {
		case r, ok := <-results:
			if !ok {
				return batch
			}
			batch = append(batch, r)
		case <-timer.C:
			return batch
		}
	}
	return batch
}

func (s *Service) record(ctx context.Context, batch []sent) {
	at := s.now()
	for _, r := range batch {
		s.logResult(r)
	}
	err := s.store.Update(ctx, func(tx Tx) error {
		var texts []Text
		var ended []MessageID
		for _, r := range batch {
			_, again := r.again(at)
			if r.writes(again) {
				texts = append(texts, s.lineOf(r, at))
			}
			if !r.stays(at) {
				ended = append(ended, r.message.ID)
			}
			if err := s.recordOne(ctx, tx, r, at); err != nil {
				return err
			}
		}
		if err := tx.PutText(ctx, texts...); err != nil {
			return err
		}
		return tx.DeleteMessage(ctx, ended...)
	})
	if err != nil {
		s.log.Error("outbox: record results", "messages", len(batch), "error", err)
	}
	if slices.ContainsFunc(batch, func(r sent) bool { return r.stays(at) }) {
		s.wake() // it may be due before the next look
	}
}

// stays says whether the message is still in the outbox when its result is recorded.
func (r sent) stays(at time.Time) bool {
	_, again := r.again(at)
	return again || r.parks()
}

// parks says whether a message that was sent is kept for a failure that its provider
// may tell of.
func (r sent) parks() bool {
	return r.err == nil && r.receipt.MayFail && r.id == r.message.ID && r.message.Challenge != ""
}

// recordOne sets the message's next try, if it has one. A text that surely was not
// sent is given back to the budgets that paid for it.
func (s *Service) recordOne(ctx context.Context, tx Tx, r sent, at time.Time) error {
	m := r.message
	if err := s.chargeDoubled(ctx, tx, m, r.doubt, at); err != nil {
		return err
	}
	if err := s.chargeLong(ctx, tx, r, at); err != nil {
		return err
	}
	switch next, again := r.again(at); {
	case again:
		return tx.PostponeMessage(ctx, m.ID, next, sms.OutcomeOf(r.err) == sms.NotYet)
	case r.parks():
		return tx.ParkMessage(ctx, m.ID, m.CreatedAt.Add(parkedFor))
	}
	if r.surelyNotSent() {
		if err := s.unsend(ctx, tx, m, at); err != nil {
			return err
		}
	}
	if r.err != nil || r.expired {
		return s.noteUndelivered(ctx, tx, m, r.receipt.Provider, r.failure(), at)
	}
	return nil
}

// again says whether the message is to be tried again, and when. A text with a code is
// not for long.
func (r sent) again(at time.Time) (next time.Time, yes bool) {
	m := r.message
	if r.err == nil || !sms.OutcomeOf(r.err).MayRepeat() {
		return at, false
	}
	until := m.ExpiresAt
	if m.Challenge != "" && !m.To.Number.IsZero() {
		if sms.OutcomeOf(r.err) == sms.MaybeSent && m.Attempts >= doubtTries {
			return at, false
		}
		if last := m.CreatedAt.Add(textTries); last.Before(until) {
			until = last
		}
	}
	next = at.Add(retryAfter(m.Attempts))
	return next, next.Before(until)
}

// writes says whether what became of the text is written down: what ended, and what
// may have been sent, of which the provider may tell before it is tried again.
func (r sent) writes(again bool) bool {
	switch {
	case r.message.To.Number.IsZero():
		return false
	case r.drop:
		return r.expired && !r.doubted
	case r.err != nil && sms.OutcomeOf(r.err) != sms.MaybeSent:
		return !again && !r.doubted // a doubt stays one
	}
	return true
}

// failure is why a message did not reach its reader: the provider's code where it
// gave one, else how the last try ended.
func (r sent) failure() string {
	if r.expired {
		return "Expired"
	}
	if failed, ok := errors.AsType[*sms.SendError](r.err); ok && failed.Code != "" {
		return plainCode(failed.Code)
	}
	return sms.OutcomeOf(r.err).String()
}

// surelyNotSent says that no try of a text may have sent it, also those of which a
// word comes yet. The first text of a message may have been, where this is the second.
func (r sent) surelyNotSent() bool {
	switch {
	case r.id != r.message.ID || r.doubted || r.doubt > 0:
		return false
	case r.drop:
		return r.expired
	case r.err == nil:
		return false
	}
	outcome := sms.OutcomeOf(r.err)
	return outcome == sms.SurelyNotSent || outcome == sms.NotYet
}

// lineOf is the line that is kept of the text. Its price is its provider's, or else the
// one that the guard goes by.
func (s *Service) lineOf(r sent, at time.Time) Text {
	m, l := r.message, s.guard.Line(r.message.To.Number)
	t := Text{
		ID: r.id, PoolID: m.PoolID, ClientID: m.ClientID, Purpose: m.Purpose.plain(), Challenge: m.Challenge,
		Country: l.Route.Country, Known: m.Known, Provider: r.receipt.Provider, Ref: plainRef(r.receipt.ProviderID),
		Wording: m.Wording, Language: m.Language, Segments: r.segments, Micros: orElse(r.receipt.Micros, int64(l.Price)) * int64(r.segments),
		Attempts: m.Attempts, QueuedAt: m.CreatedAt, SentAt: at, Status: TextSent,
	}
	failed, _ := errors.AsType[*sms.SendError](r.err)
	switch {
	case r.expired:
		t.Status = TextExpired
	case r.err == nil && r.receipt.DryRun:
		t.Status = TextDryRun
	case r.err == nil:
	case sms.OutcomeOf(r.err) == sms.MaybeSent:
		t.Status = TextMaybe
	default:
		t.Status = TextUnsent
	}
	if failed != nil {
		t.Code = plainCode(failed.Code)
	}
	return t
}

// unsend undoes the count of a text that surely was not sent.
func (s *Service) unsend(ctx context.Context, tx Tx, m Message, at time.Time) error {
	if m.Requester == "" || s.limitsOff {
		return nil
	}
	counted, err := tx.UnmarkSent(ctx, m.Challenge)
	if err != nil || !counted {
		return err
	}
	return s.giveBack(ctx, tx, m.Challenge, at)
}

// logResult tells the operator of texts that did not leave.
func (s *Service) logResult(r sent) {
	m := r.message
	switch {
	case r.err != nil:
		s.log.Warn("text not sent", "message", m.ID, "to", m.To, "pool", m.PoolID, "purpose", m.Purpose,
			"provider", r.receipt.Provider, "attempt", m.Attempts, "outcome", sms.OutcomeOf(r.err).String(), "error", cmp.Or(errors.Unwrap(r.err), r.err))
	case r.expired:
		s.log.Warn("text dropped: its code expired before it could be sent", "message", m.ID, "to", m.To, "pool", m.PoolID)
	}
}

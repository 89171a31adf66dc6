package userpool

import (
	"context"
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

package userpool

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
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

// sent is what became of one message.
type sent struct {
	message Message
	err     error // nil: handed over
	drop    bool  // not sent, and not to be
}

// runOutbox claims messages, hands them to the sender and writes down what
// became of them, the claims and the results in batches.
func (s *Service) runOutbox(ctx context.Context) error {
	results := make(chan sent, outboxBatch)
	var recorder sync.WaitGroup
	recording, cancel := outlasting(ctx, sendTimeout+finishWithin) // of sends that end last
	defer cancel()
	recorder.Go(func() { s.recordResults(recording, results) })
	var sends sync.WaitGroup
	room := make(chan struct{}, outboxWorkers)
	for ctx.Err() == nil {
		batch, next, err := s.claimMessages(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("outbox: claim messages", "error", err)
			pause(ctx, claimAgain) // whatever wakes it: a store in trouble is not asked at once
			continue
		}
		for _, m := range batch {
			room <- struct{}{}
			sends.Go(func() {
				defer func() { <-room }()
				results <- s.send(ctx, m)
			})
		}
		if len(batch) == 0 {
			s.awaitMessages(ctx, next)
		}
	}
	sends.Wait()
	close(results)
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

// claimMessages takes what is due, and says when something will be. A look
// comes before the claim, since an idle server should not write.
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
		return nil, time.Time{}, err // what was not committed is not claimed, and must not be sent
	}
	return batch, time.Time{}, nil
}

// send renders one message and hands it to the sender. Decoys and messages
// whose time is over are dropped.
func (s *Service) send(ctx context.Context, m Message) sent {
	if _, test := s.testCode(m.To, s.now()); test {
		m.Decoy = true // an invitation, or a notice: nothing else to a test number comes here
	}
	if m.Decoy {
		return sent{message: m, drop: true}
	}
	if !s.now().Before(m.ExpiresAt) {
		for _, o := range s.observers {
			o.Dropped(handoverOf(m))
		}
		return sent{message: m, drop: true}
	}
	ctx, end := s.sending(ctx, m)
	err := s.handOver(ctx, m)
	end(sms.Receipt{}, err)
	return sent{message: m, err: err}
}

func (s *Service) handOver(ctx context.Context, m Message) error {
	secret, err := s.secretOf(m)
	if err != nil {
		return &sms.SendError{Outcome: sms.SurelyNotSent, Cause: err}
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	p, byFunction, err := s.deliverer(ctx, m)
	switch {
	case err != nil:
		return &sms.SendError{Outcome: sms.NotYet, Cause: err}
	case byFunction:
		return s.handOverToFunction(ctx, p, m, secret)
	}
	if m.To.Email.IsZero() {
		_, err = s.sender.Send(ctx, renderText(m, secret))
		return err
	}
	return s.post(ctx, m, secret)
}

// fill puts code or password and user name into a template.
func (m Message) fill(template, secret string) string {
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
		for _, r := range batch {
			if err := s.recordOne(ctx, tx, r, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.log.Error("outbox: record results", "messages", len(batch), "error", err)
	}
	s.wake() // a postponed one may be due before the next look
}

// recordOne ends a message, or sets its next try. A text that surely was not
// sent is given back to the budgets that paid for it.
func (s *Service) recordOne(ctx context.Context, tx Tx, r sent, at time.Time) error {
	m := r.message
	if r.err != nil && sms.OutcomeOf(r.err).MayRepeat() {
		if next := at.Add(retryAfter(m.Attempts)); next.Before(m.ExpiresAt) {
			return tx.PostponeMessage(ctx, m.ID, next)
		}
	}
	if r.err != nil && sms.OutcomeOf(r.err) == sms.SurelyNotSent && m.Attempts == 1 {
		if err := s.unsend(ctx, tx, m, at); err != nil {
			return err
		}
	}
	return tx.DeleteMessage(ctx, m.ID)
}

// unsend undoes the count of a text that surely was not sent. An earlier try of
// which nobody knows may have been, so it is for first tries only.
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
			"attempt", m.Attempts, "outcome", sms.OutcomeOf(r.err).String(), "error", r.err)
	case r.drop && !m.Decoy:
		s.log.Warn("text dropped: its code expired before it could be sent", "message", m.ID, "to", m.To, "pool", m.PoolID)
	}
}

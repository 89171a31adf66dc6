package userpool

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// recordAfter is how long results are collected from the first on.
const recordAfter = 20 * time.Millisecond

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
	var texts []Text
	err := s.store.Update(ctx, func(tx Tx) error {
		texts = nil
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
	s.notePut(ctx, texts)
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

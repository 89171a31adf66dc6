package userpool

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
)

// What a used code earns goes to cells that many share: a country's, a carrier's
// address's. Where several servers have one store, answers that wrote them would wait for
// one another, and all but one of them run again. So a moment after the answers one
// transaction of this server credits the texts of all, and notes in their lines that they
// are used: whose line was not noted yet is credited, so nothing is twice, and whose
// challenge is there and not used is left as it is, so an answer of which nobody is told
// whether it is stored is credited if it is. A credit that comes late lets less through and
// never more, and so does one that is lost, with a server that is killed in that moment,
// with a commit that comes later than that or for a full queue: its line stays unmarked.
//
// That transaction also notes the uses at the texts, which is a write less in each answer,
// and looks again whether those codes are used whose texts were just put: see UseTexts. A
// use that is lost, as a credit is, is missing in the sums of texts; so is one that an answer
// notes itself, where the queue is full or the server ends, while its text is put beside.

const (
	creditAfter = 20 * time.Millisecond  // from the first that waits
	noteAfter   = 200 * time.Millisecond // where limits are off: what is told of texts can wait
	creditBatch = 128                    // of one transaction
	creditQueue = 4096                   // that may wait; the next are credited by their own transaction
)

// credits are the used codes whose texts are to be credited, and those to be asked for whose
// texts were put.
type credits struct {
	open  atomic.Bool // somebody takes them from the queue
	queue chan UsedCode
}

func (s *Service) creditAfter() time.Duration {
	if s.limitsOff {
		return noteAfter
	}
	return creditAfter
}

// takes says that one more may be credited later.
func (c *credits) takes() bool { return c.open.Load() && len(c.queue) < creditQueue }

// notePut has the uses of codes noted whose texts were put: who used one beside that has not
// seen its text.
func (s *Service) notePut(ctx context.Context, texts []Text) {
	var codes []UsedCode
	for _, t := range texts {
		if t.Challenge != "" {
			codes = append(codes, UsedCode{Challenge: t.Challenge})
		}
	}
	switch {
	case !s.shared || len(codes) == 0:
	case s.credits.open.Load():
		s.credits.put(codes)
	default: // the server is about to end
		s.creditAll(ctx, codes)
	}
}

// put hands codes over whose transactions are committed, or may be. It never waits.
func (c *credits) put(codes []UsedCode) {
	for _, code := range codes {
		select {
		case c.queue <- code:
		default: // so many at once that credits matter little
		}
	}
}

// waiting takes at most a batch of what waits.
func (c *credits) waiting() (batch []UsedCode) {
	for len(batch) < creditBatch {
		select {
		case code := <-c.queue:
			batch = append(batch, code)
		default:
			return batch
		}
	}
	return batch
}

// runCredits credits texts until ctx ends, and then those that wait.
func (s *Service) runCredits(ctx context.Context) error {
	if !s.shared {
		return nil
	}
	s.credits.open.Store(true)
	for {
		select {
		case <-ctx.Done():
			s.credits.open.Store(false)
			for batch := s.credits.waiting(); len(batch) > 0; batch = s.credits.waiting() {
				s.creditAll(ctx, batch)
			}
			return nil
		case first := <-s.credits.queue:
			if len(s.credits.queue) < creditBatch {
				pause(ctx, s.creditAfter())
			}
			s.creditAll(ctx, append([]UsedCode{first}, s.credits.waiting()...))
		}
	}
}

// creditAll credits a batch, even when ctx has ended, but soon then. While the store is
// too busy, or does not say whether it is stored, it tries again.
func (s *Service) creditAll(ctx context.Context, batch []UsedCode) {
	longer, cancel := outlasting(ctx, finishWithin)
	defer cancel()
	for {
		stopping := ctx.Err() != nil
		err := s.store.Update(longer, func(tx Tx) error { return s.creditIn(longer, tx, batch, s.now()) })
		if err == nil {
			return
		}
		if stopping || longer.Err() != nil || !fault.Is(err, fault.Unavailable) {
			s.log.Error("used codes are not noted", "codes", len(batch), "error", err)
			return
		}
		pause(ctx, lateRetry)
	}
}

// creditIn marks the texts of the codes as used, and where limits are in force tells the
// guard of those that were not.
func (s *Service) creditIn(ctx context.Context, tx Tx, codes []UsedCode, at time.Time) error {
	if err := tx.UseTexts(ctx, codes, func(Text) {}); err != nil { // which observers are told of
		return err
	}
	codes = slices.DeleteFunc(slices.Clone(codes), func(c UsedCode) bool { return c.At.IsZero() })
	if s.limitsOff || len(codes) == 0 {
		return nil
	}
	lines, err := tx.MarkUsed(ctx, codes)
	if err != nil || len(lines) == 0 {
		return err
	}
	texts := make([]guard.Receipt, len(lines))
	for i, l := range lines {
		texts[i] = l.Receipt
		texts[i].Matured = l.Matured
	}
	if err := s.guard.UseAll(ctx, tx, texts, at); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	return nil
}

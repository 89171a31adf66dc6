package userpool

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
)

// What a used code earns goes to cells that many share: a country's, a carrier's
// address's. Where several servers have one store, answers that wrote them would wait for
// one another, and all but one of them run again. So an answer notes in its transaction
// that its texts are used, and a moment later one transaction of this server credits
// those of all. A credit that comes late, or is lost with a server that is killed in that
// moment or with a commit of which nobody is told, lets less through and never more.

const (
	creditAfter = 20 * time.Millisecond // from the first that waits
	creditBatch = 128                   // of one transaction
	creditQueue = 4096                  // that may wait; the next are credited by their own transaction
)

// usedCode is a challenge whose code was given.
type usedCode struct {
	challenge ChallengeID
	at        time.Time
}

// credits are the used codes whose texts are to be credited.
type credits struct {
	open  atomic.Bool // somebody takes them from the queue
	queue chan usedCode
}

// takes says that one more may be credited later.
func (c *credits) takes() bool { return c.open.Load() && len(c.queue) < creditQueue }

// put hands codes over whose transactions are committed. It never waits.
func (c *credits) put(codes []usedCode) {
	for _, code := range codes {
		select {
		case c.queue <- code:
		default: // so many at once that credits matter little
		}
	}
}

// waiting takes at most a batch of what waits.
func (c *credits) waiting() (batch []usedCode) {
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
				pause(ctx, creditAfter)
			}
			s.creditAll(ctx, append([]usedCode{first}, s.credits.waiting()...))
		}
	}
}

// creditAll credits a batch, even when ctx has ended, but soon then. While the store is
// too busy it tries again, unless it may be stored: to credit twice would let more through.
func (s *Service) creditAll(ctx context.Context, batch []usedCode) {
	longer, cancel := outlasting(ctx, finishWithin)
	defer cancel()
	for {
		stopping := ctx.Err() != nil
		done := false
		err := s.store.Update(longer, func(tx Tx) error {
			err := s.creditIn(longer, tx, batch)
			done = err == nil
			return err
		})
		if err == nil {
			return
		}
		if done || stopping || longer.Err() != nil || !fault.Is(err, fault.Unavailable) {
			s.log.Error("guard: used codes are not credited", "codes", len(batch), "error", err)
			return
		}
		pause(ctx, lateRetry)
	}
}

func (s *Service) creditIn(ctx context.Context, tx Tx, batch []usedCode) error {
	ids := make([]ChallengeID, len(batch))
	for i, code := range batch {
		ids[i] = code.challenge
	}
	used, err := tx.UsedFor(ctx, ids)
	if err != nil {
		return err
	}
	for i := range used { // what was scored between the answer and now was scored as used
		used[i].Matured = used[i].Matured && !used[i].UsedAt.Before(used[i].At.Add(guard.MatureAfter))
	}
	return s.creditTexts(ctx, tx, used, s.now())
}

// creditTexts tells the guard that the codes of texts were used.
func (s *Service) creditTexts(ctx context.Context, tx Tx, lines []guard.Entry, at time.Time) error {
	if len(lines) == 0 {
		return nil
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

package userpool

import (
	"context"
	"time"
)

const (
	// setBack is how far the clock of a server that starts may be behind the trail.
	// Nodes that share a clock are not apart by as much.
	setBack = 5 * time.Second
	// longestPending is how long a Session or a code lives at most.
	longestPending = 15 * time.Minute
)

// EndFuture ends the codes and Sessions that are under way if the clock was set
// back while no server ran: they would live on for as long as that. A running
// server's clock keeps its course by itself. Until the clock has come to where it
// had been, each start ends them anew. It is a server's, before it serves; a tool
// must leave alone what a server is about.
func (s *Service) EndFuture(ctx context.Context) error {
	at := s.now()
	var last time.Time
	err := s.store.View(ctx, func(tx Tx) error {
		rows, err := tx.Audit(ctx, AuditPage{Newest: true, Limit: 1})
		if len(rows) > 0 {
			last = rows[0].At
		}
		return err
	})
	if err != nil || !at.Before(last.Add(-setBack)) {
		return err
	}
	s.log.Warn("the clock is behind the last entry of the audit trail: codes and Sessions under way are ended", "behind", last.Sub(at))
	for {
		n := 0
		err := s.store.Update(ctx, func(tx Tx) (err error) {
			if err := dropCodes(ctx, tx, last, at); err != nil {
				return err
			}
			n, err = tx.Sweep(ctx, at, last.Add(longestPending), sweepLimit)
			return err
		})
		if err != nil || n < sweepLimit {
			return err
		}
	}
}

// dropCodes deletes the texts that wait with a code; notices are due at once.
func dropCodes(ctx context.Context, tx Tx, last, at time.Time) error {
	due := last.Add(longestPending)
	for {
		batch, err := tx.ClaimMessages(ctx, due, due.Add(outboxLease), sweepLimit)
		if err != nil {
			return err
		}
		for _, m := range batch {
			if m.Challenge == "" {
				err = tx.PostponeMessage(ctx, m.ID, at, false)
			} else {
				err = tx.DeleteMessage(ctx, m.ID)
			}
			if err != nil {
				return err
			}
		}
		if len(batch) < sweepLimit {
			return nil
		}
	}
}

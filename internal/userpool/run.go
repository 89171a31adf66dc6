package userpool

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// How often the background work looks after things that nobody asked for.
const (
	keysEvery  = time.Hour
	sweepEvery = time.Minute
	// sweepLimit rows of a kind are swept at once, and then others write for a moment: a
	// busy minute leaves tens of thousands.
	sweepLimit = 100
	sweepRest  = 10 * time.Millisecond
	// rememberFor is how long a Session, a challenge or a family is kept after
	// it expired, so that who comes late is told so, and that it is known whose a text was
	// of which its provider says late that it failed.
	rememberFor = time.Hour
)

// Run does the background work until ctx ends: it sends texts, keeps signing
// keys in stock and in rotation, seals anew what is under an old master key, writes
// what the audit trail lacks, delivers events, and sweeps out what is over. Any number of nodes may
// run it on one store.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.runOutbox(ctx) })
	g.Go(func() error { return s.every(ctx, keysEvery, s.chore, "keys", s.keepKeys) })
	g.Go(func() error { return s.every(ctx, keysEvery, nil, "master key", s.keepMasterKey()) })
	g.Go(func() error { return s.every(ctx, sweepEvery, nil, "sweep", s.onceFor("sweep", sweepEvery, s.sweep)) })
	g.Go(func() error {
		return s.every(ctx, sweepEvery, nil, "audit retention", s.onceFor("audit", sweepEvery, s.sweepTrail))
	})
	g.Go(func() error {
		return s.every(ctx, matureEvery, nil, "guard outcomes", s.whileBusy(s.onceFor("guard outcomes", matureEvery, s.mature)))
	})
	g.Go(func() error { return s.every(ctx, alarmsEvery, nil, "guard alarms", s.whileBusy(s.watchGuard())) })
	g.Go(func() error {
		return s.every(ctx, sweepEvery, nil, "known numbers", s.onceFor("known numbers", sweepEvery, s.fillKnown))
	})
	g.Go(func() error { return s.every(ctx, foldEvery, nil, "texts", s.onceFor("texts", foldEvery, s.foldTexts)) })
	g.Go(func() error { return s.every(ctx, teachEvery, nil, "routes of texts", s.whileBusy(s.teach())) })
	g.Go(func() error { return s.every(ctx, importsEvery, s.imports, "user imports", s.runImports) })
	g.Go(func() error { return s.runEarly(ctx) })
	g.Go(func() error { return s.runTrail(ctx) })
	g.Go(func() error { return s.runCredits(ctx) })
	g.Go(func() error { return s.runLogs(ctx) })
	return g.Wait()
}

// every runs the job now, after each interval and at each signal. A failure is
// logged and tried again: a job must not take the server down.
func (s *Service) every(ctx context.Context, interval time.Duration, signal <-chan struct{}, name string, job func(context.Context) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := job(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("background job failed", "job", name, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-signal:
		}
	}
}

// forOne is the limit of a job that one server does for all: whoever spends it does
// the job. It is a little shorter than the time between two runs, so that the same
// server is not too early for its own next one.
func forOne(every time.Duration) guard.Limit { return guard.Limit{Max: 1, Window: every * 9 / 10} }

// onceFor has one of the servers on the store do a job each time. One that dies over
// it keeps the others from it until the next time.
func (s *Service) onceFor(name string, every time.Duration, job func(context.Context) error) func(context.Context) error {
	if !s.shared {
		return job
	}
	return func(ctx context.Context) error {
		at := s.now()
		var claim guard.Spent
		err := s.store.Update(ctx, func(tx Tx) (err error) {
			claim, err = tx.Spend(ctx, "job/"+name, forOne(every), at)
			return err
		})
		if err != nil || !claim.OK {
			return err
		}
		return job(ctx)
	}
}

// finishWithin is how long work that is under way when the server is to stop may
// wait for the store: one whose commits wait for a standby may not answer at all.
const finishWithin = 3 * time.Second

// outlasting is ctx, but ends so much later.
func outlasting(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		pause(longer, d)
		cancel()
	})
	return longer, func() { stop(); cancel() }
}

func (s *Service) keepKeys(ctx context.Context) error {
	if err := s.fillStock(ctx); err != nil {
		return err
	}
	return s.rotateAll(ctx)
}

// upkeep asks for a look at the keys soon.
func (s *Service) upkeep() {
	select {
	case s.chore <- struct{}{}:
	default:
	}
}

func (s *Service) sweep(ctx context.Context) error {
	for {
		var n int
		at := s.now()
		err := s.store.Update(ctx, func(tx Tx) (err error) {
			n, err = tx.Sweep(ctx, at, at.Add(-rememberFor), sweepLimit)
			return err
		})
		if err != nil || n < sweepLimit {
			return err
		}
		pause(ctx, sweepRest)
	}
}

package userpool_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// full is a store whose disk is full.
type full struct{ userpool.Store }

var errFull = errors.New("disk full")

func (f *full) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	if f.Store != nil {
		return f.Store.Update(ctx, fn)
	}
	return errFull
}

func TestReady_StoreThatTakesNoWrite_IsNotReadyAndSaysWhenItIsAgain(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		disk := &full{Store: w.store}
		s, err := userpool.Open(w.ctx, userpool.Config{Store: disk, Ring: w.ring, Sender: w.phone, PublicURL: "http://localhost:9400"})
		w.must(err)
		w.must(s.Ready(w.ctx))
		disk.Store = nil
		w.must(s.Ready(w.ctx)) // the last look stands a moment
		w.pass(3 * time.Second)
		if err := s.Ready(w.ctx); !errors.Is(err, errFull) {
			t.Errorf("Ready says %v on a full disk", err)
		}
		disk.Store = w.store
		w.pass(3 * time.Second)
		w.must(s.Ready(w.ctx))
	})
}

// A server that has not read the key which others have begun to seal under could
// not open what they write.
func TestReady_ServerThatLacksTheKeyInUse_IsNotReady(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		text, fresh := w.newKey(true)
		other := w.beside(text)
		w.must(w.s.Ready(w.ctx))
		w.pass(3 * time.Second)
		w.must(other.NoteMasterKey(w.ctx))
		err := w.s.Ready(w.ctx)
		if !errors.Is(err, userpool.ErrWrongMasterKey) || !strings.Contains(err.Error(), fresh) {
			t.Errorf("Ready = %v, want that %s is missing", err, fresh)
		}
		w.must(other.Ready(w.ctx))
	})
}

// sweeps counts the transactions that sweep.
type sweeps struct {
	userpool.Store
	n atomic.Int64
}

func (s *sweeps) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	return s.Store.Update(ctx, func(tx userpool.Tx) error { return fn(sweepTx{tx, s}) })
}

type sweepTx struct {
	userpool.Tx
	s *sweeps
}

func (t sweepTx) Sweep(ctx context.Context, at, late time.Time, limit int) (int, error) {
	t.s.n.Add(1)
	return t.Tx.Sweep(ctx, at, late, limit)
}

func TestRun_ManyServersOnOneStore_OneSweepsAtATime(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.stop()
		store := &sweeps{Store: w.store}
		ctx, cancel := context.WithCancel(w.ctx)
		var servers sync.WaitGroup
		for range 3 {
			s, err := userpool.Open(ctx, userpool.Config{
				Store: store, Ring: w.ring, Sender: w.phone, Region: "us-east-1", PublicURL: "http://localhost:9400", Shared: true,
			})
			w.must(err)
			servers.Go(func() { w.must(s.Run(ctx)) })
			w.pass(7 * time.Second) // they were not started together
		}
		const minutes = 10
		before := store.n.Load()
		w.pass(minutes * time.Minute)
		if n := store.n.Load() - before; n < minutes-1 || n > minutes+1 {
			t.Errorf("%d sweeps in %d minutes", n, minutes)
		}
		cancel()
		servers.Wait()
		w.start()
	})
}

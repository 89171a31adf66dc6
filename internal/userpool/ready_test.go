package userpool_test

import (
	"context"
	"errors"
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

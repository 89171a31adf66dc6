package userpool_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// hanging is a store whose commits wait for ever once a text was sent, as they do
// for a standby that is away; it is its sender as well.
type hanging struct {
	userpool.Store
	sms.Sender
	hangs atomic.Bool
}

func (h *hanging) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	err := h.Store.Update(ctx, fn)
	if err == nil && h.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (h *hanging) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	h.hangs.Store(true)
	return h.Sender.Send(ctx, m)
}

func TestRun_WhileCommitsHang_EndsWhenItIsToldTo(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.stop()
		defer w.start()
		slow := &hanging{Store: w.store, Sender: w.phone}
		s, err := userpool.Open(w.ctx, userpool.Config{Store: slow, Ring: w.ring, Sender: slow, PublicURL: "http://localhost:9400"})
		w.must(err)
		w.signUp(home, asha, password)
		ctx, cancel := context.WithCancel(w.ctx)
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		synctest.Wait()
		if w.texts(asha) != 1 {
			t.Fatal("no text was sent")
		}
		s.End(s.Begin(w.ctx, userpool.Call{Operation: "SignUp"}), errors.New("refused")) // a row of the trail
		w.pass(time.Minute)
		cancel()
		told := time.Now()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if d := time.Since(told); d > 20*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

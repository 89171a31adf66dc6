package userpool_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// provider is a sender with a life of its own.
type provider struct {
	mu    sync.Mutex // guards the fields below
	slow  time.Duration
	fails []error // of the next sends
	count map[string]int
}

func (p *provider) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	p.mu.Lock()
	slow := p.slow
	p.mu.Unlock()
	timer := time.NewTimer(slow)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return sms.Receipt{}, ctx.Err()
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.fails) > 0 {
		err := p.fails[0]
		p.fails = p.fails[1:]
		return sms.Receipt{}, err
	}
	p.count[m.ID]++
	return sms.Receipt{}, nil
}

// failNext has the next tries fail of errors, and returns those that none has had.
func (p *provider) failNext(errs []error) (left []error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left, p.fails = p.fails, errs
	return left
}

// through restarts the server with another sender.
func (w *world) through(s sms.Sender) {
	w.t.Helper()
	w.stop()
	var err error
	w.s, err = userpool.Open(w.ctx, userpool.Config{Store: w.store, Ring: w.ring, Sender: s, Messages: w.messages, Region: "us-east-1", PublicURL: "http://localhost:9400", Guard: guard.NewEngine(w.guard)})
	w.must(err)
	w.start()
}

func TestOutbox_SlowProvider_NothingIsSentTwice(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		p := &provider{slow: 9 * time.Second, count: make(map[string]int)}
		w.through(p)
		w.stop()
		for i := range 90 {
			w.signUp(home, fmt.Sprintf("+9198%08d", i), "")
		}
		w.start()
		w.pass(5 * time.Minute)
		if len(p.count) != 90 {
			t.Errorf("%d of 90 texts were sent", len(p.count))
		}
		for _, n := range p.count {
			if n > 1 {
				t.Errorf("a text was sent %d times", n)
			}
		}
	})
}

// A server that starts takes what was claimed by the one before it, and not again and
// again what it could not send itself.
func TestOutbox_AfterAStart_WhatIsRefusedWaitsAsAlways(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		p := &provider{count: make(map[string]int)}
		w.through(p)
		w.stop()
		const waiting = 3 * 32 // more than are claimed at once
		for i := range waiting {
			w.signUp(home, fmt.Sprintf("+9198%08d", i), "")
		}
		p.failNext(slices.Repeat([]error{&sms.SendError{Outcome: sms.NotYet}}, 1000))
		w.start()
		w.pass(time.Second)
		if tries := 1000 - len(p.failNext(nil)); tries != waiting {
			t.Errorf("%d texts were tried %d times in a second", waiting, tries)
		}
		w.pass(10 * time.Second)
		if len(p.count) != waiting {
			t.Errorf("%d of %d texts were sent", len(p.count), waiting)
		}
	})
}

func TestOutbox_ClaimThatCannotBeCommitted_SendsNothing(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		store := &failing{Store: w.store}
		w.on(store)
		w.settle()
		w.phone.Fail(&sms.SendError{Outcome: sms.NotYet})
		w.signUp(home, asha, "")
		w.settle()
		store.fails.Store(true)
		w.phone.Fail(nil)
		w.pass(time.Minute)
		if n := w.texts(asha); n != 0 {
			t.Errorf("%d texts while no claim could be written down", n)
		}
		store.fails.Store(false)
		w.pass(time.Minute)
		if n := w.texts(asha); n != 1 {
			t.Errorf("%d texts once claims could be written down again", n)
		}
	})
}

func TestBudget_TextsAreGivenBackOnce(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		to := userpool.Contact{Number: phone.FromCanonical(asha)}
		count := func() (n int) {
			w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
				n, err = tx.Count(w.ctx, "number/texts/1h0m0s/"+w.s.PartyOf(to, home).Number, time.Now())
				return err
			}))
			return n
		}
		w.signUp(home, ravi, "")
		w.signUp(home, "+919800000009", "")
		w.settle()
		before := count()
		w.custom(home, asha)
		code := w.code(asha)
		w.pass(31 * time.Second)
		w.phone.Fail(&sms.SendError{Outcome: sms.SurelyNotSent})
		r := w.custom(home, asha) // a resend that the provider refuses
		w.settle()
		w.phone.Fail(nil)
		if n := count(); n != before+1 {
			t.Errorf("%d texts are counted, want %d", n, before+1)
		}
		_, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", code)
		w.must(err)
		if n := count(); n != before {
			t.Errorf("%d texts are counted after the right answer, want %d", n, before)
		}
	})
}

func TestOutbox_SurelyNotSent_TheNextRequestSendsAtOnce(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.phone.Fail(&sms.SendError{Outcome: sms.SurelyNotSent})
		w.signUp(home, asha, "")
		w.settle()
		w.phone.Fail(nil)
		w.pass(time.Second)
		w.must(w.resend(home, asha)) // no gap after a text that never was
		if n := w.texts(asha); n != 1 {
			t.Errorf("%d texts", n)
		}
	})
}

func TestRepeat_ResendWithoutInvocation_AfterTheGapSendsAgain(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		c := tried(home, "", "Resend "+asha)
		w.signUp(home, asha, "")
		for _, wait := range []time.Duration{5 * time.Second, 26 * time.Second} {
			w.pass(wait)
			w.must(w.resend(c, asha))
		}
		if n := w.texts(asha); n != 2 {
			t.Errorf("%d texts, want the sign-up's and one after the gap", n)
		}
	})
}

// watcher notes how late texts were at each send.
type watcher struct {
	late func() time.Duration
	most atomic.Int64
}

func (x *watcher) Send(context.Context, sms.Message) (sms.Receipt, error) {
	for late := int64(x.late()); ; {
		most := x.most.Load()
		if late <= most || x.most.CompareAndSwap(most, late) {
			return sms.Receipt{}, nil
		}
	}
}

func TestTextsLate_FromWhenTheFirstWasDueUntilItIsHandedOver(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		x := &watcher{late: func() time.Duration { return w.s.TextsLate() }}
		w.through(x)
		many := func(first int) {
			for i := range 100 { // some claims, so that there are more to come while the first are sent
				w.signUp(home, fmt.Sprintf("+9198%08d", first+i), "")
			}
		}
		many(0)
		w.settle()
		if late := x.most.Load(); late > 0 {
			t.Errorf("%s late at sends that nothing kept waiting", time.Duration(late))
		}
		w.stop()
		many(100)
		w.pass(2 * time.Second)
		w.start()
		w.settle()
		if late := time.Duration(x.most.Load()); late != 2*time.Second {
			t.Errorf("%s late at most, with texts that had waited for two seconds", late)
		}
		if late := w.s.TextsLate(); late != 0 {
			t.Errorf("%s late with nothing to send", late)
		}
	})
}

func TestTextsLate_ASlowSender_MakesThemLateToo(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.through(&provider{slow: 9 * time.Second, count: make(map[string]int)})
		for i := range 120 {
			w.signUp(home, fmt.Sprintf("+9198%08d", i), "")
		}
		w.pass(4 * time.Second)
		if late := w.s.TextsLate(); late != 4*time.Second {
			t.Errorf("%s late behind texts that take nine seconds", late)
		}
		w.pass(time.Minute)
		if late := w.s.TextsLate(); late != 0 {
			t.Errorf("%s late when all are sent", late)
		}
	})
}

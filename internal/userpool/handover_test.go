package userpool_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// instead runs one more server on the store in the place of the world's, until its
// caller ends it.
func (w *world) instead(store userpool.Store, shared bool) (s *userpool.Service, end func()) {
	w.t.Helper()
	s, err := userpool.Open(w.ctx, userpool.Config{
		Store: store, Ring: w.ring, Sender: w.phone, Mailer: w.mail, Region: "us-east-1",
		PublicURL: "http://localhost:9400", Guard: guard.NewEngine(w.guard), Shared: shared,
	})
	w.must(err)
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	return s, func() {
		cancel()
		w.must(<-done)
	}
}

// silentStore commits, and does not say so, as to a caller who has just gone.
type silentStore struct {
	userpool.Store
	silent atomic.Bool
}

var errSilent = errors.New("nobody knows")

func (s *silentStore) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	err := s.Store.Update(ctx, fn)
	if s.silent.Swap(false) {
		return errors.Join(errSilent, err)
	}
	return err
}

// sentOnce checks that the number has had one text more than before, and gets no other.
func (w *world) sentOnce(number string, before int) {
	w.t.Helper()
	if n := w.texts(number) - before; n != 1 {
		w.t.Errorf("%d texts at once, want 1", n)
	}
	w.pass(5 * time.Minute)
	if n := w.texts(number) - before; n != 1 {
		w.t.Errorf("%d texts in the end, want 1", n)
	}
}

func TestHandover_CommitInDoubt_TheTextIsSentOnceAndAtOnce(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		w.pass(time.Minute)
		w.stop()
		before := w.texts(asha)
		store := &silentStore{Store: w.store}
		s, end := w.instead(store, false)
		w.settle()
		store.silent.Store(true)
		_, err := s.InitiateAuth(w.ctx, userpool.AuthRequest{
			Caller: home, ClientID: w.client, Flow: "CUSTOM_AUTH", Parameters: map[string]string{"USERNAME": asha},
		})
		if !errors.Is(err, errSilent) {
			t.Fatalf("got %v", err)
		}
		w.sentOnce(asha, before)
		end()
		w.start()
	})
}

// A server that dies leaves texts behind that it had claimed. One that has the store for
// itself knows that nobody sends them; others leave them alone until the lease is over.
func TestHandover_ServerDies_TheNextSendsWhatItHadClaimed(t *testing.T) {
	for shared, wait := range map[bool]time.Duration{false: 0, true: 30 * time.Second} {
		inWorld(t, options{}, func(w *world) {
			w.stop()
			w.signUp(home, asha, "")
			w.must(w.store.Update(w.ctx, func(tx userpool.Tx) error {
				all, err := tx.ClaimMessages(w.ctx, time.Now(), time.Now().Add(30*time.Second), 10)
				if len(all) != 1 {
					t.Errorf("%d texts wait", len(all))
				}
				return err
			}))
			_, end := w.instead(w.store, shared)
			if wait > 0 {
				w.pass(wait - time.Second)
				if n := w.texts(asha); n != 0 {
					t.Errorf("%d texts before the lease is over", n)
				}
				w.pass(6 * time.Second) // when it next looks for those of others
			}
			if n := w.texts(asha); n != 1 {
				t.Errorf("%d texts from the next server (shared: %t), want 1", n, shared)
			}
			end()
			w.start()
		})
	}
}

// startingStore keeps a server that starts from freeing what the one before it had claimed.
type startingStore struct {
	userpool.Store
	asked atomic.Bool
	may   chan struct{} // closed when it may
}

type startingTx struct {
	userpool.Tx
	s *startingStore
}

var errNotYet = errors.New("not yet")

func (s *startingStore) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	err := s.Store.Update(ctx, func(tx userpool.Tx) error { return fn(startingTx{tx, s}) })
	if !errors.Is(err, errNotYet) {
		return err
	}
	<-s.may
	return s.Store.Update(ctx, fn)
}

func (tx startingTx) FreeMessages(ctx context.Context, now, until time.Time) error {
	if tx.s.asked.CompareAndSwap(false, true) {
		return errNotYet
	}
	return tx.Tx.FreeMessages(ctx, now, until)
}

// What is claimed when a server frees what another left need not be of one that died:
// requests are answered already, and a text that was put in meanwhile may be on its way.
func TestHandover_ATextWhileTheServerStarts_IsSentOnce(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		w.pass(time.Minute)
		w.stop()
		before := w.texts(asha)
		store := &startingStore{Store: w.store, may: make(chan struct{})}
		s, end := w.instead(store, false)
		w.settle()
		if !store.asked.Load() {
			t.Fatal("a server that starts frees nothing")
		}
		_, err := s.InitiateAuth(w.ctx, userpool.AuthRequest{
			Caller: home, ClientID: w.client, Flow: "CUSTOM_AUTH", Parameters: map[string]string{"USERNAME": asha},
		})
		w.must(err)
		w.settle() // what is to be sent is sent, and not written down yet
		close(store.may)
		w.sentOnce(asha, before)
		end()
		w.start()
	})
}

// What a sign-in costs the disk is as much part of it as what it answers.
func TestSignIn_TakesThreeCommits(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		w.pass(time.Minute)
		w.stop()
		store := &counted{DB: w.store}
		s, end := w.instead(store, false)
		w.settle()
		store.views.Store(0)
		store.updates.Store(0)
		r, err := s.InitiateAuth(w.ctx, userpool.AuthRequest{
			Caller: home, ClientID: w.client, Flow: "CUSTOM_AUTH", Parameters: map[string]string{"USERNAME": asha},
		})
		w.must(err)
		r, err = s.RespondToAuthChallenge(w.ctx, userpool.AnswerRequest{
			Caller: home, ClientID: w.client, Challenge: "CUSTOM_CHALLENGE", Session: r.Session,
			Responses: map[string]string{"USERNAME": asha, "ANSWER": w.code(asha)},
		})
		w.must(err)
		w.tokens(r)
		w.pass(time.Second)
		if views, updates := store.views.Load(), store.updates.Load(); views != 2 || updates != 3 {
			t.Errorf("a sign-in takes %d views and %d updates, want 2 and 3", views, updates)
		}
		end()
		w.start()
	})
}

// lateStore has the next Update wait before its function runs, or before it returns.
type lateStore struct {
	userpool.Store
	before, after atomic.Int64 // time.Durations
}

func (s *lateStore) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	before, after := s.before.Swap(0), s.after.Swap(0)
	time.Sleep(time.Duration(before))
	err := s.Store.Update(ctx, fn)
	time.Sleep(time.Duration(after))
	return err
}

// firstTries is how many of the texts that the provider sent were sent by the first try.
func (w *world) firstTries(p *provider) (n int) {
	w.t.Helper()
	w.must(w.store.View(w.ctx, func(tx userpool.Tx) error {
		for id := range p.count {
			text, found, err := tx.Text(w.ctx, userpool.MessageID(id))
			if err != nil || !found {
				return fmt.Errorf("the text %s: %t, %w", id, found, err)
			}
			if text.Attempts == 1 {
				n++
			}
		}
		return nil
	}))
	return n
}

// A request may have taken long, for a function of the pool's or for the store, before it
// put its text in the outbox, or before it was told that it did. The text is not sent
// twice for that, as one that another server may claim meanwhile would be.
func TestHandover_LateRequest_TheTextIsSentOnce(t *testing.T) {
	for _, late := range []struct{ before, after time.Duration }{{before: 28 * time.Second}, {after: 25 * time.Second}} {
		inWorld(t, options{}, func(w *world) {
			store := &lateStore{Store: w.store}
			p := &provider{slow: 8 * time.Second, count: make(map[string]int)}
			w.stop()
			s, err := userpool.Open(w.ctx, userpool.Config{
				Store: store, Ring: w.ring, Sender: p, Region: "us-east-1",
				PublicURL: "http://localhost:9400", Guard: guard.NewEngine(w.guard), Shared: true,
			})
			w.must(err)
			w.s = s
			w.start()
			w.settle()
			store.before.Store(int64(late.before))
			store.after.Store(int64(late.after))
			w.signUp(home, asha, "")
			w.pass(5 * time.Minute)
			if len(p.count) != 1 {
				t.Errorf("%+v: %d texts, want 1", late, len(p.count))
			}
			for _, n := range p.count {
				if n > 1 {
					t.Errorf("%+v: the text was sent %d times", late, n)
				}
			}
			if w.firstTries(p) != 1 {
				t.Errorf("%+v: the claim that came late counts as a try", late)
			}
		})
	}
}

// A text for which there was no room waits in the outbox, and is looked for there also
// when nobody was told that it is stored.
func TestHandover_NoRoomAndCommitInDoubt_TheTextIsSentWithTheNextRoom(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		const slow = 8 * time.Second
		p := &provider{slow: slow, count: make(map[string]int)}
		store := &silentStore{Store: w.store}
		w.stop()
		s, err := userpool.Open(w.ctx, userpool.Config{
			Store: store, Ring: w.ring, Sender: p, Region: "us-east-1", PublicURL: "http://localhost:9400", LimitsOff: true,
		})
		w.must(err)
		w.s = s
		w.start()
		w.settle()
		const room = 32
		for n := range room {
			w.signUp(home, fmt.Sprintf("+9198000001%02d", n), "")
		}
		store.silent.Store(true)
		if _, err := w.trySignUp(home, asha, ""); !errors.Is(err, errSilent) {
			t.Fatalf("got %v", err)
		}
		w.pass(2*slow + time.Second)
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.count) != room+1 {
			t.Errorf("%d texts, want %d", len(p.count), room+1)
		}
	})
}

// heldStore has Updates of a context that says so return late.
type heldStore struct{ userpool.Store }

type heldKey struct{}

func (s heldStore) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	err := s.Store.Update(ctx, fn)
	if late, ok := ctx.Value(heldKey{}).(time.Duration); ok {
		time.Sleep(late)
	}
	return err
}

// Transactions that hang have all the room. A message that was claimed before waits for
// them, and when its lease is over it is another server's.
func TestOutbox_RoomComesAfterTheLease_TheTextIsSentOnce(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		p := &provider{count: make(map[string]int)}
		open := func(store userpool.Store) *userpool.Service {
			s, err := userpool.Open(w.ctx, userpool.Config{
				Store: store, Ring: w.ring, Sender: p, Region: "us-east-1", PublicURL: "http://localhost:9400", LimitsOff: true, Shared: true,
			})
			w.must(err)
			return s
		}
		w.stop()
		w.s = open(heldStore{w.store})
		w.start()
		w.settle()
		held := context.WithValue(w.ctx, heldKey{}, 45*time.Second)
		var hang sync.WaitGroup
		for n := range 32 {
			hang.Go(func() {
				_, err := w.s.SignUp(held, userpool.SignUpRequest{Caller: home, ClientID: w.client, Username: fmt.Sprintf("+9198000001%02d", n)})
				if err != nil {
					t.Error(err)
				}
			})
		}
		w.settle()
		_, err := open(w.store).SignUp(w.ctx, userpool.SignUpRequest{Caller: home, ClientID: w.client, Username: asha}) // which sends nothing itself
		w.must(err)
		w.pass(6 * time.Second) // now it is claimed
		ctx, cancel := context.WithCancel(w.ctx)
		defer cancel()
		other := open(w.store)
		hang.Go(func() { w.must(other.Run(ctx)) })
		w.pass(5 * time.Minute)
		cancel()
		hang.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		for id, n := range p.count {
			if n > 1 {
				t.Errorf("the text %s was sent %d times", id, n)
			}
		}
		if len(p.count) != 33 {
			t.Errorf("%d texts, want 33", len(p.count))
		}
		// A claim for which there was no room is none. Of those of the transactions that
		// hang nobody knows.
		if n := w.firstTries(p); n != 1 {
			t.Errorf("%d texts were sent by the first try that counts, want 1", n)
		}
	})
}

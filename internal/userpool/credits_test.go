package userpool_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// cellWrites counts the transactions that write a country's window.
type cellWrites struct {
	userpool.Store
	n     atomic.Int64
	doubt atomic.Bool // of the next nobody is told that it is stored
}

type cellWriter struct {
	userpool.Tx
	wrote *bool
}

func (s *cellWrites) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	wrote := false
	err := s.Store.Update(ctx, func(tx userpool.Tx) error {
		wrote = false
		return fn(cellWriter{tx, &wrote})
	})
	if wrote && err == nil {
		s.n.Add(1)
		if s.doubt.Swap(false) {
			return errCommit
		}
	}
	return err
}

func (t cellWriter) PutCells(ctx context.Context, keys []guard.Key, cells []guard.Cell) error {
	*t.wrote = true
	return t.Tx.PutCells(ctx, keys, cells)
}

// Servers that share a store credit the codes of a moment together: of many who sign in
// at once none waits for another over the country, and nothing that they earn is lost.
func TestCredits_OfManyAtOnce_AreOneTransaction(t *testing.T) {
	inWorld(t, options{guard: shipped()}, func(w *world) {
		const people = 9
		for i := range people {
			w.member(from(i), neighbour(i*1111), "")
		}
		w.pass(time.Hour)
		w.stop()
		store := &cellWrites{Store: w.store}
		s, end := w.instead(store, true)
		w.settle()
		entry := func() guard.Cell {
			var cells []guard.Cell
			key := guard.CountryKey("IN")
			key.Kind = guard.CellEntry
			w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
				cells, err = tx.Cells(w.ctx, []guard.Key{key})
				return err
			}))
			return cells[0]
		}
		usedCodes := func() int {
			n := 0
			w.must(w.store.View(w.ctx, func(tx userpool.Tx) error {
				lines, err := tx.Decisions(w.ctx, userpool.DecisionPage{Limit: 1000})
				for _, l := range lines {
					if !l.UsedAt.IsZero() {
						n++
					}
				}
				return err
			}))
			return n
		}
		sessions := make([]string, people)
		for i := range people {
			r, err := s.InitiateAuth(w.ctx, userpool.AuthRequest{
				Caller: from(i), ClientID: w.client, Flow: "CUSTOM_AUTH", Parameters: map[string]string{"USERNAME": neighbour(i * 1111)},
			})
			w.must(err)
			sessions[i] = r.Session
		}
		w.settle()
		before, used, wrote := entry(), usedCodes(), store.n.Load()
		for i := range people {
			call := s.Begin(w.ctx, userpool.Call{Operation: "RespondToAuthChallenge", RequestID: fmt.Sprint(i)})
			_, err := s.RespondToAuthChallenge(call, userpool.AnswerRequest{
				Caller: from(i), ClientID: w.client, Challenge: "CUSTOM_CHALLENGE", Session: sessions[i],
				Responses: map[string]string{"USERNAME": neighbour(i * 1111), "ANSWER": w.code(neighbour(i * 1111))},
			})
			s.End(call, err)
			w.must(err)
		}
		if n := store.n.Load() - wrote; n != 0 {
			t.Errorf("%d answers wrote cells", n)
		}
		w.pass(time.Second)
		if n := usedCodes() - used; n != people {
			t.Errorf("%d codes are noted as used, of %d", n, people)
		}
		if n := store.n.Load() - wrote; n != 1 {
			t.Errorf("%d transactions wrote cells for %d answers", n, people)
		}
		// Half a text for each known number's code.
		if earned := entry().Credit - before.Credit; earned < people/2.0-0.01 || earned > people/2.0+0.01 {
			t.Errorf("the country's window has earned %g texts", earned)
		}
		end()
		w.start()
	})
}

// A credit of which nobody knows whether it is stored is not given again where it is: it
// would let more through than was earned.
func TestCredits_CommitInDoubt_AreNotGivenTwice(t *testing.T) {
	inWorld(t, options{guard: shipped()}, func(w *world) {
		w.member(home, asha, "")
		w.pass(time.Hour)
		w.stop()
		store := &cellWrites{Store: w.store}
		s, end := w.instead(store, true)
		w.settle()
		session := begunBy(w, s)
		w.settle()
		wrote := store.n.Load()
		store.doubt.Store(true)
		w.must(answeredBy(w, s, session, "1"))
		w.pass(10 * time.Second)
		if n := store.n.Load() - wrote; n != 1 {
			t.Errorf("a code is credited by %d transactions that are stored", n)
		}
		end()
		w.start()
	})
}

// doubtfulStore does not say whether the next Update is stored, and stores it or not.
type doubtfulStore struct {
	userpool.Store
	doubt, stores atomic.Bool
}

func (s *doubtfulStore) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	doubt := s.doubt.Swap(false)
	err := s.Store.Update(ctx, func(tx userpool.Tx) error {
		if err := fn(tx); err != nil || !doubt || s.stores.Load() {
			return err
		}
		return errSilent
	})
	if doubt && err == nil {
		return errSilent
	}
	return err
}

// An answer of which nobody is told whether it is stored is credited if it is.
func TestCredits_AnswerInDoubt_IsCreditedIfItIsStored(t *testing.T) {
	for _, stores := range []bool{true, false} {
		inWorld(t, options{guard: shipped()}, func(w *world) {
			w.member(home, asha, "")
			w.pass(time.Hour)
			w.stop()
			cells := &cellWrites{Store: w.store}
			store := &doubtfulStore{Store: cells}
			store.stores.Store(stores)
			s, end := w.instead(store, true)
			w.settle()
			session := begunBy(w, s)
			w.pass(time.Second) // what became of its text is stored
			wrote := cells.n.Load()
			credited := func() bool {
				w.pass(time.Second)
				return cells.n.Load() > wrote
			}
			usedTexts := func() (n int) {
				w.must(w.store.View(w.ctx, func(tx userpool.Tx) error {
					all, err := tx.TextEvidence(w.ctx, time.Time{}, time.Now().Add(time.Hour))
					for _, e := range all {
						n += e.Used
					}
					return err
				}))
				return n
			}
			answer := func(id string) error { return answeredBy(w, s, session, id) }
			before := usedTexts()
			store.doubt.Store(true)
			if err := answer("1"); !errors.Is(err, errSilent) {
				t.Fatalf("got %v", err)
			}
			if got := credited(); got != stores {
				t.Errorf("an answer is stored: %t, and credited: %t", stores, got)
			}
			if got := usedTexts() > before; got != stores {
				t.Errorf("an answer is stored: %t, and its text is used: %t", stores, got)
			}
			if !stores {
				w.must(answer("2"))
				if !credited() {
					t.Error("its repetition is not credited")
				}
				if usedTexts() == before {
					t.Error("the text of its repetition is not used")
				}
			}
			end()
			w.start()
		})
	}
}

// begunBy has a service begin a sign-in of Asha's, and returns its Session.
func begunBy(w *world, s *userpool.Service) string {
	r, err := s.InitiateAuth(w.ctx, userpool.AuthRequest{
		Caller: home, ClientID: w.client, Flow: "CUSTOM_AUTH", Parameters: map[string]string{"USERNAME": asha},
	})
	w.must(err)
	return r.Session
}

// answeredBy gives a service the last code for a sign-in of Asha's.
func answeredBy(w *world, s *userpool.Service, session, requestID string) error {
	call := s.Begin(w.ctx, userpool.Call{Operation: "RespondToAuthChallenge", RequestID: requestID})
	_, err := s.RespondToAuthChallenge(call, userpool.AnswerRequest{
		Caller: home, ClientID: w.client, Challenge: "CUSTOM_CHALLENGE", Session: session,
		Responses: map[string]string{"USERNAME": asha, "ANSWER": w.code(asha)},
	})
	s.End(call, err)
	return err
}

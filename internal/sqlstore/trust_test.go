package sqlstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

var owner = guard.Party{Number: "owner"}

// tryOnce is a try of the owner's number, right or wrong; pause is called when it has been
// looked at, in each run.
func tryOnce(ctx context.Context, db *postgres, right bool, now time.Time, pause func()) error {
	return db.Update(ctx, func(tx userpool.Tx) error {
		if _, err := tx.Meta(ctx, "any"); err != nil { // there is a snapshot from here on
			return err
		}
		if err := guard.SpendTry(ctx, tx, owner, now); err != nil {
			return err
		}
		pause()
		if !right {
			return nil
		}
		return guard.RightTry(ctx, tx, owner, now)
	})
}

func none() {}

func counter(t *testing.T, db *postgres, key string, now time.Time) int {
	t.Helper()
	return countOf(t, db, key+"/owner", now)
}

// However many answers race on two servers, ten wrong ones are looked at.
func TestTrust_OfAnswersThatRace_NoMoreAreLookedAtThanTheLimit(t *testing.T) {
	all, now := nodes(t, 2), time.Now()
	var looked atomic.Int64
	var everybody sync.WaitGroup
	for i := range 30 {
		everybody.Go(func() {
			err := tryOnce(t.Context(), all[i%2], false, now, none)
			switch {
			case err == nil:
				looked.Add(1)
			case !fault.Is(err, fault.LimitExceeded):
				t.Error(err)
			}
		})
	}
	everybody.Wait()
	if looked.Load() != 10 || counter(t, all[0], "number/tries/1h0m0s", now) != 10 {
		t.Errorf("%d were looked at, and %d counted", looked.Load(), counter(t, all[0], "number/tries/1h0m0s", now))
	}
}

// A right answer that is on its way while others use up the limit is refused: else
// whoever has many on their way at once would have as many looked at.
func TestTrust_ARightAnswerThatRaces_IsCountedBeforeItIsGivenBack(t *testing.T) {
	all, now := nodes(t, 2), time.Now()
	runs := 0
	err := tryOnce(t.Context(), all[0], true, now, func() {
		if runs++; runs > 1 {
			return
		}
		for range 10 {
			if err := tryOnce(t.Context(), all[1], false, now, none); err != nil {
				t.Error(err)
			}
		}
	})
	if runs != 2 || !fault.Is(err, fault.LimitExceeded) {
		// The second run trusts again, and looks; what it decided is not stored.
		t.Errorf("it ended in %v after it was looked at %d times", err, runs)
	}
	if n := counter(t, all[0], "number/tries/1h0m0s", now); n != 10 {
		t.Errorf("%d are counted", n)
	}
}

// The row that others begin and end meanwhile is as it was found; what they add to it is
// seen all the same.
func TestTrust_ARightAnswerRacesWithOneThatEndsTheRow_TheLimitHolds(t *testing.T) {
	for _, c := range []struct {
		before, after int // wrong ones of the other server, and a right one between
		refused       bool
		runs          int
	}{
		{1, 9, true, 2},
		{5, 5, true, 2},
		{1, 8, false, 3},
		{9, 0, false, 1},
	} {
		all, now := nodes(t, 2), time.Now()
		answer := func(n int, right bool) {
			for range n {
				if err := tryOnce(t.Context(), all[1], right, now, none); err != nil {
					t.Error(err)
				}
			}
		}
		runs := 0
		err := tryOnce(t.Context(), all[0], true, now, func() {
			if runs++; runs > 1 {
				return
			}
			answer(c.before, false)
			answer(1, true)
			answer(c.after, false)
		})
		if refused := fault.Is(err, fault.LimitExceeded); refused != c.refused || !refused && err != nil || runs != c.runs {
			t.Errorf("%d wrong, a right, %d wrong: it ended in %v after %d runs", c.before, c.after, err, runs)
		}
		if n := counter(t, all[0], "number/tries/1h0m0s", now); n != c.before+c.after {
			t.Errorf("%d wrong, a right, %d wrong: %d are counted", c.before, c.after, n)
		}
	}
}

// What an answer that is right gives back and ends is what it does without trust.
func TestTrust_ARightAnswer_GivesBackItsOwnAndEndsTheRow(t *testing.T) {
	db, now := nodes(t, 1)[0], time.Now()
	for range 3 {
		if err := tryOnce(t.Context(), db, false, now, none); err != nil {
			t.Fatal(err)
		}
	}
	runs := 0
	if err := tryOnce(t.Context(), db, true, now, func() { runs++ }); err != nil || runs != 2 {
		t.Fatalf("%v after %d runs", err, runs) // there was a row to end, which it did not trust in
	}
	if err := tryOnce(t.Context(), db, true, now, func() { runs++ }); err != nil || runs != 3 {
		t.Fatalf("%v after %d runs", err, runs)
	}
	for key, want := range map[string]int{
		"number/tries/1h0m0s": 3, "number/tries/24h0m0s": 3, "number/tries/720h0m0s": 3, "number/row/8760h0m0s": 0,
	} {
		if n := counter(t, db, key, now); n != want {
			t.Errorf("%s is at %d and not at %d", key, n, want)
		}
	}
	// A window that is over is none.
	later := now.Add(time.Hour)
	for range 10 {
		if err := tryOnce(t.Context(), db, false, later, none); err != nil {
			t.Fatal(err)
		}
	}
	if err := tryOnce(t.Context(), db, true, later, none); !fault.Is(err, fault.LimitExceeded) {
		t.Errorf("the eleventh: %v", err)
	}
}

// Where the windows open and close is the same, whether all was given back or nothing
// was there.
func TestTrust_AWindow_OpensWithTheFirstThatStays(t *testing.T) {
	db, now := nodes(t, 1)[0], time.Now()
	late := now.Add(40 * time.Minute)
	for _, a := range []struct {
		right bool
		at    time.Time
	}{{true, now}, {false, late}} {
		if err := tryOnce(t.Context(), db, a.right, a.at, none); err != nil {
			t.Fatal(err)
		}
	}
	if n := counter(t, db, "number/tries/1h0m0s", late.Add(59*time.Minute)); n != 1 {
		t.Errorf("%d are counted an hour after the first that stayed", n)
	}
}

// A counter that another stands for is looked at all the same.
func TestTrust_WhatAnotherStandsFor_IsLookedAt(t *testing.T) {
	db, now := nodes(t, 1)[0], time.Now()
	limit := guard.Limit{Max: 2, Window: time.Hour}
	bill := []guard.Payment{{Key: "a", Limit: limit, Amount: 1}, {Key: "b", Limit: limit, Amount: 1}, {Key: "lead", Limit: limit, Amount: 1}}
	for n, want := range []int{1, 1, 2, 2} { // runs
		runs := 0
		err := db.Update(t.Context(), func(tx userpool.Tx) error {
			runs++
			ok, err := tx.PayTrusting(t.Context(), bill, now)
			switch {
			case err != nil:
				return err
			case !ok:
				return errTakenBack
			}
			if err := tx.Refund(t.Context(), bill[:2], now); err != nil {
				return err
			}
			tx.ClearTrusting("lead")
			return nil
		})
		if (want == 1) != (err == nil) || err != nil && !errors.Is(err, errTakenBack) || runs != want {
			t.Errorf("with %d spent it ran %d times: %v", n, runs, err)
		}
		if err := db.Update(t.Context(), func(tx userpool.Tx) error {
			_, err := tx.Pay(t.Context(), bill[1:2], now) // the leader is not
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	later := now.Add(time.Hour) // a window that is over is none
	if err := db.Update(t.Context(), func(tx userpool.Tx) error {
		if ok, err := tx.PayTrusting(t.Context(), bill, later); !ok || err != nil {
			return errors.Join(err, errTakenBack)
		}
		return tx.Refund(t.Context(), bill, later)
	}); err != nil {
		t.Error(err)
	}
}

// What is paid of counters that were looked up ahead is decided by them, and nobody comes
// between.
func TestPay_OfWhatWasLookedUpAhead_IsExact(t *testing.T) {
	all, now := nodes(t, 2), time.Now()
	limit := guard.Limit{Max: 3, Window: time.Hour}
	bill := []guard.Payment{{Key: "a", Limit: limit, Amount: 1}, {Key: "b", Limit: limit, Amount: 1}}
	pay := func(db *postgres, pause func()) (spent []guard.Spent, err error) {
		err = db.Update(t.Context(), func(tx userpool.Tx) (err error) {
			tx.Ahead(t.Context(), func(tx userpool.Tx) {
				more := append([]guard.Payment{{Key: "c", Limit: limit, Amount: 1}}, bill...)
				if _, err := tx.Pay(t.Context(), more, now); err != nil {
					t.Error(err)
				}
			})
			if _, err := tx.Meta(t.Context(), "any"); err != nil { // with which they are read
				return err
			}
			pause()
			if spent, err = tx.Pay(t.Context(), bill, now); err != nil {
				return err
			}
			if !spent[0].OK || !spent[1].OK {
				return errTakenBack
			}
			return nil
		})
		if errors.Is(err, errTakenBack) {
			err = nil
		}
		return spent, err
	}
	for n := 1; n <= 4; n++ {
		runs := 0
		spent, err := pay(all[0], func() {
			if runs++; runs == 1 && n == 2 { // another server pays meanwhile
				if _, err := pay(all[1], none); err != nil {
					t.Error(err)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []int{1, 3, 3, 3}[n-1]
		for _, s := range spent {
			if s.OK != (n < 3) || s.Count != want || s.ResetAt.UnixMilli() != now.Add(time.Hour).UnixMilli() {
				t.Errorf("payment %d: %+v", n, s)
			}
		}
		if n == 2 && runs != 2 {
			t.Errorf("it ran %d times", runs)
		}
	}
	for key, want := range map[string]int{"a": 3, "b": 3, "c": 0} {
		if n := countOf(t, all[1], key, now); n != want {
			t.Errorf("%s is at %d", key, n)
		}
	}
}

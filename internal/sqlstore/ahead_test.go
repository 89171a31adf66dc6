package sqlstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

var busy = guard.Limit{Max: 100, Window: time.Hour, Ahead: 5}

// nodes opens one new schema several times, as servers do.
func nodes(t *testing.T, n int) []*postgres {
	t.Helper()
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	all := make([]*postgres, n)
	for i := range all {
		all[i] = openURL(t, url, repeatableRead)
	}
	return all
}

var errTakenBack = errors.New("taken back")

// spendBusy spends one in a transaction, which is stored or not.
func spendBusy(ctx context.Context, db *postgres, now time.Time, stored bool) (s guard.Spent, err error) {
	err = db.Update(ctx, func(tx userpool.Tx) error {
		if s, err = tx.Spend(ctx, "busy", busy, now); err == nil && !stored {
			err = errTakenBack
		}
		return err
	})
	return s, err
}

func countBusy(t *testing.T, db *postgres, now time.Time) (n int) {
	t.Helper()
	err := db.View(t.Context(), func(tx userpool.Tx) (err error) {
		n, err = tx.Count(t.Context(), "busy", now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Three servers spend and give back at once, some of it in transactions that are
// not stored. The limit is never exceeded; refusals come too early by what the
// other servers hold, at most.
func TestAhead_ThreeServers_NeverExceedTheLimitAndUseNearlyAllOfIt(t *testing.T) {
	all, now := nodes(t, 3), time.Now()
	var granted, given atomic.Int64
	var everybody sync.WaitGroup
	for i := range 24 {
		everybody.Go(func() {
			db, rnd := all[i%len(all)], rand.New(rand.NewPCG(uint64(i), 0))
			for range 20 {
				stored := rnd.IntN(3) > 0
				s, err := spendBusy(t.Context(), db, now, stored)
				if err != nil && !errors.Is(err, errTakenBack) {
					t.Error(err)
				}
				if !s.OK || !stored {
					continue
				}
				if n := granted.Add(1) - given.Load(); n > int64(busy.Max) {
					t.Errorf("%d are spent at once", n)
				}
				if rnd.IntN(4) > 0 {
					continue
				}
				given.Add(1) // counted before it can be spent again
				if err := db.Update(t.Context(), func(tx userpool.Tx) error { return tx.GiveBack(t.Context(), "busy", busy, now) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	everybody.Wait()
	spent := int(granted.Load() - given.Load())
	if held := (len(all) - 1) * (busy.Ahead + 24); spent < busy.Max-held {
		t.Errorf("%d of %d were spent when others were refused", spent, busy.Max)
	}
	for _, db := range all {
		db.ahead.settle(t.Context(), true)
	}
	if got := countBusy(t, all[0], now); got != spent {
		t.Errorf("the counter is %d after all was put back, %d were spent", got, spent)
	}
}

func TestAhead_TheLastOfALimit_AreSpentOneByOne(t *testing.T) {
	all, now := nodes(t, 1), time.Now()
	for range busy.Max {
		if s, err := spendBusy(t.Context(), all[0], now, true); err != nil || !s.OK {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	s, err := spendBusy(t.Context(), all[0], now, true)
	if err != nil || s.OK || !s.ResetAt.Equal(time.UnixMilli(now.Add(busy.Window).UnixMilli())) {
		t.Fatalf("beyond the limit: %+v, %v", s, err)
	}
	if s, err = spendBusy(t.Context(), all[0], now.Add(busy.Window), true); err != nil || !s.OK {
		t.Fatalf("in the next window: %+v, %v", s, err)
	}
}

func TestAhead_WhatNobodyNeeds_GoesBack(t *testing.T) {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	synctest.Test(t, func(t *testing.T) {
		db, err := openPostgres(t.Context(), url, serializable, Options{}.withDefaults())
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		if _, err := spendBusy(t.Context(), db, now, true); err != nil {
			t.Fatal(err)
		}
		if got := countBusy(t, db, now); got != busy.Ahead {
			t.Errorf("%d are counted while %d are held", got, busy.Ahead)
		}
		<-time.After(3 * holdFor)
		synctest.Wait()
		if got := countBusy(t, db, now); got != 1 {
			t.Errorf("%d are counted after a while, want the one that was spent", got)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAhead_AClosedServer_HoldsNothing(t *testing.T) {
	url, now := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)), time.Now()
	first := openURL(t, url, repeatableRead)
	if _, err := spendBusy(t.Context(), first, now, true); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if got := countBusy(t, openURL(t, url, repeatableRead), now); got != 1 {
		t.Errorf("%d are counted, want the one that was spent", got)
	}
}

// spendAll spends until it is refused and says how many there were.
func spendAll(t *testing.T, db *postgres, now time.Time) int {
	t.Helper()
	for n := 0; ; n++ {
		s, err := spendBusy(t.Context(), db, now, true)
		if err != nil {
			t.Fatal(err)
		}
		if !s.OK {
			return n
		}
	}
}

// A transaction that began in one window and is rolled back in the next undoes what
// it spent in the one.
func TestAhead_WhatIsUndoneInTheNextWindow_IsOfTheOneBefore(t *testing.T) {
	db, now := nodes(t, 1)[0], time.Now()
	next, spent := now.Add(busy.Window), 0
	err := db.Update(t.Context(), func(tx userpool.Tx) error {
		if _, err := tx.Spend(t.Context(), "busy", busy, now); err != nil {
			return err
		}
		spent = spendAll(t, db, next)
		return errTakenBack
	})
	if !errors.Is(err, errTakenBack) {
		t.Fatal(err)
	}
	if spent += spendAll(t, db, next); spent != busy.Max {
		t.Errorf("%d were spent in a window of %d", spent, busy.Max)
	}
}

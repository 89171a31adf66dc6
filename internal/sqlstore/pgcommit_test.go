package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// putKey is an Update that leaves something to be found.
func putKey(ctx context.Context, db *postgres, key string) error {
	return db.Update(ctx, func(tx userpool.Tx) error { return tx.PutMeta(ctx, key, "stored") })
}

func putKeyHavingRead(ctx context.Context, db *postgres, key string) error {
	return db.Update(ctx, func(tx userpool.Tx) error {
		if _, err := tx.Meta(ctx, key); err != nil {
			return err
		}
		return tx.PutMeta(ctx, key, "stored")
	})
}

// putOn puts until one does not end well: until the server has read that it is to
// wait, commits go through.
func putOn(ctx context.Context, db *postgres, key string) error {
	for {
		if err := putKey(ctx, db, key); err != nil {
			return err
		}
	}
}

func hasKey(t *testing.T, db *postgres, key string) bool {
	t.Helper()
	var v string
	err := db.View(t.Context(), func(tx userpool.Tx) (err error) {
		v, err = tx.Meta(t.Context(), key)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v != ""
}

func TestCommit_WhoseConnectionBreaks_IsNeverCalledStoredOrNotWithoutKnowing(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Options{Unsafe: true})
	cluster.SQL(t, "postgres", "create database bellhop")
	proxy := pgtest.NewProxy(t, cluster)
	db := openURL(t, pgtest.DSN("bellhop", proxy), repeatableRead)
	var mu sync.Mutex // guards chance
	chance := rand.New(rand.NewPCG(1, 2))
	proxy.StrikeCommits(func() bool {
		mu.Lock()
		defer mu.Unlock()
		return chance.IntN(4) == 0
	})
	ended := make([]error, 120)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := worker; i < len(ended); i += 4 {
				if i%8 < 4 {
					ended[i] = putKey(t.Context(), db, fmt.Sprint("key", i))
				} else { // its commit and its write are one message
					ended[i] = putKeyHavingRead(t.Context(), db, fmt.Sprint("key", i))
				}
			}
		})
	}
	all.Wait()
	proxy.StrikeCommits(nil)
	doubts, there := 0, 0
	for i, err := range ended {
		stored := hasKey(t, db, fmt.Sprint("key", i))
		switch {
		case err == nil && !stored:
			t.Errorf("number %d is called stored and is not", i)
		case err != nil && !errors.Is(err, errInDoubt):
			t.Errorf("number %d: %v", i, err)
		case err != nil:
			doubts++
			if stored {
				there++
			}
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("in doubt: %v, want what callers try again", err)
			}
		}
	}
	if doubts != proxy.Struck() || doubts == 0 || there == 0 || there == doubts {
		t.Errorf("%d in doubt, of which %d are stored; %d were struck", doubts, there, proxy.Struck())
	}
}

// A pooler that ends a connection says so before the answers that it holds back: what it
// says is no word of the server's about what it passed on.
func TestCommit_OfWhichAPoolerTakesLeave_IsInDoubt(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Options{Unsafe: true})
	cluster.SQL(t, "postgres", "create database bellhop")
	proxy := pgtest.NewProxy(t, cluster)
	db := openURL(t, pgtest.DSN("bellhop", proxy), repeatableRead)
	proxy.TakeLeave()
	proxy.StrikeCommits(func() bool { return proxy.Struck() == 0 })
	ran := 0
	err := db.Update(t.Context(), func(tx userpool.Tx) error {
		ran++
		if _, err := tx.Meta(t.Context(), "key"); err != nil {
			return err
		}
		return tx.PutMeta(t.Context(), "key", "stored")
	})
	if !errors.Is(err, errInDoubt) || ran != 1 || !hasKey(t, db, "key") {
		t.Errorf("a commit that was carried out ran %d times: %v", ran, err)
	}
}

// What is sent with the commit and refused was never committed: nobody is in doubt, the
// caller is told why, and the connection serves the next.
func TestCommit_BehindAWriteThatIsRefused_IsNotCalledInDoubt(t *testing.T) {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	db := openURL(t, url+"&pool_max_conns=3", repeatableRead)
	for range 4 {
		ran := 0
		err := db.Update(t.Context(), func(u userpool.Tx) error {
			ran++
			if _, err := u.Meta(t.Context(), "key"); err != nil {
				return err
			}
			if err := u.PutMeta(t.Context(), "key", "stored"); err != nil {
				return err
			}
			return u.(*tx).run(t.Context(), sqlInsertClient, "c", "nobody's", "", "", "{}", 0, 0)
		})
		if !fault.Is(err, fault.ResourceNotFound) || errors.Is(err, errInDoubt) || ran != 1 {
			t.Errorf("a client of no pool, in %d runs: %v", ran, err)
		}
		if hasKey(t, db, "key") {
			t.Error("what was written before it is stored")
		}
	}
}

// Who is overtaken by another is told so with the commit, and runs again.
func TestCommit_BehindAWriteThatConflicts_RunsAgain(t *testing.T) {
	db := openURL(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)), repeatableRead)
	var read []string
	err := db.Update(t.Context(), func(tx userpool.Tx) error {
		v, err := tx.Meta(t.Context(), "key")
		if err != nil {
			return err
		}
		if read = append(read, v); len(read) == 1 {
			if err := putKey(t.Context(), db, "key"); err != nil {
				return err
			}
		}
		return tx.PutMeta(t.Context(), "key", v+" again")
	})
	if err != nil || len(read) != 2 || read[0] != "" || read[1] != "stored" {
		t.Errorf("it read %q: %v", read, err)
	}
}

// lonely is a primary whose commits wait for a standby that is not there.
func lonely(t *testing.T) (*pgtest.Cluster, *postgres) {
	t.Helper()
	cluster := pgtest.Start(t, pgtest.Options{})
	cluster.SQL(t, "postgres", "create database bellhop")
	// What an administrator has set for everybody must not end a wait.
	cluster.SQL(t, "postgres", "alter database bellhop set statement_timeout = '500ms'")
	db := openURL(t, cluster.DSN("bellhop"), repeatableRead)
	cluster.SQL(t, "postgres", "alter system set synchronous_standby_names = 'gone'")
	cluster.SQL(t, "postgres", "select pg_reload_conf()")
	return cluster, db
}

// awaitWaiting waits until a commit waits for the standby, awaitWaiters until so
// many do.
func awaitWaiting(t *testing.T, cluster *pgtest.Cluster) {
	t.Helper()
	awaitWaiters(t, cluster, 1)
}

func awaitWaiters(t *testing.T, cluster *pgtest.Cluster, n int) {
	t.Helper()
	enough := fmt.Sprintf("select count(*) >= %d from pg_stat_activity where wait_event = 'SyncRep'", n)
	for patience := time.Now().Add(time.Minute); time.Now().Before(patience); {
		if cluster.SQL(t, "postgres", enough) == "t" {
			return
		}
	}
	t.Fatalf("not %d commits wait for the standby", n)
}

func TestCommit_WhoseWaitTheServerCutsShort_IsNotCalledStored(t *testing.T) {
	cluster, db := lonely(t)
	ended := make(chan error)
	go func() { ended <- putOn(t.Context(), db, "key") }()
	awaitWaiting(t, cluster)
	cluster.SQL(t, "postgres", "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'")
	if err := <-ended; !errors.Is(err, errInDoubt) {
		t.Errorf("got %v; the server has it, and the standby does not", err)
	}
}

func TestCommit_WaitingForAStandby_HasNoTimeoutAndHoldsUpNoReader(t *testing.T) {
	cluster, db := lonely(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	for i := range 2 * cap(db.writes) {
		go func() { ended <- putOn(ctx, db, fmt.Sprint("key", i)) }()
	}
	awaitWaiting(t, cluster)
	hasKey(t, db, "key0") // a reader gets its answer, whichever
	cancel()
	for range 2 * cap(db.writes) {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that the caller has gone", err)
		}
	}
	givenUp(t, cluster)
	if err := putKey(t.Context(), db, "last"); err != nil {
		t.Errorf("after the standby was given up: %v", err)
	}
}

func TestClose_WhileACommitHangs_EndsAndSaysSo(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Options{})
	cluster.SQL(t, "postgres", "create database bellhop")
	db, err := openPostgres(t.Context(), cluster.DSN("bellhop"), serializable, Options{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	cluster.SQL(t, "postgres", "alter system set synchronous_standby_names = 'gone'")
	cluster.SQL(t, "postgres", "select pg_reload_conf()")
	db.closeWithin = 100 * time.Millisecond
	ended := make(chan error)
	go func() { ended <- putOn(t.Context(), db, "key") }()
	awaitWaiting(t, cluster)
	if err := db.Close(); err == nil {
		t.Error("Close says that all is well")
	}
	if err := <-ended; !errors.Is(err, errInDoubt) {
		t.Errorf("the commit ended with %v", err)
	}
	// The server was not told to give it up: nobody sees what the standby lacks.
	if cluster.SQL(t, "postgres", "select count(*) from pg_stat_activity where wait_event = 'SyncRep'") != "1" {
		t.Error("the commit waits no more")
	}
}

// Those who wait for a place are refused when those who have one are given up, and
// who comes to his commit later is given up as well.
func TestClose_WithMoreThanThereAreConnections_Ends(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Options{})
	cluster.SQL(t, "postgres", "create database bellhop")
	db, err := openPostgres(t.Context(), cluster.DSN("bellhop"), repeatableRead, Options{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	cluster.SQL(t, "postgres", "alter system set synchronous_standby_names = 'gone'")
	cluster.SQL(t, "postgres", "select pg_reload_conf()")
	db.closeWithin = 100 * time.Millisecond
	ended := make(chan error)
	writers := 3 * cap(db.writes)
	for i := range writers {
		go func() { ended <- putOn(t.Context(), db, fmt.Sprint("key", i)) }()
	}
	awaitWaiters(t, cluster, cap(db.writes))
	if err := db.Close(); err == nil {
		t.Error("Close says that all is well")
	}
	for range writers {
		if err := <-ended; !errors.Is(err, errInDoubt) && !errors.Is(err, errClosed) {
			t.Errorf("a commit ended with %v", err)
		}
	}
}

// A primary that falls silent keeps nobody for ever once another has taken over.
func TestCommit_OnAServerThatIsPrimaryNoMore_IsGivenUp(t *testing.T) {
	old := pgtest.Start(t, pgtest.Options{})
	old.SQL(t, "postgres", "create database bellhop")
	next := old.Standby(t, "next")
	first, second := pgtest.NewProxy(t, old), pgtest.NewProxy(t, next)
	db := openURL(t, pgtest.DSN("bellhop", first, second), repeatableRead)
	db.slowCommit = 100 * time.Millisecond
	old.SQL(t, "postgres", "alter system set synchronous_standby_names = 'gone'") // so that the commit is under way still
	old.SQL(t, "postgres", "select pg_reload_conf()")
	ended := make(chan error)
	go func() { ended <- putOn(t.Context(), db, "key") }()
	awaitWaiting(t, old)
	first.Turn(pgtest.Blackhole)
	next.Promote(t)
	if err := <-ended; !errors.Is(err, errInDoubt) {
		t.Errorf("got %v", err)
	}
	if err := putKey(t.Context(), db, "key"); err != nil {
		t.Errorf("on the new primary: %v", err)
	}
}

// Those who conflict run again until each has had its turn, or are told that the
// database is busy: whatever they are told is so.
func TestUpdate_ManyOnOneRow_AreStoredOrTold(t *testing.T) {
	all := nodes(t, 3)
	var stored atomic.Int64
	var everybody sync.WaitGroup
	for i := range 48 {
		everybody.Go(func() {
			err := all[i%len(all)].Update(t.Context(), func(tx userpool.Tx) error {
				v, err := tx.Meta(t.Context(), "sum")
				if err != nil {
					return err
				}
				return tx.PutMeta(t.Context(), "sum", v+"x")
			})
			switch {
			case err == nil:
				stored.Add(1)
			case !fault.Is(err, fault.Unavailable):
				t.Errorf("number %d: %v", i, err)
			}
		})
	}
	everybody.Wait()
	var sum string
	err := all[0].View(t.Context(), func(tx userpool.Tx) (err error) {
		sum, err = tx.Meta(t.Context(), "sum")
		return err
	})
	if err != nil || len(sum) != int(stored.Load()) {
		t.Errorf("%d additions are there, %d were acknowledged: %v", len(sum), stored.Load(), err)
	}
	t.Logf("%d of 48 were stored", stored.Load())
}

// givenUp lets the commits go that wait for the standby.
func givenUp(t *testing.T, cluster *pgtest.Cluster) {
	t.Helper()
	cluster.SQL(t, "postgres", "alter system reset synchronous_standby_names")
	cluster.SQL(t, "postgres", "select pg_reload_conf()")
}

// What is spent ahead commits by itself. While that waits for a standby, readers
// keep their connections.
func TestSpendAhead_WaitingForAStandby_HoldsUpNoReader(t *testing.T) {
	cluster, db := lonely(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	spenders := 2 * (cap(db.writes) + cap(db.asks))
	for i := range spenders {
		go func() {
			for {
				err := db.Update(ctx, func(tx userpool.Tx) error {
					_, err := tx.Spend(ctx, fmt.Sprint("address", i), busy, time.Now())
					return err
				})
				if err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	awaitWaiters(t, cluster, cap(db.asks))
	reading, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	err := db.View(reading, func(tx userpool.Tx) error {
		_, err := tx.Meta(reading, "key")
		return err
	})
	if err != nil {
		t.Errorf("a reader: %v", err)
	}
	cancel()
	for range spenders {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that the caller has gone", err)
		}
	}
	givenUp(t, cluster)
	if _, err := spendBusy(t.Context(), db, time.Now(), true); err != nil {
		t.Errorf("after the standby was given up: %v", err)
	}
}

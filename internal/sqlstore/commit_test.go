package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// neighbours is how many share a batch with the one that fails.
const neighbours = 32

// sharedBatch runs the culprit's function in one batch with neighbours, half of
// them before it and half behind it, each storing a row. It returns once all
// have been answered. It must be called in a synctest bubble.
func sharedBatch(t *testing.T, db *DB, ctx context.Context, culprit func(*tx) error) ([neighbours]error, error) {
	t.Helper()
	release := hold(t, db)
	var wg sync.WaitGroup
	var errs [neighbours]error
	neighbour := func(i int) {
		wg.Go(func() {
			errs[i] = db.Update(t.Context(), func(tx userpool.Tx) error {
				return tx.PutMeta(t.Context(), fmt.Sprint("neighbour ", i), "stored")
			})
		})
	}
	for i := range neighbours / 2 {
		neighbour(i)
	}
	synctest.Wait()
	var failed error
	wg.Go(func() {
		failed = db.Update(ctx, func(u userpool.Tx) error { return culprit(u.(*tx)) })
	})
	synctest.Wait()
	for i := neighbours / 2; i < neighbours; i++ {
		neighbour(i)
	}
	synctest.Wait()
	if n := len(db.file().writer.queue); n != neighbours+1 {
		t.Fatalf("%d wait for the writer, want %d", n, neighbours+1)
	}
	release()
	wg.Wait()
	return errs, failed
}

// hold keeps the writer in a function until the one it returns is called, so
// that what is queued meanwhile makes one batch.
func hold(t *testing.T, db *DB) (release func()) {
	t.Helper()
	gate := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- db.Update(t.Context(), func(userpool.Tx) error {
			<-gate
			return nil
		})
	}()
	synctest.Wait()
	return func() {
		close(gate)
		if err := <-done; err != nil {
			t.Errorf("the holder: %v", err)
		}
	}
}

func meta(t *testing.T, db *DB, key string) (v string) {
	t.Helper()
	err := db.View(t.Context(), func(tx userpool.Tx) (err error) {
		v, err = tx.Meta(t.Context(), key)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func put(t *testing.T, db *DB, key string) error {
	return db.Update(t.Context(), func(tx userpool.Tx) error { return tx.PutMeta(t.Context(), key, "stored") })
}

// during has the connection's SQL function test_during call fn, in the middle of the
// statement that calls it, while run runs.
func during(c *liteConn, fn func(), run func() error) error {
	name, err := libc.CString("test_during")
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, name)
	called := func(tls *libc.TLS, ctx uintptr, _ int32, _ uintptr) {
		fn()
		sqlite3.Xsqlite3_result_int64(tls, ctx, 1)
	}
	function := *(*uintptr)(unsafe.Pointer(&called)) // as the translation calls functions
	if err := c.result(sqlite3.Xsqlite3_create_function_v2(c.tls, c.db, name, 0, sqlite3.SQLITE_UTF8, 0, function, 0, 0, 0)); err != nil {
		return err
	}
	defer runtime.KeepAlive(called) // the library has an address, which keeps nothing alive
	return run()
}

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		os.Exit(crashChild(path))
	}
	code := m.Run()
	pgtest.StopShared()
	os.Exit(code)
}

func TestUpdate_OneMemberFails_NeighboursSucceed(t *testing.T) {
	panicked := func(err error) bool {
		return fault.KindOf(err) == fault.Internal && strings.Contains(err.Error(), "mistake") && strings.Contains(err.Error(), "commit_test.go")
	}
	is := func(kind fault.Kind) func(error) bool {
		return func(err error) bool { return fault.Is(err, kind) }
	}
	for _, c := range []struct {
		name    string
		arrange string // SQL, before
		culprit func(ctx context.Context, cancel func(), t *tx) error
		failed  func(error) bool
	}{
		{
			name: "panic",
			culprit: func(ctx context.Context, _ func(), t *tx) error {
				_ = t.PutMeta(ctx, "culprit", "stored")
				panic("mistake")
			},
			failed: panicked,
		},
		{
			name: "cancelled in mid-statement",
			culprit: func(ctx context.Context, cancel func(), t *tx) error {
				return during(t.conn.(*liteConn), cancel, func() error {
					return t.run(ctx, "insert into meta (name, value) select 'culprit', test_during()")
				})
			},
			failed: func(err error) bool { return errors.Is(err, context.Canceled) },
		},
		{
			name:    "disk full",
			arrange: "pragma max_page_count = 200",
			culprit: func(ctx context.Context, _ func(), t *tx) error {
				return t.PutMeta(ctx, "culprit", strings.Repeat("x", 200*4096))
			},
			failed: is(fault.Unavailable),
		},
		{
			name:    "disk full, and going on",
			arrange: "pragma max_page_count = 200",
			culprit: func(ctx context.Context, _ func(), t *tx) error {
				_ = t.PutMeta(ctx, "more", strings.Repeat("x", 200*4096))
				_ = t.PutMeta(ctx, "culprit", "stored")
				return nil
			},
			failed: is(fault.Unavailable),
		},
		{
			name: "failing commit",
			arrange: `create table parents (id bigint primary key);
				create table children (parent bigint references parents (id) deferrable initially deferred)`,
			culprit: func(ctx context.Context, _ func(), t *tx) error {
				_ = t.PutMeta(ctx, "culprit", "stored")
				return t.run(ctx, "insert into children (parent) values (1)")
			},
			failed: is(fault.ResourceNotFound),
		},
		{
			name: "the engine leaves the transaction",
			culprit: func(ctx context.Context, _ func(), t *tx) error {
				_ = t.PutMeta(ctx, "culprit", "stored")
				return t.run(ctx, "insert or rollback into meta (name, value) values ('culprit', 'again')")
			},
			failed: is(fault.Conflict),
		},
		{
			name: "the engine leaves the transaction, and going on",
			culprit: func(ctx context.Context, _ func(), t *tx) error {
				_ = t.PutMeta(ctx, "more", "stored")
				_ = t.run(ctx, "insert or rollback into meta (name, value) values ('more', 'again')")
				_ = t.PutMeta(ctx, "culprit", "stored")
				return nil
			},
			failed: is(fault.Conflict),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := openTemp(t, Options{})
				err := db.Update(t.Context(), func(u userpool.Tx) error { return u.(*tx).conn.script(c.arrange) })
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				errs, failed := sharedBatch(t, db, ctx, func(u *tx) error { return c.culprit(ctx, cancel, u) })
				if !c.failed(failed) {
					t.Errorf("culprit: got %v", failed)
				}
				if meta(t, db, "culprit")+meta(t, db, "more") != "" {
					t.Error("something of the culprit is stored")
				}
				for i, err := range errs {
					if err != nil || meta(t, db, fmt.Sprint("neighbour ", i)) != "stored" {
						t.Errorf("neighbour %d: %v, stored %q", i, err, meta(t, db, fmt.Sprint("neighbour ", i)))
					}
				}
				if err := put(t, db, "afterwards"); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			})
		})
	}
}

func TestUpdate_BatchIsLost_ErrorsOfItsMembersAreVoidToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t, Options{})
		release := hold(t, db)
		var first, second error
		runs := 0
		var wg sync.WaitGroup
		wg.Go(func() {
			first = db.Update(t.Context(), func(u userpool.Tx) error {
				return errors.Join(
					u.InsertPool(t.Context(), userpool.Pool{ID: "pool"}),
					u.(*tx).run(t.Context(), "insert or rollback into pools (id) values ('no name')"))
			})
		})
		synctest.Wait()
		wg.Go(func() { // would be told ErrExists because of a row that is then lost
			second = db.Update(t.Context(), func(tx userpool.Tx) error {
				runs++
				return tx.InsertPool(t.Context(), userpool.Pool{ID: "pool"})
			})
		})
		synctest.Wait()
		release()
		wg.Wait()
		if first == nil || second != nil {
			t.Fatalf("got %v and %v, want an error and none", first, second)
		}
		if runs > 2 {
			t.Fatalf("ran %d times", runs)
		}
	})
}

func TestUpdate_IsNotAnsweredBeforeTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t, Options{})
		release := hold(t, db)
		first := make(chan error, 1)
		go func() { first <- put(t, db, "first") }()
		synctest.Wait()
		gate, second := make(chan struct{}), make(chan error, 1)
		go func() {
			second <- db.Update(t.Context(), func(userpool.Tx) error { <-gate; return nil })
		}()
		synctest.Wait()
		release() // the first has run, the second waits at the gate, both uncommitted
		synctest.Wait()
		select {
		case err := <-first:
			t.Fatalf("answered %v before the commit", err)
		default:
		}
		if meta(t, db, "first") != "" {
			t.Fatal("seen before the commit")
		}
		close(gate)
		if err := errors.Join(<-first, <-second); err != nil {
			t.Fatal(err)
		}
	})
}

func TestUpdate_ContextEndsInTheQueue_NeverRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t, Options{})
		release := hold(t, db)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ran := false
		err := db.Update(ctx, func(userpool.Tx) error { ran = true; return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		release()
		if err := put(t, db, "next"); err != nil || ran {
			t.Fatalf("got %v, ran %v", err, ran)
		}
	})
}

func TestUpdate_ContextEndsAfterTheRun_ReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t, Options{})
		release := hold(t, db)
		ctx, cancel := context.WithCancel(t.Context())
		first, gate, second := make(chan error, 1), make(chan struct{}), make(chan error, 1)
		go func() {
			first <- db.Update(ctx, func(tx userpool.Tx) error { return tx.PutMeta(ctx, "first", "stored") })
		}()
		synctest.Wait()
		go func() {
			second <- db.Update(t.Context(), func(userpool.Tx) error { <-gate; return nil })
		}()
		synctest.Wait()
		release()
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		close(gate)
		if err := <-second; err != nil {
			t.Fatal(err)
		}
	})
}

func TestUpdate_QueueIsFull_RefusesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t, Options{Queue: 3})
		release := hold(t, db)
		var wg sync.WaitGroup
		errs := make([]error, 3)
		for i := range errs {
			wg.Go(func() { errs[i] = put(t, db, fmt.Sprint("queued", i)) })
		}
		synctest.Wait()
		if err := put(t, db, "too many"); !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v, want Unavailable", err)
		}
		release()
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	})
}

func TestUpdate_BatchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t, Options{Batch: 4})
		release := hold(t, db)
		var wg sync.WaitGroup
		for i := range 11 {
			wg.Go(func() {
				if err := put(t, db, fmt.Sprint("key", i)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		batch := db.file().writer.next() // the writer is held
		if len(batch) != 4 {
			t.Errorf("a batch of %d", len(batch))
		}
		release()
		synctest.Wait() // the writer has served the other seven and waits for more
		db.file().writer.serve(batch)
		wg.Wait()
	})
}

func TestUpdate_FunctionEndsItsGoroutine_OthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t, Options{})
		errs, failed := sharedBatch(t, db, t.Context(), func(u *tx) error {
			_ = u.PutMeta(t.Context(), "culprit", "stored")
			runtime.Goexit()
			return nil
		})
		if !fault.Is(failed, fault.Internal) {
			t.Errorf("culprit: got %v", failed)
		}
		for i, err := range errs {
			if stored := meta(t, db, fmt.Sprint("neighbour ", i)) != ""; stored != (err == nil) {
				t.Errorf("neighbour %d: error %v, stored %v", i, err, stored)
			}
		}
		if err := put(t, db, "afterwards"); err != nil || meta(t, db, "culprit") != "" {
			t.Errorf("afterwards: %v, culprit %q", err, meta(t, db, "culprit"))
		}
	})
}

func TestTx_UsedAfterItsEnd_IsRefused(t *testing.T) {
	db := openTemp(t, Options{})
	var leaked userpool.Tx
	keep := func(tx userpool.Tx) error { leaked = tx; return nil }
	for name, run := range map[string]func(context.Context, func(userpool.Tx) error) error{"Update": db.Update, "View": db.View} {
		if err := run(t.Context(), keep); err != nil {
			t.Fatal(err)
		}
		if _, err := leaked.Meta(t.Context(), "key"); !errors.Is(err, errEnded) {
			t.Errorf("after %s: got %v", name, err)
		}
	}
}

func TestClose_FinishesWhatIsQueued_RefusesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t, Options{})
		release := hold(t, db)
		queued := make(chan error, 1)
		go func() { queued <- put(t, db, "queued") }()
		synctest.Wait()
		closed := make(chan error, 2)
		for range 2 {
			go func() { closed <- db.Close() }()
		}
		synctest.Wait()
		if err := put(t, db, "late"); !fault.Is(err, fault.Unavailable) {
			t.Errorf("late Update: got %v", err)
		}
		release()
		if err := errors.Join(<-queued, <-closed, <-closed); err != nil {
			t.Fatal(err)
		}
		err := db.View(t.Context(), func(userpool.Tx) error { return nil })
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("late View: got %v", err)
		}
	})
}

func TestView_AllReadersBusy_WaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t, Options{Readers: 1})
		gate, busy := make(chan struct{}), make(chan error, 1)
		go func() { busy <- db.View(t.Context(), func(userpool.Tx) error { <-gate; return nil }) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := db.View(ctx, func(userpool.Tx) error { return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(gate)
		if err := <-busy; err != nil {
			t.Error(err)
		}
	})
}

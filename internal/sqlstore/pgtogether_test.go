package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// sharing is a server whose Views share messages, and what a test does to the database.
type sharing struct {
	*testing.T
	db    *postgres
	proxy *pgtest.Proxy
	besides
}

type besides struct{ first, second *pgConn }

// pools that have a user and a family each, of their own name.
var sharedPools = []userpool.PoolID{"us-east-1_One", "us-east-1_Two"}

func shareMessages(t *testing.T, long time.Duration) *sharing {
	t.Helper()
	cluster := pgtest.Shared(t)
	direct := pgtest.NewSchema(t, cluster.NewDatabase(t))
	proxy := pgtest.NewProxy(t, cluster)
	s := &sharing{T: t, proxy: proxy, db: openURL(t, strings.Replace(direct, fmt.Sprint(":", cluster.Port, "/"), fmt.Sprint(":", proxy.Port, "/"), 1), repeatableRead)}
	s.besides = besides{beside(t, direct), beside(t, direct)}
	s.db.together.long = long
	for _, pool := range sharedPools {
		err := s.db.Update(t.Context(), func(tx userpool.Tx) error {
			return errors.Join(
				tx.InsertPool(t.Context(), userpool.Pool{ID: pool, Name: "old", Settings: userpool.DefaultPoolSettings()}),
				tx.InsertUser(t.Context(), userpool.User{PoolID: pool, ID: userpool.UserID(pool), Username: "asha"}),
				tx.InsertFamily(t.Context(), userpool.Family{ID: userpool.FamilyID(pool), PoolID: pool, UserID: userpool.UserID(pool)}),
			)
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.look(t.Context(), pool); err != nil { // which keeps the configuration
			t.Fatal(err)
		}
	}
	return s
}

// look is a View that is one message, and the name of the pool in each of its runs.
func (s *sharing) look(ctx context.Context, pool userpool.PoolID) (f userpool.Family, names []string, err error) {
	err = s.db.View(ctx, func(tx userpool.Tx) error {
		p, err := tx.Pool(ctx, pool)
		if err != nil {
			return err
		}
		names = append(names, p.Name)
		tx.Ahead(ctx, func(tx userpool.Tx) {
			tx.User(ctx, pool, userpool.UserID(pool))
			tx.Family(ctx, userpool.FamilyID(pool))
		})
		u, err := tx.User(ctx, pool, userpool.UserID(pool))
		if err != nil {
			return err
		}
		if f, err = tx.Family(ctx, userpool.FamilyID(pool)); err != nil {
			return err
		}
		if u.PoolID != pool || f.PoolID != pool || u.SignOuts != f.SignOuts {
			s.Errorf("of %s the user is of %s with %d, the family of %s with %d", pool, u.PoolID, u.SignOuts, f.PoolID, f.SignOuts)
		}
		return nil
	})
	return f, names, err
}

// hold has whoever reads users wait, until free is called.
func (s *sharing) hold() (free func()) {
	s.Helper()
	if err := s.first.script("begin; lock table users in access exclusive mode"); err != nil {
		s.Fatal(err)
	}
	return func() {
		if err := s.first.script("rollback"); err != nil {
			s.Error(err)
		}
	}
}

// await waits until something is so.
func (s *sharing) await(what string, so func() bool) {
	s.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatal("it does not come to it that " + what)
		}
	}
}

// together has one look, and so many others while its message is under way.
func (s *sharing) together(all *sync.WaitGroup, n int, look func(int)) {
	s.at(all, 1, look)
	s.awaitLeader()
	s.at(all, n, look)
	s.awaitOthers(n)
}

func (s *sharing) awaitLeader() {
	s.Helper()
	s.await("a message waits for the lock", func() bool {
		n, err := number(s.second, pgWhoWaits)
		if err != nil {
			s.Fatal(err)
		}
		return n > 0
	})
}

func (s *sharing) awaitOthers(n int) {
	s.Helper()
	s.await(fmt.Sprint(n, " wait"), func() bool {
		s.db.together.mu.Lock()
		defer s.db.together.mu.Unlock()
		return len(s.db.together.waiting) == n
	})
}

// at runs fn so many times at once.
func (s *sharing) at(all *sync.WaitGroup, n int, fn func(i int)) {
	for i := range n {
		all.Go(func() { fn(i) })
	}
}

// Those who come while a message is under way go in the next one, of both pools.
func TestTogether_ThoseWhoWait_ShareAMessage(t *testing.T) {
	s := shareMessages(t, time.Hour)
	free := s.hold()
	_, before := s.proxy.Counts()
	var all sync.WaitGroup
	look := func(i int) {
		if f, names, err := s.look(t.Context(), sharedPools[i%2]); err != nil || len(names) != 1 || f.PoolID != sharedPools[i%2] {
			t.Errorf("%d finds the family of %q after %d runs: %v", i, f.PoolID, len(names), err)
		}
	}
	s.together(&all, 40, look)
	free()
	all.Wait()
	if _, after := s.proxy.Counts(); after-before > 10 { // a long message may be counted as several
		t.Errorf("41 Views took %d round trips", after-before)
	}
}

// More than go into one message are all answered.
func TestTogether_MoreThanGoIntoAMessage(t *testing.T) {
	s := shareMessages(t, time.Hour)
	free := s.hold()
	var all sync.WaitGroup
	look := func(i int) {
		if _, _, err := s.look(t.Context(), sharedPools[i%2]); err != nil {
			t.Error(err)
		}
	}
	s.at(&all, 1, look)
	s.awaitLeader()
	s.at(&all, 2*mostTogether, look)
	s.awaitOthers(2 * mostTogether)
	free()
	all.Wait()
}

// A View that has assumed what is not so runs again; those in its message do not.
func TestTogether_WhatOneHasWronglyAssumed_IsItsOwn(t *testing.T) {
	s := shareMessages(t, time.Hour)
	err := s.second.script("update pools set name = 'new', config_version = config_version + 1 where id = '" + string(sharedPools[1]) + "'")
	if err != nil {
		t.Fatal(err)
	}
	free := s.hold()
	var all sync.WaitGroup
	look := func(i int) {
		want := "old"
		if i%2 == 1 {
			want = "old new"
		}
		if _, names, err := s.look(t.Context(), sharedPools[i%2]); err != nil || strings.Join(names, " ") != want {
			t.Errorf("%d of pool %d has seen %q, %v", i, i%2, names, err)
		}
	}
	s.together(&all, 2, look)
	free()
	all.Wait()
	if _, names, err := s.look(t.Context(), sharedPools[1]); err != nil || names[0] != "new" {
		t.Errorf("afterwards %q, %v", names, err)
	}
}

// What the server refuses is refused to whoever asked it. The others have their answers,
// each by itself.
func TestTogether_WhatIsRefused_IsRefusedToOne(t *testing.T) {
	s := shareMessages(t, time.Hour)
	free := s.hold()
	var all sync.WaitGroup
	look := func(i int) {
		if f, names, err := s.look(t.Context(), sharedPools[i%2]); err != nil || len(names) != 1 || f.PoolID != sharedPools[i%2] {
			t.Errorf("%d finds the family of %q after %d runs: %v", i, f.PoolID, len(names), err)
		}
	}
	s.together(&all, 2, look)
	all.Go(func() {
		divided := &foreseen{query: `select 1 / count(*) from pools where id = $1`, args: []any{"none"}}
		if err := s.db.together.ask(t.Context(), &inquiry{asks: []*foreseen{divided}}); !errors.Is(err, errApart) {
			t.Errorf("who divides by nought is answered %v", err)
		}
	})
	s.awaitOthers(3)
	s.at(&all, 2, look)
	s.awaitOthers(5)
	free()
	all.Wait()
}

// A connection that breaks under a message breaks nobody's View: each asks again.
func TestTogether_OnAConnectionThatBreaks(t *testing.T) {
	s := shareMessages(t, time.Hour)
	free := s.hold()
	var all sync.WaitGroup
	look := func(i int) {
		if _, _, err := s.look(t.Context(), sharedPools[i%2]); err != nil {
			t.Error(err)
		}
	}
	s.together(&all, 3, look)
	err := s.second.script(`select pg_terminate_backend(pid) from pg_locks where not granted
		and pid in (select pid from pg_stat_activity where datname = current_database())`)
	if err != nil {
		t.Fatal(err)
	}
	s.awaitOthers(0) // they ask on another
	free()
	all.Wait()
}

// Who gives up before it has been sent goes at once, and the others have their answers.
func TestTogether_WhoGivesUp_IsNotMissed(t *testing.T) {
	s := shareMessages(t, time.Hour)
	free := s.hold()
	var all sync.WaitGroup
	look := func(ctx context.Context, want error) func(int) {
		return func(i int) {
			if _, _, err := s.look(ctx, sharedPools[i%2]); !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("%d ends in %v, want %v", i, err, want)
			}
		}
	}
	s.at(&all, 1, look(t.Context(), nil))
	s.awaitLeader()
	short, end := context.WithCancel(t.Context())
	var gone sync.WaitGroup
	s.at(&gone, 3, look(short, context.Canceled))
	s.awaitOthers(3)
	s.at(&all, 3, look(t.Context(), nil))
	s.awaitOthers(6)
	end()
	gone.Wait() // though the message is under way still
	s.awaitOthers(3)
	free()
	all.Wait()
}

// Nobody waits for long for a message that hangs, and what waits already goes with who goes
// past it.
func TestTogether_PastAMessageThatHangs(t *testing.T) {
	s := shareMessages(t, longMessage)
	free := s.hold()
	var all sync.WaitGroup
	s.at(&all, 1, func(int) {
		if _, _, err := s.look(t.Context(), sharedPools[0]); err != nil {
			t.Error(err)
		}
	})
	s.awaitLeader()
	g := s.db.together
	g.mu.Lock()
	g.began = time.Now().Add(-2 * longMessage)
	g.mu.Unlock()
	for range 3 { // one after another
		err := s.db.View(t.Context(), func(tx userpool.Tx) error {
			if _, err := tx.Pool(t.Context(), sharedPools[0]); err != nil {
				return err
			}
			tx.Ahead(t.Context(), func(tx userpool.Tx) { tx.Family(t.Context(), "none") })
			if _, err := tx.Family(t.Context(), "none"); !errors.Is(err, userpool.ErrNotFound) {
				t.Errorf("got %v", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	free()
	all.Wait()
	if g.leader != nil || len(g.waiting) > 0 {
		t.Errorf("afterwards somebody leads (%v) and %d wait", g.leader != nil, len(g.waiting))
	}
}

// Who waits already goes past a message that hangs though nobody else comes.
func TestTogether_PastAMessageThatHangs_ThoughNobodyComes(t *testing.T) {
	s := shareMessages(t, time.Hour)
	free := s.hold()
	var all, others sync.WaitGroup
	s.at(&all, 1, func(int) {
		if _, _, err := s.look(t.Context(), sharedPools[0]); err != nil {
			t.Error(err)
		}
	})
	s.awaitLeader()
	g := s.db.together
	g.mu.Lock()
	g.long, g.began = 300*time.Millisecond, time.Now()
	g.mu.Unlock()
	began := time.Now()
	s.at(&others, 3, func(int) {
		if runs, err := s.lookForNone(false); err != nil || runs != 1 {
			t.Errorf("after %d runs: %v", runs, err)
		}
	})
	others.Wait()
	if took := time.Since(began); took > 4*time.Second { // the lock is waited for for 5
		t.Errorf("they wait for %v", took)
	}
	free()
	all.Wait()
	if g.leader != nil || len(g.waiting) > 0 {
		t.Errorf("afterwards somebody leads (%v) and %d wait", g.leader != nil, len(g.waiting))
	}
}

// lookForNone is a View of a family that is not there, and in how many runs. It may ask for
// another afterwards, which it has not said ahead.
func (s *sharing) lookForNone(andMore bool) (runs int, err error) {
	err = s.db.View(s.Context(), func(tx userpool.Tx) error {
		runs++
		if _, err := tx.Pool(s.Context(), sharedPools[0]); err != nil {
			return err
		}
		tx.Ahead(s.Context(), func(tx userpool.Tx) { tx.Family(s.Context(), "none") })
		_, err := tx.Family(s.Context(), "none")
		if andMore && errors.Is(err, userpool.ErrNotFound) {
			_, err = tx.Family(s.Context(), "nor this")
		}
		if !errors.Is(err, userpool.ErrNotFound) {
			return fmt.Errorf("there is one: %w", err)
		}
		return nil
	})
	return runs, err
}

// Who asks after his message runs again, and takes no connection before.
func TestTogether_WhoAsksMore_TakesNoConnectionForNothing(t *testing.T) {
	s := shareMessages(t, time.Hour)
	before := s.db.pool.Stat().AcquireCount()
	runs, err := s.lookForNone(true)
	if taken := s.db.pool.Stat().AcquireCount() - before; err != nil || runs != 2 || taken != 2 {
		t.Errorf("%d runs take %d connections: %v", runs, taken, err)
	}
}

// A message that meets a lock for longer than anybody waits is not sent again: those in it
// would not have the time.
func TestTogether_WhoCannotHaveTheLock_IsToldOnce(t *testing.T) {
	s := shareMessages(t, time.Hour)
	s.db.together.acquire = func(ctx context.Context) (*pgxpool.Conn, error) {
		c, err := s.db.acquire(ctx)
		if err == nil {
			_, err = c.Exec(ctx, "set lock_timeout = '50ms'") // that of all others is 5 s
		}
		return c, err
	}
	free := s.hold()
	defer free()
	began := time.Now()
	_, _, err := s.look(t.Context(), sharedPools[0])
	if took := time.Since(began); !fault.Is(err, fault.Unavailable) || took > 4*time.Second {
		t.Errorf("it ends in %v after %v", err, took)
	}
}

// Each View sees what was committed before it began, and all of it on one snapshot.
func TestTogether_SeesWhatWasCommittedBefore(t *testing.T) {
	s := shareMessages(t, longMessage)
	var committed atomic.Int64
	var readers sync.WaitGroup
	over := make(chan struct{})
	for i := range 12 {
		readers.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				pool := sharedPools[i%2]
				least := committed.Load()
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if i%4 == 3 {
					ctx, cancel = context.WithTimeout(ctx, time.Millisecond)
				}
				f, _, err := s.look(ctx, pool)
				cancel()
				if err != nil && ctx.Err() == nil || err == nil && f.SignOuts < least {
					t.Errorf("after the commit of %d it reads %d: %v", least, f.SignOuts, err)
				}
			}
		})
	}
	for n := int64(1); n <= 200; n++ {
		err := s.db.Update(t.Context(), func(tx userpool.Tx) error {
			for _, pool := range sharedPools {
				u, err := tx.User(t.Context(), pool, userpool.UserID(pool))
				if err != nil {
					return err
				}
				u.SignOuts = n
				if err := tx.UpdateUser(t.Context(), u); err != nil {
					return err
				}
			}
			return s.familiesTo(tx, n)
		})
		if err != nil {
			t.Fatal(err)
		}
		committed.Store(n)
	}
	close(over)
	readers.Wait()
}

func (s *sharing) familiesTo(u userpool.Tx, n int64) error {
	return u.(*tx).run(s.Context(), "update families set sign_outs = $1", n)
}

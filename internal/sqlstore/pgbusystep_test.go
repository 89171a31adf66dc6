package sqlstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
)

// awaitLockWait returns when somebody waits for a lock, or done has an outcome.
func awaitLockWait(onlooker *pgConn, done <-chan error) error {
	for len(done) == 0 {
		if waiting, err := number(onlooker, pgWhoWaits); err != nil || waiting > 0 {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// A step asks for its locks in the order in which a server's transactions do: it waits
// for one that is under way, which waits for no step.
func TestPostgres_StepMeetsABusyServer_LetsItFinish(t *testing.T) {
	all := migrations()
	later := nextStep
	later.text = "alter table sessions add column next text"
	for name, c := range map[string]struct {
		step        migration
		first, then string // of the server
	}{
		"a request, and foreign keys are taken away": {
			step:  all[detachedVersion-1],
			first: "select count(*) from pools where id = 'x' and config_version = 1",
			then:  "update sessions set used_at = 1 where hash = 'none'",
		},
		"a sweep, and foreign keys are taken away": {
			step:  all[detachedVersion-1],
			first: "delete from families where id = 'none'",
			then:  "delete from messages where id = 'none'",
		},
		"a pool's change, and any step": {
			step:  later,
			first: "update pools set config_version = 1 where id = 'x'",
			then:  "delete from sessions where hash = 'none'",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
			newer, server, onlooker := beside(t, url), beside(t, url), beside(t, url)
			if err := migrate(ctx, newer, all[:c.step.version-1]); err != nil {
				t.Fatal(err)
			}
			for _, sql := range []string{"begin isolation level repeatable read", c.first} {
				if err := server.script(sql); err != nil {
					t.Fatal(err)
				}
			}
			stepped := make(chan error, 1)
			go func() { stepped <- inTx(newer, func() error { return step(ctx, newer, c.step) }) }()
			if err := awaitLockWait(onlooker, stepped); err != nil {
				t.Fatal(err)
			}
			if len(stepped) > 0 {
				t.Error("the step did not wait for the server")
			}
			if err := server.script(c.then); err != nil {
				t.Errorf("the server: %v", err)
			}
			if err := server.script("commit"); err != nil {
				t.Errorf("the server's commit: %v", err)
			}
			if err := <-stepped; err != nil {
				t.Errorf("the step: %v", err)
			}
		})
	}
}

// Of two that wait for each other PostgreSQL ends one. If that is a step, it is made
// when the other has done.
func TestMigrate_StepThatIsTheVictimOfADeadlock_IsMadeAgain(t *testing.T) {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	newer, server, onlooker := beside(t, url), beside(t, url), beside(t, url)
	if err := migrate(t.Context(), newer, migrations()); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(
		newer.script("set deadlock_timeout = '10ms'"), // the victim is who looks first
		server.script("set deadlock_timeout = '10min'; set lock_timeout = '1min'"),
		server.script("begin; lock table sessions"))
	if err != nil {
		t.Fatal(err)
	}
	runs, served := 0, make(chan error, 1)
	deadlocked := nextStep
	deadlocked.fill = func(_ context.Context, c conn) error { // it has the pools
		if runs++; runs == 1 {
			go func() { served <- server.script("lock table pools; commit") }()
			if err := awaitLockWait(onlooker, served); err != nil {
				t.Error(err)
			}
		}
		return c.script("lock table sessions")
	}
	if err := migrate(t.Context(), newer, append(migrations(), deadlocked)); err != nil || runs != 2 {
		t.Errorf("after %d runs: %v", runs, err)
	}
	if err := <-served; err != nil {
		t.Errorf("the server: %v", err)
	}
}

func TestMigrate_StepThatAlwaysConflicts_FailsInTheEnd(t *testing.T) {
	c, runs := bareConn(t), 0
	err := migrate(t.Context(), c, []migration{{version: 1, name: "one", text: "create table first (id text)", fill: func(context.Context, conn) error {
		runs++
		return &pgconn.PgError{Code: "40001"}
	}}})
	if sqlState(err) != "40001" || runs != tries {
		t.Errorf("after %d runs: %v", runs, err)
	}
}

// A step that came to need more of pools than it took at first would meet those who wait
// for it by then: one that takes a foreign key to pools away must be named in holdPools.
func TestMigrate_EveryStep_TakesFirstAllThatItNeedsOfPools(t *testing.T) {
	c := beside(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)))
	if err := migrate(t.Context(), c, migrations()[:firstConfigVersion]); err != nil {
		t.Fatal(err)
	}
	locks := func() int64 {
		held, err := number(c, `select count(*) from pg_locks where pid = pg_backend_pid()
			and relation = 'pools'::regclass and mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')`)
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	for _, m := range migrations()[firstConfigVersion:] {
		var first, all int64
		err := inTx(c, func() error {
			if err := holdPools(c, int64(m.version)); err != nil {
				return err
			}
			first = locks()
			if err := step(t.Context(), c, m); err != nil {
				return err
			}
			all = locks()
			return nil
		})
		if err != nil {
			t.Fatalf("%04d_%s: %v", m.version, m.name, err)
		}
		if first != 1 || all != first {
			t.Errorf("%04d_%s takes %d strong locks of pools first, and has %d in the end", m.version, m.name, first, all)
		}
	}
}

package sqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/storetest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func TestPostgres_PassesTheSuite(t *testing.T) {
	storetest.Run(t, emptied(t, repeatableRead))
}

func TestPostgres_Serializable_PassesTheSuite(t *testing.T) {
	storetest.Run(t, emptied(t, serializable))
}

// The verbs that one statement decides hold without the help of the isolation
// level.
func TestPostgres_ReadCommitted_RacesHaveOneWinner(t *testing.T) {
	storetest.RunRaces(t, emptied(t, readCommitted))
}

// emptied returns a function that empties one database and returns it: to make
// the schema for each case would be most of the suite's time.
func emptied(t *testing.T, level isolation) func(t *testing.T) userpool.Store {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	db, operator := openURL(t, url, level), beside(t, url)
	var empty strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tableNames(t))) {
		if name != "user_search" { // it goes with the pools
			fmt.Fprintf(&empty, "delete from %s;", name)
		}
	}
	return func(t *testing.T) userpool.Store {
		if err := operator.script(empty.String()); err != nil {
			t.Fatal(err)
		}
		return db
	}
}

// An operator reads one sentence, and nothing of the password.
func TestPostgres_WhatCannotBeReached_IsToldInOneLineWithoutThePassword(t *testing.T) {
	for _, url := range []string{
		"postgres://u:sekret@localhost:1/db",
		"postgres://u:sekret@127.0.0.1:1,127.0.0.1:2/db",
		"postgres://u:12/sekret@localhost:1/db",
		"postgres://u:sek#ret@localhost/db",
		"postgres:///db?host=/nowhere&password=sekret",
		"postgres://u:sekret@localhost:1/db?sslmode=sekret",
		"postgres://u:sekret@localhost:1/db?pool_max_conns=0",
	} {
		_, err := Open(t.Context(), url, Options{})
		if err == nil || strings.ContainsAny(err.Error(), "\n\t") || strings.Contains(err.Error(), "ret@") || strings.Contains(err.Error(), "sekret") {
			t.Errorf("%s: %v", url, err)
		}
		if n := strings.Count(err.Error(), "127.0.0.1:1 ("); n > 1 {
			t.Errorf("%s: the same is told %d times: %v", url, n, err)
		}
	}
}

// A transaction that spends ahead needs a connection beside its own.
func TestPostgres_APoolThatIsTooSmall_IsRefused(t *testing.T) {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	_, err := openPostgres(t.Context(), url+"&pool_max_conns=2", repeatableRead, Options{}.withDefaults())
	if err == nil || !strings.Contains(err.Error(), "pool_max_conns") {
		t.Errorf("of two: %v", err)
	}
	db := openURL(t, url+"&pool_max_conns=3", repeatableRead)
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if _, err := spendBusy(t.Context(), db, time.Now(), true); err != nil {
				t.Error(err)
			}
			hasKey(t, db, "key")
		})
	}
	all.Wait()
}

func TestPostgres_ATextThatTheServerCannotKeep_IsNoInternalError(t *testing.T) {
	db := openURL(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)), repeatableRead)
	for _, text := range []string{"a\x00", "\xff"} {
		err := db.View(t.Context(), func(tx userpool.Tx) error {
			_, err := tx.Client(t.Context(), userpool.ClientID(text))
			return err
		})
		if !fault.Is(err, fault.InvalidParameter) {
			t.Errorf("%q: %v", text, err)
		}
		if err := putKey(t.Context(), db, text); !fault.Is(err, fault.InvalidParameter) {
			t.Errorf("put %q: %v", text, err)
		}
	}
}

func TestPostgres_ATextThatAnIndexCannotKeep_IsNoInternalError(t *testing.T) {
	db := openURL(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)), repeatableRead)
	var long strings.Builder
	for long.Len() < 8000 { // what repeats is kept packed
		long.WriteString(rand.Text())
	}
	if err := putKey(t.Context(), db, long.String()); !fault.Is(err, fault.InvalidParameter) {
		t.Errorf("got %v", err)
	}
}

// A server goes on for a moment after a newer one has changed the schema: whether it
// has prepared a statement before or not, it says why it cannot be served.
func TestPostgres_WhoseSchemaIsNewerNow_SaysSoOfEveryStatement(t *testing.T) {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	db := openURL(t, url, repeatableRead)
	hasKey(t, db, "key")
	if err := beside(t, url).script(`alter table meta rename column value to worth;
		insert into schema_migrations (version, name, applied_at) values (99, 'newer', 0)`); err != nil {
		t.Fatal(err)
	}
	err := db.View(t.Context(), func(tx userpool.Tx) error {
		_, err := tx.Meta(t.Context(), "key")
		return err
	})
	if !errors.Is(err, errNewerSchema) {
		t.Errorf("a statement that it knows: %v", err)
	}
	if err := putKey(t.Context(), db, "key"); !errors.Is(err, errNewerSchema) {
		t.Errorf("one that it has not prepared: %v", err)
	}
}

// watchedConn remembers until when it waits for an answer.
type watchedConn struct {
	net.Conn
	until time.Time
}

func (c *watchedConn) SetReadDeadline(t time.Time) error {
	c.until = t
	return c.Conn.SetReadDeadline(t)
}

// The deadline of a statement's answer must not pass while its connection is idle:
// the connection would be of no use, and each burst of requests would make new ones.
func TestRelease_LeavesNoDeadline(t *testing.T) {
	cfg, err := poolConfig(pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)))
	if err != nil {
		t.Fatal(err)
	}
	var dialled *watchedConn
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		dialled = &watchedConn{Conn: c}
		return dialled, err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	c, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newPgConn(t.Context(), c.Conn()).exec("select 1"); err != nil || dialled.until.IsZero() {
		t.Fatalf("a statement waits until %v: %v", dialled.until, err)
	}
	release(c, nil)
	if !dialled.until.IsZero() {
		t.Errorf("an idle connection has until %v", dialled.until)
	}
}

func TestPostgres_EveryStatementPreparesAndUsesAnIndex(t *testing.T) {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	openURL(t, url, repeatableRead)
	c := beside(t, url)
	for name, text := range statements(t) {
		if strings.HasPrefix(text, "create") {
			continue
		}
		prepared, err := c.pg.Prepare(t.Context(), name, text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		explain := fmt.Sprintf("explain execute %q", name) // its generic plan, as it is run
		if n := len(prepared.ParamOIDs); n > 0 {
			explain += "(" + strings.Repeat("null, ", n-1) + "null)"
		}
		err = c.query(explain, nil, func(r row) error {
			var line string
			if err := r.Scan(&line); err != nil {
				return err
			}
			if strings.Contains(line, "Seq Scan") && mayScan[name] == "" {
				t.Errorf("%s reads a whole table: %s", name, line)
			}
			return nil
		})
		if err != nil {
			t.Errorf("explain %s: %v", name, err)
		}
	}
}

func openURL(t *testing.T, url string, level isolation) *postgres {
	t.Helper()
	db, err := openPostgres(t.Context(), url, level, Options{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func beside(t *testing.T, url string) *pgConn {
	t.Helper()
	cfg, err := poolConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	pg, err := pgx.ConnectConfig(t.Context(), cfg.ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pg.Close(context.Background()) })
	if err := setUp(t.Context(), pg); err != nil {
		t.Fatal(err)
	}
	return newPgConn(t.Context(), pg)
}

// A transaction has the level that its store was opened with, a View repeatable read, and
// one whose statements need no snapshot none.
func TestPostgres_TransactionsOfEachLevel_HaveIt(t *testing.T) {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	const levelOf = "select current_setting('transaction_isolation') || ', read only ' || current_setting('transaction_read_only')"
	for _, level := range []isolation{serializable, repeatableRead, readCommitted} {
		db := openURL(t, url, level)
		for name, c := range map[string]struct {
			run  func(context.Context, func(userpool.Tx) error) error
			want string
		}{
			"an Update": {db.Update, string(level) + ", read only off"},
			"a View":    {db.View, "repeatable read, read only on"},
		} {
			err := c.run(t.Context(), func(u userpool.Tx) error {
				got, err := one(t.Context(), u.(*tx), value[string], levelOf)
				if err == nil && got != c.want {
					t.Errorf("%s of a store at %s is %s", name, level, got)
				}
				return err
			})
			if err != nil {
				t.Errorf("%s of a store at %s: %v", name, level, err)
			}
		}
	}
	c := beside(t, url)
	c.begin(readCommitted.begin())
	err := c.query(levelOf, nil, func(r row) error {
		got, err := value[string](r)
		if got != "read committed, read only off" {
			t.Errorf("without a snapshot it is %s", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

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

// A restart mends no URL, so that what is wrong with one is told from what is wrong
// with a server.
func TestOpen_URLThatNoServerIsReachedBy_NamesTheParameterAndNoPassword(t *testing.T) {
	const at = "postgres://bellhop:pass-of-database@127.0.0.1:1/bellhop?sslmode=disable"
	for url, parameter := range map[string]string{
		at + "&pool_max_conns=0":         "pool_max_conns",
		at + "&pool_max_conns=many":      "pool_max_conns",
		at + "&connect_timeout=soon":     "connect_timeout",
		at + "&target_session_attrs=all": "target_session_attrs",
		"postgres://bellhop:pass-of-database@127.0.0.1/bellhop?sslmode=perhaps": "sslmode",
		"postgres://bellhop:pass-of-database@127.0.0.1:port/bellhop":            "",
		"postgres://bellhop:pass-of-database%zz@127.0.0.1/bellhop":              "",
	} {
		_, err := Open(t.Context(), url, Options{})
		bad, ok := errors.AsType[*URLError](err)
		if !ok || bad.Parameter != parameter || !strings.Contains(err.Error(), parameter) {
			t.Errorf("%s: got %v, want the parameter %q blamed", url, err, parameter)
		}
		if _, asked := AskPostgres(t.Context(), url); fmt.Sprint(asked) != fmt.Sprint(err) {
			t.Errorf("%s: asked, got %v", url, asked)
		}
		if strings.Contains(fmt.Sprint(err), "pass-of") {
			t.Errorf("it tells the password: %v", err)
		}
	}
}

func TestOpen_ServerThatCannotServe_IsToldOfInOneSentence(t *testing.T) {
	at := pgtest.Shared(t).NewDatabase(t)
	other := "postgres://bellhop:pass-of-database@127.0.0.1:1,127.0.0.1:2/none?sslmode=disable"
	for url, want := range map[string]string{
		at + "&pool_mx_conns=3":                                      "a parameter that neither Bellhop nor the server knows",
		at + "&target_session_attrs=standby":                         "is what its target_session_attrs asks for",
		strings.Replace(at, "sslmode=disable", "sslmode=require", 1): "TLS to the server fails",
		other: "database none at 127.0.0.1:1, 127.0.0.1:2: the server cannot be reached",
	} {
		_, err := Open(t.Context(), url, Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "pass-of") {
			t.Errorf("%s: got %v, want one sentence with %q", url, err, want)
		}
	}
}

func TestAskPostgres_CommitThatNoStandbyConfirms_IsSeenToWait(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Options{Unsafe: true})
	url := cluster.NewDatabase(t)
	db := openURL(t, url, repeatableRead)
	alter := func(text string) {
		cluster.SQL(t, "postgres", "alter system "+text)
		cluster.SQL(t, "postgres", "select pg_reload_conf()")
	}
	alter("set synchronous_standby_names = 'nobody'")
	written := make(chan error, 1)
	go func() {
		written <- db.Update(t.Context(), func(tx userpool.Tx) error { return tx.PutMeta(t.Context(), "key", "value") })
	}()
	for {
		facts, err := AskPostgres(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		if facts.Waiting == 1 && facts.WaitingFor > 0 {
			break
		}
		if t.Context().Err() != nil || len(written) > 0 {
			t.Fatalf("no commit waits: %+v", facts)
		}
	}
	alter("reset synchronous_standby_names")
	if err := <-written; err != nil {
		t.Error(err)
	}
	if facts, err := AskPostgres(t.Context(), url); err != nil || facts.Waiting != 0 {
		t.Errorf("afterwards %d wait, %v", facts.Waiting, err)
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

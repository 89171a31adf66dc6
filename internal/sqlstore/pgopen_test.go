package sqlstore

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

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
	// The server reloads when it comes to it: commits before that do not wait.
	written, seen := make(chan error, 1), new(atomic.Bool)
	go func() {
		for {
			err := db.Update(t.Context(), func(tx userpool.Tx) error { return tx.PutMeta(t.Context(), "key", "value") })
			if err != nil || seen.Load() {
				written <- err
				return
			}
		}
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
	seen.Store(true)
	alter("reset synchronous_standby_names")
	if err := <-written; err != nil {
		t.Error(err)
	}
	if facts, err := AskPostgres(t.Context(), url); err != nil || facts.Waiting != 0 {
		t.Errorf("afterwards %d wait, %v", facts.Waiting, err)
	}
}

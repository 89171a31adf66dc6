package cognito

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.StopShared()
	os.Exit(code)
}

// engines are the two that the server runs on.
var engines = []string{"sqlite", "postgres"}

// live is a whole server but for the sockets, on either engine, in a bubble of virtual
// time. It is spoken to in bytes.
type live struct {
	t       testing.TB
	ctx     context.Context
	handler http.Handler
	service *userpool.Service
	db      *sql.DB // another look into its database
	// postgres says on which engine it is.
	postgres bool
	log      *keptLog
	phone    *smstest.Phone
	mail     *keptMail
	who      map[string]access
	next     byte // the last byte of the address of whoever asks
}

// keptLog is a log that goroutines may write to.
type keptLog struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (l *keptLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// take returns what was logged since the last time.
func (l *keptLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}

// keptMail takes e-mails, and keeps the newest code of each address.
type keptMail struct {
	mu    sync.Mutex // guards codes
	codes []string
}

func (k *keptMail) Send(_ context.Context, m mail.Message) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if code := smstest.CodeIn(m.Body); code != "" {
		k.codes = append(k.codes, code)
	}
	return nil
}

func (k *keptMail) newest() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.codes[max(0, len(k.codes)-3):])
}

// goLive runs the test with a server on the engine. Its background work runs if work is
// true; without it nothing happens but what a request does.
func goLive(t *testing.T, engine string, work bool, test func(l *live)) {
	t.Helper()
	var file string
	if engine == "postgres" {
		file = pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	} else {
		file = worldtest.Database(t)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := &live{t: t, ctx: ctx, log: &keptLog{}, phone: &smstest.Phone{}, mail: &keptMail{}, who: map[string]access{}}
		store, err := sqlstore.Open(ctx, file, sqlstore.Options{})
		l.must(err)
		ring, _ := seal.Generate()
		worldtest.Stock(t, store, ring)
		log := slog.New(slog.NewJSONHandler(l.log, nil))
		l.service, err = userpool.Open(ctx, userpool.Config{
			Store: store, Ring: ring, Sender: l.phone, Mailer: l.mail, Region: "us-east-1", PublicURL: "http://localhost:9400",
			LimitsOff: true, Log: log, Guard: guard.NewEngine(worldtest.Roomy()),
		})
		l.must(err)
		api, err := New(Config{Service: l.service, Keys: testKeys})
		l.must(err)
		for _, o := range api.table() {
			l.who[o.name] = o.who
		}
		l.handler = web.Handler(web.Config{Log: log, Refuse: api.Refuse}, api)
		driver := "sqlite"
		if sqlstore.IsPostgres(file) {
			l.postgres = true
			driver, file = "pgx", strings.Replace(file, "pool_min_conns=0&", "", 1) // which is the pool's alone
		}
		l.db, err = sql.Open(driver, file)
		l.must(err)
		done := make(chan error, 1)
		if work {
			go func() { done <- l.service.Run(ctx) }()
		} else {
			done <- nil
		}
		defer func() {
			cancel()
			for _, err := range []error{<-done, l.db.Close(), store.Close()} {
				if err != nil {
					t.Error(err)
				}
			}
		}()
		test(l)
	})
}

func (l *live) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// send sends a request as its caller would.
func (l *live) send(operation, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	l.handler.ServeHTTP(w, l.request(operation, body))
	return w
}

// request is a request as its caller would send it: signed, where that is wanted. Each
// comes from another address, since what one address may do is no matter of these tests.
func (l *live) request(operation, body string) *http.Request {
	r := post(operation, body).WithContext(l.ctx)
	l.next++
	r.RemoteAddr = fmt.Sprintf("203.0.113.%d:4711", l.next)
	if l.who[operation] == admin {
		signAs(r, body, time.Now(), families["boto3"]...)
	}
	return r
}

// digest is a sum over everything in the database.
func (l *live) digest() string {
	l.t.Helper()
	tables := l.column(`select name from sqlite_schema where type = 'table' order by name`,
		`select table_name from information_schema.tables where table_schema = current_schema() order by table_name`)
	sum := sha256.New()
	for _, table := range tables {
		rows := l.column(`select json_array(`+strings.Join(l.column("select name from pragma_table_info('"+table+"')", ""), ",")+`) from `+table,
			`select t::text from `+table+` t`)
		slices.Sort(rows)
		io.WriteString(sum, table+"\n"+strings.Join(rows, "\n"))
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// column is the one column of a question, which each engine is asked in its own words.
func (l *live) column(sqlite, postgres string) (all []string) {
	l.t.Helper()
	query := sqlite
	if l.postgres {
		query = postgres
	}
	if query == "" {
		return []string{"1"}
	}
	rows, err := l.db.QueryContext(l.ctx, query)
	l.must(err)
	defer rows.Close()
	for rows.Next() {
		var s string
		l.must(rows.Scan(&s))
		all = append(all, s)
	}
	l.must(rows.Err())
	return all
}

// oddBodies are bodies of an operation in which a place has the wrong JSON type.
func oddBodies(t testing.TB, m serviceModel, operation string) []mutation {
	w := &mutator{t: t, model: m, operation: operation}
	var walk func(place, shape string, in frame)
	walk = func(place, shape string, in frame) {
		s := m.Shapes[shape]
		if s.Document {
			return
		}
		odd := map[string][]any{
			"string": {7, true, []any{}, map[string]any{}}, "boolean": {"true", 1, []any{}, map[string]any{}},
			"integer": {"1", 1.5, true, []any{}, map[string]any{}, 1e99}, "long": {"1", 1.5}, "list": {"x", 1, map[string]any{}, []any{[]any{}}},
			"map": {"x", 1, []any{}}, "structure": {"x", 1, true, []any{}}, "timestamp": {[]any{}}, "blob": {7},
		}
		if place != "" {
			for _, v := range odd[s.Type] {
				w.add("odd type", place, in(v), "SerializationException")
			}
		}
		switch s.Type {
		case "structure":
			for name, of := range s.Members {
				walk(at(place, name), of, func(v any) any {
					all := w.example(s)
					all[name] = v
					return in(all)
				})
			}
		case "list":
			walk(place+".1.member", s.Member, func(v any) any { return in([]any{v}) })
		case "map":
			walk(place+".value", s.Value, func(v any) any { return in(map[string]any{"a": v}) })
		}
	}
	walk("", m.Operations[operation].In, func(v any) any { return v })
	return w.out
}

// Sends every request that breaks a constraint of the model or has a wrong type
// somewhere, as its caller would, to a server that works. Each is refused in its envelope
// and in words, and nothing is written.
func TestLive_WhatTheModelDoesNotAllow_LeavesNothingBehind(t *testing.T) {
	m := model(t)
	goLive(t, "sqlite", false, func(l *live) {
		before := l.digest()
		for _, operation := range served() {
			for _, c := range append(mutations(t, m, operation), oddBodies(t, m, operation)...) {
				_, allowed := lenient[c.place+" "+c.what]
				if c.want == "" || allowed {
					continue
				}
				name := "InvalidParameterException"
				if c.want == "SerializationException" {
					name = c.want
				}
				a := l.send(operation, c.body)
				if a.Code != 400 || a.Header().Get("x-amzn-ErrorType") != name+":" {
					t.Errorf("%s, %.200s: %d %.200s", c, c.body, a.Code, a.Body)
				}
			}
			if after := l.digest(); after != before {
				t.Errorf("%s: something was written", operation)
				before = after
			}
		}
	})
}

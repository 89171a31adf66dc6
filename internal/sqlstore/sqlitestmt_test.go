package sqlstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func TestLiteStmt_WhatGoesInComesOut(t *testing.T) {
	c := bareConn(t)
	if err := c.script("create table t (a text, b bigint, c boolean, d text, e bigint, f text, g text)"); err != nil {
		t.Fatal(err)
	}
	type given struct {
		text  string
		n     int64
		yes   bool
		named userpool.PoolID
		small uint32
		bytes []byte
	}
	for _, g := range []given{
		{text: "Zoë\x00after", n: -1, yes: true, named: "pool", small: 7, bytes: []byte{0, 255}},
		{},
		{text: strings.Repeat("long ", 10_000), n: 1 << 60, named: userpool.PoolID(strings.Repeat("x", 300)), bytes: []byte("b")},
		{text: "short again"},
	} {
		if _, err := c.exec("delete from t"); err != nil {
			t.Fatal(err)
		}
		n, err := c.exec("insert into t values ($1, $2, $3, $4, $5, $6, $7)", g.text, g.n, g.yes, g.named, g.small, g.bytes, nil)
		if err != nil || n != 1 {
			t.Fatalf("%d rows, %v", n, err)
		}
		var got given
		err = c.query("select a, b, c, d, e, coalesce(f, '') from t where a = $1 and g is null", []any{g.text}, func(r row) error {
			return r.Scan(&got.text, &got.n, &got.yes, &got.named, &got.small, &got.bytes)
		})
		if err != nil || got.text != g.text || got.n != g.n || got.yes != g.yes || got.named != g.named ||
			got.small != g.small || string(got.bytes) != string(g.bytes) {
			t.Errorf("got %.80v, %v", got, err)
		}
	}
	var s string
	scan := func(r row) error { return r.Scan(&s) }
	if err := c.query("select g from t", nil, scan); !errors.Is(err, errNull) {
		t.Errorf("NULL into a text: %v", err)
	}
	if err := c.query("select a from t where a = $1 and b = $2", []any{"one"}, scan); err == nil {
		t.Error("an argument was missing, and nobody minded")
	}
	if _, err := c.exec("delete from t where a = $1", struct{}{}); err == nil {
		t.Error("a struct was bound")
	}
}

// What a statement costs beside what SQLite does for it.
//
//	go test ./internal/sqlstore -run '^$' -bench Statement
func BenchmarkStatement(b *testing.B) {
	c, err := newConn(b.Context(), dataSource(b.TempDir()+"/bench.db"), writerPragmas)
	if err != nil {
		b.Fatal(err)
	}
	defer c.close()
	if err := c.script("create table t (id text primary key, a text, b bigint, c text) without rowid"); err != nil {
		b.Fatal(err)
	}
	const put = "insert into t values ($1, $2, $3, $4) on conflict (id) do update set b = excluded.b"
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		if err := c.script("begin"); err != nil {
			b.Fatal(err)
		}
		for i := range b.N {
			if _, err := c.exec(put, "the one", "some text of the usual length", int64(i), userpool.PoolID("us-east-1_pool")); err != nil {
				b.Fatal(err)
			}
		}
		if err := c.script("commit"); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		var id, text string
		var n int64
		var pool userpool.PoolID
		for range b.N {
			err := c.query("select id, a, b, c from t where id = $1", []any{"the one"}, func(r row) error { return r.Scan(&id, &text, &n, &pool) })
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

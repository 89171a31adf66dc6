package sqlstore

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// unprepared is what has a URL want no statements prepared.
const unprepared = "&default_query_exec_mode=exec"

// What the server is told of an argument is what the driver tells it, whether or not the
// statement is prepared.
func TestPgExchange_OfAnyArgument_SaysWhatTheDriverDoes(t *testing.T) {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	arguments := map[string][]any{
		"text": {
			"", "some", `a "quoted" one\`, "NULL", "{}", "ümlaut", nil, userpool.UserID("user"), userpool.PoolID("pool"),
			userpool.ClientID("client"), userpool.FamilyID("family"), userpool.ActorKind("kind"),
		},
		"bigint":   {int64(0), int64(math.MinInt64), int64(math.MaxInt64), 7, uint8(8), uint32(9), time.Duration(10), nil},
		"boolean":  {true, false, nil},
		"text[]":   {[]string{}, []string{""}, []string{"a", `"`, `\`, "NULL", "a,b", "{x}", " "}, []string(nil), []string{"ümlaut"}},
		"bigint[]": {[]int64{}, []int64{1, -2}, []int64(nil)},
		"bool[]":   {[]bool{}, []bool{true, false}},
	}
	for _, c := range []*pgConn{beside(t, url), beside(t, url+unprepared)} {
		for kind, values := range arguments {
			query := "select quote_nullable(cast($1 as text)), quote_nullable(cast(cast($2 as " + kind + ") as text))"
			for _, v := range values {
				var got, want [2]string
				err := c.query(query, []any{"", v}, func(r row) error { return r.Scan(&got[0], &got[1]) })
				if err != nil {
					t.Errorf("%T %q: %v", v, v, err)
					continue
				}
				if err := c.pg.QueryRow(t.Context(), query, pgx.QueryExecModeDescribeExec, "", v).Scan(&want[0], &want[1]); err != nil {
					t.Fatalf("%T %q: the driver says %v", v, v, err)
				}
				if got != want {
					t.Errorf("%T %q came as %q, the driver's as %q", v, v, got, want)
				}
			}
		}
		if _, err := c.exec("select $1::text", 1, 2); err == nil {
			t.Error("a statement of one argument takes two")
		}
	}
}

// A long argument leaves the next statement what it needs, and is not kept.
func TestPgExchange_ArgumentsOfAnyLength_AreKeptApart(t *testing.T) {
	c := beside(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)))
	for _, size := range []int{0, 1, 511, 512, 513, mostRoom, 4 * mostRoom, 3} {
		args := []any{strings.Repeat("a", size), strings.Repeat("b", size), "", int64(size)}
		var got [3]string
		var n int
		err := c.query("select $1::text, $2::text, $3::text, $4::bigint", args, func(r row) error { return r.Scan(&got[0], &got[1], &got[2], &n) })
		if err != nil || got != [3]string{args[0].(string), args[1].(string), ""} || n != size {
			t.Errorf("of %d: %d, %v", size, n, err)
		}
	}
	if kept := cap(newPgExchange(c.pg).on.text); kept > mostRoom {
		t.Errorf("%d bytes are kept", kept)
	}
}

// A statement that is prepared is bound and run, and no more is said of it.
func TestPgExchange_StatementAskedAgain_IsBoundAndRunAlone(t *testing.T) {
	c := beside(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)))
	if err := c.script("create temporary table kept (name text primary key)"); err != nil {
		t.Fatal(err)
	}
	// What leads reads the version of the schema, which this one has none of.
	if err := c.script("create temporary table schema_migrations as select " + fmt.Sprint(lastVersion) + "::bigint as version"); err != nil {
		t.Fatal(err)
	}
	run := func() {
		c.begin(repeatableRead.begin())
		err := c.later("insert into kept values ($1)", "a name")
		if err == nil {
			err = c.query("select name from kept", nil, func(r row) error { return r.Scan(new(string)) })
		}
		if err == nil {
			err = c.rollback()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run()
	var trace bytes.Buffer
	c.pg.PgConn().Frontend().Trace(&trace, pgproto3.TracerOptions{SuppressTimestamps: true})
	run()
	c.pg.PgConn().Frontend().Untrace()
	var said []string
	for line := range strings.Lines(trace.String()) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "F" {
			said = append(said, words[1])
		}
	}
	want := strings.Fields("Bind Execute Bind Execute Bind Execute Bind Execute Sync Bind Execute Sync")
	if !reflect.DeepEqual(said, want) {
		t.Errorf("it says %q", said)
	}
}

// A statement whose answer has changed its columns, or which somebody has dropped, fails
// once, and is prepared again. What it was before is given back to the server.
func TestPgExchange_StatementThatIsGoodNoMore_IsPreparedAgain(t *testing.T) {
	c := beside(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)))
	if err := c.script("create temporary table kept (name text); insert into kept values ('a')"); err != nil {
		t.Fatal(err)
	}
	const query = "select * from kept"
	columns := func() (n int, err error) {
		err = c.query(query, nil, func(r row) error { n = len(r.(pgRow).values); return nil })
		return n, err
	}
	for i, spoil := range []string{"alter table kept add column more text default 'b'", "deallocate all"} {
		if n, err := columns(); err != nil || n != 1+i {
			t.Fatalf("%d columns, %v", n, err)
		}
		if err := c.script(spoil); err != nil {
			t.Fatal(err)
		}
		if _, err := columns(); err == nil {
			t.Fatalf("%s: it went on", spoil)
		}
		if n, err := columns(); err != nil || n != 2 {
			t.Errorf("%s: then there are %d columns, %v", spoil, n, err)
		}
	}
	n, err := number(c, "select count(*) from pg_prepared_statements where statement = $1", query)
	if err != nil || n != 1 {
		t.Errorf("the server has %d of it: %v", n, err)
	}
}

// A transaction that fails of anything else keeps what it has prepared.
func TestPgExchange_StatementThatFails_StaysPrepared(t *testing.T) {
	c := beside(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)))
	for range 3 {
		if _, err := c.exec("select 1 / $1::bigint", 0); sqlState(err) != divisionByNought {
			t.Fatalf("got %v", err)
		}
	}
	if made := newPgExchange(c.pg).on.made; made != 1 {
		t.Errorf("%d statements were prepared", made)
	}
}

// A database of whose URL nothing is prepared is used as any other is.
func TestPgExchange_OfAURLThatWantsNonePrepared_PreparesNone(t *testing.T) {
	db := openURL(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))+unprepared, repeatableRead)
	ctx := context.Background()
	user := userpool.User{PoolID: "us-east-1_One", ID: "asha", Username: "asha", Enabled: true, CreatedAt: time.UnixMilli(5).UTC(), Attributes: map[string]string{"sub": "asha"}}
	err := db.Update(ctx, func(tx userpool.Tx) error {
		if err := tx.InsertPool(ctx, userpool.Pool{ID: user.PoolID, Name: "one", Settings: userpool.DefaultPoolSettings()}); err != nil {
			return err
		}
		return tx.InsertUser(ctx, user)
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := db.View(ctx, func(tx userpool.Tx) error {
			if _, err := tx.Pool(ctx, user.PoolID); err != nil {
				return err
			}
			tx.Ahead(ctx, func(tx userpool.Tx) { tx.User(ctx, user.PoolID, user.ID) })
			u, err := tx.User(ctx, user.PoolID, user.ID)
			if err == nil && (!u.Enabled || !u.CreatedAt.Equal(user.CreatedAt) || u.Username != "asha") {
				t.Errorf("got %+v", u)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := db.acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer release(c, nil)
	n, err := number(newPgConn(ctx, c.Conn()), "select count(*) from pg_prepared_statements where name <> ''")
	if err != nil || n != 0 {
		t.Errorf("%d are prepared: %v", n, err)
	}
}

package sqlstore

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// A round trip to a server costs both sides more than most statements do. Two things
// spare some. What a transaction says that it is going to read goes with the statement
// that it sends next. And an update whose outcome follows from what it has read, on its
// snapshot, is not waited for: if another changes the row meanwhile, it fails.
//
// Both hold until the transaction writes in the same table. And what is inserted is taken to
// be new where it mostly is (assumedNew).

// foreseen is a statement that is going to be asked, and what came of it.
type foreseen struct {
	query  string
	args   []any
	asked  bool
	fields []pgconn.FieldDescription
	rows   [][][]byte
}

func (f *foreseen) is(query string, args []any) bool {
	return f.query == query && slices.Equal(f.args, args)
}

// Ahead notes what read asks for. On SQLite there is nothing to be spared.
//
// A View that has asked nothing yet is taken to read nothing else. It is one message
// then, which is a transaction by itself.
func (t *tx) Ahead(ctx context.Context, read func(userpool.Tx)) {
	if t.remote == nil || t.usable(ctx) != nil {
		return
	}
	if t.assumes && !t.snapshot && !t.remote.begun() {
		t.remote.whole = true
	}
	read(&tx{conn: foresight{t.remote}, caller: t.caller, config: &configCache{}})
}

// foresight is a connection on which nothing is found: it notes what is looked for.
type foresight struct{ *pgConn }

func (f foresight) query(query string, args []any, _ func(row) error) error {
	if err := mayKeep(args); err != nil {
		return err
	}
	if slices.ContainsFunc(f.foreseen, func(other *foreseen) bool { return other.is(query, args) }) {
		return nil
	}
	f.foreseen = append(f.foreseen, &foreseen{query: query, args: slices.Clone(args)})
	if query == sqlSession { // who reads it ahead goes on to these, whose keys are in it
		for _, too := range []string{sqlUserOfSession, sqlGroupsOfSession, sqlChallengeOfSession} {
			f.foreseen = append(f.foreseen, &foreseen{query: too, args: slices.Clone(args)})
		}
	}
	return nil
}

var errNoReading = errors.New("what is said ahead must be reading")

func (f foresight) exec(string, ...any) (int64, error)            { return 0, errNoReading }
func (f foresight) later(string, ...any) error                    { return errNoReading }
func (f foresight) insertLater(string, ...any) error              { return errNoReading }
func (f foresight) askLater(string, []any, func(row) error) error { return errNoReading }
func (f foresight) script(string) error                           { return errNoReading }

// recall takes out what is foreseen of a statement; nil if nothing is.
func (c *pgConn) recall(query string, args []any) *foreseen {
	at := slices.IndexFunc(c.foreseen, func(f *foreseen) bool { return f.is(query, args) })
	if at < 0 {
		return nil
	}
	f := c.foreseen[at]
	c.foreseen = slices.Delete(c.foreseen, at, at+1)
	return f
}

// knownAs says that what was asked of a key is the answer to another statement.
func (c *pgConn) knownAs(asked string, key any, query string, args ...any) {
	for _, f := range c.foreseen {
		if f.asked && f.is(asked, []any{key}) {
			f.query, f.args = query, args
		}
	}
}

// unasked are those that are still to be sent.
func (c *pgConn) unasked() (all []*foreseen) {
	for _, f := range c.foreseen {
		if !f.asked {
			f.asked = true
			all = append(all, f)
		}
	}
	return all
}

// keep reads the answer.
func (f *foreseen) keep(m *pgExchange) error {
	_, err := m.answer(func(r pgRow) error {
		f.fields, f.rows = r.fields, append(f.rows, rowKept(r.values))
		return nil
	})
	return err
}

// rowKept is a copy of a row's values, in one piece.
func rowKept(values [][]byte) [][]byte {
	size := 0
	for _, v := range values {
		size += len(v)
	}
	row, all := make([][]byte, len(values)), make([]byte, 0, size)
	for i, v := range values {
		if v == nil { // NULL
			continue
		}
		from := len(all)
		all = append(all, v...)
		row[i] = all[from:len(all):len(all)]
	}
	return row
}

// tell calls scan for each row.
func (f *foreseen) tell(scan func(row) error) error {
	for _, values := range f.rows {
		if err := scan(pgRow{f.fields, values}); err != nil {
			return err
		}
	}
	return nil
}

// fact is something that a transaction knows of a row, by its key.
type fact struct {
	table string
	key   any
	value int64
}

// learn notes a fact, where what a transaction has read cannot change under it. ConsumeX
// and the like then know how they end.
func (t *tx) learn(f fact) {
	if t.steady {
		t.facts = append(t.facts, f)
	}
}

// knows finds a fact.
func (t *tx) knows(table string, key any) (value int64, yes bool) {
	for _, f := range t.facts {
		if f.table == table && f.key == key {
			return f.value, true
		}
	}
	return 0, false
}

// surely is changed where the outcome may be known before.
func (t *tx) surely(ctx context.Context, known bool, query string, args ...any) (bool, error) {
	if known {
		err := t.run(ctx, query, args...)
		return err == nil, err
	}
	return t.changed(ctx, query, args...)
}

// wrote forgets what a statement may have changed.
func (t *tx) wrote(query string) {
	if t.remote == nil || len(t.facts) == 0 && len(t.remote.foreseen) == 0 || strings.HasPrefix(query, "select ") {
		return
	}
	table := written(query)
	if table == "" {
		t.facts, t.remote.foreseen = nil, nil
		return
	}
	t.facts = slices.DeleteFunc(t.facts, func(f fact) bool { return f.table == table })
	t.remote.foreseen = slices.DeleteFunc(t.remote.foreseen, func(f *foreseen) bool { return strings.Contains(f.query, table) })
}

// written is the table that a statement writes, "" for more than one: what goes with a row
// that is deleted, and what a part of a transaction did that is taken back.
func written(query string) string {
	words := strings.SplitN(query, " ", 4)
	switch {
	case words[0] == "update":
		return words[1]
	case words[0] == "insert":
		return words[2]
	case words[0] == "delete" && !slices.Contains(parents, words[2]):
		return words[2]
	}
	return ""
}

// parents are the tables whose rows take others with them.
var parents = []string{"pools", "registrations", "import_jobs"}

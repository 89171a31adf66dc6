package sqlstore

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// answerWithin bounds the wait for the server's answer to any statement but
// COMMIT, which may have to wait for a standby. A connection that is silent for
// longer is given up; nothing that ran on it is stored then.
const answerWithin = 8 * time.Second

// pgConn is a connection to PostgreSQL, taken from the pool for one transaction.
type pgConn struct {
	// ctx never ends: an interrupted statement would cost the connection.
	ctx context.Context
	pg  *pgx.Conn
	// lead is what goes before the next statement, in the same message: the
	// opening of the transaction costs no round trip of its own. The last of it
	// reads the version of the schema. Where a pool's is assumed, which a newer schema
	// has changed too, that is read instead.
	lead []string
	// assumed waits to be checked, before the next statement or the commit.
	assumed []assumption
	// relies is told how the check of what is assumed ended that the operation relies on;
	// nil for nothing.
	relies *userpool.Reliance
	// writes are statements whose answers nobody awaits. They go before the next
	// statement, or before the commit, in the same message.
	writes []write
	// foreseen is what is going to be asked, and goes with the next statement, and what
	// was.
	foreseen []*foreseen
	// counters are the arguments by which some are looked up so.
	counters []any
	// whole says of a transaction that its next message is all of it; spent, that this
	// was sent, and another would not be of the same snapshot.
	whole, spent bool
	// open takes a connection for a transaction that has none until it asks something.
	open func() (*pgx.Conn, error)
	// together makes the inquiry of a View that is one message whole; nil where that is
	// not to be.
	together func(*inquiry) error
}

// write is a statement that waits to be sent.
type write struct {
	query string
	args  []any
	taken error // what it is that its key is taken
	scan  func(row) error

	reached bool // its answer was read
	tag     pgconn.CommandTag
}

func newPgConn(ctx context.Context, c *pgx.Conn) *pgConn {
	return &pgConn{ctx: context.WithoutCancel(ctx), pg: c}
}

func (c *pgConn) engine() *dialect { return &postgresDialect }

// begin opens a transaction with the next statement.
func (c *pgConn) begin(leads ...string) { c.lead = append(slices.Clone(leads), sqlSchemaVersion) }

// begun says whether a statement has run, and with it a transaction is open.
func (c *pgConn) begun() bool { return c.lead == nil }

// assumption is what a transaction goes by before it knows: that the configuration of a
// pool still has the version that it had when others read it. The check costs no round
// trip of its own. Where it fails, so does the transaction, of errMistaken, whatever it
// has decided; then it is run again and assumes nothing.
type assumption = userpool.ConfigVersion

func (c *pgConn) assume(pool userpool.PoolID, version int64) {
	c.assumed = append(c.assumed, assumption{Pool: pool, Version: version})
}

var errMistaken = errors.New("a transaction has assumed what is not so")

const (
	// sqlCheckConfig fails where the version is another, so that what comes behind it in
	// the same message is not carried out.
	sqlCheckConfig   = `select 1 / count(*) from pools where id = $1 and config_version = $2`
	divisionByNought = "22012"
)

// verify checks what is assumed where no statement follows. Before the transaction has
// begun that takes none: it is one statement.
func (c *pgConn) verify() error {
	if len(c.assumed) == 0 {
		return nil
	}
	c.whole = !c.begun()
	c.writes, c.foreseen = nil, nil
	return c.flush()
}

// isUntouched says whether no statement has run, and none waits.
func (c *pgConn) isUntouched() bool { return !c.begun() && len(c.writes) == 0 }

// later keeps a statement until the next one whose answer is needed, or the commit: a
// write costs no round trip of its own. That it failed is told there.
func (c *pgConn) later(query string, args ...any) error {
	return c.keep(write{query: query, args: args})
}

// insertLater is later for an insert of a key that is new, or the transaction fails
// of userpool.ErrExists.
func (c *pgConn) insertLater(query string, args ...any) error {
	return c.keepNew(query, args, userpool.ErrExists)
}

// assumeNew is insertLater for a key that is taken to be new: where it is not, the
// transaction has assumed what is not so.
func (c *pgConn) assumeNew(query string, args ...any) error {
	return c.keepNew(query, args, errMistaken)
}

func (c *pgConn) keepNew(query string, args []any, taken error) error {
	plain, ok := strings.CutSuffix(query, onConflictDoNothing)
	if !ok {
		return errors.New("this insert would do nothing, or something else, where its key is taken: " + query)
	}
	return c.keep(write{query: plain, args: args, taken: taken})
}

func (c *pgConn) askLater(query string, args []any, scan func(row) error) error {
	return c.keep(write{query: query, args: args, scan: scan})
}

func (c *pgConn) keep(w write) error {
	if err := mayKeep(w.args); err != nil {
		return err
	}
	w.args = slices.Clone(w.args)
	c.writes = append(c.writes, w)
	return nil
}

func (c *pgConn) exec(query string, args ...any) (int64, error) {
	tag, err := c.send(query, args, nil)
	return tag.RowsAffected(), err
}

func (c *pgConn) query(query string, args []any, scan func(row) error) error {
	f := c.recall(query, args)
	if f != nil && f.asked {
		return f.tell(scan)
	}
	if c.whole {
		if err := mayKeep(args); err != nil {
			return err
		}
		if f == nil {
			f = &foreseen{query: query, args: args}
		}
		if shared, err := c.share(f); shared {
			if err != nil {
				return err
			}
			return f.tell(scan)
		}
	}
	_, err := c.send(query, args, scan)
	return err
}

// errNoText is what whoever sent such a text is told; SQLite keeps it.
var errNoText = fault.New(fault.InvalidParameter, "A text must not contain the character U+0000.")

// mayKeep refuses the texts that a server refuses, before it spoils a transaction.
func mayKeep(args []any) error {
	for _, arg := range args {
		if texts, ok := arg.([]string); ok && slices.ContainsFunc(texts, isNoText) {
			return errNoText
		}
		if v := reflect.ValueOf(arg); v.Kind() == reflect.String && isNoText(v.String()) {
			return errNoText
		}
	}
	return nil
}

func isNoText(s string) bool { return strings.ContainsRune(s, 0) || !utf8.ValidString(s) }

// send runs a statement, after what leads it and what waits, and has scan read its rows.
func (c *pgConn) send(query string, args []any, scan func(row) error) (tag pgconn.CommandTag, err error) {
	if err := mayKeep(args); err != nil {
		return tag, err
	}
	if c.spent || c.whole && (len(c.writes) > 0 || !strings.HasPrefix(query, "select ")) {
		return tag, errMistaken // what does not begin is not refused what it writes
	}
	if err := c.opened(); err != nil {
		return tag, err
	}
	c.pg.PgConn().Conn().SetReadDeadline(time.Now().Add(answerWithin))
	last := write{query: query, args: args, scan: scan}
	err = c.sendBehind(&last)
	return last.tag, err
}

// flush sends what leads and what waits.
func (c *pgConn) flush() error {
	if c.whole {
		if shared, err := c.share(nil); shared {
			return err
		}
	}
	if err := c.opened(); err != nil {
		return err
	}
	c.pg.PgConn().Conn().SetReadDeadline(time.Now().Add(answerWithin))
	return c.sendBehind(nil)
}

// opened makes sure that there is a connection.
func (c *pgConn) opened() (err error) {
	switch {
	case c.pg != nil:
	case c.open == nil:
		err = errNowhere
	default:
		c.pg, err = c.open()
	}
	return err
}

// sendBehind sends what leads, what is to be checked, what waits, and last, if that is not
// nil, in one message.
func (c *pgConn) sendBehind(last *write) error {
	f := front{c.lead, c.assumed, c.writes, c.unasked()}
	c.lead, c.assumed, c.writes = nil, nil, nil
	if c.whole {
		c.lead, f.lead = f.lead, f.lead[len(f.lead)-1:] // it does not begin, and need not end
		c.spent = true
	}
	err := f.exchange(newPgExchange(c.pg), last)
	c.told(err)
	if len(f.lead) > 0 && strings.HasPrefix(sqlState(err), "42") && c.isNewer() {
		return errNewerSchema
	}
	return c.classify(err)
}

// isNewer says whether a statement cannot be prepared because the schema is not the
// one that it was written for. What is new is prepared before what leads is sent.
func (c *pgConn) isNewer() bool {
	version, err := number(c, sqlSchemaVersion)
	return err == nil && version != lastVersion
}

// front is what goes before a statement in one message.
type front struct {
	lead    []string
	assumed []assumption // the first is checked by what leads, if anything does
	writes  []write
	asks    []*foreseen
}

// exchange sends what waited, and last behind it, and reads the answers.
func (f front) exchange(e *pgExchange, last *write) (err error) {
	defer func() { err = e.end(err) }()
	f.ask(e)
	if last != nil {
		e.ask(last.query, last.args...)
	}
	if err := e.send(); err != nil {
		return err
	}
	if err := f.answers(e); err != nil || last == nil {
		return err
	}
	last.reached = true
	return last.read(e)
}

func (f front) ask(e *pgExchange) {
	assumed := f.assumed
	if last := len(f.lead) - 1; last >= 0 {
		for _, text := range f.lead[:last] {
			e.ask(text)
		}
		if len(assumed) == 0 {
			e.ask(f.lead[last])
		} else {
			e.ask(sqlConfigVersion, assumed[0].Pool)
			assumed = assumed[1:]
		}
	}
	for _, a := range assumed {
		e.ask(sqlCheckConfig, a.Pool, a.Version)
	}
	for _, w := range f.writes {
		e.ask(w.query, w.args...)
	}
	for _, a := range f.asks {
		e.ask(a.query, a.args...)
	}
}

func (f front) answers(e *pgExchange) error {
	assumed := f.assumed
	if len(f.lead) > 0 {
		if err := f.readLead(e); err != nil {
			return err
		}
		assumed = assumed[min(1, len(assumed)):]
	}
	for range assumed {
		if _, err := e.answer(nil); err != nil {
			if sqlState(err) == divisionByNought {
				return errMistaken
			}
			return err
		}
	}
	for i := range f.writes {
		w := &f.writes[i]
		err := w.read(e)
		if w.taken != nil && sqlState(err) == "23505" {
			return w.taken
		}
		if sqlState(err) == divisionByNought { // see trust
			return errMistaken
		}
		if err != nil {
			return err
		}
	}
	for _, a := range f.asks {
		if err := a.keep(e); err != nil {
			return err
		}
	}
	return nil
}

func (w *write) read(e *pgExchange) (err error) {
	var row func(pgRow) error
	if w.scan != nil {
		row = func(r pgRow) error { return w.scan(r) }
	}
	w.tag, err = e.answer(row)
	return err
}

func (f front) readLead(e *pgExchange) error {
	for range len(f.lead) - 1 {
		if _, err := e.answer(nil); err != nil {
			return err
		}
	}
	var version int64
	found := false
	_, err := e.answer(func(r pgRow) error {
		found = true
		return r.Scan(&version)
	})
	switch {
	case err != nil:
		return err
	case len(f.assumed) == 0 && version != lastVersion:
		return errNewerSchema
	case len(f.assumed) > 0 && (!found || version != f.assumed[0].Version):
		return errMistaken
	}
	return nil
}

func (c *pgConn) script(text string) error {
	c.pg.PgConn().Conn().SetReadDeadline(time.Time{}) // a migration takes as long as it takes
	_, err := c.pg.PgConn().Exec(c.ctx, text).ReadAll()
	return c.classify(err)
}

func (c *pgConn) classify(err error) error {
	if err != nil && c.pg != nil && c.pg.IsClosed() {
		return broken(err)
	}
	return classifyPostgres(err)
}

func (c *pgConn) close() error { return c.pg.Close(c.ctx) }

// rollback ends a transaction that is open. An error means that the connection is
// of no use any more.
func (c *pgConn) rollback() error {
	c.assumed, c.writes, c.foreseen = nil, nil, nil
	if !c.begun() {
		return nil
	}
	_, err := c.exec("rollback")
	return err
}

// sessionSettings are made on each new connection.
//
// No timeout may cut off a COMMIT that waits for a standby: the server would say
// yes to what it alone has. What waits for a lock, or sits in an open
// transaction, has one. A message that begins no transaction has one snapshot. Plans do not depend on statistics, which a new database
// lacks: every statement here has an index.
const sessionSettings = `
	select set_config(name, value, false) from (values
		('statement_timeout', '0'), ('transaction_timeout', '0'), ('lock_timeout', '5s'),
		('idle_in_transaction_session_timeout', '20s'), ('client_min_messages', 'warning'),
		('default_transaction_isolation', 'repeatable read'),
		('enable_seqscan', 'off'), ('plan_cache_mode', 'force_generic_plan'), ('jit', 'off'),
		('standard_conforming_strings', 'on'), ('timezone', 'UTC')
	) as wanted (name, value) where name in (select name from pg_settings);
	select set_config('synchronous_commit', 'on', false)
		where current_setting('synchronous_commit') not in ('on', 'remote_apply');`

// setUp is pgxpool's AfterConnect.
func setUp(ctx context.Context, c *pgx.Conn) error {
	c.PgConn().CustomData()[warnedKey] = &warned{}
	c.PgConn().CustomData()[statementsKey] = newPgStatements(c)
	if _, err := c.PgConn().Exec(ctx, sessionSettings).ReadAll(); err != nil {
		return err
	}
	var started string
	err := c.QueryRow(ctx, pgStarted).Scan(&started)
	c.PgConn().CustomData()[startedKey] = started
	return err
}

// pgStarted tells one run of a server from all others.
const (
	pgStarted  = `select pg_postmaster_start_time()::text`
	startedKey = "bellhop.started"
)

func startOf(c *pgx.Conn) string {
	started, _ := c.PgConn().CustomData()[startedKey].(string)
	return started
}

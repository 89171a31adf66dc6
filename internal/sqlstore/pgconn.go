package sqlstore

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop-auth/bellhop/internal/fault"
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
	// reads the version of the schema.
	lead []string
}

func newPgConn(ctx context.Context, c *pgx.Conn) *pgConn {
	return &pgConn{ctx: context.WithoutCancel(ctx), pg: c}
}

func (c *pgConn) engine() *dialect { return &postgresDialect }

// begin opens a transaction with the next statement.
func (c *pgConn) begin(leads ...string) { c.lead = append(slices.Clone(leads), sqlSchemaVersion) }

// begun says whether a statement has run, and with it a transaction is open.
func (c *pgConn) begun() bool { return c.lead == nil }

func (c *pgConn) exec(query string, args ...any) (int64, error) {
	var changed int64
	err := c.send(query, args, func(rows pgx.Rows) error {
		rows.Close()
		changed = rows.CommandTag().RowsAffected()
		return rows.Err()
	})
	return changed, err
}

func (c *pgConn) query(query string, args []any, scan func(row) error) error {
	return c.send(query, args, func(rows pgx.Rows) error {
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// errNoText is what whoever sent such a text is told; SQLite keeps it.
var errNoText = fault.New(fault.InvalidParameter, "A text must not contain the character U+0000.")

// mayKeep refuses the texts that a server refuses, before it spoils a transaction.
func mayKeep(args []any) error {
	for _, arg := range args {
		if v := reflect.ValueOf(arg); v.Kind() == reflect.String && (strings.ContainsRune(v.String(), 0) || !utf8.ValidString(v.String())) {
			return errNoText
		}
	}
	return nil
}

// send runs a statement, after what leads it, and reads what comes.
func (c *pgConn) send(query string, args []any, read func(pgx.Rows) error) error {
	if err := mayKeep(args); err != nil {
		return err
	}
	c.pg.PgConn().Conn().SetReadDeadline(time.Now().Add(answerWithin))
	if c.begun() {
		rows, err := c.pg.Query(c.ctx, query, args...)
		if err == nil {
			err = read(rows)
		}
		return c.classify(err)
	}
	b := &pgx.Batch{}
	for _, text := range c.lead {
		b.Queue(text)
	}
	b.Queue(query, args...)
	lead := c.lead
	c.lead = nil
	err := c.sendBatch(b, len(lead), read)
	if strings.HasPrefix(sqlState(err), "42") && c.isNewer() {
		return errNewerSchema
	}
	return c.classify(err)
}

// isNewer says whether a statement cannot be prepared because the schema is not the
// one that it was written for. The driver prepares before it sends what leads.
func (c *pgConn) isNewer() bool {
	version, err := number(c, sqlSchemaVersion)
	return err == nil && version != lastVersion
}

// sendBatch reads the answers to so many leading statements, then those to the
// one behind them.
func (c *pgConn) sendBatch(b *pgx.Batch, lead int, read func(pgx.Rows) error) (err error) {
	answers := c.pg.SendBatch(c.ctx, b)
	defer func() {
		if closeErr := answers.Close(); err == nil {
			err = closeErr
		}
	}()
	for range lead - 1 {
		if _, err := answers.Exec(); err != nil {
			return err
		}
	}
	var version int64
	if err := answers.QueryRow().Scan(&version); err != nil {
		return err
	}
	if version != lastVersion {
		return errNewerSchema
	}
	rows, err := answers.Query()
	if err != nil {
		return err
	}
	return read(rows)
}

func (c *pgConn) script(text string) error {
	c.pg.PgConn().Conn().SetReadDeadline(time.Time{}) // a migration takes as long as it takes
	_, err := c.pg.PgConn().Exec(c.ctx, text).ReadAll()
	return c.classify(err)
}

func (c *pgConn) classify(err error) error {
	if err != nil && c.pg.IsClosed() {
		return broken(err)
	}
	return classifyPostgres(err)
}

func (c *pgConn) close() error { return c.pg.Close(c.ctx) }

// rollback ends a transaction that is open. An error means that the connection is
// of no use any more.
func (c *pgConn) rollback() error {
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
// transaction, has one. Plans do not depend on statistics, which a new database
// lacks: every statement here has an index.
const sessionSettings = `
	select set_config(name, value, false) from (values
		('statement_timeout', '0'), ('transaction_timeout', '0'), ('lock_timeout', '5s'),
		('idle_in_transaction_session_timeout', '20s'), ('client_min_messages', 'warning'),
		('enable_seqscan', 'off'), ('plan_cache_mode', 'force_generic_plan'), ('jit', 'off'),
		('standard_conforming_strings', 'on'), ('timezone', 'UTC')
	) as wanted (name, value) where name in (select name from pg_settings);
	select set_config('synchronous_commit', 'on', false)
		where current_setting('synchronous_commit') not in ('on', 'remote_apply');`

// setUp is pgxpool's AfterConnect.
func setUp(ctx context.Context, c *pgx.Conn) error {
	c.PgConn().CustomData()[warnedKey] = &warned{}
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

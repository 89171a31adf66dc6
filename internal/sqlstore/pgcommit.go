package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// commit waits for the commit or for the end of ctx. The commit goes on in any
// case: to cut it off would not undo it. ended is told how it ended.
func (db *postgres) commit(ctx context.Context, c *pgxpool.Conn, conn *pgConn, ended func(error)) (again, error) {
	type outcome struct {
		again
		error
	}
	done := make(chan outcome, 1)
	db.busy.Add(1)
	go func() {
		defer db.busy.Done()
		db.setCommitting(conn, true)
		watch := time.AfterFunc(db.slowCommit, func() { db.suspect(conn) })
		failed, err := conn.commit()
		watch.Stop()
		db.setCommitting(conn, false)
		why := never
		switch {
		case failed != nil:
			why, err = whether(ctx, failed), failed
			abandon(c, conn, failed)
		case errors.Is(err, errInDoubt):
			release(c, err)
		default:
			release(c, nil)
			if isConflict(err) {
				why = conflicted
			}
		}
		ended(err)
		done <- outcome{why, err}
	}()
	select {
	case o := <-done:
		return o.again, o.error
	case <-ctx.Done():
		return never, ctx.Err()
	}
}

// abandon rolls back what failed, and gives the connection back.
func abandon(c *pgxpool.Conn, conn *pgConn, failed error) {
	err := conn.rollback()
	if isReadOnly(failed) {
		err = failed // a primary that is one no more: let the pool look for the new one
	}
	release(c, err)
}

// commit ends the transaction, and waits as long as the server does: for its own
// disk, and for the standbys that it was told to wait for. Where the answer is
// lost, or the server says that it has stopped waiting, the outcome is unknown
// (postgresql.org/docs/current/runtime-config-replication.html).
//
// What waits goes in the same message. failed is of those statements: the server
// answers in their order, so that it has not come to the commit then, and nothing is
// stored. A transaction that has not begun is sent first: of a connection that was
// broken while it was idle nobody need be in doubt.
func (c *pgConn) commit() (failed, err error) {
	c.foreseen = nil
	if !c.begun() {
		if c.needsNoSnapshot() {
			c.lead[0] = readCommitted.begin()
		}
		if err := c.flush(); err != nil {
			return err, nil
		}
	}
	pc := c.pg.PgConn()
	pc.Conn().SetReadDeadline(time.Time{})
	warned := warnings(c.pg)
	before := warned.count
	tag, failed, err := c.sendCommit()
	switch {
	case isFatal(failed): // it may be a pooler's word, before answers that it did not pass on
		return nil, inDoubt(failed)
	case failed != nil:
		return failed, nil
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.SeverityUnlocalized == "ERROR" {
		return nil, classifyPostgres(err) // it was refused: a conflict, a constraint
	}
	switch {
	case err != nil:
		return nil, inDoubt(err)
	case tag.String() != "COMMIT":
		return nil, fault.Wrap(fault.Internal, fmt.Errorf("the transaction ended in %s", tag), "")
	case warned.count != before:
		return nil, inDoubt(warned.last)
	}
	return nil, nil
}

// isFatal says whether an error is the end of a connection, rather than of a statement.
func isFatal(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.SeverityUnlocalized != "ERROR"
}

// withoutSnapshot are statements that are right at read committed too, in the order in
// which one transaction has them: each waits for whoever writes its row, and goes on from
// what he has left, where on a snapshot it would fail.
var withoutSnapshot = map[string]bool{
	pgPutTexts: true, pgDeleteMessages: true, sqlDeleteMessage: true,
}

// needsNoSnapshot says so of a transaction that has read nothing.
func (c *pgConn) needsNoSnapshot() bool {
	return !slices.ContainsFunc(c.writes, func(w write) bool { return !withoutSnapshot[w.query] })
}

// sendCommit sends the commit behind what waits. failed is what the server said
// before it came to the commit; whatever else went wrong is the commit's.
func (c *pgConn) sendCommit() (tag pgconn.CommandTag, failed, err error) {
	last := write{query: "commit"}
	err = c.sendBehind(&last)
	if !last.reached && (sqlState(err) != "" || errors.Is(err, userpool.ErrExists) || errors.Is(err, errMistaken)) {
		return last.tag, err, nil
	}
	return last.tag, nil, err
}

// neverCancel is pgxpool's BeforeConnect. The driver asks a server to cancel what
// runs on a connection that it gives up. A COMMIT that waits for a standby would
// then be done on this server alone, and seen by others who may be told of it; so
// the address, once connected to, is not dialled again.
func neverCancel(_ context.Context, c *pgx.ConnConfig) error {
	dial, connected := c.DialFunc, &atomic.Bool{}
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if connected.Load() {
			return nil, errNoCancel
		}
		return dial(ctx, network, address)
	}
	c.Config.AfterConnect = func(context.Context, *pgconn.PgConn) error {
		connected.Store(true)
		return nil
	}
	return nil
}

var errNoCancel = errors.New("nothing is ever cancelled")

// errInDoubt marks an Update that may or may not be stored.
var errInDoubt = errors.New("the connection broke while the commit was under way")

// inDoubt is answered as a failure that may be tried again. A repeat of the same
// request finds out which it was (userpool's repeats).
func inDoubt(cause error) error {
	return fault.Wrap(fault.Unavailable, fmt.Errorf("%w: %w", errInDoubt, cause),
		"It is not known whether the request was carried out, please try again.").After(time.Second)
}

// warned counts what the server warned of on one connection.
type warned struct {
	count int
	last  error
}

const warnedKey = "bellhop.warned" // among the custom data of a connection

func warnings(c *pgx.Conn) *warned { return c.PgConn().CustomData()[warnedKey].(*warned) }

// noteWarning is pgconn's OnNotice. It is called on the goroutine that reads the
// answer.
func noteWarning(c *pgconn.PgConn, n *pgconn.Notice) {
	w, ok := c.CustomData()[warnedKey].(*warned)
	if !ok || n.SeverityUnlocalized != "WARNING" {
		return
	}
	w.count++
	w.last = errors.New(n.Message)
}

// slowCommit is when a commit's server is suspected: it may be waiting for a
// standby, or it may be one that is the primary no more and will never answer.
const slowCommit = 15 * time.Second

func (db *postgres) setCommitting(c *pgConn, yes bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if yes {
		db.committing[c] = true
	} else {
		delete(db.committing, c)
	}
}

func (db *postgres) isCommitting(c *pgConn) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.committing[c]
}

// suspect gives up a commit if another server has become the primary meanwhile.
// One that waits for its standby is left in peace, for a connection that is
// closed under it would go on being one of the server's few.
func (db *postgres) suspect(c *pgConn) {
	for db.isCommitting(c) {
		if now, err := db.primary(); err == nil && now != startOf(c.pg) {
			db.pool.Reset()              // what is idle leads to the same server
			c.pg.PgConn().Conn().Close() // whoever reads from it is told
			return
		}
		<-time.After(db.slowCommit / 3)
	}
}

// primary says when the server started that a new connection leads to.
func (db *postgres) primary() (started string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), slowCommit)
	defer cancel()
	c, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	return started, c.QueryRow(ctx, pgStarted).Scan(&started)
}

// Package sqlstore keeps what userpool.Store promises to keep, in an SQL
// database: SQLite inside the process. It owns the SQL, the schema and its
// migrations, and the way commits are shared; what the rows mean, and which
// change is right, it leaves to userpool.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"modernc.org/sqlite"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// DB is a database file with one connection that writes and a few that read.
// It is safe for many goroutines.
type DB struct {
	pool    *sql.DB
	writer  *writer
	readers chan *conn    // idle ones; Close takes them all
	closing chan struct{} // closed when reads are refused
	lock    *fileLock     // nil unless Options.Exclusive

	closed   chan struct{} // closed when Close has done its work
	closeErr error         // valid then
}

var _ userpool.Store = (*DB)(nil)

// Options are the few things that an opener may choose. The zero value is
// right for a tool that runs beside a server.
type Options struct {
	// Exclusive refuses a file that another exclusive opener has: two servers
	// on one file would each think that they alone send its texts. Tools do
	// without; their writes take turns with the server's.
	Exclusive bool
	// NoMigrate refuses a database whose schema is older than the program's, or
	// that is not there, instead of making it what it should be.
	NoMigrate bool
	// Readers is the number of reading connections; 0 means 4.
	Readers int
	// Batch is how many transactions may share a commit; 0 means 128.
	Batch int
	// Queue is how many transactions may wait for one; 0 means 1024. Beyond
	// it Update is refused at once, for a server that falls behind is helped
	// by refusals and not by a longer queue.
	Queue int
}

func (o Options) withDefaults() Options {
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.Batch <= 0 {
		o.Batch = 128
	}
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	return o
}

// ErrServed refuses an exclusive opener of a file that another one has.
var ErrServed = errors.New("another server is running on this database; one file serves one server")

// Open opens the database file at path, makes it if there is none, and brings
// its schema up to date. It refuses, in words for the operator, a file that is
// not Bellhop's and one that a newer Bellhop has written. Close it when done.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	o = o.withDefaults()
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	db := &DB{
		readers: make(chan *conn, o.Readers),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
	}
	if err := db.open(ctx, path, o); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", path, err), db.abandon())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context, path string, o Options) (err error) {
	if o.Exclusive {
		if db.lock, err = lockFile(path + ".lock"); err != nil {
			return err
		}
	}
	if o.NoMigrate {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return olderSchema(0, LatestSchema())
		}
	} else if err := makePrivate(path); err != nil {
		return err
	}
	// As SQLite's own builds on Linux do: it writes all that a commit needs to
	// be read back, and not the file's times. Where there is none, fsync it is.
	_, _ = sqlite.Fdatasync(true)
	connector, err := sqlite.NewConnector(dataSource(path))
	if err != nil {
		return err
	}
	db.pool = sql.OpenDB(connector)
	db.pool.SetMaxIdleConns(-1) // connections are held here; given back is closed

	c, err := newConn(ctx, db.pool, sqliteDialect, writerPragmas)
	if err != nil {
		return explainOpen(err)
	}
	if o.NoMigrate {
		err = mustBeCurrent(c, migrations())
	} else {
		err = migrate(ctx, c, migrations())
	}
	if err != nil {
		return errors.Join(explainOpen(err), c.close())
	}
	for range o.Readers {
		r, err := newConn(ctx, db.pool, sqliteDialect, readerPragmas)
		if err != nil {
			return errors.Join(err, c.close())
		}
		db.readers <- r
	}
	db.writer = newWriter(c, o.Batch, o.Queue)
	return nil
}

// makePrivate makes the file, readable by its owner only, if it is not there:
// SQLite itself would follow the umask. Its companions (-wal, -shm) get the
// file's own permissions.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, os.ErrExist):
		// Not even opened: closing it would drop the locks that this process
		// holds on it (sqlite.org/howtocorrupt.html, 2.2).
		return nil
	case err != nil:
		return err
	}
	return f.Close()
}

// View runs fn on a connection that cannot write, on one snapshot. fn runs on
// the caller's goroutine; when ctx ends, the statement after the present one
// is refused. fn must not call View or Update of the same store.
func (db *DB) View(ctx context.Context, fn func(userpool.Tx) error) error {
	c, err := db.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { db.readers <- c }()
	if _, err := c.exec("begin"); err != nil {
		return err
	}
	t := &tx{conn: c, caller: ctx}
	defer c.exec("rollback") // nothing was written; an error shows at the next begin
	defer t.end()
	return t.outcome(fn(t))
}

func (db *DB) reader(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-db.closing:
		return nil, errClosed
	default:
	}
	select {
	case c := <-db.readers:
		return c, nil
	case <-db.closing:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Update runs fn in one serialisable transaction and returns nil only after a
// durable commit, which it may share with others (see writer). fn runs on
// another goroutine, but never after Update has returned; it must not call
// View or Update of the same store.
//
// The end of ctx ends the waiting. If fn has not begun, or is still running,
// nothing of it is stored; if it has run and its commit is under way, the
// outcome is unknown. ctx's error is returned in all three cases.
func (db *DB) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	return db.writer.do(ctx, fn)
}

// Close lets what has been accepted finish, refuses the rest, folds the
// write-ahead log into the file, and returns when nothing of the store is
// running any more.
func (db *DB) Close() error {
	if db.writer.refuse() {
		db.closeErr = db.close()
		close(db.closed)
	}
	<-db.closed
	return db.closeErr
}

func (db *DB) close() error {
	<-db.writer.done
	close(db.closing)
	var errs []error
	for range cap(db.readers) {
		errs = append(errs, (<-db.readers).close())
	}
	// Another process may read the log just now; it is folded in later then.
	_, err := db.writer.conn.exec("pragma wal_checkpoint(truncate)")
	errs = append(errs, err, db.writer.conn.close(), db.pool.Close(), db.lock.unlock())
	return errors.Join(errs...)
}

// abandon gives back what a failed open had got so far.
func (db *DB) abandon() error {
	var errs []error
	close(db.readers)
	for r := range db.readers {
		errs = append(errs, r.close())
	}
	if db.pool != nil {
		errs = append(errs, db.pool.Close())
	}
	return errors.Join(append(errs, db.lock.unlock())...)
}

var errClosed = fault.New(fault.Unavailable, "The server is stopping.")

package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// sqliteFile is a database file with one connection that writes and a few that
// read.
type sqliteFile struct {
	writer  *writer
	readers chan *liteConn // idle ones; Close takes them all
	closing chan struct{}  // closed when reads are refused
	config  configCache
	file    fileStates
	lock    *fileLock // nil unless Options.Exclusive

	dropping atomic.Bool   // kept snapshots will be dropped in a while
	drops    atomic.Uint64 // how often they were

	closed   chan struct{} // closed when Close has done its work
	closeErr error         // valid then
}

// ErrServed refuses an exclusive opener of a file that another one has.
var ErrServed = errors.New("another server is running on this database; one file serves one server")

// openSQLite opens the database file at path and makes it if there is none.
func openSQLite(ctx context.Context, path string, o Options) (*sqliteFile, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	db := &sqliteFile{
		readers: make(chan *liteConn, o.Readers),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
	}
	if err := db.open(ctx, path, o); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", path, err), db.abandon())
	}
	return db, nil
}

// How long an opener waits for others to be done with the file, and how often it
// looks.
const (
	lockPatience = 5 * time.Second
	lockPause    = 5 * time.Millisecond
)

func (db *sqliteFile) open(ctx context.Context, path string, o Options) (err error) {
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
	source := dataSource(path)
	c, err := newWriterConn(ctx, source)
	if err != nil {
		return explainOpen(err)
	}
	if o.NoMigrate {
		err = mustBeCurrent(c, migrations())
	} else {
		err = migrate(ctx, c, migrations())
	}
	if err == nil {
		err = c.gatherWrites()
	}
	if err != nil {
		return errors.Join(explainOpen(err), c.close())
	}
	for range o.Readers {
		r, err := newConn(ctx, source, readerPragmas)
		if err != nil {
			return errors.Join(err, c.close())
		}
		db.readers <- r
	}
	db.file.heads = c.heads()
	f, err := newConn(ctx, source, folderPragmas)
	if err != nil {
		return errors.Join(err, c.close())
	}
	db.writer = newWriter(c, newFolder(f, db.dropKept), &db.config, &db.file, o.Batch, o.Queue)
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

// View runs fn on a connection that cannot write. fn runs on the caller's
// goroutine.
func (db *sqliteFile) View(ctx context.Context, fn func(userpool.Tx) error) error {
	c, err := db.reader(ctx)
	if err != nil {
		return err
	}
	defer db.giveBack(c)
	err = db.view(ctx, c, db.file.still(), fn)
	if errors.Is(err, errConfigMoved) {
		err = db.view(ctx, c, nil, fn)
	}
	return err
}

// view is View on a connection. Where the state at is not nil, it is taken for the one
// that the file is in, until something is asked.
func (db *sqliteFile) view(ctx context.Context, c *liteConn, at *fileState, fn func(userpool.Tx) error) error {
	v := &lateView{liteConn: c, states: &db.file, before: db.file.now.Load(), begun: c.keptOn(at)}
	if !v.begun {
		c.drops = db.drops.Load()
	}
	defer db.leave(v)
	t := &tx{conn: v, caller: ctx, config: &db.config, fills: true, file: at}
	v.tx = t
	defer t.end()
	if at == nil {
		if err := v.start(); err != nil {
			return err
		}
	}
	err := t.outcome(fn(t))
	if t.failed == errConfigMoved { // whatever fn made of it
		return errConfigMoved
	}
	return err
}

func (db *sqliteFile) reader(ctx context.Context) (*liteConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-db.closing:
		return nil, errClosed
	default:
	}
	select { // mostly one is idle
	case c := <-db.readers:
		return c, nil
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

// Update has the writer run fn, on its goroutine.
func (db *sqliteFile) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	return db.writer.do(ctx, fn)
}

// Close also folds the write-ahead log into the file.
func (db *sqliteFile) Close() error {
	if db.writer.refuse() {
		db.closeErr = db.close()
		close(db.closed)
	}
	<-db.closed
	return db.closeErr
}

func (db *sqliteFile) close() error {
	<-db.writer.done
	close(db.closing)
	var errs []error
	for range cap(db.readers) {
		errs = append(errs, (<-db.readers).close())
	}
	errs = append(errs, db.writer.folder.close())
	// Another process may read the log just now; it is folded in later then.
	_, err := db.writer.conn.exec("pragma wal_checkpoint(truncate)")
	errs = append(errs, err, db.writer.conn.close(), db.lock.unlock())
	return errors.Join(errs...)
}

// abandon gives back what a failed open had got so far.
func (db *sqliteFile) abandon() error {
	var errs []error
	close(db.readers)
	for r := range db.readers {
		errs = append(errs, r.close())
	}
	return errors.Join(append(errs, db.lock.unlock())...)
}

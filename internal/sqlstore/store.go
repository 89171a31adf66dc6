// Package sqlstore keeps what userpool.Store promises to keep, in an SQL
// database: SQLite inside the process, or PostgreSQL, which many servers may
// share. It owns the SQL, the schema and its migrations, and how transactions
// are run and commits shared; what the rows mean, and which change is right, it
// leaves to userpool.
package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// DB is an open database. It is safe for many goroutines.
type DB struct{ store }

var _ userpool.Store = (*DB)(nil)

// store is what an engine does.
type store interface {
	// View runs fn on one snapshot, in a transaction that cannot write. When ctx
	// ends, the statement after the present one is refused. fn must not call View
	// or Update of the same store.
	View(ctx context.Context, fn func(userpool.Tx) error) error
	// Update runs fn in one transaction and returns nil only after a durable
	// commit. Nobody else's transaction comes between what fn reads and what it
	// writes (on PostgreSQL see isolation). fn may run on another goroutine, but never after Update
	// has returned; it must not call View or Update of the same store.
	//
	// The end of ctx ends the waiting. If fn has not begun, or is still running,
	// nothing of it is stored; if it has run and its commit is under way, the
	// outcome is unknown. ctx's error is returned in all three cases.
	Update(ctx context.Context, fn func(userpool.Tx) error) error
	// Close lets what has been accepted finish, refuses the rest, and returns
	// when nothing of the store is running any more.
	Close() error
}

// Options are the few things that an opener may choose. The zero value is
// right for a tool that runs beside a server.
type Options struct {
	// Exclusive refuses an SQLite file that another exclusive opener has: two
	// servers on one file would each think that they alone send its texts. Tools
	// do without; their writes take turns with the server's. On PostgreSQL it
	// says nothing: any number of servers share a database.
	Exclusive bool
	// NoMigrate refuses a database whose schema is older than the program's, or
	// that is not there, instead of making it what it should be.
	NoMigrate bool
	// Readers is the number of SQLite's reading connections; 0 means 4.
	Readers int
	// Batch is how many transactions may share a commit of SQLite's; 0 means 128.
	Batch int
	// Queue is how many transactions may wait; 0 means 1024. Beyond it Update is
	// refused at once, for a server that falls behind is helped by refusals and
	// not by a longer queue.
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

// IsPostgres says whether a database is named as a PostgreSQL URL, which may
// hold a password, and not as an SQLite file.
func IsPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// Open opens a database, named as an SQLite file, which it makes if there is
// none, or as a PostgreSQL URL, and brings its schema up to date. It refuses, in
// words for the operator, what is not Bellhop's and what a newer Bellhop has
// written. Close it when done.
func Open(ctx context.Context, database string, o Options) (*DB, error) {
	o = o.withDefaults()
	if IsPostgres(database) {
		db, err := openPostgres(ctx, database, repeatableRead, o)
		if err != nil {
			return nil, err
		}
		return &DB{db}, nil
	}
	db, err := openSQLite(ctx, database, o)
	if err != nil {
		return nil, err
	}
	return &DB{db}, nil
}

// ServerTime asks the database's server what time it is, and says how long the
// answer took. Where there is no server, as with SQLite, shared is false.
func (db *DB) ServerTime(ctx context.Context) (said time.Time, roundTrip time.Duration, shared bool, err error) {
	p, ok := db.store.(*postgres)
	if !ok {
		return time.Time{}, 0, false, nil
	}
	said, roundTrip, err = p.serverTime(ctx)
	return said, roundTrip, true, err
}

var (
	errClosed    = fault.New(fault.Unavailable, "The server is stopping.")
	errQueueFull = fault.New(fault.Unavailable, "Too many requests are waiting.")
)

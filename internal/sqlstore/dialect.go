package sqlstore

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// dialect is what differs between engines beside the connection. The SQL itself
// is one text in the subset that SQLite and PostgreSQL read alike: $N
// placeholders, bigint Unix milliseconds, ids and bytes as text, ON CONFLICT,
// RETURNING; no now(), no row locks, no JSON operators.
type dialect struct {
	// schema words a migration for the engine.
	schema func(text string) string
	// begin opens the transaction of a migration's step, and turn lets one
	// process after the other go on from there.
	begin string
	turn  func(conn) error
	// claim makes an empty database Bellhop's and refuses somebody else's.
	claim func(conn) error
	// prepare locks what a step has to have before all else.
	prepare func(c conn, version int64) error
	// noteVersion is told of a step that was made.
	noteVersion func(c conn, version int64) error
	// tables lists the names of the tables that are there.
	tables string
	// alone says that nobody else writes while a transaction does that begins as an
	// Update: what it has read is so until it ends.
	alone bool
}

var sqliteDialect = dialect{
	schema: strings.NewReplacer("{without rowid}", "without rowid", "{bytes}", "").Replace,
	begin:  "begin immediate",
	turn:   func(conn) error { return nil }, // begin has waited for it
	claim:  claimFile,

	prepare:     func(conn, int64) error { return nil }, // it has the file
	noteVersion: noteVersion,
	tables:      `select name from sqlite_master where type = 'table'`,
	alone:       true,
}

// bindSQLite keeps a placeholder's number: a bare ? would swap arguments of a
// text that names them out of order.
func bindSQLite(query string) string { return placeholder.ReplaceAllString(query, "?$1") }

var placeholder = regexp.MustCompile(`\$(\d+)`)

// writerPragmas set up the writing connection. The wait for locks comes first,
// for the next ones may have to wait. FULL makes a commit durable in WAL mode
// when it returns (sqlite.org/pragma.html#pragma_synchronous).
var writerPragmas = []string{
	"pragma busy_timeout = 5000",
	"pragma journal_mode = wal",
	"pragma synchronous = full",
	"pragma foreign_keys = on",
	"pragma trusted_schema = off",
	"pragma temp_store = memory",
	"pragma journal_size_limit = 67108864",
	// The pages that sign-ins write again and again are copied into the file once in
	// so many (16 MB of the log, which a start after a crash reads), and are not read
	// again for each.
	fmt.Sprint("pragma wal_autocheckpoint = ", autoCheckpoint),
	"pragma cache_size = -8192",
}

const autoCheckpoint = 4000 // pages

var readerPragmas = []string{
	"pragma busy_timeout = 5000",
	"pragma query_only = on",
	"pragma trusted_schema = off",
	"pragma temp_store = memory",
}

// folderPragmas set up the connection that copies the log into the file.
var folderPragmas = []string{
	"pragma synchronous = full",
	"pragma cache_size = -64",
}

// dataSource names the file as a URI, so that no character of its path is taken
// for an option.
func dataSource(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// resultError is an error of the library's, from this package's own connections or from
// those of its driver.
type resultError interface {
	error
	Code() int
}

// classifySQLite sorts by result code (sqlite.org/rescode.html), never by text.
func classifySQLite(err error) error {
	e, ok := errors.AsType[resultError](err)
	if !ok {
		return err
	}
	switch code := e.Code(); {
	case code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		// Every foreign key is a row's pool.
		return fault.Wrap(fault.ResourceNotFound, err, "The user pool does not exist.")
	case code&0xff == sqlite3.SQLITE_CONSTRAINT:
		return fault.Wrap(fault.Conflict, err, "The record exists.")
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT:
		return fault.Wrap(fault.Unavailable, err, "The database is busy.").After(time.Second)
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return fault.Wrap(fault.Unavailable, err, "The database cannot write.").After(10 * time.Second)
	}
	return fault.Wrap(fault.Internal, err, "")
}

// explainOpen words for the operator what may be wrong with a file.
func explainOpen(err error) error {
	e, ok := errors.AsType[resultError](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB:
		return errors.New("this file is not an SQLite database; name another file, or move it away")
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return errors.New("another process keeps this database locked; stop it first")
	case sqlite3.SQLITE_CORRUPT:
		return errDamaged
	case sqlite3.SQLITE_CANTOPEN:
		return errors.New("this file cannot be opened; the user that runs bellhop must be able to read and write it and its folder")
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return errors.New("this file, or its folder, is read-only; the user that runs bellhop must be able to write both")
	case sqlite3.SQLITE_FULL:
		return errors.New("the disk is full; make room for it")
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("the disk does not read or write, since it is full or failing: %w", err)
	}
	return err
}

var errDamaged = errors.New("this database is damaged; restore it from a backup")

func isBusy(err error) bool {
	e, ok := errors.AsType[resultError](err)
	return ok && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

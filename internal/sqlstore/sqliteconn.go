package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// liteConn is a connection to an SQLite file with the statements prepared on it
// so far. It uses the library below its database/sql driver: what the two do at each
// statement (names of parameters and columns, locks, memory for each text) costs about
// as much as the statements of a sign-in themselves.
type liteConn struct {
	tls   *libc.TLS
	db    uintptr              // *sqlite3
	stmts map[string]*liteStmt // by the text as it was written

	gather *gather // nil but for the writer's
	kept   bool    // a snapshot is open between Views; see keptOn
	drops  uint64  // how often kept ones had been dropped when its View began
}

// newConn opens the file that dataSource names. One goroutine at a time uses the
// connection, so the library needs no lock of its own for it.
func newConn(ctx context.Context, source string, setup []string) (*liteConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tidyPageCache()
	c := &liteConn{tls: libc.NewTLS(), stmts: make(map[string]*liteStmt)}
	if err := c.open(source); err != nil {
		return nil, errors.Join(classifySQLite(err), c.close())
	}
	for _, s := range setup {
		if err := c.script(s); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", s, err), c.close())
		}
	}
	return c, nil
}

func (c *liteConn) open(source string) error {
	name, err := libc.CString(source)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, name)
	handle := c.tls.Alloc(ptrSize)
	defer c.tls.Free(ptrSize)
	const flags = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_CREATE | sqlite3.SQLITE_OPEN_NOMUTEX | sqlite3.SQLITE_OPEN_URI
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, handle, flags, 0)
	c.db = *(*uintptr)(place(handle))
	if rc == sqlite3.SQLITE_OK {
		rc = sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	}
	return c.result(rc)
}

const ptrSize = int(unsafe.Sizeof(uintptr(0)))

// liteError is what the library says of a call that failed.
type liteError struct {
	code int // sqlite.org/rescode.html, an extended one
	text string
}

func (e *liteError) Error() string { return fmt.Sprintf("%s (%d)", e.text, e.code) }

// Code is the result code, under the name that the driver's errors have it by.
func (e *liteError) Code() int { return e.code }

func (c *liteConn) result(rc int32) error {
	if rc == sqlite3.SQLITE_OK {
		return nil
	}
	text := libc.GoString(sqlite3.Xsqlite3_errstr(c.tls, rc))
	if c.db != 0 {
		if more := libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db)); more != text {
			text += ": " + more
		}
	}
	return &liteError{code: int(rc), text: text}
}

func (c *liteConn) engine() *dialect { return &sqliteDialect }

func (c *liteConn) exec(query string, args ...any) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	defer s.reset()
	if err := s.bind(args); err != nil {
		return 0, err
	}
	for {
		switch rc := sqlite3.Xsqlite3_step(c.tls, s.handle); rc {
		case sqlite3.SQLITE_ROW:
		case sqlite3.SQLITE_DONE:
			return int64(sqlite3.Xsqlite3_changes(c.tls, c.db)), nil
		default:
			return 0, classifySQLite(c.result(rc))
		}
	}
}

func (c *liteConn) later(query string, args ...any) error {
	_, err := c.exec(query, args...)
	return err
}

func (c *liteConn) insertLater(query string, args ...any) error {
	n, err := c.exec(query, args...)
	if err == nil && n == 0 {
		return userpool.ErrExists
	}
	return err
}

func (c *liteConn) askLater(query string, args []any, scan func(row) error) error {
	return c.query(query, args, scan)
}

func (c *liteConn) query(query string, args []any, scan func(row) error) error {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	defer s.reset()
	if err := s.bind(args); err != nil {
		return err
	}
	for {
		switch rc := sqlite3.Xsqlite3_step(c.tls, s.handle); rc {
		case sqlite3.SQLITE_ROW:
			if err := scan(s); err != nil {
				return err
			}
		case sqlite3.SQLITE_DONE:
			return nil
		default:
			return classifySQLite(c.result(rc))
		}
	}
}

func (c *liteConn) script(text string) error {
	p, err := libc.CString(text)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, p)
	return classifySQLite(c.result(sqlite3.Xsqlite3_exec(c.tls, c.db, p, 0, 0, 0)))
}

// prepare returns the statement for a text. The texts are constants, so the
// cache is as large as the package has texts.
func (c *liteConn) prepare(query string) (*liteStmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	p, err := libc.CString(bindSQLite(query))
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, p)
	handle := c.tls.Alloc(ptrSize)
	defer c.tls.Free(ptrSize)
	if rc := sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, p, -1, sqlite3.SQLITE_PREPARE_PERSISTENT, handle, 0); rc != sqlite3.SQLITE_OK {
		return nil, classifySQLite(c.result(rc))
	}
	s := &liteStmt{conn: c, handle: *(*uintptr)(place(handle))}
	s.parameters = int(sqlite3.Xsqlite3_bind_parameter_count(c.tls, s.handle))
	c.stmts[query] = s
	return s, nil
}

func (c *liteConn) close() error {
	if c == nil || c.tls == nil {
		return nil
	}
	for _, s := range c.stmts {
		s.finalize()
	}
	err := c.result(sqlite3.Xsqlite3_close_v2(c.tls, c.db))
	c.gather.free(c.tls)
	c.tls.Close()
	*c = liteConn{}
	return err
}

// newWriterConn sets up the writing connection, again while it finds the file busy.
// SQLite's own wait for locks does not cover the change to WAL, which another who
// opens or closes the file in the same moment makes it refuse.
func newWriterConn(ctx context.Context, source string) (*liteConn, error) {
	for until := time.Now().Add(lockPatience); ; {
		c, err := newConn(ctx, source, writerPragmas)
		if err == nil || !isBusy(err) || time.Now().After(until) {
			return c, err
		}
		time.Sleep(lockPause)
	}
}

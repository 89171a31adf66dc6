package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// liteStmt is a prepared statement, and while it has a row that row.
type liteStmt struct {
	conn       *liteConn
	handle     uintptr // *sqlite3_stmt
	parameters int

	// texts is memory of the library's, of so many bytes, in which the texts of the
	// present run lie: one copy each, and no allocation.
	texts uintptr
	size  int
}

// bind sets the parameters. What a statement has no parameter for is not looked at.
func (s *liteStmt) bind(args []any) error {
	if len(args) < s.parameters {
		return fmt.Errorf("sqlstore: %d arguments for %d parameters", len(args), s.parameters)
	}
	args = args[:s.parameters]
	need := 0
	for _, a := range args {
		need += textSize(a)
	}
	if err := s.grow(need); err != nil {
		return err
	}
	at := s.texts
	for i, a := range args {
		n, rc, err := s.bindOne(int32(i+1), at, a)
		if err == nil {
			err = s.conn.result(rc)
		}
		if err != nil {
			return err
		}
		at += uintptr(n)
	}
	return nil
}

// grow makes room for so many bytes of texts, and at least one, since a text that lies
// nowhere would be NULL.
func (s *liteStmt) grow(need int) error {
	if s.size > need {
		return nil
	}
	libc.Xfree(s.conn.tls, s.texts)
	s.size = max(2*need, 64)
	if s.texts = libc.Xmalloc(s.conn.tls, types.Size_t(s.size)); s.texts == 0 {
		s.size = 0
		return &liteError{sqlite3.SQLITE_NOMEM, "out of memory"}
	}
	return nil
}

func textSize(a any) int {
	switch v := a.(type) {
	case string:
		return len(v)
	case []byte:
		return len(v)
	case int64, int, bool, nil:
		return 0
	}
	if v := reflect.ValueOf(a); v.Kind() == reflect.String {
		return v.Len()
	}
	return 0
}

// bindOne sets a parameter, and says how many bytes it has put at the place given.
func (s *liteStmt) bindOne(i int32, at uintptr, a any) (n int, rc int32, err error) {
	tls, h := s.conn.tls, s.handle
	switch v := a.(type) {
	case string:
		return s.bindText(i, at, v)
	case int64:
		return 0, sqlite3.Xsqlite3_bind_int64(tls, h, i, v), nil
	case int:
		return 0, sqlite3.Xsqlite3_bind_int64(tls, h, i, int64(v)), nil
	case bool:
		return 0, sqlite3.Xsqlite3_bind_int64(tls, h, i, truth(v)), nil
	case []byte:
		if v == nil {
			return 0, sqlite3.Xsqlite3_bind_null(tls, h, i), nil
		}
		copy(memory(at, len(v)), v)
		return len(v), sqlite3.Xsqlite3_bind_blob(tls, h, i, at, int32(len(v)), sqlite3.SQLITE_STATIC), nil
	case nil:
		return 0, sqlite3.Xsqlite3_bind_null(tls, h, i), nil
	}
	switch v := reflect.ValueOf(a); {
	case v.Kind() == reflect.String:
		return s.bindText(i, at, v.String())
	case v.CanInt():
		return 0, sqlite3.Xsqlite3_bind_int64(tls, h, i, v.Int()), nil
	case v.CanUint():
		return 0, sqlite3.Xsqlite3_bind_int64(tls, h, i, int64(v.Uint())), nil
	case v.CanFloat():
		return 0, sqlite3.Xsqlite3_bind_double(tls, h, i, v.Float()), nil
	case v.Kind() == reflect.Bool:
		return 0, sqlite3.Xsqlite3_bind_int64(tls, h, i, truth(v.Bool())), nil
	}
	return 0, 0, fmt.Errorf("sqlstore: an argument of type %T", a)
}

func truth(v bool) int64 {
	if v {
		return 1
	}
	return 0
}

func (s *liteStmt) bindText(i int32, at uintptr, text string) (n int, rc int32, err error) {
	copy(memory(at, len(text)), text)
	return len(text), sqlite3.Xsqlite3_bind_text(s.conn.tls, s.handle, i, at, int32(len(text)), sqlite3.SQLITE_STATIC), nil
}

// memory is memory of the library's as Go sees it.
func memory(at uintptr, n int) []byte { return unsafe.Slice((*byte)(place(at)), n) }

// place is a place in the library's memory, which Go's collector neither owns nor moves:
// the one thing of which an address may be made a pointer.
func place(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

// reset ends a run. Its error is the run's, which is known.
func (s *liteStmt) reset() { sqlite3.Xsqlite3_reset(s.conn.tls, s.handle) }

func (s *liteStmt) finalize() {
	sqlite3.Xsqlite3_finalize(s.conn.tls, s.handle)
	libc.Xfree(s.conn.tls, s.texts)
}

// Scan reads the columns of the row.
func (s *liteStmt) Scan(dest ...any) error {
	for i, d := range dest {
		if err := s.scanOne(int32(i), d); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

var errNull = errors.New("a value that is NULL")

func (s *liteStmt) scanOne(i int32, dest any) error {
	tls, h := s.conn.tls, s.handle
	switch d := dest.(type) {
	case moment: // as most numbers are
		d.set(sqlite3.Xsqlite3_column_int64(tls, h, i))
		return nil
	case decoded:
		if sqlite3.Xsqlite3_column_type(tls, h, i) == sqlite3.SQLITE_NULL {
			return errNull
		}
		return d.from(s.text(i))
	case sql.Scanner:
		return d.Scan(s.value(i))
	}
	if sqlite3.Xsqlite3_column_type(tls, h, i) == sqlite3.SQLITE_NULL {
		return errNull
	}
	switch d := dest.(type) {
	case *string:
		*d = s.text(i)
	case *int64:
		*d = sqlite3.Xsqlite3_column_int64(tls, h, i)
	case *int:
		*d = int(sqlite3.Xsqlite3_column_int64(tls, h, i))
	case *bool:
		*d = sqlite3.Xsqlite3_column_int64(tls, h, i) != 0
	case *[]byte:
		*d = []byte(s.text(i))
	default:
		return s.scanKind(i, reflect.ValueOf(dest).Elem())
	}
	return nil
}

// scanKind is for the named types that texts and numbers have in the domain.
func (s *liteStmt) scanKind(i int32, to reflect.Value) error {
	switch {
	case to.Kind() == reflect.String:
		to.SetString(s.text(i))
	case to.CanInt():
		to.SetInt(sqlite3.Xsqlite3_column_int64(s.conn.tls, s.handle, i))
	case to.CanUint():
		to.SetUint(uint64(sqlite3.Xsqlite3_column_int64(s.conn.tls, s.handle, i)))
	case to.CanFloat():
		to.SetFloat(sqlite3.Xsqlite3_column_double(s.conn.tls, s.handle, i))
	default:
		return fmt.Errorf("no way into a %s", to.Type())
	}
	return nil
}

// value is a column as database/sql has it for a Scanner.
func (s *liteStmt) value(i int32) any {
	switch sqlite3.Xsqlite3_column_type(s.conn.tls, s.handle, i) {
	case sqlite3.SQLITE_NULL:
		return nil
	case sqlite3.SQLITE_INTEGER:
		return sqlite3.Xsqlite3_column_int64(s.conn.tls, s.handle, i)
	case sqlite3.SQLITE_FLOAT:
		return sqlite3.Xsqlite3_column_double(s.conn.tls, s.handle, i)
	case sqlite3.SQLITE_BLOB:
		return []byte(s.text(i))
	}
	return s.text(i)
}

// text copies a column, of bytes as they are.
func (s *liteStmt) text(i int32) string {
	p := sqlite3.Xsqlite3_column_blob(s.conn.tls, s.handle, i)
	n := sqlite3.Xsqlite3_column_bytes(s.conn.tls, s.handle, i)
	if p == 0 || n == 0 {
		return ""
	}
	return string(memory(p, int(n)))
}

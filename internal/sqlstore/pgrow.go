package sqlstore

import (
	bin "encoding/binary"
	"fmt"
	"reflect"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// pgRow is a row as it came. The columns that nearly all are, texts, bigints and
// booleans, it reads by itself: the driver looks up for each column of each row how it
// gets into its destination.
type pgRow struct {
	fields []pgconn.FieldDescription
	values [][]byte
}

// Scan reads the columns of the row.
func (r pgRow) Scan(dest ...any) error {
	if len(dest) != len(r.values) || len(r.fields) != len(r.values) {
		return fmt.Errorf("%d columns for %d destinations", len(r.values), len(dest))
	}
	for i, d := range dest {
		if putPlain(&r.fields[i], r.values[i], d) {
			continue
		}
		if err := scanByDriver(&r.fields[i], r.values[i], d); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

func scanByDriver(f *pgconn.FieldDescription, value []byte, dest any) error {
	types := typeMaps.Get().(*pgtype.Map)
	defer typeMaps.Put(types)
	return types.Scan(f.DataTypeOID, f.Format, value, dest)
}

// typeMaps are what the driver scans by, one goroutine at a time each.
var typeMaps = sync.Pool{New: func() any { return pgtype.NewMap() }}

// putPlain reads a column that is not NULL, if it and its destination are plain.
func putPlain(f *pgconn.FieldDescription, value []byte, dest any) bool {
	switch {
	case value == nil:
		return false
	case f.DataTypeOID == pgtype.TextOID: // the same in both formats
		return putText(string(value), dest)
	case f.DataTypeOID == pgtype.Int8OID && f.Format == pgx.BinaryFormatCode && len(value) == 8:
		return putNumber(int64(bin.BigEndian.Uint64(value)), dest)
	case f.DataTypeOID == pgtype.BoolOID && f.Format == pgx.BinaryFormatCode && len(value) == 1:
		to, ok := dest.(*bool)
		if ok {
			*to = value[0] != 0
		}
		return ok
	}
	return false
}

func putText(text string, dest any) bool {
	switch d := dest.(type) {
	case *string:
		*d = text
		return true
	case decoded:
		return d.from(text) == nil
	}
	to := reflect.ValueOf(dest)
	if to.Kind() != reflect.Pointer || to.Elem().Kind() != reflect.String {
		return false
	}
	to.Elem().SetString(text)
	return true
}

func putNumber(n int64, dest any) bool {
	switch d := dest.(type) {
	case *int64:
		*d = n
		return true
	case *int:
		*d = int(n)
		return true
	case moment:
		d.set(n)
		return true
	}
	to := reflect.ValueOf(dest)
	if to.Kind() != reflect.Pointer {
		return false
	}
	switch to := to.Elem(); {
	case to.CanInt() && !to.OverflowInt(n):
		to.SetInt(n)
		return true
	case to.CanUint() && n >= 0 && !to.OverflowUint(uint64(n)):
		to.SetUint(uint64(n))
		return true
	}
	return false
}

package sqlstore

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Whatever comes in a column, its destination gets what the driver puts there, or the
// row fails where the driver's does.
func TestPgRow_OfAnyColumn_IsReadAsTheDriverDoes(t *testing.T) {
	types := pgtype.NewMap()
	columns := []struct {
		oid   uint32
		value any
	}{
		{pgtype.TextOID, "some text"}, {pgtype.TextOID, ""}, {pgtype.TextOID, `{"a":"b"}`}, {pgtype.TextOID, `["a","b"]`}, {pgtype.TextOID, "17"},
		{pgtype.VarcharOID, "varchar"}, {pgtype.ByteaOID, []byte{1, 2}}, {pgtype.Float8OID, 2.5},
		{pgtype.Int8OID, int64(0)}, {pgtype.Int8OID, int64(1764357000123)}, {pgtype.Int8OID, int64(-5)}, {pgtype.Int8OID, int64(1) << 40}, {pgtype.Int8OID, int64(300)},
		{pgtype.Int4OID, int32(9)}, {pgtype.BoolOID, true}, {pgtype.BoolOID, false},
	}
	// Each makes a destination, and what is in it.
	destinations := []func() (dest any, in func() any){
		to[string], to[userpool.UserID], to[userpool.UserStatus], to[int64], to[int], to[int32], to[uint32], to[uint8], to[time.Duration], to[bool], to[[]byte], to[float64],
		to[*string],
		func() (any, func() any) { v := time.Unix(9, 9); return moment{&v}, func() any { return v } },
		func() (any, func() any) { var v []string; return decoded{&v}, func() any { return v } },
		func() (any, func() any) { var v map[string]string; return decoded{&v}, func() any { return v } },
		func() (any, func() any) { var v userpool.MFAPreference; return decoded{&v}, func() any { return v } },
	}
	read := 0
	for _, c := range columns {
		for _, format := range []int16{pgx.TextFormatCode, pgx.BinaryFormatCode} {
			value, err := types.Encode(c.oid, format, c.value, []byte{})
			if err != nil {
				t.Fatal(err)
			}
			fields := []pgconn.FieldDescription{{DataTypeOID: c.oid, Format: format}}
			for i, destination := range destinations {
				what := fmt.Sprintf("%v of type %d in format %d into destination %d", c.value, c.oid, format, i)
				mine, got := destination()
				theirs, want := destination()
				err, wantErr := pgRow{fields, [][]byte{value}}.Scan(mine), pgx.ScanRow(types, fields, [][]byte{value}, theirs)
				if (err == nil) != (wantErr == nil) {
					t.Errorf("%s: %v, the driver says %v", what, err, wantErr)
				}
				if err == nil && !reflect.DeepEqual(got(), want()) {
					t.Errorf("%s: %v, the driver has %v", what, got(), want())
				}
				other, _ := destination()
				if putPlain(&fields[0], value, other) {
					read++
				}
				if putPlain(&fields[0], nil, other) {
					t.Errorf("%s: NULL is read as if it were none", what)
				}
			}
		}
	}
	if read < 40 {
		t.Errorf("only %d were read without the driver", read)
	}
	if err := (pgRow{nil, nil}).Scan(new(string)); err == nil {
		t.Error("a column that is not there is read")
	}
}

func to[T any]() (any, func() any) {
	var v T
	return &v, func() any { return v }
}

package guard

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"reflect"
	"testing"
)

func TestCellText_EveryField_ComesBack(t *testing.T) {
	var c Cell
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Float32:
			f.SetFloat(float64(i) + 0.5)
		case reflect.Int64, reflect.Int32:
			f.SetInt(-int64(i) - 1)
		default:
			f.SetUint(uint64(i) + 1)
		}
	}
	text := CellText(c)
	if got := CellOf(text, c.Standing); got != c {
		t.Errorf("%+v comes back as %+v", c, got)
	}
	for _, other := range []string{"", "2" + text[1:], text[:5], text + "!"} {
		if got := CellOf(other, Closed); got != (Cell{}) {
			t.Errorf("%q is read as %+v", other, got)
		}
	}
}

func TestCellText_OfATimeWithFewerFields_HasThoseAndZeroes(t *testing.T) {
	bytes := binary.LittleEndian.AppendUint32(binary.AppendVarint(nil, 1_800_000_000_000), math.Float32bits(3.5))
	text := string(cellVersion) + base64.RawStdEncoding.EncodeToString(bytes)
	if got, want := CellOf(text, Watched), (Cell{At: 1_800_000_000_000, Credit: 3.5, Standing: Watched}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

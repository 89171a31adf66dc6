package guard

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
)

// cellVersion is the form of a cell's text. A field that is added goes to the end of
// cellFields and is zero in what was kept before; whoever changes what a field means
// or takes one away raises the version, and what was kept reads as never seen.
const cellVersion = '1'

// cellFields are the fields that a cell's text has, in their order. The standing is
// not among them: stores keep it where they can look for it.
func cellFields(c *Cell) []any {
	return []any{
		&c.At, &c.Credit, &c.Stepped, &c.Sends, &c.Uses, &c.KnownSends, &c.KnownUses, &c.Score, &c.Flow, &c.Spent,
		&c.Recent, &c.Since, &c.ProbeAt, &c.ProbeEvery, &c.Usual, &c.Spared,
	}
}

// CellText is the form in which stores keep a cell, but for its standing. Floats
// have their four bytes and the others as many as they need.
func CellText(c Cell) string {
	b := make([]byte, 0, 96)
	for _, field := range cellFields(&c) {
		switch v := field.(type) {
		case *float32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(*v))
		case *uint64:
			b = binary.AppendUvarint(b, *v)
		case *int64:
			b = binary.AppendVarint(b, *v)
		case *int32:
			b = binary.AppendVarint(b, int64(*v))
		default:
			panic(fmt.Sprintf("guard: a cell has a field of type %T", field))
		}
	}
	text := base64.RawStdEncoding.AppendEncode(make([]byte, 1, 1+base64.RawStdEncoding.EncodedLen(len(b))), b)
	text[0] = cellVersion
	return string(text)
}

// CellOf reads what CellText wrote. What it does not know is the zero Cell.
func CellOf(text string, s Standing) Cell {
	if text == "" || text[0] != cellVersion {
		return Cell{}
	}
	b, err := base64.RawStdEncoding.DecodeString(text[1:])
	if err != nil {
		return Cell{}
	}
	c := Cell{Standing: s}
	for _, field := range cellFields(&c) {
		if len(b) == 0 {
			return c // of a time when there were fewer
		}
		n := readField(field, b)
		if n <= 0 || n > len(b) {
			return Cell{}
		}
		b = b[n:]
	}
	return c
}

// readField sets a field by the first bytes, and returns how many they are.
func readField(field any, b []byte) (n int) {
	switch v := field.(type) {
	case *float32:
		if n = 4; len(b) >= n {
			*v = math.Float32frombits(binary.LittleEndian.Uint32(b))
		}
	case *uint64:
		*v, n = binary.Uvarint(b)
	case *int64:
		*v, n = binary.Varint(b)
	case *int32:
		var wide int64
		wide, n = binary.Varint(b)
		*v = int32(wide)
	}
	return n
}

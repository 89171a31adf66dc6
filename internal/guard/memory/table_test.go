package memory

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// A tracked prefix takes at most 200 bytes: its row, and its part of the slots, of
// which there are never more than four a row.
func TestTable_APrefix_TakesAtMost200Bytes(t *testing.T) {
	if n := unsafe.Sizeof(row[guard.Key, guard.Cell]{}) + 4*unsafe.Sizeof(uint64(0)); n > 200 {
		t.Errorf("%d bytes", n)
	}
}

// Whatever was put and removed, and however keys collide, a table is a map.
func TestTable_IsAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, spread := range []uint32{1, 7, 1 << 20} { // how many hashes there are
		tab := newTable[int, int](1000, func(k int) uint32 { return uint32(k) * 2654435761 % spread }, nil)
		want := map[int]int{}
		for n := range 6000 {
			k := r.IntN(150)
			if r.IntN(3) == 0 {
				tab.remove(k)
				delete(want, k)
			} else {
				*tab.put(k) = n
				want[k] = n
			}
			if k = r.IntN(150); tab.len() != len(want) {
				t.Fatalf("%d keys, want %d", tab.len(), len(want))
			}
			got := tab.get(k)
			if v, ok := want[k]; ok != (got != nil) || ok && *got != v {
				t.Fatalf("after %d steps key %d is %v, want %d, %t", n, k, got, v, ok)
			}
		}
	}
}

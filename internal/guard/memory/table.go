package memory

import "maps"

// table is a map of bounded size. Beyond its bound it forgets what was not looked
// at for longest, and of the longest idle first those that are settled: they are
// as if they had never been. It holds no pointers, if keys and values have none,
// so the garbage collector passes over it.
type table[K comparable, V any] struct {
	at      map[K]uint32
	rows    []row[K, V] // rows[0] closes the ring of those in use
	free    []uint32
	hand    uint32 // the row that victim looks at next, 0 for the oldest
	most    int
	settled func(K, *V) bool
}

// row is one key's place in the ring that runs from the newest to the oldest.
type row[K comparable, V any] struct {
	key          K
	value        V
	newer, older uint32
}

func newTable[K comparable, V any](most int, settled func(K, *V) bool) *table[K, V] {
	return &table[K, V]{at: map[K]uint32{}, rows: make([]row[K, V], 1), most: most, settled: settled}
}

func (t *table[K, V]) clone(settled func(K, *V) bool) *table[K, V] {
	return &table[K, V]{
		at: maps.Clone(t.at), rows: append([]row[K, V](nil), t.rows...), free: append([]uint32(nil), t.free...),
		hand: t.hand, most: t.most, settled: settled,
	}
}

func (t *table[K, V]) len() int { return len(t.at) }

// get returns the key's value, good until the next put, or nil.
func (t *table[K, V]) get(k K) *V {
	i, ok := t.at[k]
	if !ok {
		return nil
	}
	t.unlink(i)
	t.link(i)
	return &t.rows[i].value
}

// put returns the place of the key's value, made if there is none. It does not
// forget others: trim does.
func (t *table[K, V]) put(k K) *V {
	if v := t.get(k); v != nil {
		return v
	}
	i := uint32(len(t.rows))
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		t.rows = append(t.rows, row[K, V]{})
	}
	t.rows[i] = row[K, V]{key: k}
	t.at[k] = i
	t.link(i)
	return &t.rows[i].value
}

func (t *table[K, V]) remove(k K) {
	i, ok := t.at[k]
	if !ok {
		return
	}
	t.unlink(i)
	delete(t.at, k)
	t.free = append(t.free, i)
}

// steps is how many rows one that must go is looked for among.
const steps = 16

// trim forgets rows until the table is within its bound.
func (t *table[K, V]) trim() {
	for len(t.at) > t.most {
		t.remove(t.rows[t.victim()].key)
	}
}

// victim is the next settled row that a hand finds, which goes round from the
// oldest to the newest, a few steps each time; else the oldest.
func (t *table[K, V]) victim() uint32 {
	for n := 0; t.settled != nil && n < steps; n++ {
		if t.hand == 0 {
			t.hand = t.rows[0].newer
		}
		i := t.hand
		t.hand = t.rows[i].newer
		if t.settled(t.rows[i].key, &t.rows[i].value) {
			return i
		}
	}
	return t.rows[0].newer
}

// link makes the row the newest. The ring's head has the newest as its older and
// the oldest as its newer neighbour.
func (t *table[K, V]) link(i uint32) {
	newest := t.rows[0].older
	t.rows[i].newer, t.rows[i].older = 0, newest
	t.rows[newest].newer = i
	t.rows[0].older = i
}

func (t *table[K, V]) unlink(i uint32) {
	newer, older := t.rows[i].newer, t.rows[i].older
	if t.hand == i {
		t.hand = newer
	}
	t.rows[newer].older = older
	t.rows[older].newer = newer
}

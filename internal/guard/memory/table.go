package memory

import (
	"maps"
	"slices"
)

// table is a map of bounded size. Beyond its bound it forgets those that are
// settled, which are as if they had never been, and else what nobody has looked at
// since a hand last went by: about what was idle longest. It holds no pointers, if
// keys and values have none, so the garbage collector passes over it.
type table[K comparable, V any] struct {
	at      map[K]uint32
	rows    []row[K, V]
	free    []uint32
	most    int
	settled func(K, *V) bool
	// The hands go round the rows: one looks for settled ones, one for idle ones.
	settling, idling int
}

type row[K comparable, V any] struct {
	key    K
	value  V
	taken  bool
	wanted bool // looked at since the hand went by
}

func newTable[K comparable, V any](most int, settled func(K, *V) bool) *table[K, V] {
	return &table[K, V]{at: map[K]uint32{}, most: most, settled: settled}
}

func (t *table[K, V]) clone(settled func(K, *V) bool) *table[K, V] {
	c := *t
	c.at, c.rows, c.free, c.settled = maps.Clone(t.at), slices.Clone(t.rows), slices.Clone(t.free), settled
	return &c
}

func (t *table[K, V]) len() int { return len(t.at) }

// get returns the key's value, good until the next put, or nil.
func (t *table[K, V]) get(k K) *V {
	i, ok := t.at[k]
	if !ok {
		return nil
	}
	t.rows[i].wanted = true
	return &t.rows[i].value
}

// put returns the place of the key's value, made if there is none. It does not
// forget others: trim does.
func (t *table[K, V]) put(k K) *V {
	if v := t.get(k); v != nil {
		return v
	}
	return t.add(k)
}

// add is put for a key that is not there.
func (t *table[K, V]) add(k K) *V {
	i := uint32(len(t.rows))
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		t.rows = append(t.rows, row[K, V]{})
	}
	t.rows[i] = row[K, V]{key: k, taken: true}
	t.at[k] = i
	return &t.rows[i].value
}

func (t *table[K, V]) remove(k K) {
	i, ok := t.at[k]
	if !ok {
		return
	}
	t.rows[i] = row[K, V]{}
	delete(t.at, k)
	t.free = append(t.free, i)
}

// trim forgets rows until the table is within its bound.
func (t *table[K, V]) trim() {
	for len(t.at) > t.most {
		t.remove(t.victim().key)
	}
}

// steps is how many rows a settled one is looked for among.
const steps = 16

func (t *table[K, V]) victim() *row[K, V] {
	for n := 0; t.settled != nil && n < steps; n++ {
		if r := t.step(&t.settling); r.taken && t.settled(r.key, &r.value) {
			return r
		}
	}
	for {
		r := t.step(&t.idling)
		if r.taken && !r.wanted {
			return r
		}
		r.wanted = false
	}
}

// step moves a hand on by one row.
func (t *table[K, V]) step(hand *int) *row[K, V] {
	*hand = (*hand + 1) % len(t.rows)
	return &t.rows[*hand]
}

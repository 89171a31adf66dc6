package memory

import "slices"

// table is a map of bounded size. Beyond its bound it forgets those that are
// settled, which are as if they had never been, and else what nobody has looked at
// since a hand last went by: about what was idle longest. It holds no pointers, if
// keys and values have none, so the garbage collector passes over it, and takes
// some bytes a key beside key and value, where a Go map would take dozens.
type table[K comparable, V any] struct {
	hash    func(K) uint32
	settled func(K, *V) bool
	most    int

	// Slots are a row's place and one, and its hash above; 0 is free. There are at
	// least twice as many as rows, a power of two, and a row is in the first free
	// one from where its hash points to.
	slots []uint64
	rows  []row[K, V]
	free  []uint32 // rows that are not taken
	// The hands go round the rows: one looks for settled ones, one for idle ones.
	settling, idling int
}

type row[K comparable, V any] struct {
	key    K
	value  V
	taken  bool
	wanted bool // looked at since the hand went by
}

func newTable[K comparable, V any](most int, hash func(K) uint32, settled func(K, *V) bool) *table[K, V] {
	return &table[K, V]{hash: hash, settled: settled, most: most, slots: make([]uint64, 64)}
}

func (t *table[K, V]) clone(settled func(K, *V) bool) *table[K, V] {
	c := *t
	c.slots, c.rows, c.free, c.settled = slices.Clone(t.slots), slices.Clone(t.rows), slices.Clone(t.free), settled
	return &c
}

func (t *table[K, V]) len() int { return len(t.rows) - len(t.free) }

func slotOf(hash uint32, i int) uint64 { return uint64(hash)<<32 | uint64(i+1) }

// find returns the key's slot, or the free one where it would be.
func (t *table[K, V]) find(k K, hash uint32) (slot int, found bool) {
	mask := len(t.slots) - 1
	for slot = int(hash) & mask; ; slot = (slot + 1) & mask {
		s := t.slots[slot]
		if s == 0 {
			return slot, false
		}
		if uint32(s>>32) == hash && t.rows[uint32(s)-1].key == k {
			return slot, true
		}
	}
}

// get returns the key's value, good until the next add, or nil.
func (t *table[K, V]) get(k K) *V {
	slot, found := t.find(k, t.hash(k))
	if !found {
		return nil
	}
	r := &t.rows[uint32(t.slots[slot])-1]
	r.wanted = true
	return &r.value
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
	if 2*(t.len()+1) > len(t.slots) {
		t.widen()
	}
	i := len(t.rows)
	if n := len(t.free); n > 0 {
		i, t.free = int(t.free[n-1]), t.free[:n-1]
	} else {
		t.rows = append(t.rows, row[K, V]{})
	}
	t.rows[i] = row[K, V]{key: k, taken: true}
	hash := t.hash(k)
	slot, _ := t.find(k, hash)
	t.slots[slot] = slotOf(hash, i)
	return &t.rows[i].value
}

func (t *table[K, V]) widen() {
	was := t.slots
	t.slots = make([]uint64, 2*len(was))
	mask := len(t.slots) - 1
	for _, s := range was {
		if s == 0 {
			continue
		}
		slot := int(s>>32) & mask
		for t.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		t.slots[slot] = s
	}
}

func (t *table[K, V]) remove(k K) {
	slot, found := t.find(k, t.hash(k))
	if !found {
		return
	}
	i := uint32(t.slots[slot]) - 1
	t.rows[i] = row[K, V]{}
	t.free = append(t.free, i)
	t.vacate(slot)
}

// vacate frees a slot, and moves those up that would not be found behind it.
func (t *table[K, V]) vacate(slot int) {
	mask := len(t.slots) - 1
	for next := (slot + 1) & mask; t.slots[next] != 0; next = (next + 1) & mask {
		home := int(t.slots[next]>>32) & mask
		if (next-home)&mask >= (next-slot)&mask {
			t.slots[slot] = t.slots[next]
			slot = next
		}
	}
	t.slots[slot] = 0
}

// trim forgets rows until the table is within its bound.
func (t *table[K, V]) trim() {
	for t.len() > t.most {
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

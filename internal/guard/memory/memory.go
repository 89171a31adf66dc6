// Package memory keeps what the guard's engine remembers in memory, of bounded
// size, for replays and simulations: cells, amounts and counts, as the store
// keeps them. What is not kept is undone. What outlives a process is the
// store's.
package memory

import (
	"context"
	"hash/maphash"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// Config bounds a State. Its zero fields have defaults.
type Config struct {
	Prefixes int // cells of prefixes, countries and the server
	Sources  int // cells of addresses and networks
	Counters int // counts and amounts
	// Settled says that a cell is as if it had never been, at a time in
	// milliseconds since 1970. Such cells are forgotten first. It may be nil.
	Settled func(guard.Key, guard.Cell, int64) bool
}

// The defaults: together they take less than 200 MB.
const (
	defaultPrefixes = 1 << 19
	defaultSources  = 1 << 18
	defaultCounters = 1 << 20
)

// State is the engine's memory. What is done since the last Keep or Undo is one
// transaction. It is not safe for use by several goroutines.
type State struct {
	guard.Asking

	settled  func(guard.Key, guard.Cell, int64) bool
	prefixes *table[guard.Key, guard.Cell]
	// Addresses are apart: who has millions of them must not be able to make the
	// guard forget what prefixes do.
	sources  *table[guard.Key, guard.Cell]
	counters *table[name, window]
	newest   int64 // the latest time that was seen, in milliseconds since 1970

	cellsBefore  []cellBefore
	countsBefore []countBefore
	seeds        [2]maphash.Seed
	salt         uint64 // of hashKey
}

// name stands for a counter's key: two hashes, so that no two keys meet.
type name [2]uint64

func hashName(n name) uint32 { return uint32(n[0]) }

// hashKey cannot be foreseen by who chooses keys.
func (s *State) hashKey(k guard.Key) uint32 {
	const mix = 0x9e3779b97f4a7c15
	h := (s.salt ^ k.Lo) * mix
	h = (h ^ h>>29 ^ k.Hi ^ uint64(k.Kind)<<56) * mix
	h = (h ^ h>>32) * mix
	return uint32(h >> 32)
}

// window is a counter's window.
type window struct {
	spent   int64
	resetAt int64 // milliseconds since 1970
}

// cellBefore is what a cell was before the transaction, and whether it was.
type cellBefore struct {
	key  guard.Key
	cell guard.Cell
	was  bool
}

type countBefore struct {
	name   name
	window window
	was    bool
}

// New returns an empty State.
func New(c Config) *State {
	s := &State{settled: c.Settled, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	s.salt = maphash.String(s.seeds[0], "salt")
	s.prefixes = newTable(orElse(c.Prefixes, defaultPrefixes), s.hashKey, s.settledCell())
	s.sources = newTable(orElse(c.Sources, defaultSources), s.hashKey, s.settledCell())
	s.counters = newTable(orElse(c.Counters, defaultCounters), hashName, s.settledCount())
	return s
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

func (s *State) settledCell() func(guard.Key, *guard.Cell) bool {
	if s.settled == nil {
		return nil
	}
	return func(k guard.Key, c *guard.Cell) bool { return s.settled(k, *c, s.newest) }
}

// past is for how long a closed window is still remembered: a clock that steps
// back by less finds it.
const past = int64(time.Minute / time.Millisecond)

func (s *State) settledCount() func(name, *window) bool {
	return func(_ name, w *window) bool { return w.resetAt+past <= s.newest }
}

// Clone returns a State of its own that remembers the same. What is not kept yet
// belongs to neither.
func (s *State) Clone() *State {
	s.Undo()
	c := &State{settled: s.settled, newest: s.newest, seeds: s.seeds, salt: s.salt}
	c.prefixes = s.prefixes.clone(c.settledCell())
	c.sources = s.sources.clone(c.settledCell())
	c.counters = s.counters.clone(c.settledCount())
	return c
}

// Keep ends the transaction: what was done stays.
func (s *State) Keep() {
	s.cellsBefore, s.countsBefore = s.cellsBefore[:0], s.countsBefore[:0]
	s.prefixes.trim()
	s.sources.trim()
	s.counters.trim()
}

// Undo ends the transaction: it is as if nothing had been done.
func (s *State) Undo() {
	for i := len(s.cellsBefore) - 1; i >= 0; i-- {
		b := &s.cellsBefore[i]
		if t := s.cells(b.key); b.was {
			*t.put(b.key) = b.cell
		} else {
			t.remove(b.key)
		}
	}
	for i := len(s.countsBefore) - 1; i >= 0; i-- {
		b := &s.countsBefore[i]
		if b.was {
			*s.counters.put(b.name) = b.window
		} else {
			s.counters.remove(b.name)
		}
	}
	s.cellsBefore, s.countsBefore = s.cellsBefore[:0], s.countsBefore[:0]
}

// Len is how many cells and counters are remembered.
func (s *State) Len() (cells, counters int) {
	return s.prefixes.len() + s.sources.len(), s.counters.len()
}

func (s *State) cells(k guard.Key) *table[guard.Key, guard.Cell] {
	if k.Kind == guard.CellAddress || k.Kind == guard.CellNetwork {
		return s.sources
	}
	return s.prefixes
}

// Cells returns the cells of the keys.
func (s *State) Cells(_ context.Context, keys []guard.Key) ([]guard.Cell, error) {
	found := make([]guard.Cell, len(keys))
	for i, k := range keys {
		if c := s.cells(k).get(k); c != nil {
			found[i] = *c
		}
	}
	return found, nil
}

// PutCells stores cells.
func (s *State) PutCells(_ context.Context, keys []guard.Key, cells []guard.Cell) error {
	for i, k := range keys {
		t := s.cells(k)
		if old := t.get(k); old != nil {
			s.cellsBefore = append(s.cellsBefore, cellBefore{k, *old, true})
			*old = cells[i]
			continue
		}
		s.cellsBefore = append(s.cellsBefore, cellBefore{key: k})
		*t.add(k) = cells[i]
	}
	return nil
}

func (s *State) name(key string) name {
	return name{maphash.String(s.seeds[0], key), maphash.String(s.seeds[1], key)}
}

// Spend counts one under the key if there is room.
func (s *State) Spend(_ context.Context, key string, l guard.Limit, now time.Time) (guard.Spent, error) {
	return s.pay(key, l, 1, now), nil
}

// Pay spends the amounts, each if there is room for it.
func (s *State) Pay(_ context.Context, payments []guard.Payment, now time.Time) ([]guard.Spent, error) {
	spent := make([]guard.Spent, len(payments))
	for i, p := range payments {
		spent[i] = s.pay(p.Key, p.Limit, p.Amount, now)
	}
	return spent, nil
}

func (s *State) pay(key string, l guard.Limit, amount int, now time.Time) guard.Spent {
	ms, n := now.UnixMilli(), s.name(key)
	s.newest = max(s.newest, ms)
	was := s.counters.get(n)
	open := was != nil && was.resetAt > ms
	var w window
	switch {
	case open:
		w = *was
	case amount <= l.Max: // the window would open now
		w.resetAt = now.Add(l.Window).UnixMilli()
	}
	if w.spent+int64(amount) > int64(l.Max) {
		return spentOf(w, open, false)
	}
	s.before(n, was)
	w.spent += int64(amount)
	if was == nil {
		was = s.counters.add(n)
	}
	*was = w
	return spentOf(w, true, true)
}

func spentOf(w window, open, ok bool) guard.Spent {
	if !open {
		return guard.Spent{}
	}
	return guard.Spent{OK: ok, Count: int(w.spent), ResetAt: time.UnixMilli(w.resetAt)}
}

func (s *State) before(n name, was *window) {
	if was == nil {
		s.countsBefore = append(s.countsBefore, countBefore{name: n})
		return
	}
	s.countsBefore = append(s.countsBefore, countBefore{n, *was, true})
}

// Count reads a counter.
func (s *State) Count(_ context.Context, key string, now time.Time) (int, error) {
	if w := s.counters.get(s.name(key)); w != nil && w.resetAt > now.UnixMilli() {
		return int(w.spent), nil
	}
	return 0, nil
}

// GiveBack takes one spend back.
func (s *State) GiveBack(_ context.Context, key string, _ guard.Limit, now time.Time) error {
	s.refund(key, 1, now)
	return nil
}

// Refund takes amounts back.
func (s *State) Refund(_ context.Context, payments []guard.Payment, now time.Time) error {
	for _, p := range payments {
		s.refund(p.Key, p.Amount, now)
	}
	return nil
}

func (s *State) refund(key string, amount int, now time.Time) {
	n := s.name(key)
	w := s.counters.get(n)
	if w == nil || w.resetAt <= now.UnixMilli() || w.spent == 0 {
		return
	}
	s.before(n, w)
	w.spent = max(0, w.spent-int64(amount))
}

// Clear forgets counters.
func (s *State) Clear(_ context.Context, keys ...string) error {
	for _, key := range keys {
		n := s.name(key)
		if w := s.counters.get(n); w != nil {
			s.before(n, w)
			s.counters.remove(n)
		}
	}
	return nil
}

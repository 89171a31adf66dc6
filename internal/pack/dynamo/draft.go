package dynamo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pack"
)

// place is where an item is.
type place struct{ pk, sk string }

// draft is a pack.Tx in memory: what was read, what of it fn changed, and what fn
// asked for and nobody has read yet. That is taken to be empty, so that one run of
// fn finds out nearly all that the next one needs.
type draft struct {
	guard.Asking

	now     time.Time
	read    map[place]item // nil where there is no item
	unread  map[place]bool
	cells   map[guard.Key]*cell
	tallies map[place]*tally
	lists   map[place]*list
	notes   map[string]note
}

var _ pack.Tx = (*draft)(nil)

func newDraft(read map[place]item, now time.Time) *draft {
	return &draft{
		now: now, read: read, unread: map[place]bool{},
		cells: map[guard.Key]*cell{}, tallies: map[place]*tally{}, lists: map[place]*list{}, notes: map[string]note{},
	}
}

func (d *draft) item(at place) item {
	in, ok := d.read[at]
	if !ok {
		d.unread[at] = true
	}
	return in
}

// cell is one of the book: as it was read, and as it is to be.
type cell struct {
	at       place
	was, now guard.Cell
	version  string // as it was read, "" if there was none
	changed  bool
	put      string // the version under which it was written
}

func cellPlace(k guard.Key) place { return place{"cell/" + k.String(), kindCell} }

func (d *draft) cell(k guard.Key) (*cell, error) {
	if c, ok := d.cells[k]; ok {
		return c, nil
	}
	c := &cell{at: cellPlace(k)}
	if in := d.item(c.at); in != nil {
		r := reader{in: in}
		c.was = guard.CellOf(r.text("data"), guard.Standing(r.number("standing")))
		c.version = r.text("version")
		if r.err != nil {
			return nil, wrap("read cell", r.err)
		}
	}
	c.now = c.was
	d.cells[k] = c
	return c, nil
}

// Cells implements guard.Book.
func (d *draft) Cells(_ context.Context, keys []guard.Key) ([]guard.Cell, error) {
	cells := make([]guard.Cell, len(keys))
	for i, k := range keys {
		if k == (guard.Key{}) { // of what is not known, such as an address
			continue
		}
		c, err := d.cell(k)
		if err != nil {
			return nil, err
		}
		cells[i] = c.now
	}
	return cells, nil
}

// PutCells implements guard.Book.
func (d *draft) PutCells(_ context.Context, keys []guard.Key, cells []guard.Cell) error {
	for i, k := range keys {
		c, err := d.cell(k)
		if err != nil {
			return err
		}
		c.now = cells[i]
		c.changed = c.now != c.was
	}
	return nil
}

// tally is a counter or an amount: its window, how much is in it now, and how much
// of that fn has put there.
type tally struct {
	at      place
	n       int
	resetAt time.Time
	fresh   bool // the window opens with what fn spends
	delta   int
	max     int  // the narrowest limit that the spending was held to
	set     bool // to n, whatever it was
}

func (d *draft) tally(at place) (*tally, error) {
	if t, ok := d.tallies[at]; ok {
		return t, nil
	}
	t := &tally{at: at, max: pack.Unlimited}
	if in := d.item(at); in != nil {
		r := reader{in: in}
		t.n, t.resetAt = int(r.number("n")), r.moment("resets_at")
		if r.err != nil {
			return nil, wrap("read counter", r.err)
		}
	}
	d.tallies[at] = t
	return t, nil
}

func (d *draft) spend(at place, l guard.Limit, amount int, now time.Time) (guard.Spent, error) {
	t, err := d.tally(at)
	if err != nil {
		return guard.Spent{}, err
	}
	n, resetAt := t.n, t.resetAt
	if !resetAt.After(now) {
		n, resetAt = 0, now.Add(l.Window)
	}
	if amount > l.Max-n {
		return guard.Spent{Count: n, ResetAt: resetAt}, nil
	}
	if !t.resetAt.Equal(resetAt) {
		t.fresh, t.delta, t.resetAt = true, 0, resetAt
	}
	t.n, t.delta, t.max = n+amount, t.delta+amount, min(t.max, l.Max)
	return guard.Spent{OK: true, Count: t.n, ResetAt: t.resetAt}, nil
}

func (d *draft) giveBack(at place, amount int, now time.Time) error {
	t, err := d.tally(at)
	if err != nil || !t.resetAt.After(now) {
		return err
	}
	amount = min(amount, t.n)
	t.n, t.delta = t.n-amount, t.delta-amount
	return nil
}

func counterPlace(name string) place { return place{name, kindCounter} }

// Spend implements guard.Counters.
func (d *draft) Spend(_ context.Context, name string, l guard.Limit, now time.Time) (guard.Spent, error) {
	return d.spend(counterPlace(name), l, 1, now)
}

// Count implements guard.Counters.
func (d *draft) Count(_ context.Context, name string, now time.Time) (int, error) {
	t, err := d.tally(counterPlace(name))
	if err != nil || !t.resetAt.After(now) {
		return 0, err
	}
	return t.n, nil
}

// GiveBack implements guard.Counters.
func (d *draft) GiveBack(_ context.Context, name string, _ guard.Limit, now time.Time) error {
	return d.giveBack(counterPlace(name), 1, now)
}

// Clear implements guard.Counters.
func (d *draft) Clear(_ context.Context, names ...string) error {
	for _, name := range names {
		t, err := d.tally(counterPlace(name))
		if err != nil {
			return err
		}
		if t.n != 0 {
			t.n, t.delta, t.set = 0, 0, true
		}
	}
	return nil
}

// Pay implements guard.Purse. Amounts are counters of which more than one is spent.
func (d *draft) Pay(_ context.Context, payments []guard.Payment, now time.Time) ([]guard.Spent, error) {
	all := make([]guard.Spent, len(payments))
	for i, p := range payments {
		spent, err := d.spend(counterPlace(p.Key), p.Limit, p.Amount, now)
		if err != nil {
			return nil, err
		}
		all[i] = spent
	}
	return all, nil
}

// Refund implements guard.Purse.
func (d *draft) Refund(_ context.Context, payments []guard.Payment, now time.Time) error {
	for _, p := range payments {
		if err := d.giveBack(counterPlace(p.Key), p.Amount, now); err != nil {
			return err
		}
	}
	return nil
}

// list is one of outcomes: each is an attribute, so that it is added and taken out
// whatever else is there.
type list struct {
	at    place
	in    map[string]guard.Outcome // by id
	until time.Time
	was   map[string]bool // ids of those that were read
	set   map[string]bool // ids of those added or changed
	drop  map[string]bool // ids of those that were read and are to go
}

// outcomePrefix begins the names of those attributes.
const outcomePrefix = "o_"

func (d *draft) list(name string) (*list, error) {
	at := place{name, kindList}
	if l, ok := d.lists[at]; ok {
		return l, nil
	}
	l := &list{at: at, in: map[string]guard.Outcome{}, was: map[string]bool{}, set: map[string]bool{}, drop: map[string]bool{}}
	r := reader{in: d.item(at)}
	for name := range r.in {
		id, ok := strings.CutPrefix(name, outcomePrefix)
		if !ok {
			continue
		}
		var o guard.Outcome
		r.err = errors.Join(r.err, json.Unmarshal([]byte(r.text(name)), &o))
		l.in[id], l.was[id] = o, true
	}
	d.lists[at] = l
	return l, wrap("read list", r.err)
}

// Keep implements pack.Tx.
func (d *draft) Keep(name, id string, o guard.Outcome, until time.Time) error {
	l, err := d.list(name)
	if err != nil {
		return err
	}
	l.in[id], l.set[id] = o, true
	delete(l.drop, id)
	if until.After(l.until) {
		l.until = until
	}
	return nil
}

// Kept implements pack.Tx.
func (d *draft) Kept(name string) (map[string]guard.Outcome, error) {
	l, err := d.list(name)
	if err != nil {
		return nil, err
	}
	return maps.Clone(l.in), nil
}

// Drop implements pack.Tx.
func (d *draft) Drop(name, id string) error {
	l, err := d.list(name)
	if err != nil {
		return err
	}
	delete(l.set, id)
	delete(l.in, id)
	if l.was[id] {
		l.drop[id] = true
	}
	return nil
}

// note is one to be written.
type note struct {
	at   time.Time
	life time.Duration
}

// Note implements pack.Tx.
func (d *draft) Note(_ context.Context, name string, now time.Time, life time.Duration) error {
	d.notes[name] = note{now, life}
	return nil
}

// Noted implements pack.Tx.
func (d *draft) Noted(_ context.Context, name string) (time.Time, error) {
	if n, ok := d.notes[name]; ok {
		return n.at, nil
	}
	return noted(d.item(place{name, kindNote}))
}

// changedCells are the cells to be written, the widest last: the kinds are numbered
// from narrow to wide.
func (d *draft) changedCells() []*cell {
	var changed []*cell
	keys := slices.SortedFunc(maps.Keys(d.cells), func(a, b guard.Key) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Hi, b.Hi), cmp.Compare(a.Lo, b.Lo))
	})
	for _, k := range keys {
		if c := d.cells[k]; c.changed {
			changed = append(changed, c)
		}
	}
	return changed
}

func (d *draft) changedTallies() []*tally {
	var changed []*tally
	for _, t := range d.tallies {
		if t.delta != 0 || t.set {
			changed = append(changed, t)
		}
	}
	return changed
}

func (d *draft) changedLists() []*list {
	var changed []*list
	for _, l := range d.lists {
		if len(l.set)+len(l.drop) > 0 {
			changed = append(changed, l)
		}
	}
	return changed
}

func (p place) key() item { return key(p.pk, p.sk) }

// placeOf is where an item is that was read: it has both.
func placeOf(in item) place {
	r := reader{in: in}
	return place{r.text("pk"), r.text("sk")}
}

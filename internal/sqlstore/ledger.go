package sqlstore

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// ledger is what the guard remembers as the writer of an SQLite file has it at hand: a
// row that many Updates change is read once, and written once by all of a batch, before
// its commit. What one Update spends and gives back is not written at all.
//
// The writer is the only one in its process who writes the tables; that another process
// has written the file is seen at the begin of a batch, and all is read again.
type ledger struct {
	conn    *liteConn
	version int64 // of the file, as pragma data_version has it
	begun   bool  // it is that of the present transaction

	counters map[string]*countRow
	cells    map[guard.Key]*cellRow

	// What the batch has changed, and in what order its present member did.
	changedCounters map[string]*countRow
	changedCells    map[guard.Key]*cellRow
	undo            []func()
}

// ledgerMost bounds what is at hand, of counters and of cells.
const ledgerMost = 4096

// countRow is a counter. One of which all is given back is as one that never was: its
// next window opens with its next spend.
type countRow struct{ now, stored count }

type count struct{ spent, resetAt int64 }

type cellRow struct{ now, stored guard.Cell }

// unsure and unsureCell are what is stored of what may be there or not.
var (
	unsure     = count{spent: -1}
	unsureCell = guard.Cell{At: -1}
)

func newLedger(c *liteConn) *ledger {
	l := &ledger{conn: c}
	l.forget()
	return l
}

// forget drops what is at hand: it is not known to be what is stored.
func (l *ledger) forget() {
	l.begun = false
	l.counters, l.cells = make(map[string]*countRow), make(map[guard.Key]*cellRow)
	l.changedCounters, l.changedCells = make(map[string]*countRow), make(map[guard.Key]*cellRow)
	l.undo = nil
}

const liteVersion = "pragma data_version"

// begin is called before the first use in each transaction.
func (l *ledger) begin() error {
	if l.begun {
		return nil
	}
	version, err := number(l.conn, liteVersion)
	if err != nil {
		return err
	}
	if version != l.version || len(l.counters) > ledgerMost || len(l.cells) > ledgerMost {
		l.forget()
	}
	l.version, l.begun = version, true
	return nil
}

// end writes what has changed, before the commit. Where it was not used there is nothing
// but what a transaction that failed has left.
func (l *ledger) end() error {
	if !l.begun {
		return nil
	}
	l.begun = false
	if err := l.store(); err != nil {
		return err
	}
	for _, c := range l.changedCounters {
		c.stored = c.now
	}
	for _, c := range l.changedCells {
		c.stored = c.now
	}
	clear(l.changedCounters)
	clear(l.changedCells)
	return nil
}

// keep ends a member whose changes stay; drop one whose changes do not.
func (l *ledger) keep() { l.undo = l.undo[:0] }

func (l *ledger) drop() {
	for _, back := range slices.Backward(l.undo) {
		back()
	}
	l.undo = l.undo[:0]
}

var (
	batchReadCounters  = newBatch(`select name, spent, reset_at from counters where name in (`, `{1}`, `)`, 0, 1)
	batchWriteCounters = newBatch(insertCounters, `({1}, {2}, {3})`,
		` on conflict (name) do update set spent = excluded.spent, reset_at = excluded.reset_at`, 0, 3)
	batchWriteSpent = newBatch(insertCounters, `({1}, {2}, {3})`, ` on conflict (name) do update set spent = excluded.spent`, 0, 3)
)

const insertCounters = `insert into counters (name, spent, reset_at) values `

// store writes what has changed, for a statement that reads the tables itself. It is
// written again in the end: the present member may fail, and all that it wrote with it.
func (l *ledger) store() error {
	err := errors.Join(l.storeCounters(), l.storeCells())
	for _, c := range l.changedCounters {
		c.stored = unsure
	}
	for _, c := range l.changedCells {
		c.stored = unsureCell
	}
	return err
}

// SQLite writes an index anew for a column that is set to what it was, so none is that an
// index has.
func (l *ledger) storeCounters() error {
	var write, add, remove []string
	for name, c := range l.changedCounters {
		switch {
		case c.now == c.stored:
		case c.now.spent <= 0:
			remove = append(remove, name)
		case c.stored.spent > 0 && c.now.resetAt == c.stored.resetAt:
			add = append(add, name)
		default:
			write = append(write, name)
		}
	}
	if err := l.writeCounters(&batchWriteCounters, write); err != nil {
		return err
	}
	if err := l.writeCounters(&batchWriteSpent, add); err != nil {
		return err
	}
	slices.Sort(remove)
	for part := range slices.Chunk(remove, batchMost) {
		args := make([]any, len(part))
		for i, name := range part {
			args[i] = name
		}
		if _, err := l.conn.exec(batchClear.text(len(part)), args...); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) writeCounters(how *batch, names []string) error {
	slices.Sort(names)
	for part := range slices.Chunk(names, batchMost) {
		args := make([]any, 0, 3*len(part))
		for _, name := range part {
			c := l.counters[name]
			args = append(args, name, c.now.spent, c.now.resetAt)
		}
		if _, err := l.conn.exec(how.text(len(part)), args...); err != nil {
			return err
		}
	}
	return nil
}

// storeCells sets no column that an index has to what it was, as storeCounters.
func (l *ledger) storeCells() error {
	var put, data cellsToPut
	for key, c := range l.changedCells {
		switch {
		case c.now == c.stored:
		case c.stored.At > 0 && cellHour(c.now) == cellHour(c.stored) && c.now.Standing == c.stored.Standing:
			data.add(key, c.now)
		default:
			put.add(key, c.now)
		}
	}
	run := func(query string, args []any) error {
		_, err := l.conn.exec(query, args...)
		return err
	}
	if err := putCells(&batchPutCells, put.keys, put.cells, run); err != nil {
		return err
	}
	return putCells(&batchPutCellData, data.keys, data.cells, run)
}

type cellsToPut struct {
	keys  []guard.Key
	cells []guard.Cell
}

func (p *cellsToPut) add(k guard.Key, c guard.Cell) {
	p.keys, p.cells = append(p.keys, k), append(p.cells, c)
}

// swept drops what is not changed: it may be gone.
func (l *ledger) swept() error {
	maps.DeleteFunc(l.counters, func(name string, _ *countRow) bool { return l.changedCounters[name] == nil })
	maps.DeleteFunc(l.cells, func(k guard.Key, _ *cellRow) bool { return l.changedCells[k] == nil })
	return nil
}

// know reads the counters that are not at hand.
func (l *ledger) know(names ...string) error {
	var args []any
	for _, name := range names {
		if l.counters[name] == nil {
			l.counters[name] = &countRow{}
			args = append(args, name)
		}
	}
	for part := range slices.Chunk(args, batchMost) {
		err := l.conn.query(batchReadCounters.text(len(part)), part, func(r row) error {
			var name string
			var c count
			if err := r.Scan(&name, &c.spent, &c.resetAt); err != nil {
				return err
			}
			*l.counters[name] = countRow{c, c}
			return nil
		})
		if err != nil {
			for _, name := range args {
				delete(l.counters, name.(string))
			}
			return err
		}
	}
	return nil
}

func (l *ledger) setCounter(name string, c *countRow, to count) {
	was := c.now
	l.undo = append(l.undo, func() { c.now = was })
	c.now = to
	l.changedCounters[name] = c
}

func (c count) spentAt(ok bool, now int64) guard.Spent {
	if c.resetAt <= now || c.spent == 0 && !ok {
		return guard.Spent{}
	}
	return guard.Spent{OK: ok, Count: int(c.spent), ResetAt: time.UnixMilli(c.resetAt).UTC()}
}

// pay spends an amount of a counter that is known, if it has room.
func (l *ledger) pay(name string, limit guard.Limit, amount int, now time.Time) guard.Spent {
	row, at := l.counters[name], millis(now)
	to := row.now
	if to.resetAt <= at || to.spent == 0 {
		to = count{resetAt: millis(now.Add(limit.Window))}
	}
	to.spent += int64(amount)
	if to.spent > int64(limit.Max) {
		return row.now.spentAt(false, at)
	}
	l.setCounter(name, row, to)
	return to.spentAt(true, at)
}

// refund takes an amount back from a counter that is known.
func (l *ledger) refund(name string, amount int, now time.Time) {
	row := l.counters[name]
	if to := row.now; to.resetAt > millis(now) && to.spent > 0 {
		if to.spent -= int64(amount); to.spent <= 0 {
			to = count{}
		}
		l.setCounter(name, row, to)
	}
}

// remove makes a counter as if it had never been.
func (l *ledger) remove(name string) {
	if row := l.counters[name]; row != nil {
		l.setCounter(name, row, count{})
		return
	}
	// Not to be read for that: it may be there.
	row := &countRow{stored: unsure}
	l.counters[name], l.changedCounters[name] = row, row
	l.undo = append(l.undo, func() {
		delete(l.counters, name)
		delete(l.changedCounters, name)
	})
}

// knowCells reads the cells that are not at hand.
func (l *ledger) knowCells(keys []guard.Key) error {
	var missing []guard.Key
	for _, k := range keys {
		if l.cells[k] == nil {
			l.cells[k] = &cellRow{}
			missing = append(missing, k)
		}
	}
	err := findCells(missing, func(query string, args []any) error {
		return l.conn.query(query, args, func(r row) error {
			c, err := scanCell(r)
			if err == nil {
				*l.cells[c.Key] = cellRow{c.Cell, c.Cell}
			}
			return err
		})
	})
	if err != nil {
		for _, k := range missing {
			delete(l.cells, k)
		}
	}
	return err
}

func (l *ledger) setCell(k guard.Key, to guard.Cell) {
	c := l.cells[k]
	was := c.now
	l.undo = append(l.undo, func() { c.now = was })
	c.now = to
	l.changedCells[k] = c
}

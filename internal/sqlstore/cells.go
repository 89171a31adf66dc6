package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	sqlCellsNotOpen = `select name, standing, data from guard_cells where kind = $1 and standing > 0
		order by standing desc, changed_at desc, name limit $2`
	sqlCellsBetween = `select name, standing, data from guard_cells where name > $1 and name < $2 order by name limit $3`
)

var (
	batchCells = newBatch(`select name, standing, data from guard_cells where name in (`, `{1}`, `)`, 0, 1)

	batchPutCells = newBatch(insertCells, `({1}, {2}, {3}, {4}, {5})`, ` on conflict (name) do update set standing = excluded.standing,
			data = excluded.data, changed_at = excluded.changed_at`, 0, 5)
	batchPutCellData = newBatch(insertCells, `({1}, {2}, {3}, {4}, {5})`, ` on conflict (name) do update set data = excluded.data`, 0, 5)
)

const insertCells = `insert into guard_cells (name, kind, standing, data, changed_at) values `

// Cells reads all keys with one statement, as PutCells writes them. What comes
// between is excluded as everywhere: whoever reads a cell and writes it fails if it
// has changed, and runs again.
func (t *tx) Cells(ctx context.Context, keys []guard.Key) ([]guard.Cell, error) {
	cells := make([]guard.Cell, len(keys))
	if t.ledger != nil {
		err := t.onLedger(ctx, func() error { return t.ledger.knowCells(keys) })
		for i, k := range keys {
			if err == nil {
				cells[i] = t.ledger.cells[k].now
			}
		}
		return cells, err
	}
	err := findCells(keys, func(query string, args []any) error {
		found, err := many(ctx, t, scanCell, query, args...)
		for _, f := range found {
			for i, k := range keys {
				if k == f.Key {
					cells[i] = f.Cell
				}
			}
		}
		return err
	})
	return cells, err
}

// findCells has a statement, or some, run that finds the cells.
func findCells(keys []guard.Key, run func(query string, args []any) error) error {
	for part := range slices.Chunk(keys, batchMost) {
		args := make([]any, len(part))
		for i, k := range part {
			args[i] = cellName(k)
		}
		if err := run(batchCells.text(len(args)), args); err != nil {
			return err
		}
	}
	return nil
}

// PutCells writes in the order of the keys, so that two transactions never wait for
// each other crosswise. Of a key that is there twice the last cell stays.
func (t *tx) PutCells(ctx context.Context, keys []guard.Key, cells []guard.Cell) error {
	if t.ledger != nil {
		return t.onLedger(ctx, func() error {
			err := t.ledger.knowCells(keys)
			for i, k := range keys {
				if err == nil {
					t.ledger.setCell(k, cells[i])
				}
			}
			return err
		})
	}
	return putCells(&batchPutCells, keys, cells, func(query string, args []any) error {
		_, err := t.exec(ctx, query, args...) // now, so that it is known what failed
		t.crowded = t.crowded || err != nil
		return err
	})
}

// putCells has a statement, or some, run that write the cells.
func putCells(how *batch, keys []guard.Key, cells []guard.Cell, run func(query string, args []any) error) error {
	rows := map[string]int{}
	for i, k := range keys {
		rows[cellName(k)] = i
	}
	names := make([]string, 0, len(rows))
	for name := range rows {
		names = append(names, name)
	}
	slices.Sort(names)
	for part := range slices.Chunk(names, batchMost) {
		args := make([]any, 0, 5*len(part))
		for _, name := range part {
			key, cell := keys[rows[name]], cells[rows[name]]
			args = append(args, name, int64(key.Kind), int64(cell.Standing), guard.CellText(cell), cellHour(cell))
		}
		if err := run(how.text(len(part)), args); err != nil {
			return err
		}
	}
	return nil
}

// cellHour is when a cell was changed, as its row has it.
func cellHour(c guard.Cell) int64 { return time.UnixMilli(c.At).Truncate(time.Hour).UnixMilli() }

func (t *tx) Standings(ctx context.Context, kind guard.CellKind, notOpen bool, limit int) ([]userpool.KeyedCell, error) {
	if err := t.onLedger(ctx, t.ledger.store); err != nil {
		return nil, err
	}
	if notOpen {
		return many(ctx, t, scanCell, sqlCellsNotOpen, int64(kind), limit)
	}
	of := strconv.Itoa(int(kind))
	return many(ctx, t, scanCell, sqlCellsBetween, of+"/", of+"0", limit) // 0 comes after the slash
}

// cellName is the key of a row. What Hi and Lo hold needs all of their 64 bits.
func cellName(k guard.Key) string {
	b := strconv.AppendUint(make([]byte, 0, 36), uint64(k.Kind), 10)
	b = strconv.AppendUint(append(b, '/'), k.Hi, 16)
	return string(strconv.AppendUint(append(b, '/'), k.Lo, 16))
}

// cellKey reads what cellName wrote.
func cellKey(name string) (k guard.Key, err error) {
	kind, rest, _ := strings.Cut(name, "/")
	hi, lo, _ := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(kind, 10, 8)
	if err == nil {
		k.Hi, err = strconv.ParseUint(hi, 16, 64)
	}
	if err == nil {
		k.Lo, err = strconv.ParseUint(lo, 16, 64)
	}
	if err != nil {
		return guard.Key{}, fmt.Errorf("a cell is named %q", name)
	}
	k.Kind = guard.CellKind(n)
	return k, nil
}

func scanCell(r row) (c userpool.KeyedCell, err error) {
	var name, data string
	var standing int64
	if err := r.Scan(&name, &standing, &data); err != nil {
		return c, err
	}
	if c.Key, err = cellKey(name); err != nil {
		return c, err
	}
	c.Cell = guard.CellOf(data, guard.Standing(standing))
	return c, nil
}

package guard

import (
	"context"
	"time"
)

// UseAll credits texts whose codes were used, as Use does one after the other, and reads
// and writes what they share once.
func (e *Engine) UseAll(ctx context.Context, s State, texts []Receipt, now time.Time) error {
	g, err := e.gather(ctx, s, texts, now)
	if err != nil {
		return err
	}
	for _, r := range texts {
		if err := e.Use(ctx, g, r, now); err != nil {
			return err
		}
	}
	return g.store(ctx, now)
}

// gathered is a State that has read the cells that many texts need, and keeps what is
// changed and given back until all is stored at once.
type gathered struct {
	State
	place map[Key]int
	keys  []Key
	cells []Cell
	dirty []bool
	back  []Payment
}

func (e *Engine) gather(ctx context.Context, s State, texts []Receipt, now time.Time) (*gathered, error) {
	g := &gathered{State: s, place: map[Key]int{}}
	for _, r := range texts {
		for _, k := range e.view(r.ask(), now).keys[r.firstCell():] {
			if _, there := g.place[k]; !there {
				g.place[k] = len(g.keys)
				g.keys = append(g.keys, k)
			}
		}
	}
	cells, err := s.Cells(ctx, g.keys)
	g.cells, g.dirty = cells, make([]bool, len(g.keys))
	return g, err
}

// Cells returns cells as they are by now. All of them were gathered.
func (g *gathered) Cells(_ context.Context, keys []Key) ([]Cell, error) {
	cells := make([]Cell, len(keys))
	for i, k := range keys {
		cells[i] = g.cells[g.place[k]]
	}
	return cells, nil
}

// PutCells keeps the cells until they are stored.
func (g *gathered) PutCells(_ context.Context, keys []Key, cells []Cell) error {
	for i, k := range keys {
		at := g.place[k]
		g.cells[at], g.dirty[at] = cells[i], true
	}
	return nil
}

// Refund keeps the amounts until they are stored.
func (g *gathered) Refund(_ context.Context, payments []Payment, _ time.Time) error {
	g.back = append(g.back, payments...)
	return nil
}

func (g *gathered) store(ctx context.Context, now time.Time) error {
	if len(g.back) > 0 {
		if err := g.State.Refund(ctx, g.back, now); err != nil {
			return err
		}
	}
	n := 0
	for i, dirty := range g.dirty {
		if dirty {
			g.keys[n], g.cells[n] = g.keys[i], g.cells[i]
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return g.State.PutCells(ctx, g.keys[:n], g.cells[:n])
}

package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	state "github.com/bellhop-auth/bellhop/internal/guard/memory"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// guardModel is what two processes do to the guard's tables of one file, beside a plain
// memory of what they did.
type guardModel struct {
	sync.Mutex // who has it runs alone, as on the store
	*state.State
	now time.Time
}

func (m *guardModel) names() []string {
	var all []string
	for i := range 12 {
		all = append(all, fmt.Sprint("counter", i))
	}
	return all
}

func (m *guardModel) keys() []guard.Key {
	var all []guard.Key
	for i := range uint64(6) {
		all = append(all, guard.Key{Kind: guard.CellBlock, Hi: 8, Lo: i})
	}
	return all
}

// closeEmpty forgets counters of which all was given back: their window is over.
func (m *guardModel) closeEmpty(ctx context.Context) {
	for _, name := range m.names() {
		if n, _ := m.Count(ctx, name, m.now); n == 0 {
			_ = m.Clear(ctx, name)
		}
	}
}

func some[T any](rnd *rand.Rand, all []T) []T {
	all = slices.Clone(all)
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+rnd.IntN(3)]
}

// step does something to both and compares what they say.
func (m *guardModel) step(ctx context.Context, tx userpool.Tx, rnd *rand.Rand) error {
	limit := guard.Limit{Max: 5, Window: time.Minute, Ahead: 2}
	var pay []guard.Payment
	for _, name := range some(rnd, m.names()) {
		pay = append(pay, guard.Payment{Key: name, Limit: limit, Amount: 1 + rnd.IntN(3)})
	}
	name := pay[0].Key
	differ := func(got, want any) error {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("%s: the store says %v, not %v", name, got, want)
		}
		return nil
	}
	switch rnd.IntN(8) {
	case 0, 1:
		got, err := tx.Pay(ctx, pay, m.now)
		want, _ := m.Pay(ctx, pay, m.now)
		for i := range want {
			if !want[i].ResetAt.IsZero() {
				want[i].ResetAt = want[i].ResetAt.UTC()
			}
		}
		return errors.Join(err, differ(got, want))
	case 2:
		got, err := tx.Spend(ctx, name, limit, m.now)
		want, _ := m.Spend(ctx, name, limit, m.now)
		return errors.Join(err, differ(got.OK, want.OK), differ(got.Count, want.Count))
	case 3:
		return errors.Join(tx.Refund(ctx, pay, m.now), m.Refund(ctx, pay, m.now))
	case 4:
		return errors.Join(tx.GiveBack(ctx, name, limit, m.now), m.GiveBack(ctx, name, limit, m.now))
	case 5:
		return errors.Join(tx.Clear(ctx, name, pay[len(pay)-1].Key), m.Clear(ctx, name, pay[len(pay)-1].Key))
	case 6:
		if rnd.IntN(20) == 0 {
			_, err := tx.Sweep(ctx, m.now, m.now, 100)
			return err
		}
		n, err := tx.Count(ctx, name, m.now)
		want, _ := m.Count(ctx, name, m.now)
		return errors.Join(err, differ(n, want))
	}
	keys := some(rnd, m.keys())
	got, err := tx.Cells(ctx, keys)
	want, _ := m.Cells(ctx, keys)
	if err := errors.Join(err, differ(got, want)); err != nil {
		return err
	}
	for i := range got {
		got[i].At, got[i].Sends = m.now.UnixMilli(), got[i].Sends+1
		if rnd.IntN(4) == 0 {
			got[i].Standing = guard.Standing(rnd.IntN(4))
		}
	}
	return errors.Join(tx.PutCells(ctx, keys, got), m.PutCells(ctx, keys, got))
}

// agree compares what is stored, as others read it.
func (m *guardModel) agree(t *testing.T, db *DB) {
	t.Helper()
	err := db.View(t.Context(), func(tx userpool.Tx) error {
		for _, name := range m.names() {
			got, err := tx.Count(t.Context(), name, m.now)
			if want, _ := m.Count(t.Context(), name, m.now); err != nil || got != want {
				t.Errorf("%s is at %d, not %d: %v", name, got, want, err)
			}
		}
		got, err := tx.Cells(t.Context(), m.keys())
		if want, _ := m.Cells(t.Context(), m.keys()); err != nil || !slices.Equal(got, want) {
			t.Errorf("the cells are %+v, not %+v: %v", got, want, err)
		}
		for i, k := range m.keys() {
			if hour, err := storedHour(t.Context(), db, k); err != nil || got[i].At > 0 && hour != cellHour(got[i]) {
				t.Errorf("cell %s of %d was changed at %d: %v", k, got[i].At, hour, err)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// storedHour is when a cell was changed, as it is looked for to be swept.
func storedHour(ctx context.Context, db *DB, k guard.Key) (hour int64, err error) {
	err = db.View(ctx, func(u userpool.Tx) error {
		hours, err := many(ctx, u.(*tx), scanNumber, "select changed_at from guard_cells where name = $1", cellName(k))
		for _, h := range hours {
			hour = h
		}
		return err
	})
	return hour, err
}

func scanNumber(r row) (n int64, err error) { return n, r.Scan(&n) }

// What is at hand of counters and cells is what is stored, whatever is done in one
// commit, by whom it is taken back, and which of two processes does it.
func TestLedger_WhateverIsDone_IsWhatIsStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	dbs := []*DB{reopen(t, path, Options{}), reopen(t, path, Options{})}
	m := &guardModel{State: state.New(state.Config{}), now: time.UnixMilli(1_800_000_000_000).UTC()}
	mine := errors.New("mine")
	for round := range 40 {
		db := dbs[round/3%2]
		var crowd sync.WaitGroup
		for i := range 12 {
			crowd.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(round), uint64(i)))
				fails := rnd.IntN(3) == 0
				err := db.Update(t.Context(), func(tx userpool.Tx) error {
					m.Lock()
					defer m.Unlock()
					defer m.Undo()
					for range 1 + rnd.IntN(4) {
						if err := m.step(t.Context(), tx, rnd); err != nil {
							return err
						}
						m.closeEmpty(t.Context())
					}
					if fails && rnd.IntN(2) == 0 {
						panic(mine)
					}
					if fails {
						return mine
					}
					m.Keep()
					return nil
				})
				if (err != nil) != fails {
					t.Error(err)
				}
			})
		}
		crowd.Wait()
		m.agree(t, dbs[0])
		m.agree(t, dbs[1])
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
		m.now = m.now.Add(7 * time.Second)
		if round%10 == 9 {
			m.now = m.now.Add(40 * time.Minute)
		}
	}
}

// Where a commit fails, nothing of what was at hand is believed.
func TestLedger_ABatchThatIsLost_SpendsNothing(t *testing.T) {
	db := reopen(t, filepath.Join(t.TempDir(), "bellhop.db"), Options{})
	limit, now, ctx := guard.Limit{Max: 9, Window: time.Hour}, time.Now(), t.Context()
	err := db.Update(ctx, func(u userpool.Tx) error {
		return u.(*tx).conn.script(`create table parents (id bigint primary key);
			create table children (parent bigint references parents (id) deferrable initially deferred)`)
	})
	if err != nil {
		t.Fatal(err)
	}
	spend := func(lose bool) (s guard.Spent) {
		t.Helper()
		err := db.Update(ctx, func(u userpool.Tx) (err error) {
			s, err = u.Spend(ctx, "counter", limit, now)
			if lose {
				return errors.Join(err, u.(*tx).run(ctx, "insert into children (parent) values (1)")) // the commit fails of it
			}
			return err
		})
		if (err != nil) != lose {
			t.Fatal(err)
		}
		return s
	}
	if s := spend(false); s.Count != 1 {
		t.Fatalf("the first is %+v", s)
	}
	spend(true)
	if s := spend(false); s.Count != 2 {
		t.Errorf("after one that was lost there is %+v", s)
	}
}

// What a transaction that failed had to write early is none of the next one's to write
// again: another process may have written since.
func TestLedger_AFailureAfterAnEarlyWrite_WritesNothingLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	var processes [2]*DB
	for i := range processes {
		db, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		processes[i] = db
	}
	limit, now, errAfterwards := guard.Limit{Max: 9, Window: time.Hour}, time.Now(), errors.New("afterwards")
	spend := func(tx userpool.Tx) error {
		_, err := tx.Spend(t.Context(), "counter", limit, now)
		return err
	}
	err := processes[0].Update(t.Context(), func(tx userpool.Tx) error {
		if err := spend(tx); err != nil {
			return err
		}
		if _, err := tx.Standings(t.Context(), guard.CellCountry, false, 1); err != nil { // which reads the tables
			return err
		}
		return errAfterwards
	})
	if !errors.Is(err, errAfterwards) {
		t.Fatal(err)
	}
	err = errors.Join(
		processes[1].Update(t.Context(), spend),
		processes[0].Update(t.Context(), func(tx userpool.Tx) error { return tx.PutMeta(t.Context(), "key", "value") }),
		processes[0].Update(t.Context(), func(tx userpool.Tx) error {
			n, err := tx.Count(t.Context(), "counter", now)
			if err == nil && n != 1 {
				t.Errorf("%d spends are counted, want 1", n)
			}
			return err
		}))
	if err != nil {
		t.Error(err)
	}
}

package memory_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guard/memory"
)

var (
	ctx   = context.Background()
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func spend(t *testing.T, s *memory.State, key string, l guard.Limit, now time.Time) guard.Spent {
	t.Helper()
	got, err := s.Spend(ctx, key, l, now)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSpend_WindowOpensWithTheFirst_AndNoClockThatStepsBackReopensIt(t *testing.T) {
	s, l := memory.New(memory.Config{}), guard.Limit{Max: 2, Window: time.Minute}
	for i, c := range []struct {
		at    time.Duration
		want  bool
		count int
		reset time.Duration
	}{
		{0, true, 1, time.Minute},
		{59 * time.Second, true, 2, time.Minute},
		{59 * time.Second, false, 2, time.Minute},
		{-time.Hour, false, 2, time.Minute},
		{time.Minute, true, 1, 2 * time.Minute},
		{30 * time.Second, true, 2, 2 * time.Minute}, // back in time, and still in the window that is
		{0, false, 2, 2 * time.Minute},
	} {
		got := spend(t, s, "k", l, start.Add(c.at))
		if got.OK != c.want || got.Count != c.count || !got.ResetAt.Equal(start.Add(c.reset)) {
			t.Errorf("spend %d: %+v, want %v, %d and %s", i, got, c.want, c.count, c.reset)
		}
	}
}

func TestPay_IsBoundedAndRefundedNeverBelowZero(t *testing.T) {
	s := memory.New(memory.Config{})
	p := guard.Payment{Key: "k", Limit: guard.Limit{Max: 100, Window: time.Hour}, Amount: 60}
	pay := func() bool {
		spent, err := s.Pay(ctx, []guard.Payment{p}, start)
		if err != nil {
			t.Fatal(err)
		}
		return spent[0].OK
	}
	if !pay() || pay() {
		t.Error("60 of 100 can be paid once")
	}
	for range 3 {
		if err := s.Refund(ctx, []guard.Payment{p}, start); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := s.Count(ctx, "k", start); n != 0 {
		t.Errorf("after three refunds of one payment %d is spent", n)
	}
	p.Amount = 101
	if pay() {
		t.Error("101 of 100 were paid")
	}
}

// Undo leaves what Keep kept, whatever was done since.
func TestUndo_LeavesNothingBehind(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s, l := memory.New(memory.Config{}), guard.Limit{Max: 3, Window: time.Hour}
	dump := func() (all string) {
		for i := range 8 {
			n, _ := s.Count(ctx, fmt.Sprint(i), start)
			c, _ := s.Cells(ctx, []guard.Key{{Kind: guard.CellBlock, Lo: uint64(i)}, {Kind: guard.CellAddress, Lo: uint64(i)}})
			all += fmt.Sprintln(n, c)
		}
		cells, counters := s.Len()
		return all + fmt.Sprint(cells, counters)
	}
	for range 500 {
		before := dump()
		for range r.IntN(6) {
			key, n := fmt.Sprint(r.IntN(8)), uint64(r.IntN(8))
			switch r.IntN(4) {
			case 0:
				spend(t, s, key, l, start)
			case 1:
				_ = s.GiveBack(ctx, key, l, start)
			case 2:
				_ = s.Clear(ctx, key)
			case 3:
				_ = s.PutCells(ctx, []guard.Key{{Kind: guard.CellKind(1 + 4*r.IntN(2)), Lo: n}}, []guard.Cell{{Credit: r.Float32()}})
			}
		}
		if r.IntN(3) == 0 {
			s.Keep()
			continue
		}
		if s.Undo(); dump() != before {
			t.Fatalf("before:\n%s\nafter Undo:\n%s", before, dump())
		}
	}
}

func TestState_ManyKeys_ForgetsTheIdleOnes_TheSettledFirst(t *testing.T) {
	const most, keys = 500, 12000
	s := memory.New(memory.Config{Prefixes: most, Sources: most, Counters: most, Settled: func(_ guard.Key, c guard.Cell, _ int64) bool { return c.Credit == 0 }})
	busy := guard.Key{Kind: guard.CellBlock, Lo: 1 << 40}
	put := func(k guard.Key, credit float32) {
		if err := s.PutCells(ctx, []guard.Key{k}, []guard.Cell{{Credit: credit}}); err != nil {
			t.Fatal(err)
		}
		s.Keep()
	}
	credit := func(k guard.Key) float32 {
		c, _ := s.Cells(ctx, []guard.Key{k})
		return c[0].Credit
	}
	put(busy, 5)
	for i := range uint64(keys) {
		put(guard.Key{Kind: guard.CellBlock, Lo: i}, float32(i%2))
		put(guard.Key{Kind: guard.CellAddress, Lo: i}, 1)
		spend(t, s, fmt.Sprint(i), guard.Limit{Max: 9, Window: time.Hour}, start)
		s.Keep()
		if cells, counters := s.Len(); cells > 2*most || counters > most {
			t.Fatalf("%d cells and %d counters are kept", cells, counters)
		}
		if i%250 == 0 && credit(busy) != 5 {
			t.Fatalf("a cell that is asked for was forgotten after %d others", i)
		}
	}
	// Every second one is settled: those that are not live longer.
	live := 0
	for i := range uint64(keys) {
		c, _ := s.Cells(ctx, []guard.Key{{Kind: guard.CellBlock, Lo: i}})
		if c[0].Credit == 1 {
			live++
		}
	}
	if live < 9*most/10 {
		t.Errorf("of %d cells that are kept only %d are not settled", most, live)
	}
	if n, _ := s.Count(ctx, fmt.Sprint(keys-1), start); n != 1 {
		t.Error("the newest counter was forgotten")
	}
}

func TestClone_GoesItsOwnWay(t *testing.T) {
	s, l := memory.New(memory.Config{}), guard.Limit{Max: 2, Window: time.Hour}
	spend(t, s, "k", l, start)
	s.Keep()
	c := s.Clone()
	spend(t, s, "k", l, start)
	if got := spend(t, c, "k", l, start); got.Count != 2 {
		t.Errorf("the clone counts %d, want 2", got.Count)
	}
	if got := spend(t, c, "k", l, start); got.OK {
		t.Error("the clone allows a third")
	}
}

package guard_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	state "github.com/bellhop-auth/bellhop/internal/guard/memory"
)

// BenchmarkDecide is one text in a million prefixes, decided and debited, with its
// code used in three of four cases.
func BenchmarkDecide(b *testing.B) {
	d := newDesk(b, guard.Default())
	b.ReportAllocs()
	begin := processorTime(b)
	for i := 0; b.Loop(); i++ {
		a := d.ask(uint64(i*7919%100000), from(uint64(i*104729%5000)<<8))
		got := d.decide(a)
		d.now = d.now.Add(100 * time.Millisecond)
		if got.Verdict == guard.Send && i%4 != 0 {
			d.use(got.Receipt)
		}
	}
	// On a machine with other work the time by the clock says little.
	b.ReportMetric(float64(processorTime(b)-begin)/float64(b.N), "cpu-ns/op")
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPrefix reports what a tracked prefix takes in memory.
func BenchmarkPrefix(b *testing.B) {
	const n = 1 << 19
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := state.New(state.Config{})
		keys, cells := make([]guard.Key, 1), make([]guard.Cell, 1)
		for i := range uint64(n) {
			keys[0], cells[0].At = guard.Key{Kind: guard.CellBlock, Hi: 8, Lo: i}, int64(i)
			if err := s.PutCells(b.Context(), keys, cells); err != nil {
				b.Fatal(err)
			}
			s.Keep()
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/prefix")
		runtime.KeepAlive(s)
	}
}

package web

import (
	"math"
	"runtime"
	"testing"
	"time"
)

func TestProcessors_MoreToDoThanTheyCan_AreShortUntilItIsDone(t *testing.T) {
	at := time.Now()
	p := &processors{now: func() time.Time { return at }}
	p.areShort() // what was before
	stop := make(chan struct{})
	turn := func() { // as a request: it works, and waits for its next turn
		for {
			select {
			case <-stop:
				return
			default:
			}
			for start := time.Now(); time.Since(start) < time.Millisecond; {
			}
			runtime.Gosched()
		}
	}
	for range 16 * runtime.GOMAXPROCS(0) {
		go turn()
	}
	await := func(short bool) {
		t.Helper()
		for began := time.Now(); p.areShort() != short; at = at.Add(measureEvery) {
			if time.Since(began) > time.Minute {
				t.Fatalf("short: never %v", short)
			}
			runtime.Gosched()
			done := make(chan struct{})
			go close(done) // so that somebody waits for a processor in idle times too
			<-done
		}
	}
	await(true)
	if p.now = func() time.Time { return at.Add(-1) }; !p.areShort() {
		t.Error("measured anew before its time")
	}
	p.now = func() time.Time { return at }
	close(stop)
	await(false)
}

func TestBeyond(t *testing.T) {
	inf := math.Inf(1)
	bounds := []float64{-inf, 0, 1, 2, 4, inf}
	for _, tt := range []struct {
		counts, since []uint64
		value         float64
		want          float64
	}{
		{[]uint64{0, 0, 0, 0, 0}, nil, 1, 0},
		{[]uint64{0, 3, 0, 1, 0}, nil, 2, 0.25},
		{[]uint64{0, 3, 0, 1, 0}, nil, 3, 0}, // within a bucket
		{[]uint64{1, 3, 0, 1, 5}, nil, 2, 0.6},
		{[]uint64{0, 9, 2, 4, 3}, []uint64{0, 9, 1, 4, 2}, 2, 0.5},
		{[]uint64{5, 0, 0, 0, 0}, nil, -inf, 0},
	} {
		if got := beyond(bounds, tt.counts, tt.since, tt.value); got != tt.want {
			t.Errorf("beyond %v of %v since %v: %v, want %v", tt.value, tt.counts, tt.since, got, tt.want)
		}
	}
}

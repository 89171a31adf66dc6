package main

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// uptime is a stopwatch that runs on while the machine sleeps, which Go's
// monotonic clock does not: a code must not outlive a suspended machine's hour.
// It is nil where the system has none.
func uptime() func() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return nil
	}
	start := time.Now()
	now := func() (awake, wall time.Duration) {
		n := time.Now()
		return n.Sub(start), time.Duration(n.UnixNano())
	}
	return asleepToo(now, func() time.Duration {
		var t unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // it worked before, and has no other way to fail
		return time.Duration(t.Nano())
	})
}

// asleepToo is the stopwatch boot, which is a system call, at the cost of now, which
// is none: a stopwatch that stands still while the machine sleeps, put right by boot
// whenever the time of day has moved against it, as it does by what the machine slept,
// and once a second.
func asleepToo(now func() (awake, wall time.Duration), boot func() time.Duration) func() time.Duration {
	const (
		often = time.Second
		slept = time.Millisecond // at least; the clocks are not read at the same instant
	)
	var (
		mu          sync.Mutex // guards those below
		asked       bool
		awake, wall time.Duration // when boot was asked
		said        time.Duration // by boot
		last        time.Duration // that was answered: it never runs backwards
	)
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		a, w := now()
		if passed := a - awake; !asked || passed >= often || (w-wall-passed).Abs() >= slept {
			said = boot()
			a, w = now()
			asked, awake, wall = true, a, w
		}
		last = max(last, said+a-awake)
		return last
	}
}

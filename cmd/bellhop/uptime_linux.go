package main

import (
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
	return func() time.Duration {
		var t unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // it worked before, and has no other way to fail
		return time.Duration(t.Nano())
	}
}

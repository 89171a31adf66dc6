package main

import (
	"testing"
	"time"
)

func TestUptime_Runs(t *testing.T) {
	up := uptime()
	if up == nil {
		t.Skip("this system has no such stopwatch")
	}
	began, start := up(), time.Now()
	for up() == began { // it has a fine grain, so this ends at once
	}
	if gone := up() - began; gone <= 0 || gone > time.Since(start)+time.Minute {
		t.Errorf("it gained %s in %s", gone, time.Since(start))
	}
}

package main

import (
	"testing"
	"time"
)

// The stopwatch has the time that the machine slept at once, and asks the system for it
// once a second and when the time of day was set, and not each time.
func TestAsleepToo_IsBootsTimeAndSeldomAsksForIt(t *testing.T) {
	var awake, asleep, set time.Duration
	asked := 0
	up := asleepToo(
		func() (time.Duration, time.Duration) { return awake, 1e9*time.Second + awake + asleep + set },
		func() time.Duration { asked++; return time.Hour + awake + asleep },
	)
	check := func(step string, asks int) {
		t.Helper()
		if got, want := up(), time.Hour+awake+asleep; got != want || asked != asks {
			t.Fatalf("%s: %s, want %s; asked %d times, want %d", step, got, want, asked, asks)
		}
	}
	check("at first", 1)
	awake += 999 * time.Millisecond
	check("within a second", 1)
	asleep += time.Hour
	check("after an hour's sleep", 2)
	awake += 500 * time.Millisecond
	check("within another second", 2)
	set -= time.Hour
	check("after the clock was set", 3)
	awake += time.Second
	check("a second later", 4)
}

func TestAsleepToo_DoesNotRunBackwards(t *testing.T) {
	var awake time.Duration
	boot := time.Hour
	up := asleepToo(func() (time.Duration, time.Duration) { return awake, awake }, func() time.Duration { return boot })
	up()
	awake += 900 * time.Millisecond
	before := up()
	awake += 100 * time.Millisecond
	boot += 800 * time.Millisecond
	if got := up(); got < before {
		t.Errorf("it went back from %s to %s", before, got)
	}
}

func BenchmarkUptime(b *testing.B) {
	up := uptime()
	for b.Loop() {
		up()
	}
}

package clock

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// machine is a computer's clock in a bubble of virtual time, which somebody sets.
type machine struct {
	by    atomic.Int64
	fast  time.Duration // gained per second
	start time.Time
}

func (m *machine) set(by time.Duration) { m.by.Add(int64(by)) }

func (m *machine) now() time.Time {
	t := time.Now()
	return t.Add(time.Duration(m.by.Load()) + time.Duration(t.Sub(m.start).Seconds()*float64(m.fast)))
}

func bubble(t *testing.T, test func(t *testing.T, m *machine, c *Clock, log *strings.Builder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := &strings.Builder{}
		m := &machine{start: time.Now()}
		test(t, m, New(Config{Wall: m.now, Log: slog.New(slog.NewTextHandler(log, nil))}), log)
	})
}

func pass(d time.Duration) { <-time.After(d) }

// apart is how far the clock is from the machine's.
func apart(m *machine, c *Clock) time.Duration { return c.Now().Sub(m.now()) }

const ten = 10 * time.Minute

// life is how long what is made now lives, seen by whoever looks every second.
func life(c *Clock) time.Duration {
	made := time.Now()
	until := c.After(c.Now(), ten)
	for c.Now().Before(until) {
		pass(time.Second)
	}
	return time.Since(made)
}

// Whatever is done to the clock, before, while or after something is made: it
// lives ten minutes, to the second of who looks and what is a small correction.
func TestClock_SetByAnHour_WhatLivesTenMinutesDoes(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour, 7 * time.Minute, -7 * time.Minute, 30 * time.Second, -30 * time.Second, 24 * time.Hour, -3 * time.Second} {
		for before := -10 * time.Minute; before < 3*time.Hour; before += 97 * time.Second {
			bubble(t, func(t *testing.T, m *machine, c *Clock, _ *strings.Builder) {
				if before >= 0 {
					m.set(by)
					c.Now()
					pass(before)
				} else {
					go func() {
						pass(-before)
						m.set(by)
					}()
				}
				if l := life(c); l < ten || l > ten+time.Second {
					t.Errorf("set by %s, made %s after that: it lived %s", by, before, l)
				}
				pass(ten)
			})
		}
	}
}

func TestClock_SetThereAndBack_WhatLivesTenMinutesDoes(t *testing.T) {
	for back := time.Minute; back < 20*time.Minute; back += 53 * time.Second {
		for made := time.Duration(0); made < 40*time.Minute; made += 101 * time.Second {
			bubble(t, func(t *testing.T, m *machine, c *Clock, _ *strings.Builder) {
				m.set(time.Hour)
				c.Now()
				go func() {
					pass(back)
					m.set(-time.Hour)
				}()
				for range made / time.Second {
					pass(time.Second)
					c.Now()
				}
				if l := life(c); l < ten || l > ten+time.Second {
					t.Errorf("back after %s, made after %s: it lived %s", back, made, l)
				}
				pass(20 * time.Minute)
			})
		}
	}
}

func TestClock_SetForward_FollowedAfterTenMinutesInOneLeap(t *testing.T) {
	bubble(t, func(t *testing.T, m *machine, c *Clock, log *strings.Builder) {
		m.set(time.Hour)
		for range 599 {
			if a := apart(m, c); a != -time.Hour {
				t.Fatalf("%s apart while it should keep its course", a)
			}
			pass(time.Second)
		}
		if s := c.Status(); s.Apart != time.Hour || s.Until != time.Second || s.Steps != 1 {
			t.Errorf("status %+v", s)
		}
		pass(2 * time.Second)
		if a := apart(m, c); a != 0 {
			t.Errorf("%s apart after ten minutes", a)
		}
		if s := c.Status(); s != (Status{Steps: 1}) {
			t.Errorf("status %+v when it is over", s)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("the log has %d lines, want the step and its end:\n%s", n, log)
		}
	})
}

func TestClock_SetBack_NeverRunsBackwardsAndArrives(t *testing.T) {
	bubble(t, func(t *testing.T, m *machine, c *Clock, _ *strings.Builder) {
		m.set(-time.Hour)
		last := c.Now()
		for range 80 * 60 {
			pass(time.Second)
			now := c.Now()
			if !now.After(last) {
				t.Fatalf("it went from %s to %s", last, now)
			}
			last = now
		}
		if a := apart(m, c); a != 0 {
			t.Errorf("%s apart after ten minutes and an hour", a)
		}
	})
}

// NTP slews at 500 ppm at most, and a machine that is not kept in time drifts.
func TestClock_DriftsSlowly_FollowedAndNoStep(t *testing.T) {
	for _, fast := range []time.Duration{500 * time.Microsecond, -500 * time.Microsecond} {
		bubble(t, func(t *testing.T, m *machine, c *Clock, log *strings.Builder) {
			m.fast = fast
			for _, idle := range []time.Duration{time.Second, time.Minute, time.Hour, 48 * time.Hour, time.Second} {
				pass(idle)
				if a := apart(m, c); a != 0 {
					t.Errorf("%s apart after %s without a look", a, idle)
				}
			}
			if log.Len() > 0 {
				t.Errorf("it logged %s", log)
			}
		})
	}
}

func TestObserve_NodesWithClocksApart_AgreeWithinTheRoundTrip(t *testing.T) {
	bubble(t, func(t *testing.T, m *machine, a *Clock, _ *strings.Builder) {
		other := &machine{start: m.start}
		other.set(-30 * time.Second)
		b := New(Config{Wall: other.now})
		for range 100 { // what travelled how long cannot be told
			a.Observe(time.Now().Add(-2*time.Millisecond), 2*time.Millisecond)
			b.Observe(time.Now(), 4*time.Millisecond)
			if d := a.Now().Sub(b.Now()).Abs(); d > 6*time.Millisecond {
				t.Fatalf("%s apart", d)
			}
			m.set(time.Minute) // nobody looks at the machines' own any more)
			pass(time.Second)
		}
		if s := a.Status(); s.Steps > 0 {
			t.Errorf("the machine's own clock counts still: %+v", s)
		}
	})
}

func TestObserve_CommonClockSet_NodesFollowTogether(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		bubble(t, func(t *testing.T, m *machine, a *Clock, _ *strings.Builder) {
			b := New(Config{})
			step := func() {
				a.Observe(m.now(), 0)
				pass(2 * time.Second)
				b.Observe(m.now(), 0)
				pass(3 * time.Second)
			}
			step()
			m.set(by)
			for range 80 * 12 {
				step()
				forward := by > 0 && a.Now().Sub(b.Now()).Abs() >= by-time.Second // one leapt already
				if d := a.Now().Sub(b.Now()).Abs(); d > 2*time.Second && !forward {
					t.Fatalf("%s apart", d)
				}
			}
			if got := apart(m, a); got.Abs() > time.Second || apart(m, b).Abs() > time.Second {
				t.Errorf("%s and %s from the clock that they follow", got, apart(m, b))
			}
		})
	}
}

// An answer that took long may be as old as that. What it cannot tell for certain
// is not followed, or one slow answer would set the clock back by seconds.
func TestObserve_SlowAnswer_IsFollowedOnlyAsFarAsItIsCertain(t *testing.T) {
	for _, by := range []time.Duration{time.Second, -time.Second} {
		bubble(t, func(t *testing.T, _ *machine, c *Clock, _ *strings.Builder) {
			c.Observe(time.Now(), 0)
			pass(20 * time.Second)
			const took = 8 * time.Second
			late := took/2 + by.Abs()
			if by < 0 {
				late = -late
			}
			c.Observe(time.Now().Add(late-took/2), took)
			if d := time.Until(c.Now()); d != by {
				t.Errorf("by an answer that took %s and is off by %s it went by %s", took, late, d)
			}
		})
	}
}

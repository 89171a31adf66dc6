package guard

import "time"

// A window without credit is closed: nothing comes back by itself. Instead single
// texts go out, probes, more and more seldom. A used code opens it with what it
// earns. So while nothing is used a closed prefix costs what its probes cost.

// shut closes a window that has just spent its last credit.
func (v *view) shut(c *Cell) {
	p := v.settings.Tuning.Probes
	every := p.First
	if v.outage() {
		every = p.Fast
	}
	c.Standing, c.Since, c.Recent = Closed, v.at, 1
	c.ProbeEvery = int32(every / time.Millisecond)
	c.ProbeAt = v.at + int64(c.ProbeEvery)
}

// probing says that a probe may go now.
func (v *view) probing(c *Cell) bool { return c.ProbeEvery > 0 && v.at >= c.ProbeAt }

// patient is how many probes may fail before the time between them grows, if
// nobody else was waiting for them.
const patient = 3

// probed notes that one goes. The next comes later where somebody took this one at
// once, for then others are waiting too, and after several that failed.
func (v *view) probed(c *Cell) {
	p := v.settings.Tuning.Probes
	every := int64(c.ProbeEvery)
	c.Recent = push(c.Recent, false)
	switch waited := v.at - c.ProbeAt; {
	case v.outage():
		every = int64(p.Fast / time.Millisecond)
	case waited > every/2: // the pressure is over
		every = int64(p.First / time.Millisecond)
	case waited < every/8, count(c.Recent) > patient:
		every *= 2
	}
	// A range that was long closed may be so for long again.
	most := max(int64(p.Most/time.Millisecond), int64(p.Part*float64(v.at-c.Since)))
	every = min(every, most, int64(p.Last/time.Millisecond))
	c.ProbeEvery, c.ProbeAt = int32(every), v.at+every
}

// reopen ends the closing of a window that has credit again.
func (w window) reopen(c *Cell) {
	if c.ProbeEvery > 0 && w.has(c, false) >= 1 {
		c.Standing, c.Since, c.ProbeEvery, c.ProbeAt, c.Recent = Open, 0, 0, 0, 0
	}
}

// push adds an outcome to the last ones. The highest bit that is set marks where
// they begin.
func push(recent uint64, used bool) uint64 {
	if recent == 0 {
		recent = 1
	}
	mark := recent&(1<<62) != 0
	recent <<= 1
	if mark {
		recent = recent&(1<<62-1) | 1<<62
	}
	if used {
		recent |= 1
	}
	return recent
}

// count is how many outcomes are kept, used how many of the last n were used.
func count(recent uint64) int {
	n := 0
	for recent > 1 {
		recent >>= 1
		n++
	}
	return n
}

func used(recent uint64, n int) int {
	k := 0
	for range min(n, count(recent)) {
		k += int(recent & 1)
		recent >>= 1
	}
	return k
}

package guard

import "time"

// A window without credit is closed: nothing comes back by itself. Instead single
// texts go out, probes, at first often, then seldom. What a closed prefix costs
// is what its probes cost.

// shut closes a window that has just spent its last credit.
func (v *view) shut(w window, c *Cell) {
	every := int64(v.settings.Tuning.Probes.First / time.Millisecond)
	if v.outage() {
		every = int64(v.settings.Tuning.Probes.Fast / time.Millisecond)
	}
	c.Standing, c.Since = Closed, v.at
	c.ProbeEvery, c.ProbeAt, c.Recent = int32(every), v.at+every, 1
}

// probing says that a probe may go now.
func (v *view) probing(c *Cell) bool { return c.ProbeEvery > 0 && v.at >= c.ProbeAt }

// probed notes that one goes. Where somebody took the chance at once, others are
// waiting too, and the next comes later; where nobody wanted it for long, the
// pressure is over.
func (v *view) probed(w window, c *Cell) {
	p := v.settings.Tuning.Probes
	if c.ProbeEvery == 0 { // a window that was never shut: its credit was lowered
		v.shut(w, c)
	}
	every := int64(c.ProbeEvery)
	switch idle := v.at - c.ProbeAt; {
	case v.outage():
		every = int64(p.Fast / time.Millisecond)
	case idle < every/8:
		every *= 2
	default:
		every = max(every/2, int64(p.Fast/time.Millisecond))
	}
	most := max(int64(p.Most/time.Millisecond), int64(p.Part*float64(v.at-c.Since)))
	every = min(every, most, int64(p.Last/time.Millisecond))
	c.ProbeEvery, c.ProbeAt = int32(every), v.at+every
	c.Recent = push(c.Recent, false)
}

// converted notes that a text's code was used. While the window is closed, that
// was a probe or one that went before it: three of the last five open it.
func (v *view) converted(w window, c *Cell) {
	if c.ProbeEvery == 0 {
		return
	}
	c.ProbeEvery = max(c.ProbeEvery/2, int32(v.settings.Tuning.Probes.Fast/time.Millisecond))
	c.ProbeAt = min(c.ProbeAt, v.at+int64(c.ProbeEvery))
	if c.Recent > 1 {
		c.Recent |= 1
	}
	if used(c.Recent, 5) >= 3 {
		c.Credit = max(c.Credit, float32(w.first))
	}
	v.reopen(w, c)
}

// reopen ends the closing of a window that has credit again.
func (v *view) reopen(w window, c *Cell) {
	if c.ProbeEvery > 0 && c.Credit >= 1 {
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

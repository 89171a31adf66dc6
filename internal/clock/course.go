package clock

import "time"

// course is how a clock goes: evenly, but for one step that begins from a time of
// the stopwatch on. It never goes backwards.
type course struct {
	zero time.Time // what it said, or would have, when the stopwatch began
	by   time.Duration
	from time.Duration
}

// at is what the clock says when the stopwatch shows up.
func (c course) at(up time.Duration) time.Time {
	return c.zero.Add(up + c.shift(up)).UTC()
}

// settled is what it would say if the step were behind it.
func (c course) settled(up time.Duration) time.Time { return c.zero.Add(up + c.by).UTC() }

// shift is how much of the step is done.
func (c course) shift(up time.Duration) time.Duration {
	switch gone := up - c.from; {
	case gone < 0:
		return 0
	case c.by >= 0:
		return c.by
	default:
		return max(-(gone - gone/slow), c.by)
	}
}

// end is when the step is behind the clock.
func (c course) end() time.Duration {
	if c.by >= 0 {
		return c.from
	}
	return c.from - c.by*slow/(slow-1) + 1
}

func (c course) over(up time.Duration) bool { return up >= c.end() }

// when is what the stopwatch showed, or will, when the clock says t. A time that
// the leap forward goes over is that of the leap.
func (c course) when(t time.Time) time.Duration {
	even := t.Sub(c.zero)
	switch {
	case even < c.from:
		return even
	case c.by >= 0:
		return max(even-c.by, c.from)
	case even-c.by < c.end():
		return c.from + (even-c.from)*slow
	default:
		return even - c.by
	}
}

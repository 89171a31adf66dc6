// Package clock reads the time of day so that nothing lives longer, or dies
// earlier, because somebody set a clock. It follows the machine's clock, or one
// that nodes have in common, and measures what passes with a stopwatch that
// nobody can set. What the time is used for is its callers' business.
package clock

import (
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// smallStep is what is followed at once: clocks that are kept in time are
	// corrected by no more, and a code's life may be off by as much.
	smallStep = 2 * time.Second
	// drift is what a clock may gain or lose between two looks at it, one part in
	// so many: twice the fastest slew of an NTP daemon, 500 ppm.
	drift = 1000
	// hold is how long a step waits before it is followed. It must be no shorter
	// than the lives that After measures: what was made before the step was seen,
	// and so does not reckon with it, is over by then.
	hold = 10 * time.Minute
	// slow is what part of its speed the clock has while it waits for one that
	// was set back. It never runs backwards: a sign-out must not be later than the
	// sign-in that follows it.
	slow = 10
)

// Config says what a Clock goes by. The zero Config is the machine's clock.
type Config struct {
	// Wall is the clock that is followed; nil is time.Now.
	Wall func() time.Time
	// Elapsed is a stopwatch that nobody sets; nil is Go's monotonic clock, which
	// on most systems stands still while the machine sleeps.
	Elapsed func() time.Duration
	Log     *slog.Logger
}

// Clock is a clock that can be trusted for ten minutes. A small correction of
// the clock that it follows is followed at once. A step is not, for it would end
// every code at once or let all live on: the clock keeps its course for ten
// minutes, then it goes forward in one leap, or goes slowly until the other has
// come up. What it will do is settled when the step is seen, so that After is
// right across it. It is safe for concurrent use.
type Clock struct {
	wall    func() time.Time
	elapsed func() time.Duration
	log     *slog.Logger

	mu      sync.Mutex // guards the fields below
	course  course
	looked  time.Duration // when the followed clock was last compared
	common  bool          // an observed clock is followed, and not the machine's
	steps   int
	pending bool // a step is on the way and its end not logged
}

// New starts a clock at the machine's time.
func New(c Config) *Clock {
	k := &Clock{wall: c.Wall, elapsed: c.Elapsed, log: c.Log}
	if k.wall == nil {
		k.wall = time.Now
	}
	if k.elapsed == nil {
		start := time.Now()
		k.elapsed = func() time.Duration { return time.Since(start) }
	}
	if k.log == nil {
		k.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	k.looked = k.elapsed()
	k.course = course{zero: k.read().Add(-k.looked)}
	return k
}

// read is the followed clock without Go's monotonic reading, which would hide
// every step.
func (c *Clock) read() time.Time { return c.wall().Round(0) }

// Now is the time, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	up := c.elapsed()
	if !c.common {
		c.compare(up, c.read(), 0)
	}
	c.tellOfEnd(up)
	return c.course.at(up)
}

// After is what Now will say when d has passed since it said at, whatever step
// is to be followed until then.
func (c *Clock) After(at time.Time, d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.course.at(c.course.when(at) + d)
}

// Observe tells of a clock that nodes have in common, which the Clock follows
// from now on in the place of the machine's: what it said in answer to a
// question, and how long the question took. The first observation is taken as it
// is, so it belongs before anything is served.
func (c *Clock) Observe(said time.Time, roundTrip time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	up := c.elapsed()
	said = said.Round(0).UTC().Add(roundTrip / 2)
	if !c.common {
		c.common, c.looked = true, up
		c.course = course{zero: said.Add(-up)}
		return
	}
	c.compare(up, said, roundTrip/2)
}

// compare follows the other clock, which now says what it says give or take the
// doubt, by a small correction, or plans how to follow a step.
func (c *Clock) compare(up time.Duration, says time.Time, doubt time.Duration) {
	apart := says.Sub(c.course.settled(up))
	usual := smallStep + (up-c.looked)/drift
	c.looked = up
	switch {
	case apart.Abs() <= doubt:
	case apart.Abs() <= usual+doubt: // as far as there is no doubt
		if apart < 0 {
			doubt = -doubt
		}
		c.course.zero = c.course.zero.Add(apart - doubt)
	case c.course.over(up): // one step at a time: the rest is the next one
		c.tellOfEnd(up)
		c.course = course{zero: c.course.settled(up).Add(-up), by: apart, from: up + hold}
		c.steps++
		c.pending = true
		c.log.Warn("the clock was set; what lives by it keeps its time until it is followed",
			"by", apart, "followed_at", c.course.at(c.course.from), "others_clock", c.common)
	}
}

func (c *Clock) tellOfEnd(up time.Duration) {
	if c.pending && c.course.over(up) {
		c.pending = false
		c.log.Warn("the step of the clock is followed", "by", c.course.by)
	}
}

// Status is what an operator should know of a clock.
type Status struct {
	// Apart is by how much the followed clock is ahead of this one; it is not
	// zero between a step and the time when it has been followed.
	Apart time.Duration
	Until time.Duration // how long that will take
	Steps int           // seen so far
}

// Status says whether a step is being followed.
func (c *Clock) Status() Status {
	c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	up := c.elapsed()
	return Status{
		Apart: c.course.settled(up).Sub(c.course.at(up)),
		Until: max(c.course.end()-up, 0),
		Steps: c.steps,
	}
}

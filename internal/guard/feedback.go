package guard

// A server whose apps never report a used code, or suddenly none, cannot judge
// prefixes by conversion. It must not close them all.
//
// Of the server's cell, KnownSends and Sends count texts in a row of which none
// was used; Flow is the hours that the server has been seen, as a country's flow
// holds them; Since and ProbeAt are when a silence was noticed and when it ended.

// score notes one outcome of the whole server.
func (f Feedback) score(c *Cell, o Outcome, owner bool, at int64) {
	if c.At != 0 {
		hours := c.hours(at)
		// So that a flow of one a second, seen from the start, is Flow / whole.
		const whole = countryHalf / ln2
		c.Flow = whole - (whole-c.Flow)*float32(fadeBy(hours, countryHalf))
	}
	c.At = max(c.At, at)
	if o.Used {
		c.KnownSends, c.Sends = 0, 0
		if c.Standing == Watched {
			c.Standing, c.ProbeAt = Open, at
		}
		return
	}
	c.Sends++
	if owner {
		c.KnownSends++
	}
	if c.Standing == Open && (float64(c.KnownSends) >= f.Known || float64(c.Sends) >= f.All) {
		c.Standing, c.Since, c.ProbeAt = Watched, at, 0
	}
}

// silent says that nobody seems to report used codes.
func (v *view) silent() bool { return v.cells[atServer].Standing == Watched }

// faster is how much faster credits come back: without reports a window is a
// static limit.
func (v *view) faster() float64 {
	if v.silent() {
		return v.settings.Tuning.Feedback.Faster
	}
	return 1
}

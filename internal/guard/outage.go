package guard

// Known numbers are a control group: nobody can make many of them, so where their
// codes stop being used as well, texts do not arrive.

// scoreKnown counts what came of a text to a known number of the country.
func (c *Cell) scoreKnown(used bool) {
	u := float32(0)
	if used {
		u = 1
	}
	if c.KnownSends < lastKnown/2 || c.Usual == 0 {
		c.Usual = (c.KnownUses + u + 2*usualPrior) / (c.KnownSends + 1 + 2)
	} else {
		c.Usual += (u - c.Usual) / 300
	}
	const keep = 1 - 1/lastKnown
	c.KnownSends, c.KnownUses = c.KnownSends*keep+1, c.KnownUses*keep+u
}

// control is how known numbers of the country fare now beside how they usually
// do: 1 is as always.
func (c *Cell) control() float64 {
	const prior = 8
	if c.Usual == 0 {
		return 1
	}
	usual := float64(c.Usual)
	part := (float64(c.KnownUses) + prior*usual) / (float64(c.KnownSends) + prior) / usual
	if part > 0.85 { // chance
		return 1
	}
	return part
}

// scoreCarrier counts what came of a text to a known number of an area. Several
// in a row that were not used are an outage; fewer where the whole country shows it.
func (c *Cell) scoreCarrier(used bool, suspect bool, at int64) {
	need := 5
	if suspect {
		need = 2
	}
	c.At = max(c.At, at)
	c.Recent = push(c.Recent, used)
	switch {
	case used:
		c.endOutage(at)
	case c.Standing == Open && lost(c.Recent) >= need:
		c.Standing, c.Since, c.ProbeAt = Outage, at, 0
	}
}

// lost is how many of the last outcomes in a row were not used.
func lost(recent uint64) int {
	n := 0
	for recent > 1 && recent&1 == 0 {
		recent >>= 1
		n++
	}
	return n
}

func (c *Cell) endOutage(at int64) {
	if c.Standing == Outage {
		c.Standing, c.ProbeAt = Open, at
	}
}

// outage says that texts do not reach the ask's area at all.
func (v *view) outage() bool { return v.cells[atCarrier].Standing == Outage }

// creditCarrier ends an outage with the first code that arrives again.
func (v *view) creditCarrier(r Receipt) {
	c := &v.cells[atCarrier]
	if c.Standing == Outage && moment(r.SentAt) > c.Since {
		c.endOutage(v.at)
		v.dirty[atCarrier] = true
	}
}

// before is how long before an outage or a silence was noticed it may have begun.
const before = 10 * minute

// pardon gives a window back what it lost because texts did not arrive, or because
// nobody reported what became of them: that says nothing of its numbers. It does so
// once, when the window is first looked at after that.
func (v *view) pardon(w window, c *Cell) {
	for _, cause := range []*Cell{&v.cells[atCarrier], &v.cells[atServer]} {
		if cause.ProbeAt == 0 || v.at <= cause.ProbeAt || c.At >= cause.ProbeAt || c.At < cause.Since-before || c.ProbeEvery != 0 && c.Since < cause.Since-before {
			continue
		}
		c.Credit, c.Stepped = max(c.Credit, float32(w.first)), max(c.Stepped, float32(w.first*w.Window.Stepped))
		w.reopen(c)
	}
}

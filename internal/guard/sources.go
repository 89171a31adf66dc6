package guard

// sourceHalf is how many hours halve what is counted of an address.
const sourceHalf = 2.0

// addressWindow and networkWindow are the windows of where the ask comes from.
func (v *view) addressWindow() window { return v.window(v.settings.Tuning.Address) }
func (v *view) networkWindow() window { return v.window(v.settings.Tuning.Network) }

// checkSources holds the text against what its address and network have earned.
func (v *view) checkSources() {
	if v.ask.Address != (Key{}) {
		w, c := v.addressWindow(), &v.cells[atAddress]
		v.wakeSource(w, c)
		v.earned = c.earned(v.settings.Tuning.Alarm.Trusted*v.usual(), v.at)
		v.checkWindow(w, c, RuleAddress, "")
	}
	if v.ask.Network != (Key{}) {
		w, c := v.networkWindow(), &v.cells[atNetwork]
		v.wakeSource(w, c)
		if !v.earned {
			v.checkWindow(w, c, RuleNetwork, "")
		}
	}
}

func (v *view) wakeSource(w window, c *Cell) {
	v.pardon(w, c)
	hours := c.hours(v.at)
	if c.At != 0 {
		c.Sends, c.Uses, c.KnownUses = fade(c.Sends, hours, sourceHalf), fade(c.Uses, hours, sourceHalf), fade(c.KnownUses, hours, sourceHalf)
	}
	w.wake(c, v.at)
}

// earned says that of the codes that strangers at an address asked for at least such
// a part is used, and that real people are there. Those of known numbers say no more
// than that: they would hide who else asks.
func (c Cell) earned(part float64, at int64) bool {
	return fade(c.Uses+c.KnownUses, c.hours(at), sourceHalf) >= 4 && float64(c.Uses) >= part*float64(c.Sends)
}

// used says that more codes than so many were used not long ago that the address
// had asked for.
func (c Cell) used(but float32, at int64) bool {
	return fade(c.Uses+c.KnownUses-but, c.hours(at), sourceHalf) >= 1
}

func (v *view) debitSources() {
	if v.ask.Address != (Key{}) {
		v.debitWindow(v.addressWindow(), atAddress)
	}
	if v.ask.Network != (Key{}) {
		v.debitWindow(v.networkWindow(), atNetwork)
	}
}

// creditSources: known numbers' codes earn for their address too, though their
// texts cost it nothing.
func (v *view) creditSources(r Receipt) {
	if v.ask.Address != (Key{}) {
		v.creditSource(r, v.addressWindow(), atAddress)
	}
	if v.ask.Network != (Key{}) {
		v.creditSource(r, v.networkWindow(), atNetwork)
	}
}

func (v *view) creditSource(r Receipt, w window, i int) {
	c := &v.cells[i]
	v.wakeSource(w, c)
	if r.Windows {
		v.creditWindow(w, i)
		return
	}
	w.gain = 0.5
	w.credit(c, false)
	c.KnownUses++
	w.reopen(c)
	v.dirty[i] = true
}

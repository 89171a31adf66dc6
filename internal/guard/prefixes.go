package guard

import (
	"time"
)

// prefixWindow is the window of one of the three widths, here.
func (v *view) prefixWindow(i int) window {
	return v.window(v.settings.Tuning.Prefix[i])
}

// window is a window beside what its country's health adds to it.
func (v *view) window(w Window) window {
	extra := 0.0
	if v.cells[atCountry].Standing == Open {
		extra = v.flow() * w.Share.Seconds()
	}
	return w.at(v.ask.Price, v.usual(), extra, v.faster())
}

// checkPrefixes holds the text against the credit of its prefixes.
func (v *view) checkPrefixes() {
	if v.ask.Route.none() {
		return
	}
	for i := atBlock; i <= atArea; i++ {
		w, c := v.prefixWindow(i), &v.cells[i]
		v.pardon(w, c)
		w.wake(c, v.at)
		v.checkWindow(w, c, RuleBlock, v.ask.Route.Prefix(i))
	}
}

// checkWindow objects where the window has no credit: strangers then step up, and
// where those who did have none either they are refused.
func (v *view) checkWindow(w window, c *Cell, rule Rule, of string) {
	have := w.has(c, v.ask.Stepped)
	v.level(rule, of, have, 1)
	if have >= 1 || !v.ask.Stepped && v.probing(c) {
		return
	}
	o := objection{verdict: StepUp, rule: rule, of: of, until: v.opens(w, c)}
	if w.has(c, true) < 1 {
		o.verdict = Refuse
	}
	v.object(o)
}

// opens is when the window lets the next text through by itself.
func (v *view) opens(w window, c *Cell) time.Time {
	if !v.ask.Stepped && c.ProbeEvery > 0 {
		return time.UnixMilli(c.ProbeAt)
	}
	hours := (1 - w.has(c, v.ask.Stepped)) / (w.PerHour * w.faster)
	return v.now.Add(time.Duration(hours * float64(time.Hour)))
}

// debit takes the text from all windows that it went through.
func (v *view) debit() {
	if v.ask.trusted() {
		return
	}
	if !v.ask.Route.none() {
		for i := atBlock; i <= atArea; i++ {
			v.debitWindow(v.prefixWindow(i), i)
		}
	}
	v.debitSources()
	if !v.ask.Route.none() && !v.busy() {
		v.debitWindow(v.entryWindow(), atEntry)
	}
}

func (v *view) debitWindow(w window, i int) {
	c := &v.cells[i]
	probe := c.ProbeEvery > 0 && !v.ask.Stepped && w.has(c, false) < 1
	c.Sends++
	switch w.debit(c, v.ask.Stepped); {
	case probe:
		c.Credit++ // probes are beside the credit
		v.probed(c)
	case c.ProbeEvery == 0 && w.has(c, false) < 1:
		v.shut(c)
	}
	v.dirty[i] = true
}

// credit gives a used code's worth to all that its text was taken from.
func (v *view) credit(r Receipt) {
	if r.Windows && !r.Route.none() {
		for i := atBlock; i <= atArea; i++ {
			v.creditWindow(v.prefixWindow(i), i)
		}
	}
	v.creditSources(r)
	v.creditEntry(r)
	v.creditCarrier(r)
}

func (v *view) creditWindow(w window, i int) {
	c := &v.cells[i]
	if c.At == 0 { // forgotten meanwhile
		return
	}
	w.wake(c, v.at)
	w.credit(c, v.ask.Stepped)
	c.Uses++
	w.reopen(c)
	v.dirty[i] = true
}

// undo takes back the debit of a text that was not sent.
func (v *view) undo(r Receipt) {
	back := func(w window, i int) {
		c := &v.cells[i]
		if c.At == 0 {
			return
		}
		w.wake(c, v.at)
		if r.Stepped {
			c.Stepped = raise(c.Stepped, 1, w.most(c))
		} else {
			c.Credit = raise(c.Credit, 1, w.most(c))
			w.reopen(c)
		}
		c.Sends = max(0, c.Sends-1)
		v.dirty[i] = true
	}
	if !r.Route.none() {
		for i := atBlock; i <= atArea; i++ {
			back(v.prefixWindow(i), i)
		}
	}
	back(v.addressWindow(), atAddress)
	back(v.networkWindow(), atNetwork)
	if !r.Route.none() && !v.busy() {
		back(v.entryWindow(), atEntry)
	}
}

package guard

import (
	"math"
	"time"
)

const (
	usualHalf   = 14 * 24.0 // hours that halve what is learned of a country
	countryHalf = 2.0       // hours that halve its flow and its spend
	usualPrior  = 0.70      // conversion of a country of which nothing is known
	priorWeight = 20.0      // texts that the guess is worth
	lastKnown   = 40.0      // how many texts to known numbers are remembered
)

// usual is the part of strangers' codes that are used in the ask's country.
func (v *view) usual() float64 { return v.cells[atCountry].usual() }

func (c Cell) usual() float64 {
	prior, weight, least := usualPrior, priorWeight, 0.2
	if c.Usual > 0 && c.KnownSends > lastKnown/2 {
		// Strangers' codes fare somewhat worse than known numbers' in the same country.
		prior, weight = 0.9*float64(c.Usual), 2*priorWeight
		least = 0.8 * prior // an attack that was there from the start must not pass for usual
	}
	return clamp((float64(c.Uses)+weight*prior)/(float64(c.Sends)+weight), least, 0.95)
}

// flow is how many codes strangers in the country use a second.
func (v *view) flow() float64 {
	c, server := &v.cells[atCountry], &v.cells[atServer]
	if c.Flow == 0 {
		return 0
	}
	// A server that is young has not seen all that its flow would hold.
	const prior = 1.0 / 12 // hours
	whole := countryHalf / ln2
	seen := min(float64(server.Flow)+server.hours(v.at)+prior, whole)
	return float64(fade(c.Flow, c.hours(v.at), countryHalf)) * whole / seen
}

// usualPrice is what a text costs up to which Busy is what it says.
const usualPrice = 3 * Dollar / 100

// busy says that enough is known of the country to do without a window. Where texts
// are dearer than usual so much more must be known.
func (v *view) busy() bool {
	dear := max(1, float64(v.ask.Price)/float64(usualPrice))
	return v.flow()*3*3600 >= v.settings.Tuning.Busy*dear
}

// earnedFirsts is how many first credits a country's window can earn, where Cap is
// not less.
const earnedFirsts = 5

// entryWindow is the window of a country of which little is known. What the
// country uses in the stretch is its first credit.
func (v *view) entryWindow() window {
	t := v.settings.Tuning.Country
	w := t.at(v.ask.Price, v.usual(), 0, v.faster())
	// What is dear earns less: the cap is five first credits of the price.
	earned := min(t.Cap, earnedFirsts*w.first)
	w.first = max(w.first, v.flow()*t.Stretch.Seconds())
	w.Cap, w.Stretch = max(w.first, earned), 0
	w.PerHour = max(w.PerHour, w.first/8)
	return w
}

// checkCountry holds the ask against its country: a window where little is known
// of it, a test of what came of its last texts, and what a user costs.
func (v *view) checkCountry() {
	if v.ask.Route.none() {
		return
	}
	c, of, t := &v.cells[atCountry], v.ask.Route.Country, v.settings.Tuning
	if !v.busy() {
		w, entry := v.entryWindow(), &v.cells[atEntry]
		v.pardon(w, entry)
		w.wake(entry, v.at)
		v.checkWindow(w, entry, RuleWindow, of)
	}
	v.level(RuleAlarm, of, float64(c.Score), t.Alarm.At)
	cheap, stepped := t.Ceiling.left(c, v.ask.Price, v.at)
	left := cheap
	if v.ask.Stepped {
		left = stepped
	}
	v.level(RuleCeiling, of, left, 0)
	if v.silent() {
		return
	}
	if c.Standing == Watched && !(t.Alarm.spares(c) && v.earned) {
		v.object(objection{verdict: StepUp, rule: RuleAlarm, of: of})
	}
	if left < 0 && !v.earned {
		o := objection{verdict: StepUp, rule: RuleCeiling, of: of, until: v.now.Add(t.Ceiling.wait(v.ask.Price, left))}
		if stepped < 0 {
			o.verdict = Refuse
		}
		v.object(o)
	}
}

// creditEntry: known numbers' codes show that real people are in the country.
func (v *view) creditEntry(r Receipt) {
	if r.Route.none() || v.busy() {
		return
	}
	c, w := &v.cells[atEntry], v.entryWindow()
	w.wake(c, v.at)
	if !r.Windows {
		w.gain = 0.5
	}
	w.credit(c, r.Windows && r.Stepped)
	w.reopen(c)
	v.dirty[atEntry] = true
}

// llr is what one outcome adds to the running sum: how much likelier it is with
// conversion fallen to p1 than with p0.
func llr(used bool, p0, p1 float64) float64 {
	if used {
		return math.Log(p1 / p0)
	}
	return math.Log((1 - p1) / (1 - p0))
}

// score adds one text to a stranger to the country's test. Those from addresses with
// real people behind them have one of their own: they would hide the others.
func (a Alarm) score(c *Cell, used, earned bool, control float64, at int64) {
	p0, need := c.usual()*control, a.need(c, at)
	sum, most := &c.Score, need+a.Most-a.At
	if earned {
		sum = &c.Spared
		if c.Standing == Watched && !a.spares(c) {
			return // for as long as the alarm lasts
		}
	} else {
		c.Recent = push(c.Recent, used)
	}
	*sum = float32(clamp(float64(*sum)+llr(used, p0, a.Ratio*p0), 0, most))
	switch {
	case c.Standing == Open && float64(*sum) >= need:
		a.raise(c, at)
	case c.Standing == Watched && at >= c.ProbeAt && (float64(c.Score) < a.Clear || well(c.Recent, 40, p0)):
		c.Standing, c.ProbeAt, c.Recent = Open, at, 1 // from here on it is quiet
		c.Score, c.Spared = min(c.Score, float32(a.Again/2)), min(c.Spared, float32(a.Again/2))
	}
}

// spares says that an alarm asks no step-up of those with real people behind their
// addresses: their codes are used as always.
func (a Alarm) spares(c *Cell) bool { return float64(c.Spared) < a.Again+1 }

// need is the sum that raises an alarm: less soon after another, more where there
// are so many texts that chance has more to try. The flow is of used codes a second.
func (a Alarm) need(c *Cell, at int64) float64 {
	if a.relapse(c, at) {
		return a.Again
	}
	return a.At + math.Log(max(1, float64(c.Flow)*3600/250))
}

// relapse says that the last alarm is not long over, in time and in outcomes.
func (a Alarm) relapse(c *Cell, at int64) bool {
	return c.Since != 0 && c.Standing == Open && count(c.Recent) < 60 && at-c.ProbeAt < int64(a.HoldMost/time.Millisecond)
}

// raise starts an alarm. One soon after another lasts longer.
func (a Alarm) raise(c *Cell, at int64) {
	hold := int64(c.ProbeEvery) * 2
	switch {
	case !a.relapse(c, at):
		hold = 0
	case hold == 0:
		hold = int64(a.Hold / time.Millisecond)
	}
	hold = min(hold, int64(a.HoldMost/time.Millisecond))
	c.Standing, c.Since, c.ProbeEvery, c.ProbeAt, c.Recent = Watched, at, int32(hold), at+hold, 1
	c.Score = float32(max(float64(c.Score), a.At))
}

// well says that of the last n outcomes nine tenths of the usual part were used.
func well(recent uint64, n int, usual float64) bool {
	return count(recent) >= n && float64(used(recent, n)) >= 0.9*usual*float64(n)
}

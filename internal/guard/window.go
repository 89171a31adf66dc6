package guard

import "time"

// minute and so on are in milliseconds, as cells keep times.
const minute = int64(time.Minute / time.Millisecond)

// flowHalf is how many hours halve a prefix's and an address's Flow.
const flowHalf = 1.0 / 45 // 80 seconds

// window is a Window at work on one cell of a kind: what its figures are here.
type window struct {
	Window
	price  Money
	first  float64 // texts of the first credit
	extra  float64 // texts beside the credit, while the country is in good health
	faster float64 // than PerHour; 1 but where nobody reports used codes
	gain   float64 // of a used code
}

func (w Window) at(price Money, usual, extra, faster float64) window {
	first := w.AtMost
	if price > 0 {
		first = clamp(float64(w.Initial)/float64(price), w.AtLeast, w.AtMost)
	}
	return window{w, price, first, extra, faster, 1 / (w.Kappa * usual)}
}

// wake brings a cell up to now.
func (w window) wake(c *Cell, at int64) {
	if c.At == 0 {
		*c = Cell{At: at, Credit: float32(w.first), Stepped: float32(w.first * w.Window.Stepped)}
		return
	}
	hours := c.hours(at)
	if hours == 0 {
		return
	}
	c.Flow = fade(c.Flow, hours, flowHalf)
	back := float32(hours * w.PerHour * w.faster)
	if c.ProbeEvery == 0 || w.faster > 1 {
		c.Credit = refill(c.Credit, back, float32(w.first))
	}
	c.Stepped = refill(c.Stepped, back, float32(w.first*w.Window.Stepped))
	c.At = at
}

// refill gives back up to the first credit, and takes nothing from what is more.
func refill(credit, back, first float32) float32 {
	if credit >= first {
		return credit
	}
	return min(credit+back, first)
}

// most is what the cell can earn.
func (w window) most(c *Cell) float32 {
	return float32(max(w.Cap, w.first, float64(c.Flow)*w.Stretch.Seconds()))
}

// has is what may go out now, with a step-up or without. Those who passed one may
// take what others leave.
func (w window) has(c *Cell, stepped bool) float64 {
	cheap := float64(c.Credit) + w.extra
	if stepped {
		return max(float64(c.Stepped), cheap)
	}
	return cheap
}

// debit takes one text.
func (w window) debit(c *Cell, stepped bool) {
	if stepped && c.Stepped >= 1 {
		c.Stepped--
		return
	}
	c.Credit--
}

// credit gives what a used code earns.
func (w window) credit(c *Cell, stepped bool) {
	c.Flow += ln2 / (flowHalf * 3600)
	if stepped {
		c.Stepped = raise(c.Stepped, float32(w.gain), max(w.most(c)/2, float32(w.first)))
		return
	}
	if c.ProbeEvery > 0 { // what health once added is not owed
		c.Credit = max(c.Credit, float32(-w.extra))
	}
	c.Credit = raise(c.Credit, float32(w.gain), w.most(c))
}

const ln2 = 0.6931471805599453

// raise adds, not beyond most, and takes nothing from what is more.
func raise(x, by, most float32) float32 { return max(x, min(x+by, most)) }

package guard

import (
	"context"
	"math"
	"time"
)

// The cells of one ask. The first three are the route's windows.
const (
	atBlock = iota
	atRange
	atArea
	atEntry
	atAddress
	atNetwork
	atCountry // this and the next are Mature's to write
	atCarrier
	atServer
	cellsOfAsk

	afterPrefixes = atEntry
)

// view is one ask beside all that is known of it.
type view struct {
	*Engine
	ask   Ask
	now   time.Time
	at    int64
	keys  [cellsOfAsk]Key
	cells [cellsOfAsk]Cell
	dirty [cellsOfAsk]bool

	earned bool // real people are behind the ask's address

	against objection // the first refusal, or else the first demand of a step-up
	opposed bool
	all     bool // go on after a refusal: for people who ask why
	levels  []Level
}

func (e *Engine) view(a Ask, now time.Time) *view {
	v := &view{Engine: e, ask: a, now: now, at: moment(now)}
	route := a.Route.keys()
	copy(v.keys[:], route[:])
	v.keys[atCountry] = CountryKey(a.Route.Country)
	v.keys[atEntry] = v.keys[atCountry]
	v.keys[atEntry].Kind = CellEntry
	v.keys[atAddress], v.keys[atNetwork] = a.Address, a.Network
	v.keys[atCarrier], v.keys[atServer] = a.Route.carrier(), ServerKey()
	return v
}

// object notes what is against the text. A refusal outranks a step-up; of two
// alike the first counts.
func (v *view) object(o objection) {
	if o.verdict == StepUp && v.ask.Stepped {
		return
	}
	if !v.opposed || o.verdict < v.against.verdict {
		v.against, v.opposed = o, true
	}
}

func (v *view) verdict() Verdict {
	if !v.opposed {
		return Send
	}
	return v.against.verdict
}

// refused says that nothing more need be looked at.
func (v *view) refused() bool { return v.opposed && v.against.verdict == Refuse && !v.all }

func (v *view) level(rule Rule, of string, have, need float64) {
	v.noteLevel(Level{Rule: rule, Of: of, Have: have, Need: need})
}

func (v *view) noteLevel(l Level) {
	if v.levels == nil {
		v.levels = make([]Level, 0, 18) // as many as there mostly are
	}
	v.levels = append(v.levels, l)
}

// read fetches the cells, none for those whom they do not concern.
func (v *view) read(ctx context.Context, s State) error {
	if v.ask.trusted() && !v.all {
		return nil
	}
	return v.readAll(ctx, s)
}

func (v *view) readAll(ctx context.Context, s State) error { return v.readFrom(ctx, s, 0) }

// readFrom reads the cells but for the first ones.
func (v *view) readFrom(ctx context.Context, s State, first int) error {
	cells, err := s.Cells(ctx, v.keys[first:])
	if err != nil {
		return err
	}
	copy(v.cells[first:], cells)
	return nil
}

// check holds the ask against what strangers did.
func (v *view) check() {
	if v.ask.trusted() {
		return
	}
	v.checkSources()
	v.checkPrefixes()
	v.checkCountry()
}

// store writes what has changed. Nothing can be asked of the view after it.
func (v *view) store(ctx context.Context, s State) error {
	n := 0
	for i, dirty := range v.dirty {
		if dirty && v.keys[i] != (Key{}) {
			v.keys[n], v.cells[n] = v.keys[i], v.cells[i]
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return s.PutCells(ctx, v.keys[:n], v.cells[:n])
}

// hours since the cell was brought up to date; a clock that steps back gives none.
func (c Cell) hours(at int64) float64 { return max(0, float64(at-c.At)/3.6e6) }

// fade is what is left of an amount after some hours of the half-life.
func fade(x float32, hours, half float64) float32 {
	if hours == 0 || x == 0 {
		return x
	}
	return float32(float64(x) * math.Exp2(-hours/half))
}

// fadeBy is the part that is left after some hours of the half-life.
func fadeBy(hours, half float64) float64 { return math.Exp2(-hours / half) }

func clamp(x, low, high float64) float64 { return min(max(x, low), high) }

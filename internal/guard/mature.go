package guard

import (
	"context"
	"time"
)

// Mature scores texts that are MatureAfter old. Only here a country's figures
// move: a cell that every text wrote would be waited for by every other.
func (e *Engine) Mature(ctx context.Context, s State, outcomes []Outcome, now time.Time) error {
	m, err := e.ledger(ctx, s, outcomes, now)
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		m.score(o)
	}
	return s.PutCells(ctx, m.keys[:m.own], m.cells[:m.own])
}

// ledger holds the cells that a batch of outcomes needs.
type ledger struct {
	*Engine
	at    int64
	place map[Key]int
	keys  []Key
	cells []Cell
	own   int // the first so many are written, the others only looked at
}

func (e *Engine) ledger(ctx context.Context, s State, outcomes []Outcome, now time.Time) (*ledger, error) {
	m := &ledger{Engine: e, at: moment(now), place: map[Key]int{}}
	m.want(ServerKey())
	for _, o := range outcomes {
		m.want(CountryKey(o.Receipt.Route.Country))
		if o.Receipt.trusted() {
			m.want(o.Receipt.Route.carrier())
		}
	}
	m.own = len(m.keys)
	for _, o := range outcomes {
		m.want(o.Receipt.Address)
		if o.Receipt.Windows {
			for _, k := range o.Receipt.Route.keys() {
				m.want(k)
			}
			m.want(o.Receipt.Route.carrier())
		}
	}
	cells, err := s.Cells(ctx, m.keys)
	m.cells = cells
	return m, err
}

func (m *ledger) want(k Key) {
	if _, there := m.place[k]; !there {
		m.place[k] = len(m.keys)
		m.keys = append(m.keys, k)
	}
}

func (m *ledger) cell(k Key) *Cell { return &m.cells[m.place[k]] }

func (m *ledger) score(o Outcome) {
	server, country := m.cell(ServerKey()), m.cell(CountryKey(o.Receipt.Route.Country))
	owner := o.Receipt.trusted() && m.owner(o.Receipt)
	m.settings.Tuning.Feedback.score(server, o, owner, m.at)
	m.settings.Tuning.Ceiling.forget(country, country.hours(m.at))
	country.age(m.at)
	if owner {
		country.scoreKnown(o.Used)
		m.cell(o.Receipt.Route.carrier()).scoreCarrier(o.Used, country.control() < 0.8, m.at)
	}
	if !o.Receipt.Windows {
		return
	}
	t := m.settings.Tuning
	country.Spent += float32(o.Receipt.Price.Float())
	if o.Used {
		country.Flow += ln2 / (countryHalf * 3600)
	}
	// Of what nobody reports and no carrier delivers nothing can be learned.
	if excused(server, o.Receipt) || excused(m.cell(o.Receipt.Route.carrier()), o.Receipt) {
		return
	}
	t.Ceiling.charge(country, o)
	// What is closed at a prefix is not a matter of the country.
	control := country.control()
	if control < 0.3 || m.closed(o.Receipt.Route) {
		return
	}
	if o.Receipt.Stepped || country.Standing == Open && float64(country.Score) < t.Alarm.Clear {
		country.Sends++
		if o.Used {
			country.Uses++
		}
	}
	// Whoever is spared the step-up would only hide those who are not.
	if !m.earned(o.Receipt, country.usual()) {
		t.Alarm.score(country, o.Used, control, m.at)
	}
}

// earned says that the text's address is one with real people behind it.
func (m *ledger) earned(r Receipt, usual float64) bool {
	if r.Address == (Key{}) {
		return false
	}
	return m.cell(r.Address).earned(m.settings.Tuning.Alarm.Trusted*usual, m.at)
}

// owner says that a text to a known number was asked for where codes are used: who
// has a list of known numbers and asks for their codes must not pass for them.
func (m *ledger) owner(r Receipt) bool {
	if r.Address == (Key{}) || r.Device != "" {
		return true
	}
	return m.cell(r.Address).used(m.at)
}

// closed says that one of the route's prefixes is.
func (m *ledger) closed(r Route) bool {
	for _, k := range r.keys() {
		if m.cell(k).Standing == Closed {
			return true
		}
	}
	return false
}

// excused says that the text was sent while nobody reported what became of texts,
// or a carrier delivered none.
func excused(cause *Cell, r Receipt) bool {
	sent := moment(r.SentAt)
	return cause.Standing != Open || cause.ProbeAt != 0 && sent >= cause.Since-before && sent <= cause.ProbeAt
}

// age lets what is learned of a country fade.
func (c *Cell) age(at int64) {
	hours := c.hours(at)
	if c.At == 0 {
		hours = 0
	}
	c.Sends, c.Uses = fade(c.Sends, hours, usualHalf), fade(c.Uses, hours, usualHalf)
	c.Spent, c.Flow = fade(c.Spent, hours, countryHalf), fade(c.Flow, hours, countryHalf)
	c.At = max(c.At, at)
}

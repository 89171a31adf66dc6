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
		if !o.Receipt.Route.none() { // nothing of an e-mail is learned about numbers
			m.score(o)
		}
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
		if o.Receipt.Route.none() {
			continue
		}
		m.want(CountryKey(o.Receipt.Route.Country))
		if o.Receipt.trusted() {
			m.want(o.Receipt.Route.carrier())
		}
	}
	m.own = len(m.keys)
	for _, o := range outcomes {
		if o.Receipt.trusted() {
			m.want(o.Receipt.Address)
		}
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
	owner := o.Receipt.trusted() && m.owner(o)
	m.settings.Tuning.Feedback.score(server, o, owner, m.at)
	m.settings.Tuning.Ceiling.forget(country, o.Receipt.Price, country.hours(m.at))
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
	// What closed a prefix is not a matter of the country.
	control := country.control()
	if control < 0.3 || m.closed(o.Receipt) {
		return
	}
	if o.Receipt.Stepped || country.Standing == Open && float64(max(country.Score, country.Spared)) < t.Alarm.Clear/2 {
		country.Sends++
		if o.Used {
			country.Uses++
		}
	}
	t.Alarm.score(country, o.Used, o.Receipt.Earned, control, m.at)
}

// late puts right what a text was scored as whose code is used after all. It writes
// the country's cell, which few people are slow enough for.
func (v *view) late(r Receipt) {
	c, t := &v.cells[atCountry], v.settings.Tuning
	if c.At == 0 || !r.Windows || r.Route.none() {
		return
	}
	t.Ceiling.forget(c, r.Price, c.hours(v.at))
	c.age(v.at)
	c.Uses = min(c.Uses+1, c.Sends)
	c.Flow += ln2 / (countryHalf * 3600)
	account := &c.Credit
	if r.Stepped {
		account = &c.Stepped
	}
	*account = max(0, *account-t.Ceiling.worth(r.Price))
	p := c.usual()
	if sum := &c.Score; !r.Earned {
		*sum = max(0, *sum+float32(llr(true, p, t.Alarm.Ratio*p)-llr(false, p, t.Alarm.Ratio*p)))
	}
	v.dirty[atCountry] = true
}

// owner says that a text to a known number was asked for where other codes are used:
// who has a list of known numbers and asks for their codes must not pass for them.
func (m *ledger) owner(o Outcome) bool {
	r := o.Receipt
	if r.Address == (Key{}) || r.Device != "" {
		return true
	}
	own := float32(0)
	if o.Used {
		own = 1
	}
	return m.cell(r.Address).used(own, m.at)
}

// closed says that the text is among those that closed one of its prefixes. Probes
// of a closed one count: many prefixes that slowly lose are a matter of the country.
func (m *ledger) closed(r Receipt) bool {
	for _, k := range r.Route.keys() {
		if c := m.cell(k); c.Standing == Closed && moment(r.SentAt) <= c.Since {
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

package rehearse

import (
	"context"
	"iter"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// Case is a request that was decided before, with what came of it.
type Case struct {
	At      time.Time
	Ask     guard.Ask // as it was asked first, without a step-up
	Sent    bool
	Stepped bool      // it was asked for a step-up
	Passes  bool      // it passed one, or would as far as can be told
	UsedAt  time.Time // when its code was used; zero for never
}

// patience is how long after it was asked for a step-up somebody may pass it.
const patience = 10 * time.Minute

// Cases are the requests of a decision log, whose entries come in the order of
// their time. Who was asked for a step-up and came back with it is one case.
func Cases(entries iter.Seq2[guard.Entry, error]) iter.Seq2[Case, error] {
	return func(yield func(Case, error) bool) {
		var m merger
		for e, err := range entries {
			if err != nil {
				yield(Case{}, err)
				return
			}
			m.add(e)
			for c, ok := m.next(e.At); ok; c, ok = m.next(e.At) {
				if !yield(c, nil) {
					return
				}
			}
		}
		for _, c := range m.queue {
			if !yield(*c, nil) {
				return
			}
		}
	}
}

// merger holds cases back until their step-up has come or will not.
type merger struct {
	queue   []*Case
	waiting map[string]*Case // by number
}

func (m *merger) add(e guard.Entry) {
	if e.Ask.Silent || e.Purpose == guard.PurposeAnswer {
		return
	}
	if m.waiting == nil {
		m.waiting = map[string]*Case{}
	}
	number := e.Ask.Party.Number
	c := m.waiting[number]
	if !e.Ask.Stepped || c == nil {
		c = &Case{At: e.At, Ask: e.Ask, Stepped: e.Ask.Stepped}
		c.Ask.Stepped = false
		m.queue = append(m.queue, c)
	}
	c.Sent = e.Verdict == guard.Send && !e.Unsent
	c.UsedAt = e.UsedAt
	c.Stepped = c.Stepped || e.Verdict == guard.StepUp
	c.Passes = e.Ask.Stepped || !e.UsedAt.IsZero() || e.Ask.Known
	delete(m.waiting, number)
	if e.Verdict == guard.StepUp {
		m.waiting[number] = c
	}
}

// next takes the first case, if nothing more can come of it.
func (m *merger) next(now time.Time) (Case, bool) {
	if len(m.queue) == 0 {
		return Case{}, false
	}
	c := m.queue[0]
	number := c.Ask.Party.Number
	if m.waiting[number] == c {
		if now.Sub(c.At) < patience {
			return Case{}, false
		}
		delete(m.waiting, number)
	}
	m.queue = m.queue[1:]
	return *c, true
}

// PlayCase decides a case anew. Of one that was not sent nobody knows whether its
// code would have been used; it is taken to be not.
func (p *Player) PlayCase(ctx context.Context, c Case) (Result, error) {
	return p.serve(ctx, request{
		at: c.At, ask: c.Ask, slot: slot{c.Ask.Party.Number, c.Ask.Address},
		passes: c.Passes, uses: !c.UsedAt.IsZero(), useAt: c.UsedAt,
	})
}

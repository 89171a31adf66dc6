package simulation

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// carrier takes texts and brings them to phones, late, twice or not at all. What
// befalls a try depends on the seed, the number, and which of its texts and tries
// it is, so that no order of goroutines changes it.
type carrier struct {
	sim *sim

	mu     sync.Mutex            // guards the fields below
	order  map[string]int        // a text's place among its number's
	counts map[string]int        // texts of a number
	tries  map[string]int        // of a text
	phones map[string][]received // by number
	seen   map[string][]string   // every code that was handed over for a number
	faults bool
}

// received is a text on a phone.
type received struct {
	code      string
	challenge userpool.ChallengeID
	purpose   userpool.Purpose
	made      time.Time // when its challenge was
}

func newCarrier(s *sim) *carrier {
	return &carrier{
		sim: s, order: map[string]int{}, counts: map[string]int{}, tries: map[string]int{},
		phones: map[string][]received{}, seen: map[string][]string{},
	}
}

var errCarrier = errors.New("the provider hung up")

// take is what becomes of a try: the phone gets it so often, so late, and the
// node is told this.
type fate struct {
	copies int
	late   time.Duration
	err    error
}

func (c *carrier) fate(number string, text, try int) fate {
	if !c.faults {
		return fate{copies: 1}
	}
	r := rand.New(rand.NewPCG(c.sim.seed^0xca441e4, uint64(text)<<20|uint64(try)<<8|uint64(number[len(number)-1])))
	failed := func(o sms.Outcome) error { return &sms.SendError{Outcome: o, Cause: errCarrier} }
	switch d := r.IntN(100); {
	case d < 55:
		return fate{copies: 1}
	case d < 61: // lost on the way
		return fate{}
	case d < 66:
		return fate{copies: 2}
	case d < 74:
		return fate{copies: 1, late: time.Duration(1+r.IntN(700)) * time.Second}
	case d < 79: // taken, but the answer was lost
		return fate{copies: 1, err: failed(sms.MaybeSent)}
	case d < 84:
		return fate{err: errCarrier} // an ordinary error: maybe sent, but was not
	case d < 92:
		return fate{err: failed(sms.NotYet)}
	case d < 97:
		return fate{err: failed(sms.SurelyNotSent)}
	default:
		return fate{err: failed(sms.RefusedForEver)}
	}
}

// phoneCompany is the carrier as one node reaches it.
type phoneCompany struct {
	*carrier
	line *line
}

// Send implements sms.Sender.
func (p phoneCompany) Send(_ context.Context, m sms.Message) (sms.Receipt, error) {
	if p.line.isDead() {
		return sms.Receipt{}, errCarrier
	}
	return p.take(m)
}

func (c *carrier) take(m sms.Message) (sms.Receipt, error) {
	row, committed := c.sim.text(m.ID)
	if !committed {
		c.sim.broke("I6", "a text left that no commit had written down")
	}
	code := smstest.CodeIn(m.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	number := m.To.E164()
	if _, known := c.order[m.ID]; !known {
		c.counts[number]++
		c.order[m.ID] = c.counts[number]
	}
	c.tries[m.ID]++
	f := c.fate(number, c.order[m.ID], c.tries[m.ID])
	if age := time.Since(row.made); row.Challenge != "" && c.sim.tooOld(row.made) {
		c.sim.broke("R10", "a text left %s after its code was made", age)
	}
	if code != "" {
		c.seen[number] = append(c.seen[number], code)
	}
	text := received{code: code, challenge: row.Challenge, purpose: row.Purpose, made: row.made}
	for range f.copies {
		time.AfterFunc(f.late, func() { c.arrive(number, text) })
	}
	if f.copies == 0 && f.err != nil {
		if o := sms.OutcomeOf(f.err); o == sms.SurelyNotSent && c.tries[m.ID] == 1 {
			c.sim.unsent(m.ID)
		}
	}
	return sms.Receipt{ProviderID: m.ID}, f.err
}

func (c *carrier) arrive(number string, text received) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phones[number] = append(c.phones[number], text)
}

// inbox is what a phone holds of a purpose, oldest first.
func (c *carrier) inbox(number string, purpose userpool.Purpose) []received {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.phones[number]), func(r received) bool { return r.purpose != purpose || r.code == "" })
}

// guess is a code that the number was never sent.
func (c *carrier) guess(number string, r *rand.Rand) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		digits := []byte("000000")
		for i := range digits {
			digits[i] = byte('0' + r.IntN(10))
		}
		if !slices.Contains(c.seen[number], string(digits)) {
			return string(digits)
		}
	}
}

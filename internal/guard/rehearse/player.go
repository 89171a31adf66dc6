// Package rehearse plays requests for codes against the guard's engine in virtual
// time and keeps the score: traces that somebody hands in, made-up traffic, and
// what a server decided before. It leaves deciding to the engine.
package rehearse

import (
	"container/heap"
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guard/memory"
	"github.com/bellhop-auth/bellhop/internal/guard/traffic"
)

// Engine is what decides: the guard's.
type Engine interface {
	Decide(context.Context, guard.State, guard.Ask, time.Time) (guard.Decision, error)
	Use(context.Context, guard.State, guard.Receipt, time.Time) error
	Mature(context.Context, guard.State, []guard.Outcome, time.Time) error
}

// Player plays events against an engine. It is not safe for use by several
// goroutines.
type Player struct {
	engine  Engine
	prices  *guard.PriceTable
	state   *memory.State
	numbers *numbers

	sent    []*sending // those whose outcome is not scored yet, the oldest first
	credits credits    // those whose code will be used
	order   int64      // of credits

	live    map[slot]challenge
	expires []expiry     // of live, the first to end first
	opened  int64        // challenges
	answers *AnswerScore // nil where answers are not played
	seed    maphash.Seed
	devices [2]map[uint64]struct{} // that have converted for a number: the newer, the older
}

// sending is a text that went out.
type sending struct {
	receipt   guard.Receipt
	slot      slot
	challenge int64
	device    uint64 // with its number; 0 for none
	used      bool
	answers
}

// credit is a code that will be used.
type credit struct {
	at    time.Time
	order int64
	*sending
}

type credits []credit

func (c credits) Len() int { return len(c) }
func (c credits) Less(i, j int) bool {
	if !c[i].at.Equal(c[j].at) {
		return c[i].at.Before(c[j].at)
	}
	return c[i].order < c[j].order
}
func (c credits) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *credits) Push(x any)   { *c = append(*c, x.(credit)) }
func (c *credits) Pop() any {
	last := (*c)[len(*c)-1]
	(*c)[len(*c)-1] = credit{}
	*c = (*c)[:len(*c)-1]
	return last
}

// slot is what has one live challenge: a number and who asks.
type slot struct {
	number string
	by     guard.Key
}

// challenge is the live one of a slot.
type challenge struct {
	id     int64
	sentAt time.Time
	sends  int
}

// expiry is when a slot's challenge ends.
type expiry struct {
	at        time.Time
	slot      slot
	challenge int64
}

// life is a challenge's, as the server's.
const life = 10 * time.Minute

// New returns a player of the engine with nothing behind it. Prices are of events
// that have none; they may be nil.
func New(engine Engine, prices *guard.PriceTable) *Player {
	p := &Player{
		engine: engine, prices: prices, state: memory.New(memory.Config{Settled: settled}), numbers: &numbers{},
		live: map[slot]challenge{}, seed: maphash.MakeSeed(), devices: [2]map[uint64]struct{}{{}, {}},
	}
	if p.prices == nil {
		p.prices = guard.NewPriceTable("", guard.FallbackPrice, nil)
	}
	return p
}

// settled says that a cell is about as it would be without it: nothing is against
// its key, and its credit has come back.
func settled(k guard.Key, c guard.Cell, at int64) bool {
	const day = int64(24 * time.Hour / time.Millisecond)
	switch k.Kind {
	case guard.CellBlock, guard.CellRange, guard.CellArea, guard.CellAddress, guard.CellNetwork:
		return c.Standing == guard.Open && c.At < at-day
	}
	return false
}

// Clone returns a player with the same behind it. The two share what the library
// knows of numbers, so they must not play at the same time.
func (p *Player) Clone() *Player {
	c := *p
	c.state = p.state.Clone()
	copies := map[*sending]*sending{}
	c.sent, c.credits, c.expires = slices.Clone(p.sent), slices.Clone(p.credits), slices.Clone(p.expires)
	for i, s := range c.sent {
		of := *s
		c.sent[i], copies[s] = &of, &of
	}
	for i := range c.credits {
		s := c.credits[i].sending
		if copies[s] == nil {
			of := *s
			copies[s] = &of
		}
		c.credits[i].sending = copies[s]
	}
	c.live = maps.Clone(p.live)
	c.devices = [2]map[uint64]struct{}{maps.Clone(p.devices[0]), maps.Clone(p.devices[1])}
	return &c
}

// Result is what became of an event.
type Result struct {
	Country string
	First   guard.Decision // the first verdict; zero where none was asked for
	Last    guard.Decision // the last one
	Waited  bool           // the text before is too young: nothing was decided
	Sent    bool
	Stepped bool // it was sent after a step-up
}

// Refused says that it was asked for and not sent.
func (r Result) Refused() bool { return !r.Sent && !r.Waited }

// Restricted says that more was asked for, or nothing was sent.
func (r Result) Restricted() bool { return !r.Sent || r.First.Verdict == guard.StepUp }

// epoch is the second zero of traces.
var epoch = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// at is a trace's time, to the microsecond: 0.1 and 0.2 make 0.3.
func at(seconds float64) time.Time {
	whole := math.Floor(seconds)
	micros := math.Round((seconds - whole) * 1e6)
	return time.Unix(epoch.Unix()+int64(whole), int64(micros)*1000).UTC()
}

// request is one ask for a text, and what its maker will do.
type request struct {
	at     time.Time
	ask    guard.Ask
	slot   slot
	device uint64 // with its number; 0 for none
	passes bool   // a step-up
	uses   bool   // the code
	useAt  time.Time
	answer answers
}

// Play decides an event. Events must come in the order of their time.
func (p *Player) Play(ctx context.Context, e *traffic.Event) (Result, error) {
	q := request{at: at(e.T), passes: e.Passes, uses: e.Converts}
	if p.answers != nil {
		q.answer = answers{wrong: e.Guesses, attack: e.Attack, passes: e.Passes}
	}
	if q.uses {
		q.useAt = at(e.T + e.After)
	}
	if err := p.advance(ctx, q.at); err != nil { // a code that is due may make a device known
		return Result{}, err
	}
	number, route, kind := p.numbers.canonical(e.Phone)
	address, network, party := source(e.IP)
	q.slot, q.device = slot{number, address}, p.device(number, e.Device)
	q.ask = guard.Ask{
		Party: guard.Party{Number: number, Address: party}, Route: route, Kind: kind,
		Address: address, Network: network, Source: e.IP, Pool: "pool", Client: "client",
		Price: p.price(e, number), Known: e.Known,
	}
	if p.hasConverted(q.device) {
		q.ask.Device = e.Device
	}
	return p.serve(ctx, q)
}

// serve decides a request and notes what is sent.
func (p *Player) serve(ctx context.Context, q request) (Result, error) {
	r := Result{Country: country(q.ask.Route)}
	if err := p.advance(ctx, q.at); err != nil {
		return r, err
	}
	if ch, lives := p.live[q.slot]; lives && q.at.Before(ch.sentAt.Add(guard.ResendGap(ch.sends))) {
		r.Waited = true
		return r, nil
	}
	err := p.decide(ctx, q, &r)
	if err == nil && r.Sent {
		p.note(q, r.Last.Receipt)
	}
	return r, err
}

func (p *Player) price(e *traffic.Event, number string) guard.Money {
	if e.Priced {
		return guard.Dollars(e.Price)
	}
	return p.prices.Price(number)
}

// decide asks the engine, and once more where it wants a step-up that is passed.
func (p *Player) decide(ctx context.Context, q request, r *Result) (err error) {
	r.First, err = p.ask(ctx, q.ask, q.at)
	r.Last = r.First
	if err == nil && r.First.Verdict == guard.StepUp && q.passes {
		q.ask.Stepped = true
		r.Last, err = p.ask(ctx, q.ask, q.at)
		r.Stepped = r.Last.Verdict == guard.Send
	}
	r.Sent = r.Last.Verdict == guard.Send
	return err
}

func (p *Player) ask(ctx context.Context, ask guard.Ask, now time.Time) (guard.Decision, error) {
	d, err := p.engine.Decide(ctx, p.state, ask, now)
	if err != nil {
		return d, fmt.Errorf("decide: %w", err)
	}
	if d.Verdict == guard.Send {
		p.state.Keep()
	} else {
		p.state.Undo()
	}
	return d, nil
}

// note remembers what was sent.
func (p *Player) note(q request, receipt guard.Receipt) {
	ch, lives := p.live[q.slot]
	if !lives {
		p.opened++
		ch.id = p.opened
		p.expires = append(p.expires, expiry{q.at.Add(life), q.slot, ch.id})
	}
	ch.sentAt = q.at
	ch.sends++
	p.live[q.slot] = ch
	sent := &sending{receipt: receipt, slot: q.slot, challenge: ch.id, device: q.device, answers: q.answer}
	p.sent = append(p.sent, sent)
	switch {
	case q.uses:
		p.due(q.useAt, sent)
	case q.answer.wrong > 0:
		p.due(q.at.Add(firstGuess), sent)
	}
}

// due has a code answered at a time.
func (p *Player) due(at time.Time, s *sending) {
	p.order++
	heap.Push(&p.credits, credit{at, p.order, s})
}

// advance does what is due until now, in the order of its time.
func (p *Player) advance(ctx context.Context, now time.Time) error {
	for {
		matures, uses := now.Add(1), now.Add(1)
		if len(p.sent) > 0 {
			matures = p.sent[0].receipt.SentAt.Add(guard.MatureAfter)
		}
		if len(p.credits) > 0 {
			uses = p.credits[0].at
		}
		var err error
		switch {
		case !uses.After(now) && !uses.After(matures):
			err = p.use(ctx, uses)
		case !matures.After(now):
			err = p.mature(ctx, matures)
		default:
			p.expire(now)
			return nil
		}
		if err != nil {
			return err
		}
		p.state.Keep()
	}
}

// use is a code that is entered: its challenge ends.
func (p *Player) use(ctx context.Context, now time.Time) error {
	c := heap.Pop(&p.credits).(credit)
	if p.answers != nil {
		if right, err := p.answered(ctx, c.sending, now); err != nil || !right {
			return err
		}
	}
	c.used = true
	c.receipt.Matured = now.After(c.receipt.SentAt.Add(guard.MatureAfter))
	p.converted(c.device)
	p.end(c.slot, c.challenge)
	if err := p.engine.Use(ctx, p.state, c.receipt, now); err != nil {
		return fmt.Errorf("use: %w", err)
	}
	return nil
}

func (p *Player) mature(ctx context.Context, now time.Time) error {
	s := p.sent[0]
	p.sent[0] = nil
	p.sent = p.sent[1:]
	if err := p.engine.Mature(ctx, p.state, []guard.Outcome{{Receipt: s.receipt, Used: s.used}}, now); err != nil {
		return fmt.Errorf("mature: %w", err)
	}
	return nil
}

// expire ends challenges whose life is over.
func (p *Player) expire(now time.Time) {
	for len(p.expires) > 0 && !p.expires[0].at.After(now) {
		p.end(p.expires[0].slot, p.expires[0].challenge)
		p.expires = p.expires[1:]
	}
}

// end ends the slot's challenge, if it is still the one.
func (p *Player) end(s slot, challenge int64) {
	if p.live[s].id == challenge {
		delete(p.live, s)
	}
}

// remembered is how many devices are remembered at least.
const remembered = 1 << 18

func (p *Player) device(number, device string) uint64 {
	if device == "" {
		return 0
	}
	var h maphash.Hash
	h.SetSeed(p.seed)
	h.WriteString(number)
	h.WriteByte(0)
	h.WriteString(device)
	return h.Sum64() | 1
}

func (p *Player) hasConverted(device uint64) bool {
	if device == 0 {
		return false
	}
	_, newer := p.devices[0][device]
	_, older := p.devices[1][device]
	return newer || older
}

func (p *Player) converted(device uint64) {
	if device == 0 {
		return
	}
	if len(p.devices[0]) >= remembered {
		p.devices = [2]map[uint64]struct{}{{}, p.devices[0]}
	}
	p.devices[0][device] = struct{}{}
}

// source is what an address counts as: itself, or an IPv6 /64, and its network.
func source(a netip.Addr) (address, network guard.Key, party string) {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return guard.Key{}, guard.Key{}, ""
	case a.Is4():
		b := a.As4()
		n := uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
		return guard.Key{Kind: guard.CellAddress, Hi: 4, Lo: n}, guard.Key{Kind: guard.CellNetwork, Hi: 4, Lo: n >> 8}, string(b[:])
	}
	b := a.As16()
	var n uint64
	for _, octet := range b[:8] {
		n = n<<8 | uint64(octet)
	}
	return guard.Key{Kind: guard.CellAddress, Hi: 6, Lo: n}, guard.Key{Kind: guard.CellNetwork, Hi: 6, Lo: n >> 16}, string(b[:8])
}

package traffic

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
)

// attack asks at random moments, so many times a second.
type attack struct {
	r      *rand.Rand
	rate   float64
	at     float64
	end    float64
	left   int // requests, where they are bounded
	strike func(*Event, int)
	paid   bool // passes step-ups
	name   string
	count  int
	next   Event
}

func (a *attack) head() *Event {
	if a.left <= 0 || a.at >= a.end {
		return nil
	}
	if a.next.ID == "" {
		a.next = Event{T: tidy(a.at), ID: a.name + "-" + strconv.Itoa(a.count), Attack: true, Passes: a.paid}
		a.strike(&a.next, a.count)
		a.count++
	}
	return &a.next
}

func (a *attack) take() Event {
	e := *a.head()
	a.next = Event{}
	a.left--
	a.at += a.r.ExpFloat64() / a.rate
	return e
}

// unbounded is for attacks that end by time alone.
const unbounded = math.MaxInt

// aim puts the number of the place on the event.
func (e *Event) aim(p *place, in string, last int) {
	e.Phone, e.Price, e.Priced = p.number(in, last), p.price, true
}

// within is the range that the event's number is of.
func (e *Event) within() string { return e.Phone[1 : len(e.Phone)-6] }

// sequence is every number of four blocks, one after the other, from one address.
func sequence(p *place, in string, r *rand.Rand) func(*Event, int) {
	first, from := r.IntN(96)*10000, p.homeAddress(r)
	return func(e *Event, n int) {
		e.aim(p, in, first+n%40000)
		e.IP = from
	}
}

// oneRange is random numbers of a range, from a botnet.
func oneRange(p *place, in string, r *rand.Rand, b *bots) func(*Event, int) {
	return func(e *Event, _ int) {
		e.aim(p, in, r.IntN(1e6))
		e.IP = b.address()
	}
}

// spread is random ranges of the places, each place as likely.
func spread(places []*place, r *rand.Rand, b *bots) func(*Event, int) {
	return func(e *Event, _ int) {
		p := places[r.IntN(len(places))]
		e.aim(p, p.any(r), r.IntN(1e6))
		e.IP = b.address()
	}
}

// mimic is countries and ranges as real people have them.
func mimic(places []place, r *rand.Rand, b *bots) func(*Event, int) {
	total := 0.0
	for i := range places {
		total += places[i].share
	}
	return func(e *Event, _ int) {
		left, i := r.Float64()*total, 0
		for left >= places[i].share && i < len(places)-1 {
			left -= places[i].share
			i++
		}
		for places[i].share == 0 {
			i--
		}
		e.aim(&places[i], places[i].popular(r), r.IntN(1e6))
		e.IP = b.address()
	}
}

// faking has a part of the codes entered after about forty seconds.
func faking(part float64, r *rand.Rand, strike func(*Event, int)) func(*Event, int) {
	return func(e *Event, n int) {
		strike(e, n)
		e.Converts = r.Float64() < part
		e.After = tidy(40 * math.Exp(.3*r.NormFloat64()))
	}
}

// fromSubnets replaces addresses by IPv6 networks of which there are ten million.
func fromSubnets(r *rand.Rand, strike func(*Event, int)) func(*Event, int) {
	return func(e *Event, n int) {
		strike(e, n)
		provider, subnet := r.IntN(50), r.IntN(200000)
		e.IP = netip.AddrFrom16([16]byte{
			0x2a, 0x0b, 0, byte(provider), byte(subnet >> 16), byte(subnet >> 8), byte(subnet), byte(provider * 7),
			8: byte(r.IntN(256)), 15: 1,
		})
	}
}

// fromCarriers replaces addresses by those that real people of the places share.
func fromCarriers(places []*place, r *rand.Rand, strike func(*Event, int)) func(*Event, int) {
	return func(e *Event, n int) {
		strike(e, n)
		e.IP = places[r.IntN(len(places))].carrierAddress(r.IntN(carriers))
	}
}

// bombing is one number, from many addresses.
func bombing(p *place, r *rand.Rand, known bool, b *bots) func(*Event, int) {
	in, last := p.popular(r), r.IntN(1e6)
	return func(e *Event, _ int) {
		e.aim(p, in, last)
		e.IP, e.Known = b.address(), known
	}
}

// guesses is how often a guesser answers a code: as often as it may be.
const guesses = 5

// guessing asks for codes of a hundred thousand known numbers, to guess them.
func guessing(w *world, r *rand.Rand, b *bots) func(*Event, int) {
	return func(e *Event, _ int) {
		n := r.IntN(100000)
		p := &w.places[n%17]
		of := rand.New(rand.NewPCG(uint64(n), w.seed))
		e.aim(p, p.popular(of), of.IntN(1e6))
		e.IP, e.Known, e.Guesses = b.address(), true, guesses
	}
}

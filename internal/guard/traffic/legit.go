package traffic

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"strconv"
)

const day = 86400.0

// again is the part of those who do not enter a code that ask for another.
const again = .35

// typo is the part of those who enter a code that mistype it first.
const typo = .04

// patience is how often a person asks in all.
const patience = 4

// firstTime is the part of requests that come from numbers never seen before.
const firstTime = .4

// people are the real people of one country. They ask more by day than by night,
// and less on Sundays.
type people struct {
	*place
	r     *rand.Rand
	rate  float64 // requests a second on average, without those who ask again
	end   float64
	next  Event
	at    float64 // the next of those who ask for the first time
	later retries
	count int
	known int                     // numbers that have signed in before
	bend  func(*Event) bool       // what befalls a request; true where people ask twice as often again
	near  func(*Event) bool       // whether it is near what happens
	level func(t float64) float64 // how many more there are at a time; nil for the day's course
	most  float64                 // the highest of those
	fresh bool                    // all are new
	name  string
}

// retry is somebody who will ask again.
type retry struct {
	Event
	asked int
}

type retries []retry

func (r retries) Len() int           { return len(r) }
func (r retries) Less(i, j int) bool { return r[i].T < r[j].T }
func (r retries) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *retries) Push(x any)        { *r = append(*r, x.(retry)) }
func (r *retries) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}

func newPeople(w *world, p *place, perDay, from, end float64) *people {
	g := &people{
		place: p, r: w.random("people", uint64(p.index)), rate: perDay * p.share / day, end: end, at: from,
		known: int(20*perDay*p.share*(1-firstTime)) + 1, level: p.course, most: 1.6 * 1.07, name: p.iso,
	}
	// Another stretch of time has other people, though the same known ones.
	if from != 0 {
		g.r = w.random("people", uint64(p.index)|uint64(int64(from)+1<<40)<<8)
	}
	g.arrive()
	return g
}

// course is the day's and the week's course at the place, 1 on average. Time
// zero is a Monday's midnight, UTC.
func (p *place) course(t float64) float64 {
	local := t/3600 + p.offset
	level := 1 + .6*math.Sin(2*math.Pi*(local-9)/24) // the most at 15 h, the least at 3 h
	weekday := int(math.Floor(local/24)) % 7
	switch (weekday + 7) % 7 {
	case 5:
		return level * .95
	case 6:
		return level * .84
	}
	return level * 1.07 * .98
}

// arrive finds when the next person comes, by thinning of a steady flow.
func (g *people) arrive() {
	for peak := g.rate * g.most; g.at < g.end; {
		g.at += g.r.ExpFloat64() / peak
		if g.r.Float64()*g.most < g.level(g.at) {
			return
		}
	}
}

// head returns the next event, or nil.
func (g *people) head() *Event {
	switch {
	case len(g.later) > 0 && (g.at >= g.end || g.later[0].T <= g.at):
		return &g.later[0].Event
	case g.at >= g.end:
		return nil
	}
	if g.next.ID == "" {
		g.next = g.person()
	}
	return &g.next
}

// take removes the head, and says what its maker does then.
func (g *people) take() Event {
	if e := g.head(); e != &g.next {
		next := heap.Pop(&g.later).(retry)
		g.follow(next)
		return next.Event
	}
	e := g.next
	g.next = Event{}
	g.arrive()
	g.follow(retry{e, 1})
	return e
}

// follow has those without a code ask again.
func (g *people) follow(last retry) {
	often := again
	if g.bend != nil && g.bend(&last.Event) {
		often *= 2
	}
	if last.Converts || last.asked >= patience || g.r.Float64() >= often {
		return
	}
	next := last
	next.asked++
	next.T = tidy(last.T + 45 + g.r.ExpFloat64()*30)
	g.count++
	next.ID = g.id()
	g.answer(&next.Event)
	heap.Push(&g.later, next)
}

func (g *people) id() string { return g.name + "-" + strconv.Itoa(g.count) }

// person makes somebody who asks for the first time now.
func (g *people) person() Event {
	g.count++
	e := Event{T: tidy(g.at), ID: g.id(), Price: g.price, Priced: true}
	if g.fresh || g.r.Float64() < firstTime {
		g.stranger(&e, g.r)
	} else {
		g.regular(&e, g.r.IntN(g.known))
	}
	e.Near = g.near != nil && g.near(&e)
	g.answer(&e)
	return e
}

func (g *people) stranger(e *Event, r *rand.Rand) {
	e.Phone = g.number(g.popular(r), r.IntN(1e6))
	e.Device = "d" + strconv.FormatUint(r.Uint64(), 36)
	e.IP = g.homeAddress(r)
	if r.Float64() < behindCarrier {
		e.IP = g.carrierAddress(r.IntN(carriers))
	}
}

// regular is one of the people who have signed in before: always the same number,
// device and address.
func (g *people) regular(e *Event, n int) {
	r := rand.New(rand.NewPCG(uint64(n)*0x9e3779b97f4a7c15+uint64(g.index), 77))
	g.stranger(e, r)
	e.Known = true
}

// answer decides what the person will do with a code.
func (g *people) answer(e *Event) {
	e.Converts = g.r.Float64() < g.converts
	e.After = tidy(18 * math.Exp(.8*g.r.NormFloat64()))
	e.Passes = g.r.Float64() < .97
	if e.Guesses = 0; e.Converts && g.r.Float64() < typo {
		e.Guesses = 1
	}
	if g.bend != nil {
		g.bend(e)
	}
}

func root(u float64) float64 { return math.Sqrt(u) }

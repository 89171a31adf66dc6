package traffic

import (
	"iter"
	"math"
	"slices"
)

// Options are what all scenarios share.
type Options struct {
	Seed        uint64
	CodesPerDay float64 // of real people, 100,000 if it is 0
	WarmUp      int     // days of real people's requests before the scenario
	Requests    int     // of attacks that are bounded by number, 36,000 if it is 0
}

func (o Options) perDay(s Scenario) float64 {
	switch {
	case s.perDay != 0:
		return s.perDay
	case o.CodesPerDay == 0:
		return 100000
	}
	return o.CodesPerDay
}

func (o Options) requests() int {
	if o.Requests == 0 {
		return 36000
	}
	return o.Requests
}

// Scenario is one story: real people, and what befalls them or who attacks.
type Scenario struct {
	Name  string
	About string
	Cold  bool // nothing happened before
	// Guessing says that it is about answers too.
	Guessing bool

	perDay float64 // where it is not the options'
	home   string  // a country of nine in ten of its people
	length func(Options) float64
	before float64 // seconds of real people's requests before it, lead if it is 0
	after  float64 // and after it
	build  func(*plan)
}

// lead is for how long real people are alone before something happens.
const lead = 3600.0

// hour is when a scenario begins, after days of warm-up.
const hour = 11 * 3600.0

// Span are the moments of a scenario, in seconds: when its requests begin, when
// that begins which it is about, and when that and all end.
type Span struct{ Begin, From, To, End float64 }

// Span returns the scenario's moments.
func (s Scenario) Span(o Options) Span {
	begin := hour
	if !s.Cold {
		begin += float64(o.WarmUp) * day
	}
	from := begin + lead
	switch {
	case s.build == nil: // it is about real people alone
		from = begin
	case s.before != 0:
		from = begin + s.before
	}
	to := from + s.length(o)
	return Span{begin, from, to, to + s.after}
}

// plan is a scenario as it is put together.
type plan struct {
	*world
	Options
	Span
	people  []*people
	sources []source
}

// nearRange and nearCountries say which people it is near to.
func (p *plan) nearRange(in string) {
	p.near(func(e *Event) bool { return e.within() == in })
}

func (p *plan) nearCountries(places []*place) {
	for _, g := range p.people {
		if slices.ContainsFunc(places, func(c *place) bool { return c.iso == g.iso }) {
			g.near = func(*Event) bool { return true }
		}
	}
}

func (p *plan) near(is func(*Event) bool) {
	for _, g := range p.people {
		g.near = is
	}
}

type source interface {
	head() *Event // nil at its end
	take() Event
}

// Stream is requests in the order of their time.
type Stream struct{ sources []source }

// All are the requests, once.
func (s *Stream) All() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for src := s.first(); src != nil; src = s.first() {
			if !yield(src.take()) {
				return
			}
		}
	}
}

// first is the source whose request comes next, nil at the end.
func (s *Stream) first() (first source) {
	at := math.Inf(1)
	for _, src := range s.sources {
		if e := src.head(); e != nil && e.T < at {
			first, at = src, e.T
		}
	}
	return first
}

// World is what a scenario's history depends on beside the options: scenarios of
// one World have the same.
func (s Scenario) World(o Options) any {
	return struct {
		perDay float64
		home   string
		cold   bool
	}{o.perDay(s), s.home, s.Cold}
}

// History is the days before the scenario.
func (s Scenario) History(o Options) *Stream {
	if s.Cold || o.WarmUp == 0 {
		return &Stream{}
	}
	return s.planned(o, 0, s.Span(o).Begin).stream()
}

// Stream is the scenario itself.
func (s Scenario) Stream(o Options) *Stream {
	span := s.Span(o)
	p := s.planned(o, span.Begin, span.End)
	p.Span = span
	if s.build != nil {
		s.build(p)
	}
	return p.stream()
}

func (s Scenario) planned(o Options, from, end float64) *plan {
	p := &plan{world: newWorld(o.Seed), Options: o}
	if s.home != "" {
		p.settle(s.home)
	}
	for i := range p.places {
		if p.places[i].share > 0 {
			p.people = append(p.people, newPeople(p.world, &p.places[i], o.perDay(s), from, end))
		}
	}
	return p
}

// settle has nine in ten people live in one country.
func (w *world) settle(iso string) {
	for i := range w.places {
		w.places[i].share *= .1
	}
	w.place(iso).share += .9
}

func (p *plan) stream() *Stream {
	s := &Stream{}
	for _, g := range p.people {
		s.sources = append(s.sources, g)
	}
	s.sources = append(s.sources, p.sources...)
	return s
}

// attack adds one that lasts the scenario.
func (p *plan) attack(a attack) {
	a.r, a.name = p.random("attack", uint64(len(p.sources))), "attack"+string(rune('A'+len(p.sources)))
	if a.at == 0 {
		a.at, a.end = p.From, p.To
	}
	p.sources = append(p.sources, &a)
}

// burst is the length of a bounded number of requests at a rate.
func burst(rate float64) func(Options) float64 {
	return func(o Options) float64 { return math.Ceil(float64(o.requests())/rate) + 60 }
}

func lasting(seconds float64) func(Options) float64 {
	return func(Options) float64 { return seconds }
}

// dear are the countries of S4.
var dear = []string{"UZ", "AZ", "DZ", "TN", "ML", "GP", "NC"}

func (p *plan) costly() (all []*place) {
	for i := range p.places {
		if c := &p.places[i]; c.price >= .03 && c.converts > 0 {
			all = append(all, c)
		}
	}
	return all
}

func (p *plan) named(isos []string) (all []*place) {
	for _, iso := range isos {
		all = append(all, p.place(iso))
	}
	return all
}

// inRange is what S2 and its kin do: who asks, for which range.
func (p *plan) inRange(iso string, fullest bool) func(*Event, int) {
	r, at := p.random("range", 0), p.place(iso)
	in := at.any(r)
	if fullest {
		in = at.ranges[0]
	}
	p.nearRange(in)
	return oneRange(at, in, r, newBots(p.world, r, 20000))
}

func (p *plan) bounded(rate float64, paid bool, strike func(*Event, int)) {
	p.attack(attack{rate: rate, left: p.requests(), strike: strike, paid: paid, at: p.From, end: math.Inf(1)})
}

func (p *plan) steady(rate float64, paid bool, strike func(*Event, int)) {
	p.attack(attack{rate: rate, left: unbounded, strike: strike, paid: paid})
}

// crowd is S8: a hundred sign-ups a second within a minute and a half, less and
// less for half an hour.
func (p *plan) crowd() {
	at := p.place("BR")
	p.nearCountries([]*place{at})
	flash := &people{
		place: at, r: p.random("crowd", 0), rate: 100, most: 1, at: p.From, end: p.From + 1800,
		fresh: true, name: "crowd", near: func(*Event) bool { return true },
		level: func(t float64) float64 {
			if t -= p.From; t < 90 {
				return t / 90
			}
			return math.Exp(-(t - 90) / 775)
		},
	}
	flash.arrive()
	p.sources = append(p.sources, flash)
}

// outage has no code arrive in four of ten ranges of India.
func (p *plan) outage() {
	out := map[string]bool{}
	r, ranges := p.random("outage", 0), p.place("IN").ranges
	for _, i := range r.Perm(len(ranges))[:len(ranges)*4/10] {
		out[ranges[i]] = true
	}
	for _, g := range p.people {
		if g.iso != "IN" {
			continue
		}
		g.near = func(e *Event) bool { return out[e.within()] }
		g.bend = func(e *Event) bool {
			hit := e.T >= p.From && e.T < p.To && out[e.within()]
			e.Converts = e.Converts && !hit
			return hit
		}
	}
}

// silence has no code that is entered heard of.
func (p *plan) silence() {
	p.near(func(*Event) bool { return true })
	for _, g := range p.people {
		g.bend = func(e *Event) bool {
			hit := e.T >= p.From && e.T < p.To
			e.Converts = e.Converts && !hit
			return hit
		}
	}
}

// Scenarios are all there are.
func Scenarios() []Scenario {
	all := []Scenario{
		{Name: "quiet", About: "a day of real people alone", length: lasting(day)},
		{Name: "S6", About: "one number bombed from 500 addresses, one request a second for an hour", length: lasting(3600), after: tail, build: bomb(false)},
		{Name: "S6-known", About: "the same, of somebody who has signed in before", length: lasting(3600), after: tail, build: bomb(true)},
		{Name: "S8", About: "a crowd of 79,000 new people in Brazil within half an hour", length: lasting(1800), after: 2 * 3600, build: (*plan).crowd},
		{Name: "S8+S2", About: "the crowd, while S2 runs in Indonesia", length: lasting(1800), after: 2 * 3600, build: func(p *plan) {
			p.crowd()
			p.bounded(5, false, p.inRange("ID", false))
		}},
		{Name: "S9", About: "two hours in which 40 % of India's ranges get no text", length: lasting(7200), after: tail, build: (*plan).outage},
		{Name: "S12", About: "half an hour in which no used code is heard of", length: lasting(1800), after: tail, build: (*plan).silence},
		{Name: "shop", About: "a week of a small shop: 300 codes a day, nine in ten in Britain", length: lasting(7 * day), perDay: shop, home: "GB"},
		{Name: "fresh", About: "a day of real people, the first ever", length: lasting(day), Cold: true},
		{Name: "fresh-shop", About: "a small shop's first week", length: lasting(7 * day), Cold: true, perDay: shop, home: "GB"},
	}
	for _, paid := range []bool{false, true} {
		all = append(all, attacks(paid)...)
	}
	return all
}

// tail is how long real people are watched after most attacks.
const tail = 4 * 3600.0

// shop is the codes a day of a small shop.
const shop = 300.0

func bomb(known bool) func(*plan) {
	return func(p *plan) {
		r := p.random("bombing", 0)
		p.steady(1, false, bombing(p.place("DE"), r, known, newBots(p.world, r, 500)))
	}
}

// attacks are those that come in two strengths: by who fails a step-up, and by who
// pays to pass it.
func attacks(paid bool) []Scenario {
	suffix, passing := "", ""
	if paid {
		suffix, passing = "-paid", ", passing step-ups"
	}
	var all []Scenario
	add := func(s Scenario) {
		s.Name, s.About = s.Name+suffix, s.About+passing
		if s.after == 0 {
			s.after = tail
		}
		all = append(all, s)
	}
	s2 := func(p *plan) { p.bounded(5, paid, p.inRange("ID", false)) }
	s2Home := func(p *plan) { p.bounded(5, paid, p.inRange("GB", false)) }
	s4 := func(p *plan) {
		r := p.random("dear", 0)
		p.nearCountries(p.named(dear))
		p.bounded(20, paid, spread(p.named(dear), r, newBots(p.world, r, 20000)))
	}
	slow := func(rate float64) func(*plan) {
		return func(p *plan) {
			r := p.random("slow", 0)
			p.nearCountries(p.costly())
			p.steady(rate, paid, spread(p.costly(), r, newBots(p.world, r, 50000)))
		}
	}
	fake := func(part float64) func(*plan) {
		return func(p *plan) {
			p.bounded(5, paid, faking(part, p.random("faking", 0), p.inRange("ID", false)))
		}
	}
	add(Scenario{Name: "S1", About: "36,000 numbers of four blocks one after the other, from one address", length: burst(5), build: func(p *plan) {
		r, at := p.random("range", 0), p.place("ID")
		in := at.any(r)
		p.nearRange(in)
		p.bounded(5, paid, sequence(at, in, r))
	}})
	add(Scenario{Name: "S2", About: "a botnet on one range, five a second", length: burst(5), build: s2})
	add(Scenario{Name: "S2-nat", About: "S2 from the addresses that the country's carriers hide their people behind", length: burst(5), build: func(p *plan) {
		p.bounded(5, paid, fromCarriers(p.named([]string{"ID"}), p.random("carriers", 0), p.inRange("ID", false)))
	}})
	add(Scenario{Name: "S3-0.025", About: "slow, over thirteen countries, 0.025 a second for twelve hours", length: lasting(12 * 3600), build: slow(.025)})
	add(Scenario{Name: "S3-0.05", About: "slow, 0.05 a second", length: lasting(12 * 3600), build: slow(.05)})
	add(Scenario{Name: "S3-0.25", About: "slow, 0.25 a second", length: lasting(12 * 3600), build: slow(.25)})
	add(Scenario{Name: "S3-0.5", About: "slow, 0.5 a second", length: lasting(12 * 3600), build: slow(.5)})
	add(Scenario{Name: "S3-nat", About: "slow, 0.25 a second, from the addresses that carriers hide people behind", length: lasting(12 * 3600), build: func(p *plan) {
		r := p.random("slow", 0)
		p.nearCountries(p.costly())
		p.steady(.25, paid, fromCarriers(p.costly(), p.random("carriers", 0), spread(p.costly(), r, newBots(p.world, r, 1))))
	}})
	add(Scenario{Name: "S3m", About: "slow, 0.5 a second, countries and ranges as real people's", length: lasting(12 * 3600), build: func(p *plan) {
		r := p.random("slow", 0)
		p.near(func(*Event) bool { return true })
		p.steady(.5, paid, mimic(p.places, r, newBots(p.world, r, 50000)))
	}})
	add(Scenario{Name: "S4", About: "seven dear countries, twenty a second", length: burst(20), build: s4})
	add(Scenario{Name: "S5-10", About: "S2 with 10 % of the codes entered", length: burst(5), build: fake(.10)})
	add(Scenario{Name: "S5-20", About: "S2 with 20 % of the codes entered", length: burst(5), build: fake(.20)})
	add(Scenario{Name: "S5-30", About: "S2 with 30 % of the codes entered", length: burst(5), build: fake(.30)})
	add(Scenario{Name: "S5-warm", About: "S2 with 2 % entered, after a day at a tenth of the pace with 80 %", before: day, length: burst(5), build: func(p *plan) {
		p.bounded(5, paid, faking(.02, p.random("faking", 0), p.inRange("ID", false)))
		p.attack(attack{
			rate: .5, left: unbounded, paid: paid, at: p.From - day, end: p.From,
			strike: faking(.80, p.random("faking", 1), p.inRange("ID", false)),
		})
	}})
	add(Scenario{Name: "S7", About: "codes of 100,000 known numbers asked for, ten a second, and each guessed at five times", length: lasting(3600), Guessing: true, build: func(p *plan) {
		r := p.random("guessing", 0)
		p.steady(10, paid, guessing(p.world, r, newBots(p.world, r, 10000)))
	}})
	add(Scenario{Name: "S10", About: "S2 into the range with the most real people", length: burst(5), build: func(p *plan) {
		p.bounded(5, paid, p.inRange("ID", true))
	}})
	add(Scenario{Name: "S11", About: "S2 from ten million IPv6 networks", length: burst(5), build: func(p *plan) {
		p.bounded(5, paid, fromSubnets(p.random("subnets", 0), p.inRange("ID", false)))
	}})
	add(Scenario{Name: "shop-S2", About: "S2 against a small shop", length: burst(5), perDay: shop, home: "GB", build: s2})
	add(Scenario{Name: "shop-S2-home", About: "S2 against a small shop, in its own country", length: burst(5), perDay: shop, home: "GB", build: s2Home})
	add(Scenario{Name: "shop-S3", About: "slow, 0.05 a second, against a small shop", length: lasting(12 * 3600), perDay: shop, home: "GB", build: slow(.05)})
	add(Scenario{Name: "shop-S4", About: "S4 against a small shop", length: burst(20), perDay: shop, home: "GB", build: s4})
	add(Scenario{Name: "fresh-S2", About: "S2 in the second hour of a new installation", length: burst(5), Cold: true, build: s2})
	add(Scenario{Name: "fresh-S3", About: "slow, 0.25 a second, from the second hour of a new installation", length: lasting(12 * 3600), Cold: true, build: slow(.25)})
	add(Scenario{Name: "fresh-S4", About: "S4 in the second hour of a new installation", length: burst(20), Cold: true, build: s4})
	return all
}

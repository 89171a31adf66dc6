package capacity

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Load is who asks. With Workers the loop is closed: each begins a flow when his last one
// has ended and he has thought. Else flows begin by chance, so many a second, whatever
// becomes of them.
type Load struct {
	Workers int
	Think   float64 // ms
	Rate    float64 // flows a second

	Flows int // how many are looked at, after a tenth as many that are not
	Seed  uint64
}

// Result is what the simulation saw.
type Result struct {
	PerSecond           float64
	Mean, P50, P99      float64   // of a flow from its begin to its end, ms
	InFlight            float64   // flows on their way, on average over time
	Busy                []float64 // processors of each machine that were busy
	Nodes, Database     float64   // processors that all nodes kept busy, and the database
	Connections         float64   // of all nodes, in use on average
	ConnectionWait      float64   // for one, ms a flow
	RowWait, CommitWait float64   // for a shared row, and for the log to be written, ms a flow
	Together            float64   // commits that one write of the log took along
}

// Simulate plays the load on the plant. The same arguments have the same result.
func Simulate(f Flow, p Plant, l Load) (Result, error) {
	if err := cmp.Or(f.check(), p.check()); err != nil {
		return Result{}, err
	}
	s := newSim(f, p, l)
	s.run()
	return s.result(), nil
}

// sim is one play. Time is in milliseconds.
type sim struct {
	flow  Flow
	plant Plant
	load  Load
	rng   *rand.Rand

	now    float64
	events events
	seq    int

	machines []*station
	pools    []*station // the connections of each node
	present  []int      // flows at each node
	rows     []*station
	log      flusher

	nodes, database float64 // processor time that they have used, ms
	begun, ended    int
	since           float64 // when what is looked at began
	inFlight        gauge
	took            []float64
}

// gauge sums a number over time.
type gauge struct{ n, at, sum float64 }

func (g *gauge) add(n, now float64) {
	g.sum += g.n * (now - g.at)
	g.n, g.at = g.n+n, now
}

func (g *gauge) reset(now float64) { g.sum, g.at = 0, now }

// station has so many places, and a queue in the order of arrival.
type station struct {
	places int
	slower float64 // by how much what is done here takes longer than its time
	busy   gauge
	queue  []*job
	waited float64 // by all, in the queue
}

// flusher makes commits durable: one write takes along all who waited when it began.
type flusher struct {
	writing, waiting []*job
	writes, commits  int
	waited           float64 // by all, for it to be durable
}

// job is a flow on its way.
type job struct {
	node  int
	steps []step
	next  int
	began float64
	asked float64 // since when it waits for a place
}

type kind int

const (
	serve kind = iota // work at a station
	pause             // time that nobody else takes part in
	take              // a place at a station, until it is given back
	give
	commit // until the log is written
)

type step struct {
	kind kind
	at   *station
	mean float64
	of   *float64 // whose work it is, which this sums; nil: nobody's who is asked about
}

type event struct {
	at  float64
	seq int // of two at once, the one that was made first
	do  func()
}

// events are a heap, what comes next on its top.
type events []event

func (e events) before(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}

func (e *events) push(x event) {
	*e = append(*e, x)
	h := *e
	for i := len(h) - 1; i > 0 && h.before(i, (i-1)/2); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
}

func (e *events) pop() event {
	h := *e
	top, last := h[0], len(h)-1
	h[0], h[last] = h[last], event{}
	h = h[:last]
	*e = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h.before(child, least) {
				least = child
			}
		}
		if least == i {
			return top
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

func newSim(f Flow, p Plant, l Load) *sim {
	s := &sim{flow: f, plant: p, load: l, rng: rand.New(rand.NewPCG(l.Seed, 1))}
	for m, cores := range p.Cores {
		s.machines = append(s.machines, &station{places: cores, slower: 1 / (1 - p.idle(m)/float64(cores))})
	}
	for range p.Nodes {
		s.pools = append(s.pools, &station{places: p.Connections})
	}
	s.present = make([]int, len(p.Nodes))
	for range p.Rows {
		s.rows = append(s.rows, &station{places: 1})
	}
	return s
}

func (s *sim) after(ms float64, do func()) {
	s.seq++
	s.events.push(event{s.now + ms, s.seq, do})
}

func (s *sim) run() {
	if s.load.Workers == 0 {
		s.arrive()
	}
	for range s.load.Workers {
		s.after(s.chance(s.load.Think), s.begin)
	}
	warm := s.load.Flows / 10
	for looking := false; s.ended < warm+s.load.Flows; {
		if !looking && s.ended >= warm {
			looking = true
			s.forget()
		}
		e := s.events.pop()
		s.now = e.at
		e.do()
	}
}

// forget begins to look.
func (s *sim) forget() {
	s.since, s.took, s.nodes, s.database = s.now, nil, 0, 0
	s.inFlight.reset(s.now)
	for _, all := range [][]*station{s.machines, s.pools, s.rows} {
		for _, a := range all {
			a.busy.add(0, s.now)
			a.busy.reset(s.now)
			a.waited = 0
		}
	}
	s.log.writes, s.log.commits, s.log.waited = 0, 0, 0
}

// chance is a time of the mean, exponentially spread.
func (s *sim) chance(mean float64) float64 { return mean * s.rng.ExpFloat64() }

// arrive is the open loop: one begins, and the next is on his way.
func (s *sim) arrive() {
	s.after(s.chance(1000/s.load.Rate), func() { s.begin(); s.arrive() })
}

// begin begins a flow at the next node.
func (s *sim) begin() {
	j := &job{node: s.begun % len(s.pools), began: s.now}
	s.begun++
	s.present[j.node]++
	j.steps = s.script(j.node)
	s.inFlight.add(1, s.now)
	s.advance(j)
}

// end ends a flow, and lets its worker begin another.
func (s *sim) end(j *job) {
	s.ended++
	s.present[j.node]--
	s.inFlight.add(-1, s.now)
	s.took = append(s.took, s.now-j.began)
	if s.load.Workers > 0 {
		s.after(s.chance(s.load.Think), s.begin)
	}
}

// script is what a flow does at a node. Its round trips are spread evenly over its
// transactions, and what a node does but sign evenly around those.
func (s *sim) script(node int) (all []step) {
	f := s.flow.among(float64(s.present[node]))
	computer, database, pool := s.machines[s.plant.Nodes[node]], s.machines[s.plant.Database], s.pools[node]
	add := func(k kind, at *station, mean float64, of *float64) {
		if k == take || k == give || k == commit || mean > 0 {
			all = append(all, step{k, at, mean, of})
		}
	}
	driver := func(mean float64) {
		if s.plant.Driver != Elsewhere {
			add(serve, s.machines[s.plant.Driver], mean, nil)
		}
	}
	share := (f.Node - f.Signing) / (f.Commits + f.RoundTrips)
	driver(f.Driver / 2)
	for range s.whole(f.Commits) {
		add(serve, computer, share, &s.nodes)
		add(take, pool, 0, nil)
		var row *station
		if s.rng.Float64() < f.Shared/f.Commits {
			row = s.rows[s.rng.IntN(len(s.rows))]
			add(take, row, 0, nil)
		}
		for range s.whole(f.RoundTrips / f.Commits) {
			add(pause, nil, s.plant.Link, nil)
			add(serve, database, f.Database/f.RoundTrips, &s.database)
			add(serve, computer, share, &s.nodes)
		}
		add(commit, nil, 0, nil)
		if row != nil {
			add(give, row, 0, nil)
		}
		add(give, pool, 0, nil)
	}
	add(serve, computer, f.Signing, &s.nodes)
	driver(f.Driver / 2)
	return all
}

// whole is a number that is n on average.
func (s *sim) whole(n float64) int {
	least := math.Floor(n)
	if s.rng.Float64() < n-least {
		least++
	}
	return int(least)
}

// advance takes the job on to where it must wait.
func (s *sim) advance(j *job) {
	for j.next < len(j.steps) {
		step := j.steps[j.next]
		j.next++
		switch step.kind {
		case serve, take:
			j.asked = s.now
			if !s.enter(step.at, j) {
				return // leave calls, when its turn comes
			}
			if step.kind == serve {
				s.work(step, j)
				return
			}
		case pause:
			s.after(s.chance(step.mean), func() { s.advance(j) })
			return
		case give:
			s.leave(step.at)
		case commit:
			j.asked = s.now
			s.log.waiting = append(s.log.waiting, j)
			if s.log.writing == nil {
				s.write()
			}
			return
		}
	}
	s.end(j)
}

// enter takes a place if there is one, and a place in the queue if not.
func (s *sim) enter(at *station, j *job) bool {
	if int(at.busy.n) == at.places {
		at.queue = append(at.queue, j)
		return false
	}
	at.busy.add(1, s.now)
	return true
}

// leave gives a place to who waits longest.
func (s *sim) leave(at *station) {
	if len(at.queue) == 0 {
		at.busy.add(-1, s.now)
		return
	}
	j := at.queue[0]
	at.queue = at.queue[1:]
	at.waited += s.now - j.asked
	if step := j.steps[j.next-1]; step.kind == serve {
		s.work(step, j)
		return
	}
	s.after(0, func() { s.advance(j) })
}

func (s *sim) work(step step, j *job) {
	took := s.chance(step.mean)
	if step.of != nil {
		*step.of += took
	}
	s.after(took*step.at.slower, func() {
		s.leave(step.at)
		s.advance(j)
	})
}

// write makes durable what waits.
func (s *sim) write() {
	log := &s.log
	log.writing, log.waiting = log.waiting, nil
	log.writes++
	log.commits += len(log.writing)
	s.after(s.plant.Flush, func() {
		done := log.writing
		log.writing = nil
		if len(log.waiting) > 0 {
			s.write()
		}
		for _, j := range done {
			log.waited += s.now - j.asked
			s.advance(j)
		}
	})
}

func (s *sim) result() Result {
	span, flows := s.now-s.since, float64(len(s.took))
	slices.Sort(s.took)
	var sum float64
	for _, ms := range s.took {
		sum += ms
	}
	over := func(g gauge) float64 {
		g.add(0, s.now)
		return g.sum / span
	}
	r := Result{
		PerSecond: flows / span * 1000, Mean: sum / flows, P50: s.took[int(flows/2)], P99: s.took[int(flows*0.99)],
		InFlight: over(s.inFlight), Together: float64(s.log.commits) / float64(max(1, s.log.writes)),
		CommitWait: s.log.waited / flows,
		Nodes:      s.nodes/span + s.plant.IdleNode/1000*float64(len(s.pools)),
		Database:   s.database/span + s.plant.IdleDatabase/1000*float64(len(s.pools)),
	}
	for m, station := range s.machines {
		idle := s.plant.idle(m)
		r.Busy = append(r.Busy, over(station.busy)*(1-idle/float64(station.places))+idle)
	}
	for _, pool := range s.pools {
		r.Connections += over(pool.busy)
		r.ConnectionWait += pool.waited / flows
	}
	for _, row := range s.rows {
		r.RowWait += row.waited / flows
	}
	return r
}

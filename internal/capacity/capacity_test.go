package capacity

import (
	"math"
	"reflect"
	"slices"
	"testing"
)

const seen = 8_000

func play(t *testing.T, f Flow, p Plant, l Load) Result {
	t.Helper()
	if l.Flows == 0 {
		l.Flows = seen
	}
	r, err := Simulate(f, p, l)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// near fails unless got is want, within a share of it that many runs keep to.
func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within*want {
		t.Errorf("%s is %.4g, not %.4g", what, got, want)
	}
}

// signing takes one visit to a node of one processor and nothing else that takes time.
var signing = Flow{Node: 2, Signing: 2, Commits: 1, RoundTrips: 1}

// typical is near what a sign-in was measured to take.
var typical = Flow{Node: 2, Signing: 0.6, Database: 1, Commits: 3, RoundTrips: 12, Log: 8192}

func single(cores int) Plant { return Apart(1, cores, 1) }

func TestSimulate_OneProcessor_IsMM1(t *testing.T) {
	t.Parallel()
	for _, busy := range []float64{0.3, 0.7, 0.85} {
		r := play(t, signing, single(1), Load{Rate: busy * 500, Flows: 20 * seen})
		near(t, "the time of a flow", r.Mean, 2/(1-busy), 0.06)
		near(t, "the median", r.P50, 2/(1-busy)*math.Ln2, 0.06)
		near(t, "what is busy", r.Busy[1], busy, 0.02)
	}
}

func TestSimulate_ManyProcessors_IsErlangsC(t *testing.T) {
	t.Parallel()
	const cores, offered = 4, 3.2
	// The chance to wait, by the sums of Erlang's formula.
	sum, term := 0.0, 1.0
	for k := range cores {
		sum += term
		term *= offered / float64(k+1)
	}
	waits := term / (1 - offered/cores) / (sum + term/(1-offered/cores))
	r := play(t, signing, single(cores), Load{Rate: offered * 500, Flows: 5 * seen})
	near(t, "the time of a flow", r.Mean, 2+waits*2/(cores-offered), 0.05)
}

// Workers who think and one processor are the machines and the mechanic of the textbook.
func TestSimulate_AClosedLoop_IsTheMachineRepairman(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 5, 12} {
		const think, service = 10.0, 2.0
		sum, term := 0.0, 1.0 // of workers!/(workers-k)! (service/think)^k
		for k := range workers + 1 {
			sum += term
			term *= float64(workers-k) * service / think
		}
		idle := 1 / sum
		r := play(t, signing, single(1), Load{Workers: workers, Think: think})
		near(t, "flows a second", r.PerSecond, (1-idle)/service*1000, 0.02)
	}
}

// Where nobody holds what others wait for, the network has a product form, and mean
// value analysis solves it exactly.
func TestSimulate_ANetworkOfStations_IsWhatMeanValuesSay(t *testing.T) {
	t.Parallel()
	f := Flow{Node: 2, Signing: 0.5, Database: 1.5, Driver: 1, Commits: 2, RoundTrips: 6}
	p := Plant{Cores: []int{1, 1, 1}, Nodes: []int{0}, Database: 1, Driver: 2, Connections: 1000, Link: 0.4, Rows: 1}
	for _, workers := range []int{1, 4, 20} {
		demands, pauses := []float64{2, 1.5, 1}, 6*0.4
		waiting := make([]float64, len(demands))
		var perMs float64
		for n := 1; n <= workers; n++ {
			total := pauses
			for i, d := range demands {
				waiting[i] = d * (1 + waiting[i])
				total += waiting[i]
			}
			perMs = float64(n) / total
			for i := range waiting {
				waiting[i] *= perMs
			}
		}
		near(t, "flows a second", play(t, f, p, Load{Workers: workers}).PerSecond, perMs*1000, 0.02)
	}
}

// Commits that wait together share a write: however many there are, each waits for the
// one that is under way and its own.
func TestSimulate_CommitsShareTheLog(t *testing.T) {
	t.Parallel()
	f := Flow{Node: 0.001, Commits: 1, RoundTrips: 1}
	p := Apart(1, 64, 64)
	p.Connections, p.Flush = 1000, 5
	near(t, "a lone worker's flows a second", play(t, f, p, Load{Workers: 1}).PerSecond, 200, 0.01)
	// While one half's commits are written the other half comes too late for them.
	r := play(t, f, p, Load{Workers: 400})
	near(t, "flows a second of 400", r.PerSecond, 200*200, 0.02)
	near(t, "the commits of one write", r.Together, 200, 0.02)
	r = play(t, f, p, Load{Rate: 20_000})
	near(t, "the wait for a commit", r.CommitWait, 7.5, 0.02)
}

func TestSimulate_LittlesLaw(t *testing.T) {
	t.Parallel()
	p := Apart(3, 2, 2)
	p.Link, p.Flush = 0.3, 0.5
	shared := typical
	shared.Shared = 0.2
	for _, l := range []Load{{Rate: 300}, {Rate: 700}, {Workers: 1}, {Workers: 64}, {Workers: 500, Think: 300}} {
		r := play(t, shared, p, l)
		near(t, "flows on their way", r.InFlight, r.PerSecond*r.Mean/1000, 0.02)
		if l.Think == 0 && l.Workers > 0 {
			near(t, "flows of busy workers", r.InFlight, float64(l.Workers), 1e-6)
		}
		var busy float64
		for _, b := range r.Busy {
			busy += b
		}
		near(t, "what is busy", busy, r.PerSecond*3/1000, 0.02)
		near(t, "what nodes and database keep busy", r.Nodes+r.Database, busy, 0.02)
	}
}

// What is full at a limit is what the limit says, and the limit is not passed.
func TestLimits_AreReachedAndNotPassed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want   string
		change func(*Flow, *Plant)
	}{
		{"processors of the nodes", func(*Flow, *Plant) {}},
		{"processors of the nodes", func(_ *Flow, p *Plant) { p.IdleNode = 800 }},
		{"processors of the database", func(f *Flow, _ *Plant) { f.Database = 5 }},
		{"connections to the database", func(_ *Flow, p *Plant) { p.Connections = 1 }},
		{"rows that all write", func(f *Flow, _ *Plant) { f.Shared = 1 }},
	} {
		f, p := typical, Apart(2, 1, 4)
		p.Link, p.Flush = 0.3, 0.5
		c.change(&f, &p)
		limits, err := Limits(f, p)
		if err != nil {
			t.Fatal(err)
		}
		if limits[0].Of != c.want {
			t.Errorf("the first limit is %+v, not %s", limits[0], c.want)
		}
		// Who waits for nothing else reaches it. Rows and connections are held while
		// others are waited for as well, so they are reached a little before.
		r := play(t, f, p, Load{Workers: 200, Flows: seen / 2})
		if r.PerSecond > limits[0].PerSecond*1.02 || r.PerSecond < limits[0].PerSecond*0.85 {
			t.Errorf("%s: %.0f a second are done, the limit is %.0f", c.want, r.PerSecond, limits[0].PerSecond)
		}
	}
}

func TestSimulate_MoreOfAnythingIsNeverLess(t *testing.T) {
	t.Parallel()
	base := func() (Flow, Plant) {
		p := Apart(2, 2, 2)
		p.Link, p.Flush, p.Connections = 0.5, 1, 6
		f := typical
		f.Shared = 0.1
		return f, p
	}
	do := func(change func(f *Flow, p *Plant)) float64 {
		f, p := base()
		change(&f, &p)
		return play(t, f, p, Load{Workers: 64, Flows: seen / 2}).PerSecond
	}
	plain := do(func(*Flow, *Plant) {})
	for what, change := range map[string]func(f *Flow, p *Plant){
		"nodes":       func(_ *Flow, p *Plant) { p.Cores, p.Nodes = append(p.Cores, 2), append(p.Nodes, 3) },
		"cores":       func(_ *Flow, p *Plant) { p.Cores = []int{2, 4, 4} },
		"connections": func(_ *Flow, p *Plant) { p.Connections = 60 },
		"link":        func(_ *Flow, p *Plant) { p.Link = 0.1 },
		"flush":       func(_ *Flow, p *Plant) { p.Flush = 0.1 },
		"rows":        func(_ *Flow, p *Plant) { p.Rows = 20 },
		"costs":       func(f *Flow, _ *Plant) { f.Node, f.Database = 1, 0.5 },
	} {
		if got := do(change); got < 0.98*plain {
			t.Errorf("with better %s %.0f flows a second are done, without %.0f", what, got, plain)
		}
	}
	before := 0.0
	for _, workers := range []int{1, 2, 4, 8, 16, 32, 64, 128} {
		f, p := base()
		got := play(t, f, p, Load{Workers: workers, Flows: seen / 2}).PerSecond
		if got < 0.98*before {
			t.Errorf("%d workers do %.0f a second, half of them %.0f", workers, got, before)
		}
		before = got
	}
}

// What is done for all who are there is shared: it counts among few and hardly among many.
func TestSimulate_ACrowdSharesWhatIsDoneForAll(t *testing.T) {
	t.Parallel()
	f := Crowd(Flow{Node: 4, Database: 2, Commits: 1, RoundTrips: 1}, Flow{Node: 2, Database: 1, Commits: 1, RoundTrips: 1}, 5)
	if alone, five := f.among(1), f.among(5); alone.Node != 4 || alone.Database != 2 || five.Node != 2 || five.Database != 1 {
		t.Errorf("alone he takes %+v, one of five %+v", alone, five)
	}
	p := Apart(1, 1, 100)
	near(t, "a lone worker's flows a second", play(t, f, p, Load{Workers: 1}).PerSecond, 1000.0/6, 0.03)
	near(t, "flows a second of many", play(t, f, p, Load{Workers: 200}).PerSecond, 1000/f.among(200).Node, 0.03)
}

func TestSimulate_TheSameSeed_IsTheSamePlay(t *testing.T) {
	t.Parallel()
	p := Together(3, 2)
	p.Link, p.Flush = 0.1, 0.2
	one := play(t, typical, p, Load{Workers: 8, Flows: 2000, Seed: 7})
	if two := play(t, typical, p, Load{Workers: 8, Flows: 2000, Seed: 7}); !reflect.DeepEqual(one, two) {
		t.Errorf("%+v, and then %+v", one, two)
	}
	if other := play(t, typical, p, Load{Workers: 8, Flows: 2000, Seed: 8}); reflect.DeepEqual(one, other) {
		t.Error("another seed is the same play")
	}
}

func TestFlowsAndPlantsThatCannotBe_AreRefused(t *testing.T) {
	bad := []func(*Flow, *Plant){
		func(f *Flow, _ *Plant) { f.Node = 0 }, func(f *Flow, _ *Plant) { f.Commits = 0 },
		func(f *Flow, _ *Plant) { f.RoundTrips = 1 }, func(f *Flow, _ *Plant) { f.Signing = 9 },
		func(f *Flow, _ *Plant) { f.Shared = 4 }, func(f *Flow, _ *Plant) { f.Database = -1 },
		func(_ *Flow, p *Plant) { p.Nodes = nil }, func(_ *Flow, p *Plant) { p.Connections = 0 },
		func(_ *Flow, p *Plant) { p.Link = -1 }, func(_ *Flow, p *Plant) { p.IdleNode = 2000 },
	}
	for i, change := range bad {
		f, p := typical, Apart(2, 2, 2)
		change(&f, &p)
		if _, err := Simulate(f, p, Load{Workers: 1, Flows: 10}); err == nil {
			t.Errorf("number %d is played", i)
		}
		if _, err := Limits(f, p); err == nil {
			t.Errorf("number %d has limits", i)
		}
	}
	if all, err := Limits(typical, Together(3, 2)); err != nil || !slices.ContainsFunc(all, func(l Limit) bool { return l.Of == "processors of the nodes, the database, those who ask" }) {
		t.Errorf("%+v, %v", all, err)
	}
}

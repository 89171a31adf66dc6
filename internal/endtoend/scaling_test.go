package endtoend

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/capacity"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
)

var scalingFlows = flag.Int("scaling", 0, "how many sign-ins TestScalingFigures drives for each line; without it, a few for it to be tried")

// TestScalingFigures measures what a sign-in takes of one node on PostgreSQL, lets the
// model foretell from that alone what two and three nodes do and other numbers of workers,
// and prints it beside what they did: all on the two processors here, which nodes,
// database and workers share.
func TestScalingFigures(t *testing.T) {
	flows, most, crowds := *scalingFlows, 3, []int{8, 32, 64}
	if flows == 0 {
		t.Parallel()
		flows, most, crowds = 40, 2, []int{4}
	}
	rig := newRig(t, most, crowds[len(crowds)-1])
	rig.drive(1, crowds[0], flows/4+1) // connections, statements and caches
	many := crowds[len(crowds)/2]
	alone, crowded := rig.costs(many, flows)
	for n := range rig.nodes {
		rig.drive(n+1, crowds[len(crowds)-1], flows/4+1)
	}
	type run struct {
		nodes, workers int
		spent
	}
	var runs []run
	for nodes := 1; nodes <= most; nodes++ {
		for _, workers := range crowds {
			runs = append(runs, run{nodes, workers, rig.drive(nodes, workers, flows)})
		}
	}
	// Once more, since a machine is not as quick in one minute as in the next.
	last := rig.flow(rig.drive(1, many, flows))
	for cost, again := range map[*float64]float64{&crowded.Node: last.Node, &crowded.Database: last.Database, &crowded.Driver: last.Driver} {
		*cost = (*cost + again) / 2
	}
	costs := capacity.Crowd(alone, crowded, many)
	t.Logf("| one node, %d workers | a sign-in |", many)
	t.Log("|---|---|")
	for _, line := range []struct {
		what  string
		value string
	}{
		{"processor time of the node, of many at once", ms64(costs.Node)},
		{"the same, of one alone", ms64(costs.NodeAlone)},
		{"processor time of the database, of many at once", ms64(costs.Database)},
		{"the same, of one alone", ms64(costs.DatabaseAlone)},
		{"processor time of those who ask, and of the kernel for all", ms64(costs.Driver)},
		{"commits", fmt.Sprintf("%.2f", costs.Commits)},
		{"round trips to the database", fmt.Sprintf("%.1f", costs.RoundTrips)},
		{"write-ahead log", fmt.Sprintf("%.1f KiB", costs.Log/1024)},
		{"stays in the database", fmt.Sprintf("%.1f KiB", rig.grown/1024)},
		{"one write of the log", ms64(rig.plant.Flush)},
		{"processor time of an idle node, a second", ms64(rig.plant.IdleNode)},
		{"of the database for each idle node, a second", ms64(rig.plant.IdleDatabase)},
	} {
		t.Logf("| %s | %s |", line.what, line.value)
	}
	t.Log("| nodes | workers | foretold | measured | error | nodes' processors: foretold | measured | database's: foretold | measured | all: foretold | measured |")
	t.Log("|---|---|---|---|---|---|---|---|---|---|---|")
	for _, got := range runs {
		want := rig.foretell(costs, got.nodes, got.workers)
		t.Logf("| %d | %d | %.0f/s | %.0f/s | %+.0f %% | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f |", got.nodes, got.workers, want.PerSecond, got.perSecond,
			100*(want.PerSecond/got.perSecond-1), want.Nodes, got.busyNodes, want.Database, got.busyDatabase, want.Busy[0], got.busy)
	}
}

func ms64(ms float64) string { return fmt.Sprintf("%.2f ms", ms) }

// rig is nodes on one cluster, and people who sign in.
type rig struct {
	*testing.T
	cluster *pgtest.Cluster
	site    *site
	nodes   []*node
	doors   []*crowd       // the same people, at each node
	plant   capacity.Plant // but for its nodes
	grown   float64        // bytes that the database has grown, a sign-in
}

func newRig(t *testing.T, nodes, people int) *rig {
	r := &rig{T: t, cluster: pgtest.Start(t, pgtest.Options{Settings: map[string]string{"track_wal_io_timing": "on", "shared_buffers": "256MB"}})}
	r.cluster.SQL(t, "postgres", "create database "+database)
	desk, free := newDesk(t), make(chan string, people)
	r.site = onPostgres(t, r.cluster.DSN(database), "BELLHOP_LIMITS=off", "BELLHOP_SMS=webhook:"+desk.url)
	r.site.makePool()
	r.nodes = r.site.more(nodes - 1)
	for range r.nodes {
		by := &http.Client{Transport: loopback(people)}
		t.Cleanup(by.CloseIdleConnections)
		r.doors = append(r.doors, &crowd{s: r.site, desk: desk, free: free, http: by, answers: by})
	}
	r.start(0)
	ctx, sdk := bounded(t, time.Minute), r.site.sdk()
	for range people {
		number := newNumber()
		if _, err := sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{
			UserPoolId: &r.site.pool, Username: &number, MessageAction: "SUPPRESS",
		}); err != nil {
			t.Fatal(err)
		}
		free <- number
	}
	t.Cleanup(func() {
		for _, n := range r.nodes {
			if n.cmd != nil {
				n.stop()
			}
		}
	})
	return r
}

// start starts a node and waits until it has nothing to do: a new database has keys to
// be made for.
func (r *rig) start(i int) {
	r.Helper()
	n := r.nodes[i]
	n.start()
	r.doors[i].url.Store(n.base())
	const look = time.Second
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		before := n.cpu()
		<-time.After(look) // in which nobody asks
		if n.cpu()-before <= look/50 {
			return
		}
	}
	r.Fatal("a node that nobody asks is busy for a minute")
}

// spent is what was used between two looks.
type spent struct {
	perSecond                     float64
	node, database, driver        float64 // ms a flow
	busyNodes, busyDatabase, busy float64 // processors, and of all of the machine
	log                           float64 // bytes a flow
}

// drive has so many workers sign in at so many nodes, in turn.
func (r *rig) drive(nodes, workers, flows int) spent {
	r.Helper()
	for i, n := range r.nodes[:nodes] {
		if n.cmd == nil {
			r.start(i)
		}
	}
	ctx := bounded(r, 10*time.Minute)
	var begun atomic.Int64
	serving := r.nodes[:nodes]
	node, db, machine, log, began := cpu(serving), r.cluster.CPU(r), machineCPU(r), r.logged(), time.Now()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for {
				i := begun.Add(1) - 1
				if i >= int64(flows) {
					return
				}
				if err := r.doors[i%int64(nodes)].signIn(ctx); err != nil {
					r.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began).Seconds()
	node, db, machine = cpu(serving)-node, r.cluster.CPU(r)-db, machineCPU(r)-machine
	if r.Failed() {
		r.FailNow()
	}
	each := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(flows) }
	return spent{
		perSecond: float64(flows) / took, node: each(node), database: each(db), driver: each(machine - node - db),
		busyNodes: node.Seconds() / took, busyDatabase: db.Seconds() / took, busy: machine.Seconds() / took, log: float64(r.logged()-log) / float64(flows),
	}
}

// machineCPU is what the machine's processors have not been idle so far: what is neither
// the nodes' nor the database's is that of those who ask, and of the kernel for all.
func machineCPU(tb testing.TB) time.Duration {
	tb.Helper()
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		tb.Fatal(err)
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	var ticks int
	for i, field := range strings.Fields(line)[1:] {
		n, err := strconv.Atoi(field)
		if err != nil {
			tb.Fatal(err)
		}
		if i != 3 && i != 4 && i < 8 { // idle, waiting for the disk; guests are users already
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// costs are what a flow takes of one node, of one alone and of many workers. What a node
// and the database take when nobody asks, and the disk for a write, is the plant's from
// then on.
func (r *rig) costs(workers, flows int) (one, many capacity.Flow) {
	r.Helper()
	idle := time.Duration(min(flows, 600)) * 5 * time.Millisecond
	node, db := cpu(r.nodes[:1]), r.cluster.CPU(r)
	<-time.After(idle) // what it takes to do nothing
	r.plant.IdleNode = (cpu(r.nodes[:1]) - node).Seconds() * 1000 / idle.Seconds()
	// Of a server process that ends meanwhile some milliseconds are not counted any more.
	r.plant.IdleDatabase = max(0, (r.cluster.CPU(r)-db).Seconds()*1000/idle.Seconds())

	size := r.size()
	many = r.flow(r.drive(1, workers, flows))
	r.grown = float64(r.size()-size) / float64(flows)
	one = r.flow(r.drive(1, 1, flows/4))
	many.Commits, many.RoundTrips = r.count(flows/8 + 1)
	many.Signing = many.Node / 3 // about; what matters of it is that no connection is held meanwhile
	r.plant.Flush = r.flush()
	return one, many
}

// flow is what was spent, but for what is done in any case.
func (r *rig) flow(s spent) capacity.Flow {
	return capacity.Flow{
		Node:     s.node - r.plant.IdleNode/s.perSecond,
		Database: s.database - r.plant.IdleDatabase/s.perSecond,
		Driver:   s.driver, Log: s.log,
	}
}

// count is how many commits and round trips a flow makes of one worker, by way of a proxy.
func (r *rig) count(flows int) (commits, trips float64) {
	r.Helper()
	proxy := pgtest.NewProxy(r, r.cluster)
	direct := r.nodes[0].env
	r.nodes[0].stop()
	r.nodes[0].env = append(direct[:len(direct):len(direct)], "BELLHOP_DATABASE="+pgtest.DSN(database, proxy))
	r.start(0)
	r.drive(1, 1, flows/4+1)
	c, n := proxy.Counts()
	r.drive(1, 1, flows)
	cc, nn := proxy.Counts()
	r.nodes[0].stop()
	r.nodes[0].env = direct
	r.start(0)
	r.drive(1, 1, flows/4+1)
	return float64(cc-c) / float64(flows), float64(nn-n) / float64(flows)
}

// foretell is what the model says of so many nodes, if a flow takes what it takes of one.
func (r *rig) foretell(f capacity.Flow, nodes, workers int) capacity.Result {
	r.Helper()
	p := capacity.Together(nodes, runtime.NumCPU())
	p.Flush, p.IdleNode, p.IdleDatabase = r.plant.Flush, r.plant.IdleNode, r.plant.IdleDatabase
	got, err := capacity.Simulate(f, p, capacity.Load{Workers: workers, Flows: 20_000, Seed: 1})
	if err != nil {
		r.Fatal(err)
	}
	return got
}

// logged is how many bytes of write-ahead log there have been.
func (r *rig) logged() int64 {
	return r.number("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
}

func (r *rig) size() int64 { return r.number("select pg_database_size('" + database + "')") }

// flush is how long a write of the log has taken on average, in ms. Backends tell when
// they end, so this is asked after the node has stopped.
func (r *rig) flush() float64 {
	r.Helper()
	text := r.cluster.SQL(r, "postgres", "select (wal_write_time + wal_sync_time) / greatest(wal_sync, 1) from pg_stat_wal")
	ms, err := strconv.ParseFloat(text, 64)
	if err != nil {
		r.Fatal(err)
	}
	return ms
}

func (r *rig) number(query string) int64 {
	r.Helper()
	n, err := strconv.ParseInt(r.cluster.SQL(r, "postgres", query), 10, 64)
	if err != nil {
		r.Fatal(err)
	}
	return n
}

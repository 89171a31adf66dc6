//go:build linux

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/bellhop-auth/bellhop/internal/bench"
	"github.com/bellhop-auth/bellhop/internal/bench/plant"
	"github.com/bellhop-auth/bellhop/internal/capacity"
)

const modelUsage = `bellhop-bench model: what nodes and their database would do

  bellhop-bench model [flags]

It measures nothing. From what one flow takes it foretells, by a simulation in virtual
time, how many a second so many nodes with one PostgreSQL server do and how long each
takes, under loads up to the most that they do, and prints what is full first. What one
flow takes is what docs/scaling.md says of a sign-in by texted code, or what
bellhop-bench --json has measured, or what flags say.

`

// forecast is what a command line asks for.
type forecast struct {
	flow  capacity.Flow
	plant capacity.Plant

	from, name                  string
	nodes, cores, databaseCores int
	connections, rows, flows    int
	link, flush, logRate        float64
	seed                        uint64
	price, used                 float64
}

// model foretells.
func model(_ context.Context, args []string, stdout, _ io.Writer) error {
	fc := forecast{flow: capacity.SignIn}
	err := fc.parse(args, stdout)
	if err == nil && fc.from != "" {
		if err = fc.read(); err == nil {
			err = fc.parse(args, stdout) // a flag goes before the file
		}
	}
	if err != nil {
		return err
	}
	fc.plant = capacity.Apart(fc.nodes, fc.cores, fc.databaseCores)
	p := &fc.plant
	p.Link, p.Flush, p.LogRate, p.Rows = fc.link, fc.flush, fc.logRate*(1<<20), fc.rows
	if fc.connections > 0 {
		p.Connections = fc.connections
	}
	return fc.print(stdout)
}

// parse reads the flags, whose defaults are what the flow is so far.
func (fc *forecast) parse(args []string, stdout io.Writer) error {
	f := flag.NewFlagSet("bellhop-bench model", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&fc.from, "from", "", "what a flow takes is in this `FILE`, of one node on PostgreSQL")
	f.StringVar(&fc.name, "flow", "texted", "which `FLOW` of the file")
	f.IntVar(&fc.nodes, "nodes", 3, "how many `NODES`")
	f.IntVar(&fc.cores, "cores", 2, "processors of a node (`N`)")
	f.IntVar(&fc.databaseCores, "database-cores", 4, "processors of the database (`N`)")
	f.IntVar(&fc.connections, "connections", 0, "connections of a node to the database (`N`, or as many as it has by itself)")
	f.IntVar(&fc.rows, "rows", 1, "how many `ROWS` there are that many flows write")
	f.Float64Var(&fc.link, "link", 0.3, "a round trip between a node and the database, in `MS`")
	f.Float64Var(&fc.flush, "flush", 1, "a durable write of the database's log, its standby's too, in `MS`")
	f.Float64Var(&fc.logRate, "log-rate", 125, "what the log's disk takes a second, in `MIB`")
	f.IntVar(&fc.flows, "flows", 10_000, "how many `FLOWS` of each load are played")
	f.Uint64Var(&fc.seed, "seed", 1, "another `SEED` is another play")
	f.Float64Var(&fc.price, "price", 0.0408, "what a processor costs an hour (`MONEY`)")
	f.Float64Var(&fc.used, "used", 0.5, "which `PART` of the processors' time is used")
	c := &fc.flow
	f.Float64Var(&c.Node, "node-cpu", c.Node, "processor time of a node, in `MS` a flow")
	f.Float64Var(&c.NodeAlone, "node-cpu-alone", c.NodeAlone, "the same of a flow that is alone at its node (`MS`)")
	f.Float64Var(&c.Signing, "signing-cpu", c.Signing, "of it, for signatures, in `MS` a flow")
	f.Float64Var(&c.Database, "database-cpu", c.Database, "processor time of the database, in `MS` a flow")
	f.Float64Var(&c.DatabaseAlone, "database-cpu-alone", c.DatabaseAlone, "the same of a flow that is alone at its node (`MS`)")
	f.Float64Var(&c.Commits, "commits", c.Commits, "transactions that are made durable, a flow (`N`)")
	f.Float64Var(&c.RoundTrips, "round-trips", c.RoundTrips, "round trips to the database, a flow (`N`)")
	f.Float64Var(&c.Log, "log-bytes", c.Log, "`BYTES` of the database's log, a flow")
	f.Float64Var(&c.Shared, "shared", c.Shared, "commits a flow that write a row which many write (`N`)")
	switch err := f.Parse(args); {
	case err == flag.ErrHelp:
		fmt.Fprint(stdout, modelUsage, flagTable(f))
		return err
	case err != nil:
		return usageError(err.Error())
	case f.NArg() > 0:
		return usageError(fmt.Sprintf("%q is too much; bellhop-bench model --help tells more", f.Arg(0)))
	case fc.nodes < 1 || fc.nodes > 1000 || fc.cores < 1 || fc.databaseCores < 1 || fc.flows < 100:
		return usageError("--nodes takes 1 to 1000, --cores and --database-cores 1 at least, and --flows 100")
	case !(fc.used > 0 && fc.used <= 1):
		return usageError("--used takes a part of 1")
	}
	return nil
}

// read takes what the file has measured of one node on PostgreSQL: of the most workers
// that there were, and of one alone.
func (fc *forecast) read() error {
	text, err := os.ReadFile(fc.from)
	if err != nil {
		return err
	}
	var run bench.Run
	if err := json.Unmarshal(text, &run); err != nil {
		return fmt.Errorf("%s: %w", fc.from, err)
	}
	var one, many bench.Cell
	for _, cell := range run.Cells {
		if cell.Database != plant.Postgres || cell.Flow != fc.name || cell.Limits != limitsOff {
			continue
		}
		if cell.Commits != nil {
			fc.flow.Commits = *cell.Commits
		}
		if cell.Workers == 1 {
			one = cell
		}
		if cell.Workers > many.Workers {
			many = cell
		}
	}
	if many.Workers < 2 {
		return fmt.Errorf("%s has no closed loop of several workers with %s on PostgreSQL", fc.from, fc.name)
	}
	crowded, alone := fc.flow, fc.flow
	crowded.Node, crowded.Database = many.Server, many.Store
	alone.Node, alone.Database = one.Server, one.Store
	fc.flow = capacity.Crowd(alone, crowded, many.Workers)
	fc.flow.Signing = min(fc.flow.Signing, fc.flow.Node/2)
	fc.flow.RoundTrips = max(fc.flow.RoundTrips, fc.flow.Commits)
	return nil
}

// print prints what is full at which load, and what becomes of flows on the way there.
func (fc *forecast) print(w io.Writer) error {
	f, p := fc.flow, fc.plant
	limits, err := capacity.Limits(f, p)
	if err != nil {
		return usageError(err.Error())
	}
	play := func(l capacity.Load) capacity.Result {
		l.Flows, l.Seed = fc.flows, fc.seed
		r, _ := capacity.Simulate(f, p, l) // flow and plant are those of the limits
		return r
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "full at\tof\t")
	for _, l := range limits {
		fmt.Fprintf(t, "%.0f/s\t%s\t%s\n", l.PerSecond, l.Of, l.Why)
	}
	most := min(limits[0].PerSecond, play(capacity.Load{Workers: 4 * p.Connections * len(p.Nodes)}).PerSecond)
	fmt.Fprintf(t, "\nAll together they do %.0f a second at most.\n\n", most)
	fmt.Fprintln(t, "load\tp50\tp99\ton their way\tconnections\twait for one\tcommit\tcommits a write\tprocessors: nodes\tdatabase")
	for _, part := range []float64{0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95} {
		r := play(capacity.Load{Rate: part * most})
		fmt.Fprintf(t, "%.0f/s\t%.1f ms\t%.1f ms\t%.1f\t%.1f\t%.2f ms\t%.2f ms\t%.1f\t%.2f\t%.2f\n", part*most, r.P50, r.P99,
			r.InFlight, r.Connections, r.ConnectionWait, r.CommitWait, r.Together, r.Nodes, r.Database)
	}
	seconds := (f.Node + f.Database) * 1000
	fmt.Fprintf(t, "\nA million take %.0f CPU-seconds of nodes and %.0f of the database: %.2f in money, at %g a processor's hour and %.0f %% used.\n",
		f.Node*1000, f.Database*1000, seconds/3600*fc.price/fc.used, fc.price, 100*fc.used)
	return t.Flush()
}

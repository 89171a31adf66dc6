//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/bench"
	"github.com/bellhop-auth/bellhop/internal/bench/crowd"
	"github.com/bellhop-auth/bellhop/internal/bench/machine"
	"github.com/bellhop-auth/bellhop/internal/bench/plant"
)

// measurement is one run of the program.
type measurement struct {
	o      options
	say    io.Writer // what is being done, for whoever watches
	result bench.Run
}

// errFailures says that not all went well; what is in the table.
var errFailures = errors.New("there were flows that failed")

// measure measures one program.
func measure(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, rest, err := parse(args, stdout)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError(fmt.Sprintf("%q is too much; bellhop-bench --help tells more", rest[0]))
	}
	if o.bellhop == "" {
		fmt.Fprintln(stderr, "building bellhop")
		if o.bellhop, err = build(ctx, "."); err != nil {
			return err
		}
	}
	m := &measurement{o: o, say: stderr}
	if err := m.all(ctx); err != nil {
		return err
	}
	return m.report(stdout)
}

// build builds the program of a source folder as that folder says it is built.
func build(ctx context.Context, source string) (string, error) {
	cmd := exec.CommandContext(ctx, "make", "--silent", "build")
	cmd.Dir = source
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("make build: %w\n%s", err, out)
	}
	return filepath.Join(source, "bin", "bellhop"), nil
}

// all measures what the plan says.
func (m *measurement) all(ctx context.Context) error {
	if err := m.machine(ctx); err != nil {
		return err
	}
	if err := m.program(ctx); err != nil {
		return err
	}
	for _, s := range m.o.plan() {
		if err := m.stage(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.database, err)
		}
	}
	for _, s := range m.o.added() {
		if err := m.added(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.database, err)
		}
	}
	if m.o.machine {
		m.result.SetFloors()
		m.result.SetTargets()
	}
	return nil
}

// machine measures what this machine can do.
func (m *measurement) machine(ctx context.Context) (err error) {
	if !m.o.machine {
		return nil
	}
	each := time.Second
	if m.o.quick || m.o.chosen() {
		each = 200 * time.Millisecond
	}
	fmt.Fprintln(m.say, "measuring the machine")
	m.result.Machine, err = machine.Measure(ctx, each)
	return err
}

// program asks the program what it is.
func (m *measurement) program(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, m.o.bellhop, "version").Output()
	if err != nil {
		return fmt.Errorf("%s version: %w", m.o.bellhop, err)
	}
	m.result.Program = strings.Join(strings.Fields(string(out)), " ")
	m.result.Made = time.Now().UTC().Format(time.RFC3339)
	return nil
}

// stage measures one installation by its steps.
func (m *measurement) stage(ctx context.Context, s stage) (err error) {
	site, err := m.open(ctx, m.o.bellhop, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	facts, err := m.facts(ctx, site, s.database)
	if err != nil {
		return err
	}
	m.signer(site)
	first := len(m.result.Cells)
	for _, st := range s.steps {
		c, err := m.step(ctx, site, st)
		if err != nil {
			return fmt.Errorf("%s: %w", st.flow.Name, err)
		}
		fmt.Fprintln(m.say, c.Oneline())
		m.result.Cells = append(m.result.Cells, c)
		facts.Peak = max(facts.Peak, c.Peak)
	}
	if !s.enforce && !m.o.chosen() {
		m.result.Sites = append(m.result.Sites, facts)
	}
	if !m.o.count || s.enforce {
		return nil
	}
	fmt.Fprintln(m.say, "counting commits and fsyncs")
	return m.countAll(ctx, site, m.result.Cells[first:])
}

// place is an installation and those who sign in to it. The first people of each have
// the same numbers as those of every other.
type place struct {
	*plant.Site
	stage   stage
	desk    *crowd.Desk
	numbers plant.Numbers
}

// open starts an installation.
func (m *measurement) open(ctx context.Context, program string, s stage) (*place, error) {
	desk, err := crowd.NewDesk()
	if err != nil {
		return nil, err
	}
	site, err := plant.New(ctx, plant.Config{Binary: program, Database: s.database, Enforce: s.enforce, Texts: desk.URL()})
	if err != nil {
		desk.Close()
		return nil, err
	}
	p := &place{Site: site, stage: s, desk: desk}
	if err := site.Start(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Close ends the installation, and takes no more of its texts.
func (p *place) Close() error {
	defer p.desk.Close()
	return p.Site.Close()
}

// settled is how long after its start a server is idle: it has given back what the start
// needed.
const settled = 3 * time.Second

// facts are what the installation takes beside the flows. The server is started
// again for them, on data that is there.
func (m *measurement) facts(ctx context.Context, site *place, database string) (f bench.Site, err error) {
	if m.o.chosen() {
		return f, nil
	}
	if err := errors.Join(site.Stop(), site.Start(ctx)); err != nil {
		return f, err
	}
	f = bench.Site{Database: database, Start: bench.Milliseconds(site.Started)}
	select {
	case <-ctx.Done():
		return f, ctx.Err()
	case <-time.After(settled):
	}
	idle, err := site.Memory()
	if err != nil {
		return f, err
	}
	f.Idle = bench.MiB(idle.Resident)
	took, err := site.CreatePool(ctx)
	if err != nil {
		return f, err
	}
	f.CreatePool = bench.Milliseconds(took)
	info, err := os.Stat(m.o.bellhop)
	if err != nil {
		return f, err
	}
	f.Binary = bench.MiB(info.Size())
	return f, nil
}

// signer finds out what signs tokens in the program.
func (m *measurement) signer(site *place) {
	switch {
	case m.o.signer != "":
		m.result.Signer = m.o.signer
	case strings.Contains(site.Says(), "tokens are signed by"):
		m.result.Signer = bench.OpenSSL
	default:
		m.result.Signer = bench.Go
	}
}

// step measures one flow under one load.
func (m *measurement) step(ctx context.Context, site *place, st step) (c bench.Cell, err error) {
	s := site.stage
	if st.share > 0 {
		st.rate = math.Round(st.share * m.result.Peak(s.database))
	}
	load := crowd.Load{Workers: st.workers, Rate: st.rate, WarmUp: st.warmUp, For: st.window}
	if st.rate > 0 {
		load.Workers = min(max(int(st.rate), fewestOpen), mostOpen)
	}
	atOnce := load.Workers
	if st.flow.Once {
		load.WarmUp, atOnce = min(load.WarmUp, warmUpOfOnce), 0 // each of them has many turns
	}
	group, err := m.gather(ctx, site, st.flow, atOnce)
	if err != nil {
		return c, err
	}
	if st.flow.Once {
		if err := errors.Join(site.Stop(), site.Start(ctx)); err != nil {
			return c, err
		}
		group.Move(site.Address)
		if err := group.Wake(ctx, st.flow, load.Workers, wakingFor); err != nil {
			return c, err
		}
	}
	if err := errors.Join(site.Settle(), site.ForgetPeak()); err != nil {
		return c, err
	}
	var spent [2]plant.Spent
	out, err := group.Drive(ctx, st.flow, load, func(open bool) (err error) {
		spent[at(open)], err = site.Spent()
		return err
	})
	if err != nil {
		return c, err
	}
	c = cellOf(out, spent[1].Minus(spent[0]))
	c.Database, c.Flow, c.Workers, c.Rate, c.Signatures, c.Limits = s.database, st.flow.Name, st.workers, st.rate, st.flow.Signatures, limitsOf(s.enforce)
	held, err := site.Memory()
	c.Memory, c.Peak, c.StoreMiB = bench.MiB(held.Resident), bench.MiB(held.Peak), bench.MiB(held.Database)
	return c, err
}

// warmUpOfOnce is short where a crowd is soon used up.
const warmUpOfOnce = 30 * time.Millisecond

// wakingFor is how long a server serves that was started anew, before it is measured.
const wakingFor = 500 * time.Millisecond

// gather makes people ready for a flow that so many do at once.
func (m *measurement) gather(ctx context.Context, site *place, f crowd.Flow, atOnce int) (*crowd.Crowd, error) {
	users, err := site.Users()
	if err != nil {
		return nil, err
	}
	group := crowd.New(crowd.Config{Address: site.Address, Pool: site.Pool, Client: site.Client, Desk: site.desk, Spread: site.stage.many}, &site.numbers)
	people := max(atOnce, m.o.people)
	if site.stage.many {
		people = max(people, peopleEach*atOnce)
	}
	return group, group.Gather(ctx, f, people, users)
}

// peopleEach is how many people there are for each worker where limits are in force. A
// number has five texts an hour, of which used codes are given back a moment later: on
// PostgreSQL under full load within a second. Nobody signs in so often in that.
const peopleEach = 12

// cellOf is the figures of what became of a load.
func cellOf(out *crowd.Outcome, spent plant.Spent) bench.Cell {
	n := math.Max(1, float64(out.Flows))
	return bench.Cell{
		Seconds: out.Window.Seconds(), Flows: out.Flows, Failures: out.Failures, Busy: out.Busy, Unserved: out.Unserved,
		PerSecond: float64(out.Flows) / out.Window.Seconds(),
		P50:       bench.Milliseconds(bench.Quantile(out.Latencies, 0.5)),
		P99:       bench.Milliseconds(bench.Quantile(out.Latencies, 0.99)),
		P999:      bench.Milliseconds(bench.Quantile(out.Latencies, 0.999)),
		LateP99:   bench.Milliseconds(bench.Quantile(out.Late, 0.99)),
		Server:    bench.Milliseconds(spent.Server) / n, Store: bench.Milliseconds(spent.Database) / n, Driver: bench.Milliseconds(spent.Driver) / n,
	}
}

// report writes what was measured.
func (m *measurement) report(stdout io.Writer) error {
	if err := m.result.WriteTable(stdout); err != nil {
		return err
	}
	for path, write := range map[string]func(io.Writer) error{m.o.json: m.result.WriteJSON, m.o.svg: m.result.WriteChart} {
		if path == "" {
			continue
		}
		if err := toFile(path, write); err != nil {
			return err
		}
	}
	for _, c := range m.result.Cells {
		if c.Failed() > 0 || c.Flows == 0 {
			return errFailures
		}
	}
	return failuresOf(m.result.Added)
}

func toFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

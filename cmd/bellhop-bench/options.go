//go:build linux

package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/bench/crowd"
	"github.com/bellhop-auth/bellhop/internal/bench/plant"
)

// options are the flags of both commands.
type options struct {
	bellhop   string
	quick     bool
	databases []string
	limits    []string
	flows     []string
	workers   []int
	rates     []float64
	window    time.Duration
	warmUp    time.Duration
	people    int
	count     bool
	machine   bool
	signer    string
	json, svg string
	pairs     int // compare

	set map[string]bool // the flags that were given
}

const usage = `bellhop-bench: measure what a bellhop costs

  bellhop-bench [flags]                        measure one program
  bellhop-bench compare [flags] OLD NEW        measure two in turns, and say by how much they differ
  bellhop-bench compare --limits off,enforce [flags] PROGRAM
                                               measure one without limits and with them, in turns
  bellhop-bench model [flags]                  foretell what several nodes would do; model --help tells more

It starts bellhop on a database of its own in a temporary folder, on the loopback, and
has people sign in to it from this process: in closed loops, in which so many workers
begin the next flow when the last has ended, and in open loops, in which so many flows
begin a second whether or not others have ended; their time counts from when they were
to begin. It prints how many flows ended a second, how long they took, and the CPU and
memory of the server and of its database, beside what this machine needs for a signature
and a durable write. A flow that fails is counted and shown, and the exit code is 1 then.

OLD, NEW and PROGRAM are programs, or commits of the repository in this folder, which are built
in a temporary folder.

Without a flag that says what to measure it measures everything, which takes some ten
minutes. Lists are separated by commas.

`

// parse reads a command line and returns what is left of it.
func parse(args []string, stdout io.Writer) (o options, rest []string, err error) {
	var databases, limits, flows, workers, rates string
	f := flag.NewFlagSet("bellhop-bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.bellhop, "bellhop", "", "the `PROGRAM` to measure (default: the one of this folder is built)")
	f.BoolVar(&o.quick, "quick", false, "the most telling loads only, in less than a minute")
	f.StringVar(&databases, "database", "sqlite,postgres", "the `DATABASES`: sqlite, postgres")
	f.StringVar(&limits, "limits", "", "off, enforce, or off,enforce: whether limits that count requests and money are in force (default off with any flag that says what to measure)")
	f.StringVar(&flows, "flow", "", "the `FLOWS`: "+strings.Join(flowNames(), ", "))
	f.StringVar(&workers, "workers", "", "closed loops of so many `WORKERS`")
	f.StringVar(&rates, "rate", "", "open loops at so many flows a second (`RATES`)")
	f.DurationVar(&o.window, "for", 4*time.Second, "how `LONG` each is measured")
	f.DurationVar(&o.warmUp, "warm-up", 500*time.Millisecond, "how `LONG` each runs before that")
	f.IntVar(&o.people, "people", 64, "how many `USERS` take turns, at least: a few would have the same rows again and again")
	f.BoolVar(&o.count, "count", true, "count commits and fsyncs too, in runs of their own")
	f.BoolVar(&o.machine, "machine", true, "measure the machine's own speeds too, without which there is no floor")
	f.StringVar(&o.signer, "signer", "", "what signs tokens in the program, go or openssl (default: as its log says)")
	f.StringVar(&o.json, "json", "", "write the figures as JSON to a `FILE`")
	f.StringVar(&o.svg, "svg", "", "draw the figures as SVG into a `FILE`")
	f.IntVar(&o.pairs, "pairs", 10, "compare: how many `PAIRS` of rounds")
	if err := f.Parse(args); err != nil {
		if err == flag.ErrHelp {
			fmt.Fprint(stdout, usage, flagTable(f))
			return o, nil, err
		}
		return o, nil, usageError(err.Error())
	}
	o.set = map[string]bool{}
	f.Visit(func(g *flag.Flag) { o.set[g.Name] = true })
	if limits == "" && (o.quick || o.chosen()) {
		limits = "off"
	} else if limits == "" {
		limits = "off,enforce"
	}
	o.databases, o.limits, o.flows = list(databases), list(limits), list(flows)
	if err := o.numbers(workers, rates); err != nil {
		return o, nil, err
	}
	return o, f.Args(), o.check()
}

// chosen says whether the command line says what to measure.
func (o options) chosen() bool { return o.set["flow"] || o.set["workers"] || o.set["rate"] }

func (o *options) numbers(workers, rates string) error {
	for _, s := range list(workers) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 1024 {
			return usageError(fmt.Sprintf("--workers is %q; it takes numbers from 1 to 1024", s))
		}
		o.workers = append(o.workers, n)
	}
	for _, s := range list(rates) {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || !(n > 0 && n <= 100_000) {
			return usageError(fmt.Sprintf("--rate is %q; it takes flows a second", s))
		}
		o.rates = append(o.rates, n)
	}
	return nil
}

func (o *options) check() error {
	for _, d := range o.databases {
		if d != plant.SQLite && d != plant.Postgres {
			return usageError(fmt.Sprintf("--database is %q; there are sqlite and postgres", d))
		}
	}
	for _, l := range o.limits {
		if l != limitsOff && l != limitsEnforce {
			return usageError(fmt.Sprintf("--limits is %q; there are off and enforce", l))
		}
	}
	for _, name := range o.flows {
		if _, err := crowd.Find(name); err != nil {
			return usageError("--flow: " + err.Error())
		}
	}
	if o.signer != "" && o.signer != "go" && o.signer != "openssl" {
		return usageError(fmt.Sprintf("--signer is %q; there are go and openssl", o.signer))
	}
	if o.window < 100*time.Millisecond || o.window > 10*time.Minute || o.warmUp < 0 || o.warmUp > time.Minute {
		return usageError("--for takes 100ms to 10m, and --warm-up up to 1m")
	}
	if o.people < 1 || o.people > 100_000 {
		return usageError("--people takes 1 to 100000")
	}
	if o.pairs < 2 || o.pairs > 1000 {
		return usageError("--pairs takes 2 to 1000")
	}
	return nil
}

// The values of --limits.
const (
	limitsOff     = "off"
	limitsEnforce = "enforce"
)

func list(text string) []string {
	return slices.DeleteFunc(strings.Split(strings.ReplaceAll(text, " ", ""), ","), func(s string) bool { return s == "" })
}

func flowNames() (names []string) {
	for _, f := range crowd.Flows() {
		names = append(names, f.Name)
	}
	return names
}

// flagTable is the flags as the other programs show theirs.
func flagTable(f *flag.FlagSet) string {
	var rows [][2]string
	width := 0
	f.VisitAll(func(g *flag.Flag) {
		arg, help := flag.UnquoteUsage(g)
		left := strings.TrimSpace("--" + g.Name + " " + strings.ToUpper(arg))
		if g.DefValue != "" && g.DefValue != "false" {
			help += " (default " + g.DefValue + ")"
		}
		rows = append(rows, [2]string{left, help})
		width = max(width, len(left))
	})
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, r[0], r[1])
	}
	b.WriteString("\nThe flows:\n")
	for _, f := range crowd.Flows() {
		fmt.Fprintf(&b, "  %-10s %s\n", f.Name, f.About)
	}
	return b.String()
}

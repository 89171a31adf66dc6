package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard/rehearse"
	"github.com/bellhop-auth/bellhop/internal/guard/traffic"
)

// guardSimulateOptions are what `bellhop guard simulate` asks for.
type guardSimulateOptions struct {
	scenarios    []traffic.Scenario
	seeds, first uint64
	codes        float64
	warmUp       uint64
	requests     uint64
	settings     string
	events       string
	chart        string
	rules        bool
	asJSON       bool
}

func newGuardSimulateOptions() *guardSimulateOptions {
	return &guardSimulateOptions{scenarios: traffic.Scenarios(), seeds: 1, first: 1, codes: 100000, warmUp: 3, requests: 36000}
}

func (o *guardSimulateOptions) flags() []config.Flag {
	return []config.Flag{
		{Name: "scenario", Arg: "NAMES", Set: o.setScenarios, Help: "the scenarios, separated by commas, or all (default all): " + strings.Join(scenarioNames(), ", ")},
		{Name: "seeds", Arg: "N", Set: setCount(&o.seeds, 1), Help: "play each with so many seeds (default 1)"},
		{Name: "first-seed", Arg: "N", Set: setCount(&o.first, 0), Help: "of these the first (default 1)"},
		{Name: "codes-per-day", Arg: "N", Set: o.setCodes, Help: "codes that real people ask for in a day, but in a shop (default 100000)"},
		{Name: "warm-up", Arg: "DAYS", Set: setCount(&o.warmUp, 0), Help: "days of real people before a scenario, but of a fresh installation (default 3)"},
		{Name: "requests", Arg: "N", Set: setCount(&o.requests, 1), Help: "requests of a burst (default 36000)"},
		guardSettingsFlag(&o.settings),
		switchFlag("rules", "print also which rules refused, and which asked for more", &o.rules),
		jsonFlag(&o.asJSON),
		textFlag("chart", "FILE", "write a picture of the table too, as SVG", &o.chart),
		textFlag("events", "FILE", "write the requests as a trace for guard replay, and play nothing; - for standard output", &o.events),
	}
}

func scenarioNames() (names []string) {
	for _, s := range traffic.Scenarios() {
		names = append(names, s.Name)
	}
	return names
}

func (o *guardSimulateOptions) setScenarios(v string) error {
	all := traffic.Scenarios()
	if v == "all" {
		o.scenarios = all
		return nil
	}
	o.scenarios = nil
	for name := range strings.SplitSeq(v, ",") {
		i := slices.IndexFunc(all, func(s traffic.Scenario) bool { return s.Name == name })
		if i < 0 {
			near := config.Nearest(name, scenarioNames())
			if near != "" {
				near = "; did you mean " + near + "?"
			}
			return fmt.Errorf("has %q, which is no scenario%s", name, near)
		}
		o.scenarios = append(o.scenarios, all[i])
	}
	return nil
}

func setCount(field *uint64, least uint64) func(string) error {
	return func(v string) error {
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil || n < least {
			return fmt.Errorf("must be a number, at least %d, not %q", least, v)
		}
		*field = n
		return nil
	}
}

func (o *guardSimulateOptions) setCodes(v string) error {
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || !(n > 0 && n <= 1e8) {
		return fmt.Errorf("must be a number of codes, more than 0, not %q", v)
	}
	o.codes = n
	return nil
}

func guardSimulateHelp() string {
	return config.Help(newGuardSimulateOptions().flags(), []string{})
}

func (o *guardSimulateOptions) options() traffic.Options {
	return traffic.Options{CodesPerDay: o.codes, WarmUp: int(o.warmUp), Requests: int(o.requests)}
}

// guardSimulate plays the models of real people and attackers against the guard in
// virtual time.
func guardSimulate(ctx context.Context, in invocation) error {
	o := newGuardSimulateOptions()
	if _, err := loadTool(in, o.flags()...); err != nil {
		return err
	}
	if o.events != "" {
		return writeEvents(ctx, in, o)
	}
	settings, err := guardSettings(o.settings)
	if err != nil {
		return err
	}
	simulation := rehearse.Simulation{Settings: settings, Options: o.options(), Scenarios: o.scenarios}
	for n := range o.seeds {
		simulation.Seeds = append(simulation.Seeds, o.first+n)
	}
	runs, err := simulation.Run(ctx)
	if err != nil {
		return err
	}
	report := rehearse.Summarize(runs)
	if o.chart != "" {
		if err := os.WriteFile(o.chart, rehearse.Chart(report), 0o644); err != nil {
			return err
		}
	}
	if o.asJSON {
		return printJSON(in.stdout, report)
	}
	if err := printReport(in.stdout, report); err != nil || !o.rules {
		return err
	}
	return printRules(in.stdout, report)
}

// writeEvents writes the one scenario's requests, those of the days before it too.
func writeEvents(ctx context.Context, in invocation, o *guardSimulateOptions) error {
	if len(o.scenarios) != 1 || o.seeds != 1 {
		return usageError("--events writes one scenario of one seed: name it with --scenario")
	}
	options, scenario := o.options(), o.scenarios[0]
	options.Seed = o.first
	begins := math.Inf(1)
	for e := range scenario.Stream(options).All() {
		begins = e.T
		break
	}
	return toFile(o.events, in.stdout, func(w io.Writer) error {
		var line []byte
		for i, s := range []*traffic.Stream{scenario.History(options), scenario.Stream(options)} {
			for e := range s.All() {
				if i == 0 && e.T >= begins {
					break // who asks again once the scenario has begun; a trace is sorted
				}
				line = e.AppendJSON(line[:0])
				if _, err := w.Write(line); err != nil {
					return err
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
			}
		}
		return nil
	})
}

// toFile writes to a file, or to standard output for -.
func toFile(path string, stdout io.Writer, print func(io.Writer) error) (err error) {
	w := stdout
	if path != "-" {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w = f
	}
	out := bufio.NewWriter(w)
	return errors.Join(print(out), out.Flush())
}

func printReport(w io.Writer, report []rehearse.Summary) error {
	var rows, answers [][]string
	for _, s := range report {
		rows = append(rows, s.Cells())
		if cells := s.AnswerCells(); cells != nil {
			answers = append(answers, cells)
		}
	}
	if err := printTable(w, rehearse.Headings(), rows); err != nil || len(answers) == 0 {
		return err
	}
	fmt.Fprintln(w)
	return printTable(w, rehearse.AnswerHeadings(), answers)
}

func printRules(w io.Writer, report []rehearse.Summary) error {
	rows := [][]string{}
	for _, s := range report {
		for _, r := range s.Rules {
			rows = append(rows, []string{s.Scenario, string(r.Rule), decimal(r.AttackRefused), decimal(r.AttackStepped), decimal(r.LegitRefused), decimal(r.LegitStepped)})
		}
	}
	fmt.Fprintln(w)
	return printTable(w, []string{"SCENARIO", "RULE", "ATTACK REFUSED", "ASKED FOR MORE", "PEOPLE REFUSED", "ASKED FOR MORE"}, rows)
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/bench"
)

// What a round takes if nothing was said. Many short rounds in turns tell more than
// two long ones: what else the machine does meets both.
const (
	roundFor    = 1500 * time.Millisecond
	roundWarmUp = 300 * time.Millisecond
)

// compare measures two programs in turns, or one without limits and with them.
func compare(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, rest, err := parse(args, stdout)
	if err != nil {
		return err
	}
	if !o.set["limits"] {
		o.limits = []string{limitsOff}
	}
	one := len(rest) == 1 && o.bothLimits()
	if len(rest) != 2 && !one {
		return usageError("compare takes two programs or commits, the old and the new, or one with --limits off,enforce; bellhop-bench --help tells more")
	}
	if !o.set["for"] {
		o.window = roundFor
	}
	if !o.set["warm-up"] {
		o.warmUp = roundWarmUp
	}
	o.set["flow"] = true // even if it was not: the texted sign-in
	dir, err := os.MkdirTemp("", "bellhop-bench-built-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	programs := make([]string, len(rest))
	for i, name := range rest {
		if programs[i], err = programOf(ctx, name, filepath.Join(dir, fmt.Sprint(i)), stderr); err != nil {
			return err
		}
	}
	m := &measurement{o: o, say: stderr}
	var all []bench.Comparison
	for _, c := range o.contests(programs) {
		done, err := m.contest(ctx, c, o.pairs)
		if err != nil {
			return fmt.Errorf("%s: %w", c[0].database, err)
		}
		for _, d := range done {
			if err := d.Write(stdout); err != nil {
				return err
			}
		}
		all = append(all, done...)
	}
	return settle(o, all)
}

// settle writes the JSON, and fails where a flow has.
func settle(o options, all []bench.Comparison) error {
	if o.json != "" {
		err := toFile(o.json, func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(all)
		})
		if err != nil {
			return err
		}
	}
	return failuresOf(all)
}

// failuresOf says that flows have failed.
func failuresOf(all []bench.Comparison) error {
	for _, c := range all {
		if c.Failed > 0 {
			return errFailures
		}
	}
	return nil
}

// programOf is a file, or what a commit of the repository in this folder builds.
func programOf(ctx context.Context, name, dir string, say io.Writer) (string, error) {
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		return filepath.Abs(name)
	}
	hash, err := git(ctx, ".", "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		return "", usageError(fmt.Sprintf("%q is neither a file nor a commit of the repository in this folder", name))
	}
	top, err := git(ctx, ".", "rev-parse", "--show-toplevel")
	if err != nil {
		return "", fmt.Errorf("the repository in this folder: %w", err)
	}
	fmt.Fprintf(say, "building %s\n", name)
	tree := filepath.Join(dir, "tree")
	if err := os.MkdirAll(tree, 0o700); err != nil {
		return "", err
	}
	// The files alone: a worktree would be noted in the repository. From its top, since
	// it would archive no more than the folder in which it is called.
	files := filepath.Join(dir, "files.tar")
	if _, err := git(ctx, top, "archive", "--format=tar", "--output="+files, hash); err != nil {
		return "", fmt.Errorf("the files of %s: %w", name, err)
	}
	if out, err := exec.CommandContext(ctx, "tar", "-x", "-f", files, "-C", tree).CombinedOutput(); err != nil {
		return "", fmt.Errorf("the files of %s: %w\n%s", name, err, out)
	}
	return build(ctx, tree)
}

// git is what git prints when it is called in a folder.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("git %s: %w\n%s", args[0], err, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// side is one of two that are measured in turns.
type side struct {
	stage
	name    string
	program string
}

// contests are the pairs of sides that a command line asks for: two programs under the
// same limits, or one without limits and with them, by the same people.
func (o options) contests(programs []string) (all [][2]side) {
	stages := o.plan()
	if len(programs) == 2 {
		for _, s := range stages {
			all = append(all, [2]side{{s, "old", programs[0]}, {s, "new", programs[1]}})
		}
		return all
	}
	for i := 0; i < len(stages); i += 2 { // of a database off, and enforced
		all = append(all, withAndWithout(stages[i], programs[0]))
	}
	return all
}

// withAndWithout is a program without limits and with them.
func withAndWithout(s stage, program string) (c [2]side) {
	for i, limits := range []string{limitsOff, limitsEnforce} {
		s.enforce, s.many = limits == limitsEnforce, true
		c[i] = side{s, limits, program}
	}
	return c
}

// contest measures the steps of a stage by two sides, each with a database of its own
// that the other does not touch.
func (m *measurement) contest(ctx context.Context, c [2]side, pairs int) (all []bench.Comparison, err error) {
	var sites [2]*place
	for i, s := range c {
		if sites[i], err = m.open(ctx, s.program, s.stage); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, sites[i].Close()) }()
	}
	for _, st := range c[0].steps {
		d, err := m.inTurns(ctx, sites, st, pairs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", st.flow.Name, err)
		}
		d.Sides = [2]string{c[0].name, c[1].name}
		if c[0].enforce == c[1].enforce {
			d.Limits = limitsOf(c[0].enforce)
		}
		all = append(all, d)
	}
	return all, nil
}

// added measures what enforcing limits adds.
func (m *measurement) added(ctx context.Context, s stage) error {
	fmt.Fprintf(m.say, "%s: what enforcing limits adds\n", s.database)
	done, err := m.contest(ctx, withAndWithout(s, m.o.bellhop), addedPairs)
	m.result.Added = append(m.result.Added, done...)
	return err
}

// inTurns measures one step by pairs of rounds: one and the other, the other and the one,
// and so on.
func (m *measurement) inTurns(ctx context.Context, sites [2]*place, st step, pairs int) (c bench.Comparison, err error) {
	c = bench.Comparison{Database: sites[0].stage.database, Flow: st.flow.Name, Seconds: st.window.Seconds()}
	var cells [2][]bench.Cell
	for pair := range pairs {
		for turn := range 2 {
			which := (pair + turn) % 2
			got, err := m.step(ctx, sites[which], st)
			if err != nil {
				return c, err
			}
			c.Failed += got.Failed()
			c.Load = got.Load()
			cells[which] = append(cells[which], got)
			for what, times := range got.Failures {
				fmt.Fprintf(m.say, "%s: failed %d times: %s\n", got.Oneline(), times, what)
			}
		}
	}
	for _, f := range []struct {
		name string
		more bool
		of   func(bench.Cell) float64
	}{
		{bench.ServerCPU, false, func(c bench.Cell) float64 { return c.Server }},
		{"database CPU", false, func(c bench.Cell) float64 { return c.Store }},
		{"flows a second", true, func(c bench.Cell) float64 { return c.PerSecond }},
		{"p50, ms", false, func(c bench.Cell) float64 { return c.P50 }},
		{"p99, ms", false, func(c bench.Cell) float64 { return c.P99 }},
		{"peak memory, MiB", false, func(c bench.Cell) float64 { return c.Peak }},
	} {
		r := bench.Paired(f.name, figures(cells[0], f.of), figures(cells[1], f.of), f.more)
		if r.Old > 0 {
			c.Ratios = append(c.Ratios, r)
		}
	}
	return c, nil
}

func figures(cells []bench.Cell, of func(bench.Cell) float64) (all []float64) {
	for _, c := range cells {
		all = append(all, of(c))
	}
	return all
}

func limitsOf(enforce bool) string {
	if enforce {
		return limitsEnforce
	}
	return limitsOff
}

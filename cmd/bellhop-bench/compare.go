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
	"github.com/bellhop-auth/bellhop/internal/bench/crowd"
	"github.com/bellhop-auth/bellhop/internal/bench/plant"
)

// comparison is one flow under one load, by two programs.
type comparison struct {
	Database string        `json:"database"`
	Flow     string        `json:"flow"`
	Load     string        `json:"load"`
	Failed   int           `json:"failed"`
	Ratios   []bench.Ratio `json:"ratios"`
}

// What a round takes if nothing was said. Many short rounds in turns tell more than
// two long ones: what else the machine does meets both.
const (
	roundFor    = 1500 * time.Millisecond
	roundWarmUp = 300 * time.Millisecond
)

// compare measures two programs in turns.
func compare(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, rest, err := parse(args, stdout)
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		return usageError("compare takes two programs or commits, the old and the new; bellhop-bench --help tells more")
	}
	if !o.set["for"] {
		o.window = roundFor
	}
	if !o.set["warm-up"] {
		o.warmUp = roundWarmUp
	}
	if !o.set["limits"] {
		o.limits = []string{limitsOff}
	}
	o.set["flow"] = true // even if it was not: the texted sign-in
	dir, err := os.MkdirTemp("", "bellhop-bench-built-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var programs [2]string
	for i, name := range rest {
		if programs[i], err = programOf(ctx, name, filepath.Join(dir, fmt.Sprint(i)), stderr); err != nil {
			return err
		}
	}
	m := &measurement{o: o, say: stderr}
	if m.desk, err = crowd.NewDesk(); err != nil {
		return err
	}
	defer m.desk.Close()
	var all []comparison
	for _, s := range o.plan() {
		done, err := m.stageInTurns(ctx, s, programs, stdout)
		if err != nil {
			return fmt.Errorf("%s: %w", s.database, err)
		}
		all = append(all, done...)
	}
	return settle(o, all)
}

// settle writes the JSON, and fails where a flow has.
func settle(o options, all []comparison) error {
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

// stageInTurns measures the steps of a stage by two programs, each with a database of
// its own that the other does not touch.
func (m *measurement) stageInTurns(ctx context.Context, s stage, programs [2]string, stdout io.Writer) (all []comparison, err error) {
	var sites [2]*plant.Site
	for i, program := range programs {
		if sites[i], err = m.open(ctx, program, s); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, sites[i].Close()) }()
	}
	for _, st := range s.steps {
		c, err := m.inTurns(ctx, sites, s, st)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", st.flow.Name, err)
		}
		title := fmt.Sprintf("%s, limits %s, %s at %s: %d pairs of %v, CPU in ms a flow", s.database, limitsOf(s.enforce), st.flow.Name, c.Load, m.o.pairs, st.window)
		if err := bench.WriteRatios(stdout, title, c.Ratios); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// inTurns measures one step by pairs of rounds: old and new, new and old, and so on.
func (m *measurement) inTurns(ctx context.Context, sites [2]*plant.Site, s stage, st step) (c comparison, err error) {
	c = comparison{Database: s.database, Flow: st.flow.Name}
	var cells [2][]bench.Cell
	for pair := range m.o.pairs {
		for turn := range 2 {
			which := (pair + turn) % 2
			got, err := m.step(ctx, sites[which], s, st)
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
		{"server CPU", false, func(c bench.Cell) float64 { return c.Server }},
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

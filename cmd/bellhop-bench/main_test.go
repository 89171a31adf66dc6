//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/bench"
)

// program is the bellhop that is measured, built once for all tests.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "bellhop-bench-test-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "bellhop")
	build := exec.Command("go", "build", "-tags", "grpcnotrace", "-trimpath", "-buildvcs=false", "-o", program, "../bellhop")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	code := 1
	if err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// nothingStays makes the temporary folder the test's and says in the end what is
// left there, and what still runs.
func nothingStays(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left in the temporary folder: %v, %v", left, err)
		}
		environs, err := filepath.Glob("/proc/[0-9]*/environ")
		if err != nil || len(environs) == 0 {
			t.Errorf("no process is known: %v", err)
		}
		for _, path := range environs {
			if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte("BELLHOP_DATA="+dir)) {
				t.Errorf("%s still runs", filepath.Dir(path))
			}
		}
	})
}

func TestMeasure_EveryFlowOfARealServer_AddsUp(t *testing.T) {
	nothingStays(t)
	chart := filepath.Join(t.TempDir(), "out.svg")
	flows := flowNames()
	r := measured(t, "--flow", strings.Join(flows, ","), "--workers", "2", "--svg", chart)
	if len(r.Cells) != len(flows) {
		t.Errorf("there are %d cells, not %d", len(r.Cells), len(flows))
	}
	for i, c := range r.Cells {
		if c.Flow != flows[i] {
			t.Errorf("the flow %s stands in the place of %s", c.Flow, flows[i])
		}
	}
	if r.Machine.GoRSA <= 0 || r.Machine.Append <= 0 {
		t.Errorf("the machine's speeds are %+v", r.Machine)
	}
	if picture, err := os.ReadFile(chart); err != nil || !bytes.HasSuffix(picture, []byte("</svg>\n")) {
		t.Errorf("the chart ends with %q, %v", picture[max(0, len(picture)-20):], err)
	}
}

func TestMeasure_OpenLoopsAndLimitsInForce_AddUp(t *testing.T) {
	nothingStays(t)
	r := measured(t, "--flow", "texted,get-user", "--limits", "enforce", "--rate", "40", "--machine=false")
	if len(r.Cells) != 2 {
		t.Errorf("there are %d cells, not 2", len(r.Cells))
	}
	for _, c := range r.Cells {
		if c.Rate != 40 || c.Limits != limitsEnforce {
			t.Errorf("%s is not what was asked for", c.Oneline())
		}
	}
}

// measured is what the program measures of a server on SQLite, checked.
func measured(t *testing.T, args ...string) (r bench.Run) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.json")
	var stdout, stderr bytes.Buffer
	args = append(args, "--bellhop", program, "--database", "sqlite", "--people", "24", "--for", "200ms", "--warm-up", "20ms", "--json", out)
	if code := run(t.Context(), args, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d\n%s\n%s", code, &stdout, &stderr)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Cells {
		checkCell(t, c, r.Machine.GoRSA > 0)
		if !strings.Contains(stdout.String(), c.Flow) {
			t.Errorf("the table has no %s", c.Flow)
		}
	}
	return r
}

// checkCell says where the figures of a load contradict each other.
func checkCell(t *testing.T, c bench.Cell, floors bool) {
	t.Helper()
	name := c.Oneline()
	if c.Failed() > 0 || c.Unserved > 0 {
		t.Errorf("%s: failed %v, unserved %d", name, c.Failures, c.Unserved)
	}
	if c.Flows == 0 || math.Abs(c.PerSecond*c.Seconds-float64(c.Flows)) > 0.5 {
		t.Errorf("%s: %d flows in %g seconds", name, c.Flows, c.Seconds)
	}
	if c.Server <= 0 || c.Driver <= 0 || c.Memory <= 0 || c.Peak < c.Memory {
		t.Errorf("%s: spent %g and %g ms, %g MiB, %g at most", name, c.Server, c.Driver, c.Memory, c.Peak)
	}
	if !(c.P50 > 0 && c.P50 <= c.P99 && c.P99 <= c.P999) {
		t.Errorf("%s: %g, %g, %g ms", name, c.P50, c.P99, c.P999)
	}
	if (floors && c.Signatures > 0) != (c.Floor > 0) {
		t.Errorf("%s: %d signatures and a floor of %g", name, c.Signatures, c.Floor)
	}
	counted := c.Rate == 0 && c.Limits == limitsOff && c.Flow != "get-user-first"
	if (c.Commits != nil) != counted || (c.Fsyncs != nil) != counted {
		t.Errorf("%s: commits %v, fsyncs %v", name, c.Commits, c.Fsyncs)
	}
	if counted && (c.Flow == "texted" || c.Flow == "sign-up") && (*c.Commits < 1 || *c.Fsyncs <= 0) {
		t.Errorf("%s: %g commits, %g fsyncs", name, *c.Commits, *c.Fsyncs)
	}
}

func TestMeasure_FlowsThatFail_AreShown_AndItFails(t *testing.T) {
	nothingStays(t)
	mute := filepath.Join(t.TempDir(), "bellhop") // it sends no texts
	script := fmt.Sprintf("#!/bin/sh\nunset BELLHOP_SMS BELLHOP_SMS_WEBHOOK_SECRET\nexec %s \"$@\"\n", program)
	if err := os.WriteFile(mute, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"--bellhop", mute, "--database", "sqlite", "--flow", "sign-up", "--workers", "1", "--for", "100ms", "--warm-up", "0s", "--machine=false"}, &stdout, &stderr)
	if code != exitFailed || !strings.Contains(stdout.String(), "times: SignUp got 400") || !strings.Contains(stderr.String(), errFailures.Error()) {
		t.Errorf("exit code %d\n%s\n%s", code, &stdout, &stderr)
	}
}

func TestCompare_AProgramWithItself(t *testing.T) {
	nothingStays(t)
	out := filepath.Join(t.TempDir(), "out.json")
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{
		"compare", "--database", "sqlite", "--flow", "refresh,get-user", "--workers", "2", "--pairs", "2", "--people", "24", "--for", "200ms", "--warm-up", "20ms", "--json", out, program, program,
	}, &stdout, &stderr)
	if code != exitOK {
		t.Fatalf("exit code %d\n%s\n%s", code, &stdout, &stderr)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var all []bench.Comparison
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 2 {
		t.Fatalf("there are %d comparisons: %v", len(all), err)
	}
	for _, c := range all {
		var names []string
		for _, r := range c.Ratios {
			names = append(names, r.Name)
			if r.Pairs != 2 || r.Median <= 0 || r.Old <= 0 || r.New <= 0 {
				t.Errorf("%s: %+v", c.Flow, r)
			}
		}
		if want := []string{"server CPU", "flows a second", "p50, ms", "p99, ms", "peak memory, MiB"}; !slices.Equal(names, want) {
			t.Errorf("%s compares %q, not %q", c.Flow, names, want)
		}
	}
}

// What enforcing adds is measured by one program, and by people who are alike on both
// sides: as many, with the same numbers, from addresses of their own.
func TestCompare_OneProgramWithoutLimitsAndWithThem(t *testing.T) {
	nothingStays(t)
	out := filepath.Join(t.TempDir(), "out.json")
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{
		"compare", "--limits", "off,enforce", "--database", "sqlite", "--workers", "2", "--pairs", "2", "--people", "4", "--for", "200ms", "--warm-up", "20ms", "--json", out, program,
	}, &stdout, &stderr)
	if code != exitOK || !strings.Contains(stdout.String(), "limits off and enforce, texted at 2") || !strings.Contains(stdout.String(), "enforce/off") {
		t.Fatalf("exit code %d\n%s\n%s", code, &stdout, &stderr)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var all []bench.Comparison
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 1 {
		t.Fatalf("there are %d comparisons: %v", len(all), err)
	}
	if c := all[0]; c.Sides != [2]string{limitsOff, limitsEnforce} || c.Limits != "" || c.Of(bench.ServerCPU) == nil {
		t.Errorf("compared were %+v", c)
	}
}

func TestWithAndWithout_DifferInTheLimitsAlone(t *testing.T) {
	c := withAndWithout(stage{database: "sqlite"}, program)
	if c[0].enforce || !c[1].enforce || !c[0].many || !c[1].many {
		t.Errorf("the sides are %+v", c)
	}
	c[1].enforce, c[1].name = c[0].enforce, c[0].name
	if !reflect.DeepEqual(c[0], c[1]) {
		t.Errorf("the sides differ: %+v", c)
	}
	var places [2]place
	if one, other := places[0].numbers.Next(), places[1].numbers.Next(); one != other {
		t.Errorf("their first people are %s and %s", one, other)
	}
}

func TestCompare_TwoCommits_EachByItsOwnMakeBuild(t *testing.T) {
	nothingStays(t)
	repository := t.TempDir()
	served := filepath.Join(t.TempDir(), "served") // who was started
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
		cmd.Dir = repository
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	makefile := func(name string) {
		t.Helper()
		text := fmt.Sprintf("build:\n\tmkdir bin\n\tprintf '#!/bin/sh\\necho %s >>%s\\nexec %s \"$$@\"\\n' >bin/bellhop\n\tchmod +x bin/bellhop\n", name, served, program)
		if err := os.WriteFile(filepath.Join(repository, "Makefile"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	for _, name := range []string{"old", "new"} {
		makefile(name)
		git("add", "Makefile")
		git("commit", "-q", "-m", name)
	}
	makefile("what was not committed")
	below := filepath.Join(repository, "docs")
	if err := os.Mkdir(below, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{
		"compare", "--database", "sqlite", "--flow", "get-user", "--workers", "1", "--pairs", "2", "--people", "2", "--for", "100ms", "--warm-up", "0s", "HEAD~1", "HEAD",
	}, &stdout, &stderr)
	if code != exitOK || !strings.Contains(stdout.String(), "too few pairs to tell") {
		t.Errorf("exit code %d\n%s\n%s", code, &stdout, &stderr)
	}
	// Each makes a pool, and then serves.
	if who, err := os.ReadFile(served); err != nil || !slices.Equal(slices.Compact(strings.Fields(string(who))), []string{"old", "new"}) {
		t.Errorf("started were %q, %v", who, err)
	}
}

// watcher is standard error that calls somebody when it says something.
type watcher struct {
	waits string
	then  func()
}

func (w *watcher) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.waits) {
		w.then()
	}
	return len(p), nil
}

func TestMeasure_Interrupted_LeavesNothing(t *testing.T) {
	nothingStays(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// The first load is over, and the second has begun or is about to.
	stderr := &watcher{waits: "refresh at 1", then: cancel}
	args := []string{"--bellhop", program, "--database", "sqlite", "--flow", "refresh", "--workers", "1,2", "--people", "24", "--for", "100ms", "--warm-up", "0s", "--machine=false"}
	if code := run(ctx, args, io.Discard, stderr); code != exitFailed || ctx.Err() == nil {
		t.Errorf("exit code %d, %v", code, ctx.Err())
	}
}

func TestRun_WhatCannotBeMeant_IsRefused(t *testing.T) {
	for _, c := range []struct {
		args string
		says string
	}{
		{"--flow text", `"text" is no flow; there are [texted`},
		{"--database mysql", `--database is "mysql"; there are sqlite and postgres`},
		{"--limits on", `--limits is "on"; there are off and enforce`},
		{"--workers 0", `--workers is "0"`},
		{"--rate -1", `--rate is "-1"`},
		{"--for 1h", "--for takes"},
		{"--signer rsa", `--signer is "rsa"`},
		{"--no-such", "no-such"},
		{"more", `"more" is too much`},
		{"compare one", "compare takes two programs"},
		{"compare --limits enforce one", "compare takes two programs"},
		{"compare --limits off,enforce one two three", "compare takes two programs"},
		{"compare no-such-thing nor-this", `"no-such-thing" is neither a file nor a commit`},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(c.args), &stdout, &stderr); code != exitUsage || !strings.Contains(stderr.String(), c.says) || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, %q", c.args, code, stderr.String())
		}
	}
}

func TestHelp_NamesEveryFlagAndFlow(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, &stdout, &stderr); code != exitOK || stderr.Len() > 0 {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
	for _, word := range append(flowNames(), "--bellhop PROGRAM", "--quick ", "--workers WORKERS", "--rate RATES", "--json FILE", "--svg FILE", "--pairs PAIRS", "compare [flags] OLD NEW", "compare --limits off,enforce [flags] PROGRAM") {
		if !strings.Contains(stdout.String(), word) {
			t.Errorf("--help does not tell of %q:\n%s", word, &stdout)
		}
	}
}

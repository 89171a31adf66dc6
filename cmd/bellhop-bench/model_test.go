//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func foretold(t *testing.T, args ...string) string {
	t.Helper()
	var out, complaints bytes.Buffer
	if code := run(t.Context(), append([]string{"model", "--flows", "100"}, args...), &out, &complaints); code != exitOK {
		t.Fatalf("it ends with %d: %s", code, &complaints)
	}
	return out.String()
}

func TestModel_OfAFile_IsWhatItSaysAndFlagsGoBefore(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "run.json")
	const run = `{"cells": [
		{"database": "sqlite", "limits": "off", "flow": "texted", "workers": 64, "server_cpu_ms": 9},
		{"database": "postgres", "limits": "off", "flow": "refresh", "workers": 64, "server_cpu_ms": 9},
		{"database": "postgres", "limits": "enforce", "flow": "texted", "workers": 64, "server_cpu_ms": 9},
		{"database": "postgres", "limits": "off", "flow": "texted", "workers": 1, "server_cpu_ms": 5, "database_cpu_ms": 2},
		{"database": "postgres", "limits": "off", "flow": "texted", "workers": 5, "server_cpu_ms": 3, "database_cpu_ms": 1.2, "commits": 2}]}`
	if err := os.WriteFile(file, []byte(run), 0o600); err != nil {
		t.Fatal(err)
	}
	// Of five that share it one measured 5-4x, and the least is 5-5x: 2.5 and 1.
	if out := foretold(t, "--from", file); !strings.Contains(out, "2500 CPU-seconds of nodes and 1000 of the database") {
		t.Error(out)
	}
	if out := foretold(t, "--from", file, "--database-cpu", "7"); !strings.Contains(out, "2500 CPU-seconds of nodes and 7000 of the database") {
		t.Error(out)
	}
}

func TestModel_WhatIsFullFirst_ComesFirst(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"processors of the nodes":     {"--cores", "1"},
		"processors of the database":  {"--database-cpu", "50"},
		"connections to the database": {"--connections", "1"},
		"rows that all write":         {"--shared", "1"},
		"the log's disk":              {"--log-rate", "0.01"},
	} {
		if first := strings.Split(foretold(t, args...), "\n")[1]; !strings.Contains(first, want) {
			t.Errorf("%v: %s, not %s", args, first, want)
		}
	}
}

func TestModel_WhatCannotBeMeant_IsRefused(t *testing.T) {
	for _, args := range [][]string{{"--nodes", "0"}, {"--used", "2"}, {"--commits", "90"}, {"--cores", "x"}, {"more"}, {"--link", "-1"}} {
		var out, complaints bytes.Buffer
		if code := run(t.Context(), append([]string{"model"}, args...), &out, &complaints); code != exitUsage {
			t.Errorf("%v ends with %d: %s", args, code, &out)
		}
	}
}

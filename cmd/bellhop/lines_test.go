package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// writes are what was written, each write by itself.
type writes struct {
	mu  sync.Mutex
	all []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(p))
	return len(p), nil
}

func (w *writes) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

func TestLines_OneAloneIsWrittenAtOnce_ManyTogetherAMomentLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to writes
		l := &lines{w: &to}
		check := func(step string, want ...string) {
			t.Helper()
			synctest.Wait()
			if got := to.list(); !slices.Equal(got, want) {
				t.Fatalf("%s: %q, want %q", step, got, want)
			}
		}
		fmt.Fprintln(l, "a")
		check("one alone", "a\n")
		fmt.Fprintln(l, "b")
		fmt.Fprintln(l, "c")
		check("more, at once", "a\n")
		time.Sleep(restOfLog)
		check("a moment later", "a\n", "b\nc\n")
		fmt.Fprintln(l, "d")
		l.Flush()
		check("at the end", "a\n", "b\nc\n", "d\n")
		time.Sleep(2 * restOfLog)
		fmt.Fprintln(l, "e")
		check("one alone again", "a\n", "b\nc\n", "d\n", "e\n")
		time.Sleep(time.Second)
		check("nothing comes twice", "a\n", "b\nc\n", "d\n", "e\n")
	})
}

func TestLines_WhatIsLongDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to writes
		l := &lines{w: &to}
		long := strings.Repeat("x", mostWaiting/4) + "\n"
		for range 20 {
			if n, err := l.Write([]byte(long)); n != len(long) || err != nil {
				t.Fatal(n, err)
			}
		}
		if n := len(to.list()); n < 5 {
			t.Errorf("of 20 long lines all wait: %d writes", n)
		}
		time.Sleep(restOfLog)
		synctest.Wait()
		if got := strings.Join(to.list(), ""); got != strings.Repeat(long, 20) {
			t.Errorf("%d bytes were written, want %d", len(got), 20*len(long))
		}
	})
}

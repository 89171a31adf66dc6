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

func TestLines_WhatIsMuchDoesNotWait_AndGoesInPiecesOfWholeLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to writes
		l := &lines{w: &to}
		want, longest := "", strings.Repeat("x", 2*onePiece)+"\n"
		for i := range 2 * mostWaiting / 500 {
			line := fmt.Sprintf("%0499d\n", i)
			if i%40 == 0 {
				line = longest
			}
			want += line
			if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		if n := len(strings.Join(to.list(), "")); len(want)-n > mostWaiting {
			t.Errorf("%d bytes of %d wait", len(want)-n, len(want))
		}
		time.Sleep(restOfLog)
		synctest.Wait()
		if got := strings.Join(to.list(), ""); got != want {
			t.Errorf("%d bytes were written, want %d", len(got), len(want))
		}
		for _, piece := range to.list() {
			if !strings.HasSuffix(piece, "\n") || len(piece) > onePiece && piece != longest {
				t.Errorf("a piece of %d bytes, which ends with %q", len(piece), piece[len(piece)-1:])
			}
		}
		if n := len(to.list()); n > 2*len(want)/onePiece {
			t.Errorf("%d bytes in %d pieces", len(want), n)
		}
	})
}

package crowd

import (
	"errors"
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

// A server that stands still for a while is late with all that was to begin then, not
// only with what it was asked.
func TestOutcome_OpenLoop_CountsFromWhenAFlowWasToBegin(t *testing.T) {
	r := &run{load: Load{Workers: 1, Rate: 100, WarmUp: 10 * ms, For: 40 * ms}, gone: make(chan struct{})}
	all := []one{
		{meant: 0, began: 0, ended: 5 * ms}, // warm-up
		{meant: 10 * ms, began: 10 * ms, ended: 60 * ms},
		{meant: 20 * ms, began: 60 * ms, ended: 61 * ms},
		{meant: 30 * ms, began: 61 * ms, ended: 62 * ms},
	}
	due := make(chan time.Duration, 1)
	due <- 40 * ms // nobody came to it
	close(due)
	o := r.outcome(all, 10*ms, 50*ms)
	r.start = time.Now().Add(-100 * ms)
	o.leave(due, r)
	if o.Flows != 0 || o.Whole != 4 || o.Unserved != 1 {
		t.Errorf("in the window ended %d flows, %d in all, and %d did not begin", o.Flows, o.Whole, o.Unserved)
	}
	if want := []time.Duration{32 * ms, 41 * ms, 50 * ms}; len(o.Latencies) != 4 || !slices.Equal(o.Latencies[:3], want) || o.Latencies[3] < 60*ms {
		t.Errorf("they took %v", o.Latencies)
	}
	if want := []time.Duration{0, 31 * ms, 40 * ms}; len(o.Late) != 4 || !slices.Equal(o.Late[:3], want) {
		t.Errorf("they began %v late", o.Late)
	}
}

func TestOutcome_ClosedLoop_CountsWhatEndedInTheWindow_AndEveryFailure(t *testing.T) {
	r := &run{load: Load{Workers: 1}, gone: make(chan struct{})}
	refused := &Refusal{Operation: "InitiateAuth", Status: 400, Type: "ForbiddenException"}
	o := r.outcome([]one{
		{meant: 0, ended: 4 * ms, err: refused},
		{meant: 4 * ms, ended: 9 * ms},
		{meant: 9 * ms, ended: 14 * ms},
		{meant: 14 * ms, ended: 17 * ms},
		{meant: 17 * ms, ended: 19 * ms, err: refused},
		{meant: 19 * ms, ended: 20 * ms, err: errors.New("cut")},
		{meant: 20 * ms, ended: 31 * ms},
	}, 10*ms, 30*ms)
	if o.Flows != 2 || o.Whole != 4 || !slices.Equal(o.Latencies, []time.Duration{3 * ms, 5 * ms}) {
		t.Errorf("%d flows in the window, %d in all, that took %v", o.Flows, o.Whole, o.Latencies)
	}
	if o.Failures["InitiateAuth got 400 ForbiddenException"] != 2 || o.Failures["cut"] != 1 || len(o.Failures) != 2 {
		t.Errorf("the failures are %v", o.Failures)
	}
	if o.Window != 20*ms {
		t.Errorf("the window is %v", o.Window)
	}
}

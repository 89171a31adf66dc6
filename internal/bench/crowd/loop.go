package crowd

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Load says how a flow is driven.
type Load struct {
	Workers int     // so many at once
	Rate    float64 // flows a second that begin whether or not others have ended; 0 for a closed loop, in which the next begins when one has ended

	WarmUp, For time.Duration
}

// Outcome is what became of a load. Flows are those that ended in the window, and
// in the open loop those that were to begin in it.
type Outcome struct {
	Window    time.Duration
	Flows     int             // that ended well in the window
	Whole     int             // that ended well, before it and after it too
	Latencies []time.Duration // sorted; in the open loop from when each was to begin
	Late      []time.Duration // sorted; open loop: how long after that each began
	Unserved  int             // open loop: that could not begin before the end of patience
	Busy      int             // requests that were told to come again
	Failures  map[string]int  // flows that failed, warm-up included, by what went wrong
}

// one is one flow that ended.
type one struct {
	meant, began, ended time.Duration // since the load began
	err                 error
}

// run is a load under way.
type run struct {
	crowd *Crowd
	flow  Flow
	load  Load
	start time.Time

	over func()        // ends it before its time
	gone chan struct{} // closed by over
}

// Drive drives the flow, and calls mark when the window opens and when it closes.
func (c *Crowd) Drive(ctx context.Context, f Flow, l Load, mark func(open bool) error) (*Outcome, error) {
	r := &run{crowd: c, flow: f, load: l, gone: make(chan struct{})}
	r.over = sync.OnceFunc(func() { close(r.gone) })
	r.start = time.Now()
	due := r.agenda(ctx)
	ended := make([][]one, l.Workers)
	conns := make([]conn, l.Workers)
	var all sync.WaitGroup
	for w := range l.Workers {
		all.Go(func() {
			conns[w].address = c.address
			defer conns[w].close()
			ended[w] = r.work(ctx, due, &conns[w])
		})
	}
	opened, closed, err := r.window(ctx, mark)
	all.Wait()
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	o := r.outcome(slices.Concat(ended...), opened, closed)
	o.leave(due, r)
	for w := range conns {
		o.Busy += conns[w].busy
	}
	return o, nil
}

// window waits for the window's ends and says when they were.
func (r *run) window(ctx context.Context, mark func(bool) error) (opened, closed time.Duration, err error) {
	wait := func(d time.Duration) {
		select {
		case <-time.After(time.Until(r.start.Add(d))):
		case <-r.gone:
		case <-ctx.Done():
		}
	}
	wait(r.load.WarmUp)
	opened = time.Since(r.start)
	if err := mark(true); err != nil {
		r.over()
		return 0, 0, err
	}
	wait(r.load.WarmUp + r.load.For)
	closed = time.Since(r.start)
	return opened, closed, mark(false)
}

// agenda is when flows are to begin: nil for a closed loop. It is made by one
// thread that sleeps exactly, since timers that are a millisecond late would be in
// every figure.
func (r *run) agenda(ctx context.Context) <-chan time.Duration {
	if r.load.Rate == 0 {
		return nil
	}
	total := r.planned()
	due := make(chan time.Duration, total) // nobody who is late holds up the next
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
		defer unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) // the thread's default again
		defer close(due)
		for i := range total {
			at := time.Duration(float64(i) / r.load.Rate * float64(time.Second))
			if left := at - time.Since(r.start); left > 0 {
				pause := unix.NsecToTimespec(int64(left))
				unix.Nanosleep(&pause, nil)
			}
			select {
			case <-r.gone:
				return
			case <-ctx.Done():
				return
			default:
				due <- at
			}
		}
	}()
	return due
}

// work is one worker's flows, one after the other.
func (r *run) work(ctx context.Context, due <-chan time.Duration, to *conn) (all []one) {
	end := r.load.WarmUp + r.load.For
	for ctx.Err() == nil {
		var meant time.Duration
		if due == nil {
			meant = time.Since(r.start)
			if meant >= end || r.ended() {
				return all
			}
		} else {
			at, ok := <-due
			if !ok || time.Since(r.start) > end+patience || r.ended() {
				return all
			}
			meant = at
		}
		began := time.Since(r.start)
		err := r.crowd.turn(ctx, r.flow, to)
		if errors.Is(err, errUsedUp) {
			r.over()
			return all
		}
		all = append(all, one{meant, began, time.Since(r.start), err})
		if err != nil && due == nil && r.failedOften(all) {
			return all
		}
	}
	return all
}

func (r *run) ended() bool {
	select {
	case <-r.gone:
		return true
	default:
		return false
	}
}

// failedOften says that a worker has seen enough: a server that refuses everything
// does so faster than anybody reads.
func (r *run) failedOften(all []one) bool {
	const enough = 20
	if len(all) < enough {
		return false
	}
	return !slices.ContainsFunc(all[len(all)-enough:], func(o one) bool { return o.err == nil })
}

// outcome is what the flows were in the window.
func (r *run) outcome(all []one, opened, closed time.Duration) *Outcome {
	o := &Outcome{Window: closed - opened, Failures: map[string]int{}}
	for _, f := range all {
		if f.err != nil {
			o.Failures[f.err.Error()]++
			continue
		}
		o.Whole++
		if f.ended >= opened && f.ended < closed {
			o.Flows++
		}
		counts := f.ended
		if r.load.Rate > 0 {
			counts = f.meant
		}
		if counts < opened || counts >= closed {
			continue
		}
		o.Latencies = append(o.Latencies, f.ended-f.meant)
		if r.load.Rate > 0 {
			o.Late = append(o.Late, f.began-f.meant)
		}
	}
	slices.Sort(o.Latencies)
	slices.Sort(o.Late)
	return o
}

// leave counts those who could not begin. Their waiting so far is in the
// percentiles, which would else be the better the fewer were served.
func (o *Outcome) leave(due <-chan time.Duration, r *run) {
	if due == nil || r.ended() {
		return
	}
	now := time.Since(r.start)
	for meant := range due {
		o.Unserved++
		o.Latencies = append(o.Latencies, now-meant)
		o.Late = append(o.Late, now-meant)
	}
	slices.Sort(o.Latencies)
	slices.Sort(o.Late)
}

// planned is how many flows an open loop is to begin.
func (r *run) planned() int { return int(r.load.Rate * (r.load.WarmUp + r.load.For).Seconds()) }

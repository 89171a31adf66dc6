package local

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// call is one event on its way. Function.mu guards what is below the line.
type call struct {
	id    string
	arn   string
	event []byte
	ends  time.Time     // when its caller stops waiting; zero for never
	begun chan struct{} // closed when a process has it
	done  chan struct{} // closed when answer or err stand

	started  bool // begun is closed
	finished bool // done is closed
	answer   []byte
	err      error
}

func newCall(ctx context.Context, arn string, event []byte) *call {
	ends, _ := ctx.Deadline()
	return &call{
		id: uuid.NewString(), arn: arn, event: event, ends: ends,
		begun: make(chan struct{}), done: make(chan struct{}),
	}
}

// deadline is when the function is to be done at the latest.
func (c *call) deadline(now time.Time, limit time.Duration) time.Time {
	own := now.Add(limit)
	if !c.ends.IsZero() && c.ends.Before(own) {
		return c.ends
	}
	return own
}

var errStopped = &trigger.InvokeError{Fault: trigger.Unreachable, Cause: errors.New("the server is stopping")}

// enqueue takes a call in, or settles it at once.
func (f *Function) enqueue(c *call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		f.settle(c, nil, errStopped)
	case len(f.waiting) >= waitingPerProcess*f.cfg.Processes:
		f.settle(c, nil, &trigger.InvokeError{Fault: trigger.Throttled, Cause: errors.New("too many calls wait for a process")})
	default:
		f.waiting = append(f.waiting, c)
		f.dispatch()
	}
}

// dispatch gives waiting calls to processes that wait for one, and starts
// processes for the others. f.mu is held.
func (f *Function) dispatch() {
	for _, p := range f.processes {
		if len(f.waiting) == 0 {
			return
		}
		if p.offer != nil && !p.dying {
			p.take(f.waiting[0])
			f.waiting = f.waiting[1:]
		}
	}
	resting := f.rest.at(time.Now())
	coming := 0 // processes that will ask for a call without having had one
	for _, p := range f.processes {
		if !p.ready && !p.dying {
			coming++
		}
	}
	for !resting && !f.closed && coming < len(f.waiting) && len(f.processes) < f.cfg.Processes {
		if err := f.launch(f.waiting[0].arn); err != nil {
			f.failedStart(startFailure{cause: err})
			return
		}
		coming++
	}
	if len(f.processes) == 0 && resting {
		f.failWaiting()
	}
}

// failedStart notes that a process came to nothing, and fails the calls that have
// no other to hope for. f.mu is held.
func (f *Function) failedStart(why startFailure) {
	pause := f.rest.failed(time.Now(), why)
	f.log.Warn("the function did not start; it is left alone for a while",
		"error", why.String(), "failures", f.rest.failures, "pause", pause)
	if len(f.processes) == 0 {
		f.failWaiting()
	}
}

func (f *Function) failWaiting() {
	for _, c := range f.waiting {
		f.settle(c, nil, f.rest.why.forCall(c.id))
	}
	f.waiting = nil
}

// settle gives a call its end. The first end counts. f.mu is held.
func (f *Function) settle(c *call, answer []byte, err error) {
	if c.finished {
		return
	}
	c.finished, c.answer, c.err = true, answer, err
	close(c.done)
}

// abandon ends a call that has taken too long, with the process that works on it.
func (f *Function) abandon(c *call, err error, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.finished {
		return
	}
	f.settle(c, nil, err)
	f.waiting = slices.DeleteFunc(f.waiting, func(w *call) bool { return w == c })
	for _, p := range f.processes {
		if p.current == c && c.started {
			f.log.Warn("a process of the function is killed: "+why, "pid", p.pid, "request", c.id)
			p.kill()
		}
	}
}

// requeue puts a call that no process has seen back to the front. f.mu is held.
func (f *Function) requeue(c *call) {
	if !c.finished {
		f.waiting = slices.Insert(f.waiting, 0, c)
	}
}

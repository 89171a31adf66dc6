package local

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// The pause after a start that came to nothing doubles with each, and ends with
// the first process that gets an event.
const (
	firstRest   = 250 * time.Millisecond
	longestRest = 30 * time.Second
)

// rest keeps a function that cannot start from being started over and over: calls
// that come meanwhile fail as the last start did.
type rest struct {
	first    time.Duration
	failures int
	until    time.Time
	why      startFailure
}

func (r *rest) at(now time.Time) bool { return now.Before(r.until) }

// failed begins a pause and returns how long it is.
func (r *rest) failed(now time.Time, why startFailure) time.Duration {
	pause := min(r.first<<min(r.failures, 20), max(longestRest, r.first))
	r.failures++
	r.until, r.why = now.Add(pause), why
	return pause
}

func (r *rest) ended() { *r = rest{first: r.first} }

// startFailure is why a process got no event: it said so, it ended, or there was
// nothing to start.
type startFailure struct {
	said  *trigger.FunctionError
	exit  string
	cause error
}

func (s startFailure) String() string { return s.forCall("").Error() }

// forCall words the failure for one call, as Lambda does.
func (s startFailure) forCall(id string) error {
	switch {
	case s.said != nil:
		return s.said
	case s.cause != nil:
		fault := trigger.Unreachable
		if errors.Is(s.cause, fs.ErrNotExist) || errors.Is(s.cause, fs.ErrPermission) {
			fault = trigger.Misconfigured
		}
		return &trigger.InvokeError{Fault: fault, Cause: fmt.Errorf("start the function: %w", s.cause)}
	default:
		return exited(id, s.exit)
	}
}

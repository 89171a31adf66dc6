package trigger

import (
	"context"
	"fmt"
	"path"
	"strings"
)

// MaxAnswer is how much a function may answer, in bytes (AWS Lambda's quota for a
// synchronous response: 6 MB).
const MaxAnswer = 6 << 20

// Invoker hands one event to the function that an ARN names, and brings back what
// that answered. It is tried once; who calls again is the caller's business, and
// the context's end ends it. Its errors are *FunctionError, *InvokeError, or the
// context's, and hold nothing of the event.
type Invoker interface {
	Invoke(ctx context.Context, arn string, event []byte) (answer []byte, err error)
}

// FunctionError is what a function says of itself when it fails: it threw, or
// ended before it answered. It is not called again.
type FunctionError struct {
	Type    string // errorType, "" if it gave none
	Message string // errorMessage, meant for whoever signs in
}

func (e *FunctionError) Error() string { return "the function failed: " + e.Message }

// Fault says why a function did not answer.
type Fault uint8

// The faults. The first of them lie with whoever configured the trigger and are
// not tried again; the others may pass.
const (
	Misconfigured Fault = iota // no such function, no permission to call it, or nobody who does
	Unreadable                 // what came back is no answer of a function
	Throttled                  // too many calls at once
	Unreachable                // its service failed, or is not there
	TimedOut
)

// String returns the fault's name, for logs and metrics.
func (f Fault) String() string {
	return [...]string{"misconfigured", "unreadable", "throttled", "unreachable", "timed out"}[f]
}

// InvokeError is a call that got no answer of its function.
type InvokeError struct {
	Fault Fault
	Cause error // for the log
}

func (e *InvokeError) Error() string {
	if e.Cause == nil {
		return e.Fault.String()
	}
	return fmt.Sprintf("%s: %v", e.Fault, e.Cause)
}

// Unwrap returns the cause.
func (e *InvokeError) Unwrap() error { return e.Cause }

// MayPass says whether the same call may do better a moment later.
func (e *InvokeError) MayPass() bool { return e.Fault >= Throttled }

// Route says who calls the functions whose ARNs match the pattern, in which *
// stands for any characters.
type Route struct {
	Pattern string
	Invoker Invoker
}

// Routes is an Invoker made of others: the first that matches is it. An ARN that
// none matches is Misconfigured.
type Routes []Route

// Find returns who calls the function, and whether anybody does.
func (r Routes) Find(arn string) (Invoker, bool) {
	for _, route := range r {
		if Matches(route.Pattern, arn) {
			return route.Invoker, true
		}
	}
	return nil, false
}

// Invoke calls the function by its route.
func (r Routes) Invoke(ctx context.Context, arn string, event []byte) ([]byte, error) {
	invoker, ok := r.Find(arn)
	if !ok {
		return nil, &InvokeError{Fault: Misconfigured, Cause: fmt.Errorf("no entry of the triggers file matches %s", arn)}
	}
	return invoker.Invoke(ctx, arn, event)
}

// Matches is path.Match for ARNs, in which a slash is a character like any other.
func Matches(pattern, arn string) bool {
	flat := strings.NewReplacer("/", "\x00", "?", `\?`, "[", `\[`)
	ok, err := path.Match(flat.Replace(pattern), strings.ReplaceAll(arn, "/", "\x00"))
	return err == nil && ok
}

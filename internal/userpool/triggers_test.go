package userpool_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// functionPrefix begins the ARNs of a pool's own functions; the trigger's name
// ends them.
const functionPrefix = "arn:aws:lambda:us-east-1:123456789012:function:"

// event is what a function was called with.
type event = trigger.Event[map[string]any, map[string]any]

// functions are a pool's own, in Go, and what they were called with. They keep
// nothing from the calls before: what a function answers is made of its event.
type functions struct {
	mu     sync.Mutex // guards the two below
	called []event
	do     map[trigger.Name]func(event) (response map[string]any, err error)
}

// Invoke implements trigger.Invoker. A response of nil is the event's own.
func (f *functions) Invoke(ctx context.Context, arn string, data []byte) ([]byte, error) {
	var e event
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	name := trigger.Name(arn[len(functionPrefix):])
	f.mu.Lock()
	f.called = append(f.called, e)
	do := f.do[name]
	f.mu.Unlock()
	if do == nil {
		return nil, &trigger.InvokeError{Fault: trigger.Misconfigured}
	}
	response, err := do(e)
	switch {
	case errors.Is(err, errNeverAnswers):
		<-ctx.Done() // an Invoker waits no longer than it may
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	}
	e.Response = maps.Clone(e.Response) // what was sent stays as it was
	maps.Copy(e.Response, response)
	return json.Marshal(e)
}

// on sets what the trigger's function does.
func (f *functions) on(name trigger.Name, do func(event) (map[string]any, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.do[name] = do
}

// sources are those of the calls so far, in their order.
func (f *functions) sources() []trigger.Source {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []trigger.Source
	for _, e := range f.called {
		list = append(list, e.TriggerSource)
	}
	return list
}

// times is how often the source was called.
func (f *functions) times(source trigger.Source) (n int) {
	for _, s := range f.sources() {
		if s == source {
			n++
		}
	}
	return n
}

// last is the newest event of the source.
func (f *functions) last(t *testing.T, source trigger.Source) event {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range slices.Backward(f.called) {
		if e.TriggerSource == source {
			return e
		}
	}
	t.Fatalf("no %s among the calls", source)
	return event{}
}

// forget drops the calls so far.
func (f *functions) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called = nil
}

// passing lets a function give its event back.
func passing(event) (map[string]any, error) { return nil, nil }

// answering lets a function fill in a response.
func answering(response map[string]any) func(event) (map[string]any, error) {
	return func(event) (map[string]any, error) { return response, nil }
}

// neverAnswering lets a function hang.
func neverAnswering(event) (map[string]any, error) { return nil, errNeverAnswers }

var errNeverAnswers = errors.New("the function hangs")

// throwing lets a function fail.
func throwing(message string) func(event) (map[string]any, error) {
	return func(event) (map[string]any, error) {
		return nil, &trigger.FunctionError{Type: "Error", Message: message}
	}
}

// newFunctions makes functions for the triggers, which give their events back.
func newFunctions(names ...trigger.Name) *functions {
	f := &functions{do: map[trigger.Name]func(event) (map[string]any, error){}}
	for _, n := range names {
		f.do[n] = passing
	}
	return f
}

// triggers is a LambdaConfig that names a function for each trigger.
func (f *functions) triggers() userpool.Triggers {
	t := userpool.Triggers{Functions: map[trigger.Name]string{}}
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range f.do {
		t.Functions[n] = functionPrefix + string(n)
	}
	return t
}

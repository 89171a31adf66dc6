// Package local calls functions on this machine. It serves the AWS Lambda Runtime
// API (version 2018-06-01) on loopback to processes that it starts, supervises and
// ends: a compiled handler of aws-lambda-go as it is, a Node.js handler file by the
// bootstrap in runtime.mjs. A process has one event at a time. It is started when
// a call needs it, kept for later calls, killed with all that it started when it
// is late, and replaced when it has died.
//
// What a function may do here is what Bellhop's own user may do: it is the
// operator's code, contained in time, memory of ours and lines of log, but not in
// a sandbox.
package local

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// Config says what the function is, and what it may take.
type Config struct {
	Name    string   // for the log; "" is the folder's
	Dir     string   // the folder of its code, in which it runs
	Command []string // a compiled handler and its arguments, looked for in Dir and then on PATH; or
	Handler string   // "index.handler": file and export of a Node.js handler
	Node    string   // the node that runs it, "" for the one on PATH

	// Environment is set for the function, besides what Lambda sets and a few
	// variables of Bellhop's own (see inherited). Nothing else of Bellhop's
	// environment reaches it.
	Environment map[string]string
	Processes   int           // at most so many at once; 0 is 1
	Timeout     time.Duration // a call that takes longer is ended with its process; 0 is 3 s, as Lambda's
	MemoryMB    int           // what the function is told that it has; 0 is 128, as Lambda's. It is not enforced.
	Log         *slog.Logger  // nil for none
}

// Lambda's defaults, and its limit on the time before the first /next.
const (
	defaultTimeout  = 3 * time.Second
	defaultMemoryMB = 128
	initLimit       = 10 * time.Second
)

// waitingPerProcess is how many calls may wait for a process, for each that there
// may be; what comes then is Throttled.
const waitingPerProcess = 100

// Function calls one function; it is a trigger.Invoker. Close ends what it started.
type Function struct {
	cfg    Config
	start  command
	log    *slog.Logger
	prints allowance

	initLimit time.Duration
	running   sync.WaitGroup // processes, and the Runtime API

	// mu guards what follows, and what calls and processes say that it guards.
	mu        sync.Mutex
	closed    bool
	api       *http.Server // nil until a process needs it
	address   string
	waiting   []*call // oldest first
	processes []*process
	rest      rest
}

// New returns the function that cfg describes. It starts nothing. Its error joins
// a *ConfigError for each thing that is wrong.
func New(cfg Config) (*Function, error) {
	cfg, start, err := checked(cfg)
	if err != nil {
		return nil, err
	}
	return &Function{
		cfg: cfg, start: start, initLimit: initLimit,
		log:    cfg.Log.With("function", cfg.Name),
		prints: newAllowance(time.Now()),
		rest:   rest{first: firstRest},
	}, nil
}

// Close ends every process, fails the calls that wait for one, and returns when
// nothing runs any more.
func (f *Function) Close() error {
	f.mu.Lock()
	f.closed = true
	for _, c := range f.waiting {
		f.settle(c, nil, errStopped)
	}
	f.waiting = nil
	for _, p := range f.processes {
		if p.current != nil {
			f.settle(p.current, nil, errStopped)
		}
		p.kill()
	}
	api := f.api
	f.mu.Unlock()
	if api != nil {
		api.Close()
	}
	f.running.Wait()
	return nil
}

// Invoke implements trigger.Invoker. A process that is too late is killed: at the
// function's own limit, which is the function's failure, or when ctx ends.
func (f *Function) Invoke(ctx context.Context, arn string, event []byte) ([]byte, error) {
	c := newCall(ctx, arn, event)
	f.enqueue(c)
	begun, limit := c.begun, (<-chan time.Time)(nil)
	for {
		select {
		case <-c.done:
			return c.answer, c.err
		case <-begun:
			begun, limit = nil, time.After(f.cfg.Timeout)
		case <-limit:
			f.abandon(c, timedOut(c.id, f.cfg.Timeout, time.Now()), "it took longer than its limit")
		case <-ctx.Done():
			f.abandon(c, &trigger.InvokeError{Fault: trigger.TimedOut, Cause: ctx.Err()}, "nobody waits for its answer any more")
		}
	}
}

// listen opens the Runtime API, once. f.mu is held.
func (f *Function) listen() error {
	if f.api != nil {
		return nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f.address = listener.Addr().String()
	f.api = &http.Server{
		Handler:           f.routes(),
		ReadHeaderTimeout: time.Minute, // a process waits for an event as long as it likes, but asks quickly
		MaxHeaderBytes:    64 << 10,    // with the cause that is meant for X-Ray
		IdleTimeout:       -1,          // a function may take longer than any
		ErrorLog:          slog.NewLogLogger(f.log.Handler(), slog.LevelDebug),
	}
	api := f.api
	f.running.Go(func() { _ = api.Serve(listener) }) // until Close
	return nil
}

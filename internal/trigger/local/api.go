package local

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// The Runtime API (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
// Each process is told an address of its own, host:port/secret, so that nobody
// else on the machine, and no other process of the function, can take its events
// or answer for it.

func (f *Function) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request, *process){
		"GET /{secret}/2018-06-01/runtime/invocation/next":           f.next,
		"POST /{secret}/2018-06-01/runtime/invocation/{id}/response": f.response,
		"POST /{secret}/2018-06-01/runtime/invocation/{id}/error":    f.failure,
		"POST /{secret}/2018-06-01/runtime/init/error":               f.initFailure,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			p := f.processOf(r.PathValue("secret"))
			if p == nil {
				http.NotFound(w, r)
				return
			}
			serve(w, r, p)
		})
	}
	return mux
}

func newSecret() string {
	secret := make([]byte, 32)
	rand.Read(secret)
	return hex.EncodeToString(secret)
}

func (f *Function) processOf(secret string) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found *process
	for _, p := range f.processes {
		if subtle.ConstantTimeCompare([]byte(p.secret), []byte(secret)) == 1 && !p.dying {
			found = p
		}
	}
	return found
}

// next hands the process its next event, when there is one.
func (f *Function) next(w http.ResponseWriter, r *http.Request, p *process) {
	for {
		offer := f.await(p)
		if offer == nil {
			refuse(w, http.StatusForbidden, "InvalidStateTransition", "The last event has no answer yet, or is being waited for.")
			return
		}
		select {
		case c := <-offer:
			if f.begin(p, c) {
				f.deliver(w, c)
				return
			}
		case <-r.Context().Done():
			f.hungUp(p)
			return
		}
	}
}

// await notes that a process waits for an event; nil if it must not.
func (f *Function) await(p *process) <-chan *call {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.dying || p.failed != nil || p.current != nil || p.offer != nil {
		return nil
	}
	p.overdue.Stop()
	p.ready = true
	offer := make(chan *call, 1)
	p.offer = offer
	f.dispatch()
	return offer
}

// hungUp ends a process that waits for an event no more: it is about to end, or of
// no use.
func (f *Function) hungUp(p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.kill()
}

// begin marks a call as the process's, from where on nobody else will have it. It
// is false for one that nobody waits for any more.
func (f *Function) begin(p *process, c *call) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.dying || c.finished {
		p.current = nil
		f.requeue(c)
		return false
	}
	p.served++
	p.request = c.id
	c.started = true
	close(c.begun)
	f.rest.ended()
	return true
}

func (f *Function) deliver(w http.ResponseWriter, c *call) {
	now := time.Now()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(c.event)))
	h.Set("Lambda-Runtime-Aws-Request-Id", c.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(c.deadline(now, f.cfg.Timeout).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", c.arn)
	h.Set("Lambda-Runtime-Trace-Id", traceID(now))
	_, _ = w.Write(c.event) // a process that does not read it will not answer either
}

// traceID is in X-Ray's form, for code that takes it apart; nothing is sampled.
func traceID(now time.Time) string {
	id := make([]byte, 12)
	rand.Read(id)
	return fmt.Sprintf("Root=1-%08x-%x;Sampled=0", now.Unix(), id)
}

// claim finds the event that a process answers, which it may do once at a time.
func (f *Function) claim(w http.ResponseWriter, r *http.Request, p *process) *call {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := p.current
	switch {
	case c == nil || p.answering:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "No event waits for an answer.")
		return nil
	case r.PathValue("id") != c.id:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return nil
	}
	p.answering = true
	return c
}

// answered ends a call with what its process said. The process is to ask for the
// next event soon, or it hangs. It says whether the call was still waited for.
func (f *Function) answered(p *process, c *call, answer []byte, err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.answering = false
	if c.finished {
		return false
	}
	f.settle(c, answer, err)
	p.current = nil
	p.overdue.Reset(f.cfg.Timeout)
	return true
}

func (f *Function) response(w http.ResponseWriter, r *http.Request, p *process) {
	c := f.claim(w, r, p)
	if c == nil {
		return
	}
	body, err := read(r.Body, trigger.MaxAnswer)
	switch failed := brokenOff(r.Trailer); {
	case errors.Is(err, errTooLarge):
		f.answered(p, c, nil, tooLarge())
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", tooLarge().Message)
	case err != nil:
		f.unclaim(p)
	case failed != nil:
		accept(w, f.answered(p, c, nil, failed))
	default:
		accept(w, f.answered(p, c, body, nil))
	}
}

// brokenOff is what a function says in trailers of a response that it could not
// finish.
func brokenOff(trailer http.Header) *trigger.FunctionError {
	kind := trailer.Get("Lambda-Runtime-Function-Error-Type")
	if kind == "" {
		return nil
	}
	body, _ := base64.StdEncoding.DecodeString(trailer.Get("Lambda-Runtime-Function-Error-Body"))
	return reported(body, kind)
}

// largestError bounds what is read of a function's error: it has a stack trace.
const largestError = 1 << 20

func (f *Function) failure(w http.ResponseWriter, r *http.Request, p *process) {
	c := f.claim(w, r, p)
	if c == nil {
		return
	}
	body, err := read(r.Body, largestError)
	if err != nil && !errors.Is(err, errTooLarge) {
		f.unclaim(p)
		return
	}
	accept(w, f.answered(p, c, nil, reported(body, r.Header.Get("Lambda-Runtime-Function-Error-Type"))))
}

func (f *Function) unclaim(p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.answering = false
}

// initFailure notes why a process will not become ready. It is to end now.
func (f *Function) initFailure(w http.ResponseWriter, r *http.Request, p *process) {
	body, err := read(r.Body, largestError)
	if err != nil && !errors.Is(err, errTooLarge) {
		return
	}
	f.mu.Lock()
	early := !p.ready && p.failed == nil
	if early {
		p.failed = reported(body, r.Header.Get("Lambda-Runtime-Function-Error-Type"))
		p.overdue.Reset(time.Second)
	}
	f.mu.Unlock()
	accept(w, early)
}

func accept(w http.ResponseWriter, ok bool) {
	if !ok {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "It is too late for that.")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errorType":%q,"errorMessage":%q}`, kind, message)
}

var errTooLarge = errors.New("too large")

// mostDrained bounds what is read to no purpose, so that a sender of too much
// reads the refusal instead of a broken connection.
const mostDrained = 64 << 20

// read reads at most so many bytes. Of more it returns those, and errTooLarge.
func read(body io.Reader, most int64) ([]byte, error) {
	var all bytes.Buffer
	n, err := io.Copy(&all, io.LimitReader(body, most+1))
	if err != nil {
		return nil, err
	}
	if n <= most {
		return all.Bytes(), nil
	}
	_, _ = io.CopyN(io.Discard, body, mostDrained)
	return all.Bytes()[:most], errTooLarge
}

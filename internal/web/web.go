// Package web owns what every face needs of HTTP and no face should write
// twice: request ids, the client's address, limits, recovery from panics, one
// log event per request, health checks and the server's timeouts. It knows
// nothing of what a face says; a face words its own refusals.
package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// defaultMaxBody is the longest request body in bytes unless the config says
// otherwise.
const defaultMaxBody = 64 << 10

// Config says how requests are treated before a face sees them.
type Config struct {
	// Log receives one event per request. Required.
	Log *slog.Logger
	// TrustedProxies are the peers whose X-Forwarded-For is believed; none by
	// default.
	TrustedProxies []netip.Prefix
	// MaxBody is the longest request body in bytes; 64 KiB if zero. Reading
	// past it gives the face an *http.MaxBytesError.
	MaxBody int64
	// MaxInFlight bounds the requests that are served at once; what comes above
	// it is refused as fault.Unavailable. Zero means no bound.
	MaxInFlight int
	// Refuse writes an error in the face's own envelope. It is called for a
	// panic and for an overload. Required.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
	// Observers are told of each request that is logged, in this order.
	Observers []Observer
}

// Handler puts the plumbing around a face: every request that reaches the face
// has an Event in its context, a bounded body and an answer even if the face
// panics, and leaves one event in the log.
func Handler(cfg Config, face http.Handler) http.Handler {
	if cfg.MaxBody == 0 {
		cfg.MaxBody = defaultMaxBody
	}
	h := &handler{cfg: cfg, face: face}
	if cfg.MaxInFlight > 0 {
		h.slots = make(chan struct{}, cfg.MaxInFlight)
	}
	return h
}

type handler struct {
	cfg   Config
	face  http.Handler
	slots chan struct{} // nil without a bound

	proxySeen sync.Once // an untrusted peer has sent X-Forwarded-For
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	h.noteProxy(r)
	event := newEvent(clientAddr(r, h.cfg.TrustedProxies))
	r = r.WithContext(h.arrived(withEvent(r.Context(), event), r))
	out := &response{ResponseWriter: w}
	out.Header().Set("x-amzn-RequestId", event.RequestID)

	defer func() {
		defer func() { // also where recovered drops the connection
			event.Status, event.Took = out.status, time.Since(start)
			h.answered(r.Context(), event)
			event.log(r.Context(), h.cfg.Log)
		}()
		h.recovered(out, r, recover())
	}()
	readAhead(w, r, h.cfg.MaxBody)
	if !h.enter() {
		h.cfg.Refuse(out, r, fault.New(fault.Unavailable, "Too many requests at once, please try again.").After(time.Second))
		return
	}
	defer h.leave()
	h.face.ServeHTTP(out, r)
}

// arrived tells the observers of a request.
func (h *handler) arrived(ctx context.Context, r *http.Request) context.Context {
	peer, ok := parseAddr(r.RemoteAddr)
	for _, o := range h.cfg.Observers {
		ctx = o.Arrived(ctx, r.Header, ok && contains(h.cfg.TrustedProxies, peer))
	}
	return ctx
}

// answered tells the observers what became of a request.
func (h *handler) answered(ctx context.Context, event *Event) {
	for _, o := range slices.Backward(h.cfg.Observers) {
		o.Answered(ctx, event)
	}
}

// noteProxy tells the operator, once, that there seems to be a proxy which is not
// trusted: all who come through it have one address, and with it its limits.
func (h *handler) noteProxy(r *http.Request) {
	if r.Header.Get("X-Forwarded-For") == "" {
		return
	}
	if peer, ok := parseAddr(r.RemoteAddr); ok && !contains(h.cfg.TrustedProxies, peer) {
		h.proxySeen.Do(func() {
			h.cfg.Log.WarnContext(r.Context(), "X-Forwarded-For from a peer that is no trusted proxy is ignored; if it is a proxy of yours, name it in --trusted-proxies, or all its clients share one address and its limits",
				slog.String("peer", Block(peer)))
		})
	}
}

// readAhead reads the whole body before the request takes one of the places: a
// place means work, and a client that sends a byte a second must not hold one.
// What ended the reading is told to whoever reads the body afterwards.
func readAhead(w http.ResponseWriter, r *http.Request, limit int64) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		err = io.EOF
	}
	r.Body = &arrived{data: bytes.NewReader(data), end: err}
}

// arrived is a body that was read already.
type arrived struct {
	data *bytes.Reader
	end  error // io.EOF, or why there is no more
}

func (a *arrived) Read(p []byte) (int, error) {
	if a.data.Len() == 0 {
		return 0, a.end
	}
	return a.data.Read(p)
}

func (a *arrived) Close() error { return nil }

func (h *handler) enter() bool {
	if h.slots == nil {
		return true
	}
	select {
	case h.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (h *handler) leave() {
	if h.slots != nil {
		<-h.slots
	}
}

// recovered answers a request whose face panicked. The stack goes to the log.
// Of the panic's value only a runtime error is written down: other values may
// hold what the caller sent.
func (h *handler) recovered(w *response, r *http.Request, value any) {
	if value == nil {
		return
	}
	if value == http.ErrAbortHandler { // net/http's own way to drop a connection
		panic(value)
	}
	what := fmt.Sprintf("%T", value)
	if e, ok := value.(runtime.Error); ok {
		what = e.Error()
	}
	h.cfg.Log.ErrorContext(r.Context(), "panic",
		slog.String("request_id", EventOf(r.Context()).RequestID),
		slog.String("panic", what),
		slog.String("stack", string(debug.Stack())))
	if w.status == 0 {
		h.cfg.Refuse(w, r, fault.New(fault.Internal, "panic: %s", what))
	}
}

// response remembers the status that was sent, zero while none was.
type response struct {
	http.ResponseWriter
	status int
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

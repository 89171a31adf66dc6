// Package web owns what every face needs of HTTP and no face should write
// twice: request ids, the client's address, limits, recovery from panics, one
// log event per request, health checks and the server's timeouts. It knows
// nothing of what a face says; a face words its own refusals.
package web

import (
	"bytes"
	"context"
	"errors"
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
	// Places is how many requests the face works on at once, and Waiting how
	// many more wait for a place; those above are refused as fault.Unavailable.
	// Zero places mean no bound.
	Places, Waiting int
	// Class says what a request is worth when not all can be served. It is
	// called for each, with the body, before anything is known of the caller, so
	// it must be cheap. Without it all are of one class.
	Class func(r *http.Request, body []byte) Class
	// Late is how long what was begun has waited for what is done after the answer.
	// While that is long, and since the processors have more to do than they can,
	// nobody is let in to begin more. Nil where nothing is done after an answer.
	Late func() time.Duration
	// Streams says of which requests the face reads the body itself, while it comes:
	// neither its length nor its time is bounded here, and it takes no place. Nil is
	// none.
	Streams func(r *http.Request) bool
	// Refuse writes an error in the face's own envelope. It is called for a
	// panic and for an overload. Required.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
	// Observers are told of each request that is logged, in this order.
	Observers []Observer
}

// requestTimeout is how long the face may work on a request, so that a store
// that hangs ends in a refusal and not in a place that is held. SDKs send what
// was refused so again; most would not wait much longer anyway.
const requestTimeout = 10 * time.Second

// Handler puts the plumbing around a face: every request that reaches the face
// has an Event and a deadline in its context, a bounded body and an answer even
// if the face panics, and leaves one event in the log.
func Handler(cfg Config, face http.Handler) http.Handler {
	if cfg.MaxBody == 0 {
		cfg.MaxBody = defaultMaxBody
	}
	if cfg.Class == nil {
		cfg.Class = func(*http.Request, []byte) Class { return Manage }
	}
	h := &handler{cfg: cfg, face: face, shed: shed{log: cfg.Log}, large: make(chan struct{}, maxLarge)}
	h.short = (&processors{now: time.Now}).areShort
	if cfg.Places > 0 {
		h.gate = newGate(cfg.Places, cfg.Waiting)
	}
	return h
}

type handler struct {
	cfg   Config
	face  http.Handler
	gate  *gate // nil without a bound
	shed  shed
	short func() bool   // processors are
	large chan struct{} // one for each long body in memory

	proxySeen sync.Once // an untrusted peer has sent X-Forwarded-For
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	peer, _ := parseAddr(r.RemoteAddr)
	fromProxy := contains(h.cfg.TrustedProxies, peer)
	if !fromProxy {
		h.noteStranger(r, peer)
	}
	x := &exchange{Context: r.Context(), event: newEvent(clientAddr(peer, r.Header, h.cfg.TrustedProxies)), out: response{ResponseWriter: w}}
	event, out := &x.event, &x.out
	out.Header()["X-Amzn-Requestid"] = []string{event.RequestID}
	ctx := h.arrived(x, r.Header, fromProxy)

	refused := false
	defer out.work.end() // whatever happens
	defer func() {
		defer func() { // also where recovered drops the connection
			event.Status, event.Took = out.status, time.Since(start)
			h.answered(ctx, event)
			if !refused {
				event.log(ctx, h.cfg.Log)
			}
		}()
		if value := recover(); value != nil {
			h.recovered(out, r.WithContext(ctx), value)
		}
	}()
	if h.cfg.Streams != nil && h.cfg.Streams(r) {
		h.face.ServeHTTP(out, r.WithContext(ctx))
		return
	}
	body, forget, err := h.readAhead(w, r)
	defer forget()
	class := h.cfg.Class(r, body)
	if err == nil {
		err = h.enter(ctx, class, out)
	}
	if err != nil {
		if refused = ctx.Err() == nil; refused { // else its client has gone
			h.shed.note(class)
		}
		h.cfg.Refuse(out, r.WithContext(ctx), fault.Wrap(fault.Unavailable, err, "Too many requests at once, please try again."))
		return
	}
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	h.face.ServeHTTP(out, r.WithContext(bounded))
}

// exchange is the context of a request, with what is known of it and of its answer: in
// one piece, since each request has all three.
type exchange struct {
	context.Context
	event Event
	out   response
}

// Value implements context.Context.
func (x *exchange) Value(key any) any {
	switch key.(type) {
	case eventKey:
		return &x.event
	case workKey:
		return &x.out.work
	}
	return x.Context.Value(key)
}

// enter gets the request a place, which its answer gives back.
func (h *handler) enter(ctx context.Context, class Class, out *response) error {
	if h.gate == nil || class == Free {
		return nil
	}
	if class <= Begin && h.behind() {
		return errBehind
	}
	if err := h.gate.enter(ctx, class); err != nil {
		return err
	}
	out.work.gate, out.work.held = h.gate, true
	return nil
}

// behind says whether what was begun waits for this machine. What waits for others,
// as texts do for a slow provider, would not come sooner if nobody began.
func (h *handler) behind() bool {
	return h.cfg.Late != nil && h.cfg.Late() > patience && h.short()
}

// arrived tells the observers of a request.
func (h *handler) arrived(ctx context.Context, header http.Header, fromProxy bool) context.Context {
	for _, o := range h.cfg.Observers {
		ctx = o.Arrived(ctx, header, fromProxy)
	}
	return ctx
}

// answered tells the observers what became of a request.
func (h *handler) answered(ctx context.Context, event *Event) {
	for _, o := range slices.Backward(h.cfg.Observers) {
		o.Answered(ctx, event)
	}
}

// noteStranger tells the operator, once, that there seems to be a proxy which is not
// trusted: all who come through it have one address, and with it its limits.
func (h *handler) noteStranger(r *http.Request, peer netip.Addr) {
	if peer.IsValid() && r.Header.Get("X-Forwarded-For") != "" {
		h.proxySeen.Do(func() {
			h.cfg.Log.WarnContext(r.Context(), "X-Forwarded-For from a peer that is no trusted proxy is ignored; if it is a proxy of yours, name it in --trusted-proxies, or all its clients share one address and its limits",
				slog.String("peer", Block(peer)))
		})
	}
}

// Bodies are a few hundred bytes, some a few thousand. Above smallBody only so
// many are in memory at once, or those who send slowly could fill it.
const (
	smallBody = 8 << 10
	maxLarge  = 512
)

var errLarge = errors.New("too many long bodies at once")

// readAhead reads the whole body before the request takes one of the places: a
// place means work, and a client that sends a byte a second must not hold one.
// What ended the reading is told to whoever reads the body afterwards. The error
// is errLarge or none; forget is called when the body is needed no more.
func (h *handler) readAhead(w http.ResponseWriter, r *http.Request) (data []byte, forget func(), err error) {
	forget = func() {}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, forget, nil
	}
	body := http.MaxBytesReader(w, r.Body, h.cfg.MaxBody)
	data, end := readSmall(body, r.ContentLength)
	if end == nil && len(data) == smallBody {
		select {
		case h.large <- struct{}{}:
			forget = func() { <-h.large }
		default:
			return nil, forget, errLarge
		}
		var rest []byte
		rest, end = io.ReadAll(body)
		data = append(data, rest...)
	}
	if end == nil {
		end = io.EOF
	}
	r.Body = &arrived{data: data, end: end}
	return data, forget, nil
}

// readSmall reads smallBody bytes, or all where there are fewer: length as is stated,
// which may be wrong, -1 for unknown.
func readSmall(body io.Reader, length int64) ([]byte, error) {
	room := int64(bytes.MinRead)
	if length >= 0 {
		room = min(length, smallBody) + 1 // in which the end is found without more
	}
	data := make([]byte, 0, room)
	for {
		n, err := body.Read(data[len(data):min(cap(data), smallBody)])
		data = data[:len(data)+n]
		switch {
		case err == io.EOF:
			return data, nil
		case err != nil, len(data) == smallBody:
			return data, err
		case len(data) == cap(data):
			data = slices.Grow(data, len(data))
		}
	}
}

// arrived is a body that was read already.
type arrived struct {
	data []byte // that nobody has read yet
	end  error  // io.EOF, or why there is no more
}

func (a *arrived) Read(p []byte) (int, error) {
	if len(a.data) == 0 {
		return 0, a.end
	}
	n := copy(p, a.data)
	a.data = a.data[n:]
	return n, nil
}

// Body reads the rest of a request's body. What has been read ahead is not copied, so
// it must not be changed.
func Body(r *http.Request) ([]byte, error) {
	a, ok := r.Body.(*arrived)
	if !ok {
		return io.ReadAll(r.Body)
	}
	data := a.data
	a.data = nil
	if a.end != io.EOF {
		return data, a.end
	}
	return data, nil
}

func (a *arrived) Close() error { return nil }

// recovered answers a request whose face panicked. The stack goes to the log.
// Of the panic's value only a runtime error is written down: other values may
// hold what the caller sent.
func (h *handler) recovered(w *response, r *http.Request, value any) {
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

// work is what a request holds while the face works on it.
type work struct {
	gate *gate // nil where there is none
	held bool  // a place of the gate
}

// end gives back what is held, once.
func (w *work) end() {
	if w.held {
		w.held = false
		w.gate.leave()
	}
}

// Aside gives back the place of the request that ctx belongs to while it waits for
// somebody else, whose slowness must not keep others from theirs. The function that
// it returns ends that; both are for the goroutine that serves the request. Other
// contexts have no place, and nothing is done.
func Aside(ctx context.Context) (back func()) {
	w, _ := ctx.Value(workKey{}).(*work)
	if w == nil || !w.held {
		return func() {}
	}
	w.end()
	return func() {
		w.gate.rejoin()
		w.held = true
	}
}

type workKey struct{}

// response remembers the status that was sent, zero while none was. The work on
// a request ends where its answer begins: a client that is slow to take the
// answer holds its connection, and no place.
type response struct {
	http.ResponseWriter
	status int
	work   work
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
		w.work.end()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
		w.work.end()
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

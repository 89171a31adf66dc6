package web

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"
)

// maxLogValue is how many bytes of one value an event keeps.
const maxLogValue = 256

// Event is what the log will say of one request. The plumbing makes it, the
// face fills it, nobody adds fields: what is not here is not logged. Values
// must be safe to keep: no code, secret, token or whole phone number.
type Event struct {
	// RequestID is the request's UUID, told to the caller in x-amzn-RequestId.
	RequestID string
	// Remote is the client's address: the peer's, or the one that a trusted
	// proxy vouches for. The log gets its Block.
	Remote netip.Addr

	Operation string // the face's name for what was asked, never the caller's text
	Pool      string // the pool's id, once it is known to exist
	Client    string // the app client's id, once it is known to exist
	Error     string // the face's name for what went wrong, "" for success
	Cause     error  // why, where the caller was not told

	Reason  string        // why it was refused, where that says more than Error
	Repeat  bool          // the first answer to the same request was given again
	Store   time.Duration // in the store, waiting for it included
	TraceID string        // of the trace that the request belongs to, "" for none

	Status int           // that was answered
	Took   time.Duration // from its first byte that was looked at to its answer's last
}

// Outcome is one word for how the request ended: the name of what went wrong, or
// success.
func (e *Event) Outcome() string {
	switch {
	case e.Error != "":
		return e.Error
	case e.Status == 0: // the connection was dropped
		return "unanswered"
	case e.Status >= http.StatusBadRequest:
		return http.StatusText(e.Status)
	}
	return "success"
}

// Observer follows requests beside the log: it counts or traces them. Its methods
// are called by many goroutines and must not wait.
type Observer interface {
	// Arrived is told of a request whose headers have come. Whether its peer is a
	// trusted proxy, whose headers are believed, says the last argument. The
	// request goes on under the context that it returns.
	Arrived(ctx context.Context, h http.Header, fromProxy bool) context.Context
	// Answered is told, once for each Arrived, of what became of it.
	Answered(ctx context.Context, e *Event)
}

type eventKey struct{}

func newEvent(remote netip.Addr) Event {
	return Event{RequestID: uuid.NewString(), Remote: remote}
}

// EventOf returns the request's event. Without the plumbing it is a new one
// that nobody logs, so a face need not ask.
func EventOf(ctx context.Context) *Event {
	if e, ok := ctx.Value(eventKey{}).(*Event); ok {
		return e
	}
	return new(newEvent(netip.Addr{}))
}

// Block returns the block that an address is counted and logged by: an IPv4
// address itself, the /64 of an IPv6 address, since its holder picks the rest.
func Block(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return ""
	}
	return p.String()
}

func (e *Event) log(ctx context.Context, log *slog.Logger) {
	level := slog.LevelInfo
	switch {
	case e.Status == http.StatusServiceUnavailable: // strangers can bring it about
		level = slog.LevelWarn
	case e.Status >= http.StatusInternalServerError:
		level = slog.LevelError
	}
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := append(make([]slog.Attr, 0, mostAttrs),
		slog.String("request_id", e.RequestID),
		slog.String("remote", Block(e.Remote)),
		slog.Int("status", e.Status),
		milliseconds("duration_ms", e.Took),
	)
	if e.Store > 0 {
		attrs = append(attrs, milliseconds("store_ms", e.Store))
	}
	attrs = appendText(attrs, "operation", e.Operation)
	attrs = appendText(attrs, "pool", e.Pool)
	attrs = appendText(attrs, "client", e.Client)
	attrs = appendText(attrs, "error", e.Error)
	if !strings.HasPrefix(e.Error, e.Reason) || e.Error == "" {
		attrs = appendText(attrs, "reason", e.Reason)
	}
	if e.Repeat {
		attrs = append(attrs, slog.Bool("repeat", true))
	}
	if e.Cause != nil {
		attrs = appendText(attrs, "cause", e.Cause.Error())
	}
	attrs = appendText(attrs, "trace_id", e.TraceID)
	r := slog.NewRecord(time.Now(), level, "request", 0) // no place in the source, which costs to find
	r.AddAttrs(attrs...)
	log.Handler().Handle(ctx, r)
}

const mostAttrs = 13 // of a request's line

// milliseconds are to a tenth.
func milliseconds(key string, d time.Duration) slog.Attr {
	return slog.Float64(key, math.Round(d.Seconds()*1e4)/10)
}

func appendText(attrs []slog.Attr, key, value string) []slog.Attr {
	if value == "" {
		return attrs
	}
	return append(attrs, slog.String(key, printable(value)))
}

// printable keeps a value to one line of visible ASCII of bounded length, so
// that it can neither forge a line nor move a terminal's cursor, whatever
// handler writes the log.
func printable(s string) string {
	if len(s) > maxLogValue {
		s = s[:maxLogValue]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

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
}

type eventKey struct{}

func newEvent(remote netip.Addr) *Event {
	return &Event{RequestID: uuid.NewString(), Remote: remote}
}

func withEvent(ctx context.Context, e *Event) context.Context {
	return context.WithValue(ctx, eventKey{}, e)
}

// EventOf returns the request's event. Without the plumbing it is a new one
// that nobody logs, so a face need not ask.
func EventOf(ctx context.Context) *Event {
	if e, ok := ctx.Value(eventKey{}).(*Event); ok {
		return e
	}
	return newEvent(netip.Addr{})
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

func (e *Event) log(ctx context.Context, log *slog.Logger, status int, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case status == http.StatusServiceUnavailable: // strangers can bring it about
		level = slog.LevelWarn
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("request_id", e.RequestID),
		slog.String("remote", Block(e.Remote)),
		slog.Int("status", status),
		slog.Float64("duration_ms", math.Round(took.Seconds()*1e4)/10),
	}
	attrs = appendText(attrs, "operation", e.Operation)
	attrs = appendText(attrs, "pool", e.Pool)
	attrs = appendText(attrs, "client", e.Client)
	attrs = appendText(attrs, "error", e.Error)
	if e.Cause != nil {
		attrs = appendText(attrs, "cause", e.Cause.Error())
	}
	log.LogAttrs(ctx, level, "request", attrs...)
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

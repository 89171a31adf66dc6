package traces

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/bellhop-auth/bellhop/internal/netcause"
)

// quiet is an exporter whose failures are one line in the log, and their end
// another, however many batches are lost between the two.
type quiet struct {
	sdktrace.SpanExporter
	log *slog.Logger

	mu      sync.Mutex // guards the fields below
	failing bool
	lost    int // spans since it fails
}

// ExportSpans implements sdktrace.SpanExporter. It never fails, or OpenTelemetry
// would write a line for each batch.
func (q *quiet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := q.SpanExporter.ExportSpans(ctx, spans)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case err != nil && !q.failing:
		q.failing, q.lost = true, len(spans)
		q.log.Warn("traces cannot be handed to the collector; they are dropped until it takes them again", "error", cause(err))
	case err != nil:
		q.lost += len(spans)
	case q.failing:
		q.failing = false
		q.log.Info("the collector takes traces again", "lost", q.lost)
	}
	return nil
}

var errRefused = errors.New("the collector did not accept them")

// cause says why in our own words: the client's repeat the URL, which may hold a
// secret, and what the collector answered.
func cause(err error) error {
	var network net.Error
	if errors.As(err, new(*url.Error)) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) {
		return netcause.Of(err)
	}
	return errRefused
}

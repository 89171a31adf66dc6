// Package traces makes OpenTelemetry traces of requests, of their transactions,
// and of messages on their way to a sender, and hands them to a collector by OTLP
// over HTTP. It owns what a span is called and what stands in it: names of
// operations and outcomes, ids of pools and requests; never a number, a name, a
// code or a token. What the collector is and how it is reached, OpenTelemetry's
// own environment variables say.
package traces

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// Asked says whether the environment asks for traces: it names an endpoint, and
// does not switch them off. The error says what of it cannot be served.
func Asked(env []string) (bool, error) {
	values := map[string]string{}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		values[name] = strings.TrimSpace(value)
	}
	named := ""
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if values[name] != "" {
			named = name
			break
		}
	}
	if named == "" || values["OTEL_TRACES_EXPORTER"] == "none" || strings.EqualFold(values["OTEL_SDK_DISABLED"], "true") {
		return false, nil
	}
	if u, err := url.Parse(values[named]); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return false, fmt.Errorf("%s must be a URL such as http://127.0.0.1:4318", named)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if p := values[name]; p != "" {
			if p != "http/protobuf" && p != "http/json" {
				return false, fmt.Errorf("%s is %q, but traces go by http/protobuf or http/json", name, p)
			}
			break
		}
	}
	return true, nil
}

// Traces is an Observer of web and of userpool that makes spans.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// closeFor is how long the last spans may take on their way.
const closeFor = 3 * time.Second

// New returns traces that go where the environment says. Nothing waits for the
// collector: spans are kept in a bounded queue, and those that find no room or
// cannot be handed over are dropped.
func New(ctx context.Context, version string, log *slog.Logger) (*Traces, error) {
	// A batch that fails is not tried again: what is new is worth more.
	out, err := otlptracehttp.New(ctx, otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "bellhop"), attribute.String("service.version", version)),
		resource.WithFromEnv(), // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go over ours
	)
	if err != nil {
		return nil, fmt.Errorf("traces: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(&quiet{SpanExporter: out, log: log}), sdktrace.WithResource(about))
	return &Traces{provider: p, tracer: p.Tracer("github.com/bellhop-auth/bellhop")}, nil
}

// Close hands over the spans that wait, for a few seconds at most.
func (t *Traces) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeFor)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what could not be handed over has been logged
}

// unknown is the name of a request that is no operation.
const unknown = "unknown"

// Arrived implements web.Observer. The trace of the caller (W3C traceparent) goes
// on only where a trusted proxy sends it: a stranger could else choose ids, and
// have everything of his recorded.
func (t *Traces) Arrived(ctx context.Context, h http.Header, fromProxy bool) context.Context {
	if fromProxy {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(h))
	}
	ctx, span := t.tracer.Start(ctx, unknown, trace.WithSpanKind(trace.SpanKindServer))
	if c := span.SpanContext(); c.IsSampled() {
		web.EventOf(ctx).TraceID = c.TraceID().String()
	}
	return ctx
}

// Answered implements web.Observer.
func (t *Traces) Answered(ctx context.Context, e *web.Event) {
	span := trace.SpanFromContext(ctx)
	defer span.End()
	if e.Operation != "" {
		span.SetName(e.Operation)
	}
	span.SetAttributes(
		attribute.String("bellhop.request_id", e.RequestID),
		attribute.String("bellhop.outcome", e.Outcome()),
		attribute.Int("http.response.status_code", e.Status),
	)
	if e.Pool != "" {
		span.SetAttributes(attribute.String("bellhop.pool", e.Pool))
	}
	if e.Status == 0 || e.Status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
}

// CallEnded implements userpool.Observer.
func (t *Traces) CallEnded(context.Context, userpool.Report) {}

// spanNames are those of the calls of a store.
var spanNames = map[string]string{userpool.StoreView: "store.View", userpool.StoreUpdate: "store.Update"}

// Storing implements userpool.Observer. Transactions that belong to nothing, such
// as looks at the outbox, have no span.
func (t *Traces) Storing(ctx context.Context, call string) (context.Context, func(userpool.Transaction)) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, func(userpool.Transaction) {}
	}
	ctx, span := t.tracer.Start(ctx, spanNames[call])
	return ctx, func(done userpool.Transaction) {
		defer span.End()
		span.SetAttributes(attribute.Int("bellhop.store.runs", done.Runs))
		if done.Failure != "" {
			span.SetAttributes(attribute.String("error.type", done.Failure))
			span.SetStatus(codes.Error, "")
		}
	}
}

// Sending implements userpool.Observer. A message is a trace of its own, since it
// may be sent by another server than the one that was asked for it, and later.
func (t *Traces) Sending(ctx context.Context, h userpool.Handover) (context.Context, func(sms.Receipt, error)) {
	ctx, span := t.tracer.Start(ctx, "message.send", trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			attribute.String("bellhop.pool", string(h.Pool)),
			attribute.String("bellhop.message.medium", h.Medium),
			attribute.String("bellhop.message.purpose", string(h.Purpose)),
			attribute.Int("bellhop.message.attempt", h.Attempt),
		))
	if h.Country != "" {
		span.SetAttributes(attribute.String("bellhop.message.country", h.Country))
	}
	return ctx, func(r sms.Receipt, err error) {
		defer span.End()
		if r.Provider != "" {
			span.SetAttributes(attribute.String("bellhop.message.provider", r.Provider))
		}
		outcome := "taken"
		if err != nil {
			outcome = sms.OutcomeOf(err).String()
			span.SetStatus(codes.Error, "")
		}
		span.SetAttributes(attribute.String("bellhop.message.outcome", outcome))
	}
}

// Calling implements userpool.Observer.
func (t *Traces) Calling(ctx context.Context, c userpool.TriggerCall) (context.Context, func(string)) {
	ctx, span := t.tracer.Start(ctx, "trigger."+string(c.Trigger), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			attribute.String("bellhop.pool", string(c.Pool)),
			attribute.Int("bellhop.trigger.attempt", c.Attempt),
		))
	return ctx, func(outcome string) {
		defer span.End()
		if outcome != userpool.TriggerAnswered {
			span.SetStatus(codes.Error, "")
		}
		span.SetAttributes(attribute.String("bellhop.trigger.outcome", outcome))
	}
}

// Dropped implements userpool.Observer.
func (t *Traces) Dropped(userpool.Handover) {}

// Told implements userpool.Observer.
func (t *Traces) Told(userpool.Telling) {}

// Texted implements userpool.Observer.
func (t *Traces) Texted(userpool.Text) {}

// Used implements userpool.Observer.
func (t *Traces) Used(userpool.Text) {}

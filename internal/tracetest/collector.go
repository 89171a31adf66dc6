// Package tracetest is a collector of OpenTelemetry traces, for tests.
package tracetest

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// Collector takes traces by OTLP over HTTP, in protobuf.
type Collector struct {
	URL string

	t      *testing.T
	mu     sync.Mutex // guards the fields below
	spans  []Span
	status int
}

// Span is a span as it came.
type Span struct {
	Name, Trace, ID, Parent string // the ids in hex, Parent "" for none
	Attributes              map[string]string
	Resource                map[string]string
	Failed                  bool
	Raw                     string // all of it, as it came
}

// New starts a collector, which ends with the test.
func New(t *testing.T) *Collector {
	c := &Collector{t: t, status: http.StatusOK}
	server := httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// Answer makes the collector answer with the status, and take nothing unless that
// is 200.
func (c *Collector) Answer(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
}

func (c *Collector) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var got coltracepb.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &got)
	}
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.t.Errorf("the collector got %s %s, %v", r.Method, r.URL.Path, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status == http.StatusOK {
		c.keep(&got, string(body))
	}
	w.WriteHeader(c.status)
}

func (c *Collector) keep(got *coltracepb.ExportTraceServiceRequest, raw string) {
	for _, from := range got.ResourceSpans {
		for _, scope := range from.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, Span{
					Name: s.Name, Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
					Attributes: texts(s.Attributes), Resource: texts(from.Resource.GetAttributes()),
					Failed: s.Status.GetCode() == 2, Raw: raw, // STATUS_CODE_ERROR
				})
			}
		}
	}
}

func texts(attributes []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		value := a.Value.GetStringValue()
		if _, ok := a.Value.GetValue().(*commonpb.AnyValue_StringValue); !ok {
			value = a.Value.String()
		}
		all[a.Key] = value
	}
	return all
}

// Spans are those that have come so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...)
}

// Named is the only span of that name.
func (c *Collector) Named(name string) Span {
	c.t.Helper()
	var found []Span
	for _, s := range c.Spans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		c.t.Fatalf("%d spans are called %s, want 1, in %+v", len(found), name, c.Spans())
	}
	return found[0]
}

// Children are the spans whose parent is the one given.
func (c *Collector) Children(of Span) (all []Span) {
	for _, s := range c.Spans() {
		if s.Parent == of.ID && s.Trace == of.Trace {
			all = append(all, s)
		}
	}
	return all
}

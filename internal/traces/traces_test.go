package traces

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/tracetest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

func TestAsked_AnEndpointIsWhatTurnsThemOn(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318"
	for name, c := range map[string]struct {
		env     []string
		on      bool
		problem string
	}{
		"nothing":              {nil, false, ""},
		"empty":                {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT="}, false, ""},
		"other variables":      {[]string{"OTEL_SERVICE_NAME=x"}, false, ""},
		"endpoint":             {[]string{endpoint}, true, ""},
		"endpoint of traces":   {[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://collector/v1/traces"}, true, ""},
		"switched off":         {[]string{endpoint, "OTEL_SDK_DISABLED=true"}, false, ""},
		"no exporter":          {[]string{endpoint, "OTEL_TRACES_EXPORTER=none"}, false, ""},
		"protobuf":             {[]string{endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}, true, ""},
		"of traces goes first": {[]string{endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json"}, true, ""},
		"gRPC":                 {[]string{endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, false, `OTEL_EXPORTER_OTLP_PROTOCOL is "grpc", but traces go by http/protobuf or http/json`},
		"no URL":               {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318"}, false, "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL such as http://127.0.0.1:4318"},
	} {
		on, err := Asked(c.env)
		if on != c.on || (err == nil) != (c.problem == "") || (err != nil && err.Error() != c.problem) {
			t.Errorf("%s: %v, %v", name, on, err)
		}
	}
}

// open makes traces that go to the URL, and their log.
func open(t *testing.T, url string) (*Traces, *bytes.Buffer) {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	var log bytes.Buffer
	tr, err := New(t.Context(), "v1", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return tr, &log
}

// request goes through the plumbing of web and ends as the event says.
func (tr *Traces) request(header http.Header, proxies web.Config, serve func(ctx context.Context, e *web.Event)) {
	r := httptest.NewRequest(http.MethodPost, "/", nil) // from 192.0.2.1
	r.Header = header
	proxies.Log = slog.New(slog.DiscardHandler)
	proxies.Observers = []web.Observer{tr}
	web.Handler(proxies, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve(r.Context(), web.EventOf(r.Context()))
	})).ServeHTTP(httptest.NewRecorder(), r)
}

func TestSpans_OfARequestAndAMessage(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
	c := tracetest.New(t)
	tr, log := open(t, c.URL)
	var traceID string
	tr.request(http.Header{}, web.Config{}, func(ctx context.Context, e *web.Event) {
		traceID = e.TraceID
		e.Operation, e.Pool, e.Error = "SignUp", "us-east-1_a", "ServiceUnavailableException"
		_, end := tr.Storing(ctx, userpool.StoreUpdate)
		end(userpool.Transaction{Runs: 2, Failure: userpool.FailureUnavailable})
		_, end = tr.Storing(ctx, userpool.StoreView)
		end(userpool.Transaction{Runs: 1})
	})
	_, alone := tr.Storing(t.Context(), userpool.StoreView)
	alone(userpool.Transaction{Runs: 1})
	h := userpool.Handover{Pool: "us-east-1_a", Purpose: userpool.PurposeReset, Medium: "SMS", Attempt: 2, Country: "IN"}
	_, sent := tr.Sending(t.Context(), h)
	sent(sms.Receipt{Provider: "first"}, &sms.SendError{Outcome: sms.NotYet, Cause: errors.New("+14155550123 said no")})
	tr.Close(t.Context())

	request := c.Named("SignUp")
	if request.Trace != traceID || request.Parent != "" || request.Attributes["bellhop.outcome"] != "ServiceUnavailableException" ||
		request.Attributes["bellhop.pool"] != "us-east-1_a" || len(request.Attributes["bellhop.request_id"]) != 36 {
		t.Errorf("the request's: %+v", request)
	}
	for k, want := range map[string]string{"service.name": "bellhop", "service.version": "v1", "deployment.environment": "test"} {
		if request.Resource[k] != want {
			t.Errorf("%s is %q, want %q", k, request.Resource[k], want)
		}
	}
	update := c.Named("store.Update")
	if update.Parent != request.ID || update.Trace != traceID || !update.Failed || update.Attributes["error.type"] != "unavailable" || update.Attributes["bellhop.store.runs"] != "int_value:2" {
		t.Errorf("the transaction's: %+v", update)
	}
	if view := c.Named("store.View"); view.Parent != request.ID || view.Failed { // and none of the one that belongs to nothing
		t.Errorf("the look's: %+v", view)
	}
	message := c.Named("message.send")
	want := map[string]string{
		"bellhop.pool": "us-east-1_a", "bellhop.message.medium": "SMS", "bellhop.message.purpose": "reset",
		"bellhop.message.attempt": "int_value:2", "bellhop.message.outcome": "not yet sent",
		"bellhop.message.country": "IN", "bellhop.message.provider": "first",
	}
	if message.Parent != "" || message.Trace == traceID || !message.Failed || !reflect.DeepEqual(message.Attributes, want) {
		t.Errorf("the message's: %+v", message)
	}
	if strings.Contains(message.Raw, "4155550123") {
		t.Error("what the sender said is in a trace")
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", log)
	}
}

// hung is a collector that takes connections and never answers.
func hung(t *testing.T) string {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() {
		close(release)
		server.Close()
	})
	return server.URL
}

func TestCollector_ThatNeverAnswers_HoldsUpNeitherRequestsNorTheEnd(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000") // an hour: who waited for it would not end
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "3600000")
	tr, _ := open(t, hung(t))
	for range 10_000 { // several times what the queue holds
		tr.request(http.Header{}, web.Config{}, func(context.Context, *web.Event) {})
	}
	tr.Close(t.Context())
}

func TestCollector_ThatFails_IsOneLineUntilItTakesThemAgain(t *testing.T) {
	c := tracetest.New(t)
	tr, log := open(t, c.URL)
	flush := func() {
		tr.request(http.Header{}, web.Config{}, func(context.Context, *web.Event) {})
		if err := tr.provider.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, status := range []int{503, 500, 401} {
		c.Answer(status)
		flush()
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "the collector did not accept them") {
		t.Errorf("%d lines: %s", n, log)
	}
	c.Answer(200)
	flush()
	flush()
	if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "lost=3") || len(c.Spans()) != 2 {
		t.Errorf("%d lines, %d spans: %s", n, len(c.Spans()), log)
	}
	tr.Close(t.Context())
}

func TestCollector_OutOfReach_IsOneLineWithoutItsURL(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	tr, log := open(t, fmt.Sprintf("http://user:hunter2@%s/hunter2", addr))
	for range 3 {
		tr.request(http.Header{}, web.Config{}, func(context.Context, *web.Event) {})
		if err := tr.provider.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tr.Close(t.Context())
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "the host refused the connection") || strings.Contains(log.String(), "hunter2") {
		t.Errorf("%d lines: %s", n, log)
	}
}

func TestTraceparent_IsTakenFromTrustedProxiesAlone(t *testing.T) {
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	header := http.Header{"Traceparent": {"00-" + id + "-" + parent + "-01"}}
	c := tracetest.New(t)
	tr, _ := open(t, c.URL)
	named := func(name string) func(context.Context, *web.Event) {
		return func(_ context.Context, e *web.Event) { e.Operation = name }
	}
	tr.request(header, web.Config{}, named("stranger"))
	proxies := web.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	tr.request(header, proxies, named("proxy"))
	tr.request(http.Header{"Traceparent": {"00-" + id + "-" + parent + "-00"}}, proxies, named("proxy that samples out"))
	tr.request(http.Header{"Traceparent": {"nonsense"}}, proxies, named("nonsense"))
	tr.Close(t.Context())
	if s := c.Named("proxy"); s.Trace != id || s.Parent != parent {
		t.Errorf("through a proxy: %+v", s)
	}
	for _, name := range []string{"stranger", "nonsense"} {
		if s := c.Named(name); s.Trace == id || s.Parent != "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if n := len(c.Spans()); n != 3 {
		t.Errorf("%d spans, want 3: what the proxy does not sample is not recorded", n)
	}
}

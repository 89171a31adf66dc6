// Package metrics counts what a server does, for Prometheus. It owns the names
// of the metrics and the page that shows them; what is counted it is told by web
// and userpool. No label holds anything that a
// caller has written: labels are names of operations, outcomes, flows and
// purposes, of which there are so many and no more.
package metrics

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// Build says which program runs.
type Build struct{ Version, Revision, Go string }

// Metrics is every metric of one server. It is an Observer of web and of
// userpool.
type Metrics struct {
	registry *prometheus.Registry

	requests    *prometheus.CounterVec
	durations   *prometheus.HistogramVec
	inFlight    prometheus.Gauge
	started     *prometheus.CounterVec
	queued      *prometheus.CounterVec
	guarded     *prometheus.CounterVec
	tries       *prometheus.CounterVec
	sendTime    *prometheus.HistogramVec
	sending     prometheus.Gauge
	dropped     *prometheus.CounterVec
	texts       *prometheus.CounterVec
	segments    *prometheus.CounterVec
	dollars     *prometheus.CounterVec
	receipts    *prometheus.CounterVec
	used        *prometheus.CounterVec
	useTime     *prometheus.HistogramVec
	answers     *prometheus.CounterVec
	signIns     *prometheus.CounterVec
	refreshes   prometheus.Counter
	triggerTime *prometheus.HistogramVec
	storeTime   *prometheus.HistogramVec
	storeErrors *prometheus.CounterVec
	storeReruns *prometheus.CounterVec
}

// Buckets in seconds. A request or a transaction takes from less than a
// millisecond to the seconds after which clients go; a sender is given ten.
var (
	quick = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	slow  = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
)

// New makes the metrics, at zero.
func New(b Build) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.addRequests()
	m.addFunnel()
	m.addStore()
	build := m.gauge("build_info", "Which build this is; always 1.", "version", "revision", "goversion")
	build.WithLabelValues(b.Version, b.Revision, b.Go).Set(1)
	return m
}

func (m *Metrics) addRequests() {
	m.requests = m.counter("requests_total", "Requests answered, by operation and by the name of the exception, or success.", "operation", "outcome")
	m.durations = m.histogram("request_duration_seconds", "Time from a request's headers to the end of its answer.", quick, "operation")
	m.inFlight = m.gauge("requests_in_flight", "Requests whose headers have come and whose answer has not gone.").WithLabelValues()
}

func (m *Metrics) addFunnel() {
	m.started = m.counter("flows_started_total", "Sign-ins begun, by AuthFlow, and sign_up and reset.", "flow")
	m.queued = m.counter("messages_queued_total", "Messages put in the outbox, by what they are for.", "purpose")
	m.guarded = m.counter("guard_decisions_total", "What the guard decided of texts and of answers, by the rule that was against it, if any was.", "rule", "verdict")
	m.tries = m.counter("message_tries_total", "Messages handed to a sender, by what is known of each try.", "medium", "purpose", "outcome")
	m.sendTime = m.histogram("message_send_duration_seconds", "Time that a sender took for one try.", slow, "medium")
	m.sending = m.gauge("messages_sending", "Messages that senders have at the moment.").WithLabelValues()
	m.dropped = m.counter("messages_dropped_total", "Messages that expired before they could be sent.", "medium", "purpose")
	m.texts = m.counter("texts_total", "Texts that were sent or given up, by what is known of it.", "country", "provider", "outcome")
	m.segments = m.counter("text_segments_total", "Segments of texts that were or may have been sent.", "country", "provider")
	m.dollars = m.counter("text_usd_total", "Expected price of texts that were or may have been sent, in US dollars.", "country", "provider")
	m.used = m.counter("texts_used_total", "Texts whose codes were used.", "country", "provider")
	m.useTime = m.histogram("text_use_seconds", "Time from when a text was asked for until its code was used.", useBuckets(), "provider")
	m.receipts = m.counter("text_receipts_total", "What providers told of texts that they had taken, each once.", "country", "provider", "status")
	m.answers = m.counter("answers_total", "Codes and passwords that were tried: right, wrong, or over, which is too late or too often.", "purpose", "result")
	m.signIns = m.counter("sign_ins_total", "Sign-ins that ended with tokens, by the challenge that was answered last, or the AuthFlow where there was none.", "by")
	m.refreshes = m.counter("refreshes_total", "Refresh tokens exchanged for new tokens.").WithLabelValues()
}

func (m *Metrics) addStore() {
	m.triggerTime = m.histogram("trigger_duration_seconds", "Time of a try to call a trigger, by how it ended.", slow, "outcome", "trigger")
	m.storeTime = m.histogram("store_duration_seconds", "Time of a transaction, waiting for its turn included.", quick, "call")
	m.storeErrors = m.counter("store_errors_total", "Transactions that the store failed, or that were given up.", "call", "kind")
	m.storeReruns = m.counter("store_reruns_total", "Times that a transaction's function ran again.", "call")
	for _, call := range []string{userpool.StoreView, userpool.StoreUpdate} { // an alert wants the zero before the first
		m.storeReruns.WithLabelValues(call)
		for _, kind := range userpool.StoreFailures() {
			m.storeErrors.WithLabelValues(call, kind)
		}
	}
}

const namespace = "bellhop"

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(g)
	return g
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return h
}

// scrapes is how many scrapes may be under way at once.
const scrapes = 4

// Handler answers GET /metrics and nothing else.
func (m *Metrics) Handler() http.Handler {
	page := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapes, ErrorHandling: promhttp.ContinueOnError})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", page)
	return mux
}

// unknown is what is counted of requests that are no operation: preflights, and
// what was turned away before its operation was known.
const unknown = "unknown"

// Arrived implements web.Observer.
func (m *Metrics) Arrived(ctx context.Context, _ http.Header, _ bool) context.Context {
	m.inFlight.Inc()
	return ctx
}

// Answered implements web.Observer.
func (m *Metrics) Answered(_ context.Context, e *web.Event) {
	m.inFlight.Dec()
	operation := e.Operation
	if operation == "" {
		operation = unknown
	}
	m.requests.WithLabelValues(operation, e.Outcome()).Inc()
	m.durations.WithLabelValues(operation).Observe(e.Took.Seconds())
}

// The flows that are no AuthFlow, and the operations that begin them.
var flows = map[string]string{"SignUp": "sign_up", "ForgotPassword": "reset"}

// CallEnded implements userpool.Observer.
func (m *Metrics) CallEnded(_ context.Context, r userpool.Report) {
	for _, p := range r.Queued {
		m.queued.WithLabelValues(string(p)).Inc()
	}
	for _, g := range r.Guarded {
		m.guarded.WithLabelValues(ruleOf(g), g.Verdict.String()).Inc()
	}
	for _, a := range r.Answers {
		m.answers.WithLabelValues(string(a.To), a.Result).Inc()
	}
	if r.Outcome != userpool.OutcomeSuccess || r.Repeat {
		return
	}
	switch {
	case r.Refreshes():
		m.refreshes.Inc()
	case r.Flow != "":
		m.started.WithLabelValues(r.Flow).Inc()
	case flows[r.Operation] != "":
		m.started.WithLabelValues(flows[r.Operation]).Inc()
	}
	if r.SignedIn {
		by := r.Answered
		if by == "" {
			by = r.Flow
		}
		m.signIns.WithLabelValues(by).Inc()
	}
}

// ruleOf is the rule of a decision, none where nothing was against it.
func ruleOf(g userpool.Guarded) string {
	if g.Rule == guard.RuleNone {
		return "none"
	}
	return string(g.Rule)
}

// outcomes are what is known of a try, as a label.
var outcomes = map[sms.Outcome]string{
	sms.MaybeSent: "maybe_sent", sms.SurelyNotSent: "surely_not_sent",
	sms.NotYet: "not_yet", sms.RefusedForEver: "refused_for_ever",
}

const taken = "taken"

// Sending implements userpool.Observer.
func (m *Metrics) Sending(ctx context.Context, h userpool.Handover) (context.Context, func(sms.Receipt, error)) {
	start := time.Now()
	m.sending.Inc()
	return ctx, func(_ sms.Receipt, err error) {
		m.sending.Dec()
		m.sendTime.WithLabelValues(h.Medium).Observe(time.Since(start).Seconds())
		outcome := taken
		if err != nil {
			outcome = outcomes[sms.OutcomeOf(err)]
		}
		m.tries.WithLabelValues(h.Medium, string(h.Purpose), outcome).Inc()
	}
}

// Calling implements userpool.Observer.
func (m *Metrics) Calling(ctx context.Context, c userpool.TriggerCall) (context.Context, func(string)) {
	start := time.Now()
	return ctx, func(outcome string) {
		m.triggerTime.WithLabelValues(outcome, string(c.Trigger)).Observe(time.Since(start).Seconds())
	}
}

// Dropped implements userpool.Observer.
func (m *Metrics) Dropped(h userpool.Handover) {
	m.dropped.WithLabelValues(h.Medium, string(h.Purpose)).Inc()
}

// Told implements userpool.Observer. What a provider repeats is counted once.
func (m *Metrics) Told(t userpool.Telling) {
	if t.New {
		m.receipts.WithLabelValues(orNone(t.Country), orNone(t.Provider), string(t.Status)).Inc()
	}
}

// Texted implements userpool.Observer.
func (m *Metrics) Texted(t userpool.Text) {
	country, provider := orNone(t.Country), orNone(t.Provider)
	m.texts.WithLabelValues(country, provider, string(t.Status)).Inc()
	switch t.Status {
	case userpool.TextSent, userpool.TextMaybe:
		m.segments.WithLabelValues(country, provider).Add(float64(t.Segments))
		m.dollars.WithLabelValues(country, provider).Add(float64(t.Micros) / 1e6)
		m.used.WithLabelValues(country, provider) // an alert wants the zero before the first
	}
}

// Used implements userpool.Observer.
func (m *Metrics) Used(t userpool.Text) {
	m.used.WithLabelValues(orNone(t.Country), orNone(t.Provider)).Inc()
	m.useTime.WithLabelValues(orNone(t.Provider)).Observe(max(t.UsedAt.Sub(t.QueuedAt), 0).Seconds())
}

// useBuckets are the ranges that the report of texts has.
func useBuckets() (all []float64) {
	for _, s := range userpool.TextSeconds {
		all = append(all, float64(s))
	}
	return all
}

// orNone is a label's value where there is something to say. An empty one would be no
// label.
func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

// Storing implements userpool.Observer.
func (m *Metrics) Storing(ctx context.Context, call string) (context.Context, func(userpool.Transaction)) {
	start := time.Now()
	return ctx, func(t userpool.Transaction) {
		m.storeTime.WithLabelValues(call).Observe(time.Since(start).Seconds())
		if t.Runs > 1 {
			m.storeReruns.WithLabelValues(call).Add(float64(t.Runs - 1))
		}
		if t.Failure != "" {
			m.storeErrors.WithLabelValues(call, t.Failure).Inc()
		}
	}
}

package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Backlog is who knows the queues: a *userpool.Service.
type Backlog interface {
	Backlog(ctx context.Context) (userpool.Backlog, error)
}

// Follow shows the queues of the service from now on. It is called once.
func (m *Metrics) Follow(b Backlog) {
	m.registry.MustRegister(&backlog{of: b})
}

// How often the store is asked at most, however often it is scraped, and how
// long it may take.
const (
	backlogFor     = 5 * time.Second
	backlogTimeout = 2 * time.Second
)

// backlog looks at the queues when it is scraped.
type backlog struct {
	of Backlog

	mu   sync.Mutex // guards the fields below, and is held while the store is asked
	at   time.Time
	seen userpool.Backlog
	err  error
}

var (
	overdue         = describe("outbox_overdue_seconds", "For how long the message that has been due longest has waited for a server to take it, over all servers on the database.")
	waiting         = describe("outbox_messages", "Messages in the outbox of the database, those under way included.")
	oldest          = describe("outbox_oldest_seconds", "How long ago the oldest message in the outbox was put in.")
	auditWaiting    = describe("audit_rows_waiting", "Rows of the audit trail that are in memory alone.")
	guardRestricted = prometheus.NewDesc(prometheus.BuildFQName(namespace, "", "guard_restricted"), "Countries, prefixes and others that the guard restricts at the moment, by how they stand.", []string{"standing"}, nil)
	logLag          = describe("log_delivery_lag_seconds", "How long the oldest event has waited that its destination could have taken, over all user pools.")
	logFailing      = describe("log_delivery_failing", "Destinations of log delivery that took nothing at the last try.")
	logLost         = describe("log_delivery_lost_events", "Events that the audit trail's retention took before their destination did, of the log configurations that there are.")
	auditDropped    = describe("audit_rows_dropped_total", "Rows of the audit trail that were dropped because they were too many.")
)

func describe(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, nil, nil)
}

// Describe implements prometheus.Collector.
func (b *backlog) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{overdue, waiting, oldest, guardRestricted, auditWaiting, auditDropped, logLag, logFailing, logLost} {
		descs <- d
	}
}

// Collect implements prometheus.Collector. While the store cannot be read, what
// is in it is missing.
func (b *backlog) Collect(out chan<- prometheus.Metric) {
	seen, err := b.look()
	out <- prometheus.MustNewConstMetric(auditWaiting, prometheus.GaugeValue, float64(seen.AuditWaiting))
	out <- prometheus.MustNewConstMetric(auditDropped, prometheus.CounterValue, float64(seen.AuditDropped))
	if err == nil {
		out <- prometheus.MustNewConstMetric(overdue, prometheus.GaugeValue, seen.Overdue.Seconds())
		out <- prometheus.MustNewConstMetric(waiting, prometheus.GaugeValue, float64(seen.Waiting))
		for standing, n := range seen.Restricted {
			out <- prometheus.MustNewConstMetric(guardRestricted, prometheus.GaugeValue, float64(n), standing)
		}
		out <- prometheus.MustNewConstMetric(oldest, prometheus.GaugeValue, seen.Oldest.Seconds())
		out <- prometheus.MustNewConstMetric(logLag, prometheus.GaugeValue, seen.Logs.Lag.Seconds())
		out <- prometheus.MustNewConstMetric(logFailing, prometheus.GaugeValue, float64(seen.Logs.Failing))
		out <- prometheus.MustNewConstMetric(logLost, prometheus.GaugeValue, float64(seen.Logs.Lost))
	}
}

func (b *backlog) look() (userpool.Backlog, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := time.Now(); b.at.IsZero() || !at.Before(b.at.Add(backlogFor)) {
		ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
		defer cancel()
		b.seen, b.err = b.of.Backlog(ctx)
		b.at = at
	}
	return b.seen, b.err
}

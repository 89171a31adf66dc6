package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop-auth/bellhop/internal/clock"
)

// Clock is who knows how the clock runs: a *clock.Clock.
type Clock interface {
	Status() clock.Status
}

// FollowClock shows the clock from now on. It is called once.
func (m *Metrics) FollowClock(c Clock) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "clock_apart_seconds",
			Help: "By how much the clock that is followed is ahead of the one that codes live by; not zero while a step of it waits to be followed.",
		}, func() float64 { return c.Status().Apart.Seconds() }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "clock_steps_total",
			Help: "How often the clock that is followed was set.",
		}, func() float64 { return float64(c.Status().Steps) }))
}

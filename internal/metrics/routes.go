package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop-auth/bellhop/internal/sms/routes"
)

// Routes is who knows which providers texts do not go by: a *routes.Router.
type Routes interface {
	Standings(now time.Time) []routes.Standing
}

// FollowRoutes shows them from now on. It is called once.
func (m *Metrics) FollowRoutes(r Routes) {
	m.registry.MustRegister(standings{r, prometheus.NewDesc(
		prometheus.BuildFQName(namespace, "", "provider_restricted"),
		"SMS providers that texts do not go by first at the moment, as this server knows: open (it failed) or demoted (its codes are not used); always 1.",
		[]string{"country", "provider", "state"}, nil)})
}

type standings struct {
	routes Routes
	desc   *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (s standings) Describe(ch chan<- *prometheus.Desc) { ch <- s.desc }

// Collect implements prometheus.Collector.
func (s standings) Collect(ch chan<- prometheus.Metric) {
	for _, one := range s.routes.Standings(time.Now()) {
		country := one.Country
		if country == "" {
			country = "all"
		}
		ch <- prometheus.MustNewConstMetric(s.desc, prometheus.GaugeValue, 1, country, one.Provider, one.State)
	}
}

package control

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// collector reads the upstream when it is scraped, so that serving requests costs nothing more.
type collector struct {
	up      *upstream.Upstream
	viewers func() int

	endpoints, connections, requests, fired, journal, streams *prometheus.Desc
}

// newMetrics makes the handler of /metrics with a registry of its own.
func newMetrics(a *api) http.Handler {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("gatefault_"+name, help, labels, nil)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{
		up: a.up, viewers: func() int { return len(a.viewers) },
		endpoints:   desc("endpoints", "Endpoints that are open."),
		connections: desc("connections_open", "Connections that are open.", "endpoint"),
		requests:    desc("requests_total", "Requests whose head was read.", "endpoint"),
		fired:       desc("faults_fired_total", "How often each fault fired; for armed ones, connection attempts counted by the kernel when disarmed.", "fault"),
		journal:     desc("journal_last_seq", "Sequence number of the newest journal event."),
		streams:     desc("event_streams_open", "Event streams of the control API that are open."),
	})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.endpoints, c.connections, c.requests, c.fired, c.journal, c.streams} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	endpoints := c.up.Endpoints()
	gauge(c.endpoints, float64(len(endpoints)))
	for _, ep := range endpoints {
		open, requests := ep.Counts()
		gauge(c.connections, float64(open), ep.ID())
		counter(c.requests, requests, ep.ID())
	}
	fired := c.up.Journal().Fired()
	for _, f := range fault.All() {
		counter(c.fired, fired[f.Name], f.Name)
	}
	counter(c.fired, fired["script"], "script")
	gauge(c.journal, float64(c.up.Journal().Last()))
	gauge(c.streams, float64(c.viewers()))
}

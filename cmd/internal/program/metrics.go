package program

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// callMetrics counts the calls that cross the program's edges.
type callMetrics struct {
	webhooks       *prometheus.CounterVec
	webhookSeconds *prometheus.HistogramVec
	routers        *prometheus.CounterVec
	routerSeconds  *prometheus.HistogramVec
	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
}

func newCallMetrics(reg prometheus.Registerer) *callMetrics {
	m := &callMetrics{
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qserve_webhooks_total", Help: "Webhooks by source, call and outcome.",
		}, []string{"source", "call", "outcome"}),
		webhookSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "qserve_webhook_seconds", Help: "How long the answer to a webhook took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 10),
		}, []string{"source"}),
		routers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qserve_router_calls_total", Help: "Calls to routers by operation and outcome.",
		}, []string{"router", "operation", "outcome"}),
		routerSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "qserve_router_call_seconds", Help: "How long calls to routers took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12),
		}, []string{"operation"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qserve_radius_requests_total", Help: "RADIUS requests by kind and outcome.",
		}, []string{"kind", "outcome"}),
		requestSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "qserve_radius_request_seconds", Help: "How long a RADIUS request took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 10),
		}, []string{"kind"}),
	}
	reg.MustRegister(m.webhooks, m.webhookSeconds, m.routers, m.routerSeconds, m.requests, m.requestSeconds)
	return m
}

func (m *callMetrics) webhook(source, call, outcome string, took time.Duration) {
	m.webhooks.WithLabelValues(source, call, outcome).Inc()
	if took > 0 { // what is told later about a webhook, such as its replay from the spool, took nobody's time
		m.webhookSeconds.WithLabelValues(source).Observe(took.Seconds())
	}
}

func (m *callMetrics) routerCall(router, operation, outcome string, took time.Duration) {
	m.routers.WithLabelValues(router, operation, outcome).Inc()
	m.routerSeconds.WithLabelValues(operation).Observe(took.Seconds())
}

func (m *callMetrics) radius(kind, outcome string, took time.Duration) {
	m.requests.WithLabelValues(kind, outcome).Inc()
	m.requestSeconds.WithLabelValues(kind).Observe(took.Seconds())
}

// readiness tells machines what /readyz tells people.
type readiness struct{ look func(context.Context) []look }

var upDesc = prometheus.NewDesc("qserve_up", "1 while this process reaches what it needs (database, redis); else 0.", []string{"part"}, nil)

// Describe implements prometheus.Collector.
func (readiness) Describe(ch chan<- *prometheus.Desc) { ch <- upDesc }

// Collect implements prometheus.Collector.
func (r readiness) Collect(ch chan<- prometheus.Metric) {
	for _, part := range r.look(context.Background()) {
		up := 1.0
		if part.err != nil {
			up = 0
		}
		ch <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, up, part.what)
	}
}

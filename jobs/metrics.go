package jobs

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	tasks       *prometheus.CounterVec
	taskSeconds *prometheus.HistogramVec
	payments    *prometheus.CounterVec
	ended       *prometheus.CounterVec
	sweptRows   *prometheus.CounterVec
	toConfirmed *prometheus.HistogramVec
}

func newMetrics(cfg Config) (*metrics, error) {
	m := &metrics{
		tasks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qserve_tasks_total", Help: "Asynq tasks that ended, by type and outcome (done, wait, retry, dead).",
		}, []string{"type", "outcome"}),
		taskSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "qserve_task_seconds", Help: "How long a task ran.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12),
		}, []string{"type"}),
		payments: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qserve_payments_total", Help: "Payments told by providers: credited, unallocated, or repeated.",
		}, []string{"outcome"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qserve_actions_ended_total", Help: "Commands, payments and expiries that came to their end, by kind and state (confirmed, refused).",
		}, []string{"kind", "state"}),
		sweptRows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qserve_sweep_rang_total", Help: "Rows that the sweep had to ring for because no task held them.",
		}, []string{"list"}),
		toConfirmed: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "qserve_confirmed_seconds", Help: "From accepted (for a payment: received) until the router confirmed.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2.5, 14),
		}, []string{"kind"}),
	}
	// An alert does not see a counter that is not there yet.
	for _, list := range []string{"deliveries", "actions", "dues", "provisions"} {
		m.sweptRows.WithLabelValues(list)
	}
	for _, outcome := range []string{"credited", "unallocated", "repeated"} {
		m.payments.WithLabelValues(outcome)
	}
	for _, kind := range []string{TypeDelivery, TypeDue, TypeConverge, TypeSessions} {
		m.tasks.WithLabelValues(kind, "dead")
	}
	if cfg.Metrics == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.tasks, m.taskSeconds, m.payments, m.ended, m.sweptRows, m.toConfirmed, waiting{cfg.Pool, cfg.Clock}, queues{cfg.Redis},
	} {
		if err := cfg.Metrics.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) task(kind string, err error, took time.Duration) {
	outcome := "done"
	var dead permanent
	var wait later
	switch {
	case err == nil:
	case errors.As(err, &dead):
		outcome = "dead"
	case errors.As(err, &wait) && !wait.counts:
		outcome = "wait"
	default:
		outcome = "retry"
	}
	m.tasks.WithLabelValues(kind, outcome).Inc()
	m.taskSeconds.WithLabelValues(kind).Observe(took.Seconds())
}

func (m *metrics) payment(outcome string) { m.payments.WithLabelValues(outcome).Inc() }

func (m *metrics) swept(list string, rang bool) {
	if rang {
		m.sweptRows.WithLabelValues(list).Inc()
	}
}

func (m *metrics) confirmed(kind string, after time.Duration) {
	m.toConfirmed.WithLabelValues(kind).Observe(after.Seconds())
	m.end(kind, "confirmed")
}

// end counts an action that came to its end, also one that no router had to confirm.
func (m *metrics) end(kind, state string) { m.ended.WithLabelValues(kind, state).Inc() }

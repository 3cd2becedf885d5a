package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"qserve/db"
)

type metrics struct {
	tasks       *prometheus.CounterVec
	taskSeconds *prometheus.HistogramVec
	payments    *prometheus.CounterVec
	sweptRows   *prometheus.CounterVec
	toConfirmed *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer, pool *pgxpool.Pool) (*metrics, error) {
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
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.tasks, m.taskSeconds, m.payments, m.sweptRows, m.toConfirmed, waiting{pool}} {
		if err := reg.Register(c); err != nil {
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
}

// waiting reads the lists from the database at each scrape, so that every process tells the same truth.
type waiting struct{ pool *pgxpool.Pool }

var (
	unconfirmedDesc = prometheus.NewDesc("qserve_unconfirmed_provisions",
		"PPPoE users whose router has not confirmed what it should hold.", []string{"router"}, nil)
	oldestDesc = prometheus.NewDesc("qserve_unconfirmed_oldest_seconds",
		"Age of the oldest change that a router has not confirmed.", []string{"router"}, nil)
	deliveriesDesc  = prometheus.NewDesc("qserve_waiting_deliveries", "Webhooks stored and not processed.", nil, nil)
	unallocatedDesc = prometheus.NewDesc("qserve_unallocated_payments", "Payments that belong to no account yet.", nil, nil)
)

func (waiting) Describe(ch chan<- *prometheus.Desc) {
	ch <- unconfirmedDesc
	ch <- oldestDesc
	ch <- deliveriesDesc
	ch <- unallocatedDesc
}

func (w waiting) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	q := db.New(w.pool)
	routers, err := q.CountUnconfirmed(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(unconfirmedDesc, err)
		return
	}
	for _, r := range routers {
		ch <- prometheus.MustNewConstMetric(unconfirmedDesc, prometheus.GaugeValue, float64(r.Unconfirmed), r.Name)
		ch <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, r.OldestSeconds, r.Name)
	}
	for desc, count := range map[*prometheus.Desc]func(context.Context) (int64, error){
		deliveriesDesc: q.CountWaitingDeliveries, unallocatedDesc: q.CountUnallocated,
	} {
		n, err := count(ctx)
		if err != nil {
			ch <- prometheus.NewInvalidMetric(desc, err)
			continue
		}
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n))
	}
}

package jobs

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"qserve/db"
	"qserve/internal/clock"
)

// waiting reads the lists, the routers and the payment sources from the database at each scrape, so that every process
// tells the same truth.
type waiting struct {
	pool  *pgxpool.Pool
	clock clock.Clock
}

// scrapeWithin bounds what a scrape asks of the database.
const scrapeWithin = 3 * time.Second

var (
	unconfirmedDesc = prometheus.NewDesc("qserve_unconfirmed_provisions",
		"PPPoE users whose router has not confirmed what it should hold.", []string{"router"}, nil)
	unconfirmedOldestDesc = prometheus.NewDesc("qserve_unconfirmed_oldest_seconds",
		"Age of the oldest change that a router has not confirmed.", []string{"router"}, nil)
	breakerDesc = prometheus.NewDesc("qserve_router_breaker",
		"1 while a router is left alone until its next try, because it failed; else 0.", []string{"router"}, nil)
	contactDesc = prometheus.NewDesc("qserve_router_last_contact_seconds",
		"Time since a router last answered; absent while it never has.", []string{"router"}, nil)
	sourceDesc = prometheus.NewDesc("qserve_source_last_webhook_seconds",
		"Time since the last webhook of a payment source; absent while there was none.", []string{"source"}, nil)
	actionsDesc = prometheus.NewDesc("qserve_actions",
		"Commands, payments and expiries that have not come to their end, by kind and state (accepted, applied).", []string{"kind", "state"}, nil)
	oldestDesc = prometheus.NewDesc("qserve_waiting_oldest_seconds",
		"Age of the oldest row that waits on a list (deliveries, actions, dues); 0 when none does.", []string{"list"}, nil)
	deliveriesDesc  = prometheus.NewDesc("qserve_waiting_deliveries", "Webhooks stored and not processed.", nil, nil)
	unallocatedDesc = prometheus.NewDesc("qserve_unallocated_payments", "Payments that belong to no account yet.", nil, nil)
)

// Describe implements prometheus.Collector.
func (waiting) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		unconfirmedDesc, unconfirmedOldestDesc, breakerDesc, contactDesc, sourceDesc, actionsDesc, oldestDesc, deliveriesDesc, unallocatedDesc,
	} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (w waiting) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	q, now := db.New(w.pool), w.clock.Now()
	for desc, read := range map[*prometheus.Desc]func(context.Context, *db.Queries, time.Time, chan<- prometheus.Metric) error{
		unconfirmedDesc: unconfirmed, breakerDesc: breakers, sourceDesc: sourcesHeard, actionsDesc: actionsByState, oldestDesc: oldest, deliveriesDesc: counts,
	} {
		if err := read(ctx, q, now, ch); err != nil {
			ch <- prometheus.NewInvalidMetric(desc, err)
		}
	}
}

func gauge(ch chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

func unconfirmed(ctx context.Context, q *db.Queries, _ time.Time, ch chan<- prometheus.Metric) error {
	routers, err := q.CountUnconfirmed(ctx)
	for _, r := range routers {
		gauge(ch, unconfirmedDesc, float64(r.Unconfirmed), r.Name)
		gauge(ch, unconfirmedOldestDesc, r.OldestSeconds, r.Name)
	}
	return err
}

func breakers(ctx context.Context, q *db.Queries, now time.Time, ch chan<- prometheus.Metric) error {
	routers, err := q.RouterHealth(ctx)
	for _, r := range routers {
		open := 0.0
		if r.NextTryAt != nil && r.NextTryAt.After(now) {
			open = 1
		}
		gauge(ch, breakerDesc, open, r.Name)
		if r.LastContactAt != nil {
			gauge(ch, contactDesc, age(*r.LastContactAt, now), r.Name)
		}
	}
	return err
}

func sourcesHeard(ctx context.Context, q *db.Queries, now time.Time, ch chan<- prometheus.Metric) error {
	sources, err := q.SourcesHeard(ctx)
	for _, s := range sources {
		if !s.Heard.IsZero() {
			gauge(ch, sourceDesc, age(s.Heard, now), s.Name)
		}
	}
	return err
}

func actionsByState(ctx context.Context, q *db.Queries, _ time.Time, ch chan<- prometheus.Metric) error {
	rows, err := q.CountActions(ctx)
	for _, r := range rows {
		gauge(ch, actionsDesc, float64(r.Actions), r.Kind, r.State)
	}
	return err
}

func oldest(ctx context.Context, q *db.Queries, now time.Time, ch chan<- prometheus.Metric) error {
	row, err := q.OldestWaiting(ctx, now)
	if err != nil {
		return err
	}
	gauge(ch, oldestDesc, age(row.Delivery, now), "deliveries")
	gauge(ch, oldestDesc, age(row.Action, now), "actions")
	gauge(ch, oldestDesc, age(row.Due, now), "dues")
	return nil
}

func counts(ctx context.Context, q *db.Queries, _ time.Time, ch chan<- prometheus.Metric) error {
	deliveries, err := q.CountWaitingDeliveries(ctx)
	if err != nil {
		return err
	}
	gauge(ch, deliveriesDesc, float64(deliveries))
	unallocated, err := q.CountUnallocated(ctx)
	if err != nil {
		return err
	}
	gauge(ch, unallocatedDesc, float64(unallocated))
	return nil
}

// age is how long ago something was, in seconds; 0 when it never was.
func age(at, now time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(now.Sub(at).Seconds(), 0)
}

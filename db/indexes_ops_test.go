package db_test

import (
	"context"
	"math"
	"net/netip"
	"time"

	"qserve/db"
)

// opsQueries are those of the metrics, the page of what waits, and the housekeeping.
func opsQueries(now time.Time) map[string]hot {
	return map[string]hot{
		"CountActions":      {func(ctx context.Context, q *db.Queries) error { _, err := q.CountActions(ctx); return err }, nil},
		"OldestWaiting":     {func(ctx context.Context, q *db.Queries) error { _, err := q.OldestWaiting(ctx, now); return err }, nil},
		"RouterHealth":      {func(ctx context.Context, q *db.Queries) error { _, err := q.RouterHealth(ctx); return err }, nil},
		"SourcesHeard":      {func(ctx context.Context, q *db.Queries) error { _, err := q.SourcesHeard(ctx); return err }, nil},
		"CountWaiting":      {func(ctx context.Context, q *db.Queries) error { _, err := q.CountWaiting(ctx, now); return err }, nil},
		"WhyDeliveriesWait": {func(ctx context.Context, q *db.Queries) error { _, err := q.WhyDeliveriesWait(ctx, 5); return err }, nil},
		"WhyProvisionsWait": {func(ctx context.Context, q *db.Queries) error { _, err := q.WhyProvisionsWait(ctx, 5); return err }, nil},
		"WhyDeliveriesCameToNothing": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.WhyDeliveriesCameToNothing(ctx, db.WhyDeliveriesCameToNothingParams{Since: now, Most: 50})
			return err
		}, nil},
		"EmptyBodies": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.EmptyBodies(ctx, db.EmptyBodiesParams{Before: now, Most: 1000})
			return err
		}, nil},
		"DeliveriesPage all": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.DeliveriesPage(ctx, db.DeliveriesPageParams{Before: math.MaxInt64, Most: 51})
			return err
		}, nil},
		"DeliveriesPage received": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.DeliveriesPage(ctx, db.DeliveriesPageParams{Before: math.MaxInt64, State: "received", Most: 51})
			return err
		}, nil},
		"DeliveriesPage failed": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.DeliveriesPage(ctx, db.DeliveriesPageParams{Before: math.MaxInt64, State: "failed", Most: 51})
			return err
		}, nil},
		"DeliveriesPage source": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.DeliveriesPage(ctx, db.DeliveriesPageParams{Before: math.MaxInt64, SourceID: 1, Most: 51})
			return err
		}, nil},
		"CountOnline": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.CountOnline(ctx, db.CountOnlineParams{At: now, Now: now, Intervals: 3})
			return err
		}, nil},
		"FindByLine": {func(ctx context.Context, q *db.Queries) error {
			address := netip.MustParseAddr("100.64.8.10")
			_, err := q.FindByLine(ctx, db.FindByLineParams{Address: &address, Now: now, Most: 50})
			return err
		}, []string{"sessions_address", "subscribers_fixed_address"}},
		"PaymentsReceived": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.PaymentsReceived(ctx, db.PaymentsReceivedParams{Since: now.AddDate(0, 0, -1), Until: now, Before: math.MaxInt64, Most: 51})
			return err
		}, nil},
		"PaidUnconfirmedPage": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.PaidUnconfirmedPage(ctx, db.PaidUnconfirmedPageParams{Most: 51, Looked: 20_000})
			return err
		}, []string{"provisions_unconfirmed"}},
	}
}

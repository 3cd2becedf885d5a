package db_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/db"
)

// travels counts how often queries were sent: together, or alone.
type travels struct{ together, alone int }

func (c *travels) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	c.together++
	return ctx
}
func (*travels) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*travels) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}
func (c *travels) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.alone++
	return ctx
}
func (*travels) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// counted is a pool of a single connection that counts.
func counted(b *books) (*pgxpool.Pool, *travels) {
	b.t.Helper()
	cfg := b.pool.Config()
	seen := &travels{}
	cfg.ConnConfig.Tracer, cfg.MaxConns = seen, 1
	pool, err := pgxpool.NewWithConfig(b.t.Context(), cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(pool.Close)
	return pool, seen
}

func TestReadsTogether_AreAnsweredInOneRoundTripEach(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	pool, seen := counted(b)
	var routers []string
	var first, again string
	var nobody error
	err := db.Together(t.Context(), pool,
		func(ctx context.Context, q *db.Queries) (err error) {
			routers, err = q.RouterNames(ctx)
			return err
		},
		func(ctx context.Context, q *db.Queries) error {
			row, err := q.SubscriberByID(ctx, b.jane)
			if err != nil {
				return err
			}
			first = row.Subscriber.Account
			if row, err = q.SubscriberByID(ctx, b.jane); err != nil {
				return err
			}
			again = row.Subscriber.Account
			return nil
		},
		func(ctx context.Context, q *db.Queries) error {
			_, nobody = q.SubscriberByID(ctx, -1)
			return nil
		},
		func(context.Context, *db.Queries) error { return nil },
	)
	if err != nil {
		t.Fatal(err)
	}
	if len(routers) == 0 || first == "" || again != first || !errors.Is(nobody, pgx.ErrNoRows) {
		t.Errorf("routers %v, accounts %q and %q, nobody: %v", routers, first, again, nobody)
	}
	if seen.together != 2 || seen.alone != 0 {
		t.Errorf("asked in %d round trips, and %d times alone", seen.together, seen.alone)
	}
}

func TestReadsTogether_ThatFail_GiveTheConnectionBack(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	pool, _ := counted(b)
	refused := errors.New("no")
	fine := func(ctx context.Context, q *db.Queries) error {
		_, err := q.RouterNames(ctx)
		return err
	}
	if err := db.Together(t.Context(), pool, fine, func(context.Context, *db.Queries) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("a read that fails by itself: %v", err)
	}
	wrong := func(ctx context.Context, q *db.Queries) error {
		_, err := q.PlanByName(ctx, "\xff") // no UTF-8
		return err
	}
	if err := db.Together(t.Context(), pool, wrong, fine, fine); err == nil {
		t.Error("a query that PostgreSQL refuses is no error")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Together(gone, pool, fine, fine); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: %v", err)
	}
	if err := db.Together(t.Context(), pool, fine, fine); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/cmd/internal/program"
	"qserve/cmd/internal/stage"
	"qserve/db"
)

// sweep measures what looking for work costs when there is none, with a hundred times as many subscribers: the look-ups
// that each worker's sweep makes every second, on two databases in turns.
func sweep(ctx context.Context, b *bench) (lines []result, err error) {
	var pools []*pgxpool.Pool
	sizes := []int{size(b, 10_000, 500), size(b, 1_000_000, 5_000)}
	for _, people := range sizes {
		st, err := b.open(ctx, stage.Options{Roles: []program.Role{program.Intake}})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, st.Close()) }()
		r := &registry{pool: st.Pool, staff: st.Staff, people: people}
		if err := r.fill(ctx); err != nil {
			return nil, err
		}
		if err := r.confirm(ctx); err != nil {
			return nil, err
		}
		pools = append(pools, st.Pool)
	}
	took := make([]sample, len(pools))
	for range size(b, 3_000, 50) { // in turns, so that both meet the same machine
		for i, pool := range pools {
			one, err := lookForWork(ctx, db.New(pool))
			if err != nil {
				return nil, err
			}
			took[i] = append(took[i], one)
		}
	}
	return []result{atMost(fmt.Sprintf("A sweep with nothing due, %d subscribers", sizes[1]), took[1].at(0.5), took[0].at(0.5),
		fmt.Sprintf("with %d", sizes[0]), 1.2)}, nil
}

// confirm gives every subscriber a line that its router has confirmed, and an end of the paid time that is far.
func (r *registry) confirm(ctx context.Context) error {
	for _, sql := range []string{
		`insert into provisions (router_id, username, subscriber_id, state, rate, want_gen, done_gen, wanted_at)
			select router_id, username, id, 'enabled', '5M/10M', 3, 3, now() from subscribers`,
		`update subscribers set due_at = now() + interval '1 day' + id % 1000 * interval '1 minute'`,
		`update routers set sessions_at = now() + interval '1 day'`,
		`vacuum analyze`,
	} {
		if _, err := r.pool.Exec(ctx, sql); err != nil {
			return fmt.Errorf("confirm the lines: %w", err)
		}
	}
	return nil
}

// lookForWork makes the look-ups of one sweep (package jobs, sweep.go).
func lookForWork(ctx context.Context, q *db.Queries) (time.Duration, error) {
	const most = 1000
	now := time.Now()
	old := now.Add(-2 * time.Second)
	actions, err := q.WaitingActions(ctx, db.WaitingActionsParams{OlderThan: old, Most: most})
	dues, dueErr := q.DueAccounts(ctx, db.DueAccountsParams{Until: now, Most: most})
	routers, routersErr := q.RoutersWithWork(ctx, db.RoutersWithWorkParams{Now: now, OlderThan: old, Most: most})
	lists, listsErr := q.RoutersToList(ctx, db.RoutersToListParams{Now: now, Stale: old, Soon: old, VeryStale: old, Most: most})
	deliveries, deliveriesErr := q.WaitingDeliveries(ctx, db.WaitingDeliveriesParams{OlderThan: old, Most: most})
	_, gardenErr := q.GardenInUse(ctx)
	took := time.Since(now)
	if found := len(actions) + len(dues) + len(routers) + len(lists) + len(deliveries); found > 0 {
		return 0, fmt.Errorf("%d pieces of work were found, and there should be none", found)
	}
	return took, errors.Join(err, dueErr, routersErr, listsErr, deliveriesErr, gardenErr)
}

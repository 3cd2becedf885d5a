package main

import (
	"context"
	"errors"
	"fmt"
)

// sustained has 2,000 expired customers of 100 routers pay as fast as their webhooks are accepted, and sets the payments
// that are driven to confirmed against the tasks that Asynq alone carries when they do nothing.
func sustained(ctx context.Context, b *bench) (lines []result, err error) {
	customers, tasks := size(b, 2000, 100), size(b, 10_000, 500)
	t, err := newTown(ctx, b, warmers(b)+customers*rounds)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	q, err := newQueue(t.Stage)
	if err != nil {
		return nil, err
	}
	defer q.close()
	if err := t.warm(ctx, b); err != nil {
		return nil, err
	}
	if _, err := q.carry(ctx, tasks/10, clients); err != nil {
		return nil, err
	}
	var limit, driven []float64
	var ofTasks, ofPayments cpu
	for range rounds {
		used, err := b.spent(ctx, t.Stage, func() error {
			rate, err := q.carry(ctx, tasks, clients)
			limit = append(limit, rate)
			return err
		})
		if err != nil {
			return nil, err
		}
		ofTasks = ofTasks.plus(used)
		people, err := t.next(customers)
		if err != nil {
			return nil, err
		}
		used, err = b.spent(ctx, t.Stage, func() error {
			return b.profiled(func() error {
				rate, err := t.burst(ctx, people)
				driven = append(driven, rate)
				return err
			})
		})
		if err != nil {
			return nil, err
		}
		ofPayments = ofPayments.plus(used)
		b.progress("  %.0f payments/s, %.0f tasks/s", driven[len(driven)-1], limit[len(limit)-1])
	}
	b.note("Sustained, a payment takes %s; a no-op task %s. Go is Qserve, the simulated routers and the sender of the webhooks.",
		ofPayments.each(customers*rounds), ofTasks.each(tasks*rounds))
	return []result{atLeast(fmt.Sprintf("Sustained: paid → confirmed, %d routers", len(t.Routers)),
		perSecond(middle(driven), "payments"), perSecond(middle(limit), "no-op Asynq tasks"), middle(driven)/middle(limit), 0.15)}, nil
}

// warmers is how many payments it takes until every connection to PostgreSQL has planned every statement for good, which
// it does after the fifth time, and every router has been met.
func warmers(b *bench) int { return size(b, 1000, 50) }

func (t *town) warm(ctx context.Context, b *bench) error {
	people, err := t.next(warmers(b))
	if err != nil {
		return err
	}
	_, err = t.burst(ctx, people)
	return err
}

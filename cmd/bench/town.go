package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"qserve/cmd/internal/stage"
	"qserve/internal/clock"
	"qserve/router"
)

// town is a hundred routers of both modes, with expired customers on each. Nobody in it dials: what the routers are told
// is measured, not their customers.
type town struct {
	*stage.Stage
	unpaid []stage.Person // neighbours live on different routers
}

const routersInTown = 100

// newTown opens a town with at least that many expired customers.
func newTown(ctx context.Context, b *bench, customers int) (*town, error) {
	routers := make([]stage.RouterOptions, size(b, routersInTown, 10))
	for i := range routers {
		routers[i] = stage.RouterOptions{Name: fmt.Sprintf("R%02d", i), Mode: router.Local}
		if i%2 == 1 {
			routers[i].Mode = router.Radius
		}
	}
	st, err := b.open(ctx, stage.Options{Routers: routers})
	if err != nil {
		return nil, err
	}
	t := &town{Stage: st}
	if err := t.settle(ctx, customers); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return t, nil
}

// settle adds the customers, and returns when every router has confirmed that they are expired.
func (t *town) settle(ctx context.Context, customers int) error {
	each := (customers + len(t.Routers) - 1) / len(t.Routers)
	people := make([][]stage.Person, len(t.Routers))
	for i, r := range t.Routers {
		var err error
		if people[i], err = t.People(ctx, r, planName, r.Name(), each, false, longAgo); err != nil {
			return err
		}
	}
	for i := range each {
		for _, those := range people {
			t.unpaid = append(t.unpaid, those[i])
		}
	}
	if _, err := t.Pool.Exec(ctx, `analyze`); err != nil {
		return fmt.Errorf("analyze the tables: %w", err)
	}
	return t.UntilConfirmed(ctx)
}

// next takes n customers who have not paid yet.
func (t *town) next(n int) ([]stage.Person, error) {
	if n > len(t.unpaid) {
		return nil, fmt.Errorf("%d customers are to pay and %d are left", n, len(t.unpaid))
	}
	people := t.unpaid[:n]
	t.unpaid = t.unpaid[n:]
	return people, nil
}

// pay has the people pay, at that many a second or, with 0, as fast as their webhooks are accepted. It returns when the
// last one is.
func (t *town) pay(ctx context.Context, people []stage.Person, rate float64) error {
	posters, end, err := newPosters(ctx, t.Stage, clients)
	if err != nil {
		return err
	}
	defer end()
	began := time.Now()
	var turn atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range posters {
		group.Go(func() error {
			for {
				i := int(turn.Add(1)) - 1
				if i >= len(people) {
					return nil
				}
				if rate > 0 {
					at := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
					if err := (clock.System{}).WaitUntil(ctx, at); err != nil {
						return err
					}
				}
				if err := p.pay(people[i].Account); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// quiet waits until nothing is left to do, without looking so often that the look is felt.
func (t *town) quiet(ctx context.Context) error {
	for {
		left, err := t.Number(ctx, `select (select count(*) from deliveries where processed_at is null)
			+ (select count(*) from provisions where done_gen < want_gen)`)
		if err != nil || left == 0 {
			return err
		}
		if err := (clock.System{}).WaitUntil(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
			return fmt.Errorf("%d payments and lines are left: %w", left, err)
		}
	}
}

// burst has the people pay as fast as they can and returns how many payments a second were driven to confirmed, from
// the arrival of the first webhook to the confirmation of the last payment.
func (t *town) burst(ctx context.Context, people []stage.Person) (float64, error) {
	var since int64
	if err := t.Pool.QueryRow(ctx, `select coalesce(max(id), 0) from actions`).Scan(&since); err != nil {
		return 0, fmt.Errorf("read where the payments begin: %w", err)
	}
	if err := t.pay(ctx, people, 0); err != nil {
		return 0, err
	}
	if err := t.quiet(ctx); err != nil {
		return 0, err
	}
	var confirmed int
	var seconds float64
	err := t.Pool.QueryRow(ctx, `select count(*), extract(epoch from max(confirmed_at) - min(accepted_at))::float8
		from actions where id > $1 and kind = 'payment' and state = 'confirmed'`, since).Scan(&confirmed, &seconds)
	if err != nil {
		return 0, fmt.Errorf("read the confirmed payments: %w", err)
	}
	if confirmed != len(people) {
		return 0, fmt.Errorf("%d payments were made and %d confirmed", len(people), confirmed)
	}
	return float64(confirmed) / seconds, nil
}

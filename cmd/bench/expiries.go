package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qserve/router/mikrosim"
)

// expiries lets the packages of a whole town end at one moment, with one of its routers dead, in turns with Asynq alone
// carrying as many tasks that do nothing.
func expiries(ctx context.Context, b *bench) (lines []result, err error) {
	people := size(b, 10_000, 200)
	t, err := newTown(ctx, b, people)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	asynq, err := newQueue(t.Stage)
	if err != nil {
		return nil, err
	}
	defer asynq.close()
	if err := t.Routers[0].SetFault(mikrosim.Fault{Kind: mikrosim.FaultDown}); err != nil { //nolint:contextcheck // the simulator has its own
		return nil, err
	}
	var ours, raw []float64
	for range rounds {
		carried, err := asynq.carry(ctx, people, clients)
		if err != nil {
			return nil, err
		}
		raw = append(raw, carried)
		if err := t.extended(ctx); err != nil {
			return nil, err
		}
		err = b.profiled(func() error {
			rate, err := t.midnight(ctx)
			ours = append(ours, rate)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return []result{atLeast(fmt.Sprintf("%d packages end at once on %d routers, one of them dead", people, len(t.Routers)),
		perSecond(middle(ours), "confirmed"), perSecond(middle(raw), "no-op tasks"), middle(ours)/middle(raw), 0.15)}, nil
}

// extended gives everybody a paid day, and returns when the living routers have confirmed the lines.
func (t *town) extended(ctx context.Context) error {
	if _, err := t.Pool.Exec(ctx, `update subscribers set expires_at = now() + interval '1 day', due_at = now()`); err != nil {
		return fmt.Errorf("pay for a day: %w", err)
	}
	return t.UntilNumber(ctx, "the living routers hold the paid lines", 0, `select count(*) from provisions p join routers r on r.id = p.router_id
		where r.name <> $1 and (p.state <> 'enabled' or p.done_gen < p.want_gen)`, t.Routers[0].Name())
}

// midnight gives everybody a package that ends in some seconds, and returns how many a second the living routers then
// confirmed, from that moment to the last confirmation.
func (t *town) midnight(ctx context.Context) (float64, error) {
	var since int64
	if err := t.Pool.QueryRow(ctx, `select coalesce(max(id), 0) from actions`).Scan(&since); err != nil {
		return 0, fmt.Errorf("read where the expiries begin: %w", err)
	}
	end := time.Now().Add(soon)
	if _, err := t.Pool.Exec(ctx, `update subscribers set expires_at = $1, due_at = $1`, end); err != nil {
		return 0, fmt.Errorf("let the packages end: %w", err)
	}
	alive, err := t.Number(ctx, `select count(*) from subscribers s join routers r on r.id = s.router_id where r.name <> $1`, t.Routers[0].Name())
	if err != nil {
		return 0, err
	}
	const confirmed = `from actions a join subscribers s on s.id = a.subscriber_id join routers r on r.id = s.router_id
		where a.id > $1 and a.kind = 'expire' and a.state = 'confirmed' and r.name <> $2`
	err = t.UntilNumber(ctx, "the living routers have confirmed", alive, `select count(*) `+confirmed, since, t.Routers[0].Name())
	if err != nil {
		return 0, err
	}
	var seconds float64
	err = t.Pool.QueryRow(ctx, `select extract(epoch from max(a.confirmed_at) - $3::timestamptz)::float8 `+confirmed,
		since, t.Routers[0].Name(), end).Scan(&seconds)
	if err != nil {
		return 0, fmt.Errorf("read when the last one was confirmed: %w", err)
	}
	return float64(alive) / seconds, nil
}

// soon is long enough for everybody's package to be there before it ends.
const soon = 3 * time.Second

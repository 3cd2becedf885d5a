package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qserve/cmd/internal/program"
	"qserve/cmd/internal/stage"
)

const (
	clients        = 32
	rawConnections = 16
)

// intake sets the webhooks that 32 clients get accepted, which is after they are committed, against the rows that the
// same PostgreSQL commits when 16 connections insert one at a time. Nobody works on what comes in; it is rung for.
func intake(ctx context.Context, b *bench) (lines []result, err error) {
	st, err := b.open(ctx, stage.Options{Roles: []program.Role{program.Intake}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	raw, err := newCommits(ctx, st, rawConnections)
	if err != nil {
		return nil, err
	}
	defer raw.close()
	posters, end, err := newPosters(ctx, st, clients)
	if err != nil {
		return nil, err
	}
	defer end()
	var inserting, posting []func(context.Context) error
	for range rawConnections {
		inserting = append(inserting, raw.one)
	}
	for _, p := range posters {
		posting = append(posting, func(context.Context) error { return p.pay("BENCH-0001") })
	}

	length := size(b, 5*time.Second, 500*time.Millisecond)
	for _, warming := range [][]func(context.Context) error{inserting, posting} {
		if _, err := hammer(ctx, length/5, warming); err != nil {
			return nil, err
		}
	}
	var limit, taken turns
	for range rounds {
		one, err := hammer(ctx, length, inserting)
		if err != nil {
			return nil, err
		}
		limit = append(limit, one)
		err = b.profiled(func() error {
			one, err = hammer(ctx, length, posting)
			return err
		})
		if err != nil {
			return nil, err
		}
		taken = append(taken, one)
	}
	if err := b.rung(ctx, st); err != nil {
		return nil, err
	}
	return []result{
		atLeast("Intake: webhooks accepted, durable, 32 clients", perSecond(taken.rate(), "webhooks"),
			perSecond(limit.rate(), "single-row commits")+", 16 connections", taken.rate()/limit.rate(), 0.8),
		atMost("Intake: p99 of an answer", taken.at(0.99), limit.at(0.99), "p99 of a commit", 5),
	}, nil
}

// rung tells how many of the accepted webhooks the workers would have heard of at once.
func (b *bench) rung(ctx context.Context, st *stage.Stage) error {
	stored, err := st.Number(ctx, `select count(*) from deliveries`)
	if err != nil {
		return fmt.Errorf("count the deliveries: %w", err)
	}
	rdb := program.OpenRedis(st.Settings)
	defer func() { _ = rdb.Close() }()
	tasks, err := rdb.LLen(ctx, "asynq:{accounts}:pending").Result()
	if err != nil {
		return fmt.Errorf("count the tasks: %w", err)
	}
	b.progress("  %d webhooks stored, %d rung for; the sweep finds the others", stored, tasks)
	return nil
}

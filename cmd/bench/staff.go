package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router"
	"qserve/router/coa"
	"qserve/router/mikrosim"
)

// clerk gives the commands that are measured.
var clerk = console.By{Actor: "bench"}

// suspend has staff suspend a customer who is online, on an idle system, and times it from the call to the router's
// Disconnect-ACK. Between any two of them the parts that cannot be avoided are done one after the other: the commits of
// the action and of its effect, the two rings, and a round trip of CoA.
func suspend(ctx context.Context, b *bench) (lines []result, err error) {
	st, err := b.open(ctx, stage.Options{Routers: []stage.RouterOptions{{Name: "NAS", Mode: router.Radius}}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	raw, err := newCommits(ctx, st, 1)
	if err != nil {
		return nil, err
	}
	defer raw.close()
	asynq, err := newQueue(st)
	if err != nil {
		return nil, err
	}
	defer asynq.close()
	people, err := st.People(ctx, st.Routers[0], planName, "S", 1, true, func(int) time.Time { return time.Now().AddDate(1, 0, 0) })
	if err != nil {
		return nil, err
	}
	s := &suspensions{st: st, who: people[0], raw: raw, queue: asynq}
	const warming = 10
	var took, floor sample
	err = b.profiled(func() error {
		for i := range size(b, 400, 20) + warming {
			sum, err := s.unavoidable(ctx)
			if err != nil {
				return err
			}
			one, err := s.once(ctx)
			if err != nil {
				return err
			}
			if i >= warming {
				floor, took = append(floor, sum), append(took, one)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	const sum = "p50 of 2 commits + 2 hops + 1 CoA round trip"
	return []result{
		atMost("Suspended → Disconnect-ACK, idle: p50", took.at(0.5), floor.at(0.5), sum, 2),
		atMost("Suspended → Disconnect-ACK, idle: p99", took.at(0.99), floor.at(0.5), sum, 5),
	}, nil
}

// suspensions are those of one customer, over and over.
type suspensions struct {
	st    *stage.Stage
	who   stage.Person
	raw   *commits
	queue *queue
}

// once suspends the customer, who is online, and returns how long that took. It leaves the customer online.
func (s *suspensions) once(ctx context.Context) (time.Duration, error) {
	if err := s.who.Online(ctx); err != nil {
		return 0, err
	}
	acks := s.who.Router.State().Counters.Disconnect.Acks
	began := time.Now()
	given, err := s.st.Staff.Give(ctx, clerk, s.who.Account, console.SuspendOrder{Category: "other"})
	if err != nil {
		return 0, err
	}
	err = s.who.Router.Wait(ctx, func(st mikrosim.State) bool { return st.Counters.Disconnect.Acks > acks })
	took := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("the router acknowledges no Disconnect: %w", err)
	}
	if err := s.confirmed(ctx, given.ID); err != nil {
		return 0, err
	}
	back, err := s.st.Staff.Give(ctx, clerk, s.who.Account, console.ReconnectOrder{})
	if err != nil {
		return 0, err
	}
	return took, s.confirmed(ctx, back.ID)
}

func (s *suspensions) confirmed(ctx context.Context, action int64) error {
	view, err := s.st.Staff.Follow(ctx, action)
	if err == nil && view.State != "confirmed" {
		err = fmt.Errorf("%s is %s: %s", view.Kind, view.State, view.Reason)
	}
	return err
}

// unavoidable does the parts of a suspension, each alone, and returns their sum.
func (s *suspensions) unavoidable(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	for range 2 {
		if err := s.raw.one(ctx); err != nil {
			return 0, err
		}
	}
	sum := time.Since(began)
	for range 2 {
		hop, err := s.queue.hop(ctx)
		if err != nil {
			return 0, err
		}
		sum += hop
	}
	nas := coa.NAS{Address: s.who.Router.CoAAddr(), Secret: s.who.Router.Secret}
	answer, err := coa.New(coa.Config{}).Disconnect(ctx, nas, coa.Session{Username: "nobody"})
	if err != nil {
		return 0, err
	}
	return sum + answer.RoundTrip, nil
}

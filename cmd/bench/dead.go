package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qserve/cmd/internal/stage"
	"qserve/router/mikrosim"
)

// ways are the ways in which a router is dead: it refuses connections, which a call learns at once, or it takes them and
// says nothing, which a call learns at its deadline.
var ways = []struct {
	fault mikrosim.FaultKind
	name  string
}{{mikrosim.FaultDown, "down"}, {mikrosim.FaultSilent, "silent"}}

// turnSeconds is about how long a turn takes.
const turnSeconds = 20

// dead paces payments over the town at a fifth of what it can do, in turns with and without a dead router among the
// others, and sets the others' times from paid to confirmed against each other.
func dead(ctx context.Context, b *bench) (lines []result, err error) {
	const turnsEach = 2
	most, calibrating := size(b, 1000, 60), size(b, 1000, 60)
	t, err := newTown(ctx, b, warmers(b)+calibrating+most*turnsEach*(1+len(ways)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if err := t.warm(ctx, b); err != nil {
		return nil, err
	}
	people, err := t.next(calibrating)
	if err != nil {
		return nil, err
	}
	rate, err := t.burst(ctx, people)
	if err != nil {
		return nil, err
	}
	rate /= 5
	perTurn := min(most, max(most/5, int(rate*turnSeconds)))
	var alone sample
	beside := make([]sample, len(ways))
	for range turnsEach {
		for way := -1; way < len(ways); way++ {
			fault := mikrosim.FaultNone
			if way >= 0 {
				fault = ways[way].fault
			}
			if people, err = t.next(perTurn); err != nil {
				return nil, err
			}
			took, err := t.paced(ctx, people, rate, fault)
			if err != nil {
				return nil, err
			}
			if way < 0 {
				alone = append(alone, took...)
				continue
			}
			beside[way] = append(beside[way], took...)
		}
	}
	for i, way := range ways {
		title := fmt.Sprintf("A router %s among %d, %.0f payments/s: the others' ", way.name, len(t.Routers), rate)
		lines = append(lines,
			atMost(title+"p50", beside[i].at(0.5), alone.at(0.5), "without it", 1.1),
			atMost(title+"p99", beside[i].at(0.99), alone.at(0.99), "without it", 1.5))
	}
	return lines, nil
}

// paced has the people pay at a rate while the first router has a fault, and returns how long each payment on the other
// routers took. It leaves every router well and confirmed.
func (t *town) paced(ctx context.Context, people []stage.Person, rate float64, fault mikrosim.FaultKind) (sample, error) {
	struck := t.Routers[0]
	var since int64
	if err := t.Pool.QueryRow(ctx, `select coalesce(max(id), 0) from actions`).Scan(&since); err != nil {
		return nil, fmt.Errorf("read where the payments begin: %w", err)
	}
	if err := struck.SetFault(mikrosim.Fault{Kind: fault}); err != nil { //nolint:contextcheck // the simulator has its own
		return nil, err
	}
	if err := t.pay(ctx, people, rate); err != nil {
		return nil, err
	}
	err := t.UntilNumber(ctx, "the other routers have confirmed", int64(len(people)-countOn(struck, people)),
		`select count(*) from actions a join subscribers s on s.id = a.subscriber_id join routers r on r.id = s.router_id
		where a.id > $1 and a.kind = 'payment' and a.state = 'confirmed' and r.name <> $2`, since, struck.Name())
	if err != nil {
		return nil, err
	}
	took, err := t.tookOthers(ctx, since, struck.Name())
	if err != nil {
		return nil, err
	}
	if err := struck.SetFault(mikrosim.Fault{}); err != nil { //nolint:contextcheck // the simulator has its own
		return nil, err
	}
	return took, t.quiet(ctx)
}

func (t *town) tookOthers(ctx context.Context, since int64, but string) (sample, error) {
	rows, err := t.Pool.Query(ctx, `select extract(epoch from a.confirmed_at - a.accepted_at)::float8
		from actions a join subscribers s on s.id = a.subscriber_id join routers r on r.id = s.router_id
		where a.id > $1 and a.kind = 'payment' and a.state = 'confirmed' and r.name <> $2`, since, but)
	if err != nil {
		return nil, fmt.Errorf("read how long the payments took: %w", err)
	}
	defer rows.Close()
	var took sample
	for rows.Next() {
		var seconds float64
		if err := rows.Scan(&seconds); err != nil {
			return nil, fmt.Errorf("read how long a payment took: %w", err)
		}
		took = append(took, time.Duration(seconds*float64(time.Second)))
	}
	return took, rows.Err()
}

func countOn(r *stage.Router, people []stage.Person) int {
	n := 0
	for _, p := range people {
		if p.Router == r {
			n++
		}
	}
	return n
}

package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"qserve/cmd/internal/stage"
	"qserve/db"
	"qserve/router"
	"qserve/router/routeros"
)

const (
	// commitsAPayment and hopsAPayment are what one payment cannot do without: the delivery, its effect and the router's
	// confirmation are each committed, and between them are two rings.
	commitsAPayment = 3
	hopsAPayment    = 2
)

// latency posts payments one after the other on an idle system, each of an expired customer, and times them from the
// first byte of the webhook to the commit of what the router confirmed. Between any two of them the parts that cannot
// be avoided are done one after the other.
func latency(ctx context.Context, b *bench) (lines []result, err error) {
	stored := make(chan time.Time, 1)
	st, err := b.open(ctx, stage.Options{
		Routers: []stage.RouterOptions{{Name: "local", Mode: router.Local}, {Name: "radius", Mode: router.Radius}},
		Checkpoint: func(point string) {
			if point != "converge: stored" {
				return
			}
			select {
			case stored <- time.Now():
			default: // nobody times this one
			}
		},
	})
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
	for _, r := range st.Routers {
		l := &idle{bench: b, st: st, router: r, raw: raw, queue: asynq, stored: stored}
		more, err := l.measure(ctx)
		if err != nil {
			return nil, fmt.Errorf("mode %s: %w", r.Options.Mode, err)
		}
		lines = append(lines, more...)
	}
	return lines, nil
}

// idle measures payments on one router of an idle system.
type idle struct {
	*bench
	st     *stage.Stage
	router *stage.Router
	raw    *commits
	queue  *queue
	stored chan time.Time
	poster *poster
	conn   *routeros.Conn
	// commands is how many commands of the API one convergence takes.
	commands int
}

func (l *idle) measure(ctx context.Context) ([]result, error) {
	payments, warming := size(l.bench, 500, 20), 10
	people, err := l.st.People(ctx, l.router, planName, "L"+l.router.Name(), payments+warming, false, longAgo)
	if err != nil {
		return nil, err
	}
	if err := l.st.UntilConfirmed(ctx); err != nil {
		return nil, err
	}
	if err := l.connect(ctx); err != nil {
		return nil, err
	}
	defer func() { _, _ = l.poster.conn.Close(), l.conn.Close() }()

	// The first payments meet connections, profiles and statements that are not there yet.
	for _, p := range people[:warming/2] {
		if _, err := l.pay(ctx, p); err != nil {
			return nil, err
		}
	}
	before := commandsOf(l.router)
	for _, p := range people[warming/2 : warming] {
		if _, err := l.pay(ctx, p); err != nil {
			return nil, err
		}
	}
	l.commands = (commandsOf(l.router) - before) / (warming - warming/2)

	var took, floor sample
	parts := make(map[string]sample)
	err = l.profiled(func() error {
		for _, p := range people[warming:] {
			sum, err := l.unavoidable(ctx, parts)
			if err != nil {
				return err
			}
			one, err := l.pay(ctx, p)
			if err != nil {
				return err
			}
			floor, took = append(floor, sum), append(took, one)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := l.verify(ctx, len(people)); err != nil {
		return nil, err
	}
	l.progress("  %s: %d API commands; p50 of 3 commits %s, of 2 hops %s, of the commands %s", l.router.Name(), l.commands,
		ms(parts["commits"].at(0.5)), ms(parts["hops"].at(0.5)), ms(parts["commands"].at(0.5)))
	sum := fmt.Sprintf("p50 of %d commits + %d hops + %d API commands", commitsAPayment, hopsAPayment, l.commands)
	title := fmt.Sprintf("Paid → router confirms, idle, mode %s: ", l.router.Options.Mode)
	return []result{
		atMost(title+"p50", took.at(0.5), floor.at(0.5), sum, 2),
		atMost(title+"p99", took.at(0.99), floor.at(0.5), sum, 5),
	}, nil
}

// connect opens what the parts and the payments go over.
func (l *idle) connect(ctx context.Context) (err error) {
	if l.poster, err = newPoster(ctx, l.st); err != nil {
		return err
	}
	row, err := db.New(l.st.Pool).RouterByName(ctx, l.router.Name())
	if err != nil {
		return err
	}
	l.conn, err = routeros.Dial(ctx, routeros.Config{
		Address: row.APIAddress, User: row.APIUser, Password: l.router.Options.Sim.Password, PinSHA256: row.APIPinSha256,
	})
	if err != nil {
		return fmt.Errorf("open the API with pin %s: %w", hex.EncodeToString(row.APIPinSha256), err)
	}
	return nil
}

// pay posts a payment and returns how long it took until the router's confirmation was committed.
func (l *idle) pay(ctx context.Context, p stage.Person) (time.Duration, error) {
	select {
	case <-l.stored:
	default:
	}
	began := time.Now()
	if err := l.poster.pay(p.Account); err != nil {
		return 0, err
	}
	select {
	case at := <-l.stored:
		return at.Sub(began), nil
	case <-time.After(answerWithin):
		return 0, fmt.Errorf("the payment of %s is not confirmed after %v", p.Account, answerWithin)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// unavoidable does the parts of one payment, each alone, and returns their sum.
func (l *idle) unavoidable(ctx context.Context, parts map[string]sample) (sum time.Duration, err error) {
	began := time.Now()
	for range commitsAPayment {
		if err := l.raw.one(ctx); err != nil {
			return 0, err
		}
	}
	commits := time.Since(began)
	var hops time.Duration
	for range hopsAPayment {
		hop, err := l.queue.hop(ctx)
		if err != nil {
			return 0, err
		}
		hops += hop
	}
	began = time.Now()
	for range l.commands {
		if _, err := l.conn.Print(ctx, "/ppp/secret", []string{".id", "name", "disabled", "comment"}, "?name=nobody"); err != nil {
			return 0, fmt.Errorf("ask the router: %w", err)
		}
	}
	commands := time.Since(began)
	parts["commits"] = append(parts["commits"], commits)
	parts["hops"] = append(parts["hops"], hops)
	parts["commands"] = append(parts["commands"], commands)
	return commits + hops + commands, nil
}

// verify looks whether every payment was really confirmed by the router.
func (l *idle) verify(ctx context.Context, want int) error {
	return l.st.UntilNumber(ctx, "every payment is confirmed", int64(want), `select count(*) from actions a
		join subscribers s on s.id = a.subscriber_id join routers r on r.id = s.router_id
		where r.name = $1 and a.kind = 'payment' and a.state = 'confirmed'`, l.router.Name())
}

// commandsOf is how many API commands a simulated router has carried out.
func commandsOf(r *stage.Router) int {
	sum := 0
	for _, verbs := range r.State().Counters.API {
		for _, n := range verbs {
			sum += n
		}
	}
	return sum
}

// longAgo is when sample customers ran out.
func longAgo(int) time.Time { return time.Now().AddDate(0, 0, -3) }

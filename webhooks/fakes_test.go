package webhooks_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"qserve/db"
	"qserve/internal/clock"
	"qserve/webhooks"
)

// gate stands between the intake and its database.
type gate struct {
	db.DBTX
	mu   sync.Mutex
	hold func(ctx context.Context, sql string) error
}

// set lets hold decide about every query: an error is the query's, and it may wait.
func (g *gate) set(hold func(ctx context.Context, sql string) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold = hold
}

// down is a database that refuses connections.
func down(context.Context, string) error { return errors.New("connection refused") }

// hang is a database that does not answer.
func hang(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

func (g *gate) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	g.mu.Lock()
	hold := g.hold
	g.mu.Unlock()
	if hold != nil {
		if err := hold(ctx, sql); err != nil {
			return nil, err
		}
	}
	return g.DBTX.Query(ctx, sql, args...)
}

func (g *gate) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, errors.New("the intake has nothing to execute")
}

// ringer notes what it is rung for. block, when set, holds it up; it must be set before the intake starts.
type ringer struct {
	rung  chan []int64
	block func(ctx context.Context)
}

func (r *ringer) RingDelivery(ctx context.Context, ids ...int64) {
	if r.block != nil {
		r.block(ctx)
		return
	}
	r.rung <- ids
}

// recorder is a log that can be read while it is written.
type recorder struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// tally counts what the intake says became of its calls.
type tally struct {
	mu      sync.Mutex
	counts  map[string]int
	changed chan struct{}
}

func newTally() *tally { return &tally{counts: map[string]int{}, changed: make(chan struct{})} }

func (c *tally) add(_, _, outcome string, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[outcome]++
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *tally) of(outcome string) (int, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[outcome], c.changed
}

// await returns once an outcome was seen n times.
func (c *tally) await(t testing.TB, outcome string, n int) {
	t.Helper()
	for {
		have, changed := c.of(outcome)
		if have >= n {
			return
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("saw %q %d times, want %d", outcome, have, n)
		}
	}
}

// hands is a clock that shows the time it was set to, while waits take as long as they say.
type hands struct{ shown atomic.Pointer[time.Time] }

func (c *hands) set(at time.Time) { c.shown.Store(&at) }

func (c *hands) Now() time.Time { return *c.shown.Load() }

func (c *hands) WaitUntil(ctx context.Context, t time.Time) error {
	return clock.System{}.WaitUntil(ctx, time.Now().Add(t.Sub(c.Now())))
}

// at makes an intake's clock show at.
func at(c *hands, at time.Time) func(*webhooks.Config) {
	c.set(at)
	return func(config *webhooks.Config) { config.Clock = c }
}

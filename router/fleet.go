package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"qserve/internal/clock"
	"qserve/router/coa"
	"qserve/router/routeros"
)

// ErrClosed is returned by a fleet whose Run has ended.
var ErrClosed = errors.New("the fleet is closed")

// Config holds what all routers of a fleet have in common. CoA and Sessions are needed for mode radius only; the rest
// has defaults.
type Config struct {
	Clock    clock.Clock // nil: the machine's
	CoA      *coa.Client
	Sessions SessionList

	ConnectTimeout time.Duration // 0: 5 s
	LoginTimeout   time.Duration // 0: 10 s
	CommandTimeout time.Duration // 0: 30 s, for each command of the API
	// LookFor is how long a router may take from accepting a change to showing it. 0: 2 s.
	LookFor time.Duration
	// IdleAfter is how long an unused connection is kept: routers have few (20 by default). 0: 60 s.
	IdleAfter time.Duration
	// Observe is told of every call: operation is one of connect, converge, sessions, list, check, probe (outcome ok, failed,
	// refused) and disconnect, coa (outcome ack, nak, nak-503, silent, failed).
	Observe func(router, operation, outcome string, took time.Duration)
}

// Fleet keeps at most one connection to each router, and lets one caller at a time use it: a router does not get faster
// by a second connection, and two changes of one user must not cross. Create it with NewFleet; somebody has to Run it.
type Fleet struct {
	cfg Config

	mu     sync.Mutex
	lanes  map[int64]*lane
	closed bool
}

// lane is the way to one router.
type lane struct {
	busy chan struct{} // holds one token while somebody uses the rest
	open driver        // nil: none
	// revision and garden are the target's when the driver was opened.
	revision int64
	garden   bool
	usedAt   time.Time
}

// NewFleet returns a fleet without connections.
func NewFleet(cfg Config) *Fleet {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.ConnectTimeout <= 0 {
		cfg.ConnectTimeout = 5 * time.Second
	}
	if cfg.LookFor <= 0 {
		cfg.LookFor = 2 * time.Second
	}
	if cfg.IdleAfter <= 0 {
		cfg.IdleAfter = time.Minute
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, string, string, time.Duration) {}
	}
	return &Fleet{cfg: cfg, lanes: make(map[int64]*lane)}
}

// Use waits for the router's lane and calls use with its driver, which is good for this call only. The connection is
// kept for the next caller, unless use returned an error of scope WholeRouter or the connection broke. Errors of
// connecting are [*Error]; that of use is returned as it is.
func (f *Fleet) Use(ctx context.Context, t Target, use func(Driver) error) error {
	l, err := f.lane(t.ID)
	if err != nil {
		return err
	}
	select {
	case l.busy <- struct{}{}:
		defer func() { <-l.busy }()
	case <-ctx.Done():
		return fmt.Errorf("wait for router %s: %w", t.Name, context.Cause(ctx))
	}
	if err := f.ready(ctx, l, t); err != nil {
		return err
	}
	keep := false
	defer func() {
		if l.usedAt = f.cfg.Clock.Now(); !keep || l.open.broken() {
			l.hangUp()
		}
	}()
	err = use(watched{Driver: l.open, fleet: f, name: t.Name})
	keep = !isWhole(err)
	return err
}

// ready makes the lane's driver one that works; the lane is held.
func (f *Fleet) ready(ctx context.Context, l *lane, t Target) error {
	// Between two uses the router may have gone without a word, which would cost this caller its attempt.
	const trust = time.Second
	same := l.revision == t.Revision && l.garden == t.Garden
	if l.open != nil && same && f.cfg.Clock.Now().Sub(l.usedAt) > trust {
		asking, cancel := context.WithTimeout(ctx, f.cfg.ConnectTimeout)
		if !l.open.alive(asking) {
			l.hangUp()
		}
		cancel()
	}
	if l.open != nil && !same {
		l.hangUp()
	}
	if l.open != nil {
		return nil
	}
	f.mu.Lock()
	closed := f.closed
	f.mu.Unlock()
	if closed {
		return ErrClosed
	}
	opened, err := f.open(ctx, t)
	if err != nil {
		return err
	}
	l.open, l.revision, l.garden = opened, t.Revision, t.Garden
	return nil
}

func (f *Fleet) lane(id int64) (*lane, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrClosed
	}
	l := f.lanes[id]
	if l == nil {
		l = &lane{busy: make(chan struct{}, 1)}
		f.lanes[id] = l
	}
	return l, nil
}

// hangUp closes the lane's connection; the lane is held.
func (l *lane) hangUp() {
	if l.open != nil {
		l.open.Close() //nolint:errcheck // a connection that does not close well is gone as well
		l.open = nil
	}
}

// Run closes connections that nobody uses, until ctx ends. Then it refuses new callers with ErrClosed, waits for those
// that are there, closes everything and returns nil.
func (f *Fleet) Run(ctx context.Context) error {
	for f.cfg.Clock.WaitUntil(ctx, f.cfg.Clock.Now().Add(f.cfg.IdleAfter/2)) == nil {
		for _, l := range f.all(false) {
			select {
			case l.busy <- struct{}{}:
				if f.cfg.Clock.Now().Sub(l.usedAt) >= f.cfg.IdleAfter {
					l.hangUp()
				}
				<-l.busy
			default:
			}
		}
	}
	for _, l := range f.all(true) {
		l.busy <- struct{}{}
		l.hangUp()
		<-l.busy
	}
	return nil
}

// all returns the lanes there are, and optionally lets no more come.
func (f *Fleet) all(closing bool) []*lane {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = f.closed || closing
	lanes := make([]*lane, 0, len(f.lanes))
	for _, l := range f.lanes {
		lanes = append(lanes, l)
	}
	return lanes
}

// Probe looks for a cheap sign of life, without a log-in and beside the lane: a TCP connection to the API, or any
// answer to a Disconnect-Request for a user that nobody has. Its error is an [*Error] of scope WholeRouter.
func (f *Fleet) Probe(ctx context.Context, t Target) error {
	start := f.cfg.Clock.Now()
	err := f.probe(ctx, t)
	f.cfg.Observe(t.Name, "probe", outcome(err), f.cfg.Clock.Now().Sub(start))
	return err
}

func (f *Fleet) probe(ctx context.Context, t Target) error {
	if t.API.Address == "" {
		d, err := f.open(ctx, t)
		if err == nil {
			_, err = d.Check(ctx)
		}
		return err
	}
	dialer := net.Dialer{Deadline: f.cfg.Clock.Now().Add(f.cfg.ConnectTimeout)}
	conn, err := dialer.DialContext(ctx, "tcp", t.API.Address)
	if err != nil {
		return t.fail("", "look for a sign of life", fmt.Errorf("%w: %w", routeros.ErrUnreachable, err))
	}
	conn.Close() //nolint:errcheck // it was opened to see that it can be
	return nil
}

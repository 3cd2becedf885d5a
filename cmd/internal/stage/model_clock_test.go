package stage_test

import (
	"context"
	"sync"
	"time"
)

// movable is the machine's clock, moved ahead.
type movable struct {
	mu    sync.Mutex
	ahead time.Duration
	moved chan struct{} // closed and replaced at each move
}

func (m *movable) read() (time.Time, chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Add(m.ahead), m.moved
}

// Now implements clock.Clock.
func (m *movable) Now() time.Time {
	now, _ := m.read()
	return now
}

// WaitUntil implements clock.Clock.
func (m *movable) WaitUntil(ctx context.Context, t time.Time) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		now, moved := m.read()
		if !now.Before(t) {
			return nil
		}
		timer := time.NewTimer(t.Sub(now))
		select {
		case <-timer.C:
		case <-moved:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (m *movable) advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ahead += d
	close(m.moved)
	m.moved = make(chan struct{})
}

// awayFromEdges lets the edges that are near pass, so that no step depends on which side of one it falls.
func (m *model) awayFromEdges() {
	for {
		now := m.clock.Now()
		edge, found := m.edgeWithin(now, now.Add(edgeMargin))
		if !found {
			return
		}
		m.tell("let %s pass", edge.UTC().Format("02 15:04:05"))
		m.clock.advance(edge.Sub(now) + time.Second)
		m.settle()
	}
}

// edgeMargin is longer than a step takes.
const edgeMargin = 90 * time.Second

func (m *model) edgeWithin(from, to time.Time) (first time.Time, found bool) {
	for _, c := range m.subs {
		if !c.exists {
			continue
		}
		edges := c.edges()
		if !c.expires.IsZero() {
			edges = append(edges, c.expires.Add(lateRenewal))
		}
		for _, at := range edges {
			if at.After(from) && !at.After(to) && (!found || at.Before(first)) {
				first, found = at, true
			}
		}
	}
	return first, found
}

// later moves the clock on by about d, and away from the edges.
func (m *model) later(d time.Duration) {
	now := m.clock.Now()
	target := now.Add(d)
	for {
		edge, found := m.edgeWithin(target.Add(-edgeMargin), target.Add(edgeMargin))
		if !found {
			break
		}
		target = edge.Add(edgeMargin + time.Second)
	}
	m.tell("%s pass", target.Sub(now).Round(time.Second))
	m.clock.advance(target.Sub(now))
}

package clock

import (
	"context"
	"sync"
	"time"
)

// Manual is a clock for tests: it stands still until it is moved. Create it with NewManual.
type Manual struct {
	mu      sync.Mutex
	now     time.Time
	waiting int
	// changed is closed, and replaced, whenever now or waiting changes.
	changed chan struct{}
}

// NewManual returns a clock that stands at now.
func NewManual(now time.Time) *Manual {
	return &Manual{now: now, changed: make(chan struct{})}
}

// Now implements Clock.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Set moves the clock to t, backwards too, and wakes whoever waited for a moment that has now come.
func (m *Manual) Set(t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = t
	m.announce()
}

// Advance moves the clock by d and wakes whoever waited for a moment that has now come.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
	m.announce()
}

// WaitUntil implements Clock.
func (m *Manual) WaitUntil(ctx context.Context, t time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.await(ctx, true, func() bool { return !m.now.Before(t) })
}

// AwaitWaiters returns nil once at least n calls of WaitUntil are waiting, or the context's error. A test calls it
// before it moves the clock, to be sure that the code under test has come to its wait.
func (m *Manual) AwaitWaiters(ctx context.Context, n int) error {
	return m.await(ctx, false, func() bool { return m.waiting >= n })
}

// await returns once reached, which is called with the lock held, says so. Only counted waits show in m.waiting.
func (m *Manual) await(ctx context.Context, counted bool, reached func() bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if reached() {
		return nil
	}
	if counted {
		m.waiting++
		m.announce()
		defer func() {
			m.waiting--
			m.announce()
		}()
	}
	for !reached() {
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-changed:
			m.mu.Lock()
		case <-ctx.Done():
			m.mu.Lock()
			return ctx.Err()
		}
	}
	return nil
}

// announce wakes every wait so that it looks again; the lock is held.
func (m *Manual) announce() {
	close(m.changed)
	m.changed = make(chan struct{})
}

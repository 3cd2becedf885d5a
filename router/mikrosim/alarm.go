package mikrosim

import (
	"context"
	"sync"
	"time"

	"qserve/internal/clock"
)

// alarm lets one goroutine wait for a moment or for somebody to ring, whichever comes first. A ring while nobody waits is
// kept for the next wait. The zero value is ready.
type alarm struct {
	mu   sync.Mutex
	rung bool
	wake context.CancelFunc
}

// ring ends the current wait, or the next one.
func (a *alarm) ring() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rung = true
	if a.wake != nil {
		a.wake()
	}
}

// wait returns when rung, when the moment has come (the zero time never comes) or when ctx is done; only then false.
func (a *alarm) wait(ctx context.Context, c clock.Clock, until time.Time) bool {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	a.mu.Lock()
	if a.rung {
		a.rung = false
		a.mu.Unlock()
		return ctx.Err() == nil
	}
	a.wake = cancel
	a.mu.Unlock()

	if until.IsZero() {
		<-waiting.Done()
	} else {
		_ = c.WaitUntil(waiting, until) // why it woke does not matter: the caller looks again
	}

	a.mu.Lock()
	a.wake, a.rung = nil, false
	a.mu.Unlock()
	return ctx.Err() == nil
}

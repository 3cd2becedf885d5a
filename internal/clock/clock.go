// Package clock is the only place, besides the programs in cmd, that asks the machine for the time.
//
// Code that depends on time takes a Clock, so that a test can move it: a month of billing passes in one call to
// Manual.Advance, and nothing in the tree has to sleep to see what happens later. Both clocks are safe for use by many
// goroutines.
//
// Time zones and calendar arithmetic are left to the account rules; an instant from here is just an instant.
package clock

import (
	"context"
	"time"
)

// Clock tells the time and waits for a moment.
type Clock interface {
	// Now returns the current instant.
	Now() time.Time

	// WaitUntil returns nil once Now is at or after t, or the context's error as soon as ctx is done. A context that
	// is already done wins over a moment that has already passed, so that a loop around WaitUntil ends when it is told to.
	WaitUntil(ctx context.Context, t time.Time) error
}

// System is the machine's clock. Its instants carry Go's monotonic reading, so durations between them are right even
// when somebody sets the machine's time.
type System struct{}

// Now implements Clock.
func (System) Now() time.Time { return time.Now() }

// WaitUntil implements Clock.
func (System) WaitUntil(ctx context.Context, t time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

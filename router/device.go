package router

import (
	"context"
	"time"

	"qserve/internal/clock"
	"qserve/router/routeros"
)

// device is what both modes share: an open router and the ways to look at its sessions.
type device struct {
	target Target
	conn   *routeros.Conn // nil where the router has no API
	clock  clock.Clock
	// patience is how long a look may be repeated until the router shows what it accepted.
	patience time.Duration
}

func (d *device) Close() error {
	if d.conn == nil {
		return nil
	}
	return d.conn.Close()
}

// alive asks the router for a sign of life.
func (d *device) alive(ctx context.Context) bool {
	if d.conn == nil {
		return true
	}
	_, err := d.conn.Print(ctx, "/system/identity", []string{"name"})
	return err == nil
}

// broken reports whether the connection was lost on the way.
func (d *device) broken() bool { return d.conn != nil && d.conn.Err() != nil }

// look repeats see, at growing intervals, until it is content or patience runs out: a router may accept a change
// before it carries it out. One so slow that a single look outlasts patience is still looked at three times, since a
// look may also act, and what it did shows only in the next.
func (d *device) look(ctx context.Context, see func() (bool, error)) (bool, error) {
	const least = 3
	end := d.clock.Now().Add(d.patience)
	wait := 20 * time.Millisecond
	for looks := 1; ; looks++ {
		content, err := see()
		if err != nil || content {
			return content, err
		}
		now := d.clock.Now()
		if looks >= least && !now.Before(end) {
			return false, nil
		}
		if err := d.clock.WaitUntil(ctx, now.Add(wait)); err != nil {
			return false, err
		}
		wait = min(2*wait, 400*time.Millisecond)
	}
}

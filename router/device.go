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
// before it carries it out.
func (d *device) look(ctx context.Context, see func() (bool, error)) (bool, error) {
	end := d.clock.Now().Add(d.patience)
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, 400*time.Millisecond) {
		content, err := see()
		if err != nil || content {
			return content, err
		}
		now := d.clock.Now()
		if !now.Before(end) {
			return false, nil
		}
		next := now.Add(wait)
		if next.After(end) {
			next = end
		}
		if err := d.clock.WaitUntil(ctx, next); err != nil {
			return false, err
		}
	}
}

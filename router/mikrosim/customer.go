package mikrosim

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"
)

// customer is a subscriber's box: it dials while it is told to, and dials again after a drop or a refusal.
type customer struct {
	name, password, mac string
	dial                bool
	session             *session
	dialing             bool
	// plan counts the dials planned; only the last one is carried out.
	plan      int
	refusals  int
	lastError string
}

// SetCustomer connects a customer's box, changes what it dials with, or, with dial false, switches it off, which ends its
// session. A running session is not touched by a new password.
func (r *Router) SetCustomer(user, password string, dial bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.customers[user]
	if c == nil {
		sum := sha256.Sum256([]byte(user))
		c = &customer{name: user, mac: fmt.Sprintf("02:%02X:%02X:%02X:%02X:%02X", sum[0], sum[1], sum[2], sum[3], sum[4])}
		r.customers[user] = c
	}
	c.password, c.dial, c.refusals = password, dial, 0
	switch {
	case !dial && c.session != nil:
		r.hangUp(c.session, causeUserRequest)
	case dial && c.session == nil:
		r.redial(c, 0)
	}
	r.notify()
}

// redial plans the customer's next dial in place of any other. The router's lock is held, here and below unless said.
func (r *Router) redial(c *customer, after time.Duration) {
	if !c.dial {
		return
	}
	c.plan++
	plan := c.plan
	r.events.at(r.cfg.Clock.Now().Add(after), func(ctx context.Context) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if c.plan == plan {
			r.startDial(ctx, c)
		}
	})
}

// dialAll makes every customer who is offline dial now.
func (r *Router) dialAll() {
	for _, c := range r.customers {
		if c.session == nil && !c.dialing {
			r.redial(c, 0)
		}
	}
}

// startDial dials, or queues the customer while MaxDials others are dialling. A router that is down has no customers
// dialling; they start when it is back.
func (r *Router) startDial(ctx context.Context, c *customer) {
	if !c.dial || c.session != nil || c.dialing || r.fault.Kind == FaultDown {
		return
	}
	c.dialing = true
	if r.dialing >= r.cfg.MaxDials {
		r.waiting = append(r.waiting, c)
		return
	}
	r.dialing++
	r.wg.Go(func() { r.dialOn(ctx, c) })
}

// dialOn dials for this customer and then for those who wait. It takes the lock itself.
func (r *Router) dialOn(ctx context.Context, c *customer) {
	for {
		r.dialOnce(ctx, c)
		r.mu.Lock()
		if len(r.waiting) == 0 || ctx.Err() != nil {
			r.dialing--
			r.mu.Unlock()
			return
		}
		c = r.waiting[0]
		r.waiting = r.waiting[1:]
		r.mu.Unlock()
	}
}

// dialOnce tries to log the customer in. It takes the lock itself, and lets go of it while RADIUS is asked.
func (r *Router) dialOnce(ctx context.Context, c *customer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counters.Dials.Tried++
	boot, attempt := r.boot, dialAttempt{user: c.name, password: c.password, mac: c.mac, number: r.nextSession()}
	g, found, err := r.localLogin(attempt)
	if !found {
		r.mu.Unlock()
		g, err = r.radiusLogin(ctx, attempt)
		r.mu.Lock()
	}
	c.dialing = false
	switch {
	case ctx.Err() != nil || !c.dial || r.fault.Kind == FaultDown:
		return
	case boot != r.boot:
		r.redial(c, r.cfg.RedialDelay)
		return
	case err == nil:
		err = r.connect(c, g)
	}
	if err != nil {
		r.counters.Dials.Refused++
		c.lastError = err.Error()
		r.redial(c, min(r.cfg.RedialMax, r.cfg.RedialDelay<<min(c.refusals, 10)))
		c.refusals++
		r.cfg.Logger.Debug("dial refused", "router", r.cfg.Name, "session", fmt.Sprintf("%08x", attempt.number), "reason", c.lastError)
	}
	r.notify()
}

package account

import (
	"fmt"
	"time"
)

// Suspend cuts the account whatever it has paid. The end of the paid time does not move, unless the clock is stopped:
// then the time that is unused comes back at the reconnection.
type Suspend struct {
	Category  Category
	Reason    string
	StopClock bool
}

func (s Suspend) apply(c *Change, now time.Time, _ *time.Location) error {
	if !s.Category.Valid() {
		return &Refused{fmt.Sprintf("suspension category %.40q is not one of non-payment, equipment, customer-request, other", s.Category)}
	}
	if c.Account.Suspension != nil {
		return &Refused{fmt.Sprintf("%s is suspended already (%s)", c.Account.Number, c.Account.Suspension.Category)}
	}
	if s.StopClock && !now.Before(c.Account.ExpiresAt) {
		return &Refused{c.Account.Number + " has no paid time left whose clock could be stopped"}
	}
	suspension := &Suspension{Category: s.Category, Reason: s.Reason, Since: now}
	summary := "Suspended: " + string(s.Category)
	if s.Reason != "" {
		summary += ", " + s.Reason
	}
	if s.StopClock {
		suspension.ClockStoppedAt = now
		summary += ". The clock is stopped"
	}
	c.Account.Suspension = suspension
	c.say("suspend", "%s", summary)
	return nil
}

// maxGrace bounds the grace that staff may give at a reconnection.
const maxGrace = 31 * 24 * time.Hour

// Reconnect lifts a suspension, or gives an expired account some time to pay. Billing is not moved by grace.
type Reconnect struct{ Grace time.Duration }

func (r Reconnect) apply(c *Change, now time.Time, zone *time.Location) error {
	a := &c.Account
	if r.Grace < 0 || r.Grace > maxGrace {
		return &Refused{"grace is not within 0 and 31 days"}
	}
	switch a.Status(now) {
	case Active, Grace:
		return &Refused{fmt.Sprintf("%s is %s; only a suspended or expired account can be reconnected", a.Number, a.Status(now))}
	case Suspended:
		c.wind(now, zone)
		a.Suspension = nil
		if !now.Before(a.ExpiresAt) {
			c.renew(1, now, zone) // what ran out meanwhile was not renewed while it was cut
		}
	case Expired:
		if r.Grace == 0 {
			return &Refused{a.Number + " is expired; say for how many hours of grace it is to be reconnected"}
		}
	}
	if r.Grace > 0 && a.Status(now) != Active {
		a.GraceUntil = now.Add(r.Grace)
		c.say("reconnect", "Reconnected in grace until %s", readable(a.GraceUntil, zone))
		return nil
	}
	if a.Status(now) == Active {
		c.say("reconnect", "Reconnected, paid until %s", readable(a.ExpiresAt, zone))
		return nil
	}
	c.say("reconnect", "Reconnected, now %s", a.Status(now))
	return nil
}

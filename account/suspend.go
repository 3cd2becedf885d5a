package account

import (
	"fmt"
	"time"
)

// Suspend cuts the account whatever it has paid. The end of the paid time does not move.
type Suspend struct {
	Category Category
	Reason   string
}

func (s Suspend) apply(c *Change, now time.Time, _ *time.Location) error {
	if !s.Category.Valid() {
		return &Refused{fmt.Sprintf("suspension category %.40q is not one of non-payment, equipment, customer-request, other", s.Category)}
	}
	if c.Account.Suspension != nil {
		return &Refused{fmt.Sprintf("%s is suspended already (%s)", c.Account.Number, c.Account.Suspension.Category)}
	}
	c.Account.Suspension = &Suspension{Category: s.Category, Reason: s.Reason, Since: now}
	if s.Reason == "" {
		c.say("suspend", "Suspended: %s", s.Category)
	} else {
		c.say("suspend", "Suspended: %s, %s", s.Category, s.Reason)
	}
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
		a.Suspension = nil
	case Expired:
		if r.Grace == 0 {
			return &Refused{a.Number + " is expired; say for how many hours of grace it is to be reconnected"}
		}
	}
	if r.Grace > 0 && a.Status(now) == Expired {
		a.GraceUntil = now.Add(r.Grace)
		c.say("reconnect", "Reconnected in grace until %s", readable(a.GraceUntil, zone))
		return nil
	}
	c.say("reconnect", "Reconnected, now %s", a.Status(now))
	return nil
}

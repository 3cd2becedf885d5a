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
	// Until is when time itself ends the suspension, at most [MaxSuspension] ahead; zero: somebody has to reconnect.
	Until time.Time
}

// MaxSuspension bounds how far ahead the planned end of a suspension may lie.
const MaxSuspension = 366 * 24 * time.Hour

func (s Suspend) apply(c *Change, now time.Time, zone *time.Location) error {
	if !s.Category.Valid() {
		return &Refused{fmt.Sprintf("suspension category %.40q is not one of non-payment, equipment, customer-request, other", s.Category)}
	}
	if c.Account.Suspension != nil {
		return &Refused{fmt.Sprintf("%s is suspended already (%s)", c.Account.Number, c.Account.Suspension.Category)}
	}
	if s.StopClock && !now.Before(c.Account.ExpiresAt) {
		return &Refused{c.Account.Number + " has no paid time left whose clock could be stopped"}
	}
	if !s.Until.IsZero() && !s.Until.After(now) {
		return &Refused{fmt.Sprintf("a suspension until %s would be over already", readable(s.Until, zone))}
	}
	if s.Until.Sub(now) > MaxSuspension {
		return &Refused{fmt.Sprintf("a suspension until %s would last longer than 366 days", readable(s.Until, zone))}
	}
	suspension := &Suspension{Category: s.Category, Reason: s.Reason, Since: now, Until: s.Until}
	summary := "Suspended: " + string(s.Category)
	if !s.Until.IsZero() {
		summary = fmt.Sprintf("Suspended until %s: %s", readable(s.Until, zone), s.Category)
	}
	if s.Reason != "" {
		summary += ", " + s.Reason
	}
	if s.StopClock {
		suspension.ClockStoppedAt = now
		summary += ". The clock is stopped"
	}
	c.Account.Suspension = suspension
	c.Kept = &Kept{At: now, After: Term{SuspendedAt: now}}
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
		c.lift(now, zone)
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

// lift ends a suspension at now. The time that a stopped clock kept comes back up to now, because the customer was cut up
// to now, and what ran out meanwhile is renewed once, as far as the wallet covers it: it was not while the account was cut.
func (c *Change) lift(now time.Time, zone *time.Location) {
	a := &c.Account
	c.wind(now, zone)
	a.Suspension = nil
	if !now.Before(a.ExpiresAt) {
		c.renew(1, now, zone)
	}
}

package account

import "time"

// Expire records that paid time or grace has run out. It changes no fact: the status follows from the clock. So an
// expiry that is handled late, or twice, does no harm, and one that comes after a payment says nothing at all.
type Expire struct {
	// Since is the instant up to which this account's due times were handled before.
	Since time.Time
}

func (e Expire) apply(c *Change, now time.Time, zone *time.Location) error {
	ran := func(t time.Time) bool { return !t.IsZero() && t.After(e.Since) && !t.After(now) }
	a := c.Account
	switch {
	case ran(a.GraceUntil) && !now.Before(a.ExpiresAt):
		c.say("expire", "Grace ended at %s", readable(a.GraceUntil, zone))
	case ran(a.ExpiresAt) && now.Before(a.GraceUntil):
		c.say("expire", "%s ran out at %s, in grace until %s", a.Plan.Name, readable(a.ExpiresAt, zone), readable(a.GraceUntil, zone))
	case ran(a.ExpiresAt):
		c.say("expire", "%s ran out at %s", a.Plan.Name, readable(a.ExpiresAt, zone))
	}
	return nil
}

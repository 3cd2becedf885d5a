package account

import "time"

// Open begins an account. One that is taken over from another system brings the end of its paid time with it.
type Open struct {
	PaidUntil time.Time // zero: nothing is paid yet
}

func (o Open) apply(c *Change, now time.Time, zone *time.Location) error {
	c.Account.ExpiresAt = o.PaidUntil.UTC()
	if o.PaidUntil.IsZero() {
		c.Account.ExpiresAt = time.Time{}
		c.say("create", "Account opened with %s, nothing paid yet", c.Account.Plan.Name)
		return nil
	}
	c.say("create", "Account opened with %s, paid until %s", c.Account.Plan.Name, readable(o.PaidUntil, zone))
	return nil
}

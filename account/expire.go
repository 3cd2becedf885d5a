package account

import "time"

// Expire is the clock's own command: it handles the due times that have passed, which [Apply] does before any command.
// So an expiry that is handled late, or twice, does no harm, and one that comes after a payment says nothing at all.
type Expire struct{}

func (Expire) apply(*Change, time.Time, *time.Location) error { return nil }

// punctual is how late an expiry may be handled for its renewal to continue where the paid time ended. After a longer
// outage it begins when it is handled: nobody pays for time in which the next dial was refused.
const punctual = time.Minute

// settle handles what has become due since the last command: a scheduled package takes over, paid time or grace has run
// out, what has run out is renewed if the wallet covers it, and a suspension comes to its planned end.
func (c *Change) settle(now time.Time, zone *time.Location) {
	a := &c.Account
	if a.DueAt.IsZero() || now.Before(a.DueAt) {
		return
	}
	if !a.clockStopped() {
		c.runOut(now, zone)
	}
	if s := a.Suspension; s != nil && !s.Until.IsZero() && !now.Before(s.Until) {
		c.lift(now, zone)
		switch status := a.Status(now); status {
		case Active:
			c.tick("reconnect", "Suspension ended as planned, paid until %s", readable(a.ExpiresAt, zone))
		case Grace:
			c.tick("reconnect", "Suspension ended as planned, in grace until %s", readable(a.GraceUntil, zone))
		default:
			c.tick("reconnect", "Suspension ended as planned, now %s", status)
		}
	}
}

// runOut handles the ends of the packages and of a grace, while the clock goes on.
func (c *Change) runOut(now time.Time, zone *time.Location) {
	a := &c.Account
	ran := func(t time.Time) bool { return !t.IsZero() && !t.Before(a.DueAt) && !t.After(now) }
	ended := a.Plan.Name
	if a.Next != nil && !now.Before(a.Next.At) {
		if a.Next.At.Before(a.ExpiresAt) {
			ended = a.Next.Plan.Name
		}
		c.takeOver()
	}
	switch {
	case ran(a.ExpiresAt) && a.Suspension == nil && c.renew(1, now, zone) > 0:
		c.tick("renewal", "%s renewed from the balance until %s", a.Plan.Name, readable(a.ExpiresAt, zone))
	case ran(a.GraceUntil) && !now.Before(a.ExpiresAt):
		c.tick("expire", "Grace ended at %s", readable(a.GraceUntil, zone))
	case ran(a.ExpiresAt) && now.Before(a.GraceUntil):
		c.tick("expire", "%s ran out at %s, in grace until %s", ended, readable(a.ExpiresAt, zone), readable(a.GraceUntil, zone))
	case ran(a.ExpiresAt):
		c.tick("expire", "%s ran out at %s", ended, readable(a.ExpiresAt, zone))
	}
}

// takeOver makes the scheduled package the current one.
func (c *Change) takeOver() {
	a := &c.Account
	c.tick("change-package", "%s takes over from %s, as scheduled", a.Next.Plan.Name, a.Plan.Name)
	a.Plan, a.Next = a.Next.Plan, nil
}

// tick says what the clock did.
func (c *Change) tick(kind, format string, args ...any) {
	c.say(kind, format, args...)
	c.Activity[len(c.Activity)-1].Actor = Clock
}

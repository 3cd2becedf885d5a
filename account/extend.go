package account

import (
	"fmt"
	"time"
)

// maxExtension bounds a gift of time, in days.
const maxExtension = 365

// Extend adds whole days to the paid time, for example as goodwill after an outage. It does not lift a suspension.
type Extend struct {
	Days int
	Note string
}

func (e Extend) apply(c *Change, now time.Time, zone *time.Location) error {
	if e.Days < 1 || e.Days > maxExtension {
		return &Refused{fmt.Sprintf("%d days are not within 1…%d", e.Days, maxExtension)}
	}
	a := &c.Account
	before := termOf(*a)
	c.wind(now, zone)
	if !a.ExpiresAt.After(now) {
		a.ExpiresAt = now.UTC()
	}
	end := Duration{Count: e.Days, Unit: Days}.After(a.ExpiresAt, zone, 0)
	c.move(end.Sub(a.ExpiresAt), zone)
	c.endGrace()
	c.Kept = &Kept{At: now, Before: before, After: termOf(*a)}
	summary := fmt.Sprintf("Extended by %s until %s", Duration{e.Days, Days}, readable(a.ExpiresAt, zone))
	if a.clockStopped() {
		summary = fmt.Sprintf("Extended by %s, the clock is stopped", Duration{e.Days, Days})
	}
	if e.Note != "" {
		summary += ": " + e.Note
	}
	c.say("extend", "%s", summary)
	return nil
}

package account

import (
	"fmt"
	"math/big"
	"time"
)

// ChangePackage gives the account another plan.
type ChangePackage struct {
	Plan Plan
	// AtRenewal lets it take over at the end of the time that is paid now, also when the renewal is paid early. An account
	// whose time has run out is between two packages, so it changes at once either way.
	AtRenewal bool
	// Convert turns the unused time into time of the new plan, by the prices. Without it the end of the paid time stays.
	Convert bool
}

func (p ChangePackage) apply(c *Change, now time.Time, zone *time.Location) error {
	a := &c.Account
	switch {
	case p.Plan.Price.Currency != a.Balance.Currency:
		return &Refused{fmt.Sprintf("%s is priced in %s, but the account is kept in %s", p.Plan.Name, p.Plan.Price.Currency, a.Balance.Currency)}
	case p.Plan.ID == a.Plan.ID && a.Next == nil:
		return &Refused{fmt.Sprintf("%s has %s already", a.Number, p.Plan.Name)}
	case p.Plan.ID == a.Plan.ID && p.AtRenewal:
		return &Refused{fmt.Sprintf("%s has %s already; to keep it, cancel the change to %s", a.Number, p.Plan.Name, a.Next.Plan.Name)}
	case p.AtRenewal && p.Convert:
		return &Refused{"time is converted only by a change that takes effect now"}
	}
	if p.AtRenewal && a.Remaining(now) > 0 {
		return p.schedule(c, zone)
	}
	return p.change(c, now, zone)
}

func (p ChangePackage) schedule(c *Change, zone *time.Location) error {
	a := &c.Account
	at := a.ExpiresAt
	if a.Next != nil {
		if a.Next.At.Before(a.ExpiresAt) {
			return &Refused{fmt.Sprintf("the time after %s is paid at the price of %s already; cancel that change first",
				readable(a.Next.At, zone), a.Next.Plan.Name)}
		}
		at = a.Next.At
	}
	a.Next = &NextPlan{Plan: p.Plan, At: at}
	c.say("change-package", "%s takes over from %s at the next renewal, %s", p.Plan.Name, a.Plan.Name, readable(at, zone))
	return nil
}

func (p ChangePackage) change(c *Change, now time.Time, zone *time.Location) error {
	a := &c.Account
	was := a.Plan
	if p.Convert && a.Remaining(now) > 0 {
		c.wind(now, zone)
		if err := c.convert(p.Plan, now, zone); err != nil {
			return err
		}
	}
	summary := fmt.Sprintf("Changed from %s to %s", was.Name, p.Plan.Name)
	if was.ID == p.Plan.ID {
		summary = fmt.Sprintf("%s stays, the change to %s is cancelled", was.Name, a.Next.Plan.Name)
	}
	a.Plan, a.Next = p.Plan, nil
	switch {
	case a.Suspension == nil && a.Remaining(now) == 0 && c.renew(1, now, zone) > 0:
		summary += ", bought from the balance until " + readable(a.ExpiresAt, zone)
	case a.clockStopped() || a.Remaining(now) == 0:
	default:
		summary += ", paid until " + readable(a.ExpiresAt, zone)
	}
	c.say("change-package", "%s", summary)
	return nil
}

// convert turns the unused time into time of another plan: first what is left of the current package, then what has been
// paid at the price of the scheduled one.
func (c *Change) convert(into Plan, now time.Time, zone *time.Location) error {
	a := &c.Account
	left, later := a.ExpiresAt.Sub(now), time.Duration(0)
	if a.Next != nil && a.Next.At.Before(a.ExpiresAt) {
		left, later = a.Next.At.Sub(now), a.ExpiresAt.Sub(a.Next.At)
	}
	converted, ok := worth(left, a.Plan, into, now, zone)
	if ok && later > 0 {
		var more time.Duration
		more, ok = worth(later, a.Next.Plan, into, now, zone)
		converted += more
	}
	if !ok || converted > maxPaid {
		return &Refused{"the unused time would be worth more than a century of " + into.Name}
	}
	c.move(now.Add(converted).Sub(a.ExpiresAt), zone)
	return nil
}

// maxPaid bounds the time that a conversion may come to.
const maxPaid = 100 * 366 * 24 * time.Hour

// worth is how much time of one plan costs as much as d of another, in whole seconds. A month is as long as the one that
// begins at now.
func worth(d time.Duration, of, in Plan, now time.Time, zone *time.Location) (time.Duration, bool) {
	length := func(p Plan) *big.Int { return big.NewInt(int64(p.Duration.After(now, zone, 0).Sub(now))) }
	value := new(big.Int).Mul(big.NewInt(int64(d)), big.NewInt(of.Price.Minor))
	value.Mul(value, length(in))
	value.Quo(value, new(big.Int).Mul(big.NewInt(in.Price.Minor), length(of)))
	if !value.IsInt64() || value.Int64() > int64(maxPaid) {
		return 0, false
	}
	return time.Duration(value.Int64()).Truncate(time.Second), true
}

// CancelChange takes back a change of package that is scheduled. Time that was paid at the scheduled price becomes time
// of the package that stays.
type CancelChange struct{}

func (CancelChange) apply(c *Change, now time.Time, zone *time.Location) error {
	a := &c.Account
	if a.Next == nil {
		return &Refused{a.Number + " has no change of package scheduled"}
	}
	cancelled := a.Next
	if cancelled.At.Before(a.ExpiresAt) {
		later, ok := worth(a.ExpiresAt.Sub(cancelled.At), cancelled.Plan, a.Plan, now, zone)
		if !ok {
			return &Refused{"the time paid ahead would be worth more than a century of " + a.Plan.Name}
		}
		c.move(cancelled.At.Add(later).Sub(a.ExpiresAt), zone)
	}
	a.Next = nil
	c.say("cancel-change", "Change to %s cancelled, %s stays", cancelled.Plan.Name, a.Plan.Name)
	return nil
}

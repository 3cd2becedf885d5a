package account

import (
	"fmt"
	"math"
	"time"
)

// Pay credits money to the wallet and buys as many whole periods as the wallet then covers, at the price of the plan.
// What is left stays as balance. A suspension for non-payment ends with the first period bought; any other stays.
type Pay struct {
	Amount Money
	// Receipt is the provider's transaction id, which the payer has on paper or in an SMS.
	Receipt string
	// Via names the provider for people, for example "M-Pesa".
	Via string
}

func (p Pay) apply(c *Change, now time.Time, zone *time.Location) error {
	a := &c.Account
	if p.Amount.Currency != a.Balance.Currency {
		return &Refused{fmt.Sprintf("paid in %s, but the account is kept in %s", p.Amount.Currency, a.Balance.Currency)}
	}
	if p.Amount.Minor <= 0 {
		return &Refused{fmt.Sprintf("a payment of %s adds nothing", p.Amount)}
	}
	if a.Balance.Minor > 0 && p.Amount.Minor > math.MaxInt64-a.Balance.Minor {
		return &Refused{fmt.Sprintf("a payment of %s does not fit into the wallet", p.Amount)}
	}
	c.post(Entry{Kind: EntryPayment, Amount: p.Amount})
	plan := a.renewalPlan()
	bought := c.renew(math.MaxInt32, now, zone)

	paid := fmt.Sprintf("Payment %s, %s %s", p.Amount, p.Via, p.Receipt)
	switch {
	case bought > 0 && a.clockStopped():
		c.say("payment", "%s. %s of %s added, the clock is stopped", paid, Duration{bought * plan.Duration.Count, plan.Duration.Unit}, plan.Name)
	case bought > 0:
		c.say("payment", "%s. %s until %s", paid, plan.Name, readable(a.ExpiresAt, zone))
	case plan.Price.Currency != a.Balance.Currency:
		c.say("payment", "%s. Nothing bought: %s is priced in %s", paid, plan.Name, plan.Price.Currency)
	default:
		missing := Money{Minor: plan.Price.Minor - a.Balance.Minor, Currency: a.Balance.Currency}
		c.say("payment", "%s. Balance %s, %s missing for %s of %s", paid, a.Balance, missing, plan.Duration, plan.Name)
	}
	return nil
}

// renew buys whole periods from the wallet, most at most, and returns how many.
func (c *Change) renew(most int, now time.Time, zone *time.Location) int {
	a := &c.Account
	plan := a.renewalPlan()
	price := plan.Price
	if price.Minor <= 0 || price.Currency != a.Balance.Currency {
		return 0
	}
	// A wallet that would reach past the end of the calendar keeps the rest as balance.
	affordable := min(a.Balance.Minor/price.Minor, int64(maxCount[plan.Duration.Unit]/plan.Duration.Count), int64(most))
	if affordable < 1 {
		return 0
	}
	c.wind(now, zone)
	periods := int(affordable)
	start := a.ExpiresAt
	if start.Before(now) && (most > 1 || now.Sub(start) > punctual) {
		// The unpaid gap is not sold, and a new month counts from the day on which it begins.
		start = now
		a.AnchorDay = 0
	}
	switch {
	case plan.Duration.Unit != Months:
		a.AnchorDay = 0
	case a.AnchorDay == 0:
		a.AnchorDay = start.In(zone).Day()
	}
	whole := Duration{Count: plan.Duration.Count * periods, Unit: plan.Duration.Unit}
	a.ExpiresAt = whole.After(start, zone, a.AnchorDay)
	c.post(Entry{
		Kind:        EntryRenewal,
		Amount:      Money{Minor: -price.Minor * affordable, Currency: price.Currency},
		Plan:        plan,
		Periods:     periods,
		Start:       start,
		End:         a.ExpiresAt,
		InvoiceYear: now.In(zone).Year(),
	})
	c.endGrace()
	if a.Suspension != nil && a.Suspension.Category == NonPayment {
		a.Suspension = nil
		c.say("reconnect", "Suspension for non-payment lifted by the payment")
	}
	return periods
}

// endGrace forgets a grace that the paid time has outlasted.
func (c *Change) endGrace() {
	if !c.Account.GraceUntil.After(c.Account.ExpiresAt) {
		c.Account.GraceUntil = time.Time{}
	}
}

// wind gives the time back that passed while the clock was stopped, up to now.
func (c *Change) wind(now time.Time, zone *time.Location) {
	a := &c.Account
	if !a.clockStopped() {
		return
	}
	s := *a.Suspension
	if stopped := now.Sub(s.ClockStoppedAt); stopped > 0 && a.ExpiresAt.After(s.ClockStoppedAt) {
		next := a.Next
		c.move(stopped, zone)
		if next != nil {
			a.Next = &NextPlan{Plan: next.Plan, At: next.At.Add(stopped).UTC()}
		}
	}
	s.ClockStoppedAt = now
	a.Suspension = &s
}

// move shifts the end of the paid time, and with it the change of package that was to come at that moment. A month then
// counts from the day on which the one before it ended.
func (c *Change) move(by time.Duration, zone *time.Location) {
	a := &c.Account
	end := a.ExpiresAt.Add(by).UTC()
	if end.In(zone).Format(time.DateOnly) != a.ExpiresAt.In(zone).Format(time.DateOnly) {
		a.AnchorDay = 0
	}
	if a.Next != nil && a.Next.At.Equal(a.ExpiresAt) {
		a.Next = &NextPlan{Plan: a.Next.Plan, At: end}
	}
	a.ExpiresAt = end
}

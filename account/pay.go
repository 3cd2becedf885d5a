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
	bought := c.renew(now, zone)

	paid := fmt.Sprintf("Payment %s, %s %s", p.Amount, p.Via, p.Receipt)
	switch {
	case bought > 0:
		c.say("payment", "%s. %s until %s", paid, a.Plan.Name, readable(a.ExpiresAt, zone))
	case a.Plan.Price.Currency != a.Balance.Currency:
		c.say("payment", "%s. Nothing bought: %s is priced in %s", paid, a.Plan.Name, a.Plan.Price.Currency)
	default:
		missing := Money{Minor: a.Plan.Price.Minor - a.Balance.Minor, Currency: a.Balance.Currency}
		c.say("payment", "%s. Balance %s, %s missing for %s of %s", paid, a.Balance, missing, a.Plan.Duration, a.Plan.Name)
	}
	return nil
}

// renew buys whole periods from the wallet and returns how many.
func (c *Change) renew(now time.Time, zone *time.Location) int {
	a := &c.Account
	price := a.Plan.Price
	if price.Minor <= 0 || price.Currency != a.Balance.Currency {
		return 0
	}
	// A wallet that would reach past the end of the calendar keeps the rest as balance.
	affordable := min(a.Balance.Minor/price.Minor, int64(maxCount[a.Plan.Duration.Unit]/a.Plan.Duration.Count))
	if affordable < 1 {
		return 0
	}
	periods := int(affordable)
	start := a.ExpiresAt
	if !start.After(now) {
		// The unpaid gap is not sold, and a new month counts from the day on which it begins.
		start = now
		a.AnchorDay = 0
	}
	switch {
	case a.Plan.Duration.Unit != Months:
		a.AnchorDay = 0
	case a.AnchorDay == 0:
		a.AnchorDay = start.In(zone).Day()
	}
	whole := Duration{Count: a.Plan.Duration.Count * periods, Unit: a.Plan.Duration.Unit}
	a.ExpiresAt = whole.After(start, zone, a.AnchorDay)
	c.post(Entry{
		Kind:    EntryRenewal,
		Amount:  Money{Minor: -price.Minor * affordable, Currency: price.Currency},
		PlanID:  a.Plan.ID,
		Periods: periods,
		Start:   start,
		End:     a.ExpiresAt,
	})
	if !a.GraceUntil.After(a.ExpiresAt) {
		a.GraceUntil = time.Time{}
	}
	if a.Suspension != nil && a.Suspension.Category == NonPayment {
		a.Suspension = nil
		c.say("reconnect", "Suspension for non-payment lifted by the payment")
	}
	return periods
}

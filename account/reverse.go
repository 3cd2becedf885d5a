package account

import (
	"fmt"
	"time"
)

// Reverse takes a payment back from the account: because the provider took it back, or because it is somebody else's. The
// time that was bought with it goes too, as far as the wallet does not cover it otherwise; a debt that is left is paid by
// the next payment.
type Reverse struct {
	Amount  Money
	Receipt string
	Reason  string
	// Bought are the renewals of the action that credited the payment, oldest first.
	Bought []Entry
}

func (r Reverse) apply(c *Change, now time.Time, zone *time.Location) error {
	a := &c.Account
	if r.Amount.Currency != a.Balance.Currency || r.Amount.Minor <= 0 {
		return &Refused{fmt.Sprintf("a payment of %s cannot be taken back from an account in %s", r.Amount, a.Balance.Currency)}
	}
	c.wind(now, zone)
	c.post(Entry{Kind: EntryReversal, Amount: Money{-r.Amount.Minor, r.Amount.Currency}})
	for i := len(r.Bought) - 1; i >= 0 && a.Balance.Minor < 0; i-- {
		c.takeBack(r.Bought[i], now, zone)
	}
	if a.Next != nil && a.ExpiresAt.Before(a.Next.At) {
		a.Next = &NextPlan{Plan: a.Next.Plan, At: a.ExpiresAt}
	}
	if a.Next != nil && !now.Before(a.Next.At) {
		c.takeOver()
	}
	summary := fmt.Sprintf("Payment %s, receipt %s, taken back", r.Amount, r.Receipt)
	if r.Reason != "" {
		summary += ": " + r.Reason
	}
	c.say("reverse", "%s. Balance %s", summary, a.Balance)
	return nil
}

func (c *Change) takeBack(bought Entry, now time.Time, zone *time.Location) {
	a := &c.Account
	anchor := a.AnchorDay
	c.move(bought.Start.Sub(bought.End), zone)
	if a.ExpiresAt.Equal(bought.Start) {
		a.AnchorDay = anchor // the months go on as if it had not been bought
	}
	c.post(Entry{
		Kind:        EntryRefund,
		Amount:      Money{-bought.Amount.Minor, bought.Amount.Currency},
		Plan:        bought.Plan,
		Periods:     bought.Periods,
		Start:       bought.Start,
		End:         bought.End,
		InvoiceYear: now.In(zone).Year(),
	})
}

package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"qserve/account"
)

// book follows one account through any sequence of commands and checks after each what must hold for all of them.
type book struct {
	zone    *time.Location
	now     time.Time
	account account.Account
	handled time.Time // up to which due times were handled
	opening int64
	sum     int64 // of every ledger entry
	paid    int64 // what payers gave
	sold    int64 // what renewals took
}

func newBook(t *rapid.T, z *time.Location) *book {
	now := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "now"), 0).UTC()
	a := setup()
	unit := rapid.SampledFrom([]account.Unit{account.Hours, account.Days, account.Months}).Draw(t, "unit")
	a.Plan.Duration = account.Duration{Count: rapid.IntRange(1, 40).Draw(t, "count"), Unit: unit}
	a.Plan.Price = kes(rapid.Int64Range(1, 1000).Draw(t, "price"))
	a.Balance = kes(rapid.Int64Range(-500, 500).Draw(t, "opening"))
	return &book{zone: z, now: now, handled: now, account: a, opening: a.Balance.Minor}
}

func (b *book) command(t *rapid.T) account.Command {
	categories := []account.Category{account.NonPayment, account.Equipment, account.CustomerRequest, account.Other, "", "x"}
	switch rapid.SampledFrom([]string{"pay", "pay", "pay", "suspend", "reconnect", "expire", "open"}).Draw(t, "command") {
	case "pay":
		currency := rapid.SampledFrom([]string{"KES", "KES", "KES", "KES", "USD"}).Draw(t, "currency")
		return account.Pay{Amount: account.Money{Minor: rapid.Int64Range(-5, 4000).Draw(t, "amount"), Currency: currency}}
	case "suspend":
		return account.Suspend{Category: rapid.SampledFrom(categories).Draw(t, "category")}
	case "reconnect":
		return account.Reconnect{Grace: time.Duration(rapid.IntRange(-1, 800).Draw(t, "hours")) * time.Hour}
	case "open":
		return account.Open{PaidUntil: b.now.Add(time.Duration(rapid.IntRange(-48, 48).Draw(t, "paid")) * time.Hour)}
	default:
		return account.Expire{Since: b.handled}
	}
}

func (b *book) step(t *rapid.T) {
	b.now = b.now.Add(time.Duration(rapid.Int64Range(0, int64(60*24*time.Hour)).Draw(t, "later")))
	before, cmd := b.account, b.command(t)
	suspension := before.Suspension
	var was account.Suspension
	if suspension != nil {
		was = *suspension
	}
	change, err := account.Apply(before, cmd, b.now, b.zone)
	if suspension != nil && *suspension != was {
		t.Fatalf("%#v wrote into the account that it was given", cmd)
	}
	if refused, ok := errors.AsType[*account.Refused](err); ok {
		if diff := cmp.Diff(account.Change{Account: before}, change); diff != "" {
			t.Fatalf("%#v was refused and changed something:\n%s", cmd, diff)
		}
		if refused.Reason == "" {
			t.Fatalf("%#v was refused without a reason", cmd)
		}
		return
	}
	if err != nil {
		t.Fatalf("%#v: %v", cmd, err)
	}
	b.account = change.Account
	for _, e := range change.Entries {
		b.sum += e.Amount.Minor
		switch e.Kind {
		case account.EntryPayment:
			b.paid += e.Amount.Minor
		case account.EntryRenewal:
			b.sold -= e.Amount.Minor
			b.renewal(t, before, e)
		}
	}
	switch c := cmd.(type) {
	case account.Pay:
		b.afterPay(t, before, c, change)
	case account.Expire:
		b.afterExpire(t, before, change)
	default:
		if len(change.Entries) != 0 || change.Account.Balance != before.Balance {
			t.Fatalf("%#v moved money", cmd)
		}
	}
}

// renewal checks what was sold against the calendar that counts by hand.
func (b *book) renewal(t *rapid.T, before account.Account, e account.Entry) {
	plan := before.Plan
	start := before.ExpiresAt
	if start.Before(b.now) {
		start = b.now
	}
	anchor := start.In(b.zone).Day()
	if before.ExpiresAt.After(b.now) && before.AnchorDay != 0 {
		anchor = before.AnchorDay
	}
	whole := account.Duration{Count: plan.Duration.Count * e.Periods, Unit: plan.Duration.Unit}
	end := start.Add(time.Duration(whole.Count) * time.Hour)
	if whole.Unit != account.Hours {
		end = reading(start.In(b.zone)).plus(whole, anchor).instant(b.zone)
	}
	if !e.Start.Equal(start) || !e.End.Equal(end) || !b.account.ExpiresAt.Equal(end) {
		t.Fatalf("%d × %v from %v: sold %v to %v, want until %v", e.Periods, plan.Duration, start, e.Start, e.End, end)
	}
	if e.Amount.Minor != -plan.Price.Minor*int64(e.Periods) || e.PlanID != plan.ID || e.Periods < 1 {
		t.Fatalf("sold %+v at %s", e, plan.Price)
	}
}

func (b *book) afterPay(t *rapid.T, before account.Account, p account.Pay, change account.Change) {
	wallet := before.Balance.Minor + p.Amount.Minor
	periods := int64(0)
	for _, e := range change.Entries {
		periods += int64(e.Periods)
	}
	century := map[account.Unit]int64{account.Hours: 24 * 366 * 100, account.Days: 366 * 100, account.Months: 1200}
	most := century[before.Plan.Duration.Unit] / int64(before.Plan.Duration.Count)
	if want := min(max(wallet, 0)/before.Plan.Price.Minor, most); periods != want {
		t.Fatalf("a wallet of %d bought %d periods at %s, want %d", wallet, periods, before.Plan.Price, want)
	}
	switch s := before.Suspension; {
	case s == nil, s.Category == account.NonPayment && periods > 0:
		if change.Account.Suspension != nil {
			t.Fatal("paid, and suspended for non-payment")
		}
	default:
		if change.Account.Suspension != s {
			t.Fatalf("a payment lifted a suspension for %s", s.Category)
		}
	}
}

func (b *book) afterExpire(t *rapid.T, before account.Account, change account.Change) {
	if diff := cmp.Diff(before, change.Account); diff != "" || len(change.Entries) != 0 || len(change.Activity) > 1 {
		t.Fatalf("an expiry changed a fact, or said too much:\n%s%v", diff, summaries(change))
	}
	b.handled = b.now
	again, err := account.Apply(change.Account, account.Expire{Since: b.handled}, b.now, b.zone)
	if diff := cmp.Diff(account.Change{Account: before}, again); diff != "" || err != nil {
		t.Fatalf("the same expiry again: %v\n%s", err, diff)
	}
}

func (b *book) check(t *rapid.T) {
	if b.account.Balance.Minor != b.opening+b.sum || b.sum != b.paid-b.sold {
		t.Fatalf("balance %s is not what the ledger adds up to: %d + %d paid − %d sold", b.account.Balance, b.opening, b.paid, b.sold)
	}
	if b.account.Balance.Minor < min(b.opening, 0) {
		t.Fatalf("renewals took more than there was: %s", b.account.Balance)
	}
	line, status := b.account.Desired(b.now), b.account.Status(b.now)
	if online := status == account.Active || status == account.Grace; online != (line.State == account.LineEnabled) {
		t.Fatalf("%s, and the line is %s", status, line.State)
	}
	if due := b.account.NextDue(b.now); !due.IsZero() && !due.After(b.now) {
		t.Fatalf("the next due time %v is not after %v", due, b.now)
	}
}

func TestAnySequenceOfCommands_KeepsTheBooks(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Africa/Nairobi", "Europe/Berlin", "America/New_York"} {
		z := zone(t, name)
		rapid.Check(t, func(t *rapid.T) {
			b := newBook(t, z)
			t.Repeat(map[string]func(*rapid.T){"step": b.step, "": b.check})
		})
	}
}

func TestEightPaymentsAtOnce_AreEightPeriodsInAnyOrder(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	rapid.Check(t, func(t *rapid.T) {
		a := setup()
		now := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "now"), 0)
		amounts := rapid.SliceOfN(rapid.Int64Range(1, 400_000), 1, 8).Draw(t, "amounts")
		total := int64(0)
		for _, amount := range amounts {
			total += amount
			change, err := account.Apply(a, pay(amount), now, z)
			if err != nil {
				t.Fatal(err)
			}
			a = change.Account
		}
		whole, err := account.Apply(setup(), pay(total), now, z)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole.Account, a); diff != "" {
			t.Fatalf("paid at once and paid in parts differ (-at once +in parts):\n%s", diff)
		}
	})
}

package account_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
)

func TestFirstPayment_BuysFromNow(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	now := at(t, z, "2026-01-31 10:00")
	got := apply(t, setup(), pay(150_000), now, z)
	end := at(t, z, "2026-02-28 10:00").UTC()
	want := setup()
	want.ExpiresAt, want.AnchorDay, want.DueAt = end, 31, end
	if diff := cmp.Diff(account.Change{
		Account: want,
		Entries: []account.Entry{
			{Kind: account.EntryPayment, Amount: kes(150_000)},
			{Kind: account.EntryRenewal, Amount: kes(-150_000), Plan: setup().Plan, Periods: 1, Start: now, End: end, InvoiceYear: 2026},
		},
		Activity: []account.Activity{{
			Kind:    "payment",
			Summary: "Payment KES 1500.00, M-Pesa SKL7XQ2B1M. Home 10 until 28 Feb 2026 10:00",
			Before:  map[string]string{"status": "expired", "expires_at": "", "anchor_day": "0"},
			After:   map[string]string{"status": "active", "expires_at": "2026-02-28T07:00:00Z", "anchor_day": "31"},
		}},
	}, got); diff != "" {
		t.Errorf("change (-want +got):\n%s", diff)
	}
}

func TestPayment_ExtendsFromTheLaterOfNowAndTheExpiry(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	for _, c := range []struct {
		name, expires, now string
		count              int
		unit               account.Unit
		want               string
	}{
		{"paid early", "2026-03-20 08:00", "2026-03-10 12:00", 1, account.Months, "2026-04-20 08:00"},
		{"paid a year early", "2027-03-20 08:00", "2026-03-10 12:00", 1, account.Months, "2027-04-20 08:00"},
		{"paid late: the gap is not sold", "2026-02-20 08:00", "2026-03-10 12:00", 1, account.Months, "2026-04-10 12:00"},
		{"paid at the last instant", "2026-03-10 12:00", "2026-03-10 12:00", 1, account.Months, "2026-04-10 12:00"},
		{"a day, paid early", "2026-03-10 23:59:59", "2026-03-10 12:00", 1, account.Days, "2026-03-11 23:59:59"},
		{"a day, late in the evening there and the same day in UTC", "2026-03-01 00:00", "2026-03-10 23:59:59", 1, account.Days, "2026-03-11 23:59:59"},
		{"after midnight there and the day before in UTC", "2026-03-01 00:00", "2026-03-31 00:30", 1, account.Months, "2026-04-30 00:30"},
		{"an hour", "2026-03-10 12:30", "2026-03-10 12:00", 1, account.Hours, "2026-03-10 13:30"},
	} {
		a := lasting(c.count, c.unit, at(t, z, c.expires))
		got := apply(t, a, pay(150_000), at(t, z, c.now), z).Account.ExpiresAt
		if want := at(t, z, c.want); !got.Equal(want) {
			t.Errorf("%s: until %v, want %v", c.name, got.In(z), want)
		}
	}
}

func TestPayment_BuysAsManyWholePeriodsAsTheWalletCovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		balance, amount int64
		periods         int
		rest            int64
	}{
		{0, 149_999, 0, 149_999},
		{0, 150_000, 1, 0},
		{0, 150_001, 1, 1},
		{149_999, 1, 1, 0},
		{149_998, 1, 0, 149_999},
		{0, 299_999, 1, 149_999},
		{0, 1_200_000, 8, 0},
		{100_000, 500_000, 4, 0},
		{-50_000, 199_999, 0, 149_999},
		{-50_000, 200_000, 1, 0},
		// A century is bought, and the rest of such a wallet waits.
		{0, 150_000 * 5000, 1200, 150_000 * 3800},
	} {
		a := setup()
		a.Balance = kes(c.balance)
		got := apply(t, a, pay(c.amount), noon, time.UTC)
		periods := 0
		for _, e := range got.Entries {
			periods += e.Periods
		}
		if periods != c.periods || got.Account.Balance != kes(c.rest) {
			t.Errorf("%d + %d: %d periods and %s, want %d and %s", c.balance, c.amount, periods, got.Account.Balance,
				c.periods, kes(c.rest))
		}
	}
}

func TestUnderpayment_SaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	a := setup()
	a.Balance = kes(20_000)
	got := summaries(apply(t, a, pay(50_000), noon, time.UTC))
	want := []string{"Payment KES 500.00, M-Pesa SKL7XQ2B1M. Balance KES 700.00, KES 800.00 missing for 1 month of Home 10"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
}

func TestMonthsPaidOneByOne_ReturnToTheAnchorDay(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	a, ends := setup(), []string{}
	for range 5 {
		a = apply(t, a, pay(150_000), at(t, z, "2026-01-31 10:00"), z).Account
		ends = append(ends, a.ExpiresAt.In(z).Format("02 Jan 15:04"))
	}
	want := []string{"28 Feb 10:00", "31 Mar 10:00", "30 Apr 10:00", "31 May 10:00", "30 Jun 10:00"}
	if diff := cmp.Diff(want, ends); diff != "" {
		t.Errorf("ends (-want +got):\n%s", diff)
	}
	if at := apply(t, setup(), pay(5*150_000), at(t, z, "2026-01-31 10:00"), z).Account.ExpiresAt; !at.Equal(a.ExpiresAt) {
		t.Errorf("five at once end at %v, one by one at %v", at, a.ExpiresAt)
	}
}

func TestAnchorDay_IsForgottenAfterAGapAndWithAPlanOfDays(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	lapsed := lasting(1, account.Months, at(t, z, "2026-02-28 10:00"))
	lapsed.AnchorDay = 31
	if got := apply(t, lapsed, pay(150_000), at(t, z, "2026-03-05 10:00"), z).Account.AnchorDay; got != 5 {
		t.Errorf("after a gap the anchor day is %d, want 5", got)
	}
	days := lasting(30, account.Days, at(t, z, "2026-02-28 10:00"))
	days.AnchorDay = 31
	if got := apply(t, days, pay(150_000), at(t, z, "2026-02-20 10:00"), z).Account; got.AnchorDay != 0 {
		t.Errorf("with a plan of days the anchor day is %d", got.AnchorDay)
	}
}

func TestPayment_LiftsASuspensionForNonPaymentOnly(t *testing.T) {
	t.Parallel()
	for category, lifted := range map[account.Category]bool{
		account.NonPayment: true, account.Equipment: false, account.CustomerRequest: false, account.Other: false,
	} {
		a := setup()
		a.Suspension = &account.Suspension{Category: category, Reason: "router not returned", Since: noon}
		got := apply(t, a, pay(150_000), noon, time.UTC)
		if !got.Account.ExpiresAt.After(noon) {
			t.Errorf("%s: the payment bought nothing", category)
		}
		if lifted != (got.Account.Suspension == nil) {
			t.Errorf("%s: suspension %+v", category, got.Account.Suspension)
		}
		if !lifted && (got.Account.Status(noon) != account.Suspended || got.Account.Desired(noon).State != account.LineDisabled) {
			t.Errorf("%s: %s, line %s", category, got.Account.Status(noon), got.Account.Desired(noon).State)
		}
		if lines := len(got.Activity); lifted != (lines == 2) {
			t.Errorf("%s: activity %v", category, summaries(got))
		}
	}
}

func TestUnderpayment_LiftsNoSuspension(t *testing.T) {
	t.Parallel()
	a := setup()
	a.Suspension = &account.Suspension{Category: account.NonPayment, Since: noon}
	if got := apply(t, a, pay(149_999), noon, time.UTC); got.Account.Suspension == nil {
		t.Error("a payment that bought nothing lifted the suspension")
	}
}

func TestPayment_EndsGraceThatItOutlasts(t *testing.T) {
	t.Parallel()
	a := lasting(1, account.Months, noon.Add(-time.Hour))
	a.GraceUntil = noon.Add(time.Hour)
	if got := apply(t, a, pay(150_000), noon, time.UTC).Account; !got.GraceUntil.IsZero() {
		t.Errorf("grace until %v stays beside paid time until %v", got.GraceUntil, got.ExpiresAt)
	}
	if got := apply(t, a, pay(1), noon, time.UTC).Account; !got.GraceUntil.Equal(a.GraceUntil) {
		t.Errorf("a payment that buys nothing moved grace to %v", got.GraceUntil)
	}
	hour := lasting(1, account.Hours, noon.Add(-time.Hour))
	hour.GraceUntil = noon.AddDate(0, 0, 3)
	if got := apply(t, hour, pay(150_000), noon, time.UTC).Account; !got.GraceUntil.Equal(hour.GraceUntil) {
		t.Errorf("an hour bought in three days of grace ended them: %v", got.GraceUntil)
	}
}

func TestPayment_ThatCannotBeBookedIsRefused(t *testing.T) {
	t.Parallel()
	full := setup()
	full.Balance = kes(math.MaxInt64 - 10)
	dollars := account.Pay{Amount: account.Money{Minor: 150_000, Currency: "USD"}}
	for _, c := range []struct {
		a     account.Account
		cmd   account.Pay
		words string
	}{
		{setup(), dollars, "paid in USD, but the account is kept in KES"},
		{setup(), account.Pay{Amount: account.Money{Minor: 150_000}}, "paid in , but"},
		{setup(), pay(0), "a payment of KES 0.00 adds nothing"},
		{setup(), pay(-1), "a payment of KES -0.01 adds nothing"},
		{setup(), pay(math.MinInt64), "adds nothing"},
		{full, pay(11), "does not fit into the wallet"},
	} {
		if reason := refused(t, c.a, c.cmd, noon); !strings.Contains(reason, c.words) {
			t.Errorf("%s: refused with %q, want %q", c.cmd.Amount, reason, c.words)
		}
	}
	if got := apply(t, full, pay(10), noon, time.UTC).Entries[0].Amount; got != kes(10) {
		t.Errorf("the last cent that fits was booked as %s", got)
	}
}

func TestPlanInAnotherCurrency_BuysNothingAndSaysSo(t *testing.T) {
	t.Parallel()
	a := setup()
	a.Plan.Price.Currency = "USD"
	got := apply(t, a, pay(150_000), noon, time.UTC)
	want := []string{"Payment KES 1500.00, M-Pesa SKL7XQ2B1M. Nothing bought: Home 10 is priced in USD"}
	if diff := cmp.Diff(want, summaries(got)); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
	if got.Account.Balance != kes(150_000) || len(got.Entries) != 1 {
		t.Errorf("balance %s, entries %+v", got.Account.Balance, got.Entries)
	}
}

func TestRenewal_IsInvoicedInTheProvidersYear(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	got := apply(t, setup(), pay(150_000), at(t, z, "2027-01-01 00:30"), z)
	if year := got.Entries[1].InvoiceYear; year != 2027 {
		t.Errorf("bought half an hour into 2027 there, and invoiced in %d", year)
	}
}

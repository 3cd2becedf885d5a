package account_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
)

func reverse(minor int64, bought ...account.Entry) account.Reverse {
	return account.Reverse{Amount: kes(minor), Receipt: "SKL7XQ2B1M", Reason: "sent to the wrong number", Bought: bought}
}

// renewals are what a change bought.
func renewals(c account.Change) []account.Entry {
	return slices.DeleteFunc(slices.Clone(c.Entries), func(e account.Entry) bool { return e.Kind != account.EntryRenewal })
}

func TestReversal_TakesTheBoughtTimeBackWithTheMoney(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	end := at(t, z, "2026-12-20 08:00")
	a := paid(end)
	credited := apply(t, a, pay(310_000), at(t, z, "2026-12-10 12:00"), z)
	got := apply(t, credited.Account, reverse(310_000, renewals(credited)...), at(t, z, "2027-01-01 00:00"), z)
	bought := credited.Entries[1]
	want := []account.Entry{
		{Kind: account.EntryReversal, Amount: kes(-310_000)},
		{
			Kind: account.EntryRefund, Amount: kes(300_000), Plan: a.Plan, Periods: 2, Start: bought.Start, End: bought.End,
			InvoiceYear: 2027,
		},
	}
	if diff := cmp.Diff(want, got.Entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if !got.Account.ExpiresAt.Equal(end) || got.Account.Balance != kes(0) || got.Account.Status(at(t, z, "2027-01-01 00:00")) != account.Expired {
		t.Errorf("paid until %v, balance %s", got.Account.ExpiresAt.In(z), got.Account.Balance)
	}
	says := []string{"Payment KES 3100.00, receipt SKL7XQ2B1M, taken back: sent to the wrong number. Balance KES 0.00"}
	if diff := cmp.Diff(says, summaries(got)); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
	silent := apply(t, credited.Account, account.Reverse{Amount: kes(310_000), Receipt: "X"}, noon, z)
	if diff := cmp.Diff([]string{"Payment KES 3100.00, receipt X, taken back. Balance KES -3000.00"}, summaries(silent)); diff != "" {
		t.Errorf("without a reason, nothing to take back (-want +got):\n%s", diff)
	}
}

func TestMistakenAllocation_LeavesTheAccountAsItWasBefore(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	now, end := at(t, z, "2026-02-10 12:00"), at(t, z, "2026-02-28 08:00")
	short := paid(end)
	short.AnchorDay = 31
	indebted, scheduled, paidAhead := short, then(end, end), then(end, at(t, z, "2026-03-28 08:00"))
	indebted.Balance, scheduled.Balance = kes(-20_000), kes(299_999)
	scheduled.AnchorDay, paidAhead.AnchorDay = 28, 28
	stopped := apply(t, short, stop, now, z).Account
	for name, a := range map[string]account.Account{
		"a short month": short, "in debt": indebted, "a change scheduled": scheduled, "a change paid ahead": paidAhead, "the clock stopped": stopped,
	} {
		for _, amount := range []int64{1, 150_000, 300_000, 1_000_000} {
			credited := apply(t, a, pay(amount), now, z)
			got := apply(t, credited.Account, reverse(amount, renewals(credited)...), now, z).Account
			if diff := cmp.Diff(a, got); diff != "" {
				t.Errorf("%s, %d (-before +after):\n%s", name, amount, diff)
			}
		}
	}
}

func TestReversal_OfAnExpiredAccountsPaymentCutsItAgain(t *testing.T) {
	t.Parallel()
	a := lasting(1, account.Months, noon.AddDate(0, -1, 0))
	credited := apply(t, a, pay(150_000), noon, time.UTC)
	later := noon.AddDate(0, 0, 7)
	got := apply(t, credited.Account, reverse(150_000, renewals(credited)...), later, time.UTC).Account
	if got.Status(later) != account.Expired || got.Balance != kes(0) || !got.DueAt.IsZero() {
		t.Errorf("%s, balance %s, due %v", got.Status(later), got.Balance, got.DueAt)
	}
}

func TestReversal_LeavesTheTimeThatTheWalletCovers(t *testing.T) {
	t.Parallel()
	end := noon.AddDate(0, 0, 10)
	a := paid(end)
	a.Balance = kes(200_000)
	bought := func(days int) account.Entry {
		from := end.AddDate(0, 0, days-31)
		return account.Entry{Kind: account.EntryRenewal, Amount: kes(-150_000), Plan: a.Plan, Periods: 1, Start: from, End: from.AddDate(0, 0, 31)}
	}
	for _, c := range []struct {
		amount  int64
		taken   int
		balance int64
	}{{200_000, 0, 0}, {200_001, 1, 149_999}, {350_001, 2, 149_999}, {700_000, 2, -200_000}} {
		got := apply(t, a, reverse(c.amount, bought(-31), bought(0)), noon, time.UTC)
		if len(got.Entries) != 1+c.taken || got.Account.Balance != kes(c.balance) || !got.Account.ExpiresAt.Equal(end.AddDate(0, 0, -31*c.taken)) {
			t.Errorf("%d: %d taken back, balance %s, paid until %v", c.amount, len(got.Entries)-1, got.Account.Balance, got.Account.ExpiresAt)
		}
		if c.taken > 0 && !got.Entries[1].End.Equal(end) {
			t.Errorf("%d: what was bought first was taken back first: %+v", c.amount, got.Entries)
		}
	}
}

func TestDebtAfterAReversal_IsPaidFirst(t *testing.T) {
	t.Parallel()
	debt := apply(t, paid(noon.Add(time.Hour)), reverse(50_000), noon, time.UTC).Account
	if debt.Balance != kes(-50_000) || debt.Status(noon) != account.Active {
		t.Errorf("%s, balance %s", debt.Status(noon), debt.Balance)
	}
	got := apply(t, debt, pay(199_999), noon, nairobi(t))
	want := []string{"Payment KES 1999.99, M-Pesa SKL7XQ2B1M. Balance KES 1499.99, KES 0.01 missing for 1 month of Home 10"}
	if diff := cmp.Diff(want, summaries(got)); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
	if got := apply(t, got.Account, pay(1), noon, time.UTC); got.Account.Balance != kes(0) || len(renewals(got)) != 1 {
		t.Errorf("with the last cent: balance %s, %+v", got.Account.Balance, got.Entries)
	}
}

func TestReversal_LetsAScheduledPackageTakeOverOnceNothingIsPaid(t *testing.T) {
	t.Parallel()
	start, end := noon.AddDate(0, 0, -5), noon.AddDate(0, 0, 26)
	bought := account.Entry{Kind: account.EntryRenewal, Amount: kes(-150_000), Plan: setup().Plan, Periods: 1, Start: start, End: end}
	got := apply(t, then(end, end), reverse(150_000, bought), noon, time.UTC)
	if got.Account.Plan != office() || got.Account.Next != nil || got.Account.Status(noon) != account.Expired {
		t.Errorf("%s with %s, then %+v", got.Account.Status(noon), got.Account.Plan.Name, got.Account.Next)
	}
	if rate := apply(t, got.Account, pay(300_000), noon, time.UTC).Account.Desired(noon).Rate; rate != office().Rate {
		t.Errorf("the next payment buys the scheduled package, but the rate is %s", rate)
	}
	bought.Start = noon.AddDate(0, 0, 5)
	got = apply(t, then(noon.AddDate(0, 0, 10), end), reverse(150_000, bought), noon, time.UTC)
	if !got.Account.Next.At.Equal(bought.Start) || !got.Account.ExpiresAt.Equal(bought.Start) {
		t.Errorf("some is left: the change at %v, paid until %v, want %v", got.Account.Next.At, got.Account.ExpiresAt, bought.Start)
	}
	stopped := apply(t, then(end, end), stop, noon, time.UTC).Account
	if got := apply(t, stopped, reverse(150_000), end.AddDate(0, 0, 7), time.UTC).Account; got.Next == nil {
		t.Errorf("the clock stopped with time left, and %s took over", got.Plan.Name)
	}
}

func TestReversal_WhileTheClockIsStoppedLeavesWhatWasLeftThen(t *testing.T) {
	t.Parallel()
	end := noon.AddDate(0, 0, 10)
	stopped := apply(t, then(end, end), stop, noon, time.UTC).Account
	credited := apply(t, stopped, pay(300_000), noon, time.UTC)
	later := noon.AddDate(0, 0, 40) // long after the paid time would have ended
	got := apply(t, credited.Account, reverse(300_000, renewals(credited)...), later, time.UTC).Account
	if left := got.Remaining(later); left != end.Sub(noon) || got.Next == nil || got.Plan.ID != setup().Plan.ID {
		t.Fatalf("%v left of %s, then %+v", left, got.Plan.Name, got.Next)
	}
	if !got.Next.At.Equal(later.Add(end.Sub(noon))) || !got.Suspension.ClockStoppedAt.Equal(later) {
		t.Errorf("the change comes at %v, the clock stands at %v", got.Next.At, got.Suspension.ClockStoppedAt)
	}
}

func TestReversal_ThatCannotBeBookedIsRefused(t *testing.T) {
	t.Parallel()
	for _, amount := range []account.Money{kes(0), kes(-1), {Minor: 1, Currency: "USD"}} {
		if reason := refused(t, setup(), account.Reverse{Amount: amount}, noon); !strings.Contains(reason, "cannot be taken back") {
			t.Errorf("%s: refused with %q", amount, reason)
		}
	}
}

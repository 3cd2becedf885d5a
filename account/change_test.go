package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
)

func TestChangeAtRenewal_WaitsForTheEndOfThePaidTime(t *testing.T) {
	t.Parallel()
	end := noon.AddDate(0, 0, 10)
	got := apply(t, paid(end), account.ChangePackage{Plan: office(), AtRenewal: true}, noon, nairobi(t))
	if diff := cmp.Diff(then(end, end), got.Account); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	want := []account.Activity{{
		Kind: "change-package", Summary: "Office 50 takes over from Home 10 at the next renewal, 20 Mar 2026 12:00",
		Before: map[string]string{"next_plan": "", "next_plan_at": ""},
		After:  map[string]string{"next_plan": "Office 50", "next_plan_at": "2026-03-20T09:00:00Z"},
	}}
	if diff := cmp.Diff(want, got.Activity); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
}

func TestRenewalPaidEarly_IsBoughtAtTheScheduledPriceAndTheCurrentPackageLastsUntilItsEnd(t *testing.T) {
	t.Parallel()
	end := noon.AddDate(0, 0, 10)
	a := then(end, end)
	if got := apply(t, a, pay(299_999), noon, time.UTC); len(got.Entries) != 1 {
		t.Errorf("less than the scheduled price bought %+v", got.Entries)
	}
	got := apply(t, a, pay(300_000), noon, time.UTC)
	if got.Account.Plan.Name != "Home 10" || !got.Account.Next.At.Equal(end) || !got.Account.DueAt.Equal(end) {
		t.Errorf("%s until %v, due %v", got.Account.Plan.Name, got.Account.Next.At, got.Account.DueAt)
	}
	if want := end.AddDate(0, 1, 0); !got.Account.ExpiresAt.Equal(want) || got.Entries[1].Plan != office() {
		t.Errorf("bought %+v until %v, want %v", got.Entries, got.Account.ExpiresAt, want)
	}
	if rate := got.Account.Desired(end.Add(-1)).Rate; rate != "5M/10M" {
		t.Errorf("until the end of the package the rate is %s", rate)
	}
	taken := apply(t, got.Account, account.Expire{}, end, time.UTC)
	if taken.Account.Desired(end).Rate != "50M/50M" || len(taken.Entries) != 0 || !taken.Account.ExpiresAt.Equal(got.Account.ExpiresAt) {
		t.Errorf("then %s until %v, %+v", taken.Account.Plan.Name, taken.Account.ExpiresAt, taken.Entries)
	}
}

func TestCancelChange_KeepsThePackageAndConvertsWhatWasPaidAhead(t *testing.T) {
	t.Parallel()
	end := noon.AddDate(0, 0, 10)
	got := apply(t, then(end, end), account.CancelChange{}, noon, time.UTC)
	if diff := cmp.Diff(paid(end), got.Account); diff != "" {
		t.Errorf("nothing paid ahead (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Change to Office 50 cancelled, Home 10 stays"}, summaries(got)); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
	got = apply(t, then(end, end.Add(31*24*time.Hour)), account.CancelChange{}, noon, time.UTC)
	if diff := cmp.Diff(paid(end.Add(62*24*time.Hour)), got.Account); diff != "" {
		t.Errorf("31 days of twice the price paid ahead (-want +got):\n%s", diff)
	}
	if reason := refused(t, paid(end), account.CancelChange{}, noon); reason != "ACC-0042 has no change of package scheduled" {
		t.Errorf("refused with %q", reason)
	}
}

func TestChangeNow(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	week := office()
	week.Duration = account.Duration{Count: 7, Unit: account.Days}
	for _, c := range []struct {
		name     string
		a        account.Account
		plan     account.Plan
		convert  bool
		atOnce   bool // though asked for at renewal
		balance  int64
		remains  time.Duration
		purchase int
		says     string
	}{
		{"the end stays", paid(noon.Add(10 * day)), office(), false, false, 0, 10 * day, 0, "Changed from Home 10 to Office 50, paid until 20 Mar 2026 12:00"},
		{"twice the price, half the time", paid(noon.Add(10 * day)), office(), true, false, 0, 5 * day, 0, "Changed from Home 10 to Office 50, paid until 15 Mar 2026 12:00"},
		{"31 days for 1500 into 7 for 3000", paid(noon.Add(31 * day)), week, true, false, 0, 7 * day / 2, 0, "Changed from Home 10 to Office 50, paid until 14 Mar 2026 00:00"},
		{"to the second", paid(noon.Add(3 * time.Second)), office(), true, false, 0, time.Second, 0, "Changed from Home 10 to Office 50, paid until 10 Mar 2026 12:00"},
		{"the scheduled one now, the end stays", then(noon.Add(10*day), noon.Add(41*day)), office(), false, false, 0, 41 * day, 0, "Changed from Home 10 to Office 50, paid until 20 Apr 2026 12:00"},
		{"the scheduled one now, what was paid at its price is kept", then(noon.Add(10*day), noon.Add(41*day)), office(), true, false, 0, 36 * day, 0, "Changed from Home 10 to Office 50, paid until 15 Apr 2026 12:00"},
		{"the same one, without what was scheduled", then(noon.Add(10*day), noon.Add(41*day)), setup().Plan, true, false, 0, 72 * day, 0, "Home 10 stays, the change to Office 50 is cancelled, paid until 21 May 2026 12:00"},
		{"the wallet is not touched while time is left", paid(noon.Add(10 * day)), office(), false, false, 900_000, 10 * day, 0, "Changed from Home 10 to Office 50, paid until 20 Mar 2026 12:00"},
		{"run out, at renewal", paid(noon.Add(-day)), office(), false, true, 0, 0, 0, "Changed from Home 10 to Office 50"},
		{"run out, and the wallet covers one", paid(noon.Add(-day)), office(), false, true, 600_000, 31 * day, 1, "Changed from Home 10 to Office 50, bought from the balance until 10 Apr 2026 12:00"},
	} {
		c.a.Balance = kes(c.balance)
		if !noon.Before(c.a.ExpiresAt) {
			c.a.DueAt = time.Time{}
		}
		got := apply(t, c.a, account.ChangePackage{Plan: c.plan, Convert: c.convert, AtRenewal: c.atOnce}, noon, nairobi(t))
		if got.Account.Plan != c.plan || got.Account.Next != nil || got.Account.Remaining(noon) != c.remains || len(got.Entries) != c.purchase {
			t.Errorf("%s: %s, then %v, %v left, bought %+v", c.name, got.Account.Plan.Name, got.Account.Next,
				got.Account.Remaining(noon), got.Entries)
		}
		if diff := cmp.Diff([]string{c.says}, summaries(got)); diff != "" {
			t.Errorf("%s: activity (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestChangeInGrace_BuysWhatTheWalletCovers(t *testing.T) {
	t.Parallel()
	a := lasting(1, account.Months, noon.Add(-time.Hour))
	a.GraceUntil = noon.Add(time.Hour)
	a.DueAt, a.Balance = a.GraceUntil, kes(100_000)
	cheap := office()
	cheap.Price = kes(100_000)
	got := apply(t, a, account.ChangePackage{Plan: cheap}, noon, time.UTC)
	if len(got.Entries) != 1 || got.Account.Status(noon) != account.Active || !got.Account.GraceUntil.IsZero() {
		t.Errorf("%s, bought %+v", got.Account.Status(noon), got.Entries)
	}
	a.Suspension = &account.Suspension{Category: account.Equipment, Since: noon}
	if got := apply(t, a, account.ChangePackage{Plan: cheap}, noon, time.UTC); len(got.Entries) != 0 || got.Account.Plan != cheap {
		t.Errorf("suspended: %s, bought %+v", got.Account.Plan.Name, got.Entries)
	}
}

func TestChangePackage_IsRefusedWhereItCannotBeMeant(t *testing.T) {
	t.Parallel()
	end := noon.AddDate(0, 0, 10)
	dollars, penny := office(), office()
	dollars.Price.Currency = "USD"
	penny.ID, penny.Name, penny.Price = 5, "Penny", kes(1)
	for _, c := range []struct {
		name  string
		a     account.Account
		cmd   account.ChangePackage
		words string
	}{
		{"it has it", paid(end), account.ChangePackage{Plan: setup().Plan}, "ACC-0042 has Home 10 already"},
		{"it has it and will have another", then(end, end), account.ChangePackage{Plan: setup().Plan, AtRenewal: true}, "cancel the change to Office 50"},
		{"conversion later", paid(end), account.ChangePackage{Plan: office(), AtRenewal: true, Convert: true}, "takes effect now"},
		{"another currency", paid(end), account.ChangePackage{Plan: dollars}, "priced in USD, but the account is kept in KES"},
		{"the next one is paid", then(end, end.AddDate(0, 1, 0)), account.ChangePackage{Plan: penny, AtRenewal: true}, "paid at the price of Office 50 already"},
		{"a century", paid(end), account.ChangePackage{Plan: penny, Convert: true}, "more than a century of Penny"},
	} {
		if reason := refused(t, c.a, c.cmd, noon); !strings.Contains(reason, c.words) {
			t.Errorf("%s: refused with %q, want %q", c.name, reason, c.words)
		}
	}
	penny.Price = kes(200_000)
	got := apply(t, then(end, end), account.ChangePackage{Plan: penny, AtRenewal: true}, noon, time.UTC)
	if got.Account.Next.Plan != penny || !got.Account.Next.At.Equal(end) {
		t.Errorf("another choice for the next renewal: %+v", got.Account.Next)
	}
}

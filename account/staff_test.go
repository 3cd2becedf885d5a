package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
)

func TestSuspend_CutsAPaidAccountAndMovesNoMoneyAndNoTime(t *testing.T) {
	t.Parallel()
	a := lasting(1, account.Months, noon.AddDate(0, 1, 0))
	a.Balance, a.DueAt = kes(500), a.ExpiresAt
	got := apply(t, a, account.Suspend{Category: account.Equipment, Reason: "router not returned"}, noon, time.UTC)
	want := a
	want.Suspension = &account.Suspension{Category: account.Equipment, Reason: "router not returned", Since: noon}
	if diff := cmp.Diff(account.Change{Account: want, Kept: &account.Kept{At: noon, After: account.Term{SuspendedAt: noon}}, Activity: []account.Activity{{
		Kind: "suspend", Summary: "Suspended: equipment, router not returned",
		Before: map[string]string{"status": "active", "suspension": ""},
		After:  map[string]string{"status": "suspended", "suspension": "equipment"},
	}}}, got); diff != "" {
		t.Errorf("change (-want +got):\n%s", diff)
	}
	plain := apply(t, a, account.Suspend{Category: account.Other}, noon, time.UTC)
	if diff := cmp.Diff([]string{"Suspended: other"}, summaries(plain)); diff != "" {
		t.Errorf("without a reason (-want +got):\n%s", diff)
	}
}

func TestSuspend_IsRefusedTwiceAndWithoutACategory(t *testing.T) {
	t.Parallel()
	a := setup()
	for _, category := range []account.Category{"", "because", "Non-Payment"} {
		if reason := refused(t, a, account.Suspend{Category: category}, noon); !strings.Contains(reason, "non-payment, equipment") {
			t.Errorf("category %q: refused with %q", category, reason)
		}
	}
	a.Suspension = &account.Suspension{Category: account.Other, Since: noon}
	if reason := refused(t, a, account.Suspend{Category: account.NonPayment}, noon); reason != "ACC-0042 is suspended already (other)" {
		t.Errorf("refused with %q", reason)
	}
}

func TestReconnect(t *testing.T) {
	t.Parallel()
	suspension := &account.Suspension{Category: account.NonPayment, Since: noon.Add(-time.Hour)}
	past, future := noon.Add(-time.Hour), noon.Add(time.Hour)
	for _, c := range []struct {
		name       string
		expires    time.Time
		suspension *account.Suspension
		grace      time.Duration
		status     account.Status
		until      time.Time
		says       string
	}{
		{"suspended and paid", future, suspension, 0, account.Active, time.Time{}, "Reconnected, paid until 10 Mar 2026 13:00"},
		{"suspended and paid, grace is not needed", future, suspension, time.Hour, account.Active, time.Time{}, "Reconnected, paid until 10 Mar 2026 13:00"},
		{"suspended and expired, no grace", past, suspension, 0, account.Expired, time.Time{}, "Reconnected, now expired"},
		{"suspended and expired, grace", past, suspension, 24 * time.Hour, account.Grace, noon.Add(24 * time.Hour), "Reconnected in grace until 11 Mar 2026 12:00"},
		{"expired", past, nil, time.Hour, account.Grace, noon.Add(time.Hour), "Reconnected in grace until 10 Mar 2026 13:00"},
		{"never paid", time.Time{}, nil, 31 * 24 * time.Hour, account.Grace, noon.Add(31 * 24 * time.Hour), "Reconnected in grace until 10 Apr 2026 12:00"},
	} {
		a := lasting(1, account.Months, c.expires)
		a.Suspension = c.suspension
		got := apply(t, a, account.Reconnect{Grace: c.grace}, noon, nairobi(t))
		if s := got.Account.Status(noon); s != c.status || !got.Account.GraceUntil.Equal(c.until) || got.Account.Suspension != nil {
			t.Errorf("%s: %s, grace until %v, suspension %v", c.name, s, got.Account.GraceUntil, got.Account.Suspension)
		}
		if !got.Account.ExpiresAt.Equal(c.expires) || got.Account.Balance != a.Balance || len(got.Entries) != 0 {
			t.Errorf("%s: billing moved: %+v, %+v", c.name, got.Account, got.Entries)
		}
		if diff := cmp.Diff([]string{c.says}, summaries(got)); diff != "" {
			t.Errorf("%s: activity (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestReconnect_IsRefusedWhereItWouldDoNothing(t *testing.T) {
	t.Parallel()
	active, expired, grace := lasting(1, account.Months, noon.Add(1)), setup(), setup()
	grace.GraceUntil = noon.Add(1)
	for _, c := range []struct {
		a     account.Account
		grace time.Duration
		words string
	}{
		{active, 0, "ACC-0042 is active"},
		{active, time.Hour, "ACC-0042 is active"},
		{grace, time.Hour, "ACC-0042 is grace"},
		{expired, 0, "for how many hours"},
		{expired, -time.Hour, "31 days"},
		{expired, 31*24*time.Hour + 1, "31 days"},
	} {
		if reason := refused(t, c.a, account.Reconnect{Grace: c.grace}, noon); !strings.Contains(reason, c.words) {
			t.Errorf("grace %v: refused with %q, want %q", c.grace, reason, c.words)
		}
	}
}

func TestOpen_BringsTheEndOfThePaidTimeOrNothing(t *testing.T) {
	t.Parallel()
	until := at(t, nairobi(t), "2026-04-01 00:00")
	got := apply(t, setup(), account.Open{PaidUntil: until}, noon, nairobi(t))
	if !got.Account.ExpiresAt.Equal(until) || got.Account.ExpiresAt.Location() != time.UTC || len(got.Entries) != 0 {
		t.Errorf("taken over: %+v, %+v", got.Account, got.Entries)
	}
	if diff := cmp.Diff([]string{"Account opened with Home 10, paid until 1 Apr 2026 00:00"}, summaries(got)); diff != "" {
		t.Errorf("taken over (-want +got):\n%s", diff)
	}
	fresh := apply(t, setup(), account.Open{}, noon, nairobi(t))
	if !fresh.Account.ExpiresAt.IsZero() || fresh.Account.Status(noon) != account.Expired {
		t.Errorf("new: %+v", fresh.Account)
	}
	if diff := cmp.Diff([]string{"Account opened with Home 10, nothing paid yet"}, summaries(fresh)); diff != "" {
		t.Errorf("new (-want +got):\n%s", diff)
	}
}

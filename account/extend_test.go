package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
)

func TestExtend_AddsWholeDaysFromTheLaterOfNowAndTheExpiry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, zone, expires, now string
		anchor, days             int
		until, next              string // next: after another month is paid
	}{
		{"a running package", "Africa/Nairobi", "2026-03-20 08:00", "2026-03-10 12:00", 20, 3, "2026-03-23 08:00", "2026-04-23 08:00"},
		{"one that ran out", "Africa/Nairobi", "2026-03-01 08:00", "2026-03-10 12:00", 1, 3, "2026-03-13 12:00", "2026-04-13 12:00"},
		{"at the instant of its end", "Africa/Nairobi", "2026-03-10 12:00", "2026-03-10 12:00", 10, 1, "2026-03-11 12:00", "2026-04-11 12:00"},
		{"a year", "Africa/Nairobi", "2026-03-20 08:00", "2026-03-10 12:00", 20, 365, "2027-03-20 08:00", "2027-04-20 08:00"},
		{"into summer time", "Europe/Berlin", "2026-03-28 12:00", "2026-03-10 12:00", 28, 1, "2026-03-29 12:00", "2026-04-29 12:00"},
		{"over the change to winter time", "Europe/Berlin", "2026-10-24 12:00", "2026-10-10 12:00", 24, 7, "2026-10-31 12:00", "2026-11-30 12:00"},
		{"from the end of February", "Africa/Nairobi", "2026-02-28 08:00", "2026-02-10 12:00", 31, 3, "2026-03-03 08:00", "2026-04-03 08:00"},
		{"onto the same day of the next month", "Africa/Nairobi", "2026-02-28 08:00", "2026-02-10 12:00", 31, 28, "2026-03-28 08:00", "2026-04-28 08:00"},
		{"onto the last day of a month", "Africa/Nairobi", "2026-01-28 08:00", "2026-01-10 12:00", 28, 3, "2026-01-31 08:00", "2026-02-28 08:00"},
	} {
		z := zone(t, c.zone)
		a := lasting(1, account.Months, at(t, z, c.expires))
		a.AnchorDay = c.anchor
		got := apply(t, a, account.Extend{Days: c.days}, at(t, z, c.now), z)
		if !got.Account.ExpiresAt.Equal(at(t, z, c.until)) || len(got.Entries) != 0 || !got.Account.DueAt.Equal(got.Account.ExpiresAt) {
			t.Errorf("%s: until %v, want %s; due %v, booked %+v", c.name, got.Account.ExpiresAt.In(z), c.until, got.Account.DueAt, got.Entries)
		}
		if next := apply(t, got.Account, pay(150_000), at(t, z, c.now), z).Account.ExpiresAt; !next.Equal(at(t, z, c.next)) {
			t.Errorf("%s: the next month ends %v, want %s", c.name, next.In(z), c.next)
		}
	}
}

func TestExtend_SaysSoWithItsNote(t *testing.T) {
	t.Parallel()
	a := paid(noon.AddDate(0, 0, 10))
	got := apply(t, a, account.Extend{Days: 1, Note: "the mast was down"}, noon, nairobi(t))
	want := []account.Activity{{
		Kind: "extend", Summary: "Extended by 1 day until 21 Mar 2026 12:00: the mast was down",
		Before: map[string]string{"expires_at": "2026-03-20T09:00:00Z"},
		After:  map[string]string{"expires_at": "2026-03-21T09:00:00Z"},
	}}
	if diff := cmp.Diff(want, got.Activity); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
}

func TestExtend_LiftsNoSuspensionAndEndsAGraceThatItOutlasts(t *testing.T) {
	t.Parallel()
	a := lasting(1, account.Months, noon.Add(-time.Hour))
	a.Suspension = &account.Suspension{Category: account.NonPayment, Since: noon}
	if got := apply(t, a, account.Extend{Days: 3}, noon, time.UTC).Account; got.Status(noon) != account.Suspended || got.Remaining(noon) != 72*time.Hour {
		t.Errorf("suspended: %s, %v left", got.Status(noon), got.Remaining(noon))
	}
	a.Suspension, a.GraceUntil = nil, noon.Add(time.Hour)
	if got := apply(t, a, account.Extend{Days: 3}, noon, time.UTC).Account; !got.GraceUntil.IsZero() || got.Status(noon) != account.Active {
		t.Errorf("in grace: %s, grace until %v", got.Status(noon), got.GraceUntil)
	}
}

func TestExtend_MovesAChangeThatWasToComeAtTheEnd(t *testing.T) {
	t.Parallel()
	end := noon.AddDate(0, 0, 10)
	got := apply(t, then(end, end), account.Extend{Days: 3}, noon, time.UTC).Account
	if want := end.AddDate(0, 0, 3); !got.Next.At.Equal(want) || !got.ExpiresAt.Equal(want) {
		t.Errorf("the change at %v, paid until %v, want both %v", got.Next.At, got.ExpiresAt, want)
	}
	got = apply(t, then(end, end.AddDate(0, 1, 0)), account.Extend{Days: 3}, noon, time.UTC).Account
	if !got.Next.At.Equal(end) || !got.ExpiresAt.Equal(end.AddDate(0, 1, 3)) {
		t.Errorf("paid ahead: the change at %v, paid until %v", got.Next.At, got.ExpiresAt)
	}
}

func TestExtend_IsRefusedOutsideOfAYear(t *testing.T) {
	t.Parallel()
	for _, days := range []int{-1, 0, 366} {
		if reason := refused(t, setup(), account.Extend{Days: days}, noon); !strings.Contains(reason, "not within 1…365") {
			t.Errorf("%d days: refused with %q", days, reason)
		}
	}
}

package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
)

const day = 24 * time.Hour

// holiday suspends for ten days from noon.
var holiday = account.Suspend{Category: account.CustomerRequest, Reason: "on holiday", Until: noon.Add(10 * day)}

// stoppedHoliday does so and stops the clock.
var stoppedHoliday = account.Suspend{Category: account.CustomerRequest, StopClock: true, Until: noon.Add(10 * day)}

func TestSuspensionWithAnEnd_EndsByItselfAtItsInstant(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	a := apply(t, paid(noon.Add(20*day)), holiday, noon, z)
	if diff := cmp.Diff([]string{"Suspended until 20 Mar 2026 12:00: customer-request, on holiday"}, summaries(a)); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
	if after := a.Activity[0].After; after["suspended_until"] != "2026-03-20T09:00:00Z" || !a.Account.DueAt.Equal(holiday.Until) {
		t.Errorf("due at %v, the activity says %v", a.Account.DueAt, after)
	}
	early := apply(t, a.Account, account.Expire{}, holiday.Until.Add(-1), z)
	if early.Account.Suspension == nil || len(early.Activity) != 0 {
		t.Errorf("a nanosecond early: %+v, %v", early.Account.Suspension, summaries(early))
	}
	for _, late := range []time.Duration{0, 1, time.Hour, 3 * day} {
		now := holiday.Until.Add(late)
		got := apply(t, a.Account, account.Expire{}, now, z)
		want := a.Account
		want.Suspension, want.DueAt = nil, want.ExpiresAt
		if diff := cmp.Diff(want, got.Account); diff != "" || len(got.Entries) != 0 {
			t.Errorf("%v late (-want +got):\n%s%+v", late, diff, got.Entries)
		}
		if got.Account.Desired(now).State != account.LineEnabled {
			t.Errorf("%v late: the line is %+v", late, got.Account.Desired(now))
		}
		line := got.Activity[0]
		if line.Kind != "reconnect" || line.Actor != account.Clock || line.Summary != "Suspension ended as planned, paid until 30 Mar 2026 12:00" ||
			line.Before["suspended_until"] == "" || line.After["suspended_until"] != "" || line.After["status"] != "active" {
			t.Errorf("%v late: %+v", late, line)
		}
	}
}

func TestStoppedClock_GoesOnAtThePlannedEnd(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, 31 * day} {
		a := apply(t, then(noon.Add(2*day), noon.Add(2*day+ahead)), stoppedHoliday, noon, time.UTC).Account
		if !a.DueAt.Equal(holiday.Until) {
			t.Fatalf("due at %v while the clock is stopped", a.DueAt)
		}
		// Handled late, the customer was cut until now.
		for _, late := range []time.Duration{0, 5 * day} {
			now := holiday.Until.Add(late)
			got := apply(t, a, account.Expire{}, now, time.UTC)
			if is := got.Account; is.Remaining(now) != 2*day+ahead || is.Status(now) != account.Active || !is.Next.At.Equal(now.Add(2*day)) ||
				!is.DueAt.Equal(now.Add(2*day)) || is.Plan.Name != "Home 10" || len(got.Entries) != 0 {
				t.Errorf("%v late: %s, %v left, then %v, due %v, bought %+v", late, is.Status(now), is.Remaining(now), is.Next, is.DueAt, got.Entries)
			}
		}
	}
}

func TestSuspensionWithAnEnd_RenewsOnceWhatRanOutMeanwhile(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	for _, c := range []struct {
		name    string
		expires time.Time
		balance int64
		late    time.Duration
		from    time.Time // of what is bought; zero: nothing
		says    []string
	}{
		{"long ago, with balance", noon.Add(day), 350_000, 0, holiday.Until, []string{"Suspension ended as planned, paid until 20 Apr 2026 12:00"}},
		{"long ago, without", noon.Add(day), 149_999, 0, time.Time{}, []string{"Suspension ended as planned, now expired"}},
		{"at the same instant", holiday.Until, 150_000, 0, holiday.Until, []string{
			"Home 10 ran out at 20 Mar 2026 12:00", "Suspension ended as planned, paid until 20 Apr 2026 12:00",
		}},
		{"after it, and both are handled late", holiday.Until.Add(time.Hour), 150_000, 2 * time.Hour, holiday.Until.Add(2 * time.Hour), []string{
			"Home 10 ran out at 20 Mar 2026 13:00", "Suspension ended as planned, paid until 20 Apr 2026 14:00",
		}},
	} {
		a := paid(c.expires)
		a.Balance = kes(c.balance)
		a = apply(t, a, holiday, noon, z).Account
		if c.expires.Before(holiday.Until) {
			a = apply(t, a, account.Expire{}, c.expires, z).Account
		}
		now := holiday.Until.Add(c.late)
		got := apply(t, a, account.Expire{}, now, z)
		if diff := cmp.Diff(c.says, summaries(got)); diff != "" || got.Account.Suspension != nil {
			t.Errorf("%s: %+v, activity (-want +got):\n%s", c.name, got.Account.Suspension, diff)
		}
		if bought := len(got.Entries) == 1; bought == c.from.IsZero() || bought && !got.Entries[0].Start.Equal(c.from) {
			t.Errorf("%s: bought %+v", c.name, got.Entries)
		}
		if again := apply(t, got.Account, account.Expire{}, now, z); len(again.Entries)+len(again.Activity) != 0 {
			t.Errorf("%s: again %+v", c.name, again)
		}
	}
}

func TestSuspensionWithAnEnd_FindsTheGraceThatWasGiven(t *testing.T) {
	t.Parallel()
	a := lasting(1, account.Months, noon.Add(-day))
	a.GraceUntil = noon.Add(15 * day)
	a = apply(t, a, holiday, noon, nairobi(t)).Account
	got := apply(t, a, account.Expire{}, holiday.Until, nairobi(t))
	want := []string{"Suspension ended as planned, in grace until 25 Mar 2026 12:00"}
	if diff := cmp.Diff(want, summaries(got)); diff != "" || got.Account.Status(holiday.Until) != account.Grace || !got.Account.DueAt.Equal(a.GraceUntil) {
		t.Errorf("%s, due %v, activity (-want +got):\n%s", got.Account.Status(holiday.Until), got.Account.DueAt, diff)
	}
}

func TestSuspensionWithAnEnd_IsGoneWithItsEndOnceItIsLifted(t *testing.T) {
	t.Parallel()
	owing := holiday
	owing.Category = account.NonPayment
	a := apply(t, paid(noon.Add(20*day)), owing, noon, time.UTC).Account
	for name, cmd := range map[string]account.Command{"reconnected": account.Reconnect{}, "paid": pay(150_000)} {
		got := apply(t, a, cmd, noon.Add(day), time.UTC).Account
		if got.Suspension != nil || !got.DueAt.Equal(got.ExpiresAt) {
			t.Errorf("%s: %+v, due %v", name, got.Suspension, got.DueAt)
		}
		if then := apply(t, got, account.Expire{}, holiday.Until, time.UTC); len(then.Activity) != 0 {
			t.Errorf("%s: then %v", name, summaries(then))
		}
	}
	// A payment does not lift a decision, nor its end.
	got := apply(t, apply(t, paid(noon.Add(20*day)), holiday, noon, time.UTC).Account, pay(150_000), noon.Add(day), time.UTC).Account
	if got.Suspension == nil || !got.Suspension.Until.Equal(holiday.Until) || !got.DueAt.Equal(holiday.Until) {
		t.Errorf("paid on holiday: %+v, due %v", got.Suspension, got.DueAt)
	}
}

func TestStoppedClock_KeepsItsPlannedEndThroughPaymentsAndExtensions(t *testing.T) {
	t.Parallel()
	a := apply(t, paid(noon.Add(2*day)), stoppedHoliday, noon, time.UTC).Account
	extended := apply(t, a, account.Extend{Days: 3}, noon.Add(day), time.UTC)
	undone := apply(t, extended.Account, undo(extended), noon.Add(day+time.Second), time.UTC).Account
	for name, is := range map[string]account.Account{"extended": extended.Account, "undone": undone, "paid": apply(t, a, pay(150_000), noon.Add(day), time.UTC).Account} {
		if is.Suspension == nil || !is.Suspension.Until.Equal(holiday.Until) || !is.DueAt.Equal(holiday.Until) {
			t.Errorf("%s: %+v, due %v", name, is.Suspension, is.DueAt)
		}
	}
	if diff := cmp.Diff(a, undone); diff != "" {
		t.Errorf("extended and undone (-before +after):\n%s", diff)
	}
}

func TestSuspend_IsRefusedWithAnEndThatIsOverOrTooFar(t *testing.T) {
	t.Parallel()
	a := paid(noon.Add(20 * day))
	for ahead, words := range map[time.Duration]string{
		-time.Hour: "would be over already", 0: "would be over already", 366*day + 1: "longer than 366 days",
	} {
		s := holiday
		s.Until = noon.Add(ahead)
		if reason := refused(t, a, s, noon); !strings.Contains(reason, words) {
			t.Errorf("%v ahead: refused with %q", ahead, reason)
		}
	}
	s := holiday
	s.Until = noon.Add(366 * day)
	apply(t, a, s, noon, time.UTC)
}

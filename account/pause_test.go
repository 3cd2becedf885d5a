package account_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
)

var stop = account.Suspend{Category: account.CustomerRequest, StopClock: true}

func TestStoppedClock_GivesExactlyTheUnusedTimeBack(t *testing.T) {
	t.Parallel()
	left := 10*24*time.Hour + 3*time.Second + 7
	stopped := apply(t, paid(noon.Add(left)), stop, noon, time.UTC)
	if diff := cmp.Diff([]string{"Suspended: customer-request. The clock is stopped"}, summaries(stopped)); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
	if !stopped.Account.DueAt.IsZero() {
		t.Errorf("due at %v while the clock is stopped", stopped.Account.DueAt)
	}
	for _, away := range []time.Duration{0, 1, time.Hour, left, 500 * 24 * time.Hour} {
		back := noon.Add(away)
		if line := stopped.Account.Desired(back); line.State != account.LineDisabled || stopped.Account.Remaining(back) != left {
			t.Errorf("after %v: the line is %s, %v left", away, line.State, stopped.Account.Remaining(back))
		}
		got := apply(t, stopped.Account, account.Reconnect{}, back, time.UTC)
		if got.Account.Remaining(back) != left || got.Account.Status(back) != account.Active || len(got.Entries) != 0 {
			t.Errorf("after %v: %s, %v left, bought %+v", away, got.Account.Status(back), got.Account.Remaining(back), got.Entries)
		}
		if !got.Account.DueAt.Equal(back.Add(left)) {
			t.Errorf("after %v: due %v", away, got.Account.DueAt)
		}
	}
	running := apply(t, paid(noon.Add(left)), account.Suspend{Category: account.Equipment}, noon, time.UTC).Account
	if got := apply(t, running, account.Reconnect{}, noon.Add(time.Hour), time.UTC).Account; got.Remaining(noon.Add(time.Hour)) != left-time.Hour {
		t.Errorf("with the clock running %v are left", got.Remaining(noon.Add(time.Hour)))
	}
}

func TestStoppedClock_StaysStoppedThroughPaymentsAndExtensions(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	a := paid(noon.Add(10 * day))
	a.Plan.Duration = account.Duration{Count: 30, Unit: account.Days}
	a = apply(t, a, stop, noon, time.UTC).Account
	now, left := noon, 10*day
	for _, c := range []struct {
		cmd  account.Command
		adds time.Duration
		says string
	}{
		{pay(150_000), 30 * day, "Payment KES 1500.00, M-Pesa SKL7XQ2B1M. 30 days of Home 10 added, the clock is stopped"},
		{account.Extend{Days: 3}, 3 * day, "Extended by 3 days, the clock is stopped"},
		{pay(300_000), 60 * day, "Payment KES 3000.00, M-Pesa SKL7XQ2B1M. 60 days of Home 10 added, the clock is stopped"},
		{pay(100), 0, "Payment KES 1.00, M-Pesa SKL7XQ2B1M. Balance KES 1.00, KES 1499.00 missing for 30 days of Home 10"},
		{account.Note{Text: "on holiday"}, 0, "on holiday"},
	} {
		now = now.Add(40 * day)
		left += c.adds
		got := apply(t, a, c.cmd, now, time.UTC)
		if diff := cmp.Diff([]string{c.says}, summaries(got)); diff != "" {
			t.Errorf("activity (-want +got):\n%s", diff)
		}
		if a = got.Account; a.Remaining(now) != left || a.Status(now) != account.Suspended || !a.DueAt.IsZero() {
			t.Errorf("%s: %s, %v left, want %v, due %v", c.says, a.Status(now), a.Remaining(now), left, a.DueAt)
		}
	}
	now = now.Add(40 * day)
	if back := apply(t, a, account.Reconnect{}, now, time.UTC).Account; back.Remaining(now) != left {
		t.Errorf("after the reconnection %v are left, want %v", back.Remaining(now), left)
	}
}

func TestStoppedClock_OfASuspensionForNonPaymentRunsAgainAtThePayment(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	a := apply(t, paid(noon.Add(2*day)), account.Suspend{Category: account.NonPayment, StopClock: true}, noon, time.UTC).Account
	later := noon.Add(5 * day) // 15 March
	got := apply(t, a, pay(150_000), later, time.UTC).Account
	if want := later.Add(2*day).AddDate(0, 1, 0); got.Status(later) != account.Active || !got.ExpiresAt.Equal(want) || !got.DueAt.Equal(want) {
		t.Errorf("%s until %v, due %v, want %v", got.Status(later), got.ExpiresAt, got.DueAt, want)
	}
}

func TestStoppedClock_MovesTheScheduledChangeToo(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for _, ahead := range []time.Duration{0, 31 * day} {
		a := then(noon.Add(10*day), noon.Add(10*day+ahead))
		a = apply(t, a, stop, noon, time.UTC).Account
		back := noon.Add(20 * day)
		got := apply(t, a, account.Reconnect{}, back, time.UTC).Account
		if !got.Next.At.Equal(back.Add(10*day)) || got.Remaining(back) != 10*day+ahead || got.Plan.Name != "Home 10" {
			t.Errorf("%v paid ahead: %s until %v, then until %v", ahead, got.Plan.Name, got.Next.At, got.ExpiresAt)
		}
	}
}

func TestStoppedClock_IsElapsedTimeAndMovesTheAnchorDay(t *testing.T) {
	t.Parallel()
	z := zone(t, "Europe/Berlin")
	for _, c := range []struct {
		name, end, from, to, until, next string
	}{
		{"over the change to summer time", "2026-03-31 10:00", "2026-03-28 12:00", "2026-03-29 12:00", "2026-04-01 09:00", "2026-05-01 09:00"},
		{"a few hours of the same day", "2026-02-28 10:00", "2026-02-10 08:00", "2026-02-10 10:00", "2026-02-28 12:00", "2026-03-31 12:00"},
		{"three days into the next month", "2026-03-31 10:00", "2026-03-10 08:00", "2026-03-13 08:00", "2026-04-03 10:00", "2026-05-03 10:00"},
	} {
		a := paid(at(t, z, c.end))
		a.AnchorDay = 31
		a = apply(t, a, stop, at(t, z, c.from), z).Account
		a = apply(t, a, account.Reconnect{}, at(t, z, c.to), z).Account
		if !a.ExpiresAt.Equal(at(t, z, c.until)) {
			t.Errorf("%s: paid until %v, want %s", c.name, a.ExpiresAt.In(z), c.until)
		}
		if next := apply(t, a, pay(150_000), at(t, z, c.to), z).Account.ExpiresAt; !next.Equal(at(t, z, c.next)) {
			t.Errorf("%s: the next month ends %v, want %s", c.name, next.In(z), c.next)
		}
	}
}

func TestStoppedClock_NeedsPaidTime(t *testing.T) {
	t.Parallel()
	grace := lasting(1, account.Months, noon)
	grace.GraceUntil = noon.Add(time.Hour)
	for name, a := range map[string]account.Account{"never paid": setup(), "runs out now": paid(noon), "in grace": grace} {
		if reason := refused(t, a, stop, noon); reason != "ACC-0042 has no paid time left whose clock could be stopped" {
			t.Errorf("%s: refused with %q", name, reason)
		}
	}
}

func TestReconnectWithGrace_ReplacesAGraceThatIsStillRunning(t *testing.T) {
	t.Parallel()
	a := lasting(1, account.Months, noon.Add(-time.Hour))
	a.GraceUntil = noon.Add(time.Hour)
	a.Suspension = &account.Suspension{Category: account.Other, Since: noon}
	got := apply(t, a, account.Reconnect{Grace: 24 * time.Hour}, noon, nairobi(t))
	if diff := cmp.Diff([]string{"Reconnected in grace until 11 Mar 2026 12:00"}, summaries(got)); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
	if got := apply(t, a, account.Reconnect{}, noon, nairobi(t)).Account; !got.GraceUntil.Equal(a.GraceUntil) {
		t.Errorf("without another grace it lasts until %v", got.GraceUntil)
	}
}

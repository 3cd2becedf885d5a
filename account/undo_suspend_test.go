package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"qserve/account"
)

// mistaken takes a suspension back.
func mistaken(c account.Change) account.UndoSuspend { return account.UndoSuspend{Kept: *c.Kept} }

func TestSuspensionThatIsUndone_LeavesTheAccountAsItWas(t *testing.T) {
	t.Parallel()
	end := noon.Add(20 * day)
	inGrace := lasting(1, account.Months, noon.Add(-day))
	inGrace.GraceUntil, inGrace.DueAt = noon.Add(day).UTC(), noon.Add(day).UTC()
	for name, c := range map[string]struct {
		account account.Account
		suspend account.Suspend
		says    string
	}{
		"paid":               {paid(end), account.Suspend{Category: account.Other}, "Suspension taken back, paid until 30 Mar 2026 12:00"},
		"with an end":        {paid(end), holiday, "Suspension taken back, paid until 30 Mar 2026 12:00"},
		"the clock stopped":  {then(end, end), stoppedHoliday, "Suspension taken back, paid until 30 Mar 2026 12:00"},
		"a change scheduled": {then(end.Add(-5*day), end), stop, "Suspension taken back, paid until 30 Mar 2026 12:00"},
		"in grace":           {inGrace, account.Suspend{Category: account.Other}, "Suspension taken back, expired since 9 Mar 2026 12:00"},
		"nothing paid":       {setup(), holiday, "Suspension taken back, nothing paid"},
	} {
		suspended := apply(t, c.account, c.suspend, noon, nairobi(t))
		got := apply(t, suspended.Account, mistaken(suspended), noon.Add(time.Hour), nairobi(t))
		if diff := cmp.Diff(c.account, got.Account); diff != "" {
			t.Errorf("%s (-before +after):\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{c.says}, summaries(got)); diff != "" || got.Activity[0].Kind != "undo" {
			t.Errorf("%s: activity (-want +got):\n%s", name, diff)
		}
	}
}

func TestSuspensionThatIsUndone_MeetsWhatBecameDueMeanwhile(t *testing.T) {
	t.Parallel()
	for _, s := range []account.Suspend{{Category: account.Other}, stop} {
		for balance, want := range map[int64]account.Status{149_999: account.Expired, 150_000: account.Active} {
			a := paid(noon.Add(20 * time.Second))
			a.Balance = kes(balance)
			suspended := apply(t, a, s, noon, time.UTC)
			later := noon.Add(time.Minute)
			got := apply(t, suspended.Account, mistaken(suspended), later, time.UTC).Account
			if diff := cmp.Diff(apply(t, a, account.Expire{}, later, time.UTC).Account, got); diff != "" || got.Status(later) != want {
				t.Errorf("balance %d, clock stopped %v: %s, not as it would have been without (-want +got):\n%s", balance, s.StopClock, got.Status(later), diff)
			}
		}
	}
}

func TestUndoOfASuspension_IsRefusedUnlessItIsThatOne(t *testing.T) {
	t.Parallel()
	suspended := apply(t, paid(noon.Add(20*day)), stop, noon, time.UTC)
	back := apply(t, suspended.Account, account.Reconnect{}, noon.Add(1), time.UTC).Account
	for words, is := range map[string]account.Account{
		"is not suspended any more":      back,
		"was suspended anew since":       apply(t, back, stop, noon.Add(2), time.UTC).Account,
		"reconnect the customer instead": apply(t, suspended.Account, pay(150_000), noon.Add(2), time.UTC).Account,
	} {
		if reason := refused(t, is, mistaken(suspended), noon.Add(3)); !strings.Contains(reason, words) {
			t.Errorf("refused with %q, want %q", reason, words)
		}
	}
	undone := apply(t, suspended.Account, mistaken(suspended), noon.Add(1), time.UTC).Account
	if reason := refused(t, undone, mistaken(suspended), noon.Add(2)); !strings.Contains(reason, "not suspended any more") {
		t.Errorf("undone twice: refused with %q", reason)
	}
}

func TestSuspendAndUndo_IsNothing(t *testing.T) {
	t.Parallel()
	z := zone(t, "Europe/Berlin")
	rapid.Check(t, func(t *rapid.T) {
		b := newBook(t, z)
		for range rapid.IntRange(0, 8).Draw(t, "steps") {
			b.step(t)
		}
		b.later(t)
		want := apply(t, b.account, account.Expire{}, b.now, z).Account
		if want.Suspension != nil {
			want = apply(t, want, account.Reconnect{}, b.now, z).Account
		}
		s := account.Suspend{Category: account.Other, StopClock: want.Remaining(b.now) > 0 && rapid.Bool().Draw(t, "stop clock")}
		if rapid.Bool().Draw(t, "until") {
			s.Until = b.now.Add(rapid.SampledFrom([]time.Duration{time.Hour + 1, 30 * day}).Draw(t, "lasts"))
		}
		change := apply(t, want, s, b.now, z)
		later := b.now.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "undone after")))
		got := apply(t, change.Account, mistaken(change), later, z).Account
		if diff := cmp.Diff(apply(t, want, account.Expire{}, later, z).Account, got); diff != "" {
			t.Fatalf("(-without +undone):\n%s", diff)
		}
	})
}

package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"qserve/account"
)

// undo takes an extension by three days back.
func undo(c account.Change) account.UndoExtend { return account.UndoExtend{Days: 3, Kept: *c.Kept} }

func TestExtensionThatIsUndone_LeavesTheAccountAsItWas(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	now, end := at(t, z, "2026-02-10 12:00"), at(t, z, "2026-02-28 08:00")
	short := paid(end)
	short.AnchorDay = 31
	inGrace := lasting(1, account.Months, now.AddDate(0, 0, -1))
	inGrace.GraceUntil, inGrace.DueAt = now.Add(time.Hour).UTC(), now.Add(time.Hour).UTC()
	stopped := apply(t, short, stop, now.Add(-time.Hour), z).Account
	for name, c := range map[string]struct {
		account account.Account
		says    string
	}{
		"paid":               {short, "Extension by 3 days taken back, paid until 28 Feb 2026 08:00"},
		"a change scheduled": {then(end, end), "Extension by 3 days taken back, paid until 28 Feb 2026 08:00"},
		"a change paid":      {then(end.AddDate(0, 0, -5), end), "Extension by 3 days taken back, paid until 28 Feb 2026 08:00"},
		"the clock stopped":  {stopped, "Extension by 3 days taken back, the clock is stopped"},
		"expired":            {lasting(1, account.Months, now.AddDate(0, 0, -7)), "Extension by 3 days taken back, expired since 3 Feb 2026 12:00"},
		"in grace":           {inGrace, "Extension by 3 days taken back, expired since 9 Feb 2026 12:00"},
		"nothing paid":       {setup(), "Extension by 3 days taken back, nothing paid"},
	} {
		extended := apply(t, c.account, account.Extend{Days: 3}, now, z)
		got := apply(t, extended.Account, undo(extended), now.Add(time.Minute), z)
		if diff := cmp.Diff(c.account, got.Account); diff != "" {
			t.Errorf("%s (-before +after):\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{c.says}, summaries(got)); diff != "" {
			t.Errorf("%s: activity (-want +got):\n%s", name, diff)
		}
	}
}

func TestExtensionThatIsUndone_LosesWhatWouldHaveEndedMeanwhile(t *testing.T) {
	t.Parallel()
	end := noon.Add(20 * time.Second)
	later := noon.Add(time.Minute)
	for balance, want := range map[int64]account.Status{149_999: account.Expired, 150_000: account.Active} {
		a := paid(end)
		a.Balance = kes(balance)
		extended := apply(t, a, account.Extend{Days: 3}, noon, time.UTC)
		got := apply(t, extended.Account, undo(extended), later, time.UTC).Account
		if diff := cmp.Diff(apply(t, a, account.Expire{}, later, time.UTC).Account, got); diff != "" || got.Status(later) != want {
			t.Errorf("balance %d: %s, not as it would have been without (-want +got):\n%s", balance, got.Status(later), diff)
		}
	}
}

func TestExtendAndUndo_IsNothing(t *testing.T) {
	t.Parallel()
	z := zone(t, "Europe/Berlin")
	rapid.Check(t, func(t *rapid.T) {
		b := newBook(t, z)
		for range rapid.IntRange(0, 8).Draw(t, "steps") {
			b.step(t)
		}
		b.later(t)
		want := apply(t, b.account, account.Expire{}, b.now, z).Account
		change, err := account.Apply(b.account, account.Extend{Days: rapid.IntRange(1, 365).Draw(t, "days")}, b.now, z)
		if err != nil {
			t.Fatal(err)
		}
		within := time.Minute
		if s := want.Suspension; s != nil && !s.Until.IsZero() { // who comes back before it is undone finds the time that was given
			within = min(within, s.Until.Sub(b.now)-1)
		}
		later := b.now.Add(time.Duration(rapid.Int64Range(0, int64(within)).Draw(t, "undone after")))
		got := apply(t, change.Account, undo(change), later, z).Account
		if diff := cmp.Diff(apply(t, want, account.Expire{}, later, z).Account, got); diff != "" {
			t.Fatalf("(-without +undone):\n%s", diff)
		}
	})
}

func TestUndo_IsRefusedOnceThePaidTimeIsAnother(t *testing.T) {
	t.Parallel()
	end := noon.AddDate(0, 0, 10)
	another := office()
	another.ID = 99
	for _, c := range []struct {
		on    account.Account
		since account.Command
		words string
	}{
		{paid(end), pay(150_000), "paid until 23 Apr 2026 09:00 now, and until 23 Mar 2026 09:00 then"},
		{paid(end), account.Extend{Days: 1}, "paid until 24 Mar 2026 09:00 now, and until 23 Mar 2026 09:00 then"},
		{paid(end), account.ChangePackage{Plan: office()}, "the package was changed since"},
		{paid(end), account.ChangePackage{Plan: office(), AtRenewal: true}, "another change of package was scheduled since"},
		{then(end, end), account.ChangePackage{Plan: another, AtRenewal: true}, "another change of package was scheduled since"},
		{then(end, end), account.CancelChange{}, "the scheduled change of package was cancelled since"},
		{paid(end), stop, "the clock of the account was stopped or moved since"},
		{apply(t, paid(end), stop, noon, time.UTC).Account, account.Reconnect{}, "the account was reconnected since, and its clock goes on"},
	} {
		extended := apply(t, c.on, account.Extend{Days: 3}, noon, time.UTC)
		since := apply(t, extended.Account, c.since, noon.Add(time.Second), time.UTC).Account
		reason := refused(t, since, undo(extended), noon.Add(2*time.Second))
		if !strings.Contains(reason, "the extension stays") || !strings.HasSuffix(reason, c.words) {
			t.Errorf("%#v: refused with %q, want %q", c.since, reason, c.words)
		}
	}
	extended := apply(t, then(end, end), account.Extend{Days: 3}, noon, time.UTC)
	for name, change := range map[string]func(a *account.Account){
		"grace": func(a *account.Account) { a.GraceUntil = noon }, "anchor day": func(a *account.Account) { a.AnchorDay = 5 },
		"the scheduled change": func(a *account.Account) { a.Next = &account.NextPlan{Plan: a.Next.Plan, At: end} },
	} {
		is := extended.Account
		if change(&is); !strings.HasSuffix(refused(t, is, undo(extended), noon), "is another since") {
			t.Errorf("with another %s it is undone", name)
		}
	}
	extended = apply(t, paid(end), account.Extend{Days: 3}, noon, time.UTC)
	again := apply(t, extended.Account, undo(extended), noon, time.UTC).Account
	told := undo(extended)
	told.Since = "Extension by 3 days taken back"
	if reason := refused(t, again, told, noon); !strings.HasSuffix(reason, "(Extension by 3 days taken back)") {
		t.Errorf("undone twice: refused with %q", reason)
	}
}

func TestUndo_IsNotHeldUpByWhatLeavesThePaidTime(t *testing.T) {
	t.Parallel()
	a := paid(noon.AddDate(0, 0, 10))
	name := "Joe"
	extended := apply(t, a, account.Extend{Days: 3}, noon, time.UTC)
	is := extended.Account
	for _, cmd := range []account.Command{
		account.Note{Text: "x", Pin: true}, account.Edit{Name: &name}, account.Suspend{Category: account.Other}, pay(1),
	} {
		is = apply(t, is, cmd, noon, time.UTC).Account
	}
	got := apply(t, is, undo(extended), noon, time.UTC).Account
	if !got.ExpiresAt.Equal(a.ExpiresAt) || got.Suspension == nil || got.Balance != kes(1) || got.Contact.Name != "Joe" || got.Pinned != "x" {
		t.Errorf("undone: %+v", got)
	}
}

func TestExtension_SaysWhatItWasBeforeAndIsAfter(t *testing.T) {
	t.Parallel()
	a := paid(noon.AddDate(0, 0, 10))
	extended := apply(t, a, account.Extend{Days: 3}, noon, time.UTC)
	undone := apply(t, extended.Account, undo(extended), noon, time.UTC)
	was, is := map[string]string{"expires_at": "2026-03-20T09:00:00Z"}, map[string]string{"expires_at": "2026-03-23T09:00:00Z"}
	if line := extended.Activity[0]; !cmp.Equal(was, line.Before) || !cmp.Equal(is, line.After) {
		t.Errorf("the extension: %v to %v", line.Before, line.After)
	}
	if line := undone.Activity[0]; !cmp.Equal(is, line.Before) || !cmp.Equal(was, line.After) {
		t.Errorf("the undo: %v to %v", line.Before, line.After)
	}
}

func TestPinnedNote_IsSeenFirstAndInTheActivity(t *testing.T) {
	t.Parallel()
	a := paid(noon.AddDate(0, 0, 10))
	a.Revision = 4
	got := apply(t, a, account.Note{Text: "Dog in the yard", Pin: true}, noon, time.UTC)
	want := account.Activity{
		Kind: "note", Summary: "Pinned: Dog in the yard",
		Before: map[string]string{"pinned note": ""}, After: map[string]string{"pinned note": "Dog in the yard"},
	}
	if diff := cmp.Diff([]account.Activity{want}, got.Activity); diff != "" || got.Account.Pinned != "Dog in the yard" || got.Account.Revision != 5 {
		t.Errorf("revision %d, pinned %q, activity (-want +got):\n%s", got.Account.Revision, got.Account.Pinned, diff)
	}
	none := ""
	got = apply(t, got.Account, account.Edit{Pinned: &none}, noon, time.UTC)
	want = account.Activity{Kind: "edit", Summary: "Edited pinned note", Before: want.After, After: want.Before}
	if diff := cmp.Diff([]account.Activity{want}, got.Activity); diff != "" || got.Account.Pinned != "" {
		t.Errorf("removed: pinned %q, activity (-want +got):\n%s", got.Account.Pinned, diff)
	}
}

func TestNoteThatIsWithdrawn_GivesWayToWhatWasPinnedBefore(t *testing.T) {
	t.Parallel()
	a := paid(noon.AddDate(0, 0, 10))
	a.Pinned = "Old"
	dog := account.Note{Text: "Dog", Pin: true}
	other, note := "Other", apply(t, a, dog, noon, time.UTC)
	edited := apply(t, note.Account, account.Edit{Pinned: &other}, noon, time.UTC).Account
	repinned := a
	repinned.Pinned = "Dog"
	for name, c := range map[string]struct {
		on   account.Account
		cmd  account.UndoNote
		want string
	}{
		"pinned":           {note.Account, account.UndoNote{Kept: *note.Kept}, "Old"},
		"edited since":     {edited, account.UndoNote{Kept: *note.Kept}, "Other"},
		"pinned already":   {repinned, account.UndoNote{Kept: *apply(t, repinned, dog, noon, time.UTC).Kept}, "Dog"},
		"not a pinned one": {a, account.UndoNote{}, "Old"},
	} {
		got := apply(t, c.on, c.cmd, noon, time.UTC)
		if got.Account.Pinned != c.want || summaries(got)[0] != "Note withdrawn" || got.Activity[0].Kind != "undo" {
			t.Errorf("%s: pinned %q, %+v", name, got.Account.Pinned, got.Activity)
		}
		is := got.Account
		is.Pinned, is.Revision = c.on.Pinned, c.on.Revision
		if diff := cmp.Diff(c.on, is); diff != "" {
			t.Errorf("%s: more than the pin changed:\n%s", name, diff)
		}
	}
}

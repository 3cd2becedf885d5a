package db_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
	"qserve/db"
)

func TestPlannedEndOfASuspension_IsKeptAndDue(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.pay("P1", 150_000, noon)
	until := noon.AddDate(0, 0, 10)
	if _, err := b.giveAt(b.jane, "suspend", db.SuspendArguments{Category: "other", StopClock: true, Until: until}, noon.Add(123456789)); err != nil {
		t.Fatal(err)
	}
	got := b.facts(b.jane)
	since := noon.Add(123456 * time.Microsecond)
	if diff := cmp.Diff(&account.Suspension{Category: account.Other, Since: since, ClockStoppedAt: since, Until: until}, got.Suspension); diff != "" {
		t.Errorf("suspension (-decided +stored):\n%s", diff)
	}
	due, err := b.q.DueAccounts(t.Context(), db.DueAccountsParams{Until: until, Most: 10})
	if err != nil || len(due) != 1 || !due[0].DueAt.Equal(until) {
		t.Errorf("due accounts %+v, %v", due, err)
	}
	b.must(b.jane, account.Expire{}, db.Deed{Kind: "expire", Actor: account.Clock, AcceptedAt: until}, until)
	if got := b.facts(b.jane); got.Suspension != nil || !got.DueAt.Equal(got.ExpiresAt) || b.provision("jane").WantGen != 3 {
		t.Errorf("ended: %+v, due %v, wanted %+v", got.Suspension, got.DueAt, b.provision("jane"))
	}
}

func TestUndoOfASuspension_PutsTheAccountBackAsItWas(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.pay("P1", 150_000, noon)
	now := noon.Add(123456789 * time.Nanosecond) // clocks tell more than a row holds
	for name, args := range map[string]db.SuspendArguments{
		"cut":               {Category: "other"},
		"the clock stopped": {Category: "other", StopClock: true, Until: noon.AddDate(0, 0, 10)},
	} {
		before := b.facts(b.jane)
		suspended, err := b.giveAt(b.jane, "suspend", args, now)
		if err != nil {
			t.Fatal(err)
		}
		undone, err := b.giveAt(b.jane, "undo", db.UndoArguments{ActionID: suspended.ActionID}, now.Add(time.Hour))
		if err != nil || len(undone.Routers) != 1 {
			t.Errorf("%s: the router is not told, %+v, %v", name, undone, err)
		}
		if diff := cmp.Diff(before, b.facts(b.jane)); diff != "" {
			t.Errorf("%s (-before +undone):\n%s", name, diff)
		}
	}
}

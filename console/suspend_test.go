package console_test

import (
	"strings"
	"testing"
	"time"

	"qserve/console"
)

// routerConfirms has the router confirm everything that is wanted of it.
func (o *office) routerConfirms() {
	o.t.Helper()
	o.exec("update actions set state = 'confirmed', confirmed_at = $1 where state = 'applied'", o.clock.Now())
}

func TestSuspensionUntilADay_IsForetoldAndShown(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.give(clerk, console.ExtendOrder{Days: 30})
	o.work()
	until, err := console.ReadInstant("until", "2026-03-20", o.Zone)
	if err != nil || !until.Equal(noon.AddDate(0, 0, 9).Add(12*time.Hour)) {
		t.Fatalf("20 March begins at %v, %v", until, err)
	}
	for order, want := range map[console.SuspendOrder]string{
		{Category: "other", Until: until}:                                        "Comes back by itself on 20 Mar 2026 00:00, paid until 9 Apr 2026 12:00.",
		{Category: "other", Until: until, StopClock: true}:                       "Comes back by itself on 20 Mar 2026 00:00, paid until 19 Apr 2026 00:00.",
		{Category: "other", Until: noon.AddDate(0, 2, 0)}:                        "The suspension ends by itself on 10 May 2026 12:00, but nothing is paid then.",
		{Category: "customer-request", Until: until.Add(999 * time.Millisecond)}: "Comes back by itself on 20 Mar 2026 00:00, paid until 9 Apr 2026 12:00.",
		{Category: "other"}: "",
	} {
		preview, err := o.Preview(t.Context(), "ACC-0042", order)
		if err != nil || preview.Then != want || (preview.After.SuspendedUntil == nil) != (want == "") {
			t.Errorf("%+v: %q, %v, want %q", order, preview.Then, err, want)
		}
	}
	o.give(clerk, console.SuspendOrder{Category: "customer-request", Until: until})
	got := o.jane()
	if got.Suspension == nil || got.Suspension.Until == nil || !got.Suspension.Until.Equal(until) {
		t.Errorf("shown %+v", got.Suspension)
	}
	lines, err := o.Activity(t.Context(), "ACC-0042", console.HistoryQuery{Limit: 1})
	if err != nil || lines.Items[0].Summary != "Suspended until 20 Mar 2026 00:00: customer-request" || lines.Items[0].After["suspended_until"] == "" {
		t.Errorf("activity %+v, %v", lines.Items, err)
	}
}

func TestSuspensionUntilAnInstantThatCannotBe_BlamesTheField(t *testing.T) {
	t.Parallel()
	o := open(t)
	for _, until := range []time.Time{noon, noon.Add(time.Second - 1), noon.AddDate(-1, 0, 0), noon.Add(366*24*time.Hour + time.Second)} {
		if _, err := o.Give(t.Context(), clerk, "ACC-0042", console.SuspendOrder{Category: "other", Until: until}); field(err) != "until" {
			t.Errorf("until %v: %v", until, err)
		}
	}
	for _, text := range []string{"tomorrow", "2026-13-01", "12 Dec", "2026-12-12 25:00"} {
		if _, err := console.ReadInstant("until", text, o.Zone); field(err) != "until" {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]time.Time{
		"": {}, " 2026-12-12 ": time.Date(2026, 12, 11, 21, 0, 0, 0, time.UTC), "2026-12-12 18:30": time.Date(2026, 12, 12, 15, 30, 0, 0, time.UTC),
		"2026-12-12T18:30": time.Date(2026, 12, 12, 15, 30, 0, 0, time.UTC), "2026-12-12T18:30:00Z": time.Date(2026, 12, 12, 18, 30, 0, 0, time.UTC),
	} {
		if got, err := console.ReadInstant("until", text, o.Zone); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

// A worker applies an order later than it was given.
func TestSuspensionWhoseEndCameBeforeItWasApplied_IsRefused(t *testing.T) {
	t.Parallel()
	o := open(t)
	id := o.give(clerk, console.SuspendOrder{Category: "other", Until: noon.Add(time.Hour)}).ID
	o.later(time.Hour)
	if how := o.work()[id]; !strings.Contains(how, "a suspension until 10 Mar 2026 13:00 would be over already") {
		t.Errorf("%s", how)
	}
}

func TestSuspension_CanBeUndoneForAMinuteOrUntilItsRouterConfirms(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.give(clerk, console.ExtendOrder{Days: 30})
	o.work()
	o.routerConfirms()
	before := o.see("ACC-0042")
	suspend := console.SuspendOrder{Category: "other", StopClock: true, Until: noon.AddDate(0, 0, 9)}
	undo := func(action int64) error {
		_, err := o.Give(t.Context(), clerk, "ACC-0042", console.UndoOrder{Action: action})
		return err
	}
	for name, c := range map[string]struct {
		confirmed bool
		after     time.Duration
	}{"confirmed, within the minute": {true, time.Minute}, "its router is away for hours": {false, 5 * time.Hour}} {
		id := o.give(clerk, suspend).ID
		o.work()
		if c.confirmed {
			o.routerConfirms()
		}
		o.later(c.after)
		if err := undo(id); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := o.jane()
		if got.Status != "active" || got.Suspension != nil || !got.ExpiresAt.Equal(*before.ExpiresAt) {
			t.Errorf("%s: %s until %v, %+v", name, got.Status, got.ExpiresAt, got.Suspension)
		}
		if why := conflictOf(t, undo(id)); !strings.Contains(why, "undone already") {
			t.Errorf("%s: undone twice: %q", name, why)
		}
	}
	late := o.give(clerk, suspend).ID
	o.work()
	o.routerConfirms()
	o.later(time.Minute + 1)
	if why := conflictOf(t, undo(late)); !strings.Contains(why, "for a minute, or until its router has confirmed it") {
		t.Errorf("confirmed and late: %q", why)
	}
	o.give(clerk, console.ReconnectOrder{})
	o.work()
	first := o.give(clerk, suspend).ID
	o.work()
	o.give(clerk, console.ReconnectOrder{})
	o.work()
	if why := conflictOf(t, undo(first)); !strings.Contains(why, "not suspended any more") {
		t.Errorf("reconnected since: %q", why)
	}
	o.later(time.Second)
	o.give(clerk, suspend)
	o.work()
	if why := conflictOf(t, undo(first)); !strings.Contains(why, "suspended anew since") {
		t.Errorf("suspended anew: %q", why)
	}
}

func TestSuspensionThatNoWorkerHasTaken_CanBeUndone(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.give(clerk, console.ExtendOrder{Days: 30})
	o.work()
	id := o.give(clerk, console.SuspendOrder{Category: "other"}).ID
	o.later(time.Hour)
	preview, err := o.Preview(t.Context(), "ACC-0042", console.UndoOrder{Action: id})
	if err != nil || preview.Before.Status != "suspended" || preview.After.Status != "active" {
		t.Errorf("preview %+v, %v", preview, err)
	}
	o.give(clerk, console.UndoOrder{Action: id})
	if got := o.jane(); got.Status != "active" {
		t.Errorf("undone: %s", got.Status)
	}
}

func TestSuspensionOfAnOlderVersion_IsNotUndoneButReconnected(t *testing.T) {
	t.Parallel()
	o := open(t)
	id := o.give(clerk, console.SuspendOrder{Category: "other"}).ID
	o.work()
	o.exec("update actions set arguments = arguments - 'kept' where id = $1", id)
	_, err := o.Give(t.Context(), clerk, "ACC-0042", console.UndoOrder{Action: id})
	if why := conflictOf(t, err); !strings.Contains(why, "reconnect the customer") {
		t.Errorf("%q", why)
	}
}

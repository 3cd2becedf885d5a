package console_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

func TestExtension_CanBeUndoneForAMinute(t *testing.T) {
	t.Parallel()
	o := open(t)
	before := o.jane()
	extended := o.give(clerk, console.ExtendOrder{Days: 3}).ID
	if got := o.jane(); got.Status != "active" {
		t.Fatalf("extended: %s", got.Status)
	}
	o.later(time.Minute)
	preview, err := o.Preview(t.Context(), "ACC-0042", console.UndoOrder{Action: extended})
	if err != nil || preview.After.Status != "expired" || preview.Customer != "The session ends at once, and dialling is refused." {
		t.Errorf("preview %+v, %v", preview, err)
	}
	undone := o.give(clerk, console.UndoOrder{Action: extended})
	if undone.Kind != "undo" || o.rung.actions[undone.ID] != "undo" {
		t.Errorf("given %+v, rang for %v", undone, o.rung.actions)
	}
	after := o.jane()
	before.Confirmed, after.Confirmed = nil, nil // a router has yet to hear of both
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-before +undone)\n%s", diff)
	}
	lines, err := o.Activity(t.Context(), "ACC-0042", console.HistoryQuery{Limit: 2})
	if err != nil || lines.Items[0].Summary != "Extension by 3 days taken back, nothing paid" || lines.Items[1].After["expires_at"] != "2026-03-13T09:00:00Z" {
		t.Errorf("activity %+v, %v", lines.Items, err)
	}
}

func TestUndo_IsRefusedWhereItIsTooLateOrNotPossible(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.john()
	refused := func(action int64, words string) {
		t.Helper()
		_, err := o.Give(t.Context(), clerk, "ACC-0042", console.UndoOrder{Action: action})
		if got := conflictOf(t, err); !strings.Contains(got, words) {
			t.Errorf("refused with %q, want %q", got, words)
		}
	}
	extended, note := o.give(clerk, console.ExtendOrder{Days: 3}).ID, o.give(clerk, console.NoteOrder{Text: "x"}).ID
	o.give(clerk, console.SuspendOrder{Category: "other"})
	reconnected := o.give(clerk, console.ReconnectOrder{}).ID
	o.work()
	refused(reconnected, "only extend, note and suspend can be undone")
	for _, ref := range []string{"ACC-0043", "ACC-0042"} {
		action := extended
		if ref == "ACC-0042" {
			action = 9999
		}
		if _, err := o.Give(t.Context(), clerk, ref, console.UndoOrder{Action: action}); field(err) != "action" {
			t.Errorf("%d on %s: %v", action, ref, err)
		}
	}
	o.give(clerk, console.UndoOrder{Action: note}) // waits, and counts
	refused(note, "was undone already")
	o.work()
	refused(note, "was undone already")
	o.give(clerk, console.ExtendOrder{Days: 1})
	o.work()
	refused(extended, "paid until 14 Mar 2026 12:00 now, and until 13 Mar 2026 12:00 then (Extended by 1 day until 14 Mar 2026 12:00)")
	o.later(time.Minute + time.Nanosecond)
	refused(extended, "for a minute, which is over: it stays, so write a note about it")
	late := o.give(clerk, console.NoteOrder{Text: "x"}).ID
	o.later(time.Hour)
	refused(late, "write another one that puts it right")
}

func TestOrderThatStillWaits_CanBeUndone(t *testing.T) {
	t.Parallel()
	o := open(t)
	before := o.jane()
	extended := o.give(clerk, console.ExtendOrder{Days: 3}).ID
	o.give(clerk, console.NoteOrder{Text: "x"})
	preview, err := o.Preview(t.Context(), "ACC-0042", console.UndoOrder{Action: extended})
	if err != nil || preview.Before.Status != "active" || preview.After.Status != "expired" || preview.After.ExpiresAt != nil {
		t.Errorf("preview %+v, %v", preview, err)
	}
	o.give(clerk, console.UndoOrder{Action: extended})
	for id, how := range o.work() {
		if how != "applied" {
			t.Errorf("action %d: %s", id, how)
		}
	}
	if got := o.jane(); got.Status != before.Status || got.ExpiresAt != nil {
		t.Errorf("undone: %s until %v", got.Status, got.ExpiresAt)
	}
}

func TestUndoThatIsRepeated_IsGivenOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	extended := o.give(clerk, console.ExtendOrder{Days: 3}).ID
	o.work()
	by := clerk
	by.RequestKey = "undo 1"
	first := o.give(by, console.UndoOrder{Action: extended})
	o.work()
	o.later(time.Hour)
	if again := o.give(by, console.UndoOrder{Action: extended}); again.ID != first.ID {
		t.Errorf("repeated, it is action %d, want %d", again.ID, first.ID)
	}
}

func TestPinnedNote_IsShownEditedAndWithdrawn(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.give(clerk, console.NoteOrder{Text: " Gate 3\nring twice ", Pin: true})
	if got := o.jane(); got.PinnedNote != "Gate 3\nring twice" || got.Revision != 2 {
		t.Errorf("pinned %q in revision %d", got.PinnedNote, got.Revision)
	}
	dog := o.give(clerk, console.NoteOrder{Text: "Dog", Pin: true}).ID
	if got := o.jane(); got.PinnedNote != "Dog" {
		t.Errorf("pinned %q", got.PinnedNote)
	}
	o.give(clerk, console.UndoOrder{Action: dog})
	if got := o.jane(); got.PinnedNote != "Gate 3\nring twice" {
		t.Errorf("withdrawn: %q", got.PinnedNote)
	}
	text := "  Gate 4 "
	o.give(clerk, console.EditOrder{PinnedNote: &text})
	if got := o.jane(); got.PinnedNote != "Gate 4" {
		t.Errorf("edited: %q", got.PinnedNote)
	}
	found, err := o.Find(t.Context(), console.FindQuery{Q: "ACC-0042"})
	if err != nil || len(found.Items) != 1 || found.Items[0].PinnedNote != "Gate 4" {
		t.Errorf("found %+v, %v", found.Items, err)
	}
	for _, text := range []string{"", strings.Repeat("x", 2000)} {
		o.give(clerk, console.EditOrder{PinnedNote: &text})
		if got := o.jane(); got.PinnedNote != text {
			t.Errorf("edited to %d characters: %d", len(text), len(got.PinnedNote))
		}
	}
	for _, text := range []string{strings.Repeat("x", 2001), "a\x00b"} {
		if _, err := o.Give(t.Context(), clerk, "ACC-0042", console.EditOrder{PinnedNote: &text}); field(err) != "pinned_note" {
			t.Errorf("%d characters: %v", len(text), err)
		}
	}
	lines, err := o.Activity(t.Context(), "ACC-0042", console.HistoryQuery{})
	if err != nil || !slices.ContainsFunc(lines.Items, func(l console.ActivityView) bool {
		return l.Summary == "Note withdrawn" && l.Before["pinned note"] == "Dog" && l.After["pinned note"] == "Gate 3\nring twice"
	}) {
		t.Errorf("activity %+v, %v", lines.Items, err)
	}
}

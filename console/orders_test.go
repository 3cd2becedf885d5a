package console_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

// give has an order accepted on ACC-0042.
func (o *office) give(by console.By, order console.Order) console.Given {
	o.t.Helper()
	given, err := o.Give(o.t.Context(), by, "ACC-0042", order)
	if err != nil {
		o.t.Fatal(err)
	}
	return given
}

// actions counts the actions that are stored.
func (o *office) actions() (n int) {
	o.t.Helper()
	if err := o.pool.QueryRow(o.t.Context(), "select count(*) from actions").Scan(&n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

func TestOrder_IsStoredAndRungFor(t *testing.T) {
	t.Parallel()
	o := open(t)
	given := o.give(clerk, console.SuspendOrder{Category: "equipment", Reason: "stolen"})
	view, err := o.Action(t.Context(), given.ID)
	if err != nil || view.Kind != "suspend" || view.State != "accepted" || view.Actor != clerk.Actor || !view.AcceptedAt.Equal(noon) ||
		len(view.Routers) != 0 {
		t.Errorf("stored %+v, %v", view, err)
	}
	if diff := cmp.Diff(map[int64]string{given.ID: "suspend"}, o.rung.actions); diff != "" {
		t.Errorf("rang for (-want +got):\n%s", diff)
	}
}

func TestOrderThatCannotBe_IsRefused(t *testing.T) {
	t.Parallel()
	o := open(t)
	for _, number := range []string{"ACC-9999", "", "---"} {
		if _, err := o.Give(t.Context(), clerk, number, console.NoteOrder{Text: "x"}); !isMissing(err) {
			t.Errorf("order on %q: %v", number, err)
		}
	}
	if _, err := o.Give(t.Context(), clerk, "ACC-0042", console.SuspendOrder{Category: "mood"}); field(err) != "category" {
		t.Errorf("unknown category: %v", err)
	}
	if _, err := o.Action(t.Context(), 99); !isMissing(err) {
		t.Errorf("unknown action: %v", err)
	}
	if _, err := o.Follow(t.Context(), 99); !isMissing(err) {
		t.Errorf("following an unknown action: %v", err)
	}
	if len(o.rung.actions) != 0 || o.actions() != 1 {
		t.Errorf("rang for %v, %d actions", o.rung.actions, o.actions())
	}
}

func TestOrder_IsTriedAfterEverythingThatWaits(t *testing.T) {
	t.Parallel()
	o := open(t)
	suspend := console.SuspendOrder{Category: "equipment"}
	o.give(clerk, suspend)
	_, err := o.Give(t.Context(), clerk, "ACC-0042", suspend)
	if _, refused := errors.AsType[*console.ConflictError](err); !refused || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("a second suspension while the first waits: %v", err)
	}
	o.give(clerk, console.ReconnectOrder{}) // allowed only because the suspension waits
}

func TestRequestRepeatedAtOnce_IsGivenOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	by := clerk
	by.RequestKey = "request-1"
	var wait sync.WaitGroup
	ids := make([]int64, 8)
	errs := make([]error, 8)
	for i := range ids {
		wait.Go(func() {
			given, err := o.Give(t.Context(), by, "ACC-0042", console.NoteOrder{Text: "once"})
			ids[i], errs[i] = given.ID, err
		})
	}
	wait.Wait()
	for i, id := range ids {
		if errs[i] != nil || id != ids[0] {
			t.Errorf("repeat %d is action %d, %v, want %d", i, id, errs[i], ids[0])
		}
	}
	if n := o.actions(); n != 2 {
		t.Errorf("%d actions, want the opening and one note", n)
	}
}

func TestEditOfWhatSomebodyElseEdited_IsStale(t *testing.T) {
	t.Parallel()
	o := open(t)
	view, err := o.Subscriber(t.Context(), "ACC-0042")
	if err != nil {
		t.Fatal(err)
	}
	name := "Jane W"
	edit := console.EditOrder{Name: &name, Revision: view.Revision}
	o.give(clerk, edit) // waits, and counts
	_, err = o.Give(t.Context(), clerk, "ACC-0042", edit)
	if _, stale := errors.AsType[*console.StaleError](err); !stale {
		t.Errorf("the second edit of one revision: %v", err)
	}
}

func TestPreview_ChangesNothing(t *testing.T) {
	t.Parallel()
	o := open(t)
	before, err := o.Subscriber(t.Context(), "ACC-0042")
	if err != nil {
		t.Fatal(err)
	}
	preview, err := o.Preview(t.Context(), "ACC-0042", console.SuspendOrder{Category: "equipment"})
	if err != nil || preview.After.Status != "suspended" || preview.Before.Status != before.Status {
		t.Errorf("preview %+v, %v", preview, err)
	}
	after, err := o.Subscriber(t.Context(), "ACC-0042")
	if diff := cmp.Diff(before, after); diff != "" || err != nil {
		t.Errorf("after the preview (-before +after), %v:\n%s", err, diff)
	}
	if len(o.rung.actions) != 0 || o.actions() != 1 {
		t.Errorf("rang for %v, %d actions", o.rung.actions, o.actions())
	}
}

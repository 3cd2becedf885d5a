package db_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/db"
)

// giveAt gives a command and applies it at an instant.
func (b *books) giveAt(id int64, kind string, arguments any, at time.Time) (db.Saved, error) {
	b.t.Helper()
	return b.apply(id, b.accept(id, kind, arguments), at)
}

func TestUndo_PutsTheAccountBackAsItWas(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	// Clocks tell more than a row holds.
	now := noon.Add(123456789 * time.Nanosecond)
	for _, c := range []struct { // one after the other, on the same account
		name    string
		prepare func()
	}{
		{"nothing paid", func() {}},
		{"paid", func() { b.pay("P1", 150_000, now) }},
		{"the clock stopped", func() {
			if _, err := b.giveAt(b.jane, "suspend", db.SuspendArguments{Category: "other", StopClock: true}, now); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		c.prepare()
		before := b.facts(b.jane)
		extended, err := b.giveAt(b.jane, "extend", db.ExtendArguments{Days: 3}, now.Add(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if b.facts(b.jane).ExpiresAt.Equal(before.ExpiresAt) {
			t.Fatalf("%s: the extension moved nothing", c.name)
		}
		if _, err := b.giveAt(b.jane, "undo", db.UndoArguments{ActionID: extended.ActionID}, now.Add(2*time.Second)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(before, b.facts(b.jane)); diff != "" {
			t.Errorf("%s (-before +undone):\n%s", c.name, diff)
		}
	}
}

func TestUndoOfAnExpiredAccountsExtension_CutsItAgain(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	extended := b.give(b.jane, "extend", db.ExtendArguments{Days: 3})
	if got := b.provision("jane"); got.WantGen != 1 || len(extended.Routers) != 1 {
		t.Fatalf("extended: wanted %+v of %v", got, extended.Routers)
	}
	b.looked()
	undone := b.give(b.jane, "undo", db.UndoArguments{ActionID: extended.ActionID})
	if n := b.id("select count(*) from provisions where state = 'disabled' and want_gen = 2"); n != 1 || len(undone.Routers) != 1 {
		t.Errorf("undone: the router is not told to cut, %+v", undone)
	}
	if diff := cmp.Diff([]string{"undo"}, b.looked()); diff != "" {
		t.Errorf("confirmed (-want +got):\n%s", diff)
	}
}

func TestUndo_IsRefusedWithWhatAPersonCanActOn(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	ctx := t.Context()
	john := b.subscriber("ACC-0043", "john", "")
	note := b.give(b.jane, "note", db.NoteArguments{Text: "x"}).ActionID
	johns := b.give(john, "extend", db.ExtendArguments{Days: 1}).ActionID
	suspended := b.give(b.jane, "suspend", db.SuspendArguments{Category: "other"}).ActionID
	reconnected := b.give(b.jane, "reconnect", db.ReconnectArguments{}).ActionID
	refused := b.accept(b.jane, "extend", db.ExtendArguments{Days: 999})
	if err := b.q.ActionRefused(ctx, db.ActionRefusedParams{ID: refused, Refusal: "too many"}); err != nil {
		t.Fatal(err)
	}
	paidOver := b.give(b.jane, "extend", db.ExtendArguments{Days: 1}).ActionID
	b.give(b.jane, "note", db.NoteArguments{Text: "between"})
	b.pay("SKL1", 150_000, noon)
	b.give(b.jane, "undo", db.UndoArguments{ActionID: note})
	waiting := b.accept(b.jane, "note", db.NoteArguments{Text: "y"})
	for action, words := range map[int64]string{
		note:        "was undone already",
		johns:       "was not given on ACC-0042",
		suspended:   "ACC-0042 is not suspended any more",
		reconnected: "is of kind reconnect, and only extend, note and suspend can be undone",
		refused:     "was refused, so there is nothing to undo",
		waiting:     "is not carried out yet; try again in a moment",
		paidOver:    "until 11 Mar 2026 09:00 then (Payment KES 1500.00,",
	} {
		_, err := b.giveAt(b.jane, "undo", db.UndoArguments{ActionID: action}, noon)
		if refusal := refusalOf(t, err); !strings.Contains(refusal, words) {
			t.Errorf("action %d: refused with %q, want %q", action, refusal, words)
		}
	}
}

func TestUndoAskedForTwiceAtOnce_IsDoneOnce(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	note := b.give(b.jane, "note", db.NoteArguments{Text: "x", Pin: true}).ActionID
	errs := make(chan error, 2)
	for range 2 {
		action := b.accept(b.jane, "undo", db.UndoArguments{ActionID: note})
		go func() {
			_, err := b.apply(b.jane, action, noon)
			errs <- err
		}()
	}
	first, second := <-errs, <-errs
	if (first == nil) == (second == nil) {
		t.Errorf("both ended with %v and %v", first, second)
	}
	if n := b.id("select count(*) from activity where summary = 'Note withdrawn'"); n != 1 {
		t.Errorf("withdrawn %d times", n)
	}
}

func TestPinnedNote_IsKeptWithTheAccount(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	look := func(want string, revision int64) {
		t.Helper()
		if got := b.facts(b.jane); got.Pinned != want || got.Revision != revision {
			t.Errorf("pinned %q in revision %d, want %q in %d", got.Pinned, got.Revision, want, revision)
		}
	}
	b.give(b.jane, "note", db.NoteArguments{Text: "Gate 3", Pin: true})
	look("Gate 3", 2)
	b.pay("SKL1", 150_000, noon)
	b.give(b.jane, "extend", db.ExtendArguments{Days: 1})
	look("Gate 3", 2)
	dog := b.give(b.jane, "note", db.NoteArguments{Text: "Dog", Pin: true}).ActionID
	look("Dog", 3)
	b.give(b.jane, "undo", db.UndoArguments{ActionID: dog})
	look("Gate 3", 4)
	none := ""
	b.give(b.jane, "edit", db.EditArguments{PinnedNote: &none})
	look("", 5)
	var text string
	if err := b.pool.QueryRow(t.Context(), `select before->>'pinned note' || '>' || (after->>'pinned note') from activity
		where kind = 'edit'`).Scan(&text); err != nil || text != "Gate 3>" {
		t.Errorf("the activity says %q, %v", text, err)
	}
}

package pages_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"qserve/console"
)

// suspendedOn has Jane, who is paid for 30 days, suspended by the form, and what the router answers left open.
func suspendedOn(t *testing.T, o *office, b *browser, fields ...string) {
	t.Helper()
	b.post("/customers/ACC-0042/extend", "key", "days", "days", "30")
	o.work()
	o.exec("update actions set state = 'confirmed', confirmed_at = $1", noon)
	if a := b.post("/customers/ACC-0042/suspend", append([]string{"category", "customer-request"}, fields...)...); a.location() != "/customers/ACC-0042" {
		t.Fatalf("suspending leads to %q: %s", a.location(), a.text())
	}
	o.work()
}

func TestSuspensionUntilADay_IsAskedForForetoldAndShown(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	b.post("/customers/ACC-0042/extend", "key", "days", "days", "30")
	o.work()
	b.get("/customers/ACC-0042/suspend").is(t, http.StatusOK).has(t, `name="until" type="date"`)
	b.postPart("/customers/ACC-0042/suspend/preview", "category", "customer-request", "until", "2026-03-20").
		tells(t, "Comes back by itself on 20 Mar 2026 00:00, paid until 9 Apr 2026 12:00.")
	for text, problem := range map[string]string{
		"2026-03-10": "Until: must lie in the future", "2027-04-01": "Until: must lie within 366 days", "soon": "Until: must be a day such as 2026-12-12",
	} {
		b.postPart("/customers/ACC-0042/suspend/preview", "category", "other", "until", text).tells(t, problem)
		wrong := b.post("/customers/ACC-0042/suspend", "category", "other", "reason", "kept text", "until", text).is(t, http.StatusUnprocessableEntity)
		wrong.tells(t, problem)
		wrong.has(t, "kept text", `value="`+text+`"`)
	}
	suspendedOn(t, o, b, "until", "2026-03-20", "stop_clock", "on")
	page := b.get("/customers/ACC-0042").is(t, http.StatusOK)
	page.tells(t, "Suspended at the customer’s request since 12:00, until 20 Mar 00:00.",
		"Suspended (customer request) since 12:00 , until 20 Mar 00:00, in 9 days ; the clock is stopped")
}

func TestSuspensionThatWaitsForItsRouter_CanBeCancelled(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	suspendedOn(t, o, b)
	id := o.ask("select id::text from actions where kind = 'suspend'")
	button := func() string {
		_, card, found := strings.Cut(b.get("/customers/ACC-0042").is(t, http.StatusOK).body, `id="action-`+id+`"`)
		if !found {
			t.Fatal("the suspension is not shown on its way")
		}
		card, _, _ = strings.Cut(card, `data-dismiss`)
		for _, word := range []string{"Cancel", "Undo"} {
			if strings.Contains(card, word+"</button>") {
				return word
			}
		}
		return ""
	}
	if got := button(); got != "Cancel" {
		t.Errorf("while it waits: %q", got)
	}
	o.clock.Set(noon.Add(5 * time.Hour))
	if got := button(); got != "Cancel" {
		t.Errorf("hours later: %q", got)
	}
	if got := o.as(console.RoleViewer).get("/customers/ACC-0042"); strings.Contains(got.text(), "Cancel") {
		t.Error("a viewer may cancel it")
	}
	a := b.postPart("/customers/ACC-0042/undo", "action", id, "key", "undo "+id).is(t, http.StatusOK)
	a.tells(t, "Undo you")
	o.work()
	if got := b.get("/customers/ACC-0042"); button() != "" || !strings.Contains(got.text(), "Paid until") {
		t.Errorf("cancelled: %q, %s", button(), got.text())
	}
	b.post("/customers/ACC-0042/undo", "action", id).is(t, http.StatusUnprocessableEntity).tells(t, "was undone already")
}

func TestSuspensionThatIsConfirmed_CanBeUndoneForAWhile(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	suspendedOn(t, o, b)
	o.exec("update actions set state = 'confirmed', confirmed_at = $1", noon)
	offers := func() bool {
		a := b.get("/customers/ACC-0042").is(t, http.StatusOK)
		return strings.Contains(a.text(), "Undo") && !strings.Contains(a.text(), "Cancel")
	}
	if !offers() {
		t.Error("nothing is offered")
	}
	o.clock.Set(noon.Add(31 * time.Second))
	if offers() {
		t.Error("it is offered when it will be over in a moment")
	}
}

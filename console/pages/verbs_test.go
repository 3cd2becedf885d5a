package pages_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"qserve/console"
)

// accepted lists the kinds of the actions that wait for a worker.
func (o *office) accepted() []string {
	o.t.Helper()
	about, err := o.About(o.t.Context(), 1, console.AboutQuery{Since: noon.Add(-time.Hour)})
	o.must(err)
	var kinds []string
	for _, a := range about.Actions {
		if a.State == "accepted" {
			kinds = append(kinds, a.Kind)
		}
	}
	return kinds
}

func TestVerb_GivesItsOrderAndShowsItMove(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	ask := b.part("/customers/ACC-0042/extend")
	if !strings.Contains(ask.text(), "Extend Jane Doe by how many days?") || strings.Contains(ask.body, "<html") {
		t.Fatalf("the dialog: %s", ask.body)
	}
	a := b.postPart("/customers/ACC-0042/extend", "days", "3", "note", "outage", "key", ask.key())
	if a.header.Get("Hx-Trigger") != "close-dialog" || !strings.Contains(a.text(), "Extend you") || !strings.Contains(a.text(), "accepted") {
		t.Errorf("answered %v %s", a.header, a.text())
	}
	if got := o.accepted(); len(got) != 1 || got[0] != "extend" {
		t.Errorf("accepted are %v", got)
	}
}

func TestFormSentTwice_GivesOneAction(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	key := b.get("/customers/ACC-0042/extend").key()
	for range 2 {
		if a := b.post("/customers/ACC-0042/extend", "days", "3", "key", key); a.location() != "/customers/ACC-0042" {
			t.Errorf("leads to %q: %s", a.location(), a.text())
		}
	}
	if got := o.accepted(); len(got) != 1 {
		t.Errorf("accepted are %v", got)
	}
	if next := b.get("/customers/ACC-0042/extend").key(); next == key || key == "" {
		t.Errorf("keys are %q and %q", key, next)
	}
}

func TestWrongField_IsSaidAtTheFieldAndNothingIsLost(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	for verb, form := range map[string][]string{
		"extend":         {"days", "400", "note", "kept text"},
		"reconnect":      {"grace_hours", "x", "note", ""},
		"suspend":        {"category", "bored", "reason", "kept text"},
		"change-package": {"plan", "Unlimited", "when", "now"},
		"edit":           {"name", "", "address", "kept text", "revision", "1"},
		"note":           {"text", ""},
		"undo":           {"action", "99"},
	} {
		a := b.post("/customers/ACC-0042/"+verb, form...)
		if a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: answered %d: %s", verb, a.status, a.text())
		}
		if strings.Contains(strings.Join(form, " "), "kept text") && !strings.Contains(a.body, "kept text") {
			t.Errorf("%s: what was typed is gone: %s", verb, a.text())
		}
		if !strings.Contains(a.body, `class="problem"`) && !strings.Contains(a.body, `note bad`) {
			t.Errorf("%s: no problem is named: %s", verb, a.text())
		}
	}
	if got := o.accepted(); len(got) != 0 {
		t.Errorf("accepted are %v", got)
	}
}

func TestPreview_SaysWhatComesOfItAndChangesNothing(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	o.exec("update subscribers set expires_at = $1, due_at = $1", noon.AddDate(0, 0, 8))
	a := b.postPart("/customers/ACC-0042/extend/preview", "days", "3")
	if !strings.Contains(a.text(), "18 Mar 12:00 → 21 Mar 12:00, in 11 days") {
		t.Errorf("the preview says %s", a.text())
	}
	if a := b.postPart("/customers/ACC-0042/suspend/preview", "category", "other"); !strings.Contains(a.text(), "The customer notices: The session ends at once") {
		t.Errorf("the preview of a suspension says %s", a.text())
	}
	if a := b.postPart("/customers/ACC-0042/reconnect/preview"); !strings.Contains(a.body, "note bad") {
		t.Errorf("reconnecting an active account: %s", a.text())
	}
	if got := o.accepted(); len(got) != 0 {
		t.Errorf("accepted are %v", got)
	}
}

func TestReconnect_IsOfferedOnlyWhenSuspendedOrExpired(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	offered := func() bool { return strings.Contains(b.get("/customers/ACC-0042").body, `id="do-reconnect"`) }
	if !offered() {
		t.Error("not to an expired one")
	}
	o.exec("update subscribers set expires_at = $1", noon.AddDate(0, 0, 8))
	if offered() {
		t.Error("to an active one")
	}
	o.exec("update subscribers set suspended_at = $1, suspension_category = 'other'", noon)
	if !offered() {
		t.Error("not to a suspended one")
	}
}

func TestMadePassword_IsShownOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	ask := b.get("/customers/ACC-0042/edit")
	sent := []string{
		"key", ask.key(), "name", "Jane Doe", "phone", "+254708374149", "email", "", "address", "", "username", "jane042", "router", "Kilimani",
		"fixed_ip", "", "pinned_note", "", "revision", "1", "generate", "on",
	}
	a := b.postPart("/customers/ACC-0042/edit", sent...)
	if !strings.Contains(a.text(), "The new PPPoE password is") {
		t.Fatalf("answered %d %s", a.status, a.text())
	}
	if again := b.postPart("/customers/ACC-0042/edit", sent...); strings.Contains(again.text(), "The new PPPoE password is") {
		t.Errorf("sent again it says %s", again.text())
	}
	if got := o.accepted(); len(got) != 1 || got[0] != "edit" {
		t.Errorf("accepted are %v", got)
	}
}

func TestDelete_AsksForTheAccountNumberAndIsFollowedOnItsOwnPage(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleManager)
	if a := b.post("/customers/ACC-0042/delete", "confirm", "ACC-0043"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text(), "ACC-0042") {
		t.Errorf("a wrong number: %d %s", a.status, a.text())
	}
	a := b.post("/customers/ACC-0042/delete", "confirm", "acc-0042")
	if !strings.HasPrefix(a.location(), "/actions/") {
		t.Fatalf("leads to %q: %s", a.location(), a.text())
	}
	if a := b.get(a.location()); !strings.Contains(a.text(), "Delete Account") || !strings.Contains(a.text(), "accepted") {
		t.Errorf("its page: %s", a.text())
	}
}

func TestTwoAgents_SeeEachOther(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.as(console.RoleManager).get("/customers/ACC-0042/suspend")
	b := o.as(console.RoleSupport)
	if a := b.get("/customers/ACC-0042"); !strings.Contains(a.text(), "The manager has “Suspend” open") {
		t.Errorf("the page says %s", a.text())
	}
	b.leftOpen("/customers/ACC-0042")
	if a := o.as(console.RoleManager).get("/customers/ACC-0042"); !strings.Contains(a.text(), "The support looks at this account too") {
		t.Errorf("the other page says %s", a.text())
	}
}

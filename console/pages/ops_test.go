package pages_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"qserve/console"
)

func TestOps_SaysWhatWaitsAndWhy(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.only("/ops", console.RoleOwner, console.RoleManager, console.RoleOps)
	o.source("Paybill <1>")
	failed := o.delivered("Paybill <1>", "failed", "TransAmount is missing", "{}")
	waiting := o.delivered("Paybill <1>", "received", "the database was busy", "{}")
	o.exec("update deliveries set received_at = $1 where id = $2", noon.Add(-time.Hour), waiting)
	o.exec(`update routers set unreachable = true, failures = 4, last_error = 'connection refused', next_try_at = $1, last_contact_at = $2`,
		noon.Add(20*time.Second), noon.Add(-time.Hour))
	o.exec("update subscribers set name = '<i>Jane</i>'")
	b := o.as(console.RoleOps)
	page := b.get("/ops")
	for _, want := range []string{
		"Stuck : 1 webhook, 1 router change; Kilimani does not answer", // in one sentence
		"the database was busy (1)", "Stuck 1 1 hour",                  // the lists
		"next try in 20 s", "connection refused", "failed 4 times in a row", "<i>Jane</i>", // who holds back whom
		"Failed TransAmount is missing", "Delivery " + itoa(failed), // webhooks
		"Retry now on Kilimani", "Retry now delivery " + itoa(failed),
	} {
		if !strings.Contains(page.text(), want) {
			t.Errorf("the page lacks %q: %s", want, page.text())
		}
	}
	if strings.Contains(page.body, "<i>Jane") || !strings.Contains(page.body, `href="/ops/queues"`) {
		t.Errorf("the page: %s", page.body)
	}
	live := b.part("/ops/live")
	if live.status != http.StatusOK || strings.Contains(live.body, "<html") || !strings.Contains(live.text(), "Kilimani does not answer") {
		t.Errorf("what refreshes itself: %d %s", live.status, live.text())
	}

	if a := b.post("/routers/Kilimani/try-now", "to", "/ops"); a.location() != "/ops" {
		t.Errorf("Retry now of a router: %d %s", a.status, a.text())
	}
	if a := b.post("/deliveries/"+itoa(failed)+"/retry", "to", "/ops"); a.location() != "/ops" {
		t.Errorf("Retry now of a delivery: %d %s", a.status, a.text())
	}
	if a := b.get("/ops").text(); strings.Contains(a, "next try in") || strings.Contains(a, "TransAmount") || !strings.Contains(a, "2 webhooks") {
		t.Errorf("afterwards: %s", a)
	}
}

func TestOps_WithNothingWaiting(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.exec("update provisions set done_gen = want_gen")
	a := o.as(console.RoleOps).get("/ops").text()
	if !strings.Contains(a, "Nothing waits .") || strings.Contains(a, "does not answer") || strings.Contains(a, "Retry now") {
		t.Errorf("%s", a)
	}
}

func TestQueues_OpsLooksAndOwnersChange(t *testing.T) {
	t.Parallel()
	o := open(t)
	change := "/ops/queues/api/queues/accounts/pending_tasks:delete_all"
	for _, path := range []string{"/ops/queues", "/ops/queues/", "/ops/queues/static/js/main.js"} {
		o.only(path, console.RoleOwner, console.RoleManager, console.RoleOps)
	}
	if a := o.stranger().get("/ops/queues/api/queues"); a.status != http.StatusUnauthorized {
		t.Errorf("the dashboard of nobody is answered %d", a.status)
	}
	owner, ops := o.as(console.RoleOwner), o.as(console.RoleOps)
	if a := ops.get("/ops/queues/"); a.body != "queues, may change: false" {
		t.Errorf("ops sees %s", a.body)
	}
	if a := owner.get("/ops/queues/"); a.body != "queues, may change: true" {
		t.Errorf("an owner sees %s", a.body)
	}
	for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodPatch} {
		if a := ops.send(method, change, nil, nil); a.status != http.StatusForbidden {
			t.Errorf("ops: %s answers %d", method, a.status)
		}
		if a := o.as(console.RoleManager).send(method, change, nil, nil); a.status != http.StatusForbidden {
			t.Errorf("a manager: %s answers %d", method, a.status)
		}
		if a := owner.send(method, change, nil, http.Header{"Sec-Fetch-Site": {"same-origin"}}); a.status != http.StatusOK || a.body != "queues, may change: true" {
			t.Errorf("an owner: %s answers %d", method, a.status)
		}
		for _, header := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://elsewhere.example"}}} {
			if a := owner.send(method, change, nil, header); a.status != http.StatusForbidden {
				t.Errorf("%s from %v answers %d", method, header, a.status)
			}
		}
		if a := o.stranger().send(method, change, nil, nil); a.status != http.StatusUnauthorized || a.body == "queues, may change: true" {
			t.Errorf("nobody: %s answers %d %s", method, a.status, a.body)
		}
	}
}

func TestQueues_ThePageOfTheDashboardNoticesThatTheSessionHasEnded(t *testing.T) {
	t.Parallel()
	o := open(t)
	a := o.as(console.RoleOps).get("/ops/queues/page")
	script := regexp.MustCompile(`<script src="(/assets/[^"]+)"></script></head>`).FindStringSubmatch(a.body)
	if script == nil || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || !strings.Contains(a.body, "The dashboard") {
		t.Fatalf("the page is %s %s", a.header.Get("Content-Type"), a.body)
	}
	if js := o.stranger().get(script[1]); js.status != http.StatusOK || !strings.Contains(js.body, "Qserve-Signed-Out") {
		t.Errorf("its script is answered %d", js.status)
	}
	if a := o.stranger().get("/ops/queues/api/queues"); a.header.Get("Qserve-Signed-Out") == "" {
		t.Error("the script is not told that the session has ended")
	}
}

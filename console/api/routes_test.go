package api_test

import (
	"net/http"
	"strings"
	"testing"

	"qserve/console"
)

func TestSubscriber_IsAddedFoundAndShown(t *testing.T) {
	t.Parallel()
	o := setup(t)
	r := o.want(http.StatusCreated, o.call("POST", "/subscribers", `{"account":"ACC-0043","name":"Amina Wanjiru","phone":"0712 345 678","router":"Kilimani","plan":"Home 10"}`))
	added := read[console.SubscriberView](t, r)
	if len(added.Password) < 10 || r.header.Get("Location") != "/api/v1/subscribers/"+id(added.ID) || added.Phone != "+254712345678" {
		t.Errorf("added %s at %s", r.body, r.header.Get("Location"))
	}
	page := read[console.Page[console.SubscriberView]](t, o.want(http.StatusOK, o.call("GET", "/subscribers?q=wanjiru&status=expired&router=Kilimani", "")))
	if len(page.Items) != 1 || page.Items[0].Account != "ACC-0043" || page.Next != "" {
		t.Errorf("found %+v", page)
	}
	first := read[console.Page[console.SubscriberView]](t, o.want(http.StatusOK, o.call("GET", "/subscribers?limit=1", "")))
	second := read[console.Page[console.SubscriberView]](t, o.want(http.StatusOK, o.call("GET", "/subscribers?limit=1&page="+first.Next, "")))
	if len(first.Items) != 1 || len(second.Items) != 1 || first.Items[0].ID == second.Items[0].ID || second.Next != "" {
		t.Errorf("pages %+v, %+v", first, second)
	}
	if none := o.want(http.StatusOK, o.call("GET", "/subscribers?q=nobody", "")); !strings.Contains(none.body, `"items":[]`) {
		t.Errorf("nobody: %s", none.body)
	}
	for _, ref := range []string{"acc0043", "ACC%200043", id(added.ID)} {
		r := o.want(http.StatusOK, o.call("GET", "/subscribers/"+ref, ""))
		if got := read[console.SubscriberView](t, r); got.ID != added.ID || got.Connection == nil || got.Password != "" || r.header.Get("ETag") != `W/"1"` {
			t.Errorf("%s: ETag %s, %s", ref, r.header.Get("ETag"), r.body)
		}
	}
}

func TestEdit_IsRefusedWhenSomebodyElseWasFaster(t *testing.T) {
	t.Parallel()
	o := setup(t)
	tag := o.want(http.StatusOK, o.call("GET", "/subscribers/ACC-0042", "")).header.Get("ETag")
	edit := func(match string) reply {
		return o.call("PATCH", "/subscribers/ACC-0042", `{"name":"Jane Doe"}`, "If-Match", match)
	}
	o.want(http.StatusAccepted, edit(tag))
	o.exec("update actions set state = 'applied', applied_at = accepted_at where state = 'accepted'")
	o.exec("update subscribers set revision = revision + 1")
	for _, stale := range []string{tag, strings.TrimPrefix(tag, "W/"), `"nonsense"`, `"0"`, tag + `, "9"`} {
		o.blamed(o.want(http.StatusPreconditionFailed, edit(stale)))
	}
	fresh := o.want(http.StatusOK, o.call("GET", "/subscribers/ACC-0042", "")).header.Get("ETag")
	if fresh == tag {
		t.Errorf("the ETag stays %s", tag)
	}
	o.want(http.StatusAccepted, edit(fresh))
	o.want(http.StatusAccepted, edit("*"))
}

func TestCommands_AreAcceptedAndCanBeFollowed(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.furnishMore()
	for _, c := range []struct{ method, path, body, kind string }{
		{"POST", "/subscribers/ACC-0042/extend", `{"days":3,"note":"outage"}`, "extend"},
		{"POST", "/subscribers/ACC-0042/notes", `{"text":"ring first"}`, "note"},
		{"POST", "/subscribers/ACC-0042/change-package", `{"plan":"Home 20","when":"renewal"}`, "change-package"},
		{"DELETE", "/subscribers/ACC-0042/change-package", "", "cancel-change"},
		{"PATCH", "/subscribers/ACC-0042", `{"name":"Jane Doe"}`, "edit"},
		{"POST", "/subscribers/ACC-0042/suspend", `{"category":"equipment"}`, "suspend"},
		{"POST", "/subscribers/ACC-0042/reconnect", `{}`, "reconnect"},
		{"DELETE", "/subscribers/ACC-0042?confirm=ACC-0042", "", "delete"},
	} {
		r := o.want(http.StatusAccepted, o.call(c.method, c.path, c.body))
		given := read[console.ActionView](t, r)
		if given.Kind != c.kind || given.State != "accepted" || given.Actor != "token read subscribers payments delete settings admin audit ops" {
			t.Errorf("%s %s: %s", c.method, c.path, r.body)
		}
		at := strings.TrimPrefix(r.header.Get("Location"), "/api/v1")
		if got := read[console.ActionView](t, o.want(http.StatusOK, o.call("GET", at, ""))); got.ID != given.ID || got.Routers == nil {
			t.Errorf("%s is %+v", at, got)
		}
	}
	if n := o.count("select count(*) from actions where source = '10.0.0.7'"); n != 8 {
		t.Errorf("%d actions know where they came from", n)
	}
}

// furnishMore adds a second plan.
func (o *office) furnishMore() {
	o.t.Helper()
	o.want(http.StatusCreated, o.call("POST", "/plans",
		`{"name":"Home 20","rate":"10M/20M","duration":{"count":1,"unit":"months"},"price":{"amount":"2500","currency":"KES"}}`))
}

func TestPreview_ChangesNothing(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.furnishMore()
	before := o.count("select count(*) from actions")
	for path, body := range map[string]string{
		"suspend": suspend, "extend": `{"days":3}`, "change-package": `{"plan":"Home 20","when":"now","convert":true}`,
	} {
		r := o.want(http.StatusOK, o.call("POST", "/subscribers/ACC-0042/"+path+"?preview=true", body))
		if got := read[console.PreviewView](t, r); got.Customer == "" || got.Kind != path || r.header.Get("Location") != "" {
			t.Errorf("%s: %s", path, r.body)
		}
	}
	o.blamed(o.want(http.StatusConflict, o.call("POST", "/subscribers/ACC-0042/reconnect?preview=true", `{}`)))
	if after := o.count("select count(*) from actions"); after != before {
		t.Errorf("%d actions were given", after-before)
	}
}

func TestPayments_AreEnteredAllocatedAndTakenBack(t *testing.T) {
	t.Parallel()
	o := setup(t)
	r := o.want(http.StatusAccepted, o.call("POST", "/payments", `{"subscriber":"ACC-0042","amount":"1500","method":"cash","reference":"R1"}`))
	if got := read[console.EnteredPayment](t, r); got.Action == nil || r.header.Get("Location") != "/api/v1/actions/"+id(got.Action.ID) {
		t.Errorf("entered %s at %s", r.body, r.header.Get("Location"))
	}
	r = o.want(http.StatusCreated, o.call("POST", "/payments", `{"amount":"700","method":"bank","reference":"FT1"}`))
	stray := read[console.EnteredPayment](t, r)
	if stray.Action != nil || stray.Payment.Status != "unallocated" || r.header.Get("Location") != "/api/v1/payments/"+id(stray.Payment.ID) {
		t.Errorf("entered %s at %s", r.body, r.header.Get("Location"))
	}
	at := "/payments/" + id(stray.Payment.ID)
	o.want(http.StatusOK, o.call("GET", at, ""))
	o.want(http.StatusConflict, o.call("GET", at+"/receipt", ""))
	o.want(http.StatusConflict, o.call("POST", at+"/unallocate", `{"reason":"x"}`))
	o.want(http.StatusAccepted, o.call("POST", at+"/allocate", `{"subscriber":"ACC-0042"}`))
	list := read[console.Page[console.PaymentView]](t, o.want(http.StatusOK, o.call("GET", "/payments?status=unallocated&q=FT1", "")))
	if len(list.Items) != 1 || list.Items[0].ID != stray.Payment.ID {
		t.Errorf("unallocated %+v", list)
	}
	other := read[console.EnteredPayment](t, o.want(http.StatusCreated, o.call("POST", "/payments", `{"amount":"5","method":"bank","reference":"FT2"}`)))
	gone := read[console.EnteredPayment](t, o.want(http.StatusOK, o.call("POST", "/payments/"+id(other.Payment.ID)+"/reverse", `{"reason":"typed twice"}`)))
	if gone.Payment.Status != "reversed" || gone.Action != nil {
		t.Errorf("reversed %+v", gone)
	}
	for _, path := range []string{"payments", "invoices", "ledger", "activity"} {
		if r := o.want(http.StatusOK, o.call("GET", "/subscribers/ACC-0042/"+path, "")); !strings.HasPrefix(r.body, `{"items":[`) {
			t.Errorf("%s: %s", path, r.body)
		}
	}
}

func TestSettings_AreKeptOverTheAPI(t *testing.T) {
	t.Parallel()
	o := setup(t)
	r := o.want(http.StatusCreated, o.call("POST", "/plans",
		`{"name":"Night/Day 5%","rate":"1M/5M","duration":{"count":1,"unit":"days"},"price":{"amount":"50","currency":"KES"}}`))
	at := strings.TrimPrefix(r.header.Get("Location"), "/api/v1")
	if plan := read[console.PlanView](t, o.want(http.StatusOK, o.call("GET", at, ""))); plan.Name != "Night/Day 5%" || plan.OnExpiry != "cut" {
		t.Errorf("%s is %+v", at, plan)
	}
	if plan := read[console.PlanView](t, o.want(http.StatusOK, o.call("PATCH", at, `{"price":{"amount":"60","currency":"KES"}}`))); plan.Price.Amount != "60.00" || plan.Rate != "1M/5M" {
		t.Errorf("changed %+v", plan)
	}
	if plan := read[console.PlanView](t, o.want(http.StatusOK, o.call("DELETE", at, ""))); plan.ArchivedAt == nil {
		t.Errorf("archived %+v", plan)
	}
	for query, n := range map[string]int{"": 1, "?archived=true": 2} {
		if list := read[console.Page[console.PlanView]](t, o.want(http.StatusOK, o.call("GET", "/plans"+query, ""))); len(list.Items) != n {
			t.Errorf("%s: %+v", query, list)
		}
	}

	body := `{"name":"Karen","mode":"radius","radius_secret":"radius-secret","nas_address":"10.9.0.3"}`
	r = o.want(http.StatusCreated, o.call("POST", "/routers", body))
	if strings.Contains(r.body, "radius-secret") || r.header.Get("Location") != "/api/v1/routers/Karen" {
		t.Errorf("added at %s: %s", r.header.Get("Location"), r.body)
	}
	if router := read[console.RouterView](t, o.want(http.StatusOK, o.call("PATCH", "/routers/Karen", `{"interim_seconds":600}`))); router.InterimSeconds != 600 {
		t.Errorf("changed %+v", router)
	}
	if report := read[console.RouterReport](t, o.want(http.StatusOK, o.call("POST", "/routers/Karen/check", ""))); !report.Reachable || report.Problems == nil {
		t.Errorf("checked %+v", report)
	}
	o.want(http.StatusOK, o.call("POST", "/routers/Karen/retry", ""))
	o.want(http.StatusNoContent, o.call("DELETE", "/routers/Karen", ""))
	if list := read[console.Page[console.RouterView]](t, o.want(http.StatusOK, o.call("GET", "/routers", ""))); len(list.Items) != 1 {
		t.Errorf("routers %+v", list)
	}
	o.want(http.StatusOK, o.call("GET", "/routers/Kilimani", ""))

	added := read[console.SourceSecret](t, o.want(http.StatusCreated, o.call("POST", "/sources", `{"name":"Till","kind":"standard"}`)))
	if added.Secret == "" || len(added.URLs) != 1 {
		t.Errorf("added %+v", added)
	}
	if r := o.want(http.StatusOK, o.call("GET", "/sources/Till", "")); strings.Contains(r.body, added.Secret) {
		t.Errorf("shown %s", r.body)
	}
	if turned := read[console.SourceSecret](t, o.want(http.StatusOK, o.call("POST", "/sources/Till/rotate", `{"overlap_hours":1}`))); turned.Secret == added.Secret {
		t.Errorf("rotated %+v", turned)
	}
	o.want(http.StatusOK, o.call("PATCH", "/sources/Till", `{"name":"Till 2"}`))
	if gone := read[console.SourceView](t, o.want(http.StatusOK, o.call("DELETE", "/sources/Till%202", ""))); gone.ArchivedAt == nil {
		t.Errorf("archived %+v", gone)
	}
	if list := o.want(http.StatusOK, o.call("GET", "/sources", "")); !strings.Contains(list.body, `"items":[]`) {
		t.Errorf("sources %s", list.body)
	}

	log := read[console.Page[console.AuditView]](t, o.want(http.StatusOK, o.call("GET", "/audit?actor=token+read+subscribers+payments+delete+settings+admin+audit+ops&limit=100", "")))
	if len(log.Items) < 10 || log.Items[0].Source != "10.0.0.7" {
		t.Errorf("audit log %+v", log)
	}
}

func TestHistory_IsHadAsASpreadsheet(t *testing.T) {
	t.Parallel()
	o := setup(t)
	for _, r := range []reply{
		o.call("GET", "/subscribers/ACC-0042/activity?format=csv", ""),
		o.call("GET", "/subscribers/ACC-0042/activity", "", "Accept", "text/csv; charset=utf-8"),
		o.call("GET", "/audit", "", "Accept", "text/csv"),
	} {
		o.want(http.StatusOK, r)
		if r.header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(r.body, "id,at,kind,actor,source,") ||
			strings.Count(r.body, "\r\n") < 2 || !strings.Contains(r.header.Get("Content-Disposition"), "attachment; filename=") {
			t.Errorf("%v: %s", r.header, r.body)
		}
	}
	for _, accept := range []string{"application/json", "*/*", "application/json, text/csv"} {
		if r := o.want(http.StatusOK, o.call("GET", "/subscribers/ACC-0042/activity?kind=create,payment", "", "Accept", accept)); r.header.Get("Content-Type") != "application/json" {
			t.Errorf("Accept %s: %s", accept, r.header.Get("Content-Type"))
		}
	}
	o.blamed(o.want(http.StatusNotFound, o.call("GET", "/subscribers/ACC-0043/activity?format=csv", "")))
}

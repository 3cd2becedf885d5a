package api_test

import (
	"net/http"
	"strings"
	"testing"

	"qserve/console"
)

func TestStaff_AreKeptOverTheAPI(t *testing.T) {
	t.Parallel()
	o := setup(t)
	r := o.want(http.StatusCreated, o.call("POST", "/staff", `{"login":"Amina+1@net.example","name":"Amina Wanjiru","role":"owner"}`))
	added := read[console.MadeStaff](t, r)
	at := strings.TrimPrefix(r.header.Get("Location"), "/api/v1")
	if added.Login != "amina+1@net.example" || added.Role != "owner" || !added.MustChange || added.Password == "" {
		t.Errorf("added %s at %s", r.body, at)
	}
	if shown := o.want(http.StatusOK, o.call("GET", at, "")); read[console.StaffView](t, shown) != added.StaffView || strings.Contains(shown.body, added.Password) {
		t.Errorf("shown %s", shown.body)
	}
	in := console.SignIn{Login: added.Login, Password: added.Password}
	first, err := o.SignIn(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	reset := read[console.MadeStaff](t, o.want(http.StatusOK, o.call("PATCH", at, `{"reset_password":true}`)))
	if _, err := o.Member(t.Context(), first.ID, first.Generation); err == nil || reset.Password == "" || reset.Password == added.Password {
		t.Errorf("the password was reset to %q, and the session goes on: %v", reset.Password, err)
	}
	if r := o.want(http.StatusConflict, o.call("PATCH", at, `{"role":"viewer"}`)); !strings.Contains(r.body, "is the only owner") {
		t.Errorf("another role: %s", r.body)
	}
	o.blamed(o.want(http.StatusConflict, o.call("DELETE", at, "")))
	o.want(http.StatusCreated, o.call("POST", "/staff", `{"login":"otieno","role":"owner"}`))
	if changed := read[console.MadeStaff](t, o.want(http.StatusOK, o.call("PATCH", at, `{"role":"viewer"}`))); changed.Role != "viewer" || changed.Password != "" {
		t.Errorf("changed %+v", changed)
	}
	o.want(http.StatusNoContent, o.call("DELETE", at, ""))
	for _, c := range []reply{o.call("GET", at, ""), o.call("PATCH", at, `{"unlock":true}`), o.call("DELETE", at, "")} {
		o.blamed(o.want(http.StatusNotFound, c))
	}
	list := read[console.Page[console.StaffView]](t, o.want(http.StatusOK, o.call("GET", "/staff", "")))
	if len(list.Items) != 1 || list.Items[0].Login != "otieno" || list.Items[0].LastSignInAt != nil {
		t.Errorf("listed %+v", list)
	}
	for where, body := range map[string]string{
		"body.login": `{"login":"a b","role":"viewer"}`, "body.role": `{"login":"x","role":"cook"}`, "body.password": `{"login":"x","role":"viewer","password":"short"}`,
	} {
		if r := o.want(http.StatusUnprocessableEntity, o.call("POST", "/staff", body)); o.blamed(r) != where || strings.Contains(r.body, "short") {
			t.Errorf("%s: %s", where, r.body)
		}
	}
	if at := o.blamed(o.want(http.StatusConflict, o.call("POST", "/staff", `{"login":"OTIENO","role":"viewer"}`))); at != "body.login" {
		t.Errorf("a login that is taken is blamed on %s", at)
	}
	if log := o.call("GET", "/audit?kind=staff-add,staff-change,staff-remove&limit=100", ""); strings.Count(log.body, `"object":"staff amina+1@net.example"`) != 4 {
		t.Errorf("audit log %s", log.body)
	}
	for _, password := range []string{added.Password, reset.Password} {
		if strings.Contains(o.log.String(), password) {
			t.Error("the log shows a password")
		}
	}
}

func TestPersonWhoIsAddedTwiceWithOneKey_IsOneWithOnePassword(t *testing.T) {
	t.Parallel()
	o := setup(t)
	add := func() reply {
		return o.want(http.StatusCreated, o.call("POST", "/staff", `{"login":"amina","role":"viewer"}`, "Idempotency-Key", "a"))
	}
	first, again := add(), add()
	if again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("first %s\nthen %s", first.body, again.body)
	}
	password := read[console.MadeStaff](t, first).Password
	if n := o.count("select count(*) from api_answers where position(convert_to($1, 'UTF8') in sealed) > 0", password); n != 0 || password == "" {
		t.Error("the stored answer shows the password")
	}
	if _, err := o.SignIn(t.Context(), console.SignIn{Login: "amina", Password: password}); err != nil {
		t.Error(err)
	}
}

func TestToken_GivesNoRoleThatMayMoreThanItself(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.want(http.StatusCreated, o.call("POST", "/staff", `{"login":"boss","role":"owner"}`))
	o.want(http.StatusCreated, o.call("POST", "/staff", `{"login":"amina","role":"viewer"}`))
	weak := []string{"Authorization", "Bearer " + o.tokenWith(console.ScopeAdmin, console.ScopeRead, console.ScopeOps)}
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/staff", `{"login":"mallory","role":"owner"}`},
		{"POST", "/staff", `{"login":"mallory","role":"support"}`},
		{"PATCH", "/staff/boss", `{"reset_password":true}`},
		{"PATCH", "/staff/BOSS", `{"drop_second_factor":true}`},
		{"PATCH", "/staff/amina", `{"role":"manager"}`},
	} {
		r := o.want(http.StatusForbidden, o.call(c.method, c.path, c.body, weak...))
		if !strings.Contains(r.body, "has no scope subscribers, which the role") || !strings.Contains(r.header.Get("WWW-Authenticate"), "insufficient_scope") {
			t.Errorf("%s %s %s: %s", c.method, c.path, c.body, r.body)
		}
	}
	o.want(http.StatusOK, o.call("PATCH", "/staff/amina", `{"role":"ops"}`, weak...))
	o.want(http.StatusCreated, o.call("POST", "/staff", `{"login":"otieno","role":"viewer"}`, weak...))
}

package pages_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"qserve/console"
	"qserve/db"
)

// inspector finds of every router what it was told to find.
type inspector struct{ report console.RouterReport }

func (i *inspector) CheckRouter(context.Context, db.Router) (console.RouterReport, error) {
	return i.report, nil
}

func (o *office) router(name string) console.RouterView {
	o.t.Helper()
	v, err := o.Router(o.t.Context(), name)
	o.must(err)
	return v
}

func TestRouters_SayHowEachDoesAndWhomItHoldsUp(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.exec(`update subscribers set name = '<b>Jane</b>'`)
	b := o.as(console.RoleViewer)
	list := b.get("/routers").is(t, http.StatusOK)
	list.tells(t, "Kilimani Never needed yet", "local never 1")
	list.has(t, `<a href="/customers?router=Kilimani">1</a>`)

	o.clock.Advance(10 * time.Minute)
	o.exec(`update routers set last_contact_at = $1, unreachable = true, failures = 3, last_error = 'no answer within 5s', next_try_at = $2`,
		noon.Add(-time.Hour), noon.Add(10*time.Minute+20*time.Second))
	list = b.get("/routers").is(t, http.StatusOK)
	list.tells(t, "Does not answer next try in 20 s no answer within 5s", "1 hour ago", "10 min")
	list.lacks(t, "Try now", "New router") // a viewer may only look

	page := b.get("/routers/Kilimani").is(t, http.StatusOK)
	page.tells(t, "Does not answer", "no answer within 5s", "1, the oldest for 10 min", "jane042", "<b>Jane</b> ACC-0042", "no access", "API password set", "clear text")
	page.has(t, `href="/customers/ACC-0042"`)
	page.lacks(t, "<b>Jane</b>", "api-password", "/routers/Kilimani/change", "Try now")
}

func TestRouters_AreInOrderBehindOrInTrouble(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleOps)
	for _, c := range []struct{ sql, says string }{
		{`update routers set last_contact_at = $1`, "In order"},
		{`update routers set last_contact_at = $1, last_error = 'invalid user name or password'`, "Answers with an error invalid user name or password"},
		{`update routers set last_contact_at = $1, last_error = '', unreachable = true`, "Does not answer tried again by itself"},
		{`update routers set last_contact_at = nullif($1, last_contact_at), last_error = 'connection refused'`, "Never answered tried again by itself connection refused"},
	} {
		o.exec(c.sql, noon)
		b.get("/routers").tells(t, c.says)
	}
	o.exec(`update routers set unreachable = false, last_error = '', last_contact_at = $1`, noon)
	o.clock.Advance(2 * time.Minute)
	b.get("/routers").tells(t, "Behind a change waits since 12:00")
	o.exec(`update provisions set done_gen = want_gen`)
	b.get("/routers").tells(t, "In order")
	b.get("/routers/Kilimani").tells(t, "Nothing waits for it")
}

func TestWithoutARouter_ThePageSaysWhatToDo(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.exec(`update routers set archived_at = $1`, noon)
	owner := o.as(console.RoleOwner)
	owner.get("/routers").tells(t, "There is no router yet", "Add the first router", "/radius/incoming/set accept=yes port=3799", "/user/group/add name=qserve")
	o.as(console.RoleSupport).get("/routers").tells(t, "A manager or an owner can add one")
	owner.get("/customers/new").tells(t, "A subscriber needs a plan and a router.", "Add a router, and see what to set on it")
}

func TestNewRouter_IsStoredOrSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleManager)
	b.get("/routers/new").is(t, http.StatusOK).tells(t, "New router", "At least 8 characters")
	fields := []string{
		"name", "Ngong / 1", "mode", "radius", "radius_secret", "short", "coa_address", "10.9.0.3:3799", "interim_seconds", "120",
		"coa_message_authenticator", "on",
	}
	wrong := b.post("/routers/new", fields...).is(t, http.StatusUnprocessableEntity)
	wrong.tells(t, "must have at least 8 characters")
	wrong.has(t, `value="Ngong / 1"`, `value="10.9.0.3:3799"`)
	wrong.lacks(t, "short")

	fields[5] = "a-long-secret"
	made := b.post("/routers/new", fields...).is(t, http.StatusSeeOther)
	if want := "/routers/Ngong%20%2F%201"; made.location() != want {
		t.Errorf("led to %s, want %s", made.location(), want)
	}
	page := b.get(made.location()).is(t, http.StatusOK)
	page.tells(t, "Router Ngong / 1 is added", "RADIUS secret set", "10.9.0.3:3799, with Message-Authenticator", "every 120 s", "src-address=10.9.0.3")
	page.lacks(t, "a-long-secret")
	b.post("/routers/new", fields...).is(t, http.StatusUnprocessableEntity).tells(t, "there is a router")
}

func TestChangeRouter_KeepsSecretsAndWhatOthersChanged(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleManager)
	form := b.get("/routers/Kilimani/change").is(t, http.StatusOK)
	form.tells(t, "Set; empty keeps it.")
	form.lacks(t, "api-password")
	sealed := o.ask(`select encode(api_password_sealed, 'hex') from routers`)

	_, err := o.ChangeRouter(t.Context(), boss, "Kilimani", console.RouterChange{Pool: new("homes")})
	o.must(err)
	fields := []string{
		"was", form.was(), "name", "Kilimani 2", "mode", "local", "api_address", "10.9.0.2:8728", "api_user", "qserve", "api_password", "",
		"api_plain", "on", "api_pin", "", "api_ca", "", "nas_address", "", "coa_address", "", "local_address", "", "pool", "", "interim_seconds", "300",
	}
	changed := b.post("/routers/Kilimani/change", fields...).is(t, http.StatusSeeOther)
	if changed.location() != "/routers/Kilimani%202" {
		t.Errorf("led to %s", changed.location())
	}
	if v := o.router("Kilimani 2"); v.Pool != "homes" || !v.APIPlain || v.InterimSeconds != 300 {
		t.Errorf("the router is %+v", v)
	}
	if o.ask(`select encode(api_password_sealed, 'hex') from routers`) != sealed {
		t.Error("an empty password replaced the stored one")
	}
	if got := o.ask(`select summary from audit order by id desc limit 1`); got != "Router Kilimani changed: name" {
		t.Errorf("the audit log says %q", got)
	}
	b.post("/routers/Kilimani%202/change", "api_password", "another", "api_plain", "on").is(t, http.StatusSeeOther)
	if o.ask(`select encode(api_password_sealed, 'hex') from routers`) == sealed {
		t.Error("the password was not replaced")
	}
	b.post("/routers/Kilimani%202/change", "was", form.was(), "interim_seconds", "soon", "api_plain", "on").
		is(t, http.StatusUnprocessableEntity).tells(t, "must be a whole number")
}

func TestRemoveRouter_AsksForItsName(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleManager)
	b.get("/routers/Kilimani/remove").tells(t, "1 subscriber is on it", "Look at them")
	b.post("/routers/Kilimani/remove", "confirm", "Kilimani").is(t, http.StatusUnprocessableEntity).tells(t, "is on it")

	_, err := o.AddRouter(t.Context(), boss, console.NewRouter{Name: "Westlands", Mode: "radius", RadiusSecret: "a-long-secret", NASAddress: "10.9.0.3"})
	o.must(err)
	b.post("/routers/Westlands/remove", "confirm", "westlands").is(t, http.StatusUnprocessableEntity).tells(t, "must be the name of the router, Westlands")
	o.router("Westlands")
	done := b.postPart("/routers/Westlands/remove", "confirm", "Westlands").is(t, http.StatusOK)
	if to := done.header.Get("Hx-Redirect"); to != "/routers" {
		t.Errorf("led to %q", to)
	}
	b.get("/routers").tells(t, "Router Westlands is removed.")
	b.get("/routers/Westlands").is(t, http.StatusNotFound)
}

func TestCheckRouter_TellsWhatItFound(t *testing.T) {
	t.Parallel()
	o := open(t)
	found := &inspector{console.RouterReport{
		Reachable: true, Identity: "<i>kilimani</i>", Version: "7.18.2", Problems: []string{"FastTrack bypasses every rate limit; remove it"},
	}}
	o.Checker = found
	b := o.as(console.RoleOps)
	page := b.post("/routers/Kilimani/check").is(t, http.StatusOK)
	page.tells(t, "It answers <i>kilimani</i> , RouterOS 7.18.2", "FastTrack bypasses every rate limit; remove it", "Set-up")
	page.lacks(t, "<i>kilimani")
	part := b.postPart("/routers/Kilimani/check").is(t, http.StatusOK)
	part.tells(t, "FastTrack")
	part.lacks(t, "<html", "Set-up")
	found.report = console.RouterReport{Problems: []string{"Kilimani: connect: no answer"}}
	b.postPart("/routers/Kilimani/check").tells(t, "It does not answer", "Kilimani: connect: no answer")
	b.post("/routers/Ngong/check").is(t, http.StatusNotFound)
}

func TestTryNow_LeadsBackAndLeavesACardAlone(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleOps)
	o.exec(`update routers set next_try_at = $1`, noon.Add(time.Hour))
	if a := b.post("/routers/Kilimani/try-now").is(t, http.StatusSeeOther); a.location() != "/routers/Kilimani" {
		t.Errorf("led to %s", a.location())
	}
	if o.router("Kilimani").NextTryAt != nil {
		t.Error("the router is still left alone")
	}
	for to, want := range map[string]string{"/customers/ACC-0042": "/customers/ACC-0042", "https://evil.example/": "/", "//evil.example": "/"} {
		if a := b.post("/routers/Kilimani/try-now", "to", to).is(t, http.StatusSeeOther); a.location() != want {
			t.Errorf("%s led to %s", to, a.location())
		}
	}
	if a := b.postPart("/routers/Kilimani/try-now", "to", "/customers/ACC-0042").is(t, http.StatusNoContent); a.body != "" {
		t.Errorf("a card was told %q", a.body)
	}
	b.post("/routers/Ngong/try-now").is(t, http.StatusNotFound)
}

func TestRouters_AreForThoseWhoMay(t *testing.T) {
	t.Parallel()
	o := open(t)
	support, ops := o.as(console.RoleSupport), o.as(console.RoleOps)
	for _, path := range []string{"/routers/new", "/routers/Kilimani/change", "/routers/Kilimani/remove"} {
		for _, b := range []*browser{support, ops} {
			b.get(path).is(t, http.StatusForbidden)
			b.post(path, "name", "Ngong", "mode", "local").is(t, http.StatusForbidden)
		}
	}
	support.post("/routers/Kilimani/check").is(t, http.StatusForbidden)
	support.post("/routers/Kilimani/try-now").is(t, http.StatusSeeOther) // with a customer of it on the phone
	o.as(console.RoleViewer).post("/routers/Kilimani/try-now").is(t, http.StatusForbidden)
	if a := o.stranger().get("/routers").is(t, http.StatusSeeOther); a.location() != "/sign-in?to="+url.QueryEscape("/routers") {
		t.Errorf("a stranger was led to %s", a.location())
	}
}

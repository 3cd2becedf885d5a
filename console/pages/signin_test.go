package pages_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"qserve/console"
)

func TestSignIn_BringsBackToThePageThatWasAskedFor(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.stranger()
	a := b.get("/customers/ACC-0042?tab=payments")
	if a.status != http.StatusSeeOther || a.location() != "/sign-in?to=%2Fcustomers%2FACC-0042%3Ftab%3Dpayments" {
		t.Fatalf("a stranger is sent to %q with %d", a.location(), a.status)
	}
	a = b.post("/sign-in", "login", "support", "password", password, "to", "/customers/ACC-0042?tab=payments")
	if a.status != http.StatusSeeOther || a.location() != "/customers/ACC-0042?tab=payments" {
		t.Fatalf("signing in leads to %q with %d", a.location(), a.status)
	}
	if a := b.get("/customers/ACC-0042"); a.status != http.StatusOK || !strings.Contains(a.text(), "Jane Doe") {
		t.Errorf("then: %d %s", a.status, a.text())
	}
}

func TestSignIn_LeadsNowhereElse(t *testing.T) {
	t.Parallel()
	o := open(t)
	for _, to := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", "evil"} {
		if a := o.stranger().post("/sign-in", "login", "viewer", "password", password, "to", to); a.location() != "/" {
			t.Errorf("to %q leads to %q", to, a.location())
		}
	}
}

func TestSignIn_SaysTheSameOfAWrongNameAndAWrongPassword(t *testing.T) {
	t.Parallel()
	o := open(t)
	nobody := o.stranger().post("/sign-in", "login", "nobody", "password", password)
	wrong := o.stranger().post("/sign-in", "login", "owner", "password", "wrong-password")
	if nobody.status != http.StatusUnauthorized || wrong.status != http.StatusUnauthorized {
		t.Errorf("answers %d and %d", nobody.status, wrong.status)
	}
	if a, b := strings.ReplaceAll(nobody.body, "nobody", ""), strings.ReplaceAll(wrong.body, "owner", ""); a != b {
		t.Errorf("the pages differ:\n%s\n%s", a, b)
	}
	for _, secret := range []string{password, "wrong-password"} {
		if strings.Contains(nobody.body+wrong.body, secret) {
			t.Error("a password is on the page")
		}
	}
}

func TestSignIn_IsLockedAfterFailures(t *testing.T) {
	t.Parallel()
	o := open(t)
	var last answer
	for range 6 {
		last = o.stranger().post("/sign-in", "login", "owner", "password", "wrong-password")
	}
	if last.status != http.StatusTooManyRequests || !strings.Contains(last.text(), "Try again in") {
		t.Errorf("after six failures: %d %s", last.status, last.text())
	}
	if a := o.stranger().post("/sign-in", "login", "owner", "password", password); a.status != http.StatusTooManyRequests {
		t.Errorf("the right password while locked: %d", a.status)
	}
	o.clock.Advance(time.Hour)
	if a := o.stranger().post("/sign-in", "login", "owner", "password", password); a.status != http.StatusSeeOther {
		t.Errorf("after the lock: %d %s", a.status, a.text())
	}
}

func TestPasswordOfSomebodyElse_HasToBeChangedFirst(t *testing.T) {
	t.Parallel()
	o := open(t)
	made, err := o.AddStaff(t.Context(), boss, console.NewStaff{Login: "amina", Name: "Amina", Role: "support"})
	o.must(err)
	b := o.stranger()
	b.post("/sign-in", "login", "amina", "password", made.Password)
	if a := b.get("/customers"); a.location() != "/me/password" {
		t.Fatalf("customers lead to %q", a.location())
	}
	if a := b.post("/customers/ACC-0042/extend", "days", "3"); a.location() != "/me/password" {
		t.Fatalf("an order leads to %q", a.location())
	}
	if a := b.post("/me/password", "old", made.Password, "new", "short", "again", "short"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a short password: %d", a.status)
	}
	if a := b.post("/me/password", "old", made.Password, "new", password, "again", password+"x"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("two different ones: %d", a.status)
	}
	if a := b.post("/me/password", "old", made.Password, "new", password, "again", password); a.status != http.StatusSeeOther {
		t.Fatalf("changing it: %d %s", a.status, a.text())
	}
	if a := b.get("/customers"); a.status != http.StatusOK {
		t.Errorf("afterwards: %d", a.status)
	}
}

func TestSecondFactor_IsAskedForOnceItIsSet(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleOwner)
	form := b.get("/me/second-factor")
	_, rest, _ := strings.Cut(form.body, `name="secret" value="`)
	secret, _, _ := strings.Cut(rest, `"`)
	_, rest, _ = strings.Cut(form.body, `name="url" value="`)
	address, _, _ := strings.Cut(rest, `"`)
	address = strings.ReplaceAll(address, "&amp;", "&")
	code := func() string {
		text, err := totp.GenerateCode(secret, o.clock.Now())
		o.must(err)
		return text
	}
	if a := b.post("/me/second-factor", "secret", secret, "url", address, "code", "000000"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong code: %d", a.status)
	}
	if a := b.post("/me/second-factor", "secret", secret, "url", address, "code", code()); a.status != http.StatusSeeOther {
		t.Fatalf("setting it: %d %s", a.status, a.text())
	}
	o.clock.Advance(time.Minute)
	if a := o.stranger().post("/sign-in", "login", "owner", "password", password); a.status != http.StatusUnauthorized {
		t.Errorf("without a code: %d", a.status)
	}
	if a := o.stranger().post("/sign-in", "login", "owner", "password", password, "code", code()); a.status != http.StatusSeeOther {
		t.Errorf("with the code: %d %s", a.status, a.text())
	}
}

func TestSigningOutEverywhere_EndsEverySession(t *testing.T) {
	t.Parallel()
	o := open(t)
	here, there := o.as(console.RoleSupport), o.as(console.RoleSupport)
	here.post("/me/sign-out-everywhere")
	if a := there.get("/customers"); a.status != http.StatusSeeOther {
		t.Errorf("the other session goes on: %d", a.status)
	}
}

func TestSession_EndsWhenItIsNotUsed(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	for range 3 { // used all day, it goes on
		o.clock.Advance(7 * time.Hour)
		if a := b.get("/customers"); a.status != http.StatusOK {
			t.Fatalf("a session in use: %d", a.status)
		}
	}
	o.clock.Advance(8*time.Hour + time.Minute)
	if a := b.get("/customers"); a.status != http.StatusSeeOther {
		t.Errorf("a session that was forgotten: %d", a.status)
	}
}

func TestSession_EndsThoughAPageThatIsLeftOpenGoesOnAsking(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleOps)
	for _, asked := range []struct {
		path   string
		header http.Header
	}{
		{"/ops/queues/api/queues", nil},
		{"/ops", http.Header{"Hx-Request": {"true"}}},
	} {
		o.clock.Advance(7 * time.Hour)
		if a := b.get("/ops"); a.status != http.StatusOK {
			t.Fatalf("a session in use: %d", a.status)
		}
		o.clock.Advance(7 * time.Hour)
		if a := b.send(http.MethodGet, asked.path, nil, asked.header); a.status != http.StatusOK {
			t.Fatalf("%s is answered %d", asked.path, a.status)
		}
		o.clock.Advance(2 * time.Hour)
		if a := b.get("/ops"); a.status != http.StatusSeeOther {
			t.Errorf("asking for %s keeps the session: %d", asked.path, a.status)
		}
		b = o.as(console.RoleOps)
	}
}

func TestSignOut_EndsTheSession(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	b.post("/sign-out")
	if a := b.get("/customers"); a.status != http.StatusSeeOther {
		t.Errorf("afterwards: %d", a.status)
	}
}

func TestAnotherSite_CannotSendForms(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleOwner)
	for name, header := range map[string]http.Header{
		"by what the browser says": {"Sec-Fetch-Site": {"cross-site"}},
		"by the origin":            {"Origin": {"https://evil.example"}},
	} {
		a := b.send(http.MethodPost, "/customers/ACC-0042/suspend", form([]string{"category", "other"}), header)
		if a.status != http.StatusForbidden {
			t.Errorf("%s: answered %d", name, a.status)
		}
	}
	if about, err := o.About(t.Context(), 1, console.AboutQuery{Since: noon.Add(-time.Hour)}); err != nil || len(about.Actions) > 1 {
		t.Errorf("actions: %+v, %v", about.Actions, err)
	}
}

func TestEveryPage_ForbidsWhatItDoesNotNeed(t *testing.T) {
	t.Parallel()
	o := open(t)
	a := o.as(console.RoleOwner).get("/customers")
	policy := a.header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q has no %s", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers are %v", a.header)
	}
}

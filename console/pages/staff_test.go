package pages_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"qserve/console"
)

// personPath is the page of somebody of the staff.
func (o *office) personPath(login string) string {
	o.t.Helper()
	p, err := o.StaffMember(o.t.Context(), login)
	o.must(err)
	return fmt.Sprintf("/staff/%d", p.ID)
}

// only reports whether those roles, and no others, are let in; nobody is without a sign-in.
func (o *office) only(path string, roles ...console.Role) {
	o.t.Helper()
	may := map[console.Role]bool{}
	for _, role := range roles {
		may[role] = true
	}
	for _, role := range console.Roles {
		want := http.StatusForbidden
		if may[role] {
			want = http.StatusOK
		}
		if a := o.as(role).get(path); a.status != want {
			o.t.Errorf("%s gets %d at %s: %s", role, a.status, path, a.text())
		}
	}
	if a := o.stranger().get(path); a.status != http.StatusSeeOther || !strings.HasPrefix(a.location(), "/sign-in") {
		o.t.Errorf("somebody without a sign-in gets %d at %s", a.status, path)
	}
}

func TestStaff_OwnerSeesWhoMaySignIn(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.only("/staff", console.RoleOwner)
	_, err := o.AddStaff(t.Context(), boss, console.NewStaff{Login: "eve", Name: `<b>Eve</b> & "Co"`, Role: "viewer"})
	o.must(err)
	o.exec("update staff set failures = 7, locked_until = $1 where login = 'support'", noon.Add(10*time.Minute))
	b := o.as(console.RoleOwner)
	list := b.get("/staff")
	text := list.text()
	for _, want := range []string{"The owner (you)", "Locked until 12:10", "Has to change the password", "never signed in", `<b>Eve</b> & "Co"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the list lacks %q: %s", want, text)
		}
	}
	if strings.Contains(list.body, "<b>Eve") {
		t.Error("HTML in a name is not escaped")
	}
	page := b.get(o.personPath("support")).text()
	for _, want := range []string{"Locked until 12:10", "Enter, allocate, split and reverse payments", "Unlock"} {
		if want = strings.ToLower(want); !strings.Contains(strings.ToLower(page), want) {
			t.Errorf("the page of somebody who is locked lacks %q: %s", want, page)
		}
	}
	if a := b.get("/staff/999999"); a.status != http.StatusNotFound {
		t.Errorf("nobody's page answers %d", a.status)
	}
}

var shownOnce = regexp.MustCompile(`<p class="figures"><b class="copy">([^<]+)</b></p>`)

// once is the secret that a page tells.
func (a answer) once() string {
	if found := shownOnce.FindStringSubmatch(a.body); found != nil {
		return found[1]
	}
	return ""
}

func TestStaff_SomebodyNewSignsInWithThePasswordThatIsShownOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleOwner)
	form := b.get("/staff/new").text()
	if !strings.Contains(form, "Everything, except to keep payment sources, staff and API tokens.") {
		t.Errorf("the roles are not explained: %s", form)
	}
	bad := b.postPart("/staff/new", "login", "no spaces", "role", "support")
	if bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.body, `value="no spaces"`) || !strings.Contains(bad.body, `id="p-login"`) {
		t.Errorf("a login with a space: %d %s", bad.status, bad.body)
	}
	if a := b.post("/staff/new", "login", "amina", "role", "queen"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text(), "no role") {
		t.Errorf("a role that is none: %d %s", a.status, a.text())
	}
	made := b.postPart("/staff/new", "login", "Amina", "name", "Amina Wanjiru", "role", "support")
	if made.status != http.StatusOK || made.once() == "" {
		t.Fatalf("%d %s", made.status, made.text())
	}
	if a := b.post("/staff/new", "login", "amina", "role", "support"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text(), "already") {
		t.Errorf("the same login again: %d %s", a.status, a.text())
	}
	amina := o.stranger()
	if a := amina.post("/sign-in", "login", "amina", "password", made.once()); a.status != http.StatusSeeOther {
		t.Fatalf("the shown password does not work: %s", a.text())
	}
	if a := amina.get("/customers"); a.location() != "/me/password" {
		t.Errorf("nobody has to change the first password: %d %q", a.status, a.location())
	}

	reset := b.post(o.personPath("amina") + "/reset-password")
	if reset.status != http.StatusOK || reset.once() == "" || reset.once() == made.once() {
		t.Fatalf("%d %s", reset.status, reset.text())
	}
	if a := amina.get("/customers"); !strings.HasPrefix(a.location(), "/sign-in") {
		t.Errorf("the session outlives the password: %d %q", a.status, a.location())
	}
	if a := o.stranger().post("/sign-in", "login", "amina", "password", reset.once()); a.status != http.StatusSeeOther {
		t.Errorf("the reset password does not work: %s", a.text())
	}
}

func TestStaff_ChangesTakeEffectAtOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	b, support := o.as(console.RoleOwner), o.as(console.RoleSupport)
	path := o.personPath("support")
	if a := b.postPart(path+"/change", "name", "Sam", "role", "viewer"); a.header.Get("Hx-Redirect") != path {
		t.Fatalf("%d %s", a.status, a.text())
	}
	if a := b.get(path); !strings.Contains(a.text(), "Sam is changed.") || !strings.Contains(a.text(), "viewer") {
		t.Errorf("afterwards: %s", a.text())
	}
	if a := support.get("/customers"); !strings.HasPrefix(a.location(), "/sign-in") {
		t.Errorf("the session goes on with the old role: %d", a.status)
	}
	if a := b.post(path+"/change", "name", "", "role", "viewer"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="p-name"`) {
		t.Errorf("an empty name: %d %s", a.status, a.text())
	}

	o.exec("update staff set failures = 7, locked_until = $1, totp_sealed = 'x' where login = 'support'", noon.Add(10*time.Minute))
	for _, verb := range []string{"unlock", "drop-second-factor", "sign-out"} {
		if a := b.get(path + "/" + verb); a.status != http.StatusOK || !strings.Contains(a.text(), "Sam") {
			t.Errorf("the question of %s: %d %s", verb, a.status, a.text())
		}
		if a := b.post(path + "/" + verb); a.status != http.StatusSeeOther || a.location() != path {
			t.Errorf("%s: %d %s", verb, a.status, a.text())
		}
	}
	if v, err := o.StaffMember(t.Context(), "support"); err != nil || v.LockedUntil != nil || v.SecondFactor {
		t.Errorf("%+v, %v", v, err)
	}
	if a := b.post(path + "/remove"); a.location() != "/staff" {
		t.Errorf("remove: %d %s", a.status, a.text())
	}
	if a := b.get("/staff").text(); !strings.Contains(a, "Sam is removed.") || strings.Contains(a, "support") {
		t.Errorf("after the removal: %s", a)
	}
}

func TestStaff_TheLastOwnerStays(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleOwner)
	path := o.personPath("owner")
	for _, a := range []answer{b.postPart(path + "/remove"), b.postPart(path+"/change", "name", "Olga", "role", "viewer")} {
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text(), "owner is the only owner; make somebody else an owner first") {
			t.Errorf("%d %s", a.status, a.text())
		}
	}
	for _, sent := range []string{"/remove", "/change", "/reset-password"} {
		if a := o.as(console.RoleManager).post(path+sent, "name", "M", "role", "owner"); a.status != http.StatusForbidden {
			t.Errorf("a manager gets %d at %s", a.status, sent)
		}
	}
}

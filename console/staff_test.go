package console_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

// hire adds a person who has already chosen a password, "<login> password".
func (o *office) hire(login string, role console.Role) console.Member {
	o.t.Helper()
	made, err := o.AddStaff(o.t.Context(), clerk, console.NewStaff{Login: login, Role: string(role)})
	if err != nil {
		o.t.Fatal(err)
	}
	m, err := o.enter(login, made.Password)
	if err != nil {
		o.t.Fatal(err)
	}
	if m, err = o.ChangeOwnPassword(o.t.Context(), console.By{Actor: m.Name}, m, made.Password, login+" password"); err != nil {
		o.t.Fatal(err)
	}
	return m
}

// enter signs in from an address of nobody else.
func (o *office) enter(login, password string) (console.Member, error) {
	o.t.Helper()
	return o.SignIn(o.t.Context(), console.SignIn{Login: login, Password: password, Source: "10.0.0.7"})
}

func (o *office) number(sql string, args ...any) (n int64) {
	o.t.Helper()
	if err := o.pool.QueryRow(o.t.Context(), sql, args...).Scan(&n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

func refusal(err error) *console.SignInError {
	e, _ := errors.AsType[*console.SignInError](err)
	return e
}

func TestRoles_MayWhatTheManualSays(t *testing.T) {
	t.Parallel()
	for role, want := range map[console.Role]string{
		console.RoleOwner:   "read subscribers payments delete settings admin audit ops",
		console.RoleManager: "read subscribers payments delete settings audit ops",
		console.RoleSupport: "read subscribers payments",
		console.RoleViewer:  "read",
		console.RoleOps:     "read ops",
		"cook":              "",
	} {
		var got []string
		for _, scope := range role.Scopes() {
			got = append(got, string(scope))
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", role, diff)
		}
	}
	if len(console.Roles) != 5 {
		t.Errorf("roles %v", console.Roles)
	}
}

func TestPersonWhoIsAdded_ChoosesAPasswordFirst(t *testing.T) {
	t.Parallel()
	o := setup(t)
	made, err := o.AddStaff(t.Context(), clerk, console.NewStaff{Login: " Amina ", Name: " Amina Wanjiru ", Role: "support"})
	if err != nil {
		t.Fatal(err)
	}
	want := console.StaffView{ID: made.ID, Login: "amina", Name: "Amina Wanjiru", Role: "support", MustChange: true, CreatedAt: noon}
	if diff := cmp.Diff(want, made.StaffView); diff != "" || len(made.Password) != 12 {
		t.Errorf("password of %d characters, (-want +got):\n%s", len(made.Password), diff)
	}
	m, err := o.enter("AMINA ", made.Password)
	if err != nil || !m.MustChange || m.Name != "staff amina" || m.DisplayName != "Amina Wanjiru" || m.Role != console.RoleSupport ||
		!m.May(console.ScopePayments) || m.May(console.ScopeDelete, console.ScopeAdmin) {
		t.Fatalf("signed in as %+v, %v", m, err)
	}
	for problem, c := range map[string]struct{ field, old, new string }{
		"wrong":       {"old", "not the one", "a new password"},
		"short":       {"new", made.Password, "1234567"},
		"long":        {"new", made.Password, strings.Repeat("x", 201)},
		"the login":   {"new", made.Password, "   AMINA   "},
		"no text":     {"new", made.Password, "a new \xff password"},
		"the old one": {"new", made.Password, made.Password},
	} {
		if _, err := o.ChangeOwnPassword(t.Context(), clerk, m, c.old, c.new); field(err) != c.field {
			t.Errorf("%s: %v", problem, err)
		}
	}
	changed, err := o.ChangeOwnPassword(t.Context(), clerk, m, made.Password, "žluťoučký kůň")
	if err != nil || changed.MustChange || changed.Generation == m.Generation {
		t.Fatalf("changed %+v, %v", changed, err)
	}
	if _, err := o.Member(t.Context(), m.ID, m.Generation); refusal(err) == nil {
		t.Errorf("another session of before goes on: %v", err)
	}
	if now, err := o.Member(t.Context(), m.ID, changed.Generation); err != nil || now.MustChange {
		t.Errorf("the session with the new password: %+v, %v", now, err)
	}
	if _, err := o.ChangeOwnPassword(t.Context(), clerk, m, "žluťoučký kůň", "another password"); refusal(err) == nil {
		t.Errorf("a session that is over changed the password: %v", err)
	}
	if _, err := o.enter("amina", made.Password); refusal(err) == nil {
		t.Errorf("the old password: %v", err)
	}
	if _, err := o.enter("amina", "žluťoučký kůň"); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestPersonWhoCannotBe_IsRefusedByField(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("amina", console.RoleOwner)
	for _, c := range []struct {
		field  string
		change func(*console.NewStaff)
	}{
		{"login", func(n *console.NewStaff) { n.Login = "" }},
		{"login", func(n *console.NewStaff) { n.Login = "a b" }},
		{"login", func(n *console.NewStaff) { n.Login = "-a" }},
		{"login", func(n *console.NewStaff) { n.Login = "амина" }},
		{"login", func(n *console.NewStaff) { n.Login = strings.Repeat("a", 101) }},
		{"name", func(n *console.NewStaff) { n.Name = "a\nb" }},
		{"name", func(n *console.NewStaff) { n.Name = strings.Repeat("a", 101) }},
		{"role", func(n *console.NewStaff) { n.Role = "" }},
		{"role", func(n *console.NewStaff) { n.Role = "cook" }},
		{"password", func(n *console.NewStaff) { n.Password = "1234567" }},
		{"password", func(n *console.NewStaff) { n.Login, n.Password = "long.login", "Long.Login" }},
	} {
		n := console.NewStaff{Login: "otieno", Role: "viewer"}
		c.change(&n)
		if _, err := o.AddStaff(t.Context(), clerk, n); field(err) != c.field {
			t.Errorf("%+v: %v", n, err)
		}
	}
	_, err := o.AddStaff(t.Context(), clerk, console.NewStaff{Login: "Amina", Role: "viewer"})
	if taken, ok := errors.AsType[*console.ConflictError](err); !ok || taken.Field != "login" {
		t.Errorf("a login that is taken: %v", err)
	}
	blank, cook := " ", "cook"
	for want, c := range map[string]console.StaffChange{"name": {Name: &blank}, "role": {Role: &cook}} {
		if _, err := o.ChangeStaff(t.Context(), clerk, "amina", c); field(err) != want {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for name, err := range map[string]error{
		"show":   second(o.StaffMember(t.Context(), "nobody")),
		"change": second(o.ChangeStaff(t.Context(), clerk, "nobody", console.StaffChange{Unlock: true})),
		"remove": o.RemoveStaff(t.Context(), clerk, "nobody"),
	} {
		if !isMissing(err) {
			t.Errorf("%s nobody: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestChangeOfAPerson_EndsTheSessionsThatItHasTo(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("boss", console.RoleOwner)
	name, manager, support := "Amina Wanjiru", "manager", "support"
	for what, c := range map[string]struct {
		change console.StaffChange
		ends   bool
		says   string
	}{
		"nothing":         {console.StaffChange{}, false, ""},
		"name":            {console.StaffChange{Name: &name}, false, ": another name"},
		"the same role":   {console.StaffChange{Role: &support}, false, ""},
		"role":            {console.StaffChange{Role: &manager}, true, ": role manager"},
		"password":        {console.StaffChange{ResetPassword: true}, true, ": password reset"},
		"sign out":        {console.StaffChange{SignOut: true}, true, ": signed out everywhere"},
		"unlock":          {console.StaffChange{Unlock: true}, false, ""},
		"second factor":   {console.StaffChange{DropSecondFactor: true}, false, ""},
		"several at once": {console.StaffChange{Name: &name, Role: &manager, SignOut: true}, true, ": another name, role manager, signed out everywhere"},
	} {
		login := strings.ReplaceAll(what, " ", "-")
		m := o.hire(login, console.RoleSupport)
		made, err := o.ChangeStaff(t.Context(), clerk, login, c.change)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Member(t.Context(), m.ID, m.Generation); (refusal(err) != nil) != c.ends {
			t.Errorf("%s: the session: %v", what, err)
		}
		if (made.Password != "") != c.change.ResetPassword || made.MustChange != c.change.ResetPassword {
			t.Errorf("%s: %+v", what, made)
		}
		if made.Password != "" {
			if again, err := o.enter(login, made.Password); err != nil || !again.MustChange {
				t.Errorf("the password that was made: %+v, %v", again, err)
			}
		}
		if c.change.Role != nil && made.Role != *c.change.Role || c.change.Name != nil && made.Name != name {
			t.Errorf("%s: %+v", what, made)
		}
		lines := int64(0)
		if c.says != "" {
			lines = 1
		}
		if n := o.number("select count(*) from audit where kind = 'staff-change' and object = 'staff ' || $1 and summary = $1 || $2", login, c.says); n != lines {
			t.Errorf("%s: %d lines in the audit log", what, n)
		}
	}
}

func TestPersonWhoIsRemoved_IsOutAtOnceAndMayComeBack(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("boss", console.RoleOwner)
	m := o.hire("amina", console.RoleSupport)
	if err := o.RemoveStaff(t.Context(), clerk, "Amina"); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Member(t.Context(), m.ID, m.Generation); refusal(err) == nil {
		t.Errorf("the session goes on: %v", err)
	}
	if _, err := o.Member(t.Context(), m.ID, m.Generation+1); refusal(err) == nil {
		t.Errorf("a session of the generation of the removal: %v", err)
	}
	if _, err := o.Member(t.Context(), 0, 0); refusal(err) == nil {
		t.Errorf("a session of nobody: %v", err)
	}
	if _, err := o.enter("amina", "amina password"); refusal(err) == nil {
		t.Errorf("signed in: %v", err)
	}
	if err := o.SignOutEverywhere(t.Context(), clerk, m); refusal(err) == nil {
		t.Errorf("signed out: %v", err)
	}
	back := o.hire("amina", console.RoleViewer)
	list, err := o.Staff(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != back.ID || list[0].LastSignInAt == nil || list[1].Login != "boss" || back.ID == m.ID {
		t.Errorf("listed %+v, %v", list, err)
	}
}

func TestOnlyOwner_StaysOwner(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("boss", console.RoleOwner)
	viewer, owner := "viewer", "owner"
	if err := o.RemoveStaff(t.Context(), clerk, "boss"); !conflicts(err) {
		t.Errorf("removed: %v", err)
	}
	if _, err := o.ChangeStaff(t.Context(), clerk, "boss", console.StaffChange{Role: &viewer}); !conflicts(err) {
		t.Errorf("another role: %v", err)
	}
	if _, err := o.ChangeStaff(t.Context(), clerk, "boss", console.StaffChange{Role: &owner, ResetPassword: true}); err != nil {
		t.Errorf("a change that leaves the role: %v", err)
	}
	o.hire("amina", console.RoleViewer)
	if err := o.RemoveStaff(t.Context(), clerk, "boss"); !conflicts(err) {
		t.Errorf("removed with a viewer left: %v", err)
	}
	if _, err := o.ChangeStaff(t.Context(), clerk, "amina", console.StaffChange{Role: &owner}); err != nil {
		t.Fatal(err)
	}
	if err := o.RemoveStaff(t.Context(), clerk, "boss"); err != nil {
		t.Errorf("removed with another owner left: %v", err)
	}
}

func TestTwoOwnersWhoLeaveAtOnce_LeaveOne(t *testing.T) {
	t.Parallel()
	o := setup(t)
	viewer, owner := "viewer", "owner"
	o.hire("a", console.RoleOwner)
	o.hire("b", console.RoleOwner)
	for range 10 {
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i, login := range []string{"a", "b"} {
			wg.Go(func() {
				_, errs[i] = o.ChangeStaff(t.Context(), clerk, login, console.StaffChange{Role: &viewer})
			})
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !conflicts(errs[0]) && !conflicts(errs[1]) {
			t.Fatalf("%v and %v", errs[0], errs[1])
		}
		if n := o.number("select count(*) from staff where role = 'owner' and removed_at is null"); n != 1 {
			t.Fatalf("%d owners are left", n)
		}
		for _, login := range []string{"a", "b"} {
			if _, err := o.ChangeStaff(t.Context(), clerk, login, console.StaffChange{Role: &owner}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestOwnerWhoLeaves_WaitsForAnotherWhoIsLeaving(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("amina", console.RoleOwner)
	o.hire("boss", console.RoleOwner)
	err := o.meanwhile("update staff set removed_at = $1 where login = 'amina'", noon, func() error { return o.RemoveStaff(t.Context(), clerk, "boss") })
	if !conflicts(err) {
		t.Errorf("the last owner left: %v", err)
	}
}

func TestAuditLog_TellsAboutSignInsAndStaffButNoPassword(t *testing.T) {
	t.Parallel()
	o := setup(t)
	made, err := o.AddStaff(t.Context(), clerk, console.NewStaff{Login: "amina", Role: "owner"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := o.enter("amina", made.Password)
	if err != nil {
		t.Fatal(err)
	}
	me := console.By{Actor: m.Name, Source: "10.0.0.8"}
	if m, err = o.ChangeOwnPassword(t.Context(), me, m, made.Password, "amina password"); err != nil {
		t.Fatal(err)
	}
	secret, code := o.newFactor(m)
	if err := o.SetSecondFactor(t.Context(), me, m, secret, code); err != nil {
		t.Fatal(err)
	}
	if err := o.DropSecondFactor(t.Context(), me, m, "amina password"); err != nil {
		t.Fatal(err)
	}
	if err := o.SignOutEverywhere(t.Context(), me, m); err != nil {
		t.Fatal(err)
	}
	o.hire("boss", console.RoleOwner)
	reset, err := o.ChangeStaff(t.Context(), clerk, "amina", console.StaffChange{ResetPassword: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.RemoveStaff(t.Context(), clerk, "amina"); err != nil {
		t.Fatal(err)
	}
	rows, err := o.pool.Query(t.Context(), "select actor || ' ' || kind from audit where object = 'staff amina' order by id")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		got = append(got, line)
	}
	want := []string{
		"staff clerk staff-add", "staff amina sign-in", "staff amina password-change", "staff amina second-factor-set",
		"staff amina second-factor-drop", "staff amina sign-out", "staff clerk staff-change", "staff clerk staff-remove",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
	for _, hidden := range []string{made.Password, "amina password", reset.Password, secret, code} {
		if n := o.number("select count(*) from audit a, staff s where a::text || s::text like '%' || $1 || '%'", hidden); n != 0 {
			t.Errorf("%q is stored in clear", hidden)
		}
	}
}

func TestSession_IsKeptUnderItsHashUntilItExpires(t *testing.T) {
	t.Parallel()
	o := setup(t)
	store := o.SessionStore()
	const token = "a-token-of-the-cookie"
	until := noon.Add(time.Hour)
	if _, found, err := store.FindCtx(t.Context(), token); found || err != nil {
		t.Errorf("before: %v, %v", found, err)
	}
	for _, data := range []string{"first", "second"} {
		if err := store.CommitCtx(t.Context(), token, []byte(data), until); err != nil {
			t.Fatal(err)
		}
		if got, found, err := store.Find(token); string(got) != data || !found || err != nil {
			t.Errorf("%s: %q, %v, %v", data, got, found, err)
		}
	}
	if n := o.number("select count(*) from staff_sessions s where s::text || encode(token_hash, 'escape') like '%' || $1 || '%'", token); n != 0 {
		t.Error("the table holds the token")
	}
	if err := store.Commit("another", []byte("x"), until.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	o.clock.Set(until.Add(-time.Nanosecond))
	if _, found, err := store.FindCtx(t.Context(), token); !found || err != nil {
		t.Errorf("a moment before its end: %v, %v", found, err)
	}
	o.clock.Set(until)
	if _, found, err := store.FindCtx(t.Context(), token); found || err != nil {
		t.Errorf("at its end: %v, %v", found, err)
	}
	if n, err := o.forgetSessions(); n != 1 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
	for range 2 {
		if err := store.Delete("another"); err != nil {
			t.Fatal(err)
		}
	}
	if n := o.number("select count(*) from staff_sessions"); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

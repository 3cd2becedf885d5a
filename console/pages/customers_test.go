package pages_test

import (
	"net/http"
	"strings"
	"testing"

	"qserve/console"
)

func TestSearch_FindsByWhatTheCallerSays(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	for _, q := range []string{"jane", "Doe+Jane", "0708374149", "%2B254+708+374+149", "acc42", "ACC-0042", "jane042"} {
		a := b.part("/search?q=" + q)
		if found := strings.Contains(a.body, `href="/customers/ACC-0042"`); found != (q != "acc42") {
			t.Errorf("%s finds: %s", q, a.text())
		}
	}
	if a := b.part("/search?q=nobody+here"); !strings.Contains(a.text(), "Nobody with “nobody here”") || !strings.Contains(a.body, "/payments?status=unallocated") {
		t.Errorf("no hit says %s", a.text())
	}
}

func TestSearch_ThatFindsOneThing_LeadsToIt(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	if a := b.get("/customers?q=jane"); a.location() != "/customers/ACC-0042" {
		t.Errorf("leads to %q", a.location())
	}
	entered, err := o.EnterPayment(t.Context(), boss, console.NewPayment{Amount: "500", Method: "bank", Reference: "FT26330XK2"})
	o.must(err)
	if a := b.get("/customers?q=ft26330xk2"); !strings.HasPrefix(a.location(), "/payments/") {
		t.Errorf("the receipt of payment %d leads to %q: %s", entered.Payment.ID, a.location(), a.text())
	}
	if a := b.part("/search?q=FT26330XK2"); !strings.Contains(a.text(), "KES 500") || !strings.Contains(a.text(), "nobody’s yet") {
		t.Errorf("while typing: %s", a.text())
	}
}

func TestCustomers_AreFilteredByTheAddress(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleViewer)
	for path, shown := range map[string]bool{
		"/customers":                  true,
		"/customers?status=expired":   true,
		"/customers?status=suspended": false,
		"/customers?plan=Home+10":     true,
		"/customers?router=Kilimani":  true,
		"/customers?expiring=3":       false,
	} {
		a := b.get(path)
		if a.status != http.StatusOK || strings.Contains(a.text(), "ACC-0042") != shown {
			t.Errorf("%s: %d %s", path, a.status, a.text())
		}
	}
	if a := b.get("/customers?status=rich"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong status: %d", a.status)
	}
}

func TestProfile_ShowsTheWholeAccount(t *testing.T) {
	t.Parallel()
	o := open(t)
	a := o.as(console.RoleSupport).get("/customers/acc0042")
	for _, text := range []string{
		"Jane Doe", "ACC-0042", "0708 374149", "Home 10", "10 Mbit/s down, 5 Mbit/s up", "KES 1,500", "Expired", "jane042", "Kilimani",
		"Has not paid yet.", "Change Package", "Reconnect", "Extend", "Edit", "Add note", "More Actions", "Timeline", "Payments", "Invoices", "Activity",
	} {
		if !strings.Contains(a.text(), text) {
			t.Errorf("no %q in %s", text, a.text())
		}
	}
	if strings.Contains(a.body, "pppoe-password") {
		t.Error("the PPPoE password is on the page")
	}
	if a := o.as(console.RoleSupport).get("/customers/ACC-9999"); a.status != http.StatusNotFound || !strings.Contains(a.text(), "ACC-9999") {
		t.Errorf("an unknown account: %d %s", a.status, a.text())
	}
}

func TestProfile_OffersOnlyWhatTheRoleMayDo(t *testing.T) {
	t.Parallel()
	o := open(t)
	for role, may := range map[console.Role]struct{ act, remove bool }{
		console.RoleOwner: {true, true}, console.RoleManager: {true, true}, console.RoleSupport: {true, false},
		console.RoleViewer: {}, console.RoleOps: {},
	} {
		t.Run(string(role), func(t *testing.T) {
			t.Parallel()
			b := o.as(role)
			page := b.get("/customers/ACC-0042")
			if strings.Contains(page.body, `id="do-extend"`) != may.act || strings.Contains(page.body, `href="/customers/ACC-0042/delete"`) != may.remove {
				t.Errorf("the page says %s", page.text())
			}
			want := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}
			for verb, allowed := range map[string]bool{"extend": may.act, "suspend": may.act, "edit": may.act, "delete": may.remove} {
				if a := b.get("/customers/ACC-0042/" + verb); a.status != want[allowed] {
					t.Errorf("%s: %d", verb, a.status)
				}
				if a := b.post("/customers/ACC-0042/"+verb, "days", "x"); !allowed && a.status != http.StatusForbidden {
					t.Errorf("posting %s: %d", verb, a.status)
				}
			}
		})
	}
	if a := o.as(console.RoleSupport).get("/customers/ACC-0042/delete"); !strings.Contains(a.text(), "owner, manager") {
		t.Errorf("the refusal names no role: %s", a.text())
	}
}

func TestNames_AreNeverInterpreted(t *testing.T) {
	t.Parallel()
	o := open(t)
	evil := `<script>alert(1)</script><img src=x onerror=alert(1)>"'&`
	o.exec(`update subscribers set name = $1, email = $1, address = $1, pinned_note = $1, username = $1`, evil)
	b := o.as(console.RoleSupport)
	for _, path := range []string{"/customers", "/customers/ACC-0042", "/customers/ACC-0042/edit", "/customers/ACC-0042/suspend", "/search?q=acc-0042"} {
		a := b.get(path)
		if strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") {
			t.Errorf("%s interprets a name", path)
		}
		if !strings.Contains(a.text(), "alert(1)") {
			t.Errorf("%s does not show the name: %s", path, a.text())
		}
	}
}

package pages_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"qserve/console"
)

func TestTokens_IsShownOnceAndEndsWhenItIsRevoked(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.only("/tokens", console.RoleOwner)
	b := o.as(console.RoleOwner)
	if a := b.get("/tokens").text(); !strings.Contains(a, "No token was made yet") {
		t.Errorf("without tokens: %s", a)
	}
	for _, c := range []struct {
		pairs []string
		field string
	}{
		{[]string{"name", "", "scopes", "read"}, `id="p-name"`},
		{[]string{"name", "x"}, "Scopes must name at least one"},
		{[]string{"name", "x", "scopes", "everything"}, "there is no scope"},
		{[]string{"name", "x", "scopes", "read", "expires_at", "soon"}, `id="p-expires_at"`},
		{[]string{"name", "x", "scopes", "read", "expires_at", "2026-03-09"}, `id="p-expires_at"`},
		{[]string{"name", "x", "scopes", "read", "rate_per_second", "0"}, `id="p-rate_per_second"`},
		{[]string{"name", "x", "scopes", "read", "rate_per_second", "fast"}, `id="p-rate_per_second"`},
	} {
		if a := b.postPart("/tokens/new", c.pairs...); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, c.field) {
			t.Errorf("%v: %d %s", c.pairs, a.status, a.text())
		}
	}
	if all, err := o.Tokens(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("%v, %v", all, err)
	}

	name := `call <i>centre</i>`
	a := b.post("/tokens/new", "name", name, "scopes", "read", "scopes", "payments", "expires_at", "2026-03-10", "rate_per_second", "7")
	if a.status != http.StatusOK || !strings.HasPrefix(a.once(), "qs_") || strings.Contains(a.body, "<i>") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	caller, err := o.Authenticate(t.Context(), a.once())
	if err != nil || caller.Name != name || caller.RatePerSecond != 7 || !caller.May(console.ScopePayments) || caller.May(console.ScopeSettings) {
		t.Errorf("%+v, %v", caller, err)
	}
	list := b.get("/tokens")
	if strings.Contains(list.body, a.once()) || strings.Contains(list.body, "<i>") || !strings.Contains(list.text(), "In force until 11 Mar 00:00") {
		t.Errorf("the list: %s", list.text())
	}
	o.clock.Set(noon.Add(24 * time.Hour))
	if text := o.as(console.RoleOwner).get("/tokens").text(); !strings.Contains(text, "Expired") || strings.Contains(text, "Revoke") {
		t.Errorf("when it has expired: %s", text)
	}
	o.clock.Set(noon)

	all, err := o.Tokens(t.Context())
	o.must(err)
	revoke := "/tokens/" + itoa(all[0].ID) + "/revoke"
	if q := b.part(revoke); q.status != http.StatusOK || !strings.Contains(q.text(), "Revoke the token "+name) {
		t.Errorf("the question: %d %s", q.status, q.text())
	}
	if done := b.postPart(revoke); done.header.Get("Hx-Redirect") != "/tokens" {
		t.Errorf("%d %s", done.status, done.text())
	}
	if _, err := o.Authenticate(t.Context(), a.once()); err == nil {
		t.Error("the revoked token still works")
	}
	if again := b.post(revoke); again.status != http.StatusUnprocessableEntity || !strings.Contains(again.text(), "has been revoked since") {
		t.Errorf("twice: %d %s", again.status, again.text())
	}
	if none := b.get("/tokens/999/revoke"); none.status != http.StatusNotFound {
		t.Errorf("no token: %d", none.status)
	}
}

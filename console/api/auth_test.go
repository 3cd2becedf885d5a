package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"qserve/console"
)

func TestRequestWithoutAToken_IsTurnedAwayWithTheReason(t *testing.T) {
	t.Parallel()
	o := setup(t)
	soon := noon.Add(time.Hour)
	expiring := o.tokenOf(console.NewToken{Name: "temporary", Scopes: []string{"read"}, ExpiresAt: &soon})
	revoked := o.tokenOf(console.NewToken{Name: "lost", Scopes: []string{"read"}})
	for name, token := range map[string]string{"expiring": expiring, "to be revoked": revoked} {
		o.want(http.StatusOK, o.call("GET", "/plans", "", "Authorization", "Bearer "+token))
		_ = name
	}
	if err := o.RevokeToken(t.Context(), clerk, "lost"); err != nil {
		t.Fatal(err)
	}
	o.clock.Set(soon)
	for says, header := range map[string]string{
		"Authorization: Bearer": "",
		"send a token":          "Basic cWE6cWE=",
		"is not known":          "Bearer qs_" + strings.Repeat("A", 52),
		"not known":             "Bearer " + strings.Repeat("A", 52),
		"has expired":           "Bearer " + expiring,
		"has been revoked":      "Bearer " + revoked,
	} {
		r := o.want(http.StatusUnauthorized, o.call("GET", "/plans", "", "Authorization", header))
		o.blamed(r)
		if !strings.Contains(r.body, says) {
			t.Errorf("with %.15s: %s", header, r.body)
		}
		if got := r.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, `Bearer realm="qserve"`) ||
			strings.Contains(got, "invalid_token") != strings.HasPrefix(header, "Bearer ") {
			t.Errorf("with %.15s: WWW-Authenticate %s", header, got)
		}
	}
}

func TestTokenWithoutTheScope_IsToldWhichOneIsMissing(t *testing.T) {
	t.Parallel()
	o := setup(t)
	tokens := map[string]string{}
	for _, scope := range console.Scopes {
		tokens[string(scope)] = o.tokenWith(scope)
	}
	for _, c := range []struct{ method, path, body, needs string }{
		{"GET", "/subscribers", "", "read"},
		{"GET", "/subscribers/ACC-0042/activity", "", "read"},
		{"GET", "/plans", "", "read"},
		{"GET", "/sources", "", "admin"},
		{"GET", "/tokens", "", "admin"},
		{"GET", "/staff", "", "admin"},
		{"GET", "/audit", "", "audit"},
		{"POST", "/subscribers/ACC-0042/notes", `{"text":"x"}`, "subscribers"},
		{"POST", "/payments", `{"amount":"1","method":"cash"}`, "payments"},
		{"POST", "/routers/Kilimani/check", "", "settings"},
		{"PATCH", "/plans/Home%2010", `{"rate":"6M/12M"}`, "settings"},
		{"DELETE", "/subscribers/ACC-0042?confirm=ACC-0042", "", "delete"},
	} {
		for scope, token := range tokens {
			r := o.call(c.method, c.path, c.body, "Authorization", "bearer "+token)
			if scope == c.needs {
				if r.status >= 300 {
					t.Errorf("%s %s with scope %s: %d %s", c.method, c.path, scope, r.status, r.body)
				}
				continue
			}
			o.want(http.StatusForbidden, r)
			if got := r.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="insufficient_scope", scope="`+c.needs+`"`) {
				t.Errorf("%s %s with scope %s: WWW-Authenticate %s", c.method, c.path, scope, got)
			}
		}
	}
}

func TestTokenThatSendsTooMuch_IsAskedToWait(t *testing.T) {
	t.Parallel()
	o := setup(t)
	slow := "Bearer " + o.tokenOf(console.NewToken{Name: "slow", Scopes: []string{"read"}, RatePerSecond: 2})
	for range 4 { // a burst of twice the rate
		o.want(http.StatusOK, o.call("GET", "/plans", "", "Authorization", slow))
	}
	for range 3 { // what is refused is not counted
		r := o.want(http.StatusTooManyRequests, o.call("GET", "/plans", "", "Authorization", slow))
		if o.blamed(r); r.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
		}
	}
	o.want(http.StatusOK, o.call("GET", "/plans", "")) // others are not held up
	o.clock.Advance(500 * time.Millisecond)
	o.want(http.StatusOK, o.call("GET", "/plans", "", "Authorization", slow))
	o.want(http.StatusTooManyRequests, o.call("GET", "/plans", "", "Authorization", slow))
}

func TestTokens_AreMadeListedAndRevokedOverTheAPI(t *testing.T) {
	t.Parallel()
	o := setup(t)
	made := read[console.MadeToken](t, o.want(http.StatusCreated, o.call("POST", "/tokens", `{"name":"desk","scopes":["read"]}`)))
	if !strings.HasPrefix(made.Token, "qs_") || len(made.Token) < 35 || made.RatePerSecond != 50 {
		t.Errorf("made %+v", made)
	}
	with := []string{"Authorization", "Bearer " + made.Token}
	o.want(http.StatusOK, o.call("GET", "/plans", "", with...))
	if list := o.call("GET", "/tokens", ""); strings.Contains(list.body, made.Token) || !strings.Contains(list.body, `"desk"`) {
		t.Errorf("listed %s", list.body)
	}
	r := o.want(http.StatusConflict, o.call("POST", "/tokens", `{"name":"desk","scopes":["read"]}`))
	if at := o.blamed(r); at != "body.name" {
		t.Errorf("a name that is taken is blamed on %s", at)
	}
	keeper := o.tokenWith(console.ScopeAdmin)
	r = o.want(http.StatusForbidden, o.call("POST", "/tokens", `{"name":"more","scopes":["audit"]}`, "Authorization", "Bearer "+keeper))
	if !strings.Contains(r.body, "has no scope audit to give") {
		t.Errorf("a token gave away more than it has: %s", r.body)
	}
	o.want(http.StatusNoContent, o.call("DELETE", "/tokens/desk", ""))
	o.want(http.StatusUnauthorized, o.call("GET", "/plans", "", with...))
	o.want(http.StatusConflict, o.call("DELETE", "/tokens/desk", ""))
	o.want(http.StatusNotFound, o.call("DELETE", "/tokens/nobody", ""))
	if log := o.call("GET", "/audit?kind=token-make,token-revoke", ""); !strings.Contains(log.body, "Token desk revoked") || strings.Contains(log.body, "qs_") {
		t.Errorf("audit log %s", log.body)
	}
}

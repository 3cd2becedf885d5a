package console_test

import (
	"context"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
	"qserve/db"
)

func TestRouters_AreStoredWithWhatFollowsFromTheirAddresses(t *testing.T) {
	t.Parallel()
	o := setup(t)
	local := kilimani()
	local.APIPlain, local.APIPin = false, strings.Repeat("AB:", 31)+"ab"
	stored, err := o.AddRouter(t.Context(), clerk, local)
	if err != nil {
		t.Fatal(err)
	}
	if stored.APIPin != strings.Repeat("ab", 32) || stored.InterimSeconds != 300 || stored.NASAddress != "" || !stored.APIPasswordSet {
		t.Errorf("stored %+v", stored)
	}
	both := westlands()
	both.NASAddress, both.APIAddress, both.APIUser, both.APIPassword, both.APICA = "", "10.9.0.4:8729", "q", "p", certificate(t)
	both.InterimSeconds = 60
	if stored, err = o.AddRouter(t.Context(), clerk, both); err != nil {
		t.Fatal(err)
	}
	if stored.NASAddress != "10.9.0.4" || stored.CoAAddress != "10.9.0.4:3799" || stored.InterimSeconds != 60 || !stored.RadiusSecretSet {
		t.Errorf("addresses that follow from the API's: %+v", stored)
	}
	six := westlands()
	six.Name, six.NASAddress = "Six", "::ffff:10.9.0.5"
	if stored, err = o.AddRouter(t.Context(), clerk, six); err != nil {
		t.Fatal(err)
	}
	if stored.NASAddress != "10.9.0.5" {
		t.Errorf("a mapped address is kept as %v", stored.NASAddress)
	}
	listed, err := o.Routers(t.Context())
	if err != nil || len(listed) != 3 || listed[0].Name != "Kilimani" || listed[0].Unconfirmed != 0 || listed[0].Reachable {
		t.Errorf("listed %+v, %v", listed, err)
	}
	got, err := o.Router(t.Context(), "Six")
	if diff := cmp.Diff(stored, got); err != nil || diff != "" {
		t.Errorf("by name: %v\n%s", err, diff)
	}
	if _, err := o.Router(t.Context(), "Seven"); !isMissing(err) {
		t.Errorf("unknown name: %v", err)
	}
}

// certificate is a CA as an operator has it in a file.
func certificate(t *testing.T) string {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

func TestRouterThatCannotBe_IsRefusedByItsField(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.furnish()
	if _, err := o.AddRouter(t.Context(), clerk, westlands()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		field  string
		base   func() console.NewRouter
		change func(*console.NewRouter)
	}{
		{"name", kilimani, func(r *console.NewRouter) { r.Name = "" }},
		{"name", kilimani, func(r *console.NewRouter) { r.Name = strings.Repeat("x", 101) }},
		{"name", kilimani, func(r *console.NewRouter) { r.Name = "a\x00" }},
		{"name", kilimani, func(r *console.NewRouter) { r.Name = "Kilimani " }}, // taken
		{"mode", kilimani, func(r *console.NewRouter) { r.Mode = "" }},
		{"mode", kilimani, func(r *console.NewRouter) { r.Mode = "both" }},
		{"api_address", kilimani, func(r *console.NewRouter) { r.APIAddress = "" }},
		{"api_address", kilimani, func(r *console.NewRouter) { r.APIAddress = "10.9.0.2" }},
		{"api_address", kilimani, func(r *console.NewRouter) { r.APIAddress = ":8729" }},
		{"api_address", kilimani, func(r *console.NewRouter) { r.APIAddress = "10.9.0.2:" }},
		{"api_address", kilimani, func(r *console.NewRouter) { r.APIAddress = "10.9.0.2:65536" }},
		{"api_address", kilimani, func(r *console.NewRouter) { r.APIAddress = "10.9.0.2:api-ssl" }},
		{"api_user", kilimani, func(r *console.NewRouter) { r.APIUser = "" }},
		{"api_password", kilimani, func(r *console.NewRouter) { r.APIPassword = "" }},
		{"api_pin", kilimani, func(r *console.NewRouter) { r.APIPlain = false }},
		{"api_pin", kilimani, func(r *console.NewRouter) { r.APIPin = "ab" }},
		{"api_pin", kilimani, func(r *console.NewRouter) { r.APIPin = strings.Repeat("xy", 32) }},
		{"api_ca", kilimani, func(r *console.NewRouter) { r.APICA = "a certificate" }},
		{"local_address", kilimani, func(r *console.NewRouter) { r.LocalAddress = "10.9.0" }},
		{"pool", kilimani, func(r *console.NewRouter) { r.Pool = "a\nb" }},
		{"interim_seconds", kilimani, func(r *console.NewRouter) { r.InterimSeconds = 59 }},
		{"interim_seconds", kilimani, func(r *console.NewRouter) { r.InterimSeconds = 86401 }},
		{"radius_secret", westlands, func(r *console.NewRouter) { r.RadiusSecret = "" }},
		{"radius_secret", westlands, func(r *console.NewRouter) { r.RadiusSecret = "1234567" }},
		{"nas_address", westlands, func(r *console.NewRouter) { r.NASAddress = "" }},
		{"nas_address", westlands, func(r *console.NewRouter) { r.NASAddress = "router.example" }},
		{"nas_address", westlands, func(*console.NewRouter) {}}, // taken
		{"coa_address", westlands, func(r *console.NewRouter) { r.CoAAddress = "10.9.0.3" }},
		{"coa_address", westlands, func(r *console.NewRouter) { r.CoAAddress = "10.9.0.3:0" }},
	} {
		r := c.base()
		if c.field != "name" {
			r.Name = "Another"
		}
		c.change(&r)
		_, err := o.AddRouter(t.Context(), clerk, r)
		if field(err)+conflictWith(err) != c.field {
			t.Errorf("%+v: got %v, want a problem with %s", r, err, c.field)
			continue
		}
		for _, secret := range []string{"api-password", "radius-secret"} {
			if strings.Contains(err.Error(), secret+`"`) {
				t.Errorf("the error shows a secret: %v", err)
			}
		}
	}
	if routers, err := o.Routers(t.Context()); err != nil || len(routers) != 2 {
		t.Errorf("%d routers, %v", len(routers), err)
	}
}

func TestChangedRouter_KeepsItsSecretsAndIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.exec("update provisions set done_gen = want_gen")
	o.exec("update routers set failures = 5, unreachable = true, next_try_at = $1, last_error = 'gone'", noon)
	var before, after db.Router
	row := func(into *db.Router) {
		t.Helper()
		var err error
		if *into, err = db.New(o.pool).RouterByName(t.Context(), "Kilimani"); err != nil {
			t.Fatal(err)
		}
	}
	row(&before)

	interim := 600
	view, err := o.ChangeRouter(t.Context(), clerk, "Kilimani", console.RouterChange{InterimSeconds: &interim})
	if err != nil || view.InterimSeconds != 600 || view.Unconfirmed != 0 || view.LastError != "" || view.NextTryAt != nil {
		t.Errorf("changed %+v, %v", view, err)
	}
	row(&after)
	if after.Revision != before.Revision+1 || string(after.APIPasswordSealed) != string(before.APIPasswordSealed) {
		t.Errorf("revision %d after %d, password kept %v", after.Revision, before.Revision, string(after.APIPasswordSealed) == string(before.APIPasswordSealed))
	}

	address, password := "10.9.0.9:8728", "another-password"
	view, err = o.ChangeRouter(t.Context(), clerk, "Kilimani", console.RouterChange{APIAddress: &address, APIPassword: &password})
	if err != nil || view.APIAddress != address || view.Unconfirmed != 1 || view.Oldest == nil {
		t.Errorf("moved %+v, %v", view, err)
	}
	row(&after)
	if opened, err := o.keys.Open(after.APIPasswordSealed, db.RouterAPIPasswordRow(after.ID)); err != nil || string(opened) != password {
		t.Errorf("the new password does not open: %v", err)
	}
	if !slices.Contains(o.rung.routers, after.ID) {
		t.Error("nobody was rung for the router")
	}
	o.audited(
		"router-change router Kilimani: interim_seconds 300 → 600",
		"router-change router Kilimani: api_address 10.9.0.2:8728 → 10.9.0.9:8728, api_password  → replaced",
	)

	if _, err := o.AddRouter(t.Context(), clerk, westlands()); err != nil {
		t.Fatal(err)
	}
	radius, secret, taken, none := "radius", "radius-secret", "Westlands", ""
	for want, change := range map[string]console.RouterChange{
		"radius_secret": {Mode: &radius},
		"nas_address":   {Mode: &radius, RadiusSecret: &secret, NASAddress: &taken},
		"api_address":   {APIAddress: &none},
		"name":          {Name: &taken},
	} {
		if _, err := o.ChangeRouter(t.Context(), clerk, "Kilimani", change); field(err)+conflictWith(err) != want {
			t.Errorf("got %v, want a problem with %s", err, want)
		}
	}
	view, err = o.ChangeRouter(t.Context(), clerk, "Kilimani", console.RouterChange{Mode: &radius, RadiusSecret: &secret})
	if err != nil || view.Mode != "radius" || view.NASAddress != "10.9.0.9" || !view.RadiusSecretSet {
		t.Errorf("in mode radius %+v, %v", view, err)
	}
	if _, err := o.ChangeRouter(t.Context(), clerk, "Nowhere", console.RouterChange{}); !isMissing(err) {
		t.Errorf("a router that is none: %v", err)
	}
}

func TestRouter_IsRemovedOnceNothingIsOnIt(t *testing.T) {
	t.Parallel()
	o := open(t)
	if _, err := o.AddRouter(t.Context(), clerk, westlands()); err != nil {
		t.Fatal(err)
	}
	if err := o.RemoveRouter(t.Context(), clerk, "Kilimani"); !conflicts(err) || !strings.Contains(err.Error(), "1 subscribers") {
		t.Errorf("with a subscriber: %v", err)
	}
	o.exec("update provisions set router_id = (select id from routers where name = 'Westlands'), state = 'absent'")
	if err := o.RemoveRouter(t.Context(), clerk, "Westlands"); !conflicts(err) || !strings.Contains(err.Error(), "not confirmed") {
		t.Errorf("with credentials on it: %v", err)
	}
	o.exec("update provisions set done_gen = want_gen")
	if err := o.RemoveRouter(t.Context(), clerk, "Westlands"); err != nil {
		t.Errorf("empty: %v", err)
	}
	if _, err := o.Router(t.Context(), "Westlands"); !isMissing(err) {
		t.Errorf("afterwards: %v", err)
	}
	n := jane()
	n.Account, n.Username, n.Router = "ACC-0043", "john", "Westlands"
	if _, err := o.AddSubscriber(t.Context(), clerk, n); field(err) != "router" {
		t.Errorf("a subscriber on it: %v", err)
	}
	if err := o.RemoveRouter(t.Context(), clerk, "Westlands"); !isMissing(err) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := o.CheckRouter(t.Context(), "Westlands"); !isMissing(err) {
		t.Errorf("checked afterwards: %v", err)
	}
	if clients, err := db.New(o.pool).RadiusClients(t.Context()); err != nil || len(clients) != 0 {
		t.Errorf("its RADIUS requests are still answered: %d, %v", len(clients), err)
	}
	o.audited("router-remove router Westlands")
}

func TestRouterThatWasRepaired_IsTriedAtOnceOnRequest(t *testing.T) {
	t.Parallel()
	o := open(t)
	later := noon.AddDate(0, 0, 1)
	o.exec("update routers set failures = 9, next_try_at = $1", later)
	o.exec("update provisions set next_try_at = $1, attempts = 9", later)
	view, err := o.TryRouterNow(t.Context(), clerk, "Kilimani")
	if err != nil || view.NextTryAt != nil || view.Unconfirmed != 1 || view.Subscribers != 1 {
		t.Errorf("%+v, %v", view, err)
	}
	var waiting int
	if err := o.pool.QueryRow(t.Context(), "select count(*) from provisions where next_try_at is not null").Scan(&waiting); err != nil || waiting != 0 {
		t.Errorf("%d user names wait on, %v", waiting, err)
	}
	if len(o.rung.routers) == 0 {
		t.Error("nobody was rung")
	}
	if _, err := o.TryRouterNow(t.Context(), clerk, "Nowhere"); !isMissing(err) {
		t.Errorf("a router that is none: %v", err)
	}
	o.audited("router-retry router Kilimani")
}

// looked is a Checker that only says whom it was asked about.
type looked struct{ names *[]string }

func (l looked) CheckRouter(_ context.Context, row db.Router) (console.RouterReport, error) {
	*l.names = append(*l.names, row.Name)
	return console.RouterReport{Reachable: true, Problems: []string{}}, nil
}

func TestRouterCheck_IsOfTheRouterThatWasNamed(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.furnish()
	var names []string
	o.Checker = looked{&names}
	if report, err := o.CheckRouter(t.Context(), "Kilimani"); err != nil || !report.Reachable || !slices.Equal(names, []string{"Kilimani"}) {
		t.Errorf("%+v of %v, %v", report, names, err)
	}
	if _, err := o.CheckRouter(t.Context(), "Nowhere"); !isMissing(err) {
		t.Errorf("a router that is none: %v", err)
	}
}

func sortedKeys(facts map[string]string) []string { return slices.Sorted(maps.Keys(facts)) }

package console_test

import (
	"bytes"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
	"qserve/console"
	"qserve/db"
)

func TestPlan_IsStoredAndListed(t *testing.T) {
	t.Parallel()
	o := setup(t)
	p := home()
	p.Name, p.Price, p.Pool = "  Home 10 ", "1500.5", "homes"
	added, err := o.AddPlan(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if added.Name != "Home 10" || added.PriceMinor != 150_050 || added.Currency != "KES" || added.OnExpiry != "cut" || added.Pool != "homes" {
		t.Errorf("stored %+v", added)
	}
	listed, err := o.Plans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]db.Plan{added}, listed); diff != "" {
		t.Errorf("list (-added +listed):\n%s", diff)
	}
	long := home()
	long.Name = strings.Repeat("я", 100)
	if _, err := o.AddPlan(t.Context(), long); err != nil {
		t.Errorf("a name of 100 letters that take two bytes each: %v", err)
	}
}

func TestPlanThatCannotBe_IsRefusedByItsField(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.furnish()
	for _, c := range []struct {
		field  string
		change func(*console.NewPlan)
	}{
		{"name", func(p *console.NewPlan) { p.Name = " " }},
		{"name", func(p *console.NewPlan) { p.Name = strings.Repeat("x", 101) }},
		{"name", func(p *console.NewPlan) { p.Name = "a\nb" }},
		{"name", func(p *console.NewPlan) { p.Name = "a\x00b" }},
		{"name", func(p *console.NewPlan) { p.Name = "a\xffb" }},
		{"name", func(p *console.NewPlan) { p.Name = " Home 10" }}, // taken
		{"rate", func(p *console.NewPlan) { p.Rate = "fast" }},
		{"rate", func(p *console.NewPlan) { p.Rate = "" }},
		{"duration", func(p *console.NewPlan) { p.Duration.Count = 0 }},
		{"duration", func(p *console.NewPlan) { p.Duration.Unit = "weeks" }},
		{"duration", func(p *console.NewPlan) { p.Duration = account.Duration{Count: 1 << 40, Unit: account.Hours} }},
		{"price", func(p *console.NewPlan) { p.Price = "" }},
		{"price", func(p *console.NewPlan) { p.Price = "0" }},
		{"price", func(p *console.NewPlan) { p.Price = "-1" }},
		{"price", func(p *console.NewPlan) { p.Price = "10.005" }},
		{"price", func(p *console.NewPlan) { p.Price = "1,500" }},
		{"pool", func(p *console.NewPlan) { p.Pool = "a\nb" }},
	} {
		p := home()
		if c.field != "name" {
			p.Name = "Another"
		}
		c.change(&p)
		if _, err := o.AddPlan(t.Context(), p); field(err) != c.field {
			t.Errorf("%+v: got %v, want a problem with %s", p, err, c.field)
		}
	}
	if plans, err := o.Plans(t.Context()); err != nil || len(plans) != 1 {
		t.Errorf("%d plans, %v", len(plans), err)
	}
}

func TestRouters_AreStoredWithWhatFollowsFromTheirAddresses(t *testing.T) {
	t.Parallel()
	o := setup(t)
	local := kilimani()
	local.APIPlain, local.APIPin = false, strings.Repeat("AB:", 31)+"ab"
	stored, err := o.AddRouter(t.Context(), local)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored.APIPinSha256, bytes.Repeat([]byte{0xab}, 32)) || stored.InterimSeconds != 300 || stored.NASAddress != nil {
		t.Errorf("stored %+v", stored)
	}
	both := westlands()
	both.NASAddress, both.APIAddress, both.APIUser, both.APIPassword, both.APICAPEM = "", "10.9.0.4:8729", "q", "p", certificate(t)
	both.Interim = 60
	if stored, err = o.AddRouter(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	if stored.NASAddress.String() != "10.9.0.4" || stored.CoaAddress != "10.9.0.4:3799" || stored.InterimSeconds != 60 {
		t.Errorf("addresses that follow from the API's: %v, %s", stored.NASAddress, stored.CoaAddress)
	}
	six := westlands()
	six.Name, six.NASAddress = "Six", "::ffff:10.9.0.5"
	if stored, err = o.AddRouter(t.Context(), six); err != nil {
		t.Fatal(err)
	}
	if stored.NASAddress.String() != "10.9.0.5" {
		t.Errorf("a mapped address is kept as %v", stored.NASAddress)
	}
	listed, err := o.Routers(t.Context())
	if err != nil || len(listed) != 3 || listed[0].Router.Name != "Kilimani" || listed[0].Unconfirmed != 0 {
		t.Errorf("listed %+v, %v", listed, err)
	}
	if got, err := o.Router(t.Context(), "Six"); err != nil || got.ID != stored.ID {
		t.Errorf("by name: %d, %v", got.ID, err)
	}
	if _, err := o.Router(t.Context(), "Seven"); field(err) != "router" {
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
	if _, err := o.AddRouter(t.Context(), westlands()); err != nil {
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
		{"api", kilimani, func(r *console.NewRouter) { r.APIAddress = "" }},
		{"api", kilimani, func(r *console.NewRouter) { r.APIAddress = "10.9.0.2" }},
		{"api", kilimani, func(r *console.NewRouter) { r.APIAddress = ":8729" }},
		{"api", kilimani, func(r *console.NewRouter) { r.APIAddress = "10.9.0.2:" }},
		{"api", kilimani, func(r *console.NewRouter) { r.APIAddress = "10.9.0.2:65536" }},
		{"api", kilimani, func(r *console.NewRouter) { r.APIAddress = "10.9.0.2:api-ssl" }},
		{"api-user", kilimani, func(r *console.NewRouter) { r.APIUser = "" }},
		{"api-password", kilimani, func(r *console.NewRouter) { r.APIPassword = "" }},
		{"api-pin", kilimani, func(r *console.NewRouter) { r.APIPlain = false }},
		{"api-pin", kilimani, func(r *console.NewRouter) { r.APIPin = "ab" }},
		{"api-pin", kilimani, func(r *console.NewRouter) { r.APIPin = strings.Repeat("xy", 32) }},
		{"api-ca", kilimani, func(r *console.NewRouter) { r.APICAPEM = "a certificate" }},
		{"local-address", kilimani, func(r *console.NewRouter) { r.LocalAddress = "10.9.0" }},
		{"pool", kilimani, func(r *console.NewRouter) { r.Pool = "a\nb" }},
		{"interim", kilimani, func(r *console.NewRouter) { r.Interim = 59 }},
		{"interim", kilimani, func(r *console.NewRouter) { r.Interim = 86401 }},
		{"radius-secret", westlands, func(r *console.NewRouter) { r.RadiusSecret = "" }},
		{"radius-secret", westlands, func(r *console.NewRouter) { r.RadiusSecret = "1234567" }},
		{"nas-address", westlands, func(r *console.NewRouter) { r.NASAddress = "" }},
		{"nas-address", westlands, func(r *console.NewRouter) { r.NASAddress = "router.example" }},
		{"nas-address", westlands, func(r *console.NewRouter) {}}, // taken
		{"coa", westlands, func(r *console.NewRouter) { r.CoAAddress = "10.9.0.3" }},
		{"coa", westlands, func(r *console.NewRouter) { r.CoAAddress = "10.9.0.3:0" }},
	} {
		r := c.base()
		if c.field != "name" {
			r.Name = "Another"
		}
		c.change(&r)
		_, err := o.AddRouter(t.Context(), r)
		if field(err) != c.field {
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

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

func TestMigrate_SaysWhatItDid(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.says([]string{"The schema is current; 0 migrations ran."}, "migrate")
	var done struct {
		Ran        int
		Migrations []string
	}
	c.data(&done, "migrate")
	if done.Ran != 0 {
		t.Errorf("ran %+v", done)
	}
}

func TestPlans_AreKept(t *testing.T) {
	t.Parallel()
	c := setup(t)
	var none struct{ Items []console.PlanView }
	c.data(&none, "plan", "list")
	if none.Items == nil {
		t.Error("no plans are null and not an empty list")
	}
	c.says([]string{"Added plan Home 10."}, "plan", "add", "Home 10", "--rate", "5M/10M", "--duration", "30days", "--price", "1500")
	var added console.PlanView
	c.data(&added, "plan", "add", "Night", "--rate", "1M/1M", "--duration", "1 hour", "--price", "20.50", "--pool", "night", "--on-expiry", "garden")
	want := console.PlanView{
		Name: "Night", Rate: "1M/1M", Duration: console.Duration{Count: 1, Unit: "hours"}, Price: console.Money{Amount: "20.50", Currency: "KES"},
		OnExpiry: "garden", GardenRate: "256k/256k", Pool: "night",
	}
	if diff := cmp.Diff(want, added); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	c.says([]string{"PLAN", "Home 10", "30 days", "KES 1500.00", "1 hour", "garden 256k/256k"}, "plan", "list")
	for _, duration := range []string{"", "days", "thirty days", "30", "30 weeks", "0 days", "1.5 months", "30 Days"} {
		c.fails([]string{"duration: "}, "plan", "add", "Bad", "--rate", "1M/1M", "--price", "1", "--duration", duration)
	}
	c.fails([]string{`name: there is a plan "Night" already`}, "plan", "add", "Night", "--rate", "1M/1M", "--duration", "1day", "--price", "1")
	c.fails([]string{"price: "}, "plan", "add", "Bad", "--rate", "1M/1M", "--duration", "1day", "--price", "free")

	c.says([]string{"Home 12: 6M/12M for 1 month at KES 1800.00, on expiry cut; 0 subscribers have it."},
		"plan", "change", "Home 10", "--rename", "Home 12", "--rate", "6M/12M", "--duration", "1month", "--price", "1800")
	c.says([]string{"on expiry cut;"}, "plan", "change", "Night", "--on-expiry", "cut", "--pool", "")
	c.fails([]string{"garden-rate: "}, "plan", "change", "Night", "--garden-rate", "1M/1M")
	c.fails([]string{`there is no plan "Home 10"`}, "plan", "show", "Home 10")
	c.says([]string{"Home 12", "6M/12M"}, "plan", "show", "Home 12")
	c.says([]string{"Night is not sold any more"}, "plan", "archive", "Night")
	c.fails([]string{"archived already"}, "plan", "archive", "Night")
	if out := c.ok("plan", "list"); strings.Contains(out, "Night") {
		t.Errorf("an archived plan is listed:\n%s", out)
	}
	c.says([]string{"Night"}, "plan", "list", "--archived")
	c.says([]string{"plan-add", "plan-change", "Plan Home 10 changed: duration, name, price, rate", "plan-archive"}, "audit")
	c.says([]string{"plan-archive,"}, "audit", "--csv", "--kind", "plan-archive")
}

func TestRouters_AreKept(t *testing.T) {
	t.Parallel()
	c := furnished(t)
	c.says([]string{"ROUTER", "Kilimani", "local", "never", "Westlands", "radius"}, "router", "list")
	var listed struct{ Items []console.RouterView }
	c.data(&listed, "router", "list")
	if len(listed.Items) != 2 || listed.Items[0].Name != "Kilimani" || !listed.Items[0].APIPasswordSet || listed.Items[1].Mode != "radius" {
		t.Errorf("listed %+v", listed)
	}
	var added console.RouterView
	c.data(&added, "router", "add", "Karen", "--mode", "radius", "--radius-secret-file", c.file("radius-secret"), "--nas-address", "10.9.0.4")
	if added.Name != "Karen" || added.Mode != "radius" || added.CoAAddress != "10.9.0.4:3799" {
		t.Errorf("added %+v", added)
	}
	c.fails([]string{`name: there is a router "Karen"`}, "router", "add", "Karen", "--mode", "radius", "--radius-secret-file", c.file("radius-secret"), "--nas-address", "10.9.0.5")
	c.fails([]string{"api-pin: "}, "router", "add", "X", "--mode", "local", "--api", "10.9.0.2:8729", "--api-user", "q", "--api-password-file", c.file("p"))
	c.fails([]string{"radius-secret: "}, "router", "add", "X", "--mode", "radius", "--radius-secret-file", c.file("short"), "--nas-address", "10.9.0.5")
	c.fails([]string{`there is no router "X"`}, "router", "check", "X")

	c.says([]string{"Karen, mode radius", "CoA goes to 10.9.0.4:1700", "never answered"}, "router", "change", "Karen", "--coa", "10.9.0.4:1700")
	c.says([]string{"RouterOS API at 10.9.0.4:8728 as q, clear text."}, "router", "change", "Karen", "--api", "10.9.0.4:8728", "--api-user", "q",
		"--api-plain", "--api-password-file", c.file("p"))
	c.fails([]string{"api-pin: "}, "router", "change", "Karen", "--no-api-plain")
	c.fails([]string{"interim-seconds: "}, "router", "change", "Karen", "--interim-seconds", "5")
	c.says([]string{"Karen, mode radius. 0 subscribers, 0 online."}, "router", "show", "Karen")
	c.says([]string{"Karen is tried now"}, "router", "retry", "Karen")
	c.says([]string{"Removed router Karen."}, "router", "remove", "Karen")
	c.fails([]string{`there is no router "Karen"`}, "router", "show", "Karen")
	c.ok("subscriber", "add", "ACC-0042", "--name", "Jane", "--router", "Westlands", "--plan", "Home 10")
	c.fails([]string{"subscribers are on Westlands"}, "router", "remove", "Westlands")
}

func TestRouterThatDoesNotAnswer_FailsItsCheckWithTheReason(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.ok("router", "add", "Dead", "--mode", "local", "--api", "127.0.0.1:1", "--api-user", "q", "--api-plain", "--api-password-file", c.file("p"))
	c.fails([]string{"Dead does not answer: ", "refused"}, "router", "check", "Dead")
	out, _, err := c.run("router", "check", "Dead", "--json")
	if err == nil || !strings.Contains(out, `"reachable":false`) {
		t.Errorf("%q, %v", out, err)
	}
}

func TestSources_ShowTheirSecretOnceAndTheirAddressesAlways(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.fails([]string{"merchant: "}, "source", "add", "M-Pesa", "--kind", "mpesa")
	var mpesa, shop console.SourceSecret
	c.data(&mpesa, "source", "add", "M-Pesa", "--kind", "mpesa", "--merchant", "600000")
	c.data(&shop, "source", "add", "Shop", "--kind", "standard")
	if mpesa.Secret != "" || len(mpesa.URLs) < 2 || mpesa.Merchant != "600000" {
		t.Errorf("M-Pesa %+v", mpesa.SourceView)
	}
	if !strings.HasPrefix(shop.Secret, "whsec_") || len(shop.URLs) != 1 || shop.Merchant != "Shop" {
		t.Errorf("a source of Standard Webhooks with %d addresses and a secret of %d characters", len(shop.URLs), len(shop.Secret))
	}
	for _, u := range append(mpesa.URLs, shop.URLs...) {
		if !strings.HasPrefix(u.URL, "https://net.example/q/in/") {
			t.Errorf("address %s", u.URL)
		}
	}

	var listed struct{ Items []console.SourceView }
	c.data(&listed, "source", "list")
	if diff := cmp.Diff([]console.SourceView{mpesa.SourceView, shop.SourceView}, listed.Items); diff != "" {
		t.Errorf("listed (-added +listed):\n%s", diff)
	}
	c.says([]string{"SOURCE", "M-Pesa", "600000", mpesa.URLs[0].URL, shop.URLs[0].URL}, "source", "list")

	var rotated console.SourceSecret
	c.data(&rotated, "source", "rotate", "Shop")
	if !strings.HasPrefix(rotated.Secret, "whsec_") || rotated.Secret == shop.Secret {
		t.Error("the secret is no other after its rotation")
	}
	c.says([]string{"New secret of Shop", "whsec_", "stays in force for 1h0m0s"}, "source", "rotate", "Shop", "--overlap", "1h")
	c.fails([]string{"has no secret"}, "source", "rotate", "M-Pesa")
	c.fails([]string{"overlap: "}, "source", "rotate", "Shop", "--overlap", "9999h")
	c.fails([]string{`there is no payment source "Nobody"`}, "source", "rotate", "Nobody")

	c.fails([]string{"name: ", "already"}, "source", "add", "Shop", "--kind", "standard")
	for _, secret := range []string{"", "\n"} {
		c.fails([]string{"secret-file: "}, "source", "add", "Other", "--kind", "standard", "--secret-file", c.file(secret))
	}
	for _, secret := range []string{"whsec_", "whsec_c2hvcnQ=", "hunter2"} {
		c.fails([]string{"secret: "}, "source", "add", "Other", "--kind", "standard", "--secret-file", c.file(secret))
	}
	c.fails([]string{"secret: ", "signs nothing"}, "source", "add", "Other", "--kind", "mpesa", "--merchant", "1", "--secret-file", c.file(shop.Secret))
	c.says([]string{"Added payment source Own", shop.Secret}, "source", "add", "Own", "--kind", "standard", "--secret-file", c.file(shop.Secret+"\n"))

	c.says([]string{"Payment source Own is called Kiosk."}, "source", "rename", "Own", "Kiosk")
	c.fails([]string{"name: ", "already"}, "source", "rename", "Kiosk", "Shop")
	c.says([]string{"Kiosk: standard for Own, in KES. 0 deliveries wait.", "https://net.example/q/in/"}, "source", "show", "Kiosk")
	c.says([]string{"take nothing any more"}, "source", "archive", "Kiosk")
	c.fails([]string{"is archived"}, "source", "rotate", "Kiosk")
	if out := c.ok("source", "list"); strings.Contains(out, "Kiosk") {
		t.Errorf("an archived source is listed:\n%s", out)
	}
	c.says([]string{"Kiosk"}, "source", "list", "--archived")
	if out := c.ok("audit", "--json"); strings.Contains(out, "whsec_") || strings.Contains(out, "/in/") {
		t.Errorf("the audit log shows a secret:\n%s", out)
	}
}

func TestSourceAtAnAddressThatItsProviderRefuses_IsNotAdded(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.environ = append(c.environ, "QSERVE_PUBLIC_URL=https://mpesa.example")
	c.fails([]string{"mpesa", "QSERVE_PUBLIC_URL"}, "source", "add", "M-Pesa", "--kind", "mpesa", "--merchant", "600000")
	var listed struct{ Items []console.SourceView }
	c.data(&listed, "source", "list")
	if len(listed.Items) != 0 {
		t.Errorf("stored %+v", listed.Items)
	}
}

func TestTokens_AreShownOnceAndRevoked(t *testing.T) {
	t.Parallel()
	c := setup(t)
	var made console.MadeToken
	c.data(&made, "token", "make", "call-centre", "--scope", "read,subscribers", "--expires-at", "2099-01-01T00:00:00Z")
	if made.Token == "" || made.ExpiresAt == nil || len(made.Scopes) != 2 {
		t.Errorf("made %+v", made.TokenView)
	}
	if out := c.ok("token", "list") + c.ok("audit"); strings.Contains(out, made.Token) || !strings.Contains(out, "call-centre") {
		t.Errorf("listed:\n%s", out)
	}
	c.fails([]string{"scopes: "}, "token", "make", "x", "--scope", "everything")
	c.says([]string{"Token call-centre is revoked."}, "token", "revoke", "call-centre")
	c.fails([]string{"has been revoked"}, "token", "revoke", "call-centre")
	c.fails([]string{`there is no token "x"`}, "token", "revoke", "x")
}

func TestReseal_TakesTheOldKeyOutOfUse(t *testing.T) {
	t.Parallel()
	c := furnished(t)
	c.ok("subscriber", "add", "ACC-0042", "--name", "Jane", "--router", "Kilimani", "--plan", "Home 10")
	c.ok("source", "add", "Shop", "--kind", "standard")
	rotated := strings.TrimSpace(c.ok("keys", "rotate", c.file(string(c.keys))))
	for i, setting := range c.environ {
		if strings.HasPrefix(setting, "QSERVE_KEYS=") {
			c.environ[i] = "QSERVE_KEYS=" + rotated
		}
	}
	var done struct{ Resealed int }
	// Two routers' secrets, one PPPoE password, a webhook address and its secret.
	if c.data(&done, "keys", "reseal"); done.Resealed != 5 {
		t.Errorf("resealed %d values, want 5", done.Resealed)
	}
	if c.data(&done, "keys", "reseal"); done.Resealed != 0 {
		t.Errorf("resealed %d values again", done.Resealed)
	}
	c.ok("source", "list")
}

func TestSecretsThatAreGivenInFiles_AreNeverPrinted(t *testing.T) {
	t.Parallel()
	c := furnished(t)
	c.environ = append(c.environ, "QSERVE_LOG_LEVEL=debug")
	secrets := []string{"api-secret", "radius-secret", "pppoe-secret", string(c.keys)}
	for _, args := range [][]string{
		{"subscriber", "add", "ACC-0042", "--name", "Jane", "--router", "Kilimani", "--plan", "Home 10", "--password-file", c.file("pppoe-secret")},
		{"subscriber", "add", "ACC-0042", "--name", "Jane", "--router", "Kilimani", "--plan", "Home 10", "--password-file", c.file("pppoe-secret")},
		{"subscriber", "show", "ACC-0042"}, {"subscriber", "list"}, {"router", "list"}, {"plan", "list"}, {"settings"},
		{"router", "add", "Kilimani", "--mode", "local", "--api", "x:1", "--api-user", "q", "--api-plain", "--api-password-file", c.file("api-secret")},
	} {
		for _, format := range [][]string{nil, {"--json"}} {
			out, log, err := c.run(append(args, format...)...)
			if err != nil {
				log += explain(err) + err.Error()
			}
			for _, secret := range secrets {
				if strings.Contains(out+log, secret) {
					t.Errorf("qserve %v shows %q", args, secret)
				}
			}
		}
	}
}

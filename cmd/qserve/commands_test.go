package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
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

func TestPlans_AreAddedAndListed(t *testing.T) {
	t.Parallel()
	c := setup(t)
	var none struct{ Items []planJSON }
	c.data(&none, "plan", "list")
	if none.Items == nil {
		t.Error("no plans are null and not an empty list")
	}
	c.says([]string{"Added plan Home 10."}, "plan", "add", "Home 10", "--rate", "5M/10M", "--duration", "30days", "--price", "1500")
	var added planJSON
	c.data(&added, "plan", "add", "Night", "--rate", "1M/1M", "--duration", "1 hour", "--price", "20.50", "--pool", "night")
	want := planJSON{
		Name: "Night", Rate: "1M/1M", Duration: durationView{1, "hours"}, Price: moneyView{"20.50", "KES"}, OnExpiry: "cut", Pool: "night",
	}
	if diff := cmp.Diff(want, added); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	c.says([]string{"PLAN", "Home 10", "30 days", "KES 1500.00", "1 hour"}, "plan", "list")
	var listed struct{ Items []planJSON }
	c.data(&listed, "plan", "list")
	if diff := cmp.Diff([]string{"Home 10", "Night"}, names(listed.Items)); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	for _, duration := range []string{"", "days", "thirty days", "30", "30 weeks", "0 days", "1.5 months", "30 Days"} {
		c.fails([]string{"duration: "}, "plan", "add", "Bad", "--rate", "1M/1M", "--price", "1", "--duration", duration)
	}
	c.fails([]string{`name: there is a plan "Night" already`}, "plan", "add", "Night", "--rate", "1M/1M", "--duration", "1day", "--price", "1")
	c.fails([]string{"price: "}, "plan", "add", "Bad", "--rate", "1M/1M", "--duration", "1day", "--price", "free")
}

func names(plans []planJSON) (all []string) {
	for _, p := range plans {
		all = append(all, p.Name)
	}
	return all
}

func TestRouters_AreAddedAndListed(t *testing.T) {
	t.Parallel()
	c := furnished(t)
	c.says([]string{"ROUTER", "Kilimani", "local", "never", "Westlands", "radius"}, "router", "list")
	type view struct {
		Name, Mode  string
		Unconfirmed int
		Contact     *time.Time `json:"last_contact_at"`
	}
	var listed struct{ Items []view }
	c.data(&listed, "router", "list")
	if diff := cmp.Diff([]view{{Name: "Kilimani", Mode: "local"}, {Name: "Westlands", Mode: "radius"}}, listed.Items); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	var added struct{ Name, Mode string }
	c.data(&added, "router", "add", "Karen", "--mode", "radius", "--radius-secret-file", c.file("radius-secret"), "--nas-address", "10.9.0.4")
	if added.Name != "Karen" || added.Mode != "radius" {
		t.Errorf("added %+v", added)
	}
	c.fails([]string{`there is a router "Karen"`}, "router", "add", "Karen", "--mode", "radius", "--radius-secret-file", c.file("radius-secret"), "--nas-address", "10.9.0.5")
	c.fails([]string{"api-pin: "}, "router", "add", "X", "--mode", "local", "--api", "10.9.0.2:8729", "--api-user", "q", "--api-password-file", c.file("p"))
	c.fails([]string{"radius-secret: "}, "router", "add", "X", "--mode", "radius", "--radius-secret-file", c.file("short"), "--nas-address", "10.9.0.5")
	c.fails([]string{`there is no router "X"`}, "router", "check", "X")
}

func TestSources_ShowTheirSecretOnceAndTheirAddressesAlways(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.fails([]string{"merchant: "}, "source", "add", "M-Pesa", "--kind", "mpesa")
	var mpesa, shop sourceView
	c.data(&mpesa, "source", "add", "M-Pesa", "--kind", "mpesa", "--merchant", "600000")
	c.data(&shop, "source", "add", "Shop", "--kind", "standard")
	if mpesa.Secret != "" || len(mpesa.URLs) < 2 || mpesa.Merchant != "600000" {
		t.Errorf("M-Pesa %+v", mpesa)
	}
	if !strings.HasPrefix(shop.Secret, "whsec_") || len(shop.URLs) != 1 || shop.Merchant != "Shop" {
		t.Errorf("a source of Standard Webhooks with %d addresses and a secret of %d characters", len(shop.URLs), len(shop.Secret))
	}
	for _, u := range append(mpesa.URLs, shop.URLs...) {
		if !strings.HasPrefix(u.URL, "https://net.example/q/in/") {
			t.Errorf("address %s", u.URL)
		}
	}

	var listed struct{ Items []sourceView }
	c.data(&listed, "source", "list")
	told := shop
	told.Secret = ""
	if diff := cmp.Diff([]sourceView{mpesa, told}, listed.Items); diff != "" {
		t.Errorf("listed (-added +listed):\n%s", diff)
	}
	c.says([]string{"SOURCE", "M-Pesa", "600000", mpesa.URLs[0].URL, shop.URLs[0].URL}, "source", "list")

	var rotated struct{ Name, Secret string }
	c.data(&rotated, "source", "rotate", "Shop")
	if !strings.HasPrefix(rotated.Secret, "whsec_") || rotated.Secret == shop.Secret {
		t.Error("the secret is no other after its rotation")
	}
	c.says([]string{"New secret of Shop", "whsec_", "stays in force for 1h0m0s"}, "source", "rotate", "Shop", "--overlap", "1h")
	c.fails([]string{"has no secret"}, "source", "rotate", "M-Pesa")
	c.fails([]string{`there is no payment source "Nobody"`}, "source", "rotate", "Nobody")

	c.fails([]string{"already"}, "source", "add", "Shop", "--kind", "standard")
	for _, secret := range []string{"", "\n", "whsec_", "whsec_c2hvcnQ=", "hunter2"} {
		c.fails([]string{"secret-file: "}, "source", "add", "Other", "--kind", "standard", "--secret-file", c.file(secret))
	}
	c.fails([]string{"secret-file: ", "signs nothing"}, "source", "add", "Other", "--kind", "mpesa", "--merchant", "1", "--secret-file", c.file(shop.Secret))
	c.says([]string{"Added payment source Own", shop.Secret}, "source", "add", "Own", "--kind", "standard", "--secret-file", c.file(shop.Secret+"\n"))
}

func TestSourceAtAnAddressThatItsProviderRefuses_IsNotAdded(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.environ = append(c.environ, "QSERVE_PUBLIC_URL=https://mpesa.example")
	c.fails([]string{"mpesa", "QSERVE_PUBLIC_URL"}, "source", "add", "M-Pesa", "--kind", "mpesa", "--merchant", "600000")
	var listed struct{ Items []sourceView }
	c.data(&listed, "source", "list")
	if len(listed.Items) != 0 {
		t.Errorf("stored %+v", listed.Items)
	}
}

func TestSubscribers_AreAddedShownAndListed(t *testing.T) {
	t.Parallel()
	c := furnished(t)
	var jane, john subscriberView
	c.data(&jane, "subscriber", "add", "ACC-0042", "--name", "Jane", "--phone", "0708 374 149", "--router", "Kilimani", "--plan", "Home 10",
		"--password-file", c.file("pppoe-secret\n"), "--paid-until", "2099-01-01T00:00:00+03:00")
	paid, no := time.Date(2098, 12, 31, 21, 0, 0, 0, time.UTC), false
	want := subscriberView{
		ID: jane.ID, Account: "ACC-0042", Name: "Jane", Phone: "+254708374149", Username: "acc-0042", Plan: "Home 10", Router: "Kilimani",
		Status: "active", ExpiresAt: &paid, Balance: moneyView{"0.00", "KES"}, Confirmed: &no,
		Activity: []activityView{{Kind: "create", Actor: "staff", Summary: "Account opened with Home 10, paid until 1 Jan 2099 00:00"}},
	}
	if diff := cmp.Diff(want, jane, cmpopts.IgnoreFields(activityView{}, "At"), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	c.data(&john, "subscriber", "add", "ACC-0043", "--name", "John", "--router", "Westlands", "--plan", "Home 10")
	if len(john.Password) < 12 || john.Status != "expired" || john.ExpiresAt != nil {
		t.Errorf("a password of %d characters, %s", len(john.Password), john.Status)
	}
	c.says([]string{"PPPoE password (shown this once): "}, "subscriber", "add", "ACC-0044", "--name", "Mary", "--router", "Westlands", "--plan", "Home 10")

	c.says([]string{
		"Jane  ACC-0042  +254708374149", "active, paid until 1 Jan 2099 00:00:00. Home 10 on Kilimani as acc-0042. Balance KES 0.00.",
		"Kilimani has not confirmed the last change yet", "Account opened",
	}, "subscriber", "show", "acc 0042")
	var shown subscriberView
	c.data(&shown, "subscriber", "show", "ACC-0043")
	john.Password = ""
	if diff := cmp.Diff(john, shown); diff != "" {
		t.Errorf("shown (-added +shown):\n%s", diff)
	}

	c.says([]string{"ACCOUNT", "ACC-0042", "1 Jan 2099 00:00", "ACC-0044", "expired"}, "subscriber", "list")
	var page struct{ Items []subscriberView }
	c.data(&page, "subscriber", "list", "--after", "ACC-0042", "--limit", "1")
	if len(page.Items) != 1 || page.Items[0].Account != "ACC-0043" {
		t.Errorf("page %+v", page.Items)
	}

	c.fails([]string{`account: there is no account "ACC-1"`}, "subscriber", "show", "ACC-1")
	c.fails([]string{"account: there is an account"}, "subscriber", "add", "acc0042", "--name", "X", "--router", "Kilimani", "--plan", "Home 10")
	c.fails([]string{"plan: "}, "subscriber", "add", "ACC-9", "--name", "X", "--router", "Kilimani", "--plan", "Home")
	c.fails([]string{"password: "}, "subscriber", "add", "ACC-9", "--name", "X", "--router", "Kilimani", "--plan", "Home 10", "--password-file", c.file("abc\n"))
	c.fails([]string{"password-file: is empty"}, "subscriber", "add", "ACC-9", "--name", "X", "--router", "Kilimani", "--plan", "Home 10", "--password-file", c.file("\n\n"))
}

func TestCommandsOnASubscriber_AreAcceptedWhileNobodyWorks(t *testing.T) {
	t.Parallel()
	c := furnished(t)
	c.ok("subscriber", "add", "ACC-0042", "--name", "Jane", "--router", "Kilimani", "--plan", "Home 10")
	var action actionJSON
	c.data(&action, "subscriber", "suspend", "ACC-0042", "--category", "equipment", "--reason", "stolen", "--wait", "0")
	if action.Kind != "suspend" || action.State != "accepted" || action.ID == 0 || !strings.HasPrefix(action.Actor, "staff") {
		t.Errorf("action %+v", action)
	}
	c.says([]string{"reconnect of ACC-0042 is accepted."}, "subscriber", "reconnect", "ACC-0042", "--grace-hours", "24", "--wait", "0")
	c.fails([]string{`there is no account "ACC-1"`}, "subscriber", "suspend", "ACC-1")
	c.fails([]string{"--category"}, "subscriber", "suspend", "ACC-0042", "--category", "because")
	conn, err := pgx.Connect(t.Context(), c.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), "select kind || ' ' || arguments from actions where state = 'accepted' order by id")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`suspend {"reason": "stolen", "category": "equipment"}`, `reconnect {"grace_hours": 24}`}, stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
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

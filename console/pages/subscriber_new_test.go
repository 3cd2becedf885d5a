package pages_test

import (
	"net/http"
	"regexp"
	"sync"
	"testing"

	"qserve/console"
)

func TestNewSubscriber_GetsANumberAndAPasswordThatIsShownOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	form := b.get("/customers/new").is(t, http.StatusOK)
	form.tells(t, "Empty: the next free one, ACC-0043.", "Home 10: 10 Mbit/s down, 5 Mbit/s up, KES 1,500 for 30 days")
	fields := []string{"key", form.key(), "name", "<i>Amina</i>", "phone", "0712 345 678", "plan", "Home 10", "router", "Kilimani"}
	made := b.post("/customers/new", fields...).is(t, http.StatusOK)
	made.tells(t, "<i>Amina</i> is added", "Account ACC-0043", "PPPoE user acc-0043", "is not shown again")
	made.lacks(t, "<i>Amina")
	made.has(t, `href="/customers/ACC-0043"`)
	password := regexp.MustCompile(`<b class="copy">([A-Z0-9]{12})</b>`).FindStringSubmatch(made.body)
	if password == nil {
		t.Fatalf("no password is shown: %s", made.body)
	}
	b.get("/customers/ACC-0043").is(t, http.StatusOK).lacks(t, password[1])

	// The same form once more is the same subscriber.
	again := b.post("/customers/new", fields...).is(t, http.StatusOK)
	again.tells(t, "Account ACC-0043", password[1])
	if got := o.ask(`select count(*)::text from subscribers`); got != "2" {
		t.Errorf("there are %s subscribers", got)
	}
}

func TestNewSubscriber_WithAPasswordLeadsToTheProfile(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	made := b.postPart("/customers/new", "key", "k", "name", "Amina", "account", "HOME 7", "username", "amina", "password", "chosen-one",
		"fixed_ip", "100.64.8.10", "email", "amina@example.com", "address", "Ngong Road 12", "plan", "Home 10", "router", "Kilimani").is(t, http.StatusOK)
	if to := made.header.Get("Hx-Redirect"); to != "/customers/HOME%207" {
		t.Errorf("led to %q", to)
	}
	if made.body != "" {
		t.Errorf("the dialog shows %s", made.body)
	}
	page := b.get("/customers/HOME%207").is(t, http.StatusOK)
	page.tells(t, "Amina is added.", "amina@example.com", "Ngong Road 12", "100.64.8.10")
	page.lacks(t, "chosen-one")
	b.get("/customers/new").tells(t, "Empty: the next free one, HOME 8.")
}

func TestNewSubscriber_SaysWhatIsWrongAndKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	for name, c := range map[string]struct{ field, value, says string }{
		"no name":          {"name", "", "must have 1 to 200 characters"},
		"no number":        {"phone", "call me", "is not a phone number"},
		"account taken":    {"account", "acc0042", "there is an account like"},
		"user name taken":  {"username", "jane042", "somebody on Kilimani has the PPPoE name"},
		"odd user name":    {"username", "ja ne", "may have 1 to 64 of letters"},
		"short password":   {"password", "abc", "must have 4 to 64 characters"},
		"no address":       {"fixed_ip", "10.9", "is not an IPv4 address"},
		"no such plan":     {"plan", "Office", "there is no plan"},
		"no such router":   {"router", "Ngong", "there is no router"},
		"no letter at all": {"account", "--", "must have a letter or digit"},
	} {
		fields := []string{"key", name, "name", "Amina", "address", "Ngong Road 12", "plan", "Home 10", "router", "Kilimani"}
		for i := 0; i < len(fields); i += 2 {
			if fields[i] == c.field {
				fields[i+1] = c.value
			}
		}
		fields = append(fields, c.field, c.value)
		a := b.post("/customers/new", fields...)
		if a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, a.status, a.text())
			continue
		}
		a.tells(t, c.says)
		a.has(t, `value="Ngong Road 12"`)
	}
	if got := o.ask(`select count(*)::text from subscribers`); got != "1" {
		t.Errorf("there are %s subscribers", got)
	}
	o.as(console.RoleViewer).get("/customers/new").is(t, http.StatusForbidden)
	o.as(console.RoleOps).post("/customers/new", "name", "Amina", "plan", "Home 10", "router", "Kilimani").is(t, http.StatusForbidden)
}

func TestNewSubscribers_AtTheSameTimeGetNumbersOfTheirOwn(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	var all sync.WaitGroup
	for _, key := range []string{"a", "b", "c", "d", "e", "e"} { // the last one is a button that was pressed twice
		all.Go(func() {
			a := b.post("/customers/new", "key", key, "name", "Amina", "plan", "Home 10", "router", "Kilimani")
			if a.status != http.StatusOK {
				t.Errorf("%d: %s", a.status, a.text())
			}
		})
	}
	all.Wait()
	if got := o.ask(`select count(*)::text from subscribers where name = 'Amina'`); got != "5" {
		t.Errorf("five forms made %s subscribers", got)
	}
}

func TestNewSubscriber_ThatIsSentTwiceAtOnceIsAddedOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			a := b.post("/customers/new", "key", "k", "name", "Amina", "account", "ACC-0100", "plan", "Home 10", "router", "Kilimani")
			if a.status != http.StatusOK {
				t.Errorf("%d: %s", a.status, a.text())
			}
		})
	}
	all.Wait()
}

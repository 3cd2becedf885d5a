package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qserve/account"
	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router"
	"qserve/router/mikrosim"
)

const (
	planName, planRate, planPrice = "Home 10", "5M/10M", "1500.00"
	fastPlan, fastRate, fastPrice = "Home 20", "10M/20M", "2500.00"
	// away is a router that only the test of unreachable routers uses, and breaks.
	kilimani, ngong, syokimau, away = "Kilimani", "Ngong", "Syokimau", "Rongai"
)

// office is a Qserve with routers of every kind, and one member of the staff in each role.
type office struct {
	*stage.Stage
	staff    map[console.Role]stage.SignIn
	sessions sync.Map // cookie by user, of those whose session tests share
	people   atomic.Int64
}

var names = map[console.Role]string{
	console.RoleOwner: "Olive Owner", console.RoleManager: "Mona Manager", console.RoleSupport: "Sam Support",
	console.RoleViewer: "Vera Viewer", console.RoleOps: "Otto Ops",
}

func openOffice(ctx context.Context) (*office, error) {
	st, err := stage.Open(ctx, stage.Options{
		Routers: []stage.RouterOptions{
			{Name: kilimani, Mode: router.Radius}, {Name: ngong, Mode: router.Local},
			{Name: syokimau, Mode: router.Radius, NoAPI: true, Sim: mikrosim.Config{AuthMethod: "mschap2"}},
			{Name: away, Mode: router.Local},
		},
		Settings: map[string]string{"QSERVE_WORKERS": "8", "QSERVE_DATABASE_CONNS": "16"},
		// A router that is away is noticed soon.
		CommandTimeout: time.Second,
	})
	if err != nil {
		return nil, err
	}
	o := &office{Stage: st, staff: map[console.Role]stage.SignIn{}}
	month := account.Duration{Count: 30, Unit: account.Days}
	err = errors.Join(st.Plan(ctx, planName, planRate, month, planPrice), st.Plan(ctx, fastPlan, fastRate, month, fastPrice))
	for _, role := range console.Roles {
		in, hireErr := st.Hire(ctx, string(role), names[role], role)
		err = errors.Join(err, hireErr)
		o.staff[role] = in
	}
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return o, nil
}

// clerk is who adds the tests' subscribers.
var clerk = console.By{Actor: "staff clerk"}

// visit gives a test the office.
func visit(t *testing.T) *office {
	t.Helper()
	if err := shared.start(); err != nil {
		t.Fatal(err)
	}
	return shared.office
}

// customer is a subscriber of one test, with a box at home that dials.
type customer struct {
	stage.Person
	Name, Phone string
}

// subscriber adds a customer to a router, paid for ten days, and waits until the router lets it in. changes alter what is
// added.
func (o *office) subscriber(t *testing.T, on string, changes ...func(*console.NewSubscriber)) customer {
	t.Helper()
	n := o.people.Add(1)
	add := console.NewSubscriber{
		Account: fmt.Sprintf("ACC-%04d", n), Name: fmt.Sprintf("Jane Sample %d", n), Phone: fmt.Sprintf("07123%05d", n),
		Router: on, Plan: planName, Password: "sample-password", PaidUntil: time.Now().AddDate(0, 0, 10),
	}
	for _, change := range changes {
		change(&add)
	}
	add.Username = strings.ToLower(add.Account)
	must(t, second(o.Staff.AddSubscriber(t.Context(), clerk, add)))
	c := customer{Name: add.Name, Phone: add.Phone, Person: stage.Person{
		Account: add.Account, Username: add.Username, Password: add.Password, Plan: add.Plan, Router: o.Router(on), FixedIP: add.FixedIP,
	}}
	c.Router.SetCustomer(c.Username, c.Password, true)
	if add.PaidUntil.After(time.Now()) {
		must(t, c.Online(t.Context()))
	}
	return c
}

// expired makes a customer whose package ran out two days ago.
func expired(n *console.NewSubscriber) { n.PaidUntil = time.Now().AddDate(0, 0, -2) }

// fixed gives a customer an address of its own, whose queue on a router of mode local can change under a session.
func fixed(n *console.NewSubscriber) {
	digits := strings.TrimLeft(strings.TrimPrefix(n.Account, "ACC-"), "0")
	n.FixedIP = "198.18.0." + digits
}

// session is the customer's session on the router.
func (c customer) session(t *testing.T) mikrosim.Active {
	t.Helper()
	s, online := c.Router.State().Session(c.Username)
	if !online {
		t.Fatalf("%s has no session on %s", c.Account, c.Router.Name())
	}
	return s
}

// page is the address of the customer's profile.
func (c customer) page() string { return "/customers/" + c.Account }

// cookie is the session of somebody's sign-in, by the form of the sign-in.
func (o *office) cookie(ctx context.Context, in stage.SignIn) (*http.Cookie, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	form := url.Values{"login": {in.User}, "password": {in.Password}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.Program.BaseURL()+"/sign-in", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("sign %s in: %w", in.User, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther || len(jar.Cookies(request.URL)) == 0 {
		return nil, fmt.Errorf("the sign-in of %s is answered %s", in.User, answer.Status)
	}
	return jar.Cookies(request.URL)[0], nil
}

// sharedCookie is a session of a role that all tests may use and none may end.
func (o *office) sharedCookie(ctx context.Context, role console.Role) (*http.Cookie, error) {
	type once = func() (*http.Cookie, error)
	made, _ := o.sessions.LoadOrStore(role, sync.OnceValues(func() (*http.Cookie, error) {
		return o.cookie(context.WithoutCancel(ctx), o.staff[role])
	}))
	get, _ := made.(once)
	return get()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// second is the error of a call whose value nobody needs.
func second[T any](_ T, err error) error { return err }

// day is how the console writes a day of this year or the next.
func (o *office) day(at time.Time) string { return at.In(o.Settings.Zone).Format("2 Jan") }

// number is what a query yields.
func (o *office) number(t *testing.T, query string, args ...any) int64 {
	t.Helper()
	n, err := o.Number(t.Context(), query, args...)
	must(t, err)
	return n
}

package console_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

// someone is a row of the registry, as far as finding goes. Who has no router or plan gets the first.
type someone struct {
	account, name, phone, email, username string
	router, plan                          int
	expires, grace                        time.Duration // from noon; zero: none
	suspended                             bool
}

// registry is an office with two plans, two routers and these subscribers.
func registry(t *testing.T, people ...someone) *office {
	t.Helper()
	o := setup(t)
	o.sql(`insert into plans (name, rate, duration_count, duration_unit, price_minor, currency)
		select 'Plan ' || n, '5M/10M', 1, 'months', 150000, 'KES' from generate_series(1, 2) n`)
	o.sql(`insert into routers (name, mode, api_address, api_plain)
		select 'Router ' || n, 'local', '192.0.2.1:8728', true from generate_series(1, 2) n`)
	for _, p := range people {
		o.add(p)
	}
	return o
}

func (o *office) sql(statement string, args ...any) {
	o.t.Helper()
	if _, err := o.pool.Exec(o.t.Context(), statement, args...); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) add(p someone) {
	o.t.Helper()
	at := func(d time.Duration) *time.Time {
		if d == 0 {
			return nil
		}
		return new(noon.Add(d))
	}
	username := p.username
	if username == "" {
		username = "u-" + strings.ToLower(p.account)
	}
	o.sql(`insert into subscribers (account, name, phone, email, username, router_id, plan_id, password_sealed, currency, expires_at,
			grace_until, suspended_at, suspension_category)
		values ($1, $2, $3, $4, $5, $6, $7, '\x00', 'KES', $8, $9, case when $10 then $11::timestamptz end, case when $10 then 'other' end)`,
		p.account, p.name, p.phone, p.email, username, max(p.router, 1), max(p.plan, 1), at(p.expires), at(p.grace), p.suspended, noon)
}

// found lists the accounts of all pages of a query, in their order.
func (o *office) found(f console.FindQuery) []string {
	o.t.Helper()
	accounts := []string{}
	for {
		page, err := o.Find(o.t.Context(), f)
		if err != nil {
			o.t.Fatal(err)
		}
		for _, item := range page.Items {
			accounts = append(accounts, item.Account)
		}
		if page.Next == "" {
			return accounts
		}
		f.Cursor = page.Next
	}
}

var neighbours = []someone{
	{account: "ACC-0001", name: "Jane Njeri Wanjiru", phone: "+254712345678", email: "jane.w@example.com"},
	{account: "ACC-0002", name: "John Wanjiku", phone: "+254733000111", username: "home.john"},
	{account: "ACC-0003", name: "José Ng'ang'a", phone: "+254708374149"},
	{account: "ACC-0004", name: "Janet Kamau", phone: "+4915123456789"},
	{account: "KLM 7", name: "Shop 5 Kilimani"},
	{account: "ACC-0006", name: "ŁUKASZ STRAßE"},
}

func TestFind_ByWhatIsKnownOfSomebody(t *testing.T) {
	t.Parallel()
	o := registry(t, neighbours...)
	o.sql(`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, subscriber_id)
		select 'mpesa', '600000', 'SKL7X2M4QP', 150000, 'KES', now(), now(), id from subscribers where account = 'ACC-0002'`)
	for _, c := range []struct {
		q    string
		want []string
	}{
		// A name: parts, any order, accents and case ignored; a whole word before longer ones.
		{"jane", []string{"ACC-0001", "ACC-0004"}},
		{"WANJIRU Jane", []string{"ACC-0001"}},
		{"njeri jan", []string{"ACC-0001"}},
		{"wanj j", []string{"ACC-0002", "ACC-0001"}},
		{"jane njeri wanj", []string{"ACC-0001"}},
		{"jane kamau", []string{"ACC-0004"}},
		{"john kamau", []string{}},
		{"jose", []string{"ACC-0003"}},
		{"nganga", []string{"ACC-0003"}},
		{"NG’ANG’A josé", []string{"ACC-0003"}},
		{"lukasz strasse", []string{"ACC-0006"}},
		{"shop 5", []string{"KLM 7"}},
		// A phone as anyone types it, its beginning, its last digits.
		{"0712345678", []string{"ACC-0001"}},
		{"+254 712 345-678", []string{"ACC-0001"}},
		{"254712345678", []string{"ACC-0001"}},
		{"00254712345678", []string{"ACC-0001"}},
		{"0712", []string{"ACC-0001"}},
		{"712 3", []string{"ACC-0001"}},
		{"5678", []string{"ACC-0001"}},
		{"2345678", []string{"ACC-0001"}},
		{"+49151", []string{"ACC-0004"}},
		{"wanjiru 0712345678", []string{"ACC-0001"}},
		{"kamau 0712345678", []string{}},
		// Account number, user name, e-mail, receipt.
		{"acc 0003", []string{"ACC-0003"}},
		{"ACC0003", []string{"ACC-0003"}},
		{"klm7", []string{"KLM 7"}},
		{"home.john", []string{"ACC-0002"}},
		{"HOME", []string{"ACC-0002"}},
		{"jane.w@example.com", []string{"ACC-0001"}},
		{"jane.w@", []string{"ACC-0001"}},
		{"SKL7X2M4QP", []string{"ACC-0002"}},
		{"skl7x2m4qp", []string{"ACC-0002"}},
		{"acc-00", []string{"ACC-0001", "ACC-0002", "ACC-0003", "ACC-0004", "ACC-0006"}},
		{"%", []string{}},
		{"nobody", []string{}},
	} {
		for _, size := range []int{1, 2, 50} {
			if diff := cmp.Diff(c.want, o.found(console.FindQuery{Q: c.q, Limit: size})); diff != "" {
				t.Errorf("%q, %d to a page: (-want +got)\n%s", c.q, size, diff)
			}
		}
	}
}

func TestFind_ByTheAddressOfALineOrADevice(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.sql(`insert into sessions (router_id, acct_session_id, username, address, calling_station, started_at, seen_at, ended_at)
		select s.router_id, n.id, s.username, n.address, n.device, $1, $1, n.ended from subscribers s,
			(values ('now', inet '100.64.8.10', 'AA:BB:CC:00:00:01', null::timestamptz), ('before', '100.64.8.11', 'AA:BB:CC:00:00:02', now())) n (id, address, device, ended)`, noon)
	for q, found := range map[string]bool{
		"100.64.8.10": true, " 100.64.8.10 ": true, "::ffff:100.64.8.10": true, "AA:BB:CC:00:00:01": true, "aa-bb-cc-00-00-01": true, "aabb.cc00.0001": true,
		"100.64.8.11": false, "AA:BB:CC:00:00:02": false, "100.64.8.12": false,
	} {
		page, err := o.Find(t.Context(), console.FindQuery{Q: q})
		if err != nil || (len(page.Items) == 1) != found {
			t.Errorf("%q finds %d, %v", q, len(page.Items), err)
		}
	}
	o.sql(`update subscribers set fixed_address = '100.64.8.12'`)
	if page, err := o.Find(t.Context(), console.FindQuery{Q: "100.64.8.12"}); err != nil || len(page.Items) != 1 {
		t.Errorf("a fixed address finds %d, %v", len(page.Items), err)
	}
}

func TestFind_FollowsAnEditAndADeletion(t *testing.T) {
	t.Parallel()
	o := registry(t, neighbours...)
	o.sql(`update subscribers set name = 'Jane Otieno', phone = '+254700000000' where account = 'ACC-0001'`)
	for q, want := range map[string][]string{
		"wanjiru": {}, "jane wanjiru": {}, "0712345678": {}, "otieno": {"ACC-0001"}, "otieno jane": {"ACC-0001"}, "0700000000": {"ACC-0001"},
		"jane.w": {"ACC-0001"},
	} {
		if diff := cmp.Diff(want, o.found(console.FindQuery{Q: q})); diff != "" {
			t.Errorf("after the edit, %q: (-want +got)\n%s", q, diff)
		}
	}
	o.sql(`delete from subscribers where account = 'ACC-0001'`)
	if got := o.found(console.FindQuery{Q: "otieno"}); len(got) > 0 {
		t.Errorf("a deleted subscriber is found: %v", got)
	}
}

func TestFind_ANewcomerMovesNobodyToAnotherPage(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]console.FindQuery{
		"by one word": {Q: "jane"}, "by two": {Q: "wa ja"}, "by account": {Q: "acc"}, "everybody": {},
		"by expiry": {ExpiringDays: 30}, "by status": {Status: "active"},
	} {
		var people []someone
		for i := range 9 {
			people = append(people, someone{
				account: fmt.Sprintf("ACC-%04d", 2*i), name: fmt.Sprintf("Jane%d Wanjiru", i%4), expires: time.Duration(50-i) * time.Hour,
			})
		}
		o := registry(t, people...)
		f.Limit = 2
		want := o.found(f)
		var got []string
		for i := 0; ; i++ {
			page, err := o.Find(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range page.Items {
				got = append(got, item.Account)
			}
			if page.Next == "" {
				break
			}
			f.Cursor = page.Next
			o.add(someone{account: fmt.Sprintf("ACC-%04d", 2*i+1), name: "Jane0 Wanjiru", expires: time.Hour})
		}
		got = slices.DeleteFunc(got, func(account string) bool { return !slices.Contains(want, account) })
		if diff := cmp.Diff(want, got); len(want) != len(people) || diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestFind_FiltersCombine(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	people := []someone{
		{account: "A1", name: "Jane Never"},
		{account: "A2", name: "Jane Active", expires: 30 * hour},
		{account: "A3", name: "Jane Expired", expires: -hour},
		{account: "A4", name: "Jane Grace", expires: -hour, grace: hour},
		{account: "A5", name: "Jane Overdue", expires: -2 * hour, grace: -hour},
		{account: "A6", name: "Jane Suspended", expires: 5 * hour, suspended: true},
		{account: "A7", name: "Jane Second", expires: 20 * hour, plan: 2, router: 2},
		{account: "A8", name: "John Second", expires: 10 * hour, plan: 2},
	}
	o := registry(t, people...)
	// The status that is filtered by is the one that is shown, also at its very instant.
	for _, later := range []time.Duration{0, hour, 30 * hour, 100 * hour} {
		o.clock.Set(noon.Add(later))
		for _, q := range []string{"", "ja"} {
			for _, status := range []string{"active", "grace", "expired", "suspended"} {
				got := o.found(console.FindQuery{Q: q, Status: status, Limit: 3})
				for _, p := range people {
					view, err := o.Subscriber(t.Context(), p.account)
					if err != nil {
						t.Fatal(err)
					}
					want := view.Status == status && (q == "" || strings.HasPrefix(p.name, "Ja"))
					if slices.Contains(got, p.account) != want {
						t.Errorf("%v later, q %q, status %s: %v; %s is %s", later, q, status, got, p.account, view.Status)
					}
				}
			}
		}
	}
	o.clock.Set(noon)
	for _, c := range []struct {
		f    console.FindQuery
		want []string
	}{
		{console.FindQuery{Plan: "Plan 2"}, []string{"A7", "A8"}},
		{console.FindQuery{Router: "Router 2"}, []string{"A7"}},
		{console.FindQuery{Plan: "Plan 2", Router: "Router 1"}, []string{"A8"}},
		{console.FindQuery{ExpiringDays: 1}, []string{"A6", "A8", "A7"}},
		{console.FindQuery{ExpiringDays: 1, Status: "active"}, []string{"A8", "A7"}},
		{console.FindQuery{ExpiringDays: 2, Status: "active"}, []string{"A8", "A7", "A2"}},
		{console.FindQuery{Q: "second", ExpiringDays: 1, Plan: "Plan 2", Router: "Router 2", Status: "active"}, []string{"A7"}},
		{console.FindQuery{Q: "second ja", Plan: "Plan 2"}, []string{"A7"}},
		{console.FindQuery{Q: "second ja", Plan: "Plan 1"}, []string{}},
	} {
		if diff := cmp.Diff(c.want, o.found(c.f)); diff != "" {
			t.Errorf("%+v: (-want +got)\n%s", c.f, diff)
		}
	}
}

func TestFind_BadInputNamesItsField(t *testing.T) {
	t.Parallel()
	o := registry(t)
	for want, f := range map[string]console.FindQuery{
		"status": {Status: "gone"}, "plan": {Plan: "None"}, "router": {Router: "None"}, "expiring_days": {ExpiringDays: 9999},
		"limit": {Limit: 1000}, "cursor": {Cursor: "nonsense"}, "q": {Q: strings.Repeat("x", 300)},
	} {
		if _, err := o.Find(t.Context(), f); field(err) != want {
			t.Errorf("%+v: %v, want %s blamed", f, err, want)
		}
	}
	o.add(neighbours[0])
	o.add(neighbours[3])
	page, err := o.Find(t.Context(), console.FindQuery{Limit: 1})
	if err != nil || page.Next == "" {
		t.Fatal(page, err)
	}
	if _, err := o.Find(t.Context(), console.FindQuery{Q: "jane", Cursor: page.Next}); field(err) != "cursor" {
		t.Errorf("another list's cursor: %v", err)
	}
}

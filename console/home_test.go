package console_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
	"qserve/db"
)

func (o *office) home() console.HomeView {
	o.t.Helper()
	view, err := o.Home(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	return view
}

const day = 24 * time.Hour

// crowd are accounts of every status, and some whose end is near.
var crowd = []someone{
	{account: "ACTIVE", name: "A", expires: 10 * day},
	{account: "SOON", name: "B", expires: 2 * day},
	{account: "IN3", name: "C", expires: 3 * day},
	{account: "IN7", name: "D", expires: 7 * day},
	{account: "GRACE", name: "E", expires: -day, grace: day},
	{account: "OVER", name: "F", expires: -2 * day, grace: -day},
	{account: "NEVER", name: "G"},
	{account: "GRACE2", name: "H", grace: day},
	{account: "CUT", name: "I", expires: 2 * day, suspended: true},
	{account: "CUT2", name: "J", expires: -day, grace: day, suspended: true},
	{account: "STOPPED", name: "K", expires: 2 * day, suspended: true},
}

func TestHome_CountsWhatItsLinksShow(t *testing.T) {
	t.Parallel()
	o := registry(t, crowd...)
	o.sql(`update subscribers set clock_stopped_at = $1 where account = 'STOPPED'`, noon)
	view := o.home()
	for _, c := range []struct {
		name string
		got  console.BoundedCount
		link console.FindQuery
		want int64
	}{
		{"suspended", view.Suspended, console.FindQuery{Status: "suspended"}, 3},
		{"in grace", view.Grace, console.FindQuery{Status: "grace"}, 2},
		{"expiring in 3 days", view.ExpiringIn3Days, console.FindQuery{ExpiringDays: 3}, 3},
		{"expiring in 7 days", view.ExpiringIn7Days, console.FindQuery{ExpiringDays: 7}, 4},
	} {
		if listed := int64(len(o.found(c.link))); c.got.N != c.want || listed != c.want || c.got.More {
			t.Errorf("%s: %v, and %d in the list; want %d", c.name, c.got, listed, c.want)
		}
	}
}

func TestHome_CountsToABound(t *testing.T) {
	t.Parallel()
	o := registry(t)
	o.sql(`insert into subscribers (account, name, router_id, username, password_sealed, plan_id, currency, expires_at, suspended_at, suspension_category)
		select 'N' || n, 'X', 1, 'u' || n, '\x00', 1, 'KES', $1::timestamptz + interval '4 days', $1, 'other' from generate_series(1, 10000) n`, noon)
	if got := o.home(); got.Suspended.String() != "10,000" || got.ExpiringIn7Days.String() != "10,000" || got.ExpiringIn3Days.String() != "0" {
		t.Errorf("10,000 are %v, %v, %v", got.Suspended, got.ExpiringIn7Days, got.ExpiringIn3Days)
	}
	o.add(someone{account: "MORE", name: "X", expires: day, suspended: true})
	if got := o.home(); got.Suspended.String() != "10,000+" || got.ExpiringIn7Days.String() != "10,000+" || got.ExpiringIn3Days.String() != "1" {
		t.Errorf("10,001 are %v, %v, %v", got.Suspended, got.ExpiringIn7Days, got.ExpiringIn3Days)
	}
}

// pay books a payment that came at an instant, and returns its id.
func (o *office) pay(at time.Time, minor int64, currency, but string) (id int64) {
	o.t.Helper()
	if err := o.pool.QueryRow(o.t.Context(), `insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, unallocated)
		values ('mpesa', '600000', gen_random_uuid()::text, $1, $2, $3, $3, 'nobody has this number') returning id`, minor, currency, at).Scan(&id); err != nil {
		o.t.Fatal(err)
	}
	if but != "" {
		o.sql(`update payments set unallocated = '', `+but+` where id = $1`, id)
	}
	return id
}

func TestHome_AddsUpTodaysMoneyByTheProvidersDay(t *testing.T) {
	t.Parallel()
	o := registry(t, neighbours[0])
	midnight := time.Date(2026, time.March, 9, 21, 0, 0, 0, time.UTC) // in Nairobi
	o.pay(midnight, 150000, "KES", "subscriber_id = 1")
	o.pay(noon, 50000, "KES", "")
	o.pay(noon, 70000, "KES", "reversed_at = now()")
	o.pay(noon, 900, "USD", "")
	o.pay(midnight.Add(-time.Microsecond), 100000, "KES", "subscriber_id = 1")
	whole := o.pay(noon, 30000, "KES", "split_at = now()")
	o.sql(`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, unallocated, subscriber_id, split_of)
		select provider, merchant, transaction_id || '/' || n, n * 10000, currency, occurred_at, received_at, case n when 1 then 'rest' else '' end,
			case n when 2 then 1 end, id from payments, generate_series(1, 2) n where id = $1`, whole)
	kes := func(n int64, amount string) console.TakenView {
		return console.TakenView{Count: n, Sum: shillings(amount)}
	}
	usd := console.TakenView{Count: 1, Sum: console.Money{Amount: "9.00", Currency: "USD"}}
	view := o.home()
	if diff := cmp.Diff([]console.TakenView{kes(4, "2300.00"), usd}, view.PaymentsToday); diff != "" {
		t.Errorf("today (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]console.TakenView{kes(2, "600.00"), usd}, view.Unallocated); diff != "" {
		t.Errorf("unallocated (-want +got):\n%s", diff)
	}
	received, err := o.PaymentsReceived(t.Context(), "2026-03-10", "", 0)
	if err != nil || len(received.Items) != 5 {
		t.Errorf("the list of today has %d payments, %v", len(received.Items), err)
	}
	nobodys, err := o.Payments(t.Context(), console.PaymentQuery{Status: "unallocated"})
	if err != nil || len(nobodys.Items) != 3 {
		t.Errorf("the list of unallocated ones has %d payments, %v", len(nobodys.Items), err)
	}

	days := view.PaymentsPerDay
	if len(days) != 30 {
		t.Fatalf("%d days", len(days))
	}
	for i, d := range days {
		want := kes(0, "0.00")
		switch i {
		case 29:
			want = kes(4, "2300.00")
		case 28:
			want = kes(1, "1000.00")
		}
		if at := midnight.AddDate(0, 0, i-29); !d.Day.Equal(at) || d.Count != want.Count || d.Sum != want.Sum {
			t.Errorf("day %d is %+v, want %s with %+v", i, d, at, want)
		}
	}
}

func TestHome_KnowsWhoPaidAndWaitsForTheirRouter(t *testing.T) {
	t.Parallel()
	o := registry(t, neighbours...)
	if got := o.home().PaidUnconfirmed; got.Accounts.N != 0 || got.Oldest != nil {
		t.Errorf("without any: %+v", got)
	}
	o.sql(`insert into provisions (router_id, username, subscriber_id, state, wanted_at, want_gen, done_gen)
		select router_id, username, id, 'enabled', $1::timestamptz - interval '1 hour', 2, case id when 3 then 2 else 1 end from subscribers where id <= 4`, noon)
	o.sql(`insert into actions (kind, subscriber_id, actor, state, accepted_at, applied_at, confirmed_at)
		select kind, subscriber, 'x', state, $1::timestamptz - at, $1::timestamptz - at, case state when 'confirmed' then $1::timestamptz end
		from (values ('payment', 2, 'applied', interval '1 hour'), ('payment', 1, 'applied', interval '50 minutes'),
			('payment', 1, 'applied', interval '40 minutes'), ('payment', 3, 'confirmed', interval '2 hours'),
			('suspend', 4, 'applied', interval '3 hours')) a (kind, subscriber, state, at)`, noon)
	o.sql(`insert into action_provisions (action_id, provision_id, gen) select a.id, p.id, 2 from actions a join provisions p on p.subscriber_id = a.subscriber_id`)
	got := o.home().PaidUnconfirmed
	if got.Accounts.String() != "2" || got.Oldest == nil || !got.Oldest.Equal(noon.Add(-time.Hour)) {
		t.Errorf("%+v", got)
	}
	listed, err := o.PaidUnconfirmed(t.Context(), "", 0)
	if err != nil || len(listed.Items) != 2 || !listed.Items[0].Since.Equal(*got.Oldest) {
		t.Errorf("listed are %+v, %v", listed.Items, err)
	}
}

func TestHome_ShowsTheOldestOfEachListOfUnfinishedWork(t *testing.T) {
	t.Parallel()
	o := registry(t, someone{account: "ACC-0001", name: "Jane", expires: day}, someone{account: "ACC-0002", name: "Joe", expires: day})
	if got := o.home().Unfinished; got != nil {
		t.Errorf("with nothing to do: %+v", got)
	}
	o.sql(`insert into payment_sources (name, kind, token_hash, token_sealed, merchant, currency) values ('M-Pesa 600000', 'mpesa', sha256('x'), 'x', '600000', 'KES')`)
	o.sql(`insert into deliveries (source_id, delivery_key, digest, body, received_at, last_error)
		select 1, n::text, sha256('x'), '', $1::timestamptz - n * interval '1 minute', 'no database' from generate_series(2, 1, -1) n`, noon)
	o.sql(`insert into actions (kind, subscriber_id, actor, state, accepted_at)
		select 'suspend', n, 'x', 'accepted', $1::timestamptz - n * interval '1 minute' from generate_series(1, 2) n`, noon)
	o.sql(`update subscribers set due_at = $1::timestamptz + (1 - id) * interval '1 minute'`, noon)
	o.sql(`update routers set last_error = 'no answer' where id = 2`)
	o.sql(`insert into provisions (router_id, username, subscriber_id, state, wanted_at) values (1, 'a', 1, 'enabled', $1),
		(2, 'b', null, 'absent', $1::timestamptz - interval '3 minutes')`, noon)
	want := []console.UnfinishedView{
		{List: "deliveries", Since: noon.Add(-2 * time.Minute), Text: "A webhook of M-Pesa 600000 is not processed yet: no database"},
		{List: "actions", Since: noon.Add(-2 * time.Minute), Text: "The suspend of ACC-0002 is not carried out yet", Account: "ACC-0002"},
		{List: "dues", Since: noon.Add(-time.Minute), Text: "What fell due on ACC-0002 is not carried out yet", Account: "ACC-0002"},
		{List: "provisions", Since: noon.Add(-3 * time.Minute), Router: "Router 2",
			Text: "Router Router 2 has not confirmed yet what it should hold for an account that left it: no answer"},
	}
	if diff := cmp.Diff(want, o.home().Unfinished); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestHome_CountsWhoIsOnlineAsEverythingElseDoes(t *testing.T) {
	t.Parallel()
	o := registry(t)
	// Router 1 was listed long ago, router 2 a moment ago.
	o.sql(`update routers set sessions_at = case id when 1 then $1::timestamptz - interval '1 hour' else $1::timestamptz end, unreachable = id = 1,
		last_contact_at = $1, last_error = case id when 1 then 'no answer' else '' end`, noon)
	seen := []time.Duration{0, 15 * time.Minute, 15*time.Minute + time.Second}
	want := int64(0)
	for i, ago := range seen {
		for router := 1; router <= 2; router++ {
			who := someone{account: fmt.Sprintf("R%d-%d", router, i), name: "X", router: router}
			o.add(who)
			o.sql(`insert into sessions (router_id, acct_session_id, username, started_at, seen_at)
				select router_id, 's' || id, username, $2, $2 from subscribers where account = $1`, who.account, noon.Add(-ago))
			profile, err := o.Subscriber(t.Context(), who.account)
			if err != nil {
				t.Fatal(err)
			}
			if profile.Connection.Online {
				want++
			}
		}
	}
	o.sql(`insert into sessions (router_id, acct_session_id, username, started_at, seen_at, ended_at) values (2, 'over', 'x', $1, $1, $1)`, noon)
	o.sql(`insert into sessions (router_id, acct_session_id, username, started_at, seen_at)
		select 2, 'twice', username, $1::timestamptz, $1::timestamptz from subscribers where account = 'R2-0' union all select 2, 'nobodys', 'nobody', $1::timestamptz, $1::timestamptz`, noon)
	o.sql(`insert into provisions (router_id, username, state, wanted_at) values (1, 'x', 'absent', $1)`, noon)
	view := o.home()
	if view.Online == nil || *view.Online != want || want != 5 {
		t.Errorf("%v are online, %d by their profiles", view.Online, want)
	}
	wanted := []console.RouterHealthView{
		{Name: "Router 1", LastContactAt: &noon, LastError: "no answer", Waiting: 1, Oldest: &noon, Online: 2},
		{Name: "Router 2", Reachable: true, LastContactAt: &noon, Online: 3},
	}
	if diff := cmp.Diff(wanted, view.Routers); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	// The list of routers, the page of each, and the count that the chart is drawn from say the same.
	routers, err := o.Routers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range routers {
		one, err := o.Router(t.Context(), r.Name)
		if err != nil || r.Online != wanted[i].Online || one.Online != r.Online {
			t.Errorf("%s: home says %d are online, the list %d, its page %d, %v", r.Name, wanted[i].Online, r.Online, one.Online, err)
		}
	}
	if _, err := db.New(o.pool).CountOnline(t.Context(), db.CountOnlineParams{At: noon, Now: noon, Intervals: 3}); err != nil {
		t.Fatal(err)
	}
	o.clock.Advance(time.Minute)
	o.sql(`update routers set sessions_at = sessions_at + interval '1 minute'`)
	o.sql(`update sessions set seen_at = seen_at + interval '1 minute'`)
	if points := o.home().OnlineOverTime; len(points) != 1 || points[0].Online != want {
		t.Errorf("the chart shows %v, and %d are online", points, want)
	}
}

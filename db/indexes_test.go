package db_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/db"
)

// planner is a database that explains each query instead of answering it.
type planner struct {
	pool  *pgxpool.Pool
	plans []node
}

// node is one step of a plan.
type node struct {
	Type     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Index    string `json:"Index Name"`
	Plans    []node
}

var errExplained = errors.New("explained, not answered")

func (p *planner) explain(ctx context.Context, sql string, args []any) error {
	var text []byte
	if err := p.pool.QueryRow(ctx, "explain (format json) "+sql, args...).Scan(&text); err != nil {
		return err
	}
	var plan []struct{ Plan node }
	if err := json.Unmarshal(text, &plan); err != nil {
		return err
	}
	p.plans = append(p.plans, plan[0].Plan)
	return errExplained
}

func (p *planner) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, p.explain(ctx, sql, args)
}

func (p *planner) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return nil, p.explain(ctx, sql, args)
}

func (p *planner) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return failed{p.explain(ctx, sql, args)}
}

type failed struct{ error }

func (f failed) Scan(...any) error { return f.error }

// all lists the steps of a plan.
func (n node) all() []node {
	nodes := []node{n}
	for _, p := range n.Plans {
		nodes = append(nodes, p.all()...)
	}
	return nodes
}

// The tables that grow with the customers and with time; nothing that happens every second may read one of them whole.
var bigTables = []string{
	"subscribers", "deliveries", "payments", "actions", "action_provisions", "provisions", "sessions", "ledger_entries", "activity",
	"invoices", "spent_money_keys", "audit",
}

// fill makes a provider of 20,000 customers on 200 routers who has been in business for a while: nearly everything is done.
func fill(b *books) {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close(b.t.Context())
	for _, sql := range []string{
		// No foreign keys and no triggers: it is plans that count here, and a ledger that is checked takes its time.
		`set session_replication_role = replica`,
		`insert into routers (name, mode, api_address, api_plain) select 'Router ' || n, 'local', '192.0.2.1:8728', true from generate_series(1, 199) n`,
		`insert into subscribers (account, name, phone, router_id, username, password_sealed, plan_id, currency, expires_at, due_at)
			select 'N' || n, 'X', '+2547' || 10000000 + n, 1 + n % 200, 'user' || n, '\x00', 1, 'KES', t.at, t.at
			from generate_series(1, 20000) n, lateral (select now() + (n % 43200 - 5) * interval '1 minute' as at) t`,
		`insert into deliveries (source_id, delivery_key, digest, body, received_at, state, processed_at)
			select 1, n::text, sha256(n::text::bytea), '', now() - interval '1 hour', case when n % 1000 = 0 then 'received' else 'processed' end,
			case when n % 1000 = 0 then null else now() end from generate_series(1, 50000) n`,
		`insert into payments (provider, merchant, transaction_id, delivery_id, amount_minor, currency, occurred_at, received_at, subscriber_id)
			select 'mpesa', '600000', n::text, n, 150000, 'KES', now(), now(), 2 + n % 20000 from generate_series(1, 20000) n`,
		`insert into actions (kind, subscriber_id, actor, state, accepted_at, applied_at, confirmed_at)
			select 'payment', 2 + n % 20000, 'x', case when n % 1000 = 0 then 'accepted' else 'confirmed' end, now() - interval '1 hour',
			case when n % 1000 = 0 then null else now() end, case when n % 1000 = 0 then null else now() end from generate_series(1, 50000) n`,
		`insert into provisions (router_id, username, subscriber_id, state, rate, wanted_at, done_gen)
			select router_id, username, id, 'enabled', '5M/10M', now() - interval '1 hour', case when id % 500 = 0 then 0 else 1 end
			from subscribers where username like 'user%'`,
		`insert into action_provisions (action_id, provision_id, gen) select a.id, p.id, 1
			from actions a join provisions p on p.subscriber_id = a.subscriber_id`,
		`insert into sessions (router_id, acct_session_id, username, started_at, seen_at, ended_at)
			select 1 + n % 200, n::text, 'user' || n % 20000, now(), now(), case when n % 3 = 0 then null else now() end
			from generate_series(1, 20000) n`,
		`insert into ledger_entries (subscriber_id, kind, amount_minor, currency, payment_id, action_id)
			select 2 + n % 20000, 'payment', 150000, 'KES', n, n from generate_series(1, 20000) n`,
		`insert into activity (subscriber_id, kind, actor, summary, at) select 2 + n % 20000, 'payment', 'x', 'x', now() from generate_series(1, 20000) n`,
		`insert into ledger_entries (subscriber_id, kind, amount_minor, currency, action_id, plan_id, periods, period_start, period_end)
			select 2 + n % 20000, 'renewal', -150000, 'KES', n, 1, 1, now(), now() + interval '1 month' from generate_series(1, 20000) n`,
		`insert into invoices (year, number, subscriber_id, action_id, plan, periods, total_minor, currency, period_start, period_end, issued_at)
			select 2026, n, 2 + n % 20000, n, 'Home 10', 1, 150000, 'KES', now(), now() + interval '1 month', now() from generate_series(1, 20000) n`,
		`insert into spent_money_keys select sha256(n::text::bytea) from generate_series(1, 20000) n`,
		`update deliveries set repeats = id::text where id % 50 = 0`,
		`update actions set request_key = id::text where id % 2 = 0`,
		`analyze`,
	} {
		if _, err := conn.Exec(b.t.Context(), sql); err != nil {
			b.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// hot is a query that is asked often, and the indexes that it has to use.
type hot struct {
	run  func(ctx context.Context, q *db.Queries) error
	uses []string
}

func TestWhatHappensEverySecond_ReadsNoBigTableWhole(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	fill(b)
	var now, delivery = noon, int64(1000)
	if err := b.pool.QueryRow(t.Context(), "select now()").Scan(&now); err != nil {
		t.Fatal(err)
	}
	one := []int64{1234}
	queries := map[string]hot{
		"LockDelivery": {func(ctx context.Context, q *db.Queries) error { _, err := q.LockDelivery(ctx, delivery); return err }, nil},
		"LockMoreDeliveries": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.LockMoreDeliveries(ctx, db.LockMoreDeliveriesParams{Beside: delivery, Most: 48})
			return err
		}, []string{"deliveries_waiting"}},
		"FinishDeliveries": {func(ctx context.Context, q *db.Queries) error {
			return q.FinishDeliveries(ctx, db.FinishDeliveriesParams{
				IDs: one, States: []string{"processed"}, Problems: []string{""}, Repeats: []string{"77"}, Now: now,
			})
		}, nil},
		"FindAccounts": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.FindAccounts(ctx, db.FindAccountsParams{
				AccountKeys: []string{"N77"}, Phones: []string{"+254710000077"}, Usernames: []string{"User77", "user77"},
				PhoneHashes: []string{strings.Repeat("0", 64)},
			})
			return err
		}, []string{"subscribers_account_key_key", "subscribers_phone", "subscribers_username", "subscribers_phone_hash"}},
		"LockAccounts": {func(ctx context.Context, q *db.Queries) error { _, err := q.LockAccounts(ctx, one); return err }, nil},
		"ProvisionsOf": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.ProvisionsOf(ctx, db.ProvisionsOfParams{RouterIDs: []int64{78}, Usernames: []string{"user77"}})
			return err
		}, nil},
		"LockProvisions": {func(ctx context.Context, q *db.Queries) error { return q.LockProvisions(ctx, one) }, nil},
		"ConfirmAtOnce": {func(ctx context.Context, q *db.Queries) error {
			return q.ConfirmAtOnce(ctx, db.ConfirmAtOnceParams{IDs: one, Now: now})
		}, nil},
		"SaveFacts": {func(ctx context.Context, q *db.Queries) error {
			return q.SaveFacts(ctx, db.SaveFactsParams{
				IDs: one, ExpiresAts: []time.Time{now}, AnchorDays: []int16{0}, GraceUntils: []time.Time{now},
				SuspendedAts: []time.Time{{}}, SuspensionCategories: []string{""}, SuspensionReasons: []string{""},
				DueAts: []time.Time{now}, PlanIDs: one, NextPlanIDs: one, NextPlanAts: []time.Time{now}, ClockStoppedAts: []time.Time{{}},
			})
		}, nil},
		"SubscriberByKey": {func(ctx context.Context, q *db.Queries) error { _, err := q.SubscriberByKey(ctx, "N77"); return err }, nil},
		"Dial": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.Dial(ctx, db.DialParams{RouterID: 78, Username: "user77"})
			return err
		}, nil},
		"DueAccounts": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.DueAccounts(ctx, db.DueAccountsParams{Until: now, Most: 1000})
			return err
		}, []string{"subscribers_due"}},
		"WaitingOnRouter": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.WaitingOnRouter(ctx, db.WaitingOnRouterParams{Router: "router77", Most: 200})
			return err
		}, []string{"provisions_unconfirmed"}},
		"StaffByID":    {func(ctx context.Context, q *db.Queries) error { _, err := q.StaffByID(ctx, 78); return err }, nil},
		"StaffByLogin": {func(ctx context.Context, q *db.Queries) error { _, err := q.StaffByLogin(ctx, "owner"); return err }, nil},
		"LockDueAccounts": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.LockDueAccounts(ctx, db.LockDueAccountsParams{Now: now, RouterID: 78, Beside: 77, Most: 100})
			return err
		}, []string{"subscribers_due"}},
		"ActionOfRequest": {func(ctx context.Context, q *db.Queries) error { _, err := q.ActionOfRequest(ctx, "78"); return err }, nil},
		"RenewalsBoughtWith": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.RenewalsBoughtWith(ctx, db.RenewalsBoughtWithParams{PaymentID: 77})
			return err
		}, []string{"ledger_entries_once_a_payment", "ledger_entries_action"}},
		"LockPayment": {func(ctx context.Context, q *db.Queries) error { _, err := q.LockPayment(ctx, 77); return err },
			[]string{"spent_money_keys_pkey"}},
		"InsertPayments": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.InsertPayments(ctx, db.InsertPaymentsParams{
				Providers: []string{"mpesa"}, Merchants: []string{"600000"}, TransactionIDs: []string{"new"}, DeliveryIDs: one,
				AmountsMinor: one, Currencies: []string{"KES"}, OccurredAts: []time.Time{now}, ReceivedAts: []time.Time{now},
				PayerReferences: []string{""}, PayerNames: []string{""}, PayerPhones: []string{""}, PayerPhoneHashes: []string{""},
				SubscriberIDs: one, Unallocated: []string{""},
			})
			return err
		}, []string{"spent_money_keys_pkey"}},
		"EnterPayment": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.EnterPayment(ctx, db.EnterPaymentParams{Provider: "cash", Merchant: "x", TransactionID: "x", OccurredAt: now, ReceivedAt: now})
			return err
		}, []string{"spent_money_keys_pkey"}},
		"SessionSeen": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.SessionSeen(ctx, db.SessionSeenParams{RouterID: 78, Username: "user77", AcctSessionID: "x", StartedAt: now, SeenAt: now})
			return err
		}, []string{"provisions_router_id_username_key"}},
		"SessionStopped": {func(ctx context.Context, q *db.Queries) error {
			return q.SessionStopped(ctx, db.SessionStoppedParams{RouterID: 78, Username: "user77", AcctSessionID: "x", StartedAt: now, At: now})
		}, []string{"provisions_router_id_username_key"}},
		"DoubtSessions": {func(ctx context.Context, q *db.Queries) error {
			return q.DoubtSessions(ctx, db.DoubtSessionsParams{RouterID: 78, Username: "user77", AddressList: "qserve-expired"})
		}, []string{"sessions_open"}},
		"SessionsHaveRate": {func(ctx context.Context, q *db.Queries) error {
			return q.SessionsHaveRate(ctx, db.SessionsHaveRateParams{RouterID: 78, Usernames: []string{"user77"}, Gens: one, Rates: []string{"x"}, AddressLists: []string{""}})
		}, nil},
		"SessionsGone": {func(ctx context.Context, q *db.Queries) error {
			return q.SessionsGone(ctx, db.SessionsGoneParams{RouterID: 78, Usernames: []string{"user77"}, Gens: one, At: now})
		}, []string{"sessions_open"}},
		"UsernameTaken": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.UsernameTaken(ctx, db.UsernameTakenParams{RouterID: 78, Username: "user77"})
			return err
		}, nil},
		"DropTombstones":    {func(ctx context.Context, q *db.Queries) error { return q.DropTombstones(ctx, one) }, nil},
		"LockSharedActions": {func(ctx context.Context, q *db.Queries) error { return q.LockSharedActions(ctx, one) }, nil},
		"SpendMoneyKeys":    {func(ctx context.Context, q *db.Queries) error { return q.SpendMoneyKeys(ctx, 77) }, nil},
		"KeepMonthlyTotals": {func(ctx context.Context, q *db.Queries) error {
			return q.KeepMonthlyTotals(ctx, db.KeepMonthlyTotalsParams{SubscriberID: 77, Zone: "Africa/Nairobi"})
		}, nil},
		"RefuseWaitingActions": {func(ctx context.Context, q *db.Queries) error {
			return q.RefuseWaitingActions(ctx, db.RefuseWaitingActionsParams{SubscriberID: 77, Refusal: "x"})
		}, nil},
		"ForgetInvoices": {func(ctx context.Context, q *db.Queries) error { return q.ForgetInvoices(ctx, 77) }, nil},
		"ForgetLedger":   {func(ctx context.Context, q *db.Queries) error { return q.ForgetLedger(ctx, 77) }, nil},
		"ForgetActivity": {func(ctx context.Context, q *db.Queries) error { return q.ForgetActivity(ctx, 77) }, nil},
		"ForgetActions": {func(ctx context.Context, q *db.Queries) error {
			return q.ForgetActions(ctx, db.ForgetActionsParams{SubscriberID: 77})
		}, nil},
		"ForgetArguments": {func(ctx context.Context, q *db.Queries) error { return q.ForgetArguments(ctx, 77) }, nil},
		"ForgetBodies":    {func(ctx context.Context, q *db.Queries) error { return q.ForgetBodies(ctx, 77) }, []string{"deliveries_repeats"}},
		"ForgetPayments": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.ForgetPayments(ctx, db.ForgetPaymentsParams{SubscriberID: 77, Now: now})
			return err
		}, nil},
		"ForgetDeliveries": {func(ctx context.Context, q *db.Queries) error { return q.ForgetDeliveries(ctx, one) }, nil},
		"ForgetSessions": {func(ctx context.Context, q *db.Queries) error {
			return q.ForgetSessions(ctx, db.ForgetSessionsParams{RouterIDs: []int64{78}, Usernames: []string{"user77"}})
		}, nil},
		"ForgetSubscriber": {func(ctx context.Context, q *db.Queries) error { return q.ForgetSubscriber(ctx, 77) }, nil},
		"WaitingDeliveries": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.WaitingDeliveries(ctx, db.WaitingDeliveriesParams{OlderThan: now, Most: 1000})
			return err
		}, []string{"deliveries_waiting"}},
		"CountWaitingDeliveries": {func(ctx context.Context, q *db.Queries) error { _, err := q.CountWaitingDeliveries(ctx); return err }, nil},
		"CountUnallocated":       {func(ctx context.Context, q *db.Queries) error { _, err := q.CountUnallocated(ctx); return err }, nil},
		"CountUnconfirmed":       {func(ctx context.Context, q *db.Queries) error { _, err := q.CountUnconfirmed(ctx); return err }, nil},
		"WaitingActions": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.WaitingActions(ctx, db.WaitingActionsParams{OlderThan: now, Most: 1000})
			return err
		}, []string{"actions_accepted"}},
		"AcceptedActions": {func(ctx context.Context, q *db.Queries) error { _, err := q.AcceptedActions(ctx, 77); return err }, nil},
		"RoutersWithWork": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.RoutersWithWork(ctx, db.RoutersWithWorkParams{Now: now, OlderThan: now, Most: 1000})
			return err
		}, []string{"provisions_unconfirmed"}},
		"RoutersToProbe": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.RoutersToProbe(ctx, db.RoutersToProbeParams{Now: now, Most: 64})
			return err
		}, nil},
		"UnconfirmedProvisions": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.UnconfirmedProvisions(ctx, db.UnconfirmedProvisionsParams{RouterID: 77, Now: now, Most: 32})
			return err
		}, []string{"provisions_unconfirmed"}},
		"NextProvisionTry": {func(ctx context.Context, q *db.Queries) error { _, err := q.NextProvisionTry(ctx, 77); return err }, nil},
		"ConfirmProvisions": {func(ctx context.Context, q *db.Queries) error {
			return q.ConfirmProvisions(ctx, db.ConfirmProvisionsParams{IDs: one, Gens: one, Now: now})
		}, nil},
		"ConfirmActions": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.ConfirmActions(ctx, db.ConfirmActionsParams{ProvisionIDs: one, Now: now})
			return err
		}, nil},
		"RoutersOfActions": {func(ctx context.Context, q *db.Queries) error { _, err := q.RoutersOfActions(ctx, one); return err }, nil},
		"OpenSessions": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.OpenSessions(ctx, db.OpenSessionsParams{RouterID: 78, Username: "user77"})
			return err
		}, []string{"sessions_open"}},
		"CloseOlderSessions": {func(ctx context.Context, q *db.Queries) error {
			return q.CloseOlderSessions(ctx, db.CloseOlderSessionsParams{RouterID: 78, Username: "user77", AcctSessionID: "9", At: now})
		}, []string{"sessions_open"}},
		"PaymentsPage": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.PaymentsPage(ctx, db.PaymentsPageParams{SubscriberID: b.jane, Before: math.MaxInt64, Most: 50})
			return err
		}, nil},
		"ActivityPage": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.ActivityPage(ctx, db.ActivityPageParams{SubscriberID: b.jane, Before: math.MaxInt64, Kinds: []string{}, Most: 50})
			return err
		}, nil},
		"TimelineActivity": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.TimelineActivity(ctx, db.TimelineActivityParams{
				SubscriberID: b.jane, Before: now, BeforeID: math.MaxInt64, Most: 50,
			})
			return err
		}, []string{"activity_subscriber"}},
		"TimelineActivityOf": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.TimelineActivityOf(ctx, db.TimelineActivityOfParams{
				SubscriberID: b.jane, Before: now, BeforeID: math.MaxInt64, Kinds: []string{}, But: []string{}, Most: 50,
			})
			return err
		}, []string{"activity_subscriber"}},
		"TimelineDeliveries": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.TimelineDeliveries(ctx, db.TimelineDeliveriesParams{SubscriberID: b.jane, Before: now, Most: 50})
			return err
		}, []string{"payments_subscriber", "deliveries_repeats"}},
		"TimelineAnswers": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.TimelineAnswers(ctx, db.TimelineAnswersParams{SubscriberID: b.jane, Before: now, But: []string{}, Most: 50, Reach: 150})
			return err
		}, []string{"actions_subscriber"}},
		"TimelineSessions": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.TimelineSessions(ctx, db.TimelineSessionsParams{SubscriberID: b.jane, Before: now, Most: 50})
			return err
		}, []string{"sessions_user", "activity_moved"}},
		"ServiceGiven": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.ServiceGiven(ctx, db.ServiceGivenParams{SubscriberID: b.jane, Until: now, Reach: 150})
			return err
		}, []string{"actions_subscriber"}},
		"UndoneActions": {func(ctx context.Context, q *db.Queries) error { _, err := q.UndoneActions(ctx, b.jane); return err }, []string{"actions_undo"}},
		"RecentActions": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.RecentActions(ctx, db.RecentActionsParams{SubscriberID: b.jane, Since: now, Most: 10})
			return err
		}, []string{"actions_subscriber", "provisions_subscriber", "action_provisions_provision"}},
		"HomeCounts": {func(ctx context.Context, q *db.Queries) error {
			_, err := q.HomeCounts(ctx, db.HomeCountsParams{Now: now, Soon: now.AddDate(0, 0, 3), Later: now.AddDate(0, 0, 7), Most: 10_001})
			return err
		}, []string{"subscribers_suspended", "subscribers_in_grace", "subscribers_expiring"}},
		"UnallocatedMoney": {func(ctx context.Context, q *db.Queries) error { _, err := q.UnallocatedMoney(ctx); return err }, []string{"payments_unallocated"}},
		"OldestUnfinished": {func(ctx context.Context, q *db.Queries) error { _, err := q.OldestUnfinished(ctx, now); return err },
			[]string{"deliveries_waiting", "actions_accepted", "subscribers_due", "provisions_unconfirmed"}},
		"PaidUnconfirmed": {func(ctx context.Context, q *db.Queries) error { _, err := q.PaidUnconfirmed(ctx, 20_000); return err },
			[]string{"provisions_unconfirmed"}},
	}
	maps.Copy(queries, opsQueries(now))
	for name, c := range queries {
		p := &planner{pool: b.pool}
		if err := c.run(t.Context(), db.New(p)); !errors.Is(err, errExplained) || len(p.plans) != 1 {
			t.Errorf("%s: explained %d queries, %v", name, len(p.plans), err)
			continue
		}
		nodes := p.plans[0].all()
		for _, n := range nodes {
			if n.Type == "Seq Scan" && slices.Contains(bigTables, n.Relation) {
				t.Errorf("%s reads all of %s:\n%s", name, n.Relation, outline(p.plans[0], ""))
			}
		}
		for _, index := range c.uses {
			if !slices.ContainsFunc(nodes, func(n node) bool { return n.Index == index }) {
				t.Errorf("%s does not use %s:\n%s", name, index, outline(p.plans[0], ""))
			}
		}
	}
}

// outline is a plan for people.
func outline(n node, indent string) string {
	lines := []string{fmt.Sprintf("%s%s %s %s\n", indent, n.Type, n.Relation, n.Index)}
	for _, p := range n.Plans {
		lines = append(lines, outline(p, indent+"  "))
	}
	return strings.Join(lines, "")
}

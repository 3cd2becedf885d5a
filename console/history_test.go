package console_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

// storied is a registry with one subscriber to whom a few things have happened: three payments of which one was taken back,
// two renewals, a suspension from the network, and a note that looks like a formula. Money that is nobody's has come too.
func storied(t *testing.T) *office {
	t.Helper()
	o := registry(t, neighbours[0], neighbours[1])
	for _, sql := range []string{
		`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, reference, subscriber_id)
			select 'mpesa', '600000', 'PAY' || n, 200000, 'KES', $1::timestamptz, $1::timestamptz, 'acc 0001', id from subscribers, generate_series(1, 3) n
			where account = 'ACC-0001'`,
		`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, reference, unallocated)
			values ('mpesa', '600000', 'LOST1', 5000, 'KES', $1::timestamptz, $1::timestamptz, 'Acc-99', 'nobody has this number')`,
		`insert into actions (kind, subscriber_id, actor, source, state, accepted_at, applied_at, confirmed_at)
			select case n when 4 then 'suspend' else 'payment' end, id, 'token desk', '10.0.0.7', 'confirmed', $1::timestamptz, $1::timestamptz, $1::timestamptz
			from subscribers, generate_series(1, 4) n where account = 'ACC-0001' order by n`,
		`insert into ledger_entries (subscriber_id, kind, amount_minor, currency, payment_id, allocation, action_id, plan_id, periods,
				period_start, period_end, created_at)
			select id, kind, minor, 'KES', payment, 0, action, case when minor = -150000 then 1 end, case when minor = -150000 then 1 end,
				$1::timestamptz, $1::timestamptz + interval '1 month', $1::timestamptz
			from subscribers, (values (1, 'payment', 200000, 1, 1), (2, 'renewal', -150000, null, 1), (3, 'payment', 200000, 2, 2),
				(4, 'renewal', -150000, null, 2), (5, 'payment', 200000, 3, 3), (6, 'reversal', -200000, 3, 3))
				l (n, kind, minor, payment, action)
			where account = 'ACC-0001' order by n`,
		`insert into invoices (year, number, subscriber_id, action_id, plan, periods, total_minor, currency, period_start, period_end, issued_at)
			select 2026, n, id, n, 'Plan 1', 1, 150000, 'KES', $1::timestamptz, $1::timestamptz + interval '1 month', $1::timestamptz
			from subscribers, generate_series(1, 2) n where account = 'ACC-0001'`,
		`update payments set reversed_at = $1::timestamptz, reversal_reason = 'paid twice', allocation = 1 where transaction_id = 'PAY3'`,
		`insert into activity (subscriber_id, action_id, kind, actor, summary, before, after, at)
			select id, action, kind, 'token desk', summary, '{}', after::jsonb, $1::timestamptz + n * interval '1 minute'
			from subscribers, (values (1, 1, 'payment', 'Paid', '{}'), (2, 2, 'payment', 'Paid', '{}'),
				(3, 4, 'suspend', 'Suspended: holiday', '{"status": "suspended"}'), (4, null, 'note', '=HYPERLINK("x")', '{}'))
				l (n, action, kind, summary, after)
			where account = 'ACC-0001' order by n`,
		`insert into audit (at, actor, kind, object, summary) values ($1::timestamptz + interval '150 seconds', 'staff', 'plan', 'plan Plan 1', 'Price raised')`,
	} {
		o.sql(sql, noon)
	}
	o.sql(`insert into provisions (router_id, username, subscriber_id, state, wanted_at, want_gen, done_gen, last_error)
		select router_id, username, id, 'disabled', $1, 2, 1, 'no answer' from subscribers where account = 'ACC-0001'`, noon)
	o.sql(`insert into action_provisions (action_id, provision_id, gen) select 4, id, 2 from provisions`)
	return o
}

// whole reads all pages of a list, one thing to a page.
func whole[T any](t *testing.T, read func(cursor string) (console.Page[T], error)) []T {
	t.Helper()
	var items []T
	for cursor := ""; ; {
		page, err := read(cursor)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, page.Items...)
		if cursor = page.Next; cursor == "" {
			return items
		}
	}
}

func TestActivity_TellsWhatHappenedAndWhatTheRouterAnswered(t *testing.T) {
	t.Parallel()
	o := storied(t)
	lines := whole(t, func(cursor string) (console.Page[console.ActivityView], error) {
		return o.Activity(t.Context(), "acc 0001", console.HistoryQuery{Cursor: cursor, Limit: 1})
	})
	var kinds []string
	for _, line := range lines {
		kinds = append(kinds, line.Kind)
	}
	if diff := cmp.Diff([]string{"note", "suspend", "payment", "payment"}, kinds); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	want := []console.ActionRouterView{{Router: "Router 1", Username: "u-acc-0001", LastError: "no answer"}}
	if diff := cmp.Diff(want, lines[1].Routers); diff != "" || lines[1].Source != "10.0.0.7" || lines[1].After["status"] != "suspended" {
		t.Errorf("the suspension is %+v: (-want +got)\n%s", lines[1], diff)
	}
	some, err := o.Activity(t.Context(), "ACC-0001", console.HistoryQuery{Kinds: []string{"suspend", "note"}})
	if err != nil || len(some.Items) != 2 {
		t.Errorf("two kinds: %+v, %v", some, err)
	}
	if _, err := o.Activity(t.Context(), "nobody", console.HistoryQuery{}); !notThere(err) {
		t.Errorf("of an unknown account: %v", err)
	}
}

func notThere(err error) bool {
	_, ok := errors.AsType[*console.NotFoundError](err)
	return ok
}

func TestActivityCSV_IsInTheProvidersZoneAndHoldsNoFormula(t *testing.T) {
	t.Parallel()
	o := storied(t)
	var out strings.Builder
	if err := o.ActivityCSV(t.Context(), "ACC-0001", nil, &out); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("%d rows, %v:\n%s", len(rows), err, out.String())
	}
	if got := rows[1]; got[1] != "2026-03-10T12:04:00+03:00" || got[5] != `'=HYPERLINK("x")` {
		t.Errorf("the note is %q", got)
	}
	if got := rows[2]; got[4] != "10.0.0.7" || got[7] != "status: suspended" || got[9] != "Router 1: no answer" {
		t.Errorf("the suspension is %q", got)
	}
}

func TestLedger_ExplainsTheBalanceLineByLine(t *testing.T) {
	t.Parallel()
	o := storied(t)
	lines := whole(t, func(cursor string) (console.Page[console.LedgerView], error) {
		return o.Ledger(t.Context(), "ACC-0001", console.HistoryQuery{Cursor: cursor, Limit: 1})
	})
	var got []string
	for _, l := range lines {
		got = append(got, fmt.Sprintf("%s %s = %s: %s", l.Kind, l.Amount.Amount, l.Balance.Amount, l.Summary))
	}
	want := []string{
		"reversal -2000.00 = 1000.00: Payment PAY3 by mpesa taken back",
		"payment 2000.00 = 3000.00: Payment PAY3 by mpesa",
		"renewal -1500.00 = 1000.00: Plan 1, 1 period until 10 Apr 2026 12:00",
		"payment 2000.00 = 2500.00: Payment PAY2 by mpesa",
		"renewal -1500.00 = 500.00: Plan 1, 1 period until 10 Apr 2026 12:00",
		"payment 2000.00 = 2000.00: Payment PAY1 by mpesa",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	view, err := o.Subscriber(t.Context(), "ACC-0001")
	if err != nil || view.Balance != lines[0].Balance {
		t.Errorf("the balance is %v (%v), and %v after the newest line", view.Balance, err, lines[0].Balance)
	}
}

func TestInvoices_AreNumberedByYear(t *testing.T) {
	t.Parallel()
	o := storied(t)
	var numbers []string
	for _, invoice := range whole(t, func(cursor string) (console.Page[console.InvoiceView], error) {
		return o.Invoices(t.Context(), "ACC-0001", console.HistoryQuery{Cursor: cursor, Limit: 1})
	}) {
		numbers = append(numbers, invoice.Number)
	}
	if diff := cmp.Diff([]string{"2026-000002", "2026-000001"}, numbers); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPayments_AreFoundByStatusReceiptAndReference(t *testing.T) {
	t.Parallel()
	o := storied(t)
	for _, c := range []struct {
		query console.PaymentQuery
		want  []string
	}{
		{console.PaymentQuery{}, []string{"LOST1", "PAY3", "PAY2", "PAY1"}},
		{console.PaymentQuery{Status: "unallocated"}, []string{"LOST1"}},
		{console.PaymentQuery{Status: "reversed"}, []string{"PAY3"}},
		{console.PaymentQuery{Status: "credited"}, []string{"PAY2", "PAY1"}},
		{console.PaymentQuery{Q: "pay1"}, []string{"PAY1"}},
		{console.PaymentQuery{Q: "acc99"}, []string{"LOST1"}},
		{console.PaymentQuery{Q: "ACC-0001", Status: "credited"}, []string{"PAY2", "PAY1"}},
		{console.PaymentQuery{Q: "--"}, nil},
	} {
		c.query.Limit = 1
		var got []string
		for _, p := range whole(t, func(cursor string) (console.Page[console.PaymentView], error) {
			c.query.Cursor = cursor
			return o.Payments(t.Context(), c.query)
		}) {
			got = append(got, p.Receipt)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v: (-want +got)\n%s", c.query, diff)
		}
	}
	if of, err := o.PaymentsOf(t.Context(), "ACC-0001", console.HistoryQuery{}); err != nil || len(of.Items) != 3 || *of.Items[0].Account != "ACC-0001" {
		t.Errorf("the payments of the account: %+v, %v", of, err)
	}
	if _, err := o.Payments(t.Context(), console.PaymentQuery{Status: "lost"}); field(err) != "status" {
		t.Errorf("an unknown status: %v", err)
	}
	if _, err := o.Payment(t.Context(), 99); !notThere(err) {
		t.Errorf("an unknown payment: %v", err)
	}
}

func TestReceipt_SaysWhatWasBought(t *testing.T) {
	t.Parallel()
	o := storied(t)
	got, err := o.Receipt(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := console.ReceiptView{
		Number: "R-000001", PaidAt: noon, Amount: console.Money{Amount: "2000.00", Currency: "KES"}, Method: "mpesa", Receipt: "PAY1",
		Account: "ACC-0001", Name: "Jane Njeri Wanjiru", Bought: []console.BoughtView{{
			Plan: "Plan 1", Periods: 1, Total: console.Money{Amount: "1500.00", Currency: "KES"}, PeriodStart: noon,
			PeriodEnd: noon.AddDate(0, 1, 0),
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, id := range []int64{3, 4} {
		if _, err := o.Receipt(t.Context(), id); !refused(err) {
			t.Errorf("a receipt for payment %d: %v", id, err)
		}
	}
}

func refused(err error) bool {
	_, ok := errors.AsType[*console.ConflictError](err)
	return ok
}

func TestAudit_IsOneLogOverAccountsAndSettings(t *testing.T) {
	t.Parallel()
	o := storied(t)
	for _, c := range []struct {
		query console.AuditQuery
		want  []string
	}{
		{console.AuditQuery{}, []string{"ACC-0001 note", "ACC-0001 suspend", "plan Plan 1 plan", "ACC-0001 payment", "ACC-0001 payment"}},
		{console.AuditQuery{Kinds: []string{"plan", "note"}}, []string{"ACC-0001 note", "plan Plan 1 plan"}},
		{console.AuditQuery{Actor: "staff"}, []string{"plan Plan 1 plan"}},
	} {
		c.query.Limit = 1
		var got []string
		for _, line := range whole(t, func(cursor string) (console.Page[console.AuditView], error) {
			c.query.Cursor = cursor
			return o.Audit(t.Context(), c.query)
		}) {
			got = append(got, line.Object+" "+line.Kind)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v: (-want +got)\n%s", c.query, diff)
		}
	}
	var out strings.Builder
	if err := o.AuditCSV(t.Context(), console.AuditQuery{}, &out); err != nil || strings.Count(out.String(), "\r\n") != 6 {
		t.Errorf("as CSV: %v\n%s", err, out.String())
	}
}

func TestAudit_ThingsOfOneInstantAreEachShownOnce(t *testing.T) {
	t.Parallel()
	o := storied(t)
	o.sql(`insert into audit (at, actor, kind, object, summary) select $1, 'staff', 'plan', 'plan ' || n, 'x' from generate_series(1, 3) n`,
		noon.Add(time.Minute))
	o.sql(`insert into activity (subscriber_id, kind, actor, summary, at) select id, 'note', 'x', 'x', $1 from subscribers, generate_series(1, 3)
		where account = 'ACC-0001'`, noon.Add(time.Minute))
	for _, size := range []int{1, 2, 3, 200} {
		seen := map[string]int{}
		for _, line := range whole(t, func(cursor string) (console.Page[console.AuditView], error) {
			return o.Audit(t.Context(), console.AuditQuery{Cursor: cursor, Limit: size})
		}) {
			seen[line.ID]++
		}
		for id, times := range seen {
			if times > 1 {
				t.Errorf("%d to a page: %s is shown %d times", size, id, times)
			}
		}
		if len(seen) != 11 {
			t.Errorf("%d to a page: %d lines, want 11", size, len(seen))
		}
	}
}

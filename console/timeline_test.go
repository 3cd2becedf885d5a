package console_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"qserve/console"
)

// lived is a registry whose first subscriber was cut, paid by M-Pesa, came back and was suspended, which the router has not
// confirmed yet. The neighbour has a past too.
func lived(t *testing.T) *office {
	t.Helper()
	o := registry(t, neighbours[0], neighbours[1])
	o.sql(`insert into payment_sources (name, kind, token_hash, token_sealed, merchant, currency)
		values ('M-Pesa 600000', 'mpesa', sha256('x'), 'x', '600000', 'KES'), ('Till', 'standard', sha256('y'), 'y', '600000', 'KES')`)
	for _, statement := range []string{
		`insert into deliveries (source_id, delivery_key, digest, body, received_at, state, processed_at, repeats)
			select source, key, sha256(key::bytea), '', $1::timestamptz + at, 'processed', $1::timestamptz + at, repeats
			from (values (1, 'a', interval '0', ''), (1, 'b', interval '1 minute', 'PAY1'), (2, 'c', interval '2 minutes', 'PAY1'))
				d (source, key, at, repeats)`,
		`insert into payments (provider, merchant, transaction_id, delivery_id, amount_minor, currency, occurred_at, received_at, subscriber_id)
			values ('mpesa', '600000', 'PAY1', 1, 150000, 'KES', $1::timestamptz, $1::timestamptz, 1)`,
		`insert into actions (kind, subscriber_id, actor, state, accepted_at, applied_at, confirmed_at, refusal, arguments)
			select kind, 1, 'x', state, $1::timestamptz + accepted, $1::timestamptz + applied, $1::timestamptz + confirmed,
				case state when 'refused' then 'too late' else '' end, arguments::jsonb
			from (values ('payment', 'confirmed', interval '0', interval '20 ms', interval '50 ms', '{}'),
				('note', 'confirmed', interval '20 minutes', interval '20 minutes', interval '20 minutes', '{}'),
				('extend', 'confirmed', interval '30 minutes', interval '30 minutes', interval '30 minutes', '{}'),
				('undo', 'confirmed', interval '31 minutes', interval '31 minutes', interval '31 minutes', '{"action": 3}'),
				('suspend', 'applied', interval '1 hour', interval '1 hour', null, '{}'),
				('undo', 'refused', interval '1 hour', null, null, '{"action": 2}')) a (kind, state, accepted, applied, confirmed, arguments)`,
		`insert into ledger_entries (subscriber_id, kind, amount_minor, currency, payment_id, action_id, created_at)
			values (1, 'payment', 150000, 'KES', 1, 1, $1::timestamptz)`,
		`insert into activity (subscriber_id, action_id, kind, actor, summary, at)
			select 1, action, kind, actor, summary, $1::timestamptz + at
			from (values (null::bigint, 'expire', 'clock', 'Plan 1 ran out', interval '-30 minutes'),
				(1, 'payment', 'M-Pesa 600000', 'Payment KES 1500.00', interval '20 ms'),
				(2, 'note', 'staff clerk', 'dog in the yard', interval '20 minutes'),
				(3, 'extend', 'staff clerk', 'Extended by 3 days', interval '30 minutes'),
				(4, 'undo', 'staff clerk', 'Extension taken back', interval '31 minutes'),
				(5, 'suspend', 'staff clerk', 'Suspended: equipment', interval '1 hour')) a (action, kind, actor, summary, at)`,
		`insert into provisions (router_id, username, subscriber_id, state, wanted_at, want_gen, done_gen, confirmed_at, last_error)
			values (1, 'u-acc-0001', 1, 'disabled', $1::timestamptz + interval '1 hour', 3, 2, $1::timestamptz + interval '50 ms', 'no answer')`,
		`insert into sessions (router_id, acct_session_id, username, address, rate, started_at, seen_at, ended_at, end_cause)
			select 1, id, name, '100.64.8.10', rate, $1::timestamptz + began, $1::timestamptz + coalesce(ended, interval '1 hour'), $1::timestamptz + ended, cause
			from (values ('81 1', 'u-acc-0001', '', interval '-3 hours', interval '-30 minutes', 'Lost-Carrier'),
				('812', 'u-acc-0001', '5M/10M', interval '9.1 s', interval '5 minutes', ''),
				('813', 'u-acc-0001', '', interval '6 minutes', null, ''),
				('900', 'u-acc-0002', '', interval '1 minute', null, '')) s (id, name, rate, began, ended, cause)`,
	} {
		o.sql(statement, noon)
	}
	o.sql(`insert into action_provisions (action_id, provision_id, gen) values (1, 1, 2), (2, 1, 2), (3, 1, 2), (4, 1, 2), (5, 1, 3)`)
	return o
}

// axis reads a timeline, so many events to a page.
func (o *office) axis(show string, size int) []console.EventView {
	o.t.Helper()
	return whole(o.t, func(cursor string) (console.Page[console.EventView], error) {
		return o.Timeline(o.t.Context(), "ACC-0001", console.TimelineQuery{Show: show, Cursor: cursor, Limit: size})
	})
}

func ids(events []console.EventView) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.ID)
	}
	return all
}

func TestTimeline_HoldsPeopleProvidersRoutersAndTheLineOnOneAxis(t *testing.T) {
	t.Parallel()
	o := lived(t)
	var got []string
	for _, e := range o.axis("", 200) {
		line := fmt.Sprintf("%s %s %s: %s", e.At.Format("15:04:05.00"), e.ID, e.Kind, e.Text)
		if e.Actor != "" {
			line += " by " + e.Actor
		}
		if e.Action != nil {
			line += fmt.Sprintf(" [%d]", *e.Action)
		}
		if e.Took != nil {
			line += fmt.Sprintf(" after %.2f s", *e.Took)
		}
		if e.Undone {
			line += " undone"
		}
		got = append(got, line)
	}
	want := []string{
		"10:00:00.00 waiting-5-1 waiting: Router Router 1 has not yet confirmed: no answer [5]",
		"10:00:00.00 activity-6 suspend: Suspended: equipment by staff clerk [5]",
		"09:31:00.00 activity-5 undo: Extension taken back by staff clerk [4]",
		"09:30:00.00 activity-4 extend: Extended by 3 days by staff clerk [3] undone",
		"09:20:00.00 activity-3 note: dog in the yard by staff clerk [2]",
		"09:06:00.00 session-1-813-begin online: Online, 100.64.8.10",
		"09:05:00.00 session-1-812-end offline: Offline",
		"09:01:00.00 delivery-2-1 webhook: M-Pesa 600000 told of receipt PAY1 again; it was booked already by M-Pesa 600000 [1]",
		"09:00:09.10 session-1-812-begin online: Online again after the payment, 100.64.8.10, 5M/10M [1] after 9.10 s",
		"09:00:00.05 confirmed-1-1 confirmed: Router Router 1 confirmed [1] after 0.05 s",
		"09:00:00.02 activity-2 payment: Payment KES 1500.00 by M-Pesa 600000 [1]",
		"09:00:00.00 delivery-1-1 webhook: M-Pesa 600000 told of a payment of KES 1500.00, receipt PAY1 by M-Pesa 600000 [1]",
		"08:30:00.00 session-1-81%201-end offline: Offline: Lost-Carrier",
		"08:30:00.00 activity-1 expire: Plan 1 ran out",
		"06:00:00.00 session-1-81%201-begin online: Online, 100.64.8.10",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTimeline_CanBeNarrowed(t *testing.T) {
	t.Parallel()
	o := lived(t)
	for show, want := range map[string][]string{
		"payments": {"delivery-2-1", "activity-2", "delivery-1-1"},
		"notes":    {"activity-3"},
		"actions":  {"waiting-5-1", "activity-6", "activity-5", "activity-4", "activity-1"},
		"line": {
			"waiting-5-1", "session-1-813-begin", "session-1-812-end", "session-1-812-begin", "confirmed-1-1", "session-1-81%201-end",
			"session-1-81%201-begin",
		},
	} {
		for _, size := range []int{1, 2, 200} {
			if diff := cmp.Diff(want, ids(o.axis(show, size))); diff != "" {
				t.Errorf("%s, %d to a page: (-want +got)\n%s", show, size, diff)
			}
		}
	}
	for _, c := range []struct {
		query console.TimelineQuery
		field string
	}{
		{console.TimelineQuery{Show: "money"}, "show"},
		{console.TimelineQuery{Limit: 201}, "limit"},
		{console.TimelineQuery{Cursor: "nonsense"}, "cursor"},
		{console.TimelineQuery{Cursor: "eyJsIjoidGltZWxpbmUiLCJrIjoieCIsImkiOjF9"}, "cursor"},
	} {
		if _, err := o.Timeline(t.Context(), "ACC-0001", c.query); field(err) != c.field {
			t.Errorf("%+v: %v", c.query, err)
		}
	}
	if _, err := o.Timeline(t.Context(), "ACC-0009", console.TimelineQuery{}); !notThere(err) {
		t.Errorf("of an unknown account: %v", err)
	}
	if quiet, err := o.Timeline(t.Context(), "ACC-0002", console.TimelineQuery{Show: "payments"}); err != nil || quiet.Items == nil || len(quiet.Items) != 0 {
		t.Errorf("of the neighbour, who paid nothing: %+v, %v", quiet, err)
	}
}

func TestTimeline_ShowsNothingOfWhoHadTheUserNameBefore(t *testing.T) {
	t.Parallel()
	o := lived(t)
	o.sql(`insert into activity (subscriber_id, kind, actor, summary, after, at)
		values (1, 'edit', 'staff clerk', 'Edited PPPoE user name', '{"username": "u-acc-0001"}', $1)`, noon.Add(2*time.Minute))
	want := []string{"waiting-5-1", "session-1-813-begin", "confirmed-1-1"}
	if diff := cmp.Diff(want, ids(o.axis("line", 200))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTimeline_TellsOfTheNameThatAnAccountLeft(t *testing.T) {
	t.Parallel()
	o := lived(t)
	o.sql(`insert into provisions (router_id, username, state, wanted_at) values (2, 'old-name', 'absent', $1)`, noon.Add(2*time.Hour))
	o.sql(`insert into actions (kind, subscriber_id, actor, state, accepted_at, applied_at) values ('edit', 1, 'x', 'applied', $1, $1)`, noon.Add(2*time.Hour))
	o.sql(`insert into action_provisions (action_id, provision_id, gen) values (7, 1, 3), (7, 2, 1)`)
	page, err := o.Timeline(t.Context(), "ACC-0001", console.TimelineQuery{Limit: 1})
	if err != nil || page.Items[0].Text != "Router Router 2 has not yet confirmed that the user name old-name is gone" {
		t.Errorf("%+v, %v", page.Items, err)
	}
}

func TestTimeline_TellsAnAnswerToSeveralActionsOnce(t *testing.T) {
	t.Parallel()
	o := lived(t)
	// A note waits with the suspension, because nothing is confirmed before what was wanted last.
	o.sql(`insert into actions (kind, subscriber_id, actor, state, accepted_at, applied_at) values ('note', 1, 'x', 'applied', $1, $1)`, noon.Add(2*time.Hour))
	o.sql(`insert into action_provisions (action_id, provision_id, gen) values (7, 1, 3)`)
	first := func() []string { return ids(o.axis("line", 200))[:1] }
	if diff := cmp.Diff([]string{"waiting-5-1"}, first()); diff != "" {
		t.Errorf("while both wait (-want +got):\n%s", diff)
	}
	o.sql(`update provisions set done_gen = 3, confirmed_at = $1`, noon.Add(3*time.Hour))
	o.sql(`update actions set state = 'confirmed', confirmed_at = $1 where state = 'applied'`, noon.Add(3*time.Hour))
	if diff := cmp.Diff([]string{"confirmed-5-1"}, first()); diff != "" {
		t.Errorf("after the answer (-want +got):\n%s", diff)
	}
	events := o.axis("line", 200)
	if *events[0].Took != 7200 || slices.Contains(ids(events), "confirmed-7-1") || !events[0].At.Equal(noon.Add(3*time.Hour)) {
		t.Errorf("%+v, %v", events[0], ids(events))
	}
}

func TestTimeline_NamesTheActionThatBroughtACustomerBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind   string
		after  time.Duration // from the action to the session
		before string        // a session: when it began and ended, from the action
		want   string
	}{
		"a reconnection":             {"reconnect", time.Second, "", "Online again after the reconnection"},
		"an extension":               {"extend", time.Second, "", "Online again after the extension"},
		"a note":                     {"note", time.Second, "", "Online"},
		"ten minutes later":          {"payment", 10 * time.Minute, "", "Online again after the payment"},
		"later":                      {"payment", 10*time.Minute + time.Second, "", "Online"},
		"before it":                  {"payment", -time.Second, "", "Online"},
		"cut before":                 {"payment", time.Minute, "-1 hour,-1 second", "Online again after the payment"},
		"was online when it came":    {"payment", time.Minute, "-1 hour,1 second", "Online"},
		"came online before by then": {"payment", time.Minute, "1 second,2 seconds", "Online"},
		"never heard to end":         {"payment", time.Minute, "-1 hour,", "Online"},
	} {
		o := registry(t, neighbours[0])
		o.sql(`insert into actions (kind, subscriber_id, actor, state, accepted_at, applied_at) values ($2, 1, 'x', 'applied', $1, $1)`, noon, c.kind)
		o.sql(`insert into sessions (router_id, acct_session_id, username, started_at, seen_at) values (1, 'now', 'u-acc-0001', $1, $1)`, noon.Add(c.after))
		if began, ended, ok := strings.Cut(c.before, ","); ok {
			o.sql(`insert into sessions (router_id, acct_session_id, username, started_at, seen_at, ended_at)
				values (1, 'before', 'u-acc-0001', $1::timestamptz + $2::text::interval, $1, $1::timestamptz + nullif($3::text, '')::interval)`, noon, began, ended)
		}
		for _, e := range o.axis("line", 200) {
			if e.ID == "session-1-now-begin" && e.Text != c.want {
				t.Errorf("%s: %q", name, e.Text)
			}
		}
	}
}

// Whatever happened, and however many things at one instant, every size of page shows each of them once and in one order.
func TestTimeline_PagesShowEachEventOnce(t *testing.T) {
	t.Parallel()
	o := registry(t, neighbours[0])
	o.sql(`insert into payment_sources (name, kind, token_hash, token_sealed, merchant, currency) values ('M-Pesa', 'mpesa', sha256('x'), 'x', '600000', 'KES')`)
	rapid.Check(t, func(r *rapid.T) {
		// The books are append-only, but not for whoever may switch the triggers off.
		o.sql(`begin; set local session_replication_role = replica; delete from activity; delete from action_provisions; delete from provisions;
			delete from sessions; delete from actions; delete from payments; delete from deliveries; commit`)
		rows := &pgx.Batch{}
		n, minutes := rapid.IntRange(0, 30).Draw(r, "events"), rapid.IntRange(0, 3).Draw(r, "minutes")
		only := rapid.IntRange(0, 5).Draw(r, "only") // from 3 on: of every source
		sessions := 0
		for i := 1; i <= n; i++ {
			// Rows come in the order of time, or nearly.
			late := time.Duration(rapid.IntRange(0, 1).Draw(r, "late")*min(minutes, 1)) * time.Minute
			at := noon.Add(time.Duration(i*minutes/n)*time.Minute + late)
			source := only
			if only >= 3 {
				source = rapid.IntRange(0, 3).Draw(r, "source")
			}
			if source == 3 && sessions == 16 {
				source = 0 // more do not run at the same time
			}
			if source == 3 {
				sessions++
			}
			switch source {
			case 0:
				rows.Queue(`insert into activity (subscriber_id, kind, actor, summary, at) values (1, 'note', 'x', 'x', $1)`, at)
			case 1:
				rows.Queue(`insert into deliveries (id, source_id, delivery_key, digest, body, received_at, state, processed_at) overriding system value
					values ($1::bigint, 1, $1::bigint::text, sha256('x'), '', $2, 'processed', $2)`, i, at)
				rows.Queue(`insert into payments (provider, merchant, transaction_id, delivery_id, amount_minor, currency, occurred_at, received_at, subscriber_id)
					values ('mpesa', '600000', $1::bigint::text, $1::bigint, 1, 'KES', $2, $2, 1)`, i, at)
			case 2:
				rows.Queue(`insert into provisions (id, router_id, username, subscriber_id, state, wanted_at, confirmed_at, done_gen) overriding system value
					values ($1::bigint, 1, $1::bigint::text, 1, 'enabled', $2, $2, 1)`, i, at)
				rows.Queue(`insert into actions (id, kind, subscriber_id, actor, state, accepted_at, applied_at, confirmed_at) overriding system value
					values ($1::bigint, 'edit', 1, 'x', 'confirmed', $2::timestamptz - interval '1 minute', $2::timestamptz - interval '30 s', $2::timestamptz)`, i, at)
				rows.Queue(`insert into action_provisions (action_id, provision_id, gen) values ($1::bigint, $1::bigint, 1)`, i)
			case 3:
				ended := at.Add(time.Duration(rapid.IntRange(0, 1).Draw(r, "minutes")) * time.Minute)
				rows.Queue(`insert into sessions (router_id, acct_session_id, username, started_at, seen_at, ended_at) values (1, $1::int::text, 'u-acc-0001', $2, $3, $3)`, i, at, ended)
			}
		}
		if err := o.pool.SendBatch(t.Context(), rows).Close(); err != nil {
			r.Fatal(err)
		}
		all := o.axis("", 200)
		if len(all) < n || !slices.IsSortedFunc(all, func(a, b console.EventView) int { return b.At.Compare(a.At) }) {
			r.Fatalf("%d events of %d, or out of order: %v", len(all), n, ids(all))
		}
		size := rapid.SampledFrom([]int{1, 2, 7}).Draw(r, "size")
		if diff := cmp.Diff(ids(all), ids(o.axis("", size))); diff != "" {
			r.Fatalf("%d to a page: (-want +got)\n%s", size, diff)
		}
	})
}

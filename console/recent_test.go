package console_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

// actionsSince lists the recent actions of the first subscriber.
func (o *office) actionsSince(since time.Time) []console.ActionView {
	o.t.Helper()
	about, err := o.About(o.t.Context(), 1, console.AboutQuery{Since: since})
	if err != nil {
		o.t.Fatal(err)
	}
	return about.Actions
}

// recent lists the ids of the recent actions of the first subscriber.
func (o *office) recent(since time.Time) []int64 {
	o.t.Helper()
	got := []int64{}
	for _, a := range o.actionsSince(since) {
		got = append(got, a.ID)
	}
	return got
}

func TestRecentActions_AreTheUnfinishedAndTheNew(t *testing.T) {
	t.Parallel()
	o := registry(t, neighbours[0], neighbours[1])
	give := func(subscriber int, kind, state string, ago time.Duration) {
		at := noon.Add(-ago)
		o.sql(`insert into actions (kind, subscriber_id, actor, state, refusal, accepted_at, applied_at, confirmed_at)
			values ($2, $1, 'x', $3, case when $3 = 'refused' then 'no' else '' end, $4,
				case when $3 in ('applied', 'confirmed') then $4::timestamptz end, case when $3 = 'confirmed' then $4::timestamptz end)`, subscriber, kind, state, at)
	}
	o.sql(`insert into provisions (router_id, username, subscriber_id, state, wanted_at, want_gen, done_gen, last_error)
		values (1, 'u-acc-0001', 1, 'disabled', $1, 2, 1, 'no answer')`, noon)
	give(1, "suspend", "applied", 48*time.Hour) // 1: the router has not answered for two days
	o.sql(`insert into action_provisions (action_id, provision_id, gen) values (1, 1, 2)`)
	give(1, "note", "accepted", 47*time.Hour) // 2: nobody has looked at it
	for range 150 {
		give(1, "extend", "confirmed", 46*time.Hour) // 3 to 152
	}
	give(1, "extend", "refused", 5*time.Minute)       // 153
	give(1, "expire", "confirmed", 4*time.Minute)     // 154: changed nothing
	give(1, "expire", "confirmed", 3*time.Minute)     // 155
	give(2, "note", "accepted", time.Minute)          // 156: of the neighbour
	give(1, "reconnect", "confirmed", 90*time.Second) // 157
	o.sql(`insert into activity (subscriber_id, action_id, kind, actor, summary, at) values (1, 155, 'expire', 'clock', 'Plan 1 ran out', $1)`, noon)
	if diff := cmp.Diff([]int64{1, 2, 153, 155, 157}, o.recent(noon.Add(-time.Hour))); diff != "" {
		t.Errorf("of the last hour (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int64{1, 2}, o.recent(noon)); diff != "" {
		t.Errorf("only the unfinished (-want +got):\n%s", diff)
	}
	if got := o.recent(noon.Add(-72 * time.Hour)); len(got) != 10 || got[9] != 157 || got[0] != 146 {
		t.Errorf("of three days: %v, want the newest ten", got)
	}

	actions := o.actionsSince(noon.Add(-time.Hour))
	want := []console.ActionRouterView{{Router: "Router 1", Username: "u-acc-0001", LastError: "no answer"}}
	if diff := cmp.Diff(want, actions[0].Routers); diff != "" || actions[0].State != "applied" {
		t.Errorf("the suspension is %+v (-want +got):\n%s", actions[0], diff)
	}
	if actions[2].Reason != "no" || actions[2].Routers == nil {
		t.Errorf("the refused extension is %+v", actions[2])
	}
	alone, err := o.Action(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(alone, actions[0]); diff != "" {
		t.Errorf("alone it looks different (-alone +recent):\n%s", diff)
	}
}

package console_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

func (o *office) ops() console.OpsView {
	o.t.Helper()
	view, err := o.Ops(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	return view
}

func TestOps_OfAnIdleSystemSaysThatNothingWaits(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.furnish()
	view := o.ops()
	for _, list := range view.Lists {
		if list.Waiting != 0 || list.Oldest != nil || len(list.Why) != 0 || list.What == "" {
			t.Errorf("%s: %+v", list.List, list)
		}
	}
	want := []console.RouterOpsView{{Name: "Kilimani", Mode: "local"}}
	if diff := cmp.Diff(want, view.Routers); diff != "" {
		t.Errorf("routers (-want +got):\n%s", diff)
	}
	if len(view.Lists) != 4 || len(view.Ended) != 0 || !view.AsOf.Equal(noon) {
		t.Errorf("%+v", view)
	}
}

func TestOps_SaysWhatWaitsSinceWhenAndWhy(t *testing.T) {
	t.Parallel()
	o := open(t)
	ago := func(d time.Duration) *time.Time { at := noon.Add(-d); return &at }
	o.exec(`update provisions set done_gen = want_gen`)
	o.exec(`update actions set state = 'confirmed', applied_at = accepted_at, confirmed_at = accepted_at where state = 'applied'`)
	source := o.source("M-Pesa")
	for i, problem := range []string{"deadlock detected", "deadlock detected", "disk full", "", "a", "b", "c"} {
		o.exec(`insert into deliveries (source_id, delivery_key, digest, body, received_at, last_error, attempts)
			values ($1, $2::int::text, sha256('x'), '{}', $3, $4, 1)`, source, i, noon.Add(time.Duration(i)*time.Second-time.Hour), problem)
	}
	o.exec(`insert into actions (kind, subscriber_id, actor, state, accepted_at) select 'note', id, 'x', 'accepted', $1 from subscribers`, noon.Add(-time.Minute))
	o.exec(`update subscribers set due_at = $1`, noon.Add(-time.Second))
	o.exec(`update provisions set want_gen = want_gen + 1, wanted_at = $1`, noon.Add(-2*time.Hour))
	o.exec(`update routers set failures = 7, unreachable = true, last_error = 'no answer from Kilimani', next_try_at = $1, last_contact_at = $2`,
		noon.Add(20*time.Second), noon.Add(-3*time.Hour))
	o.exec(`insert into routers (name, mode, api_address, api_plain, next_try_at, failures, last_error, archived_at) values
		('Karen', 'local', '10.9.0.9:8728', true, $1, 1, 'it refused us', null), ('Gone', 'local', '10.9.0.8:8728', true, null, 0, '', $1)`, noon)

	view := o.ops()
	want := []console.WaitingView{
		{List: "deliveries", Waiting: 7, Oldest: ago(time.Hour), Why: []console.WhyView{
			{Problem: "deadlock detected", Rows: 2}, {Problem: "a", Rows: 1}, {Problem: "b", Rows: 1}, {Problem: "c", Rows: 1}, {Problem: "disk full", Rows: 1},
		}},
		{List: "actions", Waiting: 1, Oldest: ago(time.Minute)},
		{List: "dues", Waiting: 1, Oldest: ago(time.Second)},
		{List: "provisions", Waiting: 1, Oldest: ago(2 * time.Hour), Why: []console.WhyView{{Problem: "no answer from Kilimani", Rows: 1}}},
	}
	for i := range view.Lists {
		want[i].What = view.Lists[i].What
	}
	if diff := cmp.Diff(want, view.Lists); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
	next := noon.Add(20 * time.Second)
	routers := []console.RouterOpsView{
		{
			Name: "Kilimani", Mode: "local", Unconfirmed: 1, Oldest: ago(2 * time.Hour), LeftAlone: true, Failures: 7, NextTryAt: &next,
			LastError: "no answer from Kilimani", LastContactAt: ago(3 * time.Hour), Silent: true,
		},
		// Its time has come: it is called as soon as there is something to do.
		{Name: "Karen", Mode: "local", Failures: 1, LastError: "it refused us"},
	}
	if diff := cmp.Diff(routers, view.Routers); diff != "" {
		t.Errorf("routers (-want +got):\n%s", diff)
	}
	o.exec(`update provisions set last_error = 'the user name is taken by hand'`)
	if why := o.ops().Lists[3].Why; len(why) != 1 || why[0].Problem != "the user name is taken by hand" {
		t.Errorf("what the router said about one user: %+v", why)
	}
}

func TestOps_CountsWhatCameToNothingInTheLastDay(t *testing.T) {
	t.Parallel()
	o := setup(t)
	mpesa, shop := o.source("M-Pesa"), o.source("Shop")
	for i, d := range []struct {
		source         int64
		state, problem string
		age            time.Duration
	}{
		{mpesa, "failed", "no TransID", time.Hour}, {mpesa, "failed", "no TransID", 2 * time.Hour}, {mpesa, "failed", "no TransID", 25 * time.Hour},
		{shop, "ignored", "", time.Minute}, {mpesa, "processed", "", time.Minute},
	} {
		o.exec(`insert into deliveries (source_id, delivery_key, digest, body, received_at, processed_at, state, last_error)
			values ($1, $2::int::text, sha256('x'), '{}', $3, $3, $4, $5)`, d.source, i, noon.Add(-d.age), d.state, d.problem)
	}
	want := []console.EndedView{
		{Source: "M-Pesa", State: "failed", Problem: "no TransID", Rows: 2, Latest: noon.Add(-time.Hour)},
		{Source: "Shop", State: "ignored", Problem: "it tells of no payment", Rows: 1, Latest: noon.Add(-time.Minute)},
	}
	if diff := cmp.Diff(want, o.ops().Ended); diff != "" {
		t.Errorf("came to nothing (-want +got):\n%s", diff)
	}
}

package console_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

func TestSubscriber_ShowsTheConnectionAsFarAsItIsKnown(t *testing.T) {
	t.Parallel()
	type session struct{ id, rate, address, started, seen, ended string }
	at := func(clock string) *time.Time {
		if clock == "" {
			return nil
		}
		when, err := time.Parse("15:04", clock)
		if err != nil {
			t.Fatal(err)
		}
		return new(time.Date(2026, time.March, 10, when.Hour(), when.Minute(), 0, 0, time.UTC))
	}
	for name, c := range map[string]struct {
		listed   string // when the router's sessions were listed
		sessions []session
		want     console.ConnectionView
	}{
		"never seen": {want: console.ConnectionView{}},
		"never seen, by a router that was asked": {
			listed: "08:59", want: console.ConnectionView{AsOf: at("08:59")},
		},
		"online": {
			sessions: []session{{"2", "5M/10M", "100.64.0.9", "07:00", "08:58", ""}, {"1", "", "", "05:00", "06:00", "06:00"}},
			want: console.ConnectionView{
				Online: true, Address: "100.64.0.9", SessionID: "2", Since: at("07:00"), Rate: "5M/10M", LastSeen: at("08:58"), AsOf: at("08:58"),
			},
		},
		"gone": {
			sessions: []session{{"1", "5M/10M", "100.64.0.9", "07:00", "08:58", "08:58"}, {"0", "", "", "05:00", "06:00", "06:00"}},
			want:     console.ConnectionView{LastSeen: at("08:58"), AsOf: at("08:58")},
		},
		"unseen for three intervals": {
			sessions: []session{{"2", "5M/10M", "100.64.0.9", "07:00", "08:44", ""}},
			want:     console.ConnectionView{LastSeen: at("08:44"), AsOf: at("08:44")},
		},
		"unseen, but in the router's list": {
			listed:   "08:59",
			sessions: []session{{"2", "5M/10M", "", "07:00", "08:00", ""}},
			want: console.ConnectionView{
				Online: true, SessionID: "2", Since: at("07:00"), Rate: "5M/10M", LastSeen: at("08:00"), AsOf: at("08:59"),
			},
		},
	} {
		o := registry(t, neighbours[0])
		o.sql(`update routers set sessions_at = $1 where id = 1`, at(c.listed))
		for _, s := range c.sessions {
			o.sql(`insert into sessions (router_id, acct_session_id, username, address, rate, started_at, seen_at, ended_at)
				values (1, $1, 'u-acc-0001', nullif($2, '')::inet, $3, $4, $5, $6)`, s.id, s.address, s.rate, at(s.started), at(s.seen), at(s.ended))
		}
		view, err := o.Subscriber(t.Context(), "acc 0001")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&c.want, view.Connection); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestSubscriber_ShowsPackageSuspensionAndWhetherTheRouterHasConfirmed(t *testing.T) {
	t.Parallel()
	o := registry(t, someone{account: "ACC-0042", name: "Jane", expires: 48 * time.Hour})
	o.sql(`update subscribers set suspended_at = $1, suspension_category = 'customer-request', suspension_reason = 'holiday',
		clock_stopped_at = $1, next_plan_id = 2, next_plan_at = $2, revision = 7`, noon, noon.Add(48*time.Hour))
	o.sql(`insert into provisions (router_id, username, subscriber_id, state, wanted_at) select router_id, username, id, 'disabled', now() from subscribers`)
	o.clock.Set(noon.Add(time.Hour))
	view, err := o.Subscriber(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	next := "Plan 2"
	want := console.SubscriberView{
		ID: 1, Account: "ACC-0042", Name: "Jane", Username: "u-acc-0042", Plan: "Plan 1", Router: "Router 1", Status: "suspended",
		ExpiresAt: new(noon.Add(48 * time.Hour)), Remaining: 48 * 3600,
		Suspension: &console.SuspensionView{Category: "customer-request", Reason: "holiday", Since: noon, ClockStoppedAt: new(noon)},
		NextPlan:   &next, NextPlanAt: new(noon.Add(48 * time.Hour)), Balance: console.Money{Amount: "0.00", Currency: "KES"}, Revision: 7,
		Connection: &console.ConnectionView{}, Confirmed: new(false),
	}
	if diff := cmp.Diff(want, view); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	o.sql(`update provisions set done_gen = want_gen`)
	if view, err = o.Subscriber(t.Context(), "ACC-0042"); err != nil || !*view.Confirmed {
		t.Errorf("after the router confirmed: %v, %v", view.Confirmed, err)
	}
	if _, err := o.Subscriber(t.Context(), "99"); !notThere(err) {
		t.Errorf("an unknown subscriber: %v", err)
	}
}

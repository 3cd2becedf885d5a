package console_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

func TestRouterWaiting_ListsWhomItHoldsUpTheLongestFirst(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.clock.Advance(time.Minute)
	n := jane()
	n.Account, n.Name, n.Phone, n.PaidUntil = "ACC-0043", "Amina", "", noon.AddDate(0, 1, 0)
	if _, err := o.AddSubscriber(t.Context(), clerk, n); err != nil {
		t.Fatal(err)
	}
	retry := noon.Add(time.Hour)
	for _, sql := range []string{
		`update provisions set attempts = 2, next_try_at = '2026-03-10 10:00:00Z', last_error = 'invalid name' where username = 'acc-0043'`,
		`insert into provisions (router_id, username, state, wanted_at) select id, 'gone', 'absent', '2026-03-10 08:00:00Z' from routers`,
		`insert into provisions (router_id, username, state, wanted_at, done_gen) select id, 'held', 'absent', '2026-03-10 08:00:00Z', 1 from routers`,
	} {
		if _, err := o.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	got, err := o.RouterWaiting(t.Context(), "Kilimani")
	if err != nil {
		t.Fatal(err)
	}
	want := []console.HeldUpView{
		{Username: "gone", Wanted: "absent", Since: noon.Add(-time.Hour)},
		{Username: "acc-0042", Wanted: "disabled", Since: noon, Account: "ACC-0042", Name: "Jane"},
		{
			Username: "acc-0043", Wanted: "enabled", Since: noon.Add(time.Minute), Attempts: 2, NextTry: &retry, LastError: "invalid name",
			Account: "ACC-0043", Name: "Amina",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("held up are (-want +got):\n%s", diff)
	}
	if got, err := o.RouterWaiting(t.Context(), "Ngong"); err != nil || len(got) != 0 {
		t.Errorf("a router that is not there holds up %v, %v", got, err)
	}
}

package console_test

import (
	"testing"
	"time"

	"qserve/console"
)

func TestHome_DrawsHowManyWereOnlineAndHowFastRoutersConfirm(t *testing.T) {
	t.Parallel()
	o := registry(t, neighbours[0])
	o.sql(`insert into online_counts (at, router_id, online) select $1::timestamptz - n * interval '5 minutes', router, 10 * router + n
		from generate_series(0, 300) n, generate_series(1, 2) router`, noon)
	for i, took := range []int{1, 2, 3, 4, 100} {
		o.sql(`insert into actions (kind, subscriber_id, actor, state, accepted_at, applied_at, confirmed_at)
			values ('payment', 1, 'x', 'confirmed', $1, $1, $2)`, noon.Add(-time.Duration(i)*time.Minute), noon.Add(-time.Duration(i)*time.Minute+time.Duration(took)*time.Second))
	}
	o.sql(`insert into actions (kind, subscriber_id, actor, state, accepted_at, applied_at, confirmed_at)
		values ('suspend', 1, 'x', 'confirmed', $1, $1, $1), ('payment', 1, 'x', 'applied', $1, $1, null)`, noon)
	view := o.home()
	points := view.OnlineOverTime
	if len(points) != 289 || !points[288].At.Equal(noon) || points[288].Online != 30 || points[0].Online != 30+2*288 {
		t.Errorf("%d points, from %+v to %+v", len(points), points[0], points[len(points)-1])
	}
	if days := view.Confirmation; len(days) != 14 || days[12].Count != 0 || days[13].Count != 5 || days[13].Median != 3*time.Second || days[13].P95 != 80800*time.Millisecond {
		t.Errorf("%+v", days)
	}

	// The charts are read once a minute; what a person acts on is never old.
	o.sql(`delete from online_counts`)
	o.pay(noon, 100, "KES", "")
	if again := o.home(); len(again.OnlineOverTime) != 289 || len(again.PaymentsToday) != 1 || again.PaymentsPerDay[29].Count != 0 {
		t.Errorf("at once: %d points, today %v", len(again.OnlineOverTime), again.PaymentsToday)
	}
	o.clock.Advance(time.Minute)
	if again := o.home(); len(again.OnlineOverTime) != 0 || again.PaymentsPerDay[29].Count != 1 || !again.ChartsAsOf.Equal(noon.Add(time.Minute)) {
		t.Errorf("a minute later: %d points, %+v", len(again.OnlineOverTime), again.PaymentsPerDay[29])
	}
	// The days before today are read once an hour, and when today is another day.
	for _, c := range []struct {
		at        time.Duration // after noon
		yesterday int64
	}{{59 * time.Minute, 0}, {time.Hour, 2}, {time.Hour + time.Minute, 2}, {2 * time.Hour, 4}, {12*time.Hour + time.Minute, 1}} {
		o.clock.Set(noon.Add(c.at))
		o.pay(noon.Add(-day), 100, "KES", "")
		if days := o.home().PaymentsPerDay; days[28].Count != c.yesterday || len(days) != 30 {
			t.Errorf("%s after noon yesterday has %d payments, want %d", c.at, days[28].Count, c.yesterday)
		}
	}
}

func TestHome_DoesNotWaitForChartsThatSomebodyElseReads(t *testing.T) {
	t.Parallel()
	o := registry(t)
	o.home()
	o.clock.Advance(time.Hour)
	tx, err := o.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "lock table online_counts"); err != nil {
		t.Fatal(err)
	}
	slow := make(chan error, 1)
	go func() {
		_, err := o.Home(t.Context())
		slow <- err
	}()
	for waits := false; !waits; {
		if err := tx.QueryRow(t.Context(), "select exists (select 1 from pg_locks where not granted and relation = 'online_counts'::regclass)").Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	if view := o.home(); !view.ChartsAsOf.Equal(noon) {
		t.Errorf("charts of %s", view.ChartsAsOf)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-slow; err != nil {
		t.Fatal(err)
	}
	if view := o.home(); !view.ChartsAsOf.Equal(noon.Add(time.Hour)) {
		t.Errorf("then charts of %s", view.ChartsAsOf)
	}
}

func TestHome_IsThereAtOnceWhenNobodyHasReadTheCharts(t *testing.T) {
	t.Parallel()
	o := registry(t, neighbours...)
	tx, err := o.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "lock table sessions, online_counts"); err != nil {
		t.Fatal(err)
	}
	atOnce := func() console.HomeView {
		view, err := o.HomeAtOnce(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return view
	}
	if view := atOnce(); !view.Later || view.Online != nil || !view.ChartsAsOf.IsZero() || len(view.Routers) == 0 {
		t.Errorf("the first view: %+v", view)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.home()
	for after, want := range map[time.Duration]struct{ later, charts bool }{
		0: {false, true}, time.Minute: {true, true}, 10 * time.Minute: {true, false}, -time.Minute: {true, false},
	} {
		o.clock.Set(noon.Add(after))
		if view := atOnce(); view.Later != want.later || (view.Online != nil) != want.charts || view.ChartsAsOf.IsZero() == want.charts {
			t.Errorf("%s after they were read: later %v, charts of %s, online %v", after, view.Later, view.ChartsAsOf, view.Online)
		}
	}
}

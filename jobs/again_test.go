package jobs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"qserve/account"
	"qserve/console"
)

// desk is the console of the office's database; it rings the office's bell.
func (o *office) desk() *console.Service {
	return console.New(console.Config{
		Pool: o.Pool, Keys: o.Keys, Ring: o.Bell, Clock: o.clock, Zone: time.UTC, Region: "KE", Currency: "KES", Log: o.Log,
	})
}

// ends processes a delivery that tells of what is told, or cannot be read.
func (o *office) ends(id int64, unread error, told ...account.Notice) error {
	o.t.Helper()
	o.told, o.unread = told, unread
	err := o.processDelivery(o.t.Context(), id)
	if err != nil && !isPermanent(err) {
		o.t.Fatal(err)
	}
	return err
}

func (o *office) money() string {
	o.t.Helper()
	return o.rows(`select (select count(*) from payments) || ' payments, balance ' || balance_minor || ', ' || (select count(*) from ledger_entries
		where kind = 'payment') || ' credits' from subscribers where id = $1`, o.jane)[0]
}

func TestWebhookProcessedAgain_CreditsWhatItTellsOnceForEver(t *testing.T) {
	t.Parallel()
	by := console.By{Actor: "staff nadia"}
	for name, first := range map[string]func(o *office, id int64){
		"failed":  func(o *office, id int64) { _ = o.ends(id, errors.New("TransAmount is missing")) },
		"ignored": func(o *office, id int64) { _ = o.ends(id, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := setup(t)
			desk, lost := o.desk(), o.delivery("lost", noon)
			first(o, lost)
			if err := desk.RetryDelivery(t.Context(), by, lost); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{fmt.Sprintf("delivery:%d pending", lost)}, o.tasks()); diff != "" {
				t.Errorf("rung for (-want +got):\n%s", diff)
			}
			_ = o.ends(lost, nil, paid("A", 100))
			if got := o.money(); got != "1 payments, balance 100, 1 credits" {
				t.Errorf("after the second look: %s", got)
			}
			// What told of a payment is at its end, and a task for it that comes again changes nothing.
			conflict, ok := errors.AsType[*console.ConflictError](desk.RetryDelivery(t.Context(), by, lost))
			if !ok {
				t.Errorf("a booked payment is processed again: %v", conflict)
			}
			_ = o.ends(lost, nil, paid("A", 100))

			// The provider told of B once more before somebody had the first webhook of it processed again.
			early, late := o.delivery("early", noon), o.delivery("late", noon)
			first(o, early)
			_ = o.ends(late, nil, paid("B", 20))
			if err := desk.RetryDelivery(t.Context(), by, early); err != nil {
				t.Fatal(err)
			}
			_ = o.ends(early, nil, paid("B", 20))
			if got := o.money(); got != "2 payments, balance 120, 2 credits" {
				t.Errorf("after a payment that was told twice: %s", got)
			}
			if got := o.rows("select state || ' ' || repeats from deliveries where id = $1", early); got[0] != "processed B" {
				t.Errorf("the webhook that repeats is %v", got)
			}
		})
	}
}

// Its task was archived with the error, and no other task can have its id while it lies there.
func TestWebhookProcessedAgain_TakesItsArchivedTaskBack(t *testing.T) {
	t.Parallel()
	o := setup(t)
	id := o.delivery("k", noon)
	o.Bell.RingDelivery(t.Context(), id)
	_ = o.ends(id, errors.New("no TransID"))
	if err := asynq.NewInspectorFromRedisClient(o.rdb).ArchiveTask(QueueAccounts, fmt.Sprintf("delivery:%d", id)); err != nil {
		t.Fatal(err)
	}
	if err := o.desk().RetryDelivery(t.Context(), console.By{Actor: "staff nadia"}, id); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{fmt.Sprintf("delivery:%d pending", id)}, o.tasks()); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
}

func TestLookAhead_GivesEachOfVeryManyDueTimesItsTask(t *testing.T) {
	t.Parallel()
	o := setup(t)
	now := time.Now()
	// More than one round reads, at one instant, as at midnight, and some at instants of their own after it.
	const same, later = sweepMost + 17, sweepMost + 3
	o.exec(`insert into subscribers (account, name, router_id, username, password_sealed, plan_id, currency, due_at)
		select 'N' || n, 'X', $1, 'user' || n, '\x00', 1, 'KES', case when n <= $2::int then $4::timestamptz
			else $4::timestamptz + n * interval '1 millisecond' end from generate_series(1, $2::int + $3::int) n`,
		o.router, same, later, now.Add(time.Minute))
	o.sweepAt(now, true)
	inspector := asynq.NewInspectorFromRedisClient(o.rdb)
	info, err := inspector.GetQueueInfo(QueueActions)
	if err != nil || info.Scheduled != same+later {
		t.Fatalf("%d due times have a task (%v), want %d", info.Scheduled, err, same+later)
	}
	o.sweepAt(now, true)
	if info, err = inspector.GetQueueInfo(QueueActions); err != nil || info.Scheduled != same+later {
		t.Errorf("after another look there are %d tasks, %v", info.Scheduled, err)
	}
}

func TestWhatBecameDueInAnOutage_IsRungForInOneRound(t *testing.T) {
	t.Parallel()
	o := setup(t)
	now := time.Now()
	const due = 2*sweepMost + 17
	o.exec(`insert into subscribers (account, name, router_id, username, password_sealed, plan_id, currency, due_at)
		select 'N' || n, 'X', $1, 'user' || n, '\x00', 1, 'KES', $3 from generate_series(1, $2::int) n`, o.router, due, now.Add(-time.Hour))
	tasks := func(want int) {
		t.Helper()
		info, err := asynq.NewInspectorFromRedisClient(o.rdb).GetQueueInfo(QueueActions)
		if err != nil || info.Pending != want {
			t.Fatalf("%d due times have a task (%v), want %d", info.Pending, err, want)
		}
	}
	o.sweepAt(now, false)
	tasks(due)
	// As long as the first of them wait their turn, a round does not look up all the others.
	if err := asynq.NewInspectorFromRedisClient(o.rdb).DeleteTask(QueueActions, dueTaskID(o.id("select max(id) from subscribers"), now.Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	o.sweepAt(now, false)
	tasks(due - 1)
}

func TestEndsOfActions_AreCountedWhenTheyAreCertain(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.active(noon.Add(time.Hour))
	o.exec("update provisions set done_gen = want_gen")
	o.give("note", `{"text":"ring first"}`)     // no router has to hold it
	o.give("suspend", `{"category":"other"}`)   // a router has
	o.give("suspend", `{"category":"because"}`) // refused
	got := o.measured()
	for name, want := range map[string]float64{
		"qserve_actions_ended_total kind=note state=confirmed": 1, "qserve_actions_ended_total kind=suspend state=refused": 1,
		"qserve_actions_ended_total kind=suspend state=confirmed": 0, "qserve_actions kind=suspend state=applied": 1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	id := o.id("select id from actions where kind = 'suspend' and state = 'applied'")
	for _, line := range []string{fmt.Sprintf(`msg="action applied" action=%d kind=suspend`, id), `msg="action refused" action=`, "kind=note"} {
		if !strings.Contains(o.log.String(), line) {
			t.Errorf("the log does not say %s:\n%s", line, o.log)
		}
	}
}

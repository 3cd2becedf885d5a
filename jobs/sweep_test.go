package jobs

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"qserve/internal/clock"
)

func (o *office) sweepAt(now time.Time, ahead bool) {
	o.t.Helper()
	if err := o.sweep(o.t.Context(), now, ahead); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) swept(list string) float64 {
	return o.measured()["qserve_sweep_rang_total list="+list]
}

func TestSweep_RingsOnceForWhatNobodyRangFor(t *testing.T) {
	t.Parallel()
	old := noon.Add(-sweepAfter)
	for list, leave := range map[string]func(o *office) string{
		"deliveries": func(o *office) string { return fmt.Sprintf("delivery:%d pending", o.delivery("k", old)) },
		"actions": func(o *office) string {
			return fmt.Sprintf("action:%d pending", o.action("suspend", `{"category":"other"}`, old))
		},
		"dues": func(o *office) string {
			due := old.Add(-time.Second)
			o.exec("update subscribers set expires_at = $1, due_at = $1", due)
			return fmt.Sprintf("due:%d:%d pending", o.jane, due.Unix())
		},
		"provisions": func(o *office) string {
			o.provision(o.router, old)
			return fmt.Sprintf("router:%d pending", o.router)
		},
	} {
		t.Run(list, func(t *testing.T) {
			t.Parallel()
			o := setup(t)
			want := []string{leave(o)}
			for round := range 2 {
				o.sweepAt(noon, false)
				o.sweepAt(noon.Add(time.Second), false)
				if diff := cmp.Diff(want, o.tasks()); diff != "" {
					t.Errorf("tasks (-want +got):\n%s", diff)
				}
				if n := o.swept(list); n != float64(round+1) {
					t.Errorf("round %d: the sweep counts %v rings for %s", round, n, list)
				}
				if err := o.rdb.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestSweep_LeavesAloneWhatHasJustBeenRungForAndWhatIsDone(t *testing.T) {
	t.Parallel()
	o := setup(t)
	young := noon.Add(-sweepAfter).Add(time.Millisecond)
	o.delivery("young", young)
	o.action("suspend", "{}", young)
	o.provision(o.router, young)
	o.exec("update subscribers set due_at = $1", noon.Add(time.Millisecond))
	done := o.delivery("done", noon.Add(-time.Hour))
	o.exec("update deliveries set state = 'processed', processed_at = now() where id = $1", done)
	refused := o.action("suspend", "{}", noon.Add(-time.Hour))
	o.exec("update actions set state = 'refused', refusal = 'no' where id = $1", refused)
	confirmed := o.provision(o.addRouter("Confirmed"), noon.Add(-time.Hour))
	o.exec("update provisions set done_gen = want_gen where id = $1", confirmed)
	waits := o.provision(o.addRouter("Waits"), noon.Add(-time.Hour))
	o.exec("update provisions set next_try_at = $1 where id = $2", noon.Add(time.Second), waits)
	broken := o.addRouter("Breaker open")
	o.provision(broken, noon.Add(-time.Hour))
	o.exec("update routers set next_try_at = $1 where id = $2", noon.Add(time.Second), broken)
	driven := o.addRouter("Driven")
	o.provision(driven, noon.Add(-time.Hour))
	o.exec("insert into router_leases (router_id, owner, until) values ($1, 'another', $2)", driven, noon.Add(time.Second))

	o.sweepAt(noon, false)
	if got := o.tasks(); len(got) != 0 {
		t.Errorf("rang for %v", got)
	}
}

func TestLookAhead_GivesNearDueTimesTheirTasks(t *testing.T) {
	t.Parallel()
	o := setup(t)
	// Asynq goes by the machine's clock.
	now := time.Now()
	due := now.Add(time.Minute)
	o.exec("update subscribers set due_at = $1", due)
	o.sweepAt(now, false)
	if got := o.tasks(); len(got) != 0 {
		t.Errorf("without looking ahead: %v", got)
	}
	o.sweepAt(now, true)
	o.sweepAt(now, true)
	want := []string{fmt.Sprintf("due:%d:%d scheduled", o.jane, due.Unix())}
	if diff := cmp.Diff(want, o.tasks()); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	if n := o.swept("dues"); n != 0 {
		t.Errorf("a task in good time counts as a lost ring: %v", n)
	}
	o.exec("update subscribers set due_at = $1", now.Add(lookAhead+time.Minute))
	o.sweepAt(now, true)
	if got := o.tasks(); len(got) != 1 {
		t.Errorf("a far due time has a task: %v", got)
	}
}

// Asynq takes a minute or two to notice that a worker has died with a task; the sweep does not wait for that.
func TestSweep_GivesWorkOfADeadWorkerItsSecondPlace(t *testing.T) {
	t.Parallel()
	o := setup(t)
	id := o.delivery("k", noon.Add(-time.Hour))
	o.sweepAt(noon, false)
	started, release := make(chan struct{}), make(chan struct{})
	server := asynq.NewServerFromRedisClient(o.rdb, asynq.Config{
		Concurrency: 1, Queues: map[string]int{QueueAccounts: 1}, TaskCheckInterval: 5 * time.Millisecond, Logger: asynqLog{o.Log},
	})
	if err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		close(started)
		<-release
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	<-started
	o.sweepAt(noon, false)
	o.sweepAt(noon, false)
	want := []string{fmt.Sprintf("delivery:%d active", id), fmt.Sprintf("delivery:%d:more pending", id)}
	if diff := cmp.Diff(want, o.tasks()); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	// The one worker is busy, so that the second place is still there when it stops taking tasks.
	server.Stop()
	close(release)
	server.Shutdown()
}

func TestSweepWithoutARedis_SaysWhichWorkItCouldNotRingFor(t *testing.T) {
	t.Parallel()
	o := setupOn(t, "redis://127.0.0.1:1", clock.NewManual(noon), nil)
	id := o.delivery("k", noon.Add(-time.Hour))
	err := o.sweep(t.Context(), noon, true)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("ring for delivery %d", id)) {
		t.Errorf("got %v", err)
	}
}

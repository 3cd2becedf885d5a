package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"

	"qserve/account"
	"qserve/internal/clock"
	"qserve/internal/stack/stacktest"
)

func TestWorker_IsNotMadeWithoutWhatItNeeds(t *testing.T) {
	t.Parallel()
	full := setup(t).Config
	full.Metrics = nil
	for name, drop := range map[string]func(*Config){
		"Pool": func(c *Config) { c.Pool = nil }, "Redis": func(c *Config) { c.Redis = nil }, "Bell": func(c *Config) { c.Bell = nil },
		"Keys": func(c *Config) { c.Keys = nil }, "Fleet": func(c *Config) { c.Fleet = nil }, "Parse": func(c *Config) { c.Parse = nil },
		"Clock": func(c *Config) { c.Clock = nil }, "Zone": func(c *Config) { c.Zone = nil }, "Log": func(c *Config) { c.Log = nil },
		"Name": func(c *Config) { c.Name = "" },
	} {
		cfg := full
		drop(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	if _, err := New(full); err != nil {
		t.Errorf("without metrics: %v", err)
	}
	full.Metrics = prometheus.NewRegistry()
	if _, err := New(full); err != nil {
		t.Error(err)
	}
	if _, err := New(full); err == nil {
		t.Error("two workers count in one registry")
	}
}

// running starts an office's worker and returns what stops it.
func (o *office) running() (stop func()) {
	o.t.Helper()
	ctx, cancel := context.WithCancel(o.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	return func() {
		o.t.Helper()
		cancel()
		if err := <-ended; err != nil {
			o.t.Errorf("run: %v", err)
		}
	}
}

func TestWorker_RunsWhatIsRungForAndSortsOutTheErrors(t *testing.T) {
	t.Parallel()
	o := setupOn(t, stacktest.Redis(t), nil, clock.System{})
	o.Parse = func(_, _ string, body []byte, _, _ string) ([]account.Notice, error) {
		if string(body) == "{}" {
			return []account.Notice{paid("A", 150_000)}, nil
		}
		return nil, errors.New("no TransID")
	}
	stop := o.running()
	good, bad := o.delivery("good", time.Now()), o.delivery("bad", time.Now())
	o.exec("update deliveries set body = '[]' where id = $1", bad)
	o.Bell.RingDelivery(t.Context(), good, bad)
	suspend := o.action("suspend", `{"category":"because"}`, time.Now())
	o.Bell.RingAction(t.Context(), suspend, "suspend")
	eventually(t, func() bool {
		left := o.rows("select 'x' from deliveries where processed_at is null union all select 'x' from actions where state = 'accepted'")
		archived, err := asynq.NewInspectorFromRedisClient(o.rdb).ListArchivedTasks(QueueAccounts)
		return len(left) == 0 && err == nil && len(archived) == 1
	})
	// The router of this office refuses connections: its task goes on being tried.
	eventually(t, func() bool {
		retry, err := asynq.NewInspectorFromRedisClient(o.rdb).ListRetryTasks(QueueRouters)
		return err == nil && len(retry) > 0 && retry[0].ID == routerTaskID(o.router) && strings.Contains(retry[0].LastErr, "Kilimani")
	})
	stop()
	archived, err := asynq.NewInspectorFromRedisClient(o.rdb).ListArchivedTasks(QueueAccounts)
	if err != nil || len(archived) != 1 || archived[0].ID != fmt.Sprintf("delivery:%d", bad) || !strings.Contains(archived[0].LastErr, "no TransID") {
		t.Errorf("archived %v, %v", archived, err)
	}
	if got := o.rows("select refusal from actions where id = $1", suspend); !strings.Contains(got[0], "because") {
		t.Errorf("refused with %q", got)
	}
	got := o.measured()
	// On a slow machine the sweep may have rung once more for work that was under way; that finds nothing to do.
	for name, want := range map[string]float64{
		"qserve_tasks_total outcome=done type=delivery:process": 1,
		"qserve_tasks_total outcome=dead type=delivery:process": 1,
		"qserve_tasks_total outcome=done type=account:suspend":  1,
		"qserve_task_seconds type=delivery:process":             2,
	} {
		if got[name] < want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if credited := got["qserve_payments_total outcome=credited"]; credited != 1 {
		t.Errorf("credited %v times", credited)
	}
	if got["qserve_tasks_total outcome=retry type=router:converge"] < 1 {
		t.Errorf("no failed router was counted: %v", got)
	}
}

func TestWait_IsShownAsARetryAndCountsAsNoFailure(t *testing.T) {
	t.Parallel()
	o := setupOn(t, stacktest.Redis(t), nil, clock.System{})
	o.provision(o.router, time.Now())
	o.exec("insert into router_leases (router_id, owner, until) values ($1, 'another', $2)", o.router, time.Now().Add(time.Hour))
	stop := o.running()
	o.Bell.RingRouter(t.Context(), o.router)
	eventually(t, func() bool { return o.measured()["qserve_tasks_total outcome=wait type=router:converge"] >= 2 })
	stop()
	all, err := tasks(o.rdb)
	if err != nil || len(all) == 0 {
		t.Fatalf("tasks %v, %v", all, err)
	}
	for _, info := range all {
		if info.Retried != 0 || info.State == asynq.TaskStateArchived {
			t.Errorf("%s is %s after %d failures", info.ID, info.State, info.Retried)
		}
	}
	if strings.Contains(o.log.String(), "task failed") {
		t.Errorf("a wait is logged as a failure:\n%s", o.log)
	}
}

func TestWorkerBeforeItsRedis_WaitsForIt(t *testing.T) {
	t.Parallel()
	o := setupOn(t, "redis://127.0.0.1:1", nil, clock.System{})
	stop := o.running()
	eventually(t, func() bool { return strings.Contains(o.log.String(), "the workers wait for it") })
	stop()
}

func TestOutcomes_AreCountedByKind(t *testing.T) {
	t.Parallel()
	o := setup(t)
	for _, err := range []error{nil, io.EOF, Permanent(io.EOF), waitUntil(noon, "x"), retryAt(noon, io.EOF)} {
		o.metrics.task("x", err, time.Millisecond)
	}
	o.metrics.swept("actions", false)
	o.metrics.swept("actions", true)
	o.metrics.confirmed("payment", time.Second)
	got := o.measured()
	for name, want := range map[string]float64{
		"qserve_tasks_total outcome=done type=x": 1, "qserve_tasks_total outcome=retry type=x": 2,
		"qserve_tasks_total outcome=dead type=x": 1, "qserve_tasks_total outcome=wait type=x": 1,
		"qserve_task_seconds type=x": 5, "qserve_actions_ended_total kind=payment state=confirmed": 1, "qserve_sweep_rang_total list=actions": 1, "qserve_confirmed_seconds kind=payment": 1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

func TestWaitingWork_IsReadFromTheDatabaseAtEachScrape(t *testing.T) {
	t.Parallel()
	o := setup(t)
	// waits is what is read from the database; the counters beside it are the worker's own.
	waits := func() map[string]float64 {
		all := o.measured()
		maps.DeleteFunc(all, func(name string, _ float64) bool {
			return strings.Contains(name, "_total") || strings.Contains(name, "_queue_")
		})
		return all
	}
	idle := map[string]float64{
		"qserve_waiting_deliveries": 0, "qserve_unallocated_payments": 0, "qserve_router_breaker router=Kilimani": 0,
		"qserve_waiting_oldest_seconds list=deliveries": 0, "qserve_waiting_oldest_seconds list=actions": 0, "qserve_waiting_oldest_seconds list=dues": 0,
	}
	if diff := cmp.Diff(idle, waits()); diff != "" {
		t.Errorf("of an idle system (-want +got):\n%s", diff)
	}
	o.delivery("k", noon.Add(-2*time.Minute))
	o.delivery("l", noon)
	o.action("suspend", "{}", noon.Add(-3*time.Minute))
	applied := o.action("extend", "{}", noon)
	o.exec("update actions set state = 'applied', applied_at = $2 where id = $1", applied, noon)
	unconfirmedOne := o.provision(o.router, time.Now().Add(-time.Hour))
	o.exec("insert into action_provisions (action_id, provision_id, gen) values ($1, $2, 1)", applied, unconfirmedOne)
	o.exec("update subscribers set due_at = $1", noon.Add(-time.Minute))
	o.exec("update routers set failures = 1, next_try_at = $1, last_contact_at = $2", noon.Add(time.Minute), noon.Add(-time.Hour))
	o.exec(`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, unallocated)
		values ('mpesa', '1', 'A', 5, 'KES', now(), now(), 'no such account')`)
	got := waits()
	if age := got["qserve_unconfirmed_oldest_seconds router=Kilimani"]; age < 3600 {
		t.Errorf("the oldest is %v seconds old", age)
	}
	delete(got, "qserve_unconfirmed_oldest_seconds router=Kilimani")
	if diff := cmp.Diff(map[string]float64{
		"qserve_waiting_deliveries": 2, "qserve_unallocated_payments": 1, "qserve_unconfirmed_provisions router=Kilimani": 1,
		"qserve_router_breaker router=Kilimani": 1, "qserve_router_last_contact_seconds router=Kilimani": 3600,
		"qserve_source_last_webhook_seconds source=M-Pesa": 0, "qserve_actions kind=suspend state=accepted": 1, "qserve_actions kind=extend state=applied": 1,
		"qserve_waiting_oldest_seconds list=deliveries": 120, "qserve_waiting_oldest_seconds list=actions": 180, "qserve_waiting_oldest_seconds list=dues": 60,
	}, got); diff != "" {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
	o.exec("update routers set next_try_at = $1", noon)
	if got := waits()["qserve_router_breaker router=Kilimani"]; got != 0 {
		t.Errorf("a router that may be tried is counted as %v", got)
	}
	reg := prometheus.NewRegistry()
	if err := reg.Register(waiting{closed(t), o.clock}); err != nil {
		t.Fatal(err)
	}
	if families, err := reg.Gather(); err == nil {
		t.Errorf("without a database it says %v", families)
	}
}

func TestAsynqsOwnLog_IsOursAndQuietAboutWhatAFlushLeaves(t *testing.T) {
	t.Parallel()
	text := &buffer{}
	log := asynqLog{slog.New(slog.NewTextHandler(text, nil))}
	log.Debug("debug")
	log.Error("Could not remove task id=router:5 type=router:converge, NOT FOUND: task not found")
	if got := text.String(); got != "" {
		t.Errorf("logged %s", got)
	}
	log.Info("one")
	log.Warn("two ", 2)
	log.Error("three")
	log.Fatal("four") // and goes on
	for _, line := range []string{"level=INFO", "text=one", "level=WARN", `text="two 2"`, "level=ERROR", "text=three", "text=four"} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("%s is missing in\n%s", line, text)
		}
	}
}

func TestUnreadableDeliveryThatTakesOthersAlong_IsArchivedAllTheSame(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.Parse = func(_, _ string, body []byte, _, _ string) ([]account.Notice, error) {
		if string(body) == "{}" {
			return []account.Notice{paid("A", 150_000)}, nil
		}
		return nil, errors.New("no TransID")
	}
	// Both have waited so long that one task takes the other's delivery along.
	long := o.Clock.Now().Add(-time.Hour)
	o.delivery("good", long)
	bad := o.delivery("bad", long)
	o.exec("update deliveries set body = '[]' where id = $1", bad)
	if err := o.processDelivery(t.Context(), bad); !isPermanent(err) {
		t.Errorf("the unreadable delivery came to %v", err)
	}
	if left := o.rows("select 'x' from deliveries where processed_at is null"); len(left) != 0 {
		t.Errorf("%d deliveries are left", len(left))
	}
}

package jobs

import (
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"qserve/internal/clock"
)

func TestQueues_AreCountedByStateAndHowLongTheirOldestTaskWaits(t *testing.T) {
	t.Parallel()
	o := setup(t)
	if n, told := o.measured()["qserve_queue_tasks queue=routers state=pending"]; !told || n != 0 {
		t.Errorf("of a Redis that was never used: %v, %v", n, told)
	}
	o.Bell.RingDelivery(t.Context(), 7, 8, 9)
	o.Bell.RingRouter(t.Context(), o.router)
	o.Bell.RingDue(t.Context(), o.jane, time.Now().Add(time.Hour), time.Now().Add(time.Hour))
	inspector := asynq.NewInspectorFromRedisClient(o.rdb)
	if err := inspector.ArchiveTask(QueueAccounts, "delivery:9"); err != nil {
		t.Fatal(err)
	}
	if err := inspector.PauseQueue(QueueRouters); err != nil {
		t.Fatal(err)
	}
	got := o.measured()
	for name, want := range map[string]float64{
		"qserve_queue_tasks queue=accounts state=pending": 2, "qserve_queue_tasks queue=accounts state=archived": 1,
		"qserve_queue_tasks queue=routers state=pending": 1, "qserve_queue_tasks queue=actions state=scheduled": 1,
		"qserve_queue_tasks queue=actions state=active": 0, "qserve_queue_tasks queue=actions state=retry": 0,
		"qserve_queue_paused queue=routers": 1, "qserve_queue_paused queue=accounts": 0, "qserve_queue_oldest_seconds queue=actions": 0,
	} {
		if n, told := got[name]; !told || n != want {
			t.Errorf("%s is %v (%v), want %v", name, n, told, want)
		}
	}
	if got["qserve_queue_oldest_seconds queue=accounts"] <= 0 {
		t.Error("the oldest delivery waits no time at all")
	}
}

func TestScrape_OfADeadRedisTellsTheRestSoon(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"silent": blackhole(t), "refuses": "redis://127.0.0.1:1"} {
		o := setupOn(t, url, clock.NewManual(noon), nil)
		began := time.Now()
		families, err := o.reg.Gather()
		if err == nil || !strings.Contains(err.Error(), "redis does not answer") || len(families) == 0 {
			t.Errorf("%s: %d families, %v", name, len(families), err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: the scrape took %v", name, took)
		}
	}
}

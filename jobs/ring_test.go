package jobs

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"qserve/internal/stack/stacktest"
)

func TestTasks_CarryAnIdAndNothingElse(t *testing.T) {
	t.Parallel()
	rdb := client(t, stacktest.Redis(t))
	bell := NewBell(rdb, slog.New(slog.DiscardHandler))
	ctx := t.Context()
	bell.RingDelivery(ctx, 7, 8)
	bell.RingAction(ctx, 9, "suspend")
	bell.RingRouter(ctx, 5)
	bell.RingRouter(ctx, 5)
	bell.RingRouter(ctx, 5)
	bell.RingDue(ctx, 42, noon.Add(1500*time.Millisecond), noon)
	bell.RingDue(ctx, 42, noon.Add(1900*time.Millisecond), noon)
	all, err := tasks(rdb)
	if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		Type, Queue, Payload string
		Timeout              time.Duration
		MaxRetry             int
	}
	got := map[string]seen{}
	for _, i := range all {
		got[i.ID] = seen{i.Type, i.Queue, string(i.Payload), i.Timeout, i.MaxRetry}
	}
	due := fmt.Sprintf("due:42:%d", noon.Unix()+1)
	want := map[string]seen{
		"delivery:7":    {"delivery:process", "accounts", `{"id":7}`, 30 * time.Second, forEver},
		"delivery:8":    {"delivery:process", "accounts", `{"id":8}`, 30 * time.Second, forEver},
		"action:9":      {"account:suspend", "actions", `{"id":9}`, 30 * time.Second, forEver},
		due:             {"account:due", "actions", `{"id":42}`, 30 * time.Second, forEver},
		"router:5":      {"router:converge", "routers", `{"id":5}`, 3 * time.Minute, forEver},
		"router:5:more": {"router:converge", "routers", `{"id":5}`, 3 * time.Minute, forEver},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
}

func TestDueTask_MayStartInTheSecondOfItsInstantAndNotAfterIt(t *testing.T) {
	t.Parallel()
	rdb := client(t, stacktest.Redis(t))
	bell := NewBell(rdb, slog.New(slog.DiscardHandler))
	// Asynq compares with the machine's clock, so these lie in its future.
	base := time.Now().Add(time.Hour).Truncate(time.Second)
	for i, off := range []time.Duration{0, 1, 499 * time.Millisecond, 500 * time.Millisecond, time.Second - 1} {
		at := base.Add(off).In(time.FixedZone("half", 5*3600+1800))
		bell.RingDue(t.Context(), int64(i+1), at, at.Add(-time.Minute))
	}
	all, err := tasks(rdb)
	if err != nil || len(all) != 5 {
		t.Fatalf("%d tasks, %v", len(all), err)
	}
	for _, info := range all {
		if !info.NextProcessAt.Equal(base) || info.State != asynq.TaskStateScheduled {
			t.Errorf("%s is %s and may start at %v, want %v", info.ID, info.State, info.NextProcessAt, base)
		}
	}
}

func TestFarOrNoDueTime_HasNoTask(t *testing.T) {
	t.Parallel()
	rdb := client(t, stacktest.Redis(t))
	bell := NewBell(rdb, slog.New(slog.DiscardHandler))
	bell.RingDue(t.Context(), 1, time.Time{}, noon)
	bell.RingDue(t.Context(), 2, noon.Add(lookAhead+time.Second), noon)
	bell.RingDue(t.Context(), 3, noon.Add(lookAhead), noon)
	all, err := tasks(rdb)
	if err != nil || len(all) != 1 || !strings.HasPrefix(all[0].ID, "due:3:") {
		t.Errorf("tasks %v, %v", all, err)
	}
}

func TestTaskWithoutAUsableId_IsPermanentlyWrong(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{"", "{}", `{"id":0}`, `{"id":-1}`, `{"id":"7"}`, `{"id":1e30}`, "null", "\xff"} {
		id, err := idOf(asynq.NewTask("x", []byte(payload)))
		if _, permanently := err.(permanent); id != 0 || !permanently { //nolint:errorlint // it is what idOf itself returns
			t.Errorf("%q: %d, %v", payload, id, err)
		}
	}
	body, err := json.Marshal(payload{ID: 1 << 62})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := idOf(asynq.NewTask("x", body)); err != nil || id != 1<<62 {
		t.Errorf("a large id is read as %d, %v", id, err)
	}
}

func TestRingAfterRedisWasEmptied_IsSeenAgain(t *testing.T) {
	t.Parallel()
	rdb := client(t, stacktest.Redis(t))
	bell := NewBell(rdb, slog.New(slog.DiscardHandler))
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	for range 3 {
		if added, err := bell.ring(t.Context(), deliveryTask(7).first); !added || err != nil {
			t.Fatalf("first ring: %v, %v", added, err)
		}
		if added, err := bell.ring(t.Context(), deliveryTask(7).first); added || err != nil {
			t.Fatalf("second ring: %v, %v", added, err)
		}
		queues, err := inspector.Queues()
		if diff := cmp.Diff([]string{QueueAccounts}, queues); diff != "" || err != nil {
			t.Fatalf("queues (-want +got):\n%s%v", diff, err)
		}
		if err := rdb.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		bell.renew() // as the sweep does each second
	}
}

// blackhole is a Redis that takes connections and says nothing.
func blackhole(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			conns = append(conns, c)
		}
	})
	t.Cleanup(func() {
		listener.Close()
		ended.Wait()
		for _, c := range conns {
			c.Close()
		}
	})
	return "redis://" + listener.Addr().String()
}

func TestBellOfADeadRedis_KeepsNobodyWaitingAndSaysSo(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"silent": blackhole(t), "refuses": "redis://127.0.0.1:1"} {
		log := &buffer{}
		bell := NewBell(client(t, url), slog.New(slog.NewTextHandler(log, nil)))
		// The test's context has no end: these return by themselves, or not at all.
		ctx := t.Context()
		if added, err := bell.ring(ctx, deliveryTask(1).first); added || err == nil {
			t.Errorf("%s: rang: %v, %v", name, added, err)
		}
		bell.RingDelivery(ctx, 7, 8, 9)
		bell.RingAction(ctx, 17, "suspend")
		bell.RingRouter(ctx, 27)
		bell.RingDue(ctx, 37, noon, noon)
		text := log.String()
		for _, id := range []string{"delivery=7", "action=17", "router_id=27", "subscriber=37"} {
			if !strings.Contains(text, id) {
				t.Errorf("%s: nothing is said of %s:\n%s", name, id, text)
			}
		}
		// Each further one would wait as long again.
		if strings.Contains(text, "delivery=8") {
			t.Errorf("%s: rang on for the others of a group", name)
		}
	}
}

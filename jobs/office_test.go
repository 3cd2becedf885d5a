package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"qserve/account"
	"qserve/db"
	"qserve/internal/clock"
	"qserve/internal/seal"
	"qserve/internal/stack/stacktest"
	"qserve/router"
)

func TestMain(m *testing.M) { stacktest.Main(m) }

func migrate(ctx context.Context, url string) error {
	_, err := db.Migrate(ctx, url)
	return err
}

var noon = time.Date(2026, time.March, 10, 9, 0, 0, 0, time.UTC)

// office is a worker on a database of its own at noon, with one plan, router, payment source and subscriber. Tests call
// its handlers themselves; it does not run.
type office struct {
	*Worker
	t     *testing.T
	clock *clock.Manual
	rdb   *redis.Client
	log   *buffer
	reg   *prometheus.Registry

	router, source, jane int64
	// told is what the next delivery says, or that it says nothing that can be read.
	told   []account.Notice
	unread error
}

func setup(t *testing.T) *office {
	t.Helper()
	return setupOn(t, stacktest.Redis(t), clock.NewManual(noon), nil)
}

// setupOn makes an office on that Redis. c is the worker's clock when it is not the manual one.
func setupOn(t *testing.T, redisURL string, manual *clock.Manual, c clock.Clock) *office {
	t.Helper()
	pool, err := db.Open(t.Context(), stacktest.Database(t, migrate), 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	o := &office{t: t, clock: manual, log: &buffer{}, reg: prometheus.NewRegistry(), rdb: client(t, redisURL)}
	if c == nil {
		c = manual
	}
	log := slog.New(slog.NewTextHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Worker, err = New(Config{
		Pool: pool, Redis: o.rdb, Bell: NewBell(o.rdb, log), Keys: newRing(t), Fleet: router.NewFleet(router.Config{Clock: c}),
		Parse: func(string, string, []byte, string, string) ([]account.Notice, error) { return o.told, o.unread },
		Clock: c, Zone: time.UTC, Region: "KE", Log: log, Name: "test", Metrics: o.reg,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.exec(`insert into plans (name, rate, duration_count, duration_unit, price_minor, currency) values ('Home 10', '5M/10M', 1, 'months', 150000, 'KES')`)
	o.router = o.addRouter("Kilimani")
	o.source = o.id(`insert into payment_sources (name, kind, token_hash, token_sealed, merchant, currency)
		values ('M-Pesa', 'mpesa', sha256('token'), '\x00', '600000', 'KES') returning id`)
	o.jane = o.id(`insert into subscribers (account, name, router_id, username, password_sealed, plan_id, currency)
		values ('ACC-0042', 'Jane', $1, 'jane', '\x00', 1, 'KES') returning id`, o.router)
	return o
}

// client is a connection as the program opens it: its calls end with their context.
func client(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled = true
	rdb := redis.NewClient(options)
	t.Cleanup(func() { rdb.Close() })
	return rdb
}

func newRing(t *testing.T) *seal.Ring {
	t.Helper()
	text, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Open(text)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// buffer is a log that many goroutines write and a test reads.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*buffer)(nil)

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (o *office) id(sql string, args ...any) int64 {
	o.t.Helper()
	var id int64
	if err := o.Pool.QueryRow(o.t.Context(), sql, args...).Scan(&id); err != nil {
		o.t.Fatalf("%s: %v", sql, err)
	}
	return id
}

func (o *office) exec(sql string, args ...any) {
	o.t.Helper()
	if _, err := o.Pool.Exec(o.t.Context(), sql, args...); err != nil {
		o.t.Fatalf("%s: %v", sql, err)
	}
}

// rows runs a query of one text column.
func (o *office) rows(sql string, args ...any) []string {
	o.t.Helper()
	found, err := o.Pool.Query(o.t.Context(), sql, args...)
	if err != nil {
		o.t.Fatal(err)
	}
	all, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		o.t.Fatal(err)
	}
	return all
}

func (o *office) addRouter(name string) int64 {
	o.t.Helper()
	return o.id(`insert into routers (name, mode, api_address, api_plain, sessions_at)
		values ($1, 'local', '127.0.0.1:1', true, $2) returning id`, name, noon.AddDate(1, 0, 0))
}

// delivery stores a webhook that came at an instant.
func (o *office) delivery(key string, received time.Time) int64 {
	o.t.Helper()
	return o.id(`insert into deliveries (source_id, delivery_key, digest, body, received_at)
		values ($1, $2, sha256('x'), '{}', $3) returning id`, o.source, key, received)
}

// action stores a command that was given at an instant.
func (o *office) action(kind, arguments string, accepted time.Time) int64 {
	o.t.Helper()
	return o.id(`insert into actions (kind, subscriber_id, actor, arguments, state, accepted_at)
		values ($1, $2, 'staff', $3, 'accepted', $4) returning id`, kind, o.jane, arguments, accepted)
}

// provision stores an unconfirmed line of jane's on a router.
func (o *office) provision(routerID int64, wanted time.Time) int64 {
	o.t.Helper()
	return o.id(`insert into provisions (router_id, username, subscriber_id, state, rate, credential_gen, wanted_at)
		values ($1, 'jane', $2, 'enabled', '5M/10M', 1, $3) returning id`, routerID, o.jane, wanted)
}

// paid is a payment as a provider tells of it.
func paid(transaction string, minor int64) account.Notice {
	return account.Notice{
		Kind: account.PaymentReceived, Merchant: "600000", TransactionID: transaction, OccurredAt: noon,
		Amount: account.Money{Minor: minor, Currency: "KES"}, References: []string{"ACC-0042"},
	}
}

// tasks lists the ids of all tasks in all queues with their states.
func (o *office) tasks() []string {
	o.t.Helper()
	all, err := tasks(o.rdb)
	if err != nil {
		o.t.Fatal(err)
	}
	var ids []string
	for _, info := range all {
		ids = append(ids, info.ID+" "+info.State.String())
	}
	slices.Sort(ids)
	return ids
}

func tasks(rdb redis.UniversalClient) ([]*asynq.TaskInfo, error) {
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	var all []*asynq.TaskInfo
	for _, queue := range []string{QueueActions, QueueAccounts, QueueRouters} {
		for _, list := range []func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
			inspector.ListPendingTasks, inspector.ListScheduledTasks, inspector.ListRetryTasks, inspector.ListActiveTasks, inspector.ListArchivedTasks,
		} {
			infos, err := list(queue, asynq.PageSize(1000))
			if errors.Is(err, asynq.ErrQueueNotFound) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("list %s: %w", queue, err)
			}
			all = append(all, infos...)
		}
	}
	return all, nil
}

// measured gathers every counter and gauge, by name and labels, and the number of observations of every histogram.
func (o *office) measured() map[string]float64 {
	o.t.Helper()
	families, err := o.reg.Gather()
	if err != nil {
		o.t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			words := []string{family.GetName()}
			for _, l := range m.GetLabel() {
				words = append(words, l.GetName()+"="+l.GetValue())
			}
			all[strings.Join(words, " ")] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

// eventually looks until a condition holds, for as long as the test may run.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for !holds() {
		if err := (clock.System{}).WaitUntil(t.Context(), time.Now().Add(5*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
}

// closed is a pool that answers nothing.
func closed(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := db.Open(t.Context(), "postgres://nobody@127.0.0.1:1/nothing", 1)
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
	return pool
}

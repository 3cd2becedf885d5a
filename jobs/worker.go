package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"qserve/account"
	"qserve/internal/clock"
	"qserve/internal/seal"
	"qserve/router"
)

// ParseFunc reads the body of a delivery. Its errors are the body's fault and final.
type ParseFunc func(kind, call string, body []byte, merchant, currency string) ([]account.Notice, error)

// Config is what a [Worker] needs.
type Config struct {
	Pool   *pgxpool.Pool
	Redis  redis.UniversalClient
	Bell   *Bell
	Keys   *seal.Ring
	Fleet  *router.Fleet
	Parse  ParseFunc
	Clock  clock.Clock
	Zone   *time.Location
	Region string // for phone numbers, ISO 3166-1 alpha-2
	Log    *slog.Logger
	// Name tells this process from the others that may drive the same routers; unique for each start.
	Name string
	// Workers is how many tasks on accounts run at once, and how many on routers. 0: 32.
	Workers int
	// Metrics is where the worker registers its metrics; nil: nowhere.
	Metrics prometheus.Registerer
	// Checkpoint is called at named points between the steps of a task; crash tests end the process there. May be nil.
	Checkpoint func(point string)
}

// Worker runs tasks and sweeps for work that no task holds.
type Worker struct {
	Config
	lanes   lanes
	done    takenAlong[int64]  // deliveries
	dues    takenAlong[string] // the ids of their tasks
	metrics *metrics
	// garden says that customers may be in the garden; the sweep keeps it.
	garden atomic.Bool
}

// New returns a worker that does nothing until Run.
func New(cfg Config) (*Worker, error) {
	for name, missing := range map[string]bool{
		"Pool": cfg.Pool == nil, "Redis": cfg.Redis == nil, "Bell": cfg.Bell == nil, "Keys": cfg.Keys == nil,
		"Fleet": cfg.Fleet == nil, "Parse": cfg.Parse == nil, "Clock": cfg.Clock == nil, "Zone": cfg.Zone == nil,
		"Log": cfg.Log == nil, "Name": cfg.Name == "",
	} {
		if missing {
			return nil, fmt.Errorf("jobs: %s is not set", name)
		}
	}
	if cfg.Workers == 0 {
		cfg.Workers = 32
	}
	if cfg.Checkpoint == nil {
		cfg.Checkpoint = func(string) {}
	}
	m, err := newMetrics(cfg)
	if err != nil {
		return nil, err
	}
	return &Worker{Config: cfg, lanes: lanes{open: map[int64]*lane{}}, metrics: m}, nil
}

// shutdownTimeout is how long running tasks may take to finish; what does not is taken up by another worker.
const shutdownTimeout = 8 * time.Second

// Run works until ctx ends, then lets running tasks finish or abandons them safely.
func (w *Worker) Run(ctx context.Context) error {
	accounts := w.server(map[string]int{QueueActions: 6, QueueAccounts: 1}, func(mux *asynq.ServeMux) {
		w.handle(mux, TypeDelivery, w.processDelivery)
		w.handle(mux, TypeDue, w.applyDue)
		// The longer pattern above wins; what is left are the actions.
		w.handle(mux, typeAccount, w.applyActions)
	})
	routers := w.server(map[string]int{QueueRouters: 1}, func(mux *asynq.ServeMux) {
		w.handle(mux, TypeConverge, w.converge)
		w.handle(mux, TypeSessions, w.listSessions)
	})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return accounts(ctx) })
	group.Go(func() error { return routers(ctx) })
	group.Go(func() error { return w.sweepUntil(ctx) })
	group.Go(func() error { return w.keepHouse(ctx) })
	return group.Wait()
}

// server returns a function that serves queues, by their weights, until its context ends.
func (w *Worker) server(queues map[string]int, register func(*asynq.ServeMux)) func(context.Context) error {
	mux := asynq.NewServeMux()
	register(mux)
	server := asynq.NewServerFromRedisClient(w.Redis, asynq.Config{
		Concurrency: w.Workers,
		Queues:      queues,
		// The defaults wait one second for a new task and five for a scheduled one; a customer notices that.
		TaskCheckInterval:        5 * time.Millisecond,
		DelayedTaskCheckInterval: 200 * time.Millisecond,
		RetryDelayFunc:           retryDelay(w.Clock),
		IsFailure:                countsAsFailure,
		ShutdownTimeout:          shutdownTimeout,
		Logger:                   asynqLog{w.Log},
		LogLevel:                 asynq.WarnLevel,
	})
	return func(ctx context.Context) error {
		if err := w.untilRedisAnswers(ctx); err != nil {
			return nil //nolint:nilerr // told to stop before Redis came up
		}
		if err := server.Start(mux); err != nil {
			return fmt.Errorf("start the workers of the queues %v: %w", slices.Sorted(maps.Keys(queues)), err)
		}
		<-ctx.Done()
		server.Shutdown()
		return nil
	}
}

// untilRedisAnswers keeps a worker that starts before its Redis alive: Asynq's own start would fail.
func (w *Worker) untilRedisAnswers(ctx context.Context) error {
	for {
		err := w.Redis.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		w.Log.Warn("redis does not answer; the workers wait for it", "error", err)
		if err := w.Clock.WaitUntil(ctx, w.Clock.Now().Add(time.Second)); err != nil {
			return err
		}
	}
}

// handle registers fn for a task type, with what every handler has in common: the id, the metrics, the log line of a
// failure, and the mapping of errors.
func (w *Worker) handle(mux *asynq.ServeMux, kind string, fn func(ctx context.Context, id int64) error) {
	mux.HandleFunc(kind, func(ctx context.Context, t *asynq.Task) error {
		id, err := idOf(t)
		if err == nil {
			start := w.Clock.Now()
			err = fn(ctx, id)
			w.metrics.task(t.Type(), err, w.Clock.Now().Sub(start))
		}
		var wait later
		if err != nil && (!errors.As(err, &wait) || wait.counts) {
			w.Log.Warn("task failed", "task", t.Type(), named(t.Type()), id, "error", err)
		}
		return forAsynq(err)
	})
}

// named is what the id of a task is called in log lines, where one id is looked for from intake to confirmation.
func named(kind string) string {
	switch kind {
	case TypeDelivery:
		return "delivery"
	case TypeDue:
		return "subscriber"
	case TypeConverge, TypeSessions:
		return "router_id"
	}
	return "action"
}

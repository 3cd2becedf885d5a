package main

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"qserve/cmd/internal/program"
	"qserve/cmd/internal/stage"
)

// queue is Asynq alone: tasks that do nothing, on the stage's Redis, with the settings of package jobs.
type queue struct {
	redis  redis.UniversalClient
	client *asynq.Client
	server *asynq.Server
	// entered gets the time at which a handler starts.
	entered chan time.Time
	serial  atomic.Int64
}

const (
	noopQueue = "bench"
	noopTask  = "bench:noop"
	// checkEvery is the polling that package jobs uses (TaskCheckInterval in its worker.go).
	checkEvery = 5 * time.Millisecond
)

// noopCapacity is how many tasks may have been handled without anybody having looked.
const noopCapacity = 1 << 16

func newQueue(st *stage.Stage) (*queue, error) {
	q := &queue{redis: program.OpenRedis(st.Settings), entered: make(chan time.Time, noopCapacity)}
	q.client = asynq.NewClientFromRedisClient(q.redis)
	q.server = asynq.NewServerFromRedisClient(q.redis, asynq.Config{
		Concurrency:              st.Settings.Workers,
		Queues:                   map[string]int{noopQueue: 1},
		TaskCheckInterval:        checkEvery,
		DelayedTaskCheckInterval: 200 * time.Millisecond,
		LogLevel:                 asynq.ErrorLevel,
	})
	err := q.server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		q.entered <- time.Now()
		return nil
	}))
	if err != nil {
		return nil, fmt.Errorf("start Asynq: %w", err)
	}
	return q, nil
}

func (q *queue) close() {
	q.server.Shutdown()
	_ = q.redis.Close()
}

func (q *queue) enqueue(ctx context.Context) error {
	id := strconv.FormatInt(q.serial.Add(1), 10)
	task := asynq.NewTask(noopTask, []byte(`{"id":`+id+`}`),
		asynq.Queue(noopQueue), asynq.TaskID("noop:"+id), asynq.Timeout(30*time.Second))
	if _, err := q.client.EnqueueContext(ctx, task); err != nil {
		return fmt.Errorf("enqueue a task: %w", err)
	}
	return nil
}

// hop returns how long it takes from ringing to the handler's start.
func (q *queue) hop(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if err := q.enqueue(ctx); err != nil {
		return 0, err
	}
	select {
	case at := <-q.entered:
		return at.Sub(began), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// carry sends n tasks through, from as many sides as there are workers, and returns how many a second that makes.
func (q *queue) carry(ctx context.Context, n, sides int) (float64, error) {
	began := time.Now()
	group, sending := errgroup.WithContext(ctx)
	for side := range sides {
		group.Go(func() error {
			for i := side; i < n; i += sides {
				if err := q.enqueue(sending); err != nil {
					return err
				}
			}
			return nil
		})
	}
	sent := make(chan error, 1)
	go func() { sent <- group.Wait() }()
	var last time.Time
	for entered := 0; entered < n; {
		select {
		case last = <-q.entered:
			entered++
		case err := <-sent:
			if err != nil {
				return 0, err
			}
			sent = nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return float64(n) / last.Sub(began).Seconds(), nil
}

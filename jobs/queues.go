package jobs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// queues asks Redis at each scrape how long Asynq's queues are.
type queues struct{ redis redis.UniversalClient }

// redisWithin is how long a scrape waits for a Redis that does not answer.
const redisWithin = 500 * time.Millisecond

var (
	queueTasksDesc = prometheus.NewDesc("qserve_queue_tasks",
		"Tasks in an Asynq queue, by state (pending, active, scheduled, retry, archived).", []string{"queue", "state"}, nil)
	queueOldestDesc = prometheus.NewDesc("qserve_queue_oldest_seconds",
		"How long the oldest pending task of an Asynq queue waits for a worker.", []string{"queue"}, nil)
	queuePausedDesc = prometheus.NewDesc("qserve_queue_paused", "1 while somebody has paused an Asynq queue in the dashboard; else 0.", []string{"queue"}, nil)
)

// Describe implements prometheus.Collector.
func (queues) Describe(ch chan<- *prometheus.Desc) {
	ch <- queueTasksDesc
	ch <- queueOldestDesc
	ch <- queuePausedDesc
}

// Collect implements prometheus.Collector.
func (q queues) Collect(ch chan<- prometheus.Metric) {
	// The inspector takes no context: a Redis that is away is found out before.
	ctx, cancel := context.WithTimeout(context.Background(), redisWithin)
	defer cancel()
	if err := q.redis.Ping(ctx).Err(); err != nil {
		ch <- prometheus.NewInvalidMetric(queueTasksDesc, fmt.Errorf("redis does not answer: %w", err))
		return
	}
	inspector := asynq.NewInspectorFromRedisClient(q.redis)
	known, err := inspector.Queues()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(queueTasksDesc, fmt.Errorf("list the queues: %w", err))
		return
	}
	for _, name := range []string{QueueActions, QueueAccounts, QueueRouters} {
		info := &asynq.QueueInfo{} // of one that nothing was in yet
		if slices.Contains(known, name) {
			if info, err = inspector.GetQueueInfo(name); err != nil {
				ch <- prometheus.NewInvalidMetric(queueTasksDesc, fmt.Errorf("look at queue %s: %w", name, err))
				return
			}
		}
		for state, n := range map[string]int{
			"pending": info.Pending, "active": info.Active, "scheduled": info.Scheduled, "retry": info.Retry, "archived": info.Archived,
		} {
			gauge(ch, queueTasksDesc, float64(n), name, state)
		}
		gauge(ch, queueOldestDesc, info.Latency.Seconds(), name)
		paused := 0.0
		if info.Paused {
			paused = 1
		}
		gauge(ch, queuePausedDesc, paused, name)
	}
}

package jobs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// ringTimeout is how long a ring may take. Redis is the doorbell: when it does not answer in time the row waits for the
// sweep, and nobody waits for the bell.
const ringTimeout = 200 * time.Millisecond

// Bell rings for rows that are to be looked at. It is safe for concurrent use.
type Bell struct {
	redis  redis.UniversalClient
	client atomic.Pointer[asynq.Client]
	log    *slog.Logger
}

// NewBell returns a bell over a Redis client, which stays the caller's to close.
func NewBell(rdb redis.UniversalClient, log *slog.Logger) *Bell {
	b := &Bell{redis: rdb, log: log}
	b.renew()
	return b
}

// renew takes a fresh Asynq client: a client registers each queue once, and would not do so again after somebody
// emptied Redis. It opens no connection.
func (b *Bell) renew() { b.client.Store(asynq.NewClientFromRedisClient(b.redis)) }

// ring reports whether a task was added. A task that is there already is as good, and false.
func (b *Bell) ring(ctx context.Context, t *asynq.Task) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, ringTimeout)
	defer cancel()
	_, err := b.client.Load().EnqueueContext(ctx, t)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, asynq.ErrTaskIDConflict), errors.Is(err, asynq.ErrDuplicateTask):
		return false, nil
	default:
		return false, err
	}
}

// RingDelivery rings for stored deliveries. It never fails: what it could not ring for, the sweep finds.
func (b *Bell) RingDelivery(ctx context.Context, ids ...int64) {
	for _, id := range ids {
		if _, err := b.ring(ctx, deliveryTask(id).first); err != nil {
			b.log.Warn("redis does not take tasks; the sweep will find this work", "delivery", id, "error", err)
			return
		}
	}
}

// RingAction rings for an accepted action.
func (b *Bell) RingAction(ctx context.Context, id int64, kind string) {
	if _, err := b.ring(ctx, actionTask(id, kind).first); err != nil {
		b.log.Warn("redis does not take tasks; the sweep will find this work", "action", id, "error", err)
	}
}

// RingRouter rings for a router that has something to confirm.
func (b *Bell) RingRouter(ctx context.Context, id int64) {
	p := convergeTask(id)
	added, err := b.ring(ctx, p.first)
	if !added && err == nil {
		_, err = b.ring(ctx, p.second)
	}
	if err != nil {
		b.log.Warn("redis does not take tasks; the sweep will find this work", "router", id, "error", err)
	}
}

// ringAgain rings for work that should have been done by now. Where its task is running, the worker may have died: the
// second place is taken, and the row's lock sorts out the case in which it has not. The same goes for a task in one of
// the other states. queued is true when the task just waits its turn.
func (b *Bell) ringAgain(ctx context.Context, p places, others ...asynq.TaskState) (added, queued bool, err error) {
	if added, err = b.ring(ctx, p.first); added || err != nil {
		return added, false, err
	}
	held, err := asynq.NewInspectorFromRedisClient(b.redis).GetTaskInfo(p.queue, p.taskID)
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
		return false, false, nil // it has just ended
	case err != nil:
		return false, false, err
	case held.State == asynq.TaskStateActive, slices.Contains(others, held.State):
		added, err = b.ring(ctx, p.second)
		return added, false, err
	}
	return false, held.State == asynq.TaskStatePending, nil
}

// RingDue gives a due time that is near a task of its own, which fires at its second. A far one stays in PostgreSQL
// until the sweep's look ahead finds it.
func (b *Bell) RingDue(ctx context.Context, subscriber int64, at, now time.Time) {
	if at.IsZero() || at.After(now.Add(lookAhead)) {
		return
	}
	if _, err := b.ring(ctx, dueTask(subscriber, at).first); err != nil {
		b.log.Warn("redis does not take tasks; the sweep will find this work", "subscriber", subscriber, "error", err)
	}
}

// hurry makes a router's task that waits for its next attempt run now.
func (b *Bell) hurry(router int64) error {
	err := asynq.NewInspectorFromRedisClient(b.redis).RunTask(QueueRouters, routerTaskID(router))
	if errors.Is(err, asynq.ErrTaskNotFound) || errors.Is(err, asynq.ErrQueueNotFound) {
		return nil
	}
	return err
}

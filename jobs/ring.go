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
		p := deliveryTask(id)
		added, err := b.ring(ctx, p.first)
		if !added && err == nil {
			// One that failed for good, and that a person has processed again.
			_, err = b.revive(p.queue, p.taskID)
		}
		if err != nil {
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
		b.log.Warn("redis does not take tasks; the sweep will find this work", "router_id", id, "error", err)
	}
}

// ringAgain rings for work that should have been done by now. Where its task is running, the worker may have died: the
// second place is taken, and the row's lock sorts out the case in which it has not. The same goes for a task in one of
// the other states. One that somebody has archived is brought back. queued is true when the task just waits its turn.
func (b *Bell) ringAgain(ctx context.Context, p places, others ...asynq.TaskState) (added, queued bool, err error) {
	if added, err = b.ring(ctx, p.first); added || err != nil {
		return added, false, err
	}
	held, err := b.state(p.queue, p.taskID)
	switch {
	case err != nil:
		return false, false, err
	case held == asynq.TaskStateArchived:
		added, err = b.revive(p.queue, p.taskID)
		return added, false, err
	case held == asynq.TaskStateActive, slices.Contains(others, held):
		if added, err = b.ring(ctx, p.second); !added && err == nil {
			added, err = b.revive(p.queue, p.taskID+more)
		}
		return added, false, err
	}
	return false, held == asynq.TaskStatePending, nil
}

// state is the state of a task; 0: it has just ended.
func (b *Bell) state(queue, taskID string) (asynq.TaskState, error) {
	held, err := asynq.NewInspectorFromRedisClient(b.redis).GetTaskInfo(queue, taskID)
	if gone(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return held.State, nil
}

// revive brings back a task that was archived, in the dashboard or for an error of its own: no other can have its place
// while it lies there. It reports whether there was one.
func (b *Bell) revive(queue, taskID string) (bool, error) {
	held, err := b.state(queue, taskID)
	if err != nil || held != asynq.TaskStateArchived {
		return false, err
	}
	err = asynq.NewInspectorFromRedisClient(b.redis).RunTask(queue, taskID)
	if err == nil {
		return true, nil
	}
	// Another worker may have been faster.
	if held, stateErr := b.state(queue, taskID); stateErr == nil && held != asynq.TaskStateArchived {
		return false, nil
	}
	return false, err
}

func gone(err error) bool {
	return errors.Is(err, asynq.ErrTaskNotFound) || errors.Is(err, asynq.ErrQueueNotFound)
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
	if gone(err) {
		return nil
	}
	return err
}

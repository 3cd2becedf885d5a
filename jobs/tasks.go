// Package jobs does the work that the database says is not done, through Asynq: one task for each delivery, action, due
// time and router.
//
// A task carries an id and says "look now"; the row it names says what is to be done, and that it is not done yet. So a
// task that is lost, doubled or run again after it finished changes nothing: every handler looks at the row first, under
// its lock. A sweep in every worker finds the rows that nobody rang for.
//
// What a command does to an account is decided in package account; how a router is driven, in package router. This is
// the only package that knows Asynq.
package jobs

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
)

// The task types, named for what a person reads in the dashboard.
const (
	TypeDelivery = "delivery:process"
	TypeDue      = "account:due"
	TypeConverge = "router:converge"
	TypeSessions = "router:sessions"
	// typeAccount is followed by the kind of the action: account:suspend.
	typeAccount = "account:"
)

// The queues. What staff ask for and what is due now comes before payments that wait in a backlog: somebody has a customer
// on the phone. Routers have workers of their own: one that hangs keeps no payment waiting.
const (
	QueueActions  = "actions"
	QueueAccounts = "accounts"
	QueueRouters  = "routers"
)

const (
	accountTimeout = 30 * time.Second
	// convergeTimeout bounds one turn on a router, which ends on its own well before (turnLength).
	convergeTimeout = 3 * time.Minute
	// forEver is how often work is retried that only success or a person can end.
	forEver = math.MaxInt32
)

type payload struct {
	ID int64 `json:"id"`
}

func task(kind, queue, taskID string, id int64, timeout time.Duration, opts ...asynq.Option) *asynq.Task {
	body, err := json.Marshal(payload{ID: id})
	if err != nil {
		panic(err) // an int64 always marshals
	}
	opts = append(opts, asynq.Queue(queue), asynq.TaskID(taskID), asynq.Timeout(timeout), asynq.MaxRetry(forEver))
	return asynq.NewTask(kind, body, opts...)
}

// places are the two places that a piece of work has in its queue. A task that a dead worker holds keeps the first until
// Asynq notices, a minute or two later; the work gets the second then. And a ring for a router takes the second while the
// first is running or in retry, and waits its turn: so no ring is lost, and a router that is away for a week has two tasks
// and not a thousand.
type places struct {
	queue, taskID string
	first, second *asynq.Task
}

// more ends the id of a task in the second place.
const more = ":more"

func twoPlaces(kind, queue, taskID string, id int64, timeout time.Duration, opts ...asynq.Option) places {
	return places{
		queue: queue, taskID: taskID,
		first:  task(kind, queue, taskID, id, timeout, opts...),
		second: task(kind, queue, taskID+more, id, timeout, opts...),
	}
}

func deliveryTask(id int64) places {
	return twoPlaces(TypeDelivery, QueueAccounts, "delivery:"+strconv.FormatInt(id, 10), id, accountTimeout)
}

func actionTask(id int64, kind string) places {
	return twoPlaces(typeAccount+kind, QueueActions, "action:"+strconv.FormatInt(id, 10), id, accountTimeout)
}

// dueTask fires at the whole second that at falls in or the next one, because Asynq keeps whole seconds; the handler
// looks at the clock again.
func dueTask(subscriber int64, at time.Time) places {
	return twoPlaces(TypeDue, QueueActions, dueTaskID(subscriber, at), subscriber, accountTimeout, asynq.ProcessAt(at.Truncate(time.Second)))
}

func dueTaskID(subscriber int64, at time.Time) string {
	return fmt.Sprintf("due:%d:%d", subscriber, at.Truncate(time.Second).Unix())
}

func convergeTask(id int64) places {
	return twoPlaces(TypeConverge, QueueRouters, routerTaskID(id), id, convergeTimeout)
}

// listTask has one place: the next round of the sweep asks again anyway.
func listTask(id int64) *asynq.Task {
	return task(TypeSessions, QueueRouters, listTaskID(id), id, accountTimeout)
}

func listTaskID(id int64) string { return "sessions:" + strconv.FormatInt(id, 10) }

func routerTaskID(id int64) string { return "router:" + strconv.FormatInt(id, 10) }

func idOf(t *asynq.Task) (int64, error) {
	var p payload
	if err := json.Unmarshal(t.Payload(), &p); err != nil || p.ID <= 0 {
		return 0, Permanent(fmt.Errorf("task %s has no usable id in its payload", t.Type()))
	}
	return p.ID, nil
}

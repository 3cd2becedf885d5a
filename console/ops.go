package console

import (
	"context"
	"fmt"
	"time"

	"qserve/db"
)

// OpsView is what an engineer wants to know at night: what waits, what fails and why.
type OpsView struct {
	// AsOf is when it was looked at.
	AsOf    time.Time
	Lists   []WaitingView
	Routers []RouterOpsView // those with the most waiting first
	// Ended are the webhooks of the last day that no payment came of.
	Ended []EndedView
}

// WaitingView is one of the four lists of undone work.
type WaitingView struct {
	List    string // deliveries, actions, dues or provisions
	What    string // in words
	Waiting int64
	Oldest  *time.Time // nil: nothing waits
	// Why are the errors of what was tried already, the most frequent first.
	Why []WhyView
}

// WhyView is an error and how much it holds up.
type WhyView struct {
	Problem string
	Rows    int64
}

// RouterOpsView is how a router gets on with what is wanted of it.
type RouterOpsView struct {
	Name, Mode  string
	Unconfirmed int64
	Oldest      *time.Time // nil: nothing waits
	// LeftAlone says that nobody calls it before NextTryAt, after so many failures in a row.
	LeftAlone     bool
	Failures      int
	NextTryAt     *time.Time // nil: at once
	LastError     string
	LastContactAt *time.Time // nil: never
	// Silent says that nothing answered when it was last called.
	Silent bool
}

// EndedView counts the webhooks of a source that ended in the same way.
type EndedView struct {
	Source  string
	State   string // failed or ignored
	Problem string
	Rows    int64
	Latest  time.Time
}

const (
	// opsReasons is how many different errors of a list are told.
	opsReasons = 5
	// opsEnded bounds the different ends of webhooks.
	opsEnded = 50
)

// Ops returns what waits on each of the four lists, how each router is, and what came to nothing in the last day.
func (s *Service) Ops(ctx context.Context) (OpsView, error) {
	q, now := db.New(s.Pool), s.Clock.Now()
	view := OpsView{AsOf: now.UTC()}
	var err error
	if view.Lists, err = waitingLists(ctx, q, now); err != nil {
		return OpsView{}, fmt.Errorf("look at what waits: %w", err)
	}
	if view.Routers, err = routersInService(ctx, q, now); err != nil {
		return OpsView{}, fmt.Errorf("look at the routers: %w", err)
	}
	ended, err := q.WhyDeliveriesCameToNothing(ctx, db.WhyDeliveriesCameToNothingParams{Since: now.Add(-24 * time.Hour), Most: opsEnded})
	if err != nil {
		return OpsView{}, fmt.Errorf("look at what came to nothing: %w", err)
	}
	for _, row := range ended {
		view.Ended = append(view.Ended, EndedView{
			Source: row.Source, State: row.State, Problem: deliveryProblem(row.State, row.Problem), Rows: row.Rows, Latest: row.Latest.UTC(),
		})
	}
	return view, nil
}

func waitingLists(ctx context.Context, q *db.Queries, now time.Time) ([]WaitingView, error) {
	n, err := q.CountWaiting(ctx, now)
	if err != nil {
		return nil, err
	}
	since, err := q.OldestWaiting(ctx, now)
	if err != nil {
		return nil, err
	}
	webhooks, err := q.WhyDeliveriesWait(ctx, opsReasons)
	if err != nil {
		return nil, err
	}
	changes, err := q.WhyProvisionsWait(ctx, opsReasons)
	if err != nil {
		return nil, err
	}
	lists := []WaitingView{
		{List: "deliveries", What: "webhooks that are not processed", Waiting: n.Deliveries, Oldest: moment(since.Delivery)},
		{List: "actions", What: "commands that are not applied", Waiting: n.Actions, Oldest: moment(since.Action)},
		{List: "dues", What: "packages whose end is not handled", Waiting: n.Dues, Oldest: moment(since.Due)},
		{List: "provisions", What: "changes that a router has not confirmed", Waiting: n.Provisions, Oldest: moment(n.Provision)},
	}
	for _, row := range webhooks {
		lists[0].Why = append(lists[0].Why, WhyView(row))
	}
	for _, row := range changes {
		lists[3].Why = append(lists[3].Why, WhyView(row))
	}
	return lists, nil
}

func routersInService(ctx context.Context, q *db.Queries, now time.Time) ([]RouterOpsView, error) {
	rows, err := q.RouterHealth(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]RouterOpsView, len(rows))
	for i, row := range rows {
		views[i] = RouterOpsView{
			Name: row.Name, Mode: row.Mode, Unconfirmed: row.Unconfirmed, Oldest: moment(row.Oldest), Failures: int(row.Failures),
			LastError: row.LastError, LastContactAt: utc(row.LastContactAt), Silent: row.Unreachable,
		}
		if row.NextTryAt != nil && row.NextTryAt.After(now) {
			views[i].LeftAlone, views[i].NextTryAt = true, utc(row.NextTryAt)
		}
	}
	return views, nil
}

package console

import (
	"context"
	"fmt"
	"slices"
	"time"

	"qserve/db"
)

// recentMost is how many actions a profile shows as cards.
const recentMost = 10

// recentActions returns the newest actions of an account that are not at their end yet, however old they are, or were
// given since an instant, in the order in which they were given. An expiry that found nothing to change is none of them.
func recentActions(ctx context.Context, q *db.Queries, subscriber int64, since time.Time) ([]ActionView, error) {
	rows, err := q.RecentActions(ctx, db.RecentActionsParams{SubscriberID: subscriber, Since: since, Most: recentMost})
	if err != nil {
		return nil, fmt.Errorf("read the recent actions of subscriber %d: %w", subscriber, err)
	}
	slices.Reverse(rows)
	var ids []int64
	for _, row := range rows {
		// What was confirmed as it was applied asked nothing of a router.
		if row.AppliedAt == nil || row.ConfirmedAt == nil || !row.ConfirmedAt.Equal(*row.AppliedAt) {
			ids = append(ids, row.ID)
		}
	}
	routers, err := routersOf(ctx, q, ids...)
	if err != nil {
		return nil, fmt.Errorf("read the routers of the recent actions of subscriber %d: %w", subscriber, err)
	}
	views := make([]ActionView, len(rows))
	for i, row := range rows {
		views[i] = viewAction(row, routers[row.ID])
	}
	return views, nil
}

func viewAction(row db.Action, routers []ActionRouterView) ActionView {
	return ActionView{
		ID: row.ID, Kind: row.Kind, Subscriber: row.SubscriberID, State: row.State, Reason: row.Refusal, Actor: row.Actor,
		AcceptedAt: row.AcceptedAt.UTC(), AppliedAt: utc(row.AppliedAt), ConfirmedAt: utc(row.ConfirmedAt),
		Routers: append([]ActionRouterView{}, routers...),
	}
}

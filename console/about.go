package console

import (
	"context"
	"fmt"
	"time"

	"qserve/db"
)

// AboutQuery says what is wanted beside the profile of a subscriber.
type AboutQuery struct {
	Staff int64 // who asks
	// Since is from when on actions are wanted that are at their end.
	Since    time.Time
	Timeline *TimelineQuery // nil: not wanted
}

// AboutView is what a page shows beside the profile of a subscriber.
type AboutView struct {
	LastPayment *PaymentView // nil: none
	// Actions are the newest that are not at their end yet, however old they are, or were given of late, in the order in
	// which they were given. An expiry that found nothing to change is none of them.
	Actions  []ActionView
	Timeline Page[EventView] // as of [Service.Timeline]
	Others   []PresenceView  // who else looks at the account
}

// About reads everything in one go, because somebody waits for it. Its errors are those of [Service.Timeline].
func (s *Service) About(ctx context.Context, subscriber int64, a AboutQuery) (AboutView, error) {
	var view AboutView
	reads := []func(context.Context, *db.Queries) error{
		func(ctx context.Context, q *db.Queries) (err error) {
			view.LastPayment, err = lastPayment(ctx, q, subscriber)
			return err
		},
		func(ctx context.Context, q *db.Queries) (err error) {
			view.Actions, err = recentActions(ctx, q, subscriber, a.Since)
			return err
		},
		func(ctx context.Context, q *db.Queries) (err error) {
			view.Others, err = whoLooks(ctx, q, a.Staff, subscriber, s.Clock.Now())
			return err
		},
	}
	line := new(timeline)
	if a.Timeline != nil {
		var err error
		if line, err = newTimeline(subscriber, *a.Timeline); err != nil {
			return view, err
		}
		reads = append(reads, line.reads()...)
	}
	if err := db.Together(ctx, s.Pool, reads...); err != nil {
		return view, fmt.Errorf("read what the page of subscriber %d shows: %w", subscriber, err)
	}
	if a.Timeline != nil {
		view.Timeline = line.page()
	}
	return view, nil
}

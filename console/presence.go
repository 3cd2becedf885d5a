package console

import (
	"context"
	"fmt"
	"time"

	"qserve/db"
)

const (
	// hereFor is how long somebody is taken to look at an account after having been seen there. A page says so every 10 s.
	hereFor = 30 * time.Second
	// doingFor is how long somebody is taken to be about to do something.
	doingFor = time.Minute
)

// PresenceView is somebody else who looks at the same account.
type PresenceView struct {
	Name  string
	Doing string // what the person is about to do, in the words of the button; empty: only looks
	// SeenAt is when the person was last seen, or began what Doing names.
	SeenAt time.Time
}

// Look says that a person looks at an account. With doing the person is about to do something; a look without it leaves
// that standing for a minute.
func (s *Service) Look(ctx context.Context, staff, subscriber int64, doing string) error {
	if err := checkLine("doing", doing, 0, 100); err != nil {
		return err
	}
	now := s.Clock.Now()
	err := db.New(s.Pool).LookAtSubscriber(ctx, db.LookAtSubscriberParams{
		SubscriberID: subscriber, StaffID: staff, Doing: doing, Now: now, DoingSince: now.Add(-doingFor),
	})
	if err != nil {
		return fmt.Errorf("look at subscriber %d: %w", subscriber, err)
	}
	return nil
}

// whoLooks returns who looks at an account besides a person.
func whoLooks(ctx context.Context, q *db.Queries, staff, subscriber int64, now time.Time) ([]PresenceView, error) {
	rows, err := q.WhoLooks(ctx, db.WhoLooksParams{
		SubscriberID: subscriber, StaffID: staff, SeenSince: now.Add(-hereFor), DoingSince: now.Add(-doingFor),
	})
	if err != nil {
		return nil, fmt.Errorf("read who looks at subscriber %d: %w", subscriber, err)
	}
	others := make([]PresenceView, len(rows))
	for i, row := range rows {
		others[i] = PresenceView{Name: row.Name, Doing: row.Doing, SeenAt: row.SeenAt.UTC()}
	}
	return others, nil
}

// LookAway says that a person has left an account, or thought better of what it was about to do.
func (s *Service) LookAway(ctx context.Context, staff, subscriber int64) error {
	if err := db.New(s.Pool).LookAway(ctx, db.LookAwayParams{SubscriberID: subscriber, StaffID: staff}); err != nil {
		return fmt.Errorf("look away from subscriber %d: %w", subscriber, err)
	}
	return nil
}

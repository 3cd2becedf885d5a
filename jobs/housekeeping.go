package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

const (
	tidyEvery  = time.Hour
	countEvery = 5 * time.Minute
	lookEvery  = 24 * time.Hour
	// keepBodies is how long the body of a webhook is kept that nothing came of: a person may want to have it processed
	// again, but it names people.
	keepBodies = 90 * 24 * time.Hour
	// keepAnswers is for how long a repeated request of the staff API gets its answer again, as the API promises. The API
	// drops old ones while it is used; this is for one that is not.
	keepAnswers = 48 * time.Hour
	// keepPresence is long after a page that is looked at has said so again.
	keepPresence = time.Hour
	// keepOnlineCounts lets a chart show a year, and the same month of the year before.
	keepOnlineCounts = 400 * 24 * time.Hour
	// keepNobodys is for how long the wrong sign-ins of a login that is nobody's are counted after the last.
	keepNobodys = 30 * 24 * time.Hour
	// tidyMost bounds one transaction, so that nobody waits for the tidying.
	tidyMost = 1000
	// silentIntervals is after how many intervals without a word a session is not taken to run: the same number as in
	// package console.
	silentIntervals = 3
)

// house is what the tidying remembers between two rounds.
type house struct {
	tidied, counted time.Time
	// emptied is the last delivery whose body was emptied since all were looked at. Those before it are mostly empty, and
	// once a day they are looked at again: what came from a spool is not in the order of its age.
	emptied  int64
	lookedAt time.Time
}

// keepHouse counts who is online and drops what nobody needs any more, until ctx ends. Every worker does so: what one
// has done, the others find done.
func (w *Worker) keepHouse(ctx context.Context) error {
	var h house
	for {
		now := w.Clock.Now()
		if at := now.Truncate(countEvery); at.After(h.counted) {
			if err := w.countOnline(ctx, at, now); err == nil {
				h.counted = at
			} else if ctx.Err() == nil {
				w.Log.Warn("who is online could not be counted", "error", err)
			}
		}
		if now.Sub(h.tidied) >= tidyEvery {
			if err := w.tidy(ctx, &h, now); err != nil && ctx.Err() == nil {
				w.Log.Warn("tidying is incomplete; the next round goes on", "error", err)
			}
			h.tidied = now
		}
		if w.Clock.WaitUntil(ctx, now.Truncate(countEvery).Add(countEvery)) != nil {
			return nil
		}
	}
}

// countOnline notes how many customers each router has online. at is the same instant in every worker.
func (w *Worker) countOnline(ctx context.Context, at, now time.Time) error {
	_, err := db.New(w.Pool).CountOnline(ctx, db.CountOnlineParams{At: at, Now: now, Intervals: silentIntervals})
	if err != nil {
		return fmt.Errorf("count who is online: %w", err)
	}
	return nil
}

// tidy drops what nobody needs any more. Where another worker is at it, it leaves that to the other.
func (w *Worker) tidy(ctx context.Context, h *house, now time.Time) error {
	var errs []error
	if now.Sub(h.lookedAt) >= lookEvery {
		h.emptied, h.lookedAt = 0, now
	}
	for {
		emptied, err := w.emptyBodies(ctx, h.emptied, now)
		errs = append(errs, err)
		if len(emptied) > 0 {
			h.emptied = emptied[len(emptied)-1]
			w.Log.Info("bodies of old webhooks that nothing came of are dropped", "deliveries", len(emptied))
		}
		if len(emptied) < tidyMost {
			break
		}
	}
	for what, drop := range map[string]func(q *db.Queries) error{
		"sessions of the console": func(q *db.Queries) error {
			_, err := q.DeleteExpiredSessions(ctx, now)
			return err
		},
		"marks of who looks at what": func(q *db.Queries) error { return q.DropPresence(ctx, now.Add(-keepPresence)) },
		"answers of the staff API": func(q *db.Queries) error {
			return q.DropAnswers(ctx, db.DropAnswersParams{Before: now.Add(-keepAnswers), Most: 20 * tidyMost})
		},
		"wrong sign-ins of nobody": func(q *db.Queries) error { return q.DropNobodys(ctx, now.Add(-keepNobodys)) },
		"counts of who was online": func(q *db.Queries) error { return q.DropOnlineCounts(ctx, now.Add(-keepOnlineCounts)) },
	} {
		if err := w.alone(ctx, drop); err != nil {
			errs = append(errs, fmt.Errorf("drop old %s: %w", what, err))
		}
	}
	return errors.Join(errs...)
}

// emptyBodies empties the bodies of up to tidyMost deliveries behind an id, and returns which.
func (w *Worker) emptyBodies(ctx context.Context, after int64, now time.Time) (emptied []int64, err error) {
	err = w.alone(ctx, func(q *db.Queries) (err error) {
		emptied, err = q.EmptyBodies(ctx, db.EmptyBodiesParams{After: after, Before: now.Add(-keepBodies), Most: tidyMost})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("drop the bodies of old webhooks: %w", err)
	}
	slices.Sort(emptied)
	return emptied, nil
}

// alone does something in a transaction of its own, unless another worker is tidying.
func (w *Worker) alone(ctx context.Context, do func(q *db.Queries) error) error {
	return db.InTx(ctx, w.Pool, func(_ pgx.Tx, q *db.Queries) error {
		free, err := q.KeepHouse(ctx)
		if err != nil || !free {
			return err
		}
		return do(q)
	})
}

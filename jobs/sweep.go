package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"

	"qserve/db"
)

const (
	sweepEvery = time.Second
	// sweepAfter is how old work must be before the sweep rings for it: younger work has been rung for just now.
	sweepAfter = 2 * time.Second
	// sweepMost bounds one round on one list; what is left is found a second later.
	sweepMost = 1000
	// duePages is how many times as many a round rings for of what is due at once, as long as none of it waits its turn: an
	// outage, or a clock that was set, makes very many due at once, and they are quickly done.
	duePages = 20
	// sweepQueued is how many deliveries in a row may be found waiting their turn before the sweep leaves the rest to the
	// next round: the queue is long, and looking each of them up would make it longer.
	sweepQueued = 50
	// lookAhead is how early a due time gets a task of its own; farther ones stay in PostgreSQL.
	lookAhead      = 2 * time.Minute
	lookAheadEvery = 30 * time.Second
	probeEvery     = 3 * time.Second
	probesAtOnce   = 16
)

// sweepUntil finds the rows that nobody rang for, in every worker, once a second: after Redis was emptied, after a
// worker died, after a ring that Redis did not take. Asynq itself would notice a dead worker only after a minute or two.
func (w *Worker) sweepUntil(ctx context.Context) error {
	var lookedAhead, probed time.Time
	for {
		now := w.Clock.Now()
		ahead := now.Sub(lookedAhead) >= lookAheadEvery
		if err := w.sweep(ctx, now, ahead); err != nil && ctx.Err() == nil {
			w.Log.Warn("sweep is incomplete", "error", err)
		} else if ahead {
			lookedAhead = now
		}
		if now.Sub(probed) >= probeEvery {
			if err := w.probe(ctx, now); err != nil && ctx.Err() == nil {
				w.Log.Warn("probing routers is incomplete", "error", err)
			}
			probed = now
		}
		if w.Clock.WaitUntil(ctx, now.Add(sweepEvery)) != nil {
			return nil
		}
	}
}

// sweep rings once for what is due on each of the four lists, deliveries last because they may be very many. ahead also
// gives the near due times their tasks.
func (w *Worker) sweep(ctx context.Context, now time.Time, ahead bool) error {
	w.Bell.renew()
	if garden, err := db.New(w.Pool).GardenInUse(ctx); err == nil {
		w.garden.Store(garden)
	}
	old := now.Add(-sweepAfter)
	return errors.Join(
		w.sweepActions(ctx, old),
		w.sweepDues(ctx, now, old, ahead),
		w.sweepProvisions(ctx, now, old),
		w.sweepListings(ctx, now),
		w.sweepDeliveries(ctx, old),
	)
}

func (w *Worker) sweepActions(ctx context.Context, old time.Time) error {
	actions, err := db.New(w.Pool).WaitingActions(ctx, db.WaitingActionsParams{OlderThan: old, Most: sweepMost})
	if err != nil {
		return fmt.Errorf("sweep actions: %w", err)
	}
	for _, a := range actions {
		added, _, err := w.Bell.ringAgain(ctx, actionTask(a.ID, a.Kind))
		if err != nil {
			return fmt.Errorf("ring for action %d: %w", a.ID, err)
		}
		w.metrics.swept("actions", added)
	}
	return nil
}

func (w *Worker) sweepDues(ctx context.Context, now, old time.Time, ahead bool) error {
	// However many packages end at the next midnight, each gets its task. Of what is due already, after an outage, the sweep
	// leaves the rest to the next round as soon as some of it waits its turn.
	part := db.DueAccountsParams{Until: now, Most: sweepMost}
	if ahead {
		part.Until = now.Add(lookAhead)
	}
	for page := 1; ; page++ {
		dues, queued, err := w.ringDues(ctx, part, old)
		if err != nil || len(dues) < sweepMost || !ahead && (queued || page == duePages) {
			return err
		}
		last := dues[len(dues)-1]
		part.After, part.AfterID = *last.DueAt, last.ID
	}
}

// ringDues rings for some due times, and reports whether any of them has a task already.
func (w *Worker) ringDues(ctx context.Context, part db.DueAccountsParams, old time.Time) (dues []db.DueAccountsRow, queued bool, err error) {
	if dues, err = db.New(w.Pool).DueAccounts(ctx, part); err != nil {
		return nil, false, fmt.Errorf("sweep due times: %w", err)
	}
	for _, d := range dues {
		overdue := d.DueAt.Before(old)
		var added bool
		if overdue {
			added, _, err = w.Bell.ringAgain(ctx, dueTask(d.ID, *d.DueAt))
		} else {
			added, err = w.Bell.ring(ctx, dueTask(d.ID, *d.DueAt).first)
		}
		if err != nil {
			return nil, false, fmt.Errorf("ring for the due time of subscriber %d: %w", d.ID, err)
		}
		queued = queued || !added
		w.metrics.swept("dues", added && overdue)
	}
	return dues, queued, nil
}

func (w *Worker) sweepProvisions(ctx context.Context, now, old time.Time) error {
	routers, err := db.New(w.Pool).RoutersWithWork(ctx, db.RoutersWithWorkParams{Now: now, OlderThan: old, Most: sweepMost})
	if err != nil {
		return fmt.Errorf("sweep provisions: %w", err)
	}
	for _, id := range routers {
		// A task in retry waits for the time of some user of the router, and not for this one's.
		added, _, err := w.Bell.ringAgain(ctx, convergeTask(id), asynq.TaskStateRetry)
		if err != nil {
			return fmt.Errorf("ring for router %d: %w", id, err)
		}
		w.metrics.swept("provisions", added)
	}
	return nil
}

func (w *Worker) sweepDeliveries(ctx context.Context, old time.Time) error {
	deliveries, err := db.New(w.Pool).WaitingDeliveries(ctx, db.WaitingDeliveriesParams{OlderThan: old, Most: sweepMost})
	if err != nil {
		return fmt.Errorf("sweep deliveries: %w", err)
	}
	inARow := 0
	for _, id := range deliveries {
		added, queued, err := w.Bell.ringAgain(ctx, deliveryTask(id))
		if err != nil {
			return fmt.Errorf("ring for delivery %d: %w", id, err)
		}
		w.metrics.swept("deliveries", added)
		if inARow++; !queued {
			inARow = 0
		}
		if inARow == sweepQueued {
			return nil
		}
	}
	return nil
}

// probe looks whether routers that did not answer are back, so that a customer does not wait for the end of a backoff.
func (w *Worker) probe(ctx context.Context, now time.Time) error {
	rows, err := db.New(w.Pool).RoutersToProbe(ctx, db.RoutersToProbeParams{Now: now.Add(time.Second), Most: 4 * probesAtOnce})
	if err != nil {
		return fmt.Errorf("read the routers to probe: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(probesAtOnce)
	for _, row := range rows {
		group.Go(func() error {
			target, err := Target(row, w.Keys)
			if err != nil || w.Fleet.Probe(ctx, target) != nil {
				return nil //nolint:nilerr // still away; its own next try will say so
			}
			return w.backAgain(ctx, row)
		})
	}
	return group.Wait()
}

func (w *Worker) backAgain(ctx context.Context, row db.Router) error {
	changed, err := db.New(w.Pool).RouterMayBeTriedNow(ctx, row.ID)
	if err != nil {
		return fmt.Errorf("close the breaker of router %q: %w", row.Name, err)
	}
	if changed == 0 {
		return nil
	}
	w.Log.Info("router answers again", "router", row.Name)
	if err := w.Bell.hurry(row.ID); err != nil {
		w.Log.Warn("redis does not take tasks; the sweep will find this work", "router", row.Name, "error", err)
	}
	w.Bell.RingRouter(ctx, row.ID)
	return nil
}

package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"

	"qserve/db"
	"qserve/router"
	"qserve/router/coa"
	"qserve/router/routeros"
)

const (
	// batchSize is how many provisions are driven before their results are stored.
	batchSize = 32
	// turnLength is after how long a router's task makes way for others and rings for itself again.
	turnLength = 30 * time.Second
	// leaseTime is how long a router stays with a worker that has died; a living one renews its lease well before.
	leaseTime  = 6 * time.Second
	leaseRenew = 2 * time.Second
)

// converge drives one router to everything that is wanted of it and not confirmed.
func (w *Worker) converge(ctx context.Context, id int64) error {
	if !w.lanes.enter(id) {
		return nil
	}
	deadline := w.Clock.Now().Add(turnLength)
	for {
		err := w.drain(ctx, id, deadline)
		stay := ctx.Err() == nil && (err == nil || errors.Is(err, errUsersLeft))
		if w.lanes.leave(id, stay) {
			return err
		}
	}
}

// errUsersLeft is wrapped by the error of a router that works, but does not confirm some of its users.
var errUsersLeft = errors.New("users are not confirmed")

// drain takes the router's lease and drives its unconfirmed provisions batch by batch until none is left.
func (w *Worker) drain(ctx context.Context, id int64, deadline time.Time) error {
	q, now := db.New(w.Pool), w.Clock.Now()
	row, err := q.LeaseRouter(ctx, db.LeaseRouterParams{ID: id, Owner: w.Name, Now: now, Until: now.Add(leaseTime)})
	if errors.Is(err, pgx.ErrNoRows) {
		return waitUntil(now.Add(leaseRenew/8), "another worker drives this router")
	}
	if err != nil {
		return fmt.Errorf("take the lease of router %d: %w", id, err)
	}
	ctx, release := w.holdLease(ctx, id)
	defer release()
	if row.NextTryAt != nil && now.Before(*row.NextTryAt) {
		return w.breakerOpen(ctx, row)
	}
	target, err := Target(row, w.Keys)
	if err != nil {
		return w.routerFailed(ctx, row, err)
	}
	target.Garden = w.garden.Load()
	w.Checkpoint("converge: begin")
	for {
		batch, err := q.UnconfirmedProvisions(ctx, db.UnconfirmedProvisionsParams{RouterID: id, Now: w.Clock.Now(), Most: batchSize})
		if err != nil {
			return fmt.Errorf("read what router %q should hold: %w", row.Name, err)
		}
		results, dead := w.drive(ctx, target, batch)
		left, err := w.store(ctx, row, outcome{batch: batch, results: results, dead: dead})
		if err != nil {
			return err
		}
		if dead != nil {
			return w.routerFailed(ctx, row, dead)
		}
		if left == nil {
			return nil
		}
		if left.At.After(w.Clock.Now()) {
			// What the router refused for single users is tried again, each at its own time.
			return retryAt(left.At, fmt.Errorf("%s: %d %w: %s", row.Name, left.Count, errUsersLeft, left.LastError))
		}
		if !w.Clock.Now().Before(deadline) {
			w.Bell.RingRouter(ctx, id)
			return nil
		}
	}
}

// drive converges a batch in one use of the router. results has the outcome of each provision that was tried; dead is
// the error that ended the use early because nothing on the router works.
func (w *Worker) drive(ctx context.Context, target router.Target, batch []db.UnconfirmedProvisionsRow) (results []error, dead error) {
	if len(batch) == 0 {
		return nil, nil
	}
	dead = w.Fleet.Use(ctx, target, func(d router.Driver) error {
		for _, p := range batch {
			want, err := wantOf(p, w.Keys)
			if err == nil {
				err = d.Converge(ctx, want)
			}
			var failure *router.Error
			if errors.As(err, &failure) && failure.Scope == router.WholeRouter {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			results = append(results, err)
		}
		return nil
	})
	w.Checkpoint("converge: driven")
	return results, dead
}

// routerFailed opens the breaker: nobody calls the router again before its next try.
func (w *Worker) routerFailed(ctx context.Context, row db.Router, reason error) error {
	if ctx.Err() != nil {
		return ctx.Err() // this worker stops, which says nothing about the router
	}
	next := w.Clock.Now().Add(backoff(int(row.Failures)))
	err := db.New(w.Pool).RouterFailed(ctx, db.RouterFailedParams{
		ID: row.ID, NextTryAt: next, LastError: reason.Error(), Unreachable: unreachable(reason),
	})
	if err != nil {
		return fmt.Errorf("note that router %q failed (%w): %w", row.Name, reason, err)
	}
	return retryAt(next, reason)
}

// unreachable reports whether nothing answered, so that any sign of life changes things. A router that answers and
// refuses us is no better for being asked sooner.
func unreachable(err error) bool {
	return errors.Is(err, routeros.ErrUnreachable) || errors.Is(err, coa.ErrSilent) || errors.Is(err, coa.ErrClosed)
}

// breakerOpen ends a task that comes before the router's next try. One task waits for that moment and is seen in the
// dashboard; any further one has nothing to add.
func (w *Worker) breakerOpen(ctx context.Context, row db.Router) error {
	if id, _ := asynq.GetTaskID(ctx); id != routerTaskID(row.ID) {
		return nil
	}
	return waitUntil(*row.NextTryAt, row.LastError)
}

// holdLease renews the lease until release is called, and ends the returned context when it is lost.
func (w *Worker) holdLease(ctx context.Context, id int64) (held context.Context, release func()) {
	held, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for w.Clock.WaitUntil(held, w.Clock.Now().Add(leaseRenew)) == nil {
			now := w.Clock.Now()
			_, err := db.New(w.Pool).LeaseRouter(held, db.LeaseRouterParams{ID: id, Owner: w.Name, Now: now, Until: now.Add(leaseTime)})
			if held.Err() != nil {
				return
			}
			if err != nil {
				w.Log.Warn("lost the lease of a router", "router_id", id, "error", err)
				cancel()
				return
			}
		}
	}()
	return held, func() {
		cancel()
		<-done
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		// When this fails, the lease runs out by itself.
		_ = db.New(w.Pool).ReleaseRouter(ctx, db.ReleaseRouterParams{ID: id, Owner: w.Name})
	}
}

package jobs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

const (
	// backlogAge is how long a delivery must have waited for the worker to believe that others wait too.
	backlogAge = 25 * time.Millisecond
	// together is how many deliveries are then processed in one transaction.
	together = 48
)

// processDelivery turns a stored webhook into payments: parse, find the accounts, apply, store, all in one transaction
// with the mark that it is processed. Where a backlog waits it takes some of the others along; their tasks then find
// nothing left to do. When that fails, it processes its own alone, so that no delivery can spoil another.
func (w *Worker) processDelivery(ctx context.Context, id int64) error {
	if w.done.take(id) {
		return nil
	}
	took, err := w.processDeliveries(ctx, id, together)
	// A permanent error is the body's own, and is stored with all that was processed beside it.
	if err != nil && !isPermanent(err) && took > 1 {
		_, err = w.processDeliveries(ctx, id, 1)
	}
	if err != nil && !isPermanent(err) {
		w.noteFailure(ctx, id, err)
	}
	return err
}

// processDeliveries processes one delivery and up to most-1 others that wait, and returns how many it took on.
func (w *Worker) processDeliveries(ctx context.Context, id int64, most int32) (took int, err error) {
	var saved []db.Saved
	var claims []claim
	var unusable error
	var done db.FinishDeliveriesParams
	w.Checkpoint("delivery: begin")
	err = db.InTx(ctx, w.Pool, func(tx pgx.Tx, q *db.Queries) error {
		deliveries, err := w.lockDeliveries(ctx, q, id, most)
		took = len(deliveries)
		if err != nil || took == 0 {
			return err
		}
		for _, d := range deliveries {
			notices, err := w.Parse(d.SourceKind, d.Call, d.Body, d.Merchant, d.Currency)
			if err != nil && d.ID != id {
				continue // left to its own task, which a person will find in the dashboard
			}
			state, problem := "ignored", ""
			if err != nil {
				unusable = Permanent(fmt.Errorf("delivery %d of source %q: %w", id, d.SourceName, err))
				state, problem = "failed", err.Error()
			}
			for _, n := range notices {
				if n.Kind == account.PaymentReceived {
					state = "processed"
					claims = append(claims, claim{delivery: d, notice: n})
				}
			}
			done.IDs, done.States, done.Problems = append(done.IDs, d.ID), append(done.States, state), append(done.Problems, problem)
		}
		done.Now, done.Repeats = w.Clock.Now(), make([]string, len(done.IDs))
		saved, err = w.credit(ctx, tx, claims, func(q *db.Queries) error {
			for _, c := range claims {
				if c.payment == 0 {
					done.Repeats[slices.Index(done.IDs, c.delivery.ID)] = c.notice.TransactionID
				}
			}
			return q.FinishDeliveries(ctx, done)
		})
		if err != nil {
			return err
		}
		w.Checkpoint("delivery: before commit")
		return nil
	})
	if err != nil {
		return took, err
	}
	w.Checkpoint("delivery: committed")
	for i, state := range done.States {
		if state != "processed" {
			w.Log.Info("delivery told of no payment", "delivery", done.IDs[i], "state", state)
		}
	}
	for _, c := range claims {
		w.tell(c)
		if c.delivery.ID != id {
			w.done.add(c.delivery.ID)
		}
	}
	w.ringFor(ctx, saved)
	return took, unusable
}

func (w *Worker) lockDeliveries(ctx context.Context, q *db.Queries, id int64, most int32) ([]db.LockDeliveryRow, error) {
	deliveries, err := q.LockDelivery(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("lock delivery %d: %w", id, err)
	}
	if len(deliveries) == 0 || most == 1 || w.Clock.Now().Sub(deliveries[0].ReceivedAt) < backlogAge {
		return deliveries, nil
	}
	more, err := q.LockMoreDeliveries(ctx, db.LockMoreDeliveriesParams{Beside: id, Most: most - 1})
	if err != nil {
		return nil, fmt.Errorf("lock deliveries beside %d: %w", id, err)
	}
	for _, d := range more {
		deliveries = append(deliveries, db.LockDeliveryRow(d))
	}
	return deliveries, nil
}

// noteFailure writes the reason beside the work, where it outlives Redis. That it may fail too is no news.
func (w *Worker) noteFailure(ctx context.Context, id int64, reason error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = db.New(w.Pool).DeliveryFailed(ctx, db.DeliveryFailedParams{ID: id, LastError: reason.Error()})
}

// ringFor rings for what stored changes left to do, once for each router.
func (w *Worker) ringFor(ctx context.Context, saved []db.Saved) {
	var routers []int64
	for _, s := range saved {
		for _, router := range s.Routers {
			if !slices.Contains(routers, router) {
				routers = append(routers, router)
				w.Bell.RingRouter(ctx, router)
			}
		}
		w.Bell.RingDue(ctx, s.SubscriberID, s.DueAt, w.Clock.Now())
	}
}

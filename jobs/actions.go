package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// applyActions applies everything that waits for the subscriber of one action, in the order in which it was asked for.
func (w *Worker) applyActions(ctx context.Context, action int64) error {
	subscriber, err := db.New(w.Pool).SubscriberOfAction(ctx, action)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // applied with an earlier one
	}
	if err != nil {
		return fmt.Errorf("look up action %d: %w", action, err)
	}
	var done []settled
	err = db.InTx(ctx, w.Pool, func(tx pgx.Tx, q *db.Queries) error {
		locked, err := db.LockAccountFacts(ctx, q, subscriber)
		if err != nil {
			return err
		}
		waiting, err := q.AcceptedActions(ctx, subscriber)
		if err != nil {
			return fmt.Errorf("read the actions of subscriber %d: %w", subscriber, err)
		}
		if done, err = w.applyInOrder(ctx, tx, locked, waiting); err != nil {
			return err
		}
		w.Checkpoint("action: before commit")
		return nil
	})
	if errors.Is(err, db.ErrNoAccount) {
		return nil // deleted at that moment, and its waiting actions were refused
	}
	if err != nil {
		return err
	}
	w.Checkpoint("action: committed")
	var saved []db.Saved
	for _, d := range done {
		if d.refused {
			w.metrics.end(d.kind, "refused")
			w.Log.Info("action refused", "action", d.ActionID, "kind", d.kind, "subscriber", d.SubscriberID)
			continue
		}
		w.applied(d.kind, d.Saved)
		saved = append(saved, d.Saved)
	}
	w.ringFor(ctx, saved)
	return nil
}

// settled is an action that was applied or refused.
type settled struct {
	db.Saved
	kind    string
	refused bool
}

// applied counts and logs an applied action, once that is certain. What no router has to hold is at its end.
func (w *Worker) applied(kind string, s db.Saved) {
	if len(s.Routers) == 0 {
		w.metrics.end(kind, "confirmed")
	}
	w.Log.Info("action applied", "action", s.ActionID, "kind", kind, "subscriber", s.SubscriberID, "router_ids", s.Routers)
}

// applyInOrder applies actions of one account, each to what the one before it left, and stores each before the next is
// read: it may ask for what that one has changed.
func (w *Worker) applyInOrder(ctx context.Context, tx pgx.Tx, facts account.Account, waiting []db.Action) (done []settled, err error) {
	q := db.New(tx)
	for _, row := range waiting {
		// One instant for the change and its action, as exact as a row holds it: what the next order compares with what this
		// one has kept comes partly from memory.
		now := w.Clock.Now().Truncate(time.Microsecond)
		deed, err := w.applyAction(ctx, q, row, facts, now)
		if refused, ok := errors.AsType[*account.Refused](err); ok {
			if err := q.ActionRefused(ctx, db.ActionRefusedParams{ID: row.ID, Refusal: refused.Reason}); err != nil {
				return nil, fmt.Errorf("refuse action %d: %w", row.ID, err)
			}
			done = append(done, settled{db.Saved{ActionID: row.ID, SubscriberID: facts.ID}, row.Kind, true})
			continue
		}
		if err != nil {
			return nil, err
		}
		if deed.Change.Deleted {
			s, err := db.Forget(ctx, tx, deed, now, w.Zone)
			return append(done, settled{s, row.Kind, false}), err
		}
		s, err := db.SaveChange(ctx, tx, deed, now)
		if err != nil {
			return nil, err
		}
		facts = deed.Change.Account
		done = append(done, settled{s, row.Kind, false})
	}
	return done, nil
}

func (w *Worker) applyAction(ctx context.Context, q *db.Queries, row db.Action, facts account.Account, now time.Time) (db.Deed, error) {
	order, err := db.ReadOrder(ctx, q, row.Kind, row.Arguments, facts, now)
	if err != nil {
		return db.Deed{}, err
	}
	change, err := account.Apply(facts, order.Command, now, w.Zone)
	if err != nil {
		return db.Deed{}, err
	}
	return db.Deed{
		Change: change, Kind: row.Kind, Actor: row.Actor, Source: row.Source, ActionID: row.ID, AcceptedAt: row.AcceptedAt,
		PaymentID: order.PaymentID, Allocation: order.Allocation, PasswordSealed: order.PasswordSealed, Also: order.Also,
	}, nil
}

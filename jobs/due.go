package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

const (
	// early is how long before a due instant its task may start; it then waits for the instant. Asynq keeps whole seconds
	// and fires scheduled tasks a fraction early.
	early = 2 * time.Second
	// dueTogether is how many accounts that are due are handled in one transaction: many packages end at the same midnight.
	dueTogether = 48
)

// applyDue handles the due time of one account, at its instant. Others of its router are taken along; their tasks then
// find nothing left to do.
func (w *Worker) applyDue(ctx context.Context, subscriber int64) error {
	if id, ok := asynq.GetTaskID(ctx); ok && w.dues.take(strings.TrimSuffix(id, more)) {
		return nil
	}
	// At midnight most tasks find that another one took their account along, and need no transaction to see it.
	due, err := db.New(w.Pool).DueAt(ctx, subscriber)
	if errors.Is(err, pgx.ErrNoRows) || (err == nil && (due == nil || due.After(w.Clock.Now().Add(early)))) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the due time of subscriber %d: %w", subscriber, err)
	}
	for {
		dueAt, saved, err := w.applyDueNow(ctx, subscriber)
		if errors.Is(err, db.ErrNoAccount) {
			return nil
		}
		if err != nil {
			return err
		}
		if dueAt.IsZero() {
			w.ringFor(ctx, saved)
			return nil
		}
		// Somebody paid, or the task is early: a far due time has another task, or will get one from the sweep.
		if dueAt.After(w.Clock.Now().Add(early)) {
			return nil
		}
		if err := w.Clock.WaitUntil(ctx, dueAt); err != nil {
			return err
		}
	}
}

// applyDueNow applies a due time that has come, or returns the one that has not.
func (w *Worker) applyDueNow(ctx context.Context, subscriber int64) (notYet time.Time, saved []db.Saved, err error) {
	var along []string
	var deeds []db.Deed
	err = db.InTx(ctx, w.Pool, func(tx pgx.Tx, q *db.Queries) error {
		locked, err := db.LockAccountFacts(ctx, q, subscriber)
		if err != nil {
			return err
		}
		now := w.Clock.Now()
		if locked.DueAt.IsZero() {
			return nil
		}
		if now.Before(locked.DueAt) {
			notYet = locked.DueAt
			return nil
		}
		due, err := db.LockDueFacts(ctx, q, now, locked.RouterID, subscriber, dueTogether-1)
		if err != nil {
			return err
		}
		if due == nil {
			due = map[int64]account.Account{}
		}
		along = nil
		for id, a := range due {
			along = append(along, dueTaskID(id, a.DueAt))
		}
		due[subscriber] = locked
		deeds = nil
		for _, id := range slices.Sorted(maps.Keys(due)) {
			change, err := account.Apply(due[id], account.Expire{}, now, w.Zone)
			if err != nil {
				return fmt.Errorf("handle the due time of subscriber %d: %w", id, err)
			}
			kind := "expire"
			if due[id].Suspension != nil && change.Account.Suspension == nil {
				kind = "reconnect" // its planned end has come
			}
			deeds = append(deeds, db.Deed{Change: change, Kind: kind, Actor: account.Clock, AcceptedAt: due[id].DueAt})
		}
		saved, err = db.SaveChanges(ctx, tx, deeds, now, nil)
		w.Checkpoint("due: before commit")
		return err
	})
	if err != nil {
		return notYet, nil, err
	}
	for _, id := range along {
		w.dues.add(id)
	}
	for i, s := range saved {
		w.applied(deeds[i].Kind, s)
	}
	if len(saved) > 0 {
		w.Checkpoint("due: committed")
	}
	return notYet, saved, nil
}

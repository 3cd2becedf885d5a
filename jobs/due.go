package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// early is how long before a due instant its task may start; it then waits for the instant. Asynq keeps whole seconds
// and fires scheduled tasks a fraction early.
const early = 2 * time.Second

// applyDue handles the due time of one account, at its instant: the facts stay, the status and what the router should
// hold follow from the clock.
func (w *Worker) applyDue(ctx context.Context, subscriber int64) error {
	for {
		dueAt, saved, err := w.applyDueNow(ctx, subscriber)
		if errors.Is(err, db.ErrNoAccount) {
			return nil
		}
		if err != nil {
			return err
		}
		if dueAt.IsZero() {
			w.ringFor(ctx, []db.Saved{saved})
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
func (w *Worker) applyDueNow(ctx context.Context, subscriber int64) (notYet time.Time, saved db.Saved, err error) {
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
		command := account.Expire{Since: locked.DueAt.Add(-time.Nanosecond)}
		change, err := account.Apply(locked.Account, command, now, w.Zone)
		if err != nil {
			return err
		}
		saved, err = db.SaveChange(ctx, tx, db.Deed{Change: change, Kind: "expire", Actor: "clock", AcceptedAt: locked.DueAt}, now)
		w.Checkpoint("due: before commit")
		return err
	})
	if err == nil && saved.ActionID != 0 {
		w.Checkpoint("due: committed")
	}
	return notYet, saved, err
}

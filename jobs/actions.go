package jobs

import (
	"context"
	"encoding/json"
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
	var saved []db.Saved
	err = db.InTx(ctx, w.Pool, func(tx pgx.Tx, q *db.Queries) error {
		locked, err := db.LockAccountFacts(ctx, q, subscriber)
		if err != nil {
			return err
		}
		waiting, err := q.AcceptedActions(ctx, subscriber)
		if err != nil {
			return fmt.Errorf("read the actions of subscriber %d: %w", subscriber, err)
		}
		facts := locked.Account
		for _, row := range waiting {
			change, err := w.applyAction(row, facts)
			if refused, ok := errors.AsType[*account.Refused](err); ok {
				if err := q.ActionRefused(ctx, db.ActionRefusedParams{ID: row.ID, Refusal: refused.Reason}); err != nil {
					return fmt.Errorf("refuse action %d: %w", row.ID, err)
				}
				continue
			}
			if err != nil {
				return err
			}
			deed := db.Deed{Change: change, Kind: row.Kind, Actor: row.Actor, ActionID: row.ID, AcceptedAt: row.AcceptedAt}
			s, err := db.SaveChange(ctx, tx, deed, w.Clock.Now())
			if err != nil {
				return err
			}
			facts = change.Account
			saved = append(saved, s)
		}
		w.Checkpoint("action: before commit")
		return nil
	})
	if err != nil {
		return err
	}
	w.Checkpoint("action: committed")
	w.ringFor(ctx, saved)
	return nil
}

func (w *Worker) applyAction(row db.Action, facts account.Account) (account.Change, error) {
	command, err := commandOf(row)
	if err != nil {
		return account.Change{}, err
	}
	return account.Apply(facts, command, w.Clock.Now(), w.Zone)
}

// SuspendArguments is what an action of kind suspend carries.
type SuspendArguments struct {
	Category string `json:"category"`
	Reason   string `json:"reason,omitempty"`
}

// ReconnectArguments is what an action of kind reconnect carries.
type ReconnectArguments struct {
	GraceHours int `json:"grace_hours,omitempty"`
}

func commandOf(row db.Action) (account.Command, error) {
	read := func(into any) error {
		if err := json.Unmarshal(row.Arguments, into); err != nil {
			return &account.Refused{Reason: fmt.Sprintf("the arguments of action %d are damaged", row.ID)}
		}
		return nil
	}
	switch row.Kind {
	case "suspend":
		var args SuspendArguments
		err := read(&args)
		return account.Suspend{Category: account.Category(args.Category), Reason: args.Reason}, err
	case "reconnect":
		var args ReconnectArguments
		err := read(&args)
		return account.Reconnect{Grace: time.Duration(args.GraceHours) * time.Hour}, err
	default:
		return nil, &account.Refused{Reason: fmt.Sprintf("this version does not know actions of kind %q", row.Kind)}
	}
}

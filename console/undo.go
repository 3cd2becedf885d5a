package console

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// undoWithin is for how long an order can be taken back. A suspension also as long as its router has not confirmed it.
const undoWithin = time.Minute

// UndoOrder takes an extension, a note or a suspension of the last minute back.
type UndoOrder struct {
	Action int64 `json:"action" minimum:"1" example:"1017" doc:"Id of the action that extended or suspended the account, or wrote the note."`
}

func (o UndoOrder) draft(ctx context.Context, s *Service, q *db.Queries, on subscriber) (draft, error) {
	row, err := q.UndoneAction(ctx, db.UndoneActionParams{ID: o.Action, Waiting: true})
	switch {
	case errors.Is(err, pgx.ErrNoRows) || err == nil && (row.Action.SubscriberID == nil || *row.Action.SubscriberID != on.Subscriber.ID):
		return draft{}, bad("action", "there is no action %d on %s", o.Action, on.Subscriber.Account)
	case err != nil:
		return draft{}, fmt.Errorf("read action %d, which is to be undone: %w", o.Action, err)
	case row.Action.Kind != "extend" && row.Action.Kind != "note" && row.Action.Kind != "suspend":
		return draft{}, conflict("action", "action %d is of kind %s, and only extend, note and suspend can be undone; give the order that puts it right",
			o.Action, row.Action.Kind)
	case row.Undone:
		return draft{}, conflict("action", "action %d was undone already", o.Action)
	case row.Action.State == "refused":
		return draft{}, conflict("action", "action %d was refused, so there is nothing to undo", o.Action)
	case s.Clock.Now().Sub(row.Action.AcceptedAt) <= undoWithin:
	case row.Action.Kind == "suspend" && row.Action.State == "confirmed":
		return draft{}, conflict("action", "a suspension can be undone for a minute, or until its router has confirmed it, which is over: reconnect the customer")
	case row.Action.Kind == "note":
		return draft{}, conflict("action", "a note can be withdrawn for a minute, which is over: write another one that puts it right")
	case row.Action.Kind == "extend":
		return draft{}, conflict("action", "an extension can be undone for a minute, which is over: it stays, so write a note about it")
	}
	return draft{kind: "undo", arguments: db.UndoArguments{ActionID: o.Action}}, nil
}

package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"qserve/account"
)

// readUndo makes ready what takes an earlier action of the same account back. How long that is possible is for whoever
// accepted the order to say.
func readUndo(ctx context.Context, q *Queries, arguments []byte, a account.Account) (Order, error) {
	args, err := read[UndoArguments]("undo", arguments)
	if err != nil {
		return Order{}, err
	}
	row, err := q.UndoneAction(ctx, UndoneActionParams{ID: args.ActionID})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Order{}, refuse("there is no action %d any more", args.ActionID)
	case err != nil:
		return Order{}, fmt.Errorf("read action %d, which is to be undone: %w", args.ActionID, err)
	case row.Action.SubscriberID == nil || *row.Action.SubscriberID != a.ID:
		return Order{}, refuse("action %d was not given on %s", args.ActionID, a.Number)
	case row.Undone:
		return Order{}, refuse("action %d was undone already", args.ActionID)
	case row.Action.State == "refused":
		return Order{}, refuse("action %d was refused, so there is nothing to undo", args.ActionID)
	case row.Action.State == "accepted":
		return Order{}, refuse("action %d is not carried out yet; try again in a moment", args.ActionID)
	}
	switch row.Action.Kind {
	case "extend":
		did, err := read[struct {
			ExtendArguments
			Kept *account.Kept `json:"kept"`
		}](row.Action.Kind, row.Action.Arguments)
		if err != nil {
			return Order{}, err
		}
		if did.Kept == nil {
			return Order{}, refuse("action %d did not keep how the account was before, so it cannot be undone", args.ActionID)
		}
		return Order{Command: account.UndoExtend{Days: did.Days, Kept: *did.Kept, Since: row.Since}}, nil
	case "note":
		did, err := read[struct {
			Kept account.Kept `json:"kept"`
		}](row.Action.Kind, row.Action.Arguments)
		return Order{Command: account.UndoNote{Kept: did.Kept}}, err
	case "suspend":
		did, err := read[struct {
			Kept *account.Kept `json:"kept"`
		}](row.Action.Kind, row.Action.Arguments)
		if err != nil {
			return Order{}, err
		}
		if did.Kept == nil {
			return Order{}, refuse("action %d did not keep since when the account is suspended, so it cannot be undone: reconnect the customer", args.ActionID)
		}
		return Order{Command: account.UndoSuspend{Kept: *did.Kept}}, nil
	default:
		return Order{}, refuse("action %d is of kind %s, and only extend, note and suspend can be undone", args.ActionID, row.Action.Kind)
	}
}

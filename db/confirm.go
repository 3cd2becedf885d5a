package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Confirmed is what became of a router's provisions.
type Confirmed struct {
	Actions []ConfirmActionsRow
	// Left is what the router has still to confirm; nil when nothing is.
	Left *NextProvisionTryRow
}

// ConfirmTogether runs the :exec queries that first calls, confirms the actions that the provisions of those ids have
// brought to their end, drops what was to leave the router for good, and looks what the router has left: in one transaction and one round trip, because every
// customer waits for it.
func ConfirmTogether(
	ctx context.Context, pool *pgxpool.Pool, router int64, ids []int64, now time.Time, first func(q *Queries) error,
) (Confirmed, error) {
	var p pipeline
	if err := first(New(&p)); err != nil {
		return Confirmed{}, err
	}
	var c Confirmed
	if len(ids) > 0 {
		p.batch.Queue(lockSharedActions, ids)
		p.batch.Queue(confirmActions, now, ids).Query(func(rows pgx.Rows) (err error) {
			c.Actions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ConfirmActionsRow])
			return err
		})
		p.batch.Queue(dropTombstones, ids)
	}
	p.batch.Queue(nextProvisionTry, router).Query(func(rows pgx.Rows) error {
		left, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[NextProvisionTryRow])
		if len(left) > 0 {
			c.Left = left[0]
		}
		return err
	})
	// Without a begin, the server takes what is sent up to the end of a batch as one transaction.
	if err := pool.SendBatch(ctx, &p.batch).Close(); err != nil {
		return Confirmed{}, err
	}
	return c, nil
}

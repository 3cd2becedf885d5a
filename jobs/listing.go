package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/db"
	"qserve/router"
)

// How old the list of a router's sessions may get: where nobody else knows who is online, there after a change, and where
// accounting tells.
const (
	listEvery      = 30 * time.Second
	listAfter      = 5 * time.Second
	listAccounting = 5 * time.Minute
	// listMost bounds one round of the sweep.
	listMost = 100
)

// sweepListings gives the routers whose sessions are to be listed a task each.
func (w *Worker) sweepListings(ctx context.Context, now time.Time) error {
	ids, err := db.New(w.Pool).RoutersToList(ctx, db.RoutersToListParams{
		Now: now, Stale: now.Add(-listEvery), Soon: now.Add(-listAfter), VeryStale: now.Add(-listAccounting), Most: listMost,
	})
	if err != nil {
		return fmt.Errorf("sweep the lists of sessions: %w", err)
	}
	for _, id := range ids {
		added, err := w.Bell.ring(ctx, listTask(id))
		if !added && err == nil {
			_, err = w.Bell.revive(QueueRouters, listTaskID(id))
		}
		if err != nil {
			return fmt.Errorf("ring for the sessions of router %d: %w", id, err)
		}
	}
	return nil
}

// listSessions asks a router for all of its sessions, so that staff see who is online also where no accounting tells, and
// so that a lost Accounting-Stop does not keep anybody online for ever.
func (w *Worker) listSessions(ctx context.Context, id int64) error {
	q, now := db.New(w.Pool), w.Clock.Now()
	row, err := q.RouterByID(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) || (err == nil && (row.ArchivedAt != nil || row.APIAddress == "")) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read router %d: %w", id, err)
	}
	if row.NextTryAt != nil && now.Before(*row.NextTryAt) {
		return nil // asked again once it may be tried
	}
	target, err := Target(row, w.Keys)
	if err != nil {
		return w.routerFailed(ctx, row, err)
	}
	target.Garden = w.garden.Load()
	asked := w.Clock.Now()
	var sessions []router.UserSession
	err = w.Fleet.Use(ctx, target, func(d router.Driver) (err error) {
		asked = w.Clock.Now() // the lane may have been taken for a while
		sessions, err = d.AllSessions(ctx)
		return err
	})
	if err != nil {
		return w.routerFailed(ctx, row, err)
	}
	return w.storeSessions(ctx, row, sessions, asked)
}

func (w *Worker) storeSessions(ctx context.Context, row db.Router, sessions []router.UserSession, asked time.Time) error {
	listed := db.SessionsListedParams{RouterID: row.ID, At: asked}
	gone := db.CloseUnlistedParams{
		RouterID: row.ID, At: asked, Exact: row.Mode == string(router.Local), Usernames: []string{}, AcctSessionIds: []string{},
	}
	for _, s := range sessions {
		gone.Usernames, gone.AcctSessionIds = append(gone.Usernames, s.Username), append(gone.AcctSessionIds, s.AcctSessionID)
		address := ""
		if s.Address.IsValid() {
			address = s.Address.String()
		}
		if s.Since.IsZero() {
			s.Since = asked
		}
		listed.AcctSessionIds, listed.Usernames = append(listed.AcctSessionIds, s.AcctSessionID), append(listed.Usernames, s.Username)
		listed.Addresses, listed.Rates = append(listed.Addresses, address), append(listed.Rates, string(s.Rate))
		listed.AddressLists, listed.StartedAts = append(listed.AddressLists, s.AddressList), append(listed.StartedAts, s.Since)
	}
	err := db.InTx(ctx, w.Pool, func(tx pgx.Tx, _ *db.Queries) error {
		return db.Pipelined(ctx, tx, func(q *db.Queries) error {
			if gone.Exact {
				if err := q.SessionsListed(ctx, listed); err != nil {
					return err
				}
			}
			if err := q.CloseUnlisted(ctx, gone); err != nil {
				return err
			}
			if err := q.RouterListed(ctx, db.RouterListedParams{ID: row.ID, At: asked}); err != nil {
				return err
			}
			return q.RouterAnswered(ctx, db.RouterAnsweredParams{ID: row.ID, Now: asked, Stale: asked.Add(-listEvery)})
		})
	})
	if err != nil {
		return fmt.Errorf("store the sessions of router %q: %w", row.Name, err)
	}
	return nil
}

package jobs

import (
	"context"
	"fmt"
	"time"

	"qserve/account"
	"qserve/db"
)

const (
	// storeTimeout bounds storing what a router has confirmed, also while the worker is shutting down.
	storeTimeout = 5 * time.Second
	// contactStale is how old the note of a router's last contact may get before it is written anew.
	contactStale = 10 * time.Second
)

// outcome is what driving a batch came to.
type outcome struct {
	batch []db.UnconfirmedProvisionsRow
	// results has an entry for each provision that was tried, in the order of batch; nil is confirmed.
	results []error
	// dead is why the rest was not tried.
	dead error
}

func (o outcome) confirmed() (ids, gens []int64) {
	for i, result := range o.results {
		if result == nil {
			ids, gens = append(ids, o.batch[i].ID), append(gens, o.batch[i].WantGen)
		}
	}
	return ids, gens
}

// sessions tells what the sessions of the confirmed users now have, and whose are gone.
func (o outcome) sessions(router int64) (have db.SessionsHaveRateParams, gone db.SessionsGoneParams) {
	have.RouterID, gone.RouterID = router, router
	for i, result := range o.results {
		switch {
		case result != nil:
		case o.batch[i].State != string(account.LineEnabled):
			gone.Usernames, gone.Gens = append(gone.Usernames, o.batch[i].Username), append(gone.Gens, o.batch[i].WantGen)
		default:
			have.Usernames, have.Gens = append(have.Usernames, o.batch[i].Username), append(have.Gens, o.batch[i].WantGen)
			have.Rates, have.AddressLists = append(have.Rates, o.batch[i].Rate), append(have.AddressLists, o.batch[i].AddressList)
		}
	}
	return have, gone
}

// store writes an outcome: confirmed generations, the actions that these confirm, and what failed and why. It returns
// what the router has still to confirm; nil when nothing is.
func (w *Worker) store(ctx context.Context, row db.Router, o outcome) (left *db.NextProvisionTryRow, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	now := w.Clock.Now()
	ids, _ := o.confirmed()
	confirmed, err := db.ConfirmTogether(ctx, w.Pool, row.ID, ids, now, func(q *db.Queries) error {
		return w.storeEach(ctx, q, row, o, now)
	})
	if err != nil {
		return nil, fmt.Errorf("store what router %q confirmed: %w", row.Name, err)
	}
	w.Checkpoint("converge: stored")
	for _, a := range confirmed.Actions {
		w.metrics.confirmed(a.Kind, now.Sub(a.AcceptedAt))
		w.Log.Info("router confirms", "router", row.Name, "action", a.ID, "kind", a.Kind, "subscriber", a.SubscriberID,
			"after", now.Sub(a.AcceptedAt).Round(time.Millisecond))
	}
	for i, result := range o.results {
		if result != nil {
			w.Log.Warn("router does not confirm", "router", row.Name, "provision", o.batch[i].ID, "subscriber", ownerOf(o.batch[i]), "error", result)
		}
	}
	return confirmed.Left, nil
}

// ownerOf is whose a provision is; 0 when it is to leave the router for good.
func ownerOf(p db.UnconfirmedProvisionsRow) int64 {
	if p.SubscriberID == nil {
		return 0
	}
	return *p.SubscriberID
}

func (w *Worker) storeEach(ctx context.Context, q *db.Queries, row db.Router, o outcome, now time.Time) error {
	if len(o.results) == 0 {
		return nil
	}
	if len(o.results) > 1 { // one alone cannot be locked out of order
		ids := make([]int64, len(o.results))
		for i := range ids {
			ids[i] = o.batch[i].ID
		}
		if err := q.LockProvisions(ctx, ids); err != nil {
			return err
		}
	}
	for i, result := range o.results {
		if result == nil {
			continue
		}
		p := o.batch[i]
		if err := q.ProvisionFailed(ctx, db.ProvisionFailedParams{
			ID: p.ID, Gen: p.WantGen, NextTryAt: now.Add(backoff(int(p.Attempts))), LastError: result.Error(),
		}); err != nil {
			return err
		}
	}
	if confirmed, gens := o.confirmed(); len(confirmed) > 0 {
		if err := q.ConfirmProvisions(ctx, db.ConfirmProvisionsParams{IDs: confirmed, Gens: gens, Now: now}); err != nil {
			return err
		}
	}
	// Staff see it at once, and not with the next accounting record or listing.
	have, gone := o.sessions(row.ID)
	if len(have.Usernames) > 0 {
		if err := q.SessionsHaveRate(ctx, have); err != nil {
			return err
		}
	}
	if gone.At = now; len(gone.Usernames) > 0 {
		if err := q.SessionsGone(ctx, gone); err != nil {
			return err
		}
	}
	noted := row.Failures == 0 && row.LastContactAt != nil && now.Sub(*row.LastContactAt) < contactStale
	if o.dead != nil || noted {
		return nil
	}
	return q.RouterAnswered(ctx, db.RouterAnsweredParams{ID: row.ID, Now: now, Stale: now.Add(-contactStale)})
}

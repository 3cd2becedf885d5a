package db

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
)

// Deed is a change to be stored, with whose it is and what it came from.
type Deed struct {
	Change account.Change
	Kind   string
	Actor  string
	// Source is the network address that the command came from; empty when not over the network.
	Source string
	// ActionID is the accepted action that is applied here; with 0 an action that is applied at once is written.
	ActionID   int64
	AcceptedAt time.Time
	// PaymentID is the payment that is credited or taken back, and Allocation how often it was taken back before; 0: none.
	PaymentID  int64
	Allocation int32
	// PasswordSealed is the new PPPoE password of an edit; nil: it stays.
	PasswordSealed []byte
	// Also is stored with the change; nil: nothing.
	Also func(q *Queries) error
}

// Saved says what is left to do after a change was stored.
type Saved struct {
	SubscriberID int64
	ActionID     int64
	// Routers must be driven: they do not hold yet what is wanted.
	Routers []int64
	// DueAt is the account's next due time, zero when there is none.
	DueAt time.Time
}

// SaveChange stores one deed; see [SaveChanges].
func SaveChange(ctx context.Context, tx pgx.Tx, deed Deed, now time.Time) (Saved, error) {
	saved, err := SaveChanges(ctx, tx, []Deed{deed}, now, nil)
	if err != nil {
		return Saved{}, err
	}
	return saved[0], nil
}

// SaveChanges stores everything that changes consist of: facts, ledger, activity, the actions, and what the routers
// should hold from now on. The accounts are locked by the same transaction; the deeds of one account are in the order
// in which they were applied. Each kind of row is one statement however many deeds there are. then, if not nil, is
// stored in the last round trip: the marks that the work is done.
func SaveChanges(ctx context.Context, tx pgx.Tx, deeds []Deed, now time.Time, then func(q *Queries) error) ([]Saved, error) {
	q := New(tx)
	saved := make([]Saved, len(deeds))
	for i, d := range deeds {
		saved[i] = Saved{SubscriberID: d.Change.Account.ID, ActionID: d.ActionID, DueAt: d.Change.Account.DueAt}
	}
	if err := writeActions(ctx, q, deeds, saved, now); err != nil {
		return nil, fmt.Errorf("write actions: %w", err)
	}
	wanted, err := writeLines(ctx, q, deeds, now)
	if err != nil {
		return nil, fmt.Errorf("write what routers should hold: %w", err)
	}
	err = Pipelined(ctx, tx, func(q *Queries) error {
		if err := writeLinks(ctx, q, deeds, saved, wanted, now); err != nil {
			return err
		}
		if err := writeEntries(ctx, q, deeds, saved); err != nil {
			return err
		}
		if err := writeActivity(ctx, q, deeds, saved, now); err != nil {
			return err
		}
		if err := writeIdentities(ctx, q, deeds); err != nil {
			return err
		}
		if err := writeFacts(ctx, q, deeds); err != nil {
			return err
		}
		if then != nil {
			if err := then(q); err != nil {
				return err
			}
		}
		return writeInvoices(ctx, q, deeds, saved, now)
	})
	if err != nil {
		return nil, fmt.Errorf("store changes: %w", err)
	}
	return saved, nil
}

// writeActions writes the actions of deeds that have none, and puts their ids into saved.
func writeActions(ctx context.Context, q *Queries, deeds []Deed, saved []Saved, now time.Time) error {
	n := InsertAppliedActionsParams{Now: now}
	var places []int
	for i, d := range deeds {
		if d.ActionID != 0 {
			continue
		}
		places = append(places, i)
		n.Kinds, n.Actors, n.Sources = append(n.Kinds, d.Kind), append(n.Actors, d.Actor), append(n.Sources, d.Source)
		n.SubscriberIDs = append(n.SubscriberIDs, d.Change.Account.ID)
		n.AcceptedAts = append(n.AcceptedAts, d.AcceptedAt)
	}
	if len(places) == 0 {
		return nil
	}
	rows, err := q.InsertAppliedActions(ctx, n)
	if err != nil {
		return err
	}
	if len(rows) != len(places) {
		return fmt.Errorf("%d actions were written, not %d", len(rows), len(places))
	}
	for i, row := range rows {
		if row.SubscriberID != saved[places[i]].SubscriberID {
			return fmt.Errorf("action %d was written for subscriber %d out of order", row.ID, row.SubscriberID)
		}
		saved[places[i]].ActionID = row.ID
	}
	return nil
}

// last returns the facts of each account after its last deed, each account once.
func last(deeds []Deed) []account.Account {
	var accounts []account.Account
	place := map[int64]int{}
	for _, d := range deeds {
		a := d.Change.Account
		if i, ok := place[a.ID]; ok {
			accounts[i] = a
			continue
		}
		place[a.ID] = len(accounts)
		accounts = append(accounts, a)
	}
	return accounts
}

// writeLinks ties each action to the generations that confirm it, and confirms those that have nothing to wait for.
func writeLinks(ctx context.Context, q *Queries, deeds []Deed, saved []Saved, lines map[account.Place]ProvisionsOfRow, now time.Time) error {
	var links LinkActionsParams
	applied, atOnce := ActionsAppliedParams{Now: now}, ConfirmAtOnceParams{Now: now}
	for i, d := range deeds {
		places := []account.Place{placeOf(d.Change.Account)}
		for _, left := range d.Change.Left {
			if !slices.Contains(places, left) {
				places = append(places, left)
			}
		}
		for _, place := range places {
			row, ok := lines[place]
			if !ok {
				return fmt.Errorf("nothing is wanted of router %d for subscriber %d", place.RouterID, d.Change.Account.ID)
			}
			links.ActionIDs, links.ProvisionIDs = append(links.ActionIDs, saved[i].ActionID), append(links.ProvisionIDs, row.ID)
			links.Gens = append(links.Gens, row.WantGen)
			if row.DoneGen < row.WantGen && !slices.Contains(saved[i].Routers, place.RouterID) {
				saved[i].Routers = append(saved[i].Routers, place.RouterID)
			}
		}
		if d.ActionID != 0 {
			applied.IDs = append(applied.IDs, d.ActionID)
		}
		if len(saved[i].Routers) == 0 {
			atOnce.IDs = append(atOnce.IDs, saved[i].ActionID)
		}
		if err := writeKept(ctx, q, saved[i].ActionID, d.Change.Kept); err != nil {
			return err
		}
		if d.Also != nil {
			if err := d.Also(q); err != nil {
				return err
			}
		}
	}
	if len(applied.IDs) > 0 {
		if err := q.ActionsApplied(ctx, applied); err != nil {
			return err
		}
	}
	if err := q.LinkActions(ctx, links); err != nil || len(atOnce.IDs) == 0 {
		return err
	}
	return q.ConfirmAtOnce(ctx, atOnce)
}

package db

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
)

// Deed is a change to be stored, with whose it is and what it came from.
type Deed struct {
	Change account.Change
	Kind   string
	Actor  string
	// ActionID is the accepted action that is applied here; with 0 an action that is applied at once is written.
	ActionID   int64
	AcceptedAt time.Time
	PaymentID  int64 // 0: not a payment
}

// Saved says what is left to do after a change was stored.
type Saved struct {
	SubscriberID int64
	ActionID     int64
	// RouterID is the router that must be driven, 0 when it holds what is wanted already.
	RouterID int64
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
		saved[i] = Saved{SubscriberID: d.Change.Account.ID, ActionID: d.ActionID, DueAt: d.Change.Account.NextDue(now)}
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
		if err := writeFacts(ctx, q, deeds, now); err != nil || then == nil {
			return err
		}
		return then(q)
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
		n.Kinds, n.Actors = append(n.Kinds, d.Kind), append(n.Actors, d.Actor)
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

// line names a PPPoE user on a router.
type line struct {
	router   int64
	username string
}

// writeLines records what the accounts' routers should hold from now on, and returns how far each line is.
func writeLines(ctx context.Context, q *Queries, deeds []Deed, now time.Time) (map[line]ProvisionsOfRow, error) {
	n := WantLinesParams{Now: now}
	accounts := last(deeds)
	for _, a := range accounts {
		l := a.Desired(now)
		n.RouterIDs, n.Usernames = append(n.RouterIDs, a.RouterID), append(n.Usernames, a.Username)
		n.SubscriberIDs, n.States = append(n.SubscriberIDs, a.ID), append(n.States, string(l.State))
		n.Rates, n.Pools = append(n.Rates, string(l.Rate)), append(n.Pools, l.Pool)
		n.Addresses, n.CredentialGens = append(n.Addresses, l.Address), append(n.CredentialGens, l.CredentialGen)
	}
	changed, err := q.WantLines(ctx, n)
	if err != nil {
		return nil, err
	}
	lines := make(map[line]ProvisionsOfRow, len(accounts))
	for _, row := range changed {
		lines[line{row.RouterID, row.Username}] = ProvisionsOfRow(row)
	}
	if len(lines) == len(accounts) {
		return lines, nil
	}
	all, err := q.ProvisionsOf(ctx, ProvisionsOfParams{RouterIDs: n.RouterIDs, Usernames: n.Usernames})
	if err != nil {
		return nil, err
	}
	for _, row := range all {
		lines[line{row.RouterID, row.Username}] = row
	}
	return lines, nil
}

// writeLinks ties each action to the generation that confirms it, and confirms those that have nothing to wait for.
func writeLinks(ctx context.Context, q *Queries, deeds []Deed, saved []Saved, lines map[line]ProvisionsOfRow, now time.Time) error {
	var links LinkActionsParams
	applied, atOnce := ActionsAppliedParams{Now: now}, ConfirmAtOnceParams{Now: now}
	for i, d := range deeds {
		a := d.Change.Account
		row, ok := lines[line{a.RouterID, a.Username}]
		if !ok {
			return fmt.Errorf("nothing is wanted for subscriber %d", a.ID)
		}
		links.ActionIDs, links.ProvisionIDs = append(links.ActionIDs, saved[i].ActionID), append(links.ProvisionIDs, row.ID)
		links.Gens = append(links.Gens, row.WantGen)
		if d.ActionID != 0 {
			applied.IDs = append(applied.IDs, d.ActionID)
		}
		if row.DoneGen < row.WantGen {
			saved[i].RouterID = a.RouterID
		} else {
			atOnce.IDs = append(atOnce.IDs, saved[i].ActionID)
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

func writeEntries(ctx context.Context, q *Queries, deeds []Deed, saved []Saved) error {
	var n InsertLedgerEntriesParams
	for i, d := range deeds {
		for _, e := range d.Change.Entries {
			payment := int64(0)
			if e.Kind == account.EntryPayment {
				payment = d.PaymentID
			}
			n.Kinds, n.SubscriberIDs = append(n.Kinds, string(e.Kind)), append(n.SubscriberIDs, saved[i].SubscriberID)
			n.AmountsMinor, n.Currencies = append(n.AmountsMinor, e.Amount.Minor), append(n.Currencies, e.Amount.Currency)
			n.PaymentIDs, n.ActionIDs = append(n.PaymentIDs, payment), append(n.ActionIDs, saved[i].ActionID)
			n.PlanIDs, n.Periods = append(n.PlanIDs, e.PlanID), append(n.Periods, int32(e.Periods)) // a century of them at most
			n.PeriodStarts, n.PeriodEnds = append(n.PeriodStarts, e.Start), append(n.PeriodEnds, e.End)
		}
	}
	if len(n.Kinds) == 0 {
		return nil
	}
	return q.InsertLedgerEntries(ctx, n)
}

func writeActivity(ctx context.Context, q *Queries, deeds []Deed, saved []Saved, now time.Time) error {
	n := InsertActivityParams{Now: now}
	for i, d := range deeds {
		for _, a := range d.Change.Activity {
			before, err := factsJSON(a.Before)
			if err != nil {
				return err
			}
			after, err := factsJSON(a.After)
			if err != nil {
				return err
			}
			n.Kinds, n.Summaries = append(n.Kinds, a.Kind), append(n.Summaries, a.Summary)
			n.SubscriberIDs, n.ActionIDs = append(n.SubscriberIDs, saved[i].SubscriberID), append(n.ActionIDs, saved[i].ActionID)
			n.Actors, n.Befores, n.Afters = append(n.Actors, d.Actor), append(n.Befores, before), append(n.Afters, after)
		}
	}
	if len(n.Kinds) == 0 {
		return nil
	}
	return q.InsertActivity(ctx, n)
}

func factsJSON(facts map[string]string) (string, error) {
	if len(facts) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(facts)
	return string(text), err
}

func writeFacts(ctx context.Context, q *Queries, deeds []Deed, now time.Time) error {
	var n SaveFactsParams
	for _, a := range last(deeds) {
		var suspension account.Suspension
		if a.Suspension != nil {
			suspension = *a.Suspension
		}
		n.IDs, n.ExpiresAts = append(n.IDs, a.ID), append(n.ExpiresAts, a.ExpiresAt)
		n.AnchorDays, n.GraceUntils = append(n.AnchorDays, int16(a.AnchorDay)), append(n.GraceUntils, a.GraceUntil)
		n.SuspendedAts = append(n.SuspendedAts, suspension.Since)
		n.SuspensionCategories = append(n.SuspensionCategories, string(suspension.Category))
		n.SuspensionReasons = append(n.SuspensionReasons, suspension.Reason)
		n.DueAts = append(n.DueAts, a.NextDue(now))
	}
	return q.SaveFacts(ctx, n)
}

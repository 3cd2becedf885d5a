package db

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"qserve/account"
)

func writeEntries(ctx context.Context, q *Queries, deeds []Deed, saved []Saved) error {
	var n InsertLedgerEntriesParams
	for i, d := range deeds {
		for _, e := range d.Change.Entries {
			payment, allocation := int64(0), int32(0)
			if e.Kind == account.EntryPayment || e.Kind == account.EntryReversal {
				payment, allocation = d.PaymentID, d.Allocation
			}
			n.Kinds, n.SubscriberIDs = append(n.Kinds, string(e.Kind)), append(n.SubscriberIDs, saved[i].SubscriberID)
			n.AmountsMinor, n.Currencies = append(n.AmountsMinor, e.Amount.Minor), append(n.Currencies, e.Amount.Currency)
			n.PaymentIDs, n.Allocations = append(n.PaymentIDs, payment), append(n.Allocations, allocation)
			n.ActionIDs = append(n.ActionIDs, saved[i].ActionID)
			n.PlanIDs, n.Periods = append(n.PlanIDs, e.Plan.ID), append(n.Periods, int32(e.Periods)) // a century of them at most
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
			n.Actors, n.Befores, n.Afters = append(n.Actors, cmp.Or(a.Actor, d.Actor)), append(n.Befores, before), append(n.Afters, after)
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

func writeFacts(ctx context.Context, q *Queries, deeds []Deed) error {
	var n SaveFactsParams
	for _, a := range last(deeds) {
		var suspension account.Suspension
		if a.Suspension != nil {
			suspension = *a.Suspension
		}
		var next account.NextPlan
		if a.Next != nil {
			next = *a.Next
		}
		n.IDs, n.ExpiresAts = append(n.IDs, a.ID), append(n.ExpiresAts, a.ExpiresAt)
		n.AnchorDays, n.GraceUntils = append(n.AnchorDays, int16(a.AnchorDay)), append(n.GraceUntils, a.GraceUntil)
		n.SuspendedAts = append(n.SuspendedAts, suspension.Since)
		n.SuspensionCategories = append(n.SuspensionCategories, string(suspension.Category))
		n.SuspensionReasons = append(n.SuspensionReasons, suspension.Reason)
		n.ClockStoppedAts = append(n.ClockStoppedAts, suspension.ClockStoppedAt)
		n.SuspendedUntils = append(n.SuspendedUntils, suspension.Until)
		n.PlanIDs, n.NextPlanIDs = append(n.PlanIDs, a.Plan.ID), append(n.NextPlanIDs, next.Plan.ID)
		n.NextPlanAts, n.DueAts = append(n.NextPlanAts, next.At), append(n.DueAts, a.DueAt)
	}
	return q.SaveFacts(ctx, n)
}

// writeIdentities stores what staff edited or pinned: who the accounts are, how they are reached, and how they dial.
func writeIdentities(ctx context.Context, q *Queries, deeds []Deed) error {
	for _, d := range deeds {
		if !slices.Contains([]string{"edit", "note", "undo"}, d.Kind) {
			continue
		}
		a := d.Change.Account
		n := SaveIdentityParams{
			ID: a.ID, Name: a.Contact.Name, Phone: a.Contact.Phone, Email: a.Contact.Email, Address: a.Contact.Address,
			RouterID: a.RouterID, Username: a.Username, CredentialGen: a.CredentialGen, Revision: a.Revision,
			PinnedNote: a.Pinned, PasswordSealed: d.PasswordSealed,
		}
		if a.Address != "" {
			address, err := netip.ParseAddr(a.Address)
			if err != nil {
				return fmt.Errorf("store the fixed address of subscriber %d: %w", a.ID, err)
			}
			n.FixedAddress = &address
		}
		if err := q.SaveIdentity(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// writeKept stores with an action what it takes to undo it.
func writeKept(ctx context.Context, q *Queries, action int64, kept *account.Kept) error {
	if kept == nil {
		return nil
	}
	exact := *kept
	for _, term := range []*account.Term{&exact.Before, &exact.After} {
		// The instants are compared with those of the subscriber's row, which has whole microseconds.
		for _, t := range []*time.Time{&term.ExpiresAt, &term.GraceUntil, &term.ClockStoppedAt, &term.NextPlanAt, &term.SuspendedAt} {
			*t = t.Truncate(time.Microsecond)
		}
	}
	text, err := json.Marshal(exact)
	if err != nil {
		return fmt.Errorf("write what action %d leaves: %w", action, err)
	}
	return q.KeepForUndo(ctx, KeepForUndoParams{ID: action, Kept: text})
}

// writeInvoices bills what was bought, and credits what was taken back.
func writeInvoices(ctx context.Context, q *Queries, deeds []Deed, saved []Saved, now time.Time) error {
	n := InsertInvoicesParams{Now: now}
	for i, d := range deeds {
		for _, e := range d.Change.Entries {
			if e.InvoiceYear == 0 {
				continue
			}
			periods := int32(e.Periods) // a century of them at most
			if e.Kind == account.EntryRefund {
				periods = -periods
			}
			n.Years, n.SubscriberIDs = append(n.Years, int16(e.InvoiceYear)), append(n.SubscriberIDs, saved[i].SubscriberID)
			n.ActionIDs, n.Plans = append(n.ActionIDs, saved[i].ActionID), append(n.Plans, e.Plan.Name)
			n.Periods, n.TotalsMinor = append(n.Periods, periods), append(n.TotalsMinor, -e.Amount.Minor)
			n.Currencies = append(n.Currencies, e.Amount.Currency)
			n.PeriodStarts, n.PeriodEnds = append(n.PeriodStarts, e.Start), append(n.PeriodEnds, e.End)
		}
	}
	if len(n.Years) == 0 {
		return nil
	}
	return q.InsertInvoices(ctx, n)
}

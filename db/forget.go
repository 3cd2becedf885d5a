package db

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
)

// Forget deletes an account. What stays has no person in it: the names that its credentials must leave on their routers
// (until those confirm), a salted hash of each money key so that no repeated webhook is credited again, the totals of
// its payments by month of zone, a line of the audit log, and the deletion's own action. A payment of which the account had
// a part stays, without a person, until the last of its parts goes. The account is locked by the
// same transaction.
func Forget(ctx context.Context, tx pgx.Tx, deed Deed, now time.Time, zone *time.Location) (Saved, error) {
	q, id := New(tx), deed.Change.Account.ID
	saved := []Saved{{SubscriberID: id, ActionID: deed.ActionID}}
	w := wanted{WantLinesParams: WantLinesParams{Now: now}, seen: map[account.Place]bool{}}
	places := ForgetSessionsParams{}
	for _, left := range deed.Change.Left {
		w.add(left, 0, account.Line{State: account.LineAbsent})
		places.RouterIDs, places.Usernames = append(places.RouterIDs, left.RouterID), append(places.Usernames, left.Username)
	}
	lines, err := w.write(ctx, q)
	if err != nil {
		return Saved{}, fmt.Errorf("write what routers should not hold any more: %w", err)
	}
	if err := forgetMoney(ctx, q, id, now, zone); err != nil {
		return Saved{}, fmt.Errorf("forget the money of subscriber %d: %w", id, err)
	}
	err = Pipelined(ctx, tx, func(q *Queries) error {
		if err := writeLinks(ctx, q, []Deed{deed}, saved, lines, now); err != nil {
			return err
		}
		for _, step := range []error{
			q.RefuseWaitingActions(ctx, RefuseWaitingActionsParams{SubscriberID: id, Refusal: "the account was deleted"}),
			q.ForgetActivity(ctx, id),
			q.ForgetActions(ctx, ForgetActionsParams{SubscriberID: id, But: deed.ActionID}),
			q.ForgetSessions(ctx, places),
			q.ForgetSubscriber(ctx, id),
			q.ForgetArguments(ctx, deed.ActionID),
			q.InsertAudit(ctx, InsertAuditParams{
				At: now, Actor: deed.Actor, Source: deed.Source, Kind: "delete", Object: fmt.Sprintf("subscriber %d", id),
				Summary: "Account deleted", Before: []byte("{}"), After: []byte("{}"),
			}),
		} {
			if step != nil {
				return step
			}
		}
		return nil
	})
	if err != nil {
		return Saved{}, fmt.Errorf("forget subscriber %d: %w", id, err)
	}
	return saved[0], nil
}

// forgetMoney removes ledger, invoices, payments and the webhooks that told them.
func forgetMoney(ctx context.Context, q *Queries, id int64, now time.Time, zone *time.Location) error {
	for _, step := range []func() error{
		func() error { return q.AllowForgetting(ctx, strconv.FormatInt(id, 10)) },
		func() error { return q.ForgetPayers(ctx, id) },
		func() error { return q.SpendMoneyKeys(ctx, id) },
		func() error {
			return q.KeepMonthlyTotals(ctx, KeepMonthlyTotalsParams{SubscriberID: id, Zone: zone.String()})
		},
		func() error { return q.ForgetInvoices(ctx, id) },
		func() error { return q.ForgetLedger(ctx, id) },
		func() error { return q.ForgetBodies(ctx, id) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	gone, err := q.ForgetPayments(ctx, ForgetPaymentsParams{SubscriberID: id, Now: now})
	if err != nil {
		return err
	}
	var deliveries []int64
	for len(gone) > 0 {
		var wholes []int64
		for _, row := range gone {
			if row.DeliveryID != nil {
				deliveries = append(deliveries, *row.DeliveryID)
			}
			if row.SplitOf != nil {
				wholes = append(wholes, *row.SplitOf)
			}
		}
		// Parts may have been split themselves.
		rows, err := q.ForgetSplit(ctx, wholes)
		if err != nil {
			return err
		}
		gone = gone[:0]
		for _, row := range rows {
			gone = append(gone, ForgetPaymentsRow(row))
		}
	}
	return q.ForgetDeliveries(ctx, deliveries)
}

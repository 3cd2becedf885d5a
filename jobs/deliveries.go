package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// processDelivery turns one stored webhook into payments: parse, find the account, apply, store, all in one transaction
// with the mark that the delivery is processed.
func (w *Worker) processDelivery(ctx context.Context, id int64) error {
	var saved []db.Saved
	var unusable error
	w.Checkpoint("delivery: begin")
	err := db.InTx(ctx, w.Pool, func(tx pgx.Tx, q *db.Queries) error {
		d, err := q.LockDelivery(ctx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // somebody else has processed it
		}
		if err != nil {
			return fmt.Errorf("lock delivery %d: %w", id, err)
		}
		notices, err := w.Parse(d.SourceKind, d.Call, d.Body, d.Merchant, d.Currency)
		if err != nil {
			unusable = Permanent(fmt.Errorf("delivery %d of source %q: %w", id, d.SourceName, err))
			return w.finish(ctx, q, id, "failed", err.Error())
		}
		state := "ignored"
		for _, n := range notices {
			if n.Kind != account.PaymentReceived {
				continue
			}
			state = "processed"
			s, err := w.credit(ctx, tx, d, n)
			if err != nil {
				return err
			}
			saved = append(saved, s)
		}
		if err := w.finish(ctx, q, id, state, ""); err != nil {
			return err
		}
		w.Checkpoint("delivery: before commit")
		return nil
	})
	if err != nil {
		w.noteFailure(ctx, id, err)
		return err
	}
	w.Checkpoint("delivery: committed")
	for _, s := range saved {
		w.ringFor(ctx, s)
	}
	return unusable
}

func (w *Worker) finish(ctx context.Context, q *db.Queries, id int64, state, problem string) error {
	err := q.FinishDelivery(ctx, db.FinishDeliveryParams{ID: id, State: state, LastError: problem, Now: w.Clock.Now()})
	if err != nil {
		return fmt.Errorf("mark delivery %d as %s: %w", id, state, err)
	}
	return nil
}

// noteFailure writes the reason beside the work, where it outlives Redis. That it may fail too is no news.
func (w *Worker) noteFailure(ctx context.Context, id int64, reason error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = db.New(w.Pool).DeliveryFailed(ctx, db.DeliveryFailedParams{ID: id, LastError: reason.Error()})
}

// credit books one payment, at most once for ever. Money that belongs to nobody known waits as unallocated.
func (w *Worker) credit(ctx context.Context, tx pgx.Tx, d db.LockDeliveryRow, n account.Notice) (db.Saved, error) {
	q, now := db.New(tx), w.Clock.Now()
	subscriber, unallocated, err := db.MatchSubscriber(ctx, q, n, w.Region)
	if err != nil {
		return db.Saved{}, fmt.Errorf("find the account of delivery %d: %w", d.ID, err)
	}
	var change account.Change
	if unallocated == "" {
		change, unallocated, err = w.pay(ctx, q, subscriber, d, n, now)
		if err != nil {
			return db.Saved{}, err
		}
	}
	if n.OccurredAt.IsZero() {
		n.OccurredAt = d.ReceivedAt // the provider's own time could not be read
	}
	payment := db.InsertPaymentParams{
		Provider: d.SourceKind, Merchant: n.Merchant, TransactionID: n.TransactionID, DeliveryID: &d.ID,
		AmountMinor: n.Amount.Minor, Currency: n.Amount.Currency, OccurredAt: n.OccurredAt, ReceivedAt: d.ReceivedAt,
		PayerName: n.PayerName, PayerPhone: n.PayerPhone, PayerPhoneHash: n.PayerPhoneHash, Unallocated: unallocated,
	}
	if len(n.References) > 0 {
		payment.Reference = n.References[0]
	}
	if unallocated == "" {
		payment.SubscriberID = &subscriber
	}
	id, err := q.InsertPayment(ctx, payment)
	if errors.Is(err, pgx.ErrNoRows) {
		w.metrics.payment("repeated")
		return db.Saved{}, nil
	}
	if err != nil {
		return db.Saved{}, fmt.Errorf("book the payment of delivery %d: %w", d.ID, err)
	}
	if unallocated != "" {
		w.metrics.payment("unallocated")
		w.Log.Info("payment is unallocated", "delivery", d.ID, "source", d.SourceName, "payment", id)
		return db.Saved{}, nil
	}
	saved, err := db.SaveChange(ctx, tx, change, db.Deed{
		Kind: "payment", Actor: d.SourceName, AcceptedAt: d.ReceivedAt, PaymentID: &id,
	}, now)
	if err != nil {
		return db.Saved{}, err
	}
	w.metrics.payment("credited")
	w.Log.Info("payment credited", "delivery", d.ID, "source", d.SourceName, "subscriber", subscriber, "action", saved.ActionID)
	return saved, nil
}

// pay applies the payment to the locked account. A refusal is no error: the money waits for a person, who is told why.
func (w *Worker) pay(
	ctx context.Context, q *db.Queries, subscriber int64, d db.LockDeliveryRow, n account.Notice, now time.Time,
) (change account.Change, unallocated string, err error) {
	locked, err := db.LockAccountFacts(ctx, q, subscriber)
	if errors.Is(err, db.ErrNoAccount) {
		return account.Change{}, "the account was deleted at that moment", nil
	}
	if err != nil {
		return account.Change{}, "", err
	}
	command := account.Pay{Amount: n.Amount, Receipt: n.TransactionID, Via: d.SourceName}
	change, err = account.Apply(locked.Account, command, now, w.Zone)
	if refused, ok := errors.AsType[*account.Refused](err); ok {
		return account.Change{}, refused.Reason, nil
	}
	return change, "", err
}

// ringFor rings for what a stored change left to do.
func (w *Worker) ringFor(ctx context.Context, s db.Saved) {
	if s.RouterID != 0 {
		w.Bell.RingRouter(ctx, s.RouterID)
	}
	w.Bell.RingDue(ctx, s.SubscriberID, s.DueAt, w.Clock.Now())
}

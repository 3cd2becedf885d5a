package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// claim is one payment that a delivery tells of.
type claim struct {
	delivery db.LockDeliveryRow
	notice   account.Notice
	// subscriber is whose it is, or unallocated why it is nobody's yet.
	subscriber  int64
	unallocated string
	payment     int64 // 0: it was booked before
	saved       db.Saved
}

func (c claim) command() account.Pay {
	return account.Pay{Amount: c.notice.Amount, Receipt: c.notice.TransactionID, Via: c.delivery.SourceName}
}

// credit books payments, each at most once for ever, and applies those that are somebody's. then is stored in the same
// transaction. Money that belongs to nobody known, or that the rules refuse, waits as unallocated for a person.
func (w *Worker) credit(ctx context.Context, tx pgx.Tx, claims []claim, then func(*db.Queries) error) ([]db.Saved, error) {
	q, now := db.New(tx), w.Clock.Now()
	if len(claims) == 0 {
		return nil, then(q)
	}
	accounts, err := w.allocate(ctx, q, claims, now)
	if err != nil {
		return nil, err
	}
	if err := w.book(ctx, q, claims); err != nil {
		return nil, err
	}
	var deeds []db.Deed
	var credited []int
	for i, c := range claims {
		if c.payment == 0 || c.unallocated != "" {
			continue
		}
		change, err := account.Apply(accounts[c.subscriber], c.command(), now, w.Zone)
		if err != nil {
			return nil, fmt.Errorf("apply the payment of delivery %d: %w", c.delivery.ID, err)
		}
		accounts[c.subscriber] = change.Account
		credited = append(credited, i)
		deeds = append(deeds, db.Deed{
			Change: change, Kind: "payment", Actor: c.delivery.SourceName, AcceptedAt: c.delivery.ReceivedAt, PaymentID: c.payment,
		})
	}
	if len(deeds) == 0 {
		return nil, then(q)
	}
	saved, err := db.SaveChanges(ctx, tx, deeds, now, then)
	for i := range saved {
		claims[credited[i]].saved = saved[i]
	}
	return saved, err
}

// allocate finds whose each payment is and locks their accounts.
func (w *Worker) allocate(ctx context.Context, q *db.Queries, claims []claim, now time.Time) (map[int64]account.Account, error) {
	notices := make([]account.Notice, len(claims))
	for i, c := range claims {
		notices[i] = c.notice
	}
	matcher, err := db.NewMatcher(ctx, q, notices, w.Region)
	if err != nil {
		return nil, err
	}
	var ids []int64
	for i := range claims {
		c := &claims[i]
		if c.subscriber, c.unallocated = matcher.Match(c.notice); c.unallocated == "" {
			ids = append(ids, c.subscriber)
		}
	}
	accounts, err := db.LockAccountsFacts(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	for i := range claims {
		c := &claims[i]
		if c.unallocated != "" {
			continue
		}
		locked, ok := accounts[c.subscriber]
		if !ok {
			c.unallocated = "the account was deleted at that moment"
			continue
		}
		_, err := account.Apply(locked, c.command(), now, w.Zone)
		if refused, ok := errors.AsType[*account.Refused](err); ok {
			c.unallocated = refused.Reason
		}
	}
	return accounts, nil
}

// tell counts and logs what became of a claim, once that is certain.
func (w *Worker) tell(c claim) {
	switch {
	case c.payment == 0:
		w.metrics.payment("repeated")
		w.Log.Info("payment was told before", "delivery", c.delivery.ID, "source", c.delivery.SourceName)
	case c.unallocated != "":
		w.metrics.payment("unallocated")
		w.Log.Info("payment is unallocated", "delivery", c.delivery.ID, "source", c.delivery.SourceName, "payment", c.payment)
	default:
		w.metrics.payment("credited")
		if len(c.saved.Routers) == 0 {
			w.metrics.end("payment", "confirmed")
		}
		w.Log.Info("payment credited", "delivery", c.delivery.ID, "source", c.delivery.SourceName, "payment", c.payment,
			"action", c.saved.ActionID, "subscriber", c.subscriber, "router_ids", c.saved.Routers)
	}
}

// book writes the payments, and their ids into claims.
func (w *Worker) book(ctx context.Context, q *db.Queries, claims []claim) error {
	var n db.InsertPaymentsParams
	for _, c := range claims {
		subscriber := c.subscriber
		if c.unallocated != "" {
			subscriber = 0
		}
		n.Providers, n.Merchants = append(n.Providers, c.delivery.SourceKind), append(n.Merchants, c.notice.Merchant)
		n.TransactionIDs, n.DeliveryIDs = append(n.TransactionIDs, c.notice.TransactionID), append(n.DeliveryIDs, c.delivery.ID)
		n.AmountsMinor, n.Currencies = append(n.AmountsMinor, c.notice.Amount.Minor), append(n.Currencies, c.notice.Amount.Currency)
		n.OccurredAts = append(n.OccurredAts, c.occurredAt())
		n.ReceivedAts = append(n.ReceivedAts, c.delivery.ReceivedAt)
		n.PayerReferences = append(n.PayerReferences, cmp.Or(append(slices.Clone(c.notice.References), "")...))
		n.PayerNames, n.PayerPhones = append(n.PayerNames, c.notice.PayerName), append(n.PayerPhones, c.notice.PayerPhone)
		n.PayerPhoneHashes = append(n.PayerPhoneHashes, c.notice.PayerPhoneHash)
		n.SubscriberIDs, n.Unallocated = append(n.SubscriberIDs, subscriber), append(n.Unallocated, c.unallocated)
	}
	rows, err := q.InsertPayments(ctx, n)
	if err != nil {
		return fmt.Errorf("book payments: %w", err)
	}
	type key struct {
		delivery    int64
		transaction string
	}
	ids := make(map[key]int64, len(rows))
	for _, row := range rows {
		ids[key{*row.DeliveryID, row.TransactionID}] = row.ID
	}
	for i := range claims {
		k := key{claims[i].delivery.ID, claims[i].notice.TransactionID}
		claims[i].payment = ids[k]
		delete(ids, k) // one delivery may tell the same payment twice
	}
	return nil
}

// occurredAt is the provider's time, or ours where theirs could not be read.
func (c claim) occurredAt() time.Time {
	if c.notice.OccurredAt.IsZero() {
		return c.delivery.ReceivedAt
	}
	return c.notice.OccurredAt
}

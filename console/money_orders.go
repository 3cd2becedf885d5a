package console

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// allocateOrder gives an unallocated payment to an account, which it is applied to at once.
type allocateOrder struct{ payment int64 }

func (o allocateOrder) draft(context.Context, *Service, *db.Queries, subscriber) (draft, error) {
	return draft{kind: "payment", arguments: db.PaymentArguments{PaymentID: o.payment}}, nil
}

// takeBackOrder takes a payment back from its account: for good (reverse), or to give it to another (unallocate).
type takeBackOrder struct {
	kind    string
	payment int64
	reason  string
}

func (o takeBackOrder) draft(context.Context, *Service, *db.Queries, subscriber) (draft, error) {
	return draft{kind: o.kind, arguments: db.PaymentArguments{PaymentID: o.payment, Reason: o.reason}}, nil
}

// Allocate gives an unallocated payment to an account, which it is applied to at once.
func (s *Service) Allocate(ctx context.Context, by By, payment int64, ref string) (ActionView, error) {
	return s.giveMoney(ctx, by, ref, payment, allocateOrder{payment})
}

// Unallocate takes a payment back from its account, with the time that it bought, and lets it wait for another.
func (s *Service) Unallocate(ctx context.Context, by By, payment int64, reason string) (ActionView, error) {
	if err := checkLine("reason", reason, 0, 500); err != nil {
		return ActionView{}, err
	}
	if view, ok, err := s.repeated(ctx, db.New(s.Pool), by); ok || err != nil {
		return view, err
	}
	p, err := s.Payment(ctx, payment)
	if err != nil {
		return ActionView{}, err
	}
	if p.Subscriber == nil {
		return ActionView{}, conflict("", "payment %d is not credited to an account: it is %s", payment, p.Status)
	}
	return s.giveMoney(ctx, by, *p.Account, payment, takeBackOrder{"unallocate", payment, reason})
}

// giveMoney has an order over a payment accepted on an account. Of several that are asked for at once one wins: the others
// get a [*ConflictError].
func (s *Service) giveMoney(ctx context.Context, by By, ref string, payment int64, o Order) (ActionView, error) {
	var given Given
	err := db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		on, err := s.resolve(ctx, q, ref)
		if err != nil {
			return err
		}
		// The account before the payment, as the workers lock them.
		if err := lockAccounts(ctx, q, &on); err != nil {
			return err
		}
		var again bool
		if given.ActionView, again, err = s.repeated(ctx, q, by); again || err != nil {
			return err
		}
		if _, err := s.lockPayment(ctx, q, payment); err != nil {
			return err
		}
		d, err := o.draft(ctx, s, q, on)
		if err != nil {
			return err
		}
		if _, err := s.tryOut(ctx, q, on, d); err != nil {
			return err
		}
		given, err = s.accept(ctx, q, by, on.Subscriber.ID, d)
		return err
	})
	if err != nil {
		return ActionView{}, err
	}
	s.Ring.RingAction(ctx, given.ID, given.Kind)
	return given.ActionView, nil
}

// lockAccounts locks the rows of subscribers until the end of the transaction, and reads them again.
func lockAccounts(ctx context.Context, q *db.Queries, subscribers ...*subscriber) error {
	var ids []int64
	for _, on := range subscribers {
		ids = append(ids, on.Subscriber.ID)
	}
	rows, err := q.LockAccounts(ctx, ids)
	if err != nil {
		return fmt.Errorf("lock subscribers %v: %w", ids, err)
	}
	for _, on := range subscribers {
		i := slices.IndexFunc(rows, func(row db.LockAccountsRow) bool { return row.Subscriber.ID == on.Subscriber.ID })
		if i < 0 {
			return missing("account %s any more", on.Subscriber.Account)
		}
		on.Subscriber, on.Plan = rows[i].Subscriber, rows[i].Plan
	}
	return nil
}

// lockPayment locks a payment that an order is about, unless another order over it waits.
func (s *Service) lockPayment(ctx context.Context, q *db.Queries, id int64) (db.LockPaymentRow, error) {
	row, err := q.LockPayment(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, missing("payment %d", id)
	}
	if err != nil {
		return row, fmt.Errorf("lock payment %d: %w", id, err)
	}
	waits, err := q.MoneyOrderWaits(ctx, id)
	if err != nil {
		return row, fmt.Errorf("look for orders over payment %d: %w", id, err)
	}
	if waits {
		return row, conflict("", "somebody has just given payment %d to an account or taken it back; look at it again in a moment", id)
	}
	return row, nil
}

// lockUnallocated locks a payment that is nobody's, and says why it is not where it is not.
func (s *Service) lockUnallocated(ctx context.Context, q *db.Queries, id int64) (db.Payment, error) {
	row, err := s.lockPayment(ctx, q, id)
	if err != nil {
		return db.Payment{}, err
	}
	switch p := row.Payment; {
	case p.ReversedAt != nil:
		return p, conflict("", "payment %d was reversed already", id)
	case p.SplitAt != nil:
		return p, conflict("", "payment %d was split: give or reverse its parts", id)
	case p.SubscriberID != nil:
		return p, conflict("", "payment %d is credited to an account; take it back from there first", id)
	case row.Spent:
		return p, conflict("", "payment %d was credited to an account that has been deleted since", id)
	}
	return row.Payment, nil
}

// ReversePayment takes a payment back for good, because its provider did or because it was never made.
func (s *Service) ReversePayment(ctx context.Context, by By, payment int64, reason string) (EnteredPayment, error) {
	if err := checkLine("reason", reason, 1, 500); err != nil {
		return EnteredPayment{}, err
	}
	p, err := s.Payment(ctx, payment)
	if err != nil {
		return EnteredPayment{}, err
	}
	if p.Subscriber != nil {
		view, err := s.giveMoney(ctx, by, *p.Account, payment, takeBackOrder{"reverse", payment, reason})
		return EnteredPayment{Payment: p, Action: &view}, err
	}
	err = db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := s.lockUnallocated(ctx, q, payment); err != nil {
			return err
		}
		now := s.Clock.Now()
		if err := q.PaymentReversed(ctx, db.PaymentReversedParams{ID: payment, Now: now, Reason: reason}); err != nil {
			return fmt.Errorf("reverse payment %d: %w", payment, err)
		}
		return note(ctx, q, by, now, "reverse", fmt.Sprintf("payment %d", payment), "Reversed while unallocated: "+reason, nil, nil)
	})
	if err != nil {
		return EnteredPayment{}, err
	}
	view, err := s.Payment(ctx, payment)
	return EnteredPayment{Payment: view}, err
}

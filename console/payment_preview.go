package console

import (
	"context"
	"errors"
	"fmt"

	"qserve/account"
	"qserve/db"
)

// What money would come to on an account, told while a person still types. Nothing is stored.

// PreviewAllocation says what an unallocated payment would come to on an account. What would be refused is a
// [*ConflictError].
func (s *Service) PreviewAllocation(ctx context.Context, payment int64, ref string) (PreviewView, error) {
	if _, err := s.Payment(ctx, payment); err != nil {
		return PreviewView{}, err
	}
	return s.Preview(ctx, ref, allocateOrder{payment})
}

// PreviewTakeBack says what it would come to if a payment were taken back from its account; for that account it makes no
// difference whether that is for good.
func (s *Service) PreviewTakeBack(ctx context.Context, payment int64) (PreviewView, error) {
	p, err := s.Payment(ctx, payment)
	if err != nil {
		return PreviewView{}, err
	}
	if p.Account == nil {
		return PreviewView{}, conflict("", "payment %d is not credited to an account", payment)
	}
	return s.Preview(ctx, *p.Account, takeBackOrder{kind: "unallocate", payment: payment})
}

// PreviewPayment says what an amount would come to on an account if it were paid now. Its errors are [*FieldError],
// [*NotFoundError] and [*ConflictError].
func (s *Service) PreviewPayment(ctx context.Context, ref, amount string) (PreviewView, error) {
	params, err := s.checkPayment(By{}, &NewPayment{Subscriber: ref, Amount: amount, Method: "cash"})
	if err != nil {
		return PreviewView{}, err
	}
	q := db.New(s.Pool)
	on, err := s.resolve(ctx, q, ref)
	if err != nil {
		return PreviewView{}, err
	}
	asIs, waiting, err := factsAndWaiting(ctx, q, on)
	if err != nil {
		return PreviewView{}, err
	}
	now, before := s.Clock.Now(), s.after(ctx, q, asIs, waiting, 0)
	pay := account.Pay{Amount: account.Money{Minor: params.AmountMinor, Currency: params.Currency}, Via: params.Provider}
	change, err := account.Apply(before, pay, now, s.Zone)
	if refused, ok := errors.AsType[*account.Refused](err); ok {
		return PreviewView{}, conflict("amount", "%s", refused.Reason)
	}
	if err != nil {
		return PreviewView{}, fmt.Errorf("try a payment on %s: %w", on.Subscriber.Account, err)
	}
	return viewPreview("payment", outcome{before, change}, on, now), nil
}

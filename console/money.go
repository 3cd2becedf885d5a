package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// NewPayment is money that staff took themselves.
type NewPayment struct {
	Subscriber string    `json:"subscriber,omitempty" required:"false" example:"ACC-0042" doc:"Account number or id; absent: unallocated."`
	Amount     string    `json:"amount" example:"1500.00" doc:"Decimal, in the provider's currency."`
	Method     string    `json:"method" enum:"cash,bank" example:"cash"`
	Reference  string    `json:"reference,omitempty" required:"false" maxLength:"100" example:"FT26330XK2" doc:"The bank's reference, or the number of the paper receipt. The same one is credited once. Absent with cash: one is made."`
	PaidAt     time.Time `json:"paid_at,omitzero" required:"false" doc:"When it was paid; absent: now."`
}

// EnteredPayment is a payment and the action that brings it to its account.
type EnteredPayment struct {
	Payment PaymentView `json:"payment"`
	Action  *ActionView `json:"action" doc:"Null when no account is touched."`
}

// desk is the receiver of money that staff take.
const desk = "desk"

// EnterPayment stores a payment that staff took, and gives it to its account where one is named. The same reference is
// taken once.
func (s *Service) EnterPayment(ctx context.Context, by By, n NewPayment) (EnteredPayment, error) {
	params, err := s.checkPayment(by, &n)
	if err != nil {
		return EnteredPayment{}, err
	}
	var row db.Payment
	var action *ActionView
	err = db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		var on subscriber
		if n.Subscriber != "" {
			if on, err = s.resolve(ctx, q, n.Subscriber); err != nil {
				return err
			}
			params.Unallocated = "is being credited to " + on.Subscriber.Account
		}
		row, err = q.EnterPayment(ctx, params)
		if errors.Is(err, pgx.ErrNoRows) {
			return s.enteredBefore(ctx, q, by, params, &row, &action)
		}
		if err != nil {
			return fmt.Errorf("store a payment of staff: %w", err)
		}
		if n.Subscriber == "" {
			return note(ctx, q, by, params.ReceivedAt, "payment", fmt.Sprintf("payment %d", row.ID),
				fmt.Sprintf("Entered %s %s, unallocated", n.Method, row.Money()), nil, nil)
		}
		d := draft{kind: "payment", arguments: db.PaymentArguments{PaymentID: row.ID}}
		if _, err := s.tryOut(ctx, q, on, d); err != nil {
			return err
		}
		given, err := s.accept(ctx, q, by, on.Subscriber.ID, d)
		action = &given.ActionView
		return err
	})
	if err != nil {
		return EnteredPayment{}, err
	}
	if action != nil {
		s.Ring.RingAction(ctx, action.ID, action.Kind)
	}
	view, err := s.Payment(ctx, row.ID)
	return EnteredPayment{Payment: view, Action: action}, err
}

// enteredBefore finds what an earlier attempt of the same request stored; other money of the same reference is refused.
func (s *Service) enteredBefore(
	ctx context.Context, q *db.Queries, by By, n db.EnterPaymentParams, row *db.Payment, action **ActionView,
) error {
	taken := conflict("reference", "a payment with the reference %q was entered before", n.TransactionID)
	found, err := q.PaymentByKey(ctx, db.PaymentByKeyParams{Provider: n.Provider, Merchant: n.Merchant, TransactionID: n.TransactionID})
	if errors.Is(err, pgx.ErrNoRows) {
		return taken
	}
	if err != nil {
		return fmt.Errorf("look for an earlier payment: %w", err)
	}
	view, ok, err := s.repeated(ctx, q, by)
	if err != nil {
		return err
	}
	if ok {
		*action = &view
	} else if n.TransactionID != madeReference(by.RequestKey) {
		return taken
	}
	*row = found
	return nil
}

func (s *Service) checkPayment(by By, n *NewPayment) (db.EnterPaymentParams, error) {
	none := db.EnterPaymentParams{}
	if n.Method != "cash" && n.Method != "bank" {
		return none, bad("method", "must be cash or bank")
	}
	amount, err := account.ParseMoney(strings.TrimSpace(n.Amount), s.Currency)
	if err != nil {
		return none, bad("amount", "%v", err)
	}
	if amount.Minor <= 0 {
		return none, bad("amount", "must be more than zero")
	}
	n.Reference = strings.TrimSpace(n.Reference)
	if err := checkLine("reference", n.Reference, 0, 100); err != nil {
		return none, err
	}
	if n.Reference == "" {
		if n.Method == "bank" {
			return none, bad("reference", "give the reference of the bank, so that the same money is not credited twice")
		}
		n.Reference = madeReference(by.RequestKey)
	}
	now := s.Clock.Now()
	if n.PaidAt.IsZero() {
		n.PaidAt = now
	}
	if n.PaidAt.After(now.Add(5 * time.Minute)) {
		return none, bad("paid_at", "lies in the future")
	}
	return db.EnterPaymentParams{
		Provider: n.Method, Merchant: desk, TransactionID: n.Reference, AmountMinor: amount.Minor, Currency: amount.Currency,
		OccurredAt: n.PaidAt, ReceivedAt: now, Reference: n.Subscriber, Unallocated: "entered by staff without an account",
		EnteredBy: by.Actor,
	}, nil
}

// madeReference numbers cash without a paper receipt: the same for the same request, so that repeating it is noticed.
func madeReference(requestKey string) string {
	if requestKey == "" {
		return "CASH-" + rand.Text()[:10]
	}
	sum := sha256.Sum256([]byte(requestKey))
	return "CASH-" + strings.ToUpper(hex.EncodeToString(sum[:5]))
}

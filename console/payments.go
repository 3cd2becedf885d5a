package console

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// The statuses of a payment.
const (
	paymentUnallocated = "unallocated"
	paymentCredited    = "credited"
	paymentReversed    = "reversed"
	paymentSplit       = "split"
)

// PaymentQuery says which payments are wanted, over all accounts.
type PaymentQuery struct {
	Status string // unallocated, credited, reversed or split; empty: all
	Q      string // a receipt number, or the account as the payer typed it
	Cursor string
	Limit  int // 1 to 200; 0: 50
}

// Payments returns the payments of all accounts, newest first. Its errors are [*FieldError] where the input is wrong.
func (s *Service) Payments(ctx context.Context, p PaymentQuery) (Page[PaymentView], error) {
	before, most, err := part(listPayments, p.Cursor, p.Limit)
	if err != nil {
		return Page[PaymentView]{}, err
	}
	if !slices.Contains([]string{"", paymentUnallocated, paymentCredited, paymentReversed, paymentSplit}, p.Status) {
		return Page[PaymentView]{}, bad("status", "must be unallocated, credited, reversed or split")
	}
	if err := checkLine("q", p.Q, 0, maxSearch); err != nil {
		return Page[PaymentView]{}, err
	}
	params := db.AllPaymentsParams{Before: before, Status: p.Status, Receipts: []string{}, Most: asked(most)}
	if typed := strings.TrimSpace(p.Q); typed != "" {
		params.Receipts, params.ReferenceKey = []string{typed, strings.ToUpper(typed)}, account.NormalizeReference(typed)
	}
	rows, err := db.New(plannedAnew{s.Pool}).AllPayments(ctx, params)
	if err != nil {
		return Page[PaymentView]{}, fmt.Errorf("read the payments: %w", err)
	}
	return pageOf(rows, most, func(row db.AllPaymentsRow) PaymentView { return viewPayment(row.Payment, row.Account) },
		func(row db.AllPaymentsRow) cursor { return cursor{List: listPayments, ID: row.Payment.ID} }), nil
}

// PaymentsOf returns the payments of an account, newest first.
func (s *Service) PaymentsOf(ctx context.Context, ref string, h HistoryQuery) (Page[PaymentView], error) {
	of, err := s.historyOf(ctx, ref, listPayments, h)
	if err != nil {
		return Page[PaymentView]{}, err
	}
	rows, err := of.q.PaymentsPage(ctx, db.PaymentsPageParams{SubscriberID: of.subscriber, Before: of.before, Most: asked(of.most)})
	if err != nil {
		return Page[PaymentView]{}, fmt.Errorf("read the payments of subscriber %d: %w", of.subscriber, err)
	}
	return pageOf(rows, of.most, func(row db.PaymentsPageRow) PaymentView { return viewPayment(row.Payment, row.Account) },
		func(row db.PaymentsPageRow) cursor { return cursor{List: listPayments, ID: row.Payment.ID} }), nil
}

// lastPayment returns the newest payment of a subscriber; nil for none.
func lastPayment(ctx context.Context, q *db.Queries, subscriber int64) (*PaymentView, error) {
	rows, err := q.PaymentsPage(ctx, db.PaymentsPageParams{SubscriberID: subscriber, Before: math.MaxInt64, Most: 1})
	if err != nil {
		return nil, fmt.Errorf("read the last payment of subscriber %d: %w", subscriber, err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	view := viewPayment(rows[0].Payment, rows[0].Account)
	return &view, nil
}

// Payment returns one payment. What is not there is a [*NotFoundError].
func (s *Service) Payment(ctx context.Context, id int64) (PaymentView, error) {
	q := db.New(s.Pool)
	row, err := s.payment(ctx, q, id)
	if err != nil {
		return PaymentView{}, err
	}
	view := viewPayment(row.Payment, row.Account)
	if row.Payment.SplitAt == nil {
		return view, nil
	}
	if view.Parts, err = q.PartsOf(ctx, id); err != nil {
		return PaymentView{}, fmt.Errorf("read the parts of payment %d: %w", id, err)
	}
	return view, nil
}

func (s *Service) payment(ctx context.Context, q *db.Queries, id int64) (db.PaymentByIDRow, error) {
	row, err := q.PaymentByID(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, missing("payment %d", id)
	}
	if err != nil {
		return row, fmt.Errorf("read payment %d: %w", id, err)
	}
	return row, nil
}

// viewPayment shows a payment; number is empty where it is nobody's.
func viewPayment(p db.Payment, number string) PaymentView {
	view := PaymentView{
		ID: p.ID, Method: p.Provider, Receipt: p.TransactionID, Merchant: p.Merchant,
		Amount:    viewMoney(account.Money{Minor: p.AmountMinor, Currency: p.Currency}),
		Reference: p.Reference, PayerName: p.PayerName, PayerPhone: p.PayerPhone, OccurredAt: p.OccurredAt.UTC(),
		ReceivedAt: p.ReceivedAt.UTC(), Status: paymentUnallocated, Unallocated: p.Unallocated, Subscriber: p.SubscriberID,
		EnteredBy: p.EnteredBy, Reversal: p.ReversalReason, SplitOf: p.SplitOf,
	}
	if number != "" {
		view.Account = &number
	}
	switch {
	case p.ReversedAt != nil:
		view.Status = paymentReversed
	case p.SubscriberID != nil:
		view.Status = paymentCredited
	case p.SplitAt != nil:
		view.Status = paymentSplit
	}
	return view
}

// ReceiptView is what a customer is handed for a payment.
type ReceiptView struct {
	Number  string       `json:"number" example:"R-000123" doc:"Number of this receipt."`
	PaidAt  time.Time    `json:"paid_at"`
	Amount  Money        `json:"amount"`
	Method  string       `json:"method" example:"mpesa" doc:"Kind of the payment source, or cash or bank."`
	Receipt string       `json:"receipt" example:"SKL7X2M4QP" doc:"The provider's transaction id, or the reference that staff entered."`
	Account string       `json:"account" example:"ACC-0042"`
	Name    string       `json:"name" example:"Amina Wanjiru" doc:"Name of the subscriber."`
	Bought  []BoughtView `json:"bought" doc:"What it bought at once; empty when it only added to the balance."`
}

// BoughtView is paid time that a payment bought.
type BoughtView struct {
	Plan        string    `json:"plan" example:"Home 10"`
	Periods     int       `json:"periods" example:"1"`
	Total       Money     `json:"total"`
	PeriodStart time.Time `json:"period_start"`
	PeriodEnd   time.Time `json:"period_end"`
}

// Receipt returns the receipt of a payment. There is none for money that is nobody's or was given back: a
// [*ConflictError].
func (s *Service) Receipt(ctx context.Context, id int64) (ReceiptView, error) {
	q := db.New(s.Pool)
	row, err := s.payment(ctx, q, id)
	if err != nil {
		return ReceiptView{}, err
	}
	p := row.Payment
	switch {
	case p.ReversedAt != nil:
		return ReceiptView{}, conflict("", "payment %d was reversed, so there is no receipt for it", id)
	case p.SplitAt != nil:
		return ReceiptView{}, conflict("", "payment %d was split: there is a receipt for each of its parts", id)
	case p.SubscriberID == nil:
		return ReceiptView{}, conflict("", "payment %d belongs to no account: allocate it first", id)
	}
	view := ReceiptView{
		Number: fmt.Sprintf("R-%06d", p.ID), PaidAt: p.OccurredAt.UTC(), Method: p.Provider, Receipt: p.TransactionID,
		Amount:  viewMoney(account.Money{Minor: p.AmountMinor, Currency: p.Currency}),
		Account: row.Account, Name: row.Name, Bought: []BoughtView{},
	}
	bought, err := q.RenewalsBoughtWith(ctx, db.RenewalsBoughtWithParams{PaymentID: p.ID, Allocation: p.Allocation})
	if err != nil {
		return ReceiptView{}, fmt.Errorf("read what payment %d bought: %w", id, err)
	}
	for _, b := range bought {
		view.Bought = append(view.Bought, BoughtView{
			Plan: b.Plan.Name, Periods: int(b.Periods), Total: viewMoney(account.Money{Minor: -b.AmountMinor, Currency: b.Currency}),
			PeriodStart: b.PeriodStart.UTC(), PeriodEnd: b.PeriodEnd.UTC(),
		})
	}
	return view, nil
}

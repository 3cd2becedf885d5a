package console

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"qserve/db"
)

// The lists behind counts of the home page, as their cursors name them.
const (
	listReceived    = "received"
	listUnconfirmed = "unconfirmed"
)

// PaymentsReceived returns the money that came in on a day of the provider (2026-03-10) and was not reversed, newest
// first: what HomeView.PaymentsToday counts. Of a payment that was split it has the parts. Its errors are [*FieldError].
func (s *Service) PaymentsReceived(ctx context.Context, day, at string, limit int) (Page[PaymentView], error) {
	before, most, err := part(listReceived, at, limit)
	if err != nil {
		return Page[PaymentView]{}, err
	}
	midnight, err := time.ParseInLocation(time.DateOnly, day, s.Zone)
	if err != nil {
		return Page[PaymentView]{}, bad("day", "must be a day such as 2026-03-10")
	}
	rows, err := db.New(plannedAnew{s.Pool}).PaymentsReceived(ctx, db.PaymentsReceivedParams{
		Since: midnight, Until: midnight.AddDate(0, 0, 1), Before: before, Most: asked(most),
	})
	if err != nil {
		return Page[PaymentView]{}, fmt.Errorf("read the payments of %s: %w", day, err)
	}
	return pageOf(rows, most, func(row db.PaymentsReceivedRow) PaymentView { return viewPayment(row.Payment, row.Account) },
		func(row db.PaymentsReceivedRow) cursor { return cursor{List: listReceived, ID: row.Payment.ID} }), nil
}

// PaymentsCSV writes the payments that fit a query, or with a day those of PaymentsReceived, newest first, in times of the
// provider's zone. Its errors are [*FieldError] before anything is written.
func (s *Service) PaymentsCSV(ctx context.Context, day string, p PaymentQuery, w io.Writer) error {
	sheet := newSheet(w, s.Zone)
	p.Limit = maxPage
	for begun := false; ; begun = true {
		page, err := s.paymentsOrDay(ctx, day, p)
		if err != nil {
			return err
		}
		if !begun {
			sheet.row("id", "receipt", "method", "merchant", "amount", "currency", "status", "account", "reference", "payer", "phone",
				"paid_at", "received_at", "entered_by", "why")
		}
		for _, v := range page.Items {
			account, why := "", v.Unallocated+v.Reversal
			if v.Account != nil {
				account = *v.Account
			}
			sheet.row(strconv.FormatInt(v.ID, 10), v.Receipt, v.Method, v.Merchant, v.Amount.Amount, v.Amount.Currency, v.Status, account, v.Reference,
				v.PayerName, v.PayerPhone, sheet.time(v.OccurredAt), sheet.time(v.ReceivedAt), v.EnteredBy, why)
		}
		if page.Next == "" || sheet.err != nil {
			return sheet.end()
		}
		p.Cursor = page.Next
	}
}

func (s *Service) paymentsOrDay(ctx context.Context, day string, p PaymentQuery) (Page[PaymentView], error) {
	if day != "" {
		return s.PaymentsReceived(ctx, day, p.Cursor, p.Limit)
	}
	return s.Payments(ctx, p)
}

// PaidWaitingView is an account that paid and whose router has not confirmed yet what the payment changed.
type PaidWaitingView struct {
	Account   string
	Name      string
	Router    string
	Username  string // PPPoE user name that the router has not confirmed
	Since     time.Time
	Attempts  int // how often it was tried in vain
	NextTryAt *time.Time
	LastError string
}

// PaidUnconfirmed lists who paid and waits for a router, the longest first: whom HomeView.PaidUnconfirmed counts. Its
// errors are [*FieldError] where the input is wrong.
func (s *Service) PaidUnconfirmed(ctx context.Context, at string, limit int) (Page[PaidWaitingView], error) {
	most, err := pageSize(limit)
	if err != nil {
		return Page[PaidWaitingView]{}, err
	}
	after, err := readCursor(at, listUnconfirmed)
	if err != nil {
		return Page[PaidWaitingView]{}, err
	}
	rows, err := db.New(s.Pool).PaidUnconfirmedPage(ctx, db.PaidUnconfirmedPageParams{After: after.ID, Most: asked(most), Looked: lookedThrough})
	if err != nil {
		return Page[PaidWaitingView]{}, fmt.Errorf("read who paid and waits for a router: %w", err)
	}
	return pageOf(rows, most, func(row db.PaidUnconfirmedPageRow) PaidWaitingView {
		return PaidWaitingView{
			Account: row.Account, Name: row.Name, Router: row.Router, Username: row.Username, Since: row.AcceptedAt.UTC(),
			Attempts: int(row.Attempts), NextTryAt: utc(row.NextTryAt), LastError: row.LastError,
		}
	}, func(row db.PaidUnconfirmedPageRow) cursor { return cursor{List: listUnconfirmed, ID: row.ActionID} }), nil
}

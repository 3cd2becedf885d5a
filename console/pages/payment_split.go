package pages

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"qserve/account"
	"qserve/console"
)

// splitRows is for how many accounts the form has lines.
const splitRows = 4

// splitForm is the form that makes several payments of one.
type splitForm struct {
	moneyForm
	Payment paymentRow
	Rows    []splitRow
	Left    *console.Money // of the payment, in no part yet; nil when that cannot be told
	Over    bool           // the parts are more than the payment, by Left
}

// splitRow is one line of the form.
type splitRow struct {
	N               int
	Account, Amount string
	Field, Problem  string
	Preview         *console.PreviewView
}

func (row splitRow) empty() bool { return row.Account == "" && row.Amount == "" }

// parts are the lines that are filled in, and from which line each is.
func (f splitForm) parts() (parts []console.SplitPart, lines []int) {
	for i, row := range f.Rows {
		if !row.empty() {
			parts, lines = append(parts, console.SplitPart{Account: row.Account, Amount: row.Amount}), append(lines, i)
		}
	}
	return parts, lines
}

func (s *server) askSplit(w http.ResponseWriter, r *http.Request) {
	f, err := s.splitOf(r, newMoneyForm())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.showSplit(w, r, http.StatusOK, f)
}

func (s *server) showSplit(w http.ResponseWriter, r *http.Request, status int, f splitForm) {
	s.show(w, r, status, "payment-split", page{Title: "Split a payment", Nav: "payments", Data: f})
}

// splitOf reads the payment, and the lines of the form.
func (s *server) splitOf(r *http.Request, sent moneyForm) (splitForm, error) {
	f := splitForm{moneyForm: sent}
	id, err := paymentID(r)
	if err == nil {
		f.Payment.PaymentView, err = s.Service.Payment(r.Context(), id)
	}
	accounts, amounts := sent.Values["account"], sent.Values["amount"]
	for i := range min(max(splitRows, len(accounts), len(amounts)), 20) {
		row := splitRow{N: i + 1}
		if i < len(accounts) {
			row.Account = strings.TrimSpace(accounts[i])
		}
		if i < len(amounts) {
			row.Amount = strings.TrimSpace(amounts[i])
		}
		f.Rows = append(f.Rows, row)
	}
	return f, err
}

func (s *server) sentSplit(r *http.Request) (splitForm, error) {
	sent, err := sentMoney(r)
	if err != nil {
		return splitForm{}, err
	}
	return s.splitOf(r, sent)
}

func (s *server) previewSplit(w http.ResponseWriter, r *http.Request) {
	f, err := s.sentSplit(r)
	if err == nil {
		err = s.tryParts(r.Context(), &f)
	}
	switch {
	case err != nil:
		s.fail(w, r, err)
	case isPart(r):
		s.part(w, r, http.StatusOK, "payment-split", "outcome", f)
	default:
		s.showSplit(w, r, http.StatusOK, f)
	}
}

// tryParts adds to each line what its part would come to, or what is wrong with it.
func (s *server) tryParts(ctx context.Context, f *splitForm) error {
	for i := range f.Rows {
		row := &f.Rows[i]
		if row.Account == "" || row.Amount == "" {
			continue
		}
		preview, err := s.Service.PreviewPayment(ctx, row.Account, row.Amount)
		wrong := moneyForm{}
		if err == nil {
			row.Preview = &preview
		} else if !wrong.refused(err) {
			return err
		}
		row.Field, row.Problem = wrong.Field, wrong.Problem
	}
	f.addUp()
	return nil
}

// addUp says what is in no part yet.
func (f *splitForm) addUp() {
	left, err := account.ParseMoney(f.Payment.Amount.Amount, f.Payment.Amount.Currency)
	if err != nil {
		return
	}
	for _, row := range f.Rows {
		if row.Amount == "" {
			continue
		}
		amount, err := account.ParseMoney(row.Amount, left.Currency)
		if err != nil || amount.Minor < 0 {
			return
		}
		left.Minor -= amount.Minor
	}
	if left.Minor < 0 {
		left.Minor, f.Over = -left.Minor, true
	}
	f.Left = &console.Money{Amount: left.Decimal(), Currency: left.Currency}
}

// AddsUp reports whether nothing is left and nothing is too much.
func (f splitForm) AddsUp() bool { return f.Left != nil && strings.Trim(f.Left.Amount, "0.") == "" }

// split makes the parts, and leads to the page of the whole, which lists them.
func (s *server) split(w http.ResponseWriter, r *http.Request) {
	f, err := s.sentSplit(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	parts, lines := f.parts()
	made, err := s.Service.Split(r.Context(), s.by(r), f.Payment.ID, parts)
	if err == nil {
		for _, p := range made {
			if p.Action != nil {
				visit(r).action = p.Action.ID
			}
		}
		s.done(w, r, paymentPath(f.Payment.ID), "The payment is split. Its parts are on their way to their accounts.")
		return
	}
	if !f.refused(err) {
		s.fail(w, r, err)
		return
	}
	f.blame(lines)
	s.showSplit(w, r, http.StatusUnprocessableEntity, f)
}

// blame brings what is wrong with a part (parts[1].amount) to its line.
func (f *splitForm) blame(lines []int) {
	var part int
	var field string
	if _, err := fmt.Sscanf(f.Field, "parts[%d].%s", &part, &field); err != nil || part < 0 || part >= len(lines) {
		return
	}
	row := &f.Rows[lines[part]]
	row.Field, row.Problem = field, f.Problem
	f.Field, f.Problem = "", ""
}

package pages

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"qserve/console"
)

// newPayment is the form by which staff enter money that they took.
type newPayment struct {
	moneyForm
	Sub *console.SubscriberView // whose account is typed; nil: nobody's yet
}

// Ways are how money reaches staff.
func (newPayment) Ways() []choice { return []choice{{"cash", way("cash")}, {"bank", way("bank")}} }

func (s *server) askNewPayment(w http.ResponseWriter, r *http.Request) {
	f := newPayment{moneyForm: newMoneyForm()}
	f.Values.Set("account", r.URL.Query().Get("account"))
	f.Values.Set("method", "cash")
	if err := s.prefill(r.Context(), &f); err != nil {
		s.fail(w, r, err)
		return
	}
	s.showNewPayment(w, r, http.StatusOK, f)
}

func (s *server) showNewPayment(w http.ResponseWriter, r *http.Request, status int, f newPayment) {
	s.show(w, r, status, "payment-new", page{Title: "Enter a payment", Nav: "payments", Data: f})
}

// prefill takes the price of the next period for the amount.
func (s *server) prefill(ctx context.Context, f *newPayment) error {
	if err := s.payee(ctx, f); err != nil || f.Sub == nil {
		return err
	}
	name := f.Sub.Plan
	if f.Sub.NextPlan != nil {
		name = *f.Sub.NextPlan
	}
	plan, err := s.Service.Offer(ctx, name)
	if err != nil {
		return err
	}
	whole, decimals, _ := strings.Cut(plan.Price.Amount, ".")
	if strings.Trim(decimals, "0") != "" {
		whole = plan.Price.Amount
	}
	f.Values.Set("amount", whole)
	return s.tryMoney(ctx, f)
}

// payee finds whose account is typed.
func (s *server) payee(ctx context.Context, f *newPayment) error {
	account := strings.TrimSpace(f.Value("account"))
	if account == "" {
		return nil
	}
	sub, err := s.Service.Subscriber(ctx, account)
	if err == nil {
		f.Sub = &sub
	} else if !f.refused(err) {
		return err
	}
	return nil
}

// tryMoney adds what the money would come to on the account, or why it would not.
func (s *server) tryMoney(ctx context.Context, f *newPayment) error {
	if f.Sub == nil || strings.TrimSpace(f.Value("amount")) == "" {
		return nil
	}
	preview, err := s.Service.PreviewPayment(ctx, f.Sub.Account, f.Value("amount"))
	if err == nil {
		f.Preview = &preview
	} else if !f.refused(err) {
		return err
	}
	return nil
}

func (s *server) previewNewPayment(w http.ResponseWriter, r *http.Request) {
	sent, err := sentMoney(r)
	f := newPayment{moneyForm: sent}
	if err == nil {
		err = s.payee(r.Context(), &f)
	}
	if err == nil {
		err = s.tryMoney(r.Context(), &f)
	}
	switch {
	case err != nil:
		s.fail(w, r, err)
	case isPart(r):
		s.part(w, r, http.StatusOK, "payment-new", "outcome", f)
	default:
		s.showNewPayment(w, r, http.StatusOK, f)
	}
}

// enterPayment stores the money, and leads to the profile of whom it is for, or else to its own page.
func (s *server) enterPayment(w http.ResponseWriter, r *http.Request) {
	sent, err := sentMoney(r)
	f := newPayment{moneyForm: sent}
	if err == nil {
		err = s.payee(r.Context(), &f)
	}
	if err == nil && f.Problem != "" {
		s.showNewPayment(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	n := console.NewPayment{Amount: f.Value("amount"), Method: f.Value("method"), Reference: f.Value("reference")}
	to := ""
	if f.Sub != nil {
		n.Subscriber, to = f.Sub.Account, "/customers/"+url.PathEscape(f.Sub.Account)
	}
	var entered console.EnteredPayment
	if err == nil {
		entered, err = s.Service.EnterPayment(r.Context(), s.by(r), n)
	}
	if err == nil {
		if entered.Action != nil {
			visit(r).action = entered.Action.ID
		}
		if to == "" {
			s.done(w, r, paymentPath(entered.Payment.ID), "The payment is entered, and waits for its account.")
			return
		}
		s.done(w, r, to, "")
		return
	}
	if !f.refused(err) {
		s.fail(w, r, err)
		return
	}
	if f.Field != "amount" {
		wrong := f.moneyForm
		if err := s.tryMoney(r.Context(), &f); err != nil {
			s.fail(w, r, err)
			return
		}
		f.Field, f.Problem = wrong.Field, wrong.Problem
	}
	s.showNewPayment(w, r, http.StatusUnprocessableEntity, f)
}

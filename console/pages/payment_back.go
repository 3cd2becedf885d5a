package pages

import (
	"net/http"
	"net/url"

	"qserve/console"
)

// takeBack is a way of taking a payment back: a dialog over its page, or a page of its own.
type takeBack struct {
	name     string // in the address
	question string
	button   string
	hint     string // of the reason
	told     string // when it is done and there is no account to look at
	danger   bool
	required bool // whether there has to be a reason
}

var takeBacks = []takeBack{
	{
		name: "reverse", question: "Reverse this payment for good?", button: "Reverse the payment", danger: true, required: true,
		hint: "Because the provider took the money back, or because it was never paid. It stands in the history.", told: "The payment is reversed.",
	},
	{
		name: "unallocate", question: "Take this payment back from its account?", button: "Take the payment back",
		hint: "For the history, for example whose money it is.", told: "The payment is taken back.",
	},
}

// backForm is the form of taking a payment back.
type backForm struct {
	moneyForm
	takeBack
	Payment paymentRow
}

// The template reads what takes a payment back.

// Name is in the address.
func (f backForm) Name() string { return f.name }

// Question is the concrete one.
func (f backForm) Question() string { return f.question }

// Button repeats the verb.
func (f backForm) Button() string { return f.button }

// Hint says what the reason is for.
func (f backForm) Hint() string { return f.hint }

// Danger reports whether it is for good.
func (f backForm) Danger() bool { return f.danger }

// Required reports whether there has to be a reason.
func (f backForm) Required() bool { return f.required }

func (s *server) askTakeBack(t takeBack) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f := backForm{moneyForm: newMoneyForm(), takeBack: t}
		s.showTakeBack(w, r, http.StatusOK, f)
	}
}

// showTakeBack shows the form with what the account would lose.
func (s *server) showTakeBack(w http.ResponseWriter, r *http.Request, status int, f backForm) {
	id, err := paymentID(r)
	if err == nil {
		f.Payment.PaymentView, err = s.Service.Payment(r.Context(), id)
	}
	if err == nil && f.Payment.Account != nil {
		var preview console.PreviewView
		if preview, err = s.Service.PreviewTakeBack(r.Context(), id); err == nil {
			f.Preview = &preview
		} else if _, text, ok := refusal(err); ok {
			err = nil
			if f.Problem == "" {
				f.Problem = text
			}
		}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, status, "payment-back", page{Title: f.question, Nav: "payments", Data: f})
}

func (s *server) takeBack(t takeBack) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sent, err := sentMoney(r)
		id := int64(0)
		if err == nil {
			id, err = paymentID(r)
		}
		var before console.PaymentView
		if err == nil {
			before, err = s.Service.Payment(r.Context(), id)
		}
		var action *console.ActionView
		if err == nil && t.name == "reverse" {
			var entered console.EnteredPayment
			entered, err = s.Service.ReversePayment(r.Context(), s.by(r), id, sent.Value("reason"))
			action = entered.Action
		} else if err == nil {
			var view console.ActionView
			view, err = s.Service.Unallocate(r.Context(), s.by(r), id, sent.Value("reason"))
			action = &view
		}
		f := backForm{moneyForm: sent, takeBack: t}
		switch {
		case err != nil && f.refused(err):
			s.showTakeBack(w, r, http.StatusUnprocessableEntity, f)
		case err != nil:
			s.fail(w, r, err)
		case action != nil && before.Account != nil:
			visit(r).action = action.ID
			s.done(w, r, "/customers/"+url.PathEscape(*before.Account), "")
		default:
			s.done(w, r, paymentPath(id), t.told)
		}
	}
}

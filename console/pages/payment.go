package pages

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"qserve/console"
)

// paymentPage is everything that the page of a payment shows.
type paymentPage struct {
	paymentRow
	moneyForm // of the allocation to any account
	Receipt   *console.ReceiptView
	Pieces    []paymentRow // what it was split into
	Offers    []offer
}

// offer is an account that an unallocated payment may be for.
type offer struct {
	console.Suggestion
	Key     string
	Preview *console.PreviewView
	Problem string // why it cannot be given to the account
}

// moneyForm is a form about money.
type moneyForm struct {
	Values         url.Values
	Key            string // names the request, so that sending it twice moves money once
	Field, Problem string // what is wrong with which field; an empty field is about all of it
	Preview        *console.PreviewView
}

// Value is what a field holds.
func (f moneyForm) Value(name string) string { return f.Values.Get(name) }

// Is reports whether a choice is taken.
func (f moneyForm) Is(name, value string) bool { return f.Values.Get(name) == value }

func newMoneyForm() moneyForm { return moneyForm{Values: url.Values{}, Key: rand.Text()} }

// sentMoney reads a form about money as it was sent.
func sentMoney(r *http.Request) (moneyForm, error) {
	f := newMoneyForm()
	if err := r.ParseForm(); err != nil {
		return f, &console.FieldError{Field: "form", Problem: "cannot be read"}
	}
	f.Values = r.PostForm
	if key := r.PostForm.Get("key"); key != "" {
		f.Key = key
	}
	return f, nil
}

// refused notes in the form what a person can mend, and reports whether that is all that is wrong. An account that is not
// there is a wrong account: the payment is.
func (f *moneyForm) refused(err error) bool {
	if missing, ok := errors.AsType[*console.NotFoundError](err); ok && strings.Contains(missing.What, "account") {
		f.Field, f.Problem = "account", missing.Error()
		return true
	}
	field, text, ok := refusal(err)
	if field == "subscriber" {
		field = "account"
	}
	if ok {
		f.Field, f.Problem = field, text
	}
	return ok
}

func paymentPath(id int64) string { return "/payments/" + strconv.FormatInt(id, 10) }

func (s *server) payment(w http.ResponseWriter, r *http.Request) {
	f := newMoneyForm()
	f.Values.Set("account", r.URL.Query().Get("account"))
	s.showPayment(w, r, http.StatusOK, f)
}

// showPayment shows the page of a payment, with the form of its allocation.
func (s *server) showPayment(w http.ResponseWriter, r *http.Request, status int, f moneyForm) {
	p, err := s.readPayment(r, f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, status, "payment", page{Title: "Payment " + p.PaymentView.Receipt, Nav: "payments", Data: p})
}

func (s *server) readPayment(r *http.Request, f moneyForm) (paymentPage, error) {
	p := paymentPage{moneyForm: f}
	ctx := r.Context()
	id, err := paymentID(r)
	if err == nil {
		p.PaymentView, err = s.Service.Payment(ctx, id)
	}
	if err != nil {
		return p, err
	}
	switch p.Status {
	case "credited":
		var receipt console.ReceiptView
		if receipt, err = s.Service.Receipt(ctx, id); err == nil {
			p.Receipt = &receipt
		}
	case "split":
		p.Pieces, err = s.pieces(ctx, p.Parts)
	case "unallocated":
		if me(r).May(console.ScopePayments) {
			if p.Offers, err = s.offers(ctx, id); err == nil && p.Problem == "" {
				err = s.tryAccount(ctx, id, &p.moneyForm)
			}
		}
	}
	return p, err
}

// offers are the accounts that a payment may be for, each with what it would come to there.
func (s *server) offers(ctx context.Context, payment int64) ([]offer, error) {
	found, err := s.Service.Suggestions(ctx, payment)
	if err != nil {
		return nil, err
	}
	offers := make([]offer, 0, len(found))
	for _, suggestion := range found {
		o := offer{Suggestion: suggestion, Key: rand.Text()}
		preview, err := s.Service.PreviewAllocation(ctx, payment, suggestion.Subscriber.Account)
		if _, text, ok := refusal(err); ok {
			o.Problem = text
		} else if err != nil {
			return nil, err
		} else {
			o.Preview = &preview
		}
		offers = append(offers, o)
	}
	return offers, nil
}

// pieces are the parts of a payment that was split.
func (s *server) pieces(ctx context.Context, parts []int64) ([]paymentRow, error) {
	rows := make([]paymentRow, 0, len(parts))
	for _, id := range parts {
		p, err := s.Service.Payment(ctx, id)
		if err != nil {
			return nil, err
		}
		rows = append(rows, paymentRow{p})
	}
	return rows, nil
}

// tryAccount adds to the form what the payment would come to on the account that is typed in it, or why it would not.
func (s *server) tryAccount(ctx context.Context, payment int64, f *moneyForm) error {
	account := strings.TrimSpace(f.Value("account"))
	if account == "" {
		return nil
	}
	preview, err := s.Service.PreviewAllocation(ctx, payment, account)
	if err == nil {
		f.Preview = &preview
	} else if !f.refused(err) {
		return err
	}
	return nil
}

func (s *server) previewAllocation(w http.ResponseWriter, r *http.Request) {
	f, err := sentMoney(r)
	id := int64(0)
	if err == nil {
		id, err = paymentID(r)
	}
	if err == nil {
		err = s.tryAccount(r.Context(), id, &f)
	}
	switch {
	case err != nil:
		s.fail(w, r, err)
	case isPart(r):
		s.part(w, r, http.StatusOK, "payment", "buys", f)
	default:
		s.showPayment(w, r, http.StatusOK, f)
	}
}

// allocate gives the payment to an account, and leads to its profile, where the action's card shows.
func (s *server) allocate(w http.ResponseWriter, r *http.Request) {
	f, err := sentMoney(r)
	id := int64(0)
	if err == nil {
		id, err = paymentID(r)
	}
	account := strings.TrimSpace(f.Value("account"))
	if err == nil && account == "" {
		err = &console.FieldError{Field: "account", Problem: "is missing"}
	}
	var action console.ActionView
	if err == nil {
		action, err = s.Service.Allocate(r.Context(), s.by(r), id, account)
	}
	var sub console.SubscriberView
	if err == nil {
		visit(r).action = action.ID
		sub, err = s.Service.Subscriber(r.Context(), account)
	}
	switch {
	case err == nil:
		s.done(w, r, "/customers/"+url.PathEscape(sub.Account), "")
	case f.refused(err):
		s.showPayment(w, r, http.StatusUnprocessableEntity, f)
	default:
		s.fail(w, r, err)
	}
}

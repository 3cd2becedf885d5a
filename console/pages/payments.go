package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

func (s *server) paymentRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeRead))
		r.Get("/payments", s.payments)
		r.Get("/payments.csv", s.paymentsCSV)
		r.Get("/payments/unconfirmed", s.paidUnconfirmed)
		r.Get("/payments/{id}", s.payment)
		r.Get("/payments/{id}/receipt", s.receipt)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopePayments))
		r.Get("/payments/new", s.askNewPayment)
		r.Post("/payments/new", s.enterPayment)
		r.Post("/payments/new/preview", s.previewNewPayment)
		r.Get("/payments/{id}/allocate", s.payment)
		r.Post("/payments/{id}/allocate", s.allocate)
		r.Post("/payments/{id}/allocate/preview", s.previewAllocation)
		r.Get("/payments/{id}/split", s.askSplit)
		r.Post("/payments/{id}/split", s.split)
		r.Post("/payments/{id}/split/preview", s.previewSplit)
		for _, t := range takeBacks {
			r.Get("/payments/{id}/"+t.name, s.askTakeBack(t))
			r.Post("/payments/{id}/"+t.name, s.takeBack(t))
		}
	})
}

// paymentRow is a payment as the pages tell it.
type paymentRow struct{ console.PaymentView }

// Way is how the money came, in people's words.
func (p paymentRow) Way() string { return way(p.Method) }

// EnteredName is who entered it by hand; empty: a provider told of it.
func (p paymentRow) EnteredName() string { return strings.TrimPrefix(p.EnteredBy, "staff ") }

func way(method string) string {
	switch method {
	case "mpesa":
		return "M-Pesa"
	case "cash":
		return "Cash"
	case "bank":
		return "Bank transfer"
	case "standard":
		return "Payment provider"
	}
	return method
}

// paymentList is the page of payments.
type paymentList struct {
	Query            console.PaymentQuery
	Day              time.Time // the list is that of a day; zero: of all
	Rows             []paymentRow
	First, Following string // addresses
	CSV              string
}

// paymentStatuses are the chips of the list.
var paymentStatuses = []choice{{"", "All"}, {"unallocated", "Unallocated"}, {"credited", "Credited"}, {"reversed", "Reversed"}, {"split", "Split"}}

// Statuses are what the list can be narrowed to.
func (paymentList) Statuses() []choice { return paymentStatuses }

// listAsked reads what the address of a list asks for.
func listAsked(values url.Values) (day string, q console.PaymentQuery) {
	return values.Get("day"), console.PaymentQuery{
		Q: strings.TrimSpace(values.Get("q")), Status: values.Get("status"), Cursor: values.Get("cursor"),
	}
}

func (s *server) payments(w http.ResponseWriter, r *http.Request) {
	day, q := listAsked(r.URL.Query())
	list := paymentList{Query: q}
	var found console.Page[console.PaymentView]
	var err error
	if day != "" {
		list.Query.Q, list.Query.Status = "", ""
		if found, err = s.Service.PaymentsReceived(r.Context(), day, q.Cursor, 0); err == nil {
			list.Day, err = time.ParseInLocation(time.DateOnly, day, s.words.zone)
		}
	} else {
		found, err = s.Service.Payments(r.Context(), q)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for _, p := range found.Items {
		list.Rows = append(list.Rows, paymentRow{p})
	}
	list.First, list.CSV = list.address("/payments", ""), list.address("/payments.csv", "")
	if found.Next != "" {
		list.Following = list.address("/payments", found.Next)
	}
	s.show(w, r, http.StatusOK, "payments", page{Title: "Payments", Nav: "payments", Data: list})
}

// address is that of the list with another cursor.
func (l paymentList) address(path, cursor string) string {
	values := url.Values{}
	for name, value := range map[string]string{"q": l.Query.Q, "status": l.Query.Status, "cursor": cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if !l.Day.IsZero() {
		values.Set("day", l.Day.Format(time.DateOnly))
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// With is the address of the list with another status, of all days.
func (l paymentList) With(status string) string {
	l.Query.Status, l.Day = status, time.Time{}
	return l.address("/payments", "")
}

func (s *server) paymentsCSV(w http.ResponseWriter, r *http.Request) {
	day, q := listAsked(r.URL.Query())
	q.Cursor = ""
	out := &firstByte{to: w}
	err := s.Service.PaymentsCSV(r.Context(), day, q, out)
	switch {
	case err != nil && !out.written:
		s.fail(w, r, err)
	case err != nil:
		s.log.Warn("a sheet is not whole", "error", err)
		panic(http.ErrAbortHandler)
	}
}

// firstByte says that a sheet follows when the first of it is there: until then there may be an error to show.
type firstByte struct {
	to      http.ResponseWriter
	written bool
}

func (f *firstByte) Write(text []byte) (int, error) {
	if !f.written {
		f.written = true
		f.to.Header().Set("Content-Type", "text/csv; charset=utf-8")
		f.to.Header().Set("Content-Disposition", `attachment; filename="payments.csv"`)
	}
	return f.to.Write(text)
}

// waitingList is the page of those who paid and wait for a router.
type waitingList struct {
	console.Page[console.PaidWaitingView]
	Cursor, Following string
}

func (s *server) paidUnconfirmed(w http.ResponseWriter, r *http.Request) {
	list := waitingList{Cursor: r.URL.Query().Get("cursor")}
	var err error
	if list.Page, err = s.Service.PaidUnconfirmed(r.Context(), list.Cursor, 0); err != nil {
		s.fail(w, r, err)
		return
	}
	if list.Next != "" {
		list.Following = "/payments/unconfirmed?" + url.Values{"cursor": {list.Next}}.Encode()
	}
	s.show(w, r, http.StatusOK, "unconfirmed", page{Title: "Paid, not confirmed", Nav: "payments", Data: list})
}

// paymentID reads which payment an address is about.
func paymentID(r *http.Request) (int64, error) {
	text := chi.URLParam(r, "id")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, &console.NotFoundError{What: "payment " + strconv.Quote(text)}
	}
	return id, nil
}

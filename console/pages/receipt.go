package pages

import (
	"net/http"
	"time"

	"qserve/console"
)

// receiptPage is what a customer is handed for a payment.
type receiptPage struct {
	console.ReceiptView
	ID    int64
	words words
}

// Way is how the money came, in people's words.
func (p receiptPage) Way() string { return way(p.Method) }

// On writes an instant for paper, which is read on another day.
func (p receiptPage) On(t time.Time) string {
	return p.words.date(t, t.AddDate(-1, 0, 0)) + ", " + t.In(p.words.zone).Format(p.words.clock)
}

func (s *server) receipt(w http.ResponseWriter, r *http.Request) {
	id, err := paymentID(r)
	var view console.ReceiptView
	if err == nil {
		view, err = s.Service.Receipt(r.Context(), id)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, "receipt", page{Title: "Receipt " + view.Number, Nav: "payments", Data: receiptPage{view, id, s.words}})
}

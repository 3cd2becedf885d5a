package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

func (s *server) deliveryRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeAdmin, console.ScopeOps))
		r.Get("/deliveries", s.deliveries)
		r.Get("/deliveries/{id}", s.delivery)
		r.Post("/deliveries/{id}/retry", s.retryDelivery)
	})
}

// deliveryRow is a webhook with what came of it.
type deliveryRow struct {
	console.DeliveryView
	Outcome light
}

// Ended is when nothing came of it, and it can be processed again.
func (d deliveryRow) Ended() bool { return d.State == "failed" || d.State == "ignored" }

func rowOf(v console.DeliveryView) deliveryRow { return deliveryRow{v, outcome(v)} }

// outcome is what came of a webhook, in words.
func outcome(d console.DeliveryView) light {
	switch d.State {
	case "received":
		l := light{Word: "Waiting", Shape: "clock", Class: "warn", Detail: "it is processed within moments"}
		if d.Problem != "" {
			l.Detail = fmt.Sprintf("tried %s: %s; it is tried again by itself", plural(int64(d.Attempts), "time"), d.Problem)
		}
		return l
	case "ignored":
		return light{Word: "Ignored", Shape: "circle-dashed", Detail: d.Problem}
	case "failed":
		return light{Word: "Failed", Shape: "circle-x", Class: "bad", Detail: d.Problem}
	}
	l := light{Word: "Processed", Shape: "circle-check", Class: "ok"}
	switch {
	case d.Repeats != "":
		l.Detail = "it tells again of " + d.Repeats + ", which was known"
	case len(d.Payments) == 0:
		l.Detail = "it told of no new payment"
	}
	return l
}

// deliveryStates are what the list can be narrowed to.
var deliveryStates = []choice{{"", "All"}, {"received", "Waiting"}, {"processed", "Processed"}, {"ignored", "Ignored"}, {"failed", "Failed"}}

// deliveryList is the page of webhooks.
type deliveryList struct {
	Query            console.DeliveryQuery
	States           []choice
	Sources          []string
	Rows             []deliveryRow
	First, Following string
}

func (s *server) deliveries(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	list := deliveryList{
		Query:  console.DeliveryQuery{Source: values.Get("source"), State: values.Get("state"), Cursor: values.Get("cursor")},
		States: deliveryStates,
	}
	found, err := s.Service.Deliveries(r.Context(), list.Query)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for _, v := range found.Items {
		list.Rows = append(list.Rows, rowOf(v))
	}
	// Only the names: whoever knows a source's addresses can send payments.
	sources, err := s.Service.Sources(r.Context(), true)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for _, source := range sources {
		list.Sources = append(list.Sources, source.Name)
	}
	list.First = list.address("")
	if found.Next != "" {
		list.Following = list.address(found.Next)
	}
	s.show(w, r, http.StatusOK, "deliveries", page{Title: "Deliveries", Nav: "deliveries", Data: list})
}

func (l deliveryList) address(cursor string) string {
	return deliveriesPath(l.Query.Source, l.Query.State, cursor)
}

// With is the address of the list with another state.
func (l deliveryList) With(state string) string { return deliveriesPath(l.Query.Source, state, "") }

func deliveriesPath(source, state, cursor string) string {
	values := url.Values{}
	for name, value := range map[string]string{"source": source, "state": state, "cursor": cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return "/deliveries"
	}
	return "/deliveries?" + values.Encode()
}

// deliveryPage is the page of one webhook.
type deliveryPage struct {
	deliveryRow
	// Text is its body, for those who may see it.
	Text string
}

func (s *server) delivery(w http.ResponseWriter, r *http.Request) {
	id, err := deliveryID(r)
	var v console.DeliveryView
	if err == nil {
		v, err = s.Service.Delivery(r.Context(), id)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	p := deliveryPage{deliveryRow: rowOf(v)}
	if me(r).May(console.ScopeAdmin) {
		p.Text = readable(v.Body)
	}
	p.Body = ""
	s.show(w, r, http.StatusOK, "delivery", page{Title: fmt.Sprintf("Delivery %d", id), Nav: "deliveries", Data: p})
}

func deliveryID(r *http.Request) (int64, error) {
	text := chi.URLParam(r, "id")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, &console.NotFoundError{What: "delivery " + strconv.Quote(text)}
	}
	return id, nil
}

// maxLaidOut bounds what laying a body out may come to, in lines times their depth: whoever sends webhooks chooses both.
const maxLaidOut = 1 << 19

// readable lays JSON out in lines, and leaves everything else as it came.
func readable(body string) string {
	depth := strings.Count(body, "{") + strings.Count(body, "[")
	lines := 2*depth + strings.Count(body, ",")
	var laid bytes.Buffer
	if depth*lines > maxLaidOut || json.Indent(&laid, []byte(body), "", "  ") != nil {
		return body
	}
	return laid.String()
}

// retryDelivery has a webhook processed again that nothing came of.
func (s *server) retryDelivery(w http.ResponseWriter, r *http.Request) {
	id, err := deliveryID(r)
	if err == nil {
		err = s.Service.RetryDelivery(r.Context(), s.by(r), id)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	to := fmt.Sprintf("/deliveries/%d", id)
	if r.PostFormValue("to") != "" {
		to = ownPath(r.PostFormValue("to"))
	}
	s.done(w, r, to, fmt.Sprintf("Delivery %d is being processed again.", id))
}

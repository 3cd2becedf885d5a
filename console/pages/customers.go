package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

func (s *server) customerRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeRead))
		r.Get("/search", s.search)
		r.Get("/customers", s.customers)
		r.Get("/customers/{ref}", s.profile)
		r.Get("/customers/{ref}/live", s.live)
		r.Get("/customers/{ref}/activity.csv", s.activityCSV)
	})
	s.verbRoutes(r)
	s.actionRoutes(r)
}

// suggested is how many hits are shown while typing.
const suggested = 8

// hits are what a search found.
type hits struct {
	Q         string
	Customers console.Page[console.SubscriberView]
	Payments  []console.PaymentView
	All       string // address of all hits
}

// search answers while somebody types.
func (s *server) search(w http.ResponseWriter, r *http.Request) {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	found := hits{Q: q, All: "/customers?" + url.Values{"q": {q}}.Encode()}
	if q != "" {
		var err error
		if found.Customers, err = s.Service.Find(r.Context(), console.FindQuery{Q: q, Limit: suggested}); err == nil {
			found.Payments, err = s.paymentsFor(r, q)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
	}
	s.part(w, r, http.StatusOK, "customers", "found", found)
}

// paymentsFor finds payments by their receipt number, or the account that was typed for them, which no search for
// customers finds: those that are nobody's.
func (s *server) paymentsFor(r *http.Request, q string) ([]console.PaymentView, error) {
	page, err := s.Service.Payments(r.Context(), console.PaymentQuery{Q: q, Status: "unallocated", Limit: suggested})
	return page.Items, err
}

// customerList is the page of customers.
type customerList struct {
	hits
	Query            console.FindQuery
	Plans            []console.Offer
	Routers          []string
	Statuses         []string
	Days             []int
	First, Following string // addresses
}

func (s *server) customers(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	days, _ := strconv.Atoi(values.Get("expiring"))
	list := customerList{
		Query: console.FindQuery{
			Q: strings.TrimSpace(values.Get("q")), Status: values.Get("status"), Plan: values.Get("plan"), Router: values.Get("router"),
			ExpiringDays: days, Cursor: values.Get("cursor"),
		},
		Statuses: []string{"active", "grace", "expired", "suspended"}, Days: []int{1, 3, 7, 14, 30},
	}
	var err error
	if list.Customers, err = s.Service.Find(r.Context(), list.Query); err != nil {
		s.fail(w, r, err)
		return
	}
	if list.Query.Q != "" && list.Query.Cursor == "" {
		if list.Payments, err = s.paymentsFor(r, list.Query.Q); err != nil {
			s.fail(w, r, err)
			return
		}
		if only, ok := list.only(); ok {
			http.Redirect(w, r, only, http.StatusSeeOther)
			return
		}
	}
	if list.Plans, err = s.Service.Offers(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	if list.Routers, err = s.Service.RouterNames(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	list.First = list.address("")
	if list.Customers.Next != "" {
		list.Following = list.address(list.Customers.Next)
	}
	s.show(w, r, http.StatusOK, "customers", page{Title: "Customers", Nav: "customers", Find: true, Data: list})
}

// only is where a search leads that found one thing: one paste answers the question.
func (l customerList) only() (string, bool) {
	switch {
	case l.Query.Status+l.Query.Plan+l.Query.Router != "" || l.Query.ExpiringDays > 0:
		return "", false
	case len(l.Customers.Items) == 1 && len(l.Payments) == 0:
		return "/customers/" + url.PathEscape(l.Customers.Items[0].Account), true
	case len(l.Customers.Items) == 0 && len(l.Payments) == 1:
		return "/payments/" + strconv.FormatInt(l.Payments[0].ID, 10), true
	}
	return "", false
}

// address is that of the list with another cursor.
func (l customerList) address(cursor string) string {
	values := url.Values{}
	for name, value := range map[string]string{
		"q": l.Query.Q, "status": l.Query.Status, "plan": l.Query.Plan, "router": l.Query.Router, "cursor": cursor,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if l.Query.ExpiringDays > 0 {
		values.Set("expiring", strconv.Itoa(l.Query.ExpiringDays))
	}
	return "/customers?" + values.Encode()
}

// With is the address of the list with another status.
func (l customerList) With(status string) string {
	l.Query.Status = status
	return l.address("")
}

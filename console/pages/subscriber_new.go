package pages

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

func (s *server) newSubscriberRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeSubscribers))
		r.Get("/customers/new", s.askNewSubscriber)
		r.Post("/customers/new", s.addSubscriber)
	})
}

var subscriberFields = []string{
	"name", "phone", "email", "address", "plan", "router", "account", "username", "password", "fixed_ip",
}

// newSubscriber is the form of a new subscriber, or what came of it where a password is to be told.
type newSubscriber struct {
	entry
	Plans   []console.Offer
	Routers []string
	Account string // the number that is made when none is typed
	// Made is the subscriber with the PPPoE password, to be told once.
	Made *console.SubscriberView
}

func (s *server) askNewSubscriber(w http.ResponseWriter, r *http.Request) {
	s.showNewSubscriber(w, r, http.StatusOK, newEntry("", "/customers/new", url.Values{}))
}

func (s *server) showNewSubscriber(w http.ResponseWriter, r *http.Request, status int, e entry) {
	f := newSubscriber{entry: e}
	var err error
	if f.Plans, err = s.Service.Offers(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	if f.Routers, err = s.Service.RouterNames(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	next, err := s.Service.NextAccount(r.Context())
	if _, _, none := refusal(err); err != nil && !none {
		s.fail(w, r, err)
		return
	}
	f.Account = next
	s.show(w, r, status, "subscriber-new", page{Title: "New subscriber", Nav: "customers", Data: f})
}

func (s *server) addSubscriber(w http.ResponseWriter, r *http.Request) {
	e, err := sentEntry(r, "", "/customers/new")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	added, err := s.added(r, e)
	if e.blame(err, subscriberFields) {
		s.showNewSubscriber(w, r, http.StatusUnprocessableEntity, e)
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	visit(r).action = added.ActionID
	view, err := s.Service.Subscriber(r.Context(), strconv.FormatInt(added.SubscriberID, 10))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if e.Value("password") != "" {
		s.done(w, r, "/customers/"+url.PathEscape(view.Account), view.Name+" is added.")
		return
	}
	view.Password = added.Password
	s.show(w, r, http.StatusOK, "subscriber-new", page{Title: "New subscriber", Nav: "customers", Data: newSubscriber{Made: &view}})
}

// tries bounds how often an account number is made anew, because somebody else was faster with the one before.
const tries = 10

// added stores the subscriber of a form.
func (s *server) added(r *http.Request, e entry) (added console.AddedSubscriber, err error) {
	n := console.NewSubscriber{
		Account: e.Value("account"), Name: e.Value("name"), Phone: e.Value("phone"), Email: e.Value("email"), Address: e.Value("address"),
		Plan: e.Value("plan"), Router: e.Value("router"), Username: e.Value("username"), Password: e.Value("password"),
		FixedIP: e.Value("fixed_ip"),
	}
	if n.Account != "" {
		return s.Service.AddSubscriber(r.Context(), s.by(r), n)
	}
	for range tries {
		if n.Account, err = s.Service.NextAccount(r.Context()); err != nil {
			return console.AddedSubscriber{}, err
		}
		added, err = s.Service.AddSubscriber(r.Context(), s.by(r), n)
		if field, _, refused := refusal(err); !refused || field != "account" {
			return added, err
		}
	}
	return added, err
}

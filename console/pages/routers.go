package pages

import (
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

func (s *server) routerRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeRead))
		r.Get("/routers", s.routersPage)
		r.Get("/routers/{name}", s.routerPage)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeSettings, console.ScopeOps))
		r.Post("/routers/{name}/check", s.checkRouter)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.guard(mayTry...))
		r.Post("/routers/{name}/try-now", s.tryRouter)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeSettings))
		r.Get("/routers/new", s.askNewRouter)
		r.Post("/routers/new", s.addRouter)
		r.Get("/routers/{name}/change", s.askRouter)
		r.Post("/routers/{name}/change", s.changeRouter)
		r.Get("/routers/{name}/remove", s.askRemoval)
		r.Post("/routers/{name}/remove", s.removeRouter)
	})
}

// mayTry is who may have a router tried now: also whoever has a customer of it on the phone.
var mayTry = []console.Scope{console.ScopeSubscribers, console.ScopeSettings, console.ScopeOps}

// routerRow is a router in the list.
type routerRow struct {
	console.RouterView
	Health light
}

// behindAfter is how long a change may wait for a router that answers before it is said to be behind.
const behindAfter = time.Minute

// health is how a router does, as far as is known.
func (w words) health(v console.RouterView, now time.Time) light {
	switch {
	case v.LastContactAt == nil && v.LastError == "":
		return light{"Never needed yet", "circle-help", "", ""}
	case !v.Reachable:
		detail := "tried again by itself"
		if v.NextTryAt != nil && v.NextTryAt.After(now) {
			detail = "next try in " + span(v.NextTryAt.Sub(now))
		}
		if v.LastContactAt == nil {
			return light{"Never answered", "circle-x", "bad", detail}
		}
		return light{"Does not answer", "circle-x", "bad", detail}
	case v.LastError != "":
		return light{"Answers with an error", "triangle-alert", "warn", ""}
	case v.Unconfirmed > 0 && v.Oldest != nil && now.Sub(*v.Oldest) > behindAfter:
		return light{"Behind", "clock", "warn", "a change waits since " + w.at(*v.Oldest, now)}
	}
	return light{"In order", "circle-check", "ok", ""}
}

func (s *server) routersPage(w http.ResponseWriter, r *http.Request) {
	views, err := s.Service.Routers(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	rows := make([]routerRow, len(views))
	for i, v := range views {
		rows[i] = routerRow{v, s.words.health(v, s.Service.Clock.Now())}
	}
	s.show(w, r, http.StatusOK, "routers", page{Title: "Routers", Nav: "routers", Data: rows})
}

// routerDetail is the page of a router.
type routerDetail struct {
	routerRow
	Waiting []console.HeldUpView
	Report  *console.RouterReport // nil: it was not looked at just now
}

// Hidden is how many wait without being listed.
func (d routerDetail) Hidden() int64 { return max(0, d.Unconfirmed-int64(len(d.Waiting))) }

func (s *server) routerPage(w http.ResponseWriter, r *http.Request) { s.showRouter(w, r, nil) }

func (s *server) showRouter(w http.ResponseWriter, r *http.Request, report *console.RouterReport) {
	v, err := s.Service.Router(r.Context(), named(r, "name"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	d := routerDetail{routerRow: routerRow{v, s.words.health(v, s.Service.Clock.Now())}, Report: report}
	if d.Waiting, err = s.Service.RouterWaiting(r.Context(), v.Name); err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, "router", page{Title: v.Name, Nav: "routers", Data: d})
}

// checkRouter looks at the router itself, while the person waits.
func (s *server) checkRouter(w http.ResponseWriter, r *http.Request) {
	report, err := s.Service.CheckRouter(r.Context(), named(r, "name"))
	switch {
	case err != nil:
		s.fail(w, r, err)
	case isPart(r):
		s.part(w, r, http.StatusOK, "router", "report", report)
	default:
		s.showRouter(w, r, &report)
	}
}

// tryRouter has the workers try a router at once. The button also stands on cards of other pages, which show by
// themselves what comes of it.
func (s *server) tryRouter(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.TryRouterNow(r.Context(), s.by(r), named(r, "name"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if isPart(r) && r.Header.Get("Hx-Target") == "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	to := routerPath(v.Name)
	if back := r.PostFormValue("to"); back != "" {
		to = ownPath(back)
	}
	s.done(w, r, to, v.Name+" is tried now.")
}

func routerPath(name string) string { return "/routers/" + url.PathEscape(name) }

// removal is the question whether to take a router out of use.
type removal struct {
	entry
	Router console.RouterView
}

func (s *server) askRemoval(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.Router(r.Context(), named(r, "name"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.showRemoval(w, r, http.StatusOK, removal{newEntry(v.Name, routerPath(v.Name)+"/remove", nil), v})
}

func (s *server) showRemoval(w http.ResponseWriter, r *http.Request, status int, q removal) {
	s.show(w, r, status, "router-remove", page{Title: "Remove " + q.Name, Nav: "routers", Data: q})
}

func (s *server) removeRouter(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.Router(r.Context(), named(r, "name"))
	var e entry
	if err == nil {
		e, err = sentEntry(r, v.Name, routerPath(v.Name)+"/remove")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if e.Value("confirm") != v.Name {
		err = &console.FieldError{Field: "confirm", Problem: "must be the name of the router, " + v.Name}
	} else {
		err = s.Service.RemoveRouter(r.Context(), s.by(r), v.Name)
	}
	if e.blame(err, []string{"confirm"}) {
		s.showRemoval(w, r, http.StatusUnprocessableEntity, removal{e, v})
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.done(w, r, "/routers", "Router "+v.Name+" is removed.")
}

// Package pages is the staff console: HTML in front of package console, for people.
//
// A request goes through serve (headers, panics, log line), the cross-origin check, and the session; guard lets through
// whom a page is for. A handler calls methods of [console.Service] and renders a template. Every page works without
// JavaScript; with it, htmx replaces parts of the page, and dialogs are the same pages without their frame.
package pages

import (
	"fmt"
	"html/template"
	"log/slog"
	"net/http"

	"github.com/alexedwards/scs/v2"
	"github.com/go-chi/chi/v5"

	"qserve/console"
)

// Config is what the pages need. All of it must be set.
type Config struct {
	Service *console.Service
	// Address tells where a request came from, for the history.
	Address func(*http.Request) string
	// Stop is closed when the program begins to end, so that live pages do not hold it up.
	Stop <-chan struct{}
	// Secure is whether browsers reach the console by HTTPS, and cookies may only travel there.
	Secure bool
	// PublicURL is where payment providers reach the intake, without a slash at the end.
	PublicURL string
	// Queues is the Asynq dashboard for those who may look (false) and those who may change (true). It sets a policy of its
	// own, because it needs other things than our pages.
	Queues func(mayChange bool) http.Handler
}

// server is the console; it is safe for concurrent use.
type server struct {
	Config
	log       *slog.Logger
	sessions  *scs.SessionManager
	templates map[string]*template.Template
	words     words
	streams   chan struct{} // a token in it for each live page
}

// maxStreams bounds the live pages of one process.
const maxStreams = 500

// New returns the handler of the console, to be mounted at /.
func New(cfg Config) (http.Handler, error) {
	s := &server{Config: cfg, log: cfg.Service.Log, streams: make(chan struct{}, maxStreams)}
	s.words = newWords(cfg.Service.Region, cfg.Service.Zone)
	s.sessions = newSessions(cfg)
	var err error
	if s.templates, err = s.parse(); err != nil {
		return nil, fmt.Errorf("read the templates of the console: %w", err)
	}
	router := chi.NewRouter()
	router.Use(s.serve)
	router.Get("/assets/{hash}/{name}", serveAsset)
	router.Group(func(r chi.Router) {
		r.Use(sameOrigin, compressed().Handler, s.withSession)
		r.NotFound(s.notFound)
		s.signInRoutes(r)
		r.Group(func(r chi.Router) {
			r.Use(s.signedIn)
			s.meRoutes(r)
			s.homeRoutes(r)
			s.customerRoutes(r)
			s.newSubscriberRoutes(r)
			s.routerRoutes(r)
			s.planRoutes(r)
			s.sourceRoutes(r)
			s.paymentRoutes(r)
			s.deliveryRoutes(r)
			s.staffRoutes(r)
			s.tokenRoutes(r)
			s.auditRoutes(r)
			s.opsRoutes(r)
		})
	})
	return router, nil
}

// sameOrigin refuses what another site makes a browser send (cross-site request forgery), by what the browser says of
// the request's origin.
func sameOrigin(next http.Handler) http.Handler {
	return http.NewCrossOriginProtection().Handler(next)
}

// guard lets those through who may do one of the things.
func (s *server) guard(scopes ...console.Scope) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !me(r).May(scopes...) {
				s.forbidden(w, r, scopes...)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// by says who asks, for the books. key names the request, so that sending a form twice does its work once.
func (s *server) by(r *http.Request) console.By {
	b := console.By{Actor: me(r).Name, Source: s.Address(r)}
	if key := r.PostFormValue("key"); key != "" {
		b.RequestKey = fmt.Sprintf("page %d %s", me(r).ID, key)
	}
	return b
}

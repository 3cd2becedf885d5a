package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"qserve/console"
)

// How long a session lasts: unused, and at most. When it was last used is known to within usedEvery.
const (
	sessionIdle = 8 * time.Hour
	sessionMost = 7 * 24 * time.Hour
	usedEvery   = 5 * time.Minute
)

// What a session holds.
const (
	keyStaff      = "staff"      // id
	keyGeneration = "generation" // of the person's sessions
	keyUsed       = "used"       // when it was, seconds since 1970
	keyFlash      = "flash"      // what is told on the next page
)

// newSessions makes the manager itself, because the library's own way begins with a store in memory and its goroutine.
func newSessions(cfg Config) *scs.SessionManager {
	name := "qserve"
	if cfg.Secure {
		name = "__Host-qserve"
	}
	return &scs.SessionManager{
		Store: cfg.Service.SessionStore(), Codec: scs.GobCodec{},
		// The idle time is ours: the library would store every session at every page.
		Lifetime: sessionMost,
		Cookie:   scs.SessionCookie{Name: name, HttpOnly: true, Secure: cfg.Secure, SameSite: http.SameSiteLaxMode, Path: "/"},
	}
}

// visitor is what becomes known of a request on its way.
type visitor struct {
	member console.Member
	action int64 // that it gave, 0 for none
}

type visitorKey struct{}

// visit returns what is known of a request. Every request here comes from serve.
func visit(r *http.Request) *visitor {
	v, _ := r.Context().Value(visitorKey{}).(*visitor)
	return v
}

// me is who asks.
func me(r *http.Request) console.Member { return visit(r).member }

// withSession reads the session before a handler and stores it when the answer begins. A database that is away is no
// reason to sign anybody out.
func (s *server) withSession(next http.Handler) http.Handler {
	s.sessions.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) { s.fail(w, r, err) }
	return s.sessions.LoadAndSave(next)
}

// signedIn lets those through who have a session, and sends others to sign in.
func (s *server) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		member, err := s.current(r.Context())
		if over, ok := errors.AsType[*console.SignInError](err); ok {
			s.toSignIn(w, r, over.Problem)
			return
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		visit(r).member = member
		// A page that asks by itself is nobody using it.
		now, used := s.Service.Clock.Now().Unix(), !ofPage(r) || r.Method != http.MethodGet
		if used && now-s.sessions.GetInt64(r.Context(), keyUsed) >= int64(usedEvery/time.Second) {
			s.sessions.Put(r.Context(), keyUsed, now)
		}
		if member.MustChange && r.URL.Path != "/me/password" && r.URL.Path != "/sign-out" {
			http.Redirect(w, r, "/me/password", http.StatusSeeOther)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// current returns whose session it is, or a [*console.SignInError].
func (s *server) current(ctx context.Context) (console.Member, error) {
	id := s.sessions.GetInt64(ctx, keyStaff)
	if id == 0 {
		return console.Member{}, &console.SignInError{}
	}
	unused := s.Service.Clock.Now().Sub(time.Unix(s.sessions.GetInt64(ctx, keyUsed), 0))
	if unused > sessionIdle {
		return console.Member{}, &console.SignInError{Problem: "Your session has ended, because it was not used for long. Sign in again."}
	}
	return s.Service.Member(ctx, id, s.sessions.GetInt64(ctx, keyGeneration))
}

// toSignIn asks for a sign-in, and brings the person back to the page afterwards. A part of a page cannot sign in: the
// page around it says so, and keeps what was typed.
func (s *server) toSignIn(w http.ResponseWriter, r *http.Request, why string) {
	if ofPage(r) {
		w.Header().Set("Qserve-Signed-Out", "true")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if why != "" {
		s.flash(r, why)
	}
	to := "/sign-in"
	if r.Method == http.MethodGet && r.URL.Path != "/" {
		to += "?to=" + url.QueryEscape(r.URL.RequestURI())
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// begin starts a session of a person, under a new token.
func (s *server) begin(r *http.Request, m console.Member) error {
	if err := s.sessions.RenewToken(r.Context()); err != nil {
		return err
	}
	s.sessions.Put(r.Context(), keyStaff, m.ID)
	s.sessions.Put(r.Context(), keyGeneration, m.Generation)
	s.sessions.Put(r.Context(), keyUsed, s.Service.Clock.Now().Unix())
	return nil
}

// flash tells something on the next page.
func (s *server) flash(r *http.Request, text string) { s.sessions.Put(r.Context(), keyFlash, text) }

// isPart reports whether htmx asks for a part of a page.
func isPart(r *http.Request) bool {
	return r.Header.Get("Hx-Request") == "true" && r.Header.Get("Hx-History-Restore-Request") != "true"
}

// ofPage reports whether it is a page that asks, not the person who has it open.
func ofPage(r *http.Request) bool {
	return isPart(r) || r.Header.Get("Accept") == "text/event-stream" || strings.HasPrefix(r.URL.Path, boardAPI)
}

// ownPath is a path of the console, or / for everything that leads elsewhere.
func ownPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
		return "/"
	}
	return to
}

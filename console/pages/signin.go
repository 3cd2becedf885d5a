package pages

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

func (s *server) signInRoutes(r chi.Router) {
	r.Get("/sign-in", s.signInPage)
	r.Post("/sign-in", s.signIn)
	r.Post("/sign-out", s.signOut)
	r.Post("/theme", s.setTheme)
}

// signInForm is what the page of the sign-in shows.
type signInForm struct {
	Login, To string
	NeedsCode bool
	Problem   string
}

func (s *server) signInPage(w http.ResponseWriter, r *http.Request) {
	if _, err := s.current(r.Context()); err == nil {
		http.Redirect(w, r, ownPath(r.URL.Query().Get("to")), http.StatusSeeOther) //nolint:gosec // G710: ownPath leads nowhere else
		return
	}
	s.show(w, r, http.StatusOK, "sign-in", page{Title: "Sign in", Data: signInForm{To: r.URL.Query().Get("to")}})
}

func (s *server) signIn(w http.ResponseWriter, r *http.Request) {
	form := signInForm{Login: r.PostFormValue("login"), To: r.PostFormValue("to")}
	member, err := s.Service.SignIn(r.Context(), console.SignIn{
		Login: form.Login, Password: r.PostFormValue("password"), Code: r.PostFormValue("code"), Source: s.Address(r),
	})
	if refused, ok := errors.AsType[*console.SignInError](err); ok {
		form.Problem, form.NeedsCode = refused.Problem, refused.NeedsCode
		status := http.StatusUnauthorized
		if !refused.RetryAt.IsZero() {
			status = http.StatusTooManyRequests
			form.Problem += " Try again " + s.words.relative(refused.RetryAt, s.Service.Clock.Now().Add(-time.Minute)) + "."
		}
		s.show(w, r, status, "sign-in", page{Title: "Sign in", Data: form})
		return
	}
	if err == nil {
		visit(r).member = member
		err = s.begin(r, member)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, ownPath(form.To), http.StatusSeeOther)
}

func (s *server) signOut(w http.ResponseWriter, r *http.Request) {
	if err := s.sessions.Destroy(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}

// themeCookie remembers light or dark; without it the system's own is taken.
const themeCookie = "theme"

func theme(r *http.Request) string {
	c, err := r.Cookie(themeCookie)
	if err != nil || (c.Value != "light" && c.Value != "dark") {
		return ""
	}
	return c.Value
}

func (s *server) setTheme(w http.ResponseWriter, r *http.Request) {
	c := &http.Cookie{ //nolint:gosec // G124: secure where the console is
		Name: themeCookie, Path: "/", HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600,
		Value: r.PostFormValue("theme"),
	}
	if c.Value != "light" && c.Value != "dark" {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(w, c)
	http.Redirect(w, r, ownPath(r.PostFormValue("to")), http.StatusSeeOther) //nolint:gosec // G710: ownPath leads nowhere else
}

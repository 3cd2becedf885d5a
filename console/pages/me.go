package pages

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image/png"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/pquerna/otp"

	"qserve/console"
)

func (s *server) meRoutes(r chi.Router) {
	r.Get("/me", s.mePage)
	r.Get("/me/password", s.passwordPage)
	r.Post("/me/password", s.changePassword)
	r.Get("/me/second-factor", s.secondFactorPage)
	r.Post("/me/second-factor", s.setSecondFactor)
	r.Post("/me/second-factor/drop", s.dropSecondFactor)
	r.Post("/me/sign-out-everywhere", s.signOutEverywhere)
}

func (s *server) mePage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "me", page{Title: "Your sign-in", Nav: "me"})
}

// ownForm is a form about the person's own sign-in.
type ownForm struct {
	Field, Problem string
	Secret, URL    string
	Code           template.URL // a picture of URL
}

func (s *server) passwordPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "password", page{Title: "Change your password", Nav: "me", Data: ownForm{}})
}

func (s *server) changePassword(w http.ResponseWriter, r *http.Request) {
	var err error
	var member console.Member
	if r.PostFormValue("new") != r.PostFormValue("again") {
		err = &console.FieldError{Field: "again", Problem: "is not the same"}
	} else {
		member, err = s.Service.ChangeOwnPassword(r.Context(), s.by(r), me(r), r.PostFormValue("old"), r.PostFormValue("new"))
	}
	if s.badOwn(w, r, "password", "Change your password", ownForm{}, err) {
		return
	}
	if err := s.begin(r, member); err != nil {
		s.fail(w, r, err)
		return
	}
	s.flash(r, "Your password is changed. Everywhere else you are signed out.")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// badOwn shows a form again with what is wrong in it, and reports whether anything is.
func (s *server) badOwn(w http.ResponseWriter, r *http.Request, name, title string, form ownForm, err error) bool {
	if err == nil {
		return false
	}
	bad, ok := errors.AsType[*console.FieldError](err)
	if refused, against := errors.AsType[*console.SignInError](err); against {
		bad, ok = &console.FieldError{Field: "code", Problem: refused.Problem}, true
	}
	if !ok {
		s.fail(w, r, err)
		return true
	}
	form.Field, form.Problem = bad.Field, bad.Problem
	s.show(w, r, http.StatusUnprocessableEntity, name, page{Title: title, Nav: "me", Data: form})
	return true
}

func (s *server) secondFactorPage(w http.ResponseWriter, r *http.Request) {
	factor, err := s.Service.NewSecondFactor(me(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	form, err := factorForm(factor.Secret, factor.URL)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, "second-factor", page{Title: "Second factor", Nav: "me", Data: form})
}

func (s *server) setSecondFactor(w http.ResponseWriter, r *http.Request) {
	secret, address := r.PostFormValue("secret"), r.PostFormValue("url")
	err := s.Service.SetSecondFactor(r.Context(), s.by(r), me(r), secret, r.PostFormValue("code"))
	if err != nil {
		form, formErr := factorForm(secret, address)
		if formErr != nil {
			s.fail(w, r, formErr)
			return
		}
		s.badOwn(w, r, "second-factor", "Second factor", form, err)
		return
	}
	s.flash(r, "From now on you are asked for a code when you sign in.")
	http.Redirect(w, r, "/me", http.StatusSeeOther)
}

// factorForm draws the address of a second factor for the camera of a telephone.
func factorForm(secret, address string) (ownForm, error) {
	key, err := otp.NewKeyFromURL(address)
	if err != nil {
		return ownForm{}, &console.FieldError{Field: "url", Problem: "is not the address of a second factor"}
	}
	picture, err := key.Image(220, 220)
	if err != nil {
		return ownForm{}, fmt.Errorf("draw the code of a second factor: %w", err)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		return ownForm{}, fmt.Errorf("draw the code of a second factor: %w", err)
	}
	return ownForm{
		Secret: secret, URL: address,
		Code: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(file.Bytes())), //nolint:gosec // G203: our own picture
	}, nil
}

func (s *server) dropSecondFactor(w http.ResponseWriter, r *http.Request) {
	err := s.Service.DropSecondFactor(r.Context(), s.by(r), me(r), r.PostFormValue("password"))
	if s.badOwn(w, r, "me", "Your sign-in", ownForm{}, err) {
		return
	}
	s.flash(r, "You are not asked for a code any more.")
	http.Redirect(w, r, "/me", http.StatusSeeOther)
}

func (s *server) signOutEverywhere(w http.ResponseWriter, r *http.Request) {
	if err := s.Service.SignOutEverywhere(r.Context(), s.by(r), me(r)); err != nil {
		s.fail(w, r, err)
		return
	}
	if err := s.sessions.Destroy(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}

package pages

import (
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

// verb is a command on an account that has a form: a dialog over the profile, or a page of its own.
type verb struct {
	name     string // in the address, and the form's block in the template: form-NAME
	scope    console.Scope
	question string // the concrete question, with %s for the subscriber's name
	button   string // repeats the verb
	danger   bool
	preview  bool // whether the form shows what it would come to
	read     func(f form) (console.Order, error)
}

var verbs = []verb{
	{name: "extend", scope: console.ScopeSubscribers, question: "Extend %s by how many days?", button: "Extend", preview: true, read: readExtend},
	{name: "suspend", scope: console.ScopeSubscribers, question: "Suspend %s?", button: "Suspend", danger: true, preview: true, read: readSuspend},
	{name: "reconnect", scope: console.ScopeSubscribers, question: "Reconnect %s?", button: "Reconnect", preview: true, read: readReconnect},
	{name: "change-package", scope: console.ScopeSubscribers, question: "Which package for %s?", button: "Change Package", preview: true, read: readChange},
	{name: "cancel-change", scope: console.ScopeSubscribers, question: "Keep the package of %s?", button: "Cancel the planned change", preview: true, read: readCancel},
	{name: "edit", scope: console.ScopeSubscribers, question: "Edit %s", button: "Save", preview: true, read: readEdit},
	{name: "note", scope: console.ScopeSubscribers, question: "Add a note to %s", button: "Add note", read: readNote},
	{name: "undo", scope: console.ScopeSubscribers, question: "Take it back?", button: "Undo", read: readUndo},
	{name: "delete", scope: console.ScopeDelete, question: "Delete %s for good?", button: "Delete Account", danger: true, preview: false, read: readDelete},
}

// form is a verb's form as it is shown, and as it was sent.
type form struct {
	Verb, Question, Button string
	Danger, HasPreview     bool
	Sub                    console.SubscriberView
	Values                 url.Values
	Key                    string // names the request, so that sending it twice does its work once
	Field, Problem         string // what is wrong with which field; an empty field is about all of it
	Preview                *console.PreviewView
	Plans                  []console.Offer
	Routers                []string
	// Made is the PPPoE password that was made, to be told once.
	Made   string
	Action int64
	zone   *time.Location // of the days and times of day that are typed
}

// Value is what a field holds.
func (f form) Value(name string) string { return f.Values.Get(name) }

// Is reports whether a choice is taken.
func (f form) Is(name, value string) bool { return f.Values.Get(name) == value }

func (s *server) verbRoutes(r chi.Router) {
	for _, v := range verbs {
		r.Group(func(r chi.Router) {
			r.Use(s.guard(v.scope))
			r.Get("/customers/{ref}/"+v.name, s.askVerb(v))
			r.Post("/customers/{ref}/"+v.name, s.doVerb(v))
			if v.preview {
				r.Post("/customers/{ref}/"+v.name+"/preview", s.previewVerb(v))
			}
		})
	}
}

// askVerb shows a verb's form, filled with how things are.
func (s *server) askVerb(v verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, err := s.form(r, v)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		f.Values = defaults(f)
		maps.Copy(f.Values, r.URL.Query())
		if v.preview {
			if f, err = s.previewed(r, v, f); err != nil {
				s.fail(w, r, err)
				return
			}
		}
		s.present(r.Context(), me(r), f.Sub.ID, actionName(v.name))
		s.showForm(w, r, http.StatusOK, f)
	}
}

func (s *server) showForm(w http.ResponseWriter, r *http.Request, status int, f form) {
	s.show(w, r, status, "verb", page{Title: f.Question, Nav: "customers", Data: f})
}

// form makes a verb's form for the subscriber of the address.
func (s *server) form(r *http.Request, v verb) (form, error) {
	sub, err := s.Service.Subscriber(r.Context(), chi.URLParam(r, "ref"))
	if err != nil {
		return form{}, err
	}
	f := form{
		Verb: v.name, Question: strings.ReplaceAll(v.question, "%s", sub.Name), Button: v.button, Danger: v.danger, HasPreview: v.preview, Sub: sub,
		Key: rand.Text(), zone: s.Service.Zone,
	}
	if v.name == "suspend" || v.name == "reconnect" {
		f.Button += " " + sub.Name
	}
	if v.name == "change-package" {
		f.Plans, err = s.Service.Offers(r.Context())
	}
	if v.name == "edit" {
		f.Routers, err = s.Service.RouterNames(r.Context())
	}
	return f, err
}

// sent is form with what the person filled in.
func (s *server) sent(r *http.Request, v verb) (form, error) {
	f, err := s.form(r, v)
	if err != nil {
		return f, err
	}
	if err := r.ParseForm(); err != nil {
		return f, &console.FieldError{Field: "form", Problem: "cannot be read"}
	}
	f.Values = r.PostForm
	if key := r.PostForm.Get("key"); key != "" {
		f.Key = key
	}
	return f, nil
}

func (s *server) previewVerb(v verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, err := s.sent(r, v)
		if err == nil {
			f, err = s.previewed(r, v, f)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if isPart(r) {
			s.part(w, r, http.StatusOK, "verb", "preview", f)
			return
		}
		s.showForm(w, r, http.StatusOK, f)
	}
}

// previewed adds what the order would come to, or why it would not.
func (s *server) previewed(r *http.Request, v verb, f form) (form, error) {
	order, err := v.read(f)
	if err == nil {
		var p console.PreviewView
		if p, err = s.Service.Preview(r.Context(), f.Sub.Account, order); err == nil {
			f.Preview = &p
		}
	}
	if field, text, ok := refusal(err); ok {
		f.Field, f.Problem = field, text
		return f, nil
	}
	return f, err
}

// refusal is what a person can mend: the field, and the words.
func refusal(err error) (field, text string, ok bool) {
	if bad, is := errors.AsType[*console.FieldError](err); is {
		return bad.Field, bad.Problem, true
	}
	if against, is := errors.AsType[*console.ConflictError](err); is {
		return against.Field, against.Problem, true
	}
	if stale, is := errors.AsType[*console.StaleError](err); is {
		return "", stale.Problem, true
	}
	return "", "", false
}

// doVerb gives the order, and shows the action move where the button was.
func (s *server) doVerb(v verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, err := s.sent(r, v)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		order, err := v.read(f)
		var given console.Given
		if err == nil {
			given, err = s.Service.Give(r.Context(), s.by(r), f.Sub.Account, order)
		}
		if field, text, ok := refusal(err); ok {
			f.Field, f.Problem = field, text
			s.showForm(w, r, http.StatusUnprocessableEntity, f)
			return
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		visit(r).action = given.ID
		if err := s.Service.LookAway(r.Context(), me(r).ID, f.Sub.ID); err != nil {
			s.log.Warn("who looks at an account could not be noted", "error", err)
		}
		s.given(w, r, f, given)
	}
}

// given leads on after an order was accepted.
func (s *server) given(w http.ResponseWriter, r *http.Request, f form, given console.Given) {
	profile := "/customers/" + url.PathEscape(f.Sub.Account)
	switch {
	case given.Password != "":
		f.Made, f.Action = given.Password, given.ID
		s.showForm(w, r, http.StatusOK, f)
	case f.Verb == "delete":
		// The profile goes with the account; its end is followed on a page of the action.
		to := "/actions/" + strconv.FormatInt(given.ID, 10)
		if isPart(r) {
			w.Header().Set("Hx-Redirect", to)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	case isPart(r):
		now := s.Service.Clock.Now()
		beside, err := s.Service.About(r.Context(), f.Sub.ID, console.AboutQuery{Since: now.Add(-cardsFor)})
		if err != nil {
			s.fail(w, r, err)
			return
		}
		w.Header().Set("Hx-Trigger", "close-dialog")
		w.Header().Set("Hx-Retarget", "#cards")
		w.Header().Set("Hx-Reswap", "morph:innerHTML")
		s.part(w, r, http.StatusOK, "profile", "new-cards", s.cards(beside.Actions, me(r), f.Sub, now))
	default:
		http.Redirect(w, r, profile, http.StatusSeeOther)
	}
}

// wholeNumber reads a whole number of a field.
func wholeNumber(f form, field string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(f.Value(field)))
	if err != nil {
		return 0, &console.FieldError{Field: field, Problem: "must be a whole number"}
	}
	return n, nil
}

package pages

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

func (s *server) staffRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeAdmin))
		r.Get("/staff", s.staff)
		r.Get("/staff/new", s.askNewStaff)
		r.Post("/staff/new", s.addStaff)
		r.Get("/staff/{id}", s.staffPage)
		r.Get("/staff/{id}/change", s.askChangeStaff)
		r.Post("/staff/{id}/change", s.changeStaff)
		for _, v := range staffVerbs {
			r.Get("/staff/{id}/"+v.Name, s.askStaffVerb(v))
			r.Post("/staff/{id}/"+v.Name, s.doStaffVerb(v))
		}
	})
}

// person is somebody who may sign in, as the pages show them.
type person struct {
	console.StaffView
	You bool
}

// Does says in words what the person may do.
func (p person) Does() string { return roleWords(console.Role(p.Role)) }

// staff lists who may sign in.
func (s *server) staff(w http.ResponseWriter, r *http.Request) {
	all, err := s.people(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, "staff", page{Title: "Staff", Nav: "staff", Data: all})
}

func (s *server) people(r *http.Request) ([]person, error) {
	all, err := s.Service.Staff(r.Context())
	if err != nil {
		return nil, err
	}
	people := make([]person, 0, len(all))
	for _, v := range all {
		people = append(people, person{v, v.ID == me(r).ID})
	}
	return people, nil
}

// person is the one of the address. The address has the id: a login may be any word.
func (s *server) person(r *http.Request) (person, error) {
	all, err := s.people(r)
	if err != nil {
		return person{}, err
	}
	id := chi.URLParam(r, "id")
	for _, p := range all {
		if strconv.FormatInt(p.ID, 10) == id {
			return p, nil
		}
	}
	return person{}, &console.NotFoundError{What: "person " + strconv.Quote(id) + " among the staff"}
}

func (s *server) staffPage(w http.ResponseWriter, r *http.Request) {
	p, err := s.person(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, "staff-person", page{Title: p.Name, Nav: "staff", Data: p})
}

// staffForm adds a person, or changes one.
type staffForm struct {
	Person            person // zero for a new one
	Login, Name, Role string
	Field, Problem    string
	Made              console.MadeStaff // has a password when one is to be told
}

// Roles are what a person can be, with what that allows.
func (staffForm) Roles() []choice {
	var roles []choice
	for _, role := range console.Roles {
		roles = append(roles, choice{string(role), roleWords(role)})
	}
	return roles
}

func (s *server) showStaffForm(w http.ResponseWriter, r *http.Request, status int, f staffForm) {
	title := "Add somebody to the staff"
	if f.Person.ID != 0 {
		title = "Change " + f.Person.Name
	}
	s.show(w, r, status, "staff-form", page{Title: title, Nav: "staff", Data: f})
}

func (s *server) askNewStaff(w http.ResponseWriter, r *http.Request) {
	s.showStaffForm(w, r, http.StatusOK, staffForm{Role: string(console.RoleSupport)})
}

// addStaff always makes the password: one that two people have chosen together is known to both.
func (s *server) addStaff(w http.ResponseWriter, r *http.Request) {
	f := staffForm{Login: r.PostFormValue("login"), Name: r.PostFormValue("name"), Role: r.PostFormValue("role")}
	made, err := s.Service.AddStaff(r.Context(), s.by(r), console.NewStaff{Login: f.Login, Name: f.Name, Role: f.Role})
	if s.badStaff(w, r, f, err) {
		return
	}
	f.Made = made
	s.showStaffForm(w, r, http.StatusOK, f)
}

// badStaff shows the form again with what a person can mend, and reports whether anything is wrong.
func (s *server) badStaff(w http.ResponseWriter, r *http.Request, f staffForm, err error) bool {
	if err == nil {
		return false
	}
	field, text, ok := refusal(err)
	if !ok {
		s.fail(w, r, err)
		return true
	}
	f.Field, f.Problem = field, text
	s.showStaffForm(w, r, http.StatusUnprocessableEntity, f)
	return true
}

func (s *server) askChangeStaff(w http.ResponseWriter, r *http.Request) {
	p, err := s.person(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.showStaffForm(w, r, http.StatusOK, staffForm{Person: p, Name: p.Name, Role: p.Role})
}

func (s *server) changeStaff(w http.ResponseWriter, r *http.Request) {
	p, err := s.person(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	f := staffForm{Person: p, Name: r.PostFormValue("name"), Role: r.PostFormValue("role")}
	_, err = s.Service.ChangeStaff(r.Context(), s.by(r), p.Login, console.StaffChange{Name: &f.Name, Role: &f.Role})
	if s.badStaff(w, r, f, err) {
		return
	}
	s.done(w, r, staffPath(p), strings.TrimSpace(f.Name)+" is changed.")
}

func staffPath(p person) string { return "/staff/" + strconv.FormatInt(p.ID, 10) }

// staffVerb is something that is done to a person's sign-in, after a question.
type staffVerb struct {
	Name     string // in the address
	Question string // %s stands for the person's name, here and in Done
	Text     string // the consequence
	Button   string
	Danger   bool
	Done     string // told afterwards; empty where a password is told in its place
	do       func(s *console.Service, ctx context.Context, by console.By, login string) (console.MadeStaff, error)
}

// changing is a verb that asks for one change.
func changing(c console.StaffChange) func(*console.Service, context.Context, console.By, string) (console.MadeStaff, error) {
	return func(s *console.Service, ctx context.Context, by console.By, login string) (console.MadeStaff, error) {
		return s.ChangeStaff(ctx, by, login, c)
	}
}

var staffVerbs = []staffVerb{
	{
		Name: "reset-password", Question: "Reset the password of %s?", Button: "Reset the password",
		Text: "The old password and all open sessions end at once. The new password is shown once, and has to be changed at the next sign-in.",
		do:   changing(console.StaffChange{ResetPassword: true}),
	},
	{
		Name: "unlock", Question: "Unlock %s?", Button: "Unlock", Done: "%s may sign in again.",
		Text: "The person may try to sign in at once. The password stays.",
		do:   changing(console.StaffChange{Unlock: true}),
	},
	{
		Name: "drop-second-factor", Question: "Drop the second factor of %s?", Button: "Drop the second factor", Danger: true,
		Text: "For somebody whose telephone is gone. Until a new one is set up, the password alone is enough to sign in.",
		Done: "%s is not asked for a code any more.", do: changing(console.StaffChange{DropSecondFactor: true}),
	},
	{
		Name: "sign-out", Question: "Sign %s out everywhere?", Button: "Sign out", Done: "%s is signed out everywhere.",
		Text: "All open sessions end with their next page. The person may sign in again.",
		do:   changing(console.StaffChange{SignOut: true}),
	},
	{
		Name: "remove", Question: "Remove %s?", Button: "Remove", Danger: true, Done: "%s is removed.",
		Text: "The person cannot sign in any more, and open sessions end. What the person did stays in the histories.",
		do: func(s *console.Service, ctx context.Context, by console.By, login string) (console.MadeStaff, error) {
			return console.MadeStaff{}, s.RemoveStaff(ctx, by, login)
		},
	},
}

// staffQuestion is the dialog of a verb.
type staffQuestion struct {
	Person   person
	Verb     staffVerb
	Question string
	Problem  string
	Password string // that was made, to be told once
}

func (s *server) showQuestion(w http.ResponseWriter, r *http.Request, status int, q staffQuestion) {
	q.Question = strings.ReplaceAll(q.Verb.Question, "%s", q.Person.Name)
	s.show(w, r, status, "staff-verb", page{Title: q.Question, Nav: "staff", Data: q})
}

func (s *server) askStaffVerb(v staffVerb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := s.person(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.showQuestion(w, r, http.StatusOK, staffQuestion{Person: p, Verb: v})
	}
}

func (s *server) doStaffVerb(v staffVerb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := s.person(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		made, err := v.do(s.Service, r.Context(), s.by(r), p.Login)
		if _, text, ok := refusal(err); ok {
			s.showQuestion(w, r, http.StatusUnprocessableEntity, staffQuestion{Person: p, Verb: v, Problem: text})
			return
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if made.Password != "" {
			s.showQuestion(w, r, http.StatusOK, staffQuestion{Person: p, Verb: v, Password: made.Password})
			return
		}
		to := staffPath(p)
		if v.Name == "remove" {
			to = "/staff"
		}
		s.done(w, r, to, strings.ReplaceAll(v.Done, "%s", p.Name))
	}
}

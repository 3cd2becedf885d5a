package pages

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"qserve/console"
)

//go:embed templates
var templateFiles embed.FS

// page is what the layout shows around every page.
type page struct {
	Title string
	Nav   string // which entry of the navigation is current
	Me    console.Member
	Query string // what is in the search box
	Find  bool   // whether the search box has the focus on arrival
	Flash string
	Theme string // light, dark, or empty for what the system has
	Data  any
	// Part is set when only the inside of a dialog is asked for.
	Part bool
}

// May reports whether the person may do one of the things.
func (p page) May(scopes ...console.Scope) bool { return p.Me.May(scopes...) }

// parse reads the templates: each page with the layout and everything in shared/.
func (s *server) parse() (map[string]*template.Template, error) {
	base, err := template.New("").Funcs(s.functions()).ParseFS(templateFiles, "templates/layout.html", "templates/shared/*.html")
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	parsed := map[string]*template.Template{}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" {
			continue
		}
		clone, err := base.Clone()
		if err != nil {
			return nil, err
		}
		if parsed[name], err = clone.ParseFS(templateFiles, file); err != nil {
			return nil, err
		}
	}
	return parsed, nil
}

// show renders a page. A dialog that htmx asks for comes without its frame.
func (s *server) show(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	p.Me, p.Theme, p.Part = me(r), theme(r), isPart(r)
	if p.Query == "" && r.URL.Path == "/customers" {
		p.Query = r.URL.Query().Get("q")
	}
	block := "layout"
	if p.Part {
		block = "main"
	} else {
		p.Flash = s.sessions.PopString(r.Context(), keyFlash)
	}
	s.write(w, r, status, name, block, p)
}

// part renders one block of a page's template, with data as its dot.
func (s *server) part(w http.ResponseWriter, r *http.Request, status int, name, block string, data any) {
	s.write(w, r, status, name, block, data)
}

func (s *server) write(w http.ResponseWriter, r *http.Request, status int, name, block string, data any) {
	var text bytes.Buffer
	text.Grow(pageBytes)
	if err := s.render(&text, name, block, data); err != nil {
		s.log.Error("a page cannot be shown", "page", name, "route", route(r), "error", err)
		http.Error(w, "This page cannot be shown; the log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // a browser that does not read its answer loses only that
}

// pageBytes is about what a page has.
const pageBytes = 16 << 10

func (s *server) render(to *bytes.Buffer, name, block string, data any) error {
	t, ok := s.templates[name]
	if !ok {
		return fmt.Errorf("there is no template %q", name)
	}
	return t.ExecuteTemplate(to, block, data)
}

// done leads on after a form has done its work, and tells of it there.
func (s *server) done(w http.ResponseWriter, r *http.Request, to, told string) {
	s.flash(r, told)
	if isPart(r) {
		w.Header().Set("Hx-Redirect", to)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // G710: what a form sends comes through ownPath
}

// problem is a page that says what is wrong and what to do.
type problem struct{ Heading, Text, Do, Link string }

// fail shows an error of package console as a page, or as a part of one.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, p := http.StatusInternalServerError, problem{}
	if missing, ok := errors.AsType[*console.NotFoundError](err); ok {
		status, p = http.StatusNotFound, problem{Heading: "Not found", Text: missing.Error() + "."}
	} else if bad, ok := errors.AsType[*console.FieldError](err); ok {
		status, p = http.StatusUnprocessableEntity, problem{Heading: "That cannot be read", Text: bad.Error() + "."}
	} else if against, ok := errors.AsType[*console.ConflictError](err); ok {
		status, p = http.StatusConflict, problem{Heading: "Not as things are", Text: against.Error() + "."}
	} else if stale, ok := errors.AsType[*console.StaleError](err); ok {
		status, p = http.StatusPreconditionFailed, problem{Heading: "Somebody was faster", Text: stale.Error() + "."}
	} else {
		reference := newReference()
		if r.Context().Err() == nil {
			s.log.Error("a page failed", "route", route(r), "method", r.Method, "reference", reference, "error", err)
		}
		p = problem{
			Heading: "This did not work", Text: "Something that the console needs does not answer. Nothing was changed by this page.",
			Do: "Try again in a moment. The reference of this failure is " + reference + ".",
		}
	}
	s.show(w, r, status, "problem", page{Title: p.Heading, Data: p})
}

func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	if member, err := s.current(r.Context()); err == nil {
		visit(r).member = member // whose navigation stands above it
	}
	s.show(w, r, http.StatusNotFound, "problem", page{Title: "Not found", Data: problem{
		Heading: "Not found", Text: "There is no such page.", Do: "Go to the customers", Link: "/customers",
	}})
}

// forbidden says which roles may.
func (s *server) forbidden(w http.ResponseWriter, r *http.Request, scopes ...console.Scope) {
	var may []string
	for _, role := range console.Roles {
		if (console.Caller{Scopes: role.Scopes()}).May(scopes...) {
			may = append(may, string(role))
		}
	}
	s.show(w, r, http.StatusForbidden, "problem", page{Title: "Not for your role", Data: problem{
		Heading: "Not for your role", Text: "This is for the roles " + strings.Join(may, ", ") + "; you are signed in as " + string(me(r).Role) + ".",
	}})
}

package pages

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"qserve/console"
)

var sourceFields = []string{"name", "kind", "merchant", "secret", "overlap"}

// sourceForm is a form about a payment source, or what came of it where a secret is to be told.
type sourceForm struct {
	entry
	Verb   string // empty for a new source
	Source console.SourceView
	Kind   sourceKind
	// Made is the source with its secret, to be told once.
	Made *console.SourceSecret
}

// Kinds are the kinds of payment source.
func (sourceForm) Kinds() []sourceKind { return sourceKinds }

// Overlaps are for how many hours a secret may go on beside the one that replaces it.
func (sourceForm) Overlaps() []choice {
	return []choice{
		{"0", "At once: everything that is signed with it is refused"},
		{"1", "After an hour"},
		{"24", "After a day"},
		{"168", "After a week"},
		{"720", "After 30 days"},
	}
}

func (s *server) showSourceForm(w http.ResponseWriter, r *http.Request, status int, f sourceForm) {
	title := "New payment source"
	switch f.Verb {
	case "rename":
		title = "Rename " + f.Name
	case "rotate":
		title = "New secret for " + f.Name
	case "archive":
		title = "Archive " + f.Name
	}
	s.show(w, r, status, "source-form", page{Title: title, Nav: "sources", Data: f})
}

func (s *server) askNewSource(w http.ResponseWriter, r *http.Request) {
	s.showSourceForm(w, r, http.StatusOK, sourceForm{entry: newEntry("", "/sources/new", url.Values{"kind": {sourceKinds[0].Name}})})
}

// addSource shows the source with its secret where it has one, because there is no other time to see that.
func (s *server) addSource(w http.ResponseWriter, r *http.Request) {
	e, err := sentEntry(r, "", "/sources/new")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	n := console.NewSource{Name: e.Value("name"), Kind: e.Value("kind"), Merchant: e.Value("merchant")}
	if kindOf(n.Kind).Signs {
		n.Secret = e.Value("secret")
	}
	made, err := s.Service.AddSource(r.Context(), s.by(r), n)
	if e.blame(err, sourceFields) {
		s.showSourceForm(w, r, http.StatusUnprocessableEntity, sourceForm{entry: e})
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if made.Secret == "" {
		s.done(w, r, sourcePath(made.Name), "Payment source "+made.Name+" is added. Give its addresses to the provider.")
		return
	}
	s.showSourceForm(w, r, http.StatusOK, sourceForm{entry: newEntry("", "", nil), Kind: kindOf(made.Kind), Made: &made})
}

// sourceVerb is what can be done with a payment source.
type sourceVerb struct {
	name string
	// do returns where it leads, with what is told there, or the source with a secret that is to be shown.
	do func(s *server, r *http.Request, e entry) (to, told string, made *console.SourceSecret, err error)
}

var sourceVerbs = []sourceVerb{{"rename", renameSource}, {"rotate", rotateSource}, {"archive", archiveSource}}

func (s *server) askSource(v sourceVerb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		view, err := s.Service.Source(r.Context(), named(r, "name"))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		values := url.Values{"name": {view.Name}, "overlap": {"24"}}
		s.showSourceForm(w, r, http.StatusOK, formFor(v, view, newEntry(view.Name, sourcePath(view.Name)+"/"+v.name, values)))
	}
}

func formFor(v sourceVerb, view console.SourceView, e entry) sourceForm {
	return sourceForm{entry: e, Verb: v.name, Source: view, Kind: kindOf(view.Kind)}
}

func (s *server) doSource(v sourceVerb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		view, err := s.Service.Source(r.Context(), named(r, "name"))
		var e entry
		if err == nil {
			e, err = sentEntry(r, view.Name, sourcePath(view.Name)+"/"+v.name)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		to, told, made, err := v.do(s, r, e)
		f := formFor(v, view, e)
		if f.blame(err, sourceFields) {
			s.showSourceForm(w, r, http.StatusUnprocessableEntity, f)
			return
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if made != nil {
			f.Made = made
			s.showSourceForm(w, r, http.StatusOK, f)
			return
		}
		s.done(w, r, to, told)
	}
}

func renameSource(s *server, r *http.Request, e entry) (to, told string, made *console.SourceSecret, err error) {
	name := e.Value("name")
	view, err := s.Service.ChangeSource(r.Context(), s.by(r), e.Name, console.SourceChange{Name: &name})
	return sourcePath(view.Name), fmt.Sprintf("%s is called %s now. Its addresses stay.", e.Name, view.Name), nil, err
}

func rotateSource(s *server, r *http.Request, e entry) (to, told string, made *console.SourceSecret, err error) {
	hours, err := e.wholeNumber("overlap")
	if err != nil {
		return "", "", nil, err
	}
	rotated, err := s.Service.RotateSecret(r.Context(), s.by(r), e.Name, time.Duration(hours)*time.Hour)
	return "", "", &rotated, err
}

func archiveSource(s *server, r *http.Request, e entry) (to, told string, made *console.SourceSecret, err error) {
	view, err := s.Service.ArchiveSource(r.Context(), s.by(r), e.Name)
	return sourcePath(view.Name), view.Name + " is archived. Its addresses take nothing any more, within seconds.", nil, err
}

package pages

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

// entry is a form about one of the provider's own things: a router, a plan, a payment source, a new subscriber.
type entry struct {
	Name   string // of what is changed; empty for something new
	Path   string // where the form is sent to
	Values url.Values
	// Was holds the values when the form was shown: only what the person changed is asked for, so that two people who
	// change different things do not undo each other's work.
	Was            string
	Key            string // names the request, so that sending it twice does its work once
	Field, Problem string // what is wrong with which field; an empty field is about all of it
}

// newEntry is a form that is filled with values.
func newEntry(name, path string, values url.Values) entry {
	return entry{Name: name, Path: path, Values: values, Was: values.Encode(), Key: rand.Text()}
}

// sentEntry is a form as the person filled it in.
func sentEntry(r *http.Request, name, path string) (entry, error) {
	if err := r.ParseForm(); err != nil {
		return entry{}, &console.FieldError{Field: "form", Problem: "cannot be read"}
	}
	e := newEntry(name, path, r.PostForm)
	e.Was = r.PostForm.Get("was")
	if key := r.PostForm.Get("key"); key != "" {
		e.Key = key
	}
	return e, nil
}

// Value is what a field holds, with the ends of lines as they are stored.
func (e entry) Value(name string) string {
	return strings.ReplaceAll(e.Values.Get(name), "\r\n", "\n")
}

// Is reports whether a choice is taken.
func (e entry) Is(name, value string) bool { return e.Values.Get(name) == value }

// Focus reports whether the cursor belongs into a field: the one that is wrong, else the first.
func (e entry) Focus(name, first string) bool {
	if e.Field != "" {
		return e.Field == name
	}
	return name == first
}

// before is what a field held when the form was shown, and whether that is known.
func (e entry) before(name string) (string, bool) {
	was, err := url.ParseQuery(e.Was)
	return was.Get(name), err == nil && e.Was != ""
}

// changed is what a field is to hold, nil when the person left it alone.
func (e entry) changed(name string) *string {
	value := e.Value(name)
	if was, known := e.before(name); !e.Values.Has(name) || (known && was == value) {
		return nil
	}
	return &value
}

// ticked is changed of a box.
func (e entry) ticked(name string) *bool {
	value := e.Is(name, "on")
	if was, known := e.before(name); known && (was == "on") == value {
		return nil
	}
	return &value
}

// box is the value of a box in a form.
func box(ticked bool) string {
	if ticked {
		return "on"
	}
	return ""
}

// wholeNumber reads a whole number of a field; an empty field is 0.
func (e entry) wholeNumber(name string) (int, error) {
	text := strings.TrimSpace(e.Value(name))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, &console.FieldError{Field: name, Problem: "must be a whole number"}
	}
	return n, nil
}

// blame writes into the form what a person can mend, and reports whether the error is of that kind. What belongs to a
// field that the form does not have is told above it.
func (e *entry) blame(err error, fields []string) bool {
	field, text, ok := refusal(err)
	if !ok {
		return false
	}
	e.Field, e.Problem = field, text
	if !slices.Contains(fields, field) {
		e.Field = ""
	}
	return true
}

// named is a name in the address. Where a name has a slash, the router matches the address as it was sent.
func named(r *http.Request, parameter string) string {
	text := chi.URLParam(r, parameter)
	if r.URL.RawPath == "" {
		return text
	}
	if name, err := url.PathUnescape(text); err == nil {
		return name
	}
	return text
}

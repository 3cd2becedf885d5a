package pages

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

func (s *server) auditRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeAudit))
		r.Get("/audit", s.audit)
		r.Get("/audit.csv", s.auditCSV)
	})
}

// What the lines of the log tell of: accounts and payments, and everything else.
var (
	accountKinds = []string{
		"payment", "renewal", "create", "suspend", "reconnect", "change-package", "cancel-change", "extend", "edit", "note", "undo", "expire",
		"reverse", "split", "delete",
	}
	settingKinds = []choice{
		{"sign-in", "Sign-in"}, {"sign-in-locked", "Sign-in locked"}, {"sign-out", "Signed out everywhere"}, {"password-change", "Password changed"},
		{"second-factor-set", "Second factor set up"}, {"second-factor-drop", "Second factor dropped"},
		{"staff-add", "Staff added"}, {"staff-change", "Staff changed"}, {"staff-remove", "Staff removed"},
		{"token-make", "API token made"}, {"token-revoke", "API token revoked"},
		{"plan-add", "Plan added"}, {"plan-change", "Plan changed"}, {"plan-archive", "Plan archived"},
		{"router-add", "Router added"}, {"router-change", "Router changed"}, {"router-retry", "Router tried now"}, {"router-remove", "Router removed"},
		{"source-add", "Payment source added"}, {"source-change", "Payment source changed"}, {"source-rotate", "Payment source has a new secret"},
		{"source-archive", "Payment source archived"}, {"delivery-retry", "Delivery processed again"},
	}
)

// auditKind is what a kind of line is called.
func auditKind(kind string) string {
	for _, c := range settingKinds {
		if c.Name == kind {
			return c.Label
		}
	}
	return actionName(kind)
}

// auditLine is a line of the log as it is shown.
type auditLine struct {
	console.AuditView
	Called string // the kind in words
	Link   string // the page of what it is about; empty: none that the person may see
	Facts  []fact // what changed
}

// fact is something before and after. One that is New belongs to something that was not there before, and one that is Old
// to something that is not there any more.
type fact struct {
	Name, Before, After string
	New, Old            bool
}

// auditList is the page of the audit log.
type auditList struct {
	Kind, Actor, Cursor   string
	Lines                 []auditLine
	Accounts, Settings    []choice
	Actors                []string // to choose from
	First, Following, CSV string
}

func (s *server) audit(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	list := auditList{
		Kind: values.Get("kind"), Actor: strings.TrimSpace(values.Get("actor")), Cursor: values.Get("cursor"), Settings: settingKinds,
	}
	for _, kind := range accountKinds {
		list.Accounts = append(list.Accounts, choice{kind, actionName(kind)})
	}
	found, err := s.Service.Audit(r.Context(), list.query())
	if err == nil {
		list.Actors, err = s.actors(r)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for _, v := range found.Items {
		list.Lines = append(list.Lines, auditLine{AuditView: v, Called: auditKind(v.Kind), Link: objectPath(v, me(r)), Facts: s.words.facts(v.Kind, v.Before, v.After, s.Service.Clock.Now())})
	}
	list.First, list.CSV = list.address("/audit", ""), list.address("/audit.csv", "")
	if found.Next != "" {
		list.Following = list.address("/audit", found.Next)
	}
	s.show(w, r, http.StatusOK, "audit", page{Title: "Audit log", Nav: "audit", Data: list})
}

func (l auditList) query() console.AuditQuery {
	q := console.AuditQuery{Actor: l.Actor, Cursor: l.Cursor}
	if l.Kind != "" {
		q.Kinds = []string{l.Kind}
	}
	return q
}

func (l auditList) address(path, cursor string) string {
	values := url.Values{}
	for name, value := range map[string]string{"kind": l.Kind, "actor": l.Actor, "cursor": cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// By is the address of what one actor did.
func (l auditList) By(actor string) string {
	l.Actor = actor
	return l.address("/audit", "")
}

// actors are people and programs that may have done something. Those who are gone can be typed.
func (s *server) actors(r *http.Request) ([]string, error) {
	people, err := s.Service.Staff(r.Context())
	if err != nil {
		return nil, err
	}
	programs, err := s.Service.Tokens(r.Context())
	if err != nil {
		return nil, err
	}
	var actors []string
	for _, p := range people {
		actors = append(actors, "staff "+p.Login)
	}
	for _, t := range programs {
		actors = append(actors, "token "+t.Name)
	}
	return actors, nil
}

// objectPath is the page of what a line is about.
func objectPath(v console.AuditView, m console.Member) string {
	if strings.HasPrefix(v.ID, "account-") {
		return "/customers/" + url.PathEscape(v.Object)
	}
	kind, name, _ := strings.Cut(v.Object, " ")
	switch {
	case kind == "router":
		return "/routers/" + url.PathEscape(name)
	case kind == "payment":
		return "/payments/" + url.PathEscape(name)
	case kind == "plan":
		return "/plans"
	case kind == "delivery" && m.May(console.ScopeAdmin, console.ScopeOps):
		return "/deliveries/" + url.PathEscape(name)
	case kind == "source" && m.May(console.ScopeAdmin):
		return "/sources/" + url.PathEscape(name)
	case kind == "staff" && m.May(console.ScopeAdmin):
		return "/staff"
	case kind == "token" && m.May(console.ScopeAdmin):
		return "/tokens"
	}
	return ""
}

// facts are what changed, in the order of their names. Of what is new, only what it has; of what is gone, what it had.
func (w words) facts(kind string, before, after map[string]string, now time.Time) []fact {
	names := map[string]string{}
	maps.Copy(names, before)
	maps.Copy(names, after)
	begins, ends := len(before) == 0 || kind == "create", len(after) == 0
	var all []fact
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := fact{strings.ReplaceAll(name, "_", " "), w.fact(name, before[name], now), w.fact(name, after[name], now), begins, ends}
		if begins && f.After == "" || ends && f.Before == "" {
			continue
		}
		all = append(all, f)
	}
	return all
}

// fact is a value of the log as people read it.
func (w words) fact(name, value string, now time.Time) string {
	switch name {
	case "rate", "garden_rate":
		return rate(value)
	case "price", "balance":
		if value != "" {
			return w.amount(console.Money{Amount: value})
		}
	}
	switch value {
	case "true":
		return "yes"
	case "false":
		return "no"
	}
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return w.at(at, now)
	}
	return value
}

// auditCSV is the log as it is filtered, from its newest line on.
func (s *server) auditCSV(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	list := auditList{Kind: values.Get("kind"), Actor: strings.TrimSpace(values.Get("actor"))}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="audit.csv"`)
	if err := s.Service.AuditCSV(r.Context(), list.query(), w); err != nil {
		s.log.Warn("a sheet is not whole", "error", err)
		panic(http.ErrAbortHandler)
	}
}

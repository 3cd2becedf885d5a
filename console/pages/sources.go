package pages

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

func (s *server) sourceRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeAdmin))
		r.Get("/sources", s.sourcesPage)
		r.Get("/sources/new", s.askNewSource)
		r.Post("/sources/new", s.addSource)
		r.Get("/sources/{name}", s.sourcePage)
		for _, v := range sourceVerbs {
			r.Get("/sources/{name}/"+v.name, s.askSource(v))
			r.Post("/sources/{name}/"+v.name, s.doSource(v))
		}
	})
}

// sourceKind is a kind of payment provider as people call it.
type sourceKind struct {
	Name, Label string
	Signs       bool // whether deliveries are signed with a secret
}

var sourceKinds = []sourceKind{
	{Name: "mpesa", Label: "M-Pesa (paybill or till)"},
	{Name: "standard", Label: "Standard Webhooks (cash desk, bank bridge, shop)", Signs: true},
}

func kindOf(name string) sourceKind {
	if i := slices.IndexFunc(sourceKinds, func(k sourceKind) bool { return k.Name == name }); i >= 0 {
		return sourceKinds[i]
	}
	return sourceKind{Name: name, Label: name, Signs: true}
}

// sourceRow is a payment source in the list, and how its page begins.
type sourceRow struct {
	console.SourceView
	Kind sourceKind
	// Quiet is set when no webhook came for so long that somebody should ask why.
	Quiet bool
}

// quietAfter is for how long a payment source may send nothing.
const quietAfter = 48 * time.Hour

func (s *server) sourceRow(v console.SourceView) sourceRow {
	row := sourceRow{SourceView: v, Kind: kindOf(v.Kind)}
	row.Quiet = v.ArchivedAt == nil && (v.LastDeliveryAt == nil || s.Service.Clock.Now().Sub(*v.LastDeliveryAt) >= quietAfter)
	return row
}

// sourceList is the page of the payment sources: those in use, or those that are not any more.
type sourceList struct {
	Archived bool
	Sources  []sourceRow
	Other    int // how many are in the other list
}

func (s *server) sourcesPage(w http.ResponseWriter, r *http.Request) {
	all, err := s.Service.Sources(r.Context(), true)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list := sourceList{Archived: r.URL.Query().Get("show") == "archived"}
	for _, v := range all {
		if (v.ArchivedAt != nil) == list.Archived {
			list.Sources = append(list.Sources, s.sourceRow(v))
		} else {
			list.Other++
		}
	}
	s.show(w, r, http.StatusOK, "sources", page{Title: "Payment sources", Nav: "sources", Data: list})
}

// sourceDetail is the page of a payment source.
type sourceDetail struct {
	sourceRow
	Deliveries []deliveryRow
}

// lastDeliveries is how many webhooks the page of their source shows.
const lastDeliveries = 10

func (s *server) sourcePage(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.Source(r.Context(), named(r, "name"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	last, err := s.Service.Deliveries(r.Context(), console.DeliveryQuery{Source: v.Name, Limit: lastDeliveries})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	rows := make([]deliveryRow, len(last.Items))
	for i, delivery := range last.Items {
		rows[i] = rowOf(delivery)
	}
	if len(rows) > 0 {
		v.LastDeliveryAt = &rows[0].ReceivedAt
	}
	s.show(w, r, http.StatusOK, "source", page{Title: v.Name, Nav: "sources", Data: sourceDetail{s.sourceRow(v), rows}})
}

func sourcePath(name string) string { return "/sources/" + url.PathEscape(name) }

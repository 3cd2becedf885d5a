package api

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

func (s *server) historyRoutes() {
	activity := operation(tagHistory, http.MethodGet, "/subscribers/{id}/activity", "list-activity", "Show an account's history",
		"Package changes, payments, suspensions, reconnections, extensions, edits, notes and expiries, newest first, and what the routers answered. As CSV it "+
			"is the whole history, with times in the provider's zone.", console.ScopeRead)
	sheet[console.ActivityView](s, &activity)
	huma.Register(s.document, activity, s.listActivity)
	huma.Register(s.document, operation(tagHistory, http.MethodGet, "/subscribers/{id}/payments", "list-subscriber-payments",
		"List an account's payments", "Newest first.", console.ScopeRead), s.listPaymentsOf)
	huma.Register(s.document, operation(tagHistory, http.MethodGet, "/subscribers/{id}/invoices", "list-invoices",
		"List an account's invoices", "Newest first. What was given back is a credit note, with negative periods and total.", console.ScopeRead), s.listInvoices)
	huma.Register(s.document, operation(tagHistory, http.MethodGet, "/subscribers/{id}/ledger", "list-ledger", "Explain an account's balance",
		"Every line of the wallet with the balance after it, newest first. The balance is the sum of the lines.", console.ScopeRead), s.listLedger)
}

// Exported are the parameters of a list that can be had as CSV.
type Exported struct {
	Kinds  []string `query:"kind" maxItems:"30" example:"[\"payment\",\"suspend\"]" doc:"Only these kinds, with commas between them."`
	Format string   `query:"format" enum:"json,csv" example:"json" doc:"csv for everything in one file; Accept: text/csv does the same."`
	Accept string   `header:"Accept" hidden:"true"`
}

// asCSV reports whether a spreadsheet is wanted: what the address says counts before what the header prefers.
func (e Exported) asCSV() bool {
	if e.Format != "" {
		return e.Format == "csv"
	}
	first, _, _ := strings.Cut(e.Accept, ",")
	media, _, _ := strings.Cut(first, ";")
	return strings.TrimSpace(media) == "text/csv"
}

type activityInput struct {
	AccountPath
	Exported
	Paged
}

func (s *server) listActivity(ctx context.Context, in *activityInput) (*huma.StreamResponse, error) {
	if in.asCSV() {
		return s.csv(ctx, "activity.csv", func(w io.Writer) error {
			return s.Service.ActivityCSV(ctx, in.ID, in.Kinds, w)
		}), nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	list, err := s.Service.Activity(ctx, in.ID, console.HistoryQuery{Kinds: in.Kinds, Cursor: in.Page, Limit: in.Limit})
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return asJSON(s, list), nil
}

type historyInput struct {
	AccountPath
	Paged
}

func (in historyInput) query() console.HistoryQuery {
	return console.HistoryQuery{Cursor: in.Page, Limit: in.Limit}
}

func (s *server) listPaymentsOf(ctx context.Context, in *historyInput) (*page[console.PaymentView], error) {
	list, err := s.Service.PaymentsOf(ctx, in.ID, in.query())
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return listed(list), nil
}

func (s *server) listInvoices(ctx context.Context, in *historyInput) (*page[console.InvoiceView], error) {
	list, err := s.Service.Invoices(ctx, in.ID, in.query())
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return listed(list), nil
}

func (s *server) listLedger(ctx context.Context, in *historyInput) (*page[console.LedgerView], error) {
	list, err := s.Service.Ledger(ctx, in.ID, in.query())
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return listed(list), nil
}

package console

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"qserve/account"
	"qserve/db"
)

// HistoryQuery says which part of an account's history is wanted. Lists come newest first.
type HistoryQuery struct {
	Kinds  []string // of activity; empty: all
	Cursor string
	Limit  int // 1 to 200; 0: 50
}

// The lists of a history, as their cursors name them.
const (
	listActivity = "activity"
	listPayments = "payments"
	listInvoices = "invoices"
	listLedger   = "ledger"
)

// part reads where in a list a page begins and how long it is.
func part(list, at string, limit int) (before int64, most int, err error) {
	if most, err = pageSize(limit); err != nil {
		return 0, 0, err
	}
	c, err := readCursor(at, list)
	if err != nil {
		return 0, 0, err
	}
	if c.ID == 0 {
		c.ID = math.MaxInt64
	}
	return c.ID, most, nil
}

// history is a part of what one account has a list of.
type history struct {
	q          *db.Queries
	subscriber int64
	before     int64 // id
	most       int
}

// historyOf finds the account, and reads which part of its list is wanted.
func (s *Service) historyOf(ctx context.Context, ref, list string, h HistoryQuery) (history, error) {
	before, most, err := part(list, h.Cursor, h.Limit)
	if err != nil {
		return history{}, err
	}
	q := db.New(s.Pool)
	on, err := s.resolve(ctx, q, ref)
	return history{q, on.Subscriber.ID, before, most}, err
}

// asked is how many rows are read for a page: one more says whether there is another page.
func asked(most int) int32 { return int32(most + 1) }

// Activity returns what happened to an account, and what the routers answered. Its errors are [*FieldError] and
// [*NotFoundError].
func (s *Service) Activity(ctx context.Context, ref string, h HistoryQuery) (Page[ActivityView], error) {
	of, err := s.historyOf(ctx, ref, listActivity, h)
	if err != nil {
		return Page[ActivityView]{}, err
	}
	return activityPage(ctx, of, h.Kinds)
}

func activityPage(ctx context.Context, of history, kinds []string) (Page[ActivityView], error) {
	rows, err := of.q.ActivityPage(ctx, db.ActivityPageParams{
		SubscriberID: of.subscriber, Before: of.before, Kinds: all(kinds), Most: asked(of.most),
	})
	if err != nil {
		return Page[ActivityView]{}, fmt.Errorf("read the activity of subscriber %d: %w", of.subscriber, err)
	}
	var actions []int64
	for _, row := range rows {
		if row.Activity.ActionID != nil {
			actions = append(actions, *row.Activity.ActionID)
		}
	}
	answers, err := routersOf(ctx, of.q, actions...)
	if err != nil {
		return Page[ActivityView]{}, fmt.Errorf("read the answers of the routers for subscriber %d: %w", of.subscriber, err)
	}
	return pageOf(rows, of.most, func(row db.ActivityPageRow) ActivityView {
		a := row.Activity
		view := ActivityView{
			ID: a.ID, At: a.At.UTC(), Kind: a.Kind, Actor: a.Actor, Source: row.Source, Summary: a.Summary,
			Before: readFacts(a.Before), After: readFacts(a.After), Action: a.ActionID,
		}
		if a.ActionID != nil {
			view.Routers = answers[*a.ActionID]
		}
		return view
	}, func(row db.ActivityPageRow) cursor { return cursor{List: listActivity, ID: row.Activity.ID} }), nil
}

// all is a filter that is not null: empty, it lets everything pass.
func all(kinds []string) []string {
	if kinds == nil {
		return []string{}
	}
	return kinds
}

// readFacts reads the facts before or after a change; nil when there are none.
func readFacts(text []byte) map[string]string {
	var facts map[string]string
	if json.Unmarshal(text, &facts) != nil || len(facts) == 0 {
		return nil
	}
	return facts
}

// ActivityCSV writes the whole activity of an account, newest first, in times of the provider's zone.
func (s *Service) ActivityCSV(ctx context.Context, ref string, kinds []string, w io.Writer) error {
	of, err := s.historyOf(ctx, ref, listActivity, HistoryQuery{Limit: maxPage})
	if err != nil {
		return err
	}
	sheet := newSheet(w, s.Zone)
	sheet.row("id", "at", "kind", "actor", "source", "summary", "before", "after", "action", "routers")
	for {
		page, err := activityPage(ctx, of, kinds)
		if err != nil {
			return err
		}
		for _, line := range page.Items {
			action := ""
			if line.Action != nil {
				action = strconv.FormatInt(*line.Action, 10)
			}
			sheet.row(strconv.FormatInt(line.ID, 10), sheet.time(line.At), line.Kind, line.Actor, line.Source, line.Summary,
				factsLine(line.Before), factsLine(line.After), action, answersLine(line.Routers))
			of.before = line.ID
		}
		if page.Next == "" {
			return sheet.end()
		}
	}
}

func answersLine(routers []ActionRouterView) string {
	var text []string
	for _, r := range routers {
		switch {
		case r.Confirmed:
			text = append(text, r.Router+" confirmed")
		case r.LastError != "":
			text = append(text, r.Router+": "+r.LastError)
		default:
			text = append(text, r.Router+" has not answered yet")
		}
	}
	return strings.Join(text, "; ")
}

// Invoices returns what an account was billed for.
func (s *Service) Invoices(ctx context.Context, ref string, h HistoryQuery) (Page[InvoiceView], error) {
	of, err := s.historyOf(ctx, ref, listInvoices, h)
	if err != nil {
		return Page[InvoiceView]{}, err
	}
	rows, err := of.q.InvoicesPage(ctx, db.InvoicesPageParams{SubscriberID: of.subscriber, Before: of.before, Most: asked(of.most)})
	if err != nil {
		return Page[InvoiceView]{}, fmt.Errorf("read the invoices of subscriber %d: %w", of.subscriber, err)
	}
	return pageOf(rows, of.most, func(row db.Invoice) InvoiceView {
		return InvoiceView{
			Number: fmt.Sprintf("%d-%06d", row.Year, row.Number), IssuedAt: row.IssuedAt.UTC(), Plan: row.Plan,
			Periods: int(row.Periods), Total: viewMoney(account.Money{Minor: row.TotalMinor, Currency: row.Currency}),
			PeriodStart: row.PeriodStart.UTC(), PeriodEnd: row.PeriodEnd.UTC(),
		}
	}, func(row db.Invoice) cursor { return cursor{List: listInvoices, ID: row.ID} }), nil
}

// Ledger returns what moved an account's balance, and to what.
func (s *Service) Ledger(ctx context.Context, ref string, h HistoryQuery) (Page[LedgerView], error) {
	of, err := s.historyOf(ctx, ref, listLedger, h)
	if err != nil {
		return Page[LedgerView]{}, err
	}
	rows, err := of.q.LedgerPage(ctx, db.LedgerPageParams{SubscriberID: of.subscriber, Before: of.before, Most: asked(of.most)})
	if err != nil {
		return Page[LedgerView]{}, fmt.Errorf("read the ledger of subscriber %d: %w", of.subscriber, err)
	}
	return pageOf(rows, of.most, func(row db.LedgerPageRow) LedgerView {
		return LedgerView{
			ID: row.ID, At: row.CreatedAt.UTC(), Kind: row.Kind, Payment: row.PaymentID, Action: row.ActionID,
			Amount:  viewMoney(account.Money{Minor: row.AmountMinor, Currency: row.Currency}),
			Balance: viewMoney(account.Money{Minor: row.BalanceMinor, Currency: row.Currency}),
			Summary: s.ledgerSummary(row),
		}
	}, func(row db.LedgerPageRow) cursor { return cursor{List: listLedger, ID: row.ID} }), nil
}

// ledgerSummary says in words what a line is.
func (s *Service) ledgerSummary(row db.LedgerPageRow) string {
	bought := ""
	if row.Periods != nil && row.PeriodEnd != nil {
		bought = fmt.Sprintf("%s, %s until %s", row.Plan, periods(int(*row.Periods)), s.readable(*row.PeriodEnd))
	}
	switch row.Kind {
	case "payment":
		return "Payment " + row.Receipt + " by " + row.Method
	case "reversal":
		return "Payment " + row.Receipt + " by " + row.Method + " taken back"
	case "refund":
		return "Given back: " + bought
	}
	return bought
}

func periods(n int) string {
	if n == 1 {
		return "1 period"
	}
	return strconv.Itoa(n) + " periods"
}

// readable writes an instant as people in the provider's zone read it.
func (s *Service) readable(t time.Time) string { return t.In(s.Zone).Format("2 Jan 2006 15:04") }

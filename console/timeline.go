package console

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"qserve/account"
	"qserve/db"
)

// EventView is one thing that happened to an account, on the one axis of time that holds what people, the clock, payment
// providers, routers and the line itself did.
type EventView struct {
	ID     string            `json:"id" example:"confirmed-1017-2" doc:"Unique in the timeline, and stays."`
	At     time.Time         `json:"at"`
	Kind   string            `json:"kind" example:"confirmed" doc:"That of the line of activity (payment, suspend, extend …), or webhook, confirmed and waiting (routers), online and offline (the line)."`
	Actor  string            `json:"actor,omitempty" example:"token call-centre" doc:"Who did it; absent when nobody did."`
	Text   string            `json:"text" example:"Router Ngong confirmed"`
	Before map[string]string `json:"before,omitempty" doc:"Facts as they were, by name; only those that changed."`
	After  map[string]string `json:"after,omitempty" doc:"The same facts as they are since."`
	Action *int64            `json:"action,omitempty" example:"1017" doc:"Id of the action that it belongs to."`
	// Payment is set where a provider told of one.
	Payment *int64 `json:"payment,omitempty" example:"311" doc:"Id of the payment that a webhook told of."`
	// Took is how long after its action was accepted a router confirmed it, or the customer was back.
	Took   *float64 `json:"took_seconds,omitempty" example:"0.02" doc:"How long after the action was accepted, where a router confirmed it or it brought the customer online."`
	Undone bool     `json:"undone,omitempty" doc:"Whether the action was taken back."`
}

// TimelineQuery says which part of a timeline is wanted.
type TimelineQuery struct {
	// Show is payments (the money, and the webhooks that told of it), actions (what was done to the account, and the routers'
	// answers), line (online, offline, and the routers' answers) or notes; empty: everything.
	Show   string
	Cursor string
	Limit  int // 1 to 200; 0: 50
}

// What a timeline can be narrowed to.
const (
	showPayments = "payments"
	showActions  = "actions"
	showLine     = "line"
	showNotes    = "notes"
)

// Shows lists what [TimelineQuery] can be narrowed to.
var Shows = []string{showPayments, showActions, showLine, showNotes}

const listTimeline = "timeline"

// moneyKinds are the kinds of activity that move money; notActions are those that are not shown as actions.
var (
	moneyKinds = []string{"payment", "renewal", "reverse", "unallocate"}
	notActions = append([]string{"note"}, moneyKinds...)
)

// Timeline returns what happened to an account, newest first. Its errors are [*FieldError] and [*NotFoundError].
func (s *Service) Timeline(ctx context.Context, ref string, t TimelineQuery) (Page[EventView], error) {
	on, err := s.resolve(ctx, db.New(s.Pool), ref)
	if err != nil {
		return Page[EventView]{}, err
	}
	line, err := newTimeline(on.Subscriber.ID, t)
	if err != nil {
		return Page[EventView]{}, err
	}
	line.facts = true
	if err := db.Together(ctx, s.Pool, line.reads()...); err != nil {
		return Page[EventView]{}, fmt.Errorf("read the timeline of subscriber %d: %w", on.Subscriber.ID, err)
	}
	return line.page(), nil
}

func newTimeline(subscriber int64, t TimelineQuery) (*timeline, error) {
	most, err := pageSize(t.Limit)
	if err != nil {
		return nil, err
	}
	if t.Show != "" && !slices.Contains(Shows, t.Show) {
		return nil, bad("show", "must be one of %s", strings.Join(Shows, ", "))
	}
	before, err := readSpot(t.Cursor)
	if err != nil {
		return nil, err
	}
	return &timeline{subscriber: subscriber, show: t.Show, before: before, most: most}, nil
}

// The sources of a timeline, in the order of cause and effect, for what happened at the same instant.
const (
	rankWebhook = iota
	rankActivity
	rankRouter
	rankLine
)

// spot is where an event stands in the timeline, and the cursor after it.
type spot struct {
	at     time.Time
	rank   int
	id, of int64
	text   string
}

// older orders the newest first.
func (p spot) older(than spot) int {
	return cmp.Or(than.at.Compare(p.at), cmp.Compare(than.rank, p.rank), cmp.Compare(than.id, p.id), cmp.Compare(than.of, p.of),
		cmp.Compare(than.text, p.text))
}

func (p spot) cursor() cursor {
	return cursor{List: listTimeline, ID: p.id, Key: fmt.Sprintf("%s %d %d %s", p.at.UTC().Format(time.RFC3339Nano), p.rank, p.of, p.text)}
}

// readSpot reads a cursor; the beginning of the timeline is after everything.
func readSpot(text string) (spot, error) {
	c, err := readCursor(text, listTimeline)
	if err != nil || text == "" {
		return spot{at: time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC)}, err
	}
	parts := strings.SplitN(c.Key, " ", 4)
	if len(parts) == 4 {
		at, wrongAt := time.Parse(time.RFC3339Nano, parts[0])
		rank, wrongRank := strconv.Atoi(parts[1])
		of, wrongOf := strconv.ParseInt(parts[2], 10, 64)
		if wrongAt == nil && wrongRank == nil && wrongOf == nil {
			return spot{at, rank, c.ID, of, parts[3]}, nil
		}
	}
	return spot{}, bad("cursor", "is not a cursor of a timeline: take it from next of the page before, or leave it out")
}

// ids bounds what one source has at the very instant of the cursor: everything, what lies before the cursor, or nothing.
func (p spot) ids(rank int) (id, of int64) {
	switch {
	case rank < p.rank:
		return math.MaxInt64, math.MaxInt64
	case rank == p.rank:
		return p.id, p.of
	}
	return 0, 0
}

type event struct {
	spot
	EventView
	before, after []byte // the facts, as they are stored
}

// timeline reads one page. Each source is read as far as the page could need it, and then they are merged.
type timeline struct {
	subscriber int64
	show       string
	before     spot
	most       int
	facts      bool // whether Before and After are wanted

	mu     sync.Mutex
	events []event
	undone []int64 // actions that were taken back

	sessions []db.TimelineSessionsRow
	given    []db.ServiceGivenRow // that may have brought the customer back
}

// overtaking is how many rows of a source may be out of the order of time: transactions and deliveries overtake each other.
const overtaking = 16

func (t *timeline) rows() int32 { return int32(t.most + 1 + overtaking) }

// reach is how many actions or payments are looked through for what was told about them. Nearly every one has an event of
// its own, so a page reaches no further back; but an answer or a repeated webhook may come late.
func (t *timeline) reach() int32 { return int32(3*t.most + 200) }

// reads are the sources of what is shown, for [db.Together].
func (t *timeline) reads() (reads []func(context.Context, *db.Queries) error) {
	for _, source := range []struct {
		read func(context.Context, *db.Queries) error
		in   []string
	}{
		{t.activity, []string{"", showPayments, showActions, showNotes}},
		{t.webhooks, []string{"", showPayments}},
		{t.answers, []string{"", showActions, showLine}},
		{t.readSessions, []string{"", showLine}},
		{t.readGiven, []string{"", showLine}},
		{t.readUndone, append([]string{""}, Shows...)},
	} {
		if slices.Contains(source.in, t.show) {
			reads = append(reads, source.read)
		}
	}
	return reads
}

// add takes an event that lies before the cursor.
func (t *timeline) add(e event) {
	if e.older(t.before) > 0 {
		e.At = e.at.UTC()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.events = append(t.events, e)
	}
}

func (t *timeline) view(e event) EventView {
	if t.facts {
		e.Before, e.After = readFacts(e.before), readFacts(e.after)
	}
	return e.EventView
}

// page is what was read.
func (t *timeline) page() Page[EventView] {
	t.line()
	for i, e := range t.events {
		t.events[i].Undone = e.Action != nil && slices.Contains(t.undone, *e.Action)
	}
	slices.SortFunc(t.events, func(a, b event) int { return a.older(b.spot) })
	return pageOf(t.events, t.most, t.view, func(e event) cursor { return e.cursor() })
}

func (t *timeline) activity(ctx context.Context, q *db.Queries) error {
	rows, err := t.activityRows(ctx, q)
	for _, row := range rows {
		a := row.Activity
		view := EventView{
			ID: fmt.Sprintf("activity-%d", a.ID), Kind: a.Kind, Actor: a.Actor, Text: a.Summary,
			Action: a.ActionID,
		}
		if view.Actor == account.Clock {
			view.Actor = ""
		}
		t.add(event{spot{at: a.At, rank: rankActivity, id: a.ID}, view, a.Before, a.After})
	}
	return err
}

func (t *timeline) activityRows(ctx context.Context, q *db.Queries) ([]db.TimelineActivityRow, error) {
	id, _ := t.before.ids(rankActivity)
	some := db.TimelineActivityOfParams{
		SubscriberID: t.subscriber, Before: t.before.at, BeforeID: id, Kinds: []string{}, But: []string{}, Most: t.rows(),
	}
	switch t.show {
	case showPayments:
		some.Kinds = moneyKinds
	case showNotes:
		some.Kinds = []string{"note"}
	case showActions:
		some.But = notActions
	default:
		return q.TimelineActivity(ctx, db.TimelineActivityParams{SubscriberID: t.subscriber, Before: t.before.at, BeforeID: id, Most: t.rows()})
	}
	rows, err := q.TimelineActivityOf(ctx, some)
	all := make([]db.TimelineActivityRow, len(rows))
	for i, row := range rows {
		all[i] = db.TimelineActivityRow(row)
	}
	return all, err
}

func (t *timeline) webhooks(ctx context.Context, q *db.Queries) error {
	id, of := t.before.ids(rankWebhook)
	rows, err := q.TimelineDeliveries(ctx, db.TimelineDeliveriesParams{
		SubscriberID: t.subscriber, Before: t.before.at, BeforeID: id, BeforeOf: of, Most: t.rows(), Reach: t.reach(),
	})
	for _, row := range rows {
		view := EventView{
			ID: fmt.Sprintf("delivery-%d-%d", row.ID, row.PaymentID), Kind: "webhook", Actor: row.Source, Payment: &row.PaymentID,
			Text: fmt.Sprintf("%s told of a payment of %s, receipt %s", row.Source,
				account.Money{Minor: row.AmountMinor, Currency: row.Currency}, row.TransactionID),
		}
		if row.PartMinor != row.AmountMinor {
			view.Text += fmt.Sprintf(", of which %s is for this account", account.Money{Minor: row.PartMinor, Currency: row.Currency})
		}
		if row.Again {
			view.Text = fmt.Sprintf("%s told of receipt %s again; it was booked already", row.Source, row.TransactionID)
		}
		if row.ActionID != 0 {
			view.Action = &row.ActionID
		}
		t.add(event{spot: spot{at: row.ReceivedAt, rank: rankWebhook, id: row.ID, of: row.PaymentID}, EventView: view})
	}
	return err
}

package pages

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"

	"qserve/account"
	"qserve/console"
)

// profile is everything that the page of a subscriber shows.
type profile struct {
	Sub      console.SubscriberView
	Plan     console.Offer
	Me       console.Member
	Sentence string // can be read to the caller
	Phone    string // as people write it
	Line     light
	// Differ says what the router does not hold yet; empty when it holds what it should.
	Differ string
	Used   int // percent of the current package's time
	Others []console.PresenceView
	Cards  []card
	Tab    tab
}

// light is a state: a word with a shape and a colour.
type light struct{ Word, Shape, Class, Detail string }

// May reports whether the person may do one of the things.
func (p profile) May(scopes ...console.Scope) bool { return p.Me.May(scopes...) }

// Reconnectable is when Reconnect is offered: only when suspended or expired.
func (p profile) Reconnectable() bool {
	return p.Sub.Status == "suspended" || p.Sub.Status == "expired"
}

func (s *server) profile(w http.ResponseWriter, r *http.Request) {
	p, err := s.lookAt(r.Context(), me(r), chi.URLParam(r, "ref"), tabOf(r.URL.Query()))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, "profile", page{Title: p.Sub.Name, Nav: "customers", Data: p})
}

// present notes that somebody looks at an account, about to do something or not. If it cannot be noted, the account is
// shown all the same.
func (s *server) present(ctx context.Context, m console.Member, subscriber int64, doing string) {
	if err := s.Service.Look(ctx, m.ID, subscriber, doing); err != nil && ctx.Err() == nil {
		s.log.Warn("who looks at an account could not be noted", "error", err)
	}
}

func (s *server) lookAt(ctx context.Context, m console.Member, ref string, t tab) (profile, error) {
	p := profile{Me: m}
	var err error
	if p.Sub, p.Plan, err = s.Service.SubscriberWithPlan(ctx, ref); err != nil {
		return p, err
	}
	now := s.Service.Clock.Now()
	about := console.AboutQuery{Staff: m.ID, Since: now.Add(-cardsFor)}
	if t.Name == timelineTab {
		about.Timeline = &console.TimelineQuery{Show: t.Show, Cursor: t.Cursor, Limit: perPage}
	}
	// Somebody waits, and none of these needs another.
	var beside console.AboutView
	reads, all := errgroup.WithContext(ctx)
	reads.Go(func() (err error) {
		beside, err = s.Service.About(all, p.Sub.ID, about)
		return err
	})
	reads.Go(func() (err error) {
		p.Tab, err = s.readTab(all, p.Sub, t)
		return err
	})
	if err := reads.Wait(); err != nil {
		return p, err
	}
	p.Tab.Events, p.Others = beside.Timeline, beside.Others
	p.Cards = s.cards(beside.Actions, m, p.Sub, now)
	p.Phone = nationalPhone(p.Sub.Phone, s.Service.Region)
	p.Line = s.words.line(p.Sub, now)
	p.Sentence = s.words.sentence(p.Sub, p.Line, beside.LastPayment, now)
	if p.Sub.Confirmed != nil && !*p.Sub.Confirmed {
		p.Differ = differ(p.Sub)
	}
	p.Used = used(p.Sub, p.Plan, now)
	return p, nil
}

// line is the line's light: whether the customer is online, as far as is known.
func (w words) line(sub console.SubscriberView, now time.Time) light {
	c := sub.Connection
	switch {
	case c == nil || c.AsOf == nil:
		return light{"Line unknown", "circle-help", "", sub.Router + " was never heard of it"}
	case c.Online:
		detail := strings.Join(nonempty(c.Address, rate(c.Rate)), ", ")
		return light{"Online", "wifi", "ok", detail}
	case now.Sub(*c.AsOf) > unheard:
		return light{"Line unknown", "circle-help", "warn", sub.Router + " was last heard " + w.relative(*c.AsOf, now)}
	case c.LastSeen != nil:
		return light{"Offline", "wifi-off", "warn", "since " + w.at(*c.LastSeen, now)}
	}
	return light{"Offline", "wifi-off", "warn", "never seen"}
}

// unheard is for how long a router may be silent before what it last told is no knowledge any more.
const unheard = 15 * time.Minute

// sentence is what an agent can read to the caller.
func (w words) sentence(sub console.SubscriberView, line light, last *console.PaymentView, now time.Time) string {
	var text []string
	switch {
	case sub.Suspension != nil:
		why := map[string]string{
			"non-payment": "for non-payment", "equipment": "because of equipment", "customer-request": "at the customer’s request", "other": "by staff",
		}[sub.Suspension.Category]
		if sub.Suspension.Reason != "" {
			why += " (" + sub.Suspension.Reason + ")"
		}
		why += " since " + w.at(sub.Suspension.Since, now)
		if sub.Suspension.Until != nil {
			why += ", until " + w.at(*sub.Suspension.Until, now)
		}
		text = append(text, "Suspended "+why+".")
		if sub.Remaining > 0 {
			text = append(text, "Paid time left: "+span(time.Duration(sub.Remaining)*time.Second)+".")
		}
	case sub.ExpiresAt == nil:
		text = append(text, "Has not paid yet.")
	case sub.Status == "active":
		text = append(text, "Paid until "+w.at(*sub.ExpiresAt, now)+" ("+strings.TrimPrefix(w.relative(*sub.ExpiresAt, now), "in ")+").")
	case sub.Status == "grace" && sub.GraceUntil != nil:
		text = append(text, "The package ended "+w.at(*sub.ExpiresAt, now)+"; grace until "+w.at(*sub.GraceUntil, now)+".")
	default:
		text = append(text, "The package ended "+w.at(*sub.ExpiresAt, now)+" ("+w.relative(*sub.ExpiresAt, now)+").")
	}
	switch c := sub.Connection; {
	case line.Word == "Online" && c.Since != nil:
		text = append(text, "Online since "+w.at(*c.Since, now)+" on "+sub.Router+".")
	case line.Word == "Offline":
		text = append(text, "Offline, "+line.Detail+".")
	default:
		text = append(text, "Whether the line is up is not known: "+line.Detail+".")
	}
	if last != nil {
		text = append(text, "Last payment "+w.money(last.Amount)+" "+w.at(last.OccurredAt, now)+", "+last.Receipt+".")
	}
	return strings.Join(text, " ")
}

// differ says what the router should hold while it has not confirmed it.
func differ(sub console.SubscriberView) string {
	wanted := "no access"
	if sub.Status == "active" || sub.Status == "grace" {
		wanted = "access with " + sub.Plan
	}
	return "Wanted: " + wanted + ". " + sub.Router + " has not confirmed it yet."
}

// used is how much of the current package's time is over, in percent.
func used(sub console.SubscriberView, plan console.Offer, now time.Time) int {
	if sub.ExpiresAt == nil || sub.Remaining <= 0 {
		return 100
	}
	length := time.Duration(plan.Duration.Count) * map[account.Unit]time.Duration{
		account.Hours: time.Hour, account.Days: 24 * time.Hour, account.Months: 30 * 24 * time.Hour,
	}[plan.Duration.Unit]
	if length <= 0 {
		return 0
	}
	left := time.Duration(sub.Remaining) * time.Second
	return int(100 - min(100, 100*left/length))
}

func nonempty(texts ...string) []string {
	var kept []string
	for _, text := range texts {
		if text != "" {
			kept = append(kept, text)
		}
	}
	return kept
}

// tab is which of the lists below the timeline is shown, and the list.
type tab struct {
	Name, Show, Cursor string // Show narrows the timeline
	Base               string // address of the profile
	Events             console.Page[console.EventView]
	Payments           console.Page[console.PaymentView]
	Invoices           console.Page[console.InvoiceView]
	Ledger             console.Page[console.LedgerView]
	Activity           console.Page[console.ActivityView]
}

// timelineTab is the list that is shown first, and perPage how many lines every list has.
const (
	timelineTab = "timeline"
	perPage     = 20
)

func tabOf(values url.Values) tab {
	t := tab{Name: values.Get("tab"), Show: values.Get("show"), Cursor: values.Get("cursor")}
	switch t.Name {
	case "payments", "invoices", "ledger", "activity":
	default:
		t.Name = timelineTab
	}
	return t
}

// Address is that of the profile with another list.
func (t tab) Address(name, show, cursor string) string {
	values := url.Values{}
	for key, value := range map[string]string{"tab": name, "show": show, "cursor": cursor} {
		if value != "" {
			values.Set(key, value)
		}
	}
	if len(values) == 0 {
		return t.Base
	}
	return t.Base + "?" + values.Encode()
}

// Next is the cursor of the page that follows.
func (t tab) Next() string {
	return t.Events.Next + t.Payments.Next + t.Invoices.Next + t.Ledger.Next + t.Activity.Next
}

// readTab reads the list of a tab; the timeline is read with what else the page shows.
func (s *server) readTab(ctx context.Context, sub console.SubscriberView, t tab) (tab, error) {
	t.Base = "/customers/" + url.PathEscape(sub.Account)
	history := console.HistoryQuery{Cursor: t.Cursor, Limit: perPage}
	var err error
	switch t.Name {
	case "payments":
		t.Payments, err = s.Service.PaymentsOf(ctx, sub.Account, history)
	case "invoices":
		t.Invoices, err = s.Service.Invoices(ctx, sub.Account, history)
	case "ledger":
		t.Ledger, err = s.Service.Ledger(ctx, sub.Account, history)
	case "activity":
		t.Activity, err = s.Service.Activity(ctx, sub.Account, history)
	}
	return t, err
}

func (s *server) activityCSV(w http.ResponseWriter, r *http.Request) {
	sub, err := s.Service.Subscriber(r.Context(), chi.URLParam(r, "ref"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="activity.csv"`)
	if err := s.Service.ActivityCSV(r.Context(), sub.Account, nil, w); err != nil {
		s.log.Warn("a sheet is not whole", "error", err)
		panic(http.ErrAbortHandler)
	}
}

// Shows are what the timeline can be narrowed to.
func (tab) Shows() []choice {
	return []choice{{"", "All"}, {"payments", "Payments"}, {"actions", "Actions"}, {"line", "Line"}, {"notes", "Notes"}}
}

package pages

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

func (s *server) homeRoutes(r chi.Router) {
	r.With(s.guard(console.ScopeRead)).Get("/", s.home)
}

// home is what the first page shows.
type home struct {
	console.HomeView
	Today       string // address of the payments of today
	TodayCount  int64
	NobodyCount int64
	Routers     []console.RouterHealthView // those in trouble first, and not all of many
	AllRouters  int
	Charts      []chart
	now         time.Time
}

const (
	// routersShown is how many routers stand on the first page.
	routersShown = 12
	// oldAfter is from when on unfinished work is no work of this moment any more.
	oldAfter = time.Minute
	// countedEvery is how far apart the counts of who is online may be before the line between them is a guess.
	countedEvery = 15 * time.Minute
)

// home answers at once, with what is known of the slow parts; the page then asks once more, for all of it.
func (s *server) home(w http.ResponseWriter, r *http.Request) {
	read := s.Service.HomeAtOnce
	if r.URL.Query().Has("charts") {
		read = s.Service.Home
	}
	view, err := read(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	now := s.Service.Clock.Now()
	h := home{
		HomeView: view, Today: "/payments?day=" + now.In(s.words.zone).Format(time.DateOnly),
		TodayCount: counted(view.PaymentsToday), NobodyCount: counted(view.Unallocated),
		AllRouters: len(view.Routers), Routers: troubled(view.Routers), Charts: s.charts(view, now), now: now,
	}
	s.show(w, r, http.StatusOK, "home", page{Title: "Home", Nav: "home", Find: true, Data: h})
}

// troubled puts routers that keep somebody waiting first, and leaves out what would be too much.
func troubled(routers []console.RouterHealthView) []console.RouterHealthView {
	trouble := func(r console.RouterHealthView) int {
		switch {
		case r.LastContactAt != nil && !r.Reachable:
			return 0
		case r.Waiting > 0:
			return 1
		}
		return 2
	}
	sorted := slices.SortedFunc(slices.Values(routers), func(a, b console.RouterHealthView) int {
		return cmp.Or(cmp.Compare(trouble(a), trouble(b)), cmp.Compare(b.Waiting, a.Waiting), strings.Compare(a.Name, b.Name))
	})
	return sorted[:min(len(sorted), routersShown)]
}

func counted(taken []console.TakenView) (n int64) {
	for _, t := range taken {
		n += t.Count
	}
	return n
}

// Stuck reports whether unfinished work is older than work of this moment.
func (h home) Stuck(u console.UnfinishedView) bool { return h.now.Sub(u.Since) > oldAfter }

// charts draws the series of the first page, as they were when they were read.
func (s *server) charts(view console.HomeView, now time.Time) []chart {
	if !view.ChartsAsOf.IsZero() {
		now = view.ChartsAsOf
	}
	day := func(t time.Time) string {
		if s.words.sameDay(t, now) {
			return "today"
		}
		return s.words.date(t, now)
	}
	var payments, confirmation []mark
	for _, d := range view.PaymentsPerDay {
		payments = append(payments, mark{day(d.Day), float64(d.Count), s.words.count(d.Count)})
	}
	for _, d := range view.Confirmation {
		m := mark{day(d.Day), d.Median.Seconds(), span(d.Median)}
		if d.Count == 0 {
			m.Text = "none"
		}
		confirmation = append(confirmation, m)
	}
	var online []instant
	for _, p := range view.OnlineOverTime {
		online = append(online, instant{mark{s.words.at(p.At, now), float64(p.Online), s.words.count(p.Online)}, p.At})
	}
	if n := view.Online; n != nil && len(online) > 0 { // the last count is minutes old
		online = append(online, instant{mark{"now", float64(*n), s.words.count(*n)}, now})
	}
	charts := []chart{
		barChart(chart{
			ID: "chart-payments", Title: "Payments per day", Unit: "payments", From: first(payments), To: "today",
			Empty: "No payment in the last 30 days.",
		}, payments),
		lineChart(chart{
			ID: "chart-online", Title: "Online, last 24 hours", Unit: "customers", From: s.words.at(now.Add(-24*time.Hour), now), To: "now",
			Empty: "Nobody was counted yet. The count is taken every few minutes.",
		}, online, now.Add(-24*time.Hour), now, countedEvery),
		barChart(chart{
			ID: "chart-confirmation", Title: "From payment to the router’s confirmation", Unit: "median of the day", From: first(confirmation), To: "today",
			Empty: "No payment was confirmed by a router in the last 14 days.",
		}, confirmation),
	}
	for i := range charts {
		if view.ChartsAsOf.IsZero() {
			charts[i].Empty = "Being read."
		}
	}
	return charts
}

func first(marks []mark) string {
	if len(marks) == 0 {
		return ""
	}
	return marks[0].Name
}

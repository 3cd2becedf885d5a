package pages_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"qserve/console"
)

func TestHome_OfAFreshProviderSaysThatNothingIsThere(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.work()
	o.exec("update provisions set done_gen = want_gen, confirmed_at = $1", noon)
	a := o.as(console.RoleViewer).get("/?charts=now")
	a.says(t, http.StatusOK, "0 online now", "0 payments today", "0 expiring in 3 days", "0 expiring in 7 days", "0 in grace", "0 suspended", "0 unallocated payments",
		"0 paid, not confirmed by the router", "Nothing waits.", "Kilimani", "Never needed yet", "never",
		"No payment in the last 30 days.", "Nobody was counted yet.", "No payment was confirmed by a router in the last 14 days.")
	if !regexp.MustCompile(`id="q"[^>]*autofocus`).MatchString(a.body) {
		t.Error("the search has no focus on arrival")
	}
	if a.header.Get("Content-Security-Policy") == "" || regexp.MustCompile(`\sstyle=|\son[a-z]+=`).MatchString(a.body) {
		t.Error("the page has inline styles or handlers")
	}
}

func TestHome_CountsLeadToExactlyTheCountedRows(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.must(func() error {
		for i, days := range []int{2, 3, 6, 20} {
			if _, err := o.AddSubscriber(t.Context(), boss, console.NewSubscriber{
				Account: fmt.Sprintf("N-%d", i), Name: "N", Router: "Kilimani", Plan: "Home 10", Username: fmt.Sprintf("n%d", i), Password: "pppoe-password",
			}); err != nil {
				return err
			}
			o.exec("update subscribers set expires_at = $2 where account = $1", fmt.Sprintf("N-%d", i), noon.AddDate(0, 0, days))
		}
		return nil
	}())
	o.exec("update subscribers set suspended_at = $1, suspension_category = 'other' where account = 'N-3'", noon)
	o.exec("update subscribers set grace_until = $1 where account = 'ACC-0042'", noon.AddDate(0, 0, 1))
	o.stray("700", "FT-1", "")
	o.stray("50.50", "FT-2", "")
	b := o.as(console.RoleViewer)
	a := b.get("/")
	for label, want := range map[string]int{
		"expiring in 3 days": 2, "expiring in 7 days": 3, "in grace": 1, "suspended": 1, "unallocated payments": 2, "payments today": 2,
	} {
		tile := regexp.MustCompile(`<a class="tile[^"]*" href="([^"]+)"><b>([0-9,+]+)</b> ` + label).FindStringSubmatch(a.body)
		if tile == nil {
			t.Errorf("there is no tile %q: %s", label, a.text())
			continue
		}
		rows := strings.Count(b.get(strings.ReplaceAll(tile[1], "&amp;", "&")).body, "<tr data-href=")
		if tile[2] != strconv.Itoa(want) || rows != want {
			t.Errorf("%s: %s are counted and %d listed at %s, want %d", label, tile[2], rows, tile[1], want)
		}
	}
	a.says(t, http.StatusOK, "KES 750.50", "unallocated payments KES 750.50")
}

func TestHome_SaysWhoPaidAndWaitsForARouter(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.work()
	o.exec("update provisions set done_gen = want_gen, confirmed_at = $1", noon)
	o.exec("update actions set state = 'confirmed', confirmed_at = $1 where state = 'applied'", noon)
	o.credited("1500", "FT-1")
	o.exec("update routers set unreachable = true, last_contact_at = $1, last_error = 'no answer from <10.9.0.2>', next_try_at = $2", noon.Add(-time.Hour), noon.Add(6*time.Minute))
	o.clock.Set(noon.Add(5 * time.Minute))
	b := o.as(console.RoleSupport)
	b.get("/").says(t, http.StatusOK, "1 paid, not confirmed by the router since 12:00, 5 min ago", "5 min", "Router Kilimani has not confirmed yet what it should hold for ACC-0042",
		"Kilimani Does not answer", "1 hour ago", "1 waiting for 5 min")
	list := b.get("/payments/unconfirmed")
	list.says(t, http.StatusOK, "Jane Doe", "ACC-0042", "Kilimani", "5 min", "no answer from <10.9.0.2>", "next try in 1 min")
	if strings.Contains(list.body, "<10.9") {
		t.Error("what a router says is not text")
	}
	o.exec("update provisions set done_gen = want_gen, confirmed_at = $1", noon)
	b.get("/payments/unconfirmed").says(t, http.StatusOK, "Everybody who paid has been confirmed")
	b.get("/payments/unconfirmed?cursor=x").says(t, http.StatusUnprocessableEntity, "cursor")
}

func TestHome_ShowsTroubledRoutersFirstAndNotAllOfMany(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.exec(`insert into routers (name, mode, api_address, api_plain, last_contact_at)
		select 'Router ' || n, 'local', '192.0.2.1:8728', true, $1 from generate_series(1, 20) n`, noon)
	o.exec("update routers set unreachable = true where name = 'Router 20'")
	a := o.as(console.RoleOps).get("/")
	a.says(t, http.StatusOK, "All of it", "All 21", "Router 20", "Does not answer", "Router 1", "Answers")
	if n := strings.Count(a.body, `<tr data-href="/routers/`); n != 12 {
		t.Errorf("%d routers are shown", n)
	}
}

func TestCharts_AreReadableWithoutPointing(t *testing.T) {
	t.Parallel()
	o := open(t)
	for day, n := range []int{2, 0, 5, 1} { // today, yesterday, …
		for i := range n {
			id := o.stray("100", fmt.Sprintf("FT-%d-%d", day, i), "")
			o.exec("update payments set received_at = $2 where id = $1", id, noon.AddDate(0, 0, -day))
		}
	}
	for minutes, online := range map[int]int{600: 1200, 595: 1500, 590: 1300, 10: 40, 5: 42} {
		o.exec("insert into online_counts (at, router_id, online) values ($1, 1, $2)", noon.Add(-time.Duration(minutes)*time.Minute), online)
	}
	o.exec(`insert into actions (kind, subscriber_id, actor, state, accepted_at, applied_at, confirmed_at)
		values ('payment', 1, 'x', 'confirmed', $1, $1, $1::timestamptz + interval '1.5 seconds')`, noon.AddDate(0, 0, -1))
	a := o.as(console.RoleViewer).get("/?charts=now")
	a.says(t, http.StatusOK,
		"Payments per day", "Last: 2, today. Highest: 5, 8 Mar.", "payments", "9 Feb", "today", "2", "5",
		"Online, last 24 hours", "Last: 0, now. Highest: 1,500, 02:05.", "customers", "9 Mar 12:00", "now", "0", "1,500",
		"From payment to the router’s confirmation", "Last: none, today. Highest: 1.5 s, 9 Mar.", "median of the day", "none", "1.5 s")
	drawings := regexp.MustCompile(`(?s)<svg class="chart".*?</svg>`).FindAllString(a.body, -1)
	if len(drawings) != 3 {
		t.Fatalf("%d drawings", len(drawings))
	}
	if n := strings.Count(drawings[1], "<polyline"); n != 2 {
		t.Errorf("a gap of hours in what is known leaves %d lines, want 2", n)
	}
	if strings.Count(drawings[0], "<rect") != 3 {
		t.Errorf("days without payments have bars: %s", drawings[0])
	}
	for _, drawing := range drawings {
		if !strings.Contains(drawing, `role="img"`) || !strings.Contains(drawing, "<title>") || !strings.Contains(drawing, "<desc") {
			t.Errorf("the drawing does not say what it is: %s", drawing)
		}
		within(t, drawing)
	}
}

// within fails the test when a part of a drawing lies outside of its viewBox, or is no well-formed XML.
func within(t *testing.T, drawing string) {
	t.Helper()
	reader := xml.NewDecoder(strings.NewReader(drawing))
	for {
		token, err := reader.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in %s", err, drawing)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range start.Attr {
			most := map[string]float64{"x": 320, "x1": 320, "x2": 320, "width": 320, "y": 148, "y1": 148, "y2": 148, "height": 148}[a.Name.Local]
			if most == 0 {
				continue
			}
			if n, err := strconv.ParseFloat(a.Value, 64); err != nil || n < 0 || n > most {
				t.Errorf("%s of <%s> is %s", a.Name.Local, start.Name.Local, a.Value)
			}
		}
	}
}

func TestHome_DoesNotKeepItsFirstViewerWaitingForCharts(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleViewer)
	first := b.get("/")
	first.says(t, http.StatusOK, "… online now", "0 in grace", "… online", "Payments per day Being read.", "Show the charts as they are now")
	if !regexp.MustCompile(`id="home" hx-get="/\?charts=now" hx-trigger="load" hx-select="#home"`).MatchString(first.body) {
		t.Error("the page does not ask for its charts")
	}
	then := b.get("/?charts=now")
	then.says(t, http.StatusOK, "0 online now", "No payment in the last 30 days.")
	for _, a := range []answer{then, b.get("/")} {
		if strings.Contains(a.body, "charts=now") || strings.Contains(a.body, "Being read") {
			t.Errorf("what is fresh is asked for again: %s", a.text())
		}
	}
	o.clock.Advance(2 * time.Minute)
	old := b.get("/")
	old.says(t, http.StatusOK, "0 online now", "No payment in the last 30 days.", "Show the charts as they are now")
}

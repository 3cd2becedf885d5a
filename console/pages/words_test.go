package pages_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"layeh.com/radius/rfc2866"

	"qserve/console"
)

var nextPage = regexp.MustCompile(`href="([^"]+)" rel="next"`)

func TestTimeline_SaysWhySessionsEndedInWordsForACaller(t *testing.T) {
	t.Parallel()
	o := open(t)
	causes := []string{"Lost-Sheep", "replaced", "ended by Qserve", "not listed by the router", "router came up", "router went down"}
	for _, cause := range rfc2866.AcctTerminateCause_Strings {
		causes = append(causes, cause)
	}
	for i, cause := range causes {
		begun := noon.Add(time.Duration(i) * time.Hour)
		o.exec(`insert into sessions (router_id, acct_session_id, username, rate, started_at, seen_at, ended_at, end_cause)
			select router_id, $1, username, '5M/10M 8M/16M 4M/8M 8/8', $2, $3, $3, $4 from subscribers where account = 'ACC-0042'`,
			strconv.Itoa(i), begun, begun.Add(time.Minute), cause)
	}
	o.clock.Advance(48 * time.Hour)
	b := o.as(console.RoleSupport)
	var whole, body string
	for path := "/customers/ACC-0042?show=line"; path != ""; {
		a := b.get(path)
		whole, body = whole+" "+a.text(), body+a.body
		path = ""
		if found := nextPage.FindStringSubmatch(a.body); found != nil {
			path = strings.ReplaceAll(found[1], "&amp;", "&")
		}
	}
	for _, want := range []string{
		"Offline: cut by us", "Offline: the customer’s router hung up", "Offline: line lost", "Offline: router restarted", "Offline: Lost-Sheep",
		"Online, 10 Mbit/s down, 5 Mbit/s up",
	} {
		if !strings.Contains(whole, want) {
			t.Errorf("the timeline lacks %q", want)
		}
	}
	for _, cause := range causes[1:] {
		if strings.Contains(whole, "Offline: "+cause) {
			t.Errorf("the timeline says %q", cause)
		}
		if !strings.Contains(body, `title="Offline: `+cause+`"`) {
			t.Errorf("an engineer cannot see %q", cause)
		}
	}
}

func TestAmountsInTheHistory_AreWrittenAsElsewhereOnThePage(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.exec(`insert into activity (subscriber_id, at, actor, kind, summary) values
		(1, $1, 'x', 'note', 'Promised KES 1500.00'),
		(1, $1, 'x', 'payment', 'Payment KES 1500.00, M-Pesa QX1. Balance KES -20.50, UGX 12000 and XYZ 1500.00 and KES 1500.001')`, noon)
	b := o.as(console.RoleManager)
	for _, path := range []string{"/customers/ACC-0042", "/customers/ACC-0042?tab=activity", "/audit"} {
		b.get(path).says(t, http.StatusOK, "Payment KES 1,500, M-Pesa QX1. Balance KES −20.50, UGX 12,000 and XYZ 1500.00 and KES 1500.001", "Promised KES 1500.00")
	}
}

var numberCell = regexp.MustCompile(`(?s)<td class="number"(.*?)</td>`)

// On a telephone a table has no heads, and a bare number says nothing.
func TestTables_SayWhatTheirNumbersAreWhereHeadsHaveNoRoom(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	cells := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, cell := range numberCell.FindAllStringSubmatch(string(text), -1) {
			cells++
			if !regexp.MustCompile(`data-label=|data-unit=|when-narrow|\{\{money `).MatchString(cell[1]) {
				t.Errorf("%s: %s", filepath.Base(file), cell[0])
			}
		}
	}
	if cells < 15 {
		t.Errorf("only %d cells were looked at", cells)
	}
}

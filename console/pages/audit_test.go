package pages_test

import (
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qserve/console"
)

func TestAudit_TellsWhatWasDoneAndWhatItWasBefore(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.only("/audit", console.RoleOwner, console.RoleManager)
	role := "ops"
	_, err := o.ChangeStaff(t.Context(), console.By{Actor: "staff <b>eve</b>", Source: "10.9.9.9"}, "viewer", console.StaffChange{Role: &role})
	o.must(err)
	b := o.as(console.RoleManager)
	all := b.get("/audit")
	for _, want := range []string{"Staff changed", "role viewer → ops", "Plan Home 10 added duration 30 days name Home 10 on expiry cut price 1,500 rate 10 Mbit/s down, 5 Mbit/s up", "10.9.9.9", "staff <b>eve</b>", "Router added", "ACC-0042"} {
		if !strings.Contains(all.text(), want) {
			t.Errorf("the log lacks %q: %s", want, all.text())
		}
	}
	for _, want := range []string{"garden rate", "nothing →", "→ nothing", "expired → active"} { // of what was made, only what it has
		if strings.Contains(all.text(), want) {
			t.Errorf("the log says %q: %s", want, all.text())
		}
	}
	if strings.Contains(all.body, "<b>eve") {
		t.Error("HTML in a name is not escaped")
	}
	if !strings.Contains(all.body, `href="/customers/ACC-0042"`) || strings.Contains(all.body, `href="/staff"`) {
		t.Error("a manager is led to an account, and not to the staff")
	}

	only := "/audit?kind=staff-change&actor=" + url.QueryEscape("staff <b>eve</b>")
	if a := b.get(only).text(); !strings.Contains(a, "viewer → ops") || strings.Contains(a, "added as") {
		t.Errorf("filtered: %s", a)
	}
	sheet := b.get(strings.Replace(only, "/audit?", "/audit.csv?", 1))
	if lines := strings.Split(strings.TrimSpace(sheet.body), "\r\n"); len(lines) != 2 || !strings.Contains(lines[1], "role: ops") ||
		!strings.HasPrefix(sheet.header.Get("Content-Type"), "text/csv") {
		t.Errorf("as CSV: %s", sheet.body)
	}
	if a := b.get("/audit?actor=nobody"); a.status != http.StatusOK || !strings.Contains(a.text(), "Nothing of that kind was done by “nobody”") {
		t.Errorf("nothing: %d %s", a.status, a.text())
	}
	if a := b.get("/audit?cursor=rubbish"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a cursor that is none: %d", a.status)
	}
	if a := o.as(console.RoleSupport).get("/audit.csv"); a.status != http.StatusForbidden {
		t.Errorf("support gets the sheet: %d", a.status)
	}
}

func TestAudit_GoesBackPageByPage(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.exec(`insert into audit (at, actor, kind, object, summary) select $1::timestamptz + i * interval '1 s', 'staff many', 'plan-change', 'plan P', 'change ' || i
		from generate_series(1, 120) i`, noon)
	b := o.as(console.RoleOwner)
	next := regexp.MustCompile(`href="([^"]+)" rel="next"`)
	seen := 0
	for path, pages := "/audit?actor=staff+many", 0; path != ""; pages++ {
		a := b.get(path)
		seen += strings.Count(a.body, "<tr id=")
		found := next.FindStringSubmatch(a.body)
		path = ""
		if found != nil {
			path = html.UnescapeString(found[1])
		}
		if pages == 2 && (path != "" || !strings.Contains(a.text(), "First page")) {
			t.Fatalf("the third page is the last: %s", a.text())
		}
	}
	if seen != 120 {
		t.Errorf("%d lines were seen", seen)
	}
}

var kindsInCode = regexp.MustCompile(`(?:note\(ctx, q, [^"]*|\.say\(|\.tick\()"([a-z-]+)"`)

// offeredKinds leaves out the actors, who have a space in their names.
var offeredKinds = regexp.MustCompile(`<option value="([a-z-]+)"`)

// A kind of line that is new has to be found by the filter too.
func TestAudit_CanBeFilteredByEveryKindThatIsWritten(t *testing.T) {
	t.Parallel()
	kinds := []string{"delete"} // what package db writes when it forgets an account
	for _, pattern := range []string{"../*.go", "../../account/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range kindsInCode.FindAllStringSubmatch(string(text), -1) {
				if !strings.HasSuffix(file, "_test.go") && !slices.Contains(kinds, found[1]) {
					kinds = append(kinds, found[1])
				}
			}
		}
	}
	if len(kinds) < 25 {
		t.Fatalf("the code writes only the kinds %v", kinds)
	}
	page := open(t).as(console.RoleOwner).get("/audit")
	for _, kind := range kinds {
		if !strings.Contains(page.body, `<option value="`+kind+`"`) {
			t.Errorf("nobody can filter by %q", kind)
		}
	}
	for _, offered := range offeredKinds.FindAllStringSubmatch(page.body, -1) {
		if !slices.Contains(kinds, offered[1]) {
			t.Errorf("the filter offers %q, which is never written", offered[1])
		}
	}
}

func TestAudit_SaysWhatWasSetWhatWasClearedAndWhatIsGone(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.must(o.RemoveStaff(t.Context(), boss, "viewer"))
	o.exec(`insert into audit (at, actor, kind, object, summary, before, after) values ($1, 'x', 'plan-change', 'plan P', 'Changed',
		'{"pool": "", "garden_rate": "1M/2M"}', '{"pool": "evening", "garden_rate": ""}')`, noon)
	o.as(console.RoleOwner).get("/audit").says(t, http.StatusOK,
		"garden rate none any more, was 2 Mbit/s down, 1 Mbit/s up pool set to evening", "viewer removed", "role was viewer")
}

package api_test

import (
	"net/http"
	"testing"

	"qserve/console"
)

func TestTimeline_IsReadPageByPage(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.exec(`insert into activity (subscriber_id, kind, actor, summary, at) select id, 'note', 'staff clerk', 'ring first', timestamptz '2026-03-10 09:01:00Z'
		from subscribers`)
	o.exec(`insert into sessions (router_id, acct_session_id, username, started_at, seen_at, ended_at, end_cause)
		select router_id, '81', username, timestamptz '2026-03-10 09:10:00Z', timestamptz '2026-03-10 09:20:00Z', timestamptz '2026-03-10 09:20:00Z', 'Lost-Carrier'
		from subscribers`)
	read := func(query string) console.Page[console.EventView] {
		t.Helper()
		return read[console.Page[console.EventView]](t, o.want(http.StatusOK, o.call("GET", "/subscribers/ACC-0042/timeline"+query, "")))
	}
	first := read("?limit=2")
	if len(first.Items) != 2 || first.Items[0].Text != "Offline: Lost-Carrier" || first.Items[1].Kind != "online" || first.Next == "" {
		t.Errorf("the first page is %+v", first)
	}
	if second := read("?page=" + first.Next); len(second.Items) == 0 || second.Items[0].Text != "ring first" || second.Next != "" {
		t.Errorf("the second page is %+v", second)
	}
	if notes := read("?show=notes"); len(notes.Items) != 1 || notes.Items[0].Actor != "staff clerk" {
		t.Errorf("notes are %+v", notes)
	}
	o.want(http.StatusUnprocessableEntity, o.call("GET", "/subscribers/ACC-0042/timeline?show=money", ""))
	o.blamed(o.want(http.StatusUnprocessableEntity, o.call("GET", "/subscribers/ACC-0042/timeline?page=nonsense", "")))
	o.blamed(o.want(http.StatusNotFound, o.call("GET", "/subscribers/ACC-0043/timeline", "")))
}

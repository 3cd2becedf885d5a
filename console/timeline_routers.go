package console

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"qserve/db"
)

// answers adds what the routers said to the actions.
func (t *timeline) answers(ctx context.Context, q *db.Queries) error {
	id, of := t.before.ids(rankRouter)
	params := db.TimelineAnswersParams{
		SubscriberID: t.subscriber, Before: t.before.at, BeforeID: id, BeforeOf: of, AnyAction: t.show == "", But: []string{}, Most: t.rows(),
		Reach: t.reach(),
	}
	if t.show == showActions {
		params.But = notActions
	}
	rows, err := q.TimelineAnswers(ctx, params)
	for _, row := range rows {
		view := EventView{Kind: "confirmed", Text: fmt.Sprintf("Router %s confirmed", row.Router), Action: &row.ActionID}
		if !row.Confirmed {
			view.Kind, view.Text = "waiting", fmt.Sprintf("Router %s has not yet confirmed", row.Router)
		}
		if row.WasLeft {
			view.Text += fmt.Sprintf(" that the user name %s is gone", row.Username)
		}
		switch {
		case row.Confirmed:
			view.Took = new(row.At.Sub(row.AcceptedAt).Seconds())
		case row.LastError != "":
			view.Text += ": " + row.LastError
		}
		view.ID = fmt.Sprintf("%s-%d-%d", view.Kind, row.ActionID, row.ProvisionID)
		t.add(event{spot: spot{at: row.At, rank: rankRouter, id: row.ActionID, of: row.ProvisionID}, EventView: view})
	}
	return err
}

// backWithin is how soon after an action a new session is taken for its effect.
const backWithin = 10 * time.Minute

func (t *timeline) readSessions(ctx context.Context, q *db.Queries) (err error) {
	t.sessions, err = q.TimelineSessions(ctx, db.TimelineSessionsParams{SubscriberID: t.subscriber, Before: t.before.at, Most: t.rows()})
	return err
}

func (t *timeline) readGiven(ctx context.Context, q *db.Queries) (err error) {
	reach := t.reach()
	if t.show == "" {
		reach = int32(3 * t.most) // what was given is on the page too, so none further back matters
	}
	t.given, err = q.ServiceGiven(ctx, db.ServiceGivenParams{SubscriberID: t.subscriber, Until: t.before.at, Reach: reach})
	return err
}

func (t *timeline) readUndone(ctx context.Context, q *db.Queries) (err error) {
	t.undone, err = q.UndoneActions(ctx, t.subscriber)
	return err
}

// line adds when the customer went online and offline.
func (t *timeline) line() {
	rows, given := t.sessions, t.given
	slices.SortFunc(rows, func(a, b db.TimelineSessionsRow) int { return a.StartedAt.Compare(b.StartedAt) })
	slices.SortFunc(given, func(a, b db.ServiceGivenRow) int {
		return cmp.Or(a.AcceptedAt.Compare(b.AcceptedAt), cmp.Compare(a.ID, b.ID))
	})
	for i, row := range rows {
		session := fmt.Sprintf("session-%d-%s", row.RouterID, url.PathEscape(row.AcctSessionID))
		begin := EventView{ID: session + "-begin", Kind: "online"}
		text := []string{"Online"}
		if cause, ok := broughtBack(given, rows, i); ok {
			text[0] = "Online again after the " + causes[cause.Kind]
			begin.Action, begin.Took = &cause.ID, new(row.StartedAt.Sub(cause.AcceptedAt).Seconds())
		}
		if row.Address != nil {
			text = append(text, row.Address.String())
		}
		if row.Rate != "" {
			text = append(text, row.Rate)
		}
		begin.Text = strings.Join(text, ", ")
		t.add(event{spot: spot{at: row.StartedAt, rank: rankLine, text: begin.ID}, EventView: begin})
		if row.EndedAt == nil {
			continue
		}
		end := EventView{ID: session + "-end", Kind: "offline", Text: "Offline"}
		if row.EndCause != "" {
			end.Text += ": " + row.EndCause
		}
		t.add(event{spot: spot{at: *row.EndedAt, rank: rankLine, text: end.ID}, EventView: end})
	}
}

// causes are the actions that give a customer the line back, as people say it.
var causes = map[string]string{"payment": "payment", "reconnect": "reconnection", "extend": "extension"}

// broughtBack returns the action whose effect session i is: the last one given within ten minutes before it, while no
// other session ran or began. The sessions are in the order of their beginnings, the actions in that of their acceptance.
func broughtBack(given []db.ServiceGivenRow, sessions []db.TimelineSessionsRow, i int) (db.ServiceGivenRow, bool) {
	begun := sessions[i].StartedAt
	n, _ := slices.BinarySearchFunc(given, begun, func(g db.ServiceGivenRow, at time.Time) int {
		if g.AcceptedAt.After(at) {
			return 1
		}
		return -1
	})
	if n == 0 || begun.Sub(given[n-1].AcceptedAt) > backWithin {
		return db.ServiceGivenRow{}, false
	}
	cause := given[n-1]
	for _, before := range sessions[:i] {
		if !before.StartedAt.Before(cause.AcceptedAt) || before.EndedAt == nil || before.EndedAt.After(cause.AcceptedAt) {
			return db.ServiceGivenRow{}, false
		}
	}
	return cause, true
}

package pages

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

// card is an action as the page shows it move.
type card struct {
	console.ActionView
	Name  string // as on the button
	Who   string // "you", or somebody else's name
	Steps []step
	// Class is confirmed, refused or waiting.
	Class string
	// Words say how it is, and what happens next where a router does not answer.
	Words  string
	Router string // that can be tried now; empty: none
	// Undo is what the button says that takes it back; empty: none.
	Undo    string
	Account string
}

// step is one of the stages that an action goes through.
type step struct{ Text, Class string }

const (
	// cardsFor is for how long a finished action stays, unless it was read before.
	cardsFor = 10 * time.Minute
	// undoFor is for how long Undo is offered. A suspension can be taken back as long as its router has not confirmed it.
	undoFor = 30 * time.Second
)

// cards are the actions of an account that somebody may wait for.
func (s *server) cards(actions []console.ActionView, m console.Member, sub console.SubscriberView, now time.Time) []card {
	cards := make([]card, 0, len(actions))
	for _, a := range slices.Backward(actions) {
		c := s.card(a, m, sub.Account, now)
		if a.Kind == "suspend" && !holds(a, sub) {
			c.Undo = ""
		}
		cards = append(cards, c)
	}
	return cards
}

// card tells how far an action has come.
func (s *server) card(a console.ActionView, m console.Member, account string, now time.Time) card {
	c := card{ActionView: a, Name: actionName(a.Kind), Who: who(a.Actor, m), Account: account, Class: "waiting"}
	c.Steps = []step{{"accepted", "done"}}
	switch a.State {
	case "accepted":
		c.Steps = append(c.Steps, step{"being applied", "now"})
		c.Words = "It is applied within moments."
		if waited := now.Sub(a.AcceptedAt); waited > 5*time.Second {
			c.Words = "It waits for a worker since " + span(waited) + ". Nothing is lost."
		}
	case "refused":
		c.Class = "refused"
		c.Steps = append(c.Steps, step{"refused", "bad"})
		c.Words = a.Reason + "."
	default:
		c.Steps = append(c.Steps, step{"applied", "done"})
		s.routers(&c, m.May(mayTry...), now)
	}
	if account != "" && m.May(console.ScopeSubscribers) {
		c.Undo = c.undo(now)
	}
	return c
}

// undo is what the button says that takes the action back: Cancel as long as it waits; empty where that cannot be done.
func (c card) undo(now time.Time) string {
	recent, waits := now.Sub(c.AcceptedAt) < undoFor, c.Class == "waiting"
	switch {
	case c.Kind != "extend" && c.Kind != "note" && c.Kind != "suspend", c.Class == "refused", !recent && (c.Kind != "suspend" || !waits):
		return ""
	case waits:
		return "Cancel"
	}
	return "Undo"
}

// holds reports whether an account is, or is about to be, under the very suspension that an action made.
func holds(a console.ActionView, sub console.SubscriberView) bool {
	return a.State == "accepted" || sub.Suspension != nil && a.AppliedAt != nil && a.AppliedAt.Equal(sub.Suspension.Since)
}

// routers tells what the routers answered to an applied action.
func (s *server) routers(c *card, mayTry bool, now time.Time) {
	if c.State == "confirmed" && c.ConfirmedAt != nil {
		c.Class = "confirmed"
		took := span(c.ConfirmedAt.Sub(c.AcceptedAt))
		text := "done after " + took
		switch {
		case len(c.Routers) > 0:
			text = "confirmed by " + c.Routers[0].Router + " after " + took
		case c.AppliedAt != nil && c.ConfirmedAt.After(*c.AppliedAt):
			text = "confirmed by the router after " + took // of a deletion nothing is left that could name it
		}
		c.Steps = append(c.Steps, step{text, "done"})
		return
	}
	for _, r := range c.Routers {
		if r.Confirmed {
			c.Steps = append(c.Steps, step{"confirmed by " + r.Router, "done"})
			continue
		}
		c.Steps = append(c.Steps, step{"waiting for " + r.Router, "now"})
		c.Words = "It is on its way to " + r.Router + "."
		if waited := now.Sub(c.AcceptedAt); waited > 5*time.Second {
			c.Words = r.Router + " has been asked and has not confirmed it since " + span(waited) + ". It applies by itself."
		}
		if r.LastError != "" {
			if mayTry {
				c.Router = r.Router
			}
			c.Words = r.Router + " does not take it: " + r.LastError + ". It applies by itself"
			if r.NextTryAt != nil && r.NextTryAt.After(now) {
				c.Words += "; next try in " + span(r.NextTryAt.Sub(now))
			}
			c.Words += "."
		}
	}
}

func (s *server) actionRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeRead))
		r.Get("/actions/{id}", s.actionPage)
		r.Get("/actions/{id}/live", s.actionLive)
	})
}

// actionPage follows one action, for those whose account has no page any more.
func (s *server) actionPage(w http.ResponseWriter, r *http.Request) {
	c, err := s.actionCard(r.Context(), me(r), chi.URLParam(r, "id"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, "action", page{Title: c.Name, Nav: "customers", Data: c})
}

func (s *server) actionCard(ctx context.Context, m console.Member, id string) (card, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return card{}, &console.NotFoundError{What: "action " + strconv.Quote(id)}
	}
	a, err := s.Service.Action(ctx, n)
	if err != nil {
		return card{}, err
	}
	return s.card(a, m, "", s.Service.Clock.Now()), nil
}

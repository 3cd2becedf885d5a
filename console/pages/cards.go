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
	// Undo is the verb that takes it back, for a while; empty: none.
	Undo, UndoButton string
	Account          string
}

// step is one of the stages that an action goes through.
type step struct{ Text, Class string }

const (
	// cardsFor is for how long a finished action stays, unless it was read before.
	cardsFor = 10 * time.Minute
	// undoFor is for how long Undo is offered.
	undoFor = 30 * time.Second
)

// cards are the actions of an account that somebody may wait for.
func (s *server) cards(ctx context.Context, m console.Member, sub console.SubscriberView) ([]card, error) {
	now := s.Service.Clock.Now()
	actions, err := s.Service.RecentActions(ctx, sub.ID, now.Add(-cardsFor))
	if err != nil {
		return nil, err
	}
	cards := make([]card, 0, len(actions))
	for _, a := range slices.Backward(actions) {
		c := s.card(a, m, sub.Account, now)
		if c.Undo == "reconnect" && sub.Status != "suspended" {
			c.Undo = "" // somebody did
		}
		cards = append(cards, c)
	}
	return cards, nil
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
	if now.Sub(a.AcceptedAt) < undoFor && a.State != "refused" && m.May(console.ScopeSubscribers) {
		switch a.Kind {
		case "extend", "note":
			c.Undo, c.UndoButton = "undo", "Undo"
		case "suspend":
			c.Undo, c.UndoButton = "reconnect", "Undo: Reconnect"
		}
	}
	return c
}

// routers tells what the routers answered to an applied action.
func (s *server) routers(c *card, mayTry bool, now time.Time) {
	if c.State == "confirmed" && c.ConfirmedAt != nil {
		c.Class = "confirmed"
		took := span(c.ConfirmedAt.Sub(c.AcceptedAt))
		text := "done after " + took
		if len(c.Routers) > 0 {
			text = "confirmed by " + c.Routers[0].Router + " after " + took
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

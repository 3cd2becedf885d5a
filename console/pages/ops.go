package pages

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"qserve/console"
)

func (s *server) opsRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeOps))
		r.Get("/ops", s.ops)
		r.Get("/ops/live", s.opsLive)
		r.Group(func(r chi.Router) {
			// The dashboard's scripts are large.
			r.Use(middleware.Compress(5, "application/javascript", "application/json"))
			queues := s.queues()
			r.Handle("/ops/queues", queues)
			r.Handle("/ops/queues/*", queues)
		})
	})
}

const (
	// heldUp is how many of those who wait for a router are named, and of how many routers.
	heldUp        = 5
	heldUpRouters = 10
	// failedShown is how many failed deliveries are named.
	failedShown = 10
	// A thing that waits longer than lateAfter is late, and longer than stuckAfter it is stuck.
	lateAfter  = 10 * time.Second
	stuckAfter = 10 * time.Minute
)

// opsPage says what waits, what fails and why.
type opsPage struct {
	AsOf    time.Time
	Verdict light
	Lists   []opsList
	Routers []opsRouter
	Ended   []opsEnd
	Failed  []deliveryRow // those of Ended that can be processed again, the newest
}

// opsList is one of the four lists of undone work.
type opsList struct {
	console.WaitingView
	Title string
	State light
	Link  string // where exactly these are listed; empty: nowhere
}

// opsRouter is a router with whom it holds up.
type opsRouter struct {
	console.RouterOpsView
	Health light
	Held   []console.HeldUpView
	More   int64 // that are held up and not named
}

// opsEnd counts webhooks that nothing came of for the same reason.
type opsEnd struct {
	console.EndedView
	State light
	Link  string
}

// opsNames are what one thing of each list is called.
var opsNames = map[string]string{"deliveries": "webhook", "actions": "command", "dues": "package end", "provisions": "router change"}

func (s *server) ops(w http.ResponseWriter, r *http.Request) {
	p, err := s.whatWaits(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, "ops", page{Title: "Queues", Nav: "ops", Data: p})
}

// opsLive is the part of the page that changes.
func (s *server) opsLive(w http.ResponseWriter, r *http.Request) {
	p, err := s.whatWaits(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.part(w, r, http.StatusOK, "ops", "waiting", p)
}

func (s *server) whatWaits(ctx context.Context) (opsPage, error) {
	view, err := s.Service.Ops(ctx)
	if err != nil {
		return opsPage{}, err
	}
	p := opsPage{AsOf: view.AsOf}
	for _, v := range view.Lists {
		l := opsList{WaitingView: v, Title: strings.ToUpper(v.What[:1]) + v.What[1:], State: waitingState(v, view.AsOf)}
		if v.List == "deliveries" {
			l.Link = deliveriesPath("", "received", "")
		}
		p.Lists = append(p.Lists, l)
	}
	for i, v := range view.Routers {
		o := opsRouter{RouterOpsView: v, Health: s.words.health(console.RouterView{
			Reachable: !v.Silent, LastContactAt: v.LastContactAt, LastError: v.LastError, NextTryAt: v.NextTryAt, Unconfirmed: v.Unconfirmed, Oldest: v.Oldest,
		}, view.AsOf)}
		// Those that hold up the most come first.
		if v.Unconfirmed > 0 && i < heldUpRouters {
			held, err := s.Service.RouterWaiting(ctx, v.Name)
			if err != nil {
				return opsPage{}, err
			}
			o.Held = held[:min(heldUp, len(held))]
			o.More = max(0, v.Unconfirmed-int64(len(o.Held)))
		}
		p.Routers = append(p.Routers, o)
	}
	for _, v := range view.Ended {
		p.Ended = append(p.Ended, opsEnd{v, outcome(console.DeliveryView{State: v.State, Problem: v.Problem}), deliveriesPath(v.Source, v.State, "")})
	}
	failed, err := s.Service.Deliveries(ctx, console.DeliveryQuery{State: "failed", Limit: failedShown})
	if err != nil {
		return opsPage{}, err
	}
	for _, v := range failed.Items {
		if view.AsOf.Sub(v.ReceivedAt) < 24*time.Hour {
			p.Failed = append(p.Failed, rowOf(v))
		}
	}
	p.Verdict = verdict(p)
	return p, nil
}

// waitingState is how a list does: what has just come in waits for moments, and that is no reason to worry.
func waitingState(v console.WaitingView, now time.Time) light {
	age := time.Duration(0)
	if v.Oldest != nil {
		age = now.Sub(*v.Oldest)
	}
	switch {
	case v.Waiting == 0:
		return light{Word: "Nothing waits", Shape: "circle-check", Class: "ok"}
	case age > stuckAfter:
		return light{Word: "Stuck", Shape: "circle-x", Class: "bad"}
	case age > lateAfter:
		return light{Word: "Late", Shape: "triangle-alert", Class: "warn"}
	}
	return light{Word: "Moving", Shape: "clock"}
}

// verdict is the page in one sentence.
func verdict(p opsPage) light {
	l := light{Word: "Nothing waits", Shape: "circle-check", Class: "ok"}
	var waiting []string
	rank := map[string]int{"ok": 0, "": 1, "warn": 2, "bad": 3}
	for _, list := range p.Lists {
		if list.Waiting > 0 {
			waiting = append(waiting, plural(list.Waiting, opsNames[list.List]))
		}
		if rank[list.State.Class] > rank[l.Class] {
			l.Word, l.Shape, l.Class = list.State.Word, list.State.Shape, list.State.Class
		}
	}
	l.Detail = strings.Join(waiting, ", ")
	var silent []string
	for _, router := range p.Routers {
		if router.Unconfirmed > 0 && router.Silent {
			silent = append(silent, router.Name)
		}
	}
	switch {
	case len(silent) == 1:
		l.Detail += "; " + silent[0] + " does not answer"
	case len(silent) > 1:
		l.Detail += "; " + strings.Join(silent, ", ") + " do not answer"
	}
	return l
}

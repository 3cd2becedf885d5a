package pages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

// How often a live page looks: often while an action is on its way, because a person waits for it.
const (
	lookEvery    = time.Second
	lookOften    = 150 * time.Millisecond
	oftenFor     = 20 * time.Second
	presentEvery = 3 * time.Second
	checkEvery   = 10 * time.Second
	// beatEvery keeps the connection from being taken for dead by what lies between.
	beatEvery = 15 * time.Second
)

// piece is a part of a page that replaces itself when it changes.
type piece struct{ event, template, block string }

var profilePieces = []piece{{"top", "profile", "top"}, {"cards", "profile", "cards"}, {"package", "profile", "package"}, {"list", "profile", "list"}}

// live sends the pieces of a profile as they change, until the reader goes away.
func (s *server) live(w http.ResponseWriter, r *http.Request) {
	ref, t := chi.URLParam(r, "ref"), tabOf(r.URL.Query())
	var looked time.Time
	s.stream(w, r, profilePieces, func(ctx context.Context) (any, bool, error) {
		now := s.Service.Clock.Now()
		p, err := s.lookAt(ctx, me(r), ref, t)
		if err == nil && now.Sub(looked) >= presentEvery {
			s.present(ctx, me(r), p.Sub.ID, "")
			looked = now
		}
		return p, hurried(p.Cards, now), err
	})
}

func (s *server) actionLive(w http.ResponseWriter, r *http.Request) {
	s.stream(w, r, []piece{{"card", "action", "one"}}, func(ctx context.Context) (any, bool, error) {
		c, err := s.actionCard(ctx, me(r), chi.URLParam(r, "id"))
		return c, hurried([]card{c}, s.Service.Clock.Now()), err
	})
}

// hurried reports whether somebody waits for an action that has just been given.
func hurried(cards []card, now time.Time) bool {
	for _, c := range cards {
		if !c.Final() && now.Sub(c.AcceptedAt) < oftenFor {
			return true
		}
	}
	return false
}

// stream sends pieces as server-sent events (WHATWG HTML, §9.2): all of them at first, then those that changed. It ends
// when the session does, and says so.
func (s *server) stream(w http.ResponseWriter, r *http.Request, pieces []piece, look func(context.Context) (data any, often bool, err error)) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many pages are live; this one shows how things were when it was loaded", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	var ending sync.WaitGroup
	ending.Go(func() {
		select {
		case <-s.Stop:
			cancel()
		case <-ctx.Done():
		}
	})
	defer ending.Wait()
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := &events{w: w, flush: http.NewResponseController(w), sent: map[string]string{}}
	var beaten, checked time.Time
	for {
		now := s.Service.Clock.Now()
		if now.Sub(checked) >= checkEvery {
			checked = now
			if !s.stillSignedIn(ctx) {
				out.send("end", "Your session has ended. Reload the page to sign in.")
				return
			}
		}
		data, often, err := look(ctx)
		if _, gone := errors.AsType[*console.NotFoundError](err); gone {
			out.send("end", "This account is no longer there.")
			return
		}
		if err == nil {
			for _, p := range pieces {
				var text bytes.Buffer
				if err = s.render(&text, p.template, p.block, data); err != nil {
					break
				}
				out.send(p.event, text.String())
			}
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("a live page could not be brought up to date", "route", route(r), "error", err)
		}
		if now.Sub(beaten) >= beatEvery {
			beaten = now
			out.beat()
		}
		pause := lookEvery
		if often {
			pause = lookOften
		}
		if out.err != nil || s.Service.Clock.WaitUntil(ctx, now.Add(pause)) != nil {
			return
		}
	}
}

// stillSignedIn reports whether a session goes on. It is assumed to when the database cannot say.
func (s *server) stillSignedIn(ctx context.Context) bool {
	_, found, err := s.Service.SessionStore().FindCtx(ctx, s.sessions.Token(ctx))
	if err != nil {
		return true
	}
	_, err = s.current(ctx)
	_, over := errors.AsType[*console.SignInError](err)
	return found && !over
}

// events writes server-sent events, each piece only when it differs from what was sent.
type events struct {
	w     http.ResponseWriter
	flush *http.ResponseController
	sent  map[string]string
	err   error
}

func (e *events) send(event, text string) {
	if e.err != nil || e.sent[event] == text {
		return
	}
	e.sent[event] = text
	if _, e.err = fmt.Fprintf(e.w, "event: %s\ndata: %s\n\n", event, strings.ReplaceAll(strings.ReplaceAll(text, "\r", ""), "\n", "\ndata: ")); e.err == nil {
		e.err = e.flush.Flush()
	}
}

func (e *events) beat() {
	if e.err == nil {
		if _, e.err = fmt.Fprint(e.w, ": here\n\n"); e.err == nil {
			e.err = e.flush.Flush()
		}
	}
}

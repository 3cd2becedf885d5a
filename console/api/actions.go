package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"golang.org/x/sync/errgroup"

	"qserve/console"
)

// beatEvery is how often a stream shows that it lives, below the minute after which proxies close a silent connection.
const beatEvery = 15 * time.Second

// ActionPath is the path of one action.
type ActionPath struct {
	ID int64 `path:"id" minimum:"1" example:"1017" doc:"Id of the action."`
}

type actionOutput struct{ Body console.ActionView }

func (s *server) actionRoutes() {
	mayFollow := []console.Scope{console.ScopeRead, console.ScopeSubscribers, console.ScopePayments, console.ScopeDelete}
	huma.Register(s.document, operation(tagActions, http.MethodGet, "/actions/{id}", "get-action", "Show how far a command has come",
		"Accepted: it waits its turn. Applied: the account has changed, and routers are being told. Confirmed: every router concerned was seen to hold the "+
			"result. Refused: nothing changed, and reason says why.", mayFollow...), s.getAction)
	events := operation(tagActions, http.MethodGet, "/actions/{id}/events", "follow-action", "Follow a command",
		"Server-sent events: the action as it is, and then after each change, until it is confirmed or refused; then the stream ends. Each event is named "+
			"action, and its data is the action as JSON. A comment every 15 seconds shows that the stream lives. When it ends before the action does, ask again.",
		mayFollow...)
	events.Metadata[streams] = true
	events.Responses = map[string]*huma.Response{"200": {
		Description: "A stream of events.",
		Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema: &huma.Schema{Type: huma.TypeString, Description: "Server-sent events (WHATWG HTML §9.2), whose data is an Action."},
			Example: "event: action\ndata: {\"id\":1017,\"kind\":\"suspend\",\"subscriber\":42,\"state\":\"accepted\",\"actor\":\"token call-centre\"," +
				"\"accepted_at\":\"2026-12-04T15:00:00Z\",\"applied_at\":null,\"confirmed_at\":null,\"routers\":[]}\n\n",
		}},
	}}
	huma.Register(s.document, events, s.followAction)
}

func (s *server) getAction(ctx context.Context, in *ActionPath) (*actionOutput, error) {
	view, err := s.Service.Action(ctx, in.ID)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return &actionOutput{view}, nil
}

type followInput struct {
	ActionPath
	Authorization string `header:"Authorization" hidden:"true"`
}

func (s *server) followAction(ctx context.Context, in *followInput) (*huma.StreamResponse, error) {
	if _, err := s.Service.Action(ctx, in.ID); err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	select {
	case s.streams <- struct{}{}:
	default:
		return nil, unavailable("too many event streams are open; ask for the action instead", comeBack)
	}
	return &huma.StreamResponse{Body: func(answer huma.Context) {
		defer func() { <-s.streams }()
		_, w := humachi.Unwrap(answer)
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Accel-Buffering", "no") // nginx would keep events back
		s.stream(ctx, w, in)
	}}, nil
}

// errEnded ends a stream: the action is final, or the program ends.
var errEnded = errors.New("the stream ends")

// stream writes the changes of an action until it is final, the client goes, the program ends, or the token is revoked.
func (s *server) stream(ctx context.Context, w http.ResponseWriter, in *followInput) {
	group, ctx := errgroup.WithContext(ctx)
	pieces := make(chan string)
	send := func(piece string) error {
		select {
		case pieces <- piece:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	group.Go(func() error {
		defer close(pieces)
		return s.Service.Watch(ctx, in.ID, func(view console.ActionView) error {
			// Who may no longer ask is told nothing more.
			if _, err := s.caller(ctx, in.Authorization); err != nil {
				return err
			}
			text, err := json.Marshal(view)
			if err != nil {
				return fmt.Errorf("write action %d: %w", view.ID, err)
			}
			return send("event: action\ndata: " + string(text) + "\n\n")
		})
	})
	group.Go(func() error { return s.write(ctx, w, pieces) })
	_ = group.Wait() // every end of a stream is an end, and the client asks again if it wants more
}

// write brings the pieces of a stream to the client, and shows that it lives.
func (s *server) write(ctx context.Context, w http.ResponseWriter, pieces <-chan string) error {
	control := http.NewResponseController(w)
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		piece := ": alive\n\n"
		select {
		case event, more := <-pieces:
			if !more {
				return errEnded
			}
			piece = event
		case <-beat.C:
		case <-s.Stop:
			return errEnded
		case <-ctx.Done():
			return ctx.Err()
		}
		if _, err := writeInTime(w, []byte(piece)); err != nil {
			return err
		}
		if err := control.Flush(); err != nil {
			return err
		}
	}
}

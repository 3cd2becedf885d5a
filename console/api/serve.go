package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"qserve/console"
)

// call is what becomes known of a request on its way, for its log line and its handler.
type call struct {
	caller console.Caller
	source string
	// key names the request in the books; empty when it is not repeatable.
	key    string
	action int64 // that it gave, 0 for none
}

type callKey struct{}

// callOf returns what is known of the request with that context. Every context here comes from serve.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// by says who asks, for the books.
func by(ctx context.Context) console.By {
	c := callOf(ctx)
	return console.By{Actor: "token " + c.caller.Name, Source: c.source, RequestKey: c.key}
}

// serve wraps every request: the headers that all answers have, the log line, and panics. The line has neither the query
// nor the body, nor the path with its account number: personal data does not belong into logs.
func (s *server) serve(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.Service.Clock.Now()
		c := &call{source: s.Address(r)}
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		seen := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			answered := true
			if value := recover(); value != nil {
				answered = s.panicked(seen, r, value)
			}
			s.line(r, c, seen.Status(), s.Service.Clock.Now().Sub(began))
			if !answered {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(seen, r)
	})
}

// panicked answers a request whose handler panicked. It reports false when an answer has begun: then only a broken
// connection tells the client that it is not whole.
func (s *server) panicked(w middleware.WrapResponseWriter, r *http.Request, value any) (answered bool) {
	if value == http.ErrAbortHandler { //nolint:errorlint // the very value that net/http compares with
		return false
	}
	reference := newReference()
	s.log.Error("a request panicked", "route", route(r), "method", r.Method, "reference", reference,
		"panic", fmt.Sprint(value), "stack", string(debug.Stack()))
	if w.Status() != 0 {
		return false
	}
	writeProblem(w, broken(reference))
	return true
}

func (s *server) line(r *http.Request, c *call, status int, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case status >= http.StatusInternalServerError:
		level = slog.LevelWarn
	case r.Method == http.MethodGet && status < http.StatusBadRequest:
		level = slog.LevelDebug
	}
	s.log.Log(r.Context(), level, "staff API", "method", r.Method, "route", route(r), "status", status, "token", c.caller.Name,
		"took", took, "action", c.action)
}

// route is the pattern that a request matched, with the names of its parameters in place of their values.
func route(r *http.Request) string {
	if pattern := chi.RouteContext(r.Context()).RoutePattern(); pattern != "" {
		return pattern
	}
	return "none"
}

// newReference names one failure, so that a person can tell it and an operator can find its log line.
func newReference() string { return rand.Text()[:10] }

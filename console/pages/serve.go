package pages

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/klauspost/compress/gzip"
)

// policy lets a page load nothing but our own files, run nothing that is written into it, and send forms nowhere else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"

// maxForm bounds what a form may send, in bytes.
const maxForm = 256 << 10

// pageTime bounds what one page may take, except for live ones and sheets. It is longer than a check of a router.
const pageTime = 30 * time.Second

// compressed compresses pages and sheets, by a library that takes half the time of the standard one for it.
func compressed() *middleware.Compressor {
	c := middleware.NewCompressor(gzip.BestSpeed, "text/html", "text/csv")
	c.SetEncoder("gzip", func(w io.Writer, level int) io.Writer {
		z, _ := gzip.NewWriterLevel(w, level) // the level exists
		return z
	})
	return c
}

// serve wraps every request: the headers that all answers have, the log line, and panics. The line has neither the query
// nor the body, nor the path with its account number: personal data does not belong into logs.
func (s *server) serve(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.Service.Clock.Now()
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if s.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		who := &visitor{}
		ctx := context.WithValue(r.Context(), visitorKey{}, who)
		if !strings.HasSuffix(r.URL.Path, "/live") && !strings.HasSuffix(r.URL.Path, ".csv") {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, pageTime)
			defer cancel()
		}
		r = r.WithContext(ctx)
		seen := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			if value := recover(); value != nil {
				s.panicked(seen, r, value)
			}
			s.line(r, who, seen.Status(), s.Service.Clock.Now().Sub(began))
		}()
		next.ServeHTTP(seen, r)
	})
}

func (s *server) panicked(w middleware.WrapResponseWriter, r *http.Request, value any) {
	if value == http.ErrAbortHandler { //nolint:errorlint // the very value that net/http compares with
		panic(value)
	}
	reference := newReference()
	s.log.Error("a page panicked", "route", route(r), "method", r.Method, "reference", reference,
		"panic", fmt.Sprint(value), "stack", string(debug.Stack()))
	if w.Status() != 0 {
		panic(http.ErrAbortHandler) // only a broken connection tells the browser that the page is not whole
	}
	http.Error(w, "Something is broken here; the reference of this failure is "+reference+".", http.StatusInternalServerError)
}

func (s *server) line(r *http.Request, who *visitor, status int, took time.Duration) {
	level := slog.LevelDebug
	switch {
	case status >= http.StatusInternalServerError:
		level = slog.LevelWarn
	case r.Method != http.MethodGet:
		level = slog.LevelInfo
	}
	s.log.Log(r.Context(), level, "console", "method", r.Method, "route", route(r), "status", status, "staff", who.member.Login,
		"took", took, "action", who.action)
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

package program

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"qserve/db"
	"qserve/jobs"
)

// opsHandler serves what operators and their machines look at. It is bound to loopback unless set otherwise.
func (p *Program) opsHandler() http.Handler {
	mux := chi.NewRouter()
	mux.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.Get("/readyz", p.ready)
	mux.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // a database that is down must not hide the rest
	}))
	mux.Mount("/ops/queues", jobs.Dashboard("/ops/queues", p.redis))
	return mux
}

// ready says whether the program can do its work, and what is missing if not.
func (p *Program) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	status, text := http.StatusOK, ""
	note := func(what string, err error) {
		if err == nil {
			text += what + ": ok\n"
			return
		}
		status = http.StatusServiceUnavailable
		text += what + ": " + err.Error() + "\n"
	}
	silent := func(err error) error {
		if err == nil {
			return nil
		}
		return fmt.Errorf("does not answer: %w", err)
	}
	err := silent(p.pool.Ping(ctx))
	if err == nil {
		var current bool
		current, err = db.SchemaIsCurrent(ctx, p.opts.Settings.DatabaseURL.Reveal())
		if err == nil && !current {
			err = errors.New("the schema is older than this program; run qserve migrate")
		}
	}
	note("database", err)
	note("redis", silent(p.redis.Ping(ctx).Err()))
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

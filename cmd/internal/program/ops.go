package program

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
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
	mux.Mount("/ops/queues", jobs.Dashboard("/ops/queues", p.redis, true))
	return mux
}

// readyWithin bounds what /readyz takes.
const readyWithin = 2 * time.Second

// ready says whether the program can do its work, and what is missing if not.
func (p *Program) ready(w http.ResponseWriter, r *http.Request) {
	status, text := http.StatusOK, ""
	for _, look := range p.look(r.Context()) {
		if look.err == nil {
			text += look.what + ": ok\n"
			continue
		}
		status = http.StatusServiceUnavailable
		text += look.what + ": " + look.err.Error() + "\n"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// look is what the program works on, and why it cannot.
type look struct {
	what string
	err  error
}

// look looks at what the program needs to do its work.
func (p *Program) look(ctx context.Context) []look {
	looks := []look{{what: "database"}, {what: "redis"}}
	var both sync.WaitGroup
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	both.Go(func() { looks[0].err = p.databaseReady(ctx) })
	both.Go(func() { looks[1].err = silent(p.redis.Ping(ctx).Err()) })
	both.Wait()
	return looks
}

func (p *Program) databaseReady(ctx context.Context) error {
	if err := p.pool.Ping(ctx); err != nil || p.migrated.Load() {
		return silent(err)
	}
	current, err := db.SchemaIsCurrent(ctx, p.opts.Settings.DatabaseURL.Reveal())
	if err == nil && !current {
		err = errors.New("the schema is older than this program; run qserve migrate")
	}
	// A schema that has every migration of this program goes on having them.
	p.migrated.Store(err == nil)
	return err
}

func silent(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("does not answer: %w", err)
}

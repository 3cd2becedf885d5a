// Package webhooks takes in what payment providers report: it verifies a call, stores it and answers.
//
// A delivery that was answered with success is committed to PostgreSQL (or, where the provider does not call twice and
// the database is away, synced to this machine's disk), under a key that makes the same delivery one row however often
// and from however many sides it arrives. No answer waits for Redis, a source that is known has its answer three seconds
// after the body at most, and no stranger is told why he is refused. Tokens, addresses, bodies, phone numbers and names are never logged.
//
// What a delivery is worth, whose it is and what follows from it are left to the worker, which reads it with [Parse].
package webhooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"qserve/db"
	"qserve/internal/clock"
	"qserve/internal/phone"
	"qserve/internal/seal"
)

// Config is what an Intake works with.
type Config struct {
	// Pool is the database, best a pool that no long transactions share. Required.
	Pool db.DBTX
	// Keys opens the sources' secrets and seals the spool. Required.
	Keys *seal.Ring
	// Ring is told of stored deliveries. Required.
	Ring Ringer
	// SpoolDir is a folder on a durable disk for what cannot be stored while the database is away. Empty: such
	// deliveries are turned away.
	SpoolDir string
	// Region (ISO 3166-1 alpha-2) is the country of phone numbers typed as account references. Empty: KE.
	Region string
	// TrustedProxies is how many proxies of the operator's own stand in front, each adding the address it was called
	// from to X-Forwarded-For.
	TrustedProxies int
	// Observe is told of each call: the source's name (empty when there is none), the call, what became of it and the
	// time it took; and, with neither a source nor a time, of each delivery "replayed" from the spool or "not-rung" for.
	// None of it comes from the sender. Nil: nobody is told.
	Observe func(source, call, outcome string, d time.Duration)
	Clock   clock.Clock  // nil: the machine's
	Log     *slog.Logger // nil: slog.Default
}

// Intake serves the addresses of all payment sources. Create it with New; it works while Run does.
type Intake struct {
	queries *db.Queries
	region  string
	proxies int
	observe func(source, call, outcome string, d time.Duration)
	clock   clock.Clock
	log     *slog.Logger

	sources *sources
	group   *group
	bell    *bell
	spool   *spool // nil without a folder
	ran     atomic.Bool
}

// New checks cfg and the spool folder. It does not need the database.
func New(cfg Config) (*Intake, error) {
	if cfg.Pool == nil || cfg.Keys == nil || cfg.Ring == nil {
		return nil, errors.New("an intake needs a database, keys and somebody to ring for")
	}
	if cfg.Region == "" {
		cfg.Region = "KE"
	}
	if !phone.Region(cfg.Region) {
		return nil, fmt.Errorf("region %.10q is no country's code such as KE; set QSERVE_REGION", cfg.Region)
	}
	if cfg.TrustedProxies < 0 {
		return nil, errors.New("there cannot be fewer than 0 trusted proxies; set QSERVE_TRUSTED_PROXIES")
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, string, string, time.Duration) {}
	}
	queries := db.New(cfg.Pool)
	in := &Intake{
		queries: queries,
		region:  cfg.Region,
		proxies: cfg.TrustedProxies,
		observe: cfg.Observe,
		clock:   cfg.Clock,
		log:     cfg.Log,
		sources: newSources(queries, cfg.Keys, cfg.Clock, cfg.Log),
	}
	in.bell = newBell(cfg.Ring, func(deliveries int) {
		for range deliveries {
			in.observe("", "", "not-rung", 0)
		}
	})
	in.group = newGroup(queries, cfg.Log, in.bell.ring)
	if cfg.SpoolDir != "" {
		var err error
		if in.spool, err = openSpool(cfg.SpoolDir, cfg.Keys, cfg.Clock.Now()); err != nil {
			return nil, err
		}
		in.sources.spool = in.spool
		in.sources.recall()
	}
	return in, nil
}

// Run does the work behind the handler until ctx is done. It then refuses new deliveries, gives those it has taken in
// their outcome, and returns. It may be called once.
func (in *Intake) Run(ctx context.Context) error {
	if in.ran.Swap(true) {
		return errors.New("an intake runs once")
	}
	// What was taken in is finished after ctx, too.
	lasting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var background, commits, rings sync.WaitGroup
	background.Go(func() { in.sources.run(ctx) })
	background.Go(func() { in.sources.tick(ctx) })
	if in.spool != nil {
		background.Go(func() { in.replay(ctx) })
	}
	for range committers {
		commits.Go(func() { in.group.commit(lasting) })
	}
	rings.Go(func() { in.bell.run(lasting) })

	<-ctx.Done()
	in.group.stop()
	commits.Wait()
	close(in.bell.queue)
	defer time.AfterFunc(lastRings, end).Stop()
	rings.Wait()
	background.Wait()
	return nil
}

// Spooled returns how many deliveries are on this machine's disk, waiting for the database.
func (in *Intake) Spooled() int {
	if in.spool == nil {
		return 0
	}
	return int(in.spool.held.Load())
}

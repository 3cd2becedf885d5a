// Package program puts Qserve together: it opens PostgreSQL and Redis, starts the roles that are asked for, and serves
// the listeners. The program qserve and the demo run the same thing.
//
// Everything that runs is owned by Run, which returns after all of it has ended.
package program

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"qserve/console/api"
	"qserve/console/pages"
	"qserve/db"
	"qserve/internal/clock"
	"qserve/internal/config"
	"qserve/internal/peer"
	"qserve/jobs"
	"qserve/router"
	"qserve/router/aaa"
	"qserve/router/coa"
	"qserve/webhooks"
)

// Role is a part of the program that can run on a machine of its own.
type Role string

// The roles. Each may run any number of times against the same PostgreSQL and Redis.
const (
	Intake  Role = "intake"  // takes webhooks
	Console Role = "console" // what staff use: the API
	Worker  Role = "worker"  // applies what came in and drives the routers
	Radius  Role = "radius"  // answers the routers' RADIUS requests
)

// AllRoles is what serve runs when nothing else is asked for.
var AllRoles = []Role{Intake, Console, Worker, Radius}

// ParseRoles reads a comma-separated list.
func ParseRoles(text string) ([]Role, error) {
	var roles []Role
	for name := range strings.SplitSeq(text, ",") {
		role := Role(strings.TrimSpace(name))
		if !slices.Contains(AllRoles, role) {
			return nil, fmt.Errorf("there is no role %q; the roles are intake, console, worker and radius", name)
		}
		roles = append(roles, role)
	}
	return roles, nil
}

// Options are what a program is started with besides its settings.
type Options struct {
	Settings config.Config
	Roles    []Role // nil: all
	Log      *slog.Logger
	Clock    clock.Clock // nil: the machine's
	Version  string      // of the program, for the API's description
	// Checkpoint is jobs.Config.Checkpoint. It is also called with "intake: stored" between the commit of deliveries and
	// the ring for them. May be nil.
	Checkpoint func(point string)
	// Router overrides the time limits towards routers; its zero values are the defaults.
	Router router.Config
}

// Program is Qserve with its listeners open, so that their addresses are known before it runs.
type Program struct {
	opts Options
	pool *pgxpool.Pool
	// intakePool is the intake's own, so that no webhook waits behind the workers' transactions.
	intakePool *pgxpool.Pool
	redis      redis.UniversalClient
	bell       *jobs.Bell
	registry   *prometheus.Registry
	migrated   atomic.Bool // the schema was seen with every migration

	main, ops  net.Listener
	auth, acct net.PacketConn
}

// Open opens the connections and the listeners. Close releases them when Run is not called.
func Open(ctx context.Context, opts Options) (*Program, error) {
	if opts.Roles == nil {
		opts.Roles = AllRoles
	}
	if opts.Clock == nil {
		opts.Clock = clock.System{}
	}
	p := &Program{opts: opts, registry: prometheus.NewRegistry()}
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := p.open(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Program) open(ctx context.Context) (err error) {
	settings := p.opts.Settings
	if p.pool, err = db.Open(ctx, settings.DatabaseURL.Reveal(), settings.DatabaseConns); err != nil {
		return err
	}
	if p.has(Intake) {
		if p.intakePool, err = db.Open(ctx, settings.DatabaseURL.Reveal(), intakeConns); err != nil {
			return err
		}
	}
	p.redis = OpenRedis(settings)
	p.bell = jobs.NewBell(p.redis, p.opts.Log)
	var listen net.ListenConfig
	if p.has(Intake) || p.has(Console) {
		if p.main, err = listen.Listen(ctx, "tcp", settings.Listen); err != nil {
			return fmt.Errorf("listen on QSERVE_LISTEN: %w", err)
		}
	}
	if p.ops, err = listen.Listen(ctx, "tcp", settings.OpsListen); err != nil {
		return fmt.Errorf("listen on QSERVE_OPS_LISTEN: %w", err)
	}
	if p.has(Radius) {
		if p.auth, err = listen.ListenPacket(ctx, "udp", settings.RADIUSListen.Authentication); err != nil {
			return fmt.Errorf("listen on QSERVE_RADIUS_LISTEN for authentication: %w", err)
		}
		if p.acct, err = listen.ListenPacket(ctx, "udp", settings.RADIUSListen.Accounting); err != nil {
			return fmt.Errorf("listen on QSERVE_RADIUS_LISTEN for accounting: %w", err)
		}
	}
	return nil
}

// intakeConns are for two committers, the reload of the sources, and validations.
const intakeConns = 8

// OpenRedis returns a client by the settings. Its contexts bound every call, so that a dead Redis delays nobody for
// longer than the caller allows.
func OpenRedis(settings config.Config) redis.UniversalClient {
	options := settings.RedisOptions()
	options.ContextTimeoutEnabled = true
	options.DialTimeout = time.Second
	options.MaxRetries = 1
	if options.PoolSize == 0 {
		options.PoolSize = settings.Workers + 16
	}
	return redis.NewUniversalClient(options)
}

// Close releases what Open opened.
func (p *Program) Close() {
	for _, l := range []net.Listener{p.main, p.ops} {
		if l != nil {
			_ = l.Close()
		}
	}
	for _, c := range []net.PacketConn{p.auth, p.acct} {
		if c != nil {
			_ = c.Close()
		}
	}
	if p.redis != nil {
		_ = p.redis.Close()
	}
	for _, pool := range []*pgxpool.Pool{p.pool, p.intakePool} {
		if pool != nil {
			pool.Close()
		}
	}
}

func (p *Program) has(role Role) bool { return slices.Contains(p.opts.Roles, role) }

// BaseURL is where webhooks are taken and where the staff API is.
func (p *Program) BaseURL() string { return "http://" + p.main.Addr().String() }

// OpsURL is where health, metrics and the dashboard are.
func (p *Program) OpsURL() string { return "http://" + p.ops.Addr().String() }

// RadiusAddresses are the UDP addresses of authentication and accounting.
func (p *Program) RadiusAddresses() (auth, acct string) {
	return p.auth.LocalAddr().String(), p.acct.LocalAddr().String()
}

// Run serves until ctx ends, then finishes what was accepted and closes everything.
func (p *Program) Run(ctx context.Context) error {
	defer p.Close()
	group, ctx := errgroup.WithContext(ctx)
	seen := newCallMetrics(p.registry)
	p.registry.MustRegister(readiness{p.look})
	if p.has(Worker) {
		if err := p.runWorker(ctx, group, seen); err != nil {
			return err
		}
	}
	if p.main != nil {
		if err := p.runMain(ctx, group, seen); err != nil {
			return err
		}
	}
	if p.has(Radius) {
		if err := p.runRadius(ctx, group, seen); err != nil {
			return err
		}
	}
	group.Go(func() error { return serveHTTP(ctx, p.ops, p.opsHandler()) })
	p.opts.Log.Info("qserve is up", "roles", p.opts.Roles, "ops", p.ops.Addr().String())
	return group.Wait()
}

func (p *Program) runWorker(ctx context.Context, group *errgroup.Group, seen *callMetrics) error {
	settings := p.opts.Settings
	fleetConfig := p.opts.Router
	fleetConfig.Clock = p.opts.Clock
	fleetConfig.CoA = coa.New(coa.Config{Source: settings.COASource, Clock: p.opts.Clock})
	fleetConfig.Sessions = sessionList{p.pool}
	fleetConfig.Observe = seen.routerCall
	fleet := router.NewFleet(fleetConfig)
	worker, err := jobs.New(jobs.Config{
		Pool: p.pool, Redis: p.redis, Bell: p.bell, Keys: settings.Ring(), Fleet: fleet, Parse: webhooks.Parse,
		Clock: p.opts.Clock, Zone: settings.Zone, Region: settings.Region, Log: p.opts.Log,
		Name: workerName(), Workers: settings.Workers, Metrics: p.registry, Checkpoint: p.opts.Checkpoint,
	})
	if err != nil {
		return err
	}
	// The fleet outlives the worker, whose last tasks still use it.
	fleetCtx, endFleet := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { return fleet.Run(fleetCtx) })
	group.Go(func() error {
		defer endFleet()
		return worker.Run(ctx)
	})
	return nil
}

// workerName tells this start of this process from every other, also after a crash: a lease of the dead one is not ours.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + rand.Text()[:8]
}

// runMain serves what comes from outside: webhooks, and staff.
func (p *Program) runMain(ctx context.Context, group *errgroup.Group, seen *callMetrics) error {
	mux := chi.NewRouter()
	// The intake outlives the listener, whose last requests still use it.
	intakeCtx, endIntake := context.WithCancel(context.WithoutCancel(ctx))
	if p.has(Intake) {
		intake, err := p.intake(seen)
		if err != nil {
			endIntake()
			return err
		}
		mux.Mount("/in", intake.Handler())
		group.Go(func() error { return intake.Run(intakeCtx) })
	}
	if p.has(Console) {
		if err := p.mountConsole(ctx, mux); err != nil {
			endIntake()
			return err
		}
	}
	group.Go(func() error {
		defer endIntake()
		return serveHTTP(ctx, p.main, mux)
	})
	return nil
}

func (p *Program) intake(seen *callMetrics) (*webhooks.Intake, error) {
	settings := p.opts.Settings
	return webhooks.New(webhooks.Config{
		Pool: p.intakePool, Keys: settings.Ring(), Ring: p.ringer(), Clock: p.opts.Clock, Log: p.opts.Log,
		SpoolDir: settings.SpoolDir, Region: settings.Region, TrustedProxies: settings.TrustedProxies,
		Observe: seen.webhook,
	})
}

// mountConsole mounts what staff use: the API for their tools, and the pages for themselves.
func (p *Program) mountConsole(ctx context.Context, mux chi.Router) error {
	settings := p.opts.Settings
	service := NewStaff(settings, p.pool, p.bell, p.opts.Clock, p.opts.Log)
	address := func(r *http.Request) string { return peer.Of(r, settings.TrustedProxies).String() }
	staffAPI, err := api.New(api.Config{Service: service, Address: address, Stop: ctx.Done(), Version: p.opts.Version})
	if err != nil {
		return err
	}
	console, err := pages.New(pages.Config{
		Service: service, Address: address, Stop: ctx.Done(), Secure: settings.PublicURL.Scheme == "https",
		PublicURL: strings.TrimSuffix(settings.PublicURL.String(), "/"),
		Queues:    func(mayChange bool) http.Handler { return jobs.Dashboard("/ops/queues", p.redis, !mayChange) },
	})
	if err != nil {
		return err
	}
	mux.Mount(api.Prefix, staffAPI)
	mux.Mount("/", console)
	return nil
}

func (p *Program) ringer() webhooks.Ringer {
	if p.opts.Checkpoint == nil {
		return p.bell
	}
	return checkedRinger{p.bell, p.opts.Checkpoint}
}

// checkedRinger lets a test stop the program before it rings.
type checkedRinger struct {
	webhooks.Ringer
	checkpoint func(point string)
}

func (r checkedRinger) RingDelivery(ctx context.Context, ids ...int64) {
	r.checkpoint("intake: stored")
	r.Ringer.RingDelivery(ctx, ids...)
}

func (p *Program) runRadius(ctx context.Context, group *errgroup.Group, seen *callMetrics) error {
	directory := &directory{
		pool: p.pool, keys: p.opts.Settings.Ring(), clock: p.opts.Clock, zone: p.opts.Settings.Zone, bell: p.bell,
		log: p.opts.Log,
	}
	server, err := aaa.New(aaa.Config{
		Directory: directory, Clock: p.opts.Clock, Log: p.opts.Log, Observe: seen.radius,
	})
	if err != nil {
		return err
	}
	group.Go(func() error { return server.Serve(ctx, p.auth, p.acct) })
	return nil
}

// drainTime is how long requests in flight may take to finish at the end.
const drainTime = 5 * time.Second

func serveHTTP(ctx context.Context, on net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	ended := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		ended <- server.Shutdown(grace)
	}()
	if err := server.Serve(on); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", on.Addr(), err)
	}
	if err := <-ended; err != nil {
		return fmt.Errorf("finish the requests on %s: %w", on.Addr(), err)
	}
	return nil
}

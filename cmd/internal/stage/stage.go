// Package stage is a throwaway Qserve on one machine: PostgreSQL, Redis, simulated routers with customers who dial, and
// the whole program. The demo, the end-to-end tests and the benchmarks play on it.
//
// Nothing is left behind by Close, and no port is assumed to be free.
package stage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/account"
	"qserve/cmd/internal/program"
	"qserve/console"
	"qserve/db"
	"qserve/internal/clock"
	"qserve/internal/config"
	"qserve/internal/seal"
	"qserve/internal/stack"
	"qserve/jobs"
	"qserve/router"
	"qserve/router/mikrosim"
	"qserve/webhooks"
)

// Options say what is on the stage.
type Options struct {
	Postgres stack.PostgresOptions
	Redis    stack.RedisOptions
	Routers  []RouterOptions
	// Settings override single QSERVE_* variables of the program.
	Settings map[string]string
	Roles    []program.Role // nil: all
	// NoProgram leaves running the program to the caller, who may run it in another process by Environ.
	NoProgram bool
	Log       *slog.Logger // nil: none
	// Checkpoint is program.Options.Checkpoint.
	Checkpoint func(string)
	Clock      clock.Clock // of the program and its staff; nil: the machine's
	// CommandTimeout bounds one command to a simulated router. 0: 3 s.
	CommandTimeout time.Duration
}

// RouterOptions describe one simulated router.
type RouterOptions struct {
	Name string
	Mode router.Mode
	// NoAPI leaves the API of a router of mode radius out of Qserve's settings: its session list is all there is.
	NoAPI bool
	// Sim adds to how the simulator behaves; names, addresses and secrets are filled in.
	Sim mikrosim.Config
}

// Router is a simulated router and how Qserve knows it.
type Router struct {
	*mikrosim.Router
	Options RouterOptions
	Secret  string
}

// Source is a payment source of the stage.
type Source struct {
	Name, Kind, URL, Secret string
}

// Stage is a running Qserve with everything around it.
type Stage struct {
	opts     Options
	Postgres *stack.Postgres
	Redis    *stack.Redis
	Settings config.Config
	Pool     *pgxpool.Pool
	Staff    *console.Service
	Program  *program.Program
	Routers  []*Router
	Sources  []Source
	// APIToken may do everything in the staff API.
	APIToken string
	// DatabaseURL is the stage's own database.
	DatabaseURL string
	// Environ is the program's settings as environment variables. It holds secrets.
	Environ map[string]string

	http     *http.Client
	database string
	spool    string
	running  *Instance
	closers  []func() error
}

const (
	apiUser     = "qserve"
	shortCode   = "600100"
	mpesaName   = "M-Pesa " + shortCode
	standardKey = "Home-made"
)

// crew is who sets the stage.
var crew = console.By{Actor: "staff"}

// Open sets the stage and starts the program. ctx bounds the start only.
func Open(ctx context.Context, opts Options) (*Stage, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.CommandTimeout == 0 {
		opts.CommandTimeout = 3 * time.Second
	}
	if opts.Clock == nil {
		opts.Clock = clock.System{}
	}
	s := &Stage{opts: opts, http: &http.Client{
		Timeout:   time.Minute, // a busy machine is no failure
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
	s.closers = append(s.closers, func() error { s.http.CloseIdleConnections(); return nil })
	steps := []func(context.Context) error{s.openServers, s.openDatabase, s.openRouters, s.configure, s.addRouters, s.addSources, s.addToken}
	if !opts.NoProgram {
		steps = append(steps, s.Start)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Stage) openServers(ctx context.Context) (err error) {
	if s.Postgres, err = stack.StartPostgres(ctx, s.opts.Postgres); err != nil {
		return err
	}
	s.closers = append(s.closers, s.Postgres.Stop)
	if s.Redis, err = stack.StartRedis(ctx, s.opts.Redis); err != nil {
		return err
	}
	s.closers = append(s.closers, s.Redis.Stop)
	return nil
}

func (s *Stage) openDatabase(ctx context.Context) (err error) {
	s.database = "qserve_" + strings.ToLower(rand.Text()[:10])
	if s.DatabaseURL, err = s.Postgres.CreateDatabase(ctx, s.database, ""); err != nil {
		return err
	}
	s.closers = append(s.closers, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return s.Postgres.DropDatabase(ctx, s.database)
	})
	if _, err = db.Migrate(ctx, s.DatabaseURL); err != nil {
		return err
	}
	if s.Pool, err = db.Open(ctx, s.DatabaseURL, 16); err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { s.Pool.Close(); return nil })
	return nil
}

var hosts atomic.Int64

// nextHost returns a loopback address that no other router of this process has.
func nextHost() string {
	n := hosts.Add(1) + 10
	return fmt.Sprintf("127.0.%d.%d", 1+n/250%250, 1+n%250)
}

// openRouters starts the simulators, each on a loopback address of its own, as RADIUS tells routers apart by address.
func (s *Stage) openRouters(ctx context.Context) error {
	for i, o := range s.opts.Routers {
		r := &Router{Options: o, Secret: rand.Text()}
		sim := o.Sim
		sim.Name, sim.User, sim.Password = o.Name, apiUser, rand.Text()
		sim.Host = nextHost()
		sim.RadiusSecret = r.Secret
		if len(sim.Pools) == 0 {
			sim.Pools = poolOf(i)
		}
		r.Options.Sim = sim
		var err error
		if r.Router, err = mikrosim.Start(context.WithoutCancel(ctx), sim); err != nil {
			return err
		}
		s.Routers = append(s.Routers, r)
	}
	s.closers = append(s.closers, func() error {
		for _, r := range s.Routers {
			r.Close()
		}
		return nil
	})
	return nil
}

func (s *Stage) configure(context.Context) error {
	keys, err := seal.New()
	if err != nil {
		return err
	}
	if s.spool, err = os.MkdirTemp("", "qserve-stage-*"); err != nil {
		return fmt.Errorf("make a folder for the spool: %w", err)
	}
	s.closers = append(s.closers, func() error { return os.RemoveAll(s.spool) })
	s.Environ = map[string]string{
		"QSERVE_DATABASE_URL": s.DatabaseURL, "QSERVE_REDIS_URL": s.Redis.URL(), "QSERVE_KEYS": string(keys),
		"QSERVE_LISTEN": "127.0.0.1:0", "QSERVE_OPS_LISTEN": "127.0.0.1:0",
		"QSERVE_RADIUS_LISTEN": "127.0.0.1:0,127.0.0.1:0", "QSERVE_SPOOL_DIR": filepath.Join(s.spool, "spool"),
		"QSERVE_WORKERS": "32", "QSERVE_DATABASE_CONNS": "48",
	}
	maps.Copy(s.Environ, s.opts.Settings)
	if s.Settings, err = config.Load(s.Environ); err != nil {
		return err
	}
	rdb := program.OpenRedis(s.Settings)
	s.closers = append(s.closers, rdb.Close)
	s.Staff = program.NewStaff(s.Settings, s.Pool, jobs.NewBell(rdb, s.opts.Log), s.opts.Clock, s.opts.Log)
	return nil
}

func (s *Stage) addRouters(ctx context.Context) error {
	for _, r := range s.Routers {
		block, _ := pem.Decode(r.Certificate())
		pin := sha256.Sum256(block.Bytes)
		n := console.NewRouter{Name: r.Options.Name, Mode: string(r.Options.Mode), Pool: r.poolName(), LocalAddress: "10.255.0.1"}
		if !r.Options.NoAPI {
			n.APIAddress, n.APIUser, n.APIPassword = r.APITLSAddr(), apiUser, r.Options.Sim.Password
			n.APIPin = hex.EncodeToString(pin[:])
		}
		if r.Options.Mode == router.Radius {
			n.RadiusSecret, n.CoAAddress = r.Secret, r.CoAAddr()
			host, _, err := net.SplitHostPort(r.CoAAddr())
			if err != nil {
				return fmt.Errorf("read the address of router %s: %w", r.Name(), err)
			}
			n.NASAddress = host
		}
		if _, err := s.Staff.AddRouter(ctx, crew, n); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stage) addSources(ctx context.Context) error {
	for _, n := range []webhooks.NewSource{
		{Name: mpesaName, Kind: "mpesa", Merchant: shortCode},
		{Name: standardKey, Kind: "standard", Merchant: "home"},
	} {
		n.Currency = s.Settings.Currency
		done, err := webhooks.Register(ctx, s.Pool, s.Settings.Ring(), n, time.Now())
		if err != nil {
			return err
		}
		s.Sources = append(s.Sources, Source{Name: n.Name, Kind: n.Kind, URL: "/in/" + done.Token, Secret: done.Secret})
	}
	return nil
}

// Close ends everything, the last thing that was opened first.
func (s *Stage) Close() error {
	err := s.Stop()
	for _, closer := range slices.Backward(s.closers) {
		err = errors.Join(err, closer())
	}
	return err
}

// Router returns a simulated router by its name; nil when there is none.
func (s *Stage) Router(name string) *Router {
	for _, r := range s.Routers {
		if r.Name() == name {
			return r
		}
	}
	return nil
}

// Plan adds a plan at a price of whole units of the currency.
func (s *Stage) Plan(ctx context.Context, name, rate string, d account.Duration, price string) error {
	_, err := s.Staff.AddPlan(ctx, crew, console.NewPlan{
		Name: name, Rate: rate, Duration: console.Duration(d), Price: console.Money{Amount: price, Currency: s.Settings.Currency},
	})
	return err
}

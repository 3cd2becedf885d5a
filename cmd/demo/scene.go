package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"qserve/account"
	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/internal/stack"
	"qserve/router"
	"qserve/router/mikrosim"
)

// scene is the stage with its cast.
type scene struct {
	*stage.Stage
	backdoor      net.Listener
	backdoorURL   string
	server        *http.Server
	backdoorEnded chan error

	paid    []stage.Person // online when the story begins
	expired []stage.Person // dialling, and refused
	fixed   int            // fixed addresses given out

	owner stage.SignIn // of whoever plays on in the console
}

const (
	planName  = "Home 10"
	planPrice = "1500.00"
	// perRouter is how many customers of each kind a router has.
	perRouter, expiredPerRouter = 80, 70
)

// open sets the scene: three routers of both modes, one of them without an API, and their customers.
func open(ctx context.Context, log *slog.Logger) (*scene, error) {
	redisURL, err := emptyRedis(ctx, os.Getenv("QSERVE_REDIS_URL"))
	if err != nil {
		return nil, err
	}
	st, err := stage.Open(ctx, stage.Options{
		Postgres: stack.PostgresOptions{URL: os.Getenv("QSERVE_DATABASE_URL"), Durable: true},
		Redis:    stack.RedisOptions{URL: redisURL, AppendOnly: true},
		Routers: []stage.RouterOptions{
			{Name: "Kileleshwa", Mode: router.Radius},
			{Name: "Ngong", Mode: router.Local},
			{Name: "Syokimau", Mode: router.Radius, NoAPI: true, Sim: mikrosim.Config{AuthMethod: "mschap2"}},
		},
		Log: log,
	})
	if err != nil {
		return nil, err
	}
	s := &scene{Stage: st, backdoorEnded: make(chan error, 1)}
	if err := s.cast(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.owner, err = s.Hire(ctx, "owner", "Olive Owner", console.RoleOwner); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *scene) cast(ctx context.Context) error {
	var listen net.ListenConfig
	var err error
	if s.backdoor, err = listen.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return fmt.Errorf("listen for the simulators' back door: %w", err)
	}
	s.backdoorURL = "http://" + s.backdoor.Addr().String()
	s.server = &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: mikrosim.Backdoor(func() []*mikrosim.Router {
			routers := make([]*mikrosim.Router, len(s.Routers))
			for i, r := range s.Routers {
				routers[i] = r.Router
			}
			return routers
		}),
	}
	go func() { s.backdoorEnded <- s.server.Serve(s.backdoor) }()

	if err := s.Plan(ctx, planName, "5M/10M", account.Duration{Count: 30, Unit: account.Days}, planPrice); err != nil {
		return err
	}
	now := time.Now()
	for i, r := range s.Routers {
		prefix := []string{"KIL", "NGO", "SYO"}[i]
		paid, err := s.People(ctx, r, planName, prefix, perRouter, true, func(i int) time.Time {
			return now.AddDate(0, 0, 1+i%28)
		})
		if err != nil {
			return err
		}
		expired, err := s.People(ctx, r, planName, prefix+"X", expiredPerRouter, true, func(i int) time.Time {
			return now.AddDate(0, 0, -1-i%10)
		})
		if err != nil {
			return err
		}
		s.paid, s.expired = append(s.paid, paid...), append(s.expired, expired...)
	}
	return nil
}

func (s *scene) close() error {
	var err error
	if s.server != nil {
		err = s.server.Close()
	}
	return errors.Join(err, s.Close())
}

// emptyRedis picks a database of somebody else's Redis that holds nothing, because the story empties it.
func emptyRedis(ctx context.Context, url string) (string, error) {
	if url == "" {
		return "", nil
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return "", errors.New("QSERVE_REDIS_URL is no address of a single Redis, such as redis://localhost:6379/0")
	}
	for n := range 16 {
		options.DB = n
		client := redis.NewClient(options)
		size, err := client.DBSize(ctx).Result()
		if closeErr := client.Close(); closeErr != nil || err != nil {
			return "", fmt.Errorf("look for an empty database on the Redis of QSERVE_REDIS_URL: %w", errors.Join(err, closeErr))
		}
		if size == 0 {
			return withDatabase(url, n)
		}
	}
	return "", errors.New("the Redis of QSERVE_REDIS_URL has no empty database, and the demo empties the one it uses; unset it, or name another")
}

// unpaid adds one more expired customer to each router, for whoever plays on after the story has had everybody pay.
func (s *scene) unpaid(ctx context.Context) ([]stage.Person, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	var people []stage.Person
	for i, r := range s.Routers {
		prefix := fmt.Sprintf("NEW%d", i+1)
		added, err := s.People(ctx, r, planName, prefix, 1, true, func(int) time.Time { return time.Now().AddDate(0, 0, -2) })
		if err != nil {
			return nil, err
		}
		people = append(people, added...)
	}
	return people, s.UntilConfirmed(ctx)
}

// Package stacktest gives each test a PostgreSQL database and a Redis of its own.
//
// The first test of a binary that asks starts a private PostgreSQL and migrates a template database; every test after
// that gets a copy of the template, so tests run in parallel and none sees another's rows. A package whose tests use it
// calls Main from its TestMain; without that the server still dies with the binary, but its files wait for the next
// run.
//
// What the schema is, and filling it, are left to the test.
package stacktest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"qserve/internal/stack"
)

// startWithin bounds the start of a server; on a busy machine initdb alone takes seconds.
const startWithin = 2 * time.Minute

// Main runs a package's tests, stops the servers they shared and fails when a goroutine was left running. Call it from
// TestMain; it does not return.
func Main(m *testing.M, options ...goleak.Option) {
	goleak.VerifyTestMain(tests{m}, options...)
}

// tests stops the shared server before goleak looks.
type tests struct{ m *testing.M }

// Run implements goleak.TestingM.
func (t tests) Run() int {
	code := t.m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the tests' PostgreSQL:", err)
		return max(code, 1)
	}
	return code
}

// shared is the PostgreSQL of this test binary.
var shared server

type server struct {
	once     sync.Once
	postgres *stack.Postgres
	err      error
	copies   atomic.Int64
}

const template = "template_qserve"

// Database returns the address of a fresh database that migrate has prepared; it is dropped when the test ends. migrate
// is called once in a test binary, for the template of all, so every test must pass the same; it must have closed its
// connections when it returns.
func Database(tb testing.TB, migrate func(ctx context.Context, url string) error) string {
	tb.Helper()
	shared.once.Do(func() { shared.err = shared.start(migrate) })
	if shared.err != nil {
		tb.Fatalf("start PostgreSQL for tests: %v", shared.err)
	}
	name := fmt.Sprintf("test_%d", shared.copies.Add(1))
	url, err := shared.postgres.CreateDatabase(tb.Context(), name, template)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		// The test's own context has ended by now.
		if err := shared.postgres.DropDatabase(context.WithoutCancel(tb.Context()), name); err != nil {
			tb.Error(err)
		}
	})
	return url
}

// start is not bound to the context of the test that happens to come first: the server serves those after it.
func (s *server) start(migrate func(ctx context.Context, url string) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	postgres, err := stack.StartPostgres(ctx, stack.PostgresOptions{})
	if err != nil {
		return err
	}
	if err := prepare(ctx, postgres, migrate); err != nil {
		return errors.Join(err, postgres.Stop())
	}
	s.postgres = postgres
	return nil
}

func prepare(ctx context.Context, postgres *stack.Postgres, migrate func(ctx context.Context, url string) error) error {
	url, err := postgres.CreateDatabase(ctx, template, "")
	if err != nil {
		return err
	}
	if err := migrate(ctx, url); err != nil {
		return fmt.Errorf("migrate the tests' template database: %w", err)
	}
	conn, err := pgx.Connect(ctx, postgres.URL())
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	// A connection to the template, by mistake, would make every copy fail.
	_, err = conn.Exec(ctx, "ALTER DATABASE "+template+" WITH ALLOW_CONNECTIONS false")
	return errors.Join(err, conn.Close(ctx))
}

func (s *server) stop() error {
	if s.postgres == nil {
		return nil
	}
	return s.postgres.Stop()
}

// Redis returns the address of a private Redis that ends with the test.
func Redis(tb testing.TB) string {
	tb.Helper()
	return OwnRedis(tb, stack.RedisOptions{}).URL()
}

// OwnRedis starts a private Redis that the test may flush, crash and start again. It ends with the test.
func OwnRedis(tb testing.TB, options stack.RedisOptions) *stack.Redis {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), startWithin)
	defer cancel()
	redis, err := stack.StartRedis(ctx, options)
	if err != nil {
		tb.Fatalf("start Redis for a test: %v", err)
	}
	tb.Cleanup(func() {
		if err := redis.Stop(); err != nil {
			tb.Error(err)
		}
	})
	return redis
}

// OwnPostgres starts a private PostgreSQL, empty, that the test may crash and start again. It ends with the test. It
// takes a second or two; Database is the one for all other tests.
func OwnPostgres(tb testing.TB, options stack.PostgresOptions) *stack.Postgres {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), startWithin)
	defer cancel()
	postgres, err := stack.StartPostgres(ctx, options)
	if err != nil {
		tb.Fatalf("start PostgreSQL for a test: %v", err)
	}
	tb.Cleanup(func() {
		if err := postgres.Stop(); err != nil {
			tb.Error(err)
		}
	})
	return postgres
}

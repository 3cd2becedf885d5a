package stage_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"qserve/internal/stack"
)

// atOnce is how many tests run at the same time: they wait more than they compute.
const atOnce = "6"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	goleak.VerifyTestMain(tests{m})
}

// tests stops the shared PostgreSQL before goleak looks.
type tests struct{ m *testing.M }

func (t tests) Run() int {
	code := t.m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the tests' PostgreSQL:", err)
		return max(code, 1)
	}
	return code
}

// shared is the PostgreSQL of all tests that do not crash theirs.
var shared server

type server struct {
	once     sync.Once
	postgres *stack.Postgres
	err      error
}

func (s *server) url() (string, error) {
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		s.postgres, s.err = stack.StartPostgres(ctx, stack.PostgresOptions{MaxConnections: 800})
	})
	if s.err != nil {
		return "", s.err
	}
	return s.postgres.URL(), nil
}

func (s *server) stop() error {
	if s.postgres == nil {
		return nil
	}
	return s.postgres.Stop()
}

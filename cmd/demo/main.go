// Command demo shows Qserve at work on one machine: it starts PostgreSQL, Redis, three simulated MikroTik routers with
// a few hundred customers and the whole of Qserve, tells a story in the terminal, and stays up to be played with; it
// prints the console's address and a sign-in.
//
// It uses QSERVE_DATABASE_URL and QSERVE_REDIS_URL where they are set, else the programs on this machine, else (for
// Redis) an embedded imitation. Nothing is left behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"qserve/cmd/internal/program"
)

type flags struct {
	Once bool `help:"End after the story; the exit status is 0 only if every step was confirmed by the router."`
	JSON bool `name:"json" help:"One JSON line a step."`
	Log  bool `help:"Show Qserve's own log on standard error."`
}

func main() {
	var f flags
	kong.Parse(&f, kong.Name("demo"), kong.Description("Shows Qserve at work with simulated MikroTik routers."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, f)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, f flags) (err error) {
	teller := &teller{json: f.JSON, to: os.Stdout}
	log := slog.New(slog.DiscardHandler)
	if f.Log {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	program.LogRedis(log)
	began := time.Now()
	scene, err := open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scene.close()) }()
	teller.opened(scene, time.Since(began))
	if err := scene.tell(ctx, teller); err != nil {
		return err
	}
	if f.Once {
		return nil
	}
	if err := teller.ready(ctx, scene); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-scene.backdoorEnded:
		return err
	}
}

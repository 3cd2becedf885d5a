package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"

	"qserve/account"
	"qserve/cmd/internal/stage"
	"qserve/internal/stack"
)

// rounds is how often a measurement and its raw limit take turns; what counts is the middle one.
const rounds = 3

const (
	planName  = "Home 10"
	planPrice = "1500.00"
)

// bench is one run of the program.
type bench struct {
	quick     bool
	profiles  string // folder; empty: none are written
	measuring string
	turns     int
	machine   machine
	notes     []string // printed below the table
}

// note keeps a figure that has no target.
func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
	b.progress("  "+format, args...)
}

// size is full, unless the run is a quick one.
func size[T any](b *bench, full, quick T) T {
	if b.quick {
		return quick
	}
	return full
}

func (b *bench) progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// open sets a stage on a PostgreSQL that syncs every commit and a Redis that keeps its file, as an installation has
// them. Qserve writes its log, to nowhere: formatting it is part of the work.
func (b *bench) open(ctx context.Context, opts stage.Options) (*stage.Stage, error) {
	opts.Postgres = stack.PostgresOptions{Durable: true}
	opts.Redis = stack.RedisOptions{AppendOnly: true}
	opts.Log = slog.New(slog.NewTextHandler(io.Discard, nil)) //nolint:sloglint // its lines are to be formatted
	st, err := stage.Open(ctx, opts)
	if err != nil {
		return nil, err
	}
	if err := b.machine.look(ctx, st); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	err = st.Plan(ctx, planName, "5M/10M", account.Duration{Count: 30, Unit: account.Days}, planPrice)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}

// profiled runs one measured turn of Qserve, under the profiler if that was asked for.
func (b *bench) profiled(turn func() error) (err error) {
	if b.profiles == "" {
		return turn()
	}
	if err := os.MkdirAll(b.profiles, 0o750); err != nil {
		return fmt.Errorf("make the folder for profiles: %w", err)
	}
	b.turns++
	file, err := os.Create(filepath.Join(b.profiles, fmt.Sprintf("%s-%d.pprof", b.measuring, b.turns)))
	if err != nil {
		return fmt.Errorf("open a profile: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return fmt.Errorf("start the profiler: %w", err)
	}
	defer pprof.StopCPUProfile()
	return turn()
}

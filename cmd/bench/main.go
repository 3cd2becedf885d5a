// Command bench measures Qserve against the raw limits of the machine it runs on: what PostgreSQL alone commits, what
// Asynq alone carries, what a RADIUS server that others wrote answers.
//
// Each measurement takes turns with its raw limit in one run, so that both meet the same machine in the same mood, and
// what is printed and kept in PERFORMANCE.md are ratios. It starts a durable PostgreSQL and a Redis of its own and
// leaves nothing behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"qserve/cmd/internal/program"
)

type flags struct {
	Quick      bool     `help:"Small sizes: shows that everything works, not how fast it is."`
	Only       []string `help:"Measure only these: intake, latency, sustained, dead, radius, search, sweep, expiries, suspend, coa, page." placeholder:"NAME,…"`
	Write      bool     `help:"Put the table into PERFORMANCE.md of this folder."`
	CPUProfile string   `name:"cpuprofile" help:"Write a CPU profile of what is measured, a file for each turn, into this folder." placeholder:"DIR"`
}

// measurement is one of the things that are measured. Its results are lines of the table.
type measurement struct {
	name string
	run  func(ctx context.Context, b *bench) ([]result, error)
}

var measurements = []measurement{
	{"intake", intake},
	{"latency", latency},
	{"sustained", sustained},
	{"dead", dead},
	{"radius", radius},
	{"search", search},
	{"sweep", sweep},
	{"expiries", expiries},
	{"suspend", suspend},
	{"coa", roundTrips},
	{"page", page},
}

func main() {
	var f flags
	kong.Parse(&f, kong.Name("bench"), kong.Description("Measures Qserve against the raw limits of this machine."))
	program.CollectSeldom() // as the program does
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, f)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, f flags) error {
	chosen, err := choose(f.Only)
	if err != nil {
		return err
	}
	if f.Write && (f.Quick || len(f.Only) > 0) {
		return errors.New("--write is for whole runs: leave --quick and --only out")
	}
	b := &bench{quick: f.Quick, profiles: f.CPUProfile}
	var results []result
	for _, m := range chosen {
		b.progress("%s …", m.name)
		b.measuring = m.name
		lines, err := m.run(ctx, b)
		if err != nil {
			return fmt.Errorf("measure %s: %w", m.name, err)
		}
		results = append(results, lines...)
	}
	report := b.report(results)
	fmt.Print(report)
	if !f.Write {
		return nil
	}
	return rewrite("PERFORMANCE.md", report)
}

func choose(names []string) ([]measurement, error) {
	if len(names) == 0 {
		return measurements, nil
	}
	var chosen []measurement
	for _, name := range names {
		i := slices.IndexFunc(measurements, func(m measurement) bool { return m.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("there is no measurement %q; see --help", name)
		}
		chosen = append(chosen, measurements[i])
	}
	return chosen, nil
}

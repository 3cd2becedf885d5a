// Command qserve runs an internet provider's subscriber accounts: payments and staff's clicks in, MikroTik routers out.
//
// Settings come from QSERVE_* environment variables; qserve settings lists them.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"qserve/cmd/internal/program"
	"qserve/console"
	"qserve/internal/config"
)

type commands struct {
	JSON bool `name:"json" help:"Print JSON instead of text."`

	Serve      serveCommand      `cmd:"" help:"Run Qserve."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the database's schema to what this program needs."`
	Plan       planCommands      `cmd:"" help:"What is sold."`
	Router     routerCommands    `cmd:"" help:"MikroTik routers."`
	Source     sourceCommands    `cmd:"" help:"Payment sources: one webhook address each."`
	Subscriber subscriberCommand `cmd:"" help:"Subscribers and their accounts."`
	Keys       keysCommands      `cmd:"" help:"The key ring that seals secrets in the database."`
	Settings   settingsCommand   `cmd:"" help:"List every QSERVE_* setting."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "qserve: "+explain(err))
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

func run(ctx context.Context, args []string) error {
	var cmds commands
	parser, err := kong.New(&cmds, kong.Name("qserve"),
		kong.Description("Runs the subscriber accounts of an internet provider: PPPoE over MikroTik."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.UsageOnError())
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		parser.FatalIfErrorf(err)
	}
	return parsed.Run(&output{json: cmds.JSON, to: os.Stdout})
}

// explain is an error as a person reads it: bad input alone, without the steps that led to it.
func explain(err error) string {
	var field *console.FieldError
	if errors.As(err, &field) {
		return "--" + field.Error()
	}
	return err.Error()
}

func settings() (config.Config, error) {
	environ := map[string]string{}
	for _, line := range os.Environ() {
		name, value, _ := strings.Cut(line, "=")
		environ[name] = value
	}
	return config.Load(environ)
}

func newLog(c config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

type serveCommand struct {
	Roles string `default:"intake,worker,radius" help:"What this process does, comma-separated: ${default}."`
}

func (c *serveCommand) Run(ctx context.Context) error {
	roles, err := program.ParseRoles(c.Roles)
	if err != nil {
		return err
	}
	cfg, err := settings()
	if err != nil {
		return err
	}
	p, err := program.Open(ctx, program.Options{Settings: cfg, Roles: roles, Log: newLog(cfg)})
	if err != nil {
		return err
	}
	return p.Run(ctx)
}

// Command qserve runs an internet provider's subscriber accounts: payments and staff's clicks in, MikroTik routers out.
//
// Settings come from QSERVE_* environment variables; qserve settings lists them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"qserve/cmd/internal/program"
	"qserve/console"
)

type commands struct {
	JSON bool `name:"json" help:"Print JSON instead of text."`

	Serve      serveCommand      `cmd:"" help:"Run Qserve."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the database's schema to what this program needs."`
	Plan       planCommands      `cmd:"" help:"What is sold."`
	Router     routerCommands    `cmd:"" help:"MikroTik routers."`
	Source     sourceCommands    `cmd:"" help:"Payment sources: one webhook address each."`
	Subscriber subscriberCommand `cmd:"" help:"Subscribers and their accounts."`
	Payment    paymentCommands   `cmd:"" help:"Payments of all accounts."`
	Action     actionCommands    `cmd:"" help:"Commands that were given to accounts, and how far they are."`
	Audit      auditCommand      `cmd:"" help:"Who did what, over all accounts and settings."`
	Staff      staffCommands     `cmd:"" help:"People who sign in to the console."`
	Token      tokenCommands     `cmd:"" help:"Tokens of the staff API."`
	Keys       keysCommands      `cmd:"" help:"The key ring that seals secrets in the database."`
	Settings   settingsCommand   `cmd:"" help:"List every QSERVE_* setting."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	program.LogRedis(slog.New(slog.DiscardHandler)) // what it says is returned as an error too
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "qserve: "+explain(err))
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

// run is the program, with nothing taken from its process but what it is given.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	var cmds commands
	parser, err := kong.New(&cmds, kong.Name("qserve"),
		kong.Description("Runs the subscriber accounts of an internet provider: PPPoE over MikroTik."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Writers(stdout, stderr))
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		if unfit, ok := errors.AsType[*kong.ParseError](err); ok {
			_ = unfit.Context.PrintUsage(true) // the error itself says what is wrong
		}
		return err
	}
	return parsed.Run(&shell{environ: environ, stdout: stdout, stderr: stderr, json: cmds.JSON})
}

// explain is an error as a person reads it: what is wrong alone, without the steps that led to it, and with the flag
// that has to do with it.
func explain(err error) string {
	if e, ok := errors.AsType[*console.FieldError](err); ok {
		return flagOf(e.Field) + ": " + e.Problem
	}
	if e, ok := errors.AsType[*console.ConflictError](err); ok && e.Field != "" {
		return flagOf(e.Field) + ": " + e.Problem
	} else if ok {
		return e.Problem
	}
	if e, ok := errors.AsType[*console.NotFoundError](err); ok {
		return e.Error()
	}
	return err.Error()
}

func flagOf(field string) string { return strings.ReplaceAll(field, "_", "-") }

type serveCommand struct {
	Roles string `default:"intake,console,worker,radius" help:"What this process does, comma-separated: ${default}."`
}

func (c *serveCommand) Run(ctx context.Context, sh *shell) error {
	roles, err := program.ParseRoles(c.Roles)
	if err != nil {
		return err
	}
	cfg, err := sh.settings()
	if err != nil {
		return err
	}
	version, _ := build()
	program.CollectSeldom()
	p, err := program.Open(ctx, program.Options{Settings: cfg, Roles: roles, Log: sh.log(cfg), Version: version})
	if err != nil {
		return err
	}
	return p.Run(ctx)
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/cmd/internal/program"
	"qserve/console"
	"qserve/db"
	"qserve/internal/clock"
	"qserve/internal/config"
	"qserve/internal/seal"
	"qserve/jobs"
)

// staff is what the commands that work on the database share.
type staff struct {
	*console.Service
	settings config.Config
	pool     *pgxpool.Pool
}

// withStaff opens the database and Redis for one command. Redis is only rung, so the command works while it is down.
func withStaff(ctx context.Context, sh *shell, do func(staff) error) error {
	cfg, err := sh.settings()
	if err != nil {
		return err
	}
	pool, err := db.Open(ctx, cfg.DatabaseURL.Reveal(), 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	rdb := program.OpenRedis(cfg)
	defer func() { _ = rdb.Close() }()
	log := sh.log(cfg)
	service := console.New(console.Config{
		Pool: pool, Keys: cfg.Ring(), Ring: jobs.NewBell(rdb, log), Clock: clock.System{}, Zone: cfg.Zone,
		Region: cfg.Region, Currency: cfg.Currency, Log: log,
	})
	return do(staff{Service: service, settings: cfg, pool: pool})
}

type migrateCommand struct{}

func (*migrateCommand) Run(ctx context.Context, sh *shell) error {
	cfg, err := sh.settings()
	if err != nil {
		return err
	}
	ran, err := db.Migrate(ctx, cfg.DatabaseURL.Reveal())
	if err != nil {
		return err
	}
	return sh.print(map[string]any{"ran": len(ran), "migrations": ran}, "The schema is current; %d migrations ran.", len(ran))
}

type keysCommands struct {
	New    keysNew    `cmd:"" help:"Print a fresh key ring for QSERVE_KEYS_FILE. Keep it apart from the database's backups."`
	Rotate keysRotate `cmd:"" help:"Print the key ring in a file with a new primary key. Older keys still open."`
	Reseal keysReseal `cmd:"" help:"Seal every secret in the database anew under the primary key."`
}

type keysNew struct{}

func (*keysNew) Run(sh *shell) error {
	ring, err := seal.New()
	if err != nil {
		return err
	}
	_, err = sh.stdout.Write(append(ring, '\n'))
	return err
}

type keysRotate struct {
	File string `arg:"" type:"existingfile" help:"The key ring in use."`
}

func (c *keysRotate) Run(sh *shell) error {
	old, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("read the key ring: %w", err)
	}
	ring, err := seal.Rotate(old)
	if err != nil {
		return err
	}
	_, err = sh.stdout.Write(append(ring, '\n'))
	return err
}

type settingsCommand struct{}

func (*settingsCommand) Run(sh *shell) error {
	if sh.json {
		return sh.print(map[string]any{"items": config.Settings()}, "")
	}
	_, err := io.WriteString(sh.stdout, config.Usage())
	return err
}

type versionCommand struct{}

func (*versionCommand) Run(sh *shell) error {
	version, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return sh.print(map[string]string{"version": version, "revision": revision}, "qserve %s %s", version, revision)
}

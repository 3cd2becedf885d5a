package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/user"
	"runtime/debug"
	"time"

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
	by console.By
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
	service := program.NewStaff(cfg, pool, jobs.NewBell(rdb, log), clock.System{}, log)
	return do(staff{Service: service, by: console.By{Actor: operator()}})
}

func operator() string {
	if u, err := user.Current(); err == nil {
		return "staff " + u.Username + " (command line)"
	}
	return "staff (command line)"
}

// when writes an instant as people in the provider's zone read it.
func (s staff) when(t time.Time) string { return t.In(s.Zone).Format("2 Jan 2006 15:04:05") }

// day is shorter, for tables; empty for no instant.
func (s staff) day(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.In(s.Zone).Format("2 Jan 2006 15:04")
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
	version, revision := build()
	return sh.print(map[string]string{"version": version, "revision": revision}, "qserve %s %s", version, revision)
}

// build says which version of Qserve this is, and which commit it was built from, if that is known.
func build() (version, revision string) {
	version = "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return version, revision
}

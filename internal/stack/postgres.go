package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// PostgresOptions say how PostgreSQL runs. The zero value is a fast server for tests.
type PostgresOptions struct {
	// URL names a server that already runs and is used instead of starting one. It is never stopped or restarted.
	URL string

	// Durable has every commit flushed to the disk, as a real installation does. Without it a commit survives the death
	// of PostgreSQL (Crash, Restart) but not of the machine.
	Durable bool

	// MaxConnections is PostgreSQL's max_connections; 0 means 300.
	MaxConnections int
}

// Postgres is a PostgreSQL server. Its methods may be called from many goroutines.
type Postgres struct {
	url   url.URL
	owned *ownedPostgres // nil when the server is somebody else's
}

// ownedPostgres is a server that we started.
type ownedPostgres struct {
	program program

	mu  sync.Mutex
	run *process // nil while it is down
}

const superuser = "qserve"

// StartPostgres starts a server, or uses the one that options name. ctx bounds the start only.
func StartPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	if options.URL != "" {
		external, err := url.Parse(options.URL)
		if err != nil {
			return nil, errors.New("the address of PostgreSQL is no URL, such as postgres://user:password@localhost:5432/qserve")
		}
		return &Postgres{url: *external}, nil
	}
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	as, err := identity()
	if err != nil {
		return nil, err
	}
	dir, err := newDirectory(as)
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	if err := initialize(ctx, bin, dir, as, password); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	p, err := serveAnywhere(ctx, program{
		path: filepath.Join(bin, "postgres"), dir: dir, as: as,
		// PostgreSQL's immediate shutdown: no checkpoint, recovery at the next start, no child or shared memory left.
		end:   syscall.SIGQUIT,
		ready: "database system is ready to accept connections",
	}, options)
	if err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	p.url.User = url.UserPassword(superuser, password)
	return p, nil
}

// initialize runs initdb. MD5 is asked for because each test connects anew and SCRAM's thousands of hash rounds are
// meant to cost time; the password guards one run on the loopback address.
func initialize(ctx context.Context, bin string, dir *directory, as *syscall.Credential, password string) error {
	passwordFile := filepath.Join(dir.path, "password")
	if err := os.WriteFile(passwordFile, []byte(password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write PostgreSQL's first password: %w", err)
	}
	if as != nil {
		if err := os.Chown(passwordFile, int(as.Uid), int(as.Gid)); err != nil {
			return fmt.Errorf("hand the first password to PostgreSQL's user: %w", err)
		}
	}
	_, err := launch(ctx, program{
		path: filepath.Join(bin, "initdb"), dir: dir, as: as, end: syscall.SIGTERM,
		args: []string{
			"--pgdata=" + dataIn(dir), "--username=" + superuser, "--pwfile=" + passwordFile, "--auth=md5",
			"--encoding=UTF8", "--locale=C.UTF-8", "--lc-messages=C", "--no-sync", "--no-instructions",
		},
	})
	return err
}

func dataIn(dir *directory) string { return filepath.Join(dir.path, "data") }

// serveAnywhere starts the server on a free port, and on another one if somebody was faster.
func serveAnywhere(ctx context.Context, server program, options PostgresOptions) (*Postgres, error) {
	var lastErr error
	for range startTries {
		port, err := freePort(ctx)
		if err != nil {
			return nil, err
		}
		server.args = serverArguments(server.dir, port, options)
		run, err := launch(ctx, server)
		if err == nil {
			return &Postgres{
				url:   url.URL{Scheme: "postgres", Host: address(port), Path: "/postgres", RawQuery: "sslmode=disable"},
				owned: &ownedPostgres{program: server, run: run},
			}, nil
		}
		lastErr = err
		if ctx.Err() != nil {
			break
		}
	}
	return nil, lastErr
}

func serverArguments(dir *directory, port int, options PostgresOptions) []string {
	connections := options.MaxConnections
	if connections == 0 {
		connections = 300
	}
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(port), "unix_socket_directories=",
		"max_connections=" + strconv.Itoa(connections), "timezone=UTC", "log_timezone=UTC",
	}
	if !options.Durable {
		// synchronous_commit stays on: without it a crash of PostgreSQL alone would lose commits that were acknowledged.
		settings = append(settings, "fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0")
	}
	args := []string{"-D", dataIn(dir)}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// URL returns the address of the server's maintenance database, with user and password.
func (p *Postgres) URL() string { return p.url.String() }

// CreateDatabase makes a database, a copy of template unless that is empty, and returns its address. Nobody may be
// connected to the template.
func (p *Postgres) CreateDatabase(ctx context.Context, name, template string) (string, error) {
	statement := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize()
	if template != "" {
		statement += " TEMPLATE " + pgx.Identifier{template}.Sanitize()
	}
	if err := p.execute(ctx, statement); err != nil {
		return "", fmt.Errorf("create database %s: %w", name, err)
	}
	created := p.url
	created.Path = "/" + name
	return created.String(), nil
}

// DropDatabase removes a database and throws out whoever is still connected to it.
func (p *Postgres) DropDatabase(ctx context.Context, name string) error {
	if err := p.execute(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

func (p *Postgres) execute(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, p.URL())
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// Crash ends the server at once, as if it had been killed, and keeps its data. Start brings it back.
func (p *Postgres) Crash() error {
	if p.owned == nil {
		return errNotOurs("PostgreSQL")
	}
	p.owned.mu.Lock()
	defer p.owned.mu.Unlock()
	return p.owned.crash()
}

func (o *ownedPostgres) crash() error {
	if o.run == nil {
		return nil
	}
	if err := o.run.stop(); err != nil {
		return err
	}
	o.run = nil
	return nil
}

// Start brings a crashed server back at the same address and returns when it serves; it does nothing when the server is
// up.
func (p *Postgres) Start(ctx context.Context) error {
	if p.owned == nil {
		return errNotOurs("PostgreSQL")
	}
	p.owned.mu.Lock()
	defer p.owned.mu.Unlock()
	if p.owned.run != nil {
		return nil
	}
	run, err := launch(ctx, p.owned.program)
	if err != nil {
		return err
	}
	p.owned.run = run
	return nil
}

// Restart is Crash and Start.
func (p *Postgres) Restart(ctx context.Context) error {
	if err := p.Crash(); err != nil {
		return err
	}
	return p.Start(ctx)
}

// Stop ends a server that StartPostgres started and removes its data. It leaves others alone.
func (p *Postgres) Stop() error {
	if p.owned == nil {
		return nil
	}
	p.owned.mu.Lock()
	defer p.owned.mu.Unlock()
	return errors.Join(p.owned.crash(), p.owned.program.dir.remove())
}

func errNotOurs(server string) error {
	return fmt.Errorf("this %s was not started by us, so it is left alone", server)
}

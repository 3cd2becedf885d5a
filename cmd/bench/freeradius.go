package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// freeRADIUSConfig is FreeRADIUS doing what Qserve's RADIUS role does for an Access-Request with PAP, and no more: the
// user's password and rate from PostgreSQL, everything else of the answer from here. Its group look-up, its log of every
// dial and its checks of unusual user names, all on by default, are left out, and its limits are raised so that it
// refuses none of the load.
const freeRADIUSConfig = `
prefix = /usr
logdir = %[1]s
run_dir = %[1]s
radacctdir = %[1]s
libdir = /usr/lib/freeradius
max_request_time = 10
cleanup_delay = 2
max_requests = 262144
hostname_lookups = no
log {
	auth = no
}
security {
	allow_vulnerable_openssl = yes
}
thread pool {
	start_servers = 32
	max_servers = 32
	min_spare_servers = 1
	max_spare_servers = 32
	max_queue_size = 65536
}
client loopback {
	ipaddr = 127.0.0.1
	secret = "%[3]s"
}
modules {
	pap {
	}
	sql {
		driver = "rlm_sql_postgresql"
		dialect = "postgresql"
		radius_db = "%[4]s"
		read_groups = no
		read_profiles = no
		read_clients = no
		authcheck_table = "radcheck"
		authreply_table = "radreply"
		sql_user_name = "%%{User-Name}"
		authorize_check_query = "SELECT id, UserName, Attribute, Value, Op FROM ${authcheck_table} WHERE Username = '%%{SQL-User-Name}' ORDER BY id"
		authorize_reply_query = "SELECT id, UserName, Attribute, Value, Op FROM ${authreply_table} WHERE Username = '%%{SQL-User-Name}' ORDER BY id"
		pool {
			start = 32
			min = 32
			max = 32
			spare = 32
			uses = 0
			lifetime = 0
			idle_timeout = 0
		}
	}
}
server bench {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = %[2]d
	}
	authorize {
		sql
		pap
	}
	authenticate {
		Auth-Type PAP {
			pap
		}
	}
	post-auth {
		update reply {
			Message-Authenticator := 0x00
			Service-Type := Framed-User
			Framed-Protocol := PPP
			Framed-Pool := "pool1"
			Acct-Interim-Interval := 300
		}
	}
}
`

// loadFreeRADIUS makes FreeRADIUS' own tables, as its package does, with the same users.
func loadFreeRADIUS(ctx context.Context, pool *pgxpool.Pool, users []user) error {
	for _, table := range []string{"radcheck", "radreply"} {
		_, err := pool.Exec(ctx, fmt.Sprintf(`create table %[1]s (
			id serial primary key, UserName text not null default '', Attribute text not null default '',
			op varchar(2) not null default '==', Value text not null default '');
			create index %[1]s_UserName on %[1]s (UserName, Attribute)`, table))
		if err != nil {
			return fmt.Errorf("create table %s: %w", table, err)
		}
	}
	for table, row := range map[string]func(u user) []any{
		"radcheck": func(u user) []any { return []any{u.name, "Cleartext-Password", ":=", u.password} },
		"radreply": func(u user) []any { return []any{u.name, "Mikrotik-Rate-Limit", ":=", radiusRate} },
	} {
		_, err := pool.CopyFrom(ctx, pgx.Identifier{table}, []string{"username", "attribute", "op", "value"},
			pgx.CopyFromSlice(len(users), func(i int) ([]any, error) { return row(users[i]), nil }))
		if err != nil {
			return fmt.Errorf("fill table %s: %w", table, err)
		}
	}
	return nil
}

// freeRADIUS is a private server.
type freeRADIUS struct {
	address string
	dir     string
	stdin   io.Closer
	ended   chan struct{}
}

// follow runs a program that ends when its standard input does, and so with this process, however that ends.
const follow = `exec 3<&0; "$0" "$@" & server=$!; (read -r _ <&3; kill -9 $server) >/dev/null 2>&1 & wait $server`

// startDatabaseRADIUS runs a server that answers dials from the database.
func startDatabaseRADIUS(ctx context.Context, databaseURL, secret string) (*freeRADIUS, error) {
	database, err := libpqAddress(databaseURL)
	if err != nil {
		return nil, err
	}
	return startFreeRADIUS(ctx, func(dir string, port int) string {
		return fmt.Sprintf(freeRADIUSConfig, dir, port, secret, database)
	})
}

// startFreeRADIUS runs a server and returns once it listens. Its settings depend on its folder and port.
func startFreeRADIUS(ctx context.Context, settings func(dir string, port int) string) (*freeRADIUS, error) {
	path, err := exec.LookPath("freeradius")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/freeradius"); err != nil {
			return nil, fmt.Errorf("FreeRADIUS is what this is measured against; install it with make setup: %w", err)
		}
	}
	dir, err := os.MkdirTemp("", "qserve-bench-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder for FreeRADIUS: %w", err)
	}
	// A port is free only until somebody else takes it.
	for range 5 {
		var port int
		if port, err = freePort(ctx); err != nil {
			break
		}
		if err = os.WriteFile(filepath.Join(dir, "radiusd.conf"), []byte(settings(dir, port)), 0o600); err != nil {
			break
		}
		f := &freeRADIUS{address: fmt.Sprintf("127.0.0.1:%d", port), dir: dir, ended: make(chan struct{})}
		if err = f.start(ctx, path); err == nil {
			return f, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("start FreeRADIUS: %w", err), os.RemoveAll(dir))
}

func (f *freeRADIUS) start(ctx context.Context, path string) error {
	arguments := []string{"-c", follow, path, "-f", "-l", "stdout", "-d", f.dir}
	server := exec.CommandContext(context.WithoutCancel(ctx), "sh", arguments...) //nolint:gosec // G204: a program that we found
	stdin, err := server.StdinPipe()
	if err != nil {
		return err
	}
	f.stdin = stdin
	stdout, err := server.StdoutPipe()
	if err != nil {
		return err
	}
	server.Stderr = server.Stdout
	if err := server.Start(); err != nil {
		return err
	}
	ready := make(chan struct{}, 1)
	var said strings.Builder
	go func() {
		defer close(f.ended)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if said.Len() < 1<<16 {
				said.WriteString(lines.Text() + "\n")
			}
			if strings.Contains(lines.Text(), "Ready to process requests") {
				ready <- struct{}{}
			}
		}
		_ = server.Wait() // killed, or the reason is in what it said
	}()
	select {
	case <-ready:
		return nil
	case <-f.ended:
		return fmt.Errorf("it ended and said:\n%s", said.String())
	case <-time.After(answerWithin):
		_ = f.stdin.Close()
		<-f.ended
		return fmt.Errorf("it is not ready after %v and said:\n%s", answerWithin, said.String())
	}
}

func (f *freeRADIUS) close() error {
	_ = f.stdin.Close()
	<-f.ended
	return os.RemoveAll(f.dir)
}

// libpqAddress writes a database's address as PostgreSQL's own client library reads it.
func libpqAddress(databaseURL string) (string, error) {
	cfg, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return "", fmt.Errorf("read the database address: %w", err)
	}
	if strings.ContainsAny(cfg.Password+cfg.User, `'"\ $%{}`) {
		return "", errors.New("the name or password of the database has characters that need quoting in FreeRADIUS' settings")
	}
	return fmt.Sprintf("host=%s port=%d dbname=%s user=%s password=%s sslmode=disable",
		cfg.Host, cfg.Port, cfg.Database, cfg.User, cfg.Password), nil
}

func freePort(ctx context.Context) (int, error) {
	var listen net.ListenConfig
	conn, err := listen.ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = conn.Close() }()
	address, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return 0, errors.New("find a free port: the address is not UDP")
	}
	return address.Port, nil
}

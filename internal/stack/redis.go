package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// RedisOptions say how Redis runs. The zero value keeps everything in memory only.
type RedisOptions struct {
	// URL names a server that already runs and is used instead of starting one. It is never stopped, restarted or
	// flushed.
	URL string

	// AppendOnly keeps an append-only file, flushed once a second, so that a crash loses at most the last second. The
	// embedded imitation has no such file; it keeps its data across a crash.
	AppendOnly bool

	// Embedded uses the embedded imitation even where the machine has a redis-server.
	Embedded bool
}

// Kinds of Redis, as Kind returns them.
const (
	KindServer   = "redis-server"
	KindEmbedded = "miniredis"
	KindExternal = "external"
)

// Redis is a Redis server that never evicts a key. Its methods may be called from many goroutines.
type Redis struct {
	url      string
	kind     string
	embedded *miniredis.Miniredis // for KindEmbedded
	program  program              // for KindServer

	mu   sync.Mutex
	run  *process // for KindServer; nil while it is down
	down bool     // for KindEmbedded
}

// StartRedis starts a server, or uses the one that options name. ctx bounds the start only.
func StartRedis(ctx context.Context, options RedisOptions) (*Redis, error) {
	if options.URL != "" {
		return &Redis{url: options.URL, kind: KindExternal}, nil
	}
	path, err := exec.LookPath("redis-server")
	if err != nil || options.Embedded {
		return startEmbedded(ctx)
	}
	as, err := identity()
	if err != nil {
		return nil, err
	}
	dir, err := newDirectory(as)
	if err != nil {
		return nil, err
	}
	// Nothing of value can be lost by a kill: the data is in memory or in the append-only file.
	r, err := startServer(ctx, program{
		path: path, args: []string{"-"}, dir: dir, as: as, end: syscall.SIGKILL, ready: "Ready to accept connections",
	}, options.AppendOnly)
	if err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	return r, nil
}

func startEmbedded(ctx context.Context) (*Redis, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	server := miniredis.NewMiniRedis()
	server.RequireAuth(password)
	if err := server.StartAddr(address(port)); err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	return &Redis{url: redisURL(server.Addr(), password), kind: KindEmbedded, embedded: server}, nil
}

// startServer starts redis-server on a free port, and on another one if somebody was faster. Its settings go through
// standard input to keep the password out of the process list.
func startServer(ctx context.Context, server program, appendOnly bool) (*Redis, error) {
	var lastErr error
	for range startTries {
		port, err := freePort(ctx)
		if err != nil {
			return nil, err
		}
		password := rand.Text()
		server.stdin = redisSettings(server.dir.path, port, password, appendOnly)
		run, err := launch(ctx, server)
		if err == nil {
			return &Redis{url: redisURL(address(port), password), kind: KindServer, program: server, run: run}, nil
		}
		lastErr = err
		if ctx.Err() != nil {
			break
		}
	}
	return nil, lastErr
}

func redisSettings(dir string, port int, password string, appendOnly bool) string {
	onDisk := "no"
	if appendOnly {
		onDisk = "yes"
	}
	return strings.Join([]string{
		"bind 127.0.0.1", "port " + strconv.Itoa(port), "requirepass " + password, "dir " + strconv.Quote(dir),
		`save ""`, "appendonly " + onDisk, "appendfsync everysec", "maxmemory-policy noeviction", "databases 16",
		`logfile ""`, "daemonize no", "",
	}, "\n")
}

func redisURL(address, password string) string {
	return (&url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: address, Path: "/0"}).String()
}

// URL returns the server's address, with its password, for database 0.
func (r *Redis) URL() string { return r.url }

// Kind tells which Redis this is: KindServer, KindEmbedded or KindExternal.
func (r *Redis) Kind() string { return r.kind }

// Flush forgets everything, as FLUSHALL does.
func (r *Redis) Flush(ctx context.Context) error {
	if r.kind == KindExternal {
		return errNotOurs("Redis")
	}
	options, err := redis.ParseURL(r.url)
	if err != nil {
		return fmt.Errorf("read the address of Redis: %w", err)
	}
	client := redis.NewClient(options)
	if err := client.FlushAll(ctx).Err(); err != nil {
		return errors.Join(fmt.Errorf("flush Redis: %w", err), client.Close())
	}
	return client.Close()
}

// Crash ends the server at once. Without AppendOnly its data is gone; Start brings the server back.
func (r *Redis) Crash() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kind == KindExternal {
		return errNotOurs("Redis")
	}
	return r.crash()
}

func (r *Redis) crash() error {
	if r.kind == KindEmbedded {
		r.embedded.Close()
		r.down = true
		return nil
	}
	if r.run == nil {
		return nil
	}
	if err := r.run.stop(); err != nil {
		return err
	}
	r.run = nil
	return nil
}

// Start brings a crashed server back at the same address and returns when it serves; it does nothing when the server is
// up.
func (r *Redis) Start(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.kind == KindExternal:
		return errNotOurs("Redis")
	case r.kind == KindEmbedded && r.down:
		if err := r.embedded.Restart(); err != nil {
			return fmt.Errorf("start the embedded Redis again: %w", err)
		}
		r.down = false
		return nil
	case r.kind == KindEmbedded || r.run != nil:
		return nil
	}
	run, err := launch(ctx, r.program)
	if err != nil {
		return err
	}
	r.run = run
	return nil
}

// Stop ends a server that StartRedis started and removes its data. It leaves others alone.
func (r *Redis) Stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.kind {
	case KindExternal:
		return nil
	case KindEmbedded:
		return r.crash()
	default:
		return errors.Join(r.crash(), r.program.dir.remove())
	}
}

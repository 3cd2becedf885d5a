// Package stack starts a private PostgreSQL and a private Redis from the machine's own programs, for tests, the demo and
// the benchmark.
//
// Nothing has to be set up first and nothing is left behind: the servers listen on the loopback address only, on ports
// that were found free, behind a password made for this run; their data lies in a temporary directory that Stop
// removes. On Linux they die with the program that started them, however it dies, and the next start clears away
// what a killed run left on the disk. It works as root, where the servers run as an unprivileged user (PostgreSQL
// refuses to be root), and as anybody else. Where the machine has no redis-server an embedded imitation takes its
// place.
//
// Schema and migrations are left to the caller; a database for each test is stacktest's job.
package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Ports are taken from below the range that Linux hands out for outgoing connections (net.ipv4.ip_local_port_range
// begins at 32768), so that nobody takes a server's port while it restarts.
const (
	firstPort = 15000
	pastPort  = 32000
)

// startTries bounds how often a server is started on another port when somebody took the one that was found free.
const startTries = 5

// freePort returns a loopback TCP port that nobody listens on at the moment.
func freePort(ctx context.Context) (int, error) {
	var lastErr error
	for range 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(pastPort-firstPort))
		if err != nil {
			return 0, fmt.Errorf("choose a port: %w", err)
		}
		port := firstPort + int(n.Int64())
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address(port))
		if err != nil {
			lastErr = err
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, fmt.Errorf("release port %d: %w", port, err)
		}
		return port, nil
	}
	return 0, fmt.Errorf("find a free port from %d to %d: %w", firstPort, pastPort-1, lastErr)
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// identity is the user that the servers run as: nil for our own, or an unprivileged one when we are root.
func identity() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nil is what exec.Cmd wants for "as we are"
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read the uid of user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read the gid of user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root and there is neither a user postgres nor nobody to run it as")
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	inFlight = 64
	// radclients is how many clients share the requests in flight: one, which has a single thread, holds both servers back.
	radclients = 4
)

// dialler sends every user's Access-Request with radclient.
type dialler struct {
	files  []string
	secret string // the name of a file as well, to keep it out of the process list
	users  int
}

func newDialler(prefix string, users []user, secret string) (*dialler, error) {
	d := &dialler{secret: prefix + "-secret", users: len(users)}
	for part := range radclients {
		var text strings.Builder
		for i := part; i < len(users); i += radclients {
			fmt.Fprintf(&text, "User-Name = \"%s\"\nUser-Password = \"%s\"\n\n", users[i].name, users[i].password)
		}
		file := fmt.Sprintf("%s-%d", prefix, part)
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			return nil, fmt.Errorf("write the requests: %w", err)
		}
		d.files = append(d.files, file)
	}
	if err := os.WriteFile(d.secret, []byte(secret+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write the secret: %w", err)
	}
	return d, nil
}

var acceptedCount = regexp.MustCompile(`(?m)^\s*Accepted\s*:\s*(\d+)`)

// send returns how many requests a second were answered. All of them must be, with an Access-Accept.
func (d *dialler) send(ctx context.Context, address string) (float64, error) {
	path, err := exec.LookPath("radclient")
	if err != nil {
		return 0, fmt.Errorf("radclient sends the requests; install it with make setup: %w", err)
	}
	var accepted atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for _, file := range d.files {
		group.Go(func() error {
			arguments := []string{
				"-q", "-s", "-p", strconv.Itoa(inFlight / radclients), "-f", file, "-S", d.secret, address, "auth",
			}
			client := exec.CommandContext(ctx, path, arguments...) //nolint:gosec // G204: a program that we found
			out, err := client.CombinedOutput()
			if err != nil {
				return fmt.Errorf("radclient: %w: %s", err, out)
			}
			if found := acceptedCount.FindSubmatch(out); found != nil {
				n, err := strconv.ParseInt(string(found[1]), 10, 64)
				accepted.Add(n)
				return err
			}
			return fmt.Errorf("radclient says nothing of what was accepted: %s", out)
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	took := time.Since(began)
	if accepted.Load() != int64(d.users) {
		return 0, fmt.Errorf("%d of %d requests were accepted", accepted.Load(), d.users)
	}
	return float64(d.users) / took.Seconds(), nil
}

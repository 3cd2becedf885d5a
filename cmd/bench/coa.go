package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"qserve/router/coa"
)

// coaReceiver is FreeRADIUS acknowledging every CoA- and Disconnect-Request. It keeps no answers for requests that come
// again, because radclient repeats its own.
const coaReceiver = `
prefix = /usr
logdir = %[1]s
run_dir = %[1]s
radacctdir = %[1]s
libdir = /usr/lib/freeradius
max_requests = 262144
cleanup_delay = 0
security {
	allow_vulnerable_openssl = yes
}
client loopback {
	ipaddr = 127.0.0.1
	secret = "%[3]s"
}
modules {
	always ok {
		rcode = ok
	}
}
server coa {
	listen {
		type = coa
		ipaddr = 127.0.0.1
		port = %[2]d
	}
	recv-coa {
		ok
	}
	send-coa {
		ok
	}
}
`

const (
	// coaInFlight is how many requests are under way at once, of our client's and of radclient's.
	coaInFlight = 16
	// coaDifferent is of how many sessions the rate is changed, in turns. radclient goes through its whole list for each
	// request, so with more of them it becomes slower; repeating a handful is faster than any real use of it.
	coaDifferent = 1000
)

// sessionID tells one request from another.
func sessionID(i int) string { return fmt.Sprintf("81%06x", i%coaDifferent) }

// roundTrips sends changes of a rate to FreeRADIUS, by our client and by radclient in turns.
func roundTrips(ctx context.Context, b *bench) (lines []result, err error) {
	secret := rand.Text()
	receiver, err := startFreeRADIUS(ctx, func(dir string, port int) string { return fmt.Sprintf(coaReceiver, dir, port, secret) })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, receiver.close()) }()
	n := size(b, 40*coaDifferent, coaDifferent)
	requests := filepath.Join(receiver.dir, "requests")
	var text strings.Builder
	for i := range coaDifferent {
		fmt.Fprintf(&text, "User-Name = \"joe\"\nAcct-Session-Id = \"%s\"\nMikrotik-Rate-Limit = \"%s\"\n\n", sessionID(i), radiusRate)
	}
	secretFile := filepath.Join(receiver.dir, "secret")
	if err := errors.Join(os.WriteFile(requests, []byte(text.String()), 0o600), os.WriteFile(secretFile, []byte(secret+"\n"), 0o600)); err != nil {
		return nil, fmt.Errorf("write the requests: %w", err)
	}
	var mine, others []float64
	for round := range rounds + 1 {
		that, err := radclientRate(ctx, n, requests, secretFile, receiver.address)
		if err != nil {
			return nil, err
		}
		var this float64
		err = b.profiled(func() error {
			this, err = ourRate(ctx, n, coa.NAS{Address: receiver.address, Secret: secret})
			return err
		})
		if err != nil {
			return nil, err
		}
		if round > 0 { // the first warms both
			mine, others = append(mine, this), append(others, that)
		}
	}
	return []result{atLeast(fmt.Sprintf("CoA to FreeRADIUS, %d in flight", coaInFlight), perSecond(middle(mine), "round trips"),
		perSecond(middle(others), "round trips")+", radclient", middle(mine)/middle(others), 0.9)}, nil
}

func ourRate(ctx context.Context, n int, nas coa.NAS) (float64, error) {
	client := coa.New(coa.Config{})
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for side := range coaInFlight {
		group.Go(func() error {
			for i := side; i < n; i += coaInFlight {
				session := coa.Session{Username: "joe", AcctSessionID: sessionID(i)}
				answer, err := client.ChangeRate(ctx, nas, session, radiusRate)
				if err != nil {
					return err
				}
				if !answer.ACK {
					return fmt.Errorf("FreeRADIUS refuses a CoA: %v", answer.Cause)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

func radclientRate(ctx context.Context, n int, requests, secretFile, address string) (float64, error) {
	path, err := exec.LookPath("radclient")
	if err != nil {
		return 0, fmt.Errorf("radclient sends the requests; install it with make setup: %w", err)
	}
	began := time.Now()
	client := exec.CommandContext(ctx, path, "-q", "-s", "-p", strconv.Itoa(coaInFlight), "-c", strconv.Itoa(n/coaDifferent), "-f", requests, "-S", secretFile, address, "coa") //nolint:gosec // G204: a program that we found
	out, err := client.CombinedOutput()
	took := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("radclient: %w: %s", err, out)
	}
	found := acceptedCount.FindSubmatch(out)
	if found == nil || string(found[1]) != strconv.Itoa(n) {
		return 0, fmt.Errorf("radclient had not every request acknowledged: %s", out)
	}
	return float64(n) / took.Seconds(), nil
}

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"qserve/router/coa"
)

// coaReceiver is FreeRADIUS acknowledging every CoA- and Disconnect-Request.
const coaReceiver = `
prefix = /usr
logdir = %[1]s
run_dir = %[1]s
radacctdir = %[1]s
libdir = /usr/lib/freeradius
max_requests = 262144
cleanup_delay = 2
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

// coaInFlight is how many requests are under way at once, of our client's and of radclient's.
const coaInFlight = 16

// roundTrips sends changes of a rate to FreeRADIUS, by our client and by radclient in turns.
func roundTrips(ctx context.Context, b *bench) (lines []result, err error) {
	secret := rand.Text()
	receiver, err := startFreeRADIUS(ctx, func(dir string, port int) string { return fmt.Sprintf(coaReceiver, dir, port, secret) })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, receiver.close()) }()
	n := size(b, 40_000, 320)
	var requests []string
	for i := range n {
		requests = append(requests, fmt.Sprintf("User-Name = \"joe\"\nAcct-Session-Id = \"%s\"\nMikrotik-Rate-Limit = \"%s\"", sessionID(i), radiusRate))
	}
	theirs, err := newDialler(filepath.Join(receiver.dir, "requests"), "coa", secret, coaInFlight, requests)
	if err != nil {
		return nil, err
	}
	var mine, others []float64
	for round := range rounds + 1 {
		that, err := theirs.send(ctx, receiver.address)
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

// sessionID tells one request from another.
func sessionID(i int) string { return fmt.Sprintf("81%06x", i) }

package coa

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"layeh.com/radius"
)

// longestInterval ends the doubling of the time between two sendings.
const longestInterval = 4 * time.Second

// exchange sends request until an answer to it arrives, the deadline passes or ctx ends.
//
// The exchange is not left to layeh's client, because that client returns an authentic packet of any code and
// identifier as the answer, does not know Message-Authenticator, takes legal padding for a forgery, gives up on the
// first ICMP error of a router that is booting, and repeats at a fixed interval measured by the machine's clock.
func (c *Client) exchange(ctx context.Context, nas NAS, request []byte) (Answer, error) {
	var dialer net.Dialer
	if c.source.IsValid() {
		dialer.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(c.source, 0))
	}
	conn, err := dialer.DialContext(ctx, "udp", nas.Address)
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close() //nolint:errcheck // nothing is left to be written
	start := c.clock.Now()
	sending, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		c.send(sending, conn, request, start.Add(c.deadline))
	}()
	answer, err := receive(conn, request, []byte(nas.Secret))
	answer.RoundTrip = c.clock.Now().Sub(start)
	stop()
	<-stopped
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil:
		return Answer{}, context.Cause(ctx)
	default:
		return Answer{}, err
	}
}

// send sends request at growing intervals until the deadline or the end of ctx, and then ends the waiting of whoever
// reads from conn.
func (c *Client) send(ctx context.Context, conn net.Conn, request []byte, deadline time.Time) {
	// Any time in the past wakes the reader, whatever this client's clock shows.
	defer conn.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // fails only on a closed connection, without readers
	for interval := c.retransmit; ; interval = min(2*interval, longestInterval) {
		// A call that reports an earlier packet's error does not send. An error that comes twice is like a lost packet:
		// the next interval tries again.
		if _, err := conn.Write(request); err != nil {
			conn.Write(request) //nolint:errcheck // see above
		}
		// RFC 5080 §2.2.1: a tenth more or less, so that requests lost together are not repeated together.
		jitter := 0.9 + rand.Float64()/5 //nolint:gosec // not a secret
		next := c.clock.Now().Add(time.Duration(float64(interval) * jitter))
		if next.After(deadline) {
			next = deadline
		}
		if c.clock.WaitUntil(ctx, next) != nil || !c.clock.Now().Before(deadline) {
			return
		}
	}
}

// receive reads until an answer to request arrives, or until reading is made to time out: then its error is ErrClosed
// or ErrSilent.
func receive(conn net.Conn, request, secret []byte) (Answer, error) {
	var (
		buffer  [radius.MaxPacketLength]byte
		verdict = ErrSilent
		ignored error
	)
	for {
		n, err := conn.Read(buffer[:])
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			verdict = ErrClosed
			continue
		case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
			continue
		case errors.Is(err, os.ErrDeadlineExceeded) && ignored != nil:
			return Answer{}, fmt.Errorf("%w; something that came was ignored: %w", verdict, ignored)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return Answer{}, verdict
		case err != nil:
			return Answer{}, err
		}
		answer, err := parseAnswer(buffer[:n], request, secret)
		if err == nil {
			return answer, nil
		}
		ignored = err
	}
}

package coa_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"layeh.com/radius"
	"layeh.com/radius/rfc3576"

	"qserve/router/coa"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	framed   = netip.MustParseAddr("100.64.0.7")
	noon     = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	joe      = coa.Session{Username: "joe", AcctSessionID: "81d00003"}
)

// request is a datagram that a scripted peer received.
type request struct {
	wire []byte
	from netip.AddrPort
}

// peer is a router's RADIUS port whose answers the test writes itself.
type peer struct {
	t        *testing.T
	conn     *net.UDPConn
	requests chan request
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	return listen(t, net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
}

func listen(t *testing.T, address *net.UDPAddr) *peer {
	t.Helper()
	conn, err := net.ListenUDP("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, conn: conn, requests: make(chan request, 64)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buffer := make([]byte, radius.MaxPacketLength)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			p.requests <- request{append([]byte(nil), buffer[:n]...), from}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	return p
}

func (p *peer) nas() coa.NAS { return coa.NAS{Address: p.conn.LocalAddr().String(), Secret: secret} }

// next waits for the next datagram.
func (p *peer) next() request {
	p.t.Helper()
	select {
	case r := <-p.requests:
		return r
	case <-time.After(30 * time.Second):
		p.t.Fatal("no request came")
		return request{}
	}
}

// expectNothing fails when a datagram arrived that the test has not taken: behind it in the queue comes one of our own.
func (p *peer) expectNothing(but string) {
	p.t.Helper()
	self := p.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	p.send(request{from: self}, nil)
	if got := p.next(); got.from != self {
		p.t.Errorf("got %s", but)
	}
}

func (p *peer) send(to request, datagram []byte) {
	p.t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort(datagram, to.from); err != nil {
		p.t.Fatal(err)
	}
}

// reply is layeh's encoding of an answer to the request, with the changes that the test makes before it is signed.
func (r request) reply(t *testing.T, code radius.Code, cause rfc3576.ErrorCause, change ...func(*radius.Packet)) []byte {
	t.Helper()
	parsed, err := radius.Parse(r.wire, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	answer := parsed.Response(code)
	if cause != 0 {
		if err := rfc3576.ErrorCause_Set(answer, cause); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range change {
		f(answer)
	}
	wire, err := answer.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// outcome is what a call returned.
type outcome struct {
	answer coa.Answer
	err    error
}

// begin starts a Disconnect in the background; the result comes through the channel.
func begin(ctx context.Context, client *coa.Client, nas coa.NAS) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		answer, err := client.Disconnect(ctx, nas, joe)
		done <- outcome{answer, err}
	}()
	return done
}

// leaper is a clock that goes to each moment at once when somebody waits for it, and keeps the moments.
type leaper struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration // since noon
}

func newLeaper() *leaper { return &leaper{now: noon} }

func (l *leaper) Now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *leaper) WaitUntil(ctx context.Context, t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = t
	l.waits = append(l.waits, t.Sub(noon))
	return ctx.Err()
}

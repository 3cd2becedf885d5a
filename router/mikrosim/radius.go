package mikrosim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"layeh.com/radius"

	"qserve/internal/clock"
)

// radiusTries is how often RouterOS sends a RADIUS packet before it gives up.
const radiusTries = 3

type server int

const (
	serverAuth server = iota
	serverAcct
)

var (
	errNoAnswer = errors.New("no answer")
	errNoServer = errors.New("no RADIUS server is set")
)

// radiusClient is the router's RADIUS client: one UDP socket, many packets in flight, answers told apart by server and
// identifier. Every repetition of a packet is the same packet from the same port (RFC 2865 §2.5).
type radiusClient struct {
	socket  *net.UDPConn
	clk     clock.Clock
	timeout time.Duration
	// signRequests puts a Message-Authenticator into Access-Requests, requireSigned demands one in their answers.
	signRequests, requireSigned bool
	// secret, lost and observe are the router's: the current secret, whether a packet is lost, and what to count.
	secret  func() []byte
	lost    func(path) bool
	observe func(func(*Counters))

	mu      sync.Mutex
	servers [2]netip.AddrPort
	ids     [2]byte
	flights map[flightKey]*flight
}

type flightKey struct {
	from netip.AddrPort
	id   byte
}

// flight is a packet that waits for its answer.
type flight struct {
	wire, secret []byte
	server       server
	alarm        alarm
	answer       *radius.Packet
}

func checkServer(address string) error {
	if address == "" {
		return nil
	}
	if _, err := netip.ParseAddrPort(address); err != nil {
		return fmt.Errorf("RADIUS server %q: want an IP address and port, such as 127.0.0.1:1812", address)
	}
	return nil
}

func (c *radiusClient) setServers(auth, acct string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, address := range []string{auth, acct} {
		c.servers[i], _ = netip.ParseAddrPort(address) // empty is no server; others were checked
	}
}

func (c *radiusClient) addresses() (auth, acct string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers[serverAuth].String(), c.servers[serverAcct].String()
}

func (c *radiusClient) has(s server) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers[s].IsValid()
}

func (c *radiusClient) used() bool     { return c.has(serverAuth) }
func (c *radiusClient) accounts() bool { return c.has(serverAcct) }

// exchange sends the packet that build makes and waits for an authentic answer; others are dropped, as if they had not
// come. It gives up after radiusTries times the timeout.
func (c *radiusClient) exchange(ctx context.Context, to server, build func(secret []byte) (*radius.Packet, error)) (*radius.Packet, error) {
	secret := c.secret()
	p, err := build(secret)
	if err != nil {
		return nil, err
	}
	if p.Code == radius.CodeAccessRequest && c.signRequests {
		withSignature(p)
	}
	f := &flight{secret: secret, server: to}
	key, err := c.launch(to, p, f)
	if err != nil {
		return nil, err
	}
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.flights, key)
	}()
	for range radiusTries {
		c.observe(func(n *Counters) { n.Radius.Sent++ })
		if !c.lost(radiusOut) {
			_, _ = c.socket.WriteToUDPAddrPort(f.wire, key.from) // an error is a lost packet
		}
		for deadline := c.clk.Now().Add(c.timeout); c.clk.Now().Before(deadline); {
			alive := f.alarm.wait(ctx, c.clk, deadline)
			if answer := c.landed(f); answer != nil {
				return answer, nil
			}
			if !alive {
				return nil, ctx.Err()
			}
		}
	}
	c.observe(func(n *Counters) { n.Radius.Timeouts++ })
	return nil, fmt.Errorf("%w from %s", errNoAnswer, key.from)
}

// launch gives the packet a free identifier and its bytes.
func (c *radiusClient) launch(to server, p *radius.Packet, f *flight) (flightKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.servers[to].IsValid() {
		return flightKey{}, errNoServer
	}
	for range 256 {
		c.ids[to]++
		key := flightKey{c.servers[to], c.ids[to]}
		if c.flights[key] != nil {
			continue
		}
		p.Identifier = key.id
		wire, err := encode(p)
		if err != nil {
			return flightKey{}, err
		}
		f.wire = wire
		c.flights[key] = f
		return key, nil
	}
	return flightKey{}, errors.New("256 RADIUS packets are waiting for an answer")
}

func (c *radiusClient) landed(f *flight) *radius.Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return f.answer
}

// receive hands answers to those who wait for them until the socket is closed.
func (c *radiusClient) receive() {
	buffer := make([]byte, radius.MaxPacketLength)
	for {
		n, from, err := c.socket.ReadFromUDPAddrPort(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil || c.lost(radiusIn):
			continue
		}
		c.take(buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	}
}

func (c *radiusClient) take(b []byte, from netip.AddrPort) {
	b, err := trimPacket(b)
	if err == nil {
		err = c.land(b, from)
	}
	if err != nil {
		c.observe(func(n *Counters) { n.Radius.BadAnswers++ })
	}
}

// land gives an answer to the flight that waits for it; one that nobody waits for is late, or a duplicate.
func (c *radiusClient) land(b []byte, from netip.AddrPort) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.flights[flightKey{from, b[1]}]
	if f == nil || f.answer != nil {
		return nil
	}
	answer, err := c.check(b, f)
	if err != nil {
		return err
	}
	f.answer = answer
	f.alarm.ring()
	return nil
}

// check parses an answer and makes sure that it comes from somebody who knows the secret.
func (c *radiusClient) check(b []byte, f *flight) (*radius.Packet, error) {
	if !radius.IsAuthenticResponse(b, f.wire, f.secret) {
		return nil, errors.New("wrong response authenticator")
	}
	present, valid := signed(b, f.wire[4:attributesAt], f.secret)
	switch {
	case present && !valid:
		return nil, errors.New("wrong Message-Authenticator")
	case !present && c.requireSigned && f.server == serverAuth:
		return nil, errors.New("no Message-Authenticator")
	}
	p, err := radius.Parse(b, f.secret)
	if err != nil {
		return nil, err
	}
	switch {
	case f.server == serverAuth && (p.Code == radius.CodeAccessAccept || p.Code == radius.CodeAccessReject):
	case f.server == serverAcct && p.Code == radius.CodeAccountingResponse:
	default:
		return nil, fmt.Errorf("unexpected %s", p.Code)
	}
	return p, nil
}

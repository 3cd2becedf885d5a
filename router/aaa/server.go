package aaa

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"layeh.com/radius"

	"qserve/internal/clock"
)

// Config is what a Server needs. Only Directory is required.
type Config struct {
	Directory Directory
	Clock     clock.Clock  // nil: the machine's
	Log       *slog.Logger // nil: none
	// Workers bounds the requests in flight on each of the two ports. What comes on top waits in the kernel. 0: 256.
	Workers int
	// CacheFor is how long an answer is kept for repeated requests; it may be kept up to twice as long. 0: 30 s.
	CacheFor time.Duration
	// Patience bounds the work on one request; no router waits longer for its answer. 0: 5 s.
	Patience time.Duration
	// Observe, when set, is told of every datagram. Kind is "access" or "accounting", by port. Outcome is "accept",
	// "reject", "recorded", "ignored" (accounting of no interest), "status" (Status-Server), "repeated",
	// "malformed", "unknown-client", "unauthentic", or "failed" (no answer for a fault of ours).
	Observe func(kind, outcome string, took time.Duration)
}

// Server answers routers. Create it with New.
type Server struct {
	directory Directory
	clock     clock.Clock
	quiet     *quiet
	workers   int
	keep      time.Duration
	patience  time.Duration
	observe   func(kind, outcome string, took time.Duration)
}

// New returns a server that does nothing yet.
func New(cfg Config) (*Server, error) {
	if cfg.Directory == nil {
		return nil, errors.New("a RADIUS server needs a Directory")
	}
	s := &Server{
		directory: cfg.Directory, clock: cfg.Clock, workers: cfg.Workers, keep: cfg.CacheFor, patience: cfg.Patience,
		observe: cfg.Observe,
	}
	if s.clock == nil {
		s.clock = clock.System{}
	}
	if s.workers <= 0 {
		s.workers = 256
	}
	if s.keep <= 0 {
		s.keep = 30 * time.Second
	}
	if s.patience <= 0 {
		s.patience = 5 * time.Second
	}
	if s.observe == nil {
		s.observe = func(string, string, time.Duration) {}
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s.quiet = newQuiet(log, s.clock)
	return s, nil
}

// Serve answers what arrives on the two UDP sockets until ctx ends, then finishes what is in flight and returns nil.
// It returns early with the error of a socket that cannot be read any more. The sockets are the caller's to close.
func (s *Server) Serve(ctx context.Context, auth, acct net.PacketConn) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range []*port{
		{kind: access, conn: auth, replays: newReplays(s.clock, s.keep)},
		{kind: accounting, conn: acct, replays: newReplays(s.clock, s.keep)},
	} {
		group.Go(func() error { return s.listen(ctx, p) })
	}
	return group.Wait()
}

// port is one of the two sockets.
type port struct {
	kind    service
	conn    net.PacketConn
	replays *replays
}

// job is a request that nobody has worked on. Its worker gives the buffer back.
type job struct {
	addr   *net.UDPAddr
	flight *flight
	buffer *packetBuffer
	size   int
}

type packetBuffer [radius.MaxPacketLength]byte

var buffers sync.Pool

func newBuffer() *packetBuffer {
	if used, ok := buffers.Get().(*packetBuffer); ok {
		return used
	}
	return new(packetBuffer)
}

// socketBuffer is how much the kernel is asked to hold for a port: every customer of a router that comes back dials at
// once. The kernel gives less where its own limit (rmem_max) is lower.
const socketBuffer = 4 << 20

func (s *Server) listen(ctx context.Context, p *port) error {
	if conn, ok := p.conn.(interface{ SetReadBuffer(bytes int) error }); ok {
		_ = conn.SetReadBuffer(socketBuffer) // smaller buffers lose more requests, which routers repeat
	}
	// Any time in the past ends the waiting, whatever the server's clock shows.
	defer context.AfterFunc(ctx, func() { _ = p.conn.SetReadDeadline(time.Unix(1, 0)) })()
	jobs := make(chan job)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer close(jobs)
	for range s.workers {
		workers.Go(func() {
			for j := range jobs {
				s.work(ctx, p, j)
				buffers.Put(j.buffer)
			}
		})
	}
	for {
		buffer := newBuffer()
		size, from, err := p.conn.ReadFrom(buffer[:])
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read RADIUS requests on %s: %w", p.conn.LocalAddr(), err)
		}
		addr, ok := from.(*net.UDPAddr)
		if !ok {
			return fmt.Errorf("read RADIUS requests on %s: it is not a UDP socket", p.conn.LocalAddr())
		}
		flight, fresh := p.replays.begin(addrPort(addr), buffer[:size])
		if fresh {
			jobs <- job{addr, flight, buffer, size}
			continue
		}
		buffers.Put(buffer)
		s.observe(string(p.kind), repeated, 0)
		// While the first is still being worked on, its answer will be the answer to this one too.
		if answer := flight.answer.Load(); answer != nil {
			s.send(p, addr, *answer)
		}
	}
}

// work finds the answer to a job, remembers it and sends it. A request without an answer is forgotten, so that its
// repetition gets another chance.
func (s *Server) work(ctx context.Context, p *port, j job) {
	start := s.clock.Now()
	// What was accepted is finished, also when the program is to end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
	defer cancel()
	answer, outcome := s.answer(ctx, p.kind, addrPort(j.addr), j.buffer[:j.size])
	if answer == nil {
		p.replays.forget(j.flight)
	} else {
		j.flight.answer.Store(&answer)
		s.send(p, j.addr, answer)
	}
	s.observe(string(p.kind), outcome, s.clock.Now().Sub(start))
}

func (s *Server) send(p *port, to *net.UDPAddr, answer []byte) {
	if _, err := p.conn.WriteTo(answer, to); err != nil {
		s.quiet.warn("RADIUS answer not sent", to.IP.String(), slog.Any("error", err))
	}
}

func addrPort(addr *net.UDPAddr) netip.AddrPort {
	ap := addr.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

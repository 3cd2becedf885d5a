package mikrosim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// gate is a TCP port that can be closed and opened again under the same number while the router runs.
type gate struct {
	host string
	tls  *tls.Config

	mu   sync.Mutex
	ln   net.Listener
	addr *net.TCPAddr
	// over is set once the gate stays closed for good.
	over bool
	// opened hands a new listener to the goroutine that accepts.
	opened chan net.Listener
}

func newGate(host string, secure *tls.Config) *gate {
	return &gate{host: host, tls: secure, opened: make(chan net.Listener, 1)}
}

// open listens on port, or on the port it had before. A port that another process took meanwhile is an error.
func (g *gate) open(ctx context.Context, port int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ln != nil || g.over {
		return nil
	}
	if g.addr != nil {
		port = g.addr.Port
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", fmt.Sprintf("%s:%d", g.host, port))
	if err != nil {
		return fmt.Errorf("open the API port: %w", err)
	}
	g.ln = ln
	g.addr, _ = ln.Addr().(*net.TCPAddr)
	g.opened <- ln
	return nil
}

// close refuses connections from now on.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ln == nil {
		return
	}
	_ = g.ln.Close() // it only ends the accepting
	g.ln = nil
	select {
	case <-g.opened: // closed before anybody accepted from it
	default:
	}
}

// shut closes the gate for good.
func (g *gate) shut() {
	g.mu.Lock()
	g.over = true
	g.mu.Unlock()
	g.close()
}

func (g *gate) address() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.addr.String()
}

// accept serves the connections of every listener of the gate until ctx ends, and returns when all are done.
func (g *gate) accept(ctx context.Context, clk waiter, serve func(ctx context.Context, c net.Conn)) {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case ln := <-g.opened:
			acceptFrom(ctx, clk, ln, func(c net.Conn) { serving.Go(func() { serve(ctx, c) }) })
		}
	}
}

// waiter is the part of a clock that a pause needs.
type waiter interface {
	Now() time.Time
	WaitUntil(ctx context.Context, t time.Time) error
}

// acceptFrom ends when the listener is closed. A process out of file descriptors pauses and goes on.
func acceptFrom(ctx context.Context, clk waiter, ln net.Listener, serve func(net.Conn)) {
	for {
		c, err := ln.Accept()
		switch {
		case err == nil:
			serve(c)
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			if clk.WaitUntil(ctx, clk.Now().Add(10*time.Millisecond)) != nil {
				return
			}
		default:
			return
		}
	}
}

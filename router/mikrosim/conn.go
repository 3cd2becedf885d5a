package mikrosim

import (
	"bufio"
	"context"
	"crypto/md5" //nolint:gosec // the login of RouterOS before 6.43
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"slices"
	"time"
)

// pendingAnswers bounds the answers that a connection may have in flight; past it the router stops reading.
const pendingAnswers = 256

// apiConn is one API connection.
type apiConn struct {
	router *Router
	raw    net.Conn
	net.Conn
	gate   *gate
	hangUp context.CancelFunc
	// boot is the start of the router that the connection belongs to; mute that it is never answered.
	boot int
	mute bool

	out       outbox
	slots     chan struct{}
	challenge []byte
	loggedIn  bool
}

// serveAPI serves one connection until the client leaves, the router closes it or ctx ends.
func (r *Router) serveAPI(ctx context.Context, g *gate, raw net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	defer func() { _ = raw.Close() }()
	c := &apiConn{router: r, raw: raw, Conn: raw, gate: g, hangUp: cancel, slots: make(chan struct{}, pendingAnswers)}
	if !r.admit(c) {
		return
	}
	defer r.dismiss(c)
	if c.mute {
		_, _ = io.Copy(io.Discard, raw)
		return
	}
	if g.tls != nil {
		c.Conn = tls.Server(raw, g.tls)
	}
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		defer cancel()
		c.write(ctx)
	}()
	c.read(ctx)
	cancel()
	<-writing
}

// admit takes a connection into the list of open ones, unless the router's sessions are used up.
func (r *Router) admit(c *apiConn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	open := 0
	for other := range r.conns {
		if other.gate == c.gate {
			open++
		}
	}
	if open >= r.cfg.MaxSessions || r.fault.Kind == FaultFull || r.fault.closesPorts() {
		return false
	}
	c.boot, c.mute = r.boot, r.fault.Kind == FaultSilent
	r.conns[c] = true
	r.notify()
	return true
}

func (r *Router) dismiss(c *apiConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	r.notify()
}

// read takes sentences until the client breaks off or breaks the protocol, which ends the connection without a word.
func (c *apiConn) read(ctx context.Context) {
	in := bufio.NewReader(c)
	for {
		lim := limits{maxLoginWord, maxLoginWords}
		if c.loggedIn {
			lim = limits{maxWord, maxWords}
		}
		words, err := readSentence(in, lim)
		if err != nil {
			return
		}
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		c.handle(words)
	}
}

// handle runs one command and puts its answer on the way. Commands take effect in the order in which they arrive,
// whatever becomes of their answers.
func (c *apiConn) handle(words []string) {
	r := c.router
	req, wrong := parseRequest(words)
	key := laneKey(req)
	a := &answer{written: func() { <-c.slots }}

	r.mu.Lock()
	if r.fault.Kind == FaultSilent || r.fault.closesPorts() || c.boot != r.boot {
		r.mu.Unlock()
		<-c.slots
		return
	}
	switch {
	case wrong != nil:
		a.reply = wrong.reply()
	case words[0] == "/login":
		a.reply = c.login(req)
	case words[0] == "/quit":
		a.reply = fatal("session terminated on request")
	case !c.loggedIn:
		a.reply = fatal("not logged in")
	case words[0] == "/cancel": // below, without the router's lock
	default:
		a.reply = r.execute(req)
		a.spoil = r.spoils(req)
	}
	a.due = r.cfg.Clock.Now().Add(r.latency() + r.fault.delay())
	r.mu.Unlock()
	if a.sentences == nil {
		target := ""
		if tag, ok := req.args["tag"]; ok {
			target = laneKey(request{tag: tag, tagged: true})
		}
		a.sentences, key = c.out.cancel(target, key), laneCancel
	}
	c.out.push(key, a)
}

// latency counts a command and returns how long its answer takes. The router's lock is held.
func (r *Router) latency() time.Duration {
	r.commands++
	if r.cfg.ThrottleAfter > 0 && r.commands > r.cfg.ThrottleAfter {
		return r.cfg.ThrottleLatency
	}
	return r.cfg.Latency
}

// login checks user and password, in the form of the router's version: one sentence since 6.43, a challenge before
// 6.45.1. The router's lock is held.
func (c *apiConn) login(req request) reply {
	cfg := c.router.cfg
	if _, answered := req.args["response"]; !answered && !versionAtLeast(cfg.Version, 6, 43) ||
		!answered && !slices.Contains(req.names, "name") && !versionAtLeast(cfg.Version, 6, 45) {
		c.challenge = make([]byte, 16)
		_, _ = rand.Read(c.challenge) // never fails
		return done("=ret=" + hex.EncodeToString(c.challenge))
	}
	want, got := cfg.Password, req.args["password"]
	refusal := "invalid user name or password (6)"
	if c.challenge != nil {
		sum := md5.Sum(slices.Concat([]byte{0}, []byte(cfg.Password), c.challenge)) //nolint:gosec // as above
		want, got, refusal = "00"+hex.EncodeToString(sum[:]), req.args["response"], "cannot log in"
	}
	counters := &c.router.counters.Logins
	counters.Tried++
	if c.router.fault.Kind == FaultDenyLogin || req.args["name"] != cfg.User || subtle.ConstantTimeCompare([]byte(want), []byte(got)) != 1 {
		counters.Refused++
		return failure(refusal).reply()
	}
	c.loggedIn = true
	return done()
}

// write sends what is due until ctx ends or the connection breaks.
func (c *apiConn) write(ctx context.Context) {
	clk := c.router.cfg.Clock
	out := bufio.NewWriter(c)
	var scratch []byte
	for {
		a, s, due, ok := c.out.next(clk.Now())
		switch {
		case !ok:
			if out.Flush() != nil || !c.out.alarm.wait(ctx, clk, due) {
				return
			}
		case a.spoil != "":
			if out.Flush() != nil || !c.spoil(a) {
				return
			}
		default:
			scratch = appendSentence(scratch[:0], s...)
			if _, err := out.Write(scratch); err != nil {
				return
			}
			if a.hangUp && len(a.sentences) == 0 {
				_ = out.Flush() // the connection ends either way
				return
			}
		}
	}
}

// spoil sends an answer the way the fault asks for and reports whether the connection goes on.
func (c *apiConn) spoil(a *answer) bool {
	var whole []byte
	for _, s := range a.sentences {
		whole = appendSentence(whole, s...)
	}
	switch a.spoil {
	case FaultReset:
		_, _ = c.Write(whole[:len(whole)/2])
		if tcp, ok := c.raw.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // closing then sends RST instead of FIN
		}
	case FaultFatal:
		_, _ = c.Write(appendSentence(nil, "!fatal", "too many commands before login"))
	case FaultGarbage:
		_, _ = c.Write([]byte{0xF8, 0x01, 0x02})
	case FaultHuge:
		_, err := c.Write([]byte{0xF0, 0x7F, 0xFF, 0xFF, 0xFF})
		return err == nil
	case FaultFragment:
		for i := range whole {
			if _, err := c.Write(whole[i : i+1]); err != nil {
				return false
			}
		}
		return true
	default: // FaultDrop: nothing arrives
	}
	return false
}

// closeConns ends every API connection. The router's lock is held.
func (r *Router) closeConns() {
	for c := range r.conns {
		c.hangUp()
	}
}

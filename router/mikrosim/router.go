// Package mikrosim simulates MikroTik routers for tests and demonstrations: PPPoE subscribers dial into them, and Qserve
// steers them as it would steer real ones.
//
// A simulated router speaks the RouterOS API over TCP and TLS with RouterOS' own framing, traps and quirks, answers
// Disconnect- and CoA-Requests (RFC 5176) over UDP, and is itself a RADIUS client (RFC 2865, RFC 2866) for its customers,
// who dial again after a drop. A local secret goes before RADIUS, and only sessions that RADIUS let in can be reached by
// CoA, as on the real thing. Where the behaviour of real routers is not known for certain, Config has a switch. Faults can be
// set at any time, and every change of state can be waited for.
//
// No packet of a subscriber flows; firewall, routing and IPv6 are left out.
package mikrosim

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

// Router is a simulated router. It is safe for use by many goroutines.
type Router struct {
	cfg           Config
	plain, secure *gate
	certificate   tls.Certificate
	coa           *net.UDPConn
	radius        *radiusClient
	lanes         [accountingLanes]acctLane
	events        schedule
	stop          context.CancelFunc
	wg            sync.WaitGroup
	// stopped is closed when everything has ended.
	stopped chan struct{}

	// mu guards everything below and the tables.
	mu           sync.Mutex
	tables       map[string]*table
	pools        map[string]*pool
	firstPool    string
	customers    map[string]*customer
	sessions     map[string]*session
	sessionCount uint32
	boot         int
	booted       time.Time
	fault        Fault
	lossTurn     [paths]int
	counters     Counters
	commands     int
	// counted is what the CoA counters were when the router last started.
	counted  PacketCounters
	replays  replays
	conns    map[*apiConn]bool
	dialing  int
	waiting  []*customer
	changed  chan struct{}
	watching bool
}

// Start brings a router up. It runs until ctx ends or Close is called. The error tells what in cfg is wrong or which port
// is taken.
func Start(ctx context.Context, cfg Config) (*Router, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Router{
		cfg: cfg, stopped: make(chan struct{}), tables: make(map[string]*table), pools: make(map[string]*pool),
		customers: make(map[string]*customer), sessions: make(map[string]*session), boot: 1, booted: cfg.Clock.Now(),
		fault: Fault{Kind: FaultNone}, counters: newCounters(), replays: replays{byKey: make(map[replayKey][]byte)},
		conns: make(map[*apiConn]bool), changed: make(chan struct{}),
	}
	if r.certificate, err = selfSigned(cfg.Identity, cfg.Host, cfg.Clock.Now()); err != nil {
		return nil, fmt.Errorf("simulated router %s: %w", cfg.Name, err)
	}
	if err := r.listen(ctx); err != nil {
		r.closeSockets()
		return nil, fmt.Errorf("simulated router %s: %w", cfg.Name, err)
	}
	for _, m := range menus() {
		r.tables[m.path] = newTable(m)
	}
	for name, prefix := range cfg.Pools {
		r.pools[name] = newPool(prefix)
	}
	r.firstPool = slices.Min(slices.Collect(maps.Keys(r.pools)))
	r.furnish()
	r.run(ctx)
	return r, nil
}

// listen opens the ports and the RADIUS socket.
func (r *Router) listen(ctx context.Context) error {
	host := net.ParseIP(r.cfg.Host)
	r.plain = newGate(r.cfg.Host, nil)
	r.secure = newGate(r.cfg.Host, &tls.Config{Certificates: []tls.Certificate{r.certificate}, MinVersion: tls.VersionTLS12})
	if err := r.plain.open(ctx, r.cfg.APIPort); err != nil {
		return err
	}
	if err := r.secure.open(ctx, r.cfg.APITLSPort); err != nil {
		return err
	}
	var err error
	if r.coa, err = net.ListenUDP("udp", &net.UDPAddr{IP: host, Port: r.cfg.CoAPort}); err != nil {
		return fmt.Errorf("open the CoA port: %w", err)
	}
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: host})
	if err != nil {
		return fmt.Errorf("open a RADIUS socket: %w", err)
	}
	r.radius = &radiusClient{
		socket: socket, clk: r.cfg.Clock, timeout: r.cfg.RadiusTimeout, flights: make(map[flightKey]*flight),
		signRequests: versionAtLeast(r.cfg.Version, 7, 15), requireSigned: r.cfg.requireMessageAuth(), observe: r.count,
		secret: func() []byte {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.secretFor(r.cfg.RadiusSecret)
		},
		lost: func(on path) bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.loses(on)
		},
	}
	r.radius.setServers(r.cfg.RadiusAuth, r.cfg.RadiusAcct)
	return nil
}

// run starts the router's goroutines, all of which end with ctx or Close.
func (r *Router) run(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	for _, g := range []*gate{r.plain, r.secure} {
		r.wg.Go(func() {
			g.accept(ctx, r.cfg.Clock, func(ctx context.Context, c net.Conn) { r.serveAPI(ctx, g, c) })
		})
	}
	r.wg.Go(r.serveCoA)
	r.wg.Go(r.radius.receive)
	r.wg.Go(func() { r.events.run(ctx, r.cfg.Clock) })
	for i := range r.lanes {
		r.wg.Go(func() { r.sendAccounting(ctx, &r.lanes[i]) })
	}
	go func() {
		defer close(r.stopped)
		<-ctx.Done()
		r.closeSockets()
		r.wg.Wait()
	}()
}

func (r *Router) closeSockets() {
	r.plain.shut()
	r.secure.shut()
	if r.coa != nil {
		_ = r.coa.Close()
	}
	if r.radius != nil {
		_ = r.radius.socket.Close()
	}
}

// Close switches the router off and returns when everything of it has ended. Its sessions end without a word.
func (r *Router) Close() {
	r.stop()
	<-r.stopped
}

// Name is what the back door calls the router.
func (r *Router) Name() string { return r.cfg.Name }

// APIAddr returns host:port of the API, also while the port is closed by a fault.
func (r *Router) APIAddr() string { return r.plain.address() }

// APITLSAddr returns host:port of the API over TLS.
func (r *Router) APITLSAddr() string { return r.secure.address() }

// CoAAddr returns host:port of CoA and Disconnect.
func (r *Router) CoAAddr() string { return r.coa.LocalAddr().String() }

// Certificate returns the certificate of the API over TLS in PEM, for a client to pin. It is made at the start and signed by
// itself, for the address the router listens on.
func (r *Router) Certificate() []byte {
	var out bytes.Buffer
	_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: r.certificate.Certificate[0]}) // a buffer takes everything
	return out.Bytes()
}

// SetRadius changes the addresses of the AAA server, host:port with an IP address; empty switches RADIUS, or accounting,
// off. Customers who are offline dial at once. An address that is none is an error and changes nothing.
func (r *Router) SetRadius(auth, acct string) error {
	for _, address := range []string{auth, acct} {
		if err := checkServer(address); err != nil {
			return fmt.Errorf("simulated router %s: %w", r.cfg.Name, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.radius.setServers(auth, acct)
	r.describeRadius()
	r.dialAll()
	r.notify()
	return nil
}

// Reboot takes the power away and gives it back: API connections and sessions are gone, their Accounting-Stop is never
// sent, the boot counter in session ids goes up, and customers dial again.
func (r *Router) Reboot() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.boot++
	r.sessionCount, r.commands = 0, 0
	r.booted = r.cfg.Clock.Now()
	r.counted = r.counters.both()
	r.replays = replays{byKey: make(map[replayKey][]byte)}
	for i := range r.lanes {
		r.lanes[i].lose()
	}
	r.closeConns()
	for _, s := range r.sessions {
		r.forget(s)
		r.redial(s.customer, r.cfg.RedialDelay)
	}
	r.notify()
}

// secretFor returns the secret to use in place of the configured one, which a fault may have changed. The lock is held.
func (r *Router) secretFor(secret string) []byte {
	if r.fault.Kind == FaultWrongSecret {
		return []byte("not " + secret)
	}
	return []byte(secret)
}

// count changes the counters under the lock.
func (r *Router) count(change func(*Counters)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.counters)
}

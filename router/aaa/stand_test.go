package aaa_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"layeh.com/radius"

	"qserve/account"
	"qserve/internal/clock"
	"qserve/router/aaa"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "correct horse battery staple"

// patience is when a test gives up on an answer that should have come.
const patience = 30 * time.Second

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// directory is a Directory in memory. A test may hold its answers back, or make it fail.
type directory struct {
	mu      sync.Mutex
	dials   map[string]aaa.Dial
	err     error
	lookups int
	records []aaa.Record
	// gate, when set, is received from before each answer of Dial and Account; arrived is sent to first.
	gate, arrived chan struct{}
}

func (d *directory) Client(_ context.Context, addr netip.Addr) (aaa.Client, error) {
	if addr != netip.MustParseAddr("127.0.0.1") {
		return aaa.Client{}, aaa.ErrUnknownClient
	}
	return aaa.Client{RouterID: 7, Name: "north", Secret: secret, Interim: 5 * time.Minute, Pool: "pppoe"}, nil
}

func (d *directory) wait(ctx context.Context) error {
	if d.gate == nil {
		return nil
	}
	d.arrived <- struct{}{}
	<-d.gate
	return ctx.Err()
}

func (d *directory) Dial(ctx context.Context, routerID int64, username string) (aaa.Dial, error) {
	if err := d.wait(ctx); err != nil {
		return aaa.Dial{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lookups++
	if d.err != nil {
		return aaa.Dial{}, d.err
	}
	dial, ok := d.dials[username]
	if !ok || routerID != 7 {
		return aaa.Dial{}, aaa.ErrUnknownUser
	}
	return dial, nil
}

func (d *directory) Account(ctx context.Context, r aaa.Record) error {
	if err := d.wait(ctx); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	d.records = append(d.records, r)
	return nil
}

func (d *directory) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *directory) seen() (lookups int, records []aaa.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lookups, append([]aaa.Record(nil), d.records...)
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// stand is a running server.
type stand struct {
	directory  *directory
	clock      *clock.Manual
	log        *buffer
	outcomes   chan string
	auth, acct net.Addr
	// cancel tells the server to end; done then has what Serve returned.
	cancel context.CancelFunc
	done   chan error
}

// start runs a server with one worker, so that what is sent first is done first.
func start(t *testing.T, d *directory) *stand {
	t.Helper()
	s := &stand{directory: d, clock: clock.NewManual(noon), log: &buffer{}, outcomes: make(chan string, 1000)}
	if d.dials == nil {
		d.dials = map[string]aaa.Dial{
			"joe": {Subscriber: 1, Password: "s3cret päss", Line: account.Line{
				State: account.LineEnabled, Rate: "5M/10M 8M/16M 5M/10M 10/10 8", Address: "100.64.0.7",
			}},
			"pool": {Subscriber: 2, Password: "pw", Line: account.Line{State: account.LineEnabled, Rate: "1M/2M", Pool: "slow"}},
			"garden": {Subscriber: 7, Password: "pw", Line: account.Line{
				State: account.LineEnabled, Rate: "256k/256k", AddressList: account.GardenList,
			}},
			"nopool":  {Subscriber: 3, Password: "pw", Line: account.Line{State: account.LineEnabled}},
			"expired": {Subscriber: 4, Password: "pw", Line: account.Line{State: account.LineDisabled}, Refusal: "expired since May"},
			"bare":    {Subscriber: 5, Line: account.Line{State: account.LineEnabled}},
			"User":    {Subscriber: 6, Password: "clientPass", Line: account.Line{State: account.LineEnabled}},
			"BIG\\User": {
				Subscriber: 6, Password: "clientPass", Line: account.Line{State: account.LineEnabled},
			},
		}
	}
	server, err := aaa.New(aaa.Config{
		Directory: d, Clock: s.clock, Log: slog.New(slog.NewTextHandler(s.log, nil)), Workers: 1,
		Observe: func(kind, outcome string, _ time.Duration) { s.outcomes <- kind + " " + outcome },
	})
	if err != nil {
		t.Fatal(err)
	}
	auth, acct := socket(t), socket(t)
	s.auth, s.acct = auth.LocalAddr(), acct.LocalAddr()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s.cancel, s.done = cancel, make(chan error, 1)
	go func() {
		defer close(s.done)
		s.done <- server.Serve(ctx, auth, acct)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-s.done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

func socket(t *testing.T) net.PacketConn {
	t.Helper()
	var config net.ListenConfig
	conn, err := config.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // a second closing is no matter
	return conn
}

// router is a socket that requests are sent from, connected to a port of the server.
type router struct {
	t    *testing.T
	conn net.Conn
}

func (s *stand) dial(t *testing.T, to net.Addr) router {
	t.Helper()
	return dialFrom(t, "127.0.0.1", to)
}

func dialFrom(t *testing.T, local string, to net.Addr) router {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(local)}}
	conn, err := dialer.DialContext(t.Context(), "udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return router{t, conn}
}

func (r router) send(wire []byte) {
	r.t.Helper()
	if _, err := r.conn.Write(wire); err != nil {
		r.t.Fatal(err)
	}
}

func (r router) receive() []byte {
	r.t.Helper()
	set(r.t, r.conn.SetReadDeadline(time.Now().Add(patience)))
	buffer := make([]byte, radius.MaxPacketLength)
	n, err := r.conn.Read(buffer)
	if err != nil {
		r.t.Fatal(err)
	}
	return buffer[:n]
}

// expectNoAnswer fails when an answer is on its way: behind it comes the answer to a Status-Server of the test's own.
func (r router) expectNoAnswer(why string) {
	r.t.Helper()
	probe := request(radius.CodeStatusServer)
	wire := sign(r.t, probe)
	r.send(wire)
	if answer := r.receive(); !radius.IsAuthenticResponse(answer, wire, []byte(secret)) {
		r.t.Errorf("%s: got an answer of code %v", why, radius.Code(answer[0]))
	}
}

// radclient sends a request with FreeRADIUS' client and returns what it printed, which includes the answer's attributes.
// It waits long enough for an answer.
func radclient(t *testing.T, to net.Addr, command, key, attributes string) (output string, ok bool) {
	t.Helper()
	return runRadclient(t, []string{"-x", "-r", "3", "-t", "10", to.String(), command, key}, attributes)
}

func runRadclient(t *testing.T, args []string, attributes string) (output string, ok bool) {
	t.Helper()
	program, err := exec.LookPath("radclient")
	if err != nil {
		t.Fatalf("radclient is needed as an independent peer; install it with scripts/setup: %v", err)
	}
	client := exec.CommandContext(t.Context(), program, args...)
	client.Stdin = strings.NewReader(attributes)
	out, err := client.CombinedOutput()
	return string(out), err == nil
}

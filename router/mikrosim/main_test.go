package mikrosim_test

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/go-routeros/routeros/v3"
	"go.uber.org/goleak"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"qserve/router/mikrosim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "a-shared-secret"

// patience bounds every wait; only a failing test comes near it.
const patience = 20 * time.Second

// setup starts a router that ends with the test.
func setup(t *testing.T, cfg mikrosim.Config) *mikrosim.Router {
	t.Helper()
	if cfg.RedialDelay == 0 {
		cfg.RedialDelay = 5 * time.Millisecond
	}
	r, err := mikrosim.Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// dial connects and logs in with an independent client.
func dial(t *testing.T, r *mikrosim.Router) *routeros.Client {
	t.Helper()
	c, err := tryDial(t, r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tryDial(t *testing.T, r *mikrosim.Router) (*routeros.Client, error) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.APIAddr())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	c, err := routeros.NewClient(conn)
	if err != nil {
		return nil, err
	}
	return c, c.Login("qserve", "qserve")
}

// run sends a command and returns its rows.
func run(t *testing.T, c *routeros.Client, words ...string) []map[string]string {
	t.Helper()
	reply, err := c.Run(words...)
	if err != nil {
		t.Fatalf("%s: %v", words[0], err)
	}
	rows := []map[string]string{}
	for _, re := range reply.Re {
		rows = append(rows, re.Map)
	}
	return rows
}

// refusal sends a command that must be refused and returns the trap's words.
func refusal(t *testing.T, c *routeros.Client, words ...string) string {
	t.Helper()
	_, err := c.Run(words...)
	var device *routeros.DeviceError
	if !errors.As(err, &device) {
		t.Fatalf("%v: got %v, want a trap", words, err)
	}
	return device.Sentence.Map["message"]
}

// await waits until the router's state is as wanted.
func await(t *testing.T, r *mikrosim.Router, what string, reached func(mikrosim.State) bool) mikrosim.State {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last mikrosim.State
	err := r.Wait(ctx, func(s mikrosim.State) bool { last = s; return reached(s) })
	if err != nil {
		t.Fatalf("waiting until %s: %v; state %+v", what, err, last)
	}
	return last
}

// online waits for the user's session, newer than any with the id given.
func online(t *testing.T, r *mikrosim.Router, user, after string) mikrosim.Active {
	t.Helper()
	st := await(t, r, user+" is online", func(s mikrosim.State) bool {
		a, ok := s.Session(user)
		return ok && a.SessionID != after
	})
	a, _ := st.Session(user)
	return a
}

// aaa is a RADIUS server that answers as the test says and remembers what it was sent.
type aaa struct {
	auth, acct string
	accounting chan *radius.Packet

	mu       sync.Mutex
	access   func(req *radius.Packet) *radius.Packet
	unsigned bool
}

// answers replaces how Access-Requests are answered.
func (s *aaa) answers(access func(req *radius.Packet) *radius.Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access = access
}

// forgetToSign makes the answers lack their Message-Authenticator.
func (s *aaa) forgetToSign() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsigned = true
}

// newAAA serves until the test ends. Accounting is answered and put into the channel.
func newAAA(t *testing.T, access func(req *radius.Packet) *radius.Packet) *aaa {
	t.Helper()
	s := &aaa{access: access, accounting: make(chan *radius.Packet, 1000)}
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait) // runs after the sockets are closed
	listen := func() (net.PacketConn, string) {
		conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn, conn.LocalAddr().String()
	}
	var authConn, acctConn net.PacketConn
	authConn, s.auth = listen()
	acctConn, s.acct = listen()
	serving.Go(func() { s.serve(authConn, s.answerAccess) })
	serving.Go(func() { s.serve(acctConn, s.answerAccounting) })
	return s
}

func (s *aaa) serve(conn net.PacketConn, answer func(wire []byte, req *radius.Packet) *radius.Packet) {
	buffer := make([]byte, radius.MaxPacketLength)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			continue
		}
		req, err := radius.Parse(buffer[:n], []byte(secret))
		if err != nil || !radius.IsAuthenticRequest(buffer[:n], []byte(secret)) {
			continue
		}
		p := answer(buffer[:n], req)
		if p == nil {
			continue
		}
		if wire, err := p.Encode(); err == nil {
			_, _ = conn.WriteTo(wire, from)
		}
	}
}

func (s *aaa) answerAccess(wire []byte, req *radius.Packet) *radius.Packet {
	if !authentic(wire, wire[4:20]) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.access(req)
	if p == nil || s.unsigned {
		return p
	}
	p.Attributes = append(radius.Attributes{{Type: rfc2869.MessageAuthenticator_Type, Attribute: make([]byte, 16)}}, p.Attributes...)
	plain, err := p.MarshalBinary()
	if err != nil {
		return nil
	}
	p.Attributes[0].Attribute = sign(plain)
	return p
}

func (s *aaa) answerAccounting(_ []byte, req *radius.Packet) *radius.Packet {
	s.accounting <- req
	return req.Response(radius.CodeAccountingResponse)
}

func sign(plain []byte) []byte {
	mac := hmac.New(md5.New, []byte(secret))
	mac.Write(plain)
	return mac.Sum(nil)
}

// authentic checks a Message-Authenticator that is the first attribute.
func authentic(wire, authenticator []byte) bool {
	if len(wire) < 38 || wire[20] != 80 || wire[21] != 18 {
		return false
	}
	plain := append([]byte(nil), wire...)
	copy(plain[4:20], authenticator)
	clear(plain[22:38])
	return hmac.Equal(sign(plain), wire[22:38])
}

// accept answers every request with an accept that carries what grant adds.
func accept(grant func(p *radius.Packet)) func(req *radius.Packet) *radius.Packet {
	return func(req *radius.Packet) *radius.Packet {
		p := req.Response(radius.CodeAccessAccept)
		if grant != nil {
			grant(p)
		}
		return p
	}
}

// nextRecord returns the next accounting record.
func (s *aaa) nextRecord(t *testing.T) *radius.Packet {
	t.Helper()
	select {
	case p := <-s.accounting:
		return p
	case <-time.After(patience):
		t.Fatal("no accounting record came")
		return nil
	}
}

// withRadius is a router that asks s.
func (s *aaa) withRadius(cfg mikrosim.Config) mikrosim.Config {
	cfg.RadiusAuth, cfg.RadiusAcct, cfg.RadiusSecret = s.auth, s.acct, secret
	return cfg
}

func userOf(p *radius.Packet) string { return rfc2865.UserName_GetString(p) }

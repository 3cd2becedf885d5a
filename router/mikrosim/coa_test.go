package mikrosim_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"
	"layeh.com/radius/vendors/mikrotik"

	"qserve/internal/clock"
	"qserve/router/mikrosim"
)

// request builds a CoA- or Disconnect-Request.
func request(code radius.Code, add ...func(p *radius.Packet) error) *radius.Packet {
	p := radius.New(code, []byte(secret))
	for _, a := range add {
		if err := a(p); err != nil {
			panic(err)
		}
	}
	return p
}

func user(name string) func(p *radius.Packet) error {
	return func(p *radius.Packet) error { return rfc2865.UserName_AddString(p, name) }
}

func session(a mikrosim.Active) func(p *radius.Packet) error {
	return func(p *radius.Packet) error {
		return rfc2866.AcctSessionID_AddString(p, strings.ToLower(strings.TrimPrefix(a.SessionID, "0x")))
	}
}

func rate(text string) func(p *radius.Packet) error {
	return func(p *radius.Packet) error { return mikrotik.MikrotikRateLimit_AddString(p, text) }
}

func list(name string) func(p *radius.Packet) error {
	return func(p *radius.Packet) error { return mikrotik.MikrotikAddressList_AddString(p, name) }
}

// ask sends a request and returns the answer in words: "CoA-ACK", or "CoA-NAK 503".
func ask(t *testing.T, r *mikrosim.Router, p *radius.Packet) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := radius.Exchange(ctx, p, r.CoAAddr())
	if err != nil {
		t.Fatal(err)
	}
	if cause, err := rfc3576.ErrorCause_Lookup(answer); err == nil {
		return answer.Code.String() + " " + cause.String()
	}
	return answer.Code.String()
}

// onlineByRadius starts a router with one customer, ann, whom RADIUS let in.
func onlineByRadius(t *testing.T, cfg mikrosim.Config) (*mikrosim.Router, mikrosim.Active) {
	t.Helper()
	s := newAAA(t, accept(func(p *radius.Packet) { must(t, mikrotik.MikrotikRateLimit_AddString(p, "5M/10M")) }))
	r := setup(t, s.withRadius(cfg))
	r.SetCustomer("ann", "pw", true)
	return r, online(t, r, "ann", "")
}

func TestCoA_ChangesRateAndListOfTheLiveSession(t *testing.T) {
	t.Parallel()
	r, before := onlineByRadius(t, mikrosim.Config{})
	if got := ask(t, r, request(radius.CodeCoARequest, user("ann"), session(before), rate("1M/2M"))); got != "CoA-ACK" {
		t.Fatal(got)
	}
	if got := ask(t, r, request(radius.CodeCoARequest, user("ann"), list("garden"))); got != "CoA-ACK" {
		t.Fatal(got)
	}
	st := r.State()
	after, _ := st.Session("ann")
	before.Rate, before.AddressList, before.Uptime, after.Uptime = "1M/2M", "garden", "", ""
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("session, of which only rate and list were to change:\n%s", diff)
	}
	if len(st.Queues) != 1 || st.Queues[0].MaxLimit != "1000000/2000000" || len(st.AddressList) != 1 || st.AddressList[0].List != "garden" {
		t.Errorf("queues %+v, lists %+v", st.Queues, st.AddressList)
	}
	if got := ask(t, r, request(radius.CodeCoARequest, user("ann"), list("paid"))); got != "CoA-ACK" {
		t.Fatal(got)
	}
	if l := r.State().AddressList; len(l) != 1 || l[0].List != "paid" {
		t.Errorf("lists %+v, want paid in place of garden", l)
	}
}

func TestDisconnect_EndsTheSessionWithAStopAndTheCustomerRedials(t *testing.T) {
	t.Parallel()
	s := newAAA(t, accept(nil))
	r := setup(t, s.withRadius(mikrosim.Config{}))
	r.SetCustomer("ann", "pw", true)
	before := online(t, r, "ann", "")
	s.nextRecord(t)
	if got := ask(t, r, request(radius.CodeDisconnectRequest, user("ann"), session(before))); got != "Disconnect-ACK" {
		t.Fatal(got)
	}
	stop := s.nextRecord(t)
	if rfc2866.AcctStatusType_Get(stop) != rfc2866.AcctStatusType_Value_Stop ||
		rfc2866.AcctTerminateCause_Get(stop) != rfc2866.AcctTerminateCause_Value_AdminReset {
		t.Errorf("record %v, want a Stop by Admin-Reset", stop.Attributes)
	}
	online(t, r, "ann", before.SessionID)
}

func TestRequestsThatCannotBeDone_AreRefusedWithTheCauseAndChangeNothing(t *testing.T) {
	t.Parallel()
	r, ann := onlineByRadius(t, mikrosim.Config{})
	run(t, dial(t, r), "/ppp/secret/add", "=name=joe")
	r.SetCustomer("joe", "", true)
	joe := online(t, r, "joe", "")
	reply := func(p *radius.Packet) error { return rfc2865.ReplyMessage_AddString(p, "bye") }
	pool := func(p *radius.Packet) error { return rfc2869.FramedPool_AddString(p, "pool1") }
	framed := func(p *radius.Packet) error { return rfc2865.FramedIPAddress_Add(p, net.IPv4(10, 9, 9, 9)) }
	nas := func(p *radius.Packet) error { return rfc2865.NASIPAddress_Add(p, net.IPv4(10, 9, 9, 9)) }
	for name, tc := range map[string]struct {
		p    *radius.Packet
		want string
	}{
		"nobody":                    {request(radius.CodeDisconnectRequest, user("eve")), "Disconnect-NAK Session-Context-Not-Found"},
		"a local session":           {request(radius.CodeDisconnectRequest, user("joe")), "Disconnect-NAK Session-Context-Not-Found"},
		"a local session's rate":    {request(radius.CodeCoARequest, user("joe"), session(joe), rate("1M/1M")), "CoA-NAK Session-Context-Not-Found"},
		"somebody else's session":   {request(radius.CodeDisconnectRequest, user("joe"), session(ann)), "Disconnect-NAK Session-Context-Not-Found"},
		"an old address":            {request(radius.CodeDisconnectRequest, user("ann"), framed), "Disconnect-NAK Session-Context-Not-Found"},
		"nothing identified":        {request(radius.CodeDisconnectRequest), "Disconnect-NAK Missing-Attribute"},
		"rate in a disconnect":      {request(radius.CodeDisconnectRequest, user("ann"), rate("1M/1M")), "Disconnect-NAK Unsupported-Attribute"},
		"message in a disconnect":   {request(radius.CodeDisconnectRequest, user("ann"), reply), "Disconnect-NAK Unsupported-Attribute"},
		"pool in a CoA":             {request(radius.CodeCoARequest, user("ann"), pool, rate("1M/1M")), "CoA-NAK Unsupported-Attribute"},
		"malformed rate":            {request(radius.CodeCoARequest, user("ann"), rate("fast")), "CoA-NAK Invalid-Attribute-Value"},
		"good list, malformed rate": {request(radius.CodeCoARequest, user("ann"), list("garden"), rate("fast")), "CoA-NAK Invalid-Attribute-Value"},
		"another router":            {request(radius.CodeCoARequest, user("ann"), nas, rate("1M/1M")), "CoA-NAK NAS-Identification-Mismatch"},
	} {
		if got := ask(t, r, tc.p); got != tc.want {
			t.Errorf("%s: got %s, want %s", name, got, tc.want)
		}
	}
	st := r.State()
	if a, _ := st.Session("ann"); a.SessionID != ann.SessionID || a.Rate != "5M/10M" || len(st.AddressList) != 0 {
		t.Errorf("session %+v, lists %+v: something changed", a, st.AddressList)
	}
	if a, _ := st.Session("joe"); a.SessionID != joe.SessionID {
		t.Errorf("joe's session is now %+v", a)
	}
	if c := st.Counters; c.CoA.Naks != 5 || c.Disconnect.Naks != 7 || c.CoA.Acks+c.Disconnect.Acks != 0 {
		t.Errorf("counted %+v and %+v", c.CoA, c.Disconnect)
	}
	strict, _ := onlineByRadius(t, mikrosim.Config{CoAWithoutAddressList: true})
	if got := ask(t, strict, request(radius.CodeCoARequest, user("ann"), list("x"))); got != "CoA-NAK Unsupported-Attribute" {
		t.Errorf("address list where CoA cannot carry it: %s", got)
	}
}

// knock sends a datagram and waits until the router has counted it; then nothing may have come back.
func knock(t *testing.T, r *mikrosim.Router, wire []byte, counted func(mikrosim.Counters) bool) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "udp", r.CoAAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = conn.Write(wire)
	must(t, err)
	await(t, r, "the packet was counted", func(s mikrosim.State) bool { return counted(s.Counters) })
	// The router counts under the lock under which it would answer, so an answer would be here by now.
	must(t, conn.SetReadDeadline(time.Now()))
	if n, err := conn.Read(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes came back, want silence", n)
	}
}

func TestUnprovenRequests_MeetSilenceAndAreCounted(t *testing.T) {
	t.Parallel()
	r, ann := onlineByRadius(t, mikrosim.Config{})
	wrong := request(radius.CodeDisconnectRequest, user("ann"))
	wrong.Secret = []byte("wrong")
	old := request(radius.CodeDisconnectRequest, user("ann"), func(p *radius.Packet) error {
		return rfc2869.EventTimestamp_Add(p, time.Now().Add(-time.Hour))
	})
	forged := request(radius.CodeDisconnectRequest, user("ann"), func(p *radius.Packet) error {
		return rfc2869.MessageAuthenticator_Add(p, make([]byte, 16))
	})
	for i, p := range []*radius.Packet{wrong, old, forged} {
		wire, err := p.Encode()
		must(t, err)
		knock(t, r, wire, func(c mikrosim.Counters) bool { return c.Disconnect.Bad == i+1 })
	}
	stranger, _ := onlineByRadius(t, mikrosim.Config{CoAClients: []netip.Addr{netip.MustParseAddr("127.0.0.99")}})
	wire, err := request(radius.CodeCoARequest, user("ann"), rate("1M/1M")).Encode()
	must(t, err)
	knock(t, stranger, wire, func(c mikrosim.Counters) bool { return c.CoA.Bad == 1 })
	knock(t, r, []byte{40, 1, 0, 200}, func(c mikrosim.Counters) bool { return c.CoA.Bad == 1 })
	if a, _ := r.State().Session("ann"); a.SessionID != ann.SessionID {
		t.Error("an unproven Disconnect ended the session")
	}
	if rows := run(t, dial(t, r), "/radius/incoming/monitor", "=once="); rows[0]["bad-requests"] != "4" {
		t.Errorf("monitor shows %v, want 4 bad requests", rows)
	}
}

func TestSignedRequest_GetsASignedAnswer(t *testing.T) {
	t.Parallel()
	r, _ := onlineByRadius(t, mikrosim.Config{})
	p := request(radius.CodeCoARequest)
	must(t, rfc2869.MessageAuthenticator_Add(p, make([]byte, 16)))
	must(t, user("ann")(p))
	must(t, rate("1M/1M")(p))
	p.Authenticator = [16]byte{}
	plain, err := p.MarshalBinary()
	must(t, err)
	p.Set(rfc2869.MessageAuthenticator_Type, sign(plain))
	wire, err := p.Encode()
	must(t, err)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "udp", r.CoAAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = conn.Write(wire)
	must(t, err)
	answer := make([]byte, 100)
	n, err := conn.Read(answer)
	if err != nil || radius.Code(answer[0]) != radius.CodeCoAACK || !authentic(answer[:n], wire[4:20]) {
		t.Errorf("got %x, %v; want a CoA-ACK with a right Message-Authenticator", answer[:n], err)
	}
}

func TestRepeatedRequest_GetsTheSameAnswerAndActsOnce(t *testing.T) {
	t.Parallel()
	r, ann := onlineByRadius(t, mikrosim.Config{})
	wire, err := request(radius.CodeDisconnectRequest, user("ann")).Encode()
	must(t, err)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "udp", r.CoAAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	send := func() string {
		_, err := conn.Write(wire)
		must(t, err)
		answer := make([]byte, 100)
		n, err := conn.Read(answer)
		must(t, err)
		return string(answer[:n])
	}
	first := send()
	after := online(t, r, "ann", ann.SessionID)
	if again := send(); again != first {
		t.Errorf("answers differ: %x and %x", first, again)
	}
	if a, _ := r.State().Session("ann"); a.SessionID != after.SessionID {
		t.Error("the repetition ended the new session")
	}
	if got := r.State().Counters.Disconnect; got != (mikrosim.PacketCounters{Requests: 2, Acks: 1}) {
		t.Errorf("counted %+v", got)
	}
}

func TestSessionTimeout_EndsTheSessionUnlessCoAGivesItLonger(t *testing.T) {
	t.Parallel()
	clk := clock.NewManual(time.Date(2026, time.May, 1, 12, 0, 0, 0, time.UTC))
	s := newAAA(t, accept(func(p *radius.Packet) { must(t, rfc2865.SessionTimeout_Add(p, 60)) }))
	cfg := s.withRadius(mikrosim.Config{Clock: clk})
	cfg.RadiusAcct = "" // so that only the scheduler waits for the clock
	r := setup(t, cfg)
	r.SetCustomer("ann", "pw", true)
	first := online(t, r, "ann", "")
	advance := func(d time.Duration) {
		must(t, clk.AwaitWaiters(t.Context(), 1))
		clk.Advance(d)
	}
	longer := func(p *radius.Packet) error { return rfc2865.SessionTimeout_Add(p, 3600) }
	if got := ask(t, r, request(radius.CodeCoARequest, session(first), longer)); got != "CoA-ACK" {
		t.Fatal(got)
	}
	advance(2 * time.Minute)
	r.SetCustomer("bob", "pw", true)
	bob := online(t, r, "bob", "") // and so what was due before his dial has happened
	if a, ok := r.State().Session("ann"); !ok || a.SessionID != first.SessionID || a.Uptime != "2m" {
		t.Errorf("session %+v after two minutes, want the first", a)
	}
	advance(time.Hour)
	await(t, r, "the hour is over", func(s mikrosim.State) bool { return len(s.Active) == 0 })
	advance(time.Second) // past the redial delay
	second := online(t, r, "ann", first.SessionID)
	online(t, r, "bob", bob.SessionID) // whoever dialled after the minute would outlast it
	advance(time.Minute)
	await(t, r, "the minute is over", func(s mikrosim.State) bool { return len(s.Active) == 0 })
	advance(time.Second)
	online(t, r, "ann", second.SessionID)
}

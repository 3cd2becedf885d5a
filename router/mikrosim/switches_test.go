package mikrosim_test

import (
	"net"
	"strconv"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"

	"qserve/internal/clock"
	"qserve/router/mikrosim"
)

// Where it is not known how routers behave, Config has a switch. The default position is tested with the rule itself, the
// other one here.

func TestCoAReachesLocal_EndsALocalSession(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{CoASecret: secret, CoAReachesLocal: true})
	run(t, dial(t, r), "/ppp/secret/add", "=name=joe", "=password=pw")
	r.SetCustomer("joe", "pw", true)
	before := online(t, r, "joe", "")
	if got := ask(t, r, request(radius.CodeDisconnectRequest, user("joe"))); got != "Disconnect-ACK" {
		t.Error(got)
	}
	online(t, r, "joe", before.SessionID)
}

func TestCoAIgnoresBadRate_AcknowledgesAndKeepsTheRate(t *testing.T) {
	t.Parallel()
	r, _ := onlineByRadius(t, mikrosim.Config{CoAIgnoresBadRate: true})
	if got := ask(t, r, request(radius.CodeCoARequest, user("ann"), rate("fast"))); got != "CoA-ACK" {
		t.Error(got)
	}
	if a, _ := r.State().Session("ann"); a.Rate != "5M/10M" {
		t.Errorf("rate %s", a.Rate)
	}
}

func TestCoAIgnoresAddressList_AcknowledgesAndLeavesTheLists(t *testing.T) {
	t.Parallel()
	r, _ := onlineByRadius(t, mikrosim.Config{CoAIgnoresAddressList: true})
	if got := ask(t, r, request(radius.CodeCoARequest, user("ann"), list("garden"))); got != "CoA-ACK" {
		t.Error(got)
	}
	if a, _ := r.State().Session("ann"); a.AddressList != "" || len(r.State().AddressList) != 0 {
		t.Errorf("session %+v; want it in no list", a)
	}
}

func TestLoseStops_AccountsTheNextStartOnly(t *testing.T) {
	t.Parallel()
	s := newAAA(t, accept(nil))
	r := setup(t, s.withRadius(mikrosim.Config{LoseStops: true}))
	r.SetCustomer("ann", "pw", true)
	online(t, r, "ann", "")
	s.nextRecord(t)
	if got := ask(t, r, request(radius.CodeDisconnectRequest, user("ann"))); got != "Disconnect-ACK" {
		t.Error(got)
	}
	if got := rfc2866.AcctStatusType_Get(s.nextRecord(t)); got != rfc2866.AcctStatusType_Value_Start {
		t.Errorf("got %v, want the Start of the next session", got)
	}
}

func TestClockOffset_MakesFreshTimestampsStale(t *testing.T) {
	t.Parallel()
	r, _ := onlineByRadius(t, mikrosim.Config{ClockOffset: -time.Hour})
	wire, err := request(radius.CodeDisconnectRequest, user("ann"), func(p *radius.Packet) error {
		return rfc2869.EventTimestamp_Add(p, time.Now())
	}).Encode()
	must(t, err)
	knock(t, r, wire, func(c mikrosim.Counters) bool { return c.Disconnect.Bad == 1 })
}

func TestDropDelay_KeepsTheSessionAfterTheAck(t *testing.T) {
	t.Parallel()
	r, before := onlineByRadius(t, mikrosim.Config{DropDelay: time.Hour})
	if got := ask(t, r, request(radius.CodeDisconnectRequest, user("ann"))); got != "Disconnect-ACK" {
		t.Error(got)
	}
	if a, ok := r.State().Session("ann"); !ok || a.SessionID != before.SessionID {
		t.Errorf("session %+v, want the same until the delay is over", a)
	}
}

func TestMaskPasswords_PrintsStarsThatAreNotThePassword(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{MaskPasswords: true})
	c := dial(t, r)
	run(t, c, "/ppp/secret/add", "=name=joe", "=password=pw")
	if rows := run(t, c, "/ppp/secret/print"); rows[0]["password"] != "*****" {
		t.Errorf("printed %v", rows)
	}
	if rows := run(t, c, "/ppp/secret/print", "?password=pw"); len(rows) != 0 {
		t.Error("a query tells the password")
	}
}

func TestThrottle_SlowsAfterItsCommands(t *testing.T) {
	t.Parallel()
	clk := clock.NewManual(time.Date(2026, time.May, 1, 12, 0, 0, 0, time.UTC))
	r := setup(t, mikrosim.Config{Clock: clk, ThrottleAfter: 2, ThrottleLatency: time.Minute})
	c := rawLogin(t, r)
	c.send(t, "/ppp/secret/print")
	c.next(t)
	c.send(t, "/ppp/secret/print")
	must(t, clk.AwaitWaiters(t.Context(), 1))
	clk.Advance(time.Minute)
	c.next(t)
}

func TestWrongConfig_IsReportedAsAWhole(t *testing.T) {
	t.Parallel()
	_, err := mikrosim.Start(t.Context(), mikrosim.Config{Name: "r", Host: "localhost", AuthMethod: "eap", RadiusAuth: "aaa"})
	const want = `simulated router r: host "localhost": want an IPv4 address
authentication method "eap": want pap, chap or mschap2
RADIUS server "aaa": want an IP address and port, such as 127.0.0.1:1812`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	r := setup(t, mikrosim.Config{})
	if _, err := mikrosim.Start(t.Context(), mikrosim.Config{APIPort: portNumber(t, r.APIAddr())}); err == nil {
		t.Error("a taken port was opened")
	}
}

func portNumber(t *testing.T, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	must(t, err)
	n, err := strconv.Atoi(port)
	must(t, err)
	return n
}

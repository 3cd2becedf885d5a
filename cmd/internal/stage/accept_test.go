package stage_test

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"qserve/account"
	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router/mikrosim"
)

// Between the answer to a dial and the session that it lets in, the account changes, and no router has a session yet that
// the change could be made in. What the router confirms by then is true, and not what the session is given.
func TestChangeWhileACustomerIsBeingLetIn_ReachesTheSessionAllTheSame(t *testing.T) {
	t.Parallel()
	log := &lines{}
	kinds := []stage.RouterOptions{everyKind[1], everyKind[2]}
	for i := range kinds {
		kinds[i].Sim.RadiusTimeout = time.Minute // a held answer is waited for
	}
	p := setup(t, stage.Options{Routers: kinds, NoProgram: true, Log: slog.New(slog.NewTextHandler(log, nil))})
	p.must(p.Plan(p.ctx, fastPlan, "10M/20M", account.Duration{Count: 24, Unit: account.Hours}, "2500.00"))
	_, err := p.Staff.AddPlan(p.ctx, staff, console.NewPlan{
		Name: gardenPlan, Rate: "5M/10M", Duration: console.Duration{Count: 24, Unit: account.Hours},
		Price: console.Money{Amount: planPrice, Currency: p.Settings.Currency}, OnExpiry: string(account.Garden),
	})
	p.must(err)
	p.must(p.Start(p.ctx)) // a worker that has begun before there is a garden learns of it within a second
	far, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	for _, c := range []struct {
		name, plan string
		until      time.Time
		change     func(stage.Person)
		rate, list string // at the end; no rate: no session
	}{
		{"package", planName, far, func(who stage.Person) {
			p.does(who, console.ChangeOrder{Plan: fastPlan, When: "now"})
		}, "10M/20M", ""},
		{"suspend", planName, far, func(who stage.Person) { p.suspends(who, account.Equipment) }, "", ""},
		{"pay", gardenPlan, past, func(who stage.Person) { p.confirmed(p.pays(who)) }, "5M/10M", ""},
		{"lapse", gardenPlan, far, func(who stage.Person) {
			p.endsAt(who, past)
			p.untilNumber("the router has confirmed the expiry", 1, `select count(*) from actions a
				join subscribers s on s.id = a.subscriber_id where s.account = $1 and a.kind = 'expire' and a.state = 'confirmed'`, who.Account)
		}, "256k/256k", account.GardenList},
	} {
		for _, r := range p.Routers {
			who := stage.Person{
				Account: c.name + r.Name(), Username: strings.ToLower(c.name + r.Name()), Password: "sample-password", Plan: c.plan, Router: r,
				PaidUntil: c.until,
			}
			p.must(p.Add(p.ctx, who, false))
			p.must(p.UntilConfirmed(p.ctx))
			letIn := p.holdsAccept(who)
			c.change(who)
			letIn()

			ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
			if c.rate == "" {
				p.untilNumber("accounting has told of "+who.Account, 1, `select count(*) from sessions where username = $1`, who.Username)
				p.must(who.Offline(ctx))
			} else if err := r.Wait(ctx, func(s mikrosim.State) bool {
				session, online := s.Session(who.Username)
				return online && session.Rate == c.rate && (session.AddressList == account.GardenList) == (c.list != "")
			}); err != nil {
				t.Errorf("%s has %+v: %v", who.Account, p.live(who), err)
			}
			cancel()
			p.must(p.UntilConfirmed(p.ctx))
			p.untilNumber("the open sessions of "+who.Account+" have another rate than they should", 0, `select count(*) from sessions
				where username = $1 and ended_at is null and (rate, address_list) <> ($2, $3)`, who.Username, c.rate, c.list)
			if n := p.number(`select count(*) from sessions where username = $1`, who.Username); n != 1 {
				t.Errorf("%s had to dial again: %d sessions", who.Account, n)
			}
			r.SetCustomer(who.Username, who.Password, false)
		}
	}
	const said = "began while its line was changing"
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, said) && (!strings.Contains(line, "action=") || strings.Contains(line, "action=0") ||
			strings.Contains(line, "syokimau") || strings.Contains(line, "kileleshwa")) {
			t.Errorf("logged: %s", line)
		}
	}
	if n := strings.Count(log.String(), said); n != 8 {
		t.Errorf("%d of 8 sessions were looked at again", n)
	}
}

// holdsAccept has a customer dial, and keeps Qserve's answer from the router until the returned function is called.
func (p play) holdsAccept(who stage.Person) (letIn func()) {
	p.t.Helper()
	host, _, err := net.SplitHostPort(who.Router.CoAAddr())
	p.must(err)
	open := func(host string) *net.UDPConn {
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(host), 0)))
		p.must(err)
		p.t.Cleanup(func() { _ = conn.Close() })
		p.must(conn.SetDeadline(time.Now().Add(within)))
		return conn
	}
	front, back := open("127.0.0.1"), open(host) // Qserve knows the router by its address
	auth, acct := p.Program.RadiusAddresses()
	p.must(who.Router.SetRadius(front.LocalAddr().String(), acct))
	who.Router.SetCustomer(who.Username, who.Password, true)

	packet := make([]byte, 4096)
	n, from, err := front.ReadFromUDPAddrPort(packet)
	p.must(err)
	_, err = back.WriteToUDPAddrPort(packet[:n], netip.MustParseAddrPort(auth))
	p.must(err)
	n, _, err = back.ReadFromUDPAddrPort(packet)
	p.must(err)
	return func() {
		p.t.Helper()
		p.must(who.Router.SetRadius(auth, acct))
		_, err := front.WriteToUDPAddrPort(packet[:n], from)
		p.must(err)
	}
}

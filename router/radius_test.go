package router_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"qserve/account"
	"qserve/router"
	"qserve/router/coa"
	"qserve/router/mikrosim"
)

// dialled is a router where joe is online through RADIUS, with 5M/10M.
func dialled(t *testing.T, r *rig) mikrosim.Active {
	t.Helper()
	r.aaa.allow("joe", "5M/10M")
	r.sim.SetCustomer("joe", linePass, true)
	session := r.online(t, "joe", "5M/10M")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if known, _ := r.aaa.OpenSessions(ctx, 1, "joe"); len(known) == 1 {
			return session
		}
	}
	t.Fatal("the session was not accounted")
	return session
}

func bothRadius(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	for name, setup := range map[string]func(*testing.T, router.Config) *rig{"with API": setupRadius, "without API": setupRemote} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, setup(t, patient()))
		})
	}
}

func TestAPackageChangeByCoA_KeepsTheSession(t *testing.T) {
	t.Parallel()
	bothRadius(t, func(t *testing.T, r *rig) {
		t.Helper()
		first := dialled(t, r)
		r.aaa.allow("joe", "10M/20M")
		r.mustConverge(t, want("joe", enabled, 2, "10M/20M"))
		if now := r.online(t, "joe", "10M/20M"); now.ID != first.ID {
			t.Error("the session was ended")
		}
		if n := r.called("coa ack"); n != 1 {
			t.Errorf("%d CoA-ACKs", n)
		}
	})
}

func TestASessionThatFits_IsLeftAlone(t *testing.T) {
	t.Parallel()
	bothRadius(t, func(t *testing.T, r *rig) {
		t.Helper()
		dialled(t, r)
		r.mustConverge(t, want("joe", enabled, 2, "5M/10M"))
		if n := r.sim.State().Counters.CoA.Requests + r.sim.State().Counters.Disconnect.Requests; n != 0 {
			t.Errorf("%d packets were sent", n)
		}
	})
}

func TestASuspension_EndsTheSessionByDisconnect(t *testing.T) {
	t.Parallel()
	for _, state := range []account.State{disabled, absent} {
		bothRadius(t, func(t *testing.T, r *rig) {
			t.Helper()
			dialled(t, r)
			r.aaa.deny("joe")
			r.mustConverge(t, want("joe", state, 2, "5M/10M"))
			r.offline(t, "joe")
			r.refused(t, "joe")
			if r.called("disconnect ack") == 0 || r.sim.State().Counters.API["/ppp/active"]["remove"] != 0 {
				t.Error("it was not the Disconnect that ended it")
			}
		})
	}
}

func TestNobodyOnline_IsConfirmedByTheRouterItself(t *testing.T) {
	t.Parallel()
	r := setupRadius(t, patient())
	r.mustConverge(t, want("joe", disabled, 2, "5M/10M"))
	if n := r.sim.State().Counters.Disconnect.Requests; n != 0 {
		t.Errorf("%d packets were sent though the API lists no session", n)
	}
	r = setupRemote(t, patient())
	r.mustConverge(t, want("joe", disabled, 2, "5M/10M"))
	if n := r.called("disconnect nak-503"); n != 1 {
		t.Errorf("%d answers 503; want the one that confirms", n)
	}
}

func TestANAKOrSilence_IsMadeUpForThroughTheAPI(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]mikrosim.Fault{
		"wrong secret":      {Kind: mikrosim.FaultWrongSecret},
		"forged answers":    {Kind: mikrosim.FaultBadAnswer},
		"ack only":          {Kind: mikrosim.FaultAckOnly},
		"nak without cause": {Kind: mikrosim.FaultNAK},
		"nak 401":           {Kind: mikrosim.FaultNAK, Cause: uint32(coa.UnsupportedAttribute)},
		"nak 501":           {Kind: mikrosim.FaultNAK, Cause: uint32(coa.AdministrativelyProhibited)},
		"nak 503":           {Kind: mikrosim.FaultNAK, Cause: uint32(coa.SessionNotFound)},
		"nak 506":           {Kind: mikrosim.FaultNAK, Cause: uint32(coa.ResourcesUnavailable)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := patient()
			cfg.CoA, cfg.LookFor = client(100*time.Millisecond), 100*time.Millisecond
			r := setupRadius(t, cfg)
			first := dialled(t, r)
			r.fault(t, fault)
			r.aaa.allow("joe", "10M/20M")
			r.mustConverge(t, want("joe", enabled, 2, "10M/20M"))
			if s, ok := r.sim.State().Session("joe"); ok && s.ID == first.ID {
				t.Error("the session with the old rate is still there")
			}
			r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultNone})
			r.online(t, "joe", "10M/20M")
			r.fault(t, fault)
			r.aaa.deny("joe")
			r.mustConverge(t, want("joe", disabled, 3, "10M/20M"))
			r.offline(t, "joe")
		})
	}
}

func TestARouterSilentOnCoA_CostsItsDeadlineOnceAndNotPerUser(t *testing.T) {
	t.Parallel()
	cfg := patient()
	cfg.CoA = client(50 * time.Millisecond)
	r := setupRadius(t, cfg)
	dialled(t, r)
	r.aaa.allow("ann", "5M/10M")
	r.sim.SetCustomer("ann", linePass, true)
	r.online(t, "ann", "5M/10M")
	r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultWrongSecret})
	for _, name := range []string{"joe", "ann"} {
		r.aaa.deny(name)
		r.mustConverge(t, want(name, disabled, 2, "5M/10M"))
		r.offline(t, name)
	}
	if n := r.called("disconnect silent"); n != 1 {
		t.Errorf("waited %d times for the silent router", n)
	}
}

func TestLostPackets_AreSentAgain(t *testing.T) {
	t.Parallel()
	bothRadius(t, func(t *testing.T, r *rig) {
		t.Helper()
		dialled(t, r)
		r.target.CoA.Address = lossy(t, r.target.CoA.Address)
		r.aaa.allow("joe", "10M/20M")
		r.mustConverge(t, want("joe", enabled, 2, "10M/20M"))
		r.online(t, "joe", "10M/20M")
		r.aaa.deny("joe")
		r.mustConverge(t, want("joe", disabled, 3, "10M/20M"))
		r.offline(t, "joe")
		if r.called("coa ack") != 1 || r.called("disconnect ack") == 0 {
			t.Error("it was not CoA and Disconnect that did it")
		}
	})
}

// lossy relays datagrams to a router, and loses the first request and the first answer of every exchange.
func lossy(t *testing.T, router string) string {
	t.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var (
		wait   sync.WaitGroup
		dialer net.Dialer
	)
	backs := make(map[string]net.Conn)
	wait.Go(func() {
		defer func() {
			for _, back := range backs {
				back.Close()
			}
		}()
		buffer := make([]byte, 4096)
		for {
			n, from, err := front.ReadFromUDP(buffer)
			if err != nil {
				return
			}
			back := backs[from.String()]
			if back != nil {
				back.Write(buffer[:n]) //nolint:errcheck // datagrams get lost
				continue
			}
			if back, err = dialer.DialContext(t.Context(), "udp", router); err != nil {
				return
			}
			backs[from.String()] = back
			wait.Go(func() {
				answer := make([]byte, 4096)
				for first := true; ; first = false {
					n, err := back.Read(answer)
					if err != nil {
						return
					}
					if !first {
						front.WriteToUDP(answer[:n], from) //nolint:errcheck // datagrams get lost
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		front.Close()
		wait.Wait()
	})
	return front.LocalAddr().String()
}

func TestADisconnectThatTakesItsTime_IsWaitedFor(t *testing.T) {
	t.Parallel()
	r := setup(t, patient(), router.Radius, mikrosim.Config{DropDelay: 150 * time.Millisecond})
	for _, api := range []router.API{r.target.API, {}} {
		r.target.API = api
		r.target.Revision++
		dialled(t, r)
		r.aaa.deny("joe")
		r.mustConverge(t, want("joe", disabled, 2, "5M/10M"))
		r.offline(t, "joe")
	}
	if n := r.sim.State().Counters.API["/ppp/active"]["remove"]; n != 0 {
		t.Error("the API was used though the router did what it had accepted")
	}
}

func TestALeftoverSecret_IsRemovedAndItsSessionRedialsThroughRADIUS(t *testing.T) {
	t.Parallel()
	r := setupRadius(t, patient())
	r.target.Mode = router.Local
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.aaa.allow("joe", "5M/10M")
	r.sim.SetCustomer("joe", linePass, true)
	r.online(t, "joe", "5M/10M")
	r.target.Mode, r.target.Revision = router.Radius, 2
	r.mustConverge(t, want("joe", enabled, 2, "5M/10M"))
	r.wait(t, func(s mikrosim.State) bool { a, ok := s.Session("joe"); return ok && a.Radius })
	if n := len(r.sim.State().Secrets); n != 0 {
		t.Errorf("%d secrets left", n)
	}
}

func TestALeftoverSession_IsCutThroughTheAPI(t *testing.T) {
	t.Parallel()
	r := setupRadius(t, patient())
	r.target.Mode = router.Local
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.sim.SetCustomer("joe", linePass, true)
	r.online(t, "joe", "5M/10M")
	r.target.Mode, r.target.Revision = router.Radius, 2
	r.mustConverge(t, want("joe", absent, 2, ""))
	r.offline(t, "joe")
	r.refused(t, "joe")
}

func TestWithoutAnAPI_AnACKIsNeverBelieved(t *testing.T) {
	t.Parallel()
	cfg := patient()
	cfg.LookFor = 100 * time.Millisecond
	r := setupRemote(t, cfg)
	session := dialled(t, r)
	r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultAckOnly})
	oneUser(t, r.converge(t, want("joe", disabled, 2, "5M/10M")), router.ErrNotConfirmed, "joe")
	if now := r.online(t, "joe", "5M/10M"); now.ID != session.ID {
		t.Error("the session is another one")
	}
	moved := want("joe", enabled, 3, "5M/10M")
	moved.Line.Address = "100.64.7.7"
	oneUser(t, r.converge(t, moved), router.ErrNotConfirmed, "joe")
}

func TestWithoutAnAPI_ANAKStands(t *testing.T) {
	t.Parallel()
	r := setupRemote(t, patient())
	dialled(t, r)
	r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultNAK, Cause: uint32(coa.AdministrativelyProhibited)})
	err := r.converge(t, want("joe", disabled, 2, "5M/10M"))
	oneUser(t, err, router.ErrRejected, "joe")
	if err == nil || !strings.Contains(err.Error(), "501") {
		t.Errorf("got %v, want the cause", err)
	}
	oneUser(t, r.converge(t, want("joe", enabled, 2, "1M/1M")), router.ErrRejected, "joe")
}

func TestWithoutAnAPI_ARefusedRateChangeRedials(t *testing.T) {
	t.Parallel()
	r := setupRemote(t, patient())
	first := dialled(t, r)
	r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultNAK, Cause: uint32(coa.UnsupportedAttribute), Times: 1})
	r.aaa.allow("joe", "10M/20M")
	r.mustConverge(t, want("joe", enabled, 2, "10M/20M"))
	if now := r.online(t, "joe", "10M/20M"); now.ID == first.ID {
		t.Error("the session is the same one")
	}
}

func TestWithoutAnAPI_SilenceIsAboutTheWholeRouter(t *testing.T) {
	t.Parallel()
	for _, kind := range []mikrosim.FaultKind{mikrosim.FaultWrongSecret, mikrosim.FaultDown, mikrosim.FaultSilent, mikrosim.FaultBadAnswer} {
		cfg := patient()
		cfg.CoA = client(50 * time.Millisecond)
		r := setupRemote(t, cfg)
		dialled(t, r)
		r.fault(t, mikrosim.Fault{Kind: kind})
		for _, state := range []account.State{disabled, enabled} {
			err := r.converge(t, want("joe", state, 2, "1M/1M"))
			wholeRouter(t, err)
			if !errors.Is(err, coa.ErrSilent) {
				t.Errorf("%s: got %v, want ErrSilent", kind, err)
			}
		}
	}
}

func TestWithoutAnAPI_TheRouterIsRightAndNotTheList(t *testing.T) {
	t.Parallel()
	r := setupRemote(t, patient())
	dialled(t, r)
	r.aaa.deny("joe")
	// The stop of this session is never reported.
	r.sim.Reboot()
	r.refused(t, "joe")
	if known, _ := r.aaa.OpenSessions(t.Context(), 1, "joe"); len(known) != 1 {
		t.Fatalf("accounting lists %v; want the session that is gone", known)
	}
	r.mustConverge(t, want("joe", disabled, 2, "5M/10M"))
}

func TestWithoutAnAPI_AnUnlistedSessionEndsToo(t *testing.T) {
	t.Parallel()
	cfg := patient()
	cfg.Sessions = nobodyListed{}
	r := setupRemote(t, cfg)
	dialled(t, r)
	r.aaa.deny("joe")
	r.mustConverge(t, want("joe", disabled, 2, "5M/10M"))
	r.offline(t, "joe")
}

type nobodyListed struct{}

func (nobodyListed) OpenSessions(context.Context, int64, string) ([]router.Session, error) {
	return nil, nil
}

func (nobodyListed) Doubt(context.Context, int64, string, string) error { return nil }

type brokenList struct{}

func (brokenList) OpenSessions(context.Context, int64, string) ([]router.Session, error) {
	return nil, errors.New("the database is away")
}

func (brokenList) Doubt(context.Context, int64, string, string) error {
	return errors.New("the database is away")
}

func TestWithoutAnAPI_AListThatCannotBeReadConfirmsNothing(t *testing.T) {
	t.Parallel()
	cfg := patient()
	cfg.Sessions = brokenList{}
	r := setupRemote(t, cfg)
	wholeRouter(t, r.converge(t, want("joe", disabled, 2, "5M/10M")))
}

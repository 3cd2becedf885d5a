package router_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qserve/account"
	"qserve/router"
	"qserve/router/coa"
	"qserve/router/mikrosim"
)

// TestAnyHistoryInModeRadius_EndsAsWanted does the same for a router that asks RADIUS, in every way in which it may take
// address lists by CoA: a convergence without an error must be true at that moment.
func TestAnyHistoryInModeRadius_EndsAsWanted(t *testing.T) {
	t.Parallel()
	for name, sim := range map[string]mikrosim.Config{
		"lists by CoA": {}, "lists refused": {CoAWithoutAddressList: true}, "lists ignored": {CoAIgnoresAddressList: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := patient()
			cfg.LookFor, cfg.CoA = 20*time.Millisecond, client(20*time.Millisecond)
			r := setup(t, cfg, router.Radius, sim)
			run := 0
			rapid.Check(t, func(rt *rapid.T) {
				run++
				user := fmt.Sprintf("user-%d", run)
				w := want(user, disabled, 0, "5M/10M")
				r.aaa.deny(user)
				actions := map[string]func(*rapid.T){
					"want": func(rt *rapid.T) {
						w = wantByRadius(rt, w)
						if w.Line.State == enabled {
							r.aaa.allowIn(user, string(w.Line.Rate), w.Line.AddressList)
						} else {
							r.aaa.deny(user)
						}
						r.mustConverge(t, w)
						holdsByRadius(rt, r.sim.State(), w)
					},
					"dial": func(rt *rapid.T) {
						on := rapid.Bool().Draw(rt, "on")
						r.sim.SetCustomer(user, linePass, on)
						if on && w.Line.State == enabled {
							r.wait(t, func(s mikrosim.State) bool { _, ok := s.Session(user); return ok })
						} else if on {
							r.refused(t, user)
						}
					},
					"break": func(rt *rapid.T) {
						r.fault(t, rapid.SampledFrom([]mikrosim.Fault{
							{Kind: mikrosim.FaultNone}, {Kind: mikrosim.FaultAckOnly}, {Kind: mikrosim.FaultNAK},
							{Kind: mikrosim.FaultNAK, Cause: uint32(coa.SessionNotFound)},
							{Kind: mikrosim.FaultNAK, Cause: uint32(coa.UnsupportedAttribute), Times: 1},
						}).Draw(rt, "fault"))
					},
				}
				for range rapid.IntRange(1, 10).Draw(rt, "actions") { // few, since a router that ignores costs patience
					actions[rapid.SampledFrom([]string{"want", "want", "dial", "break"}).Draw(rt, "action")](rt)
				}
				r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultNone})
				r.aaa.deny(user)
				r.sim.SetCustomer(user, "", false)
			})
		})
	}
}

func wantByRadius(rt *rapid.T, before router.Want) router.Want {
	w := want(before.Username, rapid.SampledFrom([]account.State{enabled, enabled, enabled, disabled}).Draw(rt, "state"),
		before.Gen+1, rapid.SampledFrom([]account.Rate{"5M/10M", "1M/2M"}).Draw(rt, "rate"))
	if w.Line.State == enabled && rapid.Bool().Draw(rt, "garden") {
		w.Line.AddressList = account.GardenList
	}
	return w
}

func holdsByRadius(rt *rapid.T, state mikrosim.State, w router.Want) {
	session, online := state.Session(w.Username)
	switch {
	case !online:
	case w.Line.State != enabled:
		rt.Fatalf("%s is %s and online: %+v", w.Username, w.Line.State, session)
	case session.Rate != string(w.Line.Rate) || (session.AddressList == account.GardenList) != (w.Line.AddressList != ""):
		rt.Fatalf("%s is online with %s in list %q; want %+v", w.Username, session.Rate, session.AddressList, w.Line)
	}
}

package router_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
	"qserve/router"
	"qserve/router/coa"
	"qserve/router/mikrosim"
)

// slow is the rate of the garden.
const slow = account.Rate("256k/256k")

// lists waits until the user's session is in the list, "" for none, and returns it.
func (r *rig) lists(t *testing.T, user, list string) mikrosim.Active {
	t.Helper()
	var session mikrosim.Active
	r.wait(t, func(s mikrosim.State) bool {
		var ok bool
		session, ok = s.Session(user)
		return ok && session.AddressList == list
	})
	return session
}

func TestAnExpiredCustomerWithAGarden_GoesInAndOutWithoutLosingTheSession(t *testing.T) {
	t.Parallel()
	bothRadius(t, func(t *testing.T, r *rig) {
		t.Helper()
		first := dialled(t, r)
		r.aaa.allowIn("joe", string(slow), account.GardenList)
		r.mustConverge(t, garden(want("joe", enabled, 2, slow)))
		if now := r.lists(t, "joe", account.GardenList); now.ID != first.ID || now.Rate != "256k/256k" {
			t.Errorf("the session is %+v; want the first one, slow and in the garden", now)
		}
		r.aaa.recorded("joe", slow, account.GardenList)
		r.aaa.allow("joe", "5M/10M")
		r.mustConverge(t, want("joe", enabled, 3, "5M/10M"))
		if now := r.lists(t, "joe", router.ActiveList); now.ID != first.ID || now.Rate != "5M/10M" {
			t.Errorf("the session is %+v; want the first one, fast and out of the garden", now)
		}
		if n := r.called("coa ack"); n != 4 {
			t.Errorf("%d CoA-ACKs; want one for each rate and each list", n)
		}
	})
}

func TestAPaymentOfACustomerOutsideTheGarden_SendsNothingAndCostsOneLook(t *testing.T) {
	t.Parallel()
	r := setupRadius(t, patient())
	dialled(t, r)
	got := r.commands(func() { r.mustConverge(t, want("joe", enabled, 2, "5M/10M")) })
	commands := map[string]int{
		"/ppp/secret/print": 1, "/ppp/active/print": 1, "/queue/simple/print": 1, "/ip/firewall/address-list/print": 1,
	}
	if diff := cmp.Diff(commands, got); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	r.sim.SetCustomer("joe", linePass, false)
	got = r.commands(func() { r.mustConverge(t, want("joe", enabled, 3, "5M/10M")) })
	if diff := cmp.Diff(map[string]int{"/ppp/secret/print": 1, "/ppp/active/print": 1}, got); diff != "" {
		t.Errorf("commands for a customer who is offline (-want +got):\n%s", diff)
	}
	if n := r.sim.State().Counters.CoA.Requests; n != 0 {
		t.Errorf("%d packets were sent", n)
	}
}

// TestARouterThatDoesNotTakeAddressListsByCoA_GetsARedial has the ways in which a router may not: what they do is not
// documented.
func TestARouterThatDoesNotTakeAddressListsByCoA_GetsARedial(t *testing.T) {
	t.Parallel()
	for name, sim := range map[string]mikrosim.Config{
		"it refuses":             {CoAWithoutAddressList: true},
		"it says yes and no":     {CoAIgnoresAddressList: true},
		"it hangs up in a while": {CoAWithoutAddressList: true, DropDelay: 50 * time.Millisecond},
	} {
		for _, api := range []bool{true, false} {
			if !api && sim.CoAIgnoresAddressList {
				continue // there is nothing to see it by
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				cfg := patient()
				cfg.LookFor = 200 * time.Millisecond
				r := setup(t, cfg, router.Radius, sim)
				if !api {
					r.target.API = router.API{}
				}
				first := dialled(t, r)
				r.aaa.allowIn("joe", string(slow), account.GardenList)
				r.mustConverge(t, garden(want("joe", enabled, 2, slow)))
				second := r.lists(t, "joe", account.GardenList)
				if second.ID == first.ID || second.Rate != "256k/256k" {
					t.Errorf("the session is %+v; want another one, slow and in the garden", second)
				}
				r.accounted(t, second)
				r.aaa.allow("joe", "5M/10M")
				r.mustConverge(t, want("joe", enabled, 3, "5M/10M"))
				if third := r.lists(t, "joe", ""); third.ID == second.ID || third.Rate != "5M/10M" {
					t.Errorf("the session is %+v; want another one, fast and out of the garden", third)
				}
			})
		}
	}
}

// accounted waits until accounting lists a session, and no other of joe.
func (r *rig) accounted(t *testing.T, session mikrosim.Active) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		known, _ := r.aaa.OpenSessions(ctx, 1, "joe")
		if len(known) == 1 && "0x"+strings.ToUpper(known[0].AcctSessionID) == session.SessionID {
			return
		}
	}
	t.Fatal("the session was not accounted")
}

func TestADialIntoTheGarden_IsRightAtOnce(t *testing.T) {
	t.Parallel()
	bothRadius(t, func(t *testing.T, r *rig) {
		t.Helper()
		r.aaa.allowIn("joe", string(slow), account.GardenList)
		r.sim.SetCustomer("joe", linePass, true)
		r.accounted(t, r.lists(t, "joe", account.GardenList))
		r.mustConverge(t, garden(want("joe", enabled, 2, slow)))
		if n := r.sim.State().Counters.CoA.Requests; n != 0 {
			t.Errorf("%d packets were sent", n)
		}
	})
}

func TestAPersonsEntryInTheGardensList_IsSaidAndLeftAlone(t *testing.T) {
	t.Parallel()
	for _, mode := range []router.Mode{router.Local, router.Radius} {
		r := setup(t, patient(), mode, mikrosim.Config{})
		w := want("joe", enabled, 1, "5M/10M")
		if mode == router.Radius {
			dialled(t, r)
		} else {
			r.mustConverge(t, w)
			r.sim.SetCustomer("joe", linePass, true)
		}
		first := r.online(t, "joe", "5M/10M")
		r.operator(t, func(c *operatorConn) {
			c.types("/ip/firewall/address-list/add", "=list="+account.GardenList, "=address="+first.Address, "=comment=does not pay",
				"=disabled=yes")
		})
		r.mustConverge(t, w)
		r.operator(t, func(c *operatorConn) {
			c.types("/ip/firewall/address-list/enable", "=.id="+r.sim.State().AddressList[0].ID)
		})
		err := r.converge(t, w)
		oneUser(t, err, router.ErrForeign, "joe")
		if advice := "/ip/firewall/address-list/remove [find list=qserve-expired address=" + first.Address + "]"; err == nil ||
			!strings.Contains(err.Error(), advice) {
			t.Errorf("%s: %v does not say %q", mode, err, advice)
		}
		if now := r.lists(t, "joe", account.GardenList); now.ID != first.ID {
			t.Errorf("%s: the session was ended", mode)
		}
	}
}

func TestWithoutAnAPI_AnUnknownSessionIsSetOnceMore(t *testing.T) {
	t.Parallel()
	for _, has := range []bool{true, false} {
		r := setupRemote(t, patient())
		r.target.Garden = has
		dialled(t, r)
		r.aaa.recorded("joe", "", "")
		r.mustConverge(t, want("joe", enabled, 2, "5M/10M"))
		wanted := map[bool]string{true: router.ActiveList, false: ""}[has]
		if now := r.online(t, "joe", "5M/10M"); now.AddressList != wanted {
			t.Errorf("router with a garden: %v; the session is in list %q, want %q", has, now.AddressList, wanted)
		}
	}
}

func TestWithoutAnAPI_AnAddressListThatIsRefusedForGood(t *testing.T) {
	t.Parallel()
	r := setupRemote(t, patient())
	dialled(t, r)
	r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultNAK, Cause: uint32(coa.AdministrativelyProhibited)})
	oneUser(t, r.converge(t, garden(want("joe", enabled, 2, "5M/10M"))), router.ErrRejected, "joe")
}

func TestInModeLocal_ACustomerWithoutAFixedAddressRedialsIntoTheGardenAndOut(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.sim.SetCustomer("joe", linePass, true)
	first := r.online(t, "joe", "5M/10M")
	// The garden may be as fast as the plan: then the list alone tells.
	for i, rate := range []account.Rate{slow, "5M/10M"} {
		gen := int64(10 * (i + 1))
		r.mustConverge(t, garden(want("joe", enabled, gen, rate)))
		inside := r.lists(t, "joe", account.GardenList)
		upload, download := account.Rate(inside.Rate).Pair()
		if wantUp, wantDown := rate.Pair(); inside.ID == first.ID || upload != wantUp || download != wantDown {
			t.Errorf("the session is %+v; want another one with %s", inside, rate)
		}
		r.mustConverge(t, garden(want("joe", enabled, gen+1, rate)))
		if same := r.lists(t, "joe", account.GardenList); same.ID != inside.ID {
			t.Error("the session was ended although it fits")
		}
		r.mustConverge(t, want("joe", enabled, gen+2, "5M/10M"))
		if first = r.lists(t, "joe", ""); first.ID == inside.ID || first.Rate != "5M/10M" {
			t.Errorf("the session is %+v; want another one out of the garden", first)
		}
	}
	if entries := r.sim.State().AddressList; len(entries) != 0 {
		t.Errorf("left in address lists: %+v", entries)
	}
}

func TestCheck_LooksForTheGardenWhereThereIsOne(t *testing.T) {
	t.Parallel()
	for _, mode := range []router.Mode{router.Local, router.Radius} {
		r := setup(t, patient(), mode, mikrosim.Config{})
		if problems := check(t, r).Problems; len(problems) != 0 {
			t.Errorf("%s: problems %q on a router without a garden", mode, problems)
		}
		r.target.Garden = true
		problems := check(t, r).Problems
		if len(problems) != 1 || !strings.Contains(problems[0], "/ip/firewall/nat/add chain=dstnat src-address-list=qserve-expired") {
			t.Errorf("%s: problems %q; want the garden that is missing", mode, problems)
		}
		r.operator(t, func(c *operatorConn) {
			c.types("/ip/firewall/filter/add", "=chain=forward", "=src-address-list=qserve-expired", "=action=reject", "=disabled=yes")
		})
		if problems := check(t, r).Problems; len(problems) != 1 {
			t.Errorf("%s: problems %q with a rule that is off", mode, problems)
		}
		r.operator(t, func(c *operatorConn) {
			c.types("/ip/firewall/nat/add", "=chain=dstnat", "=src-address-list=qserve-expired", "=action=dst-nat", "=to-addresses=10.9.0.1")
		})
		if problems := check(t, r).Problems; len(problems) != 0 {
			t.Errorf("%s: problems %q with a garden", mode, problems)
		}
	}
}

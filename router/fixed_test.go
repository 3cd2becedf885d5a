package router_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"qserve/account"
	"qserve/router"
	"qserve/router/mikrosim"
	"qserve/router/routeros/routerostest"
)

const home = "100.64.9.9"

// settled is a router in mode local where joe is online with a fixed address.
func settled(t *testing.T, sim mikrosim.Config) (*rig, mikrosim.Active) {
	t.Helper()
	r := setup(t, patient(), router.Local, sim)
	r.mustConverge(t, at(home, want("joe", enabled, 1, "5M/10M")))
	r.sim.SetCustomer("joe", linePass, true)
	return r, r.online(t, "joe", "5M/10M")
}

// static are the queues that no session made.
func static(s mikrosim.State) []mikrosim.Queue {
	var queues []mikrosim.Queue
	for _, q := range s.Queues {
		if !q.Dynamic {
			queues = append(queues, q)
		}
	}
	return queues
}

func TestACustomerWithAFixedAddress_ChangesPackageWithoutLosingTheSession(t *testing.T) {
	t.Parallel()
	r, first := settled(t, mikrosim.Config{})
	if first.Address != home || first.Radius {
		t.Errorf("session %+v; want a local one with the fixed address", first)
	}
	for i, rate := range []account.Rate{"10M/20M", "10M/20M 15M/30M 8M/16M 10 5", "512k/2M"} {
		r.mustConverge(t, at(home, want("joe", enabled, int64(2+i), rate)))
		if now := r.online(t, "joe", strings.Fields(string(rate))[0]); now.ID != first.ID {
			t.Errorf("%s: the session was ended", rate)
		}
	}
	st := r.sim.State()
	queue := mikrosim.Queue{Name: "qserve-joe", Target: home + "/32", MaxLimit: "512000/2000000", Comment: "qserve:7"}
	if diff := cmp.Diff([]mikrosim.Queue{queue}, st.Queues, cmpopts.IgnoreFields(mikrosim.Queue{}, "ID")); diff != "" {
		t.Errorf("queues, of which a second would limit once more (-want +got):\n%s", diff)
	}
	if s := secretOf(t, r, "joe"); s.Profile != "qserve-fixed" || s.RemoteAddress != home {
		t.Errorf("secret %+v", s)
	}
	for _, p := range st.Profiles {
		if p.Name == "qserve-fixed" && (p.RateLimit != "" || p.LocalAddress != "10.0.0.1") {
			t.Errorf("profile %+v; want one without a rate", p)
		}
	}
}

func TestACustomerWithAFixedAddress_GoesIntoTheGardenAndOutWithoutLosingTheSession(t *testing.T) {
	t.Parallel()
	r, first := settled(t, mikrosim.Config{})
	for gen := int64(2); gen < 6; gen += 2 {
		r.mustConverge(t, garden(at(home, want("joe", enabled, gen, slow))))
		if now := r.lists(t, "joe", account.GardenList); now.ID != first.ID || now.Rate != "256k/256k" {
			t.Errorf("session %+v; want the first, slow and in the garden", now)
		}
		r.mustConverge(t, at(home, want("joe", enabled, gen+1, "5M/10M")))
		if now := r.lists(t, "joe", ""); now.ID != first.ID || now.Rate != "5M/10M" {
			t.Errorf("session %+v; want the first, fast and out of the garden", now)
		}
	}
}

func TestEveryFieldOfARate_IsInTheQueueAndLeavesItWithTheNextRate(t *testing.T) {
	t.Parallel()
	r, _ := settled(t, mikrosim.Config{})
	for rate, fields := range map[account.Rate]string{
		"5M/10M":                            "5000000/10000000 0/0 0/0 0s/0s 8/8 0/0",
		"5M/10M 8M/16M":                     "5000000/10000000 8000000/16000000 5000000/10000000 1s/1s 8/8 0/0",
		"5M/10M 8M/16M 4M/8M":               "5000000/10000000 8000000/16000000 4000000/8000000 1s/1s 8/8 0/0",
		"5M/10M 8M/16M 4M/8M 10/20 3 1M/2M": "5000000/10000000 8000000/16000000 4000000/8000000 10s/20s 3/3 1000000/2000000",
		"5M/10M 0/0 0/0 0/0 2":              "5000000/10000000 0/0 0/0 0s/0s 2/2 0/0",
		"3M":                                "3000000/3000000 0/0 0/0 0s/0s 8/8 0/0",
	} {
		r.mustConverge(t, at(home, want("joe", enabled, 2, rate)))
		r.operator(t, func(c *operatorConn) {
			reply, err := c.client.Run("/queue/simple/print", "?name=qserve-joe")
			if err != nil || len(reply.Re) != 1 {
				t.Fatalf("queues %v, %v", reply, err)
			}
			row := reply.Re[0].Map
			got := strings.Join([]string{
				row["max-limit"], row["burst-limit"], row["burst-threshold"], row["burst-time"], row["priority"], row["limit-at"],
			}, " ")
			if got != fields {
				t.Errorf("%s: the queue has %s, want %s", rate, got, fields)
			}
		})
		got := r.commands(func() { r.mustConverge(t, at(home, want("joe", enabled, 2, rate))) })
		if got["/queue/simple/set"] != 0 {
			t.Errorf("%s: the queue is right and was written again", rate)
		}
	}
}

func TestACustomerWhoIsCutOrGone_LeavesNoQueueAndNoEntry(t *testing.T) {
	t.Parallel()
	for _, state := range []account.State{disabled, absent} {
		for _, mode := range []router.Mode{router.Local, router.Radius} {
			r := setupRadius(t, patient())
			r.target.Mode = router.Local
			r.mustConverge(t, garden(at(home, want("joe", enabled, 1, slow))))
			r.sim.SetCustomer("joe", linePass, true)
			r.lists(t, "joe", account.GardenList)
			r.target.Mode, r.target.Revision = mode, 2
			w := want("joe", state, 2, "5M/10M")
			if state == disabled {
				w = at(home, w)
			}
			r.mustConverge(t, w)
			r.offline(t, "joe")
			r.refused(t, "joe")
			if st := r.sim.State(); len(st.Queues)+len(st.AddressList) != 0 {
				t.Errorf("%s in mode %s: left %+v, %+v", state, mode, st.Queues, st.AddressList)
			}
		}
	}
}

func TestAFixedAddressGivenUpOrChanged_TakesItsQueueAndEntryAlong(t *testing.T) {
	t.Parallel()
	r, _ := settled(t, mikrosim.Config{})
	r.mustConverge(t, garden(at(home, want("joe", enabled, 2, slow))))
	r.mustConverge(t, garden(at("100.64.9.10", want("joe", enabled, 3, slow))))
	if now := r.lists(t, "joe", account.GardenList); now.Address != "100.64.9.10" {
		t.Errorf("session %+v", now)
	}
	st := r.sim.State()
	if queues := static(st); len(queues) != 1 || queues[0].Target != "100.64.9.10/32" {
		t.Errorf("queues %+v; want the one of the new address", queues)
	}
	if len(st.AddressList) != 1 || st.AddressList[0].Address != "100.64.9.10" {
		t.Errorf("address lists %+v; want the new address alone", st.AddressList)
	}
	r.mustConverge(t, want("joe", enabled, 4, "5M/10M"))
	if now := r.lists(t, "joe", ""); now.Rate != "5M/10M" {
		t.Errorf("session %+v", now)
	}
	if st := r.sim.State(); len(static(st)) != 0 || len(st.AddressList) != 0 {
		t.Errorf("left %+v and %+v", static(st), st.AddressList)
	}
}

func TestAQueueWithoutOurMarker_IsNeverTouched(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.operator(t, func(c *operatorConn) {
		c.types("/queue/simple/add", "=name=qserve-joe", "=target="+home, "=max-limit=1M/1M", "=comment=by hand")
	})
	before := r.sim.State().Queues
	err := r.converge(t, at(home, want("joe", enabled, 1, "5M/10M")))
	oneUser(t, err, router.ErrForeign, "joe")
	if err == nil || !strings.Contains(err.Error(), `/queue/simple/set [find name="qserve-joe"] name=`) {
		t.Errorf("%v does not say what to type", err)
	}
	if secrets := r.sim.State().Secrets; len(secrets) != 0 {
		t.Errorf("secrets %+v: this one lets the customer in without a limit", secrets)
	}
	// Who needs no queue is not kept from anything.
	r.mustConverge(t, want("joe", enabled, 2, "5M/10M"))
	r.mustConverge(t, at(home, want("joe", disabled, 3, "5M/10M")))
	r.mustConverge(t, want("joe", absent, 4, ""))
	if diff := cmp.Diff(before, r.sim.State().Queues); diff != "" {
		t.Errorf("the queue changed:\n%s", diff)
	}
}

func TestEditsOfTheQueueAndTheEntryByHand_AreUndone(t *testing.T) {
	t.Parallel()
	r, first := settled(t, mikrosim.Config{})
	inside := garden(at(home, want("joe", enabled, 2, slow)))
	r.mustConverge(t, inside)
	before := r.sim.State()
	for _, edit := range [][]string{
		{"/queue/simple/set", "=numbers=qserve-joe", "=max-limit=1M/1M"},
		{"/queue/simple/set", "=numbers=qserve-joe", "=target=100.64.9.200"},
		{"/queue/simple/set", "=numbers=qserve-joe", "=burst-limit=1M/1M"},
		{"/queue/simple/set", "=numbers=qserve-joe", "=disabled=yes"},
		{"/queue/simple/set", "=numbers=qserve-joe", "=comment=qserve:99"},
		{"/ip/firewall/address-list/set", "=.id=" + before.AddressList[0].ID, "=disabled=yes"},
		{"/ip/firewall/address-list/set", "=.id=" + before.AddressList[0].ID, "=comment=qserve:99"},
	} {
		r.operator(t, func(c *operatorConn) { c.types(edit...) })
		r.mustConverge(t, inside)
		now := r.sim.State()
		if diff := cmp.Diff([]any{before.Queues, before.AddressList}, []any{now.Queues, now.AddressList}); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", edit, diff)
		}
	}
	if now := r.lists(t, "joe", account.GardenList); now.ID != first.ID {
		t.Error("the session was ended")
	}
}

func TestASessionOfAnOlderProfile_RedialsSoThatOneQueueLimitsIt(t *testing.T) {
	t.Parallel()
	for _, inside := range []bool{false, true} {
		r := setupLocal(t, patient())
		// So a session looks that got the same address from the pool, with the limit and the list of its profile.
		w, entries := want("joe", enabled, 1, slow), 0
		if inside {
			w, entries = garden(w), 1
		}
		r.mustConverge(t, w)
		r.sim.SetCustomer("joe", linePass, true)
		first := r.lists(t, "joe", w.Line.AddressList)
		w.Gen = 2
		r.mustConverge(t, at(first.Address, w))
		r.wait(t, func(s mikrosim.State) bool { a, ok := s.Session("joe"); return ok && a.ID != first.ID })
		st := r.sim.State()
		if len(st.Queues) != 1 || st.Queues[0].Dynamic || len(st.AddressList) != entries || inside && st.AddressList[0].Dynamic {
			t.Errorf("queues %+v, entries %+v; want our own alone", st.Queues, st.AddressList)
		}
	}
}

func TestARateTypedIntoTheProfileOfFixedAddresses_IsTakenOut(t *testing.T) {
	t.Parallel()
	r, _ := settled(t, mikrosim.Config{})
	r.operator(t, func(c *operatorConn) {
		c.types("/ppp/profile/set", "=numbers=qserve-fixed", "=rate-limit=1M/1M", "=address-list="+account.GardenList)
	})
	r.target.Revision++ // a new connection looks again
	r.mustConverge(t, at(home, want("joe", enabled, 2, "5M/10M")))
	for _, p := range r.sim.State().Profiles {
		if p.Name == "qserve-fixed" && (p.RateLimit != "" || p.AddressList != "") {
			t.Errorf("profile %+v", p)
		}
	}
}

func TestANoteBehindTheMarker_StaysWithTheQueue(t *testing.T) {
	t.Parallel()
	r, _ := settled(t, mikrosim.Config{})
	r.operator(t, func(c *operatorConn) {
		c.types("/queue/simple/set", "=numbers=qserve-joe", "=comment=qserve:7 corner house")
	})
	r.mustConverge(t, at(home, want("joe", enabled, 2, "1M/2M")))
	if queues := static(r.sim.State()); len(queues) != 1 || queues[0].Comment != "qserve:7 corner house" || queues[0].MaxLimit != "1000000/2000000" {
		t.Errorf("queues %+v", queues)
	}
}

func TestALeftoverQueueInModeRadius_GoesWithTheSubscriber(t *testing.T) {
	t.Parallel()
	r := setupRadius(t, patient())
	r.target.Mode = router.Local
	r.mustConverge(t, garden(at(home, want("joe", enabled, 1, slow))))
	r.operator(t, func(c *operatorConn) { c.types("/ppp/secret/remove", "=numbers=joe") })
	r.target.Mode, r.target.Revision = router.Radius, 2
	r.mustConverge(t, want("joe", absent, 2, ""))
	if st := r.sim.State(); len(st.Queues)+len(st.AddressList) != 0 {
		t.Errorf("left %+v, %+v", st.Queues, st.AddressList)
	}
}

func TestAPersonsEntryOfAFixedAddress_IsSaidAndLeftAlone(t *testing.T) {
	t.Parallel()
	r, _ := settled(t, mikrosim.Config{})
	r.operator(t, func(c *operatorConn) {
		c.types("/ip/firewall/address-list/add", "=list="+account.GardenList, "=address="+home, "=comment=does not pay")
	})
	before := r.sim.State().AddressList
	oneUser(t, r.converge(t, at(home, want("joe", enabled, 2, "5M/10M"))), router.ErrForeign, "joe")
	// Who is to be in the garden is there already.
	r.mustConverge(t, garden(at(home, want("joe", enabled, 3, slow))))
	r.mustConverge(t, want("joe", absent, 4, ""))
	if diff := cmp.Diff(before, r.sim.State().AddressList); diff != "" {
		t.Errorf("the entry changed:\n%s", diff)
	}
}

func TestAnAddressThatChangesHands_IsItsNewHoldersAlone(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	joe := garden(at(home, want("joe", enabled, 1, slow)))
	r.mustConverge(t, joe)
	ann := garden(at(home, want("ann", enabled, 1, slow)))
	ann.ProvisionID = 8
	r.mustConverge(t, ann)
	r.mustConverge(t, want("joe", absent, 2, ""))
	st := r.sim.State()
	if len(st.AddressList) != 1 || st.AddressList[0].Comment != "qserve:8" {
		t.Errorf("entries %+v; want ann's", st.AddressList)
	}
	if queues := static(st); len(queues) != 1 || queues[0].Name != "qserve-ann" {
		t.Errorf("queues %+v; want ann's", queues)
	}
}

func TestALostAnswerOnTheWayToQueueOrGarden_ConvergesOnTheNextTry(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		command       string
		before, after router.Want
	}{
		"add queue":     {"/queue/simple/add", want("joe", enabled, 1, "5M/10M"), at(home, want("joe", enabled, 2, "1M/2M"))},
		"set queue":     {"/queue/simple/set", at(home, want("joe", enabled, 1, "5M/10M")), at(home, want("joe", enabled, 2, "1M/2M"))},
		"remove queue":  {"/queue/simple/remove", at(home, want("joe", enabled, 1, "5M/10M")), want("joe", absent, 2, "")},
		"give up queue": {"/queue/simple/remove", at(home, want("joe", enabled, 1, "5M/10M")), want("joe", enabled, 2, "1M/2M")},
		"add entry": {
			"/ip/firewall/address-list/add", at(home, want("joe", enabled, 1, "5M/10M")), garden(at(home, want("joe", enabled, 2, slow))),
		},
		"remove entry": {
			"/ip/firewall/address-list/remove", garden(at(home, want("joe", enabled, 1, slow))), at(home, want("joe", enabled, 2, "5M/10M")),
		},
		"remove entry of who is gone": {
			"/ip/firewall/address-list/remove", garden(at(home, want("joe", enabled, 1, slow))), want("joe", absent, 2, ""),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setupLocal(t, patient())
			r.mustConverge(t, test.before)
			r.sim.SetCustomer("joe", linePass, true)
			r.wait(t, func(s mikrosim.State) bool { _, ok := s.Session("joe"); return ok })
			r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultReset, Command: test.command, Times: 1})
			wholeRouter(t, r.converge(t, test.after))
			r.mustConverge(t, test.after)
			st := r.sim.State()
			wantQueues, wantEntries := 0, 0
			if test.after.Line.Address != "" {
				wantQueues = 1
			}
			if test.after.Line.AddressList != "" {
				wantEntries = 1
			}
			if len(static(st)) != wantQueues || len(st.AddressList) != wantEntries {
				t.Errorf("queues %+v, entries %+v", static(st), st.AddressList)
			}
			if test.after.Line.State == enabled {
				r.online(t, "joe", string(test.after.Line.Rate))
			}
		})
	}
}

func TestAnAttemptThatEndedHalfway_LeavesNoQueueWhenTheAddressIsGivenUpMeanwhile(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"/queue/simple/add", "/ppp/secret/set"} {
		for _, state := range []account.State{enabled, disabled, absent} {
			r := setupLocal(t, patient())
			r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
			r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultReset, Command: command, Times: 1})
			wholeRouter(t, r.converge(t, garden(at(home, want("joe", enabled, 2, slow)))))
			r.mustConverge(t, want("joe", state, 3, "5M/10M"))
			if st := r.sim.State(); len(st.Queues)+len(st.AddressList) != 0 {
				t.Errorf("%s, then %s: left %+v, %+v", command, state, st.Queues, st.AddressList)
			}
		}
	}
}

func TestARouterThatDoesNotKeepQueueOrEntry_IsNotConfirmed(t *testing.T) {
	t.Parallel()
	queue := func(more ...string) []byte {
		return routerostest.Sentence(append([]string{"!re", "=.id=*5", "=name=qserve-joe", "=target=100.64.9.9/32",
			"=disabled=false", "=comment=qserve:7"}, more...)...)
	}
	entry := routerostest.Sentence("!re", "=.id=*6", "=list=qserve-expired", "=address=100.64.9.9", "=comment=qserve:7")
	right := queue("=max-limit=256000/256000")
	inside := garden(at(home, want("joe", enabled, 2, slow)))
	for name, test := range map[string]struct {
		queues, entries [][]byte
		want            router.Want
	}{
		"the queue is not there":         {want: inside},
		"the queue has another rate":     {queues: [][]byte{queue("=max-limit=5000000/5000000")}, entries: [][]byte{entry}, want: inside},
		"the queue has no rate":          {queues: [][]byte{queue()}, entries: [][]byte{entry}, want: inside},
		"the queue still bursts":         {queues: [][]byte{queue("=max-limit=256000/256000", "=burst-limit=1000000/1000000")}, want: inside},
		"the entry is not there":         {queues: [][]byte{right}, want: inside},
		"the entry is still there":       {queues: [][]byte{right}, entries: [][]byte{entry}, want: at(home, want("joe", enabled, 2, slow))},
		"the queue of who is gone stays": {queues: [][]byte{right}, want: want("joe", absent, 2, "")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := scripted(t, router.Local, func(w io.Writer, words []string) bool {
				switch words[0] {
				case "/ppp/secret/print":
					if test.want.Line.State == absent {
						return rows(w)
					}
					return rows(w, routerostest.Sentence("!re", "=.id=*1", "=name=joe", "=service=pppoe", "=profile=qserve-fixed",
						"=disabled=false", "=remote-address=100.64.9.9", "=comment=qserve:7 gen=2"))
				case "/ppp/profile/print":
					return rows(w, routerostest.Sentence("!re", "=.id=*2", "=name=qserve-fixed"))
				case "/queue/simple/print":
					return rows(w, test.queues...)
				case "/ip/firewall/address-list/print":
					return rows(w, test.entries...)
				}
				return rows(w)
			})
			oneUser(t, r.converge(t, test.want), router.ErrNotConfirmed, "joe")
		})
	}
}

func TestAQueueInTheWordsOfOtherVersions_IsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{
		{"=target=100.64.9.9/32", "=max-limit=5M/10M", "=burst-limit=8M/16M", "=burst-threshold=4000k/8M", "=burst-time=1m/1m", "=priority=8/8", "=limit-at=0/0"},
		{"=target=100.64.9.9", "=max-limit=5000000/10000000", "=burst-limit=8000000/16000000", "=burst-threshold=4000000/8000000", "=burst-time=00:01:00/00:01:00"},
	} {
		r, p := scripted(t, router.Local, func(w io.Writer, asked []string) bool {
			switch asked[0] {
			case "/ppp/secret/print":
				return rows(w, routerostest.Sentence("!re", "=.id=*1", "=name=joe", "=service=pppoe", "=profile=qserve-fixed",
					"=disabled=false", "=remote-address=100.64.9.9", "=comment=qserve:7 gen=2"))
			case "/ppp/profile/print":
				return rows(w, routerostest.Sentence("!re", "=.id=*2", "=name=qserve-fixed"))
			case "/queue/simple/print":
				return rows(w, routerostest.Sentence(append([]string{"!re", "=.id=*5", "=name=qserve-joe",
					"=comment=qserve:7 the corner house"}, words...)...))
			}
			return rows(w)
		})
		r.mustConverge(t, at(home, want("joe", enabled, 2, "5M/10M 8M/16M 4M/8M 60")))
		for _, sent := range p.Sentences() {
			if !strings.HasSuffix(sent[0], "/print") && sent[0] != "/login" {
				t.Errorf("sent %q to a router that is right", sent)
			}
		}
	}
}

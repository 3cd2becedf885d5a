package router_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"qserve/account"
	"qserve/router"
	"qserve/router/mikrosim"
	"qserve/router/routeros/routerostest"
)

func everyone(t *testing.T, r *rig) (sessions []router.UserSession, err error) {
	t.Helper()
	err = r.fleet.Use(t.Context(), r.target, func(d router.Driver) (err error) {
		sessions, err = d.AllSessions(t.Context())
		return err
	})
	slices.SortFunc(sessions, func(a, b router.UserSession) int { return cmp.Compare(a.Username, b.Username) })
	return sessions, err
}

func TestAllSessions_ShowWhoIsOnlineAtWhatRateAndWhere(t *testing.T) {
	t.Parallel()
	r := setupRadius(t, patient())
	r.target.Mode = router.Local
	wants := []router.Want{
		want("ann", enabled, 1, "5M/10M"), at(home, want("bob", enabled, 1, "1M/2M")),
		garden(at("100.64.9.10", want("cid", enabled, 1, slow))), garden(want("dan", enabled, 1, slow)),
		want("eve", disabled, 1, "5M/10M"),
	}
	for i, w := range wants {
		w.ProvisionID = int64(i + 1)
		r.mustConverge(t, w)
		r.sim.SetCustomer(w.Username, linePass, true)
	}
	r.aaa.allowIn("zoe", "3M/3M", account.GardenList)
	r.sim.SetCustomer("zoe", linePass, true)
	r.wait(t, func(s mikrosim.State) bool { return len(s.Active) == 5 })
	var got []router.UserSession
	commands := r.commands(func() {
		var err error
		if got, err = everyone(t, r); err != nil {
			t.Fatal(err)
		}
	})
	if diff := gocmp.Diff(map[string]int{
		"/ppp/active/print": 1, "/queue/simple/print": 1, "/ip/firewall/address-list/print": 1,
	}, commands); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	table := ""
	for _, s := range got {
		table += fmt.Sprintf("%s %s %q radius=%v\n", s.Username, s.Rate, s.AddressList, s.Radius)
		active, _ := r.sim.State().Session(s.Username)
		if s.Address.String() != active.Address || s.AcctSessionID == "" || s.Since.IsZero() {
			t.Errorf("session %+v, want %+v", s, active)
		}
		one := sessionsOf(t, r, s.Username)
		if len(one) != 1 || one[0].Rate != s.Rate || one[0].AddressList != s.AddressList || one[0].AcctSessionID != s.AcctSessionID {
			t.Errorf("%s alone is %+v, among all %+v", s.Username, one, s)
		}
	}
	const wantTable = `ann 5M/10M "" radius=false
bob 1M/2M "" radius=false
cid 256k/256k "qserve-expired" radius=false
dan 256k/256k "qserve-expired" radius=false
zoe 3M/3M "qserve-expired" radius=true
`
	if diff := gocmp.Diff(wantTable, table); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}
	r.target.Mode, r.target.Revision = router.Radius, 2
	if again, err := everyone(t, r); err != nil || len(again) != len(got) {
		t.Errorf("in mode radius: %d sessions, %v", len(again), err)
	}
}

func TestAQueueThatLimitsNothing_IsNobodysRate(t *testing.T) {
	t.Parallel()
	for _, edit := range []string{"=target=100.64.9.200", "=disabled=yes"} {
		r, _ := settled(t, mikrosim.Config{})
		r.operator(t, func(c *operatorConn) { c.types("/queue/simple/set", "=numbers=qserve-joe", edit) })
		all, err := everyone(t, r)
		if one := sessionsOf(t, r, "joe"); err != nil || len(all) != 1 || all[0].Rate != "" || len(one) != 1 || one[0].Rate != "" {
			t.Errorf("%s: %+v, %+v, %v; want one session without a rate", edit, all, one, err)
		}
	}
}

func sessionsOf(t *testing.T, r *rig, user string) (sessions []router.Session) {
	t.Helper()
	err := r.fleet.Use(t.Context(), r.target, func(d router.Driver) (err error) {
		sessions, err = d.Sessions(t.Context(), user)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sessions
}

// TestAllSessions_OfAFullRouterComeInOnePass has few rows only for the race detector's sake: 16,000 take a second without.
func TestAllSessions_OfAFullRouterComeInOnePass(t *testing.T) {
	t.Parallel()
	const n = 400
	r, p := scripted(t, router.Local, func(w io.Writer, words []string) bool {
		var list [][]byte
		for i := range n {
			switch words[0] {
			case "/ppp/active/print":
				list = append(list, routerostest.Sentence("!re", fmt.Sprintf("=.id=*%X", i+1), fmt.Sprintf("=name=user%d", i),
					"=service=pppoe", fmt.Sprintf("=address=10.%d.%d.1", i/250, i%250), fmt.Sprintf("=session-id=0x81%06X", i),
					"=radius=false", "=uptime=1d2h"))
			case "/queue/simple/print":
				list = append(list, routerostest.Sentence("!re", fmt.Sprintf("=name=<pppoe-user%d>", i),
					"=max-limit=5000000/10000000", "=dynamic=true"))
			}
		}
		return rows(w, list...)
	})
	r.fleet = router.NewFleet(router.Config{CommandTimeout: time.Minute})
	run(t, r.fleet)
	got, err := everyone(t, r)
	if err != nil || len(got) != n {
		t.Fatalf("%d sessions, %v", len(got), err)
	}
	if i := slices.IndexFunc(got, func(s router.UserSession) bool { return s.Rate != "5M/10M" || !s.Address.IsValid() }); i >= 0 {
		t.Errorf("session %+v", got[i])
	}
	prints := 0
	for _, words := range p.Sentences() {
		if words[0] != "/login" {
			prints++
		}
	}
	if prints != 3 {
		t.Errorf("%d commands", prints)
	}
}

func TestAllSessions_AreWholeOrAnError(t *testing.T) {
	t.Parallel()
	for _, menu := range []string{"/ppp/active/print", "/queue/simple/print", "/ip/firewall/address-list/print"} {
		r := setupLocal(t, patient())
		r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
		r.sim.SetCustomer("joe", linePass, true)
		r.online(t, "joe", "5M/10M")
		r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultDrop, Command: menu, Times: 1})
		got, err := everyone(t, r)
		wholeRouter(t, err)
		if len(got) != 0 {
			t.Errorf("%s was cut off, and there are sessions: %+v", menu, got)
		}
	}
	if got, err := everyone(t, setupRemote(t, patient())); !errors.Is(err, router.ErrNoList) || got != nil {
		t.Errorf("without an API: %+v, %v", got, err)
	}
}

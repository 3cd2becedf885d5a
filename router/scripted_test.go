package router_test

import (
	"io"
	"strings"
	"testing"

	"qserve/router"
	"qserve/router/routeros/routerostest"
)

// scripted is a fleet's view of a router that says exactly what the test says.
func scripted(t *testing.T, mode router.Mode, answer routerostest.Answer) (*rig, *routerostest.Peer) {
	t.Helper()
	p := routerostest.Listen(t, routerostest.LoggedIn(answer))
	r := &rig{calls: make(map[string]int), fleet: router.NewFleet(patient())}
	r.target = router.Target{
		ID: 1, Name: "north", Mode: mode, API: router.API{Address: p.Address, User: "qserve", Password: apiPassword, Plain: true},
	}
	run(t, r.fleet)
	return r, p
}

func rows(w io.Writer, rows ...[]byte) bool {
	return routerostest.Say(w, append(rows, routerostest.Sentence("!done"))...)
}

func TestASessionThatIsComingUp_IsNotDroppedForHavingNoRateYet(t *testing.T) {
	t.Parallel()
	for _, mode := range []router.Mode{router.Local, router.Radius} {
		looks, address := 0, "0.0.0.0"
		r, p := scripted(t, mode, func(w io.Writer, words []string) bool {
			switch words[0] {
			case "/ppp/secret/print":
				if mode == router.Radius {
					return rows(w)
				}
				return rows(w, routerostest.Sentence("!re", "=.id=*1", "=name=joe", "=service=pppoe", "=profile=qserve-5M-10M",
					"=disabled=false", "=comment=qserve:7 gen=1"))
			case "/ppp/profile/print":
				return rows(w, routerostest.Sentence("!re", "=.id=*2", "=name=qserve-5M-10M", "=rate-limit=5M/10M"))
			case "/ppp/active/print":
				return rows(w, routerostest.Sentence("!re", "=.id=*3", "=name=joe", "=service=pppoe", "=address="+address,
					"=session-id=0x81D00000", "=radius="+map[router.Mode]string{router.Local: "false", router.Radius: "true"}[mode]),
					routerostest.Sentence("!re", "=.id=*4", "=name=joe", "=service=l2tp"))
			case "/queue/simple/print":
				if looks++; looks < 3 {
					return rows(w)
				}
				address = "100.64.0.7"
				return rows(w, routerostest.Sentence("!re", "=name=<pppoe-joe>", "=max-limit=5000000/10000000"))
			}
			return rows(w)
		})
		r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
		lookedUp := false
		for _, words := range p.Sentences() {
			if words[0] == "/ppp/active/remove" {
				t.Errorf("%s: %q ended a session that fits", mode, words)
			}
			lookedUp = lookedUp || words[0] == "/ip/firewall/address-list/print" && words[1] == "?address=100.64.0.7"
		}
		if !lookedUp {
			t.Errorf("%s: nobody looked whether the address that came up is in the garden", mode)
		}
	}
}

func TestARouterThatDoesNotShowWhatItAccepted_IsNotConfirmed(t *testing.T) {
	t.Parallel()
	secret := func(more ...string) []byte {
		return routerostest.Sentence(append([]string{"!re", "=.id=*1", "=name=joe", "=service=pppoe", "=profile=qserve-5M-10M",
			"=disabled=false"}, more...)...)
	}
	profile := routerostest.Sentence("!re", "=.id=*2", "=name=qserve-5M-10M", "=rate-limit=5M/10M", "=comment=qserve:profile")
	for name, test := range map[string]struct {
		secrets, profiles [][]byte
		trap              string
		want              router.Want
	}{
		"the generation is old":           {secrets: [][]byte{secret("=comment=qserve:7 gen=1")}, profiles: [][]byte{profile}},
		"the address is another":          {secrets: [][]byte{secret("=comment=qserve:7 gen=2", "=remote-address=10.0.0.9")}, profiles: [][]byte{profile}},
		"it was added and is not there":   {profiles: [][]byte{profile}},
		"it exists and is not listed":     {profiles: [][]byte{profile}, trap: "failure: secret with the same name already exists"},
		"the profile is not there":        {},
		"it was removed and is there":     {secrets: [][]byte{secret("=comment=qserve:7 gen=2")}, want: want("joe", absent, 2, "")},
		"it was disabled and still is on": {secrets: [][]byte{secret("=comment=qserve:7 gen=2")}, profiles: [][]byte{profile}, want: want("joe", disabled, 2, "5M/10M")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := scripted(t, router.Local, func(w io.Writer, words []string) bool {
				switch words[0] {
				case "/ppp/secret/print":
					return rows(w, test.secrets...)
				case "/ppp/profile/print":
					return rows(w, test.profiles...)
				case "/ppp/secret/add":
					if test.trap != "" {
						return rows(w, routerostest.Sentence("!trap", "=message="+test.trap))
					}
				}
				return rows(w)
			})
			w := test.want
			if w.Username == "" {
				w = want("joe", enabled, 2, "5M/10M")
			}
			oneUser(t, r.converge(t, w), router.ErrNotConfirmed, "joe")
		})
	}
}

func TestASecretThatVanishesMeanwhile_IsAsGoodAsRemoved(t *testing.T) {
	t.Parallel()
	for _, mode := range []router.Mode{router.Local, router.Radius} {
		there := true
		r, _ := scripted(t, mode, func(w io.Writer, words []string) bool {
			switch {
			case words[0] == "/ppp/secret/print" && there:
				return rows(w, routerostest.Sentence("!re", "=.id=*1", "=name=joe", "=comment=qserve:7 gen=1"))
			case words[0] == "/ppp/secret/remove":
				there = false
				return rows(w, routerostest.Sentence("!trap", "=message=no such item (4)"))
			}
			return rows(w)
		})
		r.mustConverge(t, want("joe", absent, 2, ""))
	}
}

func TestCopiesOfOurSecret_AreRemovedWithIt(t *testing.T) {
	t.Parallel()
	left := map[string]string{"*1": "pppoe", "*2": "any", "*3": "l2tp"}
	r, _ := scripted(t, router.Local, func(w io.Writer, words []string) bool {
		var list [][]byte
		switch words[0] {
		case "/ppp/secret/print":
			for id, service := range left {
				list = append(list, routerostest.Sentence("!re", "=.id="+id, "=name=joe", "=service="+service, "=comment=qserve:7 gen=1"))
			}
		case "/ppp/secret/remove":
			delete(left, strings.TrimPrefix(words[1], "=.id="))
		}
		return rows(w, list...)
	})
	r.mustConverge(t, want("joe", absent, 2, ""))
	if len(left) != 0 {
		t.Errorf("left on the router: %v", left)
	}
}

func TestOtherPeoplesRows_AreNotTakenForTheUsers(t *testing.T) {
	t.Parallel()
	for _, mode := range []router.Mode{router.Local, router.Radius} {
		// Whatever is asked for, this router answers with everything it has.
		r, p := scripted(t, mode, func(w io.Writer, words []string) bool {
			switch words[0] {
			case "/ppp/secret/print":
				return rows(w, routerostest.Sentence("!re", "=.id=*1", "=name=ann", "=comment=qserve:8 gen=1"),
					routerostest.Sentence("!re", "=.id=*2", "=name=JOE"))
			case "/ppp/active/print":
				return rows(w, routerostest.Sentence("!re", "=.id=*3", "=name=ann", "=service=pppoe"),
					routerostest.Sentence("!re", "=.id=*4", "=name=joe", "=service=l2tp"))
			case "/queue/simple/print":
				return rows(w, routerostest.Sentence("!re", "=.id=*5", "=name=qserve-ann", "=target=10.0.0.1/32", "=comment=qserve:8"),
					routerostest.Sentence("!re", "=.id=*6", "=name=qserve-joe", "=target=10.0.0.2/32", "=comment=by hand"))
			case "/ip/firewall/address-list/print":
				return rows(w, routerostest.Sentence("!re", "=.id=*7", "=list=qserve-expired", "=address=10.0.0.1", "=comment=qserve:8"),
					routerostest.Sentence("!re", "=.id=*8", "=list=other", "=address=10.0.0.2", "=comment=qserve:7 too"))
			}
			return rows(w)
		})
		r.mustConverge(t, want("joe", absent, 2, ""))
		for _, words := range p.Sentences() {
			if strings.HasSuffix(words[0], "/remove") {
				t.Errorf("%s: sent %q", mode, words)
			}
		}
	}
}

func TestASessionThatEndsByItself_IsAsGoodAsEnded(t *testing.T) {
	t.Parallel()
	there := true
	r, _ := scripted(t, router.Local, func(w io.Writer, words []string) bool {
		switch {
		case words[0] == "/ppp/active/print" && there:
			return rows(w, routerostest.Sentence("!re", "=.id=*3", "=name=joe", "=service=pppoe"))
		case words[0] == "/ppp/active/remove":
			there = false
			return rows(w, routerostest.Sentence("!trap", "=message=no such item (4)"))
		}
		return rows(w)
	})
	r.mustConverge(t, want("joe", absent, 2, ""))
}

func TestCheck_LooksForFastTrackAndDoesWithoutMenusThatAreMissing(t *testing.T) {
	t.Parallel()
	off := "false"
	r, _ := scripted(t, router.Local, func(w io.Writer, words []string) bool {
		if words[0] == "/ip/firewall/filter/print" && words[1] == "?action=fasttrack-connection" {
			return rows(w, routerostest.Sentence("!re", "=.id=*1", "=disabled="+off))
		}
		return rows(w, routerostest.Sentence("!trap", "=message=no such command prefix"))
	})
	problems := check(t, r).Problems
	if len(problems) != 1 || !strings.Contains(problems[0], "/ip/firewall/filter/disable [find action=fasttrack-connection]") {
		t.Errorf("problems %q; want FastTrack alone", problems)
	}
	off = "true"
	if problems := check(t, r).Problems; len(problems) != 0 {
		t.Errorf("problems %q with FastTrack off", problems)
	}
}

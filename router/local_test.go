package router_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"qserve/account"
	"qserve/router"
	"qserve/router/mikrosim"
	"qserve/router/routeros"
)

const (
	enabled  = account.LineEnabled
	disabled = account.LineDisabled
	absent   = account.LineAbsent
)

func secretOf(t *testing.T, r *rig, user string) mikrosim.Secret {
	t.Helper()
	s, ok := r.sim.State().Secret(user)
	if !ok {
		t.Fatalf("no secret %q", user)
	}
	return s
}

func TestANewSubscriber_GetsASecretWithAProfileAndCanDial(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.sim.SetCustomer("joe", linePass, true)
	r.mustConverge(t, want("joe", enabled, 3, "5M/10M"))
	wantSecret := mikrosim.Secret{
		Name: "joe", Password: linePass, Service: "pppoe", Profile: "qserve-5M-10M", Comment: "qserve:7 gen=3",
	}
	if diff := cmp.Diff(wantSecret, secretOf(t, r, "joe"), cmpopts.IgnoreFields(mikrosim.Secret{}, "ID")); diff != "" {
		t.Errorf("secret (-want +got):\n%s", diff)
	}
	wantProfile := mikrosim.Profile{
		Name: "qserve-5M-10M", RateLimit: "5M/10M", LocalAddress: "10.0.0.1", RemoteAddress: "pool1", Comment: "qserve:profile",
	}
	profiles := r.sim.State().Profiles
	if diff := cmp.Diff(wantProfile, profiles[len(profiles)-1], cmpopts.IgnoreFields(mikrosim.Profile{}, "ID")); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
	if s := r.online(t, "joe", "5M/10M"); s.Radius {
		t.Errorf("session %+v; want a local one", s)
	}
}

func TestAnExpiredSubscriber_IsCutAndStaysOut(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.sim.SetCustomer("joe", linePass, true)
	r.online(t, "joe", "5M/10M")
	r.mustConverge(t, want("joe", disabled, 2, "5M/10M"))
	r.offline(t, "joe")
	r.refused(t, "joe")
	if s := secretOf(t, r, "joe"); !s.Disabled || s.Comment != "qserve:7 gen=2" {
		t.Errorf("secret %+v; want it disabled in generation 2", s)
	}
}

func TestAReturningSubscriber_TakesFourCommands(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.mustConverge(t, want("joe", disabled, 1, "5M/10M"))
	got := r.commands(func() { r.mustConverge(t, want("joe", enabled, 2, "5M/10M")) })
	commands := map[string]int{"/ppp/secret/print": 2, "/ppp/secret/set": 1, "/ppp/active/print": 1}
	if diff := cmp.Diff(commands, got); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func TestCutting_DisablesBeforeItDisconnects(t *testing.T) {
	t.Parallel()
	for _, state := range []account.State{disabled, absent} {
		r := setupLocal(t, patient())
		r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
		r.sim.SetCustomer("joe", linePass, true)
		r.online(t, "joe", "5M/10M")
		// Whatever happens from the removal of the session on, the customer must already be unable to dial.
		r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultDrop, Command: "/ppp/active/remove", Times: 1})
		wholeRouter(t, r.converge(t, want("joe", state, 2, "5M/10M")))
		if s, ok := r.sim.State().Secret("joe"); ok && !s.Disabled {
			t.Errorf("%s: the session was removed while the secret still let the customer in", state)
		}
		r.mustConverge(t, want("joe", state, 2, "5M/10M"))
		r.offline(t, "joe")
	}
}

func TestAPackageChange_RedialsOnlyWhereTheRateDiffers(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.sim.SetCustomer("joe", linePass, true)
	first := r.online(t, "joe", "5M/10M")

	r.mustConverge(t, want("joe", enabled, 2, "5000k/10000k"))
	if same := r.online(t, "joe", "5M/10M"); same.ID != first.ID {
		t.Error("the session was ended although its rate fits")
	}
	r.mustConverge(t, want("joe", enabled, 3, "10M/20M 0/0 0/0 0/0 5"))
	r.online(t, "joe", "10M/20M")
	if got := secretOf(t, r, "joe").Profile; !strings.HasPrefix(got, "qserve-10M-20M.") {
		t.Errorf("profile %q", got)
	}
}

func TestASessionOfAnotherFixedAddress_Redials(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	w := want("joe", enabled, 1, "5M/10M")
	r.mustConverge(t, w)
	r.sim.SetCustomer("joe", linePass, true)
	r.online(t, "joe", "5M/10M")
	w.Gen, w.Line.Address = 2, "100.64.7.7"
	r.mustConverge(t, w)
	if s := r.online(t, "joe", "5M/10M"); s.Address != "100.64.7.7" {
		t.Errorf("the session has address %s", s.Address)
	}
	w.Gen, w.Line.Address = 3, ""
	r.mustConverge(t, w)
	if s := secretOf(t, r, "joe"); s.RemoteAddress != "" || s.Comment != "qserve:7 gen=3" {
		t.Errorf("secret %+v; want no address", s)
	}
}

func TestASessionThatRADIUSLetIn_RedialsThroughItsSecret(t *testing.T) {
	t.Parallel()
	r := setupRadius(t, patient())
	r.target.Mode = router.Local
	r.aaa.allow("joe", "5M/10M")
	r.sim.SetCustomer("joe", linePass, true)
	r.online(t, "joe", "5M/10M")
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.wait(t, func(s mikrosim.State) bool { a, ok := s.Session("joe"); return ok && !a.Radius })
}

func TestASecretWithoutOurMarker_IsNeverTouched(t *testing.T) {
	t.Parallel()
	for _, mode := range []router.Mode{router.Local, router.Radius} {
		r := setup(t, patient(), mode, mikrosim.Config{})
		r.operator(t, func(c *operatorConn) {
			c.types("/ppp/secret/add", "=name=joe", "=password=own", "=comment=uncle of the owner")
		})
		r.sim.SetCustomer("joe", "own", true)
		session := r.online(t, "joe", "")
		before := secretOf(t, r, "joe")
		for _, state := range []account.State{enabled, disabled, absent} {
			err := r.converge(t, want("joe", state, 1, "5M/10M"))
			oneUser(t, err, router.ErrForeign, "joe")
			for _, advice := range []string{`/ppp/secret/remove [find name="joe"]`, `/ppp/secret/set [find name="joe"] comment="qserve:"`} {
				if err == nil || !strings.Contains(err.Error(), advice) {
					t.Errorf("%s: %v does not say %q", mode, err, advice)
				}
			}
		}
		if diff := cmp.Diff(before, secretOf(t, r, "joe")); diff != "" {
			t.Errorf("%s: the secret changed:\n%s", mode, diff)
		}
		if s, _ := r.sim.State().Session("joe"); s.ID != session.ID {
			t.Errorf("%s: the session was ended", mode)
		}
	}
}

func TestASecretHandedOver_IsTakenWithItsNote(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.operator(t, func(c *operatorConn) {
		c.types("/ppp/secret/add", "=name=joe", "=password=own", "=comment=qserve: house at\nthe corner", "=service=any")
	})
	r.mustConverge(t, want("joe", enabled, 4, "5M/10M"))
	s := secretOf(t, r, "joe")
	if s.Comment != "qserve:7 gen=4 house at the corner" || s.Password != linePass || s.Service != "pppoe" {
		t.Errorf("secret %+v", s)
	}
	r.mustConverge(t, want("joe", disabled, 5, "5M/10M"))
	if s := secretOf(t, r, "joe"); s.Comment != "qserve:7 gen=5 house at the corner" {
		t.Errorf("comment %q", s.Comment)
	}
}

func TestAPassword_IsWrittenWithItsGenerationAndNotAgain(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	w := want("joe", enabled, 1, "5M/10M")
	r.mustConverge(t, w)
	r.operator(t, func(c *operatorConn) { c.types("/ppp/secret/set", "=numbers=joe", "=password=by hand") })
	r.mustConverge(t, w)
	if got := secretOf(t, r, "joe").Password; got != "by hand" {
		t.Errorf("the generation is on the router, and the password was still written: %q", got)
	}
	w.Gen, w.Password = 2, "new-"+linePass
	r.mustConverge(t, w)
	if got := secretOf(t, r, "joe").Password; got != w.Password {
		t.Errorf("password %q after a new generation", got)
	}
	w.ProvisionID, w.Password = 8, "newer-"+linePass
	r.mustConverge(t, w)
	if got := secretOf(t, r, "joe").Password; got != w.Password {
		t.Errorf("password %q after another provision of the same generation", got)
	}
}

func TestEditsByHand_AreUndone(t *testing.T) {
	t.Parallel()
	for _, edit := range []string{"=service=any", "=profile=default", "=disabled=yes", "=remote-address=100.64.3.3",
		"=comment=qserve:7 gen=99", "=comment=qserve:"} {
		r := setupLocal(t, patient())
		r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
		before := secretOf(t, r, "joe")
		r.operator(t, func(c *operatorConn) { c.types("/ppp/secret/set", "=numbers=joe", edit) })
		r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
		if diff := cmp.Diff(before, secretOf(t, r, "joe")); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", edit, diff)
		}
	}
}

func TestAProfileThatVanishes_IsMadeAgain(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.operator(t, func(c *operatorConn) { c.types("/ppp/profile/remove", "=numbers=qserve-5M-10M") })
	// The connection has seen that profile, so the first attempt trusts it.
	if err := r.converge(t, want("ann", enabled, 1, "5M/10M")); err == nil {
		t.Error("a secret was added with a profile that is not there")
	}
	r.mustConverge(t, want("ann", enabled, 1, "5M/10M"))
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
}

func TestAForeignProfileOfOurName_IsUsedOnlyWhereItFits(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.operator(t, func(c *operatorConn) {
		c.types("/ppp/profile/add", "=name=qserve-5M-10M", "=rate-limit=1M/1M", "=local-address=10.0.0.1", "=remote-address=pool1")
		c.types("/ppp/profile/add", "=name=qserve-6M-6M", "=rate-limit=6M", "=local-address=10.0.0.1", "=remote-address=pool1")
	})
	before := r.sim.State().Profiles
	err := r.converge(t, want("joe", enabled, 1, "5M/10M"))
	oneUser(t, err, router.ErrForeign, "joe")
	if err == nil || !strings.Contains(err.Error(), `rate-limit is "1M/1M" instead of "5M/10M"`) {
		t.Errorf("the error does not say what differs: %v", err)
	}
	r.mustConverge(t, want("ann", enabled, 1, "6M/6M"))
	if diff := cmp.Diff(before, r.sim.State().Profiles); diff != "" {
		t.Errorf("profiles changed:\n%s", diff)
	}
}

func TestOurProfile_IsPutRight(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.operator(t, func(c *operatorConn) { c.types("/ppp/profile/set", "=numbers=qserve-5M-10M", "=rate-limit=1M/1M") })
	r.target.Revision++ // a new connection looks again
	r.mustConverge(t, want("joe", enabled, 2, "5M/10M"))
	if p := r.sim.State().Profiles; p[len(p)-1].RateLimit != "5M/10M" {
		t.Errorf("profile %+v", p[len(p)-1])
	}
}

func TestAMissingPool_IsSaidInWordsAndDoesNotKeepTheCutFromHappening(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.sim.SetCustomer("joe", linePass, true)
	r.online(t, "joe", "5M/10M")
	w := want("joe", disabled, 2, "5M/10M")
	w.Line.Pool = "nowhere"
	err := r.converge(t, w)
	oneUser(t, err, routeros.ErrValue, "joe")
	if err == nil || !strings.Contains(err.Error(), `/ip/pool/add name="nowhere"`) {
		t.Errorf("the error does not say what to type: %v", err)
	}
	r.offline(t, "joe")
	r.refused(t, "joe")
}

func TestARename_LeavesTheOldNameAbsent(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.sim.SetCustomer("joe", linePass, true)
	r.online(t, "joe", "5M/10M")
	renamed := want("joseph", enabled, 1, "5M/10M")
	renamed.ProvisionID = 8
	r.mustConverge(t, renamed)
	r.mustConverge(t, want("joe", absent, 2, ""))
	r.offline(t, "joe")
	if secrets := r.sim.State().Secrets; len(secrets) != 1 || secrets[0].Name != "joseph" {
		t.Errorf("secrets %+v; want joseph's alone", secrets)
	}
	r.mustConverge(t, want("joe", absent, 2, ""))
}

func TestTwoWorkersAtOnce_MakeOneSecret(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	other := router.NewFleet(patient())
	run(t, other)
	r.mustConverge(t, want("first", enabled, 1, "5M/10M"))
	var wait sync.WaitGroup
	for name := range strings.SplitSeq("abcdefghijklmnopqrst", "") {
		for _, fleet := range []*router.Fleet{r.fleet, other} {
			wait.Go(func() {
				err := fleet.Use(t.Context(), r.target, func(d router.Driver) error {
					return d.Converge(t.Context(), want(name, enabled, 1, "5M/10M"))
				})
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		wait.Wait()
	}
	if n := len(r.sim.State().Secrets); n != 21 {
		t.Errorf("%d secrets", n)
	}
}

func TestWhatNoRouterCanHold_IsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	bad := map[string]router.Want{
		"no password": {Username: "joe", Line: account.Line{State: enabled, Rate: "5M/10M"}},
		"no rate":     {Username: "joe", Password: linePass, Line: account.Line{State: enabled}},
		"bad rate":    {Username: "joe", Password: linePass, Line: account.Line{State: disabled, Rate: "fast"}},
		"no state":    {Username: "joe", Password: linePass, Line: account.Line{Rate: "5M/10M"}},
		"no such list": {
			Username: "joe", Password: linePass, Line: account.Line{State: enabled, Rate: "5M/10M", AddressList: "other"},
		},
		"no IPv4 address": {
			Username: "joe", Password: linePass, Line: account.Line{State: enabled, Rate: "5M/10M", Address: "2001:db8::1"},
		},
	}
	for name, w := range bad {
		t.Log(name)
		oneUser(t, r.converge(t, w), router.ErrBadWant, "joe")
	}
	oneUser(t, r.converge(t, want("joe\nann", enabled, 1, "5M/10M")), routeros.ErrUnsafe, "joe\nann")
	if secrets := r.sim.State().Secrets; len(secrets) != 0 {
		t.Errorf("secrets %+v", secrets)
	}
}

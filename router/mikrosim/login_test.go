package mikrosim_test

import (
	"crypto/md5"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"layeh.com/radius"
	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/vendors/microsoft"
	"layeh.com/radius/vendors/mikrotik"

	"qserve/router/mikrosim"
)

func TestCustomerWithALocalSecret_ComesOnlineWithTheProfilesRateAndListAndWithoutRadius(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 100)
	s := newAAA(t, func(req *radius.Packet) *radius.Packet {
		asked <- userOf(req)
		return req.Response(radius.CodeAccessReject)
	})
	r := setup(t, s.withRadius(mikrosim.Config{}))
	api := dial(t, r)
	run(t, api, "/ppp/profile/add", "=name=home", "=rate-limit=5M/10M", "=remote-address=pool1", "=address-list=subscribers")
	run(t, api, "/ppp/secret/add", "=name=joe", "=password=pw", "=profile=home", "=service=pppoe")
	r.SetCustomer("joe", "pw", true)

	got := online(t, r, "joe", "")
	if got.Radius || got.Rate != "5M/10M" || !strings.HasPrefix(got.SessionID, "0x811") {
		t.Errorf("session %+v, want a local one at 5M/10M of the first boot", got)
	}
	st := r.State()
	want := []mikrosim.Queue{{ID: "*1", Name: "<pppoe-joe>", Target: "<pppoe-joe>", MaxLimit: "5000000/10000000", Dynamic: true}}
	if diff := cmp.Diff(want, st.Queues); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
	if len(st.AddressList) != 1 || st.AddressList[0].Address != got.Address || st.AddressList[0].List != "subscribers" {
		t.Errorf("address list %+v, want %s in subscribers", st.AddressList, got.Address)
	}
	if len(asked) != 0 {
		t.Errorf("RADIUS was asked for %s, who has a local secret", <-asked)
	}
}

func TestCustomerWhoIsRefused_KeepsDiallingUntilLetIn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		secret []string
		repair []string
		why    string
	}{
		"disabled":       {[]string{"=disabled=yes", "=password=pw"}, []string{"=disabled=no"}, "secret is disabled"},
		"wrong password": {[]string{"=password=other"}, []string{"=password=pw"}, "wrong password"},
		"other service":  {[]string{"=service=l2tp", "=password=pw"}, []string{"=service=any"}, "secret is for service l2tp"},
		"caller id":      {[]string{"=caller-id=00:00:00:00:00:01", "=password=pw"}, []string{"=caller-id="}, "wrong caller-id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAAA(t, accept(nil))
			r := setup(t, s.withRadius(mikrosim.Config{}))
			api := dial(t, r)
			run(t, api, append([]string{"/ppp/secret/add", "=name=joe"}, tc.secret...)...)
			r.SetCustomer("joe", "pw", true)
			await(t, r, "joe was refused twice", func(s mikrosim.State) bool {
				return s.Counters.Dials.Refused >= 2 && s.Customers[0].LastError == tc.why
			})
			run(t, api, append([]string{"/ppp/secret/set", "=.id=joe"}, tc.repair...)...)
			if got := online(t, r, "joe", ""); got.Radius {
				t.Error("RADIUS was asked although there is a secret of that name")
			}
		})
	}
}

func TestDisabledSecret_AsksRadiusOnlyWithTheSwitch(t *testing.T) {
	t.Parallel()
	s := newAAA(t, accept(nil))
	r := setup(t, s.withRadius(mikrosim.Config{DisabledSecretAsksRadius: true}))
	run(t, dial(t, r), "/ppp/secret/add", "=name=joe", "=password=pw", "=disabled=yes")
	r.SetCustomer("joe", "pw", true)
	if got := online(t, r, "joe", ""); !got.Radius {
		t.Errorf("session %+v, want one from RADIUS", got)
	}
}

func TestProfileWithoutRemoteAddress_LetsNobodyIn(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	api := dial(t, r)
	run(t, api, "/ppp/profile/add", "=name=bare")
	run(t, api, "/ppp/secret/add", "=name=joe", "=password=pw", "=profile=bare")
	r.SetCustomer("joe", "pw", true)
	await(t, r, "joe was refused", func(s mikrosim.State) bool {
		return strings.HasPrefix(s.Customers[0].LastError, "could not determine remote address")
	})
	run(t, api, "/ppp/secret/set", "=numbers=joe", "=remote-address=100.64.9.9")
	if got := online(t, r, "joe", ""); got.Address != "100.64.9.9" {
		t.Errorf("address %s, want that of the secret", got.Address)
	}
}

func TestEditingASecret_NeverTouchesItsRunningSession(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	api := dial(t, r)
	run(t, api, "/ppp/profile/add", "=name=home", "=rate-limit=5M/10M", "=remote-address=pool1")
	run(t, api, "/ppp/secret/add", "=name=joe", "=password=pw", "=profile=home")
	r.SetCustomer("joe", "pw", true)
	before := online(t, r, "joe", "")
	run(t, api, "/ppp/profile/set", "=.id=home", "=rate-limit=1M/1M")
	run(t, api, "/ppp/secret/set", "=.id=joe", "=password=new", "=disabled=yes")
	run(t, api, "/ppp/secret/remove", "=.id=joe")
	after, ok := r.State().Session("joe")
	before.Uptime, after.Uptime = "", ""
	if diff := cmp.Diff(before, after); !ok || diff != "" {
		t.Errorf("session (-before +after):\n%s", diff)
	}
	run(t, api, "/ppp/active/remove", "=.id="+after.ID)
	await(t, r, "joe is off and refused", func(s mikrosim.State) bool {
		_, on := s.Session("joe")
		return !on && s.Counters.Dials.Refused > 0 && len(s.Queues) == 0
	})
}

func TestRadiusAccept_DecidesAddressRateListsAndInterim(t *testing.T) {
	t.Parallel()
	s := newAAA(t, accept(func(p *radius.Packet) {
		must(t, rfc2865.FramedIPAddress_Add(p, []byte{100, 64, 7, 7}))
		must(t, mikrotik.MikrotikRateLimit_AddString(p, "512k/2M 1M/4M 512k/2M 10/10 8 256k/1M"))
		must(t, mikrotik.MikrotikAddressList_AddString(p, "garden"))
		must(t, rfc2865.Class_AddString(p, "kept"))
		must(t, rfc2869.AcctInterimInterval_Add(p, 1))
	}))
	r := setup(t, s.withRadius(mikrosim.Config{Identity: "tower-7"}))
	r.SetCustomer("ann", "pw", true)
	got := online(t, r, "ann", "")
	if !got.Radius || got.Address != "100.64.7.7" || got.Rate != "512k/2M" {
		t.Errorf("session %+v, want RADIUS, 100.64.7.7, 512k/2M", got)
	}
	rows := run(t, dial(t, r), "/queue/simple/print", "?name=<pppoe-ann>")
	for name, want := range map[string]string{
		"max-limit": "512000/2000000", "burst-limit": "1000000/4000000", "limit-at": "256000/1000000", "burst-time": "10s/10s", "dynamic": "true",
	} {
		if rows[0][name] != want {
			t.Errorf("queue has %s=%s, want %s", name, rows[0][name], want)
		}
	}
	if list := r.State().AddressList; len(list) != 1 || list[0].List != "garden" || !list[0].Dynamic {
		t.Errorf("address list %+v, want garden", list)
	}

	start, interim := s.nextRecord(t), s.nextRecord(t)
	for _, p := range []*radius.Packet{start, interim} {
		if "0x"+strings.ToUpper(rfc2866.AcctSessionID_GetString(p)) != got.SessionID || userOf(p) != "ann" ||
			rfc2865.Class_GetString(p) != "kept" || rfc2865.NASIdentifier_GetString(p) != "tower-7" ||
			rfc2866.AcctAuthentic_Get(p) != rfc2866.AcctAuthentic_Value_RADIUS {
			t.Errorf("record %v does not belong to session %s", p.Attributes, got.SessionID)
		}
	}
	if rfc2866.AcctStatusType_Get(start) != rfc2866.AcctStatusType_Value_Start ||
		rfc2866.AcctStatusType_Get(interim) != rfc2866.AcctStatusType_Value_InterimUpdate {
		t.Errorf("records %v and %v, want Start and Interim-Update", rfc2866.AcctStatusType_Get(start), rfc2866.AcctStatusType_Get(interim))
	}
	r.SetCustomer("ann", "pw", false)
	if list := r.State().AddressList; len(list) != 0 {
		t.Errorf("address list %+v after the session", list)
	}
	for p := s.nextRecord(t); rfc2866.AcctStatusType_Get(p) != rfc2866.AcctStatusType_Value_Stop; p = s.nextRecord(t) {
	}
}

func TestRadiusReject_IsDialledAgainUntilAccepted(t *testing.T) {
	t.Parallel()
	s := newAAA(t, func(req *radius.Packet) *radius.Packet {
		p := req.Response(radius.CodeAccessReject)
		must(t, rfc2865.ReplyMessage_SetString(p, "expired"))
		return p
	})
	r := setup(t, s.withRadius(mikrosim.Config{}))
	r.SetCustomer("ann", "pw", true)
	await(t, r, "ann was rejected", func(s mikrosim.State) bool {
		return s.Counters.Radius.Rejects > 1 && strings.HasSuffix(s.Customers[0].LastError, "expired")
	})
	s.answers(accept(nil))
	online(t, r, "ann", "")
}

func TestAccessAcceptWithoutMessageAuthenticator_IsDroppedSince715(t *testing.T) {
	t.Parallel()
	s := newAAA(t, accept(nil))
	s.forgetToSign()
	r := setup(t, s.withRadius(mikrosim.Config{RadiusTimeout: 5 * time.Millisecond}))
	r.SetCustomer("ann", "pw", true)
	await(t, r, "the answers were dropped", func(s mikrosim.State) bool {
		return s.Counters.Radius.BadAnswers >= 3 && s.Counters.Radius.Accepts == 0 && s.Counters.Dials.Refused > 0
	})
	allowing := setup(t, s.withRadius(mikrosim.Config{AllowMissingMessageAuth: true}))
	allowing.SetCustomer("ann", "pw", true)
	online(t, allowing, "ann", "")
}

func TestPasswordProofs_ReachTheServerInEveryMethod(t *testing.T) {
	t.Parallel()
	proofs := map[string]func(req *radius.Packet) bool{
		"pap": func(req *radius.Packet) bool { return rfc2865.UserPassword_GetString(req) == "pässword" },
		"chap": func(req *radius.Packet) bool {
			proof := rfc2865.CHAPPassword_Get(req)
			if len(proof) != 17 {
				return false
			}
			sum := md5.Sum(slices.Concat(proof[:1], []byte("pässword"), rfc2865.CHAPChallenge_Get(req)))
			return string(sum[:]) == string(proof[1:])
		},
		"mschap2": func(req *radius.Packet) bool {
			response := microsoft.MSCHAP2Response_Get(req)
			if len(response) != 50 {
				return false
			}
			want, err := rfc2759.GenerateNTResponse(microsoft.MSCHAPChallenge_Get(req), response[2:18], []byte("ann"), []byte("pässword"))
			return err == nil && string(want) == string(response[26:])
		},
	}
	for method, proves := range proofs {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := newAAA(t, func(req *radius.Packet) *radius.Packet {
				if !proves(req) {
					return req.Response(radius.CodeAccessReject)
				}
				p := req.Response(radius.CodeAccessAccept)
				if response := microsoft.MSCHAP2Response_Get(req); response != nil {
					success, err := rfc2759.GenerateAuthenticatorResponse(
						microsoft.MSCHAPChallenge_Get(req), response[2:18], response[26:], []byte("ann"), []byte("pässword"))
					must(t, err)
					must(t, microsoft.MSCHAP2Success_Add(p, append([]byte{response[0]}, success...)))
				}
				return p
			})
			r := setup(t, s.withRadius(mikrosim.Config{AuthMethod: method}))
			r.SetCustomer("ann", "wrong", true)
			await(t, r, "the wrong password was rejected", func(s mikrosim.State) bool { return s.Counters.Radius.Rejects > 0 })
			r.SetCustomer("ann", "pässword", true)
			online(t, r, "ann", "")
		})
	}
}

func TestMSCHAP2ServerThatCannotProveThePassword_IsNotTrusted(t *testing.T) {
	t.Parallel()
	s := newAAA(t, accept(nil))
	r := setup(t, s.withRadius(mikrosim.Config{AuthMethod: "mschap2"}))
	r.SetCustomer("ann", "pw", true)
	await(t, r, "the accept was not believed", func(s mikrosim.State) bool {
		return s.Counters.Radius.Accepts > 0 && s.Counters.Dials.Refused > 0 && len(s.Active) == 0
	})
}

func TestReboot_DropsSessionsWithoutAStopAndNumbersTheNextBoot(t *testing.T) {
	t.Parallel()
	s := newAAA(t, accept(nil))
	r := setup(t, s.withRadius(mikrosim.Config{}))
	r.SetCustomer("ann", "pw", true)
	before := online(t, r, "ann", "")
	s.nextRecord(t)
	r.Reboot()
	after := online(t, r, "ann", before.SessionID)
	if !strings.HasPrefix(after.SessionID, "0x812") {
		t.Errorf("session %s after the reboot, want one of the second boot", after.SessionID)
	}
	if p := s.nextRecord(t); rfc2866.AcctStatusType_Get(p) != rfc2866.AcctStatusType_Value_Start {
		t.Errorf("record %v after the reboot, want Start: the Stop is lost", rfc2866.AcctStatusType_Get(p))
	}
}

func TestSetRadius_LetsWaitingCustomersIn(t *testing.T) {
	t.Parallel()
	s := newAAA(t, accept(nil))
	r := setup(t, mikrosim.Config{RadiusSecret: secret, RedialDelay: time.Hour})
	r.SetCustomer("ann", "pw", true)
	await(t, r, "ann was refused", func(s mikrosim.State) bool { return s.Counters.Dials.Refused == 1 })
	must(t, r.SetRadius(s.auth, s.acct))
	online(t, r, "ann", "")
	if rows := run(t, dial(t, r), "/radius/print"); len(rows) != 1 || rows[0]["address"] != "127.0.0.1" {
		t.Errorf("/radius is %v, want the server", rows)
	}
	if err := r.SetRadius("radius.example", ""); err == nil {
		t.Error("an address without a port was taken")
	}
}

func TestThousandCustomers_ComeOnlineAtDifferentAddresses(t *testing.T) {
	t.Parallel()
	s := newAAA(t, accept(nil))
	r := setup(t, s.withRadius(mikrosim.Config{}))
	const n = 1000
	for i := range n {
		r.SetCustomer("user"+strings.Repeat("x", i%7)+string(rune('a'+i%26))+time.Duration(i).String(), "pw", true)
	}
	st := await(t, r, "all are online", func(s mikrosim.State) bool { return len(s.Active) == n })
	addresses := map[string]bool{}
	for _, a := range st.Active {
		addresses[a.Address] = true
	}
	if len(addresses) != n {
		t.Errorf("%d addresses for %d sessions", len(addresses), n)
	}
}

func TestFullPool_RefusesUntilAnAddressComesBack(t *testing.T) {
	t.Parallel()
	s := newAAA(t, accept(func(p *radius.Packet) { must(t, rfc2869.FramedPool_AddString(p, "small")) }))
	r := setup(t, s.withRadius(mikrosim.Config{Pools: map[string]netip.Prefix{
		"big": netip.MustParsePrefix("100.64.0.0/16"), "small": netip.MustParsePrefix("10.5.0.0/29"),
	}}))
	users := []string{"a", "b", "c", "d", "e"} // 8 less network, router and broadcast
	for _, u := range users {
		r.SetCustomer(u, "", true)
	}
	st := await(t, r, "the pool is full", func(s mikrosim.State) bool { return len(s.Active) == len(users) })
	addresses := map[string]bool{"10.5.0.2": true, "10.5.0.3": true, "10.5.0.4": true, "10.5.0.5": true, "10.5.0.6": true}
	for _, a := range st.Active {
		delete(addresses, a.Address)
	}
	if len(addresses) > 0 {
		t.Errorf("nobody has %v", addresses)
	}
	r.SetCustomer("f", "", true)
	await(t, r, "f is refused", func(s mikrosim.State) bool { return s.Customers[5].LastError == "no address left in the pool" })
	gone, _ := st.Session("c")
	r.SetCustomer("c", "", false)
	if got := online(t, r, "f", ""); got.Address != gone.Address {
		t.Errorf("f got %s, want what c gave back, %s", got.Address, gone.Address)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

package mikrosim_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-routeros/routeros/v3"
	"github.com/go-routeros/routeros/v3/proto"
	"github.com/google/go-cmp/cmp"

	"qserve/router/mikrosim"
)

// raw is a client that sees every sentence, through the framing of another implementation.
type raw struct {
	net.Conn
	r proto.Reader
	w proto.Writer
}

func rawDial(t *testing.T, r *mikrosim.Router) *raw {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.APIAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	return &raw{conn, proto.NewReader(conn), proto.NewWriter(conn)}
}

func rawLogin(t *testing.T, r *mikrosim.Router) *raw {
	t.Helper()
	c := rawDial(t, r)
	c.send(t, "/login", "=name=qserve", "=password=qserve")
	if s := c.next(t); s != "!done" {
		t.Fatalf("login: %s", s)
	}
	return c
}

func (c *raw) send(t *testing.T, words ...string) {
	t.Helper()
	c.w.BeginSentence()
	for _, w := range words {
		c.w.WriteWord(w)
	}
	must(t, c.w.EndSentence())
}

// next returns a sentence in one line: reply word, tag, properties.
func (c *raw) next(t *testing.T) string {
	t.Helper()
	s, err := c.r.ReadSentence()
	if err != nil {
		t.Fatal(err)
	}
	out := []string{s.Word}
	if s.Tag != "" {
		out = append(out, "#"+s.Tag)
	}
	for _, p := range s.List {
		out = append(out, p.Key+"="+p.Value)
	}
	return strings.Join(out, " ")
}

func TestWrongPassword_IsRefusedInRouterOSWordsAndCounted(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{Password: "other"})
	_, err := tryDial(t, r)
	var device *routeros.DeviceError
	if !errors.As(err, &device) || device.Sentence.Map["message"] != "invalid user name or password (6)" {
		t.Errorf("got %v", err)
	}
	if got := r.State().Counters.Logins; got != (mikrosim.TryCounters{Tried: 1, Refused: 1}) {
		t.Errorf("counted %+v", got)
	}
}

func TestRouterBefore643_AsksForTheChallenge(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{Version: "6.40.9"})
	run(t, dial(t, r), "/system/identity/print")
	c := rawDial(t, r)
	c.send(t, "/login")
	if s := c.next(t); !strings.HasPrefix(s, "!done ret=") {
		t.Fatalf("got %s, want a challenge", s)
	}
	c.send(t, "/login", "=name=qserve", "=response=00deadbeef")
	if s := c.next(t); s != "!trap message=cannot log in" {
		t.Errorf("got %s", s)
	}
}

func TestConnectionsEnd_WithABareWord(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	early := rawDial(t, r)
	early.send(t, "/ppp/secret/print")
	quits := rawLogin(t, r)
	quits.send(t, "/quit")
	for c, want := range map[*raw]string{early: "\x06!fatal\x0dnot logged in\x00", quits: "\x06!fatal\x1dsession terminated on request\x00"} {
		if got, err := io.ReadAll(c); err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q and the end", got, err, want)
		}
	}
}

func TestCommandsThatCannotBe_AreRefusedInRouterOSWordsAndChangeNothing(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	c := dial(t, r)
	run(t, c, "/ppp/secret/add", "=name=joe", "=password=pw")
	run(t, c, "/ppp/secret/add", "=name=ann", "=password=pw")
	run(t, c, "/ip/firewall/address-list/add", "=list=l", "=address=10.0.0.1")
	before := r.State()
	for _, tc := range []struct{ command, want string }{
		{"/ppp/secret/add =name=joe", "failure: secret with the same name already exists"},
		{"/ppp/secret/set =.id=*1 =name=ann", "failure: secret with the same name already exists"},
		{"/ppp/secret/set =.id=*1,*2 =name=eve", "failure: secret with the same name already exists"},
		{"/ppp/secret/add =name=x =profile=none", "input does not match any value of profile"},
		{"/ppp/secret/add =name=x =service=telnet", "input does not match any value of service"},
		{"/ppp/secret/add =name=x =colour=red", "unknown parameter colour"},
		{"/ppp/secret/add =name=x =last-logged-out=now", "unknown parameter last-logged-out"},
		{"/ppp/secret/add =name=x =remote-address=300.1.1.1", "invalid value for argument remote-address"},
		{"/ppp/secret/add =name=x =remote-address=", "invalid value for argument remote-address"},
		{"/ppp/secret/add =name=x =caller-id=aa:bb:cc:dd:ee:ff", "invalid value for argument caller-id"},
		{"/ppp/secret/add =name=x =disabled=maybe", "invalid value for argument disabled"},
		{"/ppp/secret/add =name=", "invalid value for argument name"},
		{"/ppp/secret/add =password=x", "missing value(s) of argument(s) name"},
		{"/ppp/secret/set =.id=*99 =comment=x", "no such item (4)"},
		{"/ppp/secret/set =.id= =comment=x", "missing =.id="},
		{"/ppp/secret/remove =numbers=", "missing =.id="},
		{"/ppp/secret/remove", "missing =.id="},
		{"/ppp/secret/remove =numbers=nobody", "no such item (4)"},
		{"/ppp/secret/explode", "no such command"},
		{"/no/such/menu/print", "no such command"},
		{"/ppp/profile/remove =.id=default", "failure: can not remove default profile"},
		{"/ppp/profile/add =name=p =rate-limit=fast", "invalid value for argument rate-limit"},
		{"/ppp/active/add =name=x", "no such command"},
		{"/queue/simple/add =name=q", "missing value(s) of argument(s) target"},
		{"/queue/simple/add =name=q =target=10.0.0.1 =max-limit=5M/10X", "invalid value for argument max-limit"},
		{"/ip/firewall/address-list/add =list=l =address=10.0.0.1/32", "failure: already have such entry"},
		{"/system/identity/set =name=x", "no such command"},
		{"/ppp/secret/print ?#&", "bad query word"},
		{"/ppp/secret/print bare", "unknown parameter"},
	} {
		if got := refusal(t, c, strings.Fields(tc.command)...); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.command, got, tc.want)
		}
	}
	after := r.State()
	if diff := cmp.Diff([]any{before.Secrets, before.Profiles, before.Queues}, []any{after.Secrets, after.Profiles, after.Queues}); diff != "" {
		t.Errorf("something changed (-before +after):\n%s", diff)
	}
}

func TestSecrets_AreAddedChangedAndRemovedByIdAndByName(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	c := dial(t, r)
	reply, err := c.Run("/ppp/secret/add", "=name=joe", "=password=a=b=", "=service=pppoe", "=comment=été \"x\"", "=remote-address=10.0.0.9")
	must(t, err)
	if got := reply.Done.Map["ret"]; got != "*1" {
		t.Errorf("add returned %q, want *1", got)
	}
	rows := run(t, c, "/ppp/secret/print")
	want := []map[string]string{{
		".id": "*1", "name": "joe", "service": "pppoe", "profile": "default", "remote-address": "10.0.0.9",
		"limit-bytes-in": "0", "limit-bytes-out": "0", "comment": "été \"x\"", "disabled": "false",
	}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("printed (-want +got), no password and nothing absent:\n%s", diff)
	}
	if got, _ := r.State().Secret("joe"); got.Password != "a=b=" {
		t.Errorf("the router keeps password %q, want a=b=", got.Password)
	}
	run(t, c, "/ppp/secret/unset", "=.id=*1", "=value-name=remote-address")
	run(t, c, "/ppp/secret/set", "=numbers=joe", "=name=joseph", "=disabled=yes")
	run(t, c, "/ppp/secret/add", "=name=ann")
	if got := refusal(t, c, "/ppp/secret/set", "=.id=*7,*1,joseph,*2", "=comment=both"); got != "no such item (4)" {
		t.Errorf("got %q", got)
	}
	for _, s := range r.State().Secrets {
		if s.Comment != "both" || s.RemoteAddress != "" {
			t.Errorf("secret %+v: the items that exist are to be changed although one does not", s)
		}
	}
	run(t, c, "/ppp/secret/enable", "=.id=*1")
	run(t, c, "/ppp/secret/remove", "=.id=*1,*2")
	reply, err = c.Run("/ppp/secret/add", "=name=joe")
	must(t, err)
	if got := reply.Done.Map["ret"]; got != "*3" {
		t.Errorf("add after remove returned %q, want *3: ids are never used again", got)
	}
}

func TestRenamedProfile_TakesItsSecretsAlong(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	c := dial(t, r)
	run(t, c, "/ppp/profile/add", "=name=old", "=comment=marked")
	run(t, c, "/ppp/secret/add", "=name=joe", "=profile=old")
	run(t, c, "/ppp/profile/set", "=.id=old", "=name=new")
	if got, _ := r.State().Secret("joe"); got.Profile != "new" {
		t.Errorf("profile %q, want new", got.Profile)
	}
	run(t, c, "/ppp/profile/remove", "=.id=new")
	if got, _ := r.State().Secret("joe"); got.Profile != "*3" {
		t.Errorf("profile %q, want the id of the removed one", got.Profile)
	}
}

func TestDynamicQueue_RefusesEdits(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	c := dial(t, r)
	run(t, c, "/ppp/profile/set", "=.id=default", "=rate-limit=1M/2M")
	run(t, c, "/ppp/secret/add", "=name=joe")
	r.SetCustomer("joe", "", true)
	online(t, r, "joe", "")
	for _, command := range []string{"/queue/simple/set =.id=*1 =max-limit=9M/9M", "/queue/simple/disable =.id=*1", "/queue/simple/remove =.id=*1"} {
		if got := refusal(t, c, strings.Fields(command)...); !strings.HasPrefix(got, "failure: can not ") || !strings.HasSuffix(got, " dynamic simple queue") {
			t.Errorf("%s: got %q", command, got)
		}
	}
	run(t, c, "/queue/simple/add", "=name=own", "=target=100.64.0.2", "=max-limit=3M/4M", "=comment=mine")
	run(t, c, "/queue/simple/set", "=.id=own", "=max-limit=5M/6M")
	queues := r.State().Queues
	if len(queues) != 2 || queues[0].MaxLimit != "1000000/2000000" || queues[1].MaxLimit != "5000000/6000000" || queues[1].Target != "100.64.0.2/32" {
		t.Errorf("queues %+v", queues)
	}
}

func TestASessionIsLimitedByItsDynamicQueue_OrElseByTheStaticOneOfItsAddress(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	c := dial(t, r)
	run(t, c, "/ppp/secret/add", "=name=joe", "=remote-address=100.64.9.9")
	run(t, c, "/queue/simple/add", "=name=off", "=target=100.64.9.9", "=max-limit=1M/1M", "=disabled=yes")
	run(t, c, "/queue/simple/add", "=name=other", "=target=100.64.9.90", "=max-limit=1M/1M")
	run(t, c, "/queue/simple/add", "=name=own", "=target=100.64.9.9/32", "=max-limit=5M/10M")
	r.SetCustomer("joe", "", true)
	first := online(t, r, "joe", "")
	if first.Rate != "5M/10M" {
		t.Errorf("session %+v; want the rate of the static queue", first)
	}
	run(t, c, "/queue/simple/set", "=numbers=own", "=max-limit=2M/3M")
	if now, _ := r.State().Session("joe"); now.Rate != "2M/3M" || now.ID != first.ID {
		t.Errorf("session %+v; want the first at the queue's new rate", now)
	}
	run(t, c, "/ppp/profile/set", "=.id=default", "=rate-limit=7M/8M")
	run(t, c, "/ppp/active/remove", "=.id="+first.ID)
	if now := online(t, r, "joe", first.SessionID); now.Rate != "7M/8M" {
		t.Errorf("session %+v; want the rate of the dynamic queue", now)
	}
}

func TestASessionShowsTheListsOfItsAddress_DynamicOnesRefuseEdits(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	c := dial(t, r)
	run(t, c, "/ppp/profile/set", "=.id=default", "=address-list=qserve-expired")
	run(t, c, "/ppp/secret/add", "=name=joe", "=remote-address=100.64.9.9")
	r.SetCustomer("joe", "", true)
	online(t, r, "joe", "")
	if got := refusal(t, c, "/ip/firewall/address-list/set", "=.id=*1", "=list=other"); got != "failure: can not change dynamic address list entry" {
		t.Errorf("got %q", got)
	}
	run(t, c, "/ip/firewall/address-list/add", "=list=own", "=address=100.64.9.9")
	run(t, c, "/ip/firewall/address-list/add", "=list=off", "=address=100.64.9.9", "=disabled=yes")
	if now, _ := r.State().Session("joe"); now.AddressList != "qserve-expired,own" {
		t.Errorf("session %+v; want both lists", now)
	}
}

func TestTwentyFirstConnection_IsClosedWithoutAWordAndPlacesComeBack(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	open := make([]*raw, 20)
	for i := range open {
		open[i] = rawLogin(t, r)
	}
	extra := rawDial(t, r)
	if got, err := io.ReadAll(extra); len(got) > 0 || err != nil {
		t.Errorf("got %q, %v; want the end at once", got, err)
	}
	for _, c := range open {
		must(t, c.Close())
	}
	await(t, r, "no connection is left", func(s mikrosim.State) bool { return s.APISessions == 0 })
	rawLogin(t, r)
}

func TestTLS_WorksForAClientThatPinsTheCertificate(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{Host: "127.0.0.31"})
	pins := x509.NewCertPool()
	if !pins.AppendCertsFromPEM(r.Certificate()) {
		t.Fatal("no certificate")
	}
	d := tls.Dialer{Config: &tls.Config{RootCAs: pins, MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(t.Context(), "tcp", r.APITLSAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	c, err := routeros.NewClient(conn)
	must(t, err)
	must(t, c.Login("qserve", "qserve"))
	if rows := run(t, c, "/system/resource/print"); len(rows) != 1 || rows[0]["version"] != "7.16 (stable)" {
		t.Errorf("resource %v", rows)
	}
	other := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}
	if conn, err := other.DialContext(t.Context(), "tcp", r.APITLSAddr()); err == nil {
		_ = conn.Close()
		t.Error("a client without the pin connected")
	}
}

func TestThousandSecrets_AreAddedAndFoundByName(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	c := rawLogin(t, r)
	const n = 1000
	for i := range n {
		c.send(t, "/ppp/secret/add", fmt.Sprintf("=name=user%d", i), "=password=x")
		if got := c.next(t); got != fmt.Sprintf("!done ret=*%X", i+1) {
			t.Fatal(got)
		}
	}
	for i := range n {
		c.send(t, "/ppp/secret/print", "=.proplist=.id", fmt.Sprintf("?name=user%d", i))
		if got := c.next(t); got != fmt.Sprintf("!re .id=*%X", i+1) {
			t.Fatal(got)
		}
		c.next(t)
	}
	if got := r.State().Counters.API["/ppp/secret"]; got["add"] != n || got["print"] != n {
		t.Errorf("counted %v", got)
	}
}

package router_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/vendors/mikrotik"

	"qserve/account"
	"qserve/router"
	"qserve/router/coa"
	"qserve/router/mikrosim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	apiPassword = "api-password-of-the-router"
	linePass    = "password-of-the-line"
	coaSecret   = "secret-of-the-coa-port"
)

// rig is a simulated router, and a fleet that drives it.
type rig struct {
	sim    *mikrosim.Router
	fleet  *router.Fleet
	target router.Target
	aaa    *aaa // nil in mode local

	mu    sync.Mutex
	calls map[string]int // by operation and outcome
}

// patient is a configuration in which nothing times out by accident.
func patient() router.Config {
	return router.Config{ConnectTimeout: 5 * time.Second, LoginTimeout: 5 * time.Second, CommandTimeout: 5 * time.Second}
}

// hasty is a configuration for routers that are silent.
func hasty() router.Config {
	cfg := patient()
	cfg.ConnectTimeout, cfg.LoginTimeout, cfg.CommandTimeout = time.Second, time.Second, 200*time.Millisecond
	cfg.LookFor = 100 * time.Millisecond
	return cfg
}

// client is a CoA client that gives up soon.
func client(deadline time.Duration) *coa.Client {
	return coa.New(coa.Config{Retransmit: 20 * time.Millisecond, Deadline: deadline})
}

func setupLocal(t *testing.T, cfg router.Config) *rig {
	t.Helper()
	return setup(t, cfg, router.Local, mikrosim.Config{})
}

// setupRadius is a router in mode radius with an API; setupRemote is one without.
func setupRadius(t *testing.T, cfg router.Config) *rig {
	t.Helper()
	return setup(t, cfg, router.Radius, mikrosim.Config{})
}

func setupRemote(t *testing.T, cfg router.Config) *rig {
	t.Helper()
	r := setup(t, cfg, router.Radius, mikrosim.Config{})
	r.target.API = router.API{}
	return r
}

func setup(t *testing.T, cfg router.Config, mode router.Mode, sim mikrosim.Config) *rig {
	t.Helper()
	r := &rig{calls: make(map[string]int)}
	sim.Password, sim.RedialDelay, sim.RedialMax = apiPassword, 5*time.Millisecond, 5*time.Millisecond
	if mode == router.Radius {
		r.aaa = newAAA(t)
		sim.RadiusAuth, sim.RadiusAcct, sim.RadiusSecret = r.aaa.auth, r.aaa.acct, coaSecret
		sim.AllowMissingMessageAuth = true
		if cfg.Sessions == nil {
			cfg.Sessions = r.aaa
		}
		if cfg.CoA == nil {
			cfg.CoA = client(5 * time.Second)
		}
	}
	var err error
	if r.sim, err = mikrosim.Start(context.WithoutCancel(t.Context()), sim); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.sim.Close)
	block, _ := pem.Decode(r.sim.Certificate())
	pin := sha256.Sum256(block.Bytes)
	r.target = router.Target{
		ID: 1, Name: "north", Mode: mode, Revision: 1, LocalAddress: "10.0.0.1", Pool: "pool1",
		API: router.API{Address: r.sim.APITLSAddr(), User: "qserve", Password: apiPassword, PinSHA256: pin[:]},
	}
	if mode == router.Radius {
		r.target.CoA = router.CoA{Address: r.sim.CoAAddr(), Secret: coaSecret}
	}
	cfg.Observe = func(_, operation, outcome string, _ time.Duration) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls[operation+" "+outcome]++
	}
	r.fleet = router.NewFleet(cfg)
	run(t, r.fleet)
	return r
}

// run runs the fleet until the test ends.
func run(t *testing.T, f *router.Fleet) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the fleet ended with %v", err)
		}
	})
}

func (r *rig) called(call string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[call]
}

// converge never lets an error with a secret pass.
func (r *rig) converge(t *testing.T, w router.Want) error {
	t.Helper()
	err := r.fleet.Use(t.Context(), r.target, func(d router.Driver) error { return d.Converge(t.Context(), w) })
	secretless(t, err)
	return err
}

func (r *rig) mustConverge(t *testing.T, w router.Want) {
	t.Helper()
	if err := r.converge(t, w); err != nil {
		t.Fatalf("converge %s %s: %v", w.Username, w.Line.State, err)
	}
}

func secretless(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{apiPassword, linePass, coaSecret} {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

func (r *rig) fault(t *testing.T, f mikrosim.Fault) {
	t.Helper()
	if err := r.sim.SetFault(f); err != nil {
		t.Fatal(err)
	}
}

// online waits until the user has a session of that rate and returns it.
func (r *rig) online(t *testing.T, user, rate string) mikrosim.Active {
	t.Helper()
	var session mikrosim.Active
	r.wait(t, func(s mikrosim.State) bool {
		var ok bool
		session, ok = s.Session(user)
		return ok && session.Rate == rate
	})
	return session
}

// refused waits until the router has refused the user's dial.
func (r *rig) refused(t *testing.T, user string) {
	t.Helper()
	r.wait(t, func(s mikrosim.State) bool {
		for _, c := range s.Customers {
			if c.Name == user {
				return !c.Online && c.LastError != ""
			}
		}
		return false
	})
}

func (r *rig) wait(t *testing.T, reached func(mikrosim.State) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := r.sim.Wait(ctx, reached); err != nil {
		t.Fatalf("the router did not get there: %v\n%+v", err, r.sim.State())
	}
}

func (r *rig) offline(t *testing.T, user string) {
	t.Helper()
	if s, ok := r.sim.State().Session(user); ok {
		t.Errorf("%s is online: %+v", user, s)
	}
}

// operator changes something on the router by hand.
func (r *rig) operator(t *testing.T, do func(c *operatorConn)) {
	t.Helper()
	c := dialOperator(t, r.sim)
	defer c.Close()
	do(c)
}

func want(user string, state account.State, gen int64, rate account.Rate) router.Want {
	w := router.Want{ProvisionID: 7, Gen: gen, Username: user, Password: linePass, Line: account.Line{State: state, Rate: rate}}
	if state == account.LineAbsent {
		w.Password, w.Line.Rate = "", ""
	}
	return w
}

// garden makes w that of a customer whose package has run out and whose session goes on.
func garden(w router.Want) router.Want {
	w.Line.AddressList = account.GardenList
	return w
}

// at gives w a fixed address.
func at(address string, w router.Want) router.Want {
	w.Line.Address = address
	return w
}

// commands are those of the API, by path, that run makes the router carry out.
func (r *rig) commands(run func()) map[string]int {
	before := r.sim.State().Counters.API
	run()
	got := make(map[string]int)
	for menu, commands := range r.sim.State().Counters.API {
		for command, n := range commands {
			if n -= before[menu][command]; n != 0 {
				got[menu+"/"+command] = n
			}
		}
	}
	return got
}

// wholeRouter and oneUser check what an error is about.
func wholeRouter(t *testing.T, err error) {
	t.Helper()
	var e *router.Error
	if !errors.As(err, &e) || e.Scope != router.WholeRouter || e.Username != "" || e.Router != "north" {
		t.Errorf("got %#v (%v), want an error of the whole router", e, err)
	}
}

func oneUser(t *testing.T, err, kind error, user string) {
	t.Helper()
	var e *router.Error
	if !errors.As(err, &e) || e.Scope != router.OneUser || e.Username != user || !errors.Is(err, kind) {
		t.Errorf("got %#v (%v), want an error of %s that is %q", e, err, user, kind)
	}
}

// aaa answers the router's RADIUS requests and keeps the list of sessions, as Qserve itself does.
type aaa struct {
	auth, acct string

	mu       sync.Mutex
	rates    map[string]string // of those who are let in
	lists    map[string]string // of those among them who are in one
	sessions map[string]router.Session
	names    map[string]string // user name by session id
}

func newAAA(t *testing.T) *aaa {
	t.Helper()
	a := &aaa{rates: make(map[string]string), lists: make(map[string]string), sessions: make(map[string]router.Session), names: make(map[string]string)}
	serve := func(handler func(radius.ResponseWriter, *radius.Request)) string {
		socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		server := &radius.PacketServer{
			Handler: radius.HandlerFunc(handler), SecretSource: radius.StaticSecretSource([]byte(coaSecret)),
			ErrorLog: log.New(io.Discard, "", 0),
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			server.Serve(socket) //nolint:errcheck // it ends with the test
		}()
		t.Cleanup(func() {
			server.Shutdown(context.WithoutCancel(t.Context())) //nolint:errcheck // it ends with the test
			socket.Close()
			<-ended
		})
		return socket.LocalAddr().String()
	}
	a.auth, a.acct = serve(a.access), serve(a.accounting)
	return a
}

func (a *aaa) allow(user, rate string) {
	a.allowIn(user, rate, "")
}

// allowIn lets a user in with an address list.
func (a *aaa) allowIn(user, rate, list string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rates[user], a.lists[user] = rate, list
}

// recorded makes the session list say this of a user's sessions, as Qserve does when a change was confirmed.
func (a *aaa) recorded(user string, rate account.Rate, list string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, s := range a.sessions {
		if a.names[id] == user {
			s.Rate, s.AddressList = rate, list
			a.sessions[id] = s
		}
	}
}

// Doubt implements router.SessionList.
func (a *aaa) Doubt(_ context.Context, _ int64, username, addressList string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, s := range a.sessions {
		if a.names[id] == username {
			s.Rate, s.AddressList = "", cmp.Or(s.AddressList, addressList)
			a.sessions[id] = s
		}
	}
	return nil
}

func (a *aaa) deny(user string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.rates, user)
}

func (a *aaa) access(w radius.ResponseWriter, r *radius.Request) {
	a.mu.Lock()
	user := rfc2865.UserName_GetString(r.Packet)
	rate, ok := a.rates[user]
	list := a.lists[user]
	a.mu.Unlock()
	answer := r.Response(radius.CodeAccessReject)
	if ok {
		answer = r.Response(radius.CodeAccessAccept)
		mikrotik.MikrotikRateLimit_AddString(answer, rate) //nolint:errcheck // it fits
		if list != "" {
			mikrotik.MikrotikAddressList_AddString(answer, list) //nolint:errcheck // it fits
		}
	}
	w.Write(answer) //nolint:errcheck // the router asks again
}

func (a *aaa) accounting(w radius.ResponseWriter, r *radius.Request) {
	user, id := rfc2865.UserName_GetString(r.Packet), rfc2866.AcctSessionID_GetString(r.Packet)
	a.mu.Lock()
	switch rfc2866.AcctStatusType_Get(r.Packet) {
	case rfc2866.AcctStatusType_Value_Start:
		address, _ := netip.AddrFromSlice(rfc2865.FramedIPAddress_Get(r.Packet).To4())
		a.names[id] = user
		a.sessions[id] = router.Session{
			AcctSessionID: id, Address: address, Radius: true, Rate: account.Rate(a.rates[user]), AddressList: a.lists[user],
		}
	case rfc2866.AcctStatusType_Value_Stop:
		delete(a.sessions, id)
	}
	a.mu.Unlock()
	w.Write(r.Response(radius.CodeAccountingResponse)) //nolint:errcheck // the router sends it again
}

// OpenSessions implements router.SessionList.
func (a *aaa) OpenSessions(_ context.Context, _ int64, username string) ([]router.Session, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var sessions []router.Session
	for id, s := range a.sessions {
		if a.names[id] == username {
			sessions = append(sessions, s)
		}
	}
	return sessions, nil
}

package router_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"qserve/account"
	"qserve/router"
	"qserve/router/mikrosim"
)

// model is what a router in mode local should hold, whatever happens to it on the way.
type model struct {
	rig     *rig
	t       *testing.T
	wants   map[string]router.Want
	foreign map[string]mikrosim.Secret
	names   []string
	run     int
	broken  bool // a fault is set
}

// TestAnyHistory_EndsAsWanted changes what is wanted, breaks the router in every way, lets people edit it, and
// converges in between. A convergence without an error must be true at that moment; in the end all must be.
func TestAnyHistory_EndsAsWanted(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		m := &model{rig: r, t: t, run: run, wants: make(map[string]router.Want), foreign: make(map[string]mikrosim.Secret)}
		for i := range 3 {
			m.names = append(m.names, fmt.Sprintf("user-%d-%d", run, i))
		}
		stranger := fmt.Sprintf("stranger-%d", run)
		r.operator(t, func(c *operatorConn) {
			c.types("/ppp/secret/add", "=name="+stranger, "=password=own", "=comment=not qserve:1")
		})
		m.foreign[stranger] = secretOf(t, r, stranger)
		m.names = append(m.names, stranger)
		rt.Repeat(map[string]func(*rapid.T){
			"want": m.want, "converge": m.converge, "break": m.breakdown, "repair": m.repair, "edit": m.edit, "dial": m.dial,
		})
		m.repair(rt)
		for _, name := range m.names {
			m.settle(rt, name)
		}
		for name, before := range m.foreign {
			if diff := cmp.Diff(before, secretOf(t, r, name)); diff != "" {
				rt.Fatalf("a foreign secret changed:\n%s", diff)
			}
		}
		for _, name := range m.names {
			r.sim.SetCustomer(name, "", false)
		}
	})
}

func (m *model) name(rt *rapid.T) string { return rapid.SampledFrom(m.names).Draw(rt, "name") }

func (m *model) want(rt *rapid.T) {
	name := m.name(rt)
	gen := m.wants[name].Gen + 1
	w := want(name, rapid.SampledFrom([]account.State{enabled, enabled, disabled, absent}).Draw(rt, "state"), gen, "")
	place := slices.Index(m.names, name)
	w.ProvisionID = int64(m.run)*10 + int64(place)
	if w.Line.State != absent {
		w.Line.Rate = rapid.SampledFrom([]account.Rate{"5M/10M", "1M/2M", "5M/10M 8M/16M 4M/8M 10"}).Draw(rt, "rate")
		w.Line.Pool = rapid.SampledFrom([]string{"", "pool1"}).Draw(rt, "pool")
		// Each has two addresses to itself, of which it may have one.
		network := fmt.Sprintf("10.%d.%d.", m.run/250, m.run%250)
		w.Line.Address = rapid.SampledFrom([]string{
			"", fmt.Sprint(network, 1+place), fmt.Sprint(network, 101+place),
		}).Draw(rt, "address")
		if w.Line.State == enabled && rapid.Bool().Draw(rt, "garden") {
			w.Line.AddressList = account.GardenList
		}
		w.Password = linePass + rapid.SampledFrom([]string{"", "-2"}).Draw(rt, "password")
	}
	m.wants[name] = w
}

func (m *model) converge(rt *rapid.T) {
	name := m.name(rt)
	w, ok := m.wants[name]
	if !ok {
		return
	}
	err := m.rig.converge(m.t, w)
	switch _, foreign := m.foreign[name]; {
	case err == nil && foreign:
		rt.Fatalf("%s is foreign and was confirmed", name)
	case err == nil:
		m.holds(rt, w)
	case !m.broken && !errors.Is(err, router.ErrForeign):
		// One failure is the connection that an earlier fault has broken.
		m.settle(rt, name)
	}
}

// settle converges on a router without a fault, where a second attempt must be enough.
func (m *model) settle(rt *rapid.T, name string) {
	w, ok := m.wants[name]
	if !ok {
		return
	}
	err := m.rig.converge(m.t, w)
	if err != nil && !errors.Is(err, router.ErrForeign) {
		err = m.rig.converge(m.t, w)
	}
	if _, foreign := m.foreign[name]; foreign {
		if !errors.Is(err, router.ErrForeign) {
			rt.Fatalf("%s is foreign, and the error is %v", name, err)
		}
		return
	}
	if err != nil {
		rt.Fatalf("%s does not converge: %v", name, err)
	}
	m.holds(rt, w)
}

// holds compares the router with one want.
func (m *model) holds(rt *rapid.T, w router.Want) {
	state := m.rig.sim.State()
	got, there := state.Secret(w.Username)
	session, online := state.Session(w.Username)
	if w.Line.State == absent {
		if there || online {
			rt.Fatalf("%s is absent, and there is %+v, %+v", w.Username, got, session)
		}
		m.keeps(rt, state, w)
		return
	}
	profile := "qserve-" + strings.ReplaceAll(strings.Fields(string(w.Line.Rate))[0], "/", "-")
	if w.Line.Address != "" {
		profile = "qserve-fixed"
	}
	if !strings.HasPrefix(got.Profile, profile) {
		rt.Fatalf("profile %q, want one of %s", got.Profile, profile)
	}
	secret := mikrosim.Secret{
		Name: w.Username, Password: w.Password, Service: "pppoe", RemoteAddress: w.Line.Address,
		Comment: fmt.Sprintf("qserve:%d gen=%d", w.ProvisionID, w.Gen), Disabled: w.Line.State == disabled,
	}
	if diff := cmp.Diff(secret, got, cmpopts.IgnoreFields(mikrosim.Secret{}, "ID", "Profile")); diff != "" {
		rt.Fatalf("secret of %s (-want +got):\n%s", w.Username, diff)
	}
	if w.Line.State == disabled && online {
		rt.Fatalf("%s is disabled and online: %+v", w.Username, session)
	}
	if online && session.Rate != strings.Fields(string(w.Line.Rate))[0] {
		rt.Fatalf("%s is online with %s instead of %s", w.Username, session.Rate, w.Line.Rate)
	}
	if online && session.AddressList != w.Line.AddressList {
		rt.Fatalf("%s is online in list %q instead of %q", w.Username, session.AddressList, w.Line.AddressList)
	}
	m.keeps(rt, state, w)
}

// keeps looks for the queue and the address-list entry of a fixed address, which are there exactly while it is wanted.
func (m *model) keeps(rt *rapid.T, state mikrosim.State, w router.Want) {
	comment := fmt.Sprintf("qserve:%d", w.ProvisionID)
	var queues, entries []string
	for _, q := range state.Queues {
		if q.Name == "qserve-"+w.Username || !q.Dynamic && q.Comment == comment {
			queues = append(queues, q.Target+" "+q.MaxLimit)
		}
		if q.Dynamic && q.Name == "<pppoe-"+w.Username+">" && w.Line.Address != "" && w.Line.State == enabled {
			rt.Fatalf("%s has a dynamic queue beside its own", w.Username)
		}
	}
	for _, e := range state.AddressList {
		if !e.Dynamic && e.Comment == comment {
			entries = append(entries, e.List+" "+e.Address)
		}
	}
	var wantQueues, wantEntries []string
	if w.Line.State == enabled && w.Line.Address != "" {
		upload, download := w.Line.Rate.Pair()
		wantQueues = []string{fmt.Sprintf("%s/32 %d/%d", w.Line.Address, upload, download)}
		if w.Line.AddressList != "" {
			wantEntries = []string{w.Line.AddressList + " " + w.Line.Address}
		}
	}
	if diff := cmp.Diff([][]string{wantQueues, wantEntries}, [][]string{queues, entries}); diff != "" {
		rt.Fatalf("queues and address-list entries of %s, %s (-want +got):\n%s", w.Username, w.Line.State, diff)
	}
}

func (m *model) breakdown(rt *rapid.T) {
	m.rig.fault(m.t, mikrosim.Fault{
		Kind: rapid.SampledFrom([]mikrosim.FaultKind{
			mikrosim.FaultRefuse, mikrosim.FaultFull, mikrosim.FaultDenyWrite, mikrosim.FaultDrop, mikrosim.FaultReset,
			mikrosim.FaultFatal, mikrosim.FaultGarbage, mikrosim.FaultFragment,
		}).Draw(rt, "fault"),
		Skip: rapid.IntRange(0, 6).Draw(rt, "skip"),
	})
	m.broken = true
}

func (m *model) repair(*rapid.T) {
	m.rig.fault(m.t, mikrosim.Fault{Kind: mikrosim.FaultNone})
	m.broken = false
}

// edit is a person at the router, who may change everything of ours but what cannot be read back: the password under
// an unchanged marker.
func (m *model) edit(rt *rapid.T) {
	name := m.name(rt)
	_, foreign := m.foreign[name]
	secret, there := m.rig.sim.State().Secret(name)
	if m.broken || foreign || !there {
		return
	}
	switch edit := rapid.SampledFrom([]string{
		"remove", "reboot", "=disabled=no", "=disabled=yes", "=profile=default", "=service=any", "=remote-address=100.64.200.2",
		"=comment=qserve:", "remove queue", "=max-limit=1M/1M", "=target=100.64.202.1", "=disabled=yes of the queue", "remove entries",
	}).Draw(rt, "edit"); edit {
	case "remove":
		m.rig.operator(m.t, func(c *operatorConn) { c.types("/ppp/secret/remove", "=.id="+secret.ID) })
	case "remove queue", "=max-limit=1M/1M", "=target=100.64.202.1", "=disabled=yes of the queue":
		for _, q := range m.rig.sim.State().Queues {
			if q.Name != "qserve-"+name {
				continue
			}
			words := []string{"/queue/simple/set", "=.id=" + q.ID, strings.TrimSuffix(edit, " of the queue")}
			if edit == "remove queue" {
				words = []string{"/queue/simple/remove", "=.id=" + q.ID}
			}
			m.rig.operator(m.t, func(c *operatorConn) { c.types(words...) })
		}
	case "remove entries":
		for _, e := range m.rig.sim.State().AddressList {
			m.rig.operator(m.t, func(c *operatorConn) { c.types("/ip/firewall/address-list/remove", "=.id="+e.ID) })
		}
	case "reboot":
		m.rig.sim.Reboot()
	default:
		m.rig.operator(m.t, func(c *operatorConn) { c.types("/ppp/secret/set", "=.id="+secret.ID, edit) })
	}
}

// dial lets a customer's box dial, with the password that is wanted now.
func (m *model) dial(rt *rapid.T) {
	name := m.name(rt)
	w, ok := m.wants[name]
	if _, foreign := m.foreign[name]; ok && !foreign {
		m.rig.sim.SetCustomer(name, w.Password, rapid.Bool().Draw(rt, "dial"))
	}
}

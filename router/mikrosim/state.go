package mikrosim

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
)

// State is what a router looks like at one moment. It holds passwords: it is for tests and demonstrations only.
type State struct {
	Info
	Uptime string `json:"uptime"`
	// Boot counts the starts of the router, from 1; its last four bits are the third digit of a session id.
	Boot        int            `json:"boot"`
	Fault       Fault          `json:"fault"`
	Secrets     []Secret       `json:"secrets"`
	Profiles    []Profile      `json:"profiles"`
	Active      []Active       `json:"active"`
	Queues      []Queue        `json:"queues"`
	AddressList []AddressEntry `json:"address_list"`
	Customers   []Customer     `json:"customers"`
	// APISessions is how many API connections are open.
	APISessions int      `json:"api_sessions"`
	Counters    Counters `json:"counters"`
}

// Info is what tells a router from others and where it listens.
type Info struct {
	Name     string `json:"name"`
	Identity string `json:"identity"`
	Version  string `json:"version"`
	API      string `json:"api"`
	APITLS   string `json:"api_tls"`
	CoA      string `json:"coa"`
}

// Secret is a row of /ppp/secret.
type Secret struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Password      string `json:"password"`
	Service       string `json:"service"`
	Profile       string `json:"profile"`
	CallerID      string `json:"caller_id,omitempty"`
	LocalAddress  string `json:"local_address,omitempty"`
	RemoteAddress string `json:"remote_address,omitempty"`
	Comment       string `json:"comment,omitempty"`
	Disabled      bool   `json:"disabled"`
}

// Profile is a row of /ppp/profile.
type Profile struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	LocalAddress  string `json:"local_address,omitempty"`
	RemoteAddress string `json:"remote_address,omitempty"`
	RateLimit     string `json:"rate_limit,omitempty"`
	AddressList   string `json:"address_list,omitempty"`
	Comment       string `json:"comment,omitempty"`
}

// Active is a running session.
type Active struct {
	ID string `json:"id"`
	// SessionID is the number as /ppp/active shows it, 0x81100001; RADIUS carries it as 81100001.
	SessionID string `json:"session_id"`
	Name      string `json:"name"`
	CallerID  string `json:"caller_id"`
	Address   string `json:"address"`
	// Radius tells that RADIUS let the session in, not a local secret.
	Radius bool   `json:"radius"`
	Uptime string `json:"uptime"`
	// Rate is upload/download in the shortest exact form, 5M/10M, of the queue that limits the session: its dynamic one,
	// or else the static one whose target is its address. Empty without a limit.
	Rate string `json:"rate"`
	// AddressList has the firewall address lists that the session's address is in, by name and separated by commas.
	AddressList string `json:"address_list,omitempty"`
}

// Queue is a row of /queue/simple.
type Queue struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Target string `json:"target"`
	// MaxLimit is upload/download in bit/s, 5000000/10000000.
	MaxLimit string `json:"max_limit"`
	Comment  string `json:"comment,omitempty"`
	Dynamic  bool   `json:"dynamic"`
	Disabled bool   `json:"disabled"`
}

// AddressEntry is a row of /ip/firewall/address-list.
type AddressEntry struct {
	ID       string `json:"id"`
	List     string `json:"list"`
	Address  string `json:"address"`
	Comment  string `json:"comment,omitempty"`
	Dynamic  bool   `json:"dynamic"`
	Disabled bool   `json:"disabled"`
}

// Customer is a subscriber's box.
type Customer struct {
	Name   string `json:"name"`
	Dial   bool   `json:"dial"`
	Online bool   `json:"online"`
	// LastError is why the last dial was refused; empty while online.
	LastError string `json:"last_error,omitempty"`
}

// Session returns the running session of a user.
func (s State) Session(user string) (Active, bool) {
	i := slices.IndexFunc(s.Active, func(a Active) bool { return a.Name == user })
	if i < 0 {
		return Active{}, false
	}
	return s.Active[i], true
}

// Secret returns the secret of a user.
func (s State) Secret(user string) (Secret, bool) {
	i := slices.IndexFunc(s.Secrets, func(e Secret) bool { return e.Name == user })
	if i < 0 {
		return Secret{}, false
	}
	return s.Secrets[i], true
}

// State returns what the router looks like now.
func (r *Router) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state()
}

func (r *Router) info() Info {
	return Info{
		Name: r.cfg.Name, Identity: r.cfg.Identity, Version: r.cfg.Version,
		API: r.APIAddr(), APITLS: r.APITLSAddr(), CoA: r.CoAAddr(),
	}
}

func (r *Router) state() State {
	static, lists := r.limits(), r.lists()
	st := State{
		Info: r.info(), Uptime: r.since(r.booted), Boot: r.boot, Fault: r.fault, APISessions: len(r.conns),
		Counters: r.counters.clone(),
		Secrets: rows(r.tables[menuSecret], func(it *item, v map[string]string) Secret {
			return Secret{
				ID: it.ref(), Name: v["name"], Password: v["password"], Service: v["service"], Profile: v["profile"],
				CallerID: v["caller-id"], LocalAddress: v["local-address"], RemoteAddress: v["remote-address"],
				Comment: v["comment"], Disabled: v["disabled"] == "true",
			}
		}),
		Profiles: rows(r.tables[menuProfile], func(it *item, v map[string]string) Profile {
			return Profile{
				ID: it.ref(), Name: v["name"], LocalAddress: v["local-address"], RemoteAddress: v["remote-address"],
				RateLimit: v["rate-limit"], AddressList: v["address-list"], Comment: v["comment"],
			}
		}),
		Active: rows(r.tables[menuActive], func(it *item, v map[string]string) Active {
			return Active{
				ID: it.ref(), SessionID: v["session-id"], Name: v["name"], CallerID: v["caller-id"], Address: v["address"],
				Radius: it.session.radius, Uptime: r.since(it.session.start),
				Rate: it.session.rate(static), AddressList: strings.Join(lists[v["address"]], ","),
			}
		}),
		Queues: rows(r.tables[menuQueue], func(it *item, v map[string]string) Queue {
			return Queue{
				ID: it.ref(), Name: v["name"], Target: v["target"], MaxLimit: v["max-limit"], Comment: v["comment"],
				Dynamic: it.dynamic, Disabled: v["disabled"] == "true",
			}
		}),
		AddressList: rows(r.tables[menuAddressList], func(it *item, v map[string]string) AddressEntry {
			return AddressEntry{
				ID: it.ref(), List: v["list"], Address: v["address"], Comment: v["comment"], Dynamic: it.dynamic,
				Disabled: v["disabled"] == "true",
			}
		}),
		Customers: make([]Customer, 0, len(r.customers)),
	}
	for _, c := range r.customers {
		st.Customers = append(st.Customers, Customer{Name: c.name, Dial: c.dial, Online: c.session != nil, LastError: c.lastError})
	}
	slices.SortFunc(st.Customers, func(a, b Customer) int { return cmp.Compare(a.Name, b.Name) })
	return st
}

// limits returns the max-limit of the static queues by their targets. Of several with one target the first counts, as it
// does on the way of a packet.
func (r *Router) limits() map[string]string {
	limits := make(map[string]string)
	for _, it := range r.tables[menuQueue].items {
		if it.dynamic || it.values["disabled"] == "true" {
			continue
		}
		for target := range strings.SplitSeq(it.values["target"], ",") {
			if _, limited := limits[target]; !limited {
				limits[target] = it.values["max-limit"]
			}
		}
	}
	return limits
}

// lists returns the names of the address lists by the single addresses in them.
func (r *Router) lists() map[string][]string {
	lists := make(map[string][]string)
	for _, it := range r.tables[menuAddressList].items {
		address, list := it.values["address"], it.values["list"]
		if it.values["disabled"] != "true" && !slices.Contains(lists[address], list) {
			lists[address] = append(lists[address], list)
		}
	}
	return lists
}

// rate is that of the queue which limits the session.
func (s *session) rate(static map[string]string) string {
	limit := static[netip.PrefixFrom(s.address, s.address.BitLen()).String()]
	if s.queue != nil {
		limit = s.queue.values["max-limit"]
	}
	if limit == "" || limit == "0/0" {
		return ""
	}
	return rateLimit{max: limit}.short()
}

func rows[T any](t *table, row func(it *item, values map[string]string) T) []T {
	out := make([]T, len(t.items))
	for i, it := range t.items {
		out[i] = row(it, it.values)
	}
	return out
}

var errStopped = errors.New("the router was closed")

// Wait returns nil as soon as reached says so of the router's state, which it is asked at once and after every change, or
// the error of ctx or of a router that was closed.
func (r *Router) Wait(ctx context.Context, reached func(State) bool) error {
	for {
		r.mu.Lock()
		st, changed := r.state(), r.changed
		r.watching = true
		r.mu.Unlock()
		if reached(st) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.stopped:
			return errStopped
		}
	}
}

// notify wakes those who wait for a change. The router's lock is held.
func (r *Router) notify() {
	if r.watching {
		close(r.changed)
		r.changed, r.watching = make(chan struct{}), false
	}
}

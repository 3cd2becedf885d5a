package mikrosim

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"layeh.com/radius/rfc2866"
)

// Why sessions end, as Acct-Terminate-Cause tells (RFC 2866 §5.10).
const (
	causeUserRequest    = rfc2866.AcctTerminateCause_Value_UserRequest
	causeAdminReset     = rfc2866.AcctTerminateCause_Value_AdminReset
	causeSessionTimeout = rfc2866.AcctTerminateCause_Value_SessionTimeout
)

// session is a PPPoE session. Its rows in the menus belong to it.
type session struct {
	customer *customer
	user     string
	number   uint32
	radius   bool
	address  netip.Addr
	pool     *pool
	start    time.Time
	active   *item
	queue    *item
	lists    []*item
	class    []byte
	interim  time.Duration
	timeout  time.Duration
	ended    bool
}

// acctID is the session id as RADIUS carries it; /ppp/active shows the same number as 0x81D00001.
func (s *session) acctID() string { return fmt.Sprintf("%08x", s.number) }

// nextSession numbers a session as the RouterOS manual says: the first two digits are the service, the next counts the
// starts of the router, the rest the sessions of this start.
func (r *Router) nextSession() uint32 {
	r.sessionCount++
	return 0x81<<24 | uint32(r.boot&0xF)<<20 | r.sessionCount&0xF_FFFF
}

// grant is what a login is given: by the local secret and its profile, or by RADIUS over the default profile.
type grant struct {
	number  uint32
	radius  bool
	remote  string
	rate    string
	lists   []string
	class   []byte
	interim time.Duration
	timeout time.Duration
}

// inProfile takes what a profile says.
func (g *grant) inProfile(p *item) {
	g.remote, g.rate = p.values["remote-address"], p.values["rate-limit"]
	g.lists = nil
	if list := p.values["address-list"]; list != "" {
		g.lists = []string{list}
	}
}

// connect starts the session of a customer who was let in. The router's lock is held.
func (r *Router) connect(c *customer, g grant) error {
	if g.remote == "" {
		return errors.New("could not determine remote address: neither login nor profile names one")
	}
	var rate rateLimit
	if g.rate != "" {
		var ok bool
		if rate, ok = parseRate(g.rate); !ok {
			return fmt.Errorf("bad rate limit %q", g.rate)
		}
	}
	address, from, err := r.address(g.remote)
	if err != nil {
		return err
	}
	s := &session{
		customer: c, user: c.name, number: g.number, radius: g.radius, address: address, pool: from, start: r.cfg.Clock.Now(),
		class: g.class, interim: g.interim, timeout: g.timeout,
	}
	s.active = r.tables[menuActive].insert(map[string]string{
		"name": c.name, "service": "pppoe", "caller-id": c.mac, "address": address.String(), "encoding": "",
		"session-id": fmt.Sprintf("0x%08X", s.number), "limit-bytes-in": "0", "limit-bytes-out": "0",
		"radius": strconv.FormatBool(g.radius),
	})
	s.active.session, s.active.dynamic = s, true
	if g.rate != "" {
		r.limit(s, rate)
	}
	r.list(s, g.lists)
	c.session, c.refusals, c.lastError = s, 0, ""
	r.sessions[s.acctID()] = s
	r.account(s, rfc2866.AcctStatusType_Value_Start, 0)
	r.scheduleInterim(s)
	r.endAfter(s, s.timeout)
	r.cfg.Logger.Debug("session up", "router", r.cfg.Name, "session", s.acctID(), "radius", s.radius)
	return nil
}

// limit gives the session its rate: the first time by a dynamic queue, later by changing that.
func (r *Router) limit(s *session, rate rateLimit) {
	values := map[string]string{
		"limit-at": rate.min, "max-limit": rate.max, "burst-limit": rate.burst, "burst-threshold": rate.threshold,
		"burst-time": rate.burstTime, "priority": rate.priority,
	}
	queues := r.tables[menuQueue]
	if s.queue != nil {
		queues.put(s.queue, values)
		return
	}
	name := "<pppoe-" + s.user + ">"
	values["name"], values["target"], values["parent"], values["dynamic"], values["disabled"] = name, name, "none", "true", "false"
	s.queue = queues.insert(values)
	s.queue.session, s.queue.dynamic = s, true
}

// list puts the session's address into these lists, and only these.
func (r *Router) list(s *session, lists []string) {
	entries := r.tables[menuAddressList]
	for _, it := range s.lists {
		entries.delete(it)
	}
	s.lists = nil
	for _, list := range lists {
		it := entries.insert(map[string]string{
			"list": list, "address": s.address.String(), "dynamic": "true", "disabled": "false",
			"creation-time": r.cfg.Clock.Now().UTC().Format("2006-01-02 15:04:05"),
		})
		it.session, it.dynamic = s, true
		s.lists = append(s.lists, it)
	}
}

// hangUp ends a session, accounts its end and lets the customer dial again. The router's lock is held.
func (r *Router) hangUp(s *session, cause rfc2866.AcctTerminateCause) {
	if s.ended {
		return
	}
	r.forget(s)
	r.account(s, rfc2866.AcctStatusType_Value_Stop, cause)
	if secret := r.tables[menuSecret].named(s.user); secret != nil && !s.radius {
		r.tables[menuSecret].put(secret, map[string]string{
			"last-logged-out": r.cfg.Clock.Now().UTC().Format("2006-01-02 15:04:05"), "last-caller-id": s.customer.mac,
			"last-disconnect-reason": map[bool]string{true: "peer-request", false: "hung-up"}[cause == causeUserRequest],
		})
	}
	r.redial(s.customer, r.cfg.RedialDelay)
	r.cfg.Logger.Debug("session down", "router", r.cfg.Name, "session", s.acctID(), "cause", cause.String())
	r.notify()
}

// forget takes a session and its rows away.
func (r *Router) forget(s *session) {
	s.ended = true
	r.tables[menuActive].delete(s.active)
	if s.queue != nil {
		r.tables[menuQueue].delete(s.queue)
	}
	r.list(s, nil)
	s.pool.release(s.address)
	delete(r.sessions, s.acctID())
	s.customer.session = nil
}

// scheduleInterim accounts the session every so often while it lasts.
func (r *Router) scheduleInterim(s *session) {
	if s.interim <= 0 {
		return
	}
	r.events.at(r.cfg.Clock.Now().Add(s.interim), func(context.Context) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !s.ended {
			r.account(s, rfc2866.AcctStatusType_Value_InterimUpdate, 0)
			r.scheduleInterim(s)
		}
	})
}

// endAfter ends the session when it has lasted as long as Session-Timeout says; a later timeout replaces an earlier one.
func (r *Router) endAfter(s *session, timeout time.Duration) {
	s.timeout = timeout
	if timeout <= 0 {
		return
	}
	r.events.at(s.start.Add(timeout), func(context.Context) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if s.timeout == timeout {
			r.hangUp(s, causeSessionTimeout)
		}
	})
}

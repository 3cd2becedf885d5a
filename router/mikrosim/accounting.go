package mikrosim

import (
	"context"
	"errors"
	"math"
	"net"
	"sync"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
)

// accountingLanes is how many accounting packets a router has in flight. The records of one session share a lane, so that
// they arrive in their order.
const accountingLanes = 4

// record is one accounting record, taken at its moment and sent when its turn comes.
type record struct {
	status  rfc2866.AcctStatusType
	cause   rfc2866.AcctTerminateCause
	attempt dialAttempt
	address net.IP
	radius  bool
	class   []byte
	lasted  time.Duration
	at      time.Time
}

// Bytes that a simulated subscriber moves per second.
const (
	uploadPerSecond   = 1_000
	downloadPerSecond = 10_000
)

// account queues a record of the session. The router's lock is held.
func (r *Router) account(s *session, status rfc2866.AcctStatusType, cause rfc2866.AcctTerminateCause) {
	if !r.radius.accounts() || status == rfc2866.AcctStatusType_Value_Stop && r.cfg.LoseStops {
		return
	}
	now := r.cfg.Clock.Now()
	r.lanes[s.number%accountingLanes].push(record{
		status: status, cause: cause, attempt: dialAttempt{user: s.user, mac: s.customer.mac, number: s.number},
		address: s.address.AsSlice(), radius: s.radius, class: s.class, lasted: now.Sub(s.start), at: now,
	})
}

// acctLane sends records one after the other.
type acctLane struct {
	alarm alarm
	mu    sync.Mutex
	queue []record
}

func (l *acctLane) push(rec record) {
	l.mu.Lock()
	l.queue = append(l.queue, rec)
	l.mu.Unlock()
	l.alarm.ring()
}

func (l *acctLane) pop() (record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return record{}, false
	}
	rec := l.queue[0]
	l.queue = l.queue[1:]
	return rec, true
}

// lose forgets what was not sent yet.
func (l *acctLane) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = nil
}

// sendAccounting works through a lane until ctx ends. A record that nobody answers is lost, as on a router.
func (r *Router) sendAccounting(ctx context.Context, l *acctLane) {
	for ctx.Err() == nil {
		rec, ok := l.pop()
		if !ok {
			l.alarm.wait(ctx, r.cfg.Clock, time.Time{})
			continue
		}
		_, err := r.radius.exchange(ctx, serverAcct, func(secret []byte) (*radius.Packet, error) { return r.accountingRequest(secret, rec) })
		switch {
		case err == nil:
			r.count(func(c *Counters) { c.Radius.Accounted++ })
		case ctx.Err() == nil:
			r.cfg.Logger.Debug("accounting lost", "router", r.cfg.Name, "status", rec.status.String(), "error", err)
		}
	}
}

func (r *Router) accountingRequest(secret []byte, rec record) (*radius.Packet, error) {
	p := radius.New(radius.CodeAccountingRequest, secret)
	authentic := rfc2866.AcctAuthentic_Value_Local
	if rec.radius {
		authentic = rfc2866.AcctAuthentic_Value_RADIUS
	}
	errs := []error{
		rfc2866.AcctStatusType_Add(p, rec.status),
		r.describeNAS(p, rec.attempt),
		rfc2865.ServiceType_Add(p, rfc2865.ServiceType_Value_FramedUser),
		rfc2865.FramedProtocol_Add(p, rfc2865.FramedProtocol_Value_PPP),
		rfc2865.FramedIPAddress_Add(p, rec.address),
		rfc2866.AcctAuthentic_Add(p, authentic),
		rfc2869.EventTimestamp_Add(p, rec.at.Add(r.cfg.ClockOffset)),
		rfc2866.AcctDelayTime_Add(p, rfc2866.AcctDelayTime(seconds(r.cfg.Clock.Now().Sub(rec.at)))),
	}
	if len(rec.class) > 0 {
		errs = append(errs, rfc2865.Class_Add(p, rec.class))
	}
	if rec.status != rfc2866.AcctStatusType_Value_Start {
		lasted := uint64(seconds(rec.lasted))
		in, out := lasted*uploadPerSecond, lasted*downloadPerSecond
		errs = append(errs,
			rfc2866.AcctSessionTime_Add(p, rfc2866.AcctSessionTime(lasted)),
			rfc2866.AcctInputOctets_Add(p, rfc2866.AcctInputOctets(in&math.MaxUint32)),
			rfc2866.AcctOutputOctets_Add(p, rfc2866.AcctOutputOctets(out&math.MaxUint32)),
			rfc2869.AcctInputGigawords_Add(p, rfc2869.AcctInputGigawords(in>>32)),
			rfc2869.AcctOutputGigawords_Add(p, rfc2869.AcctOutputGigawords(out>>32)),
		)
	}
	if rec.status == rfc2866.AcctStatusType_Value_Stop {
		errs = append(errs, rfc2866.AcctTerminateCause_Add(p, rec.cause))
	}
	return p, errors.Join(errs...)
}

// seconds rounds d down to whole seconds that fit a RADIUS integer.
func seconds(d time.Duration) uint32 {
	return uint32(min(math.MaxUint32, max(0, int64(d/time.Second))))
}

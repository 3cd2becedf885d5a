package mikrosim

import (
	"net"
	"strconv"
	"strings"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"
	"layeh.com/radius/rfc5176"
	"layeh.com/radius/vendors/mikrotik"
)

// Verdicts that are no Error-Cause.
const (
	accepted     rfc3576.ErrorCause = 0
	withoutCause rfc3576.ErrorCause = 1
)

// identifying are the attributes that say which session is meant, besides those that say which router (RFC 5176 §3).
var identifying = map[radius.Type]func(s *session, v radius.Attribute) bool{
	rfc2865.UserName_Type:         func(s *session, v radius.Attribute) bool { return string(v) == s.user },
	rfc2865.FramedIPAddress_Type:  func(s *session, v radius.Attribute) bool { return net.IP(v).Equal(s.address.AsSlice()) },
	rfc2865.CallingStationID_Type: func(s *session, v radius.Attribute) bool { return string(v) == s.customer.mac },
	rfc2865.NASPort_Type: func(s *session, v radius.Attribute) bool {
		n, err := radius.Integer(v)
		return err == nil && n == s.number
	},
	rfc2866.AcctSessionID_Type: func(s *session, v radius.Attribute) bool { return strings.EqualFold(string(v), s.acctID()) },
}

// framing are attributes that every request may carry and that identify nothing.
var framing = map[radius.Type]bool{
	rfc2865.NASIPAddress_Type: true, rfc2865.NASIdentifier_Type: true, rfc2865.NASPortType_Type: true,
	rfc2865.CalledStationID_Type: true, rfc2869.NASPortID_Type: true, rfc2865.ProxyState_Type: true,
	rfc2869.MessageAuthenticator_Type: true, rfc2869.EventTimestamp_Type: true,
}

// changeable are the attributes, besides MikroTik's own, that the RouterOS manual lists for CoA.
var changeable = map[radius.Type]bool{
	rfc2865.FilterID_Type: true, rfc2865.SessionTimeout_Type: true, rfc2865.IdleTimeout_Type: true, rfc2865.PortLimit_Type: true,
}

// changeableMikrotik are MikroTik's attributes of that list, by number: Recv-Limit, Xmit-Limit, Group, Rate-Limit,
// Mark-Id, Advertise-URL and Advertise-Interval.
var changeableMikrotik = map[byte]bool{1: true, 2: true, 3: true, 8: true, 11: true, 12: true, 13: true}

const (
	vendorMikrotik    = 14988
	numberAddressList = 19
)

// judge decides a request: what to answer, and what then has to happen. The router's lock is held.
func (r *Router) judge(p *radius.Packet) (rfc3576.ErrorCause, func()) {
	switch r.fault.Kind {
	case FaultAckOnly:
		return accepted, nil
	case FaultNAK:
		cause := rfc3576.ErrorCause(r.fault.Cause)
		r.spend()
		if cause == 0 {
			return withoutCause, nil
		}
		return cause, nil
	}
	if cause := r.refuses(p); cause != accepted {
		return cause, nil
	}
	s, cause := r.identify(p)
	switch {
	case cause != accepted:
		return cause, nil
	case p.Code == radius.CodeDisconnectRequest:
		return accepted, func() { r.hangUp(s, causeAdminReset) }
	}
	return r.apply(s, p)
}

// refuses finds attributes that make a request fail whichever session it means.
func (r *Router) refuses(p *radius.Packet) rfc3576.ErrorCause {
	for _, avp := range p.Attributes {
		switch {
		case avp.Type == rfc2865.NASIPAddress_Type && !net.IP(avp.Attribute).Equal(net.ParseIP(r.cfg.Host)),
			avp.Type == rfc2865.NASIdentifier_Type && string(avp.Attribute) != r.cfg.Identity:
			return rfc3576.ErrorCause_Value_NASIdentificationMismatch
		case framing[avp.Type], identifying[avp.Type] != nil:
		case p.Code == radius.CodeDisconnectRequest:
			return rfc3576.ErrorCause_Value_UnsupportedAttribute
		case avp.Type == rfc2865.ServiceType_Type:
			return rfc3576.ErrorCause_Value_UnsupportedService
		case changeable[avp.Type], avp.Type == rfc2865.VendorSpecific_Type && r.changes(avp.Attribute):
		default:
			return rfc3576.ErrorCause_Value_UnsupportedAttribute
		}
	}
	return accepted
}

// changes reports whether a vendor-specific attribute is one that a CoA may carry.
func (r *Router) changes(a radius.Attribute) bool {
	vendor, value, err := radius.VendorSpecific(a)
	if err != nil || vendor != vendorMikrotik {
		return false
	}
	for len(value) >= 2 {
		number, length := value[0], int(value[1])
		if length < 2 || length > len(value) {
			return false
		}
		if !changeableMikrotik[number] && (number != numberAddressList || r.cfg.CoAWithoutAddressList) {
			return false
		}
		value = value[length:]
	}
	return len(value) == 0
}

// identify finds the session that all identifying attributes fit. Only sessions that RADIUS let in can be found, unless
// Config says otherwise.
func (r *Router) identify(p *radius.Packet) (*session, rfc3576.ErrorCause) {
	candidate := func() *session {
		if id := rfc2866.AcctSessionID_GetString(p); id != "" {
			return r.sessions[strings.ToLower(id)]
		}
		if user := rfc2865.UserName_GetString(p); user != "" {
			if c := r.customers[user]; c != nil {
				return c.session
			}
			return nil
		}
		for _, s := range r.sessions {
			if r.fits(s, p) {
				return s
			}
		}
		return nil
	}
	named := false
	for _, avp := range p.Attributes {
		named = named || identifying[avp.Type] != nil
	}
	if !named {
		return nil, rfc3576.ErrorCause_Value_MissingAttribute
	}
	s := candidate()
	if s == nil || s.ended || !s.radius && !r.cfg.CoAReachesLocal || !r.fits(s, p) {
		return nil, rfc3576.ErrorCause_Value_SessionContextNotFound
	}
	return s, accepted
}

func (r *Router) fits(s *session, p *radius.Packet) bool {
	for _, avp := range p.Attributes {
		if same := identifying[avp.Type]; same != nil && !same(s, avp.Attribute) {
			return false
		}
	}
	return true
}

// apply changes the running session, all or nothing (RFC 5176 §2.2).
func (r *Router) apply(s *session, p *radius.Packet) (rfc3576.ErrorCause, func()) {
	var rate rateLimit
	rateText, err := mikrotik.MikrotikRateLimit_LookupString(p)
	limited := err == nil
	if limited {
		var ok bool
		if rate, ok = parseRate(rateText); !ok && r.cfg.CoAIgnoresBadRate {
			return accepted, nil
		} else if !ok {
			return rfc5176.ErrorCause_Value_InvalidAttributeValue, nil
		}
	}
	if limited {
		r.limit(s, rate)
	}
	if lists, err := mikrotik.MikrotikAddressList_GetStrings(p); err == nil && len(lists) > 0 && !r.cfg.CoAIgnoresAddressList {
		r.list(s, lists)
	}
	if n, err := rfc2865.SessionTimeout_Lookup(p); err == nil {
		r.endAfter(s, time.Duration(n)*time.Second)
	}
	return accepted, nil
}

// monitorIncoming is /radius/incoming/monitor: the counters since the router started, once or every second.
func (r *Router) monitorIncoming(req request) reply {
	rows := func() sentence {
		now, base := r.counters.both(), r.counted
		return sentence{
			"!re", "=requests=" + strconv.Itoa(now.Requests-base.Requests), "=bad-requests=" + strconv.Itoa(now.Bad-base.Bad),
			"=acks=" + strconv.Itoa(now.Acks-base.Acks), "=naks=" + strconv.Itoa(now.Naks-base.Naks),
		}
	}
	if _, once := req.args["once"]; once {
		return reply{sentences: []sentence{rows(), {"!done"}}}
	}
	return reply{sentences: []sentence{rows()}, every: time.Second, repeat: func() []sentence {
		r.mu.Lock()
		defer r.mu.Unlock()
		return []sentence{rows()}
	}}
}

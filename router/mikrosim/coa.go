package mikrosim

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"
)

// replayWindow is how long an answer is kept for a request that is sent again, and maxClockSkew how far an Event-Timestamp
// may be off (RFC 5176 §6.3).
const (
	replayWindow = 30 * time.Second
	maxClockSkew = 300 * time.Second
)

// replayKey recognises a repeated request: same source address, port, identifier and authenticator (RFC 5176 §2.3).
type replayKey struct {
	from          netip.AddrPort
	id            byte
	authenticator [16]byte
}

type replay struct {
	key    replayKey
	answer []byte
	at     time.Time
}

// replays are the answers of the last replayWindow, oldest first.
type replays struct {
	byKey map[replayKey][]byte
	order []replay
}

func (c *replays) find(k replayKey, now time.Time) ([]byte, bool) {
	for len(c.order) > 0 && now.Sub(c.order[0].at) > replayWindow {
		delete(c.byKey, c.order[0].key)
		c.order = c.order[1:]
	}
	answer, ok := c.byKey[k]
	return answer, ok
}

func (c *replays) keep(k replayKey, answer []byte, now time.Time) {
	c.byKey[k] = answer
	c.order = append(c.order, replay{k, answer, now})
}

// serveCoA answers Disconnect- and CoA-Requests until the socket is closed.
func (r *Router) serveCoA() {
	buffer := make([]byte, radius.MaxPacketLength)
	for {
		n, from, err := r.coa.ReadFromUDPAddrPort(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			continue
		}
		r.takeCoA(buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	}
}

// takeCoA handles one packet. What is not provably from an AAA server of this router gets no answer at all.
func (r *Router) takeCoA(b []byte, from netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault.mutesCoA() || r.loses(coaIn) {
		return
	}
	defer r.notify()
	b, err := trimPacket(b)
	if err != nil {
		r.counters.CoA.Bad++
		return
	}
	counters := r.counters.incoming(radius.Code(b[0]))
	if counters == nil {
		return
	}
	counters.Requests++
	now := r.cfg.Clock.Now()
	p := r.authenticate(b, from.Addr())
	if p == nil || stale(p, now.Add(r.cfg.ClockOffset)) {
		counters.Bad++
		return
	}
	key := replayKey{from, p.Identifier, p.Authenticator}
	wire, again := r.replays.find(key, now)
	var effect func()
	if !again {
		var verdict rfc3576.ErrorCause
		verdict, effect = r.judge(p)
		if wire, err = r.coaAnswer(p, verdict, b); err != nil {
			r.cfg.Logger.Error("encode a CoA answer", "router", r.cfg.Name, "error", err)
			return
		}
		r.replays.keep(key, wire, now)
		if verdict == accepted {
			counters.Acks++
		} else {
			counters.Naks++
		}
	}
	r.answerCoA(wire, from, effect)
}

// answerCoA sends the answer, and lets the effect follow: RouterOS acknowledges a Disconnect before it ends the session.
func (r *Router) answerCoA(wire []byte, to netip.AddrPort, effect func()) {
	delay := r.fault.delay()
	if delay == 0 {
		if !r.loses(coaOut) {
			_, _ = r.coa.WriteToUDPAddrPort(wire, to) // an error is a lost packet
		}
	} else {
		r.events.at(r.cfg.Clock.Now().Add(delay), func(context.Context) {
			_, _ = r.coa.WriteToUDPAddrPort(wire, to)
		})
	}
	if effect == nil {
		return
	}
	if delay += r.cfg.DropDelay; delay == 0 {
		effect()
		return
	}
	r.events.at(r.cfg.Clock.Now().Add(delay), func(context.Context) {
		r.mu.Lock()
		defer r.mu.Unlock()
		effect()
	})
}

// authenticate returns the packet if its sender is an AAA server of this router and knows the secret.
func (r *Router) authenticate(b []byte, from netip.Addr) *radius.Packet {
	secret := r.secretFor(r.cfg.CoASecret)
	if !r.cfg.takesCoAFrom(from) || !radius.IsAuthenticRequest(b, secret) {
		return nil
	}
	if present, valid := signed(b, make([]byte, 16), secret); present && !valid {
		return nil
	}
	p, err := radius.Parse(b, secret)
	if err != nil {
		return nil
	}
	return p
}

// stale reports an Event-Timestamp that is too far from the router's clock: such a request is dropped silently.
func stale(p *radius.Packet, now time.Time) bool {
	at, err := rfc2869.EventTimestamp_Lookup(p)
	return err == nil && now.Sub(at).Abs() > maxClockSkew
}

// coaAnswer encodes the answer to p, whose bytes are request.
func (r *Router) coaAnswer(p *radius.Packet, verdict rfc3576.ErrorCause, request []byte) ([]byte, error) {
	nak := verdict != accepted
	code := map[radius.Code]map[bool]radius.Code{
		radius.CodeDisconnectRequest: {false: radius.CodeDisconnectACK, true: radius.CodeDisconnectNAK},
		radius.CodeCoARequest:        {false: radius.CodeCoAACK, true: radius.CodeCoANAK},
	}[p.Code][nak]
	answer := p.Response(code)
	if nak && verdict != withoutCause {
		if err := rfc3576.ErrorCause_Add(answer, verdict); err != nil {
			return nil, err
		}
	}
	for _, avp := range p.Attributes {
		if avp.Type == rfc2865.ProxyState_Type {
			answer.Add(avp.Type, avp.Attribute)
		}
	}
	if present, _ := signed(request, make([]byte, 16), p.Secret); present {
		withSignature(answer)
	}
	wire, err := encode(answer)
	if err == nil && r.fault.Kind == FaultBadAnswer {
		wire[4] ^= 0xFF
	}
	return wire, err
}

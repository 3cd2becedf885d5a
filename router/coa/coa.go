// Package coa asks a router to end a running PPPoE session, or to change its rate or its firewall address list, and says
// what the router answered (RFC 5176, Dynamic Authorization Extensions to RADIUS).
//
// One call is one exchange: the same bytes from the same port until an answer or the deadline, so that a router
// recognises a repeated request as such. Only an answer that carries the request's identifier, a code that belongs to
// it and a right authenticator counts; everything else that arrives is ignored. A client holds nothing between calls
// and may be used by many goroutines.
//
// An ACK says that the router accepted the request, not that anything happened, and silence says nothing at all.
// Looking afterwards, and what to do about each Error-Cause, are left to package router.
package coa

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/vendors/mikrotik"

	"qserve/account"
	"qserve/internal/clock"
)

// ErrSilent is wrapped when no authentic answer came before the deadline. The router may or may not have acted.
//
// RFC 5176 §3 has a router discard, without a word, whatever it does not trust, so the causes cannot be told apart
// from here; on the router, the counters of /radius/incoming/monitor can.
var ErrSilent = errors.New("no authentic answer: the secret differs, our address is not in the router's /radius list, " +
	"/radius/incoming has accept=no or another port, a firewall or a VRF is in the way, or the router is down")

// ErrClosed is wrapped when no authentic answer came before the deadline and the router's host reported (by ICMP) that
// nothing listens on the port, which it also does while it boots.
var ErrClosed = errors.New("the port is closed: the router is starting, or /radius/incoming has accept=no or another port")

// Config holds what all exchanges of a client have in common. The zero value works.
type Config struct {
	// Source is the local address to send from; a router answers only addresses of its /radius list. Invalid: the
	// machine's routing decides.
	Source netip.Addr
	// Retransmit is the time to the first repetition; it doubles with each, up to 4 s. 0: 500 ms.
	Retransmit time.Duration
	// Deadline bounds one exchange. 0: 10 s.
	Deadline time.Duration
	// Clock is nil for the machine's.
	Clock clock.Clock
}

// Client sends requests to routers. Create it with New.
type Client struct {
	source     netip.Addr
	retransmit time.Duration
	deadline   time.Duration
	clock      clock.Clock
}

// New returns a client.
func New(cfg Config) *Client {
	c := &Client{source: cfg.Source, retransmit: cfg.Retransmit, deadline: cfg.Deadline, clock: cfg.Clock}
	if c.retransmit <= 0 {
		c.retransmit = 500 * time.Millisecond
	}
	if c.deadline <= 0 {
		c.deadline = 10 * time.Second
	}
	if c.clock == nil {
		c.clock = clock.System{}
	}
	return c
}

// NAS is a router as a network access server: where it listens, and what it shares with us.
type NAS struct {
	Address string // host:port, UDP
	Secret  string
	// MessageAuthenticator and EventTimestamp add those attributes (RFC 5176 §3.4, RFC 2869 §5.3) to each request.
	MessageAuthenticator bool
	EventTimestamp       bool
}

// String is the address, so that no message ever shows the secret.
func (n NAS) String() string { return n.Address }

// LogValue is the address, so that no log line ever shows the secret.
func (n NAS) LogValue() slog.Value { return slog.StringValue(n.Address) }

// Session identifies the sessions that a request is about. Everything that is set must match the same session, or the
// answer is [SessionNotFound] (RFC 5176 §3); a user name alone means all sessions of that user.
type Session struct {
	Username string
	// AcctSessionID is sent as given: the text that the router's own accounting used.
	AcctSessionID string
	FramedIP      netip.Addr // IPv4
}

// Answer is what a router said.
type Answer struct {
	ACK bool
	// Cause is the answer's Error-Cause, 0 when it has none; a NAK may well come without one.
	Cause Cause
	// RoundTrip is the time from the first sending to the answer.
	RoundTrip time.Duration
}

// Disconnect asks the router to end the session. It carries the identification and nothing else, because a router must
// refuse a Disconnect-Request with anything more (RFC 5176 §2.1).
//
// A NAK is an answer, not an error. The errors are [ErrSilent], [ErrClosed], the context's, and those of a request that
// cannot be sent at all.
func (c *Client) Disconnect(ctx context.Context, nas NAS, session Session) (Answer, error) {
	return c.ask(ctx, nas, session, radius.CodeDisconnectRequest, nil)
}

// ChangeRate asks the router to change the rate of the running session, without ending it. The request carries only
// that, so that a NAK can mean nothing else. Its errors are those of Disconnect, and that of a malformed rate.
func (c *Client) ChangeRate(ctx context.Context, nas NAS, session Session, rate account.Rate) (Answer, error) {
	checked, err := account.ParseRate(string(rate))
	if err != nil {
		return Answer{}, fmt.Errorf("change the rate of %q on %s: %w", session.Username, nas, err)
	}
	return c.ask(ctx, nas, session, radius.CodeCoARequest, func(p *radius.Packet) error {
		return mikrotik.MikrotikRateLimit_AddString(p, string(checked))
	})
}

// ChangeAddressList asks the router to put the running session's address into a firewall address list, and nothing else.
// The list takes the place of the one that the session was in by RADIUS; there is no request to leave all lists. Its
// errors are those of Disconnect, and that of a name which is empty or too long.
//
// MikroTik's list of what a CoA changes does not have the attribute, and the field uses it: whether a router takes it
// depends on its version.
func (c *Client) ChangeAddressList(ctx context.Context, nas NAS, session Session, list string) (Answer, error) {
	if list == "" {
		return Answer{}, fmt.Errorf("change the address list of %q on %s: no list is named", session.Username, nas)
	}
	return c.ask(ctx, nas, session, radius.CodeCoARequest, func(p *radius.Packet) error {
		if err := mikrotik.MikrotikAddressList_AddString(p, list); err != nil {
			return fmt.Errorf("address list: %w", err)
		}
		return nil
	})
}

func (c *Client) ask(
	ctx context.Context, nas NAS, session Session, code radius.Code, add func(*radius.Packet) error,
) (Answer, error) {
	request, err := c.encode(nas, session, code, add)
	if err == nil {
		var answer Answer
		if answer, err = c.exchange(ctx, nas, request); err == nil {
			return answer, nil
		}
	}
	return Answer{}, fmt.Errorf("send %v for %q to %s: %w", code, session.Username, nas, err)
}

// encode builds the request's bytes, which are then sent as often as needed and never changed (RFC 5176 §2.3).
func (c *Client) encode(
	nas NAS, session Session, code radius.Code, add func(*radius.Packet) error,
) ([]byte, error) {
	if nas.Secret == "" {
		return nil, errors.New("the router has no RADIUS secret; set one on both sides")
	}
	p := radius.New(code, []byte(nas.Secret))
	if nas.MessageAuthenticator {
		p.Add(rfc2869.MessageAuthenticator_Type, make(radius.Attribute, signatureSize))
	}
	if err := identify(p, session); err != nil {
		return nil, err
	}
	if add != nil {
		if err := add(p); err != nil {
			return nil, err
		}
	}
	if nas.EventTimestamp {
		if err := rfc2869.EventTimestamp_Set(p, c.clock.Now()); err != nil {
			return nil, fmt.Errorf("event timestamp: %w", err)
		}
	}
	if nas.MessageAuthenticator {
		wire, err := p.MarshalBinary()
		if err != nil {
			return nil, err
		}
		// The attribute comes first, and is computed over a request whose authenticator is still zero.
		p.Set(rfc2869.MessageAuthenticator_Type, signature(wire, headerSize+2, make([]byte, signatureSize), p.Secret))
	}
	return p.Encode()
}

func identify(p *radius.Packet, session Session) error {
	if session.Username == "" && session.AcctSessionID == "" {
		return errors.New("neither a user name nor a session id says which session is meant")
	}
	if session.Username != "" {
		if err := rfc2865.UserName_SetString(p, session.Username); err != nil {
			return fmt.Errorf("user name: %w", err)
		}
	}
	if session.AcctSessionID != "" {
		if err := rfc2866.AcctSessionID_SetString(p, session.AcctSessionID); err != nil {
			return fmt.Errorf("session id: %w", err)
		}
	}
	if session.FramedIP.IsValid() {
		if err := rfc2865.FramedIPAddress_Set(p, session.FramedIP.Unmap().AsSlice()); err != nil {
			return fmt.Errorf("framed address %s: %w", session.FramedIP, err)
		}
	}
	return nil
}

// Package aaa answers the routers of mode radius: whether a PPPoE dial is let in and at what rate, and that its
// accounting was heard (RFC 2865, RFC 2866, with the attributes of RouterOS).
//
// Every answer to a dial comes from the account's facts at that moment. A request is answered only when it is known to
// be a router's: from a known address, well formed, and authentic as far as its kind can tell. A repeated request gets
// the bytes of the first answer and has no second effect. When the facts cannot be read there is no answer, so that the
// router tries again or asks its other server; it is never told a no that nobody decided. Accounting is acknowledged
// after it was recorded, never before.
//
// What the facts are, and how long a router's address may be remembered, are left to the Directory.
package aaa

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"qserve/account"
)

var (
	// ErrUnknownClient means that no router sends from an address.
	ErrUnknownClient = errors.New("no router has this address")
	// ErrUnknownUser means that nobody has a user name on a router.
	ErrUnknownUser = errors.New("nobody has this user name on this router")
)

// Directory knows the routers and their customers, and keeps the accounting. It is used by many goroutines at once.
type Directory interface {
	// Client returns the router that sends from addr, or ErrUnknownClient. It is asked for every datagram, forged ones
	// included, and should answer from memory.
	Client(ctx context.Context, addr netip.Addr) (Client, error)
	// Dial returns what the facts say at this moment about a user name on a router, or ErrUnknownUser. Any other error
	// leaves the dial unanswered.
	Dial(ctx context.Context, routerID int64, username string) (Dial, error)
	// Account keeps a record. It must be idempotent: a router repeats a record until it is answered, with another
	// identifier once its Acct-Delay-Time has changed (RFC 2866 §5.2).
	Account(ctx context.Context, r Record) error
}

// Client is a router, as the one that asks.
type Client struct {
	RouterID int64
	Name     string
	Secret   string
	// Interim is how often a session reports its traffic, at least a minute (RFC 2869 §5.16). 0: as the router is set up.
	Interim time.Duration
	Pool    string // the address pool of customers whose line names none; may be empty
}

// LogValue is the router's name, so that no log line ever shows the secret.
func (c Client) LogValue() slog.Value { return slog.StringValue(c.Name) }

// Dial is what the facts say about a user name.
type Dial struct {
	Subscriber int64
	Line       account.Line
	Password   string
	// Refusal says in words why a line is not enabled, for example "expired since 2026-11-01T00:00:00Z".
	Refusal string
}

// LogValue is the subscriber's id, so that no log line ever shows the password.
func (d Dial) LogValue() slog.Value { return slog.Int64Value(d.Subscriber) }

// Kind is what an accounting record says happened.
type Kind string

// The kinds (Acct-Status-Type, RFC 2866 §5.1). RouterUp and RouterDown mean that no earlier session of the router lives.
const (
	Start      Kind = "start"
	Interim    Kind = "interim"
	Stop       Kind = "stop"
	RouterUp   Kind = "router-up"   // Accounting-On
	RouterDown Kind = "router-down" // Accounting-Off
)

// Record is an accounting event. Its texts are valid UTF-8 without NUL, whatever the router sent.
type Record struct {
	RouterID int64
	Kind     Kind
	// SessionID is Acct-Session-Id as sent; CoA must repeat it exactly. Empty with RouterUp and RouterDown.
	SessionID      string
	Username       string
	CallingStation string     // the customer's MAC address
	Address        netip.Addr // Framed-IP-Address; invalid when not sent
	// At is when it happened: the arrival less Acct-Delay-Time.
	At          time.Time
	SessionTime time.Duration
	// InputOctets is what the router received from the customer, and OutputOctets what it sent to it; with gigawords.
	InputOctets  uint64
	OutputOctets uint64
	Cause        string // Acct-Terminate-Cause by name, with Stop
}

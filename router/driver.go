// Package router drives MikroTik routers to the state that the accounts ask for, one PPPoE user name at a time, and
// believes nothing but a look afterwards.
//
// A router has a mode. In mode local the credentials are PPP secrets on the router, written through its API. In mode
// radius the router asks Qserve at every dial (package router/aaa), and running sessions are changed by CoA and
// Disconnect (package router/coa). The two never mix for one user: RouterOS asks RADIUS only for names without a local
// secret, and CoA finds only sessions that RADIUS let in.
//
// Converge may be repeated at any time and after any failure; it never acts on an item without Qserve's marker. Which
// provisions are due, and when to try again, is left to package jobs.
package router

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"qserve/account"
)

// Mode says where a router's PPPoE credentials live.
type Mode string

// The modes.
const (
	Local  Mode = "local"
	Radius Mode = "radius"
)

// Target is a router as its operator set it up.
type Target struct {
	ID   int64
	Name string
	Mode Mode
	// Revision changes whenever any setting of the target does, so that a kept connection is not reused after it.
	Revision int64
	API      API
	CoA      CoA
	// LocalAddress is the router's end of every PPP tunnel, and Pool the default address pool; both are written into
	// the PPP profiles that mode local creates, and may be empty where the router's own default profile has them.
	LocalAddress string
	Pool         string
	// Garden says that customers of this router may be in [account.GardenList]; Check then looks for what the list is
	// for.
	Garden bool
}

// API is the way to a router's RouterOS API. The zero value means that it is not set up (mode radius only).
type API struct {
	Address  string // host:port
	User     string
	Password string
	// Plain speaks the clear-text protocol of port 8728; it must be asked for.
	Plain bool
	// PinSHA256 is the SHA-256 of the router's certificate (DER). CAPEM is the private authority that signed it. One
	// of the two is set unless Plain is.
	PinSHA256 []byte
	CAPEM     []byte
}

// CoA is the way to a router's RADIUS incoming port (RFC 5176).
type CoA struct {
	Address string // host:port, UDP
	Secret  string
	// MessageAuthenticator and EventTimestamp add those attributes to every request. Off by default: what RouterOS
	// does with them there is undocumented, and a router whose clock is wrong drops a request for its timestamp.
	MessageAuthenticator bool
	EventTimestamp       bool
}

// Want is what a router should hold for one PPPoE user name.
type Want struct {
	ProvisionID int64
	// Gen is the provision's generation; it goes into the marker on the router.
	Gen      int64
	Username string
	Line     account.Line
	Password string // empty when the line is absent
}

// Session is a running PPPoE session as Qserve's accounting or the router itself lists it.
type Session struct {
	// AcctSessionID is the session's id as RADIUS carries it: bare hex, without RouterOS' 0x.
	AcctSessionID string
	Address       netip.Addr
	Rate          account.Rate
	// AddressList is [account.GardenList] when the address is in that, else empty.
	AddressList string
	// Radius is true for a session that RADIUS let in; CoA and Disconnect reach no other.
	Radius bool
	Since  time.Time
}

// UserSession is a running session and the PPPoE user name that it belongs to.
type UserSession struct {
	Username string
	Session
}

// Driver is one open router in one mode. It is not safe for concurrent use: a router does one thing at a time.
type Driver interface {
	// Converge makes the router hold w and looks afterwards; nil means that the look agreed. It may be repeated after
	// any error. An error is an [*Error].
	//
	// An enabled line's running session keeps running where the router can change it: in mode radius by CoA, in mode local
	// where the address is fixed. Elsewhere it ends, and the customer's box dials again.
	//
	// Of a rate or an address list that was changed on a router without an API there is nothing to look at: its authentic
	// CoA-ACK has to do, and the session list calls them unknown until whoever keeps it is told.
	Converge(ctx context.Context, w Want) error
	// Sessions lists the running sessions of a user name, as the router (or, without an API, accounting) shows them.
	Sessions(ctx context.Context, username string) ([]Session, error)
	// AllSessions lists the running sessions of all user names, in one pass over the router's own lists. Where one user
	// has several, each shows the rate of the first. Without an API it is ErrNoList. Other errors are an [*Error].
	AllSessions(ctx context.Context) ([]UserSession, error)
	// Check reports what the router says about itself, and what of its set-up would keep Qserve from working.
	Check(ctx context.Context) (Report, error)
	Close() error
}

// Report is what a router says about itself.
type Report struct {
	Identity string
	Version  string
	Uptime   string
	// Problems are sentences for the operator, each with what to type on the router. Empty: nothing was found.
	Problems []string
}

// SessionList is the session list that RADIUS accounting keeps; mode radius asks it where a router has no API. Rate and
// AddressList are what the session was given, at its dial or by the last change that was confirmed. An unknown rate is
// empty, and is then set again by each Converge of an enabled line; so is the address list of such a session, on a
// router with a garden, or where the list names one.
type SessionList interface {
	OpenSessions(ctx context.Context, routerID int64, username string) ([]Session, error)
	// Doubt is called before a change is sent, and returns once it is kept: from then on the rates of the user's open
	// sessions are unknown, and one that was in no address list may be in this one. A router that carries a change out
	// may fail to make that known, and what is wanted may go back to what was before.
	Doubt(ctx context.Context, routerID int64, username, addressList string) error
}

// Scope says what an error is about, and so whether the next user of the same router is worth trying.
type Scope int

// The scopes.
const (
	// WholeRouter: it does not answer, or refuses us altogether. Nothing else on it will work now.
	WholeRouter Scope = iota
	// OneUser: the router answered, and refused or contradicted this one change.
	OneUser
)

// Error is a failed convergence or look. Its text is for a person and carries no secret.
type Error struct {
	Router   string
	Username string // empty with WholeRouter
	Scope    Scope
	Doing    string // for example "read PPP secret"
	Err      error
}

func (e *Error) Error() string {
	if e.Username == "" {
		return fmt.Sprintf("%s: %s: %v", e.Router, e.Doing, e.Err)
	}
	return fmt.Sprintf("%s: %s of %q: %v", e.Router, e.Doing, e.Username, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

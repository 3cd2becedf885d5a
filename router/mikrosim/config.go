package mikrosim

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"qserve/internal/clock"
)

// Config describes a simulated router. The zero value is a router without RADIUS on free ports of 127.0.0.1.
type Config struct {
	// Name is what the back door calls the router; Identity what it calls itself (default: Name), also as NAS-Identifier.
	Name, Identity string
	// Version is the RouterOS version, default 7.16. It decides the form of the login (before 6.43: challenge), !empty
	// (since 7.18), max-sessions (since 7.16) and Message-Authenticator in Access-Requests (since 7.15).
	Version string
	// Host is the IPv4 address to listen on and to send RADIUS from, default 127.0.0.1. Loopback has many: 127.0.0.11 and so
	// on tell routers apart.
	Host string
	// Ports of the API, the API over TLS and CoA. 0 takes a free one.
	APIPort, APITLSPort, CoAPort int
	// User and Password of the API, default qserve and qserve.
	User, Password string
	// MaxSessions bounds the connections to each API port, default 20 as in RouterOS.
	MaxSessions int
	// Latency passes before each API answer. After ThrottleAfter commands since the router's start, on all connections
	// together, ThrottleLatency does instead; 0 is never. A virtual router was measured to go from 1 ms to 20 ms after 120 to
	// 220 commands.
	Latency         time.Duration
	ThrottleAfter   int
	ThrottleLatency time.Duration
	// MaskPasswords prints a secret's password as *****, as some versions do for a user without the policy sensitive.
	// Otherwise it is not printed. The real one never is.
	MaskPasswords bool

	// RadiusAuth and RadiusAcct are host:port of the AAA server. Empty means that the router does not use RADIUS, or does
	// not account. SetRadius changes them later.
	RadiusAuth, RadiusAcct, RadiusSecret string
	// RadiusTimeout passes before a RADIUS packet is sent again, default 1 s; the third is the last.
	RadiusTimeout time.Duration
	// AllowMissingMessageAuth takes Access answers without a Message-Authenticator. RouterOS drops them since 7.15.
	AllowMissingMessageAuth bool
	// AuthMethod is how customers prove their password: pap (default), chap or mschap2.
	AuthMethod string
	// InterimInterval is how often a session is accounted unless Acct-Interim-Interval says otherwise; 0 is never.
	InterimInterval time.Duration

	// CoASecret is the secret of incoming CoA, default RadiusSecret.
	CoASecret string
	// CoAClients are the addresses that CoA is taken from, default any loopback address.
	CoAClients []netip.Addr
	// DropDelay passes between the ACK of a Disconnect and the end of the session.
	DropDelay time.Duration
	// CoAWithoutAddressList refuses Mikrotik-Address-List in a CoA: the vendor's list of what CoA changes lacks it, the field
	// uses it.
	CoAWithoutAddressList bool
	// CoAIgnoresAddressList acknowledges a CoA with Mikrotik-Address-List and leaves the session's lists alone.
	CoAIgnoresAddressList bool
	// CoAReachesLocal lets CoA and Disconnect find sessions of local secrets too.
	CoAReachesLocal bool
	// CoAIgnoresBadRate acknowledges a CoA with a malformed rate and leaves the rate alone, instead of refusing it.
	CoAIgnoresBadRate bool
	// LoseStops never sends Accounting-Stop.
	LoseStops bool
	// ClockOffset is how far the router's clock is ahead of Clock, as for the Event-Timestamp of what it sends and takes.
	ClockOffset time.Duration
	// DisabledSecretAsksRadius makes a disabled secret count as none, instead of refusing its name.
	DisabledSecretAsksRadius bool

	// RedialDelay passes before a customer whose session ended or whose dial was refused dials again, default 100 ms. It
	// doubles with each refusal in a row, up to RedialMax, default 10 times RedialDelay.
	RedialDelay, RedialMax time.Duration
	// MaxDials bounds the dials at the same time, default 32.
	MaxDials int
	// Pools are the address pools by name, default pool1 with 100.64.0.0/16. The first by name is the remote-address of the
	// profiles default and default-encryption, as if the operator had set it.
	Pools map[string]netip.Prefix

	// Logger gets what the router does, default nothing. Clock is the machine's unless set.
	Logger *slog.Logger
	Clock  clock.Clock
}

// withDefaults fills in what is not set and reports everything that cannot be right.
func (c Config) withDefaults() (Config, error) {
	orString := func(p *string, or string) {
		if *p == "" {
			*p = or
		}
	}
	orDuration := func(p *time.Duration, or time.Duration) {
		if *p == 0 {
			*p = or
		}
	}
	orInt := func(p *int, or int) {
		if *p == 0 {
			*p = or
		}
	}
	orString(&c.Host, "127.0.0.1")
	orString(&c.Name, c.Host)
	orString(&c.Identity, c.Name)
	orString(&c.Version, "7.16")
	orString(&c.User, "qserve")
	orString(&c.Password, "qserve")
	orString(&c.AuthMethod, authPAP)
	orString(&c.CoASecret, c.RadiusSecret)
	orInt(&c.MaxSessions, 20)
	orInt(&c.MaxDials, 32)
	orDuration(&c.RadiusTimeout, time.Second)
	orDuration(&c.RedialDelay, 100*time.Millisecond)
	orDuration(&c.RedialMax, 10*c.RedialDelay)
	if len(c.Pools) == 0 {
		c.Pools = map[string]netip.Prefix{"pool1": netip.MustParsePrefix("100.64.0.0/16")}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}

	var wrong []error
	if a, err := netip.ParseAddr(c.Host); err != nil || !a.Is4() {
		wrong = append(wrong, fmt.Errorf("host %q: want an IPv4 address", c.Host))
	}
	switch c.AuthMethod {
	case authPAP, authCHAP, authMSCHAP2:
	default:
		wrong = append(wrong, fmt.Errorf("authentication method %q: want pap, chap or mschap2", c.AuthMethod))
	}
	for name, p := range c.Pools {
		if !p.IsValid() || !p.Addr().Is4() || p.Bits() > 30 {
			wrong = append(wrong, fmt.Errorf("pool %q: want an IPv4 prefix of /30 or larger, such as 100.64.0.0/16", name))
		}
	}
	for _, address := range []string{c.RadiusAuth, c.RadiusAcct} {
		if err := checkServer(address); err != nil {
			wrong = append(wrong, err)
		}
	}
	if len(wrong) > 0 {
		return c, fmt.Errorf("simulated router %s: %w", c.Name, errors.Join(wrong...))
	}
	return c, nil
}

func (c Config) requireMessageAuth() bool {
	return !c.AllowMissingMessageAuth && versionAtLeast(c.Version, 7, 15)
}

// takesCoAFrom reports whether the address is one of an AAA server of this router.
func (c Config) takesCoAFrom(a netip.Addr) bool {
	if len(c.CoAClients) == 0 {
		return a.IsLoopback()
	}
	return slices.Contains(c.CoAClients, a)
}

// versionAtLeast compares RouterOS versions, whose parts are whole numbers: 7.9 is older than 7.24.
func versionAtLeast(version string, major, minor int) bool {
	first, rest, _ := strings.Cut(version, ".")
	end := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
	if end >= 0 {
		rest = rest[:end]
	}
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(rest)
	return errA == nil && (a > major || a == major && errB == nil && b >= minor)
}

func hostOf(address string) string {
	host, _, _ := net.SplitHostPort(address) // addresses come from listeners or were checked
	return host
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address) // as above
	return port
}

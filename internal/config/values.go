package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/internal/phone"
	"qserve/internal/seal"
)

// parsers read the types whose own way of reading says too little or allows too much.
var parsers = map[reflect.Type]env.ParserFunc{
	reflect.TypeFor[int]():             wholeNumber,
	reflect.TypeFor[url.URL]():         publicURL,
	reflect.TypeFor[time.Location]():   zone,
	reflect.TypeFor[RADIUSAddresses](): radiusAddresses,
}

func wholeNumber(text string) (any, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, errors.New("not a whole number")
	}
	return n, nil
}

func publicURL(text string) (any, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("not a web address")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("payment providers call https only")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("only scheme, host and path are wanted")
	}
	// Without the last slash there is one way to add a path, whoever adds it.
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return *u, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func zone(text string) (any, error) {
	location, err := time.LoadLocation(text)
	// "Local" is the machine's own zone, which differs from one machine of an installation to the next.
	if err != nil || text == "Local" {
		return nil, errors.New("not a time zone of the IANA database")
	}
	return *location, nil
}

func radiusAddresses(text string) (any, error) {
	authentication, accounting, ok := strings.Cut(text, ",")
	if !ok {
		return nil, errors.New("not two addresses, of authentication and of accounting")
	}
	addresses := RADIUSAddresses{Authentication: strings.TrimSpace(authentication), Accounting: strings.TrimSpace(accounting)}
	for _, address := range []string{addresses.Authentication, addresses.Accounting} {
		if err := listenable(address); err != nil {
			return nil, err
		}
	}
	return addresses, nil
}

// listenable reports what keeps an address from being listened on. Port 0 is allowed: the system chooses.
func listenable(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("not host:port or :port")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("port %q is not a number from 0 to 65535", port)
	}
	if strings.ContainsAny(host, "/ \t") {
		return fmt.Errorf("host %q is no host", host)
	}
	return nil
}

var currencyLetters = regexp.MustCompile(`^[A-Z]{3}$`)

// check looks at what the parser took as it was, and opens the key ring and Redis' options.
func (l *loader) check(c *Config) {
	l.checkAddress("LISTEN", c.Listen)
	l.checkAddress("OPS_LISTEN", c.OpsListen)
	l.checkRange("TRUSTED_PROXIES", c.TrustedProxies, 0, 10)
	l.checkRange("WORKERS", c.Workers, 1, 10_000)
	l.checkRange("DATABASE_CONNS", c.DatabaseConns, 2, 10_000)
	if !currencyLetters.MatchString(c.Currency) {
		l.problem(prefix+"CURRENCY", fmt.Sprintf("is %q: not three capital letters", c.Currency))
	}
	if !phone.Region(c.Region) {
		l.problem(prefix+"REGION", fmt.Sprintf("is %q: not two capital letters of a country", c.Region))
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		l.problem(prefix+"LOG_FORMAT", fmt.Sprintf("is %q: neither text nor json", c.LogFormat))
	}

	// The errors of these three say what is wrong without the value, which is a secret.
	if err := postgresURL(c.DatabaseURL.Reveal()); err != nil {
		l.problem(prefix+"DATABASE_URL", err.Error())
	}
	options, err := ParseRedisURL(c.RedisURL.Reveal())
	if err != nil {
		l.problem(prefix+"REDIS_URL", err.Error())
	}
	c.redis = options
	ring, err := seal.Open([]byte(c.Keys.Reveal()))
	if err != nil {
		l.problem(prefix+"KEYS", "does not open: "+err.Error())
	}
	c.ring = ring
}

func (l *loader) checkAddress(name, address string) {
	if err := listenable(address); err != nil {
		l.problem(prefix+name, fmt.Sprintf("is %q: %v", address, err))
	}
}

func (l *loader) checkRange(name string, n, least, most int) {
	if n < least || n > most {
		l.problem(prefix+name, fmt.Sprintf("is %d: not from %d to %d", n, least, most))
	}
}

func postgresURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("is no URL; is a character of the password not %-encoded?")
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return errors.New("does not begin with postgres://")
	}
	if _, err := pgxpool.ParseConfig(text); err != nil {
		return errors.New("has a port or a parameter after the question mark that PostgreSQL's driver does not accept")
	}
	return nil
}

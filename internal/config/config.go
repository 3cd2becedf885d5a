// Package config reads Qserve's settings from QSERVE_* environment variables.
//
// Load checks all of them together and reports everything that is wrong at once, a line for each, with the variable's
// name, what is wrong and an example; a QSERVE_* variable that is no setting is reported too, since it is most likely a
// misspelt one. A secret may come from a file named by the variable with _FILE, and never shows when a Config is
// printed or logged. An empty variable is one that is not set.
//
// What an operator changes while Qserve runs (plans, routers, payment sources, staff) is left to the database.
package config

import (
	"log/slog"
	"net/netip"
	"net/url"
	"time"
	_ "time/tzdata" // the provider's time zone, on machines without the files

	"github.com/redis/go-redis/v9"

	"qserve/internal/seal"
)

// Config is one program's settings. Load makes it; the tags are the only list of settings there is, and Usage prints it.
type Config struct {
	DatabaseURL Secret `env:"DATABASE_URL,required" example:"postgres://qserve:password@db.example:5432/qserve" help:"PostgreSQL, the books"`
	RedisURL    Secret `env:"REDIS_URL,required" example:"redis://:password@redis.example:6379/0" help:"Redis, the doorbell; rediss:// for TLS; host,host?master=NAME for Sentinel; host,host for Cluster"`
	Keys        Secret `env:"KEYS,required" example:"{\"primaryKeyId\":1,\"key\":[…]}" help:"the key ring that seals passwords in the database, a Tink JSON keyset from: qserve keys new"`

	Listen         string          `env:"LISTEN" envDefault:":8080" example:":8080" help:"address of webhooks, API and console"`
	OpsListen      string          `env:"OPS_LISTEN" envDefault:"127.0.0.1:8081" example:"127.0.0.1:8081" help:"address of health checks, metrics and the queue dashboard"`
	RADIUSListen   RADIUSAddresses `env:"RADIUS_LISTEN" envDefault:":1812,:1813" example:":1812,:1813" help:"UDP addresses of RADIUS authentication and accounting"`
	PublicURL      *url.URL        `env:"PUBLIC_URL" envDefault:"http://localhost:8080" example:"https://pay.example" help:"where payment providers reach LISTEN; https unless it is this machine"`
	Zone           *time.Location  `env:"ZONE" envDefault:"Africa/Nairobi" example:"Africa/Nairobi" help:"time zone of billing periods"`
	Currency       string          `env:"CURRENCY" envDefault:"KES" example:"KES" help:"currency of prices, ISO 4217 letters"`
	Region         string          `env:"REGION" envDefault:"KE" example:"KE" help:"country of phone numbers typed without one, ISO 3166-1 letters"`
	SpoolDir       string          `env:"SPOOL_DIR" envDefault:"/var/lib/qserve/spool" example:"/var/lib/qserve/spool" help:"folder for webhooks that arrive while PostgreSQL is down"`
	TrustedProxies int             `env:"TRUSTED_PROXIES" envDefault:"0" example:"1" help:"how many reverse proxies before LISTEN add to X-Forwarded-For"`
	COASource      netip.Addr      `env:"COA_SOURCE" example:"10.0.0.5" help:"local IP address that CoA and Disconnect requests leave from; the system's choice when not set"`
	LogLevel       slog.Level      `env:"LOG_LEVEL" envDefault:"info" example:"info" help:"debug, info, warn or error"`
	LogFormat      string          `env:"LOG_FORMAT" envDefault:"text" example:"json" help:"text or json"`
	Workers        int             `env:"WORKERS" envDefault:"64" example:"64" help:"tasks that one worker process works on at a time"`
	DatabaseConns  int             `env:"DATABASE_CONNS" envDefault:"32" example:"32" help:"connections to PostgreSQL that one process holds at most"`

	// Both are pointers because fmt does not follow those inside a struct: the options hold a password.
	ring  *seal.Ring
	redis *redis.UniversalOptions
}

// RADIUSAddresses are the two UDP addresses of a RADIUS server (RFC 2865 §3, RFC 2866 §3).
type RADIUSAddresses struct {
	Authentication string
	Accounting     string
}

// Ring returns the key ring of KEYS.
func (c Config) Ring() *seal.Ring { return c.ring }

// RedisOptions returns what REDIS_URL says, for redis.NewUniversalClient or an Asynq connection. Each call returns
// options of its own, which the caller may add timeouts and pool sizes to.
func (c Config) RedisOptions() *redis.UniversalOptions {
	options := *c.redis
	return &options
}

// Secret is text that must not be seen: however it is printed, logged or encoded, only its being set shows.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return s.String() }

// MarshalText implements encoding.TextMarshaler, and with it JSON and structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

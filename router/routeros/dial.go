package routeros

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"time"

	ros "github.com/go-routeros/routeros/v3"

	"qserve/internal/clock"
)

// Config says how to reach a router's API and how long to wait for it.
type Config struct {
	Address  string // host:port; RouterOS listens on 8729 for TLS and on 8728 without
	User     string
	Password string
	// Plain speaks without TLS. The log-in and the subscribers' passwords then travel in clear.
	Plain bool
	// PinSHA256 is the SHA-256 of the certificate (DER) that the router must present; the rest of it is not checked.
	// Without a pin, the certificate must be signed by CAPEM and name the host of Address.
	PinSHA256 []byte
	CAPEM     []byte

	ConnectTimeout time.Duration // TCP and TLS together; 0: 5 s
	LoginTimeout   time.Duration // 0: 10 s
	CommandTimeout time.Duration // each command; 0: 30 s, since routers were seen to pause for longer than 7 s
	Clock          clock.Clock   // nil: the machine's
}

// Dial connects and logs in. Its errors are [ErrUnreachable], [ErrCertificate] and [ErrLogin]; none has any effect on
// the router.
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	cfg = cfg.withDefaults()
	nc, err := connect(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", cfg.Address, err)
	}
	frames := &frameGuard{Conn: nc}
	client, err := ros.NewClient(frames)
	if err != nil {
		nc.Close() //nolint:errcheck // unused
		return nil, fmt.Errorf("connect to %s: %w", cfg.Address, err)
	}
	silence(client)
	c := &Conn{command: cfg.CommandTimeout, clock: cfg.Clock, secret: cfg.Password, client: client, nc: nc, frames: frames}
	if err := c.login(ctx, cfg); err != nil {
		nc.Close() //nolint:errcheck // unused
		return nil, fmt.Errorf("log in to %s as %q: %w", cfg.Address, cfg.User, err)
	}
	return c, nil
}

func (cfg Config) withDefaults() Config {
	if cfg.ConnectTimeout <= 0 {
		cfg.ConnectTimeout = 5 * time.Second
	}
	if cfg.LoginTimeout <= 0 {
		cfg.LoginTimeout = 10 * time.Second
	}
	if cfg.CommandTimeout <= 0 {
		cfg.CommandTimeout = 30 * time.Second
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	return cfg
}

func connect(ctx context.Context, cfg Config) (net.Conn, error) {
	secure, err := tlsConfig(cfg)
	if err != nil {
		return nil, err
	}
	deadline := cfg.Clock.Now().Add(cfg.ConnectTimeout)
	dialer := net.Dialer{Deadline: deadline}
	nc, err := dialer.DialContext(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if secure == nil {
		return nc, nil
	}
	conn := tls.Client(nc, secure)
	err = conn.SetDeadline(deadline)
	if err == nil {
		err = conn.HandshakeContext(ctx)
	}
	if err == nil {
		return conn, nil
	}
	nc.Close() //nolint:errcheck // unused
	var verification *tls.CertificateVerificationError
	switch {
	case errors.Is(err, ErrCertificate):
		return nil, err
	case errors.As(err, &verification):
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	default:
		return nil, fmt.Errorf("%w: TLS (api-ssl needs a certificate, see /ip/service): %w", ErrUnreachable, err)
	}
}

// tlsConfig is nil for a plain connection, and an error when nothing says which certificate to trust.
func tlsConfig(cfg Config) (*tls.Config, error) {
	if cfg.Plain {
		return nil, nil //nolint:nilnil // no TLS, and nothing wrong with that
	}
	host, _, err := net.SplitHostPort(cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("%w: address %q is not host:port", ErrUnreachable, cfg.Address)
	}
	secure := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	switch {
	case len(cfg.PinSHA256) == sha256.Size:
		// RouterOS certificates are self-signed; the pin takes the place of the verification that this turns off.
		secure.InsecureSkipVerify = true
		secure.VerifyConnection = func(state tls.ConnectionState) error {
			got := sha256.Sum256(state.PeerCertificates[0].Raw)
			if subtle.ConstantTimeCompare(got[:], cfg.PinSHA256) == 1 {
				return nil
			}
			return fmt.Errorf("%w: it presented one with SHA-256 %s; if that is its new certificate, pin it",
				ErrCertificate, hex.EncodeToString(got[:]))
		}
	case len(cfg.PinSHA256) != 0:
		return nil, fmt.Errorf("%w: the pin has %d bytes; a SHA-256 has 32", ErrCertificate, len(cfg.PinSHA256))
	default:
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(cfg.CAPEM) {
			return nil, fmt.Errorf("%w: set the SHA-256 of the router's certificate, or the PEM of its authority",
				ErrCertificate)
		}
	}
	return secure, nil
}

// login tells a refusal in words, which a person must put right, from a connection that just ends, which a full router
// (max-sessions) and one that restricts our address look like.
func (c *Conn) login(ctx context.Context, cfg Config) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	_, err := c.exchange(ctx, cfg.LoginTimeout, func() (*ros.Reply, error) {
		return nil, c.client.Login(cfg.User, cfg.Password)
	})
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*Trap](c.explain("/login", err, cfg.Password)); ok {
		return fmt.Errorf("%w: %w; check the user's name and password, that it is enabled, that its group has the "+
			"policy api, and that its address list has ours", ErrLogin, refusal)
	}
	if errors.Is(err, errNoAnswer) || ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return fmt.Errorf("%w: %w, during the log-in; the limit of sessions (max-sessions in /ip/service) may be reached, "+
		"or the service's or the user's address list lacks ours", ErrUnreachable, err)
}

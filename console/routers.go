package console

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// NewRouter is a MikroTik router as its operator describes it.
type NewRouter struct {
	Name string
	Mode string // local or radius

	APIAddress  string // host:port; required in mode local
	APIUser     string
	APIPassword string
	APIPlain    bool   // speak the clear-text protocol of port 8728
	APIPin      string // SHA-256 of the router's certificate, hex; colons are tolerated
	APICAPEM    string

	RadiusSecret            string // mode radius
	NASAddress              string // where its RADIUS requests come from; default: the host of APIAddress or CoAAddress
	CoAAddress              string // host:port of /radius incoming; default: that host, port 3799
	CoAMessageAuthenticator bool
	CoAEventTimestamp       bool

	LocalAddress string // the router's end of every tunnel
	Pool         string // default address pool
	Interim      int    // accounting interval in seconds; 0: 300
}

// AddRouter stores a router, with its secrets sealed. Its errors are [*FieldError] where the input is wrong.
func (s *Service) AddRouter(ctx context.Context, r NewRouter) (db.Router, error) {
	params, err := checkRouter(r)
	if err != nil {
		return db.Router{}, err
	}
	q := db.New(s.Pool)
	if params.ID, err = q.NextRouterID(ctx); err != nil {
		return db.Router{}, fmt.Errorf("number router: %w", err)
	}
	if r.APIPassword != "" {
		params.APIPasswordSealed, err = s.Keys.Seal([]byte(r.APIPassword), db.RouterAPIPasswordRow(params.ID))
		if err != nil {
			return db.Router{}, fmt.Errorf("seal the API password: %w", err)
		}
	}
	if r.RadiusSecret != "" {
		params.RadiusSecretSealed, err = s.Keys.Seal([]byte(r.RadiusSecret), db.RouterRadiusSecretRow(params.ID))
		if err != nil {
			return db.Router{}, fmt.Errorf("seal the RADIUS secret: %w", err)
		}
	}
	row, err := q.CreateRouter(ctx, params)
	if err != nil {
		err = taken(err, map[string]error{
			"routers_name_key":        bad("name", "there is a router %q already", r.Name),
			"routers_nas_address_key": bad("nas-address", "another router sends its RADIUS requests from %s", r.NASAddress),
		})
		return db.Router{}, fmt.Errorf("add router: %w", err)
	}
	return row, nil
}

func checkRouter(r NewRouter) (db.CreateRouterParams, error) {
	none := db.CreateRouterParams{}
	r.Name = strings.TrimSpace(r.Name)
	if err := checkLine("name", r.Name, 1, 100); err != nil {
		return none, err
	}
	if r.Mode != "local" && r.Mode != "radius" {
		return none, bad("mode", "must be local or radius, not %q", r.Mode)
	}
	p := db.CreateRouterParams{
		Name: r.Name, Mode: r.Mode, APIAddress: r.APIAddress, APIUser: r.APIUser, APIPlain: r.APIPlain,
		CoaMessageAuthenticator: r.CoAMessageAuthenticator, CoaEventTimestamp: r.CoAEventTimestamp,
		LocalAddress: r.LocalAddress, Pool: r.Pool, InterimSeconds: 300,
	}
	if r.Interim != 0 {
		if r.Interim < 60 || r.Interim > 86400 {
			return none, bad("interim", "must be 60 to 86400 seconds")
		}
		p.InterimSeconds = int32(r.Interim)
	}
	if err := checkLine("pool", r.Pool, 0, 100); err != nil {
		return none, err
	}
	if err := checkAPI(r, &p); err != nil {
		return none, err
	}
	if r.LocalAddress != "" {
		if _, err := netip.ParseAddr(r.LocalAddress); err != nil {
			return none, bad("local-address", "%q is not an IP address", r.LocalAddress)
		}
	}
	if r.Mode == "radius" {
		if err := checkRadius(r, &p); err != nil {
			return none, err
		}
	}
	return p, nil
}

func checkAPI(r NewRouter, p *db.CreateRouterParams) error {
	if r.APIAddress == "" {
		if r.Mode == "local" {
			return bad("api", "mode local writes through the RouterOS API; give its host:port, for example 10.9.0.2:8729")
		}
		return nil
	}
	if !hostPort(r.APIAddress) {
		return bad("api", "%q is not host:port, for example 10.9.0.2:8729", r.APIAddress)
	}
	if err := checkLine("api-user", r.APIUser, 1, 100); err != nil {
		return err
	}
	if r.APIPassword == "" {
		return bad("api-password", "the API needs a user with a password")
	}
	if r.APIPin != "" {
		pin, err := hex.DecodeString(strings.ReplaceAll(r.APIPin, ":", ""))
		if err != nil || len(pin) != 32 {
			return bad("api-pin", "is not a SHA-256 fingerprint of 64 hexadecimal digits")
		}
		p.APIPinSha256 = pin
	}
	if r.APICAPEM != "" {
		if !x509.NewCertPool().AppendCertsFromPEM([]byte(r.APICAPEM)) {
			return bad("api-ca", "holds no certificate in PEM")
		}
		p.APICaPem = &r.APICAPEM
	}
	if !r.APIPlain && r.APIPin == "" && r.APICAPEM == "" {
		return bad("api-pin", "TLS needs the router's certificate fingerprint or its CA; clear text must be asked for (api-plain)")
	}
	return nil
}

func checkRadius(r NewRouter, p *db.CreateRouterParams) error {
	if len(r.RadiusSecret) < 8 {
		return bad("radius-secret", "must have at least 8 characters")
	}
	host := ""
	for _, address := range []string{r.CoAAddress, r.APIAddress} {
		if h, _, err := net.SplitHostPort(address); err == nil && host == "" {
			host = h
		}
	}
	if r.NASAddress == "" {
		r.NASAddress = host
	}
	nas, err := netip.ParseAddr(r.NASAddress)
	if err != nil {
		return bad("nas-address", "give the IP address that the router sends its RADIUS requests from")
	}
	nas = nas.Unmap()
	p.NASAddress = &nas
	p.CoaAddress = r.CoAAddress
	if p.CoaAddress == "" {
		p.CoaAddress = net.JoinHostPort(r.NASAddress, "3799")
	}
	if !hostPort(p.CoaAddress) {
		return bad("coa", "%q is not host:port, for example 10.9.0.2:3799", r.CoAAddress)
	}
	return nil
}

// Routers lists the routers with their health.
func (s *Service) Routers(ctx context.Context) ([]db.ListRoutersRow, error) {
	rows, err := db.New(s.Pool).ListRouters(ctx)
	if err != nil {
		return nil, fmt.Errorf("list routers: %w", err)
	}
	return rows, nil
}

// Router returns one router by its name.
func (s *Service) Router(ctx context.Context, name string) (db.Router, error) {
	row, err := db.New(s.Pool).RouterByName(ctx, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return db.Router{}, bad("router", "there is no router %q", name)
	}
	if err != nil {
		return db.Router{}, fmt.Errorf("read router %q: %w", name, err)
	}
	return row, nil
}

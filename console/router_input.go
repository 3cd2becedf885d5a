package console

import (
	"crypto/x509"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"

	"qserve/db"
)

// NewRouter is a MikroTik router as its operator describes it.
type NewRouter struct {
	Name string `json:"name" example:"Ngong"`
	Mode string `json:"mode" enum:"local,radius" doc:"local: PPP secrets on the router. radius: the router asks Qserve."`

	APIAddress  string `json:"api_address,omitempty" example:"10.9.0.2:8729" doc:"host:port; required in mode local."`
	APIUser     string `json:"api_user,omitempty" example:"qserve"`
	APIPassword string `json:"api_password,omitempty" doc:"Of the API user. Stored sealed and never shown."`
	APIPlain    bool   `json:"api_plain,omitempty" doc:"Speak the clear-text protocol of port 8728. Passwords can be read on the way."`
	APIPin      string `json:"api_pin,omitempty" doc:"SHA-256 of the router's certificate, hexadecimal; colons are tolerated."`
	APICA       string `json:"api_ca,omitempty" doc:"Certificate of the authority that signed the router's, PEM."`

	RadiusSecret            string `json:"radius_secret,omitempty" doc:"Mode radius; 8 characters or more."`
	NASAddress              string `json:"nas_address,omitempty" example:"10.9.0.2" doc:"Where its RADIUS requests come from; default: the host of coa_address or api_address."`
	CoAAddress              string `json:"coa_address,omitempty" example:"10.9.0.2:3799" doc:"host:port of /radius incoming; default: the same host, port 3799."`
	CoAMessageAuthenticator bool   `json:"coa_message_authenticator,omitempty" example:"true" doc:"Sign CoA requests with Message-Authenticator too."`
	CoAEventTimestamp       bool   `json:"coa_event_timestamp,omitempty" doc:"The router needs a right clock."`

	LocalAddress   string `json:"local_address,omitempty" example:"100.64.8.1" doc:"The router's end of every tunnel."`
	Pool           string `json:"pool,omitempty" doc:"Default address pool on the router."`
	InterimSeconds int    `json:"interim_seconds,omitempty" example:"300" doc:"Between two accounting records of a session, 60 to 86400; 300 when not given."`
}

// RouterChange is what is to be different about a router; nil leaves a field as it is. A change of mode or of where it is
// makes everything on it be written and looked at again.
type RouterChange struct {
	Name                    *string `json:"name,omitempty" example:"Ngong"`
	Mode                    *string `json:"mode,omitempty" enum:"local,radius"`
	APIAddress              *string `json:"api_address,omitempty" example:"10.9.0.2:8729" doc:"host:port; required in mode local."`
	APIUser                 *string `json:"api_user,omitempty" example:"qserve"`
	APIPassword             *string `json:"api_password,omitempty" doc:"Replaces the stored one."`
	APIPlain                *bool   `json:"api_plain,omitempty" example:"false" doc:"Speak the clear-text protocol of port 8728."`
	APIPin                  *string `json:"api_pin,omitempty" doc:"SHA-256 of the router's certificate, hexadecimal; colons are tolerated."`
	APICA                   *string `json:"api_ca,omitempty" doc:"Certificate of the authority that signed the router's, PEM."`
	RadiusSecret            *string `json:"radius_secret,omitempty" doc:"Replaces the stored one; 8 characters or more."`
	NASAddress              *string `json:"nas_address,omitempty" example:"10.9.0.2" doc:"Where its RADIUS requests come from."`
	CoAAddress              *string `json:"coa_address,omitempty" example:"10.9.0.2:3799" doc:"host:port of /radius incoming."`
	CoAMessageAuthenticator *bool   `json:"coa_message_authenticator,omitempty" example:"true" doc:"Sign CoA requests with Message-Authenticator too."`
	CoAEventTimestamp       *bool   `json:"coa_event_timestamp,omitempty" example:"false" doc:"The router needs a right clock."`
	LocalAddress            *string `json:"local_address,omitempty" example:"100.64.8.1" doc:"The router's end of every tunnel."`
	Pool                    *string `json:"pool,omitempty" example:"pppoe" doc:"Default address pool on the router."`
	InterimSeconds          *int    `json:"interim_seconds,omitempty" example:"300" doc:"Between two accounting records of a session, 60 to 86400."`
}

// kept says which secrets of a router are stored already, and so need not be given.
type kept struct{ apiPassword, radiusSecret bool }

// over lays the change over a router as it is. Secrets are not known here: they stay empty unless they are replaced.
func (c RouterChange) over(v RouterView) NewRouter {
	r := NewRouter{
		Name: v.Name, Mode: v.Mode, APIAddress: v.APIAddress, APIUser: v.APIUser, APIPlain: v.APIPlain, APIPin: v.APIPin, APICA: v.APICA,
		NASAddress: v.NASAddress, CoAAddress: v.CoAAddress, CoAMessageAuthenticator: v.CoAMessageAuthenticator,
		CoAEventTimestamp: v.CoAEventTimestamp, LocalAddress: v.LocalAddress, Pool: v.Pool, InterimSeconds: v.InterimSeconds,
	}
	set(&r.Name, c.Name)
	set(&r.Mode, c.Mode)
	set(&r.APIAddress, c.APIAddress)
	set(&r.APIUser, c.APIUser)
	set(&r.APIPassword, c.APIPassword)
	set(&r.APIPlain, c.APIPlain)
	set(&r.APIPin, c.APIPin)
	set(&r.APICA, c.APICA)
	set(&r.RadiusSecret, c.RadiusSecret)
	set(&r.NASAddress, c.NASAddress)
	set(&r.CoAAddress, c.CoAAddress)
	set(&r.CoAMessageAuthenticator, c.CoAMessageAuthenticator)
	set(&r.CoAEventTimestamp, c.CoAEventTimestamp)
	set(&r.LocalAddress, c.LocalAddress)
	set(&r.Pool, c.Pool)
	set(&r.InterimSeconds, c.InterimSeconds)
	return r
}

// checkRouter turns a router as staff describe it into a row without its id and secrets. Its errors are [*FieldError].
func checkRouter(r NewRouter, k kept) (db.CreateRouterParams, error) {
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
	if r.InterimSeconds != 0 {
		if r.InterimSeconds < 60 || r.InterimSeconds > 86400 {
			return none, bad("interim_seconds", "must be 60 to 86400 seconds")
		}
		p.InterimSeconds = int32(r.InterimSeconds)
	}
	if err := checkLine("pool", r.Pool, 0, 100); err != nil {
		return none, err
	}
	if err := checkAPI(r, k, &p); err != nil {
		return none, err
	}
	if r.LocalAddress != "" {
		if _, err := netip.ParseAddr(r.LocalAddress); err != nil {
			return none, bad("local_address", "%q is not an IP address", r.LocalAddress)
		}
	}
	if r.Mode == "radius" {
		if err := checkRadius(r, k, &p); err != nil {
			return none, err
		}
	}
	return p, nil
}

func checkAPI(r NewRouter, k kept, p *db.CreateRouterParams) error {
	if r.APIAddress == "" {
		if r.Mode == "local" {
			return bad("api_address", "mode local writes through the RouterOS API; give its host:port, for example 10.9.0.2:8729")
		}
		return nil
	}
	if !hostPort(r.APIAddress) {
		return bad("api_address", "%q is not host:port, for example 10.9.0.2:8729", r.APIAddress)
	}
	if err := checkLine("api_user", r.APIUser, 1, 100); err != nil {
		return err
	}
	if r.APIPassword == "" && !k.apiPassword {
		return bad("api_password", "the API needs a user with a password")
	}
	if r.APIPin != "" {
		pin, err := hex.DecodeString(strings.ReplaceAll(r.APIPin, ":", ""))
		if err != nil || len(pin) != 32 {
			return bad("api_pin", "is not a SHA-256 fingerprint of 64 hexadecimal digits")
		}
		p.APIPinSha256 = pin
	}
	if r.APICA != "" {
		if !x509.NewCertPool().AppendCertsFromPEM([]byte(r.APICA)) {
			return bad("api_ca", "holds no certificate in PEM")
		}
		p.APICaPem = &r.APICA
	}
	if !r.APIPlain && r.APIPin == "" && r.APICA == "" {
		return bad("api_pin", "TLS needs the fingerprint of the router's certificate or its CA; without either, choose to speak clear text (port 8728)")
	}
	return nil
}

func checkRadius(r NewRouter, k kept, p *db.CreateRouterParams) error {
	if len(r.RadiusSecret) < 8 && (r.RadiusSecret != "" || !k.radiusSecret) {
		return bad("radius_secret", "must have at least 8 characters")
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
		return bad("nas_address", "give the IP address that the router sends its RADIUS requests from")
	}
	nas = nas.Unmap()
	p.NASAddress = &nas
	p.CoaAddress = r.CoAAddress
	if p.CoaAddress == "" {
		p.CoaAddress = net.JoinHostPort(r.NASAddress, "3799")
	}
	if !hostPort(p.CoaAddress) {
		return bad("coa_address", "%q is not host:port, for example 10.9.0.2:3799", r.CoAAddress)
	}
	return nil
}

package mikrosim

import (
	"context"
	"crypto/md5" //nolint:gosec // CHAP, RFC 1994
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/vendors/microsoft"
	"layeh.com/radius/vendors/mikrotik"
)

// The ways to prove a password.
const (
	authPAP     = "pap"
	authCHAP    = "chap"
	authMSCHAP2 = "mschap2"
)

type dialAttempt struct {
	user, password, mac string
	number              uint32
}

var (
	errRejected = errors.New("rejected by RADIUS")
	errNoUser   = errors.New("no secret of that name and no RADIUS")
)

// localLogin looks the user up in /ppp/secret. found is false when RADIUS is to be asked, which RouterOS does only if there
// is no secret of that name. The router's lock is held.
func (r *Router) localLogin(a dialAttempt) (g grant, found bool, err error) {
	secret := r.tables[menuSecret].named(a.user)
	if secret == nil || r.cfg.DisabledSecretAsksRadius && secret.values["disabled"] == "true" {
		if !r.radius.used() {
			return grant{}, true, errNoUser
		}
		return grant{}, false, nil
	}
	v := secret.values
	profile := r.tables[menuProfile].named(v["profile"])
	switch {
	case v["disabled"] == "true":
		return grant{}, true, errors.New("secret is disabled")
	case subtle.ConstantTimeCompare([]byte(v["password"]), []byte(a.password)) != 1:
		return grant{}, true, errors.New("wrong password")
	case v["service"] != "any" && v["service"] != "pppoe":
		return grant{}, true, fmt.Errorf("secret is for service %s", v["service"])
	case v["caller-id"] != "" && v["caller-id"] != a.mac:
		return grant{}, true, errors.New("wrong caller-id")
	case profile == nil:
		return grant{}, true, fmt.Errorf("no profile %q", v["profile"])
	}
	g = grant{number: a.number, interim: r.cfg.InterimInterval}
	g.inProfile(profile)
	if v["remote-address"] != "" {
		g.remote = v["remote-address"]
	}
	return g, true, nil
}

// radiusLogin asks the AAA server. The router's lock is not held.
func (r *Router) radiusLogin(ctx context.Context, a dialAttempt) (grant, error) {
	var proof func(*radius.Packet) error
	answer, err := r.radius.exchange(ctx, serverAuth, func(secret []byte) (*radius.Packet, error) {
		p := radius.New(radius.CodeAccessRequest, secret)
		var err error
		if proof, err = prove(p, r.cfg.AuthMethod, a); err != nil {
			return nil, err
		}
		return p, errors.Join(
			r.describeNAS(p, a),
			rfc2865.ServiceType_Add(p, rfc2865.ServiceType_Value_FramedUser),
			rfc2865.FramedProtocol_Add(p, rfc2865.FramedProtocol_Value_PPP),
		)
	})
	if err != nil {
		return grant{}, fmt.Errorf("ask RADIUS: %w", err)
	}
	if answer.Code != radius.CodeAccessAccept {
		r.count(func(c *Counters) { c.Radius.Rejects++ })
		if why := rfc2865.ReplyMessage_GetString(answer); why != "" {
			return grant{}, fmt.Errorf("%w: %s", errRejected, why)
		}
		return grant{}, errRejected
	}
	r.count(func(c *Counters) { c.Radius.Accepts++ })
	if err := proof(answer); err != nil {
		return grant{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.radiusGrant(a, answer)
}

// radiusGrant reads an Access-Accept: what it names replaces what the default profile says.
func (r *Router) radiusGrant(a dialAttempt, p *radius.Packet) (grant, error) {
	g := grant{number: a.number, radius: true, interim: r.cfg.InterimInterval, class: rfc2865.Class_Get(p)}
	profiles := r.tables[menuProfile]
	profile := profiles.named("default")
	if group := profiles.named(mikrotik.MikrotikGroup_GetString(p)); group != nil {
		profile = group
	}
	g.inProfile(profile)
	if name := rfc2869.FramedPool_GetString(p); name != "" {
		g.remote = name
	}
	if ip, err := rfc2865.FramedIPAddress_Lookup(p); err == nil && !ip.Equal(net.IPv4(255, 255, 255, 254)) {
		g.remote = ip.String()
	}
	if rate := mikrotik.MikrotikRateLimit_GetString(p); rate != "" {
		g.rate = rate
	}
	if lists, err := mikrotik.MikrotikAddressList_GetStrings(p); err == nil && len(lists) > 0 {
		g.lists = lists
	}
	if n, err := rfc2869.AcctInterimInterval_Lookup(p); err == nil {
		g.interim = time.Duration(n) * time.Second
	}
	if n, err := rfc2865.SessionTimeout_Lookup(p); err == nil {
		g.timeout = time.Duration(n) * time.Second
	}
	return g, nil
}

// describeNAS adds what RouterOS says about itself and the port in Access-Request and Accounting-Request.
func (r *Router) describeNAS(p *radius.Packet, a dialAttempt) error {
	return errors.Join(
		rfc2865.UserName_AddString(p, a.user),
		rfc2865.NASIdentifier_AddString(p, r.cfg.Identity),
		rfc2865.NASIPAddress_Add(p, net.ParseIP(r.cfg.Host)),
		rfc2865.NASPort_Add(p, rfc2865.NASPort(a.number)),
		rfc2865.NASPortType_Add(p, rfc2865.NASPortType_Value_Ethernet),
		rfc2869.NASPortID_AddString(p, "bridge-access"),
		rfc2865.CallingStationID_AddString(p, a.mac),
		rfc2865.CalledStationID_AddString(p, "isp"),
		rfc2866.AcctSessionID_AddString(p, fmt.Sprintf("%08x", a.number)),
	)
}

// prove adds the attributes of the authentication method and returns the check that the client's side makes of an accept:
// MS-CHAPv2 is the only one in which the server proves that it knows the password too (RFC 2759 §8.7).
func prove(p *radius.Packet, method string, a dialAttempt) (func(*radius.Packet) error, error) {
	trusting := func(*radius.Packet) error { return nil }
	challenge := make([]byte, 16)
	_, _ = rand.Read(challenge) // never fails
	user, password := []byte(a.user), []byte(a.password)
	switch method {
	case authPAP:
		return trusting, rfc2865.UserPassword_Add(p, password)
	case authCHAP:
		sum := md5.Sum(slices.Concat(challenge[:1], password, challenge)) //nolint:gosec // as above
		return trusting, errors.Join(
			rfc2865.CHAPPassword_Add(p, slices.Concat(challenge[:1], sum[:])),
			rfc2865.CHAPChallenge_Add(p, challenge),
		)
	}
	peer := make([]byte, 16)
	_, _ = rand.Read(peer) // never fails
	response, err := rfc2759.GenerateNTResponse(challenge, peer, user, password)
	if err != nil {
		return nil, fmt.Errorf("MS-CHAPv2: %w", err)
	}
	want, err := rfc2759.GenerateAuthenticatorResponse(challenge, peer, response, user, password)
	if err != nil {
		return nil, fmt.Errorf("MS-CHAPv2: %w", err)
	}
	const ident = 1
	check := func(answer *radius.Packet) error {
		got := string(microsoft.MSCHAP2Success_Get(answer))
		if !strings.HasPrefix(got, string([]byte{ident})+want) {
			return errors.New("the server did not prove that it knows the password (MS-CHAP2-Success)")
		}
		return nil
	}
	return check, errors.Join(
		microsoft.MSCHAPChallenge_Add(p, challenge),
		microsoft.MSCHAP2Response_Add(p, slices.Concat([]byte{ident, 0}, peer, make([]byte, 8), response)),
	)
}

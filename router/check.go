package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"qserve/account"
	"qserve/router/coa"
	"qserve/router/routeros"
)

// nobody is a user name that no router has: it is sent to see whether the router answers at all.
const nobody = "qserve/nobody"

// survey reads a router's set-up. A menu that this router does not have, or does not let us read, is not a problem in
// itself; what lies there just cannot be judged.
type survey struct {
	conn   *routeros.Conn
	report Report
	err    error
}

// rows returns false when the menu could not be read.
func (s *survey) rows(ctx context.Context, menu, properties string, queries ...string) ([]routeros.Row, bool) {
	if s.err != nil {
		return nil, false
	}
	rows, err := s.conn.Print(ctx, menu, strings.Split(properties, ","), queries...)
	var trap *routeros.Trap
	if err != nil && !errors.As(err, &trap) {
		s.err = err
	}
	return rows, err == nil
}

func (s *survey) problem(format string, a ...any) {
	s.report.Problems = append(s.report.Problems, fmt.Sprintf(format, a...))
}

// identify reads what every router has, and what makes rates useless on any.
func (s *survey) identify(ctx context.Context) {
	if rows, ok := s.rows(ctx, "/system/identity", "name"); ok && len(rows) == 1 {
		s.report.Identity = rows[0]["name"]
	}
	if rows, ok := s.rows(ctx, "/system/resource", "version,uptime"); ok && len(rows) == 1 {
		s.report.Version, s.report.Uptime = rows[0]["version"], rows[0]["uptime"]
	}
	rows, _ := s.rows(ctx, "/ip/firewall/filter", ".id,disabled", "?action=fasttrack-connection")
	if slices.ContainsFunc(rows, func(r routeros.Row) bool { return !r.True("disabled") }) {
		s.problem("FastTrack is on, and connections that it handles pass by every rate limit; type " +
			"/ip/firewall/filter/disable [find action=fasttrack-connection]")
	}
}

// garden complains when account.GardenList leads nowhere. What the rules do is for the operator to know.
func (s *survey) garden(ctx context.Context) {
	for _, menu := range []string{"/ip/firewall/filter", "/ip/firewall/nat"} {
		rows, ok := s.rows(ctx, menu, ".id,disabled", "?src-address-list="+account.GardenList)
		if !ok || slices.ContainsFunc(rows, func(r routeros.Row) bool { return !r.True("disabled") }) {
			return
		}
	}
	s.problem("No firewall rule is for the address list %[1]s, so a customer whose package has run out can go anywhere; "+
		"type /ip/firewall/nat/add chain=dstnat src-address-list=%[1]s protocol=tcp dst-port=80 action=dst-nat "+
		"to-addresses=ADDRESS-OF-THE-PAY-PAGE and, above the rules for established connections, "+
		"/ip/firewall/filter/add chain=forward src-address-list=%[1]s protocol=udp dst-port=53 action=accept and "+
		"/ip/firewall/filter/add chain=forward src-address-list=%[1]s dst-address=!ADDRESS-OF-THE-PAY-PAGE action=reject",
		account.GardenList)
}

// Check implements Driver.
func (l *local) Check(ctx context.Context) (Report, error) {
	s := &survey{conn: l.conn}
	s.identify(ctx)
	if l.target.Garden {
		s.garden(ctx)
	}
	pools, ok := s.rows(ctx, "/ip/pool", "name")
	if ok && l.target.Pool != "" && !slices.ContainsFunc(pools, named(l.target.Pool)) {
		s.problem("The address pool %q does not exist; type /ip/pool/add name=%s ranges=FIRST-LAST",
			l.target.Pool, quoted(l.target.Pool))
	}
	if l.target.LocalAddress == "" {
		s.tunnelAddress(ctx)
	}
	return s.report, l.target.fail("", "read the set-up", s.err)
}

// tunnelAddress complains when no profile has the router's end of a tunnel, without which none comes up.
func (s *survey) tunnelAddress(ctx context.Context) {
	rows, ok := s.rows(ctx, profileMenu, "name,local-address")
	if ok && !slices.ContainsFunc(rows, func(r routeros.Row) bool { return r["local-address"] != "" }) {
		s.problem("No PPP profile has a local-address, so no customer can connect; type " +
			"/ppp/profile/set [find name=default] local-address=ADDRESS")
	}
}

func named(name string) func(routeros.Row) bool {
	return func(r routeros.Row) bool { return r["name"] == name }
}

// Check implements Driver.
func (r *radius) Check(ctx context.Context) (Report, error) {
	s := &survey{conn: r.conn}
	s.identify(ctx)
	if r.target.Garden {
		s.garden(ctx)
	}
	s.tunnelAddress(ctx)
	if rows, ok := s.rows(ctx, "/ppp/aaa", "use-radius,accounting"); ok && len(rows) == 1 {
		if !rows[0].True("use-radius") || rows[0]["accounting"] == "no" || rows[0]["accounting"] == "false" {
			s.problem("The router does not ask RADIUS for PPP users, or does not report their sessions; type " +
				"/ppp/aaa/set use-radius=yes accounting=yes interim-update=5m")
		}
	}
	if rows, ok := s.rows(ctx, "/radius", "service,disabled"); ok && !slices.ContainsFunc(rows, servesPPP) {
		s.problem("The router has no RADIUS server for PPP; type /radius/add service=ppp address=ADDRESS-OF-QSERVE " +
			"secret=SECRET timeout=3s")
	}
	r.checkIncoming(ctx, s)
	return s.report, r.target.fail("", "read the set-up", s.err)
}

func servesPPP(row routeros.Row) bool {
	return !row.True("disabled") && slices.Contains(strings.Split(row["service"], ","), "ppp")
}

// checkIncoming compares what /radius/incoming says, and then tries it: the other causes of silence show nowhere else.
func (r *radius) checkIncoming(ctx context.Context, s *survey) {
	if !r.incoming.usable() {
		s.problem("No address for CoA is set for this router in Qserve, so a package change ends the session instead " +
			"of changing its rate")
		return
	}
	_, port, err := net.SplitHostPort(r.incoming.nas.Address)
	if err != nil {
		s.problem("The CoA address %q is not host:port", r.incoming.nas.Address)
		return
	}
	rows, ok := s.rows(ctx, "/radius/incoming", "accept,port")
	if ok && len(rows) == 1 && (!rows[0].True("accept") || rows[0]["port"] != port) {
		s.problem("The router does not listen for CoA on port %s; type /radius/incoming/set accept=yes port=%s", port, port)
		return
	}
	if s.err != nil {
		return
	}
	_, err = r.incoming.disconnect(ctx, coa.Session{Username: nobody})
	switch {
	case unheard(err):
		s.problem("The router does not answer CoA on %s: %v; watch /radius/incoming/monitor while you try",
			r.incoming.nas.Address, err)
	case err != nil:
		s.err = err
	}
}

// Check implements Driver. Without an API, all that a router says about itself is that it is there.
func (r *remote) Check(ctx context.Context) (Report, error) {
	_, err := r.incoming.disconnect(ctx, coa.Session{Username: nobody})
	return Report{}, r.target.fail("", "wait for an answer to CoA", err)
}

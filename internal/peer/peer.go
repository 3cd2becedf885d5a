// Package peer tells where an HTTP request came from.
package peer

import (
	"net/http"
	"net/netip"
	"strings"
)

// Of returns the address that a request came from. Anybody can write anything into X-Forwarded-For, so only the entries
// that the operator's own proxies added count: with n of them, the n-th from the right is the caller of the outermost.
// A header with fewer entries did not pass all of them, and the connection's own address is all that is known.
func Of(r *http.Request, proxies int) netip.Addr {
	direct, _ := netip.ParseAddrPort(r.RemoteAddr)
	if proxies > 0 {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if len(hops) >= proxies {
			if addr, err := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-proxies])); err == nil {
				return addr.Unmap()
			}
		}
	}
	return direct.Addr().Unmap()
}

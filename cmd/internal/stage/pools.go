package stage

import (
	"fmt"
	"net/netip"
)

// poolOf gives each router 16,000 addresses of the range that providers share among customers (RFC 6598).
func poolOf(i int) map[string]netip.Prefix {
	return map[string]netip.Prefix{
		"pool1": netip.MustParsePrefix(fmt.Sprintf("100.%d.%d.0/18", 64+i/4%64, i%4*64)),
	}
}

func (r *Router) poolName() string {
	for name := range r.Options.Sim.Pools {
		return name
	}
	return ""
}

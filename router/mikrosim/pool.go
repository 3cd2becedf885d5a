package mikrosim

import (
	"errors"
	"fmt"
	"net/netip"
)

// pool hands out the addresses of a prefix in turn, so that one given back is given out last. The first host address is the router's own.
type pool struct {
	prefix  netip.Prefix
	gateway netip.Addr
	next    netip.Addr
	used    map[netip.Addr]int
}

var errPoolEmpty = errors.New("no address left in the pool")

func newPool(p netip.Prefix) *pool {
	gateway := p.Masked().Addr().Next()
	return &pool{prefix: p.Masked(), gateway: gateway, next: gateway.Next(), used: make(map[netip.Addr]int)}
}

// take returns a free address.
func (p *pool) take() (netip.Addr, error) {
	for a, round := p.next, 0; round < 2; a = a.Next() {
		if !p.prefix.Contains(a.Next()) { // the last is the broadcast address
			a, round = p.gateway, round+1
			continue
		}
		if p.used[a] == 0 {
			p.next = a.Next()
			p.used[a]++
			return a, nil
		}
	}
	return netip.Addr{}, errPoolEmpty
}

// address decides the address of a session: a fixed one, or one from the named pool. Both may be the text of a
// remote-address.
func (r *Router) address(choice string) (netip.Addr, *pool, error) {
	if a, err := netip.ParseAddr(choice); err == nil {
		for _, p := range r.pools {
			if p.prefix.Contains(a) {
				p.used[a]++
				return a, p, nil
			}
		}
		return a, nil, nil
	}
	p := r.pools[choice]
	if p == nil {
		return netip.Addr{}, nil, fmt.Errorf("could not determine remote address: no pool %q", choice)
	}
	a, err := p.take()
	return a, p, err
}

// release gives an address back.
func (p *pool) release(a netip.Addr) {
	if p == nil {
		return
	}
	if p.used[a]--; p.used[a] <= 0 {
		delete(p.used, a)
	}
}

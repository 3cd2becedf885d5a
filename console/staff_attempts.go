package console

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// attempts counts the sign-ins that each network address tries in this process, whoever they are for. A lock of one
// account would not stop somebody who tries one password on all of them.
type attempts struct {
	mu sync.Mutex
	of map[string]*rate.Limiter
}

const (
	// attemptsAtOnce is what an office behind one address may need when a shift begins.
	attemptsAtOnce = 50
	attemptEvery   = 2 * time.Second
	// rememberSources bounds the memory; a whole network of addresses can ask.
	rememberSources = 10_000
)

func newAttempts() *attempts { return &attempts{of: map[string]*rate.Limiter{}} }

// wait takes one attempt off what an address may try, or returns how long it has to wait.
func (a *attempts) wait(source string, now time.Time) time.Duration {
	source = network(source)
	a.mu.Lock()
	defer a.mu.Unlock()
	limiter := a.of[source]
	if limiter == nil {
		if len(a.of) >= rememberSources {
			a.forget(now)
		}
		limiter = rate.NewLimiter(rate.Every(attemptEvery), attemptsAtOnce)
		a.of[source] = limiter
	}
	reserved := limiter.ReserveN(now, 1)
	delay := reserved.DelayFrom(now)
	if delay > 0 {
		reserved.CancelAt(now)
	}
	return delay
}

// forget makes room: first by those that have all of their attempts again and are like new ones, and when they are few, by
// any, and by enough of them that it is not done at each attempt.
func (a *attempts) forget(now time.Time) {
	maps.DeleteFunc(a.of, func(_ string, old *rate.Limiter) bool { return old.TokensAt(now) >= attemptsAtOnce })
	for source := range a.of {
		if len(a.of) <= rememberSources*3/4 {
			return
		}
		delete(a.of, source)
	}
}

// network is what one customer of an internet provider usually has: an address of IPv4, 64 bits of IPv6.
func network(source string) string {
	address, err := netip.ParseAddr(source)
	if err != nil {
		return source
	}
	address = address.Unmap()
	if address.Is4() {
		return address.String()
	}
	prefix, err := address.WithZone("").Prefix(64)
	if err != nil {
		return source
	}
	return prefix.String()
}

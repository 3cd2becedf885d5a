package aaa

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"qserve/internal/clock"
)

// fingerprint tells a repeated request from a new one (RFC 5080 §2.2.2).
type fingerprint struct {
	from          netip.AddrPort
	identifier    byte
	authenticator [16]byte
}

// flight is a request from its arrival on; the answer is nil until it is known.
type flight struct {
	fingerprint
	answer atomic.Pointer[[]byte]
}

// generation is how many flights a generation holds at most.
const generation = 1 << 15

// replays remembers flights in two generations: when the young one is full, or old enough, the old one is dropped and
// the young one takes its place. So memory is bounded, and nothing is ever searched for what to drop.
type replays struct {
	clock clock.Clock
	keep  time.Duration

	mu         sync.Mutex
	young, old map[fingerprint]*flight
	born       time.Time // of the young generation
}

func newReplays(c clock.Clock, keep time.Duration) *replays {
	return &replays{clock: c, keep: keep, young: map[fingerprint]*flight{}, born: c.Now()}
}

// begin returns the flight that the datagram repeats, or a new one and true. A datagram that is too short for an
// authenticator is always new; it will not be answered.
func (r *replays) begin(from netip.AddrPort, datagram []byte) (f *flight, fresh bool) {
	if len(datagram) < headerSize {
		return &flight{}, true
	}
	key := fingerprint{from, datagram[1], [16]byte(datagram[4:headerSize])}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.clock.Now(); len(r.young) >= generation || now.Sub(r.born) >= r.keep {
		r.old, r.young, r.born = r.young, map[fingerprint]*flight{}, now
	}
	if known, ok := r.young[key]; ok {
		return known, false
	}
	if known, ok := r.old[key]; ok {
		return known, false
	}
	f = &flight{fingerprint: key}
	r.young[key] = f
	return f, true
}

// forget makes the next datagram like f's a new one.
func (r *replays) forget(f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, flights := range []map[fingerprint]*flight{r.young, r.old} {
		if flights[f.fingerprint] == f {
			delete(flights, f.fingerprint)
		}
	}
}

package api

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/time/rate"

	"qserve/console"
)

// limits counts the requests of each token in this process.
type limits struct {
	mu sync.Mutex
	of map[int64]*rate.Limiter
}

// rememberTokens is how many tokens are counted before those that are at rest are forgotten.
const rememberTokens = 1000

func newLimits() *limits { return &limits{of: map[int64]*rate.Limiter{}} }

// wait takes one request off what a token may send, or returns how long it has to wait.
func (l *limits) wait(c console.Caller, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.of[c.ID]
	if limiter == nil {
		if len(l.of) >= rememberTokens {
			// One that has all of its burst again is like a new one.
			maps.DeleteFunc(l.of, func(_ int64, old *rate.Limiter) bool { return old.TokensAt(now) >= float64(old.Burst()) })
		}
		limiter = rate.NewLimiter(rate.Limit(c.RatePerSecond), 2*c.RatePerSecond)
		l.of[c.ID] = limiter
	}
	reserved := limiter.ReserveN(now, 1)
	delay := reserved.DelayFrom(now)
	if delay > 0 {
		reserved.CancelAt(now)
	}
	return delay
}

// limit turns a request away whose token has sent too many.
func (s *server) limit(ctx huma.Context, next func(huma.Context)) {
	caller := callOf(ctx.Context()).caller
	if delay := s.limits.wait(caller, s.Service.Clock.Now()); delay > 0 {
		s.fail(ctx, retryAfter(huma.Error429TooManyRequests(fmt.Sprintf("token %s may send %d requests a second", caller.Name, caller.RatePerSecond)), delay))
		return
	}
	next(ctx)
}

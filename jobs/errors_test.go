package jobs

import (
	"errors"
	"fmt"
	"io"
	"math"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"qserve/internal/clock"
)

func TestErrors_ReachAsynqAsTheirKind(t *testing.T) {
	t.Parallel()
	at := noon.Add(time.Minute)
	for _, c := range []struct {
		name                  string
		err                   error
		skips, counts, timed  bool
		keepsIdentity, before bool
	}{
		{name: "transient", err: io.ErrUnexpectedEOF, counts: true, keepsIdentity: true},
		{name: "permanent", err: Permanent(io.ErrUnexpectedEOF), skips: true, counts: true, keepsIdentity: true},
		{name: "permanent, told on", err: fmt.Errorf("delivery 5: %w", Permanent(io.ErrUnexpectedEOF)), skips: true, counts: true, keepsIdentity: true},
		{name: "wait", err: waitUntil(at, "breaker open"), timed: true},
		{name: "wait, told on", err: fmt.Errorf("router 5: %w", waitUntil(at, "breaker open")), timed: true},
		{name: "retry at", err: retryAt(at, io.ErrUnexpectedEOF), counts: true, timed: true, keepsIdentity: true},
	} {
		got := forAsynq(c.err)
		if errors.Is(got, asynq.SkipRetry) != c.skips {
			t.Errorf("%s: skips further attempts: %v", c.name, !c.skips)
		}
		if countsAsFailure(got) != c.counts {
			t.Errorf("%s: counts as a failure: %v", c.name, !c.counts)
		}
		if errors.Is(got, io.ErrUnexpectedEOF) != c.keepsIdentity {
			t.Errorf("%s: the cause is lost: %v", c.name, got)
		}
		if delay := retryDelay(clock.NewManual(noon))(3, got, nil); (delay == time.Minute) != c.timed {
			t.Errorf("%s: the next attempt is in %v", c.name, delay)
		}
	}
	if forAsynq(nil) != nil {
		t.Error("success became an error")
	}
}

func TestNextAttempt_IsNeverAtOnceAndNeverInThePast(t *testing.T) {
	t.Parallel()
	delay := retryDelay(clock.NewManual(noon))
	for _, at := range []time.Time{{}, noon.Add(-time.Hour), noon, noon.Add(time.Millisecond)} {
		if got := delay(0, waitUntil(at, "x"), nil); got != 50*time.Millisecond {
			t.Errorf("at %v: in %v", at, got)
		}
	}
}

func TestBackoff_DoublesFromOneSecondToFiveMinutesLessItsJitter(t *testing.T) {
	t.Parallel()
	failures := []int{-3, 1000, math.MaxInt32, math.MaxInt}
	for n := range 100 {
		failures = append(failures, n)
	}
	for _, n := range failures {
		whole := 5 * time.Minute
		if n <= 8 {
			whole = time.Duration(math.Exp2(float64(max(n, 0)))) * time.Second
		}
		for range 20 {
			if got := backoff(n); got > whole || got <= whole*3/4 {
				t.Fatalf("after %d failures the pause is %v, want (%v, %v]", n, got, whole*3/4, whole)
			}
		}
	}
	seen := map[time.Duration]bool{}
	for range 20 {
		seen[backoff(9)] = true
	}
	if len(seen) < 2 {
		t.Error("everything that failed together comes back together")
	}
}

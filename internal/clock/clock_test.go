package clock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"qserve/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// each runs a test of what both clocks promise.
func each(t *testing.T, run func(t *testing.T, c clock.Clock)) {
	t.Helper()
	for name, c := range map[string]clock.Clock{"system": clock.System{}, "manual": clock.NewManual(noon)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, c)
		})
	}
}

func TestWaitUntilAPassedMoment_ReturnsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c clock.Clock) {
		t.Helper()
		for _, past := range []time.Duration{0, -time.Hour} {
			if err := c.WaitUntil(t.Context(), c.Now().Add(past)); err != nil {
				t.Errorf("wait until %v from now: %v", past, err)
			}
		}
	})
}

func TestWaitUntilWithADoneContext_ReturnsItsError(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c clock.Clock) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, d := range []time.Duration{-time.Hour, time.Hour} {
			if err := c.WaitUntil(ctx, c.Now().Add(d)); !errors.Is(err, context.Canceled) {
				t.Errorf("wait until %v from now: got %v, want context.Canceled", d, err)
			}
		}
	})
}

func TestSystemWaitUntil_DoesNotReturnEarly(t *testing.T) {
	t.Parallel()
	c := clock.System{}
	at := c.Now().Add(5 * time.Millisecond)
	if err := c.WaitUntil(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if now := c.Now(); now.Before(at) {
		t.Errorf("woken at %v, before %v", now, at)
	}
}

func TestSystemWaitUntil_EndsWhenCanceledMidway(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	c := clock.System{}
	if err := c.WaitUntil(ctx, c.Now().Add(time.Hour)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want context.DeadlineExceeded", err)
	}
}

func TestManualClock_WakesExactlyThoseWhoseMomentHasCome(t *testing.T) {
	t.Parallel()
	c := clock.NewManual(noon)
	ctx, cancel := context.WithCancel(t.Context())
	soon, late := make(chan error, 1), make(chan error, 1)
	go func() { soon <- c.WaitUntil(ctx, noon.Add(time.Minute)) }()
	go func() { late <- c.WaitUntil(ctx, noon.Add(time.Hour)) }()
	if err := c.AwaitWaiters(t.Context(), 2); err != nil {
		t.Fatal(err)
	}

	c.Advance(time.Minute)
	if err := <-soon; err != nil {
		t.Errorf("the wait whose moment came returned %v", err)
	}
	cancel()
	if err := <-late; !errors.Is(err, context.Canceled) {
		t.Errorf("the wait whose moment did not come returned %v, want context.Canceled", err)
	}
}

func TestManualClock_StandsStillAndGoesWhereItIsSet(t *testing.T) {
	t.Parallel()
	c := clock.NewManual(noon)
	if got := c.Now(); !got.Equal(noon) {
		t.Errorf("new clock shows %v, want %v", got, noon)
	}
	c.Advance(90 * time.Second)
	if got, want := c.Now(), noon.Add(90*time.Second); !got.Equal(want) {
		t.Errorf("advanced clock shows %v, want %v", got, want)
	}
	c.Set(noon.AddDate(0, -1, 0))
	if got, want := c.Now(), noon.AddDate(0, -1, 0); !got.Equal(want) {
		t.Errorf("set clock shows %v, want %v", got, want)
	}
}

func TestAwaitWaiters_ForgetsThoseWhoLeft(t *testing.T) {
	t.Parallel()
	c := clock.NewManual(noon)
	left := make(chan error, 1)
	go func() { left <- c.WaitUntil(t.Context(), noon.Add(time.Minute)) }()
	if err := c.AwaitWaiters(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	c.Advance(time.Minute)
	if err := <-left; err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := c.AwaitWaiters(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with nobody waiting: got %v, want context.DeadlineExceeded", err)
	}
}

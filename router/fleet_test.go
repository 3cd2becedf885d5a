package router_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"qserve/internal/clock"
	"qserve/router"
	"qserve/router/coa"
	"qserve/router/mikrosim"
	"qserve/router/routeros"
)

func (r *rig) apiSessions(t *testing.T, n int) {
	t.Helper()
	r.wait(t, func(s mikrosim.State) bool { return s.APISessions == n })
}

func TestAFleet_KeepsOneConnectionForAllCallers(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := r.converge(t, want("joe", enabled, 1, "5M/10M")); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := r.sim.State().Counters.Logins.Tried; n != 1 {
		t.Errorf("%d log-ins for 8 callers", n)
	}
	if n := r.called("converge ok"); n != 8 {
		t.Errorf("observed %d convergences", n)
	}
}

func TestANewRevision_ReconnectsWithTheNewSettings(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.target.Revision, r.target.API.Password = 2, "wrong"
	if err := r.converge(t, want("joe", enabled, 1, "5M/10M")); !errors.Is(err, routeros.ErrLogin) {
		t.Errorf("got %v, want the log-in with the new password to fail", err)
	}
	r.apiSessions(t, 0)
}

func TestAUserError_KeepsTheConnection_AndARouterErrorDropsIt(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	oneUser(t, r.converge(t, want("joe", enabled, 1, "")), router.ErrBadWant, "joe")
	r.apiSessions(t, 1)
	r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultDenyWrite})
	wholeRouter(t, r.converge(t, want("joe", enabled, 1, "5M/10M")))
	r.apiSessions(t, 0)
}

func TestACallerThatHidesALostConnection_DoesNotPassItOn(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultGarbage, Times: 1})
	err := r.fleet.Use(t.Context(), r.target, func(d router.Driver) error {
		if _, err := d.Sessions(t.Context(), "joe"); err == nil {
			t.Error("garbage was taken for an answer")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
}

func TestAPanic_FreesTheLane(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	func() {
		defer func() { recover() }()
		r.fleet.Use(t.Context(), r.target, func(router.Driver) error { panic("a mistake of the caller") }) //nolint:errcheck // it panics
	}()
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
}

func TestALane_IsWaitedForNoLongerThanTheCallerWants(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	inside, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- r.fleet.Use(t.Context(), r.target, func(router.Driver) error { close(inside); <-leave; return nil })
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.fleet.Use(ctx, r.target, func(router.Driver) error { t.Error("two callers at once"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	// Another router has another lane.
	other := setupLocal(t, patient())
	other.target.ID = 2
	err = r.fleet.Use(t.Context(), other.target, func(d router.Driver) error {
		return d.Converge(t.Context(), want("ann", enabled, 1, "5M/10M"))
	})
	if err != nil {
		t.Error(err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// countedClock tells when somebody begins to wait: for the idle tests below, the fleet after a round of its lanes.
type countedClock struct {
	*clock.Manual
	waits chan struct{}
}

func (c countedClock) WaitUntil(ctx context.Context, at time.Time) error {
	c.waits <- struct{}{}
	return c.Manual.WaitUntil(ctx, at)
}

func TestAnIdleConnection_IsClosed(t *testing.T) {
	t.Parallel()
	now := countedClock{clock.NewManual(time.Now()), make(chan struct{}, 100)}
	cfg := patient()
	cfg.Clock, cfg.IdleAfter = now, time.Minute
	r := setupLocal(t, cfg)
	<-now.waits
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	now.Advance(30 * time.Second)
	<-now.waits
	r.mustConverge(t, want("joe", enabled, 2, "5M/10M"))
	now.Advance(30 * time.Second)
	<-now.waits
	if n := r.sim.State().Counters.Logins.Tried; n != 1 {
		t.Errorf("%d log-ins within a minute of use", n)
	}
	r.apiSessions(t, 1)
	now.Advance(30 * time.Second)
	<-now.waits
	r.apiSessions(t, 0)
	r.mustConverge(t, want("joe", enabled, 3, "5M/10M"))
}

func TestAConnectionThatDiedUnseen_DoesNotCostAnAttempt(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Now())
	cfg := patient()
	cfg.Clock = now
	r := setupLocal(t, cfg)
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.sim.Reboot()
	now.Advance(5 * time.Second)
	r.mustConverge(t, want("joe", enabled, 2, "5M/10M"))
	if n := r.sim.State().Counters.Logins.Tried; n != 2 {
		t.Errorf("%d log-ins", n)
	}
}

func TestAFleetThatEnds_WaitsForItsCallersAndRefusesNewOnes(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	fleet := router.NewFleet(patient())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- fleet.Run(ctx) }()
	err := fleet.Use(t.Context(), r.target, func(d router.Driver) error {
		cancel()
		for !errors.Is(fleet.Use(t.Context(), router.Target{ID: 99}, func(router.Driver) error { return nil }), router.ErrClosed) {
			if t.Context().Err() != nil {
				return t.Context().Err()
			}
		}
		select {
		case <-ended:
			t.Error("the fleet ended under its caller")
		default:
		}
		return d.Converge(t.Context(), want("joe", enabled, 1, "5M/10M"))
	})
	if err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	r.apiSessions(t, 0)
	if err := fleet.Use(t.Context(), r.target, func(router.Driver) error { return nil }); !errors.Is(err, router.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestAHalfSetUpRouter_IsSaidInWords(t *testing.T) {
	t.Parallel()
	fleet := router.NewFleet(router.Config{})
	for _, target := range []router.Target{
		{ID: 1, Name: "north"}, {ID: 2, Name: "north", Mode: router.Local}, {ID: 3, Name: "north", Mode: router.Radius},
		{ID: 4, Name: "north", Mode: router.Radius, CoA: router.CoA{Address: "127.0.0.1:3799"}},
	} {
		err := fleet.Use(t.Context(), target, func(router.Driver) error { return nil })
		wholeRouter(t, err)
		if !errors.Is(err, router.ErrSetup) {
			t.Errorf("target %d: got %v, want ErrSetup", target.ID, err)
		}
	}
}

func TestAProbe_FindsLife(t *testing.T) {
	t.Parallel()
	cfg := patient()
	cfg.CoA = client(50 * time.Millisecond)
	for _, setup := range []func(*testing.T, router.Config) *rig{setupLocal, setupRemote} {
		r := setup(t, cfg)
		if err := r.fleet.Probe(t.Context(), r.target); err != nil {
			t.Error(err)
		}
		r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultDown})
		err := r.fleet.Probe(t.Context(), r.target)
		wholeRouter(t, err)
		if !errors.Is(err, routeros.ErrUnreachable) && !errors.Is(err, coa.ErrSilent) {
			t.Errorf("got %v", err)
		}
		if r.called("probe ok") != 1 || r.called("probe failed") != 1 {
			t.Errorf("observed %v", r.calls)
		}
	}
}

func TestSessions_ShowWhatRuns(t *testing.T) {
	t.Parallel()
	bothRadius(t, func(t *testing.T, r *rig) {
		t.Helper()
		session := dialled(t, r)
		var got []router.Session
		err := r.fleet.Use(t.Context(), r.target, func(d router.Driver) (err error) {
			got, err = d.Sessions(t.Context(), "joe")
			return err
		})
		if err != nil || len(got) != 1 {
			t.Fatalf("got %+v, %v; want one session", got, err)
		}
		s := got[0]
		if "0x"+strings.ToUpper(s.AcctSessionID) != session.SessionID || s.Address.String() != session.Address ||
			s.Rate != "5M/10M" || !s.Radius {
			t.Errorf("got %+v, want %+v", s, session)
		}
	})
}

func TestCheck_FindsNothingOnAGoodRouter(t *testing.T) {
	t.Parallel()
	for _, r := range []*rig{setupLocal(t, patient()), setupRadius(t, patient()), setupRemote(t, patient())} {
		report := check(t, r)
		if len(report.Problems) != 0 {
			t.Errorf("problems: %q", report.Problems)
		}
		if r.target.API.Address != "" && (report.Identity != "127.0.0.1" || !strings.HasPrefix(report.Version, "7.16") || report.Uptime == "") {
			t.Errorf("report %+v", report)
		}
	}
}

func check(t *testing.T, r *rig) (report router.Report) {
	t.Helper()
	err := r.fleet.Use(t.Context(), r.target, func(d router.Driver) (err error) {
		report, err = d.Check(t.Context())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestCheck_SaysWhatToType(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mode  router.Mode
		spoil func(t *testing.T, r *rig)
		say   string
	}{
		"no RADIUS": {router.Radius, func(t *testing.T, r *rig) {
			t.Helper()
			if err := r.sim.SetRadius("", ""); err != nil {
				t.Fatal(err)
			}
		}, "/radius/add service=ppp"},
		"RADIUS is not asked": {router.Radius, func(t *testing.T, r *rig) {
			t.Helper()
			if err := r.sim.SetRadius("", ""); err != nil {
				t.Fatal(err)
			}
		}, "/ppp/aaa/set use-radius=yes"},
		"another port": {router.Radius, func(_ *testing.T, r *rig) {
			r.target.CoA.Address = "127.0.0.1:1"
		}, "/radius/incoming/set accept=yes port=1"},
		"another secret": {router.Radius, func(_ *testing.T, r *rig) {
			r.target.CoA.Secret = "another"
		}, "/radius/incoming/monitor"},
		"no CoA": {router.Radius, func(_ *testing.T, r *rig) { r.target.CoA.Address = "" }, "No address for CoA"},
		"no pool": {router.Local, func(_ *testing.T, r *rig) {
			r.target.Pool = "nowhere"
		}, `/ip/pool/add name="nowhere"`},
		"no tunnel address": {router.Local, func(t *testing.T, r *rig) {
			t.Helper()
			r.target.LocalAddress = ""
			r.operator(t, func(c *operatorConn) {
				c.types("/ppp/profile/unset", "=numbers=default", "=value-name=local-address")
				c.types("/ppp/profile/unset", "=numbers=default-encryption", "=value-name=local-address")
			})
		}, "/ppp/profile/set [find name=default] local-address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := patient()
			cfg.CoA = client(50 * time.Millisecond)
			r := setup(t, cfg, test.mode, mikrosim.Config{})
			test.spoil(t, r)
			if problems := strings.Join(check(t, r).Problems, "\n"); !strings.Contains(problems, test.say) {
				t.Errorf("problems %q; want one that says %q", problems, test.say)
			}
		})
	}
}

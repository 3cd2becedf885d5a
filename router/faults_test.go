package router_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/router"
	"qserve/router/mikrosim"
	"qserve/router/routeros"
)

func TestARouterThatFails_IsReportedAsAWholeAndConvergesAfterwards(t *testing.T) {
	t.Parallel()
	for kind, cause := range map[mikrosim.FaultKind]error{
		mikrosim.FaultRefuse:    routeros.ErrUnreachable,
		mikrosim.FaultDown:      routeros.ErrUnreachable,
		mikrosim.FaultFull:      routeros.ErrUnreachable,
		mikrosim.FaultSilent:    routeros.ErrUnreachable,
		mikrosim.FaultDenyLogin: routeros.ErrLogin,
		mikrosim.FaultDenyWrite: routeros.ErrDenied,
		mikrosim.FaultReset:     routeros.ErrLost,
		mikrosim.FaultDrop:      routeros.ErrLost,
		mikrosim.FaultFatal:     routeros.ErrLost,
		mikrosim.FaultGarbage:   routeros.ErrLost,
		mikrosim.FaultHuge:      routeros.ErrLost,
	} {
		for _, connected := range []bool{false, true} {
			name := string(kind)
			if connected {
				name += " while connected"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				cfg := patient()
				if kind == mikrosim.FaultSilent {
					cfg = hasty()
				}
				r := setupLocal(t, cfg)
				if connected {
					r.mustConverge(t, want("ann", enabled, 1, "5M/10M"))
				}
				r.fault(t, mikrosim.Fault{Kind: kind})
				err := r.converge(t, want("joe", enabled, 1, "5M/10M"))
				switch {
				case connected && kind == mikrosim.FaultDenyLogin:
					if err != nil {
						t.Errorf("a connection that is there needs no log-in, and failed: %v", err)
					}
				case connected && errors.Is(err, routeros.ErrLost), errors.Is(err, cause):
					wholeRouter(t, err)
				default:
					t.Errorf("got %v, want %q", err, cause)
				}
				r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultNone})
				r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
				if s := secretOf(t, r, "joe"); s.Password != linePass {
					t.Errorf("secret %+v", s)
				}
			})
		}
	}
}

func TestAMissingPolicy_IsSaidInWords(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultDenyWrite})
	err := r.converge(t, want("joe", enabled, 1, "5M/10M"))
	if err == nil || !strings.Contains(err.Error(), "/user/group/set") {
		t.Errorf("got %v, want what to type", err)
	}
}

func TestAWrongAPIPassword_IsALogInError(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.target.API.Password = "wrong-" + linePass
	err := r.converge(t, want("joe", enabled, 1, "5M/10M"))
	wholeRouter(t, err)
	if !errors.Is(err, routeros.ErrLogin) {
		t.Errorf("got %v, want ErrLogin", err)
	}
}

// TestALostAnswer_ConvergesOnTheNextTry loses the answer to each command that changes something, after the router has
// carried it out.
func TestALostAnswer_ConvergesOnTheNextTry(t *testing.T) {
	t.Parallel()
	old := want("joe", enabled, 1, "5M/10M")
	old.Line.Address = "100.64.5.5"
	for name, test := range map[string]struct {
		command string
		before  *router.Want
		want    router.Want
	}{
		"add secret":     {"/ppp/secret/add", nil, want("joe", enabled, 2, "5M/10M")},
		"add profile":    {"/ppp/profile/add", nil, want("joe", enabled, 2, "5M/10M")},
		"set secret":     {"/ppp/secret/set", &old, want("joe", enabled, 2, "1M/2M")},
		"unset address":  {"/ppp/secret/unset", &old, want("joe", enabled, 2, "5M/10M")},
		"disable secret": {"/ppp/secret/set", &old, want("joe", disabled, 2, "5M/10M")},
		"remove secret":  {"/ppp/secret/remove", &old, want("joe", absent, 2, "")},
		"remove session": {"/ppp/active/remove", &old, want("joe", disabled, 2, "5M/10M")},
	} {
		for _, kind := range []mikrosim.FaultKind{mikrosim.FaultDrop, mikrosim.FaultReset, mikrosim.FaultHuge} {
			t.Run(name+" by "+string(kind), func(t *testing.T) {
				t.Parallel()
				r := setupLocal(t, patient())
				if test.before != nil {
					r.mustConverge(t, *test.before)
					r.sim.SetCustomer("joe", linePass, true)
					r.online(t, "joe", "5M/10M")
				}
				r.fault(t, mikrosim.Fault{Kind: kind, Command: test.command, Times: 1})
				err := r.converge(t, test.want)
				wholeRouter(t, err)
				if !errors.Is(err, routeros.ErrLost) {
					t.Errorf("got %v, want ErrLost", err)
				}
				r.mustConverge(t, test.want)
				s, there := r.sim.State().Secret("joe")
				if there != (test.want.Line.State != absent) {
					t.Fatalf("secret %+v, %v", s, there)
				}
				got := []any{s.Disabled, s.RemoteAddress, s.Password}
				wanted := []any{test.want.Line.State == disabled, "", linePass}
				if diff := cmp.Diff(wanted, got); there && diff != "" {
					t.Errorf("secret (-want +got):\n%s", diff)
				}
				if n := len(r.sim.State().Secrets); n > 1 {
					t.Errorf("%d secrets", n)
				}
				if test.want.Line.State != enabled {
					r.offline(t, "joe")
				}
			})
		}
	}
}

func TestASlowRouter_IsWaitedForUntilTheDeadline(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultSlow, Ms: 20})
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))

	cfg := patient()
	cfg.CommandTimeout = 30 * time.Millisecond
	r = setupLocal(t, cfg)
	r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultSlow, Ms: 1000})
	wholeRouter(t, r.converge(t, want("joe", enabled, 1, "5M/10M")))
}

func TestARouterSlowerThanOurPatience_IsStillLookedAtAfterwards(t *testing.T) {
	t.Parallel()
	cfg := patient()
	cfg.LookFor = time.Nanosecond
	for _, api := range []bool{true, false} {
		r := setupRadius(t, cfg)
		if !api {
			r.target.API = router.API{}
		}
		dialled(t, r)
		r.aaa.deny("joe")
		r.mustConverge(t, want("joe", disabled, 2, "5M/10M"))
		r.offline(t, "joe")
	}
}

func TestAnAnswerByteByByte_IsAnAnswer(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultFragment})
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
}

func TestAReboot_CostsOneAttemptAtMost(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.mustConverge(t, want("joe", enabled, 1, "5M/10M"))
	r.sim.SetCustomer("joe", linePass, true)
	r.online(t, "joe", "5M/10M")
	r.sim.Reboot()
	if err := r.converge(t, want("joe", disabled, 2, "5M/10M")); err != nil {
		wholeRouter(t, err)
		r.mustConverge(t, want("joe", disabled, 2, "5M/10M"))
	}
	r.offline(t, "joe")
	r.refused(t, "joe")
}

func TestOldAndNewVersions_Work(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"6.42", "6.49.10", "7.9", "7.16", "7.18", "7.24.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := setup(t, patient(), router.Local, mikrosim.Config{Version: version})
			r.mustConverge(t, want("joe", absent, 1, ""))
			r.mustConverge(t, want("joe", enabled, 2, "5M/10M"))
			r.mustConverge(t, want("joe", absent, 3, ""))
			if n := len(r.sim.State().Secrets); n != 0 {
				t.Errorf("%d secrets left", n)
			}
		})
	}
}

func TestACallerWhoGoesAway_EndsTheCommand(t *testing.T) {
	t.Parallel()
	r := setupLocal(t, patient())
	r.mustConverge(t, want("ann", enabled, 1, "5M/10M"))
	r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultSilent})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	err := r.fleet.Use(ctx, r.target, func(d router.Driver) error { return d.Converge(ctx, want("joe", enabled, 1, "5M/10M")) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the caller's deadline", err)
	}
}

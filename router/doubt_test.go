package router_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"qserve/account"
	"qserve/router"
	"qserve/router/coa"
	"qserve/router/mikrosim"
)

// Of what a router without an API was asked and did, an authentic answer is all there is to know. Here it does not come,
// or does and is not recorded, and then what was before is wanted again: a payment that is taken back, a customer who pays
// when the package has just run out.
func TestWithoutAnAPI_AChangeOfUnknownOutcomeIsUndoneWhenItIsNotWantedAnyMore(t *testing.T) {
	t.Parallel()
	fast := want("joe", enabled, 2, "5M/10M")
	for name, c := range map[string]struct {
		before, between router.Want
		list            string // that the session is in at the end
	}{
		"out of the garden and back":     {garden(want("joe", enabled, 2, slow)), fast, account.GardenList},
		"into the garden and out":        {fast, garden(want("joe", enabled, 2, slow)), router.ActiveList},
		"into a garden of the same rate": {fast, garden(fast), router.ActiveList},
		"another package and back":       {fast, want("joe", enabled, 2, "10M/20M"), ""},
	} {
		for _, answered := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				cfg := patient()
				cfg.CoA = client(200 * time.Millisecond)
				r := setupRemote(t, cfg)
				r.aaa.allowIn("joe", string(c.before.Line.Rate), c.before.Line.AddressList)
				r.sim.SetCustomer("joe", linePass, true)
				first := r.lists(t, "joe", c.before.Line.AddressList)
				r.accounted(t, first)

				if answered {
					r.mustConverge(t, c.between) // and the worker dies before it has recorded that
				} else {
					// It does what it is asked, and no answer that can be believed arrives.
					r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultBadAnswer})
					if err := r.converge(t, c.between); !errors.Is(err, coa.ErrSilent) {
						t.Fatalf("got %v, want ErrSilent", err)
					}
					r.fault(t, mikrosim.Fault{Kind: mikrosim.FaultNone})
				}
				r.mustConverge(t, c.before)
				if now := r.online(t, "joe", string(c.before.Line.Rate)); now.ID != first.ID || now.AddressList != c.list {
					t.Errorf("the session is %+v; want the first one, in the list %q", now, c.list)
				}
			})
		}
	}
}

func TestWithoutAnAPI_NothingIsSentWhileTheListCannotNoteIt(t *testing.T) {
	t.Parallel()
	cfg := patient()
	list := &readOnly{}
	cfg.Sessions = list
	r := setupRemote(t, cfg)
	list.aaa = r.aaa
	dialled(t, r)
	wholeRouter(t, r.converge(t, want("joe", enabled, 2, "1M/1M")))
	if n := r.sim.State().Counters.CoA.Requests; n != 0 {
		t.Errorf("%d packets were sent", n)
	}
}

// readOnly is a session list that takes no note.
type readOnly struct{ *aaa }

func (*readOnly) Doubt(context.Context, int64, string, string) error {
	return errors.New("the database is read-only")
}

package stage_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"

	"qserve/cmd/internal/program"
	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/jobs"
	"qserve/router/mikrosim"
)

// order has staff do something to many, without waiting for it.
func (p play) order(people []stage.Person, what console.Order) {
	p.t.Helper()
	for _, who := range people {
		_, err := p.Staff.Give(p.ctx, staff, who.Account, what)
		p.must(err)
	}
}

func (p play) atMostTwoTasksPerRouter() {
	p.t.Helper()
	perRouter := map[int64]int{}
	for _, tasks := range p.tasks(jobs.QueueRouters) {
		for _, task := range tasks {
			if task.Type != jobs.TypeConverge {
				continue
			}
			var payload struct{ ID int64 }
			p.must(json.Unmarshal(task.Payload, &payload))
			perRouter[payload.ID]++
		}
	}
	for id, n := range perRouter {
		if n > 2 {
			p.t.Errorf("router %d has %d tasks", id, n)
		}
	}
}

// triedSinceNow tells when a customer has dialled and been refused once more: counted over all of the router, of which
// two more refusals contain at least one of a dial that began after now.
func triedSinceNow(r *stage.Router, who stage.Person) func(mikrosim.State) bool {
	atFirst := r.State().Counters.Dials.Refused
	return func(st mikrosim.State) bool {
		_, online := st.Session(who.Username)
		return online || st.Counters.Dials.Refused >= atFirst+2
	}
}

func TestTwoPrograms_ShareTheWorkAndTakeOverFromEachOther(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{})
	second, err := p.Another(p.ctx)
	p.must(err)
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_ = second.Stop()
		}
	})
	var people []stage.Person
	for i, r := range p.Routers {
		added, err := p.People(p.ctx, r, planName, "TW"+string(rune('A'+i)), 25, true, func(int) time.Time { return time.Time{} })
		p.must(err)
		people = append(people, added...)
	}
	base := []string{p.Program.BaseURL(), second.BaseURL()}
	pay := func(from, to int) {
		t.Helper()
		var group errgroup.Group
		group.SetLimit(16)
		for i := from; i < to; i++ {
			who, receipt := people[i%len(people)], stage.Receipt()
			group.Go(func() error {
				// The provider has two addresses and calls both.
				for _, b := range base {
					if _, err := p.Deliver(p.ctx, b, p.Mpesa(receipt, who.Account, planPrice)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		p.must(group.Wait())
	}
	pay(0, 100)
	p.everythingIsInOrder()
	p.online(people...)
	if n := p.number(`select count(*) from ledger_entries where kind = 'payment'`); n != 100 {
		t.Errorf("%d credits for 100 payments", n)
	}

	// The first is stopped while there is work for every router; the other does all that is left.
	p.order(people, console.SuspendOrder{Category: "other"})
	p.must(p.Stop())
	p.offline(people...)
	p.everythingIsInOrder()
	stopped = true
	p.must(second.Stop())
	if n := p.number(`select count(*) from router_leases`); n != 0 {
		t.Errorf("%d leases are left behind by programs that ended in order", n)
	}
}

func TestOneProgramForEachRole_WorkTogether(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{NoProgram: true})
	started := map[program.Role]*stage.Instance{}
	for _, role := range program.AllRoles {
		i, err := p.Another(p.ctx, role)
		p.must(err)
		started[role] = i
		t.Cleanup(func() {
			if err := i.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	p.must(p.AskRadius(started[program.Radius].RadiusAddresses()))
	for _, r := range p.Routers {
		who, receipt := p.expired("ROLE"+r.Name(), r), stage.Receipt()
		_, err := p.Deliver(p.ctx, started[program.Intake].BaseURL(), p.Mpesa(receipt, who.Account, planPrice))
		p.must(err)
		p.confirmed(receipt)
		p.online(who)
	}
	p.everythingIsInOrder()
}

// Stopped in the middle of a load, the program finishes what it has begun, and the next one does the rest.
func TestStopInTheMiddleOfALoad_LosesNothing(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{})
	var people []stage.Person
	for i, r := range p.Routers {
		added, err := p.People(p.ctx, r, planName, "ST"+string(rune('A'+i)), 50, true, func(int) time.Time { return time.Time{} })
		p.must(err)
		people = append(people, added...)
	}
	var group errgroup.Group
	group.SetLimit(16)
	for i := range 4 * len(people) {
		group.Go(func() error { return p.Pay(p.ctx, stage.Receipt(), people[i%len(people)].Account, planPrice) })
	}
	p.must(group.Wait())
	p.must(p.Stop())
	if n := p.number(`select count(*) from deliveries`); n != int64(4*len(people)) {
		t.Errorf("%d deliveries are stored, not %d", n, 4*len(people))
	}
	if n := len(p.tasks(jobs.QueueAccounts)[asynq.TaskStateActive]); n != 0 {
		t.Errorf("%d tasks are left running", n)
	}
	p.must(p.Start(p.ctx))
	p.everythingIsInOrder()
	p.online(people...)
	if n := p.number(`select count(*) from ledger_entries where kind = 'payment'`); n != int64(4*len(people)) {
		t.Errorf("%d credits for %d payments", n, 4*len(people))
	}
}

package stage_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router"
	"qserve/router/mikrosim"
)

func TestPaymentsWhileRedisIsDown_AreAcceptedAndConfirmedWhenItReturns(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{})
	var people []stage.Person
	for i, r := range p.Routers {
		added, err := p.People(p.ctx, r, planName, "RD"+string(rune('A'+i)), 10, true, func(int) time.Time { return time.Time{} })
		p.must(err)
		people = append(people, added...)
	}
	p.must(p.UntilConfirmed(p.ctx))
	p.must(p.Redis.Crash())
	var group errgroup.Group
	receipts := make([]string, len(people))
	for i, who := range people {
		receipts[i] = stage.Receipt()
		group.Go(func() error { return p.Pay(p.ctx, receipts[i], who.Account, planPrice) })
	}
	p.must(group.Wait())
	if n := p.number(`select count(*) from deliveries`); n != int64(len(people)) {
		t.Errorf("%d deliveries are stored, not %d", n, len(people))
	}
	p.must(p.Redis.Start(p.ctx))
	for _, receipt := range receipts {
		p.confirmed(receipt)
	}
	p.online(people...)
	p.everythingIsInOrder()
}

func TestPaymentsWhilePostgreSQLIsDown_AreKeptOrComeAgainAndAreAppliedOnce(t *testing.T) {
	t.Parallel()
	p := setupAlone(t, stage.Options{})
	mpesa, home := p.expired("PM", p.Routers[0]), p.expired("PS", p.Routers[1])
	p.must(p.UntilConfirmed(p.ctx))
	// The addresses of the sources are known to a program that has been asked before.
	p.confirmed(p.pays(p.expired("PB", p.Routers[0])))
	p.must(p.Postgres.Crash())

	receipt, other := stage.Receipt(), stage.Receipt()
	kept := p.Mpesa(receipt, mpesa.Account, planPrice)
	for range 3 {
		reply, err := p.Deliver(p.ctx, p.Program.BaseURL(), kept)
		p.must(err)
		if reply.Status != http.StatusOK || !strings.Contains(reply.Text, `"ResultCode":0`) {
			t.Errorf("M-Pesa was answered %d: %s", reply.Status, reply.Text)
		}
	}
	call, err := p.Standard(other, home.Account, planPrice)
	p.must(err)
	reply, err := p.Deliver(p.ctx, p.Program.BaseURL(), call)
	p.must(err)
	if reply.Status != http.StatusServiceUnavailable || reply.Header.Get("Retry-After") == "" {
		t.Errorf("Standard Webhooks was answered %d, Retry-After %q", reply.Status, reply.Header.Get("Retry-After"))
	}

	p.must(p.Postgres.Start(p.ctx))
	p.must(stage.Until(p.ctx, "the call that comes again is accepted", func(ctx context.Context) (bool, error) {
		reply, err := p.Deliver(ctx, p.Program.BaseURL(), call)
		return reply.Status == http.StatusOK, err
	}))
	p.confirmed(receipt)
	p.confirmed(other)
	p.online(mpesa, home)
	p.everythingIsInOrder()
	p.onePeriod(mpesa, receipt)
	p.onePeriod(home, other)
}

// A router that is down and one that accepts connections and says nothing, among others that work. No clock decides:
// the dead stay dead until everybody else is served.
func TestDeadRouters_DelayNobodyElse(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{CommandTimeout: time.Second, Routers: []stage.RouterOptions{
		{Name: "Down", Mode: router.Local}, {Name: "Silent", Mode: router.Radius}, {Name: "Deaf", Mode: router.Radius, NoAPI: true},
		{Name: "Ngong", Mode: router.Local}, {Name: "Kileleshwa", Mode: router.Radius},
	}})
	dead, alive := p.Routers[:3], p.Routers[3:]
	far := time.Now().Add(time.Hour)
	waiting := map[string][]stage.Person{}
	var others []stage.Person
	for _, r := range p.Routers {
		people, err := p.People(p.ctx, r, planName, r.Name(), 6, true, func(int) time.Time { return far })
		p.must(err)
		waiting[r.Name()] = people
		others = append(others, people...)
	}
	p.online(others...)
	p.must(p.UntilConfirmed(p.ctx))

	for i, kind := range []mikrosim.FaultKind{mikrosim.FaultDown, mikrosim.FaultSilent, mikrosim.FaultDown} {
		p.must(dead[i].SetFault(mikrosim.Fault{Kind: kind}))
	}
	// Everybody's line is to change.
	p.order(others, console.SuspendOrder{Category: "other"})
	for _, r := range alive {
		p.offline(waiting[r.Name()]...)
		p.untilNumber(r.Name()+" has confirmed", 0, unconfirmedOn, r.Name())
	}
	receipt := map[string]string{}
	for _, r := range alive {
		who := p.expired("EX"+r.Name(), r)
		receipt[who.Account] = p.pays(who)
		p.confirmed(receipt[who.Account])
		p.online(who)
	}
	for _, r := range dead {
		if n := p.number(unconfirmedOn, r.Name()); n != 6 {
			t.Errorf("%s has %d unconfirmed users while it is dead, not 6", r.Name(), n)
		}
		p.untilNumber("the breaker of "+r.Name()+" shows", 1, `select count(*) from routers
			where name = $1 and failures > 0 and next_try_at is not null and last_error like $1 || ':%'`, r.Name())
	}
	p.atMostTwoTasksPerRouter()

	for _, r := range dead {
		p.must(r.SetFault(mikrosim.Fault{Kind: mikrosim.FaultNone}))
	}
	for _, r := range dead {
		p.offline(waiting[r.Name()]...)
		p.untilNumber("the breaker of "+r.Name()+" is closed", 1,
			`select count(*) from routers where name = $1 and failures = 0 and next_try_at is null and last_error = ''`, r.Name())
	}
	p.everythingIsInOrder()
}

const unconfirmedOn = `select count(*) from provisions p join routers r on r.id = p.router_id where r.name = $1 and p.done_gen < p.want_gen`

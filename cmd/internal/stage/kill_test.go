package stage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"qserve/account"
	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router"
)

// atRouter are the points of driving a router, which every kind of work comes to in the end.
var atRouter = []string{"converge: begin", "converge: driven", "converge: stored"}

// kills run a scene in which the program is killed the first time that it comes to a point, for each point and mode.
func kills(t *testing.T, points []string, scene func(p play, first *process, who stage.Person)) {
	t.Helper()
	for _, point := range points {
		for _, mode := range []router.Mode{router.Local, router.Radius} {
			t.Run(strings.ReplaceAll(point, ": ", "_")+"/"+string(mode), func(t *testing.T) {
				t.Parallel()
				p := setup(t, stage.Options{NoProgram: true, Routers: []stage.RouterOptions{{Name: "Ngong", Mode: mode}}})
				who := p.expired("KILL", p.Routers[0])
				first := launch(t, p, point)
				scene(p, first, who)
			})
		}
	}
}

// arm has the process die at its point from now on. Before, the routers are done with what was: the point is not reached
// by the end of that.
func (p play) arm(first *process) {
	p.t.Helper()
	p.must(p.UntilConfirmed(p.ctx))
	p.untilNumber("nobody drives a router", 0, `select count(*) from router_leases`)
	p.must(first.arm(p.ctx))
}

// again waits for the death of the first process, and starts another, which has half a minute to do what the dead one
// left. Asynq alone would notice the death after one to two minutes.
func (p play) again(first *process) play {
	p.t.Helper()
	p.must(first.killed(p.ctx))
	second := launch(p.t, p, "")
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	p.t.Cleanup(func() {
		cancel()
		if err := second.stop(); err != nil {
			p.t.Errorf("stop the second process: %v", err)
		}
	})
	p.ctx = ctx
	return p
}

func TestKilledAtAnyPoint_PaymentIsCreditedOnceAndConfirmed(t *testing.T) {
	t.Parallel()
	points := append([]string{"intake: stored", "delivery: begin", "delivery: before commit", "delivery: committed"}, atRouter...)
	kills(t, points, func(p play, first *process, who stage.Person) {
		p.arm(first)
		receipt := stage.Receipt()
		// Killed between the commit and the answer, it has answered nobody; the money is booked all the same.
		_, _ = p.Deliver(p.ctx, first.Base, p.Mpesa(receipt, who.Account, planPrice))
		p = p.again(first)
		p.confirmed(receipt)
		p.online(who)
		p.everythingIsInOrder()
		p.onePeriod(who, receipt)
	})
}

// onePeriod checks that a customer's only payment bought one period, once.
func (p play) onePeriod(who stage.Person, receipt string) {
	p.t.Helper()
	for what, query := range map[string]string{
		"payments": `select count(*) from payments where transaction_id = $2 and subscriber_id = (select id from subscribers where account = $1)`,
		"credits": `select count(*) from ledger_entries l join payments p on p.id = l.payment_id join subscribers s on s.id = l.subscriber_id
			where l.kind = 'payment' and s.account = $1 and p.transaction_id = $2`,
		"periods": `select coalesce(sum(l.periods), 0)::bigint from ledger_entries l join subscribers s on s.id = l.subscriber_id
			where l.kind = 'renewal' and s.account = $1 and s.expires_at = l.period_end and $2 <> ''`,
		"actions": `select count(*) from actions a join subscribers s on s.id = a.subscriber_id
			where a.kind = 'payment' and a.state = 'confirmed' and s.account = $1 and $2 <> ''`,
		"lines of activity": `select count(*) from activity a join subscribers s on s.id = a.subscriber_id
			where a.kind = 'payment' and s.account = $1 and a.summary like '%' || $2 || '%'`,
	} {
		if n := p.number(query, who.Account, receipt); n != 1 {
			p.t.Errorf("%s has %d %s for the payment, not 1", who.Account, n, what)
		}
	}
}

func TestKilledAtAnyPoint_ExpiryDisconnectsOnce(t *testing.T) {
	t.Parallel()
	kills(t, append([]string{"due: before commit", "due: committed"}, atRouter...), func(p play, first *process, who stage.Person) {
		_, err := p.Deliver(p.ctx, first.Base, p.Mpesa(stage.Receipt(), who.Account, planPrice))
		p.must(err)
		p.online(who)
		p.arm(first)
		p.endsAt(who, time.Now().Add(time.Second))
		p = p.again(first)
		p.offline(who)
		p.once(who, "expire")
		p.everythingIsInOrder()
	})
}

func TestKilledAtAnyPoint_SuspensionDisconnectsOnce(t *testing.T) {
	t.Parallel()
	kills(t, append([]string{"action: before commit", "action: committed"}, atRouter...), func(p play, first *process, who stage.Person) {
		_, err := p.Deliver(p.ctx, first.Base, p.Mpesa(stage.Receipt(), who.Account, planPrice))
		p.must(err)
		p.online(who)
		p.arm(first)
		_, err = p.Staff.Give(p.ctx, staff, who.Account, console.SuspendOrder{Category: string(account.Equipment)})
		p.must(err)
		p = p.again(first)
		p.offline(who)
		p.once(who, "suspend")
		p.everythingIsInOrder()
	})
}

// once checks that an account has one confirmed action of a kind, and one line about it.
func (p play) once(who stage.Person, kind string) {
	p.t.Helper()
	p.untilNumber(kind+" is confirmed", 1, `select count(*) from actions a join subscribers s on s.id = a.subscriber_id
		where a.kind = $2 and a.state = 'confirmed' and s.account = $1`, who.Account, kind)
	if n := p.number(`select count(*) from activity a join subscribers s on s.id = a.subscriber_id
		where s.account = $1 and a.kind = $2`, who.Account, kind); n != 1 {
		p.t.Errorf("%s has %d lines of activity for %s, not 1", who.Account, n, kind)
	}
}

package stage_test

import (
	"testing"
	"time"

	"qserve/account"
	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router"
)

// everyKind is a router of each kind: secrets on the router, RADIUS with an API to look at, and RADIUS alone.
var everyKind = []stage.RouterOptions{
	{Name: "Ngong", Mode: router.Local}, {Name: "Kileleshwa", Mode: router.Radius}, {Name: "Syokimau", Mode: router.Radius, NoAPI: true},
}

func TestExpiry_DisconnectsAtItsInstantAndAPaymentBeforeItKeepsTheSession(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{Routers: everyKind})
	far := time.Now().Add(time.Hour)
	var ending, paying []stage.Person
	for _, r := range p.Routers {
		ending = append(ending, p.person("END"+r.Name(), r, far))
		paying = append(paying, p.person("PAY"+r.Name(), r, far))
	}
	p.online(ending...)
	p.online(paying...)
	p.must(p.UntilConfirmed(p.ctx))
	sessions := map[string]string{}
	for _, who := range paying {
		sessions[who.Account] = p.session(who)
	}

	const left = 3 * time.Second
	end := time.Now().Add(left)
	for i := range ending {
		p.endsAt(ending[i], end)
		p.endsAt(paying[i], end)
	}
	for _, who := range paying {
		p.confirmed(p.pays(who))
	}
	paid := time.Now()
	p.offline(ending...)
	if gone := time.Now(); gone.Before(end) {
		t.Errorf("disconnected %s before the paid time ended", end.Sub(gone))
	}
	p.everythingIsInOrder()
	for _, who := range paying {
		if paid.Before(end) && p.session(who) != sessions[who.Account] {
			t.Errorf("%s paid in time and lost the session all the same", who.Account)
		}
		if got, want := p.facts(who).ExpiresAt, end.Add(period); paid.Before(end) && !got.Equal(want.Truncate(time.Microsecond)) {
			t.Errorf("%s is paid until %s, not %s", who.Account, got, want)
		}
	}
	for _, who := range ending {
		p.once(who, "expire")
	}
}

func TestPaymentOfASuspendedAccount_LiftsASuspensionForNonPaymentOnly(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{Routers: everyKind})
	far := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	for _, r := range p.Routers {
		broken, owing := p.person("EQ"+r.Name(), r, far), p.person("NP"+r.Name(), r, far)
		p.online(broken, owing)
		p.suspends(broken, account.Equipment)
		p.suspends(owing, account.NonPayment)
		p.offline(broken, owing)

		first, second := p.pays(broken), p.pays(owing)
		p.confirmed(first)
		p.confirmed(second)
		p.online(owing)
		for _, who := range []stage.Person{broken, owing} {
			if got, want := p.facts(who).ExpiresAt, far.Add(period); !got.Equal(want) {
				t.Errorf("%s is paid until %s, not %s", who.Account, got, want)
			}
		}
		if s := p.facts(broken).Suspension; s == nil || s.Category != account.Equipment {
			t.Errorf("the payment changed the suspension of %s to %v", broken.Account, s)
		}
		if s := p.facts(owing).Suspension; s != nil {
			t.Errorf("%s is still suspended: %v", owing.Account, s)
		}
		p.must(r.Wait(p.ctx, triedSinceNow(r, broken)))
		p.offline(broken)
	}
	p.everythingIsInOrder()
}

func TestSuspensionUntilAnInstant_LetsTheCustomerBackThen(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{Routers: everyKind})
	far := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	var running, stopped []stage.Person
	for _, r := range p.Routers {
		running = append(running, p.person("RUN"+r.Name(), r, far))
		stopped = append(stopped, p.person("STOP"+r.Name(), r, far))
	}
	p.online(running...)
	p.online(stopped...)
	for i := range running {
		p.does(running[i], console.SuspendOrder{Category: "customer-request", Until: far})
		p.does(stopped[i], console.SuspendOrder{Category: "customer-request", StopClock: true, Until: far})
	}
	if n := p.number(`select count(*) from actions a join subscribers s on s.id = a.subscriber_id
		where a.kind = 'suspend' and a.applied_at = s.suspended_at`); n != int64(len(running)+len(stopped)) {
		t.Errorf("%d of the suspensions began when their actions were applied", n)
	}
	away := map[string]time.Time{}
	for _, who := range stopped {
		away[who.Account] = p.facts(who).Suspension.Since
	}
	p.offline(running...)
	p.offline(stopped...)
	// The end comes near only now, so that everybody is seen away however slow the machine is.
	until := time.Now().Add(2 * time.Second).Truncate(time.Second)
	_, err := p.Pool.Exec(p.ctx, `update subscribers set suspended_until = $1, due_at = $1 where suspended_at is not null`, until)
	p.must(err)
	p.online(running...)
	p.online(stopped...)
	if back := time.Now(); back.Before(until) {
		t.Errorf("back %s before the suspension ended", until.Sub(back))
	}
	for _, who := range running {
		if got := p.facts(who); got.Suspension != nil || !got.ExpiresAt.Equal(far) {
			t.Errorf("%s is paid until %s, suspended %+v", who.Account, got.ExpiresAt, got.Suspension)
		}
		p.once(who, "reconnect")
	}
	for _, who := range stopped {
		given := p.facts(who).ExpiresAt.Sub(far)
		if away := until.Sub(away[who.Account]); given < away || given > away+time.Minute {
			t.Errorf("%s was away for %s, and got %s back", who.Account, away, given)
		}
	}
	p.everythingIsInOrder()
}

package stage_test

import (
	"time"

	"pgregory.net/rapid"

	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router/mikrosim"
)

func (m *model) stepFault() {
	r := rapid.SampledFrom(m.Routers).Draw(m.t, "router")
	f := mikrosim.Fault{Kind: rapid.SampledFrom([]mikrosim.FaultKind{
		mikrosim.FaultNone, mikrosim.FaultDown, mikrosim.FaultRefuse, mikrosim.FaultSilent, mikrosim.FaultSlow, mikrosim.FaultDenyWrite,
		mikrosim.FaultDrop, mikrosim.FaultReset, mikrosim.FaultLoss, mikrosim.FaultNAK,
	}).Draw(m.t, "fault")}
	switch f.Kind {
	case mikrosim.FaultSlow:
		f.Ms = 200
	case mikrosim.FaultDrop, mikrosim.FaultReset:
		f.Times = rapid.IntRange(0, 2).Draw(m.t, "times")
	}
	m.clear(r)
	m.tell("fault of %s: %s", r.Name(), f.Kind)
	m.must(r.SetFault(f))
}

// clear mends a router. One that was silent forgets what it was asked: a connection that waits on a clock which has been
// moved on would wait for hours.
func (m *model) clear(r *stage.Router) {
	if r.State().Fault.Kind == mikrosim.FaultSilent {
		m.must(r.SetFault(mikrosim.Fault{Kind: mikrosim.FaultRefuse}))
	}
	m.must(r.SetFault(mikrosim.Fault{Kind: mikrosim.FaultNone}))
}

func (m *model) stepReboot() {
	r := rapid.SampledFrom(m.Routers).Draw(m.t, "router")
	m.tell("reboot %s", r.Name())
	r.Reboot()
}

func (m *model) stepFlush() {
	m.tell("empty Redis")
	m.must(m.Redis.Flush(m.ctx))
}

func (m *model) stepRedisOutage() {
	m.tell("Redis dies")
	m.must(m.Redis.Crash())
	m.stopped = true
	p, c := m.newPayment(m.subs[0].number, m.offers[0].price), m.subs[0]
	m.post(p)
	if other := m.subs[1]; other.exists {
		m.order(other, console.ExtendOrder{Days: 1}, extends(1), nil)
	}
	m.tell("Redis is back")
	m.must(m.Redis.Start(m.ctx))
	m.stopped = false
	m.collect(p, c)
}

func (m *model) stepRestart() {
	m.tell("the program stops")
	for _, r := range m.Routers {
		if r.State().Fault.Kind == mikrosim.FaultSilent {
			m.clear(r)
		}
	}
	m.must(m.Stop())
	m.stopped = true
	for range rapid.IntRange(0, 3).Draw(m.t, "orders") {
		rapid.SampledFrom([]func(){
			m.stepSuspend, m.stepMistake, m.stepReconnect, m.stepChange, m.stepCancelChange, m.stepExtend, m.stepNote, m.stepPassword,
		}).Draw(m.t, "order")()
	}
	if m.chance("hours pass") {
		m.later(time.Duration(rapid.IntRange(1, 30).Draw(m.t, "hours")) * time.Hour)
	}
	m.tell("the program starts")
	m.must(m.Start(m.ctx))
	m.stopped = false
	m.settle()
}

func (m *model) stepLater() {
	m.later(time.Duration(rapid.IntRange(1, 40).Draw(m.t, "hours")) * time.Hour)
	m.settle()
}

// stepNextEdge moves to just before the next edge, and lets it pass.
func (m *model) stepNextEdge() {
	now := m.clock.Now()
	if edge, found := m.edgeWithin(now, now.Add(100*24*time.Hour)); found {
		m.tell("just before %s", edge.UTC().Format("02 15:04:05"))
		m.clock.advance(edge.Add(-time.Second).Sub(now))
		m.awayFromEdges()
	}
}

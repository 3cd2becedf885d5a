package stage_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"qserve/cmd/internal/stage"
	"qserve/console"
)

// step does one thing of all that may happen.
func (m *model) step() {
	steps := []func(){
		m.stepPay, m.stepPay, m.stepPay, m.stepPayAgain, m.stepPayToNobody, m.stepEnter, m.stepAllocate, m.stepAllocate, m.stepTakeBack, m.stepTakeBack,
		m.stepSuspend, m.stepSuspend, m.stepMistake, m.stepReconnect, m.stepReconnect, m.stepChange, m.stepChange, m.stepChange, m.stepCancelChange, m.stepExtend,
		m.stepPassword, m.stepUsername, m.stepUsername, m.stepAddress, m.stepMove, m.stepNote, m.stepDelete, m.stepAdd,
		m.stepFault, m.stepFault, m.stepFault, m.stepReboot, m.stepFlush, m.stepRedisOutage, m.stepRestart, m.stepBurst,
		m.stepLater, m.stepLater, m.stepLater, m.stepNextEdge, m.stepNextEdge,
	}
	steps[rapid.IntRange(0, len(steps)-1).Draw(m.t, "step")]()
}

// someone is one of the accounts that exist; nil when there is none.
func (m *model) someone() *customer {
	there := slices.DeleteFunc(slices.Clone(m.subs), func(c *customer) bool { return !c.exists })
	if len(there) == 0 {
		return nil
	}
	return rapid.SampledFrom(there).Draw(m.t, "account")
}

// on does something to one of the accounts that exist.
func (m *model) on(do func(c *customer)) {
	if c := m.someone(); c != nil {
		do(c)
	}
}

func (m *model) chance(what string) bool { return rapid.Bool().Draw(m.t, what) }

func (m *model) offer() *offer { return rapid.SampledFrom(m.offers).Draw(m.t, "plan") }

func (m *model) stepSuspend() { m.on(m.suspend) }

func (m *model) suspend(c *customer) {
	category := rapid.SampledFrom([]string{"non-payment", "equipment", "customer-request", "other"}).Draw(m.t, "category")
	o := console.SuspendOrder{Category: category, Reason: "a test", StopClock: m.chance("stop the clock")}
	if hours := rapid.SampledFrom([]int{0, 0, 3, 15, 50}).Draw(m.t, "for hours"); hours > 0 {
		o.Until = m.clock.Now().Add(time.Duration(hours) * time.Hour).Truncate(time.Second)
	}
	m.order(c, o, suspends(o.Category, o.StopClock, o.Until), nil)
}

// stepMistake suspends somebody and takes it back at once.
func (m *model) stepMistake() {
	m.on(func(c *customer) {
		last := func() int64 {
			n, err := m.Number(m.ctx, `select coalesce(max(a.id), 0) from actions a join subscribers s on s.id = a.subscriber_id
				where a.kind = 'suspend' and s.account = $1`, c.number)
			m.must(err)
			return n
		}
		before := last()
		m.suspend(c)
		if id := last(); id != before {
			m.order(c, console.UndoOrder{Action: id}, takesSuspensionBack, nil)
		}
	})
}

func (m *model) stepReconnect() {
	m.on(func(c *customer) {
		o := console.ReconnectOrder{GraceHours: rapid.SampledFrom([]int{0, 2, 30}).Draw(m.t, "grace")}
		m.order(c, o, reconnects(o.GraceHours), nil)
	})
}

func (m *model) stepChange() {
	m.on(func(c *customer) {
		to := m.offer()
		o := console.ChangeOrder{Plan: to.name, When: rapid.SampledFrom([]string{"now", "renewal"}).Draw(m.t, "when"), Convert: m.chance("convert")}
		m.order(c, o, changes(to, o.When == "renewal", o.Convert), nil)
	})
}

func (m *model) stepCancelChange() {
	m.on(func(c *customer) { m.order(c, console.CancelChangeOrder{}, cancelsChange, nil) })
}

func (m *model) stepExtend() {
	m.on(func(c *customer) {
		o := console.ExtendOrder{Days: rapid.IntRange(1, 3).Draw(m.t, "days"), Note: "a test"}
		m.order(c, o, extends(o.Days), nil)
	})
}

func (m *model) stepNote() {
	m.on(func(c *customer) { m.order(c, console.NoteOrder{Text: "Dog in the yard"}, nothing, nil) })
}

// The box keeps the old password until everything is quiet.
func (m *model) stepPassword() {
	m.on(func(c *customer) {
		password := stage.Receipt()
		m.order(c, console.EditOrder{Password: &password}, func(b *books, _ time.Time) bool { b.password = password; return true }, nil)
	})
}

// The old box goes on dialling with the old name.
func (m *model) stepUsername() {
	m.on(func(c *customer) {
		name := c.names[0]
		if c.username == name {
			name = c.names[1]
		}
		m.order(c, console.EditOrder{Username: &name}, func(b *books, _ time.Time) bool { b.username = name; return true }, func() { m.plugIn(c) })
	})
}

func (m *model) stepAddress() {
	m.on(func(c *customer) {
		n := "100.127.0." + c.number[len(c.number)-1:]
		address := rapid.SampledFrom([]string{"", n, n + "0"}).Draw(m.t, "address")
		m.order(c, console.EditOrder{FixedIP: &address}, func(b *books, _ time.Time) bool { b.address = address; return true }, nil)
	})
}

// The old box goes on dialling the old router.
func (m *model) stepMove() {
	m.on(func(c *customer) {
		to := rapid.SampledFrom(m.Routers).Draw(m.t, "router")
		name := to.Name()
		m.order(c, console.EditOrder{Router: &name}, nothing, func() { c.router = to; m.plugIn(c) })
	})
}

func (m *model) stepDelete() {
	m.on(func(c *customer) {
		m.order(c, console.DeleteOrder{Confirm: c.number}, nothing, func() {
			c.exists = false
			for _, p := range m.payments {
				if p.of == c {
					p.of, p.spent = nil, true
				}
			}
		})
	})
}

func (m *model) stepAdd() {
	for _, c := range m.subs {
		if !c.exists {
			m.add(c, m.offer(), rapid.SampledFrom([]int{0, 5, 40}).Draw(m.t, "hours"))
			return
		}
	}
}

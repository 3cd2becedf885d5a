package stage_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router/mikrosim"
)

// step does one thing of all that may happen.
func (m *model) step() {
	steps := []func(){
		m.stepPay, m.stepPay, m.stepPay, m.stepPayAgain, m.stepPayToNobody, m.stepEnter, m.stepAllocate, m.stepAllocate, m.stepTakeBack, m.stepTakeBack,
		m.stepSuspend, m.stepSuspend, m.stepReconnect, m.stepReconnect, m.stepChange, m.stepChange, m.stepChange, m.stepCancelChange, m.stepExtend,
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

// amount is too little, enough, or more than enough for a period.
func (m *model) amount(price int64) int64 {
	return rapid.SampledFrom([]int64{price, price, price / 3, 2*price + 10000, 10 * price}).Draw(m.t, "amount")
}

func (m *model) stepPay() {
	c := rapid.SampledFrom(m.subs).Draw(m.t, "payee")
	p := m.newPayment(strings.ToLower(strings.ReplaceAll(c.number, "-", " ")), m.amount(m.priceFor(c)))
	m.post(p)
	m.collect(p, c)
}

func (m *model) priceFor(c *customer) int64 {
	if !c.exists {
		return m.offers[0].price
	}
	return c.sold().price
}

func (m *model) newPayment(reference string, minor int64) *payment {
	p := &payment{receipt: stage.Receipt(), reference: reference, minor: minor}
	m.payments = append(m.payments, p)
	return p
}

func (m *model) post(p *payment) {
	m.tell("webhook %s of %s for %q", p.receipt, decimal(p.minor), p.reference)
	m.must(m.Pay(m.ctx, p.receipt, p.reference, decimal(p.minor)))
}

// collect waits until a posted payment is booked, and credits it to c in the model, if c exists.
func (m *model) collect(p *payment, c *customer) {
	m.must(m.UntilProcessed(m.ctx))
	m.must(m.Pool.QueryRow(m.ctx, `select id from payments where transaction_id = $1`, p.receipt).Scan(&p.id))
	if c != nil && c.exists {
		at, _ := m.credited(p)
		c.apply(at, pays(p.minor))
		p.of, p.bought = c, c.bought
	}
	m.settle()
}

// credited is when a payment was applied, and which place it has among what was done to its account.
func (m *model) credited(p *payment) (at time.Time, place int64) {
	err := m.Pool.QueryRow(m.ctx, `select a.applied_at, (select min(y.id) from activity y where y.action_id = a.id)
		from ledger_entries l join actions a on a.id = l.action_id where l.kind = 'payment' and l.payment_id = $1`, p.id).Scan(&at, &place)
	if err != nil {
		m.fatalf("payment %s is not credited: %v", p.receipt, err)
	}
	return at, place
}

func (m *model) stepPayAgain() {
	if p := m.paymentsThat(func(p *payment) bool { return !p.entered }); p != nil {
		m.post(p)
		m.settle()
	}
}

func (m *model) stepPayToNobody() {
	p := m.newPayment("no such account", m.amount(m.offers[0].price))
	m.post(p)
	m.collect(p, nil)
}

func (m *model) stepEnter() {
	c := m.someone()
	if c == nil || m.chance("unallocated") {
		p := m.newPayment("", m.amount(m.offers[0].price))
		m.tell("enter %s of %s, unallocated", p.receipt, decimal(p.minor))
		entered, err := m.Staff.EnterPayment(m.ctx, m.by(), console.NewPayment{Amount: decimal(p.minor), Method: "bank", Reference: p.receipt})
		m.must(err)
		p.id, p.entered = entered.Payment.ID, true
		return
	}
	p := m.newPayment("", m.amount(m.priceFor(c)))
	p.entered = true
	m.given(c, "enter cash "+p.receipt+" of "+decimal(p.minor), pays(p.minor), func() { p.of, p.bought = c, c.bought }, func() (int64, error) {
		entered, err := m.Staff.EnterPayment(m.ctx, m.by(), console.NewPayment{
			Subscriber: c.number, Amount: decimal(p.minor), Method: "cash", Reference: p.receipt,
		})
		if err != nil {
			return 0, err
		}
		p.id = entered.Payment.ID
		return entered.Action.ID, nil
	})
}

func (m *model) paymentsThat(are func(p *payment) bool) *payment {
	some := slices.DeleteFunc(slices.Clone(m.payments), func(p *payment) bool { return !are(p) })
	if len(some) == 0 {
		return nil
	}
	return rapid.SampledFrom(some).Draw(m.t, "payment")
}

func (m *model) stepAllocate() {
	p := m.paymentsThat(func(p *payment) bool { return p.of == nil && !p.spent })
	c := m.someone()
	if p == nil || c == nil {
		return
	}
	m.given(c, "allocate "+p.receipt, pays(p.minor), func() { p.of, p.bought = c, c.bought }, func() (int64, error) {
		view, err := m.Staff.Allocate(m.ctx, m.by(), p.id, c.number)
		return view.ID, err
	})
}

func (m *model) stepTakeBack() {
	p := m.paymentsThat(func(p *payment) bool { return !p.spent })
	if p == nil {
		return
	}
	forGood := m.chance("for good")
	if p.of == nil {
		m.tell("reverse %s, unallocated", p.receipt)
		_, err := m.Staff.ReversePayment(m.ctx, m.by(), p.id, "a test")
		m.must(err)
		p.spent = true
		return
	}
	what := "unallocate "
	if forGood {
		what = "reverse "
	}
	m.given(p.of, what+p.receipt, takesBack(p.minor, p.bought), func() { p.of, p.spent = nil, forGood }, func() (int64, error) {
		if !forGood {
			view, err := m.Staff.Unallocate(m.ctx, m.by(), p.id, "a test")
			return view.ID, err
		}
		taken, err := m.Staff.ReversePayment(m.ctx, m.by(), p.id, "a test")
		if err != nil {
			return 0, err
		}
		return taken.Action.ID, nil
	})
}

func (m *model) stepSuspend() {
	m.on(func(c *customer) {
		category := rapid.SampledFrom([]string{"non-payment", "equipment", "customer-request", "other"}).Draw(m.t, "category")
		o := console.SuspendOrder{Category: category, Reason: "a test", StopClock: m.chance("stop the clock")}
		m.order(c, o, suspends(o.Category, o.StopClock), nil)
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
			m.stepSuspend, m.stepReconnect, m.stepChange, m.stepCancelChange, m.stepExtend, m.stepNote, m.stepPassword,
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

// stepBurst does much at once to one account: payments, each of them told three times, and days of goodwill. The model
// takes them in the order in which they were applied.
func (m *model) stepBurst() {
	m.on(func(c *customer) {
		m.tell("at once on %s: two payments, each told three times, two extensions, a note", c.number)
		type deed struct {
			rule
			payment *payment
			action  int64
			at      time.Time
			place   int64
		}
		var group errgroup.Group
		var deeds []*deed
		for range 2 {
			p := m.newPayment(c.number, m.priceFor(c))
			deeds = append(deeds, &deed{rule: pays(p.minor), payment: p})
			for range 3 {
				group.Go(func() error { return m.Pay(m.ctx, p.receipt, p.reference, decimal(p.minor)) })
			}
		}
		give := func(o console.Order, r rule) {
			d := &deed{rule: r}
			deeds = append(deeds, d)
			group.Go(func() error {
				given, err := m.Staff.Give(m.ctx, m.by(), c.number, o)
				d.action = given.ID
				return err
			})
		}
		give(console.ExtendOrder{Days: 1}, extends(1))
		give(console.ExtendOrder{Days: 1}, extends(1))
		give(console.NoteOrder{Text: "a burst"}, nothing)
		m.must(group.Wait())
		m.must(m.UntilProcessed(m.ctx))
		m.must(m.UntilNumber(m.ctx, "every action is applied", 0, `select count(*) from actions where state = 'accepted'`))
		for _, d := range deeds {
			if p := d.payment; p != nil {
				m.must(m.Pool.QueryRow(m.ctx, `select id from payments where transaction_id = $1`, p.receipt).Scan(&p.id))
				d.at, d.place = m.credited(p)
				continue
			}
			m.must(m.Pool.QueryRow(m.ctx, `select a.applied_at, (select min(y.id) from activity y where y.action_id = a.id)
				from actions a where a.id = $1 and a.state <> 'refused'`, d.action).Scan(&d.at, &d.place))
		}
		slices.SortFunc(deeds, func(a, b *deed) int { return cmp.Compare(a.place, b.place) })
		for _, d := range deeds {
			c.apply(d.at, d.rule)
			if d.payment != nil {
				d.payment.of, d.payment.bought = c, c.bought
			}
		}
		m.settle()
	})
}

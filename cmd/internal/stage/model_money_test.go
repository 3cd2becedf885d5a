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
)

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

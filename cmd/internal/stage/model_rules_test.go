package stage_test

import (
	"time"
)

// The reference model: the rules of the specification as straight arithmetic on a few fields, written again and without
// a look at package account. Plans last hours, money is a sum of minor units.

// offer is a plan of the model.
type offer struct {
	name, rate string
	hours      int64
	price      int64
	garden     bool
}

func (o *offer) period() time.Duration { return time.Duration(o.hours) * time.Hour }

// books is what the model knows of one account. A copy of it is an account that may be tried out.
type books struct {
	plan, next        *offer
	nextAt            time.Time
	expires, grace    time.Time
	suspended         string // the category, or empty
	since, until      time.Time
	stopped           time.Time
	balance           int64
	handled           time.Time // up to where time has done its part
	bought            []purchase
	username, address string
	password          string
}

// purchase is what one command bought.
type purchase struct {
	lasts time.Duration
	cost  int64
}

// rule is what a command does to an account at an instant; false: it is refused, and does nothing.
type rule func(b *books, now time.Time) bool

// apply does what has become due, and then the command.
func (b *books) apply(now time.Time, command rule) bool {
	b.bought = nil
	b.tick(now)
	return command(b, now)
}

func (b *books) status(now time.Time) string {
	switch {
	case b.suspended != "":
		return "suspended"
	case now.Before(b.expires):
		return "active"
	case now.Before(b.grace):
		return "grace"
	}
	return "expired"
}

// edges are the instants at which time alone does something to the account.
func (b *books) edges() (edges []time.Time) {
	all := []time.Time{b.until}
	if b.stopped.IsZero() {
		all = append(all, b.expires, b.grace, b.nextAt)
	}
	for _, at := range all {
		if !at.IsZero() {
			edges = append(edges, at)
		}
	}
	return edges
}

// due reports whether an edge has come that was not handled yet.
func (b *books) due(now time.Time) bool {
	for _, at := range b.edges() {
		if at.After(b.handled) && !at.After(now) {
			return true
		}
	}
	return false
}

func (b *books) tick(now time.Time) {
	defer func() { b.handled = now }()
	if !b.due(now) {
		return
	}
	if b.stopped.IsZero() {
		ran := b.expires.After(b.handled) && !b.expires.After(now)
		if b.next != nil && !b.nextAt.After(now) {
			b.plan, b.next, b.nextAt = b.next, nil, time.Time{}
		}
		if ran && b.suspended == "" {
			b.renewOne(now)
		}
	}
	if !b.until.IsZero() && !b.until.After(now) {
		b.comesBack(now)
	}
}

// comesBack ends a suspension, and renews what ran out during it.
func (b *books) comesBack(now time.Time) {
	b.resume(now)
	b.free()
	if !b.expires.After(now) {
		b.renewOne(now)
	}
}

// free forgets a suspension.
func (b *books) free() {
	b.suspended, b.since, b.until, b.stopped = "", time.Time{}, time.Time{}, time.Time{}
}

// sold is the plan that the next period is bought of.
func (b *books) sold() *offer {
	if b.next != nil {
		return b.next
	}
	return b.plan
}

// renewOne is the renewal from the balance. Handled within a minute it leaves no gap.
func (b *books) renewOne(now time.Time) {
	from := now
	if now.Sub(b.expires) <= lateRenewal {
		from = b.expires
	}
	b.buy(1, from)
}

// lateRenewal is how late a renewal from the balance may come and still follow on without a gap.
const lateRenewal = time.Minute

// buyAll buys what the balance is enough for.
func (b *books) buyAll(now time.Time) {
	periods := b.balance / b.sold().price
	if periods < 1 {
		return
	}
	b.resume(now)
	from := b.expires
	if !from.After(now) {
		from = now
	}
	b.buy(periods, from)
}

func (b *books) buy(periods int64, from time.Time) {
	o := b.sold()
	if b.balance < periods*o.price {
		return
	}
	p := purchase{lasts: time.Duration(periods) * o.period(), cost: periods * o.price}
	b.expires, b.balance = from.Add(p.lasts), b.balance-p.cost
	b.bought = append(b.bought, p)
	b.forgetGrace()
	if b.suspended == "non-payment" {
		b.free()
	}
}

func (b *books) forgetGrace() {
	if !b.grace.After(b.expires) {
		b.grace = time.Time{}
	}
}

// resume gives back the time during which the clock was stopped, up to now; it stays stopped.
func (b *books) resume(now time.Time) {
	if b.stopped.IsZero() {
		return
	}
	lost := now.Sub(b.stopped)
	b.stopped = now
	b.expires = b.expires.Add(lost)
	if b.next != nil {
		b.nextAt = b.nextAt.Add(lost)
	}
}

// left is the paid time that is unused.
func (b *books) left(now time.Time) time.Duration {
	if !b.stopped.IsZero() {
		now = b.stopped
	}
	return max(b.expires.Sub(now), 0)
}

func (b *books) moveEnd(to time.Time) {
	if b.next != nil && b.nextAt.Equal(b.expires) {
		b.nextAt = to
	}
	b.expires = to
}

func nothing(*books, time.Time) bool { return true }

func pays(amount int64) rule {
	return func(b *books, now time.Time) bool {
		b.balance += amount
		b.buyAll(now)
		return true
	}
}

// takesBack undoes a payment with what it bought, the last first, as far as the balance does not cover it.
func takesBack(amount int64, bought []purchase) rule {
	return func(b *books, now time.Time) bool {
		b.resume(now)
		b.balance -= amount
		for i := len(bought) - 1; i >= 0 && b.balance < 0; i-- {
			b.moveEnd(b.expires.Add(-bought[i].lasts))
			b.balance += bought[i].cost
		}
		if b.next != nil && b.expires.Before(b.nextAt) {
			b.nextAt = b.expires
		}
		if b.next != nil && !b.nextAt.After(now) {
			b.plan, b.next, b.nextAt = b.next, nil, time.Time{}
		}
		return true
	}
}

// suspends cuts the account, until an instant where one is given.
func suspends(category string, stopClock bool, until time.Time) rule {
	return func(b *books, now time.Time) bool {
		if b.suspended != "" || stopClock && !b.expires.After(now) || !until.IsZero() && !until.After(now) {
			return false
		}
		b.suspended, b.since, b.until = category, now, until
		if stopClock {
			b.stopped = now
		}
		return true
	}
}

// takesSuspensionBack is a suspension that never was: what became due since it began is due now.
func takesSuspensionBack(b *books, now time.Time) bool {
	if b.suspended == "" {
		return false
	}
	b.handled = b.since
	b.free()
	b.tick(now)
	return true
}

func reconnects(hours int) rule {
	return func(b *books, now time.Time) bool {
		switch b.status(now) {
		case "active", "grace":
			return false
		case "suspended":
			b.comesBack(now)
		case "expired":
			if hours == 0 {
				return false
			}
		}
		if hours > 0 && b.status(now) == "expired" {
			b.grace = now.Add(time.Duration(hours) * time.Hour)
		}
		return true
	}
}

func changes(to *offer, atRenewal, convert bool) rule {
	return func(b *books, now time.Time) bool {
		switch {
		case to == b.plan && (b.next == nil || atRenewal), atRenewal && convert:
			return false
		case atRenewal && b.left(now) > 0:
			at := b.expires
			if b.next != nil {
				if at = b.nextAt; at.Before(b.expires) {
					return false // what follows is paid already
				}
			}
			b.next, b.nextAt = to, at
			return true
		case convert && b.left(now) > 0:
			b.resume(now)
			until, after := b.expires, time.Duration(0)
			if b.next != nil && b.nextAt.Before(b.expires) {
				until = b.nextAt
				after = worth(b.expires.Sub(b.nextAt), b.next, to)
			}
			b.expires = now.Add(worth(until.Sub(now), b.plan, to) + after)
		}
		b.plan, b.next, b.nextAt = to, nil, time.Time{}
		if b.status(now) == "expired" {
			b.renewOne(now)
		}
		return true
	}
}

// worth is how long a plan lasts for the price of so much of another, in whole seconds.
func worth(d time.Duration, of, in *offer) time.Duration {
	hours := d.Hours() * float64(of.price) / float64(of.hours) * float64(in.hours) / float64(in.price)
	return time.Duration(hours * float64(time.Hour)).Truncate(time.Second)
}

func cancelsChange(b *books, _ time.Time) bool {
	if b.next == nil {
		return false
	}
	if b.nextAt.Before(b.expires) {
		b.expires = b.nextAt.Add(worth(b.expires.Sub(b.nextAt), b.next, b.plan))
	}
	b.next, b.nextAt = nil, time.Time{}
	return true
}

func extends(days int) rule {
	return func(b *books, now time.Time) bool {
		b.resume(now)
		from := b.expires
		if from.Before(now) {
			from = now
		}
		b.moveEnd(from.Add(time.Duration(days) * 24 * time.Hour))
		b.forgetGrace()
		return true
	}
}

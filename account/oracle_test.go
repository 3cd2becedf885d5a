package account_test

import (
	"math/big"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"qserve/account"
)

// afterSettling checks what time alone did.
func (b *book) afterSettling(t *rapid.T, before account.Account, c account.Change) {
	is := c.Account
	if before.DueAt.IsZero() || b.now.Before(before.DueAt) {
		if diff := cmp.Diff(account.Change{Account: before}, c); diff != "" {
			t.Fatalf("nothing was due before %v, and yet (-before +after):\n%s", before.DueAt, diff)
		}
		return
	}
	want := before
	ran := !before.ExpiresAt.Before(before.DueAt) && !before.ExpiresAt.After(b.now)
	if s := before.Suspension; s != nil && !s.ClockStoppedAt.IsZero() {
		want, ran = b.clockGoesOn(before), false
	} else if n := before.Next; n != nil && !n.At.After(b.now) {
		want.Plan, want.Next = n.Plan, nil
	}
	if s := before.Suspension; s != nil && !s.Until.IsZero() && !s.Until.After(b.now) {
		want.Suspension, ran = nil, !want.ExpiresAt.After(b.now)
	}
	renews := ran && want.Suspension == nil && want.Balance.Minor >= want.Plan.Price.Minor
	if renews != (len(c.Entries) == 1) {
		t.Fatalf("expired at %v, %s, suspended %v: the clock booked %+v", before.ExpiresAt, want.Balance, before.Suspension, c.Entries)
	}
	if renews {
		b.renewal(t, want, c.Entries[0], time.Minute, is)
		want.ExpiresAt, want.AnchorDay, want.GraceUntil = is.ExpiresAt, is.AnchorDay, is.GraceUntil
		want.Balance.Minor -= want.Plan.Price.Minor
	}
	want.DueAt = want.NextDue(b.now)
	if diff := cmp.Diff(want, is); diff != "" {
		t.Fatalf("time changed more than it may (-want +got):\n%s", diff)
	}
	for _, line := range c.Activity {
		if line.Actor != account.Clock {
			t.Fatalf("%q was done by %q", line.Summary, line.Actor)
		}
	}
	if again := apply(t, is, account.Expire{}, b.now, b.zone); !cmp.Equal(account.Change{Account: is}, again) {
		t.Fatalf("the same due time again:\n%s", cmp.Diff(account.Change{Account: is}, again))
	}
}

// clockGoesOn is an account after a suspension that has stopped its clock until now: what was paid then is paid now, as
// many hours later as it stood.
func (b *book) clockGoesOn(a account.Account) account.Account {
	stood := b.now.Sub(a.Suspension.ClockStoppedAt)
	if a.Remaining(b.now) == 0 {
		return a
	}
	end := a.ExpiresAt.Add(stood)
	from, to := reading(a.ExpiresAt.In(b.zone)), reading(end.In(b.zone))
	if from.clock, to.clock = 0, 0; from != to {
		a.AnchorDay = 0
	}
	if a.Next != nil {
		a.Next = &account.NextPlan{Plan: a.Next.Plan, At: a.Next.At.Add(stood)}
	}
	a.ExpiresAt = end
	return a
}

// renewal checks what was sold against the calendar that counts by hand. A gap of up to patience is overlooked.
func (b *book) renewal(t *rapid.T, before account.Account, e account.Entry, patience time.Duration, is account.Account) {
	end := before.ExpiresAt
	if left := before.Remaining(b.now); left > 0 {
		end = b.now.Add(left) // also where the clock is stopped
	}
	start, anchor := end, before.AnchorDay
	if b.now.Sub(end) > patience {
		start = b.now
	}
	from, was := reading(start.In(b.zone)), reading(before.ExpiresAt.In(b.zone))
	if from.clock, was.clock = 0, 0; !start.Equal(end) || anchor == 0 || from != was {
		anchor = start.In(b.zone).Day()
	}
	plan := before.Plan
	if before.Next != nil {
		plan = before.Next.Plan
	}
	whole := account.Duration{Count: plan.Duration.Count * e.Periods, Unit: plan.Duration.Unit}
	until := start.Add(time.Duration(whole.Count) * time.Hour)
	if whole.Unit != account.Hours {
		until = reading(start.In(b.zone)).plus(whole, anchor).instant(b.zone)
	}
	if e.Plan != plan || e.Periods < 1 || !e.Start.Equal(start) || !e.End.Equal(until) || !is.ExpiresAt.Equal(until) {
		t.Fatalf("%d × %v of %s from %v: sold %+v, want until %v", e.Periods, plan.Duration, plan.Name, start, e, until)
	}
}

// after checks what one command did to an account whose due times had been handled.
func (b *book) after(t *rapid.T, was account.Account, cmd account.Command, c account.Change) {
	is := c.Account
	left, leaves := was.Remaining(b.now), is.Remaining(b.now)
	same := func(what string) {
		if left != leaves || len(c.Entries) != 0 || was.Balance != is.Balance {
			t.Fatalf("%#v: %v became %v, %s became %s (%s)", cmd, left, leaves, was.Balance, is.Balance, what)
		}
	}
	switch cmd := cmd.(type) {
	case account.Pay:
		b.afterPay(t, was, cmd, c)
	case account.Suspend:
		same("a suspension takes nothing")
		if s := is.Suspension; !s.Until.Equal(cmd.Until) || !s.Until.IsZero() && (!s.Until.After(b.now) || s.Until.Sub(b.now) > 366*24*time.Hour) {
			t.Fatalf("suspended at %v until %v, asked for until %v", b.now, s.Until, cmd.Until)
		}
	case account.UndoSuspend:
		if s := was.Suspension; s == nil || !s.Since.Equal(cmd.Kept.At) || is.Suspension != nil {
			t.Fatalf("the suspension of %v was taken back from %+v, leaving %+v", cmd.Kept.At, s, is.Suspension)
		}
		if len(c.Entries) == 0 && (!is.ExpiresAt.Equal(was.ExpiresAt) || is.AnchorDay != was.AnchorDay) {
			t.Fatalf("the suspension was taken back, and the paid time moved from %v to %v", was.ExpiresAt, is.ExpiresAt)
		}
	case account.Reconnect:
		b.afterReconnect(t, was, cmd, c)
	case account.ChangePackage:
		b.afterChange(t, was, cmd, c)
	case account.CancelChange:
		b.worthTheSame(t, was, is)
		if is.Next != nil || is.Plan != was.Plan || len(c.Entries) != 0 {
			t.Fatalf("cancelled, but %+v follows %s: %+v", is.Next, is.Plan.Name, c.Entries)
		}
	case account.Extend:
		begin := reading(b.now.Add(left).In(b.zone))
		want := begin.plus(account.Duration{Count: cmd.Days, Unit: account.Days}, 0).instant(b.zone)
		if got := b.now.Add(leaves); !got.Equal(want) || is.Balance != was.Balance {
			t.Fatalf("%d days after %v were given until %v, want %v", cmd.Days, begin, got, want)
		}
	case account.UndoExtend:
		before := cmd.Kept.Before
		if len(c.Entries) == 0 && (!is.ExpiresAt.Equal(before.ExpiresAt) || !is.GraceUntil.Equal(before.GraceUntil) || is.AnchorDay != before.AnchorDay) {
			t.Fatalf("undone, paid until %v with grace until %v, want %+v", is.ExpiresAt, is.GraceUntil, before)
		}
	case account.Reverse:
		b.afterReverse(t, was, cmd, c)
	case account.Delete:
		if !c.Deleted || cmd.Confirm != "acc 0042" || !cmp.Equal(c.Left, []account.Place{{RouterID: was.RouterID, Username: was.Username}}) {
			t.Fatalf("deleted by %q: %v, left %v", cmd.Confirm, c.Deleted, c.Left)
		}
	default:
		same("this is not about money or time")
	}
}

func (b *book) afterPay(t *rapid.T, was account.Account, p account.Pay, c account.Change) {
	plan := was.Plan
	if was.Next != nil {
		plan = was.Next.Plan
	}
	wallet, periods := was.Balance.Minor+p.Amount.Minor, int64(0)
	var bought []account.Entry
	for _, e := range c.Entries {
		if periods += int64(e.Periods); e.Kind == account.EntryRenewal {
			b.renewal(t, was, e, 0, c.Account)
			bought = append(bought, e)
		}
	}
	century := map[account.Unit]int64{account.Hours: 24 * 366 * 100, account.Days: 366 * 100, account.Months: 1200}
	most := century[plan.Duration.Unit] / int64(plan.Duration.Count)
	if want := min(max(wallet, 0)/plan.Price.Minor, most); periods != want {
		t.Fatalf("a wallet of %d bought %d periods at %s, want %d", wallet, periods, plan.Price, want)
	}
	lifted := was.Suspension != nil && was.Suspension.Category == account.NonPayment && periods > 0
	if stays := was.Suspension != nil && !lifted; stays != (c.Account.Suspension != nil) {
		t.Fatalf("%d periods were bought; suspended %+v became %+v", periods, was.Suspension, c.Account.Suspension)
	}
	if c.Account.Plan != was.Plan || !cmp.Equal(c.Account.Next == nil, was.Next == nil) {
		t.Fatalf("a payment changed %s, %v into %s, %v", was.Plan.Name, was.Next, c.Account.Plan.Name, c.Account.Next)
	}
	b.paid = append(b.paid, payment{p.Amount, bought})
	if was.Balance.Minor >= plan.Price.Minor {
		return // what was in the wallet may have bought some of it
	}
	undone := apply(t, c.Account, account.Reverse{Amount: p.Amount, Bought: bought}, b.now, b.zone).Account
	if undone.Balance != was.Balance || undone.Plan != was.Plan || undone.Remaining(b.now) != was.Remaining(b.now) {
		t.Fatalf("paid and taken back at once (-before +after):\n%s", cmp.Diff(was, undone))
	}
	again := apply(t, undone, p, b.now, b.zone).Account
	if again.Balance != c.Account.Balance || again.Remaining(b.now) != c.Account.Remaining(b.now) {
		t.Fatalf("paid, taken back and paid again (-once +again):\n%s", cmp.Diff(c.Account, again))
	}
}

func (b *book) afterReconnect(t *rapid.T, was account.Account, r account.Reconnect, c account.Change) {
	is, left := c.Account, was.Remaining(b.now)
	if is.Suspension != nil || was.Status(b.now) == account.Active || was.Status(b.now) == account.Grace {
		t.Fatalf("%s was reconnected, suspended %v", was.Status(b.now), is.Suspension)
	}
	bought := was.Suspension != nil && left == 0 && was.Balance.Minor >= was.Plan.Price.Minor
	if bought != (len(c.Entries) == 1) {
		t.Fatalf("%v paid, %s in the wallet: the reconnection booked %+v", left, was.Balance, c.Entries)
	}
	if bought {
		b.renewal(t, was, c.Entries[0], time.Minute, is)
	} else if is.Remaining(b.now) != left {
		t.Fatalf("%v were left, and %v after the reconnection", left, is.Remaining(b.now))
	}
	if !bought && left == 0 && r.Grace > 0 && !is.GraceUntil.Equal(b.now.Add(r.Grace)) {
		t.Fatalf("%v of grace were given until %v", r.Grace, is.GraceUntil)
	}
}

func (b *book) afterChange(t *rapid.T, was account.Account, p account.ChangePackage, c account.Change) {
	is, left := c.Account, was.Remaining(b.now)
	if p.AtRenewal && left > 0 {
		if is.Plan != was.Plan || is.Next == nil || is.Next.Plan != p.Plan || !is.Next.At.Equal(is.ExpiresAt) || is.Remaining(b.now) != left {
			t.Fatalf("%s at renewal: %s until %v, then %+v", p.Plan.Name, is.Plan.Name, is.ExpiresAt, is.Next)
		}
		return
	}
	if is.Plan != p.Plan || is.Next != nil {
		t.Fatalf("%s now: got %s, then %v", p.Plan.Name, is.Plan.Name, is.Next)
	}
	switch {
	case left > 0 && p.Convert && len(c.Entries) == 0:
		b.worthTheSame(t, was, is)
	case left > 0 && p.Convert: // less than a second was left of it, and the next period is bought
	case left > 0 && (is.Remaining(b.now) != left || len(c.Entries) != 0):
		t.Fatalf("%v became %v without conversion: %+v", left, is.Remaining(b.now), c.Entries)
	case left == 0 && was.Suspension != nil && len(c.Entries) != 0:
		t.Fatalf("suspended, and the change bought %+v", c.Entries)
	case left == 0 && was.Suspension == nil && (was.Balance.Minor >= p.Plan.Price.Minor) != (len(c.Entries) == 1):
		t.Fatalf("run out, %s in the wallet, changed to %s at %s: %+v", was.Balance, p.Plan.Name, p.Plan.Price, c.Entries)
	}
}

func (b *book) afterReverse(t *rapid.T, was account.Account, r account.Reverse, c account.Change) {
	b.paid = slices.DeleteFunc(b.paid, func(p payment) bool { return cmp.Equal(p.bought, r.Bought) && p.amount == r.Amount })
	is, taken := c.Account, time.Duration(0)
	for _, e := range c.Entries[1:] {
		taken += e.End.Sub(e.Start)
	}
	if c.Entries[0].Amount != kes(-r.Amount.Minor) || (is.Balance.Minor < 0 && len(c.Entries) != 1+len(r.Bought)) {
		t.Fatalf("%s taken back by %+v, balance %s", r.Amount, c.Entries, is.Balance)
	}
	if left := was.Remaining(b.now); is.Remaining(b.now) != max(left-taken, 0) {
		t.Fatalf("%v taken from %v leave %v", taken, left, is.Remaining(b.now))
	}
}

// worthTheSame checks that a conversion gives no value away, and takes less than a second of the new plan for each part.
func (b *book) worthTheSame(t *rapid.T, was, is account.Account) {
	second := b.value(account.Account{Plan: is.Plan, ExpiresAt: b.now.Add(time.Second)})
	lost := new(big.Rat).Sub(b.value(was), b.value(is))
	if lost.Sign() < 0 || lost.Cmp(new(big.Rat).Mul(second, big.NewRat(2, 1))) >= 0 {
		t.Fatalf("%s worth of time lost by the conversion of %+v into %+v", lost.FloatString(3), was, is)
	}
}

// value is what the unused time of an account costs, a month being as long as the one that begins now.
func (b *book) value(a account.Account) *big.Rat {
	costs := func(p account.Plan, d time.Duration) *big.Rat {
		length := p.Duration.After(b.now, b.zone, 0).Sub(b.now)
		return new(big.Rat).Mul(big.NewRat(p.Price.Minor, 1), big.NewRat(int64(d), int64(length)))
	}
	left := a.Remaining(b.now)
	if a.Next == nil || left == 0 {
		return costs(a.Plan, left)
	}
	ahead := a.ExpiresAt.Sub(a.Next.At)
	return new(big.Rat).Add(costs(a.Plan, left-ahead), costs(a.Next.Plan, ahead))
}

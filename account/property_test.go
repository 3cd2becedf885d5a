package account_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"qserve/account"
)

// book follows one account through any sequence of commands and checks after each what must hold for all of them.
type book struct {
	zone    *time.Location
	now     time.Time
	account account.Account
	plans   []account.Plan
	opening int64
	sums    map[account.EntryKind]int64
	paid    []payment // that nobody took back
	kept    []account.Kept
}

type payment struct {
	amount account.Money
	bought []account.Entry
}

func newBook(t *rapid.T, z *time.Location) *book {
	b := &book{
		zone:    z,
		now:     time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "now"), 0).UTC(),
		account: setup(),
		sums:    map[account.EntryKind]int64{},
	}
	for _, name := range []string{"Home", "Office", "Night"} {
		plan := account.Plan{
			ID: int64(len(b.plans) + 1), Name: name, Rate: account.Rate(name), GardenRate: "64k/64k",
			Price:    kes(rapid.Int64Range(1, 1000).Draw(t, "price")),
			OnExpiry: rapid.SampledFrom([]account.Policy{account.Cut, account.Garden}).Draw(t, "policy"),
		}
		plan.Duration.Count = rapid.IntRange(1, 40).Draw(t, "count")
		plan.Duration.Unit = rapid.SampledFrom([]account.Unit{account.Hours, account.Days, account.Months}).Draw(t, "unit")
		b.plans = append(b.plans, plan)
	}
	b.account.Plan = b.plans[0]
	b.account.Balance = kes(rapid.Int64Range(-500, 500).Draw(t, "opening"))
	b.opening = b.account.Balance.Minor
	if rapid.Bool().Draw(t, "taken over") {
		paid := time.Duration(rapid.IntRange(-48, 480).Draw(t, "paid")) * time.Hour
		b.account = apply(t, b.account, account.Open{PaidUntil: b.now.Add(paid)}, b.now, z).Account
	}
	return b
}

func (b *book) command(t *rapid.T) account.Command {
	const tooMuch = 50 * 366 * 24 * time.Hour // a time.Duration ends before the third century
	yes := func(what string) bool { return rapid.Bool().Draw(t, what) }
	switch kind := rapid.SampledFrom([]string{
		"pay", "pay", "pay", "suspend", "suspend", "reconnect", "reconnect", "expire", "change", "change", "change", "cancel",
		"extend", "extend", "undo", "edit", "note", "delete", "reverse",
	}).Draw(t, "command"); kind {
	case "pay", "extend":
		if b.account.Remaining(b.now) > tooMuch {
			break
		}
		if kind == "extend" {
			return account.Extend{Days: rapid.IntRange(0, 366).Draw(t, "days")}
		}
		currency := rapid.SampledFrom([]string{"KES", "KES", "KES", "KES", "USD"}).Draw(t, "currency")
		return account.Pay{Amount: account.Money{Minor: rapid.Int64Range(-5, 4000).Draw(t, "amount"), Currency: currency}}
	case "suspend":
		category := rapid.SampledFrom([]account.Category{
			account.NonPayment, account.NonPayment, account.Equipment, account.CustomerRequest, account.Other, "", "x",
		}).Draw(t, "category")
		s := account.Suspend{Category: category, StopClock: yes("stop clock")}
		if yes("until") {
			s.Until = b.now.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(367*24*time.Hour)).Draw(t, "lasts")))
		}
		return s
	case "reconnect":
		return account.Reconnect{Grace: time.Duration(max(rapid.IntRange(-400, 800).Draw(t, "hours"), -1)) * time.Hour}
	case "change":
		return account.ChangePackage{
			Plan: rapid.SampledFrom(b.plans).Draw(t, "plan"), AtRenewal: yes("at renewal"), Convert: yes("convert"),
		}
	case "cancel":
		return account.CancelChange{}
	case "edit":
		name := rapid.SampledFrom([]string{"", "Jane", "John"}).Draw(t, "name")
		return account.Edit{Name: &name, Username: &name, Pinned: &name, NewPassword: yes("new password"), Revision: rapid.Int64Range(0, 2).Draw(t, "revision")}
	case "note":
		return account.Note{Text: rapid.SampledFrom([]string{"", "called", "dog"}).Draw(t, "text"), Pin: yes("pin")}
	case "undo":
		if len(b.kept) > 0 {
			kept := b.kept[len(b.kept)-1]
			if kept.After.Pinned != "" {
				return account.UndoNote{Kept: kept}
			}
			if !kept.After.SuspendedAt.IsZero() {
				return account.UndoSuspend{Kept: kept}
			}
			return account.UndoExtend{Days: 1, Kept: kept}
		}
	case "delete":
		return account.Delete{Confirm: rapid.SampledFrom([]string{"", "ACC-0043", "acc 0042"}).Draw(t, "confirm")}
	case "reverse":
		if len(b.paid) > 0 {
			p := rapid.SampledFrom(b.paid).Draw(t, "payment")
			return account.Reverse{Amount: p.amount, Bought: p.bought}
		}
	}
	return account.Expire{}
}

// later lets time pass: none, any, or up to about the next due time.
func (b *book) later(t *rapid.T) {
	if due := b.account.DueAt; !due.IsZero() && rapid.Bool().Draw(t, "at a due time") {
		off := rapid.SampledFrom([]time.Duration{-1, 0, 0, 1, time.Minute, time.Minute + 1}).Draw(t, "off")
		if at := due.Add(off); at.After(b.now) {
			b.now = at
		}
		return
	}
	most := rapid.SampledFrom([]time.Duration{0, time.Hour, 60 * 24 * time.Hour}).Draw(t, "at most")
	b.now = b.now.Add(time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, "later")))
}

// copied is a with its own copy of everything that it points to.
func copied(a account.Account) account.Account {
	if a.Suspension != nil {
		s := *a.Suspension
		a.Suspension = &s
	}
	if a.Next != nil {
		n := *a.Next
		a.Next = &n
	}
	return a
}

func (b *book) step(t *rapid.T) {
	b.later(t)
	before, cmd := b.account, b.command(t)
	was := copied(before)
	settled := apply(t, before, account.Expire{}, b.now, b.zone)
	change, err := account.Apply(before, cmd, b.now, b.zone)
	if diff := cmp.Diff(was, before); diff != "" {
		t.Fatalf("%#v wrote into the account that it was given:\n%s", cmd, diff)
	}
	if refused, ok := errors.AsType[*account.Refused](err); ok {
		if diff := cmp.Diff(account.Change{Account: before}, change); diff != "" {
			t.Fatalf("%#v was refused and changed something:\n%s", cmd, diff)
		}
		if refused.Reason == "" {
			t.Fatalf("%#v was refused without a reason", cmd)
		}
		cmd, change, err = account.Expire{}, settled, nil // the clock's work is done all the same, by itself
	}
	if err != nil {
		t.Fatalf("%#v: %v", cmd, err)
	}
	b.afterSettling(t, before, settled)
	if again := apply(t, settled.Account, cmd, b.now, b.zone); !cmp.Equal(again.Account, change.Account) ||
		!cmp.Equal(append(slices.Clone(settled.Entries), again.Entries...), change.Entries) {
		t.Fatalf("%#v is not the same after the due times were handled as before:\n%s", cmd, cmp.Diff(again.Account, change.Account))
	}
	for _, e := range change.Entries {
		b.entry(t, e)
	}
	own := change
	own.Entries = change.Entries[len(settled.Entries):]
	b.after(t, settled.Account, cmd, own)
	if own.Kept != nil {
		b.kept = append(b.kept, *own.Kept)
	}
	b.account = change.Account
	if change.Deleted {
		b.account = settled.Account // another one goes on from here
	}
}

func (b *book) entry(t *rapid.T, e account.Entry) {
	b.sums[e.Kind] += e.Amount.Minor
	gives := e.Kind == account.EntryPayment || e.Kind == account.EntryRefund
	if e.Amount.Currency != "KES" || e.Amount.Minor == 0 || gives != (e.Amount.Minor > 0) {
		t.Fatalf("a ledger entry of kind %s over %s", e.Kind, e.Amount)
	}
	year := 0
	if e.Kind == account.EntryRenewal || e.Kind == account.EntryRefund {
		year = b.now.In(b.zone).Year()
		if e.Amount.Minor != -e.Plan.Price.Minor*int64(e.Periods) && e.Kind == account.EntryRenewal {
			t.Fatalf("%d periods at %s were sold for %s", e.Periods, e.Plan.Price, e.Amount)
		}
	}
	if e.InvoiceYear != year {
		t.Fatalf("a %s of %v is invoiced in %d", e.Kind, b.now, e.InvoiceYear)
	}
}

// check is what holds between any two commands.
func (b *book) check(t *rapid.T) {
	a, sum := b.account, b.opening
	for _, of := range b.sums {
		sum += of
	}
	if a.Balance.Minor != sum {
		t.Fatalf("balance %s, but the ledger adds up to %d: %d and %v", a.Balance, sum, b.opening, b.sums)
	}
	if due := a.NextDue(b.now); !a.DueAt.Equal(due) || (!due.IsZero() && !due.After(b.now)) {
		t.Fatalf("at %v the next due time is %v and stored as %v", b.now, due, a.DueAt)
	}
	if a.Next != nil && (a.Next.At.After(a.ExpiresAt) || (a.DueAt.IsZero() && a.Remaining(b.now) == 0)) {
		t.Fatalf("%s is to take over at %v, which never comes: paid until %v", a.Next.Plan.Name, a.Next.At, a.ExpiresAt)
	}
	if a.Next != nil && a.Suspension == nil && !a.Next.At.After(b.now) {
		t.Fatalf("%s should have taken over at %v", a.Next.Plan.Name, a.Next.At)
	}
	if a.ExpiresAt.Location() != time.UTC || a.AnchorDay < 0 || a.AnchorDay > 31 {
		t.Fatalf("paid until %v, anchor day %d", a.ExpiresAt, a.AnchorDay)
	}
	status, line := a.Status(b.now), a.Desired(b.now)
	serves := status == account.Active || status == account.Grace
	garden := status == account.Expired && a.Plan.OnExpiry == account.Garden
	if (line.State == account.LineEnabled) != (serves || garden) || (line.AddressList != "") != garden {
		t.Fatalf("%s with %s, but the line is %+v", status, a.Plan.OnExpiry, line)
	}
	until := b.now.Add(time.Duration(rapid.Int64Range(0, int64(1000*24*time.Hour)).Draw(t, "look ahead")))
	if (a.DueAt.IsZero() || until.Before(a.DueAt)) && a.Desired(until) != line {
		t.Fatalf("the line changes from %+v to %+v until %v, though the next due time is %v", line, a.Desired(until), until, a.DueAt)
	}
}

func TestAnySequenceOfCommands_KeepsTheBooks(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Africa/Nairobi", "Europe/Berlin", "America/New_York"} {
		z := zone(t, name)
		rapid.Check(t, func(t *rapid.T) {
			b := newBook(t, z)
			t.Repeat(map[string]func(*rapid.T){"step": b.step, "": b.check})
		})
	}
}

func TestEightPaymentsAtOnce_AreEightPeriodsInAnyOrder(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	rapid.Check(t, func(t *rapid.T) {
		a := setup()
		now := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "now"), 0)
		amounts := rapid.SliceOfN(rapid.Int64Range(1, 400_000), 1, 8).Draw(t, "amounts")
		total := int64(0)
		for _, amount := range amounts {
			total += amount
			a = apply(t, a, pay(amount), now, z).Account
		}
		whole := apply(t, setup(), pay(total), now, z)
		if diff := cmp.Diff(whole.Account, a); diff != "" {
			t.Fatalf("paid at once and paid in parts differ (-at once +in parts):\n%s", diff)
		}
	})
}

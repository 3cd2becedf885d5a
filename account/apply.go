package account

import (
	"fmt"
	"strconv"
	"time"
)

// Command is something that happens to one account. The commands are the types of this package that have the method.
type Command interface {
	// apply changes c.Account, and adds the ledger entries and the activity that the change consists of.
	apply(c *Change, now time.Time, zone *time.Location) error
}

// Change is the outcome of a command, to be stored as a whole.
type Change struct {
	Account  Account
	Entries  []Entry
	Activity []Activity
	// Kept is what it takes to undo the command; nil where it cannot be undone, or leaves only a line of activity.
	Kept *Kept
	// Left are the names that the account had on routers and has no more; the credentials must leave them.
	Left []Place
	// Deleted says that the account is no more. Nothing else of the change then counts but Left.
	Deleted bool
}

// Place is a PPPoE user name on a router.
type Place struct {
	RouterID int64
	Username string
}

// Entry is one line of the wallet's ledger. A balance is the sum of its entries.
type Entry struct {
	Kind   EntryKind
	Amount Money // negative when it leaves the wallet
	// Plan, Periods, Start and End say what a renewal bought, or a refund took back.
	Plan       Plan
	Periods    int
	Start, End time.Time
	// InvoiceYear is the provider's year in which a renewal or refund is invoiced; 0 with other kinds.
	InvoiceYear int
}

// EntryKind says where a ledger entry comes from.
type EntryKind string

// The kinds.
const (
	EntryPayment  EntryKind = "payment"
	EntryRenewal  EntryKind = "renewal"
	EntryReversal EntryKind = "reversal" // of a payment
	EntryRefund   EntryKind = "refund"   // of a renewal
)

// Activity is one line of an account's history, for people. Before and After hold the facts that changed.
type Activity struct {
	Kind string
	// Actor is set when it was not who gave the command.
	Actor   string
	Summary string
	Before  map[string]string
	After   map[string]string
}

// Clock is the actor of what time alone does.
const Clock = "clock"

// Refused says why a command may not be applied to an account as it is. Its text is for the person who asked.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return r.Reason }

// Apply is the one way in which an account changes. It returns the change that cmd makes at now, by the calendar of
// zone, or a [*Refused] and no change at all. Due times that have passed unhandled are handled first, so a command that
// comes in the same second as an expiry finds the account expired.
func Apply(a Account, cmd Command, now time.Time, zone *time.Location) (Change, error) {
	change := Change{Account: a}
	change.settle(now, zone)
	change.explain(a, 0, now)
	settled, said := change.Account, len(change.Activity)
	if err := cmd.apply(&change, now, zone); err != nil {
		return Change{Account: a}, err
	}
	change.explain(settled, said, now)
	change.Account.DueAt = change.Account.NextDue(now)
	return change, nil
}

// explain adds what is different since before to the last line of activity, if there is one from said on.
func (c *Change) explain(before Account, said int, now time.Time) {
	if len(c.Activity) == said {
		return
	}
	was, is := facts(before, now), facts(c.Account, now)
	for key := range was {
		if was[key] == is[key] {
			delete(was, key)
			delete(is, key)
		}
	}
	if last := &c.Activity[len(c.Activity)-1]; len(was) > 0 {
		last.Before, last.After = was, is
	}
}

// facts are what a person may want to see changed. A password is not among them.
func facts(a Account, now time.Time) map[string]string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	f := map[string]string{
		"status":          string(a.Status(now)),
		"balance":         a.Balance.Decimal(),
		"plan":            a.Plan.Name,
		"next_plan":       "",
		"next_plan_at":    "",
		"expires_at":      at(a.ExpiresAt),
		"anchor_day":      strconv.Itoa(a.AnchorDay),
		"grace_until":     at(a.GraceUntil),
		"suspension":      "",
		"suspended_until": "",
		"name":            a.Contact.Name,
		"phone":           a.Contact.Phone,
		"email":           a.Contact.Email,
		"address":         a.Contact.Address,
		"pinned note":     a.Pinned,
		"username":        a.Username,
		"router":          strconv.FormatInt(a.RouterID, 10),
		"fixed_ip":        a.Address,
	}
	if a.Suspension != nil {
		f["suspension"], f["suspended_until"] = string(a.Suspension.Category), at(a.Suspension.Until)
	}
	if a.Next != nil {
		f["next_plan"], f["next_plan_at"] = a.Next.Plan.Name, at(a.Next.At)
	}
	return f
}

// readable writes an instant as people in zone read it.
func readable(t time.Time, zone *time.Location) string { return t.In(zone).Format("2 Jan 2006 15:04") }

func (c *Change) say(kind, format string, args ...any) {
	c.Activity = append(c.Activity, Activity{Kind: kind, Summary: fmt.Sprintf(format, args...)})
}

func (c *Change) post(e Entry) {
	c.Entries = append(c.Entries, e)
	c.Account.Balance.Minor += e.Amount.Minor
}

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
}

// Entry is one line of the wallet's ledger. A balance is the sum of its entries.
type Entry struct {
	Kind   EntryKind
	Amount Money // negative when it leaves the wallet
	// PlanID, Periods, Start and End say what a renewal bought.
	PlanID     int64
	Periods    int
	Start, End time.Time
}

// EntryKind says where a ledger entry comes from.
type EntryKind string

// The kinds.
const (
	EntryPayment EntryKind = "payment"
	EntryRenewal EntryKind = "renewal"
)

// Activity is one line of an account's history, for people. Before and After hold the facts that changed.
type Activity struct {
	Kind    string
	Summary string
	Before  map[string]string
	After   map[string]string
}

// Refused says why a command may not be applied to an account as it is. Its text is for the person who asked.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return r.Reason }

// Apply is the one way in which an account changes. It returns the change that cmd makes at now, by the calendar of
// zone, or a [*Refused] and no change at all.
func Apply(a Account, cmd Command, now time.Time, zone *time.Location) (Change, error) {
	change := Change{Account: a}
	if err := cmd.apply(&change, now, zone); err != nil {
		return Change{Account: a}, err
	}
	before, after := facts(a, now), facts(change.Account, now)
	for key := range before {
		if before[key] == after[key] {
			delete(before, key)
			delete(after, key)
		}
	}
	if n := len(change.Activity); n > 0 && len(before) > 0 {
		change.Activity[n-1].Before, change.Activity[n-1].After = before, after
	}
	return change, nil
}

func facts(a Account, now time.Time) map[string]string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	f := map[string]string{
		"status":      string(a.Status(now)),
		"balance":     a.Balance.Decimal(),
		"plan":        a.Plan.Name,
		"expires_at":  at(a.ExpiresAt),
		"anchor_day":  strconv.Itoa(a.AnchorDay),
		"grace_until": at(a.GraceUntil),
		"suspension":  "",
	}
	if a.Suspension != nil {
		f["suspension"] = string(a.Suspension.Category)
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

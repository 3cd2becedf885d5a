// Package account holds the rules of a subscriber's account: what a payment buys, when a package runs out, and what
// the router should hold as a result.
//
// It is pure: facts and a command go in, new facts, ledger entries and activity come out. It has no clock, no database
// and no network, so every rule can be tested by calling it. Callers serialise the commands of one account (a row lock)
// and store a Change as a whole or not at all.
//
// Finding the account that a payment belongs to, and driving the router, are left to others.
package account

import "time"

// Account is the facts of one subscriber. A status is never stored; it is derived by [Account.Status].
type Account struct {
	ID       int64
	Number   string // account number as printed on bills, for example ACC-0042
	RouterID int64
	Username string // PPPoE user name
	// CredentialGen counts changes of the PPPoE password, so that a new password makes a new [Line].
	CredentialGen int64
	Address       string // fixed IPv4 address, empty when the router's pool gives one
	Contact       Contact
	// Pinned is the note that staff see first; empty: none.
	Pinned string
	// Revision counts the edits by staff.
	Revision int64

	Plan Plan
	// Next is the package that takes over; nil: none is scheduled.
	Next *NextPlan
	// ExpiresAt is the instant at which the paid time ends; zero before the first payment.
	ExpiresAt time.Time
	// AnchorDay is the day of the month (1…31) that monthly periods return to after a short month; 0 before the first
	// monthly period.
	AnchorDay  int
	GraceUntil time.Time // zero: no grace
	Suspension *Suspension
	Balance    Money
	// DueAt is the first due time that nobody has handled; zero when there is none. See [Account.NextDue].
	DueAt time.Time
}

// Contact is how the subscriber is reached.
type Contact struct {
	Name    string
	Phone   string // E.164, may be empty
	Email   string
	Address string // where the line is
}

// NextPlan is a package change at the next renewal: at the end of the time that was paid when it was chosen, also when
// the renewal is paid early.
type NextPlan struct {
	Plan Plan
	At   time.Time
}

// Plan is what is sold: a speed, for a duration, at a price.
type Plan struct {
	ID       int64
	Name     string
	Rate     Rate
	Duration Duration
	Price    Money
	OnExpiry Policy
	// GardenRate is the rate of a customer in the garden; empty with Cut.
	GardenRate Rate
	Pool       string // address pool of this plan's customers, empty for the router's own
}

// Policy says what a customer of the plan meets once the package has run out.
type Policy string

// The policies. Cut ends the session and refuses the next dial. Garden lets the session go on, slow and in [GardenList],
// so that the customer sees how to pay and is back at once after it.
const (
	Cut    Policy = "cut"
	Garden Policy = "garden"
)

// Valid reports whether p is one of the policies above.
func (p Policy) Valid() bool { return p == Cut || p == Garden }

// Category is why an account is suspended. It decides who may lift the suspension.
type Category string

// The categories. A payment lifts a suspension for non-payment only; the others were a person's decision.
const (
	NonPayment      Category = "non-payment"
	Equipment       Category = "equipment"
	CustomerRequest Category = "customer-request"
	Other           Category = "other"
)

// Valid reports whether c is one of the categories above.
func (c Category) Valid() bool {
	switch c {
	case NonPayment, Equipment, CustomerRequest, Other:
		return true
	}
	return false
}

// Suspension is staff's decision to cut an account that may well be paid.
type Suspension struct {
	Category Category
	Reason   string
	Since    time.Time
	// ClockStoppedAt is up to when the paid time has been used, where the suspension stops the clock; zero where the time
	// goes on.
	ClockStoppedAt time.Time
	// Until is when time itself ends the suspension; zero: it lasts until somebody reconnects.
	Until time.Time
}

// Status is what the facts amount to at one instant.
type Status string

// The statuses, strongest first.
const (
	Suspended Status = "suspended"
	Active    Status = "active"
	Grace     Status = "grace"
	Expired   Status = "expired"
)

// Status derives the status at now: suspended, else active, else in grace, else expired.
func (a Account) Status(now time.Time) Status {
	switch {
	case a.Suspension != nil:
		return Suspended
	case now.Before(a.ExpiresAt):
		return Active
	case now.Before(a.GraceUntil):
		return Grace
	default:
		return Expired
	}
}

// NextDue returns the first instant after asOf at which the facts alone change the account, or zero when there is none.
// While the clock is stopped that can only be the end of the suspension.
func (a Account) NextDue(asOf time.Time) time.Time {
	var next time.Time
	var times []time.Time
	if !a.clockStopped() {
		times = append(times, a.ExpiresAt, a.GraceUntil)
		if a.Next != nil {
			times = append(times, a.Next.At)
		}
	}
	if a.Suspension != nil {
		times = append(times, a.Suspension.Until)
	}
	for _, t := range times {
		if t.After(asOf) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next
}

// Remaining is how much paid time is left at now; zero when none is.
func (a Account) Remaining(now time.Time) time.Duration {
	if a.clockStopped() {
		now = a.Suspension.ClockStoppedAt
	}
	return max(a.ExpiresAt.Sub(now), 0)
}

func (a Account) clockStopped() bool {
	return a.Suspension != nil && !a.Suspension.ClockStoppedAt.IsZero()
}

// renewalPlan is the plan that the next period is bought for.
func (a Account) renewalPlan() Plan {
	if a.Next != nil {
		return a.Next.Plan
	}
	return a.Plan
}

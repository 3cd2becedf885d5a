package account

import (
	"fmt"
	"time"
)

// Kept is what a command leaves behind for the time in which it can be undone.
type Kept struct {
	At     time.Time `json:"at"`
	Before Term      `json:"before"`
	After  Term      `json:"after"`
}

// Term is what the commands which can be undone may move: of an extension the paid time, of a note what is pinned, and of
// a suspension since when it is.
type Term struct {
	ExpiresAt      time.Time `json:"expires_at,omitzero"`
	AnchorDay      int       `json:"anchor_day,omitzero"`
	GraceUntil     time.Time `json:"grace_until,omitzero"`
	ClockStoppedAt time.Time `json:"clock_stopped_at,omitzero"`
	PlanID         int64     `json:"plan_id,omitzero"`
	NextPlanID     int64     `json:"next_plan_id,omitzero"`
	NextPlanAt     time.Time `json:"next_plan_at,omitzero"`
	Pinned         string    `json:"pinned,omitzero"`
	SuspendedAt    time.Time `json:"suspended_at,omitzero"`
}

// termOf is the paid time of an account.
func termOf(a Account) Term {
	t := Term{ExpiresAt: a.ExpiresAt, AnchorDay: a.AnchorDay, GraceUntil: a.GraceUntil, PlanID: a.Plan.ID}
	if a.Suspension != nil {
		t.ClockStoppedAt = a.Suspension.ClockStoppedAt
	}
	if a.Next != nil {
		t.NextPlanID, t.NextPlanAt = a.Next.Plan.ID, a.Next.At
	}
	return t
}

// UndoExtend takes an extension back. It is refused unless the paid time is as the extension left it.
type UndoExtend struct {
	Days int
	Kept Kept
	// Since is the first thing that moved the paid time after the extension, in the words of the activity; empty when that
	// is not known.
	Since string
}

func (u UndoExtend) apply(c *Change, now time.Time, zone *time.Location) error {
	a := &c.Account
	if was := differs(termOf(*a), u.Kept.After, zone); was != "" {
		if u.Since != "" {
			was += fmt.Sprintf(" (%s)", u.Since)
		}
		return &Refused{"the extension stays, because the paid time is not as it left it: " + was}
	}
	before := u.Kept.Before
	a.ExpiresAt, a.AnchorDay, a.GraceUntil = before.ExpiresAt, before.AnchorDay, before.GraceUntil
	if a.Next != nil {
		a.Next = &NextPlan{Plan: a.Next.Plan, At: before.NextPlanAt}
	}
	if a.clockStopped() {
		s := *a.Suspension
		s.ClockStoppedAt = before.ClockStoppedAt
		a.Suspension = &s
	}
	c.undone("Extension by "+Duration{u.Days, Days}.String()+" taken back", u.Kept.At, now, zone)
	return nil
}

// undone handles what would have become due since the command that was taken back, and says how the paid time is after it.
func (c *Change) undone(what string, since, now time.Time, zone *time.Location) {
	a := &c.Account
	a.DueAt = a.NextDue(since)
	c.settle(now, zone)
	switch {
	case a.ExpiresAt.IsZero():
		c.say("undo", "%s, nothing paid", what)
	case a.clockStopped():
		c.say("undo", "%s, the clock is stopped", what)
	case now.Before(a.ExpiresAt):
		c.say("undo", "%s, paid until %s", what, readable(a.ExpiresAt, zone))
	default:
		c.say("undo", "%s, expired since %s", what, readable(a.ExpiresAt, zone))
	}
}

// differs says in words how the paid time differs from what was left; empty when it does not.
func differs(is, left Term, zone *time.Location) string {
	switch {
	case is.PlanID != left.PlanID:
		return "the package was changed since"
	case is.NextPlanID != left.NextPlanID && is.NextPlanID == 0:
		return "the scheduled change of package was cancelled since"
	case is.NextPlanID != left.NextPlanID:
		return "another change of package was scheduled since"
	case !is.ClockStoppedAt.Equal(left.ClockStoppedAt) && is.ClockStoppedAt.IsZero():
		return "the account was reconnected since, and its clock goes on"
	case !is.ClockStoppedAt.Equal(left.ClockStoppedAt):
		return "the clock of the account was stopped or moved since"
	case !is.ExpiresAt.Equal(left.ExpiresAt):
		return fmt.Sprintf("paid until %s now, and until %s then", readable(is.ExpiresAt, zone), readable(left.ExpiresAt, zone))
	case !is.GraceUntil.Equal(left.GraceUntil) || is.AnchorDay != left.AnchorDay || !is.NextPlanAt.Equal(left.NextPlanAt):
		return "its grace, the day of its months or the change of package is another since"
	}
	return ""
}

// UndoNote withdraws a note. What it pinned gives way to what was pinned before, unless it was edited since.
type UndoNote struct {
	// Kept is that of a note that was pinned; zero: it was not.
	Kept Kept
}

func (u UndoNote) apply(c *Change, _ time.Time, _ *time.Location) error {
	if u.Kept.After.Pinned == c.Account.Pinned {
		c.pin(u.Kept.Before.Pinned)
	}
	c.say("undo", "Note withdrawn")
	return nil
}

// UndoSuspend takes a suspension back that was a mistake: it is as if the account had never been cut, so a clock that it
// stopped did not stop. It is refused unless the account is under that very suspension.
type UndoSuspend struct{ Kept Kept }

func (u UndoSuspend) apply(c *Change, now time.Time, zone *time.Location) error {
	a := &c.Account
	switch {
	case a.Suspension == nil:
		return &Refused{fmt.Sprintf("there is nothing to take back: %s is not suspended any more", a.Number)}
	case !a.Suspension.Since.Equal(u.Kept.After.SuspendedAt):
		return &Refused{fmt.Sprintf("that suspension is over: %s was suspended anew since, and that one stays", a.Number)}
	case a.clockStopped() && !a.Suspension.ClockStoppedAt.Equal(a.Suspension.Since):
		// Time that the clock stood is part of the paid time already, and may have been sold on.
		return &Refused{"the suspension stays, because its stopped clock has given time back since; reconnect the customer instead"}
	}
	a.Suspension = nil
	c.undone("Suspension taken back", u.Kept.At, now, zone)
	return nil
}

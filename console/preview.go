package console

import (
	"context"
	"time"

	"qserve/account"
	"qserve/db"
)

// PreviewView is what an order would come to. Nothing was changed.
type PreviewView struct {
	Kind    string    `json:"kind" example:"change-package"`
	Before  StateView `json:"before"`
	After   StateView `json:"after"`
	Summary []string  `json:"summary" doc:"What the activity would say."`
	// Then is what time alone does to the suspension afterwards.
	Then string `json:"then,omitempty" example:"Comes back by itself on 12 Dec 2026 00:00, paid until 31 Dec 2026 18:00." doc:"Of a suspension with a planned end: what happens then, if nothing else is done before."`
	// Customer is what the customer will notice.
	Customer string `json:"customer" example:"The speed changes in the running session, without a disconnection."`
}

// StateView is what an order may change of an account.
type StateView struct {
	Status       string     `json:"status" enum:"active,grace,expired,suspended" example:"active"`
	Plan         string     `json:"plan" example:"Home 10"`
	Rate         string     `json:"rate" doc:"Upload/download of the plan."`
	RenewalPrice Money      `json:"renewal_price" doc:"What the next period costs."`
	ExpiresAt    *time.Time `json:"expires_at"`
	Remaining    int64      `json:"remaining_seconds" example:"777600" doc:"Paid time that is left."`
	GraceUntil   *time.Time `json:"grace_until"`
	NextPlan     *string    `json:"next_plan" example:"Home 20" doc:"Plan that takes over at next_plan_at; null when none is scheduled."`
	NextPlanAt   *time.Time `json:"next_plan_at"`
	Balance      Money      `json:"balance"`
	// SuspendedUntil is the planned end of a suspension.
	SuspendedUntil *time.Time `json:"suspended_until,omitempty" doc:"When a suspension ends by itself."`
}

// Preview says what an order would come to if it were given now. What would be refused is a [*ConflictError].
func (s *Service) Preview(ctx context.Context, ref string, o Order) (PreviewView, error) {
	q := db.New(s.Pool)
	on, err := s.resolve(ctx, q, ref)
	if err != nil {
		return PreviewView{}, err
	}
	d, err := o.draft(ctx, s, q, on)
	if err != nil {
		return PreviewView{}, err
	}
	out, err := s.tryOut(ctx, q, on, d)
	if err != nil {
		return PreviewView{}, err
	}
	view := viewPreview(d.kind, out, on, s.Clock.Now())
	view.Then = planned(out.change.Account, s.Zone)
	return view, nil
}

// planned says what comes of an account when its suspension ends by itself, if nothing is done before; empty when no end is
// planned.
func planned(a account.Account, zone *time.Location) string {
	if a.Suspension == nil || a.Suspension.Until.IsZero() {
		return ""
	}
	until := a.Suspension.Until
	at := func(t time.Time) string { return t.In(zone).Format("2 Jan 2006 15:04") }
	ended, err := account.Apply(a, account.Expire{}, until, zone)
	if err != nil {
		return ""
	}
	switch is := ended.Account; is.Status(until) {
	case account.Active:
		return "Comes back by itself on " + at(until) + ", paid until " + at(is.ExpiresAt) + "."
	case account.Grace:
		return "Comes back by itself on " + at(until) + ", in grace until " + at(is.GraceUntil) + "."
	default:
		return "The suspension ends by itself on " + at(until) + ", but nothing is paid then."
	}
}

func viewPreview(kind string, out outcome, on subscriber, now time.Time) PreviewView {
	view := PreviewView{
		Kind: kind, Before: viewState(out.before, now), After: viewState(out.change.Account, now), Summary: []string{},
		Customer: notices(out, on.RouterMode == "radius", now),
	}
	for _, line := range out.change.Activity {
		view.Summary = append(view.Summary, line.Summary)
	}
	return view
}

func viewState(a account.Account, now time.Time) StateView {
	v := StateView{
		Status: string(a.Status(now)), Plan: a.Plan.Name, Rate: string(a.Plan.Rate), RenewalPrice: viewMoney(a.Plan.Price),
		ExpiresAt: moment(a.ExpiresAt), Remaining: int64(a.Remaining(now).Seconds()), GraceUntil: moment(a.GraceUntil),
		Balance: viewMoney(a.Balance),
	}
	if a.Suspension != nil {
		v.SuspendedUntil = moment(a.Suspension.Until)
	}
	if a.Next != nil {
		v.NextPlan, v.NextPlanAt, v.RenewalPrice = &a.Next.Plan.Name, moment(a.Next.At), viewMoney(a.Next.Plan.Price)
	}
	return v
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// What a customer who is online notices.
const (
	noticeNothing   = "Nothing."
	noticeCut       = "The session ends at once, and dialling is refused."
	noticeGone      = "The session ends at once, and the user name stops working."
	noticeBack      = "The next dial succeeds, within seconds."
	noticeRate      = "The speed changes in the running session, without a disconnection."
	noticeReconnect = "A short reconnect of 5 to 30 seconds, because this router changes the speed of a session only at its next dial."
	noticeName      = "The session ends, and the customer has to dial with the new user name."
	noticePassword  = "The running session goes on; the next dial needs the new password."
	noticeAddress   = "A short reconnect, which brings the new address."
)

// notices tells what an order does to the line. A router of mode radius changes a running session by CoA; one of mode
// local can change it for a customer with a fixed address, whose rate is kept in a queue of Qserve's.
func notices(out outcome, radius bool, now time.Time) string {
	was, is := out.before.Desired(now), out.change.Account.Desired(now)
	live := radius || (was.Address != "" && was.Address == is.Address)
	switch {
	case out.change.Deleted:
		return noticeGone
	case len(out.change.Left) > 0:
		return noticeName
	case was.State != is.State && is.State == account.LineEnabled:
		return noticeBack
	case was.State != is.State:
		return noticeCut
	case is.State != account.LineEnabled:
		return noticeNothing
	case was.Address != is.Address:
		return noticeAddress
	case (was.Rate != is.Rate || was.AddressList != is.AddressList) && live:
		return noticeRate
	case was.Rate != is.Rate || was.AddressList != is.AddressList || was.Pool != is.Pool:
		return noticeReconnect
	case was.CredentialGen != is.CredentialGen:
		return noticePassword
	}
	return noticeNothing
}

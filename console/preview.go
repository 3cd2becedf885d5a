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
	return viewPreview(d.kind, out, on, s.Clock.Now()), nil
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

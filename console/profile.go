package console

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// silentIntervals is after how many intervals without accounting, and without a list of the router's sessions, a session
// is no longer taken to run. One interim record may be lost (RFC 2866 §4.1: UDP), and the next one late.
const silentIntervals = 3

// Subscriber returns the profile of a subscriber, by account number as anyone types it or else by id. What is not there
// is a [*NotFoundError].
func (s *Service) Subscriber(ctx context.Context, ref string) (SubscriberView, error) {
	view, _, err := s.SubscriberWithPlan(ctx, ref)
	return view, err
}

// SubscriberWithPlan is Subscriber, and what there is to know of the plan.
func (s *Service) SubscriberWithPlan(ctx context.Context, ref string) (SubscriberView, Offer, error) {
	id, _ := parseID(ref)
	row, err := db.New(s.Pool).FindOne(ctx, db.FindOneParams{AccountKey: account.NormalizeReference(ref), ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return SubscriberView{}, Offer{}, missing("account %.40q", ref)
	}
	if err != nil {
		return SubscriberView{}, Offer{}, fmt.Errorf("read account %.40q: %w", ref, err)
	}
	now := s.Clock.Now()
	view := viewSubscriber(row.Subscriber, row.Plan.Name, row.Router, row.NextPlan, now)
	view.Connection, view.Confirmed = viewConnection(row, now), &row.Confirmed
	return view, viewOffer(row.Plan), nil
}

// viewSubscriber shows a subscriber at now. nextPlan is empty when none is scheduled.
func viewSubscriber(row db.Subscriber, plan, router, nextPlan string, now time.Time) SubscriberView {
	facts := db.Facts(row, db.Plan{}, nil)
	view := SubscriberView{
		ID: row.ID, Account: row.Account, Name: row.Name, Phone: row.Phone, Email: row.Email, Address: row.Address,
		Username: row.Username, FixedIP: facts.Address, Plan: plan, Router: router, Status: string(facts.Status(now)),
		ExpiresAt: utc(row.ExpiresAt), Remaining: int64(facts.Remaining(now) / time.Second), GraceUntil: utc(row.GraceUntil),
		NextPlanAt: utc(row.NextPlanAt), Balance: viewMoney(facts.Balance),
		PinnedNote: row.PinnedNote, Revision: row.Revision,
	}
	if nextPlan != "" {
		view.NextPlan = &nextPlan
	}
	if facts.Suspension != nil {
		view.Suspension = &SuspensionView{
			Category: string(facts.Suspension.Category), Reason: facts.Suspension.Reason, Since: facts.Suspension.Since,
			Until: utc(row.SuspendedUntil), ClockStoppedAt: utc(row.ClockStoppedAt),
		}
	}
	return view
}

// viewConnection shows what is known of a connection. A router is heard of it by a record of the session, or by a list of
// all sessions: one in which it is missing ends it.
func viewConnection(row db.FindOneRow, now time.Time) *ConnectionView {
	var heard time.Time
	if row.SessionsAt != nil {
		heard = *row.SessionsAt
	}
	if row.SessionSeen.After(heard) {
		heard = row.SessionSeen
	}
	view := &ConnectionView{AsOf: moment(heard)}
	if row.SessionID == "" {
		return view
	}
	view.LastSeen = moment(row.SessionSeen)
	silent := now.Sub(heard) > silentIntervals*time.Duration(row.InterimSeconds)*time.Second
	if row.SessionEnded != nil || silent {
		return view
	}
	view.Online, view.SessionID, view.Since, view.Rate = true, row.SessionID, moment(row.SessionSince), row.SessionRate
	if row.SessionAddress != nil {
		view.Address = row.SessionAddress.String()
	}
	return view
}

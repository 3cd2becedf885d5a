package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// Profile is one subscriber as staff see it.
type Profile struct {
	Subscriber db.Subscriber
	Router     string
	Facts      account.Account
	Status     account.Status
	Sessions   []db.Session
	Payments   []db.Payment
	Activity   []db.Activity
	Provision  db.ProvisionOfRow
}

// historyLength is how many payments and lines of activity a profile carries.
const historyLength = 50

// Profile returns a subscriber by account number, however it is typed.
func (s *Service) Profile(ctx context.Context, number string) (Profile, error) {
	q := db.New(s.Pool)
	row, err := q.SubscriberByKey(ctx, account.NormalizeReference(number))
	if errors.Is(err, pgx.ErrNoRows) {
		return Profile{}, bad("account", "there is no account %q", number)
	}
	if err != nil {
		return Profile{}, fmt.Errorf("read account %q: %w", number, err)
	}
	p := Profile{Subscriber: row.Subscriber, Router: row.RouterName, Facts: db.Facts(row.Subscriber, row.Plan)}
	p.Status = p.Facts.Status(s.Clock.Now())
	id := row.Subscriber.ID
	where := db.OpenSessionsParams{RouterID: row.Subscriber.RouterID, Username: row.Subscriber.Username}
	if p.Sessions, err = q.OpenSessions(ctx, where); err != nil {
		return Profile{}, fmt.Errorf("read the sessions of %q: %w", number, err)
	}
	if p.Payments, err = q.PaymentsOf(ctx, db.PaymentsOfParams{SubscriberID: &id, Most: historyLength}); err != nil {
		return Profile{}, fmt.Errorf("read the payments of %q: %w", number, err)
	}
	if p.Activity, err = q.ActivityOf(ctx, db.ActivityOfParams{SubscriberID: id, Most: historyLength}); err != nil {
		return Profile{}, fmt.Errorf("read the activity of %q: %w", number, err)
	}
	if p.Provision, err = q.ProvisionOf(ctx, db.ProvisionOfParams(where)); err != nil {
		return Profile{}, fmt.Errorf("read what %s should hold for %q: %w", row.RouterName, number, err)
	}
	return p, nil
}

// Command stores an action on an account, rings for it, and returns its id. The workers apply it, or refuse it with a
// reason that the action then carries.
func (s *Service) Command(ctx context.Context, number, kind string, arguments any, actor string) (int64, error) {
	q := db.New(s.Pool)
	row, err := q.SubscriberByKey(ctx, account.NormalizeReference(number))
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, bad("account", "there is no account %q", number)
	}
	if err != nil {
		return 0, fmt.Errorf("read account %q: %w", number, err)
	}
	args, err := json.Marshal(arguments)
	if err != nil {
		return 0, fmt.Errorf("write the arguments of %s: %w", kind, err)
	}
	id, err := q.InsertAction(ctx, db.InsertActionParams{
		Kind: kind, SubscriberID: row.Subscriber.ID, Actor: actor, Arguments: args, State: "accepted",
		AcceptedAt: s.Clock.Now(),
	})
	if err != nil {
		err = taken(err, map[string]error{"actions_kind_check": bad("kind", "there is no command %q", kind)})
		return 0, fmt.Errorf("store the action %s on %q: %w", kind, number, err)
	}
	s.Ring.RingAction(ctx, id, kind)
	return id, nil
}

// ActionView is an action and how far its routers are.
type ActionView struct {
	db.Action
	Routers []db.ActionRoutersRow
}

// Action returns an action by its id.
func (s *Service) Action(ctx context.Context, id int64) (ActionView, error) {
	q := db.New(s.Pool)
	row, err := q.ActionByID(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return ActionView{}, bad("action", "there is no action %d", id)
	}
	if err != nil {
		return ActionView{}, fmt.Errorf("read action %d: %w", id, err)
	}
	routers, err := q.ActionRouters(ctx, id)
	if err != nil {
		return ActionView{}, fmt.Errorf("read the routers of action %d: %w", id, err)
	}
	return ActionView{Action: row, Routers: routers}, nil
}

// pollEvery is how often Follow looks: a person is waiting, and the look is one index access.
const pollEvery = 50 * time.Millisecond

// Follow waits until an action is confirmed or refused, or ctx ends, and returns it as it was last seen.
func (s *Service) Follow(ctx context.Context, id int64) (ActionView, error) {
	var seen ActionView
	for {
		view, err := s.Action(ctx, id)
		if err != nil && ctx.Err() != nil && seen.ID != 0 {
			return seen, nil
		}
		seen = view
		if err != nil || view.State == "confirmed" || view.State == "refused" {
			return view, err
		}
		if s.Clock.WaitUntil(ctx, s.Clock.Now().Add(pollEvery)) != nil {
			return view, nil
		}
	}
}

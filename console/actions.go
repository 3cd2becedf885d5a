package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// Given is an action that was accepted.
type Given struct {
	ActionView
	Password string `json:"password,omitempty" doc:"The PPPoE password that was made; it is not shown again."`
}

// Give stores an order on an account as an action, rings for it, and returns it. The workers apply it within moments;
// follow it until a router has confirmed. What the rules would refuse as things are is a [*ConflictError] now, but the
// rules look once more when it is applied, after everything that was asked for before.
func (s *Service) Give(ctx context.Context, by By, ref string, o Order) (Given, error) {
	q := db.New(s.Pool)
	if repeated, ok, err := s.repeated(ctx, q, by); ok || err != nil {
		return Given{ActionView: repeated}, err
	}
	on, err := s.resolve(ctx, q, ref)
	if err != nil {
		return Given{}, err
	}
	d, err := o.draft(ctx, s, q, on)
	if err != nil {
		return Given{}, err
	}
	if _, err := s.tryOut(ctx, q, on, d); err != nil {
		return Given{}, err
	}
	given, err := s.accept(ctx, q, by, on.Subscriber.ID, d)
	if err != nil {
		return Given{}, err
	}
	s.Ring.RingAction(ctx, given.ID, d.kind)
	return given, nil
}

// repeated returns the action that the same request has given before.
func (s *Service) repeated(ctx context.Context, q *db.Queries, by By) (ActionView, bool, error) {
	if by.RequestKey == "" {
		return ActionView{}, false, nil
	}
	row, err := q.ActionOfRequest(ctx, by.RequestKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return ActionView{}, false, nil
	}
	if err != nil {
		return ActionView{}, false, fmt.Errorf("look for an earlier request: %w", err)
	}
	view, err := s.action(ctx, q, row.ID)
	return view, true, err
}

// accept stores an action, or finds the one that the same request has just stored: then the password of this draft is
// nobody's. The caller rings once it is committed.
func (s *Service) accept(ctx context.Context, q *db.Queries, by By, subscriber int64, d draft) (Given, error) {
	arguments, err := json.Marshal(d.arguments)
	if err != nil {
		return Given{}, fmt.Errorf("write the arguments of %s: %w", d.kind, err)
	}
	now := s.Clock.Now()
	id, err := q.InsertAction(ctx, db.InsertActionParams{
		Kind: d.kind, SubscriberID: subscriber, Actor: by.Actor, Source: by.Source, RequestKey: by.RequestKey, Arguments: arguments,
		AcceptedAt: now,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		view, _, err := s.repeated(ctx, q, by)
		return Given{ActionView: view}, err
	}
	if err != nil {
		return Given{}, fmt.Errorf("store the action %s on subscriber %d: %w", d.kind, subscriber, err)
	}
	return Given{Password: d.password, ActionView: ActionView{
		ID: id, Kind: d.kind, Subscriber: &subscriber, State: "accepted", Actor: by.Actor, AcceptedAt: now.UTC(),
		Routers: []ActionRouterView{},
	}}, nil
}

// outcome is what an order would come to.
type outcome struct {
	before account.Account
	change account.Change
}

// tryOut applies a draft to the facts as they will be after everything that was asked for before, and stores nothing.
func (s *Service) tryOut(ctx context.Context, q *db.Queries, on subscriber, d draft) (outcome, error) {
	asIs, waiting, err := factsAndWaiting(ctx, q, on)
	if err != nil {
		return outcome{}, err
	}
	now, facts := s.Clock.Now(), s.after(ctx, q, asIs, waiting, 0)
	if d.revision != 0 && d.revision != facts.Revision {
		return outcome{}, &StaleError{on.Subscriber.Account + " was edited by somebody else meanwhile; read it again"}
	}
	if undo, ok := d.arguments.(db.UndoArguments); ok && slices.ContainsFunc(waiting, func(row db.Action) bool { return row.ID == undo.ActionID }) {
		// What is undone waits itself, and has left nothing yet to be put back.
		return outcome{before: facts, change: account.Change{Account: s.after(ctx, q, asIs, waiting, undo.ActionID)}}, nil
	}
	arguments, err := json.Marshal(d.arguments)
	if err != nil {
		return outcome{}, fmt.Errorf("write the arguments of %s: %w", d.kind, err)
	}
	change, err := apply(ctx, q, d.kind, arguments, facts, now, s.Zone)
	if taken, ok := errors.AsType[*db.Taken](err); ok {
		return outcome{}, conflict(taken.Field, "%s", taken.Reason)
	}
	if refused, ok := errors.AsType[*account.Refused](err); ok {
		return outcome{}, conflict("", "%s", refused.Reason)
	}
	return outcome{before: facts, change: change}, err
}

// factsAndWaiting reads how an account is, and what was asked for before and is not applied yet.
func factsAndWaiting(ctx context.Context, q *db.Queries, on subscriber) (account.Account, []db.Action, error) {
	next, err := db.NextPlan(ctx, q, on.Subscriber)
	if err != nil {
		return account.Account{}, nil, err
	}
	waiting, err := q.AcceptedActions(ctx, on.Subscriber.ID)
	if err != nil {
		return account.Account{}, nil, fmt.Errorf("read the waiting actions of %s: %w", on.Subscriber.Account, err)
	}
	return db.Facts(on.Subscriber, on.Plan, next), waiting, nil
}

// after is what the facts will be after the waiting actions, except one that is left out. Those that will be refused change nothing.
func (s *Service) after(ctx context.Context, q *db.Queries, facts account.Account, waiting []db.Action, but int64) account.Account {
	for _, row := range waiting {
		if row.ID == but {
			continue
		}
		if change, err := apply(ctx, q, row.Kind, row.Arguments, facts, s.Clock.Now(), s.Zone); err == nil && !change.Deleted {
			facts = change.Account
		}
	}
	return facts
}

func apply(
	ctx context.Context, q *db.Queries, kind string, arguments []byte, facts account.Account, now time.Time, zone *time.Location,
) (account.Change, error) {
	order, err := db.ReadOrder(ctx, q, kind, arguments, facts, now)
	if err != nil {
		return account.Change{}, err
	}
	return account.Apply(facts, order.Command, now, zone)
}

// Action returns an action by its id.
func (s *Service) Action(ctx context.Context, id int64) (ActionView, error) {
	return s.action(ctx, db.New(s.Pool), id)
}

func (s *Service) action(ctx context.Context, q *db.Queries, id int64) (ActionView, error) {
	row, err := q.ActionByID(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return ActionView{}, missing("action %d", id)
	}
	if err != nil {
		return ActionView{}, fmt.Errorf("read action %d: %w", id, err)
	}
	routers, err := routersOf(ctx, q, id)
	if err != nil {
		return ActionView{}, fmt.Errorf("read the routers of action %d: %w", id, err)
	}
	return viewAction(row, routers[id]), nil
}

// routersOf reads how far the routers are with some actions.
func routersOf(ctx context.Context, q *db.Queries, actions ...int64) (map[int64][]ActionRouterView, error) {
	views := map[int64][]ActionRouterView{}
	if len(actions) == 0 {
		return views, nil
	}
	rows, err := q.RoutersOfActions(ctx, actions)
	for _, r := range rows {
		view := ActionRouterView{Router: r.Router, Username: r.Username, Confirmed: r.Confirmed}
		if !r.Confirmed {
			view.Attempts, view.NextTryAt, view.LastError = int(r.Attempts), utc(r.NextTryAt), r.LastError
		}
		views[r.ActionID] = append(views[r.ActionID], view)
	}
	return views, err
}

// How often Watch looks: a person is waiting, and a look is two index accesses. After a while nothing is urgent.
const (
	lookEvery  = 50 * time.Millisecond
	lookSlower = time.Second
	lookSlowly = 10 * time.Second
)

// Watch tells each change of an action, beginning with how it is, until it is final, ctx ends, or tell fails.
func (s *Service) Watch(ctx context.Context, id int64, tell func(ActionView) error) error {
	told, begun := "", s.Clock.Now()
	for {
		view, err := s.Action(ctx, id)
		if err != nil {
			return err
		}
		text, err := json.Marshal(view)
		if err != nil {
			return fmt.Errorf("write action %d: %w", id, err)
		}
		if string(text) != told {
			told = string(text)
			if err := tell(view); err != nil {
				return err
			}
		}
		if view.Final() {
			return nil
		}
		now, pause := s.Clock.Now(), lookEvery
		if now.Sub(begun) > lookSlowly {
			pause = lookSlower
		}
		if err := s.Clock.WaitUntil(ctx, now.Add(pause)); err != nil {
			return err
		}
	}
}

// Follow waits until an action is final, or ctx ends, and returns it as it was last seen.
func (s *Service) Follow(ctx context.Context, id int64) (ActionView, error) {
	var seen ActionView
	err := s.Watch(ctx, id, func(v ActionView) error { seen = v; return nil })
	if ctx.Err() != nil && seen.ID != 0 {
		return seen, nil
	}
	return seen, err
}

func parseID(text string) (int64, bool) {
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil && id > 0
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

package console

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// Duration is a plan's length.
type Duration struct {
	Count int          `json:"count" example:"30" minimum:"1"`
	Unit  account.Unit `json:"unit" enum:"hours,days,months" example:"days"`
}

// PlanView is one plan.
type PlanView struct {
	Name        string     `json:"name" example:"Home 10"`
	Rate        string     `json:"rate" example:"5M/10M" doc:"Upload/download, in RouterOS' grammar."`
	Duration    Duration   `json:"duration"`
	Price       Money      `json:"price" doc:"Of one period."`
	OnExpiry    string     `json:"on_expiry" enum:"cut,garden" doc:"What a customer meets once the paid time has run out: no session at all, or a slow one in the address list qserve-expired."`
	GardenRate  string     `json:"garden_rate,omitempty" example:"256k/256k" doc:"Rate in the garden."`
	Pool        string     `json:"pool" doc:"Address pool on the routers; empty for each router's own."`
	ArchivedAt  *time.Time `json:"archived_at" doc:"Set when the plan can be chosen no more. Who has it keeps it."`
	Subscribers int64      `json:"subscribers" example:"118" doc:"How many have it as their current package."`
}

func planTaken(err error, name string) error {
	return taken(err, map[string]error{
		"plans_name_key": conflict("name", "there is a plan %q already; archived ones keep their names too", name),
	})
}

func viewPlan(p db.Plan, subscribers int64) PlanView {
	return PlanView{
		Name: p.Name, Rate: p.Rate, Duration: Duration{int(p.DurationCount), account.Unit(p.DurationUnit)},
		Price:    viewMoney(account.Money{Minor: p.PriceMinor, Currency: p.Currency}),
		OnExpiry: p.OnExpiry, GardenRate: p.GardenRate, Pool: p.Pool, ArchivedAt: utc(p.ArchivedAt), Subscribers: subscribers,
	}
}

// facts are a plan as the audit log shows what was different.
func (v PlanView) facts() map[string]string {
	return map[string]string{
		"name": v.Name, "rate": v.Rate, "duration": account.Duration(v.Duration).String(), "price": v.Price.Amount,
		"on_expiry": v.OnExpiry, "garden_rate": v.GardenRate, "pool": v.Pool,
	}
}

// differ leaves in both what is not the same in them.
func differ(before, after map[string]string) (was, is map[string]string) {
	was, is = maps.Clone(before), maps.Clone(after)
	for key, value := range before {
		if after[key] == value {
			delete(was, key)
			delete(is, key)
		}
	}
	return was, is
}

// Plans lists the plans that are sold, and with archived also those that are not any more.
func (s *Service) Plans(ctx context.Context, archived bool) ([]PlanView, error) {
	rows, err := db.New(s.Pool).ListPlans(ctx)
	if err != nil {
		return nil, fmt.Errorf("list plans: %w", err)
	}
	views := make([]PlanView, 0, len(rows))
	for _, row := range rows {
		if archived || row.Plan.ArchivedAt == nil {
			views = append(views, viewPlan(row.Plan, row.Subscribers))
		}
	}
	return views, nil
}

// Plan returns one plan by its name, also an archived one. Its error is a [*NotFoundError] when there is none.
func (s *Service) Plan(ctx context.Context, name string) (PlanView, error) {
	return readPlan(ctx, name, db.New(s.Pool).PlanByName, db.New(s.Pool))
}

func readPlan(ctx context.Context, name string, read func(context.Context, string) (db.Plan, error), q *db.Queries) (PlanView, error) {
	row, err := read(ctx, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return PlanView{}, missing("plan %q", name)
	}
	if err != nil {
		return PlanView{}, fmt.Errorf("read plan %q: %w", name, err)
	}
	subscribers, err := q.CountPlanSubscribers(ctx, row.ID)
	if err != nil {
		return PlanView{}, fmt.Errorf("count the subscribers of plan %q: %w", name, err)
	}
	return viewPlan(row, subscribers), nil
}

// AddPlan stores a plan. Its errors are [*FieldError] where the input is wrong, and [*ConflictError] when the name is
// taken.
func (s *Service) AddPlan(ctx context.Context, by By, p NewPlan) (PlanView, error) {
	row, err := checkPlan(p, s.Currency)
	if err != nil {
		return PlanView{}, err
	}
	var view PlanView
	err = db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		stored, err := q.CreatePlan(ctx, row)
		if err != nil {
			return planTaken(err, row.Name)
		}
		view = viewPlan(stored, 0)
		return note(ctx, q, by, s.Clock.Now(), "plan-add", "plan "+view.Name, "Plan "+view.Name+" added", nil, view.facts())
	})
	if err != nil {
		return PlanView{}, fmt.Errorf("add plan: %w", err)
	}
	return view, nil
}

// ChangePlan changes a plan, archived or not. Its errors are those of [Service.AddPlan] and [*NotFoundError].
//
// Its subscribers are made due once the plan is committed, so that nobody who then handles them still reads the plan of
// before. A request that failed between the two may be repeated: it makes them due again.
func (s *Service) ChangePlan(ctx context.Context, by By, name string, change PlanChange) (PlanView, error) {
	var view PlanView
	var id int64
	err := db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.LockPlan(ctx, name)
		if errors.Is(err, pgx.ErrNoRows) {
			return missing("plan %q", name)
		}
		if err != nil {
			return err
		}
		before := viewPlan(row, 0)
		wanted, err := checkPlan(change.over(before), row.Currency)
		if err != nil {
			return err
		}
		row, err = q.ChangePlan(ctx, db.ChangePlanParams{
			ID: row.ID, Name: wanted.Name, Rate: wanted.Rate, DurationCount: wanted.DurationCount,
			DurationUnit: wanted.DurationUnit, PriceMinor: wanted.PriceMinor, OnExpiry: wanted.OnExpiry,
			GardenRate: wanted.GardenRate, Pool: wanted.Pool,
		})
		if err != nil {
			return planTaken(err, wanted.Name)
		}
		view = viewPlan(row, 0)
		was, is := differ(before.facts(), view.facts())
		id = row.ID
		if view.Subscribers, err = q.CountPlanSubscribers(ctx, id); err != nil || len(is) == 0 {
			return err
		}
		summary := fmt.Sprintf("Plan %s changed: %s", name, strings.Join(slices.Sorted(maps.Keys(is)), ", "))
		return note(ctx, q, by, s.Clock.Now(), "plan-change", "plan "+name, summary, was, is)
	})
	if err == nil && change.reachesLines() {
		err = db.New(s.Pool).LookAtPlanSubscribers(ctx, db.LookAtPlanSubscribersParams{PlanID: id, Now: s.Clock.Now()})
	}
	if err != nil {
		return PlanView{}, fmt.Errorf("change plan: %w", err)
	}
	return view, nil
}

// ArchivePlan takes a plan out of what can be chosen; who has it keeps it. Its errors are [*NotFoundError], and
// [*ConflictError] when it is archived already.
func (s *Service) ArchivePlan(ctx context.Context, by By, name string) (PlanView, error) {
	var view PlanView
	now := s.Clock.Now()
	err := db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) (err error) {
		if view, err = readPlan(ctx, name, q.LockPlan, q); err != nil {
			return err
		}
		if view.ArchivedAt != nil {
			return conflict("", "plan %q is archived already", name)
		}
		if err := q.ArchivePlan(ctx, db.ArchivePlanParams{Name: name, Now: now}); err != nil {
			return err
		}
		view.ArchivedAt = utc(&now)
		return note(ctx, q, by, now, "plan-archive", "plan "+name, "Plan "+name+" archived", nil, nil)
	})
	if err != nil {
		return PlanView{}, fmt.Errorf("archive plan: %w", err)
	}
	return view, nil
}

package console

import (
	"context"
	"fmt"
	"strings"

	"qserve/account"
	"qserve/db"
)

// NewPlan is a plan to be sold.
type NewPlan struct {
	Name     string
	Rate     string // upload/download in RouterOS' grammar, for example 5M/10M
	Duration account.Duration
	Price    string // decimal, in the provider's currency
	Pool     string // address pool on the routers; empty for each router's own
}

// AddPlan stores a plan. Its errors are [*FieldError] where the input is wrong.
func (s *Service) AddPlan(ctx context.Context, p NewPlan) (db.Plan, error) {
	p.Name = strings.TrimSpace(p.Name)
	if err := checkLine("name", p.Name, 1, 100); err != nil {
		return db.Plan{}, err
	}
	rate, err := account.ParseRate(p.Rate)
	if err != nil {
		return db.Plan{}, bad("rate", "%v", err)
	}
	if err := p.Duration.Validate(); err != nil {
		return db.Plan{}, bad("duration", "%v", err)
	}
	price, err := account.ParseMoney(p.Price, s.Currency)
	if err != nil {
		return db.Plan{}, bad("price", "%v", err)
	}
	if price.Minor <= 0 {
		return db.Plan{}, bad("price", "must be more than zero")
	}
	if err := checkLine("pool", p.Pool, 0, 100); err != nil {
		return db.Plan{}, err
	}
	row, err := db.New(s.Pool).CreatePlan(ctx, db.CreatePlanParams{
		Name: p.Name, Rate: string(rate), DurationCount: int32(p.Duration.Count),
		DurationUnit: string(p.Duration.Unit), PriceMinor: price.Minor, Currency: price.Currency,
		OnExpiry: string(account.Cut), Pool: p.Pool,
	})
	if err != nil {
		err = taken(err, map[string]error{"plans_name_key": bad("name", "there is a plan %q already", p.Name)})
		return db.Plan{}, fmt.Errorf("add plan: %w", err)
	}
	return row, nil
}

// Plans lists the plans that are sold.
func (s *Service) Plans(ctx context.Context) ([]db.Plan, error) {
	rows, err := db.New(s.Pool).ListPlans(ctx)
	if err != nil {
		return nil, fmt.Errorf("list plans: %w", err)
	}
	return rows, nil
}

package console

import (
	"strings"

	"qserve/account"
	"qserve/db"
)

// NewPlan is a plan to be sold.
type NewPlan struct {
	Name       string   `json:"name" example:"Home 10"`
	Rate       string   `json:"rate" example:"5M/10M" doc:"Upload/download, in RouterOS' grammar."`
	Duration   Duration `json:"duration"`
	Price      Money    `json:"price" doc:"Of one period, in the provider's currency."`
	OnExpiry   string   `json:"on_expiry,omitempty" enum:"cut,garden" default:"cut"`
	GardenRate string   `json:"garden_rate,omitempty" example:"256k/256k" doc:"With on_expiry garden only; 256k/256k when not given."`
	Pool       string   `json:"pool,omitempty" doc:"Address pool on the routers, when not each router's own."`
}

// PlanChange is what is to be different about a plan; nil leaves a field as it is. Rate, pool and what happens at expiry
// reach everybody who has the plan at once; price and duration count from each one's next renewal.
type PlanChange struct {
	Name       *string   `json:"name,omitempty" example:"Home 10"`
	Rate       *string   `json:"rate,omitempty" example:"8M/16M"`
	Duration   *Duration `json:"duration,omitempty"`
	Price      *Money    `json:"price,omitempty"`
	OnExpiry   *string   `json:"on_expiry,omitempty" enum:"cut,garden"`
	GardenRate *string   `json:"garden_rate,omitempty" example:"256k/256k" doc:"Rate in the garden."`
	Pool       *string   `json:"pool,omitempty" example:"homes" doc:"Address pool on the routers; empty for each router's own."`
}

// gardenRate is enough for a pay page and too slow to stay.
const gardenRate = "256k/256k"

// checkPlan turns a plan as staff write it into a row. Its errors are [*FieldError].
func checkPlan(p NewPlan, currency string) (db.CreatePlanParams, error) {
	none := db.CreatePlanParams{}
	p.Name = strings.TrimSpace(p.Name)
	if err := checkLine("name", p.Name, 1, 100); err != nil {
		return none, err
	}
	rate, err := account.ParseRate(p.Rate)
	if err != nil {
		return none, bad("rate", "%v", err)
	}
	if err := account.Duration(p.Duration).Validate(); err != nil {
		return none, bad("duration", "%v", err)
	}
	if p.Price.Currency != currency {
		return none, bad("price", "must be in %s", currency)
	}
	price, err := account.ParseMoney(p.Price.Amount, currency)
	if err != nil {
		return none, bad("price", "%v", err)
	}
	if price.Minor <= 0 {
		return none, bad("price", "must be more than zero")
	}
	if err := checkLine("pool", p.Pool, 0, 100); err != nil {
		return none, err
	}
	row := db.CreatePlanParams{
		Name: p.Name, Rate: string(rate), DurationCount: int32(p.Duration.Count), // a century at most
		DurationUnit: string(p.Duration.Unit), PriceMinor: price.Minor, Currency: currency,
		OnExpiry: string(account.Cut), Pool: p.Pool,
	}
	if p.OnExpiry != "" {
		row.OnExpiry = p.OnExpiry
	}
	switch account.Policy(row.OnExpiry) {
	case account.Cut:
		if p.GardenRate != "" {
			return none, bad("garden_rate", "is for plans whose on_expiry is garden")
		}
	case account.Garden:
		if p.GardenRate == "" {
			p.GardenRate = gardenRate
		}
		slow, err := account.ParseRate(p.GardenRate)
		if err != nil {
			return none, bad("garden_rate", "%v", err)
		}
		row.GardenRate = string(slow)
	default:
		return none, bad("on_expiry", "must be cut or garden, not %q", p.OnExpiry)
	}
	return row, nil
}

// over lays the change over a plan as it is.
func (c PlanChange) over(v PlanView) NewPlan {
	p := NewPlan{
		Name: v.Name, Rate: v.Rate, Duration: v.Duration, Price: v.Price, OnExpiry: v.OnExpiry, GardenRate: v.GardenRate, Pool: v.Pool,
	}
	set(&p.Name, c.Name)
	set(&p.Rate, c.Rate)
	set(&p.Duration, c.Duration)
	set(&p.Price, c.Price)
	set(&p.OnExpiry, c.OnExpiry)
	set(&p.Pool, c.Pool)
	if p.OnExpiry == string(account.Cut) {
		p.GardenRate = ""
	}
	set(&p.GardenRate, c.GardenRate)
	return p
}

// reachesLines reports whether what routers hold for the plan's subscribers may have to differ. The workers find those who
// are made due for it within a second.
func (c PlanChange) reachesLines() bool {
	return c.Rate != nil || c.Pool != nil || c.OnExpiry != nil || c.GardenRate != nil
}

// set changes what is to be changed.
func set[T any](into, to *T) {
	if to != nil {
		*into = *to
	}
}

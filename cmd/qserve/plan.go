package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"qserve/account"
	"qserve/console"
)

type planCommands struct {
	Add     planAdd     `cmd:"" help:"Add a plan."`
	List    planList    `cmd:"" help:"List the plans."`
	Show    planShow    `cmd:"" help:"Show one plan."`
	Change  planChange  `cmd:"" help:"Change a plan. Speed, pool and what happens at expiry reach everybody who has it at once; price and duration count from each one's next renewal."`
	Archive planArchive `cmd:"" help:"Stop selling a plan. Who has it keeps it."`
}

type planAdd struct {
	Name       string `arg:"" help:"Name of the plan."`
	Rate       string `required:"" help:"Upload/download in RouterOS' grammar: 5M/10M."`
	Duration   string `required:"" help:"A number and hours, days or months: 30days."`
	Price      string `required:"" help:"Price of one period in QSERVE_CURRENCY: 1500.00."`
	OnExpiry   string `name:"on-expiry" default:"cut" enum:"cut,garden" help:"What a customer meets once the paid time has run out. cut: no session. garden: a slow one, in the address list qserve-expired."`
	GardenRate string `name:"garden-rate" help:"Rate in the garden. Default: 256k/256k."`
	Pool       string `help:"Address pool on the routers, when not each router's own."`
}

func (c *planAdd) Run(ctx context.Context, sh *shell) error {
	duration, err := parseDuration(c.Duration)
	if err != nil {
		return err
	}
	return withStaff(ctx, sh, func(s staff) error {
		plan, err := s.AddPlan(ctx, s.by, console.NewPlan{
			Name: c.Name, Rate: c.Rate, Duration: duration, Price: console.Money{Amount: c.Price, Currency: s.Currency},
			OnExpiry: c.OnExpiry, GardenRate: c.GardenRate, Pool: c.Pool,
		})
		if err != nil {
			return err
		}
		return sh.print(plan, "Added plan %s.", plan.Name)
	})
}

// parseDuration reads "30days", "30 days" or "1 month".
func parseDuration(text string) (console.Duration, error) {
	number := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz ")
	unit := strings.TrimSpace(text[len(number):])
	count, err := strconv.Atoi(number)
	if err != nil {
		return console.Duration{}, &console.FieldError{Field: "duration", Problem: "write a number and a unit, for example 30days"}
	}
	if !strings.HasSuffix(unit, "s") {
		unit += "s"
	}
	return console.Duration{Count: count, Unit: account.Unit(unit)}, nil
}

type planList struct {
	Archived bool `help:"Also those that are not sold any more."`
}

func (c *planList) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		plans, err := s.Plans(ctx, c.Archived)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, v := range plans {
			rows = append(rows, []string{
				v.Name, v.Rate, account.Duration(v.Duration).String(), amount(v.Price), onExpiry(v), strconv.FormatInt(v.Subscribers, 10),
				s.day(v.ArchivedAt),
			})
		}
		return sh.list(plans, "PLAN\tRATE\tDURATION\tPRICE\tON EXPIRY\tSUBSCRIBERS\tARCHIVED", rows)
	})
}

func onExpiry(v console.PlanView) string {
	return strings.TrimSpace(v.OnExpiry + " " + v.GardenRate)
}

// describePlan is a plan in a sentence.
func describePlan(s staff, v console.PlanView) string {
	text := fmt.Sprintf("%s: %s for %s at %s, on expiry %s; %d subscribers have it.",
		v.Name, v.Rate, account.Duration(v.Duration), amount(v.Price), onExpiry(v), v.Subscribers)
	if v.Pool != "" {
		text += " Addresses come from the pool " + v.Pool + "."
	}
	if v.ArchivedAt != nil {
		text += " Archived since " + s.when(*v.ArchivedAt) + "."
	}
	return text
}

type planShow struct {
	Name string `arg:"" help:"Name of the plan."`
}

func (c *planShow) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.Plan(ctx, c.Name)
		if err != nil {
			return err
		}
		return sh.print(v, "%s", describePlan(s, v))
	})
}

type planChange struct {
	Name       string  `arg:"" help:"Name of the plan."`
	Rename     *string `help:"New name."`
	Rate       *string `help:"Upload/download in RouterOS' grammar: 5M/10M."`
	Duration   *string `help:"A number and hours, days or months: 30days."`
	Price      *string `help:"Price of one period: 1500.00."`
	OnExpiry   *string `name:"on-expiry" help:"cut or garden."`
	GardenRate *string `name:"garden-rate" help:"Rate in the garden."`
	Pool       *string `help:"Address pool on the routers; empty for each router's own."`
}

func (c *planChange) Run(ctx context.Context, sh *shell) error {
	change := console.PlanChange{Name: c.Rename, Rate: c.Rate, OnExpiry: c.OnExpiry, GardenRate: c.GardenRate, Pool: c.Pool}
	if c.Duration != nil {
		duration, err := parseDuration(*c.Duration)
		if err != nil {
			return err
		}
		change.Duration = &duration
	}
	return withStaff(ctx, sh, func(s staff) error {
		if c.Price != nil {
			change.Price = &console.Money{Amount: *c.Price, Currency: s.Currency}
		}
		v, err := s.ChangePlan(ctx, s.by, c.Name, change)
		if err != nil {
			return err
		}
		return sh.print(v, "%s", describePlan(s, v))
	})
}

type planArchive struct {
	Name string `arg:"" help:"Name of the plan."`
}

func (c *planArchive) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.ArchivePlan(ctx, s.by, c.Name)
		if err != nil {
			return err
		}
		return sh.print(v, "%s is not sold any more; %d subscribers keep it.", v.Name, v.Subscribers)
	})
}

package main

import (
	"context"
	"strconv"

	"qserve/console"
)

// part says which part of a list is wanted.
type part struct {
	Cursor string `help:"Where to go on, as the list before said."`
	Limit  int    `default:"50" help:"How many, up to 200."`
}

// ofAccount says whose history is wanted, and which part of it.
type ofAccount struct {
	Account string `arg:"" help:"Account number or id."`
	Part    part   `embed:""`
}

func (o ofAccount) query() console.HistoryQuery {
	return console.HistoryQuery{Cursor: o.Part.Cursor, Limit: o.Part.Limit}
}

type subscriberActivity struct {
	Of    ofAccount `embed:""`
	Kinds []string  `name:"kind" help:"Only of these kinds: payment, suspend, …"`
	CSV   bool      `name:"csv" help:"All of it, as comma-separated values."`
}

func (c *subscriberActivity) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		if c.CSV {
			return s.ActivityCSV(ctx, c.Of.Account, c.Kinds, sh.stdout)
		}
		query := c.Of.query()
		query.Kinds = c.Kinds
		page, err := s.Activity(ctx, c.Of.Account, query)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, v := range page.Items {
			rows = append(rows, []string{s.when(v.At), v.Kind, v.Actor, v.Source, v.Summary})
		}
		return sh.page(page, page.Next, "AT\tKIND\tBY\tFROM\tWHAT", rows)
	})
}

type subscriberPayments struct {
	Of ofAccount `embed:""`
}

func (c *subscriberPayments) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		page, err := s.PaymentsOf(ctx, c.Of.Account, c.Of.query())
		if err != nil {
			return err
		}
		return sh.payments(s, page)
	})
}

type subscriberInvoices struct {
	Of ofAccount `embed:""`
}

func (c *subscriberInvoices) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		page, err := s.Invoices(ctx, c.Of.Account, c.Of.query())
		if err != nil {
			return err
		}
		var rows [][]string
		for _, v := range page.Items {
			rows = append(rows, []string{
				v.Number, s.day(&v.IssuedAt), v.Plan, strconv.Itoa(v.Periods), s.day(&v.PeriodStart), s.day(&v.PeriodEnd), amount(v.Total),
			})
		}
		return sh.page(page, page.Next, "INVOICE\tISSUED\tPLAN\tPERIODS\tFROM\tUNTIL\tTOTAL", rows)
	})
}

type subscriberLedger struct {
	Of ofAccount `embed:""`
}

func (c *subscriberLedger) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		page, err := s.Ledger(ctx, c.Of.Account, c.Of.query())
		if err != nil {
			return err
		}
		var rows [][]string
		for _, v := range page.Items {
			rows = append(rows, []string{s.when(v.At), v.Kind, v.Summary, amount(v.Amount), amount(v.Balance)})
		}
		return sh.page(page, page.Next, "AT\tKIND\tWHAT\tAMOUNT\tBALANCE", rows)
	})
}

type auditCommand struct {
	Kinds []string `name:"kind" help:"Only of these kinds: plan-change, suspend, …"`
	Actor string   `help:"Only what this one did, exactly as the log names them."`
	Part  part     `embed:""`
	CSV   bool     `name:"csv" help:"All of it, as comma-separated values."`
}

func (c *auditCommand) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		query := console.AuditQuery{Kinds: c.Kinds, Actor: c.Actor, Cursor: c.Part.Cursor, Limit: c.Part.Limit}
		if c.CSV {
			return s.AuditCSV(ctx, query, sh.stdout)
		}
		page, err := s.Audit(ctx, query)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, v := range page.Items {
			rows = append(rows, []string{s.when(v.At), v.Kind, v.Actor, v.Source, v.Object, v.Summary})
		}
		return sh.page(page, page.Next, "AT\tKIND\tBY\tFROM\tON\tWHAT", rows)
	})
}

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"qserve/console"
)

type subscriberCommand struct {
	Add           subscriberAdd          `cmd:"" help:"Add a subscriber."`
	Find          subscriberFind         `cmd:"" help:"Find subscribers by name, phone, account number, user name, e-mail or receipt."`
	Show          subscriberShow         `cmd:"" help:"Show one subscriber's account."`
	List          subscriberList         `cmd:"" help:"List subscribers."`
	ChangePackage subscriberChange       `cmd:"" name:"change-package" help:"Give a subscriber another plan."`
	CancelChange  subscriberCancelChange `cmd:"" name:"cancel-change" help:"Take back a change of package that waits for the renewal."`
	Suspend       subscriberSuspend      `cmd:"" help:"Cut a subscriber's access without deleting the account."`
	Reconnect     subscriberReconnect    `cmd:"" help:"Lift a suspension, or give an expired account some time to pay."`
	Extend        subscriberExtend       `cmd:"" help:"Add days to the paid time."`
	Edit          subscriberEdit         `cmd:"" help:"Change contact details or PPPoE credentials."`
	Note          subscriberNote         `cmd:"" help:"Write a note into the activity."`
	Delete        subscriberDelete       `cmd:"" help:"Delete a subscriber for good, with payments, invoices and history."`
	Activity      subscriberActivity     `cmd:"" help:"What happened to an account."`
	Payments      subscriberPayments     `cmd:"" help:"Payments of a subscriber."`
	Invoices      subscriberInvoices     `cmd:"" help:"Invoices of a subscriber."`
	Ledger        subscriberLedger       `cmd:"" help:"The wallet, line by line, with the balance after each."`
}

type subscriberAdd struct {
	Account      string    `arg:"" help:"Account number, for example ACC-0042."`
	Name         string    `required:"" help:"Name."`
	Phone        string    `help:"Phone number, as anyone types it."`
	Email        string    `help:"E-mail address."`
	Address      string    `help:"Where the line is."`
	Router       string    `required:"" help:"Name of the router."`
	Plan         string    `required:"" help:"Name of the plan."`
	Username     string    `help:"PPPoE user name. Default: the account number in lower case."`
	PasswordFile string    `name:"password-file" type:"existingfile" help:"File with the PPPoE password; one is made when not given."`
	FixedIP      string    `name:"fixed-ip" help:"Fixed IPv4 address, when not from the pool."`
	PaidUntil    time.Time `name:"paid-until" help:"End of the paid time of a subscriber taken over from elsewhere, RFC 3339."`
}

func (c *subscriberAdd) Run(ctx context.Context, sh *shell) error {
	password, err := readFile("password_file", c.PasswordFile)
	if err != nil {
		return err
	}
	return withStaff(ctx, sh, func(s staff) error {
		added, err := s.AddSubscriber(ctx, s.by, console.NewSubscriber{
			Account: c.Account, Name: c.Name, Phone: c.Phone, Email: c.Email, Address: c.Address, Router: c.Router,
			Plan: c.Plan, Username: c.Username, Password: password, FixedIP: c.FixedIP, PaidUntil: c.PaidUntil,
		})
		if err != nil {
			return err
		}
		v, err := s.Subscriber(ctx, c.Account)
		if err != nil {
			return err
		}
		text := describe(s, v)
		if password == "" {
			v.Password = added.Password
			text += "\nPPPoE password (shown this once): " + v.Password
		}
		return sh.print(v, "%s", text)
	})
}

// shownActivity is how many lines of its history the page of an account ends with.
const shownActivity = 10

type subscriberShow struct {
	Account string `arg:"" help:"Account number or id."`
}

func (c *subscriberShow) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.Subscriber(ctx, c.Account)
		if err != nil {
			return err
		}
		if sh.json {
			return sh.print(v, "")
		}
		history, err := s.Activity(ctx, c.Account, console.HistoryQuery{Limit: shownActivity})
		if err != nil {
			return err
		}
		text := describe(s, v)
		for _, a := range history.Items {
			text += fmt.Sprintf("\n  %s  %s (%s)", s.when(a.At), a.Summary, a.Actor)
		}
		if history.Next != "" {
			text += "\n  … more: qserve subscriber activity " + v.Account
		}
		return sh.print(nil, "%s", text)
	})
}

// describe is the page of a subscriber.
func describe(s staff, v console.SubscriberView) string {
	paid := "nothing paid yet"
	if v.ExpiresAt != nil {
		paid = "paid until " + s.when(*v.ExpiresAt)
	}
	if v.Status == "grace" && v.GraceUntil != nil {
		paid += ", in grace until " + s.when(*v.GraceUntil)
	}
	lines := []string{strings.TrimRight(fmt.Sprintf("%s  %s  %s", v.Name, v.Account, v.Phone), " ")}
	if contact := strings.Trim(v.Email+"  "+v.Address, " "); contact != "" {
		lines = append(lines, contact)
	}
	lines = append(lines, fmt.Sprintf("%s, %s. %s on %s as %s. Balance %s.", v.Status, paid, v.Plan, v.Router, v.Username, amount(v.Balance)))
	if p := v.Suspension; p != nil {
		text := fmt.Sprintf("Suspended since %s: %s", s.when(p.Since), p.Category)
		if p.Until != nil {
			text = fmt.Sprintf("Suspended since %s until %s: %s", s.when(p.Since), s.when(*p.Until), p.Category)
		}
		if p.Reason != "" {
			text += ", " + p.Reason
		}
		if p.ClockStoppedAt != nil {
			text += fmt.Sprintf(". The clock is stopped with %s left", time.Duration(v.Remaining)*time.Second)
		}
		lines = append(lines, text+".")
	}
	if v.NextPlan != nil && v.NextPlanAt != nil {
		lines = append(lines, fmt.Sprintf("%s takes over at %s.", *v.NextPlan, s.when(*v.NextPlanAt)))
	}
	if v.Confirmed != nil && !*v.Confirmed {
		lines = append(lines, v.Router+" has not confirmed the last change yet; it applies by itself.")
	}
	if v.Connection != nil {
		lines = append(lines, connection(s, *v.Connection)...)
	}
	return strings.Join(lines, "\n")
}

func connection(s staff, c console.ConnectionView) []string {
	switch {
	case c.Online && c.Since != nil:
		text := fmt.Sprintf("Online since %s, %s", s.when(*c.Since), c.Address)
		if c.Rate != "" {
			text += " at " + c.Rate
		}
		return []string{text + "."}
	case c.LastSeen != nil:
		return []string{"Offline, last seen " + s.when(*c.LastSeen) + "."}
	case c.AsOf != nil:
		return []string{"Offline, as of " + s.when(*c.AsOf) + "."}
	}
	return nil
}

// among narrows a list of subscribers.
type among struct {
	Status   string `help:"Only those who are active, grace, expired or suspended."`
	Plan     string `help:"Only those who have this plan."`
	Router   string `help:"Only those on this router."`
	Expiring int    `name:"expiring-days" help:"Only those whose paid time ends within that many days."`
	Cursor   string `help:"Where to go on, as the list before said."`
	Limit    int    `default:"50" help:"How many, up to 200."`
}

func (a among) find(ctx context.Context, sh *shell, text string) error {
	return withStaff(ctx, sh, func(s staff) error {
		page, err := s.Find(ctx, console.FindQuery{
			Q: text, Status: a.Status, Plan: a.Plan, Router: a.Router, ExpiringDays: a.Expiring, Cursor: a.Cursor, Limit: a.Limit,
		})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, v := range page.Items {
			rows = append(rows, []string{v.Account, v.Name, v.Phone, v.Plan, v.Router, v.Status, s.day(v.ExpiresAt), amount(v.Balance)})
		}
		return sh.page(page, page.Next, "ACCOUNT\tNAME\tPHONE\tPLAN\tROUTER\tSTATUS\tPAID UNTIL\tBALANCE", rows)
	})
}

type subscriberFind struct {
	Text  string `arg:"" help:"What is known: a part of the name, a phone number, …"`
	Among among  `embed:""`
}

func (c *subscriberFind) Run(ctx context.Context, sh *shell) error {
	return c.Among.find(ctx, sh, c.Text)
}

type subscriberList struct {
	Among among `embed:""`
}

func (c *subscriberList) Run(ctx context.Context, sh *shell) error { return c.Among.find(ctx, sh, "") }

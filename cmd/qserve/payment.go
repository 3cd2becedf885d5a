package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"qserve/console"
)

type paymentCommands struct {
	List       paymentList       `cmd:"" help:"List payments, newest first."`
	Show       paymentShow       `cmd:"" help:"Show one payment."`
	Receipt    paymentReceipt    `cmd:"" help:"The receipt of a payment, with what it bought."`
	Enter      paymentEnter      `cmd:"" help:"Enter a cash or bank payment."`
	Allocate   paymentAllocate   `cmd:"" help:"Give an unallocated payment to an account, where it counts at once."`
	Unallocate paymentUnallocate `cmd:"" help:"Take a payment back from its account, to be given to another."`
	Reverse    paymentReverse    `cmd:"" help:"Take a payment back for good."`
}

type paymentList struct {
	Unallocated bool   `xor:"status" help:"Only those that are nobody's yet."`
	Status      string `xor:"status" help:"Only those that are unallocated, credited, reversed or split."`
	Find        string `help:"A receipt number, or the account as the payer typed it."`
	Part        part   `embed:""`
}

func (c *paymentList) Run(ctx context.Context, sh *shell) error {
	if c.Unallocated {
		c.Status = "unallocated"
	}
	return withStaff(ctx, sh, func(s staff) error {
		page, err := s.Payments(ctx, console.PaymentQuery{Status: c.Status, Q: c.Find, Cursor: c.Part.Cursor, Limit: c.Part.Limit})
		if err != nil {
			return err
		}
		return sh.payments(s, page)
	})
}

func (sh *shell) payments(s staff, page console.Page[console.PaymentView]) error {
	var rows [][]string
	for _, v := range page.Items {
		rows = append(rows, []string{
			strconv.FormatInt(v.ID, 10), s.day(&v.OccurredAt), v.Method, v.Receipt, amount(v.Amount), v.Status, owner(v), v.Reference,
			v.Unallocated,
		})
	}
	return sh.page(page, page.Next, "PAYMENT\tPAID\tMETHOD\tRECEIPT\tAMOUNT\tSTATUS\tACCOUNT\tTYPED\tWHY UNALLOCATED", rows)
}

func owner(v console.PaymentView) string {
	if v.Account == nil {
		return ""
	}
	return *v.Account
}

// describePayment is a payment in a sentence or two.
func describePayment(s staff, v console.PaymentView) string {
	text := fmt.Sprintf("Payment %d: %s by %s, receipt %s, paid at %s. %s", v.ID, amount(v.Amount), v.Method, v.Receipt, s.when(v.OccurredAt), v.Status)
	switch {
	case v.Account != nil:
		text += " to " + *v.Account
	case v.Unallocated != "":
		text += ": " + v.Unallocated
	case v.Reversal != "":
		text += ": " + v.Reversal
	}
	if v.Reference != "" {
		text += fmt.Sprintf(". The payer typed %q", v.Reference)
	}
	if v.EnteredBy != "" {
		text += ". Entered by " + v.EnteredBy
	}
	return text + "."
}

type paymentShow struct {
	ID int64 `arg:"" help:"Number of the payment."`
}

func (c *paymentShow) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.Payment(ctx, c.ID)
		if err != nil {
			return err
		}
		return sh.print(v, "%s", describePayment(s, v))
	})
}

type paymentReceipt struct {
	ID int64 `arg:"" help:"Number of the payment."`
}

func (c *paymentReceipt) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.Receipt(ctx, c.ID)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("Receipt %s\n%s, %s\n%s by %s %s, paid at %s", v.Number, v.Name, v.Account, amount(v.Amount), v.Method, v.Receipt, s.when(v.PaidAt))
		for _, b := range v.Bought {
			text += fmt.Sprintf("\n%d × %s, %s to %s: %s", b.Periods, b.Plan, s.day(&b.PeriodStart), s.day(&b.PeriodEnd), amount(b.Total))
		}
		return sh.print(v, "%s", text)
	})
}

type paymentEnter struct {
	Amount    string        `arg:"" help:"In QSERVE_CURRENCY: 1500.00."`
	Account   string        `help:"Account number or id of the subscriber; without it the payment is unallocated."`
	Method    string        `default:"cash" enum:"cash,bank" help:"How it was paid: ${enum}."`
	Reference string        `help:"The bank's reference, or the number of the paper receipt. The same one is taken once."`
	PaidAt    time.Time     `name:"paid-at" help:"When it was paid, RFC 3339. Default: now."`
	Wait      time.Duration `default:"30s" help:"How long to wait for the router's confirmation; 0 does not wait."`
}

func (c *paymentEnter) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		entered, err := s.EnterPayment(ctx, s.by, console.NewPayment{
			Subscriber: c.Account, Amount: c.Amount, Method: c.Method, Reference: c.Reference, PaidAt: c.PaidAt,
		})
		if err != nil {
			return err
		}
		return sh.moved(ctx, s, entered, c.Wait, fmt.Sprintf("is credited to %s.", c.Account), "is entered, unallocated.")
	})
}

// moved says what became of a payment: done once an action has moved it, or at once where no account was touched.
func (sh *shell) moved(ctx context.Context, s staff, e console.EnteredPayment, wait time.Duration, done, atOnce string) error {
	what := fmt.Sprintf("Payment %d (%s) ", e.Payment.ID, amount(e.Payment.Amount))
	if e.Action == nil {
		return sh.print(e, "%s", what+atOnce)
	}
	action, err := follow(ctx, s, *e.Action, wait)
	if err != nil {
		return err
	}
	e.Action = &action
	if action.State == "refused" {
		return fmt.Errorf("%s of payment %d was refused: %s", action.Kind, e.Payment.ID, action.Reason)
	}
	if e.Payment, err = s.Payment(ctx, e.Payment.ID); err != nil {
		return err
	}
	return sh.print(e, "%s", progress(s, action, what+done))
}

// moving is what the commands take that move a payment.
type moving struct {
	ID   int64         `arg:"" help:"Number of the payment."`
	Wait time.Duration `default:"30s" help:"How long to wait for the router's confirmation; 0 does not wait."`
}

// move has an action move a payment, and says what became of it.
func (m moving) move(ctx context.Context, sh *shell, done string, ask func(s staff) (console.EnteredPayment, error)) error {
	return withStaff(ctx, sh, func(s staff) error {
		moved, err := ask(s)
		if err != nil {
			return err
		}
		return sh.moved(ctx, s, moved, m.Wait, done, done)
	})
}

// withPayment is an action with the payment that it moves.
func withPayment(ctx context.Context, s staff, id int64, action console.ActionView, err error) (console.EnteredPayment, error) {
	if err != nil {
		return console.EnteredPayment{}, err
	}
	v, err := s.Payment(ctx, id)
	return console.EnteredPayment{Payment: v, Action: &action}, err
}

type paymentAllocate struct {
	Moving  moving `embed:""`
	Account string `arg:"" help:"Account number or id."`
}

func (c *paymentAllocate) Run(ctx context.Context, sh *shell) error {
	return c.Moving.move(ctx, sh, "is credited to "+c.Account+".", func(s staff) (console.EnteredPayment, error) {
		action, err := s.Allocate(ctx, s.by, c.Moving.ID, c.Account)
		return withPayment(ctx, s, c.Moving.ID, action, err)
	})
}

type paymentUnallocate struct {
	Moving moving `embed:""`
	Reason string `help:"Why; shown in the activity."`
}

func (c *paymentUnallocate) Run(ctx context.Context, sh *shell) error {
	return c.Moving.move(ctx, sh, "is unallocated again.", func(s staff) (console.EnteredPayment, error) {
		action, err := s.Unallocate(ctx, s.by, c.Moving.ID, c.Reason)
		return withPayment(ctx, s, c.Moving.ID, action, err)
	})
}

type paymentReverse struct {
	Moving moving `embed:""`
	Reason string `required:"" help:"Why; shown in the activity."`
}

func (c *paymentReverse) Run(ctx context.Context, sh *shell) error {
	return c.Moving.move(ctx, sh, "is reversed.", func(s staff) (console.EnteredPayment, error) {
		return s.ReversePayment(ctx, s.by, c.Moving.ID, c.Reason)
	})
}

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"qserve/console"
)

// giving is what every command on an account takes.
type giving struct {
	Account string        `arg:"" help:"Account number or id."`
	Preview bool          `help:"Only say what would come of it."`
	Wait    time.Duration `default:"30s" help:"How long to wait for the router's confirmation; 0 does not wait."`
}

// give gives an order and says in a sentence what became of it; done is the sentence once it is applied.
func (g giving) give(ctx context.Context, sh *shell, order console.Order, done string) error {
	return withStaff(ctx, sh, func(s staff) error {
		if g.Preview {
			v, err := s.Preview(ctx, g.Account, order)
			if err != nil {
				return err
			}
			return sh.print(v, "%s", foresee(s, v))
		}
		given, err := s.Give(ctx, s.by, g.Account, order)
		if err != nil {
			return err
		}
		if given.ActionView, err = follow(ctx, s, given.ActionView, g.Wait); err != nil {
			return err
		}
		if given.State == "refused" {
			return fmt.Errorf("%s of %s was refused: %s", given.Kind, g.Account, given.Reason)
		}
		text := progress(s, given.ActionView, done)
		if given.Password != "" {
			text += "\nPPPoE password (shown this once): " + given.Password
		}
		return sh.print(given, "%s", text)
	})
}

// follow waits until an action is final, but no longer than wait.
func follow(ctx context.Context, s staff, v console.ActionView, wait time.Duration) (console.ActionView, error) {
	if wait <= 0 || v.Final() {
		return v, nil
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return s.Follow(ctx, v.ID)
}

// progress says how far an action is; done is the sentence once it is applied.
func progress(s staff, v console.ActionView, done string) string {
	if v.State == "accepted" {
		return fmt.Sprintf("Action %d (%s) is accepted and waits for a worker. How far it is: qserve action follow %d", v.ID, v.Kind, v.ID)
	}
	if v.State == "confirmed" {
		if v.ConfirmedAt == nil || v.AppliedAt == nil || v.ConfirmedAt.Equal(*v.AppliedAt) {
			return done // nothing had to change on a router
		}
		who := "The router" // a deletion leaves no trace of which
		var names []string
		for _, r := range v.Routers {
			if !slices.Contains(names, r.Router) {
				names = append(names, r.Router)
			}
		}
		if len(names) > 0 {
			who = strings.Join(names, " and ")
		}
		return done + fmt.Sprintf(" %s confirmed after %.1f s.", who, v.ConfirmedAt.Sub(v.AcceptedAt).Seconds())
	}
	for _, r := range v.Routers {
		switch {
		case r.Confirmed:
			done += fmt.Sprintf(" %s confirmed.", r.Router)
		case r.LastError != "" && r.NextTryAt != nil:
			done += fmt.Sprintf(" %s has not confirmed yet: %s; it is tried again by itself at %s.",
				r.Router, r.LastError, r.NextTryAt.In(s.Zone).Format("15:04:05"))
		default:
			done += fmt.Sprintf(" %s has not confirmed yet; it is tried by itself.", r.Router)
		}
	}
	return done
}

// foresee is a preview in a few lines.
func foresee(s staff, v console.PreviewView) string {
	was, is := v.Before, v.After
	lines := append([]string{}, v.Summary...)
	for _, fact := range []struct{ name, was, is string }{
		{"Status", was.Status, is.Status},
		{"Plan", was.Plan + " (" + was.Rate + ")", is.Plan + " (" + is.Rate + ")"},
		{"Paid until", s.day(was.ExpiresAt), s.day(is.ExpiresAt)},
		{"In grace until", s.day(was.GraceUntil), s.day(is.GraceUntil)},
		{"Balance", amount(was.Balance), amount(is.Balance)},
		{"Next period", amount(was.RenewalPrice), amount(is.RenewalPrice)},
	} {
		if fact.was != fact.is {
			lines = append(lines, fmt.Sprintf("%s: %s → %s", fact.name, orNone(fact.was), orNone(fact.is)))
		}
	}
	if is.NextPlan != nil {
		lines = append(lines, fmt.Sprintf("%s takes over at %s", *is.NextPlan, s.day(is.NextPlanAt)))
	}
	return strings.Join(append(lines, strings.TrimSpace("The customer notices: "+v.Customer+" "+v.Then), "Nothing was changed."), "\n")
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

type subscriberChange struct {
	Giving  giving `embed:""`
	Plan    string `arg:"" help:"Name of the new plan."`
	When    string `default:"now" enum:"now,renewal" help:"At once, or when the time that is paid ends: ${enum}."`
	Convert bool   `help:"With now: turn the unused time into time of the new plan, by the prices."`
}

func (c *subscriberChange) Run(ctx context.Context, sh *shell) error {
	done := fmt.Sprintf("%s has %s now.", c.Giving.Account, c.Plan)
	if c.When == "renewal" {
		done = fmt.Sprintf("%s gets %s when the time that is paid ends.", c.Giving.Account, c.Plan)
	}
	return c.Giving.give(ctx, sh, console.ChangeOrder{Plan: c.Plan, When: c.When, Convert: c.Convert}, done)
}

type subscriberCancelChange struct {
	Giving giving `embed:""`
}

func (c *subscriberCancelChange) Run(ctx context.Context, sh *shell) error {
	return c.Giving.give(ctx, sh, console.CancelChangeOrder{}, c.Giving.Account+" keeps its package.")
}

type subscriberSuspend struct {
	Giving    giving `embed:""`
	Category  string `default:"other" enum:"non-payment,equipment,customer-request,other" help:"Why: ${enum}. A payment lifts only one for non-payment."`
	Reason    string `help:"In words; shown in the activity and the audit log."`
	StopClock bool   `name:"stop-clock" help:"Give the unused time back at the reconnection."`
	Until     string `help:"When it ends by itself: a day such as 2026-12-12 for its beginning, a day and a time such as '2026-12-12 18:00', or RFC 3339."`
}

func (c *subscriberSuspend) Run(ctx context.Context, sh *shell) error {
	settings, err := sh.settings()
	if err != nil {
		return err
	}
	until, err := console.ReadInstant("until", c.Until, settings.Zone)
	if err != nil {
		return err
	}
	done := c.Giving.Account + " is suspended."
	if !until.IsZero() {
		done = c.Giving.Account + " is suspended until " + until.In(settings.Zone).Format("2 Jan 2006 15:04") + "."
	}
	order := console.SuspendOrder{Category: c.Category, Reason: c.Reason, StopClock: c.StopClock, Until: until}
	return c.Giving.give(ctx, sh, order, done)
}

type subscriberReconnect struct {
	Giving giving `embed:""`
	Grace  int    `name:"grace-hours" help:"For an expired account: how many hours it may go on before paying."`
}

func (c *subscriberReconnect) Run(ctx context.Context, sh *shell) error {
	return c.Giving.give(ctx, sh, console.ReconnectOrder{GraceHours: c.Grace}, c.Giving.Account+" is reconnected.")
}

type subscriberExtend struct {
	Giving giving `embed:""`
	Days   int    `arg:"" help:"How many, 1 to 365."`
	Note   string `help:"Why; shown in the activity."`
}

func (c *subscriberExtend) Run(ctx context.Context, sh *shell) error {
	done := fmt.Sprintf("%s is extended by %d days.", c.Giving.Account, c.Days)
	return c.Giving.give(ctx, sh, console.ExtendOrder{Days: c.Days, Note: c.Note}, done)
}

type subscriberEdit struct {
	Giving       giving  `embed:""`
	Name         *string `help:"Name."`
	Phone        *string `help:"Phone number, as anyone types it; empty removes it."`
	Email        *string `help:"E-mail address."`
	Address      *string `help:"Where the line is."`
	Username     *string `help:"PPPoE user name. The old one leaves the router."`
	NewPassword  bool    `name:"new-password" help:"Make a new PPPoE password and print it once."`
	PasswordFile string  `name:"password-file" type:"existingfile" help:"File with the new PPPoE password."`
	Router       *string `help:"Name of the router that the line moves to."`
	FixedIP      *string `name:"fixed-ip" help:"Fixed IPv4 address; empty: from the pool."`
}

func (c *subscriberEdit) Run(ctx context.Context, sh *shell) error {
	order := console.EditOrder{
		Name: c.Name, Phone: c.Phone, Email: c.Email, Address: c.Address, Username: c.Username, GeneratePassword: c.NewPassword,
		Router: c.Router, FixedIP: c.FixedIP,
	}
	if c.PasswordFile != "" {
		password, err := readFile("password_file", c.PasswordFile)
		if err != nil {
			return err
		}
		order.Password = &password
	}
	return c.Giving.give(ctx, sh, order, c.Giving.Account+" is changed.")
}

type subscriberNote struct {
	Giving giving `embed:""`
	Text   string `arg:"" help:"The note."`
}

func (c *subscriberNote) Run(ctx context.Context, sh *shell) error {
	return c.Giving.give(ctx, sh, console.NoteOrder{Text: c.Text}, "Noted on "+c.Giving.Account+".")
}

type subscriberDelete struct {
	Giving  giving `embed:""`
	Confirm string `required:"" help:"The account number once more. A deleted account cannot be recovered."`
}

func (c *subscriberDelete) Run(ctx context.Context, sh *shell) error {
	return c.Giving.give(ctx, sh, console.DeleteOrder{Confirm: c.Confirm}, c.Giving.Account+" is deleted.")
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"qserve/account"
	"qserve/console"
	"qserve/db"
	"qserve/jobs"
)

type subscriberCommand struct {
	Add       subscriberAdd       `cmd:"" help:"Add a subscriber."`
	Show      subscriberShow      `cmd:"" help:"Show one subscriber's account."`
	List      subscriberList      `cmd:"" help:"List subscribers by account number."`
	Suspend   subscriberSuspend   `cmd:"" help:"Cut a subscriber's access without deleting the account."`
	Reconnect subscriberReconnect `cmd:"" help:"Lift a suspension, or give an expired account some time to pay."`
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
	password := ""
	if c.PasswordFile != "" {
		text, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return fmt.Errorf("read the password: %w", err)
		}
		if password = strings.TrimRight(string(text), "\r\n"); password == "" {
			return &console.FieldError{Field: "password-file", Problem: "is empty"}
		}
	}
	return withStaff(ctx, sh, func(s staff) error {
		added, err := s.AddSubscriber(ctx, console.NewSubscriber{
			Account: c.Account, Name: c.Name, Phone: c.Phone, Email: c.Email, Address: c.Address, Router: c.Router,
			Plan: c.Plan, Username: c.Username, Password: password, FixedIP: c.FixedIP, PaidUntil: c.PaidUntil,
		})
		if err != nil {
			return err
		}
		v, err := viewAccount(ctx, s, c.Account)
		if err != nil {
			return err
		}
		text := describe(s, v)
		if c.PasswordFile == "" {
			v.Password = added.Password
			text += "\nPPPoE password (shown this once): " + v.Password
		}
		return sh.print(v, "%s", text)
	})
}

type subscriberShow struct {
	Account string `arg:"" help:"Account number."`
}

func (c *subscriberShow) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := viewAccount(ctx, s, c.Account)
		if err != nil {
			return err
		}
		return sh.print(v, "%s", describe(s, v))
	})
}

type subscriberView struct {
	ID         int64           `json:"id"`
	Account    string          `json:"account"`
	Name       string          `json:"name"`
	Phone      string          `json:"phone"`
	Email      string          `json:"email"`
	Address    string          `json:"address"`
	Username   string          `json:"username"`
	Plan       string          `json:"plan"`
	Router     string          `json:"router"`
	Status     string          `json:"status"`
	ExpiresAt  *time.Time      `json:"expires_at"`
	GraceUntil *time.Time      `json:"grace_until,omitempty"`
	Suspension *suspensionView `json:"suspension,omitempty"`
	Balance    moneyView       `json:"balance"`
	Connection *connectionView `json:"connection,omitempty"`
	// Confirmed is whether the router holds what it should.
	Confirmed *bool `json:"confirmed,omitempty"`
	// Password is the PPPoE password that was made for a new subscriber.
	Password string         `json:"password,omitempty"`
	Activity []activityView `json:"activity,omitempty"`
}

type suspensionView struct {
	Category string    `json:"category"`
	Reason   string    `json:"reason,omitempty"`
	Since    time.Time `json:"since"`
}

type connectionView struct {
	Online    bool       `json:"online"`
	Address   string     `json:"address,omitempty"`
	SessionID string     `json:"session_id,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
	AsOf      *time.Time `json:"as_of,omitempty"`
}

type activityView struct {
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Actor   string    `json:"actor"`
	Summary string    `json:"summary"`
}

func viewSubscriber(row db.Subscriber, facts account.Account, router string, now time.Time) subscriberView {
	v := subscriberView{
		ID: row.ID, Account: row.Account, Name: row.Name, Phone: row.Phone, Email: row.Email, Address: row.Address,
		Username: row.Username, Plan: facts.Plan.Name, Router: router, Status: string(facts.Status(now)),
		ExpiresAt: row.ExpiresAt, GraceUntil: row.GraceUntil, Balance: viewMoney(row.BalanceMinor, row.Currency),
	}
	if s := facts.Suspension; s != nil {
		v.Suspension = &suspensionView{Category: string(s.Category), Reason: s.Reason, Since: s.Since}
	}
	return v
}

func viewAccount(ctx context.Context, s staff, number string) (subscriberView, error) {
	p, err := s.Profile(ctx, number)
	if err != nil {
		return subscriberView{}, err
	}
	v := viewSubscriber(p.Subscriber, p.Facts, p.Router, s.Clock.Now())
	confirmed := p.Provision.DoneGen == p.Provision.WantGen
	v.Confirmed = &confirmed
	// Only accounting tells who is online here; a router of mode local is asked by its own tools.
	if len(p.Sessions) > 0 {
		last := p.Sessions[len(p.Sessions)-1]
		v.Connection = &connectionView{Online: true, SessionID: last.AcctSessionID, Since: &last.StartedAt, AsOf: &last.SeenAt}
		if last.Address != nil {
			v.Connection.Address = last.Address.String()
		}
	}
	for _, a := range p.Activity {
		v.Activity = append(v.Activity, activityView{At: a.At, Kind: a.Kind, Actor: a.Actor, Summary: a.Summary})
	}
	return v, nil
}

func describe(s staff, v subscriberView) string {
	when := func(t time.Time) string { return t.In(s.Zone).Format("2 Jan 2006 15:04:05") }
	paid := "nothing paid yet"
	if v.ExpiresAt != nil {
		paid = "paid until " + when(*v.ExpiresAt)
	}
	lines := []string{
		strings.TrimRight(fmt.Sprintf("%s  %s  %s", v.Name, v.Account, v.Phone), " "),
		fmt.Sprintf("%s, %s. %s on %s as %s. Balance %s %s.", v.Status, paid, v.Plan, v.Router, v.Username, v.Balance.Currency, v.Balance.Amount),
	}
	if !*v.Confirmed {
		lines = append(lines, v.Router+" has not confirmed the last change yet; it applies by itself.")
	}
	if v.Connection != nil {
		lines = append(lines, fmt.Sprintf("Online since %s, %s.", when(*v.Connection.Since), v.Connection.Address))
	}
	for _, a := range v.Activity {
		lines = append(lines, fmt.Sprintf("  %s  %s (%s)", when(a.At), a.Summary, a.Actor))
	}
	return strings.Join(lines, "\n")
}

type subscriberList struct {
	After string `help:"Begin after this account number."`
	Limit int32  `default:"100" help:"How many."`
}

func (c *subscriberList) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		found, err := db.New(s.pool).ListSubscribers(ctx, db.ListSubscribersParams{After: c.After, Most: c.Limit})
		if err != nil {
			return fmt.Errorf("list subscribers: %w", err)
		}
		items, rows := []subscriberView{}, [][]string{}
		for _, row := range found {
			v := viewSubscriber(row.Subscriber, db.Facts(row.Subscriber, row.Plan), row.RouterName, s.Clock.Now())
			items = append(items, v)
			until := ""
			if v.ExpiresAt != nil {
				until = v.ExpiresAt.In(s.Zone).Format("2 Jan 2006 15:04")
			}
			rows = append(rows, []string{v.Account, v.Name, v.Plan, v.Router, v.Status, until, v.Balance.Currency + " " + v.Balance.Amount})
		}
		return sh.list(items, "ACCOUNT\tNAME\tPLAN\tROUTER\tSTATUS\tPAID UNTIL\tBALANCE", rows)
	})
}

type subscriberSuspend struct {
	Account  string        `arg:"" help:"Account number."`
	Category string        `default:"other" enum:"non-payment,equipment,customer-request,other" help:"Why: ${enum}."`
	Reason   string        `help:"In words; shown in the activity."`
	Wait     time.Duration `default:"30s" help:"How long to wait for the router's confirmation; 0 does not wait."`
}

func (c *subscriberSuspend) Run(ctx context.Context, sh *shell) error {
	args := jobs.SuspendArguments{Category: c.Category, Reason: c.Reason}
	return command(ctx, sh, c.Account, "suspend", args, c.Wait)
}

type subscriberReconnect struct {
	Account string        `arg:"" help:"Account number."`
	Grace   int           `name:"grace-hours" help:"For an expired account: how many hours it may go on before paying."`
	Wait    time.Duration `default:"30s" help:"How long to wait for the router's confirmation; 0 does not wait."`
}

func (c *subscriberReconnect) Run(ctx context.Context, sh *shell) error {
	return command(ctx, sh, c.Account, "reconnect", jobs.ReconnectArguments{GraceHours: c.Grace}, c.Wait)
}

type actionJSON struct {
	ID          int64      `json:"id"`
	Kind        string     `json:"kind"`
	State       string     `json:"state"`
	Reason      string     `json:"reason,omitempty"`
	Actor       string     `json:"actor"`
	AcceptedAt  time.Time  `json:"accepted_at"`
	AppliedAt   *time.Time `json:"applied_at"`
	ConfirmedAt *time.Time `json:"confirmed_at"`
}

// command gives a command and says what became of it in a sentence.
func command(ctx context.Context, sh *shell, number, kind string, arguments any, wait time.Duration) error {
	return withStaff(ctx, sh, func(s staff) error {
		id, err := s.Command(ctx, number, kind, arguments, operator())
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, max(wait, time.Second))
		defer cancel()
		view, err := s.Action(ctx, id)
		if err == nil && wait > 0 {
			view, err = s.Follow(ctx, id)
		}
		if err != nil {
			return err
		}
		a := view.Action
		if a.State == "refused" {
			return fmt.Errorf("%s of %s was refused: %s", kind, number, a.Refusal)
		}
		text := fmt.Sprintf("%s of %s is %s.", kind, number, a.State)
		for _, r := range view.Routers {
			switch {
			case r.Confirmed:
				text += fmt.Sprintf(" %s confirmed.", r.Router)
			case r.LastError != "":
				text += fmt.Sprintf(" %s has not confirmed yet and is tried again by itself: %s", r.Router, r.LastError)
			default:
				text += fmt.Sprintf(" %s has not confirmed yet.", r.Router)
			}
		}
		return sh.print(actionJSON{
			ID: a.ID, Kind: a.Kind, State: a.State, Reason: a.Refusal, Actor: a.Actor, AcceptedAt: a.AcceptedAt,
			AppliedAt: a.AppliedAt, ConfirmedAt: a.ConfirmedAt,
		}, "%s", text)
	})
}

func operator() string {
	if u, err := user.Current(); err == nil {
		return "staff " + u.Username + " (command line)"
	}
	return "staff (command line)"
}

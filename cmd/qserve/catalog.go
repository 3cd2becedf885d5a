package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"qserve/account"
	"qserve/console"
	"qserve/db"
	"qserve/internal/clock"
	"qserve/jobs"
	"qserve/router"
	"qserve/router/coa"
)

type planCommands struct {
	Add  planAdd  `cmd:"" help:"Add a plan."`
	List planList `cmd:"" help:"List the plans."`
}

type planAdd struct {
	Name     string `arg:"" help:"Name of the plan."`
	Rate     string `required:"" help:"Upload/download in RouterOS' grammar: 5M/10M."`
	Duration string `required:"" help:"A number and hours, days or months: 30days."`
	Price    string `required:"" help:"Price of one period in QSERVE_CURRENCY: 1500.00."`
	Pool     string `help:"Address pool on the routers, when not each router's own."`
}

func (c *planAdd) Run(ctx context.Context, sh *shell) error {
	duration, err := parseDuration(c.Duration)
	if err != nil {
		return err
	}
	return withStaff(ctx, sh, func(s staff) error {
		plan, err := s.AddPlan(ctx, console.NewPlan{Name: c.Name, Rate: c.Rate, Duration: duration, Price: c.Price, Pool: c.Pool})
		if err != nil {
			return err
		}
		return sh.print(planView(plan), "Added plan %s.", plan.Name)
	})
}

// parseDuration reads "30days", "30 days" or "1 month".
func parseDuration(text string) (account.Duration, error) {
	number := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz ")
	unit := strings.TrimSpace(text[len(number):])
	count, err := strconv.Atoi(number)
	if err != nil {
		return account.Duration{}, &console.FieldError{Field: "duration", Problem: "write a number and a unit, for example 30days"}
	}
	if !strings.HasSuffix(unit, "s") {
		unit += "s"
	}
	return account.Duration{Count: count, Unit: account.Unit(unit)}, nil
}

type moneyView struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

type durationView struct {
	Count int32  `json:"count"`
	Unit  string `json:"unit"`
}

type planJSON struct {
	Name     string       `json:"name"`
	Rate     string       `json:"rate"`
	Duration durationView `json:"duration"`
	Price    moneyView    `json:"price"`
	OnExpiry string       `json:"on_expiry"`
	Pool     string       `json:"pool,omitempty"`
}

func planView(p db.Plan) planJSON {
	return planJSON{
		Name: p.Name, Rate: p.Rate, Duration: durationView{p.DurationCount, p.DurationUnit},
		Price: viewMoney(p.PriceMinor, p.Currency), OnExpiry: p.OnExpiry, Pool: p.Pool,
	}
}

func viewMoney(minor int64, currency string) moneyView {
	return moneyView{Amount: account.Money{Minor: minor, Currency: currency}.Decimal(), Currency: currency}
}

type planList struct{}

func (*planList) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		plans, err := s.Plans(ctx)
		if err != nil {
			return err
		}
		items, rows := []planJSON{}, [][]string{}
		for _, p := range plans {
			v := planView(p)
			items = append(items, v)
			duration := account.Duration{Count: int(p.DurationCount), Unit: account.Unit(p.DurationUnit)}
			rows = append(rows, []string{v.Name, v.Rate, duration.String(), v.Price.Currency + " " + v.Price.Amount, v.OnExpiry})
		}
		return sh.list(items, "PLAN\tRATE\tDURATION\tPRICE\tON EXPIRY", rows)
	})
}

type routerCommands struct {
	Add   routerAdd   `cmd:"" help:"Add a router."`
	List  routerList  `cmd:"" help:"List the routers and their health."`
	Check routerCheck `cmd:"" help:"Look whether a router is set up for Qserve, and say what to type on it if not."`
}

type routerAdd struct {
	Name            string `arg:"" help:"Name of the router."`
	Mode            string `required:"" enum:"local,radius" help:"local: PPP secrets on the router. radius: the router asks Qserve."`
	API             string `name:"api" help:"host:port of the RouterOS API, usually port 8729."`
	APIUser         string `name:"api-user" help:"User of the API."`
	APIPasswordFile string `name:"api-password-file" type:"existingfile" help:"File with the API user's password."`
	APIPin          string `name:"api-pin" help:"SHA-256 fingerprint of the router's certificate."`
	APICAFile       string `name:"api-ca-file" type:"existingfile" help:"PEM file of the authority that signed the router's certificate."`
	APIPlain        bool   `name:"api-plain" help:"Speak clear text (port 8728). Passwords can be read on the way."`
	SecretFile      string `name:"radius-secret-file" type:"existingfile" help:"File with the RADIUS secret (mode radius)."`
	NASAddress      string `name:"nas-address" help:"IP address that the router's RADIUS requests come from."`
	CoA             string `name:"coa" help:"host:port of the router's /radius incoming; default port 3799."`
	CoAAuthentic    bool   `name:"coa-message-authenticator" help:"Send Message-Authenticator with CoA and Disconnect."`
	CoATimestamp    bool   `name:"coa-event-timestamp" help:"Send Event-Timestamp with CoA and Disconnect; the router needs a right clock."`
	LocalAddress    string `name:"local-address" help:"The router's end of every tunnel (PPP profile local-address)."`
	Pool            string `help:"Default address pool on the router."`
	Interim         int    `default:"300" help:"Seconds between two accounting records of a session."`
}

func (c *routerAdd) Run(ctx context.Context, sh *shell) error {
	var password, secret, ca string
	for path, into := range map[string]*string{c.APIPasswordFile: &password, c.SecretFile: &secret, c.APICAFile: &ca} {
		if path == "" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		*into = strings.TrimSpace(string(text))
	}
	return withStaff(ctx, sh, func(s staff) error {
		row, err := s.AddRouter(ctx, console.NewRouter{
			Name: c.Name, Mode: c.Mode, APIAddress: c.API, APIUser: c.APIUser, APIPassword: password, APIPlain: c.APIPlain,
			APIPin: c.APIPin, APICAPEM: ca, RadiusSecret: secret, NASAddress: c.NASAddress, CoAAddress: c.CoA,
			CoAMessageAuthenticator: c.CoAAuthentic, CoAEventTimestamp: c.CoATimestamp, LocalAddress: c.LocalAddress,
			Pool: c.Pool, Interim: c.Interim,
		})
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"name": row.Name, "mode": row.Mode},
			"Added router %s. Look whether it is set up: qserve router check %q", row.Name, row.Name)
	})
}

type routerList struct{}

func (*routerList) Run(ctx context.Context, sh *shell) error {
	type view struct {
		Name        string     `json:"name"`
		Mode        string     `json:"mode"`
		Unconfirmed int64      `json:"unconfirmed"`
		LastContact *time.Time `json:"last_contact_at"`
		NextTry     *time.Time `json:"next_try_at,omitempty"`
		LastError   string     `json:"last_error,omitempty"`
	}
	return withStaff(ctx, sh, func(s staff) error {
		routers, err := s.Routers(ctx)
		if err != nil {
			return err
		}
		items, rows := []view{}, [][]string{}
		for _, r := range routers {
			items = append(items, view{r.Router.Name, r.Router.Mode, r.Unconfirmed, r.Router.LastContactAt, r.Router.NextTryAt, r.Router.LastError})
			contact := "never"
			if r.Router.LastContactAt != nil {
				contact = r.Router.LastContactAt.In(s.Zone).Format("2 Jan 15:04:05")
			}
			rows = append(rows, []string{r.Router.Name, r.Router.Mode, contact, strconv.FormatInt(r.Unconfirmed, 10), r.Router.LastError})
		}
		return sh.list(items, "ROUTER\tMODE\tLAST CONTACT\tUNCONFIRMED\tLAST ERROR", rows)
	})
}

type routerCheck struct {
	Name string `arg:"" help:"Name of the router."`
}

func (c *routerCheck) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		row, err := s.Router(ctx, c.Name)
		if err != nil {
			return err
		}
		target, err := jobs.Target(row, s.Keys)
		if err != nil {
			return err
		}
		fleet := router.NewFleet(router.Config{
			CoA: coa.New(coa.Config{Source: s.settings.COASource, Clock: clock.System{}}),
		})
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- fleet.Run(ctx) }()
		var report router.Report
		err = fleet.Use(ctx, target, func(d router.Driver) error {
			report, err = d.Check(ctx)
			return err
		})
		cancel()
		err = errors.Join(err, <-ended)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%s answers: identity %s, RouterOS %s, up %s.", row.Name, report.Identity, report.Version, report.Uptime)
		problems := "\nNothing was found that would keep Qserve from working."
		if len(report.Problems) > 0 {
			problems = "\n- " + strings.Join(report.Problems, "\n- ")
		}
		return sh.print(map[string]any{
			"identity": report.Identity, "version": report.Version, "uptime": report.Uptime,
			"problems": append([]string{}, report.Problems...),
		}, "%s", text+problems)
	})
}

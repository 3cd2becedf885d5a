package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"qserve/console"
)

type routerCommands struct {
	Add    routerAdd    `cmd:"" help:"Add a router."`
	List   routerList   `cmd:"" help:"List the routers and their health."`
	Show   routerShow   `cmd:"" help:"Show one router."`
	Change routerChange `cmd:"" help:"Change a router's settings."`
	Remove routerRemove `cmd:"" help:"Take a router out of use, once nothing is on it."`
	Check  routerCheck  `cmd:"" help:"Look whether a router is set up for Qserve, and say what to type on it if not."`
	Retry  routerRetry  `cmd:"" help:"Try a router at once that would be left alone for a while."`
}

type routerAdd struct {
	Name            string `arg:"" help:"Name of the router."`
	Mode            string `required:"" enum:"local,radius" help:"local: PPP secrets on the router. radius: the router asks Qserve."`
	API             string `name:"api-address" aliases:"api" help:"host:port of the RouterOS API, usually port 8729."`
	APIUser         string `name:"api-user" help:"User of the API."`
	APIPasswordFile string `name:"api-password-file" type:"existingfile" help:"File with the API user's password."`
	APIPin          string `name:"api-pin" help:"SHA-256 fingerprint of the router's certificate."`
	APICAFile       string `name:"api-ca-file" type:"existingfile" help:"PEM file of the authority that signed the router's certificate."`
	APIPlain        bool   `name:"api-plain" help:"Speak clear text (port 8728). Passwords can be read on the way."`
	SecretFile      string `name:"radius-secret-file" type:"existingfile" help:"File with the RADIUS secret (mode radius)."`
	NASAddress      string `name:"nas-address" help:"IP address that the router's RADIUS requests come from."`
	CoA             string `name:"coa-address" aliases:"coa" help:"host:port of the router's /radius incoming; default port 3799."`
	CoAAuthentic    bool   `name:"coa-message-authenticator" help:"Send Message-Authenticator with CoA and Disconnect."`
	CoATimestamp    bool   `name:"coa-event-timestamp" help:"Send Event-Timestamp with CoA and Disconnect; the router needs a right clock."`
	LocalAddress    string `name:"local-address" help:"The router's end of every tunnel (PPP profile local-address)."`
	Pool            string `help:"Default address pool on the router."`
	Interim         int    `name:"interim-seconds" aliases:"interim" default:"300" help:"Seconds between two accounting records of a session."`
}

func (c *routerAdd) Run(ctx context.Context, sh *shell) error {
	password, err1 := readFile("api_password_file", c.APIPasswordFile)
	secret, err2 := readFile("radius_secret_file", c.SecretFile)
	ca, err3 := readFile("api_ca_file", c.APICAFile)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.AddRouter(ctx, s.by, console.NewRouter{
			Name: c.Name, Mode: c.Mode, APIAddress: c.API, APIUser: c.APIUser, APIPassword: password, APIPlain: c.APIPlain,
			APIPin: c.APIPin, APICA: ca, RadiusSecret: secret, NASAddress: c.NASAddress, CoAAddress: c.CoA,
			CoAMessageAuthenticator: c.CoAAuthentic, CoAEventTimestamp: c.CoATimestamp, LocalAddress: c.LocalAddress,
			Pool: c.Pool, InterimSeconds: c.Interim,
		})
		if err != nil {
			return err
		}
		return sh.print(v, "Added router %s. Look whether it is set up: qserve router check %q", v.Name, v.Name)
	})
}

type routerList struct{}

func (*routerList) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		routers, err := s.Routers(ctx)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, v := range routers {
			contact := "never"
			if v.LastContactAt != nil {
				contact = s.when(*v.LastContactAt)
			}
			rows = append(rows, []string{
				v.Name, v.Mode, strconv.FormatInt(v.Subscribers, 10), strconv.FormatInt(v.Online, 10), contact,
				strconv.FormatInt(v.Unconfirmed, 10), v.LastError,
			})
		}
		return sh.list(routers, "ROUTER\tMODE\tSUBSCRIBERS\tONLINE\tLAST CONTACT\tUNCONFIRMED\tLAST ERROR", rows)
	})
}

// describeRouter is a router's settings and health in a few lines.
func describeRouter(s staff, v console.RouterView) string {
	lines := []string{fmt.Sprintf("%s, mode %s. %d subscribers, %d online.", v.Name, v.Mode, v.Subscribers, v.Online)}
	if v.APIAddress != "" {
		how := "TLS"
		if v.APIPlain {
			how = "clear text"
		}
		lines = append(lines, fmt.Sprintf("RouterOS API at %s as %s, %s.", v.APIAddress, v.APIUser, how))
	}
	if v.Mode == "radius" {
		lines = append(lines, fmt.Sprintf("RADIUS requests come from %s, CoA goes to %s.", v.NASAddress, v.CoAAddress))
	}
	switch {
	case v.LastContactAt == nil:
		lines = append(lines, "It has never answered.")
	case v.Reachable:
		lines = append(lines, "It last answered at "+s.when(*v.LastContactAt)+".")
	default:
		lines = append(lines, "It does not answer since "+s.when(*v.LastContactAt)+".")
	}
	if v.LastError != "" {
		lines = append(lines, "Last error: "+v.LastError+".")
	}
	if v.Unconfirmed > 0 && v.Oldest != nil {
		lines = append(lines, fmt.Sprintf("%d user names are not confirmed, the oldest since %s.", v.Unconfirmed, s.when(*v.Oldest)))
	}
	if v.NextTryAt != nil {
		lines = append(lines, "It is tried again by itself at "+s.when(*v.NextTryAt)+".")
	}
	return strings.Join(lines, "\n")
}

type routerShow struct {
	Name string `arg:"" help:"Name of the router."`
}

func (c *routerShow) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.Router(ctx, c.Name)
		if err != nil {
			return err
		}
		return sh.print(v, "%s", describeRouter(s, v))
	})
}

type routerChange struct {
	Name            string  `arg:"" help:"Name of the router."`
	Rename          *string `help:"New name."`
	Mode            *string `help:"local or radius."`
	API             *string `name:"api-address" aliases:"api" help:"host:port of the RouterOS API; empty: it is not used."`
	APIUser         *string `name:"api-user" help:"User of the API."`
	APIPasswordFile string  `name:"api-password-file" type:"existingfile" help:"File with the API user's new password."`
	APIPin          *string `name:"api-pin" help:"SHA-256 fingerprint of the router's certificate."`
	APICAFile       string  `name:"api-ca-file" type:"existingfile" help:"PEM file of the authority that signed the router's certificate."`
	APIPlain        *bool   `name:"api-plain" negatable:"" help:"Speak clear text (port 8728)."`
	SecretFile      string  `name:"radius-secret-file" type:"existingfile" help:"File with the new RADIUS secret."`
	NASAddress      *string `name:"nas-address" help:"IP address that the router's RADIUS requests come from."`
	CoA             *string `name:"coa-address" aliases:"coa" help:"host:port of the router's /radius incoming."`
	CoAAuthentic    *bool   `name:"coa-message-authenticator" negatable:"" help:"Send Message-Authenticator with CoA and Disconnect."`
	CoATimestamp    *bool   `name:"coa-event-timestamp" negatable:"" help:"Send Event-Timestamp with CoA and Disconnect."`
	LocalAddress    *string `name:"local-address" help:"The router's end of every tunnel."`
	Pool            *string `help:"Default address pool on the router."`
	Interim         *int    `name:"interim-seconds" aliases:"interim" help:"Seconds between two accounting records of a session."`
}

func (c *routerChange) Run(ctx context.Context, sh *shell) error {
	change := console.RouterChange{
		Name: c.Rename, Mode: c.Mode, APIAddress: c.API, APIUser: c.APIUser, APIPin: c.APIPin, APIPlain: c.APIPlain,
		NASAddress: c.NASAddress, CoAAddress: c.CoA, CoAMessageAuthenticator: c.CoAAuthentic, CoAEventTimestamp: c.CoATimestamp,
		LocalAddress: c.LocalAddress, Pool: c.Pool, InterimSeconds: c.Interim,
	}
	for _, file := range []struct {
		flag, path string
		into       **string
	}{
		{"api_password_file", c.APIPasswordFile, &change.APIPassword}, {"api_ca_file", c.APICAFile, &change.APICA},
		{"radius_secret_file", c.SecretFile, &change.RadiusSecret},
	} {
		if file.path == "" {
			continue
		}
		text, err := readFile(file.flag, file.path)
		if err != nil {
			return err
		}
		*file.into = &text
	}
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.ChangeRouter(ctx, s.by, c.Name, change)
		if err != nil {
			return err
		}
		return sh.print(v, "%s", describeRouter(s, v))
	})
}

type routerRemove struct {
	Name string `arg:"" help:"Name of the router."`
}

func (c *routerRemove) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		if err := s.RemoveRouter(ctx, s.by, c.Name); err != nil {
			return err
		}
		return sh.print(map[string]string{"name": c.Name}, "Removed router %s.", c.Name)
	})
}

type routerCheck struct {
	Name string `arg:"" help:"Name of the router."`
}

func (c *routerCheck) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		report, err := s.CheckRouter(ctx, c.Name)
		if err != nil {
			return err
		}
		if !report.Reachable {
			if sh.json {
				err = sh.print(report, "")
			}
			return errors.Join(err, fmt.Errorf("%s does not answer: %s", c.Name, strings.Join(report.Problems, "; ")))
		}
		text := c.Name + " answers."
		if report.Identity != "" {
			text = fmt.Sprintf("%s answers: identity %s, RouterOS %s, up %s.", c.Name, report.Identity, report.Version, report.Uptime)
		}
		problems := "\nNothing was found that would keep Qserve from working."
		if len(report.Problems) > 0 {
			problems = "\n- " + strings.Join(report.Problems, "\n- ")
		}
		return sh.print(report, "%s", text+problems)
	})
}

type routerRetry struct {
	Name string `arg:"" help:"Name of the router."`
}

func (c *routerRetry) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.TryRouterNow(ctx, s.by, c.Name)
		if err != nil {
			return err
		}
		return sh.print(v, "%s is tried now; %d user names wait for it.", v.Name, v.Unconfirmed)
	})
}

package router

import (
	"context"
	"fmt"
	"time"

	"qserve/router/coa"
	"qserve/router/routeros"
)

// driver is what the fleet needs to know about a Driver that it keeps.
type driver interface {
	Driver
	alive(ctx context.Context) bool
	broken() bool
}

// open connects to a router and returns the driver of its mode.
func (f *Fleet) open(ctx context.Context, t Target) (driver, error) {
	d := device{target: t, clock: f.cfg.Clock, patience: f.cfg.LookFor}
	port := incoming{
		client: f.cfg.CoA,
		clock:  f.cfg.Clock,
		nas: coa.NAS{
			Address:              t.CoA.Address,
			Secret:               t.CoA.Secret,
			MessageAuthenticator: t.CoA.MessageAuthenticator,
			EventTimestamp:       t.CoA.EventTimestamp,
		},
		observe: func(operation, outcome string, took time.Duration) {
			f.cfg.Observe(t.Name, operation, outcome, took)
		},
	}
	switch {
	case t.Mode != Local && t.Mode != Radius:
		return nil, t.fail("", "open", fmt.Errorf("%w: mode %q is neither local nor radius", ErrSetup, t.Mode))
	case t.Mode == Local && t.API.Address == "":
		return nil, t.fail("", "open", fmt.Errorf("%w: mode local needs the address of the router's API", ErrSetup))
	case t.API.Address != "":
		conn, err := f.dial(ctx, t)
		if err != nil {
			return nil, err
		}
		d.conn = conn
		if t.Mode == Local {
			return &local{device: d, profiles: make(map[string]bool)}, nil
		}
		return &radius{device: d, incoming: port}, nil
	case !port.usable() || f.cfg.Sessions == nil:
		return nil, t.fail("", "open", fmt.Errorf("%w: mode radius needs the router's CoA address, its API, or both",
			ErrSetup))
	default:
		return &remote{device: d, incoming: port, list: f.cfg.Sessions}, nil
	}
}

func (f *Fleet) dial(ctx context.Context, t Target) (*routeros.Conn, error) {
	start := f.cfg.Clock.Now()
	conn, err := routeros.Dial(ctx, routeros.Config{
		Address:        t.API.Address,
		User:           t.API.User,
		Password:       t.API.Password,
		Plain:          t.API.Plain,
		PinSHA256:      t.API.PinSHA256,
		CAPEM:          t.API.CAPEM,
		ConnectTimeout: f.cfg.ConnectTimeout,
		LoginTimeout:   f.cfg.LoginTimeout,
		CommandTimeout: f.cfg.CommandTimeout,
		Clock:          f.cfg.Clock,
	})
	err = t.fail("", "open the API", err)
	f.cfg.Observe(t.Name, "connect", outcome(err), f.cfg.Clock.Now().Sub(start))
	return conn, err
}

// watched reports what a driver's calls came to.
type watched struct {
	Driver
	fleet *Fleet
	name  string
}

func (w watched) report(operation string, start time.Time, err error) {
	w.fleet.cfg.Observe(w.name, operation, outcome(err), w.fleet.cfg.Clock.Now().Sub(start))
}

func (w watched) Converge(ctx context.Context, want Want) (err error) {
	defer func(start time.Time) { w.report("converge", start, err) }(w.fleet.cfg.Clock.Now())
	return w.Driver.Converge(ctx, want)
}

func (w watched) Sessions(ctx context.Context, username string) (_ []Session, err error) {
	defer func(start time.Time) { w.report("sessions", start, err) }(w.fleet.cfg.Clock.Now())
	return w.Driver.Sessions(ctx, username)
}

func (w watched) AllSessions(ctx context.Context) (_ []UserSession, err error) {
	defer func(start time.Time) { w.report("list", start, err) }(w.fleet.cfg.Clock.Now())
	return w.Driver.AllSessions(ctx)
}

func (w watched) Check(ctx context.Context) (_ Report, err error) {
	defer func(start time.Time) { w.report("check", start, err) }(w.fleet.cfg.Clock.Now())
	return w.Driver.Check(ctx)
}

// outcome names a result for a metric: few values, none of them from outside.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case isWhole(err):
		return "failed"
	default:
		return "refused"
	}
}

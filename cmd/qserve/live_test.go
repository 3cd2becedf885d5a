package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"qserve/account"
	"qserve/cmd/internal/stage"
	"qserve/router"
	"qserve/router/mikrosim"
)

// live is a terminal beside a running Qserve with a simulated router of each mode, and a paid customer online on each.
func live(t *testing.T) (*terminal, map[router.Mode]stage.Person) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	s, err := stage.Open(ctx, stage.Options{Routers: []stage.RouterOptions{
		{Name: "Ngong", Mode: router.Local}, {Name: "Kileleshwa", Mode: router.Radius},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer cancel()
		if err := s.Close(); err != nil {
			t.Errorf("close the stage: %v", err)
		}
	})
	for _, p := range []struct{ name, rate, price string }{{"Home 10", "5M/10M", "1500"}, {"Home 20", "10M/20M", "3000"}} {
		if err := s.Plan(ctx, p.name, p.rate, account.Duration{Count: 1, Unit: account.Months}, p.price); err != nil {
			t.Fatal(err)
		}
	}
	people := map[router.Mode]stage.Person{}
	for _, r := range s.Routers {
		p := stage.Person{
			Account: "ACC-" + r.Name(), Username: strings.ToLower(r.Name()), Password: "pppoe-password", Plan: "Home 10", Router: r,
			PaidUntil: time.Now().AddDate(0, 0, 20),
		}
		if err := s.Add(ctx, p, true); err != nil {
			t.Fatal(err)
		}
		if err := p.Online(ctx); err != nil {
			t.Fatal(err)
		}
		people[r.Options.Mode] = p
	}
	c := &terminal{t: t, url: s.DatabaseURL}
	for name, value := range s.Environ {
		c.environ = append(c.environ, name+"="+value)
	}
	return c, people
}

func TestCommands_WaitForTheRouterAndSayWhatHappened(t *testing.T) {
	t.Parallel()
	c, people := live(t)
	for mode, p := range people {
		name := p.Router.Name()
		c.says([]string{p.Account + " is suspended. " + name + " confirmed after "}, "subscriber", "suspend", p.Account, "--reason", "not at home")
		if _, online := p.Router.State().Session(p.Username); online {
			t.Errorf("mode %s: online after the suspension was confirmed", mode)
		}
		c.says([]string{"suspended", "not at home"}, "subscriber", "show", p.Account)
		c.fails([]string{"suspended already"}, "subscriber", "suspend", p.Account)
		c.says([]string{p.Account + " is reconnected. " + name + " confirmed after "}, "subscriber", "reconnect", p.Account)
		if err := p.Online(c.t.Context()); err != nil {
			t.Error(err)
		}
		c.says([]string{p.Account + " has Home 20 now. " + name + " confirmed after "}, "subscriber", "change-package", p.Account, "Home 20")
		c.says([]string{p.Account + " is extended by 3 days."}, "subscriber", "extend", p.Account, "3", "--note", "outage")
		c.says([]string{"Noted on " + p.Account + "."}, "subscriber", "note", p.Account, "Dog in the yard")
		c.says([]string{"is credited to " + p.Account + "."}, "payment", "enter", "100", "--account", p.Account)
		c.says([]string{name + " answers: identity"}, "router", "check", name)
	}
	c.says([]string{"Kileleshwa", "Ngong"}, "router", "list")

	gone := people[router.Local]
	if err := gone.Router.SetFault(mikrosim.Fault{Kind: mikrosim.FaultRefuse}); err != nil {
		t.Fatal(err)
	}
	c.says([]string{gone.Account + " is suspended. Ngong has not confirmed yet"}, "subscriber", "suspend", gone.Account, "--wait", "2s")
	c.fails([]string{"Ngong does not answer"}, "router", "check", "Ngong")
	if err := gone.Router.SetFault(mikrosim.Fault{Kind: mikrosim.FaultNone}); err != nil {
		t.Fatal(err)
	}
	c.ok("router", "retry", "Ngong")
	if err := gone.Offline(t.Context()); err != nil {
		t.Error(err)
	}
	c.says([]string{gone.Account + " is deleted. The router confirmed after "}, "subscriber", "delete", gone.Account, "--confirm", gone.Account)
	c.fails([]string{"there is no account"}, "subscriber", "show", gone.Account)
	c.says([]string{"Removed router Ngong."}, "router", "remove", "Ngong")
}

func TestChangedPlan_ReachesTheRunningSession(t *testing.T) {
	t.Parallel()
	c, people := live(t)
	p := people[router.Radius]
	before, _ := p.Router.State().Session(p.Username)
	c.ok("plan", "change", "Home 10", "--rate", "8M/16M")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.Router.Wait(ctx, func(st mikrosim.State) bool {
		now, online := st.Session(p.Username)
		return online && now.Rate == "8M/16M" && now.SessionID == before.SessionID
	}); err != nil {
		t.Errorf("the session of before has not the new rate: %v", err)
	}
}

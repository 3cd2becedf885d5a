package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"qserve/account"
	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router/mikrosim"
)

const (
	fastPlan      = "Home 20"
	fastPlanPrice = "2500.00"
)

// nextFixed is a fixed address that nobody has, outside of the routers' pools.
func (s *scene) nextFixed() string {
	s.fixed++
	return fmt.Sprintf("198.18.0.%d", s.fixed)
}

// onEach adds a customer of its own to each router, waits until all of them are online, and plays with each.
func (s *scene) onEach(ctx context.Context, prefix string, play func(p stage.Person) (string, error)) (string, error) {
	result := ""
	for i, r := range s.Routers {
		number := fmt.Sprintf("%s-%04d", prefix, i+1)
		p := stage.Person{
			Account: number, Username: number, Password: "sample-password", Plan: planName, Router: r, FixedIP: s.nextFixed(),
			PaidUntil: time.Now().AddDate(0, 0, 10),
		}
		if err := s.Add(ctx, p, true); err != nil {
			return "", err
		}
		if err := p.Online(ctx); err != nil {
			return "", err
		}
		line, err := play(p)
		if err != nil {
			return "", fmt.Errorf("%s on %s: %w", p.Account, r.Name(), err)
		}
		result += fmt.Sprintf("%s on %s (mode %s): %s\n", p.Account, r.Name(), r.Options.Mode, line)
	}
	return result, nil
}

// took is how long a router needed to confirm a command.
func took(v console.ActionView) string {
	if v.ConfirmedAt == nil {
		return "not confirmed"
	}
	return "confirmed in " + short(v.ConfirmedAt.Sub(v.AcceptedAt))
}

// packageChanges changes the package in live sessions. The customer of mode local has a fixed address, whose rate Qserve
// keeps in a queue of its own: so that session goes on as well.
func packageChanges(ctx context.Context, s *scene) (string, error) {
	if err := s.Plan(ctx, fastPlan, "10M/20M", account.Duration{Count: 30, Unit: account.Days}, fastPlanPrice); err != nil {
		return "", err
	}
	return s.onEach(ctx, "FIX", func(p stage.Person) (string, error) {
		before, _ := p.Router.State().Session(p.Username)
		done, err := s.Command(ctx, http.MethodPost, "subscribers/"+p.Account+"/change-package", console.ChangeOrder{Plan: fastPlan, When: "now"})
		if err != nil {
			return "", err
		}
		after, online := p.Router.State().Session(p.Username)
		if !online || after.SessionID != before.SessionID || after.Rate != "10M/20M" {
			return "", fmt.Errorf("session %s at %s became %s at %s", before.SessionID, before.Rate, after.SessionID, after.Rate)
		}
		return fmt.Sprintf("%s, session %s went from %s to %s without a disconnection", took(done), after.SessionID, before.Rate, after.Rate), nil
	})
}

func suspendedAndReconnected(ctx context.Context, s *scene) (string, error) {
	return s.onEach(ctx, "SUS", func(p stage.Person) (string, error) {
		path := "subscribers/" + p.Account
		cut, err := s.Command(ctx, http.MethodPost, path+"/suspend", console.SuspendOrder{Category: "equipment", Reason: "ONU not returned"})
		if err != nil {
			return "", err
		}
		if _, online := p.Router.State().Session(p.Username); online {
			return "", errors.New("the suspension is confirmed and the session goes on")
		}
		if err := p.Refused(ctx); err != nil {
			return "", err
		}
		back, err := s.Command(ctx, http.MethodPost, path+"/reconnect", console.ReconnectOrder{})
		if err != nil {
			return "", err
		}
		began := time.Now()
		if err := p.Online(ctx); err != nil {
			return "", err
		}
		return fmt.Sprintf("suspended, %s, dials refused; reconnected, %s, online %s later", took(cut), took(back), short(time.Since(began))), nil
	})
}

func newPassword(ctx context.Context, s *scene) (string, error) {
	return s.onEach(ctx, "PWD", func(p stage.Person) (string, error) {
		var given console.Given
		if err := s.Ask(ctx, http.MethodPatch, "subscribers/"+p.Account, map[string]any{"generate_password": true}, &given); err != nil {
			return "", err
		}
		done, err := s.Follow(ctx, given.ID)
		if err != nil {
			return "", err
		}
		p.Redial()
		if err := p.Refused(ctx); err != nil {
			return "", err
		}
		p.Password = given.Password
		p.Redial()
		if err := p.Online(ctx); err != nil {
			return "", err
		}
		return took(done) + ", the old password is refused, the new one dials in", nil
	})
}

func threeDaysCredit(ctx context.Context, s *scene) (string, error) {
	p := stage.Person{
		Account: "EXT-0001", Username: "ext-0001", Password: "sample-password", Plan: planName, Router: s.Router("Kileleshwa"),
		PaidUntil: time.Now().AddDate(0, 0, -2),
	}
	if err := s.Add(ctx, p, true); err != nil {
		return "", err
	}
	path := "subscribers/" + p.Account
	done, err := s.Command(ctx, http.MethodPost, path+"/extend", console.ExtendOrder{Days: 3, Note: "outage on Monday"})
	if err != nil {
		return "", err
	}
	if err := p.Online(ctx); err != nil {
		return "", err
	}
	var profile console.SubscriberView
	if err := s.Ask(ctx, http.MethodGet, path, nil, &profile); err != nil {
		return "", err
	}
	left := time.Until(*profile.ExpiresAt)
	if profile.Status != "active" || left < 71*time.Hour || left > 73*time.Hour {
		return "", fmt.Errorf("%s is %s for %s, not active for three days", p.Account, profile.Status, left)
	}
	return fmt.Sprintf("%s was expired; %s, online and paid until %s", p.Account, took(done), s.local(*profile.ExpiresAt)), nil
}

func deletedWhileAway(ctx context.Context, s *scene) (string, error) {
	return s.onEach(ctx, "DEL", func(p stage.Person) (string, error) {
		if err := p.Router.SetFault(mikrosim.Fault{Kind: mikrosim.FaultDown}); err != nil {
			return "", err
		}
		var given console.ActionView
		if err := s.Ask(ctx, http.MethodDelete, "subscribers/"+p.Account+"?confirm="+p.Account, nil, &given); err != nil {
			return "", err
		}
		if err := s.UntilNumber(ctx, "the record is gone", 0, `select count(*) from subscribers where account = $1`, p.Account); err != nil {
			return "", err
		}
		if err := p.Router.SetFault(mikrosim.Fault{Kind: mikrosim.FaultNone}); err != nil {
			return "", err
		}
		back := time.Now()
		if _, err := s.Follow(ctx, given.ID); err != nil {
			return "", err
		}
		confirmed := time.Since(back)
		if _, left := p.Router.State().Secret(p.Username); left {
			return "", errors.New("the secret is still on the router")
		}
		if err := p.Refused(ctx); err != nil {
			return "", err
		}
		return fmt.Sprintf("the record is gone at once; the credentials left the router %s after it came back", short(confirmed)), nil
	})
}

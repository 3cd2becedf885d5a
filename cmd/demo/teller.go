package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"qserve/cmd/internal/stage"
	"qserve/router"
)

// teller prints the story, for people or as one JSON line a step.
type teller struct {
	json bool
	to   io.Writer
}

func (t *teller) line(value any) error {
	encoder := json.NewEncoder(t.to)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

func (t *teller) say(format string, args ...any) { _, _ = fmt.Fprintf(t.to, format+"\n", args...) }

type stepLine struct {
	Step   string  `json:"step"`
	OK     bool    `json:"ok"`
	Ms     float64 `json:"ms"`
	Result string  `json:"result,omitempty"`
	Error  string  `json:"error,omitempty"`
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (t *teller) opened(s *scene, took time.Duration) {
	if t.json {
		_ = t.line(stepLine{Step: "open", OK: true, Ms: milliseconds(took), Result: "redis is " + s.Redis.Kind()})
		return
	}
	t.say("Qserve is up with PostgreSQL, Redis (%s) and %d simulated routers  [%s]", s.Redis.Kind(), len(s.Routers), short(took))
}

func (t *teller) step(st step, result string, err error, took time.Duration) {
	if t.json {
		line := stepLine{Step: st.name, OK: err == nil, Ms: milliseconds(took), Result: strings.TrimSpace(result)}
		if err != nil {
			line.Error = err.Error()
		}
		_ = t.line(line)
		return
	}
	mark := "ok"
	if err != nil {
		mark, result = "FAILED", err.Error()
	}
	t.say("\n%s  [%s, %s]", st.title, mark, short(took))
	for text := range strings.Lines(strings.TrimSpace(result)) {
		t.say("  %s", strings.TrimSpace(text))
	}
}

type readyLine struct {
	Step        string           `json:"step"`
	OK          bool             `json:"ok"`
	BaseURL     string           `json:"base_url"`
	OpsURL      string           `json:"ops_url"`
	SimURL      string           `json:"sim_url"`
	DatabaseURL string           `json:"database_url"`
	RedisURL    string           `json:"redis_url"`
	SignIn      signInLine       `json:"sign_in"`
	APIToken    string           `json:"api_token"`
	Sources     []sourceLine     `json:"sources"`
	Routers     []routerLine     `json:"routers"`
	Subscribers []subscriberLine `json:"subscribers"`
}

type signInLine struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

type sourceLine struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	URL    string `json:"url"`
	Secret string `json:"secret,omitempty"`
}

type routerLine struct {
	Name        string `json:"name"`
	Mode        string `json:"mode"`
	API         string `json:"api"`
	APIUser     string `json:"api_user"`
	APIPassword string `json:"api_password"`
	CoA         string `json:"coa"`
	CoASecret   string `json:"coa_secret"`
}

type subscriberLine struct {
	Account  string `json:"account"`
	Username string `json:"username"`
	Password string `json:"password"`
	Router   string `json:"router"`
	Plan     string `json:"plan"`
	Status   string `json:"status"`
}

func (t *teller) ready(ctx context.Context, s *scene) error {
	line := readyLine{
		Step: "ready", OK: true, BaseURL: s.Program.BaseURL(), OpsURL: s.Program.OpsURL(), SimURL: s.backdoorURL,
		DatabaseURL: s.DatabaseURL, RedisURL: s.Redis.URL(), APIToken: s.APIToken,
		SignIn: signInLine{s.owner.User, s.owner.Password},
	}
	for _, src := range s.Sources {
		line.Sources = append(line.Sources, sourceLine{src.Name, src.Kind, s.Program.BaseURL() + src.URL, src.Secret})
	}
	for _, r := range s.Routers {
		l := routerLine{
			Name: r.Name(), Mode: string(r.Options.Mode), API: r.APIAddr(), APIUser: r.Options.Sim.User,
			APIPassword: r.Options.Sim.Password,
		}
		if r.Options.Mode == router.Radius {
			l.CoA, l.CoASecret = r.CoAAddr(), r.Secret
		}
		line.Routers = append(line.Routers, l)
	}
	unpaid, err := s.unpaid(ctx)
	if err != nil {
		return err
	}
	for i := range 3 {
		for status, people := range map[string][]stage.Person{"active": s.paid[i*perRouter:], "expired": unpaid[i:]} {
			p := people[0]
			line.Subscribers = append(line.Subscribers, subscriberLine{p.Account, p.Username, p.Password, p.Router.Name(), p.Plan, status})
		}
	}
	if t.json {
		return t.line(line)
	}
	t.say("\nQserve stays up until Ctrl-C.")
	t.say("  console     %s", line.BaseURL)
	t.say("  its sign-in %s, password %s", line.SignIn.User, line.SignIn.Password)
	t.say("  webhooks    %s", line.BaseURL)
	t.say("  staff API   %s/api/v1/openapi.json", line.BaseURL)
	t.say("  its token   %s", line.APIToken)
	t.say("  operations  %s/metrics  /readyz", line.OpsURL)
	t.say("  queues      %s/ops/queues", line.OpsURL)
	t.say("  routers     %s/routers", line.SimURL)
	t.say("  database    %s", line.DatabaseURL)
	t.say("\nPay another bill, and watch %s come online at %s/routers/%s:", unpaid[0].Account, line.SimURL, unpaid[0].Router.Name())
	t.say("  curl -d '%s' %s/confirm", stage.Confirmation(stage.Receipt(), unpaid[0].Account, planPrice), line.Sources[0].URL)
	return nil
}

package stage_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/internal/stack"
	"qserve/router/mikrosim"
)

// A whole life of accounts, with everything that makes programs talkative: refused calls, strangers' phones, a router
// that refuses, one that has another secret, a change of password on the side of the customer.
func TestNoSecretAndNoCustomer_ShowsInRedisTheLogOrTheMetrics(t *testing.T) {
	t.Parallel()
	tapped, address := tapRedis(t)
	log := &lines{}
	p := setup(t, stage.Options{
		Routers: everyKind, Redis: stack.RedisOptions{URL: address},
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	secret := p.secrets()
	var people []stage.Person
	for i, r := range p.Routers {
		n := console.NewSubscriber{
			Account: "PRIV-" + r.Name(), Name: "Wanjiku " + r.Name(), Phone: "071234567" + string(rune('0'+i)), Router: r.Name(),
			Username: strings.ToLower("priv-" + r.Name()), Password: "pppoe-" + r.Name() + "-pw",
		}
		people = append(people, p.newcomer(n))
		secret["password of "+n.Account] = n.Password
		secret["name of "+n.Account] = n.Name
		secret["phone of "+n.Account] = strings.TrimPrefix(n.Phone, "0") // also inside of +254…
	}
	for i, who := range people {
		receipt := stage.Receipt()
		p.must(p.Pay(p.ctx, receipt, "071234567"+string(rune('0'+i)), planPrice))
		p.confirmed(receipt)
		p.online(who)
	}
	p.makeTrouble(people)
	p.suspends(people[0], "equipment")
	p.does(people[0], console.ReconnectOrder{})
	for _, who := range people {
		p.endsAt(who, time.Now())
	}
	p.offline(people...)
	p.must(p.UntilConfirmed(p.ctx))
	metrics := p.ops(http.MethodGet, "/metrics").Text
	p.must(p.Stop())

	for what, text := range secret {
		for where, all := range map[string]string{"the log": log.String(), "/metrics": metrics, "Redis": tapped.String()} {
			if where == "Redis" && what == "password of Redis" {
				continue // where it is said
			}
			if at := strings.Index(all, text); at >= 0 {
				t.Errorf("the %s shows in %s: …%s…", what, where, all[max(0, at-120):min(len(all), at+len(text)+20)])
			}
		}
	}
	for where, all := range map[string]string{"the log": log.String(), "/metrics": metrics, "Redis": tapped.String()} {
		if len(all) < 1000 {
			t.Errorf("%s has nothing to search: %q", where, all)
		}
	}
}

// secrets are those of the stage itself.
func (p play) secrets() map[string]string {
	p.t.Helper()
	secret := map[string]string{"key ring": p.Settings.Keys.Reveal(), "secret of " + p.Sources[1].Name: p.Sources[1].Secret}
	for _, s := range p.Sources {
		secret["token of "+s.Name] = strings.TrimPrefix(s.URL, "/in/")
	}
	for name, address := range map[string]string{"PostgreSQL": p.DatabaseURL, "Redis": p.Settings.RedisURL.Reveal()} {
		parsed, err := url.Parse(address)
		p.must(err)
		secret["password of "+name], _ = parsed.User.Password()
	}
	for _, r := range p.Routers {
		secret["API password of "+r.Name()] = r.Options.Sim.Password
		secret["RADIUS secret of "+r.Name()] = r.Secret
	}
	return secret
}

// makeTrouble has callers and routers do what is not right.
func (p play) makeTrouble(people []stage.Person) {
	p.t.Helper()
	standard, err := p.Standard(stage.Receipt(), "0799999999", planPrice)
	p.must(err)
	forged := stage.Call{Path: standard.Path, Header: standard.Header.Clone(), Body: standard.Body}
	forged.Header.Set("Webhook-Signature", "v1,bm90IHRoaXMgb25l")
	strange := p.Mpesa(stage.Receipt(), "0712345679 Wanjiku", planPrice)
	strange.Path = strings.TrimSuffix(strange.Path, "/confirm") + "/nothing"
	damaged := stage.Call{Path: p.Sources[0].URL + "/confirm", Body: []byte(`{"MSISDN":"254712345670","TransAmount":`)}
	for call, want := range map[*stage.Call]int{&forged: 401, &standard: 200, &strange: 404, &damaged: 200} {
		reply, err := p.Deliver(p.ctx, p.Program.BaseURL(), *call)
		p.must(err)
		if reply.Status != want {
			p.t.Errorf("a call was answered %d %s, not %d", reply.Status, reply.Text, want)
		}
	}
	p.must(p.UntilProcessed(p.ctx))
	for i, kind := range []mikrosim.FaultKind{mikrosim.FaultDenyLogin, mikrosim.FaultWrongSecret, mikrosim.FaultDown} {
		who, r := people[i], p.Routers[i]
		p.must(r.SetFault(mikrosim.Fault{Kind: kind}))
		r.Reboot() // which ends the connections that are open
		p.order([]stage.Person{who}, console.SuspendOrder{Category: "other"})
		if kind != mikrosim.FaultWrongSecret { // there the API still works
			p.untilNumber("the fault shows", 1, `select count(*) from routers where name = $1 and failures > 0`, r.Name())
		}
		p.must(r.SetFault(mikrosim.Fault{Kind: mikrosim.FaultNone}))
		p.must(p.UntilConfirmed(p.ctx))
		p.does(who, console.ReconnectOrder{})
		r.SetCustomer(who.Username, "mistyped-by-the-customer", true)
		p.must(r.Wait(p.ctx, func(st mikrosim.State) bool { return st.Customers[0].Online || st.Customers[0].LastError != "" }))
		r.SetCustomer(who.Username, who.Password, true)
		p.online(who)
	}
}

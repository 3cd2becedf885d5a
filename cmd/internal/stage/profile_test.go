package stage_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router/mikrosim"
)

// “Go to Customers, find the subscriber by name or phone number … The profile page shows: contact info, current package,
// connection status, payment history, and activity notes.”
func TestProfile_IsFoundByAnythingAndShowsEverything(t *testing.T) {
	t.Parallel()
	p := office(t)
	for _, r := range p.Routers {
		who := p.newcomer(console.NewSubscriber{
			Account: "VIEW-" + r.Name(), Name: "Zoë Wanjirũ " + r.Name(), Phone: "0712 345 67" + string(rune('0'+slices.Index(p.Routers, r))),
			Email: strings.ToLower(r.Name()) + "@example.com", Address: "Plot 4", Router: r.Name(), Username: "view." + strings.ToLower(r.Name()),
			Password: "sample-password",
		})
		receipt := p.pays(who)
		p.confirmed(receipt)
		p.online(who)
		phone := p.profile(who).Phone
		for _, typed := range []string{
			"zoe " + r.Name(), r.Name() + " wanj", "0" + phone[4:], phone, "254 " + phone[4:7] + " " + phone[7:], who.Account, who.Username,
			strings.ToLower(r.Name()) + "@example.com", receipt,
		} {
			var found console.Page[console.SubscriberView]
			p.asks(http.MethodGet, "subscribers?q="+url.QueryEscape(typed), nil, &found)
			if !slices.ContainsFunc(found.Items, func(v console.SubscriberView) bool { return v.Account == who.Account }) {
				t.Errorf("%q finds %d others, and not %s", typed, len(found.Items), who.Account)
			}
		}
		p.commands(http.MethodPost, "subscribers/"+who.Account+"/notes", map[string]any{"text": "Dog in the yard"})

		// Mode local is asked for its sessions every half minute.
		var v console.SubscriberView
		p.must(stage.Until(p.ctx, who.Account+" is shown online", func(ctx context.Context) (bool, error) {
			err := p.Ask(ctx, http.MethodGet, "subscribers/"+who.Account, nil, &v)
			return err == nil && v.Connection.Online, err
		}))
		session := p.live(who)
		if c := v.Connection; c.Address != session.Address || c.Rate != session.Rate || c.Since == nil || c.AsOf == nil ||
			!strings.EqualFold(c.SessionID, strings.TrimPrefix(session.SessionID, "0x")) {
			t.Errorf("%s: connection %+v, and the router shows %+v", who.Account, c, session)
		}
		if v.Plan != planName || v.Status != "active" || v.Remaining < 86000 || v.Address != "Plot 4" || v.Balance.Amount != "0.00" || !*v.Confirmed {
			t.Errorf("profile %+v", v)
		}
		var payments console.Page[console.PaymentView]
		p.asks(http.MethodGet, "subscribers/"+who.Account+"/payments", nil, &payments)
		var invoices console.Page[console.InvoiceView]
		p.asks(http.MethodGet, "subscribers/"+who.Account+"/invoices", nil, &invoices)
		if len(payments.Items) != 1 || payments.Items[0].Receipt != receipt || len(invoices.Items) != 1 || invoices.Items[0].Total.Amount != planPrice {
			t.Errorf("payments %+v, invoices %+v", payments.Items, invoices.Items)
		}
		var notes console.Page[console.ActivityView]
		p.asks(http.MethodGet, "subscribers/"+who.Account+"/activity?kind=note", nil, &notes)
		if len(notes.Items) != 1 || notes.Items[0].Summary != "Dog in the yard" || notes.Items[0].Actor != "token stage" || notes.Items[0].Source != "127.0.0.1" {
			t.Errorf("notes %+v", notes.Items)
		}
	}
	var audit console.Page[console.AuditView]
	p.asks(http.MethodGet, "audit?kind=note", nil, &audit)
	if len(audit.Items) != len(p.Routers) {
		t.Errorf("the audit log has %d notes", len(audit.Items))
	}
}

// A command is carried out however its router behaves meanwhile.
func TestCommands_ReachARouterThatIsSlowOrRebootsInTheMiddle(t *testing.T) {
	t.Parallel()
	onEachRouter(t, func(p play, who stage.Person) {
		p.must(who.Router.SetFault(mikrosim.Fault{Kind: mikrosim.FaultSlow, Ms: 150}))
		p.commands(http.MethodPost, "subscribers/"+who.Account+"/change-package", map[string]any{"plan": fastPlan, "when": "now"})
		p.must(who.Router.SetFault(mikrosim.Fault{Kind: mikrosim.FaultNone}))
		if got := p.live(who).Rate; got != "10M/20M" {
			p.t.Errorf("changed on a slow router to %s", got)
		}
		var given console.ActionView
		p.asks(http.MethodPost, "subscribers/"+who.Account+"/suspend", map[string]any{"category": "other"}, &given)
		who.Router.Reboot()
		_, err := p.Follow(p.ctx, given.ID)
		p.must(err)
		p.offline(who)
		p.must(who.Refused(p.ctx))
	})
}

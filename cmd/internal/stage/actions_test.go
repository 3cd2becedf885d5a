package stage_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router"
	"qserve/router/mikrosim"
)

const (
	fastPlan   = "Home 20"
	gardenPlan = "Garden 10"
)

// office is a play whose staff use the API, with two more plans.
func office(t *testing.T) play {
	t.Helper()
	p := setup(t, stage.Options{Routers: everyKind})
	p.must(p.Plan(p.ctx, fastPlan, "10M/20M", account.Duration{Count: 24, Unit: account.Hours}, "2500.00"))
	p.asks(http.MethodPost, "plans", map[string]any{
		"name": gardenPlan, "rate": "5M/10M", "duration": map[string]any{"count": 24, "unit": "hours"},
		"price": map[string]any{"amount": planPrice, "currency": "KES"}, "on_expiry": "garden",
	}, nil)
	return p
}

func (p play) asks(method, path string, body, answer any) {
	p.t.Helper()
	p.must(p.Ask(p.ctx, method, path, body, answer))
}

// commands gives a command by the API and waits until the router has confirmed it.
func (p play) commands(method, path string, body any) console.ActionView {
	p.t.Helper()
	view, err := p.Command(p.ctx, method, path, body)
	p.must(err)
	return view
}

func (p play) profile(who stage.Person) console.SubscriberView {
	p.t.Helper()
	var v console.SubscriberView
	p.asks(http.MethodGet, "subscribers/"+who.Account, nil, &v)
	return v
}

// live is what the router itself shows of a customer who is online.
func (p play) live(who stage.Person) mikrosim.Active {
	p.t.Helper()
	p.online(who)
	session, ok := who.Router.State().Session(who.Username)
	if !ok {
		p.t.Fatalf("%s is not online on %s", who.Account, who.Router.Name())
	}
	return session
}

func (p play) activity(who stage.Person) []string {
	p.t.Helper()
	var page console.Page[console.ActivityView]
	p.asks(http.MethodGet, "subscribers/"+who.Account+"/activity", nil, &page)
	var kinds []string
	for _, line := range page.Items {
		kinds = append(kinds, line.Kind)
	}
	return kinds
}

// problem asks for something that is refused.
func (p play) problem(status int, method, path string, body any) stage.Problem {
	p.t.Helper()
	err := p.Ask(p.ctx, method, path, body, nil)
	problem, ok := errors.AsType[*stage.Problem](err)
	if !ok || problem.Status != status {
		p.t.Fatalf("%s %s: %v, want status %d", method, path, err, status)
	}
	return *problem
}

// onEachRouter plays a scene with a customer of each router who is online, one after the other: a stage that waits for its
// turn polls all the same.
func onEachRouter(t *testing.T, scene func(p play, who stage.Person)) {
	t.Helper()
	p := office(t)
	for _, r := range p.Routers {
		t.Logf("on %s", r.Name())
		who := p.person("LIVE-"+r.Name(), r, time.Now().Add(10*period))
		p.online(who)
		scene(p, who)
	}
}

// “Qserve updates the bandwidth policy on the MikroTik router via CoA — no disconnection needed.”
func TestChangePackageNow_ChangesTheRateInTheLiveSession(t *testing.T) {
	t.Parallel()
	onEachRouter(t, func(p play, who stage.Person) {
		before := p.live(who)
		path := "subscribers/" + who.Account + "/change-package"
		order := map[string]any{"plan": fastPlan, "when": "now"}
		var preview console.PreviewView
		p.asks(http.MethodPost, path+"?preview=true", order, &preview)
		if preview.Before.Plan != planName || preview.After.Plan != fastPlan || preview.After.RenewalPrice.Amount != "2500.00" {
			p.t.Errorf("preview: %+v", preview)
		}
		if got := p.profile(who); got.Plan != planName {
			p.t.Fatalf("the preview changed the plan to %s", got.Plan)
		}
		p.commands(http.MethodPost, path, order)
		after := p.live(who)
		if after.Rate != "10M/20M" {
			p.t.Errorf("rate is %s", after.Rate)
		}
		if who.Router.Options.Mode == router.Radius && after.SessionID != before.SessionID {
			p.t.Errorf("the session was dropped: %s, then %s", before.SessionID, after.SessionID)
		}
		if got := p.profile(who); got.Plan != fastPlan || !got.ExpiresAt.Equal(*preview.Before.ExpiresAt) {
			p.t.Errorf("profile: %s until %v", got.Plan, got.ExpiresAt)
		}
		// The next dial gets the new rate too.
		who.Redial()
		p.must(who.Router.Wait(p.ctx, func(s mikrosim.State) bool {
			again, ok := s.Session(who.Username)
			return ok && again.SessionID != after.SessionID && again.Rate == "10M/20M"
		}))
	})
}

func TestChangePackageNow_KeepsTheSessionOfAFixedAddressInModeLocal(t *testing.T) {
	t.Parallel()
	p := office(t)
	who := stage.Person{
		Account: "FIX-0001", Username: "fix-0001", Password: "sample-password", Plan: planName, Router: p.Router("Ngong"),
		FixedIP: "100.64.63.10", PaidUntil: time.Now().Add(period),
	}
	p.must(p.Add(p.ctx, who, true))
	p.must(p.UntilConfirmed(p.ctx))
	before := p.live(who)
	p.commands(http.MethodPost, "subscribers/FIX-0001/change-package", map[string]any{"plan": fastPlan, "when": "now"})
	if after := p.live(who); after.SessionID != before.SessionID || after.Rate != "10M/20M" {
		t.Errorf("session %s at %s became %s at %s", before.SessionID, before.Rate, after.SessionID, after.Rate)
	}
}

// “Choose whether the change takes effect immediately or at the next renewal.”
func TestChangePackageAtRenewal_WaitsIsShownAndCanBeCancelled(t *testing.T) {
	t.Parallel()
	p := office(t)
	who := p.person("LATER", p.Routers[0], time.Now().Add(period))
	p.commands(http.MethodPost, "subscribers/"+who.Account+"/change-package", map[string]any{"plan": fastPlan, "when": "renewal"})
	if got := p.profile(who); got.Plan != planName || *got.NextPlan != fastPlan || !got.NextPlanAt.Equal(*got.ExpiresAt) {
		t.Fatalf("scheduled: %+v", got)
	}
	p.commands(http.MethodDelete, "subscribers/"+who.Account+"/change-package", nil)
	if got := p.profile(who); got.NextPlan != nil {
		t.Errorf("still scheduled: %v", *got.NextPlan)
	}
	p.problem(http.StatusConflict, http.MethodDelete, "subscribers/"+who.Account+"/change-package", nil)
}

// “Suspending cuts the subscriber's internet access … Qserve sends a CoA Disconnect to the router immediately.”
// “Reconnect … Qserve re-enables the account … The subscriber can reconnect within seconds.”
func TestSuspendAndReconnect(t *testing.T) {
	t.Parallel()
	onEachRouter(t, func(p play, who stage.Person) {
		path := "subscribers/" + who.Account
		p.problem(http.StatusConflict, http.MethodPost, path+"/reconnect", map[string]any{})
		dropped := p.live(who)
		p.commands(http.MethodPost, path+"/suspend", map[string]any{"category": "equipment", "reason": "ONU not returned", "stop_clock": true})
		if session, ok := who.Router.State().Session(who.Username); ok {
			p.t.Fatalf("confirmed, and session %s is still there", session.SessionID)
		}
		got := p.profile(who)
		if got.Status != "suspended" || got.Suspension.Reason != "ONU not returned" || got.Connection.Online {
			p.t.Errorf("profile: %s %+v %+v", got.Status, got.Suspension, got.Connection)
		}
		p.problem(http.StatusConflict, http.MethodPost, path+"/suspend", map[string]any{"category": "other"})
		p.must(who.Refused(p.ctx))
		p.commands(http.MethodPost, path+"/reconnect", map[string]any{})
		if back := p.live(who); back.SessionID == dropped.SessionID {
			p.t.Errorf("the dropped session %s is back", back.SessionID)
		}
		if got := p.activity(who); !slices.Equal(got[:2], []string{"reconnect", "suspend"}) {
			p.t.Errorf("activity: %v", got)
		}
	})
}

// What an expired customer of a garden plan meets, and that a payment lifts it in the live session.
func TestGarden_KeepsTheSessionSlowUntilItIsPaid(t *testing.T) {
	t.Parallel()
	p := office(t)
	for _, r := range p.Routers {
		who := stage.Person{
			Account: "GARDEN-" + r.Name(), Username: "garden-" + r.Name(), Password: "sample-password", Plan: gardenPlan, Router: r,
			PaidUntil: time.Now().Add(4 * time.Second),
		}
		p.must(p.Add(p.ctx, who, true))
		before := p.live(who)
		p.must(r.Wait(p.ctx, func(s mikrosim.State) bool {
			session, ok := s.Session(who.Username)
			return ok && session.AddressList == account.GardenList && session.Rate == "256k/256k"
		}))
		p.must(p.UntilConfirmed(p.ctx))
		slow := p.live(who)
		p.confirmed(p.pays(who))
		after := p.live(who)
		if after.AddressList == account.GardenList || after.Rate != "5M/10M" {
			t.Errorf("%s: paid, at %s in %q", r.Name(), after.Rate, after.AddressList)
		}
		if r.Options.Mode == router.Radius && (slow.SessionID != before.SessionID || after.SessionID != before.SessionID) {
			t.Errorf("%s: sessions %s, %s, %s: dropped on the way", r.Name(), before.SessionID, slow.SessionID, after.SessionID)
		}
	}
}

// “PPPoE credentials can also be changed here — the new password is synced to the router automatically.”
func TestEdit_BringsNewCredentialsToTheRouter(t *testing.T) {
	t.Parallel()
	onEachRouter(t, func(p play, who stage.Person) {
		path := "subscribers/" + who.Account
		var given console.Given
		p.asks(http.MethodPatch, path, map[string]any{"generate_password": true, "phone": "0712 345 678"}, &given)
		_, err := p.Follow(p.ctx, given.ID)
		p.must(err)
		who.Redial()
		p.must(who.Refused(p.ctx)) // the box still has the old password
		who.Router.SetCustomer(who.Username, given.Password, true)
		p.live(who)
		if got := p.profile(who); got.Phone != "+254712345678" {
			p.t.Errorf("phone: %s", got.Phone)
		}

		other := p.person("OTHER-"+who.Router.Name(), who.Router, time.Now().Add(period))
		if taken := p.problem(http.StatusConflict, http.MethodPatch, path, map[string]any{"username": other.Username}); taken.Errors[0].Location != "body.username" {
			p.t.Errorf("a user name that is taken: %+v", taken)
		}
		renamed := who
		renamed.Username = who.Username + ".new"
		p.commands(http.MethodPatch, path, map[string]any{"username": renamed.Username})
		p.offline(who)
		who.Router.SetCustomer(renamed.Username, given.Password, true)
		p.live(renamed)
		for _, secret := range who.Router.State().Secrets {
			if secret.Name == who.Username {
				p.t.Errorf("the old user name is still on the router")
			}
		}
	})
}

// “Enter the number of days to add. Add a note (optional) and confirm.”
func TestExtendAndNotes(t *testing.T) {
	t.Parallel()
	p := office(t)
	who := p.expired("EXT", p.Router("Kileleshwa"))
	p.commands(http.MethodPost, "subscribers/"+who.Account+"/extend", map[string]any{"days": 3, "note": "outage of 21 November"})
	p.live(who)
	left := time.Until(*p.profile(who).ExpiresAt).Hours() / 24
	if left < 2.9 || left > 3.1 {
		t.Errorf("extended an expired account to %.2f days from now", left)
	}
	p.commands(http.MethodPost, "subscribers/"+who.Account+"/notes", map[string]any{"text": "Dog in the yard"})
	if diff := cmp.Diff([]string{"note", "extend", "create"}, p.activity(who)); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
	p.problem(http.StatusUnprocessableEntity, http.MethodPost, "subscribers/"+who.Account+"/extend", map[string]any{"days": 366})
}

// “Deleting permanently removes the subscriber record and their PPPoE credentials from the router.”
func TestDelete_LeavesNothingOnARouterThatWasAway(t *testing.T) {
	t.Parallel()
	onEachRouter(t, func(p play, who stage.Person) {
		p.confirmed(p.pays(who))
		path := "subscribers/" + who.Account
		p.problem(http.StatusUnprocessableEntity, http.MethodDelete, path+"?confirm=WRONG", nil)
		p.must(who.Router.SetFault(mikrosim.Fault{Kind: mikrosim.FaultDown}))
		var given console.ActionView
		p.asks(http.MethodDelete, path+"?confirm="+who.Account, nil, &given)
		p.must(stage.Until(p.ctx, "the account is gone", func(ctx context.Context) (bool, error) {
			problem, gone := errors.AsType[*stage.Problem](p.Ask(ctx, http.MethodGet, path, nil, nil))
			return gone && problem.Status == http.StatusNotFound, nil
		}))
		receipt := stage.Receipt()
		p.must(p.Pay(p.ctx, receipt, who.Account, planPrice))
		p.untilNumber("a later payment is unallocated", 1, `select count(*) from payments where transaction_id = $1 and unallocated <> ''`, receipt)
		p.must(who.Router.SetFault(mikrosim.Fault{Kind: mikrosim.FaultNone}))
		_, err := p.Follow(p.ctx, given.ID)
		p.must(err)
		p.offline(who)
		for _, secret := range who.Router.State().Secrets {
			if secret.Name == who.Username {
				p.t.Errorf("the credentials are still on the router")
			}
		}
		p.must(who.Refused(p.ctx))
	})
}

func TestMoneyOfStaff_IsEnteredAllocatedAndReversed(t *testing.T) {
	t.Parallel()
	p := office(t)
	who, other := p.expired("MONEY", p.Routers[0]), p.expired("WRONG", p.Routers[1])
	var entered console.EnteredPayment
	p.asks(http.MethodPost, "payments", map[string]any{"amount": planPrice, "method": "bank", "reference": "FT2633"}, &entered)
	p.problem(http.StatusConflict, http.MethodPost, "payments", map[string]any{"amount": planPrice, "method": "bank", "reference": "FT2633"})
	var waiting console.Page[console.PaymentView]
	p.asks(http.MethodGet, "payments?status=unallocated", nil, &waiting)
	if len(waiting.Items) != 1 || waiting.Items[0].Receipt != "FT2633" {
		t.Fatalf("unallocated: %+v", waiting.Items)
	}
	payment := fmt.Sprintf("payments/%d/", entered.Payment.ID)
	p.commands(http.MethodPost, payment+"allocate", map[string]any{"subscriber": other.Account})
	p.live(other)
	p.commands(http.MethodPost, payment+"unallocate", map[string]any{"reason": "was for somebody else"})
	p.offline(other)
	p.commands(http.MethodPost, payment+"allocate", map[string]any{"subscriber": who.Account})
	p.live(who)
	var reversed console.EnteredPayment
	p.asks(http.MethodPost, payment+"reverse", map[string]any{"reason": "returned by the bank"}, &reversed)
	_, err := p.Follow(p.ctx, reversed.Action.ID)
	p.must(err)
	p.offline(who)
	for _, person := range []stage.Person{who, other} {
		var ledger console.Page[console.LedgerView]
		p.asks(http.MethodGet, "subscribers/"+person.Account+"/ledger", nil, &ledger)
		if len(ledger.Items) != 4 || ledger.Items[0].Balance.Amount != "0.00" {
			t.Errorf("%s: ledger %+v", person.Account, ledger.Items)
		}
	}
}

// The peer PHPNuxBill, given eight payments at once, extended three periods.
func TestCommandsAtOnce_AreAppliedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	p := office(t)
	who := p.person("CROWD", p.Router("Kileleshwa"), time.Now().Add(period))
	before := *p.profile(who).ExpiresAt
	results := make(chan error)
	for range 16 {
		go func() {
			_, err := p.Command(p.ctx, http.MethodPost, "subscribers/"+who.Account+"/extend", map[string]any{"days": 1})
			results <- err
		}()
	}
	for range 16 {
		p.must(<-results)
	}
	if got := *p.profile(who).ExpiresAt; !got.Equal(before.AddDate(0, 0, 16)) {
		t.Errorf("sixteen days given at once: %v became %v", before, got)
	}
}

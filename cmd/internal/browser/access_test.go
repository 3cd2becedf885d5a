package browser

import (
	"testing"
	"time"

	"qserve/console"
)

// “Click Suspend. Optionally enter a reason (shown in audit logs). Confirm. Qserve sends a CoA Disconnect to the router
// immediately.” “Click Reconnect (visible only when account is suspended or expired) … The subscriber can reconnect within
// seconds.”
func TestSuspend_CutsAccessAndReconnectGivesItBack(t *testing.T) {
	t.Parallel()
	o := visit(t)
	b := o.open(t, console.RoleManager)
	for _, on := range []string{kilimani, ngong, syokimau} {
		c := o.subscriber(t, on)
		reason := "ONU not returned on " + on
		b.goTo(c.page())
		b.seesIn("#light-account", "Active")
		if b.can("Reconnect") {
			t.Error("Reconnect is offered to an active subscriber")
		}
		b.click("Suspend")
		b.inDialog("Suspend " + c.Name + "?")
		b.tick("Equipment issue")
		b.fill("Reason", reason)
		b.seesIn("#preview", "Suspended", "The customer notices")
		b.click("Suspend " + c.Name)
		b.noDialog()
		b.seesIn("#cards", "Suspend", "confirmed by "+on)
		b.seesIn("#light-account", "Suspended")
		b.seesIn("#sentence", "Suspended because of equipment ("+reason+")")
		must(t, c.Offline(t.Context()))
		must(t, c.Refused(t.Context()))

		b.click("Reconnect")
		b.inDialog("Reconnect " + c.Name + "?")
		b.click("Reconnect " + c.Name)
		began := time.Now()
		b.noDialog()
		must(t, c.Online(t.Context()))
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("on %s the customer was back after %s", on, took)
		}
		b.seesIn("#light-account", "Active")
		b.until("Reconnect is gone", "!document.querySelector('#do-reconnect')")
		if on != ngong { // its sessions are looked at every half minute
			b.seesIn("#light-line", "Online")
		}

		b.goTo("/audit")
		b.sees(reason, c.Account)
	}
}

// “Reconnect (visible only when account is suspended or expired)”.
func TestReconnect_IsOfferedToTheExpiredAndGivesGrace(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, kilimani, expired)
	must(t, c.Refused(t.Context()))
	b := o.open(t, console.RoleSupport)
	b.goTo(c.page())
	b.seesIn("#light-account", "Expired")
	b.click("Reconnect")
	b.fill("Hours of grace", "12")
	b.seesIn("#preview", "In grace")
	b.click("Reconnect " + c.Name)
	b.noDialog()
	b.seesIn("#light-account", "In grace")
	must(t, c.Online(t.Context()))
}

// “Click Edit on the subscriber profile to update name, phone, email, or address. PPPoE credentials can also be changed
// here — the new password is synced to the router automatically.”
func TestEdit_ChangesContactAndThePasswordThatTheRouterTakes(t *testing.T) {
	t.Parallel()
	o := visit(t)
	b := o.open(t, console.RoleSupport)
	for _, on := range []string{kilimani, ngong, syokimau} {
		c := o.subscriber(t, on)
		b.goTo(c.page())
		b.click("Edit")
		b.inDialog("Edit " + c.Name)
		for label, value := range map[string]string{
			"Name": "Renamed on " + on, "Phone": "0733 111 222", "E-mail": "renamed@example.com", "Address": "Plot 9, Thika Road",
			"New PPPoE password": "another-password",
		} {
			b.fill(label, value)
		}
		b.click("Save")
		b.noDialog()
		b.seesIn("h1", "Renamed on "+on, "0733 111222")
		b.seesIn("#package", "renamed@example.com", "Plot 9, Thika Road")
		b.seesIn("#cards", "confirmed by "+on)
		c.Redial()
		must(t, c.Refused(t.Context()))
		c.Password = "another-password"
		c.Redial()
		must(t, c.Online(t.Context()))
	}
}

// “To delete: open the subscriber profile → More Actions → Delete Account. Confirm the prompt.”
func TestDelete_TakesTheAccountNumberAndLeavesNothing(t *testing.T) {
	t.Parallel()
	o := visit(t)
	b := o.open(t, console.RoleManager)
	b.seen.expects(422)
	b.seen.expects(404)
	for _, on := range []string{kilimani, ngong} {
		c := o.subscriber(t, on)
		b.goTo(c.page())
		b.click("More Actions")
		b.click("Delete Account")
		b.inDialog("Delete " + c.Name + " for good?")
		b.fill("Type the account number", "ACC-9999")
		b.click("Delete Account")
		b.until("the wrong number is refused", "document.querySelector('dialog[open] .problem')")
		if o.number(t, `select count(*) from subscribers where account = $1`, c.Account) != 1 {
			t.Fatal("deleted with the wrong account number")
		}
		b.fill("Type the account number", c.Account)
		b.click("Delete Account")
		b.sees("confirmed by")
		must(t, c.Offline(t.Context()))
		must(t, c.Refused(t.Context()))
		if _, left := c.Router.State().Secret(c.Username); left {
			t.Errorf("%s still has the secret of %s", on, c.Account)
		}
		if o.number(t, `select count(*) from subscribers where account = $1`, c.Account) != 0 {
			t.Error("the record is there still")
		}
		b.goTo(c.page())
		b.sees("Not found")
		b.until("the page is a 404", "performance.getEntriesByType('navigation')[0].responseStatus === 404")
	}
}

// Those who may only read are offered no button, and those who may not delete no Delete Account.
func TestButtons_AreOfferedToThoseWhoMay(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, ngong)
	for role, offered := range map[console.Role]map[string]bool{
		console.RoleViewer:  {"Extend": false, "Suspend": false, "Edit": false, "Change Package": false, "Add note": false},
		console.RoleSupport: {"Extend": true, "Suspend": true, "Edit": true, "Change Package": true, "Add note": true},
	} {
		b := o.open(t, role)
		b.goTo(c.page())
		b.seesIn("h1", c.Name)
		for button, want := range offered {
			if b.can(button) != want {
				t.Errorf("%s can %s: %v", role, button, !want)
			}
		}
		if role == console.RoleSupport {
			b.click("More Actions")
			if b.can("Delete Account") {
				t.Error("support is offered Delete Account")
			}
		}
		b.seen.expects(403)
		b.goTo(c.page() + "/delete")
		b.sees("Not for your role", "owner, manager")
	}
}

// “Every action on a subscriber account is logged: package changes, payments, suspensions, reconnections, and staff notes.
// Scroll to the Activity tab on the subscriber profile to view the full history.”
func TestActivity_HasEveryAction(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, kilimani)
	for _, order := range []console.Order{
		console.ChangeOrder{Plan: fastPlan, When: "now"}, console.SuspendOrder{Category: "other", Reason: "Asked by the landlord"},
		console.ReconnectOrder{}, console.ExtendOrder{Days: 2, Note: "Goodwill"},
	} {
		given, err := o.Staff.Give(t.Context(), clerk, c.Account, order)
		must(t, err)
		must(t, second(o.Staff.Follow(t.Context(), given.ID)))
	}
	must(t, o.Pay(t.Context(), "QSACTIVITY", c.Account, fastPrice))
	must(t, second(o.UntilPaymentConfirmed(t.Context(), "QSACTIVITY")))
	b := o.open(t, console.RoleSupport)
	b.goTo(c.page())
	b.click("Add note")
	b.inDialog("Add a note to " + c.Name)
	b.fill("Note", "Dog in the yard")
	b.tick("Pin it to the top of the profile")
	b.click("Add note")
	b.noDialog()
	b.seesIn("#pinned", "Dog in the yard")
	b.clickIn(".tabs a", "Activity")
	b.seesIn("#list", fastPlan, "QSACTIVITY", "Asked by the landlord", "econnect", "Goodwill", "Dog in the yard", "staff support", "staff clerk")
}

package browser

import (
	"fmt"
	"testing"
	"time"

	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router/mikrosim"
)

// “Changing a Package … takes effect immediately … Qserve updates the bandwidth policy on the MikroTik router via CoA — no
// disconnection needed.”
func TestChangePackage_ImmediatelyGivesTheSameSessionTheNewRate(t *testing.T) {
	t.Parallel()
	o := visit(t)
	b := o.open(t, console.RoleSupport)
	for _, on := range []string{kilimani, ngong, syokimau} {
		c := o.subscriber(t, on, fixed)
		before := c.session(t)
		b.goTo(c.page())
		b.click("Change Package")
		b.inDialog("Which package for " + c.Name)
		b.choose("New plan", fastPlan)
		b.tick("Immediately")
		b.seesIn("#preview", fastPlan, "20 Mbit/s down, 10 Mbit/s up", "KES 2,500", "The customer notices")
		b.click("Change Package")
		b.noDialog()
		b.seesIn("#cards", "Change Package", "accepted", "applied", "confirmed by "+on+" after")
		// A router carries a CoA out when it has answered it.
		must(t, c.Router.Wait(t.Context(), func(st mikrosim.State) bool { now, _ := st.Session(c.Username); return now.Rate != before.Rate }))
		after := c.session(t)
		if after.SessionID != before.SessionID || before.Rate != planRate || after.Rate != fastRate {
			t.Errorf("on %s the session %s at %s became %s at %s", on, before.SessionID, before.Rate, after.SessionID, after.Rate)
		}
		b.seesIn("#package", fastPlan)
	}
}

// “Choose whether the change takes effect immediately or at the next renewal.”
func TestChangePackage_AtTheNextRenewalIsPlannedAndCanBeCancelled(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, kilimani)
	b := o.open(t, console.RoleSupport)
	planned := func() int64 {
		return o.number(t, `select count(*) from subscribers s join plans p on p.id = s.next_plan_id where s.account = $1 and p.name = $2`, c.Account, fastPlan)
	}
	b.goTo(c.page())
	b.click("Change Package")
	b.choose("New plan", fastPlan)
	b.tick("At the next renewal")
	b.seesIn("#preview", "Planned", fastPlan)
	b.click("Change Package")
	b.noDialog()
	b.seesIn("#package", "then "+fastPlan)
	if got := c.session(t).Rate; planned() != 1 || got != planRate {
		t.Errorf("planned %d times, and the rate is %s already", planned(), got)
	}
	b.click("Cancel")
	b.inDialog("Keep the package of " + c.Name)
	b.click("Cancel the planned change")
	b.noDialog()
	b.seesNo("then " + fastPlan)
	if planned() != 0 {
		t.Error("the change is planned still")
	}
}

// The plan that was planned is what the next payment buys, once the package has run out.
func TestChangePackage_PlannedForTheRenewalHappensWithThePayment(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, kilimani, expired)
	b := o.open(t, console.RoleSupport)
	b.goTo(c.page())
	b.click("Change Package")
	b.choose("New plan", fastPlan)
	b.tick("At the next renewal")
	b.click("Change Package")
	b.noDialog()
	b.seesIn("#package", fastPlan)
	receipt := stage.Receipt()
	must(t, o.Pay(t.Context(), receipt, c.Account, fastPrice))
	// Nobody touches the page: it learns of the payment by itself.
	b.seesIn("#cards", "confirmed by "+kilimani)
	b.seesIn("#list", receipt)
	b.seesIn("#light-account", "Active")
	must(t, c.Online(t.Context()))
	if got := c.session(t).Rate; got != fastRate {
		t.Errorf("the session runs at %s", got)
	}
}

// “Enter the number of days to add. Add a note (optional) and confirm.”
func TestExtend_AddsDaysWithANoteAndShowsTheResultWhileTyping(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, ngong)
	b := o.open(t, console.RoleSupport)
	until := func() int64 {
		return o.number(t, `select extract(epoch from expires_at)::bigint from subscribers where account = $1`, c.Account)
	}
	before := until()
	after := func(days int) string { return "→ " + o.day(time.Unix(before, 0).AddDate(0, 0, days)) }
	b.goTo(c.page())
	b.click("Extend")
	b.inDialog("Extend " + c.Name + " by how many days?")
	b.focused("[name=days]")
	b.fill("Days", "5")
	b.seesIn("#preview", after(5))
	b.click("+7")
	b.seesIn("#preview", after(7))
	b.fill("Days", "3")
	b.seesIn("#preview", after(3))
	b.fill("Note", "Outage on Monday")
	b.click("Extend")
	b.noDialog()
	b.seesIn("#cards", "Extend", "confirmed")
	if days := (until() - before) / 86400; days != 3 {
		t.Errorf("extended by %d days", days)
	}
	b.seesIn("#list", "Outage on Monday")
}

// What cannot be done is said at the field, and what was typed stays.
func TestExtend_SaysAtTheFieldWhatIsWrong(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, ngong)
	b := o.open(t, console.RoleSupport)
	b.seen.expects(422)
	b.goTo(c.page())
	b.click("Extend")
	// The browser's own check is what stops most; the server's is asked here.
	b.until("the form is checked by the server alone", "document.querySelector('dialog[open] form') && (document.querySelector('dialog form').noValidate = true)")
	b.fill("Days", "4000")
	b.fill("Note", "Too much")
	b.click("Extend")
	b.until("the field says so", "control('Days').getAttribute('aria-invalid') === 'true' && document.getElementById(control('Days').getAttribute('aria-describedby'))")
	if got := fmt.Sprint(b.value("Days"), " ", b.value("Note")); got != "4000 Too much" {
		t.Errorf("the form holds %s", got)
	}
	if n := o.number(t, `select count(*) from actions a join subscribers s on s.id = a.subscriber_id where s.account = $1 and a.kind = 'extend'`, c.Account); n != 0 {
		t.Errorf("%d extensions", n)
	}
}

package browser

import (
	"context"
	"testing"

	"qserve/console"
	"qserve/router/mikrosim"
)

// Two agents with the same customer on the line know of each other, and what both do is done.
func TestTwoAgents_SeeEachOtherAndNothingIsLost(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, kilimani)
	sam, mona := o.open(t, console.RoleSupport), o.open(t, console.RoleManager)
	sam.goTo(c.page())
	mona.goTo(c.page())
	sam.seesIn("#top .note", "Mona Manager")
	mona.seesIn("#top .note", "Sam Support")
	sam.click("Extend")
	mona.until("it is said what Sam is about to do", "[...document.querySelectorAll('#top .note')].some(e => /Sam Support .*Extend/.test(words(e)))")
	mona.click("Add note")
	mona.fill("Note", "Called about the outage")
	sam.fill("Days", "2")
	sam.fill("Note", "Outage on Monday")
	mona.click("Add note")
	sam.click("Extend")
	for _, b := range []*tab{sam, mona} {
		b.noDialog()
		b.seesIn("#cards", "Extend", "Note")
		b.seesIn("#list", "Called about the outage", "Outage on Monday")
	}
	if n := o.actions(t, c, "extend") + o.actions(t, c, "note"); n != 2 {
		t.Errorf("%d actions", n)
	}
}

// Whoever saves later is told of what changed meanwhile, and does not undo it.
func TestTwoAgents_EditingDoNotUndoEachOthersWork(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, ngong)
	sam, mona := o.open(t, console.RoleSupport), o.open(t, console.RoleManager)
	sam.seen.expects(422)
	sam.goTo(c.page())
	mona.goTo(c.page())
	sam.click("Edit")
	sam.fill("Address", "Plot 9")
	mona.click("Edit")
	mona.fill("Phone", "0733 444 555")
	mona.click("Save")
	mona.noDialog()
	sam.click("Save")
	sam.until("somebody was faster", "document.querySelector('dialog[open] [role=alert]')")
	if got := sam.value("Address"); got != "Plot 9" {
		t.Errorf("what was typed became %q", got)
	}
	if o.number(t, `select count(*) from subscribers where account = $1 and phone = '+254733444555' and address = ''`, c.Account) != 1 {
		t.Error("the earlier edit is undone, or the later one was done")
	}
}

// Impatience does its work once.
func TestDoubleClick_GivesOneAction(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, kilimani)
	b := o.open(t, console.RoleSupport)
	b.goTo(c.page())
	b.click("Suspend")
	b.inDialog("Suspend " + c.Name)
	b.doubleClick("Suspend " + c.Name)
	b.noDialog()
	b.seesIn("#cards", "Suspend", "confirmed by")
	must(t, c.Refused(t.Context()))
	if n := o.actions(t, c, "suspend"); n != 1 {
		t.Errorf("%d suspensions", n)
	}
}

// A session that ends while a dialog is open takes nothing along: what was typed stays, the words say what to do, and the
// same button works afterwards.
func TestSessionThatEndsInADialog_KeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, ngong)
	in, err := o.Hire(t.Context(), "leila", "Leila Late", console.RoleSupport)
	must(t, err)
	b := o.openAs(t, in)
	b.seen.expects(401)
	b.goTo(c.page())
	b.click("Add note")
	b.fill("Note", "A long story that nobody wants to type again")
	must(t, second(o.Staff.ChangeStaff(t.Context(), clerk, in.User, console.StaffChange{SignOut: true})))
	b.click("Add note")
	b.seesIn("dialog", "Your session has ended. Sign in again in another tab, then press the button once more; what you typed stays here.")
	if n := o.actions(t, c, "note"); n != 0 {
		t.Fatalf("%d notes without a session", n)
	}
	other := b.another()
	other.goTo("/sign-in")
	other.fill("Name or e-mail", in.User)
	other.fill("Password", in.Password)
	other.click("Sign in")
	other.sees("Leila Late")
	b.click("Add note")
	b.noDialog()
	b.seesIn("#list", "A long story that nobody wants to type again")
	if n := o.actions(t, c, "note"); n != 1 {
		t.Errorf("%d notes", n)
	}
}

// While a router is away the page says so, and when it tries next; once it is back the page says that by itself.
func TestRouterThatIsAway_IsSaidAndSoIsItsReturn(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, away)
	b := o.open(t, console.RoleSupport)
	b.goTo(c.page())
	must(t, c.Router.SetFault(mikrosim.Fault{Kind: mikrosim.FaultDown}))
	b.click("Suspend")
	b.fill("Reason", "Not returned")
	b.click("Suspend " + c.Name)
	b.noDialog()
	b.seesIn("#cards", "waiting for "+away, away+" does not take it", "It applies by itself; next try in", "Try now")
	b.seesIn("#light-account", "Suspended")
	b.seesIn("#differ", "Wanted: no access", away+" has not confirmed it yet")
	must(t, c.Router.SetFault(mikrosim.Fault{Kind: mikrosim.FaultNone}))
	b.seesIn("#cards", "confirmed by "+away)
	b.seesNo("It applies by itself", "has not confirmed it yet")
	must(t, c.Offline(t.Context()))
	must(t, c.Refused(t.Context()))
}

// An extension that was a slip is taken back with one click, and stays in the history as undone.
func TestUndo_TakesAnExtensionBack(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, kilimani)
	until := func() int64 {
		return o.number(t, `select extract(epoch from expires_at)::bigint from subscribers where account = $1`, c.Account)
	}
	before := until()
	b := o.open(t, console.RoleSupport)
	b.goTo(c.page())
	b.click("Extend")
	b.fill("Days", "30")
	b.click("Extend")
	b.noDialog()
	b.seesIn("#cards", "Extend", "confirmed")
	if until() == before {
		t.Fatal("nothing was extended")
	}
	b.click("Undo")
	must(t, o.UntilNumber(t.Context(), "the days are taken back", before,
		`select extract(epoch from expires_at)::bigint from subscribers where account = $1`, c.Account))
	b.until("the extension is struck through", "document.querySelector('#list .undone')")
}

// actions is how many actions of a kind were given to a customer.
func (o *office) actions(t *testing.T, c customer, kind string) int64 {
	t.Helper()
	n, err := o.Number(context.WithoutCancel(t.Context()),
		`select count(*) from actions a join subscribers s on s.id = a.subscriber_id where s.account = $1 and a.kind = $2`, c.Account, kind)
	must(t, err)
	return n
}

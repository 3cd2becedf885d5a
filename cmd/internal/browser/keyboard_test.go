package browser

import (
	"testing"

	"github.com/chromedp/chromedp/kb"

	"qserve/console"
)

// Everything from the search to the action, without a mouse.
func TestKeyboardAlone_SearchesOpensDialogsAndActs(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, ngong, func(n *console.NewSubscriber) { n.Name = "Keyed Kamau" })
	b := o.open(t, console.RoleSupport)
	b.goTo("/plans")
	b.press("/")
	b.focused("#q")
	b.press("keyed k")
	b.seesIn("#found a", c.Name)
	b.press(kb.ArrowDown)
	b.focused("#found a")
	b.press(kb.Enter)
	b.seesIn("h1", c.Name)

	for key, question := range map[string]string{
		"1": "Extend " + c.Name, "3": "Suspend " + c.Name, "4": "Add a note to " + c.Name,
		"6": "Which package for " + c.Name, "7": "Edit " + c.Name,
	} {
		b.press(key)
		b.inDialog(question)
		b.until("the focus is in the dialog", "document.querySelector('dialog').contains(document.activeElement)")
		b.press(kb.Escape)
		b.noDialog()
	}
	// The focus does not leave a dialog, and returns to where it was.
	for range 40 {
		if ask[bool](b, "document.activeElement.id === 'do-extend'") {
			break
		}
		b.press(kb.Tab)
	}
	b.focused("#do-extend")
	b.press(kb.Enter)
	b.inDialog("Extend " + c.Name)
	b.focused("[name=days]")
	for range 20 {
		b.press(kb.Tab)
		if ask[bool](b, "!document.querySelector('dialog').contains(document.activeElement) && document.activeElement !== document.body") {
			t.Fatalf("the focus left the dialog for %s", ask[string](b, "document.activeElement.outerHTML.slice(0, 100)"))
		}
	}
	b.press(kb.Escape)
	b.noDialog()
	b.focused("#do-extend")
	b.press("4")
	b.inDialog("Add a note")
	b.focused("[name=text]")
	b.press("By keyboard" + kb.Tab + kb.Tab + kb.Enter)
	b.noDialog()
	b.seesIn("#list", "By keyboard")
}

// Without JavaScript one signs in, searches, reads and suspends.
func TestWithoutJavaScript_OneSignsInSearchesReadsAndSuspends(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, kilimani, func(n *console.NewSubscriber) { n.Name = "Scriptless Otieno" })
	in, err := o.Hire(t.Context(), "noscript", "Nora Noscript", console.RoleSupport)
	must(t, err)
	b := o.openNobody(t)
	b.withoutScripts()
	b.goTo("/customers")
	b.fill("Name or e-mail", in.User)
	b.fill("Password", in.Password)
	b.click("Sign in")
	b.seesIn("h1", "Customers")
	b.fill("Search", "scriptless")
	b.press(kb.Enter)
	b.seesIn("h1", c.Name)
	b.seesIn("#light-line", "Online")
	b.clickIn(".tabs a", "Activity")
	b.seesIn("#list", "Account opened")
	b.click("Suspend")
	b.seesIn("h1", "Suspend "+c.Name)
	b.fill("Reason", "Without a script")
	b.click("Show what it comes to")
	b.seesIn("#preview", "The customer notices")
	b.click("Suspend " + c.Name)
	b.seesIn("h1", c.Account)
	must(t, c.Offline(t.Context()))
	must(t, c.Refused(t.Context()))
	b.goTo(c.page())
	b.seesIn("#light-account", "Suspended")
	b.sees("Without a script")
}

package browser

import (
	"testing"

	"qserve/cmd/internal/stage"
	"qserve/console"
)

// “Go to Customers, find the subscriber by name or phone number, and click their name.”
func TestSubscriber_IsFoundByNameOrPhoneNumberAndClicked(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, kilimani, func(n *console.NewSubscriber) { n.Name = "Wambui Findable" })
	b := o.open(t, console.RoleSupport)
	for _, typed := range []string{"wambui find", c.Phone, c.Account, c.Username} {
		b.goTo("/")
		b.click("Customers")
		b.focused("#q")
		b.press(typed)
		b.clickIn("#found a", c.Name)
		b.seesIn("h1", c.Name)
	}
	// Enter leads to the only hit.
	b.goTo("/customers")
	b.focused("#q")
	b.press("wambui find\r")
	b.seesIn("h1", c.Name)
}

// A search that finds nobody says where else to look; a receipt number finds the payment that is nobody's.
func TestSearch_SaysWhereElseToLookAndFindsPaymentsOfNobody(t *testing.T) {
	t.Parallel()
	o := visit(t)
	b := o.open(t, console.RoleSupport)
	b.goTo("/customers")
	b.focused("#q")
	b.press("nobody of that name")
	b.seesIn("#found", "Nobody with “nobody of that name”", "add a subscriber", "unallocated payments")
	receipt := stage.Receipt()
	must(t, o.Pay(t.Context(), receipt, "NO-SUCH-ACCOUNT", planPrice))
	must(t, o.UntilNumber(t.Context(), "the payment is nobody's", 1,
		`select count(*) from payments where transaction_id = $1 and subscriber_id is null`, receipt))
	b.goTo("/customers")
	b.focused("#q")
	b.press(receipt)
	b.seesIn("#found a", "KES 1,500", receipt, "nobody’s yet")
}

// “The profile page shows: contact info, current package, connection status, payment history, and activity notes.”
func TestProfile_ShowsContactPackageConnectionPaymentsAndNotes(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, kilimani, func(n *console.NewSubscriber) {
		n.Phone, n.Email, n.Address = "0712 345 678", "jane@example.com", "Ngong Road 12"
	})
	receipt := stage.Receipt()
	must(t, o.Pay(t.Context(), receipt, c.Account, planPrice))
	must(t, second(o.UntilPaymentConfirmed(t.Context(), receipt)))
	must(t, second(o.Staff.Give(t.Context(), clerk, c.Account, console.NoteOrder{Text: "Dog in the yard, ring first"})))
	b := o.open(t, console.RoleViewer)
	b.goTo(c.page())
	b.seesIn("h1", c.Name, c.Account, "0712 345678")
	b.seesIn("#sentence", "Paid until", "Online since", "on "+kilimani, "Last payment KES 1,500", receipt)
	b.seesIn("#light-account", "Active")
	b.seesIn("#light-line", "Online", c.session(t).Address, "10 Mbit/s down, 5 Mbit/s up")
	b.seesIn("#package", planName, "KES 1,500 / 30 days", "KES 0", "jane@example.com", "Ngong Road 12", c.Username, kilimani)
	b.seesIn("#list", "Dog in the yard", receipt)
	b.clickIn(".tabs a", "Payments")
	b.seesIn("#list td", receipt, "KES 1,500")
	b.clickIn(".tabs a", "Invoices")
	b.seesIn("#list td", planName, "KES 1,500")
	b.clickIn(".tabs a", "Activity")
	b.seesIn("#list", "Dog in the yard, ring first", "staff clerk")
}

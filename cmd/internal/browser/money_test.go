package browser

import (
	"strings"
	"testing"
	"time"

	"qserve/cmd/internal/stage"
	"qserve/console"
)

// Cash over the counter: what it will buy is shown before it is entered, and the customer is back before the receipt is
// printed.
func TestCash_IsPreviewedEnteredAndBringsTheCustomerBack(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, kilimani, expired)
	b := o.open(t, console.RoleSupport)
	b.goTo(c.page())
	b.click("More Actions")
	b.click("Enter a payment")
	b.inDialog("Which payment for " + c.Name)
	if got := b.value("Amount"); !strings.HasPrefix(got, "1500") {
		t.Errorf("the price is not offered, but %q", got)
	}
	b.tick("Cash")
	b.fill("Amount", "1500")
	b.seesIn("dialog", planName, "Paid until", "→ "+o.day(time.Now().AddDate(0, 0, 30)), "The next dial succeeds")
	b.click("Enter the payment")
	b.seesIn("#cards", "Payment", "confirmed by "+kilimani)
	b.seesIn("#light-account", "Active")
	must(t, c.Online(t.Context()))
	if n := o.number(t, `select count(*) from payments p join subscribers s on s.id = p.subscriber_id where s.account = $1`, c.Account); n != 1 {
		t.Errorf("%d payments", n)
	}
}

// A payment with a slip in its account number is found by its receipt, and given to whom it was meant for.
func TestPaymentOfNobody_IsFoundByItsReceiptAndAllocated(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c := o.subscriber(t, ngong, expired)
	receipt := stage.Receipt()
	must(t, o.Pay(t.Context(), receipt, c.Account+"X", planPrice))
	must(t, o.UntilNumber(t.Context(), "the payment is nobody's", 1, `select count(*) from payments where transaction_id = $1`, receipt))
	b := o.open(t, console.RoleSupport)
	b.goTo("/")
	b.focused("#q")
	b.press(receipt)
	b.clickIn("#found a", receipt)
	b.seesIn("h1", "KES 1,500", receipt)
	b.click("Allocate to " + c.Account)
	b.seesIn("h1", c.Name)
	b.seesIn("#cards", "confirmed by "+ngong)
	b.seesIn("#list", receipt)
	must(t, c.Online(t.Context()))
}

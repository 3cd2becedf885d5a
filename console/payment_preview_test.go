package console_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

// became is what a preview says would be, in the words of the account.
func became(t *testing.T, p console.PreviewView, err error) [3]string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	until := "never"
	if p.After.ExpiresAt != nil {
		until = p.After.ExpiresAt.Format(time.DateOnly)
	}
	return [3]string{p.After.Status, until, p.After.Balance.Amount}
}

// is what became of the account.
func is(v console.SubscriberView) [3]string {
	until := "never"
	if v.ExpiresAt != nil {
		until = v.ExpiresAt.Format(time.DateOnly)
	}
	return [3]string{v.Status, until, v.Balance.Amount}
}

func TestPreviewsOfMoney_AreWhatBecomesOfTheAccount(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.work()
	preview, err := o.PreviewPayment(t.Context(), "acc 0042", "1600")
	told := became(t, preview, err)
	if preview.Customer != "The next dial succeeds, within seconds." {
		t.Errorf("the customer notices %q", preview.Customer)
	}
	entered, err := o.EnterPayment(t.Context(), clerk, console.NewPayment{Subscriber: "ACC-0042", Amount: "1600", Method: "cash"})
	if err != nil {
		t.Fatal(err)
	}
	// What waits counts as done.
	second, err := o.PreviewPayment(t.Context(), "ACC-0042", "1400")
	if got := became(t, second, err); got != [3]string{"active", "2026-05-10", "0.00"} {
		t.Errorf("after the payment that waits: %v", got)
	}
	if diff := cmp.Diff(told, is(o.jane())); diff != "" {
		t.Errorf("entered (-told +became):\n%s", diff)
	}
	back, err := o.PreviewTakeBack(t.Context(), entered.Payment.ID)
	told = became(t, back, err)
	if _, err := o.Unallocate(t.Context(), clerk, entered.Payment.ID, ""); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(told, is(o.jane())); diff != "" {
		t.Errorf("taken back (-told +became):\n%s", diff)
	}
	again, err := o.PreviewAllocation(t.Context(), entered.Payment.ID, "ACC-0042")
	told = became(t, again, err)
	if _, err := o.Allocate(t.Context(), clerk, entered.Payment.ID, "ACC-0042"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(told, is(o.jane())); diff != "" {
		t.Errorf("allocated (-told +became):\n%s", diff)
	}
}

func TestPreviewsOfMoney_StoreNothing(t *testing.T) {
	t.Parallel()
	o := open(t)
	id := o.lost("700", "FT-1")
	before, actions := is(o.jane()), o.actions()
	if _, err := o.PreviewPayment(t.Context(), "ACC-0042", "1500"); err != nil {
		t.Fatal(err)
	}
	if _, err := o.PreviewAllocation(t.Context(), id, "ACC-0042"); err != nil {
		t.Fatal(err)
	}
	list, err := o.Payments(t.Context(), console.PaymentQuery{})
	if err != nil || len(list.Items) != 1 || list.Items[0].Status != "unallocated" || o.actions() != actions || is(o.jane()) != before {
		t.Errorf("there are %+v, %v, and %d actions", list.Items, err, o.actions())
	}
}

func TestPreviewsOfMoney_SayWhatIsWrong(t *testing.T) {
	t.Parallel()
	o := open(t)
	id := o.lost("700", "FT-1")
	for _, amount := range []string{"", "0", "-5", "1.234", "x"} {
		if _, err := o.PreviewPayment(t.Context(), "ACC-0042", amount); field(err) != "amount" {
			t.Errorf("amount %q: %v", amount, err)
		}
	}
	_, err := o.PreviewPayment(t.Context(), "ACC-0100", "5")
	_, err2 := o.PreviewAllocation(t.Context(), id, "ACC-0100")
	_, err3 := o.PreviewAllocation(t.Context(), 99, "ACC-0042")
	_, err4 := o.PreviewTakeBack(t.Context(), 99)
	for _, err := range []error{err, err2, err3, err4} {
		if !isMissing(err) {
			t.Errorf("what is not there: %v", err)
		}
	}
	_, err = o.PreviewTakeBack(t.Context(), id)
	if got := conflictOf(t, err); got != "payment 1 is not credited to an account" {
		t.Errorf("taking back what is nobody's: %s", got)
	}
	o.sql("update subscribers set currency = 'USD'")
	_, err = o.PreviewPayment(t.Context(), "ACC-0042", "5")
	if got := conflictOf(t, err); got != "paid in KES, but the account is kept in USD" {
		t.Errorf("another currency: %s", got)
	}
}

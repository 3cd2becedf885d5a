package console_test

import (
	"testing"

	"qserve/console"
)

func TestPaymentOfStaff_IsTakenOnceByItsReference(t *testing.T) {
	t.Parallel()
	o := open(t)
	by := clerk
	by.RequestKey = "request-1"
	cash := console.NewPayment{Subscriber: "ACC-0042", Amount: "1500", Method: "bank", Reference: "FT1"}
	first, err := o.EnterPayment(t.Context(), by, cash)
	if err != nil || first.Action == nil {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := o.EnterPayment(t.Context(), by, cash)
	if err != nil || again.Action == nil || again.Action.ID != first.Action.ID || again.Payment.ID != first.Payment.ID {
		t.Errorf("the same request: %+v, %v", again, err)
	}
	by.RequestKey = "request-2"
	if _, err := o.EnterPayment(t.Context(), by, cash); conflicting(err) != "reference" {
		t.Errorf("another request with the reference: %v", err)
	}
	if n := o.actions(); n != 2 {
		t.Errorf("%d actions, want the opening and one payment", n)
	}
}

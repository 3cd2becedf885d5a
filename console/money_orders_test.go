package console_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

func TestAllocate_CreditsAnAccountAtOnceAndOnlyOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.john()
	ctx := t.Context()
	lost := o.lost("1500", "FT1")
	by := clerk
	by.RequestKey = "request-1"
	given, err := o.Allocate(ctx, by, lost, "acc 0042")
	if err != nil || given.Kind != "payment" || given.State != "accepted" || o.rung.actions[given.ID] != "payment" {
		t.Fatalf("given %+v, %v, rang for %v", given, err, o.rung.actions)
	}
	if again, err := o.Allocate(ctx, by, lost, "acc 0042"); err != nil || again.ID != given.ID {
		t.Errorf("repeated while it waits: %+v, %v", again, err)
	}
	_, err = o.Allocate(ctx, clerk, lost, "ACC-0043")
	if got := conflictOf(t, err); !strings.Contains(got, "look at it again in a moment") {
		t.Errorf("while it waits, for John: %q", got)
	}
	if got := o.jane(); got.Status != "active" || got.Balance.Amount != "0.00" {
		t.Errorf("Jane is %s with %s", got.Status, got.Balance.Amount)
	}
	if again, err := o.Allocate(ctx, by, lost, "acc 0042"); err != nil || again.ID != given.ID || again.State != "applied" {
		t.Errorf("repeated afterwards: %+v, %v", again, err)
	}
	for _, number := range []string{"ACC-0042", "ACC-0043"} {
		_, err = o.Allocate(ctx, clerk, lost, number)
		if got := conflictOf(t, err); !strings.Contains(got, "is credited to an account already") {
			t.Errorf("once more, to %s: %q", number, got)
		}
	}
	if _, err := o.Allocate(ctx, clerk, 99, "ACC-0042"); !isMissing(err) {
		t.Errorf("no such payment: %v", err)
	}
	if _, err := o.Allocate(ctx, clerk, lost, "nobody"); !isMissing(err) {
		t.Errorf("no such account: %v", err)
	}
}

func TestUnallocate_TakesTheTimeBackAndLetsTheMoneyGoElsewhere(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.john()
	ctx := t.Context()
	lost := o.lost("1500", "FT1")
	_, err := o.Unallocate(ctx, clerk, lost, "x")
	if got := conflictOf(t, err); !strings.Contains(got, "is not credited to an account: it is unallocated") {
		t.Errorf("nobody's: %q", got)
	}
	if _, err := o.Allocate(ctx, clerk, lost, "ACC-0042"); err != nil {
		t.Fatal(err)
	}
	o.work()
	by := clerk
	by.RequestKey = "request-1"
	back, err := o.Unallocate(ctx, by, lost, "is for John")
	if err != nil || back.Kind != "unallocate" || o.rung.actions[back.ID] != "unallocate" {
		t.Fatalf("taken back: %+v, %v", back, err)
	}
	if got := o.jane(); got.Status != "expired" || got.Balance.Amount != "0.00" {
		t.Errorf("Jane is %s with %s", got.Status, got.Balance.Amount)
	}
	if again, err := o.Unallocate(ctx, by, lost, "is for John"); err != nil || again.ID != back.ID {
		t.Errorf("repeated: %+v, %v", again, err)
	}
	if p, err := o.Payment(ctx, lost); err != nil || p.Status != "unallocated" || p.Unallocated != "taken back from an account by staff: is for John" {
		t.Errorf("the payment is %+v, %v", p, err)
	}
	if _, err := o.Allocate(ctx, clerk, lost, "ACC-0043"); err != nil {
		t.Fatal(err)
	}
	o.work()
	if got := o.see("ACC-0043"); got.Status != "active" {
		t.Errorf("John is %s", got.Status)
	}
	for _, reason := range []string{strings.Repeat("x", 501), "a\nb"} {
		if _, err := o.Unallocate(ctx, clerk, lost, reason); field(err) != "reason" {
			t.Errorf("reason %.5q: %v", reason, err)
		}
	}
	if _, err := o.Unallocate(ctx, clerk, 99, "x"); !isMissing(err) {
		t.Errorf("no such payment: %v", err)
	}
}

func TestReversedPayment_IsGoneForGoodWhereverItWas(t *testing.T) {
	t.Parallel()
	o := open(t)
	ctx := t.Context()
	lost, credited := o.lost("700", "FT1"), o.lost("1500", "FT2")
	if _, err := o.ReversePayment(ctx, clerk, lost, ""); field(err) != "reason" {
		t.Errorf("without a reason: %v", err)
	}
	gone, err := o.ReversePayment(ctx, clerk, lost, "typed twice")
	if err != nil || gone.Action != nil || gone.Payment.Status != "reversed" || gone.Payment.Reversal != "typed twice" {
		t.Errorf("nobody's: %+v, %v", gone, err)
	}
	if _, err := o.Allocate(ctx, clerk, credited, "ACC-0042"); err != nil {
		t.Fatal(err)
	}
	_, err = o.ReversePayment(ctx, clerk, credited, "chargeback")
	if got := conflictOf(t, err); !strings.Contains(got, "look at it again in a moment") {
		t.Errorf("while it is being credited: %q", got)
	}
	o.work()
	gone, err = o.ReversePayment(ctx, clerk, credited, "chargeback")
	if err != nil || gone.Action == nil || gone.Action.Kind != "reverse" || o.rung.actions[gone.Action.ID] != "reverse" {
		t.Fatalf("Jane's: %+v, %v", gone, err)
	}
	if got := o.jane(); got.Status != "expired" || got.Balance.Amount != "0.00" {
		t.Errorf("Jane is %s with %s", got.Status, got.Balance.Amount)
	}
	for _, id := range []int64{lost, credited} {
		_, err := o.ReversePayment(ctx, clerk, id, "again")
		if got := conflictOf(t, err); !strings.Contains(got, "was reversed") {
			t.Errorf("payment %d once more: %q", id, got)
		}
		_, err = o.Allocate(ctx, clerk, id, "ACC-0042")
		if got := conflictOf(t, err); !strings.Contains(got, "was reversed") {
			t.Errorf("payment %d allocated: %q", id, got)
		}
	}
	want := []string{"FT2 1500.00 reversed ACC-0042", "FT1 700.00 reversed"}
	if diff := cmp.Diff(want, o.money()); diff != "" {
		t.Errorf("payments (-want +got):\n%s", diff)
	}
	audit, err := o.Audit(ctx, console.AuditQuery{Kinds: []string{"reverse"}})
	if err != nil || len(audit.Items) != 2 || audit.Items[0].Summary != "Reversed while unallocated: typed twice" {
		t.Errorf("audit log %+v, %v", audit.Items, err)
	}
}

package console_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

// money lists all payments as "receipt amount status account".
func (o *office) money() []string {
	o.t.Helper()
	page, err := o.Payments(o.t.Context(), console.PaymentQuery{})
	if err != nil {
		o.t.Fatal(err)
	}
	var lines []string
	for _, p := range page.Items {
		line := p.Receipt + " " + p.Amount.Amount + " " + p.Status
		if p.Account != nil {
			line += " " + *p.Account
		}
		lines = append(lines, line)
	}
	return lines
}

func TestPaymentForTwo_IsSplitAndEachHasHisPart(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.john()
	lost := o.lost("3500", "FT1")
	parts, err := o.Split(t.Context(), clerk, lost, []console.SplitPart{
		{Account: "acc 42", Amount: "1"}, {Account: "ACC-0042", Amount: "3499"},
	})
	if field(err) != "parts[0].account" || parts != nil {
		t.Fatalf("an unknown account: %+v, %v", parts, err)
	}
	parts, err = o.Split(t.Context(), clerk, lost, []console.SplitPart{
		{Account: "acc 0042", Amount: "1500"}, {Amount: "0.50"}, {Account: "ACC-0043", Amount: " 1999.50 "},
	})
	if err != nil || len(parts) != 3 || parts[1].Action != nil || parts[1].Payment.Status != "unallocated" {
		t.Fatalf("split into %+v, %v", parts, err)
	}
	if o.rung.actions[parts[0].Action.ID] != "payment" || o.rung.actions[parts[2].Action.ID] != "payment" || len(o.rung.actions) != 2 {
		t.Errorf("rang for %v", o.rung.actions)
	}
	for id, how := range o.work() {
		if how != "applied" {
			t.Errorf("action %d: %s", id, how)
		}
	}
	want := []string{"FT1/3 1999.50 credited ACC-0043", "FT1/2 0.50 unallocated", "FT1/1 1500.00 credited ACC-0042", "FT1 3500.00 split"}
	if diff := cmp.Diff(want, o.money()); diff != "" {
		t.Errorf("payments (-want +got):\n%s", diff)
	}
	if jane, john := o.see("ACC-0042"), o.see("ACC-0043"); jane.Status != "active" || jane.Balance.Amount != "0.00" || john.Balance.Amount != "499.50" {
		t.Errorf("Jane is %s with %s, John has %s", jane.Status, jane.Balance.Amount, john.Balance.Amount)
	}
	whole, err := o.Payment(t.Context(), lost)
	if err != nil || len(whole.Parts) != 3 || whole.Parts[2] != parts[2].Payment.ID || *parts[2].Payment.SplitOf != lost || whole.Unallocated != "" {
		t.Errorf("the whole is %+v, %v", whole, err)
	}
	for status, n := range map[string]int{"split": 1, "unallocated": 1, "credited": 2, "reversed": 0} {
		if page, err := o.Payments(t.Context(), console.PaymentQuery{Status: status}); err != nil || len(page.Items) != n {
			t.Errorf("%s: %+v, %v", status, page.Items, err)
		}
	}
	if page, err := o.Payments(t.Context(), console.PaymentQuery{Q: "ft1"}); err != nil || len(page.Items) != 4 {
		t.Errorf("of the receipt: %+v, %v", page.Items, err)
	}
	audit, err := o.Audit(t.Context(), console.AuditQuery{Kinds: []string{"split"}})
	if err != nil || len(audit.Items) != 1 || audit.Items[0].Summary != "Split KES 3500.00 into KES 1500.00, KES 0.50, KES 1999.50" {
		t.Errorf("audit log %+v, %v", audit.Items, err)
	}
	receipt, err := o.Receipt(t.Context(), parts[0].Payment.ID)
	if err != nil || receipt.Receipt != "FT1/1" || len(receipt.Bought) != 1 {
		t.Errorf("receipt %+v, %v", receipt, err)
	}
}

func TestPartsThatAreWrong_AreRefusedByNameAndNothingIsStored(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.john()
	lost := o.lost("100", "FT1")
	part := func(account, amount string) console.SplitPart {
		return console.SplitPart{Account: account, Amount: amount}
	}
	for _, c := range []struct {
		parts        []console.SplitPart
		field, words string
	}{
		{nil, "parts", "must be 2 to 20"},
		{[]console.SplitPart{part("ACC-0042", "100")}, "parts", "must be 2 to 20"},
		{make([]console.SplitPart, 21), "parts", "must be 2 to 20"},
		{[]console.SplitPart{part("ACC-0042", "50"), part("ACC-0043", "49.99")}, "parts", "must add up to KES 100.00; KES 0.01 is in no part yet"},
		{[]console.SplitPart{part("ACC-0042", "50"), part("ACC-0043", "50.01")}, "parts[1].amount", "is more than is left of the payment: KES 50.00 of KES 100.00"},
		{[]console.SplitPart{part("ACC-0042", "100"), part("ACC-0043", "0")}, "parts[1].amount", "must be more than zero"},
		{[]console.SplitPart{part("ACC-0042", "-1"), part("ACC-0043", "101")}, "parts[0].amount", "must be more than zero"},
		{[]console.SplitPart{part("ACC-0042", "half"), part("ACC-0043", "50")}, "parts[0].amount", "not an amount"},
		{[]console.SplitPart{part("", "50"), part(" ", "50")}, "parts[1].account", "only one part can stay unallocated"},
		{[]console.SplitPart{part("ACC-0042", "50"), part("acc0042", "50")}, "parts[1].account", "ACC-0042 has a part already; put the two together"},
		{[]console.SplitPart{part("ACC-0042", "50"), part("nobody", "50")}, "parts[1].account", `there is no account "nobody"`},
	} {
		_, err := o.Split(t.Context(), clerk, lost, c.parts)
		if field(err) != c.field || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%+v: %v, want %s: %s", c.parts, err, c.field, c.words)
		}
	}
	o.sql("update subscribers set currency = 'USD' where account = 'ACC-0043'")
	_, err := o.Split(t.Context(), clerk, lost, []console.SplitPart{part("ACC-0042", "50"), part("ACC-0043", "50")})
	if got := conflictOf(t, err); !strings.Contains(got, "the account is kept in USD") {
		t.Errorf("an account in another currency: %q", got)
	}
	if _, err := o.Split(t.Context(), clerk, 99, []console.SplitPart{part("ACC-0042", "50"), part("", "50")}); !isMissing(err) {
		t.Errorf("no such payment: %v", err)
	}
	if diff := cmp.Diff([]string{"FT1 100.00 unallocated"}, o.money()); diff != "" || len(o.rung.actions) != 0 {
		t.Errorf("rang for %v, payments (-want +got):\n%s", o.rung.actions, diff)
	}
}

func TestPaymentThatIsNotUnallocated_CannotBeSplitNorCanASplitOneBeMoved(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.john()
	ctx := t.Context()
	halves := []console.SplitPart{{Account: "ACC-0042", Amount: "50"}, {Amount: "50"}}
	credited, reversed, split, waiting := o.lost("100", "CREDITED"), o.lost("100", "REVERSED"), o.lost("100", "SPLIT"), o.lost("100", "WAITING")
	if _, err := o.Allocate(ctx, clerk, credited, "ACC-0043"); err != nil {
		t.Fatal(err)
	}
	o.work()
	if _, err := o.ReversePayment(ctx, clerk, reversed, "typed twice"); err != nil {
		t.Fatal(err)
	}
	parts, err := o.Split(ctx, clerk, split, halves)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Allocate(ctx, clerk, waiting, "ACC-0043"); err != nil {
		t.Fatal(err)
	}
	for id, words := range map[int64]string{
		credited: "is credited to an account; take it back from there first", reversed: "was reversed already",
		split: "was split: give or reverse its parts", waiting: "look at it again in a moment", parts[0].Payment.ID: "look at it again in a moment",
	} {
		_, err := o.Split(ctx, clerk, id, halves)
		if id == parts[0].Payment.ID {
			_, err = o.Split(ctx, clerk, id, []console.SplitPart{{Account: "ACC-0042", Amount: "20"}, {Amount: "30"}})
		}
		if got := conflictOf(t, err); !strings.Contains(got, words) {
			t.Errorf("payment %d: %q, want %q", id, got, words)
		}
	}
	_, err = o.Allocate(ctx, clerk, split, "ACC-0042")
	if got := conflictOf(t, err); !strings.Contains(got, "was split: give or reverse its parts") {
		t.Errorf("allocated: %q", got)
	}
	_, err = o.ReversePayment(ctx, clerk, split, "x")
	if got := conflictOf(t, err); !strings.Contains(got, "was split: give or reverse its parts") {
		t.Errorf("reversed: %q", got)
	}
	_, err = o.Unallocate(ctx, clerk, split, "x")
	if got := conflictOf(t, err); !strings.Contains(got, "it is split") {
		t.Errorf("taken back: %q", got)
	}
	_, err = o.Receipt(ctx, split)
	if got := conflictOf(t, err); !strings.Contains(got, "a receipt for each of its parts") {
		t.Errorf("receipt: %q", got)
	}
	// The part that nobody has is split, credited and reversed like any other.
	rest, err := o.Split(ctx, clerk, parts[1].Payment.ID, []console.SplitPart{{Account: "ACC-0043", Amount: "20"}, {Amount: "30"}})
	if err != nil || rest[0].Payment.Receipt != "SPLIT/2/1" {
		t.Fatalf("split again: %+v, %v", rest, err)
	}
	o.work()
	if gone, err := o.ReversePayment(ctx, clerk, rest[1].Payment.ID, "x"); err != nil || gone.Payment.Status != "reversed" {
		t.Errorf("a part that is nobody's: %+v, %v", gone, err)
	}
	if _, err := o.ReversePayment(ctx, clerk, rest[0].Payment.ID, "x"); err != nil {
		t.Errorf("a part of John's: %v", err)
	}
	o.work()
	if got := o.see("ACC-0043"); got.Balance.Amount != "200.00" { // two other payments
		t.Errorf("John has %s", got.Balance.Amount)
	}
}

func TestSplitThatIsRepeated_IsMadeOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	lost, other := o.lost("100", "FT1"), o.lost("100", "FT2")
	by := clerk
	by.RequestKey = "request-1"
	halves := []console.SplitPart{{Amount: "50"}, {Account: "ACC-0042", Amount: "50"}}
	var wait sync.WaitGroup
	made := make([][]console.EnteredPayment, 4)
	errs := make([]error, 4)
	for i := range made {
		wait.Go(func() { made[i], errs[i] = o.Split(t.Context(), by, lost, halves) })
	}
	wait.Wait()
	for i := range made {
		if errs[i] != nil || len(made[i]) != 2 || made[i][1].Action == nil || made[i][1].Action.ID != made[0][1].Action.ID || made[i][0].Payment.ID != made[0][0].Payment.ID {
			t.Errorf("repeat %d: %+v, %v", i, made[i], errs[i])
		}
	}
	if n := o.actions(); n != 2 {
		t.Errorf("%d actions, want the opening and one payment", n)
	}
	_, err := o.Split(t.Context(), by, other, halves)
	conflictOf(t, err)
}

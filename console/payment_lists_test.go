package console_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

func TestPaymentsReceived_AreThoseOfAProvidersDayPageByPage(t *testing.T) {
	t.Parallel()
	o := open(t)
	midnight := time.Date(2026, time.March, 9, 21, 0, 0, 0, time.UTC) // in Nairobi
	want := []int64{o.pay(midnight, 100, "KES", ""), o.pay(noon, 100, "KES", "subscriber_id = 1"), o.pay(midnight.Add(24*time.Hour-time.Microsecond), 100, "USD", "")}
	o.pay(midnight.Add(-time.Microsecond), 100, "KES", "")
	o.pay(midnight.Add(24*time.Hour), 100, "KES", "")
	o.pay(noon, 100, "KES", "reversed_at = now()")
	o.pay(noon, 100, "KES", "split_at = now()")
	var got []int64
	for at := ""; ; {
		page, err := o.PaymentsReceived(t.Context(), "2026-03-10", at, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Items {
			got = append([]int64{p.ID}, got...)
		}
		if at = page.Next; at == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("of the day (-want +got):\n%s", diff)
	}
	if _, err := o.PaymentsReceived(t.Context(), "10 March", "", 0); field(err) != "day" {
		t.Errorf("no day: %v", err)
	}
}

func TestPaymentsCSV_HoldsEveryPage(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.sql(`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, unallocated)
		select 'mpesa', '600000', 'R-' || n, 100, 'KES', $1, $1, 'nobody has this number' from generate_series(1, 450) n`, noon)
	var sheet strings.Builder
	if err := o.PaymentsCSV(t.Context(), "", console.PaymentQuery{Status: "unallocated"}, &sheet); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(sheet.String()), "\r\n")
	if len(lines) != 451 || !strings.Contains(lines[450], ",R-1,mpesa,600000,1.00,KES,unallocated,") {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
	if err := o.PaymentsCSV(t.Context(), "", console.PaymentQuery{Status: "lost"}, &sheet); field(err) != "status" {
		t.Errorf("unknown status: %v", err)
	}
	if err := o.PaymentsCSV(t.Context(), "", console.PaymentQuery{}, full{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("nobody takes the sheet: %v", err)
	}
}

// full takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestPaidUnconfirmed_AreThoseWhoPaidAndWaitForARouterTheLongestFirst(t *testing.T) {
	t.Parallel()
	o := open(t)
	names := []string{"ACC-0042"}
	for i := range 4 {
		next := jane()
		next.Account, next.Username = fmt.Sprintf("N-%d", i), fmt.Sprintf("n%d", i)
		if _, err := o.AddSubscriber(t.Context(), clerk, next); err != nil {
			t.Fatal(err)
		}
		names = append(names, next.Account)
	}
	o.work()
	o.sql("update provisions set done_gen = want_gen, confirmed_at = $1", noon)
	waiting := func() (got []string) {
		for at := ""; ; {
			page, err := o.PaidUnconfirmed(t.Context(), at, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page.Items {
				got = append(got, v.Account)
			}
			if at = page.Next; at == "" {
				return got
			}
		}
	}
	if got := waiting(); len(got) != 0 {
		t.Fatalf("before anybody paid there wait %v", got)
	}
	o.give(clerk, console.SuspendOrder{Category: "other"}) // waits for the router too, and paid nothing
	o.work()
	for i, n := range []int{3, 1, 4} {
		o.later(time.Minute)
		for range 1 + i%2 { // twice is one account
			if _, err := o.EnterPayment(t.Context(), clerk, console.NewPayment{Subscriber: names[n], Amount: "1500", Method: "cash"}); err != nil {
				t.Fatal(err)
			}
		}
		o.work()
	}
	if diff := cmp.Diff([]string{"N-2", "N-0", "N-3"}, waiting()); diff != "" {
		t.Errorf("who waits (-want +got):\n%s", diff)
	}
	if n := o.home().PaidUnconfirmed.Accounts.N; n != 3 {
		t.Errorf("the home page counts %d", n)
	}
	o.sql("update provisions set attempts = 2, last_error = 'no such menu', next_try_at = $1 where username = 'n2'", noon.Add(time.Hour))
	page, err := o.PaidUnconfirmed(t.Context(), "", 1)
	next := noon.Add(time.Hour)
	want := console.PaidWaitingView{
		Account: "N-2", Name: "Jane", Router: "Kilimani", Username: "n2", Since: noon.Add(time.Minute), Attempts: 2, NextTryAt: &next, LastError: "no such menu",
	}
	if diff := cmp.Diff(want, page.Items[0]); err != nil || diff != "" {
		t.Errorf("%v, the first (-want +got):\n%s", err, diff)
	}
	o.sql("update provisions set done_gen = want_gen where username = 'n0'")
	if diff := cmp.Diff([]string{"N-2", "N-3"}, waiting()); diff != "" {
		t.Errorf("after a confirmation (-want +got):\n%s", diff)
	}
	for _, at := range []string{"x", page.Next + "x"} {
		if _, err := o.PaidUnconfirmed(t.Context(), at, 0); field(err) != "cursor" {
			t.Errorf("cursor %q: %v", at, err)
		}
	}
	if _, err := o.PaidUnconfirmed(t.Context(), "", 201); field(err) != "limit" {
		t.Errorf("a page of 201: %v", err)
	}
}

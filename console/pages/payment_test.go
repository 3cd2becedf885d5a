package pages_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"qserve/console"
)

func TestUnallocatedPayment_IsGivenToASuggestedAccountByOneButton(t *testing.T) {
	t.Parallel()
	o := open(t)
	id := o.stray("1500", "FT-1", "ACC-0024") // two digits the wrong way round
	b := o.as(console.RoleSupport)
	page := b.get(at(id))
	page.says(t, http.StatusOK, "KES 1,500", "FT-1", "Unallocated : entered by staff without an account", "AMINA <b>W</b>", "ACC-0024", "Whose is it?", "Jane Doe", "ACC-0042",
		"Because the account number differs", "It comes to:", "Active , paid until 9 Apr 12:00, in 30 days , balance KES 0", "Allocate to ACC-0042", "Another account")
	a := b.post(at(id)+"/allocate", "key", page.key(), "account", "ACC-0042")
	if a.location() != "/customers/ACC-0042" {
		t.Fatalf("leads to %q: %s", a.location(), a.text())
	}
	b.get("/customers/ACC-0042").says(t, http.StatusOK, "Payment you", "accepted")
	// The button is pressed twice.
	if a := b.post(at(id)+"/allocate", "key", page.key(), "account", "ACC-0042"); a.location() != "/customers/ACC-0042" {
		t.Errorf("the second time leads to %q: %s", a.location(), a.text())
	}
	if got := o.accepted(); len(got) != 1 {
		t.Errorf("accepted are %v", got)
	}
	o.work()
	if got := o.status(id); got != "credited ACC-0042" {
		t.Errorf("the payment is %s", got)
	}
	b.get(at(id)).says(t, http.StatusOK, "Credited to ACC-0042", "What it bought", "Home 10, 1 period", "KES 1,500")
}

func TestUnallocatedPayment_IsGivenToAnyAccount(t *testing.T) {
	t.Parallel()
	o := open(t)
	id := o.stray("600", "FT-1", "")
	b := o.as(console.RoleSupport)
	page := b.get(at(id))
	page.says(t, http.StatusOK, "No account looks like it")
	b.postPart(at(id)+"/allocate/preview", "account", "acc 0042").says(t, http.StatusOK, "Paid until never paid → never paid", "Balance KES 0 → KES 600", "The customer notices: Nothing.")
	b.postPart(at(id)+"/allocate/preview", "account", "ACC-0100").says(t, http.StatusOK, "Account: there is no account")
	b.postPart(at(id)+"/allocate/preview", "account", "").says(t, http.StatusOK)
	b.post(at(id)+"/allocate/preview", "account", "ACC-0042").says(t, http.StatusOK, "Whose is it?", "KES 600", "Show what it comes to")
	wrong := b.post(at(id)+"/allocate", "key", page.key(), "account", "ACC-0100")
	wrong.says(t, http.StatusUnprocessableEntity, "Account: there is no account")
	if !strings.Contains(wrong.body, `value="ACC-0100"`) || wrong.key() != page.key() {
		t.Errorf("what was typed is gone: %s", wrong.body)
	}
	b.post(at(id)+"/allocate", "account", " ").says(t, http.StatusUnprocessableEntity, "Account: is missing.")
	if a := b.post(at(id)+"/allocate", "key", page.key(), "account", "acc 0042"); a.location() != "/customers/ACC-0042" {
		t.Errorf("leads to %q: %s", a.location(), a.text())
	}
	b.get("/payments/99").says(t, http.StatusNotFound, "there is no payment 99")
	b.get("/payments/x").says(t, http.StatusNotFound, `there is no payment "x"`)
	b.post("/payments/99/allocate", "account", "ACC-0042").says(t, http.StatusNotFound, "there is no payment 99")
}

func TestNewPayment_BuysWhatThePreviewSays(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleSupport)
	ask := b.part("/payments/new?account=ACC-0042")
	ask.says(t, http.StatusOK, "Which payment for Jane Doe ?", "Account", "Amount", "Cash", "Bank transfer", "Reference", "Paid until never paid → 9 Apr 12:00, in 30 days", "Enter the payment")
	if !strings.Contains(ask.body, `name="amount" type="text" value="1500"`) || strings.Contains(ask.body, "<html") {
		t.Errorf("the amount is not the plan's price: %s", ask.body)
	}
	b.postPart("/payments/new/preview", "account", "ACC-0042", "amount", "3000").says(t, http.StatusOK, "Jane Doe , Home 10", "9 May 12:00")
	b.postPart("/payments/new/preview", "account", "ACC-0042", "amount", "3,0x").says(t, http.StatusOK, "Amount: ")
	b.postPart("/payments/new/preview", "account", "ACC-0100", "amount", "1").says(t, http.StatusOK, "Account: there is no account")
	for range 2 {
		a := b.postPart("/payments/new", "key", ask.key(), "account", "ACC-0042", "amount", "1500", "method", "cash")
		if a.header.Get("Hx-Redirect") != "/customers/ACC-0042" {
			t.Fatalf("leads to %q: %s", a.header.Get("Hx-Redirect"), a.text())
		}
	}
	o.work()
	list, err := o.PaymentsOf(t.Context(), "ACC-0042", console.HistoryQuery{})
	o.must(err)
	if len(list.Items) != 1 || list.Items[0].EnteredBy != "staff support" {
		t.Errorf("one form that was sent twice entered %+v", list.Items)
	}
	sub, err := o.Subscriber(t.Context(), "ACC-0042")
	o.must(err)
	if want := noon.AddDate(0, 0, 30); sub.ExpiresAt == nil || !sub.ExpiresAt.Equal(want) {
		t.Errorf("paid until %v, want %v", sub.ExpiresAt, want)
	}
}

func TestNewPayment_SaysWhatIsWrongAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.credited("100", "FT-USED")
	b := o.as(console.RoleSupport)
	for _, c := range []struct{ account, amount, method, reference, want string }{
		{"ACC-0042", "900", "bank", "", "Reference: give the reference of the bank"},
		{"ACC-0042", "900", "bank", "FT-USED", "Reference: a payment with the reference"},
		{"ACC-0042", "-1", "cash", "", "Amount: "},
		{"ACC-0042", "", "cash", "", "Amount: "},
		{"ACC-0042", "900", "shells", "", "How it was paid: must be cash or bank"},
		{"ACC-0100", "900", "cash", "", "Account: there is no account"},
	} {
		a := b.post("/payments/new", "key", "k", "account", c.account, "amount", c.amount, "method", c.method, "reference", c.reference)
		a.says(t, http.StatusUnprocessableEntity, c.want)
		if !strings.Contains(a.body, `value="`+c.account+`"`) || !strings.Contains(a.body, `value="`+c.amount+`"`) || !strings.Contains(a.body, `name="key" value="k"`) {
			t.Errorf("%+v: what was typed is gone", c)
		}
	}
	a := b.post("/payments/new", "key", "k2", "amount", "900", "method", "bank", "reference", "FT-2")
	id, err := strconv.ParseInt(strings.TrimPrefix(a.location(), "/payments/"), 10, 64)
	if err != nil || o.status(id) != "unallocated" {
		t.Errorf("without an account it leads to %q: %s", a.location(), a.text())
	}
}

func TestPayment_IsTakenBackFromItsAccount(t *testing.T) {
	t.Parallel()
	o := open(t)
	id := o.credited("1500", "FT-1")
	b := o.as(console.RoleSupport)
	ask := b.part(at(id) + "/unallocate")
	ask.says(t, http.StatusOK, "Take this payment back from its account?", "Account ACC-0042 loses the money and the time", "Active → Expired", "Paid until 9 Apr 12:00 → ", "Reason")
	for _, to := range []string{"/customers/ACC-0042", at(id)} { // sent again, it is nobody's by then
		a := b.postPart(at(id)+"/unallocate", "key", ask.key(), "reason", "is for John")
		if a.header.Get("Hx-Redirect") != to {
			t.Fatalf("leads to %q, want %q: %s", a.header.Get("Hx-Redirect"), to, a.text())
		}
		o.work()
	}
	b.get(at(id)).says(t, http.StatusOK, "Unallocated : taken back from an account by staff: is for John", "Whose is it?")
}

func TestPayment_IsReversedForGood(t *testing.T) {
	t.Parallel()
	o := open(t)
	taken, stray := o.credited("1500", "FT-1"), o.stray("700", "FT-2", "")
	b := o.as(console.RoleSupport)
	b.get(at(taken)+"/reverse").says(t, http.StatusOK, "Reverse this payment for good?", "loses the money", "Active → Expired")
	b.post(at(taken)+"/reverse", "reason", "").says(t, http.StatusUnprocessableEntity, "Reason: must have 1 to 500 characters")
	if a := b.post(at(taken)+"/reverse", "key", "a", "reason", "charge-back"); a.location() != "/customers/ACC-0042" {
		t.Fatalf("leads to %q: %s", a.location(), a.text())
	}
	o.work()
	page := b.get(at(taken))
	page.says(t, http.StatusOK, "Reversed", ": charge-back")
	page.saysNot(t, "Whose is it?", "What it bought")
	b.get(at(taken)+"/receipt").says(t, http.StatusConflict, "was reversed")
	b.get(at(stray)+"/reverse").says(t, http.StatusOK, "no account loses anything")
	if a := b.post(at(stray)+"/reverse", "key", "b", "reason", "typed twice"); a.location() != at(stray) {
		t.Fatalf("leads to %q: %s", a.location(), a.text())
	}
	b.post(at(stray)+"/reverse", "key", "c", "reason", "again").says(t, http.StatusUnprocessableEntity, "was reversed already")
	if o.status(taken) != "reversed" && o.status(taken) != "reversed ACC-0042" || o.status(stray) != "reversed" {
		t.Errorf("they are %s and %s", o.status(taken), o.status(stray))
	}
}

func TestPayment_IsSplitForSeveralAccounts(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.john()
	id := o.stray("3000", "FT-1", "both of us")
	b := o.as(console.RoleSupport)
	ask := b.part(at(id) + "/split")
	ask.says(t, http.StatusOK, "Split KES 3,000 into which parts?", "typed both of us", "Account 1", "Amount 4", "Split the payment")
	tried := func(rows ...string) answer {
		form := []string{"key", ask.key()}
		for i, value := range rows {
			form = append(form, []string{"account", "amount"}[i%2], value)
		}
		return b.postPart(at(id)+"/split/preview", form...)
	}
	tried("ACC-0042", "1500", "", "").says(t, http.StatusOK, "ACC-0042: ", "paid until 9 Apr 12:00", "KES 1,500 in no part yet")
	tried("ACC-0042", "1500", "ACC-0043", "1600").says(t, http.StatusOK, "KES 100 more than was paid")
	tried("ACC-0042", "1500", "ACC-0043", "1500").says(t, http.StatusOK, "The parts add up to KES 3,000")
	tried("ACC-0042", "some").says(t, http.StatusOK, "An amount cannot be read")
	b.post(at(id)+"/split/preview", "account", "ACC-0042", "amount", "1500").says(t, http.StatusOK, "KES 1,500 in no part yet", "Split the payment")

	// A line that is left out does not move the blame to another one.
	wrong := b.post(at(id)+"/split", "key", ask.key(), "account", "ACC-0042", "amount", "1500", "account", "", "amount", "", "account", "ACC-0100", "amount", "1500")
	wrong.says(t, http.StatusUnprocessableEntity, "Account 3: there is no account")
	if !strings.Contains(wrong.body, `value="ACC-0100"`) || wrong.key() != ask.key() {
		t.Errorf("what was typed is gone: %s", wrong.body)
	}
	b.post(at(id)+"/split", "account", "ACC-0042", "amount", "1500", "account", "ACC-0043", "amount", "1000").
		says(t, http.StatusUnprocessableEntity, "The parts must add up to")
	for range 2 {
		a := b.post(at(id)+"/split", "key", ask.key(), "account", "ACC-0042", "amount", "1500", "account", "", "amount", "", "account", "ACC-0043", "amount", "1500")
		if a.location() != at(id) {
			t.Fatalf("leads to %q: %s", a.location(), a.text())
		}
		o.work()
	}
	b.get(at(id)).says(t, http.StatusOK, "Split", "Its parts", "FT-1/1", "ACC-0042", "Credited", "KES 1,500", "FT-1/2", "ACC-0043", "Credited", "KES 1,500")
	b.get(at(id+1)).says(t, http.StatusOK, "Part of the payment that was split", "What it bought")
	b.get("/payments?status=split").says(t, http.StatusOK, "FT-1", "Split", "KES 3,000")
}

func TestPayment_SaysWhoEnteredItOnlyIfSomebodyDid(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.exec(`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, unallocated)
		values ('mpesa', '600000', 'QSV1TEST02', 150000, 'KES', $1, $1, 'no account')`, noon)
	told := o.as(console.RoleOwner).get("/payments/1")
	told.says(t, http.StatusOK, "QSV1TEST02", "M-Pesa")
	if strings.Contains(told.text(), "Entered by") {
		t.Errorf("a payment that a provider told of: %s", told.text())
	}
	entered := o.as(console.RoleOwner).get(at(o.stray("1500", "FT-1", "")))
	entered.says(t, http.StatusOK, "Entered by boss")
}

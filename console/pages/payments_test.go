package pages_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/console"
	"qserve/db"
)

// work applies the actions that wait, as the workers do.
func (o *office) work() {
	o.t.Helper()
	ctx, now := o.t.Context(), o.clock.Now()
	rows, err := o.pool.Query(ctx, "select id from actions where state = 'accepted' order by id")
	o.must(err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	o.must(err)
	for _, id := range ids {
		o.must(db.InTx(ctx, o.pool, func(tx pgx.Tx, q *db.Queries) error {
			row, err := q.ActionByID(ctx, id)
			o.must(err)
			facts, err := db.LockAccountFacts(ctx, q, *row.SubscriberID)
			o.must(err)
			order, err := db.ReadOrder(ctx, q, row.Kind, row.Arguments, facts, now)
			o.must(err)
			change, err := account.Apply(facts, order.Command, now, o.Zone)
			o.must(err)
			_, err = db.SaveChange(ctx, tx, db.Deed{
				Change: change, Kind: row.Kind, Actor: row.Actor, Source: row.Source, ActionID: row.ID, AcceptedAt: row.AcceptedAt,
				PaymentID: order.PaymentID, Allocation: order.Allocation, Also: order.Also,
			}, now)
			return err
		}))
	}
}

// stray is money that nobody's account was named for.
func (o *office) stray(amount, receipt, reference string) int64 {
	o.t.Helper()
	entered, err := o.EnterPayment(o.t.Context(), boss, console.NewPayment{Amount: amount, Method: "bank", Reference: receipt})
	o.must(err)
	o.exec("update payments set reference = $2, payer_name = 'AMINA <b>W</b>', payer_phone = '+254712000111' where id = $1", entered.Payment.ID, reference)
	return entered.Payment.ID
}

// credited is money on Jane's account.
func (o *office) credited(amount, receipt string) int64 {
	o.t.Helper()
	entered, err := o.EnterPayment(o.t.Context(), boss, console.NewPayment{Subscriber: "ACC-0042", Amount: amount, Method: "bank", Reference: receipt})
	o.must(err)
	o.work()
	return entered.Payment.ID
}

// john adds a second customer.
func (o *office) john() {
	o.t.Helper()
	_, err := o.AddSubscriber(o.t.Context(), boss, console.NewSubscriber{
		Account: "ACC-0043", Name: "John Roe", Router: "Kilimani", Plan: "Home 10", Username: "john043", Password: "pppoe-password",
	})
	o.must(err)
}

// status is how a payment is.
func (o *office) status(id int64) string {
	o.t.Helper()
	p, err := o.Payment(o.t.Context(), id)
	o.must(err)
	if p.Account != nil {
		return p.Status + " " + *p.Account
	}
	return p.Status
}

func at(id int64) string { return "/payments/" + strconv.FormatInt(id, 10) }

// says fails the test unless a person reads all of it, in that order.
func (a answer) says(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("answered %d, want %d: %s", a.status, status, a.text())
	}
	rest := a.text()
	for _, text := range texts {
		_, after, ok := strings.Cut(rest, text)
		if !ok {
			t.Fatalf("does not say %q (in this order): %s", text, a.text())
		}
		rest = after
	}
}

// saysNot fails the test when a person reads any of it.
func (a answer) saysNot(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.text(), text) {
			t.Errorf("says %q: %s", text, a.text())
		}
	}
}

func TestPayments_AreListedByStatusAndFoundByReceipt(t *testing.T) {
	t.Parallel()
	o := open(t)
	stray, taken := o.stray("700", "FT-STRAY", "ACC-9999"), o.credited("1500", "FT-GOOD")
	b := o.as(console.RoleViewer)
	all := b.get("/payments")
	all.says(t, http.StatusOK, "FT-GOOD", "ACC-0042", "Bank transfer", "Credited", "KES 1,500", "FT-STRAY", "AMINA <b>W</b>", "typed ACC-9999",
		"Unallocated entered by staff without an account", "KES 700")
	all.saysNot(t, "Enter a payment")
	if strings.Contains(all.body, "<b>W</b>") || !strings.Contains(all.body, `data-href="`+at(stray)+`"`) {
		t.Errorf("HTML of a payer is not text, or the row leads nowhere: %s", all.body)
	}
	for query, want := range map[string]string{
		"status=unallocated": "FT-STRAY", "status=credited": "FT-GOOD", "q=FT-STRAY": "FT-STRAY", "q=acc-9999": "FT-STRAY", "status=credited&q=FT-GOOD": "FT-GOOD",
	} {
		a := b.get("/payments?" + query)
		a.says(t, http.StatusOK, want, "KES")
		if other := map[string]string{"FT-STRAY": "FT-GOOD", "FT-GOOD": "FT-STRAY"}[want]; strings.Contains(a.body, ">"+other+"<") {
			t.Errorf("%s shows %s too", query, other)
		}
	}
	b.get("/payments?status=reversed").says(t, http.StatusOK, "No payment here.")
	b.get("/payments?q=NONE").says(t, http.StatusOK, "No payment with “NONE”")
	b.get("/payments?status=lost").says(t, http.StatusUnprocessableEntity, "status: must be")
	b.get("/payments?day=yesterday").says(t, http.StatusUnprocessableEntity, "day: must be")
	if o.status(taken) != "credited ACC-0042" {
		t.Fatalf("the payment is %s", o.status(taken))
	}
}

func TestPaymentsOfADay_AreTheCountedOnes(t *testing.T) {
	t.Parallel()
	o := open(t)
	early := o.stray("100", "FT-EARLY", "")
	o.exec("update payments set received_at = $2 where id = $1", early, noon.Add(-13*time.Hour)) // 23:00 of the day before
	gone := o.stray("200", "FT-GONE", "")
	o.exec("update payments set reversed_at = $2, reversal_reason = 'x', unallocated = '' where id = $1", gone, noon)
	whole := o.stray("300", "FT-WHOLE", "")
	_, err := o.Split(t.Context(), boss, whole, []console.SplitPart{{Account: "ACC-0042", Amount: "100"}, {Amount: "200"}})
	o.must(err)
	o.stray("400", "FT-LATE", "")
	b := o.as(console.RoleViewer)
	a := b.get("/payments?day=2026-03-10")
	a.says(t, http.StatusOK, "Payments received 10 Mar", "FT-LATE", "FT-WHOLE", "Split")
	a.saysNot(t, "FT-EARLY", "FT-GONE", "FT-WHOLE/1")
	b.get("/").says(t, http.StatusOK, "2 payments today KES 700")
	b.get("/payments?day=2026-03-09").says(t, http.StatusOK, "FT-EARLY")
	sheet := b.get("/payments.csv?day=2026-03-10")
	if lines := strings.Split(strings.TrimSpace(sheet.body), "\r\n"); len(lines) != 3 || !strings.HasPrefix(lines[1], "6,FT-LATE,bank,desk,400.00,KES,unallocated,") {
		t.Errorf("the sheet is %q", sheet.body)
	}
}

func TestPaymentsCSV_IsWhatIsShown(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.stray("700", "FT-STRAY", "=HYPERLINK(1)")
	o.credited("1500", "FT-GOOD")
	b := o.as(console.RoleViewer)
	a := b.get("/payments.csv?status=unallocated")
	if a.header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.Contains(a.header.Get("Content-Disposition"), "payments.csv") {
		t.Errorf("the headers are %v", a.header)
	}
	if !strings.Contains(a.body, "FT-STRAY") || strings.Contains(a.body, "FT-GOOD") || !strings.Contains(a.body, ",'=HYPERLINK(1),") {
		t.Errorf("the sheet is %q", a.body)
	}
	b.get("/payments.csv?status=lost").says(t, http.StatusUnprocessableEntity, "status: must be")
}

func TestUnallocatedPayment_IsGivenToASuggestedAccountByOneButton(t *testing.T) {
	t.Parallel()
	o := open(t)
	id := o.stray("1500", "FT-1", "ACC-0024") // two digits the wrong way round
	b := o.as(console.RoleSupport)
	page := b.get(at(id))
	page.says(t, http.StatusOK, "KES 1,500", "FT-1", "Unallocated: entered by staff without an account", "AMINA <b>W</b>", "ACC-0024", "Whose is it?", "Jane Doe", "ACC-0042",
		"the account number differs", "It comes to:", "paid until 9 Apr 12:00, in 30 days , balance KES 0", "Allocate to ACC-0042", "Another account")
	a := b.post(at(id)+"/allocate", "key", page.key(), "account", "ACC-0042")
	if a.location() != "/customers/ACC-0042" {
		t.Fatalf("leads to %q: %s", a.location(), a.text())
	}
	b.get("/customers/ACC-0042").says(t, http.StatusOK, "Payment you", "accepted")
	// The button is pressed twice.
	if a := b.post(at(id)+"/allocate", "key", page.key(), "account", "ACC-0042"); a.location() != "/customers/ACC-0042" {
		t.Errorf("the second time leads to %q: %s", a.location(), a.text())
	}
	if got := o.accepted(); len(got) != 2 { // the first is the creation
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
	b.postPart(at(id)+"/allocate/preview", "account", "ACC-0100").says(t, http.StatusOK, "The account cannot be found: there is no account")
	b.postPart(at(id)+"/allocate/preview", "account", "").says(t, http.StatusOK)
	b.post(at(id)+"/allocate/preview", "account", "ACC-0042").says(t, http.StatusOK, "Whose is it?", "KES 600", "Show what it comes to")
	wrong := b.post(at(id)+"/allocate", "key", page.key(), "account", "ACC-0100")
	wrong.says(t, http.StatusUnprocessableEntity, "Account cannot be found: there is no account")
	if !strings.Contains(wrong.body, `value="ACC-0100"`) || wrong.key() != page.key() {
		t.Errorf("what was typed is gone: %s", wrong.body)
	}
	b.post(at(id)+"/allocate", "account", " ").says(t, http.StatusUnprocessableEntity, "Account is missing.")
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
	ask.says(t, http.StatusOK, "Which payment for Jane Doe?", "Account", "Amount", "Cash", "Bank transfer", "Reference", "Paid until never paid → 9 Apr 12:00, in 30 days", "Enter the payment")
	if !strings.Contains(ask.body, `name="amount" type="text" value="1500"`) || strings.Contains(ask.body, "<html") {
		t.Errorf("the amount is not the plan's price: %s", ask.body)
	}
	b.postPart("/payments/new/preview", "account", "ACC-0042", "amount", "3000").says(t, http.StatusOK, "Jane Doe, Home 10", "9 May 12:00")
	b.postPart("/payments/new/preview", "account", "ACC-0042", "amount", "3,0x").says(t, http.StatusOK, "The amount ")
	b.postPart("/payments/new/preview", "account", "ACC-0100", "amount", "1").says(t, http.StatusOK, "The account cannot be found")
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
		{"ACC-0042", "900", "bank", "", "Reference give the reference of the bank"},
		{"ACC-0042", "900", "bank", "FT-USED", "Reference a payment with the reference"},
		{"ACC-0042", "-1", "cash", "", "Amount "},
		{"ACC-0042", "", "cash", "", "Amount "},
		{"ACC-0042", "900", "shells", "", "How it was paid must be cash or bank"},
		{"ACC-0100", "900", "cash", "", "Account cannot be found"},
	} {
		a := b.post("/payments/new", "key", "k", "account", c.account, "amount", c.amount, "method", c.method, "reference", c.reference)
		a.says(t, http.StatusUnprocessableEntity, c.want)
		if !strings.Contains(a.body, `value="`+c.account+`"`) || !strings.Contains(a.body, `value="`+c.amount+`"`) || !strings.Contains(a.body, `name="key" value="k"`) {
			t.Errorf("%+v: what was typed is gone", c)
		}
	}
	a := b.post("/payments/new", "key", "k2", "amount", "900", "method", "bank", "reference", "FT-2")
	if a.location() != at(2) || o.status(2) != "unallocated" {
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
	for range 2 {
		a := b.postPart(at(id)+"/unallocate", "key", ask.key(), "reason", "is for John")
		if a.header.Get("Hx-Redirect") != "/customers/ACC-0042" {
			o.t.Fatalf("leads to %q: %s", a.header.Get("Hx-Redirect"), a.text())
		}
		o.work()
	}
	b.get(at(id)).says(t, http.StatusOK, "Unallocated: taken back from an account by staff: is for John", "Whose is it?")
}

func TestPayment_IsReversedForGood(t *testing.T) {
	t.Parallel()
	o := open(t)
	taken, stray := o.credited("1500", "FT-1"), o.stray("700", "FT-2", "")
	b := o.as(console.RoleSupport)
	b.get(at(taken)+"/reverse").says(t, http.StatusOK, "Reverse this payment for good?", "loses the money", "Active → Expired")
	b.post(at(taken)+"/reverse", "reason", "").says(t, http.StatusUnprocessableEntity, "Reason must have 1 to 500 characters")
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
	tried("ACC-0042", "some").says(t, http.StatusOK, "Amount 1 ", "An amount cannot be read")
	b.post(at(id)+"/split/preview", "account", "ACC-0042", "amount", "1500").says(t, http.StatusOK, "KES 1,500 in no part yet", "Split the payment")

	// A line that is left out does not move the blame to another one.
	wrong := b.post(at(id)+"/split", "key", ask.key(), "account", "ACC-0042", "amount", "1500", "account", "", "amount", "", "account", "ACC-0100", "amount", "1500")
	wrong.says(t, http.StatusUnprocessableEntity, "Account 3 there is no account")
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

func TestReceipt_SaysWhatWasPaidForOnPaper(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.exec("update subscribers set name = 'Jane <i>Doe</i>'")
	id := o.credited("1600", "FT-1")
	small := o.credited("10", "FT-2")
	b := o.as(console.RoleViewer)
	a := b.get(at(id) + "/receipt")
	a.says(t, http.StatusOK, "Receipt R-00000", "KES 1,600", "Received from Jane <i>Doe</i>", "Account ACC-0042", "Paid 10 Mar 2026, 12:00", "By Bank transfer", "Reference FT-1",
		"For", "Home 10", "10 Mar 2026, 12:00 to 9 Apr 2026, 12:00", "KES 1,500")
	if strings.Contains(a.body, "<i>Doe") {
		t.Errorf("HTML of a name is not text: %s", a.body)
	}
	b.get(at(small)+"/receipt").says(t, http.StatusOK, "KES 10", "Added to the balance of the account.")
	b.get(at(o.stray("5", "FT-3", ""))+"/receipt").says(t, http.StatusConflict, "belongs to no account")
	b.get("/payments/99/receipt").says(t, http.StatusNotFound)
}

func TestMoney_IsMovedOnlyByThoseWhoMay(t *testing.T) {
	t.Parallel()
	o := open(t)
	stray, taken := o.stray("700", "FT-1", "ACC-0024"), o.credited("1500", "FT-2")
	for _, role := range []console.Role{console.RoleViewer, console.RoleOps} {
		b := o.as(role)
		for _, path := range []string{at(stray), at(taken)} {
			page := b.get(path)
			page.says(t, http.StatusOK, "KES")
			page.saysNot(t, "Split", "Reverse", "Allocate", "Whose is it?", "Take the payment back")
		}
		for _, path := range []string{"/payments/new", at(stray) + "/allocate", at(stray) + "/split", at(taken) + "/reverse", at(taken) + "/unallocate"} {
			b.get(path).says(t, http.StatusForbidden, "This is for the roles owner, manager, support;")
			b.post(path, "account", "ACC-0042", "amount", "1", "method", "cash", "reason", "x").says(t, http.StatusForbidden)
		}
		for _, path := range []string{"/payments/new/preview", at(stray) + "/allocate/preview", at(stray) + "/split/preview"} {
			b.post(path, "account", "ACC-0042", "amount", "1").says(t, http.StatusForbidden)
		}
	}
	if o.status(stray) != "unallocated" || o.status(taken) != "credited ACC-0042" {
		t.Errorf("they are %s and %s", o.status(stray), o.status(taken))
	}
	for _, path := range []string{"/", "/payments", "/payments.csv", "/payments/unconfirmed", at(stray), at(taken) + "/receipt"} {
		if a := o.stranger().get(path); a.status != http.StatusSeeOther || !strings.HasPrefix(a.location(), "/sign-in") {
			t.Errorf("a stranger gets %d at %s", a.status, path)
		}
	}
}

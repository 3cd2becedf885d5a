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
	a.says(t, http.StatusOK, "Payments received 10 Mar", "FT-LATE", "FT-WHOLE/2", "FT-WHOLE/1")
	a.saysNot(t, "FT-EARLY", "FT-GONE", "Split KES 300")
	if !strings.Contains(a.body, `href="/payments.csv?day=2026-03-10"`) {
		t.Error("the sheet is not that of the day")
	}
	b.get("/").says(t, http.StatusOK, "3 payments today KES 700")
	b.get("/payments?day=2026-03-09").says(t, http.StatusOK, "FT-EARLY")
	sheet := b.get("/payments.csv?day=2026-03-10")
	if lines := strings.Split(strings.TrimSpace(sheet.body), "\r\n"); len(lines) != 4 || !strings.HasPrefix(lines[1], "6,FT-LATE,bank,desk,400.00,KES,unallocated,") {
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

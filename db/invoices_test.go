package db_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// invoices reads all of them in their order: year, number, account, periods and total.
func (b *books) invoices() []string {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), `select i.year || '/' || i.number || ' ' || s.account || ' ' || i.plan || ' x' || i.periods || ' ' || i.total_minor
		from invoices i join subscribers s on s.id = i.subscriber_id order by i.year, i.number`)
	if err != nil {
		b.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func TestInvoices_AreNumberedWithoutGapsThoughManyAreWrittenAtOnceAndSomeAreNot(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	ctx := t.Context()
	const many, rounds = 16, 4
	undo := errors.New("undo")
	subscribers, payments := make([]int64, many), make([][rounds]int64, many)
	for i := range subscribers {
		subscribers[i] = b.subscriber(fmt.Sprintf("N%d", i), fmt.Sprintf("n%d", i), "")
		for round := range rounds {
			payments[i][round] = b.payment(fmt.Sprintf("R%d-%d", i, round), 150_000)
		}
	}
	done := make(chan error, many)
	for i, id := range subscribers {
		go func() {
			done <- func() error {
				for round, payment := range payments[i] {
					err := db.InTx(ctx, b.pool, func(tx pgx.Tx, q *db.Queries) error {
						facts, err := db.LockAccountFacts(ctx, q, id)
						if err != nil {
							return err
						}
						change, err := account.Apply(facts, account.Pay{Amount: account.Money{Minor: 150_000, Currency: "KES"}}, noon, time.UTC)
						if err != nil {
							return err
						}
						_, err = db.SaveChange(ctx, tx, db.Deed{Change: change, Kind: "payment", Actor: "x", AcceptedAt: noon, PaymentID: payment}, noon)
						if err == nil && (i+round)%3 == 0 {
							err = undo // as a worker that dies before the commit
						}
						return err
					})
					if err != nil && !errors.Is(err, undo) {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range many {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	var count, first, last, counter int64
	err := b.pool.QueryRow(ctx, "select count(*), min(number), max(number), (select last from invoice_counters) from invoices").Scan(&count, &first, &last, &counter)
	// Of 64 every third was undone.
	if err != nil || count != 42 || first != 1 || last != count || counter != count {
		t.Errorf("%d invoices are numbered %d to %d and the counter says %d, %v", count, first, last, counter, err)
	}
}

func TestInvoices_BeginAnewEachYearAndAreInTheOrderOfWhatHappened(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	john := b.subscriber("ACC-0043", "john", "")
	newYear := time.Date(2027, time.January, 1, 0, 0, 0, 0, time.UTC)
	var paid []int64 // before the accounts are locked, which a payment refers to
	for i, minor := range []int64{300_000, 150_000, 149_999, 150_000, 150_000} {
		paid = append(paid, b.payment(strconv.Itoa(i), minor))
	}
	happened := []struct {
		id    int64
		minor int64
		now   time.Time
	}{
		{john, 300_000, newYear.Add(-2)}, {b.jane, 150_000, newYear}, {b.jane, 149_999, newYear}, {john, 150_000, newYear.Add(-1)}, {john, 150_000, newYear},
	}
	var deeds []db.Deed
	err := db.InTx(t.Context(), b.pool, func(tx pgx.Tx, q *db.Queries) error {
		accounts, err := db.LockAccountsFacts(t.Context(), q, []int64{b.jane, john})
		if err != nil {
			return err
		}
		for i, c := range happened {
			change, err := account.Apply(accounts[c.id], account.Pay{Amount: account.Money{Minor: c.minor, Currency: "KES"}}, c.now, time.UTC)
			if err != nil {
				return err
			}
			accounts[c.id] = change.Account
			deeds = append(deeds, db.Deed{Change: change, Kind: "payment", Actor: "x", AcceptedAt: noon, PaymentID: paid[i]})
		}
		_, err = db.SaveChanges(t.Context(), tx, deeds, newYear, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.pay("next", 150_000, newYear.Add(time.Hour))
	if diff := cmp.Diff([]string{
		"2026/1 ACC-0043 Home 10 x2 300000",
		"2026/2 ACC-0043 Home 10 x1 150000",
		"2027/1 ACC-0042 Home 10 x1 150000",
		"2027/2 ACC-0043 Home 10 x1 150000",
		"2027/3 ACC-0042 Home 10 x1 150000",
	}, b.invoices()); diff != "" {
		t.Errorf("invoices (-want +got):\n%s", diff)
	}
}

func TestReversal_IsBookedAndCreditedAgainstWhatThePaymentBought(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.pay("first", 160_000, noon)
	before := b.facts(b.jane)
	b.pay("second", 300_000, noon)
	second := b.id("select id from payments where transaction_id = 'second'")
	b.give(b.jane, "unallocate", db.PaymentArguments{PaymentID: second, Reason: "it is John's"})
	after := b.facts(b.jane)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("jane's account (-before the payment +after it was taken back):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"2026/1 ACC-0042 Home 10 x1 150000",
		"2026/2 ACC-0042 Home 10 x2 300000",
		"2026/3 ACC-0042 Home 10 x-2 -300000",
	}, b.invoices()); diff != "" {
		t.Errorf("invoices (-want +got):\n%s", diff)
	}
	row, err := b.q.LockPayment(t.Context(), second)
	if err != nil || row.Payment.SubscriberID != nil || row.Payment.Allocation != 1 || row.Payment.Unallocated != "taken back from an account by staff: it is John's" {
		t.Errorf("the payment is %+v, %v", row.Payment, err)
	}
	// It may be credited, and taken back, once more.
	b.give(b.jane, "payment", db.PaymentArguments{PaymentID: second})
	if want := noon.AddDate(0, 3, 0); !b.facts(b.jane).ExpiresAt.Equal(want) {
		t.Errorf("credited again, it lasts until %v, want %v", b.facts(b.jane).ExpiresAt, want)
	}
	b.give(b.jane, "reverse", db.PaymentArguments{PaymentID: second, Reason: "chargeback"})
	if diff := cmp.Diff(before, b.facts(b.jane)); diff != "" {
		t.Errorf("jane's account (-before the payment +after it was reversed):\n%s", diff)
	}
	row, err = b.q.LockPayment(t.Context(), second)
	if err != nil || row.Payment.ReversedAt == nil || row.Payment.ReversalReason != "chargeback" || *row.Payment.SubscriberID != b.jane {
		t.Errorf("the reversed payment is %+v, %v", row.Payment, err)
	}
	if sum := b.id("select sum(amount_minor)::bigint from ledger_entries where subscriber_id = $1", b.jane); sum != before.Balance.Minor {
		t.Errorf("the ledger adds up to %d, the balance is %s", sum, before.Balance)
	}
}

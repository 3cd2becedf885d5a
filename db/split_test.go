package db_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// parts splits a payment, each part for the account of that id; 0: for nobody yet. It returns the ids of the parts.
func (b *books) parts(payment int64, minor []int64, to ...int64) []int64 {
	b.t.Helper()
	ctx := b.t.Context()
	var ids []int64
	err := db.InTx(ctx, b.pool, func(_ pgx.Tx, q *db.Queries) (err error) {
		if err := q.PaymentSplit(ctx, db.PaymentSplitParams{ID: payment, Now: noon}); err != nil {
			return err
		}
		why := make([]string, len(minor))
		for i := range why {
			why[i] = fmt.Sprintf("part %d", i+1)
		}
		ids, err = q.InsertParts(ctx, db.InsertPartsParams{ID: payment, AmountsMinor: minor, Unallocated: why})
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	for i, id := range to {
		if id != 0 {
			b.give(id, "payment", db.PaymentArguments{PaymentID: ids[i]})
		}
	}
	return ids
}

func TestPartOfAPayment_IsCreditedAndReversedLikeAny(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	_, whole := b.webhook("k1", "SKL1", "both of us", "{}")
	ids := b.parts(whole, []int64{100_000, 50_000}, b.jane)
	if got := b.facts(b.jane).Balance; got.Minor != 100_000 {
		t.Errorf("credited: balance %s", got)
	}
	b.give(b.jane, "reverse", db.PaymentArguments{PaymentID: ids[0], Reason: "x"})
	if got := b.facts(b.jane).Balance; got != (account.Money{Currency: "KES"}) {
		t.Errorf("reversed: balance %s", got)
	}
	rows, err := b.pool.Query(t.Context(), `select transaction_id || ' ' || reference || ' ' || payer_name || ' ' || payer_phone || ' ' || amount_minor
		from payments where occurred_at = $1 and received_at = $1 and delivery_id is not null order by id`, noon)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	want := []string{
		"SKL1 both of us Barnaby Quinn +254711222333 150000", "SKL1/1 both of us Barnaby Quinn +254711222333 100000",
		"SKL1/2 both of us Barnaby Quinn +254711222333 50000",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("payments, %v (-want +got):\n%s", err, diff)
	}
	if n, err := b.q.CountUnallocated(t.Context()); err != nil || n != 1 {
		t.Errorf("%d are unallocated, %v, want the second part", n, err)
	}
	if _, again := b.webhook("k2", "SKL1", "both of us", "{}"); again != 0 {
		t.Errorf("told again, it is payment %d", again)
	}
	// A provider may number its payments as we do the parts.
	if _, other := b.webhook("k3", "SKL1/2", "ACC-0042", "{}"); other == 0 {
		t.Error("another payment is taken for a part")
	}
	if spent := b.id("select count(*) from payments where amount_minor > 0 and split_at is not null and unallocated = ''"); spent != 1 {
		t.Errorf("%d payments are split", spent)
	}
}

func TestSplitPayment_GoesWithTheLastOfItsParts(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	john := b.subscriber("ACC-0043", "john", "")
	_, whole := b.webhook("k1", "SPLITQUINN", "for Quinn and others", `{"payer":"Barnaby Quinn"}`)
	b.webhook("k2", "SPLITQUINN", "for Quinn and others", `{"payer":"Barnaby Quinn","again":true}`)
	ids := b.parts(whole, []int64{50_000, 100_000}, b.jane)
	b.parts(ids[1], []int64{40_000, 60_000}, john, b.jane) // a part may be split again
	b.give(john, "delete", db.DeleteArguments{Confirm: "ACC-0043"})
	var row db.Payment
	locked, err := b.q.LockPayment(t.Context(), whole)
	if row = locked.Payment; err != nil || row.SplitAt == nil || row.Reference+row.PayerName+row.PayerPhone+row.PayerPhoneHash != "" || row.PayerKey != nil {
		t.Errorf("with parts left it is %+v, %v", row, err)
	}
	if n := b.id("select count(*) from deliveries where body <> ''"); n != 0 {
		t.Errorf("%d webhooks still tell who paid for John", n)
	}
	if n := b.id("select count(*) from payments where subscriber_id = $1", b.jane); n != 2 {
		t.Errorf("Jane has %d parts left", n)
	}
	again := func(key string) {
		t.Helper()
		if _, id := b.webhook(key, "SPLITQUINN", "ACC-0042", `{"payer":"Barnaby Quinn"}`); id != 0 {
			t.Errorf("%s: told again, it is payment %d", key, id)
		}
		if n := b.id("select count(*) from deliveries where body <> ''"); n != 0 {
			t.Errorf("%s: told again, its body is kept", key)
		}
	}
	again("k3")
	b.give(b.jane, "delete", db.DeleteArguments{Confirm: "ACC-0042"})
	if n := b.id("select count(*) from payments"); n != 0 {
		t.Errorf("%d payments are left of what was split", n)
	}
	if n := b.id("select count(*) from deliveries where delivery_key = 'k1'"); n != 0 {
		t.Error("the webhook that told it is still there")
	}
	if found := b.traces([]string{"SPLITQUINN", "Quinn", "254711222333"}); len(found) != 0 {
		t.Errorf("left for good:\n%s", strings.Join(found, "\n"))
	}
	again("k4")
	if n := b.id("select coalesce(sum(amount_minor), 0)::bigint * 10 + sum(payments)::bigint from monthly_totals"); n != 150_000*10+3 {
		t.Errorf("the totals say %d", n)
	}
}

func TestTheLastTwoPartsDeletedAtOnce_LeaveNothing(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	for round := range 5 {
		one, two := b.subscriber(fmt.Sprintf("ONE-%d", round), fmt.Sprintf("one%d", round), ""), b.subscriber(fmt.Sprintf("TWO-%d", round), fmt.Sprintf("two%d", round), "")
		for n := range 4 {
			_, whole := b.webhook(fmt.Sprintf("k%d-%d", round, n), fmt.Sprintf("SKL%d-%d", round, n), "both", "{}")
			b.parts(whole, []int64{50_000, 100_000}, one, two)
		}
		errs := make(chan error, 2)
		for id, number := range map[int64]string{one: fmt.Sprintf("ONE-%d", round), two: fmt.Sprintf("TWO-%d", round)} {
			action := b.accept(id, "delete", db.DeleteArguments{Confirm: number})
			go func() {
				_, err := b.apply(id, action, noon)
				errs <- err
			}()
		}
		if first, second := <-errs, <-errs; first != nil || second != nil {
			t.Fatalf("deleted with %v and %v", first, second)
		}
		if n := b.id("select count(*) from payments"); n != 0 {
			t.Fatalf("%d payments are left", n)
		}
	}
}

func TestSplitPaymentThatAnAccountHadBefore_StaysInItsLedger(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	john := b.subscriber("ACC-0043", "john", "")
	_, whole := b.webhook("k1", "SKL1", "ACC-0042", `{"payer":"Barnaby Quinn"}`)
	b.give(b.jane, "unallocate", db.PaymentArguments{PaymentID: whole, Reason: "for John"})
	b.parts(whole, []int64{50_000, 100_000}, john, john)
	b.give(john, "delete", db.DeleteArguments{Confirm: "ACC-0043"})
	if n := b.id("select count(*) from ledger_entries where subscriber_id = $1 and payment_id = $2", b.jane, whole); n != 2 {
		t.Errorf("Jane's ledger has %d lines of it", n)
	}
	if found := b.traces([]string{"Quinn"}); len(found) != 0 {
		t.Errorf("left:\n%s", strings.Join(found, "\n"))
	}
}

func TestSchemaRefusesASplitThatCannotBe(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	_, whole := b.webhook("k1", "SKL1", "both", "{}")
	ids := b.parts(whole, []int64{50_000, 100_000}, b.jane)
	b.breaks("split and credited", "what_was_split_is_nobodys", "update payments set subscriber_id = $1 where id = $2", b.jane, whole)
	b.breaks("split and reversed", "what_was_split_is_nobodys", "update payments set reversed_at = $1 where id = $2", noon, whole)
	b.breaks("split and waiting", "unallocated_says_why", "update payments set unallocated = 'x' where id = $1", whole)
	b.breaks("a part twice", "payments_split_of", "update payments set transaction_id = 'SKL1/1' where id = $1", ids[1])
	b.breaks("parts without what they are parts of", "payments_split_of_fkey", "delete from payments where id = $1", whole)
	b.breaks("a receipt number that is too long", "payments_transaction_id_check", "update payments set transaction_id = repeat('x', 201) where id = $1", whole)
}

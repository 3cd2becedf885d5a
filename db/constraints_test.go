package db_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"qserve/account"
	"qserve/db"
)

func TestMoneyKey_IsCreditedOnceForEver(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	saved := b.pay("SKL7XQ2B1M", 150_000, noon)
	const payment = `insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at,
		subscriber_id, unallocated) values ($1, $2, $3, 1, 'KES', now(), now(), $4, $5)`
	b.breaks("the same money key", "one_credit_for_ever", payment, "mpesa", "600000", "SKL7XQ2B1M", b.jane, "")
	b.exec(payment, "mpesa", "600001", "SKL7XQ2B1M", b.jane, "")
	b.exec(payment, "standard", "600000", "SKL7XQ2B1M", b.jane, "")
	b.breaks("unallocated without a reason", "unallocated_says_why", payment, "mpesa", "1", "x", nil, "")
	b.breaks("allocated, with a reason why not", "unallocated_says_why", payment, "mpesa", "1", "x", b.jane, "no such account")

	const credit = `insert into ledger_entries (subscriber_id, kind, amount_minor, currency, payment_id, action_id)
		values ($1, 'payment', 150000, $2, (select id from payments where transaction_id = 'SKL7XQ2B1M' and merchant = $3 and provider = 'mpesa'), $4)`
	b.breaks("a second credit of a payment", "ledger_entries_one_credit_a_payment", credit, b.jane, "KES", "600000", saved.ActionID)
	b.breaks("another currency than the account's", "ledger_entries_subscriber_id_currency_fkey", credit, b.jane, "USD", "600001", saved.ActionID)
	b.breaks("a credit without a payment", "a_payment_adds_and_names_it", credit, b.jane, "KES", "none", saved.ActionID)

	delivery := b.id(`insert into deliveries (source_id, delivery_key, digest, body, received_at)
		values ($1, 'again', sha256('x'), '', $2) returning id`, b.source, noon)
	again, err := b.q.InsertPayments(t.Context(), db.InsertPaymentsParams{
		Providers: []string{"mpesa", "mpesa"}, Merchants: []string{"600000", "600000"}, TransactionIDs: []string{"SKL7XQ2B1M", "NEW"},
		DeliveryIDs: []int64{delivery, delivery}, AmountsMinor: []int64{1, 1}, Currencies: []string{"KES", "KES"},
		OccurredAts: []time.Time{noon, noon}, ReceivedAts: []time.Time{noon, noon}, PayerReferences: []string{"", ""},
		PayerNames: []string{"", ""}, PayerPhones: []string{"", ""}, PayerPhoneHashes: []string{"", ""},
		SubscriberIDs: []int64{0, 0}, Unallocated: []string{"x", "x"},
	})
	if err != nil || len(again) != 1 || again[0].TransactionID != "NEW" {
		t.Errorf("a repeated and a new payment together were booked as %+v, %v", again, err)
	}
}

func TestLedgerAndActivity_AreAppendOnly(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.pay("SKL7XQ2B1M", 150_000, noon)
	for _, table := range []string{"ledger_entries", "activity"} {
		refusal := table + " is append-only"
		b.breaks("update", refusal, fmt.Sprintf("update %s set kind = kind", table))
		b.breaks("delete", refusal, "delete from "+table)
		b.breaks("truncate", refusal, "truncate "+table)
	}
}

func TestBalance_IsTheSumOfItsLedgerAndNothingElseMovesIt(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	for i, minor := range []int64{1, 149_998, 400_000, 7} {
		b.pay(fmt.Sprintf("R%d", i), minor, noon)
	}
	const refusal = "a balance moves only by an entry in the ledger"
	b.breaks("written by hand", refusal, "update subscribers set balance_minor = 5 where id = $1", b.jane)
	b.breaks("written to what it is", refusal, "update subscribers set balance_minor = balance_minor")
	b.breaks("brought along", refusal, `insert into subscribers (account, name, router_id, username, password_sealed, plan_id,
		currency, balance_minor) values ('ACC-1', 'X', $1, 'x', '\x00', $2, 'KES', 5)`, b.router, b.plan)
	b.exec("update subscribers set name = 'Jane W' where id = $1", b.jane)
	var balance, sum int64
	if err := b.pool.QueryRow(t.Context(), `select balance_minor, (select sum(amount_minor) from ledger_entries where subscriber_id = s.id)
		from subscribers s where id = $1`, b.jane).Scan(&balance, &sum); err != nil {
		t.Fatal(err)
	}
	if balance != sum || balance != 550_006-3*150_000 {
		t.Errorf("balance %d, ledger %d, want %d", balance, sum, 550_006-3*150_000)
	}
}

func TestManyEntriesInOneStatement_MoveEachBalanceByItsSum(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	john := b.subscriber("ACC-0043", "john", "")
	action := b.pay("first", 1, noon).ActionID
	for i := range 3 {
		b.payment(fmt.Sprintf("R%d", i), 10)
	}
	b.exec(`insert into ledger_entries (subscriber_id, kind, amount_minor, currency, payment_id, action_id)
		select case when transaction_id = 'R0' then $1::bigint else $2 end, 'payment', amount_minor, 'KES', id, $3
		from payments where transaction_id like 'R%'`, john, b.jane, action)
	got := []int64{b.facts(b.jane).Balance.Minor, b.facts(john).Balance.Minor}
	if diff := cmp.Diff([]int64{21, 10}, got); diff != "" {
		t.Errorf("balances (-want +got):\n%s", diff)
	}
}

func TestSchemaRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	saved := b.pay("SKL7XQ2B1M", 150_000, noon)
	const add = `insert into subscribers (account, name, phone, router_id, username, password_sealed, plan_id, currency)
		values ($1, 'X', $2, $3, $4, '\x00', $5, $6)`
	b.breaks("a user name twice on one router", "subscribers_router_id_username_key", add, "A1", "", b.router, "jane", b.plan, "KES")
	b.breaks("an account number twice", "subscribers_account_key", add, "ACC-0042", "", b.router, "j", b.plan, "KES")
	b.breaks("an account number that reads the same", "subscribers_account_key_key", add, "acc 0042", "", b.router, "j", b.plan, "KES")
	b.breaks("an account number without a letter or digit", "subscribers_account_key_check", add, "---", "", b.router, "j", b.plan, "KES")
	b.breaks("a phone number that is not E.164", "subscribers_phone_check", add, "A1", "0708374149", b.router, "j", b.plan, "KES")
	b.breaks("a currency that is none", "subscribers_currency_check", add, "A1", "", b.router, "j", b.plan, "kes")
	b.breaks("a router that is not there", "subscribers_router_id_fkey", add, "A1", "", b.router+1, "j", b.plan, "KES")
	other := b.id(`insert into routers (name, mode, api_address, api_plain) values ('Westlands', 'local', 'x:1', true) returning id`)
	b.exec(add, "A1", "", other, "jane", b.plan, "KES")

	const suspend = "update subscribers set suspended_at = $1, suspension_category = $2 where id = $3"
	b.breaks("a suspension without a category", "a_suspension_has_a_category", suspend, noon, nil, b.jane)
	b.breaks("a category without a suspension", "a_suspension_has_a_category", suspend, nil, "other", b.jane)
	b.breaks("a category that is none", "subscribers_suspension_category_check", suspend, noon, "because", b.jane)
	b.breaks("the 32nd", "subscribers_anchor_day_check", "update subscribers set anchor_day = 32")

	const router = `insert into routers (name, mode, api_address, api_plain, nas_address, coa_address, radius_secret_sealed)
		values ('R', $1, $2, $3, $4, $5, $6)`
	b.breaks("mode local without an API", "local_mode_needs_the_api", router, "local", "", true, nil, "", nil)
	b.breaks("the API in clear, not asked for", "the_api_needs_tls_unless_plain_is_asked_for", router, "local", "x:1", false, nil, "", nil)
	b.breaks("mode radius without a secret", "radius_mode_needs_a_secret_and_addresses", router, "radius", "", false, "192.0.2.9", "x:1", nil)
	b.breaks("mode radius without an address", "radius_mode_needs_a_secret_and_addresses", router, "radius", "", false, nil, "x:1", []byte{0})
	b.breaks("another mode", "routers_mode_check", router, "both", "x:1", true, nil, "", nil)

	const delivery = `insert into deliveries (source_id, delivery_key, digest, body, received_at, state, processed_at)
		values ($1, 'k', sha256('x'), '', $2, $3, $4)`
	b.exec(delivery, b.source, noon, "received", nil)
	b.breaks("a delivery twice", "deliveries_source_id_delivery_key_key", delivery, b.source, noon, "received", nil)
	b.breaks("processed at no time", "received_means_not_processed", delivery, b.source, noon, "processed", nil)
	b.breaks("a time, but not processed", "received_means_not_processed", delivery, b.source, noon, "received", noon)

	const action = `insert into actions (kind, subscriber_id, actor, state, refusal, accepted_at, applied_at, confirmed_at)
		values ($1, $2, 'x', $3, $4, $5, $6, $7)`
	b.breaks("a kind that is none", "actions_kind_check", action, "explode", b.jane, "accepted", "", noon, nil, nil)
	b.breaks("refused without a reason", "refused_says_why", action, "suspend", b.jane, "refused", "", noon, nil, nil)
	b.breaks("applied at no time", "applied_has_its_time", action, "suspend", b.jane, "applied", "", noon, nil, nil)
	b.breaks("confirmed at no time", "confirmed_has_its_time", action, "suspend", b.jane, "confirmed", "", noon, noon, nil)

	b.breaks("a renewal that adds", "a_renewal_takes_and_says_what_for", `insert into ledger_entries (subscriber_id, kind, amount_minor,
		currency, action_id, plan_id, periods, period_start, period_end) values ($1, 'renewal', 5, 'KES', $2, $3, 1, $4, $5)`,
		b.jane, saved.ActionID, b.plan, noon, noon.AddDate(0, 1, 0))
	b.breaks("a renewal of no time", "a_renewal_takes_and_says_what_for", `insert into ledger_entries (subscriber_id, kind, amount_minor,
		currency, action_id, plan_id, periods, period_start, period_end) values ($1, 'renewal', -5, 'KES', $2, $3, 1, $4, $4)`,
		b.jane, saved.ActionID, b.plan, noon)
	b.breaks("confirmed more than is wanted", "provisions_check", "update provisions set done_gen = want_gen + 1")
	b.breaks("an enabled line of nobody", "present_belongs_to_a_subscriber", "update provisions set subscriber_id = null")
	b.breaks("a price of nothing", "plans_price_minor_check", "update plans set price_minor = 0")
	b.breaks("a plan in use deleted", "subscribers_plan_id_fkey", "delete from plans")
}

func TestAccountKey_IsWhatTheRulesMakeOfTheNumber(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	probe := b.subscriber("PROBE", "probe", "")
	text := rapid.StringOfN(rapid.OneOf(rapid.SampledFrom([]rune("aAzZiIıİßÉ019٤ -_./#@é\t'\"\\")), rapid.Rune()), 1, 40, -1)
	rapid.Check(t, func(r *rapid.T) {
		number := text.Filter(func(s string) bool {
			return account.NormalizeReference(s) != "" && !strings.Contains(s, "\x00")
		}).Draw(r, "number")
		want := account.NormalizeReference(number)
		if want == "ACC0042" {
			return // jane's
		}
		var key string
		err := b.pool.QueryRow(t.Context(), "update subscribers set account = $1 where id = $2 returning account_key", number, probe).Scan(&key)
		if err != nil || key != want {
			r.Fatalf("%q is kept as %q, and looked for as %q: %v", number, key, want, err)
		}
		if row, err := b.q.SubscriberByKey(t.Context(), want); err != nil || row.Subscriber.ID != probe {
			r.Fatalf("%q is not found by its number: %v", number, err)
		}
	})
}

func TestPhoneHash_IsSHA256OfTheDigits(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	for i, phone := range []string{"+254712345678", "+12015550123", ""} {
		id := b.subscriber(fmt.Sprintf("P%d", i), fmt.Sprintf("p%d", i), phone)
		var hash *string
		if err := b.pool.QueryRow(t.Context(), "select phone_hash from subscribers where id = $1", id).Scan(&hash); err != nil {
			t.Fatal(err)
		}
		if phone == "" {
			if hash != nil {
				t.Errorf("no phone has the hash %q", *hash)
			}
			continue
		}
		sum := sha256.Sum256([]byte(phone[1:]))
		if want := hex.EncodeToString(sum[:]); hash == nil || *hash != want {
			t.Errorf("%s: %v, want %s", phone, hash, want)
		}
		found, err := b.q.FindAccounts(t.Context(), db.FindAccountsParams{PhoneHashes: []string{hex.EncodeToString(sum[:])}})
		if err != nil || len(found) != 1 || found[0].ID != id {
			t.Errorf("%s: found %v, %v", phone, found, err)
		}
	}
}

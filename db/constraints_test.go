package db_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
	b.breaks("a second credit of a payment", "ledger_entries_once_a_payment", credit, b.jane, "KES", "600000", saved.ActionID)
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

func TestLedgerInvoicesActivityAndAudit_AreAppendOnly(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.pay("SKL7XQ2B1M", 150_000, noon)
	b.exec("insert into audit (at, actor, kind, object, summary) values ($1, 'x', 'plan-add', 'plan Home', 'x')", noon)
	for table, column := range map[string]string{"ledger_entries": "kind", "invoices": "plan", "activity": "kind", "audit": "kind"} {
		refusal := table + " is append-only"
		b.breaks("update", refusal, fmt.Sprintf("update %s set %s = %[2]s", table, column))
		b.breaks("delete", refusal, "delete from "+table)
		b.breaks("truncate", refusal, "truncate "+table)
	}
}

func TestAppendOnlyRows_GoWithTheAccountThatIsForgottenAndNoOther(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	ctx := t.Context()
	john := b.subscriber("ACC-0043", "john", "")
	b.pay("SKL7XQ2B1M", 150_000, noon)
	b.must(john, account.Note{Text: "x"}, db.Deed{Kind: "note", Actor: "x", AcceptedAt: noon}, noon)
	b.exec("insert into audit (at, actor, kind, object, summary) values ($1, 'x', 'plan-add', 'plan Home', 'x')", noon)
	for name, c := range map[string]struct {
		forgetting int64
		sql        string
		args       []any
		refusal    string
	}{
		"its own ledger":              {b.jane, "delete from ledger_entries where subscriber_id = $1", []any{b.jane}, ""},
		"its own invoices":            {b.jane, "delete from invoices where subscriber_id = $1", []any{b.jane}, ""},
		"its own activity":            {b.jane, "delete from activity where subscriber_id = $1", []any{b.jane}, ""},
		"somebody else's ledger":      {john, "delete from ledger_entries", nil, "ledger_entries is append-only"},
		"somebody else's invoices":    {john, "delete from invoices", nil, "invoices is append-only"},
		"everybody's activity":        {john, "delete from activity", nil, "activity is append-only"},
		"the audit log":               {b.jane, "delete from audit", nil, "audit is append-only"},
		"a change of its own ledger":  {b.jane, "update ledger_entries set kind = kind", nil, "ledger_entries is append-only"},
		"emptying the whole activity": {b.jane, "truncate activity", nil, "activity is append-only"},
	} {
		undo := errors.New("undo")
		err := db.InTx(ctx, b.pool, func(tx pgx.Tx, q *db.Queries) error {
			if err := q.AllowForgetting(ctx, strconv.FormatInt(c.forgetting, 10)); err != nil {
				return err
			}
			tag, err := tx.Exec(ctx, c.sql, c.args...)
			if err == nil && tag.RowsAffected() == 0 {
				t.Errorf("%s: there was nothing to delete", name)
			}
			return cmp.Or(err, undo)
		})
		pg, refused := errors.AsType[*pgconn.PgError](err)
		if c.refusal == "" && !errors.Is(err, undo) || c.refusal != "" && (!refused || pg.Message != c.refusal) {
			t.Errorf("%s: %v, want %q", name, err, c.refusal)
		}
	}
	// The permission ends with its transaction, also on the same connection.
	conn, err := b.pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		return db.New(tx).AllowForgetting(ctx, strconv.FormatInt(b.jane, 10))
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "delete from activity where subscriber_id = $1", b.jane); err == nil {
		t.Error("activity can be deleted after the deletion has ended")
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
	if !slices.Equal(got, []int64{21, 10}) {
		t.Errorf("balances %v, want 21 and 10", got)
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
	b.breaks("a garden without a rate", "a_garden_has_a_rate", "update plans set on_expiry = 'garden'")
	b.breaks("a rate without a garden", "a_garden_has_a_rate", "update plans set garden_rate = '64k/64k'")
	b.breaks("a plan in use deleted", "subscribers_plan_id_fkey", "delete from plans")
}

func TestSchemaRefusesAScheduleAClockAndAnAddressThatCannotBe(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	john := b.subscriber("ACC-0043", "john", "")
	const next = "update subscribers set next_plan_id = $1, next_plan_at = $2 where id = $3"
	b.breaks("a scheduled package at no time", "a_next_plan_has_its_time", next, b.plan, nil, b.jane)
	b.breaks("a time at which nothing takes over", "a_next_plan_has_its_time", next, nil, noon, b.jane)
	b.breaks("a scheduled package that is not there", "subscribers_next_plan_id_fkey", next, b.plan+1, noon, b.jane)
	b.exec(next, b.plan, noon, b.jane)
	b.breaks("a clock that stands without a suspension", "only_a_suspension_stops_the_clock",
		"update subscribers set clock_stopped_at = $1 where id = $2", noon, b.jane)
	b.exec("update subscribers set clock_stopped_at = $1, suspended_at = $1, suspension_category = 'other' where id = $2", noon, b.jane)
	b.breaks("a reconnection that leaves the clock standing", "only_a_suspension_stops_the_clock",
		"update subscribers set suspended_at = null, suspension_category = null where id = $1", b.jane)
	const until = "update subscribers set suspended_until = $1 where id = $2"
	b.breaks("an end without a suspension", "a_suspension_ends_after_its_begin", until, noon, john)
	b.breaks("a suspension that ends as it begins", "a_suspension_ends_after_its_begin", until, noon, b.jane)
	b.exec(until, noon.Add(time.Second), b.jane)
	b.breaks("a reconnection that leaves the end", "a_suspension_ends_after_its_begin",
		"update subscribers set suspended_at = null, suspension_category = null, clock_stopped_at = null where id = $1", b.jane)

	const fixed = "update subscribers set fixed_address = $1 where id = $2"
	b.exec(fixed, "10.1.2.3", b.jane)
	b.breaks("an address twice on one router", "subscribers_fixed_address", fixed, "10.1.2.3", john)
	other := b.id(`insert into routers (name, mode, api_address, api_plain) values ('Westlands', 'local', 'x:1', true) returning id`)
	b.exec("update subscribers set router_id = $1 where id = $2", other, john)
	b.exec(fixed, "10.1.2.3", john)

	const name = `insert into routers (name, mode, api_address, api_plain) values ('Westlands', 'local', 'x:1', true)`
	b.breaks("two routers of one name", "routers_name_key", name)
	b.exec("update routers set archived_at = $1 where id = $2", noon, other)
	b.exec(name)
}

func TestSchemaRefusesMoneyThatCannotBe(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	action := b.pay("SKL7XQ2B1M", 150_000, noon).ActionID
	paid := b.id("select id from payments")
	const entry = `insert into ledger_entries (subscriber_id, kind, amount_minor, currency, payment_id, allocation, action_id)
		values ($1, $2, $3, 'KES', $4, $5, $6)`
	b.breaks("a payment credited twice", "ledger_entries_once_a_payment", entry, b.jane, "payment", 150_000, paid, 0, action)
	b.exec(entry, b.jane, "reversal", -150_000, paid, 0, action)
	b.breaks("a credit taken back twice", "ledger_entries_once_a_payment", entry, b.jane, "reversal", -150_000, paid, 0, action)
	b.exec(entry, b.jane, "payment", 150_000, paid, 1, action) // credited again after it was taken back
	b.breaks("and twice again", "ledger_entries_once_a_payment", entry, b.jane, "payment", 150_000, paid, 1, action)
	b.breaks("a reversal that adds", "a_reversal_takes_and_names_it", entry, b.jane, "reversal", 5, paid, 2, action)
	b.breaks("a reversal of nothing", "a_reversal_takes_and_names_it", entry, b.jane, "reversal", -5, nil, 0, action)
	b.breaks("an entry of no known kind", "ledger_entries_kind_check", entry, b.jane, "gift", 5, nil, 0, action)
	const refund = `insert into ledger_entries (subscriber_id, kind, amount_minor, currency, action_id, plan_id, periods, period_start,
		period_end) values ($1, 'refund', $2, 'KES', $3, $4, $5, $6, $7)`
	const rule = "a_refund_gives_back_what_was_bought"
	month := noon.AddDate(0, 1, 0)
	b.breaks("a refund that takes", rule, refund, b.jane, -5, action, b.plan, 1, noon, month)
	b.breaks("a refund of no plan", rule, refund, b.jane, 5, action, nil, 1, noon, month)
	b.breaks("a refund of no period", rule, refund, b.jane, 5, action, b.plan, 0, noon, month)
	b.breaks("a refund of no time", rule, refund, b.jane, 5, action, b.plan, 1, month, month)
	b.exec(refund, b.jane, 5, action, b.plan, 1, noon, month)

	const invoice = `insert into invoices (year, number, subscriber_id, action_id, plan, periods, total_minor, currency, period_start,
		period_end, issued_at) values (2026, $1, $2, $3, 'Home 10', $4, $5, 'KES', $6, $7, $6)`
	b.breaks("a number twice in a year", "invoices_year_number_key", invoice, 1, b.jane, action, 1, 150_000, noon, month)
	b.breaks("a number below one", "invoices_number_check", invoice, 0, b.jane, action, 1, 150_000, noon, month)
	b.breaks("a bill that pays", "invoices_check", invoice, 9, b.jane, action, 1, -150_000, noon, month)
	b.breaks("a credit note that costs", "invoices_check", invoice, 9, b.jane, action, -1, 150_000, noon, month)
	b.breaks("reversed, and waiting to be allocated", "unallocated_says_why",
		"update payments set subscriber_id = null, unallocated = 'x', reversed_at = $1", noon)
	b.breaks("a second salt", "money_salt_one_check", "insert into money_salt (one) values (false)")
	b.breaks("a second salt of the same kind", "money_salt_pkey", "insert into money_salt default values")
	b.breaks("a command that waits for nobody", "accepted_has_an_account",
		"insert into actions (kind, actor, state, accepted_at) values ('note', 'x', 'accepted', $1)", noon)
	b.breaks("an audit line of nobody", "audit_actor_check",
		"insert into audit (at, actor, kind, object, summary) values ($1, '', 'x', 'x', 'x')", noon)
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

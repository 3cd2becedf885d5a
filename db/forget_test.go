package db_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// accept gives a command to an account, as staff do; a worker has still to apply it.
func (b *books) accept(id int64, kind string, arguments any) int64 {
	b.t.Helper()
	text, err := json.Marshal(arguments)
	if err != nil {
		b.t.Fatal(err)
	}
	action, err := b.q.InsertAction(b.t.Context(), db.InsertActionParams{
		Kind: kind, SubscriberID: id, Actor: "amina", Source: "192.0.2.77", Arguments: text, AcceptedAt: noon,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return action
}

// apply applies an accepted action as a worker does.
func (b *books) apply(id, action int64, now time.Time) (saved db.Saved, err error) {
	ctx := b.t.Context()
	err = db.InTx(ctx, b.pool, func(tx pgx.Tx, q *db.Queries) error {
		facts, err := db.LockAccountFacts(ctx, q, id)
		if err != nil {
			return err
		}
		row, err := q.ActionByID(ctx, action)
		if err != nil {
			return err
		}
		order, err := db.ReadOrder(ctx, q, row.Kind, row.Arguments, facts, now)
		if err != nil {
			return err
		}
		change, err := account.Apply(facts, order.Command, now, time.UTC)
		if err != nil {
			return err
		}
		deed := db.Deed{
			Change: change, Kind: row.Kind, Actor: row.Actor, Source: row.Source, ActionID: row.ID, AcceptedAt: row.AcceptedAt,
			PaymentID: order.PaymentID, Allocation: order.Allocation, PasswordSealed: order.PasswordSealed, Also: order.Also,
		}
		if change.Deleted {
			saved, err = db.Forget(ctx, tx, deed, now, time.UTC)
			return err
		}
		saved, err = db.SaveChange(ctx, tx, deed, now)
		return err
	})
	return saved, err
}

// give gives a command and applies it.
func (b *books) give(id int64, kind string, arguments any) db.Saved {
	b.t.Helper()
	saved, err := b.apply(id, b.accept(id, kind, arguments), noon)
	if err != nil {
		b.t.Fatalf("%s: %v", kind, err)
	}
	return saved
}

// webhook is a delivery that tells one payment. It returns what became of it: the payment's id, 0 when it was booked before.
func (b *books) webhook(key, transaction, reference, body string) (delivery, payment int64) {
	b.t.Helper()
	ctx := b.t.Context()
	delivery = b.id(`insert into deliveries (source_id, delivery_key, digest, body, received_at)
		values ($1, $2, sha256($3), $3, $4) returning id`, b.source, key, []byte(body), noon)
	err := db.InTx(ctx, b.pool, func(tx pgx.Tx, q *db.Queries) error {
		subscriber, unallocated, err := db.MatchSubscriber(ctx, q, account.Notice{References: []string{reference}}, "KE")
		if err != nil {
			return err
		}
		rows, err := q.InsertPayments(ctx, db.InsertPaymentsParams{
			Providers: []string{"mpesa"}, Merchants: []string{"600000"}, TransactionIDs: []string{transaction}, DeliveryIDs: []int64{delivery},
			AmountsMinor: []int64{150_000}, Currencies: []string{"KES"}, OccurredAts: []time.Time{noon}, ReceivedAts: []time.Time{noon},
			PayerReferences: []string{reference}, PayerNames: []string{quinn.payer}, PayerPhones: []string{quinn.phone},
			PayerPhoneHashes: []string{""}, SubscriberIDs: []int64{subscriber}, Unallocated: []string{unallocated},
		})
		if err != nil {
			return err
		}
		done := db.FinishDeliveriesParams{IDs: []int64{delivery}, States: []string{"processed"}, Problems: []string{""}, Repeats: []string{""}, Now: noon}
		if len(rows) == 0 {
			done.Repeats[0] = transaction
		} else {
			payment = rows[0].ID
		}
		if payment == 0 || unallocated != "" {
			return q.FinishDeliveries(ctx, done)
		}
		facts, err := db.LockAccountFacts(ctx, q, subscriber)
		if err != nil {
			return err
		}
		change, err := account.Apply(facts, account.Pay{
			Amount: account.Money{Minor: 150_000, Currency: "KES"}, Receipt: transaction, Via: "M-Pesa",
		}, noon, time.UTC)
		if err != nil {
			return err
		}
		_, err = db.SaveChanges(ctx, tx, []db.Deed{{
			Change: change, Kind: "payment", Actor: "M-Pesa", AcceptedAt: noon, PaymentID: payment,
		}}, noon, func(q *db.Queries) error { return q.FinishDeliveries(ctx, done) })
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return delivery, payment
}

// quinn is a subscriber whose every detail is a text that nothing else in the database contains.
var quinn = struct {
	number, name, phone, email, address, username, oldUsername, fixed, receipt, entered, payer, reason, note, pinned string
}{
	"ZQ-9137", "Zipporah Quinn", "+254711222333", "zip@quinn.example", "Plot 88 Ngong", "zq.fibre", "zq.before", "10.9.8.7",
	"QZX81ABCDE", "SLIP-5581", "Barnaby Quinn", "moved to Malindi", "dog bites", "never before ten",
}

// traces finds the texts in every column of every table, whatever its type, as "table.column: text".
func (b *books) traces(texts []string) []string {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), `select c.table_name, c.column_name, c.data_type = 'bytea'
		from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
		where c.table_schema = 'public' and t.table_type = 'BASE TABLE'`)
	if err != nil {
		b.t.Fatal(err)
	}
	type column struct {
		Table, Name string
		Bytes       bool
	}
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		b.t.Fatal(err)
	}
	var found []string
	for _, c := range columns {
		text := pgx.Identifier{c.Name}.Sanitize() + "::text"
		if c.Bytes {
			text = "encode(" + pgx.Identifier{c.Name}.Sanitize() + ", 'escape')"
		}
		rows, err := b.pool.Query(b.t.Context(), fmt.Sprintf(`select distinct x from %s, unnest($1::text[]) x where position(lower(x) in lower(%s)) > 0`,
			pgx.Identifier{c.Table}.Sanitize(), text), texts)
		if err != nil {
			b.t.Fatal(err)
		}
		hits, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			b.t.Fatal(err)
		}
		for _, hit := range hits {
			found = append(found, c.Table+"."+c.Name+": "+hit)
		}
	}
	slices.Sort(found)
	return found
}

// session is one that accounting has told of; of nobody, nothing is kept.
func (b *books) session(id, username string, ended bool) {
	b.t.Helper()
	if _, err := b.q.SessionSeen(b.t.Context(), db.SessionSeenParams{
		RouterID: b.router, AcctSessionID: id, Username: username, CallingStation: "AA:BB", StartedAt: noon, SeenAt: noon,
	}); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		b.t.Fatal(err)
	}
	if ended {
		b.exec("update sessions set ended_at = $1 where acct_session_id = $2", noon, id)
	}
}

// looked stores that the router shows what is wanted for every name, as the last step of a worker.
func (b *books) looked() []string {
	b.t.Helper()
	ctx := b.t.Context()
	rows, err := b.q.UnconfirmedProvisions(ctx, db.UnconfirmedProvisionsParams{RouterID: b.router, Now: noon.AddDate(1, 0, 0), Most: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	var ids, gens []int64
	for _, row := range rows {
		ids, gens = append(ids, row.ID), append(gens, row.WantGen)
	}
	confirmed, err := db.ConfirmTogether(ctx, b.pool, b.router, ids, noon, func(q *db.Queries) error {
		return q.ConfirmProvisions(ctx, db.ConfirmProvisionsParams{IDs: ids, Gens: gens, Now: noon})
	})
	if err != nil || confirmed.Left != nil {
		b.t.Fatalf("the router has %+v left, %v", confirmed.Left, err)
	}
	var kinds []string
	for _, row := range confirmed.Actions {
		kinds = append(kinds, row.Kind)
	}
	return kinds
}

// quinn opens quinn's account and lets everything happen to it that leaves a trace.
func (b *books) quinn() (id int64, texts []string) {
	b.t.Helper()
	id = b.id(`insert into subscribers (account, name, phone, router_id, username, password_sealed, plan_id, currency)
		values ($1, 'X', '', $2, $3, '\x00', $4, 'KES') returning id`, quinn.number, b.router, quinn.oldUsername, b.plan)
	b.must(id, account.Open{}, db.Deed{Kind: "create", Actor: "amina", AcceptedAt: noon}, noon)
	b.looked()
	b.session("s-old", quinn.oldUsername, true)
	b.give(id, "edit", db.EditArguments{
		Name: &quinn.name, Phone: &quinn.phone, Email: &quinn.email, Address: &quinn.address, Username: &quinn.username,
		FixedAddress: &quinn.fixed, PasswordSealed: []byte("sealed-quinn"),
	})
	b.looked()
	b.session("s-ended", quinn.username, true)
	b.session("s-open", quinn.username, false)
	b.webhook("k1", quinn.receipt, quinn.number, `{"payer":"Barnaby Quinn","ref":"ZQ-9137"}`)
	b.webhook("k2", quinn.receipt, quinn.number, `{"payer":"Barnaby Quinn","ref":"ZQ-9137","again":true}`)
	entered, err := b.q.EnterPayment(b.t.Context(), db.EnterPaymentParams{
		Provider: "cash", Merchant: "office", TransactionID: quinn.entered, AmountMinor: 150_000, Currency: "KES", OccurredAt: noon,
		ReceivedAt: noon, Reference: quinn.number, Unallocated: "being applied", EnteredBy: "amina",
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.give(id, "payment", db.PaymentArguments{PaymentID: entered.ID})
	b.give(id, "reverse", db.PaymentArguments{PaymentID: entered.ID, Reason: quinn.reason})
	b.give(id, "note", db.NoteArguments{Text: quinn.note})
	b.give(id, "note", db.NoteArguments{Text: quinn.pinned, Pin: true})
	b.give(id, "change-package", db.ChangeArguments{PlanID: b.office(), AtRenewal: true})
	b.give(id, "extend", db.ExtendArguments{Days: 3, Note: quinn.reason})
	b.give(id, "undo", db.UndoArguments{ActionID: b.give(id, "note", db.NoteArguments{Text: "x", Pin: true}).ActionID})
	b.give(id, "suspend", db.SuspendArguments{Category: "other", Reason: quinn.reason, StopClock: true})
	refused := b.accept(id, "note", db.NoteArguments{Text: quinn.note})
	if err := b.q.ActionRefused(b.t.Context(), db.ActionRefusedParams{ID: refused, Refusal: quinn.number + " is suspended already"}); err != nil {
		b.t.Fatal(err)
	}
	var hash string
	if err := b.pool.QueryRow(b.t.Context(), "select phone_hash from subscribers where id = $1", id).Scan(&hash); err != nil {
		b.t.Fatal(err)
	}
	return id, []string{
		quinn.number, "ZQ9137", "Zipporah", "Quinn", quinn.phone[1:], "333222117452", hash, quinn.email, quinn.address, quinn.username,
		"zqfibre", quinn.fixed, quinn.receipt, quinn.entered, quinn.reason, quinn.note, quinn.pinned, "sealed-quinn",
	}
}

func (b *books) office() int64 {
	b.t.Helper()
	return b.id(`insert into plans (name, rate, duration_count, duration_unit, price_minor, currency, on_expiry, garden_rate)
		values ('Office 50', '50M/50M', 1, 'months', 300000, 'KES', 'garden', '64k/64k') returning id`)
}

func TestDeletion_LeavesNothingOfThePersonAnywhere(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.pay("JANES", 150_000, noon)
	id, texts := b.quinn()
	before := b.traces(texts)
	for _, text := range texts {
		if !slices.ContainsFunc(before, func(trace string) bool { return strings.HasSuffix(trace, ": "+text) }) {
			t.Errorf("%q was nowhere before the deletion either, so its absence says nothing", text)
		}
	}
	others := b.counts()
	waiting := b.accept(id, "note", db.NoteArguments{Text: quinn.note})
	deletion := b.accept(id, "delete", db.DeleteArguments{Confirm: "zq 9137"})
	saved, err := b.apply(id, deletion, noon)
	if err != nil || saved.ActionID != deletion || !slices.Equal(saved.Routers, []int64{b.router}) {
		t.Fatalf("%+v, %v", saved, err)
	}
	// The name has to leave the router, which still shows it.
	if diff := cmp.Diff([]string{"provisions.username: zq.fibre", "sessions.username: zq.fibre"}, b.traces(texts)); diff != "" {
		t.Errorf("while the router shows the name (-want +got):\n%s", diff)
	}
	if n := b.id("select count(*) from sessions where ended_at is not null"); n != 0 {
		t.Errorf("%d sessions that are over are still told", n)
	}
	if n := b.id("select count(*) from deliveries where delivery_key = 'k1'"); n != 0 {
		t.Error("the webhook that told the payment is still there")
	}
	if row, err := b.q.ActionByID(t.Context(), deletion); err != nil || string(row.Arguments) != "{}" {
		t.Errorf("the deletion keeps %s, %v", row.Arguments, err)
	}
	if row, err := b.q.ActionByID(t.Context(), waiting); err != nil || row.State != "refused" || row.Refusal != "the account was deleted" {
		t.Errorf("the command that waited is %s: %s, %v", row.State, row.Refusal, err)
	}
	if got := b.state(deletion); got != "applied" {
		t.Errorf("before the router confirms, the deletion is %s", got)
	}
	if diff := cmp.Diff([]string{"delete"}, b.looked()); diff != "" {
		t.Errorf("confirmed (-want +got):\n%s", diff)
	}
	if found := b.traces(texts); len(found) != 0 {
		t.Errorf("left for good:\n%s", strings.Join(found, "\n"))
	}
	if got := b.state(deletion); got != "confirmed" {
		t.Errorf("in the end the deletion is %s", got)
	}
	// Accounting that comes late tells of nobody.
	b.session("s-open", quinn.username, false)
	if err := b.q.SessionStopped(t.Context(), db.SessionStoppedParams{
		RouterID: b.router, AcctSessionID: "s-open", Username: quinn.username, StartedAt: noon, At: noon,
	}); err != nil {
		t.Fatal(err)
	}
	if found := b.traces(texts); len(found) != 0 {
		t.Errorf("came back:\n%s", strings.Join(found, "\n"))
	}
	var audit struct{ Actor, Source, Kind, Object, Summary string }
	err = b.pool.QueryRow(t.Context(), "select actor, source, kind, object, summary from audit").Scan(
		&audit.Actor, &audit.Source, &audit.Kind, &audit.Object, &audit.Summary)
	if err != nil || audit.Actor != "amina" || audit.Source != "192.0.2.77" || audit.Kind != "delete" || audit.Object != fmt.Sprintf("subscriber %d", id) {
		t.Errorf("audit line %+v, %v", audit, err)
	}
	if got := b.counts()["jane"]; got != others["jane"] {
		t.Errorf("jane was %s and is %s", others["jane"], got)
	}
	if lines, err := b.q.ActivityPage(t.Context(), db.ActivityPageParams{SubscriberID: b.jane, Before: math.MaxInt64, Kinds: []string{}, Most: 10}); err != nil || len(lines) != 1 {
		t.Errorf("jane's activity: %+v, %v", lines, err)
	}
}

func TestDeletedAccountsWebhookToldAgain_CreditsNobodyAndKeepsNoBody(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id, _ := b.quinn()
	b.give(id, "delete", db.DeleteArguments{Confirm: quinn.number})
	b.looked()
	delivery, payment := b.webhook("k3", quinn.receipt, quinn.number, `{"payer":"Barnaby Quinn","ref":"ZQ-9137"}`)
	if payment != 0 {
		t.Errorf("booked again as payment %d", payment)
	}
	if found := b.traces([]string{"Quinn", quinn.receipt, "ZQ-9137"}); len(found) != 0 {
		t.Errorf("the repeated webhook left\n%s", strings.Join(found, "\n"))
	}
	if state := b.id("select count(*) from deliveries where id = $1 and state = 'processed'", delivery); state != 1 {
		t.Error("the repeated webhook still waits")
	}
	// Nor by another door.
	_, err := b.q.EnterPayment(t.Context(), db.EnterPaymentParams{
		Provider: "mpesa", Merchant: "600000", TransactionID: quinn.receipt, AmountMinor: 150_000, Currency: "KES", OccurredAt: noon,
		ReceivedAt: noon, Reference: quinn.number, Unallocated: "x", EnteredBy: "amina",
	})
	if err == nil {
		t.Error("entered by hand, it counts again")
	}
	if n := b.id("select count(*) from spent_money_keys"); n != 2 {
		t.Errorf("%d money keys are spent, want those of two payments", n)
	}
	if n := b.id(`select count(*) from spent_money_keys
		where hash in (sha256(convert_to(concat_ws(chr(10), 'mpesa', '600000', $1::text), 'UTF8')), sha256($1::text::bytea))`, quinn.receipt); n != 0 {
		t.Error("a money key can be recomputed by anyone who has a receipt")
	}
	// New money for the account is somebody's who has to be asked.
	_, fresh := b.webhook("k4", "NEWMONEY01", quinn.number, "{}")
	row, err := b.q.LockPayment(t.Context(), fresh)
	if err != nil || row.Payment.SubscriberID != nil || row.Payment.Unallocated != db.NoSuchAccount || row.Spent {
		t.Errorf("a new payment for the deleted account is %+v, %v", row, err)
	}
}

func TestMonthlyTotals_KeepTheSumsOfDeletedAccountsByTheMonthsOfTheZone(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	ctx := t.Context()
	nairobi, err := time.LoadLocation("Africa/Nairobi")
	if err != nil {
		t.Fatal(err)
	}
	john := b.subscriber("ACC-0043", "john", "")
	paid := func(id int64, receipt string, minor int64, at string) int64 {
		t.Helper()
		return b.id(`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, subscriber_id)
			values ('mpesa', '600000', $1, $2, 'KES', $3::timestamptz, $3::timestamptz, $4) returning id`, receipt, minor, at, id)
	}
	paid(b.jane, "A", 1, "2026-03-31T20:59:59Z")  // March there too
	paid(b.jane, "B", 10, "2026-03-31T21:00:00Z") // April there
	paid(john, "C", 100, "2026-04-30T20:00:00Z")
	b.exec("update payments set reversed_at = now(), reversal_reason = 'x' where id = $1", paid(john, "D", 1000, "2026-04-02T00:00:00Z"))
	for _, id := range []int64{b.jane, john} {
		facts := b.facts(id)
		deed := db.Deed{Kind: "delete", Actor: "amina", ActionID: b.accept(id, "delete", db.DeleteArguments{}), Change: account.Change{
			Account: facts, Deleted: true, Left: []account.Place{{RouterID: b.router, Username: facts.Username}},
		}}
		err := db.InTx(ctx, b.pool, func(tx pgx.Tx, _ *db.Queries) error {
			_, err := db.Forget(ctx, tx, deed, noon, nairobi)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, err := b.pool.Query(ctx, "select month::text || ' ' || provider || ' ' || currency || ' ' || payments || ' ' || amount_minor from monthly_totals order by 1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if diff := cmp.Diff([]string{"2026-03-01 mpesa KES 1 1", "2026-04-01 mpesa KES 2 110"}, got); err != nil || diff != "" {
		t.Errorf("totals (-want +got), %v:\n%s", err, diff)
	}
	if n := b.id("select count(*) from payments"); n != 0 {
		t.Errorf("%d payments are left beside their totals", n)
	}
}

func TestLedgerThatOnceHadThePayment_SurvivesTheDeletionOfWhoeverHasItNow(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	ctx := t.Context()
	id, _ := b.quinn()
	_, payment := b.webhook("k9", "SWAPPED001", "ACC-0042", `{"payer":"Barnaby Quinn"}`)
	b.give(b.jane, "unallocate", db.PaymentArguments{PaymentID: payment, Reason: "not hers"})
	b.give(id, "payment", db.PaymentArguments{PaymentID: payment})
	ledger := func() (lines []string) {
		t.Helper()
		rows, err := b.pool.Query(ctx, "select kind || ' ' || amount_minor || ' ' || coalesce(payment_id, 0) from ledger_entries where subscriber_id = $1 order by id", b.jane)
		if err != nil {
			t.Fatal(err)
		}
		if lines, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	before := ledger()
	if len(before) != 4 {
		t.Fatalf("jane's ledger: %v", before)
	}
	b.give(id, "delete", db.DeleteArguments{Confirm: quinn.number})
	b.looked()
	if diff := cmp.Diff(before, ledger()); diff != "" {
		t.Errorf("jane's ledger (-before +after):\n%s", diff)
	}
	if found := b.traces([]string{"Quinn", "ZQ-9137", quinn.phone}); len(found) != 0 {
		t.Errorf("left in her history:\n%s", strings.Join(found, "\n"))
	}
	if _, again := b.webhook("k10", "SWAPPED001", "ACC-0042", `{"payer":"Barnaby Quinn"}`); again != 0 {
		t.Errorf("told again, it is payment %d", again)
	}
	if found := b.traces([]string{"Quinn"}); len(found) != 0 {
		t.Errorf("told again, it brought back:\n%s", strings.Join(found, "\n"))
	}
	_, err := b.apply(b.jane, b.accept(b.jane, "payment", db.PaymentArguments{PaymentID: payment}), noon)
	if refusal := refusalOf(t, err); !strings.Contains(refusal, "was reversed") {
		t.Errorf("credited to jane again: %q", refusal)
	}
	if n := b.id("select count(*)::bigint + coalesce(sum(amount_minor), 0)::bigint from monthly_totals"); n != 1+2*150_000 {
		t.Errorf("the totals say %d", n)
	}
}

func TestCommandsThatWaitForADeletedAccount_AreRefusedAndTheirMoneyStays(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	ctx := t.Context()
	id, _ := b.quinn()
	deletion := b.accept(id, "delete", db.DeleteArguments{Confirm: quinn.number})
	paying := b.payment("LATE", 150_000)
	b.exec("update payments set subscriber_id = null, unallocated = 'x' where id = $1", paying)
	late := b.accept(id, "payment", db.PaymentArguments{PaymentID: paying})
	if _, err := b.apply(id, deletion, noon); err != nil {
		t.Fatal(err)
	}
	if row, err := b.q.ActionByID(ctx, late); err != nil || row.State != "refused" || row.SubscriberID != nil || string(row.Arguments) != "{}" {
		t.Errorf("the payment that waited is %+v, %v", row, err)
	}
	if n := b.id("select count(*) from payments where id = $1 and unallocated = 'x'", paying); n != 1 {
		t.Error("its money is gone")
	}
	if _, err := b.apply(id, late, noon); err == nil {
		t.Error("a command was applied to a deleted account")
	}
	if rows, err := b.q.AcceptedActions(ctx, id); err != nil || len(rows) != 0 {
		t.Errorf("commands wait for nobody: %+v, %v", rows, err)
	}
}

// refusalOf is the reason of a refusal, and fails the test where err is none.
func refusalOf(t *testing.T, err error) string {
	t.Helper()
	refused, ok := errors.AsType[*account.Refused](err)
	if !ok {
		t.Fatalf("got %v, want a refusal", err)
	}
	return refused.Reason
}

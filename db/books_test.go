package db_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/account"
	"qserve/db"
	"qserve/internal/stack/stacktest"
)

var noon = time.Date(2026, time.March, 10, 9, 0, 0, 0, time.UTC)

// books is a database of its own with one plan, one router, one payment source and one subscriber who has paid nothing.
type books struct {
	t    testing.TB
	url  string
	pool *pgxpool.Pool
	q    *db.Queries

	plan, router, source, jane int64
}

func openBooks(t testing.TB) *books {
	t.Helper()
	b := &books{t: t, url: stacktest.Database(t, migrate)}
	var err error
	if b.pool, err = db.Open(t.Context(), b.url, 8); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.pool.Close)
	b.q = db.New(b.pool)
	b.plan = b.id(`insert into plans (name, rate, duration_count, duration_unit, price_minor, currency)
		values ('Home 10', '5M/10M', 1, 'months', 150000, 'KES') returning id`)
	b.router = b.id(`insert into routers (name, mode, api_address, api_plain)
		values ('Kilimani', 'local', '192.0.2.1:8728', true) returning id`)
	b.source = b.id(`insert into payment_sources (name, kind, token_hash, token_sealed, merchant, currency)
		values ('M-Pesa', 'mpesa', sha256('token'), '\x00', '600000', 'KES') returning id`)
	b.jane = b.subscriber("ACC-0042", "jane", "+254708374149")
	return b
}

func (b *books) id(sql string, args ...any) int64 {
	b.t.Helper()
	var id int64
	if err := b.pool.QueryRow(b.t.Context(), sql, args...).Scan(&id); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	return id
}

func (b *books) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

func (b *books) subscriber(number, username, phone string) int64 {
	b.t.Helper()
	return b.id(`insert into subscribers (account, name, phone, router_id, username, password_sealed, plan_id, currency)
		values ($1, 'Jane', $2, $3, $4, '\x00', $5, 'KES') returning id`, number, phone, b.router, username, b.plan)
}

// payment inserts money that belongs to jane and returns its id.
func (b *books) payment(transaction string, minor int64) int64 {
	b.t.Helper()
	return b.id(`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at,
		subscriber_id) values ('mpesa', '600000', $1, $2, 'KES', $3, $3, $4) returning id`, transaction, minor, noon, b.jane)
}

func (b *books) facts(id int64) (facts account.Account) {
	b.t.Helper()
	err := db.InTx(b.t.Context(), b.pool, func(_ pgx.Tx, q *db.Queries) (err error) {
		facts, err = db.LockAccountFacts(b.t.Context(), q, id)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return facts
}

// do applies a command to a subscriber as a worker does and returns what SaveChange said.
func (b *books) do(id int64, cmd account.Command, deed db.Deed, now time.Time, then ...func(*db.Queries) error) (db.Saved, error) {
	b.t.Helper()
	ctx := b.t.Context()
	var saved db.Saved
	err := db.InTx(ctx, b.pool, func(tx pgx.Tx, q *db.Queries) error {
		locked, err := db.LockAccountFacts(ctx, q, id)
		if err != nil {
			return err
		}
		change, err := account.Apply(locked, cmd, now, time.UTC)
		if err != nil {
			return err
		}
		deed.Change = change
		mark := func(*db.Queries) error { return nil }
		if len(then) > 0 {
			mark = then[0]
		}
		all, err := db.SaveChanges(ctx, tx, []db.Deed{deed}, now, mark)
		if err == nil {
			saved = all[0]
		}
		return err
	})
	return saved, err
}

func (b *books) must(id int64, cmd account.Command, deed db.Deed, now time.Time, then ...func(*db.Queries) error) db.Saved {
	b.t.Helper()
	saved, err := b.do(id, cmd, deed, now, then...)
	if err != nil {
		b.t.Fatal(err)
	}
	return saved
}

// pay books a payment of jane's and applies it.
func (b *books) pay(transaction string, minor int64, now time.Time) db.Saved {
	b.t.Helper()
	payment := b.payment(transaction, minor)
	deed := db.Deed{Kind: "payment", Actor: "M-Pesa", AcceptedAt: now, PaymentID: payment}
	return b.must(b.jane, account.Pay{Amount: account.Money{Minor: minor, Currency: "KES"}, Receipt: transaction}, deed, now)
}

func (b *books) provision(username string) db.ProvisionsOfRow {
	b.t.Helper()
	rows, err := b.q.ProvisionsOf(b.t.Context(), db.ProvisionsOfParams{RouterIDs: []int64{b.router}, Usernames: []string{username}})
	if err != nil || len(rows) != 1 {
		b.t.Fatalf("provisions %+v, %v", rows, err)
	}
	return rows[0]
}

// confirm marks what the router shows, as a worker does, and returns the actions that this confirmed.
func (b *books) confirm(provision, gen int64) []int64 {
	b.t.Helper()
	ids, err := confirm(b.t.Context(), b.pool, provision, gen)
	if err != nil {
		b.t.Fatal(err)
	}
	return ids
}

func confirm(ctx context.Context, pool *pgxpool.Pool, provision, gen int64) (ids []int64, err error) {
	err = db.InTx(ctx, pool, func(_ pgx.Tx, q *db.Queries) error {
		one := []int64{provision}
		if err := q.ConfirmProvisions(ctx, db.ConfirmProvisionsParams{IDs: one, Gens: []int64{gen}, Now: noon}); err != nil {
			return err
		}
		rows, err := q.ConfirmActions(ctx, db.ConfirmActionsParams{ProvisionIDs: one, Now: noon})
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
		return err
	})
	return ids, err
}

func (b *books) state(action int64) string {
	b.t.Helper()
	row, err := b.q.ActionByID(b.t.Context(), action)
	if err != nil {
		b.t.Fatal(err)
	}
	return row.State
}

// counts is how many rows each table that a change writes to has, and jane's row.
func (b *books) counts() map[string]string {
	b.t.Helper()
	all := map[string]string{}
	for _, table := range []string{"actions", "action_provisions", "ledger_entries", "activity", "provisions", "payments"} {
		all[table] = strconv.FormatInt(b.id("select count(*) from "+table), 10)
	}
	var row string
	if err := b.pool.QueryRow(b.t.Context(), "select s::text from subscribers s where id = $1", b.jane).Scan(&row); err != nil {
		b.t.Fatal(err)
	}
	all["jane"] = row
	return all
}

// breaks runs a statement that the schema must refuse, and says so unless it did with the constraint's name or the text.
func (b *books) breaks(why, refusal, sql string, args ...any) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), sql, args...)
	var pg *pgconn.PgError
	switch {
	case err == nil:
		b.t.Errorf("%s: nothing refused it", why)
	case !errors.As(err, &pg) || (pg.ConstraintName != refusal && pg.Message != refusal):
		b.t.Errorf("%s: refused by %v, want %q", why, err, refusal)
	}
}
